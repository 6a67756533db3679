//! Moves of stores: what the primary keeps of those under way, and what a satellite promises and answers.

use supplysync_model::{
    Assignment, AssignmentState, Channel, Epoch, Fault, FaultCode, Kind, MoveReport, MoveStep, Reason,
    RecordHash, RecordKey, ReportSubject, Seq, SiteReport, StoreId, StoreTotals, SyncId,
};

use super::own::OwnChange;
use super::{ModelStore, Moment, fault};
use crate::{
    Cursor, Direction, LoadFacts, MoveFacts, OwnSide, ReportNoted, ReportsRead, Tenure, announced, answer,
    begun, called_off, judge_load, judge_move, may_write,
};

/// What the primary keeps of a move under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveRow {
    /// The version of the assignment that asks for it, or that announced it.
    pub version: u64,
    /// Where it goes.
    pub to: SyncId,
    /// The new site has to load it before the present one is asked to stop.
    pub loading: bool,
    /// Whether the old site is skipped.
    pub forced: bool,
    /// What the old site reported.
    pub released: Option<StoreTotals>,
    /// What the new site reported last.
    pub held: Option<StoreTotals>,
}

/// What a satellite decided about a version of a draining assignment; it keeps to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Released(u64),
    Aborted(u64),
}

impl ModelStore {
    /// Asks the site of a store to stop, so that it can go to another (primary). `forced` skips the old site; a move
    /// under way to the same site becomes forced.
    pub fn begin_move(
        &mut self,
        moment: Moment,
        store: StoreId,
        to: SyncId,
        forced: bool,
    ) -> Result<(), Fault> {
        let mut next = self.clone();
        let mut hashes = Vec::new();
        if self.is_gathering() {
            return Err(not_possible());
        }
        let present = self.assignment(store).ok_or_else(not_possible)?;
        let under_way = self.moves.get(&store).copied();
        match under_way {
            Some(mut row) if row.to == to && forced => {
                row.forced = true;
                if row.loading {
                    next.stop(&present, &mut row, &mut hashes)?;
                }
                next.moves.insert(store, row);
            }
            Some(_) => return Err(not_possible()),
            None => {
                let loading = announced(&present, to).filter(|_| !forced);
                let is_loading = loading.is_some();
                if is_loading {
                    next.forget_copy(store, to);
                }
                let asks = loading.or_else(|| begun(&present, to));
                let asks = asks.ok_or_else(not_possible)?;
                let row = MoveRow {
                    version: asks.version,
                    to,
                    loading: is_loading,
                    forced,
                    released: None,
                    held: None,
                };
                next.assign(&asks, &mut hashes)?;
                next.moves.insert(store, row);
            }
        }
        next.advance_moves(&mut hashes)?;
        next.commit(&hashes, moment);
        *self = next;
        Ok(())
    }

    /// Asks the present site of a store that is being loaded to stop.
    fn stop(
        &mut self,
        present: &Assignment,
        row: &mut MoveRow,
        hashes: &mut Vec<RecordHash>,
    ) -> Result<Assignment, Fault> {
        let draining = begun(present, row.to).ok_or_else(not_possible)?;
        (row.loading, row.version) = (false, draining.version);
        self.assign(&draining, hashes)?;
        Ok(draining)
    }

    /// A copy that is not served (any more) will be loaded afresh, whatever was heard of it before.
    fn forget_copy(&mut self, store: StoreId, site: SyncId) {
        let served = self.served_channels(site);
        for channel in Channel::of_store(store) {
            if served.iter().all(|served| served.channel != channel)
                && let Some(row) = self.cursors.get_mut(&(site, channel, Direction::Pull))
            {
                row.caught_up = false;
            }
        }
    }

    fn load_facts(&self, store: StoreId, to: SyncId) -> LoadFacts {
        let key = RecordKey {
            kind: Kind::ASSIGNMENT,
            id: store.into(),
        };
        let announced = self
            .records
            .get(&key)
            .map_or(u64::MAX, |held| held.record.revision);
        let follows = |channel| {
            let row = self.cursor(to, channel, Direction::Pull)?;
            match row.cursor {
                Cursor::Following { seq } => Some((seq, row.caught_up)),
                Cursor::Loading { .. } => None,
            }
        };
        LoadFacts {
            heard: follows(Channel::Master).is_some_and(|(seq, _)| seq >= announced),
            caught_up: Channel::of_store(store)
                .into_iter()
                .all(|channel| follows(channel).is_some_and(|(_, caught_up)| caught_up)),
            quarantined: self.quarantined_of(store),
        }
    }

