//! Both ends of a session in one process: two drivers, a real database each, frames through a pipe.

mod ends;
mod exchange;
mod pair;
