//! A later life of the primary's database: what it has lost is given back by its sites. Both ends of that.

use std::collections::BTreeMap;

use supplysync_model::{
    Assignment, Channel, Checkpoint, Epoch, Fault, FaultCode, Incarnation, Kind, Reason, RecordHash,
    RecordKey, Seq, SiteReport, SyncId,
};

use super::{CursorRow, ModelStore, Moment, StoredRecord, fault};
use crate::{
    Ack, Cursor, Direction, GivingBack, Hello, LineageVerdict, PrimaryLife, Refusal, extend_chain,
    is_own_work, renewed,
};

/// More than any life of the primary's database writes.
const MOST_WRITTEN: Seq = 1_000_000;
/// The highest Sync ID of a world.
const MOST_SITES: u16 = 100;

/// The primary's own later life.
#[derive(Debug, Clone)]
pub(super) struct OwnLife {
    began: Checkpoint,
    /// What of its own feed was certainly not lost.
    kept: (Epoch, Seq),
    gathering: bool,
    /// Lives before, each with what is certainly the same here as it was there.
    former: Vec<(Incarnation, Seq)>,
}

/// The primary's later life, as a satellite has met it.
#[derive(Debug, Clone)]
pub(super) struct Met {
    life: Incarnation,
    /// The own head then: everything up to it may have to be given back.
    head: Seq,
    gathering: bool,
    given_back: bool,
    /// How far what came from others is given back: what the primary acknowledged of this site's own work is another thing.
    given: BTreeMap<Channel, Cursor>,
}

impl ModelStore {
    /// Begins a later life of the primary's database, which was put back. `sure` if that was done so that nothing was
    /// written on it in between.
    pub fn begin_later_life(
        &mut self,
        moment: Moment,
        life: Incarnation,
        sure: bool,
    ) -> Result<Checkpoint, Fault> {
        let Some(before) = self.incarnation else {
            return Err(Fault::internal("a later life of a database that has none"));
        };
        let epoch = Epoch {
            incarnation: before.counter,
            counter: 0,
        };
        let kept = (epoch, self.seq);
        self.ask_only_for_what_is_new();
        let mut former = self.life.take().map(|life| life.former).unwrap_or_default();
        former.push((before, kept.1));
        former.retain(|_| sure);
        self.incarnation = Some(life);
        self.seq = Seq::from(life.counter) * MOST_WRITTEN;
        self.chain = extend_chain(self.chain, self.seq, &[], moment.salt);
        self.chains.insert(self.seq, self.chain);
        let began = Checkpoint {
            incarnation: life,
            seq: self.seq,
            chain: self.chain,
        };
        self.life = Some(OwnLife {
            began,
            kept,
            gathering: true,
            former,
        });
        self.leases.clear();
        for row in self.cursors.values_mut() {
            (row.caught_up, row.compared, row.proven) = (false, None, None);
        }
        self.commit(&[], moment);
        Ok(began)
    }

    /// What a site had when it was heard last, it had from here: it gives back what came later. A site that still gives back
    /// to the present life goes on where it is.
    fn ask_only_for_what_is_new(&mut self) {
        let heard = self.peers.iter();
        let heard: Vec<_> = heard
            .filter_map(|(site, peer)| Some((*site, peer.checkpoint?.seq)))
            .filter(|(site, _)| !self.owes(*site))
            .collect();
        for (site, seq) in heard {
            let served = self.served_channels(site).into_iter();
            for channel in served.map(|served| served.channel) {
                let never_there = channel
                    .store()
                    .and_then(|store| self.assignment(store))
                    .is_none_or(|assignment| assignment.site != site && assignment.epoch.counter <= 1);
                if never_there {
                    let row = CursorRow::at(Cursor::Following { seq });
                    self.cursors.insert((site, channel, Direction::Push), row);
                }
            }
        }
    }

