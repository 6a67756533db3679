//! The two halves of an open stream, whatever carries it: a gRPC call of either end, or a pipe in tests.

use futures::stream::BoxStream;
use supplysync_model::Fault;
use tokio::sync::mpsc;

/// Frames on their way to the transport. Few: what waits is held by the session, which its window bounds.
pub const SEND_BUFFER: usize = 2;

/// An open stream: frames that come, and where frames go. Dropping `outgoing` ends our half of it.
pub struct Link<In, Out> {
    /// Frames of the other end; a fault when the connection fails, the end when the other end is done.
    pub incoming: BoxStream<'static, Result<In, Fault>>,
    /// Frames to the other end; boxed, because a channel has room for many even when it is empty.
    pub outgoing: mpsc::Sender<Box<Out>>,
}
