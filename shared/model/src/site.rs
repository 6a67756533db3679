//! Sites, where stores are active, what one site is told, and who may operate none of them any more.

use crate::{Channel, Digest, Epoch, Seq, StoreId, SyncId, Timestamp};

/// One server taking part. Holds no secrets: every site has this record of every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its Sync ID.
    pub sync_id: SyncId,
    /// Its name.
    pub name: String,
    /// Where it can be reached; may be empty for a satellite.
    pub url: String,
}

/// How far a store's activation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssignmentState {
    /// The site may write.
    Active,
    /// On its way to another site: nobody may write once the old site has applied this.
    Draining {
        /// The site it goes to.
        to: SyncId,
    },
}

/// The totals of a store's two channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreTotals {
    /// Of its stock lines.
    pub stock: Digest,
    /// Of its transactions.
    pub history: Digest,
}

impl StoreTotals {
    /// Those of one of the store's channels.
    pub fn of(&self, channel: Channel) -> Digest {
        match channel {
            Channel::StoreHistory(_) => self.history,
            _ => self.stock,
        }
    }
}

/// What a store was like when it changed hands: the new site writes only once it holds exactly this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandOver {
    /// The primary's seq.
    pub seq: Seq,
    /// The totals at that seq.
    pub totals: StoreTotals,
}

/// Which site a store is active on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The store.
    pub store: StoreId,
    /// The site it is active on.
    pub site: SyncId,
    /// Rises with every activation.
    pub epoch: Epoch,
    /// Rises with every change of this assignment.
    pub version: u64,
    /// How far it is.
    pub state: AssignmentState,
    /// How it came to the site; `None` on its first.
    pub hand_over: Option<HandOver>,
}

/// What one end of a move says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStep {
    /// The old site has stopped writing for good: these are its final totals.
    Released(StoreTotals),
    /// The old site writes on: the move is off, as far as it is concerned.
    Aborted,
    /// The new site holds these totals and can read every record of them.
    Held(StoreTotals),
}

/// A site's answer to one version of a draining assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveReport {
    /// The store.
    pub store: StoreId,
    /// The assignment's version that this answers.
    pub version: u64,
    /// What is said.
    pub step: MoveStep,
}

/// Whether copies that a satellite wishes for need the administrator's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CopyGrant {
    /// The administrator grants each.
    #[default]
    Ask,
    /// Any wish is granted.
    Any,
}

/// What becomes of what a site holds of a store whose copy is withdrawn from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Withdrawn {
    /// It stays, and is shown as of when it was last complete.
    #[default]
    Keep,
    /// It is removed there.
    Remove,
}

/// The stores that a satellite wishes to keep a copy of: the whole list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyWish {
    /// Rises with every change of the list.
    pub version: u64,
    /// Sorted, without repeats.
    pub stores: Vec<StoreId>,
}

/// What only one site must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteSettings {
    /// The site.
    pub sync_id: SyncId,
    /// Minutes between its requests for new information, 0 to 1440; 0 pauses.
    pub interval_minutes: u32,
    /// Whether its stream stays open.
    pub live: bool,
    /// The stores that it keeps a copy of: sorted, without repeats.
    pub copies: Vec<StoreId>,
    /// What becomes of what it holds of other stores.
    pub withdrawn: Withdrawn,
}

/// An operator whose certificates, whatever their role, are refused on every site if they were issued at that moment or
/// before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedOperator {
    /// The name in the certificates.
    pub name: String,
    /// The moment.
    pub revoked_at: Timestamp,
}
