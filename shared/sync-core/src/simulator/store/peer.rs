//! What the store knows of its peers: opening a session, leases, acknowledgements, channels to serve and to push.

use supplysync_model::{
    AssignmentState, Channel, Checkpoint, Fault, FaultCode, Incarnation, Kind, Reason, RecordKey, StoreId,
    SyncId,
};

use super::{CursorRow, ModelStore, Moment, fault};
use crate::{Ack, Cursor, Direction, Hello, OwnerProof, PeerState, Refused, Served};

/// What a satellite's Hello says of its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloState {
    /// Its Sync ID.
    pub sync_id: SyncId,
    /// Its name.
    pub site_name: String,
    /// The life of this database, once assigned.
    pub incarnation: Option<Incarnation>,
    /// The head of its own feed; `None` with no incarnation.
    pub head: Option<Checkpoint>,
    /// The primary's feed as far as it is known here.
    pub checkpoint: Option<Checkpoint>,
    /// Its cursors in the primary's channels.
    pub cursors: Vec<(Channel, Cursor)>,
    /// The channels to push, in rank order.
    pub push: Vec<Channel>,
    /// Whether a new life is asked for.
    pub recovers: bool,
}

impl ModelStore {
    /// What to say in a Hello (satellite); one snapshot.
    pub fn hello_state(&self) -> HelloState {
        HelloState {
            sync_id: self.sync_id,
            site_name: self.site_name.clone(),
            incarnation: self.incarnation,
            head: self.head(),
            checkpoint: self.peer(SyncId::PRIMARY).checkpoint,
            cursors: self.stands_in(),
            push: self.push_channels(),
            recovers: self.asks_for_life(),
        }
    }

    /// What we know of the satellite that says Hello (primary); one snapshot.
    pub fn open_peer(&self, moment: Moment, hello: &Hello) -> PeerState {
        let known = self.peer(hello.sync_id);
        let key = RecordKey {
            kind: Kind::SITE,
            id: hello.sync_id.into(),
        };
        let registered = self.records.get(&key).is_some_and(|held| !held.record.deleted);
        let [a, b, c, d, e, f, g, h, ..] = moment.salt;
        PeerState {
            incarnation: known.incarnation,
            fresh_incarnation: Incarnation {
                counter: [known.incarnation, hello.incarnation]
                    .into_iter()
                    .flatten()
                    .map(|known| known.counter)
                    .max()
                    .unwrap_or(0)
                    + 1,
                random: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            },
            checkpoint: known.checkpoint,
            cursors: {
                let mut cursors = self.cursors_of(hello.sync_id, Direction::Push);
                let outlived = self.is_outlived(hello.sync_id, hello.incarnation);
                let anew = hello.recovers || self.has_given_back(hello.sync_id);
                cursors.retain(|(channel, _)| {
                    !outlived && (!anew || !self.is_given_in(hello.sync_id, *channel))
                });
                cursors
            },
            serve: self.served_channels(hello.sync_id),
            lineage: self.check_lineage(hello.checkpoint),
            life: self.life_for(hello),
            stands: self.stands_of(hello),
            mismatches: Vec::new(),
            refuse: (!registered).then(|| {
                let message = format!("site {} is not registered here: add it first", hello.sync_id);
                Refused::new(Reason::SITE_NOT_FOUND, message).retryable()
            }),
        }
    }

    /// Gives the site's lease to a session, fencing an older one, and stores the site's incarnation.
    /// With where a new life of its database begins, no other is known from then on, and it is sent its own stores.
    pub fn grant_lease(
        &mut self,
        moment: Moment,
        site: SyncId,
        session: u64,
        incarnation: Incarnation,
        begins: Option<Checkpoint>,
    ) {
        self.leases.insert(site, session);
        if begins.is_none() && self.is_outlived(site, Some(incarnation)) {
            // Where we stood was in another feed.
            self.cursors
                .retain(|(peer, _, direction), _| *peer != site || *direction != Direction::Push);
        }
        let peer = self.peers.entry(site).or_default();
        peer.incarnation = Some(incarnation);
        if begins.is_some() {
            (peer.checkpoint, peer.recovering) = (begins, true);
            self.forget_life(site);
            self.forget_what_was_given(site);
        } else {
            self.forget_done_giving(site);
        }
        self.commit(&[], moment);
    }

