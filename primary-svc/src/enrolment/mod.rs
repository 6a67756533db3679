//! Letting sites in and shutting them out: issuing certificates, the primary's own one, revocations. Join tokens are a
//! command (`command::join_token`), the port's handler is `service::enrolment`.

pub mod issuing;
pub mod own_certificate;
pub mod port;
pub mod revoked_file;
pub mod shut_out;

pub use issuing::Issuing;
pub use shut_out::ShutOut;
