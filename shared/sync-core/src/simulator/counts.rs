//! How often each operation and each fault really happened: a simulator that never cuts a link proves nothing.

use std::fmt;

macro_rules! deeds {
    ($($name:ident = $text:literal,)*) => {
        /// Something that a seed may do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Deed { $(#[doc = $text] $name,)* }

        const DEEDS: &[(Deed, &str)] = &[$((Deed::$name, $text),)*];
    };
}

deeds! {
    MasterEdited = "master data edited",
    MasterRetired = "master data retired",
    StoreEdited = "store data edited",
    StoreDeleted = "store data deleted",
    WriteRefused = "write refused where not owner",
    CopyGranted = "copy granted",
    CopyWithdrawn = "copy withdrawn",
    StoreAssigned = "store assigned",
    MoveBegun = "move of a store begun",
    MoveLoaded = "move loaded by its new site",
    MoveCancelled = "move cancelled",
    MoveForced = "move forced",
    MoveAborted = "move aborted by its old site",
    StoreMoved = "store moved",
    WrittenWhileLost = "written under a lost ownership",
    SyncedNow = "sync asked for now",
    ModeChanged = "live or interval changed",
    Stopped = "site stopped in order",
    Started = "site started",
    SessionReady = "session ready",
    SessionDrained = "session drained",
    SessionFenced = "session fenced",
    BatchApplied = "batch applied",
    LoadPageApplied = "page of a load applied",
    BegunAtHandOver = "copy begun at the hand-over of its store",
    DuplicateApplied = "duplicate record acknowledged",
    ChangeQuarantined = "change quarantined",
    LocalWorkKept = "local work kept aside",
    DifferenceExplained = "difference explained by quarantine",
    DifferenceReported = "difference reported",
    CursorForgotten = "cursors forgotten",
    CompletionStale = "completion without its session",
    OperationFailed = "operation of a store failed",
    CrashBeforePersist = "crash before a persist",
    CrashAfterPersist = "crash after a persist",
    CrashBeforeSend = "crash before a send",
    CrashAfterSend = "crash after a send",
    CrashAnywhere = "crash between events",
    LinkCut = "link cut",
    LinkHalfOpen = "link left half open",
    LinkSilent = "silence noticed",
    NetworkDown = "dial without a network",
    FrameDuplicated = "frame duplicated",
    AckLost = "ack lost",
    WroteUnderStaleEpoch = "written under a stale epoch",
    CopySpoiled = "copy edited behind the product's back",
    Restored = "satellite restored from a backup",
    Cloned = "satellite cloned",
    RecoveryAsked = "database chosen to go on",
    LifeBegun = "new life of a database begun",
    RecordRenewed = "record written anew in a recovery",
    RecoveryDone = "recovery done",
    PrimaryLost = "database of the primary put back",
    TakenAway = "store taken from a site that had just written there",
    LifeMet = "later life of the primary met",
    Waived = "site waived that had not given back",
    LineageBroken = "lineage found broken",
    AnswerLost = "operation of a store carried out, its answer lost",
    DiskFilled = "disk full",
    PersistWithoutRoom = "persist without room",
    WriteWithoutRoom = "write of a person without room",
    ReaderSlowed = "reader slowed down",
    ApplierSlowed = "site slow to apply",
    FrameReadLate = "frame read late",
    PersistSlow = "slow persist",
    ClockSetForth = "clock set forth",
    ClockSetBack = "clock set back",
    RecordPoisoned = "record poisoned",
    PoisonSent = "poison sent",
    PoisonSetAside = "poison set aside",
    WrittenInNewerSchema = "record written in a newer schema",
    ParkedApplied = "record applied that the receiver can't read",
    Upgraded = "program upgraded",
    ProgramReplaced = "program of some protocol put in place",
    ProtocolRefused = "session ended without a common protocol",
    SiteAdded = "site added",
    SiteRemoved = "site removed",
    SyncIdUsedAgain = "Sync ID used again",
    ReplicaStalled = "replica of the primary stalled",
    HeardLate = "event heard late by a stalled replica",
    WokeWithoutLease = "replica woke up when another session had the lease",
}

/// One count for each deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts([u64; DEEDS.len()]);

impl Default for Counts {
    fn default() -> Counts {
        Counts([0; DEEDS.len()])
    }
}

impl Counts {
    /// Counts one.
    pub fn count(&mut self, deed: Deed) {
        self.add(deed, 1);
    }

    /// Counts some.
    pub fn add(&mut self, deed: Deed, times: u64) {
        self.0[deed as usize] += times;
    }

    /// How often it happened.
    pub fn of(&self, deed: Deed) -> u64 {
        self.0[deed as usize]
    }

    /// Adds those of another seed.
    pub fn merge(&mut self, other: &Counts) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// What never happened.
    pub fn never(&self) -> Vec<&'static str> {
        let never = DEEDS.iter().filter(|(deed, _)| self.0[*deed as usize] == 0);
        never.map(|(_, text)| *text).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (deed, text) in DEEDS {
            writeln!(f, "{:>10}  {text}", self.0[*deed as usize])?;
        }
        Ok(())
    }
}
