//! What a satellite tells beside its records, one report at a time, and the primary's notes of it: answers to moves and to
//! proposals, and changes of its own quarantine that it offers.

use std::collections::{BTreeMap, VecDeque};

use supplysync_model::{Channel, ReportSubject, Seq, SiteReport, StoreId};

use crate::{Effect, OpId, PrimaryMessage, ReportNoted, ReportsRead, SatelliteMessage};

use super::exchange::Ops;

/// The satellite's half: reads what there is to say whenever that may have changed, and says what is new.
#[derive(Default)]
pub(crate) struct Answers {
    /// What was read may be out of date.
    stale: bool,
    reading: Option<OpId>,
    /// The read with which the store hears that the primary has noted that everything is given back.
    all_given: Option<OpId>,
    waiting: VecDeque<SiteReport>,
    /// What was said last of each subject in this session.
    told: BTreeMap<ReportSubject, SiteReport>,
    unnoted: Option<ReportSubject>,
    /// What the primary has noted, and the store has not heard of.
    noted: Vec<ReportSubject>,
    /// Stores on their way here that must be served first.
    awaited: Vec<StoreId>,
    /// Some answer depends on what comes in a store's channels.
    open: bool,
    /// The primary's feed has its conclusion at this seq.
    conclusion: Seq,
}

impl Answers {
    pub(crate) fn new() -> Answers {
        Answers {
            stale: true,
            ..Answers::default()
        }
    }

    /// A batch was applied that ends so.
    pub(crate) fn applied(&mut self, ends: &[(Channel, bool)]) {
        let open = self.may_be_open();
        self.stale |= ends.iter().any(|(channel, caught_up)| {
            *channel == Channel::Master || (open && *caught_up && channel.store().is_some())
        });
    }

    /// The primary has what was pushed up to here, durably on both ends.
    pub(crate) fn acknowledged(&mut self) {
        self.stale |= self.may_be_open();
    }

    /// Whether some answer may depend on what comes: what is being read now may say so, and have been read before it came.
    fn may_be_open(&self) -> bool {
        self.open || self.reading.is_some()
    }

    /// What is active here, on its way or to be told may have changed.
    pub(crate) fn changed(&mut self) {
        self.stale = true;
    }

    pub(crate) fn poll(&mut self, ops: &mut Ops, effects: &mut Vec<Effect<SatelliteMessage>>) {
        if self.stale && self.reading.is_none() {
            let op = ops.next();
            self.stale = false;
            self.reading = Some(op);
            let noted = std::mem::take(&mut self.noted);
            let all_given = |noted: &ReportSubject| matches!(noted, ReportSubject::GivenBack(_));
            self.all_given = noted.iter().any(all_given).then_some(op);
            effects.push(Effect::ReadReports(op, noted));
        }
        if self.unnoted.is_none()
            && let Some(report) = self.waiting.pop_front()
        {
            self.unnoted = Some(report.subject());
            self.told.insert(report.subject(), report.clone());
            effects.push(Effect::Send(SatelliteMessage::Report(report)));
        }
    }

    /// What there is to say was read: the channels to push from now on; `None` for a read that nobody waits for.
    pub(crate) fn read(&mut self, op: OpId, read: ReportsRead) -> Option<Vec<Channel>> {
        self.reading.take_if(|reading| *reading == op)?;
        self.open = read.open;
        self.awaited = read.awaited;
        let told = &self.told;
        self.waiting = read
            .reports
            .into_iter()
            .filter(|report| told.get(&report.subject()) != Some(report))
            .collect();
        Some(read.push)
    }

    /// Whether this read comes after the primary has noted that everything is given back.
    pub(crate) fn has_given_back(&self, op: OpId) -> bool {
        self.all_given == Some(op) && self.owns(op)
    }

    /// The primary has stored a report.
    pub(crate) fn noted(&mut self, noted: ReportNoted) -> Result<(), &'static str> {
        if self
            .unnoted
            .take_if(|subject| *subject == noted.subject)
            .is_none()
        {
            return Err("a report was noted that was never sent");
        }
        // What a site answered to a move is read from the move itself, as long as it lasts.
        if !matches!(noted.subject, ReportSubject::Move(..)) {
            self.told.remove(&noted.subject);
            self.noted.push(noted.subject);
            self.stale = true;
        }
        self.conclusion = self.conclusion.max(noted.seq);
        Ok(())
    }

    /// Whether nothing is left to say, hear or wait for. `served` are the channels that the primary sends, `seen` is
    /// how far its feed is known.
    pub(crate) fn settled(&self, served: impl Fn(Channel) -> bool, seen: Seq) -> bool {
        let due = self
            .awaited
            .iter()
            .flat_map(|store| Channel::of_store(*store))
            .all(served);
        let silent = !self.stale && self.reading.is_none() && self.waiting.is_empty();
        silent && self.unnoted.is_none() && due && self.conclusion <= seen
    }

    pub(crate) fn owns(&self, op: OpId) -> bool {
        self.reading == Some(op)
    }
}

/// The primary's half: stores one report at a time.
#[derive(Default)]
pub(crate) struct Notes {
    recording: Option<OpId>,
}

impl Notes {
    pub(crate) fn came(
        &mut self,
        report: SiteReport,
        ops: &mut Ops,
        effects: &mut Vec<Effect<PrimaryMessage>>,
    ) -> Result<(), &'static str> {
        if self.recording.is_some() {
            return Err("a report came before the last one was noted");
        }
        let op = ops.next();
        self.recording = Some(op);
        effects.push(Effect::RecordReport(op, report));
        Ok(())
    }

    /// A report is durable: whether anybody waits for that.
    pub(crate) fn recorded(&mut self, op: OpId) -> bool {
        self.recording.take_if(|recording| *recording == op).is_some()
    }

    pub(crate) fn owns(&self, op: OpId) -> bool {
        self.recording == Some(op)
    }
}
