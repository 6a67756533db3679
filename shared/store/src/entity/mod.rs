//! Rows of the small tables, as sea-orm entities.
