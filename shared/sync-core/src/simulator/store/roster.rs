//! A site that was taken off the network: its Sync ID starts clean when it is used again.

use supplysync_model::SyncId;

use super::{ModelStore, Moment};

impl ModelStore {
    /// Forgets a site's database, how far it was in each channel, and its lease (primary). What it wrote, and its
    /// quarantine, stay.
    pub fn forget_peer(&mut self, moment: Moment, site: SyncId) {
        self.cursors.retain(|(peer, _, _), _| *peer != site);
        self.peers.remove(&site);
        self.leases.remove(&site);
        // What it held when it handed stores over says nothing of whoever uses its Sync ID next.
        self.handed.retain(|_, (from, _)| *from != site);
        self.commit(&[], moment);
    }
}
