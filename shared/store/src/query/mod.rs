//! Queries on the typed tables, offered alike by read and write transactions (`impl Queries`).
