//! Versions of the protocol: a program that speaks another one exchanges nothing until it is replaced.

use rand::Rng;

use super::event::{At, ConnectionId, End};
use super::{Observation, World, note};
use crate::PrimaryMessage;
use crate::simulator::counts::Deed;
use crate::simulator::frame::Frame;

/// What a program may speak: an older protocol, the present one, a newer one, or several.
const SPOKEN: [(u32, u32); 5] = [(0, 0), (1, 1), (0, 1), (1, 2), (2, 2)];

/// The version of the machines of this program.
const OURS: u32 = supplysync_model::limits::PROTOCOL_VERSION;

impl World {
    /// A program is stopped, and another one started in its place.
    pub(super) fn replace_a_program(&mut self) {
        let everywhere: Vec<_> = (0..self.processes.len()).collect();
        let spoken = SPOKEN[self.rng.random_range(0..SPOKEN.len())];
        let Some(process) = self.pick(&everywhere) else {
            return;
        };
        self.crash(process);
        note!(self, "process {process} speaks protocols {spoken:?} from now on");
        self.count(Deed::ProgramReplaced);
        self.processes[process].trouble.protocol = spoken;
    }

    /// Whether the ends of a new connection have a protocol in common.
    pub(super) fn understand_each_other(&self, satellite: usize) -> bool {
        let speaks = |process: usize| {
            let (least, most) = self.processes[process].trouble.protocol;
            (least..=most).contains(&OURS)
        };
        speaks(0) && speaks(satellite)
    }

    /// A primary of another version says so in its Welcome.
    pub(super) fn in_other_words(&mut self, frame: &mut Frame) {
        let (least, most) = self.processes[0].trouble.protocol;
        if let Frame::ToSatellite(PrimaryMessage::Welcome(welcome)) = frame
            && !(least..=most).contains(&OURS)
        {
            welcome.protocol = most;
        }
    }

    /// A session says that it is ready.
    pub(super) fn ready(&mut self, at: At) {
        if self
            .connections
            .get(&at.connection)
            .is_some_and(|link| !link.understood)
        {
            self.seen.push(Observation::Misunderstood(at));
        }
    }

    /// A session was refused because of the protocol.
    pub(super) fn not_understood(&mut self, connection: ConnectionId, end: End) {
        if self
            .connections
            .get(&connection)
            .is_some_and(|link| !link.understood)
            && end == End::Satellite
        {
            self.count(Deed::ProtocolRefused);
        }
    }
}
