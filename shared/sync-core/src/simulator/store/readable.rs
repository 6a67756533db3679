//! What this site's program can read: records of a later schema are kept and passed on, and not edited.

use supplysync_model::{Channel, StoreId};

use super::ModelStore;

impl ModelStore {
    /// The program knows schemas up to this one.
    pub fn read_up_to(&mut self, schema: u32) {
        self.reads = schema;
    }

    /// Up to which.
    pub fn reads(&self) -> u32 {
        self.reads
    }

    /// How many live records of a store the program can't read.
    pub fn parked_of_store(&self, store: StoreId) -> usize {
        let channels = Channel::of_store(store).into_iter();
        let live = channels.flat_map(|channel| self.feed(channel, 0));
        live.filter(|held| !held.record.deleted && held.record.schema > self.reads)
            .count()
    }
}
