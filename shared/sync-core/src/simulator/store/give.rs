//! What a satellite gives back to a later life of the primary's database: which records, and how far it is.

use supplysync_model::{Assignment, Channel, RecordHash, RecordKey, Seq, SiteReport, SyncId};

use super::{ModelStore, Moment, StoredRecord};
use crate::{Ack, Cursor, Direction, Refusal, is_own_work};

impl ModelStore {
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
        let version = (held.record.key, held.seq);
        !self.is_unacknowledged(held)
            && !self.refused.contains(&version)
            && !self.unanswered.contains(&version)
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

    /// What the primary refused, or may have refused, is kept when it is replaced: its database may be lost, with what that had
    /// set aside.
    pub(super) fn keep_refused_work(&mut self, key: RecordKey) {
        let Some(held) = self.records.get(&key) else {
            return;
        };
        let version = (key, held.seq);
        if self.refused.contains(&version) || self.unanswered.contains(&version) {
            self.replaced.push(held.record.clone());
        }
    }

    /// Whether a version is kept for a later life of the primary.
    pub fn keeps(&self, hash: RecordHash) -> bool {
        self.replaced.iter().any(|record| record.hash == hash)
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

    /// Notes this site's own work that the primary has acknowledged up to where it says that it stands, and whose ack did not
    /// come: it may have refused that.
    pub fn note_unanswered(&mut self, moment: Moment, pushed: &[(Channel, Cursor)]) {
        if self.is_giving_back() || self.holds_back() {
            return;
        }
        let acknowledged = |channel: Channel| {
            let told = pushed.iter().find(|(told, _)| *told == channel);
            match told.map(|(_, cursor)| *cursor) {
                Some(Cursor::Following { seq }) => seq,
                _ => 0,
            }
        };
        let held = self.records.values();
        let unanswered: Vec<_> = held
            .filter(|held| self.is_unacknowledged(held) && held.seq <= acknowledged(held.record.channel))
            .map(|held| (held.record.key, held.seq))
            .collect();
        let before = self.unanswered.len();
        self.unanswered.extend(unanswered);
        if self.unanswered.len() > before {
            self.commit(&[], moment);
        }
    }

    /// The primary has just what is here in a channel: it refused nothing of that.
    pub(super) fn all_is_taken(&mut self, channel: Channel) {
        let records = &self.records;
        self.unanswered.retain(|(key, _)| {
            let held = records.get(key);
            held.is_none_or(|held| held.record.channel != channel)
        });
    }

    /// An acknowledgement of what is given back in a channel; whether it is one.
    pub(super) fn note_given(&mut self, channel: Channel, cursor: Cursor, refused: &[Refusal]) -> bool {
        let given = self.is_giving_back() && !self.own_channels().contains(&channel);
        let Some(met) = self.met.as_mut().filter(|_| given) else {
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
}
