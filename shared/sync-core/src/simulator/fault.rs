//! The kinds of faults that a seed may have, by name: each can be switched off by itself.

use std::fmt;
use std::str::FromStr;

macro_rules! faults {
    ($($name:ident = $word:literal, $text:literal;)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault { $(#[doc = $text] $name,)* }

        /// All of them, with their names.
        pub const FAULTS: &[(Fault, &str)] = &[$((Fault::$name, $word),)*];
    };
}

faults! {
    CrashAtPersist = "persist-crashes", "A crash at a persist, before or after it.";
    CrashAtSend = "send-crashes", "A crash at a send, before or after it.";
    Duplicate = "duplicates", "A frame comes twice.";
    LoseAck = "lost-acks", "An ack is lost with its link.";
    Fail = "failures", "An operation of a store fails.";
    Misfortune = "misfortune", "Crashes, cuts, restores, clones, records edited behind the product's back.";
    AnswerLost = "lost-answers", "An operation of a store is carried out, and its answer is lost.";
    Disk = "full-disks", "A site's disk is full for a while.";
    Slow = "slow-readers", "A site reads its link late, and takes long to apply.";
    Clock = "clocks", "A site's clock is set forth or back.";
    Poison = "poison", "A record comes so that its receiver can't read it.";
    Schema = "schemas", "Programs of two ages, and records that the older one can't read.";
    Protocol = "protocols", "A site's program speaks another version of the protocol.";
    Roster = "roster", "Sites are added, removed, and their Sync IDs used again.";
    Moves = "moves", "Stores are moved, and moves cancelled, forced and aborted, much more often than else.";
    Replica = "replicas", "Two programs of the primary on one database, of which one stalls.";
    PrimaryLost = "lost-primary", "The primary's database is lost, and an older one of it goes on.";
}

/// Some kinds of faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultSet(u32);

impl FaultSet {
    /// Whether a kind is among them.
    pub fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u32) != 0
    }

    /// The same with one more.
    #[must_use]
    pub fn with(self, fault: Fault) -> FaultSet {
        FaultSet(self.0 | 1 << fault as u32)
    }

    /// The same without those of another set.
    #[must_use]
    pub fn without(self, others: FaultSet) -> FaultSet {
        FaultSet(self.0 & !others.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        let all = FAULTS.iter().map(|(fault, _)| *fault);
        all.filter(move |fault| self.has(*fault))
    }
}

impl fmt::Display for FaultSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = FAULTS.iter().filter(|(fault, _)| self.has(*fault));
        let names: Vec<_> = names.map(|(_, name)| *name).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for FaultSet {
    type Err = String;

    fn from_str(text: &str) -> Result<FaultSet, String> {
        text.split(',').try_fold(FaultSet::default(), |set, word| {
            let known = FAULTS.iter().find(|(_, name)| *name == word);
            let (fault, _) = known.ok_or_else(|| format!("{word:?} is no kind of fault"))?;
            Ok(set.with(*fault))
        })
    }
}
