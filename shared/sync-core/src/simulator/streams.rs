//! Random bits by place: each operation, process and end of a connection has a stream of its own, so that what is left out
//! of a history leaves the rest as it was.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::world::event::{ConnectionId, End, ProcessId};

/// What decides by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// An operation, by its number.
    Operation(u32),
    /// A process.
    Process(ProcessId),
    /// An end of the connection that a process dialled as its so manieth.
    Session(ProcessId, u32, End),
    /// A connection that is not known (any more).
    Nowhere(ConnectionId),
}

impl Place {
    /// The stream's number; zero is the seed's own.
    fn number(self) -> u64 {
        match self {
            Place::Operation(number) => 1 << 60 | u64::from(number),
            Place::Process(process) => 2 << 60 | process as u64,
            Place::Session(process, dial, end) => {
                let end = u64::from(end == End::Primary);
                3 << 60 | (process as u64) << 40 | u64::from(dial) << 1 | end
            }
            Place::Nowhere(connection) => 4 << 60 | connection,
        }
    }
}

/// The streams of a seed that were used so far.
#[derive(Debug)]
pub struct RandomStreams {
    seed: u64,
    streams: BTreeMap<Place, ChaCha8Rng>,
}

impl RandomStreams {
    /// Those of a seed.
    pub fn new(seed: u64) -> RandomStreams {
        RandomStreams {
            seed,
            streams: BTreeMap::new(),
        }
    }

    /// Lends a place's stream.
    pub fn take(&mut self, place: Place) -> ChaCha8Rng {
        self.streams.remove(&place).unwrap_or_else(|| {
            let mut stream = ChaCha8Rng::seed_from_u64(self.seed);
            stream.set_stream(place.number());
            stream
        })
    }

    /// Takes it back.
    pub fn put(&mut self, place: Place, stream: ChaCha8Rng) {
        self.streams.insert(place, stream);
    }
}
