//! What the store knows of its peers: opening a session, leases, acknowledgements, channels to serve and to push.

use supplysync_model::{Channel, Checkpoint, Fault, Incarnation, SyncId};
use supplysync_sync_core::{Ack, Cursor, Hello, PeerState, Served};

use crate::Store;

/// What a satellite's Hello says of its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloState {
    /// Its Sync ID.
    pub sync_id: SyncId,
    /// Its name.
    pub site_name: String,
    /// Codes of the stores active here, sorted.
    pub store_codes: Vec<String>,
    /// The life of this database, once assigned.
    pub incarnation: Option<Incarnation>,
    /// The head of its own feed; `None` with no incarnation.
    pub head: Option<Checkpoint>,
    /// The primary's feed as last applied here.
    pub checkpoint: Option<Checkpoint>,
    /// Its cursors in the primary's channels.
    pub cursors: Vec<(Channel, Cursor)>,
    /// The channels to push, in rank order.
    pub push: Vec<Channel>,
}

impl Store {
    /// What to say in a Hello (satellite); one snapshot.
    pub async fn hello_state(&self) -> Result<HelloState, Fault> {
        Err(Fault::internal("hello_state: landing next"))
    }

    /// What we know of the satellite that says Hello (primary); one snapshot.
    pub async fn open_peer(&self, hello: &Hello) -> Result<PeerState, Fault> {
        let _ = hello;
        Err(Fault::internal("open_peer: landing next"))
    }

    /// Gives the site's lease to a session, fencing an older one, and stores the site's incarnation.
    pub async fn grant_lease(
        &self,
        site: SyncId,
        session: u64,
        incarnation: Incarnation,
    ) -> Result<(), Fault> {
        let _ = (site, session, incarnation);
        Err(Fault::internal("grant_lease: landing next"))
    }

    /// The session that speaks for a site.
    pub async fn lease_holder(&self, site: SyncId) -> Result<Option<u64>, Fault> {
        let _ = site;
        Err(Fault::internal("lease_holder: landing next"))
    }

    /// The channels that a site is served, in rank order, with what is in them (primary).
    pub async fn served_channels(&self, site: SyncId) -> Result<Vec<Served>, Fault> {
        let _ = site;
        Err(Fault::internal("served_channels: landing next"))
    }

    /// The channels of the stores assigned to this site, in rank order (satellite).
    pub async fn push_channels(&self) -> Result<Vec<Channel>, Fault> {
        Err(Fault::internal("push_channels: landing next"))
    }

    /// Stores a receiver's acknowledgement: its cursors, digests and counts, and its feed's head.
    pub async fn record_ack(&self, peer: SyncId, ack: &Ack) -> Result<(), Fault> {
        let _ = (peer, ack);
        Err(Fault::internal("record_ack: landing next"))
    }

    /// Forgets the cursors of channels that are no longer served to this site; a new grant loads afresh.
    pub async fn forget_channels(&self, channels: Vec<Channel>) -> Result<(), Fault> {
        let _ = channels;
        Err(Fault::internal("forget_channels: landing next"))
    }
}