    /// What another life of a site's database acknowledged, held or handed over says nothing of this one.
    fn forget_life(&mut self, site: SyncId) {
        self.cursors
            .retain(|(peer, _, direction), _| *peer != site || *direction != Direction::Pull);
        for ((peer, _, _), row) in &mut self.cursors {
            if *peer == site {
                (row.caught_up, row.compared, row.proven) = (false, None, None);
            }
        }
        for row in self.moves.values_mut().filter(|row| row.to == site) {
            row.held = None;
        }
        let leaving: Vec<_> = self
            .assignments()
            .filter(|assignment| assignment.site == site)
            .map(|assignment| assignment.store)
            .collect();
        for (_, row) in self.moves.iter_mut().filter(|(store, _)| leaving.contains(store)) {
            row.released = None;
        }
        self.handed.retain(|_, (from, _)| *from != site);
        let kept = self.quarantine.iter_mut();
        kept.filter(|kept| kept.from_site == site)
            .for_each(|kept| kept.former = true);
    }

    /// The session that speaks for a site.
    pub fn lease_holder(&self, site: SyncId) -> Option<u64> {
        self.leases.get(&site).copied()
    }

    /// The channels that a site is served, in rank order, with what is in them (primary).
    pub fn served_channels(&self, site: SyncId) -> Vec<Served> {
        let mut channels = vec![Channel::Master, Channel::Site(site)];
        let settings = RecordKey {
            kind: Kind::SITE_SETTINGS,
            id: site.into(),
        };
        let copies = self
            .records
            .get(&settings)
            .filter(|held| !held.record.deleted)
            .and_then(|held| (self.bodies.copies)(&held.record))
            .unwrap_or_default();
        let coming = self
            .assignments()
            .filter(|assignment| matches!(assignment.state, AssignmentState::Draining { to } if to == site));
        let loading = self.moves().filter(|(_, row)| row.loading && row.to == site);
        let recovering = self.peer(site).recovering;
        let own = self
            .assignments()
            .filter(|assignment| recovering && assignment.site == site);
        channels.extend(own.flat_map(|assignment| Channel::of_store(assignment.store)));
        for store in copies
            .into_iter()
            .chain(coming.map(|assignment| assignment.store))
            .chain(loading.map(|(store, _)| *store))
        {
            if self
                .assignment(store)
                .is_none_or(|assignment| assignment.site != site)
            {
                channels.extend(Channel::of_store(store));
            }
        }
        channels.sort_unstable();
        channels.dedup();
        let served = channels.into_iter().map(|channel| Served {
            channel,
            records: self.feed(channel, 0).count() as u64,
            bytes: self
                .feed(channel, 0)
                .map(|held| held.record.body.len() as u64)
                .sum(),
            start: channel.store().and_then(|store| self.start_for(site, store)),
        });
        served.collect()
    }

    /// The channels of the stores assigned to this site, and of those that it lost with work on its way; in rank order
    /// (satellite). None of these while it recovers: what it has may be of another past; nor while the primary is given
    /// back what it lost, of which the others are a part.
    pub fn push_channels(&self) -> Vec<Channel> {
        if self.is_giving_back() {
            return self.gives_back();
        }
        if self.holds_back() || self.waits_for_gathering() {
            return Vec::new();
        }
        let mut channels = self.own_and_lost();
        channels.sort_unstable();
        channels
    }

    /// Whether the primary, which was put back, may lack what came with a store that was active here (satellite).
    pub(super) fn may_be_lost_there(&self, store: StoreId) -> bool {
        Channel::of_store(store).into_iter().any(|channel| {
            let after = match self.acknowledged(channel) {
                Some(Cursor::Following { seq }) => seq,
                _ => 0,
            };
            self.met_at().is_some_and(|head| after < head) && self.feed(channel, after).next().is_some()
        })
    }

