//! The generated messages of `supplysync.record.v1`. They never leave this crate.

#![allow(clippy::all, missing_docs, unused_qualifications)]

include!(concat!(env!("OUT_DIR"), "/supplysync.record.v1.rs"));
