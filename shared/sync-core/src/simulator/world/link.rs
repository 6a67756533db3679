//! The links: frames in order, twice, late or never; what an end hears of it.

use supplysync_model::SyncId;

use super::event::{At, ConnectionId, End, Event};
use super::trouble::Unread;
use super::{Observation, World, note};
use crate::simulator::counts::Deed;
use crate::simulator::frame::Frame;
use crate::{Input, PrimaryMessage, SatelliteMessage};

impl World {
    pub(super) fn send(&mut self, at: At, mut frame: Frame) {
        let rate = self.profile.crash_at_send;
        if self.chance(rate) {
            self.count(Deed::CrashBeforeSend);
            return self.crash(at.process);
        }
        self.spoil(at.process, &mut frame);
        self.in_other_words(&mut frame);
        note!(self, "{:?} of {} sends {frame}", at.end, at.connection);
        self.count_batch(at, &frame);
        let acks = match &frame {
            Frame::ToPrimary(SatelliteMessage::Ack(ack)) => Some((SyncId::PRIMARY, ack.clone())),
            Frame::ToSatellite(PrimaryMessage::Ack(ack)) => self
                .connections
                .get(&at.connection)
                .map(|link| (self.processes[link.satellite].site, ack.clone())),
            _ => None,
        };
        let is_ack = acks.is_some();
        if let Some((peer, ack)) = acks {
            self.seen.push(Observation::AckSent(at.process, peer, ack));
        }
        if matches!(frame, Frame::ToSatellite(PrimaryMessage::Ready)) {
            self.admitted(at);
        }
        let rate = self.profile.duplicate;
        if self.chance(rate) {
            self.count(Deed::FrameDuplicated);
            self.put_on_link(at, frame.clone());
        }
        self.put_on_link(at, frame);
        let rate = self.profile.lose_ack;
        if is_ack && self.chance(rate) {
            self.count(Deed::AckLost);
            self.cut(at.connection, true, true);
        }
        let rate = self.profile.crash_at_send;
        if self.chance(rate) {
            self.count(Deed::CrashAfterSend);
            self.crash(at.process);
        }
    }

    fn admitted(&mut self, at: At) {
        if let Some(link) = self.connections.get(&at.connection) {
            let site = self.processes[link.satellite].site;
            if self.processes[0].store.lease_holder(site) != Some(at.connection) {
                // Another has the lease since it looked: nothing that comes of this one is stored.
                return;
            }
            self.seen.push(Observation::Admitted(site, link.life));
        }
    }

    fn put_on_link(&mut self, at: At, frame: Frame) {
        let to = at.end.other();
        let when = self.arrival(at.connection, to);
        self.queue.push(when, Event::Deliver(at.connection, to, frame));
    }

    /// When the next thing sent to that end arrives: in the order of sending.
    fn arrival(&mut self, connection: ConnectionId, to: End) -> i64 {
        let when = self.now + self.delay();
        let Some(link) = self.connections.get_mut(&connection) else {
            return when;
        };
        let lane = match to {
            End::Primary => &mut link.to_primary,
            End::Satellite => &mut link.to_satellite,
        };
        *lane = when.max(*lane);
        *lane
    }

    pub(super) fn deliver(&mut self, connection: ConnectionId, end: End, frame: Frame) {
        let whole = self.connections.get(&connection).is_some_and(|link| !link.dead);
        let unread = Unread::Frame(connection, end, Box::new(frame));
        if whole
            && let Some(Unread::Frame(connection, end, frame)) = self.keep_unread(connection, end, unread)
        {
            self.take_frame(connection, end, *frame);
        }
    }

    /// A frame is read.
    pub(super) fn take_frame(&mut self, connection: ConnectionId, end: End, frame: Frame) {
        let number = match &frame {
            Frame::ToPrimary(SatelliteMessage::Ack(ack)) | Frame::ToSatellite(PrimaryMessage::Ack(ack)) => {
                ack.number
            }
            _ => 0,
        };
        if let Some(link) = self.connections.get_mut(&connection) {
            let acked = &mut link.acked[end as usize];
            *acked = number.max(*acked);
        }
        self.drive(connection, end, Input::Received(frame));
    }

    pub(super) fn ended(&mut self, connection: ConnectionId, end: End) {
        if let Some(Unread::Ended(connection, end)) =
            self.keep_unread(connection, end, Unread::Ended(connection, end))
        {
            self.take_end(connection, end);
        }
    }

    /// An end hears that the stream has ended.
    pub(super) fn take_end(&mut self, connection: ConnectionId, end: End) {
        self.drive(connection, end, Input::LinkLost);
    }

    /// Counts the batches of this end without an ack.
    fn count_batch(&mut self, at: At, frame: &Frame) {
        let (Frame::ToPrimary(SatelliteMessage::Batch(batch))
        | Frame::ToSatellite(PrimaryMessage::Batch(batch))) = frame
        else {
            return;
        };
        if let Some(link) = self.connections.get_mut(&at.connection) {
            let end = at.end as usize;
            link.sent[end] = batch.number.max(link.sent[end]);
            let unacknowledged = link.sent[end].saturating_sub(link.acked[end]);
            let unacknowledged = usize::try_from(unacknowledged).unwrap_or(usize::MAX);
            self.seen.push(Observation::BatchSent(at, unacknowledged));
        }
    }

    /// The other end hears of an end of the stream after everything sent before it.
    pub(super) fn hang_up(&mut self, connection: ConnectionId, from: End) {
        let to = from.other();
        if self.connections.get(&connection).is_some_and(|link| !link.dead) {
            let when = self.arrival(connection, to);
            self.queue.push(when, Event::Ended(connection, to));
        }
    }

    /// Nothing gets through any more, what is under way included; an end hears of it, or only silence.
    pub(super) fn cut(&mut self, connection: ConnectionId, primary: bool, satellite: bool) {
        note!(
            self,
            "link {connection} is cut; told: primary {primary}, satellite {satellite}"
        );
        if let Some(link) = self.connections.get_mut(&connection) {
            link.dead = true;
        }
        for (end, told) in [(End::Primary, primary), (End::Satellite, satellite)] {
            if told {
                let delay = self.delay();
                self.queue.push(self.now + delay, Event::Ended(connection, end));
            }
        }
    }
}
