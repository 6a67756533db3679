//! What a server suffers from: all that the later kinds of faults keep about it.

use std::collections::VecDeque;

use super::event::{ConnectionId, End};
use crate::simulator::frame::Frame;

/// What came on a link and was not read yet.
#[derive(Debug)]
pub enum Unread {
    /// A frame.
    Frame(ConnectionId, End, Box<Frame>),
    /// The stream has ended.
    Ended(ConnectionId, End),
}

/// The troubles of one server.
#[derive(Debug)]
pub struct Trouble {
    /// Its disk is full: nearly every write is refused.
    pub disk_full: bool,
    /// Until when it takes long to apply.
    pub slow_until: i64,
    /// When the last of its slow operations begins.
    pub toils_until: i64,
    /// Until when it reads nothing.
    pub deaf_until: i64,
    /// What waits to be read, in the order it came.
    pub unread: VecDeque<Unread>,
    /// By how much its clock is wrong, in milliseconds.
    pub clock: i64,
    /// The lowest and the highest protocol version that its program speaks.
    pub protocol: (u32, u32),
    /// The highest schema that its program knows.
    pub reads: u32,
    /// What it writes next arrives so that nobody can read it.
    pub poison_next: bool,
    /// Its site was taken off the network.
    pub removed: bool,
}

impl Default for Trouble {
    fn default() -> Trouble {
        Trouble {
            disk_full: false,
            slow_until: 0,
            toils_until: 0,
            deaf_until: 0,
            unread: VecDeque::new(),
            clock: 0,
            protocol: (1, 1),
            reads: 2,
            poison_next: false,
            removed: false,
        }
    }
}
