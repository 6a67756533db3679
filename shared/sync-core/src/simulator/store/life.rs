//! A later life of the primary's database: what it has lost is given back by its sites. Both ends of that.

use std::collections::BTreeMap;

use supplysync_model::{
    Channel, Checkpoint, Epoch, Fault, FaultCode, Incarnation, Kind, Reason, RecordHash, RecordKey, Seq,
    SyncId,
};

use super::{CursorRow, ModelStore, Moment, fault};
use crate::{Cursor, Direction, GivingBack, Hello, LineageVerdict, PrimaryLife, extend_chain, renewed};

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
    pub(super) life: Incarnation,
    /// The own head then: everything up to it may have to be given back.
    pub(super) head: Seq,
    pub(super) gathering: bool,
    pub(super) given_back: bool,
    /// How far what came from others is given back: what the primary acknowledged of this site's own work is another thing.
    pub(super) given: BTreeMap<Channel, Cursor>,
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
        self.forget_given_cursors(site);
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
        let marked = self
            .cursor(site, channel, Direction::Push)
            .is_some_and(|row| row.given);
        self.life.is_some() && (marked || assignment.is_none_or(|assignment| assignment.site != site))
    }

    /// Where this primary stood in what a site gave back is of no use once that is done.
    pub(super) fn forget_done_giving(&mut self, site: SyncId) {
        if self.has_given_back(site) {
            self.forget_given_cursors(site);
        }
    }

    fn forget_given_cursors(&mut self, site: SyncId) {
        let known: Vec<_> = self.cursors.keys().copied().collect();
        for key in known {
            if key.0 == site && key.2 == Direction::Push && self.is_given_in(site, key.1) {
                self.cursors.remove(&key);
            }
        }
    }

    pub(super) fn owes(&self, site: SyncId) -> bool {
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

    /// What a former life refused it may have kept, and that is lost: it is kept here. So is what it may have refused in a store
    /// that went elsewhere: nobody says more of that.
    fn keep_what_was_refused(&mut self) {
        let own = self.own_channels();
        let elsewhere = |(key, _): &&(RecordKey, Seq)| {
            let held = self.records.get(key).map(|held| held.record.channel);
            held.is_some_and(|channel| !own.contains(&channel))
        };
        let unanswered = self.unanswered.iter().filter(elsewhere);
        let refused = self.refused.iter().chain(unanswered);
        let held = refused.filter_map(|(key, seq)| self.records.get(key).filter(|held| held.seq == *seq));
        let mut kept: Vec<_> = held.map(|held| held.record.clone()).collect();
        kept.append(&mut self.replaced);
        let here = self.sync_id;
        for record in kept {
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
}