    /// Whether a site has acknowledged everything of a store that is here.
    fn has_all(&self, site: SyncId, store: StoreId) -> bool {
        Channel::of_store(store).into_iter().all(|channel| {
            let row = self.cursor(site, channel, Direction::Pull);
            match row.map(|row| row.cursor) {
                Some(Cursor::Following { seq }) => self.feed(channel, seq).next().is_none(),
                _ => false,
            }
        })
    }

    fn quarantined_of(&self, store: StoreId) -> u64 {
        let open = self.quarantine.iter().filter(|kept| kept.open);
        open.filter(|kept| kept.record.channel.store() == Some(store))
            .count() as u64
    }

    /// Leaves a store where it is (primary).
    pub fn cancel_move(&mut self, moment: Moment, store: StoreId) -> Result<(), Fault> {
        let present = self.assignment(store).ok_or_else(not_possible)?;
        if !self.moves.contains_key(&store) {
            let message = "the store is not being moved";
            return Err(fault(
                FaultCode::FailedPrecondition,
                Reason::NO_MOVE_UNDER_WAY,
                message,
            ));
        }
        let mut hashes = Vec::new();
        self.assign(&called_off(&present), &mut hashes)?;
        self.moves.remove(&store);
        self.commit(&hashes, moment);
        Ok(())
    }

    /// Stores what a site answers, and hands the store over if nothing is missing (primary). An answer to another
    /// version than the present one changes nothing.
    pub fn record_report(
        &mut self,
        moment: Moment,
        peer: SyncId,
        lease: Option<u64>,
        report: SiteReport,
    ) -> Result<ReportNoted, Fault> {
        self.check_lease(peer, lease)?;
        let subject = report.subject();
        let report = match report {
            SiteReport::Move(report) => report,
            SiteReport::Recovered(life) => {
                if let Some(known) = self
                    .peers
                    .get_mut(&peer)
                    .filter(|known| known.incarnation == Some(life))
                {
                    known.recovering = false;
                }
                self.commit(&[], moment);
                return Ok(ReportNoted { subject, seq: 0 });
            }
            SiteReport::GivenBack(life) => {
                let mut hashes = Vec::new();
                self.record_given_back(peer, life, &mut hashes)?;
                let seq = if hashes.is_empty() { 0 } else { self.seq };
                self.commit(&hashes, moment);
                return Ok(ReportNoted { subject, seq });
            }
            _ => return Ok(ReportNoted { subject, seq: 0 }),
        };
        let mut hashes = Vec::new();
        let present = self.assignment(report.store);
        let answered = present.filter(|present| present.version == report.version);
        if let Some(present) = answered
            && let AssignmentState::Draining { to } = present.state
            && let Some(row) = self.moves.get_mut(&report.store)
        {
            match report.step {
                MoveStep::Released(totals) if peer == present.site => row.released = Some(totals),
                MoveStep::Held(totals) if peer == to => row.held = Some(totals),
                MoveStep::Aborted if peer == present.site && !row.forced => {
                    self.moves.remove(&report.store);
                    self.assign(&called_off(&present), &mut hashes)?;
                }
                _ => {}
            }
            self.advance_moves(&mut hashes)?;
        }
        let seq = if hashes.is_empty() { 0 } else { self.seq };
        self.commit(&hashes, moment);
        Ok(ReportNoted { subject, seq })
    }

