//! The messages that both roles say, so that the exchange of batches is written once.

use crate::{Ack, Batch, PrimaryMessage, SatelliteMessage};

/// A message type that can carry what both roles say.
pub(crate) trait Say: Sized {
    fn batch(batch: Batch) -> Self;
    fn ack(ack: Ack) -> Self;
    fn heartbeat() -> Self;
    fn bye() -> Self;
}

impl Say for PrimaryMessage {
    fn batch(batch: Batch) -> Self {
        PrimaryMessage::Batch(batch)
    }
    fn ack(ack: Ack) -> Self {
        PrimaryMessage::Ack(ack)
    }
    fn heartbeat() -> Self {
        PrimaryMessage::Heartbeat
    }
    fn bye() -> Self {
        PrimaryMessage::Bye
    }
}

impl Say for SatelliteMessage {
    fn batch(batch: Batch) -> Self {
        SatelliteMessage::Batch(batch)
    }
    fn ack(ack: Ack) -> Self {
        SatelliteMessage::Ack(ack)
    }
    fn heartbeat() -> Self {
        SatelliteMessage::Heartbeat
    }
    fn bye() -> Self {
        SatelliteMessage::Bye
    }
}
