//! gRPC handlers that only a primary has. Those of every site are in `node`.

pub mod enrolment;
mod moves;
pub mod site;
mod site_view;
pub mod sync;
