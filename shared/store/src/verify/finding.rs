//! What a verification finds: what is wrong, with which record, and in words for a person.

use supplysync_model::{Channel, RecordKey};

use super::Counted;

/// Findings that are kept; the rest are counted.
const KEPT: usize = 100;

/// What kind of thing is wrong: what can be done about it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The records of a channel are not those that its digest counts.
    Books,
    /// A record is not what its hash says.
    Content,
    /// The row of a record in the typed tables is missing, differs, or should not be there.
    Row,
    /// A row in the typed tables that no record accounts for.
    Stray,
    /// Stock that its movements do not add up to.
    Movements,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub flaw: Flaw,
    /// The channel, when it is known.
    pub channel: Option<Channel>,
    /// The record, when it is about one.
    pub record: Option<RecordKey>,
    /// What is wrong, in words.
    pub message: String,
    /// What was counted, where that is what is wrong.
    pub(crate) counted: Option<Counted>,
}

impl Finding {
    pub(super) fn new(
        flaw: Flaw,
        channel: Option<Channel>,
        record: Option<RecordKey>,
        message: impl Into<String>,
    ) -> Finding {
        Finding {
            flaw,
            channel,
            record,
            message: message.into(),
            counted: None,
        }
    }
}

/// Findings as they come; only the first hundred are kept, and those of the last step.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    fresh: Vec<Finding>,
    total: u64,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        self.total += 1;
        if self.kept.len() < KEPT {
            self.kept.push(finding.clone());
        }
        self.fresh.push(finding);
    }

    pub(super) fn take_fresh(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.fresh)
    }

    pub(super) fn into_parts(self) -> (Vec<Finding>, u64) {
        (self.kept, self.total)
    }
}
