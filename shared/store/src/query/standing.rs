//! How the copies of each store stand against their owner: identical and at which of its seqs, or what differs (P11). Both of
//! a store's channels count; how fresh its stock is for reports is in `freshness`.

use std::collections::{BTreeMap, HashMap};

use supplysync_model::{Fault, Seq, StoreId, SyncId, Timestamp};
use supplysync_sync_core::{Cursor, Direction, OwnerProof};

use super::cursors::{Compared, owner_of};
use super::progress::ChannelProgress;
use crate::Queries;
use crate::repair::{Repair, RepairState};

/// One site's copy of one store, or of the master lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The store; `None` for the master lists.
    pub store: Option<StoreId>,
    /// Who owns it.
    pub owner: SyncId,
    /// Whose copy it is: this site's, or that of one that gets it from here.
    pub holder: SyncId,
    /// How it stands.
    pub state: StandingState,
}

/// How a copy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingState {
    /// Equal to the owner.
    Identical {
        /// The owner's seq at which it was proven.
        seq: Seq,
        /// When.
        at: Timestamp,
    },
    /// Different, and nothing explains it.
    Different {
        /// The channel and both totals.
        channel: supplysync_model::Channel,
        /// What was compared.
        compared: Compared,
        /// The site that it was compared with.
        with: SyncId,
        /// How far its repair is, where this site is the one to repair it.
        repair: Option<RepairState>,
    },
    /// It is loaded afresh.
    Repairing {
        /// From there.
        from: SyncId,
    },
    /// It is loaded: so many of so many records are there.
    Loading {
        /// Records that are there.
        done: u64,
        /// Records in all, as far as is known.
        total: u64,
    },
    /// Changes are on their way; so many as are known of.
    Behind {
        /// Records.
        pending: u64,
    },
    /// Equal but for changes that were refused, and are listed.
    Explained {
        /// How many.
        quarantined: u64,
    },
    /// All is there, and was not compared with the owner yet.
    NotCompared,
}

impl Queries {
    /// Every copy that comes here or goes from here, the master lists first, then by store and holder. Bounded by channels and
    /// sites.
    pub async fn standings(&self, progress: &[ChannelProgress]) -> Result<Vec<Standing>, Fault> {
        let owners = self.owners().await?;
        let repairs = self.repairs().await?;
        let here = self.sync_id();
        let mut copies: BTreeMap<(Option<StoreId>, SyncId), Vec<&ChannelProgress>> = BTreeMap::new();
        for row in progress {
            // What only one site must know is no copy of anything.
            if matches!(row.channel, supplysync_model::Channel::Site(_)) {
                continue;
            }
            let holder = if row.we_receive { here } else { row.peer };
            copies.entry((row.channel.store(), holder)).or_default().push(row);
        }
        let standings = copies.into_iter().filter_map(|((store, holder), rows)| {
            let owner = owner_of(rows.first()?.channel, &owners)?;
            let ours = Ours::new(here, progress, &repairs);
            Some(Standing {
                store,
                owner,
                holder,
                state: state(&rows, owner, &ours),
            })
        });
        Ok(standings.collect())
    }
}

/// What this site has itself.
struct Ours<'a> {
    here: SyncId,
    received: HashMap<supplysync_model::Channel, &'a ChannelProgress>,
    repairs: &'a [Repair],
}

impl<'a> Ours<'a> {
    fn new(here: SyncId, progress: &'a [ChannelProgress], repairs: &'a [Repair]) -> Ours<'a> {
        let received = progress.iter().filter(|row| row.we_receive);
        Ours {
            here,
            received: received.map(|row| (row.channel, row)).collect(),
            repairs,
        }
    }

    fn repair(&self, row: &ChannelProgress) -> Option<RepairState> {
        let repair =
            (self.repairs.iter()).find(|repair| repair.channel == row.channel && repair.peer == row.peer);
        repair.filter(|_| row.we_receive).map(|repair| repair.state)
    }

    /// What is proven of a copy's equality with the owner. One that goes from here is as good as ours is.
    fn proof(&self, row: &ChannelProgress, owner: SyncId) -> Option<OwnerProof> {
        let with_sender = row.proof.proven;
        if row.we_receive {
            return match owner == row.peer {
                true => with_sender,
                false => row.proof.owner,
            };
        }
        if owner == self.here {
            return with_sender;
        }
        let ours = self.received.get(&row.channel)?;
        let (there, here) = (with_sender?, ours.proof.proven?);
        Some(OwnerProof {
            seq: here.seq,
            at: here.at.max(there.at),
        })
    }
}

/// The worst of both channels.
fn state(rows: &[&ChannelProgress], owner: SyncId, ours: &Ours<'_>) -> StandingState {
    for row in rows {
        let compared = row.proof.compared.filter(|compared| !compared.equal);
        let open = ours.repair(row) == Some(RepairState::Open);
        if let Some(compared) = compared.filter(|_| !open) {
            return StandingState::Different {
                channel: row.channel,
                compared,
                with: row.peer,
                repair: ours.repair(row),
            };
        }
    }
    if let Some(row) = rows
        .iter()
        .find(|row| ours.repair(row) == Some(RepairState::Open))
    {
        return StandingState::Repairing { from: row.peer };
    }
    let sum = |of: fn(&ChannelProgress) -> u64| rows.iter().map(|row| of(row)).sum();
    let is_loading = |row: &&ChannelProgress| matches!(row.cursor, Cursor::Loading { .. });
    let parts = if rows.iter().any(|row| row.channel.store().is_some()) {
        2
    } else {
        1
    };
    if rows.iter().any(is_loading)
        || rows.len() < parts && rows.iter().all(|row| row.direction == Direction::Pull)
    {
        return StandingState::Loading {
            done: sum(|row| row.done),
            total: sum(|row| row.total.unwrap_or(row.done)),
        };
    }
    if rows.iter().any(|row| row.pending != Some(0)) {
        return StandingState::Behind {
            pending: sum(|row| row.pending.unwrap_or(0)),
        };
    }
    if rows
        .iter()
        .any(|row| row.proof.compared.is_some_and(|compared| compared.explained))
    {
        return StandingState::Explained {
            quarantined: sum(|row| row.quarantined),
        };
    }
    let proofs: Option<Vec<_>> = rows.iter().map(|row| ours.proof(row, owner)).collect();
    // Each channel is proven when it moves: the store as of the later, as nothing moved in the other since.
    match proofs
        .unwrap_or_default()
        .into_iter()
        .max_by_key(|proof| proof.seq)
    {
        Some(OwnerProof { seq, at }) => StandingState::Identical { seq, at },
        None => StandingState::NotCompared,
    }
}
