//! Both ends of a session in one process, a database each.
