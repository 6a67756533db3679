//! The enrolment port: server-side TLS, nothing served but `EnrolmentService`, connections that do not stay.

use std::time::Duration;

use supplysync_api::fault;
use supplysync_api::v1::enrolment_service_server::EnrolmentServiceServer;
use supplysync_model::Fault;
use supplysync_net::{AccessLayer, Server, Visitor, http2};
use supplysync_node::access;
use tokio_util::sync::CancellationToken;

use crate::service::enrolment::Enrolments;

/// Calls at one time on one connection, and how long each may take.
const CALLS: usize = 4;
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Nobody has a reason to stay.
const CONNECTION_AGE: Duration = Duration::from_secs(120);
/// The largest request.
const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// How long what is under way may take once the program stops.
const DRAIN: Duration = Duration::from_secs(3);

/// Serves until the program stops.
pub async fn serve(
    server: Server<Visitor>,
    handler: Enrolments,
    stop: CancellationToken,
) -> Result<(), Fault> {
    let layer = AccessLayer::new(access::table(), |fault| fault::to_status(&fault).into_http());
    let service = EnrolmentServiceServer::new(handler).max_decoding_message_size(MAX_REQUEST_BYTES);
    let serving = http2::server()
        .concurrency_limit_per_connection(CALLS)
        .timeout(CALL_LIMIT)
        .max_connection_age(CONNECTION_AGE)
        .layer(layer)
        .add_service(service)
        .serve_with_incoming_shutdown(server.incoming(), stop.clone().cancelled_owned());
    let out_of_time = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = serving => served.map_err(Fault::internal),
        () = out_of_time => Ok(()),
    }
}
