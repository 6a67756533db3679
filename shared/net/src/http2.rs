//! HTTP/2 as both ends speak it: windows, frames, keepalive, and the limits of what is decoded.

use std::time::Duration;

use tonic::transport::{Endpoint, Server};

/// Flow-control windows, of a stream and of a connection: what a fast link with a long way needs.
pub const WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// The largest HTTP/2 frame.
pub const MAX_HTTP2_FRAME_BYTES: u32 = 256 * 1024;
/// The largest gRPC message that is decoded.
pub const MAX_MESSAGE_BYTES: usize = supplysync_model::limits::MAX_FRAME_BYTES;
/// The largest header list; metadata here is short.
pub const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;
/// Calls at one time on one connection.
pub const MAX_STREAMS: u32 = 128;
/// A ping after this much silence finds links that died without a word.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long an answer to a ping may take; satellite links need some seconds.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// A tonic server with these settings; add layers and services to it.
pub fn server() -> Server {
    Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(MAX_HTTP2_FRAME_BYTES)
        .http2_max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
}

/// The same for a client's endpoint.
pub fn endpoint(endpoint: Endpoint) -> Endpoint {
    endpoint
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_frame_size(MAX_HTTP2_FRAME_BYTES)
        .http2_max_header_list_size(MAX_HEADER_LIST_BYTES)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
}
