//! The generated messages, clients and servers of `supplysync.v1`.

#![allow(clippy::all, missing_docs, unused_qualifications)]

tonic::include_proto!("supplysync.v1");

macro_rules! secret {
    ($($name:ident)*) => {$(
        /// Shows that there is one, never what it is.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }
    )*};
}

secret!(UnlockRequest UnlockResponse LockRequest EnrolRequest FirstSettings JoinToken);