    /// Whether sites still give back what may be lost (primary).
    pub fn is_gathering(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.gathering)
    }

    /// Our later life, and how a site that says Hello stands to it (primary).
    pub(super) fn life_for(&self, hello: &Hello) -> Option<PrimaryLife> {
        let life = self.life.as_ref()?;
        Some(PrimaryLife {
            began: life.began,
            gathering: life.gathering,
            given_back: self.has_given_back(hello.sync_id) && !hello.recovers,
        })
    }

    /// Where a site stands that heard of a past of ours which is lost: records that it was not sent then may be back at a
    /// place that it has passed. What it had acknowledged here it has, in that version or a later one.
    pub(super) fn stands_of(&self, hello: &Hello) -> Option<Vec<(Channel, Cursor)>> {
        let life = self.life.as_ref()?;
        let heard = hello.checkpoint?;
        if heard.incarnation == life.began.incarnation {
            return None;
        }
        let former = life.former.iter().find(|(life, _)| *life == heard.incarnation);
        let same_database = self.peer(hello.sync_id).incarnation == hello.incarnation;
        let Some((_, end)) = former.filter(|_| same_database) else {
            return Some(Vec::new());
        };
        if heard.seq <= *end {
            return None;
        }
        let said = hello.cursors.iter();
        let stands = said.filter_map(|(channel, said)| {
            let known = self.cursor(hello.sync_id, *channel, Direction::Pull)?.cursor;
            match (known, said) {
                (Cursor::Following { seq: known }, Cursor::Following { seq: said }) => {
                    let seq = known.min(*said);
                    Some((*channel, Cursor::Following { seq }))
                }
                _ => None,
            }
        });
        Some(stands.collect())
    }

    /// Another database of the site goes on: it gives back what it has from the beginning (primary).
    pub(super) fn forget_what_was_given(&mut self, site: SyncId) {
        let asked: Vec<_> = self.cursors.keys().copied().collect();
        for key in asked {
            if key.0 == site && key.2 == Direction::Push && self.is_given_in(site, key.1) {
                self.cursors.remove(&key);
            }
        }
        if let Some(peer) = self.peers.get_mut(&site) {
            peer.given_back = 0;
        }
    }

    /// Whether what is known of a site's feed is of a former life of its database: the present one began when this was lost.
    pub(super) fn is_outlived(&self, site: SyncId, life: Option<Incarnation>) -> bool {
        let known = self.peer(site).checkpoint.map(|known| known.incarnation.counter);
        let later = |known| life.is_some_and(|life| life.counter > known);
        self.life.is_some() && !self.has_given_back(site) && known.is_some_and(later)
    }

    /// Whether what a site sends in a channel is given back, and not its own store's (primary).
    pub(super) fn is_given_in(&self, site: SyncId, channel: Channel) -> bool {
        let assignment = channel.store().and_then(|store| self.assignment(store));
        self.life.is_some() && assignment.is_none_or(|assignment| assignment.site != site)
    }

    fn owes(&self, site: SyncId) -> bool {
        self.life.is_some() && !self.has_given_back(site)
    }

    pub(super) fn has_given_back(&self, site: SyncId) -> bool {
        let life = self.incarnation.map_or(0, |life| life.counter);
        self.peer(site).given_back >= life
    }

    /// What a checkpoint of a former life of our feed says.
    pub(super) fn lineage_before(&self, held: &Checkpoint) -> LineageVerdict {
        let follows = self.life.as_ref().is_some_and(|life| {
            held.incarnation.counter < life.began.incarnation.counter && held.seq <= life.began.seq
        });
        match follows {
            true => LineageVerdict::Known,
            false => LineageVerdict::Broken,
        }
    }

    /// By what a push of this site is judged in a later life (primary).
    pub(super) fn giving_back(&self, site: SyncId) -> Option<GivingBack> {
        let life = self.life.as_ref()?;
        Some(GivingBack {
            life: life.began.incarnation.counter,
            kept: life.kept,
            open: !self.has_given_back(site),
        })
    }

    /// Own stores are written again when what was lost of them is back (primary).
    pub(super) fn refuse_while_gathering(&self, channel: Channel) -> Result<(), Fault> {
        if channel.store().is_none() || !self.is_gathering() {
            return Ok(());
        }
        let message = "sites still give back what may be lost of this store";
        Err(fault(
            FaultCode::FailedPrecondition,
            Reason::RECOVERY_PENDING,
            message,
        ))
    }

    /// A site has given back everything (primary).
    pub(super) fn record_given_back(
        &mut self,
        site: SyncId,
        life: Incarnation,
        hashes: &mut Vec<RecordHash>,
    ) -> Result<(), Fault> {
        if self.incarnation != Some(life) || self.has_given_back(site) {
            return Ok(());
        }
        let peer = self.peers.entry(site).or_default();
        peer.given_back = life.counter;
        if peer
            .checkpoint
            .is_some_and(|heard| Some(heard.incarnation) != peer.incarnation)
        {
            peer.checkpoint = None;
        }
        if self.sites().into_iter().all(|site| self.has_given_back(site)) {
            self.end_gathering(hashes)?;
        }
        Ok(())
    }

    /// A person does not wait for the sites that have not been heard (primary).
    pub fn waive(&mut self, moment: Moment) -> Result<(), Fault> {
        let mut hashes = Vec::new();
        self.end_gathering(&mut hashes)?;
        self.commit(&hashes, moment);
        Ok(())
    }

    /// What is known now of where stores are active is said anew, so that it holds everywhere; moves under way are off.
    fn end_gathering(&mut self, hashes: &mut Vec<RecordHash>) -> Result<(), Fault> {
        let Some(life) = self.life.as_mut().filter(|life| life.gathering) else {
            return Ok(());
        };
        life.gathering = false;
        let counter = life.began.incarnation.counter;
        self.moves.clear();
        let present: Vec<_> = self.assignments().collect();
        for assignment in present {
            self.assign(&renewed(&assignment, counter), hashes)?;
        }
        Ok(())
    }

    fn sites(&self) -> Vec<SyncId> {
        let numbers = (2..=MOST_SITES).filter_map(SyncId::new);
        let registered = |site: &SyncId| {
            let key = RecordKey {
                kind: Kind::SITE,
                id: (*site).into(),
            };
            self.records.get(&key).is_some_and(|held| !held.record.deleted)
        };
        numbers.filter(registered).collect()
    }

    /// Meets the life that the primary's database has now, where it stands in our channels; the channels to push
    /// (satellite).
    pub fn meet_life(
        &mut self,
        moment: Moment,
        life: &PrimaryLife,
        pushed: &[(Channel, Cursor)],
        stands: Option<&[(Channel, Cursor)]>,
    ) -> Result<Vec<Channel>, Fault> {
        let known = self.met.take().filter(|met| met.life == life.began.incarnation);
        let is_news = known.is_none();
        let changed = known
            .as_ref()
            .is_none_or(|known| (known.gathering, known.given_back) != (life.gathering, life.given_back));
        self.met = Some(Met {
            gathering: life.gathering,
            given_back: life.given_back,
            ..known.unwrap_or(Met {
                life: life.began.incarnation,
                head: self.seq + 1,
                gathering: true,
                given_back: false,
                given: BTreeMap::new(),
            })
        });
        if is_news {
            self.seq += 1;
            self.chain = extend_chain(self.chain, self.seq, &[], moment.salt);
            self.chains.insert(self.seq, self.chain);
            self.keep_what_was_refused();
            self.forget_former_life(life, pushed, stands);
        }
        // The life before was taking this site's own stores back to it; this one knows nothing of that.
        let again = is_news && self.begin_recovery_again();
        if changed {
            self.commit(&[], moment);
        }
        match again {
            true => Err(fault(
                FaultCode::Aborted,
                Reason::RECOVERY_PENDING,
                "this database asks anew to recover: the session begins again by itself",
            )),
            false => Ok(self.push_channels()),
        }
    }

    /// What a former life refused it may have kept, and that is lost: it is kept here.
    fn keep_what_was_refused(&mut self) {
        let refused = self.refused.iter();
        let held = refused.filter_map(|(key, seq)| self.records.get(key).filter(|held| held.seq == *seq));
        let held: Vec<_> = held.map(|held| held.record.clone()).collect();
        let here = self.sync_id;
        for record in held {
            self.set_aside(record, here, Reason::STALE_EPOCH);
        }
    }

    /// What a former life of the primary's database acknowledged and sent says little of this one.
    fn forget_former_life(
        &mut self,
        life: &PrimaryLife,
        pushed: &[(Channel, Cursor)],
        stands: Option<&[(Channel, Cursor)]>,
    ) {
        let mine = self.own_channels();
        self.cursors.retain(|(peer, channel, direction), _| {
            *peer != SyncId::PRIMARY
                || match direction {
                    Direction::Push => !mine.contains(channel),
                    Direction::Pull => stands.is_none(),
                }
        });
        for row in self.cursors.values_mut() {
            (row.caught_up, row.compared, row.proven, row.owner) = (false, None, None, None);
        }
        // While it recovers, where the primary stands may be in the feed of another database of this site.
        let recovers = self.holds_back();
        let pushed = pushed
            .iter()
            .filter(|(channel, _)| !recovers && mine.contains(channel));
        let pushed = pushed.map(|row| (*row, Direction::Push));
        let stands = stands
            .unwrap_or_default()
            .iter()
            .map(|row| (*row, Direction::Pull));
        for ((channel, cursor), direction) in pushed.chain(stands) {
            self.cursors
                .insert((SyncId::PRIMARY, channel, direction), CursorRow::at(cursor));
        }
        self.peers.entry(SyncId::PRIMARY).or_default().checkpoint = Some(life.began);
    }

    pub(super) fn own_and_lost(&self) -> Vec<Channel> {
        let lost = self.lost.iter().copied().flat_map(Channel::of_store);
        self.own_channels().into_iter().chain(lost).collect()
    }

    /// The channels of what is to be given back: all but those of the stores that are active here, which are pushed then.
    pub(super) fn gives_back(&self) -> Vec<Channel> {
        if !self.is_giving_back() {
            return Vec::new();
        }
        let own = self.own_channels();
        let mut channels = self.channels();
        channels.retain(|channel| !own.contains(channel));
        channels
    }

    /// Whether an assignment was made in a former life of the primary's database: what was handed over then it may have lost.
    pub(super) fn is_of_former_life(&self, assignment: &Assignment) -> bool {
        let life = self.met.as_ref().map(|met| met.life.counter);
        life.is_some_and(|life| assignment.epoch.incarnation < life)
    }

    /// Where this site's feed was when it met a later life of the primary's database.
    pub(super) fn met_at(&self) -> Option<Seq> {
        self.met.as_ref().map(|met| met.head)
    }

    /// Whether the primary's database was put back since this one was made.
    pub(super) fn has_met_a_life(&self) -> bool {
        self.met.is_some()
    }

    /// Whether the work of stores must wait until the primary has back what it lost.
    pub(super) fn waits_for_gathering(&self) -> bool {
        self.met.as_ref().is_some_and(|met| met.gathering)
    }

    /// Whether a record goes up when a channel is pushed from a seq on: what this site wrote; and in a later life of the
    /// primary's database what came to it, as far as that may have been lost there, and what it wrote in stores that went
    /// elsewhere while it still had them.
    pub(super) fn goes_up(&self, channel: Channel, after: Seq, held: &StoredRecord) -> bool {
        let own = is_own_work(self.sync_id, &held.record, held.seq);
        let Some(met) = &self.met else {
            return own;
        };
        let lost = met.given_back && channel.store().is_some_and(|store| self.lost.contains(&store));
        if lost || self.own_channels().contains(&channel) {
            return own || after < met.head;
        }
        match self.is_giving_back() {
            true => held.seq <= met.head && (!own || self.was_taken(held)),
            false => own,
        }
    }

    /// Whether a former life of the primary's database has taken what this site wrote in a store that went elsewhere since.
    fn was_taken(&self, held: &StoredRecord) -> bool {
        !self.is_unacknowledged(held) && !self.refused.contains(&(held.record.key, held.seq))
    }

    /// What there is to say of giving back: that it is done.
    pub(super) fn report_given_back(&self) -> Option<SiteReport> {
        let met = self.met.as_ref().filter(|met| !met.given_back)?;
        let arrived = |channel: &Channel| {
            let given = met.given.get(channel);
            matches!(given, Some(Cursor::Following { seq }) if *seq >= met.head)
        };
        let done = self.gives_back().iter().all(arrived);
        done.then_some(SiteReport::GivenBack(met.life))
    }

    /// Whether the primary still has to hear that everything is given back.
    pub(super) fn is_giving_back(&self) -> bool {
        self.met.as_ref().is_some_and(|met| !met.given_back)
    }

    /// What the primary refuses is not given back to a later life of it.
    pub(super) fn note_refused(&mut self, ack: &Ack) {
        let passed = |held: &StoredRecord| {
            let mut channels = ack.channels.iter();
            let acked = channels.find(|acked| acked.channel == held.record.channel);
            matches!(acked.map(|acked| acked.cursor), Some(Cursor::Following { seq }) if held.seq <= seq)
        };
        let refused = ack.refused.iter();
        let held = refused.filter_map(|refusal| self.records.get(&refusal.key));
        let refused: Vec<_> = held
            .filter(|held| passed(held))
            .map(|held| (held.record.key, held.seq))
            .collect();
        self.refused.extend(refused);
    }

    /// An acknowledgement of what is given back in a channel; whether it is one.
    pub(super) fn note_given(&mut self, channel: Channel, cursor: Cursor, refused: &[Refusal]) -> bool {
        let own = match self.is_giving_back() {
            true => self.own_channels(),
            false => self.own_and_lost(),
        };
        let Some(met) = self.met.as_mut().filter(|_| !own.contains(&channel)) else {
            return false;
        };
        met.given.insert(channel, cursor);
        let mut refused = refused
            .iter()
            .filter_map(|refusal| self.records.get(&refusal.key));
        // A copy of which something was refused is loaded afresh, also if the word that all is given back gets lost.
        if channel.store().is_some() && refused.any(|held| held.record.channel == channel) {
            self.cursors.remove(&(SyncId::PRIMARY, channel, Direction::Pull));
        }
        true
    }

    /// The primary has noted it.
    pub(super) fn given_back_noted(&mut self, life: Incarnation) {
        if let Some(met) = self.met.as_mut().filter(|met| met.life == life) {
            met.given_back = true;
        }
    }
}