    /// Hands over every store of which nothing is missing any more; within a transaction.
    pub(super) fn advance_moves(&mut self, hashes: &mut Vec<RecordHash>) -> Result<(), Fault> {
        if self.is_gathering() {
            return Ok(());
        }
        for (store, mut row) in self.moves.clone() {
            let Some(mut draining) = self.assignment(store).filter(|now| now.version == row.version) else {
                continue;
            };
            if row.loading {
                if judge_load(&self.load_facts(store, row.to)).is_err() {
                    continue;
                }
                draining = self.stop(&draining, &mut row, hashes)?;
                self.moves.insert(store, row);
            }
            let AssignmentState::Draining { to } = draining.state else {
                continue;
            };
            let totals = self.totals(store);
            let facts = MoveFacts {
                totals,
                released: row.released,
                held: match to.is_primary() {
                    true => (self.parked_of_store(store) == 0).then_some(totals),
                    false => row.held,
                },
                caught_up: to.is_primary() || self.has_all(to, store),
                forced: row.forced,
                quarantined: self.quarantined_of(store),
            };
            let incarnation = self.incarnation.map_or(0, |life| life.counter);
            if let Ok(moved) = judge_move(&draining, &facts, incarnation, self.seq) {
                self.assign(&moved, hashes)?;
                self.moves.remove(&store);
                self.handed.insert(store, (draining.site, row.released));
                // What the new site was refused in another tenure says nothing of what it has now.
                for kept in self.quarantine.iter_mut().filter(|kept| kept.from_site == to) {
                    kept.former |= kept.record.channel.store() == Some(store);
                }
                // What was proven of the new site's copy was proven in another tenure of it.
                for channel in Channel::of_store(store) {
                    if let Some(row) = self.cursors.get_mut(&(to, channel, Direction::Push)) {
                        (row.caught_up, row.compared, row.proven) = (false, None, None);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn assign(
        &mut self,
        assignment: &Assignment,
        hashes: &mut Vec<RecordHash>,
    ) -> Result<(), Fault> {
        let (schema, body) = (self.bodies.write_assignment)(assignment);
        let change = OwnChange {
            key: RecordKey {
                kind: Kind::ASSIGNMENT,
                id: assignment.store.into(),
            },
            channel: Channel::Master,
            schema,
            body,
            deleted: false,
            expected: None,
        };
        self.put_one(change, hashes).map(drop)
    }

    /// What to push, and what to say of moves that concern this site; what is said is promised (satellite).
    /// While the site recovers it says nothing.
    pub fn read_reports(&mut self, moment: Moment, noted: &[ReportSubject]) -> ReportsRead {
        for subject in noted {
            match subject {
                ReportSubject::Recovered(life) => self.recovery_noted(*life),
                ReportSubject::GivenBack(_) => self.life_is_known(),
                _ => continue,
            }
            self.commit(&[], moment);
        }
        let mut read = ReportsRead {
            push: self.push_channels(),
            // Of a primary that was put back own stores may come once more.
            open: self.has_met_a_life(),
            ..ReportsRead::default()
        };
        read.reports.extend(self.report_given_back());
        if self.holds_back() {
            read.open = true;
            return read;
        }
        read.reports.extend(self.recovered().map(SiteReport::Recovered));
        let draining: Vec<_> = self
            .assignments()
            .filter(|assignment| match assignment.state {
                AssignmentState::Active => false,
                AssignmentState::Draining { to } => [assignment.site, to].contains(&self.sync_id),
            })
            .collect();
        let mut promised = false;
        for assignment in draining {
            read.open = true;
            if assignment.site != self.sync_id {
                read.awaited.push(assignment.store);
            }
            let report = answer(self.sync_id, &assignment, &self.own_side(&assignment));
            if let Some(MoveReport {
                step: MoveStep::Released(_),
                ..
            }) = report
            {
                let decided = Decision::Released(assignment.version);
                promised |= self.decisions.insert(assignment.store, decided) != Some(decided);
            }
            read.reports.extend(report.map(SiteReport::Move));
        }
        if promised {
            self.commit(&[], moment);
        }
        read
    }

    fn own_side(&self, assignment: &Assignment) -> OwnSide {
        let channels = Channel::of_store(assignment.store);
        let loaded = |channel| {
            let row = self.cursor(SyncId::PRIMARY, channel, Direction::Pull);
            matches!(row.map(|row| row.cursor), Some(Cursor::Following { .. }))
        };
        OwnSide {
            totals: self.totals(assignment.store),
            aborted: self.has_aborted(assignment),
            pushed: !self.has_unacknowledged(assignment.store),
            complete: channels.into_iter().all(loaded) && self.parked_of_store(assignment.store) == 0,
        }
    }

    /// Goes on writing although the store was to be moved; refused once it has said that it has stopped (satellite).
    pub fn abort_move(&mut self, moment: Moment, store: StoreId) -> Result<(), Fault> {
        let draining = self
            .assignment(store)
            .filter(|now| now.site == self.sync_id && now.state != AssignmentState::Active)
            .ok_or_else(not_possible)?;
        if self.decisions.get(&store) == Some(&Decision::Released(draining.version)) {
            return Err(not_possible());
        }
        self.decisions.insert(store, Decision::Aborted(draining.version));
        self.commit(&[], moment);
        Ok(())
    }

    /// The ownership that this site may write a store under now.
    pub fn accepts(&self, store: StoreId) -> Option<Epoch> {
        let assignment = self.assignment(store)?;
        let [stock, _] = Channel::of_store(store);
        self.refuse_while_gathering(stock).ok()?;
        may_write(stock, self.sync_id, Some(&assignment), self.tenure(&assignment)).ok()?;
        Some(assignment.epoch)
    }

    pub(super) fn tenure(&self, assignment: &Assignment) -> Tenure {
        let all_here = assignment
            .hand_over
            .is_some_and(|given| given.totals == self.totals(assignment.store));
        let readable = self.parked_of_store(assignment.store) == 0;
        Tenure {
            aborted: self.has_aborted(assignment).then_some(assignment.version),
            taken_over: self.has_begun(assignment) || all_here && readable,
        }
    }

    /// Whether this site has begun to write a store under this ownership, or needed no hand-over for that.
    pub fn has_begun(&self, assignment: &Assignment) -> bool {
        assignment.hand_over.is_none() || self.taken.contains(&(assignment.store, assignment.epoch))
    }

    /// A store that was active here is active elsewhere: what the primary has not acknowledged still goes to it.
    pub(super) fn note_loss(&mut self, store: StoreId, before: Option<&Assignment>) {
        let lost = before.is_some_and(|before| before.site == self.sync_id)
            && self.assignment(store).is_some_and(|now| now.site != self.sync_id);
        if lost && (self.has_unacknowledged(store) || self.may_be_lost_there(store)) {
            self.lost.insert(store);
        }
    }

    /// What is known of a copy's equality with its owner is in the counting of the owner that it had.
    pub(super) fn forget_proof(&mut self, store: StoreId, before: Option<&Assignment>) {
        let now = self.assignment(store).map(|now| now.epoch);
        if before.is_none_or(|before| Some(before.epoch) == now) {
            return;
        }
        let rows = self.cursors.iter_mut();
        for (_, row) in rows.filter(|((_, channel, _), _)| channel.store() == Some(store)) {
            row.owner = None;
        }
    }

    /// Whether a store went elsewhere with work of this site that the primary has not acknowledged.
    pub fn has_lost_work(&self) -> bool {
        self.lost.iter().any(|store| self.has_unacknowledged(*store))
    }

    /// Forgets stores lost of which everything is acknowledged by now.
    pub(super) fn settle_losses(&mut self) {
        let settled: Vec<_> = self
            .lost
            .iter()
            .copied()
            .filter(|store| !self.has_unacknowledged(*store) && !self.may_be_lost_there(*store))
            .collect();
        for store in settled {
            self.lost.remove(&store);
        }
    }

    /// The primary's seq at which this site held in a store's channel just what the primary held, if it has not changed
    /// here since: `assignment` says what was handed over then.
    pub(super) fn held_at(&self, assignment: &Assignment, channel: Channel) -> Option<Seq> {
        let given = assignment.hand_over?;
        if self.is_of_former_life(assignment) {
            return None;
        }
        let equal = self.digest(channel) == given.totals.of(channel);
        (assignment.site != self.sync_id && equal).then_some(given.seq)
    }

    /// Where a site begins to be sent a store that it handed over (primary).
    pub(super) fn start_for(&self, site: SyncId, store: StoreId) -> Option<Seq> {
        let given = self.assignment(store)?.hand_over?;
        (self.handed.get(&store) == Some(&(site, Some(given.totals)))).then_some(given.seq)
    }

    /// The store's totals as held here.
    pub fn totals(&self, store: StoreId) -> StoreTotals {
        let [stock, history] = Channel::of_store(store);
        StoreTotals {
            stock: self.digest(stock),
            history: self.digest(history),
        }
    }

    /// Moves under way, as the primary keeps them.
    pub fn moves(&self) -> impl Iterator<Item = (&StoreId, &MoveRow)> {
        self.moves.iter()
    }

    fn has_aborted(&self, assignment: &Assignment) -> bool {
        self.decisions.get(&assignment.store) == Some(&Decision::Aborted(assignment.version))
    }

    fn has_unacknowledged(&self, store: StoreId) -> bool {
        let channels = Channel::of_store(store).into_iter();
        let mut held = channels.flat_map(|channel| self.feed(channel, 0));
        held.any(|held| self.is_unacknowledged(held))
    }
}

fn not_possible() -> Fault {
    fault(
        FaultCode::FailedPrecondition,
        Reason::MOVE_NOT_POSSIBLE,
        "the store can't be moved so",
    )
}