    /// Whether a session, where it needs the lease, still speaks for the site; `SESSION_FENCED` if not.
    pub(super) fn check_lease(&self, site: SyncId, lease: Option<u64>) -> Result<(), Fault> {
        if lease.is_none() || lease == self.lease_holder(site) {
            return Ok(());
        }
        let message = "a newer session speaks for this site";
        Err(fault(FaultCode::Aborted, Reason::SESSION_FENCED, message))
    }

    /// Stores a receiver's acknowledgement: its cursors and counts, and its feed's head. On the primary under the
    /// session's lease: an ack that was on its way when a newer session took over may be of another past.
    pub fn record_ack(
        &mut self,
        moment: Moment,
        peer: SyncId,
        lease: Option<u64>,
        ack: &Ack,
    ) -> Result<(), Fault> {
        self.check_lease(peer, lease)?;
        let direction = self.sends();
        if direction == Direction::Push {
            self.note_refused(ack);
            self.life_is_known();
        }
        for acked in &ack.channels {
            if self.note_given(acked.channel, acked.cursor, &ack.refused) {
                continue;
            }
            if direction == Direction::Push && acked.digest == Some(self.digest(acked.channel)) {
                self.all_is_taken(acked.channel);
            }
            let row = self
                .cursors
                .entry((peer, acked.channel, direction))
                .or_insert_with(|| CursorRow::at(acked.cursor));
            row.cursor = acked.cursor;
            row.caught_up = acked.digest.is_some();
            row.held = acked.held;
            row.quarantined = acked.quarantined;
        }
        self.learn_checkpoint(peer, ack.head);
        self.settle_losses();
        let mut hashes = Vec::new();
        if direction == Direction::Pull && self.moves().any(|(_, row)| row.to == peer) {
            self.advance_moves(&mut hashes)?;
        }
        self.commit(&hashes, moment);
        Ok(())
    }

    /// Forgets the cursors of channels that are no longer served to this site; a new grant loads afresh.
    pub fn forget_channels(&mut self, moment: Moment, channels: &[Channel]) {
        for channel in channels {
            self.cursors.remove(&(SyncId::PRIMARY, *channel, Direction::Pull));
        }
        self.commit(&[], moment);
    }

    /// What is known of the equality of our copy with its owner, while nothing came since that it does not cover; `None`
    /// where we are the owner.
    pub(super) fn owner_proof(&self, channel: Channel) -> Option<OwnerProof> {
        let owner = self.assignment(channel.store()?)?.site;
        let row = self.cursor(owner, channel, self.receives())?;
        let holds = row.compared.is_some_and(|last| last.equal && !last.explained);
        let covers = |proof: &OwnerProof| row.cursor == Cursor::Following { seq: proof.seq };
        row.proven.filter(|proof| holds && covers(proof))
    }

    /// Where this satellite stands in the primary's channels: as far as it was sent them, and at a hand-over.
    fn stands_in(&self) -> Vec<(Channel, Cursor)> {
        let mut cursors = self.cursors_of(SyncId::PRIMARY, Direction::Pull);
        if self.asks_for_life() {
            let own = self.own_channels();
            cursors.retain(|(channel, _)| !own.contains(channel));
        }
        for assignment in self.assignments() {
            let channels = Channel::of_store(assignment.store);
            let anything = channels
                .iter()
                .any(|channel| self.feed(*channel, 0).next().is_some());
            for channel in channels {
                let unknown = self.cursor(SyncId::PRIMARY, channel, Direction::Pull).is_none();
                if let Some(seq) = self.held_at(&assignment, channel).filter(|_| unknown && anything) {
                    cursors.push((channel, Cursor::Following { seq }));
                }
            }
        }
        cursors
    }

    fn cursors_of(&self, peer: SyncId, direction: Direction) -> Vec<(Channel, Cursor)> {
        let rows = self.cursors.iter();
        rows.filter(|((site, _, way), _)| *site == peer && *way == direction)
            .map(|((_, channel, _), row)| (*channel, row.cursor))
            .collect()
    }
}
