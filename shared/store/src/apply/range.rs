//! Load pages replace whole key ranges: what is held in a range and did not come is left over, and goes.

use std::collections::{BTreeMap, HashSet};

use supplysync_model::{Assignment, Fault, RecordKey, StoreId};
use supplysync_sync_core::{ApplyRequest, Cursor, Part};

use super::judge::is_own;
use crate::WriteTx;
use crate::held::{self, Held};

/// Records looked at a time.
pub(super) const PAGE: usize = 2_500;

impl WriteTx {
    /// What is held in the ranges that this batch replaces and does not come in it.
    pub(super) async fn leftovers(
        &self,
        request: &ApplyRequest,
        assignments: &BTreeMap<StoreId, Assignment>,
    ) -> Result<Vec<(RecordKey, Held)>, Fault> {
        let mut left = Vec::new();
        for part in &request.parts {
            let assignment = part.channel.store().and_then(|store| assignments.get(&store));
            if is_own(request, self.sync_id(), assignment) {
                continue;
            }
            let Some((after, through)) = range(part) else {
                continue;
            };
            let Some(number) = self.channel_number(part.channel).await? else {
                continue;
            };
            let came: HashSet<_> = part.records.iter().map(|record| record.key).collect();
            let mut after = after;
            loop {
                let page = held::in_range(self.conn(), number, after, through, PAGE).await?;
                let full = page.len() == PAGE;
                after = page.last().map(|(key, _)| *key);
                left.extend(page.into_iter().filter(|(key, _)| !came.contains(key)));
                if !full {
                    break;
                }
            }
        }
        Ok(left)
    }
}

/// The range of keys that a part replaces: exclusive below, inclusive above, `None` for no bound; or no range at all.
pub(super) fn range(part: &Part) -> Option<(Option<RecordKey>, Option<RecordKey>)> {
    let after = match part.from {
        None => None,
        Some(Cursor::Loading { last, .. }) => last,
        Some(Cursor::Following { .. }) => return None,
    };
    match part.through {
        Cursor::Loading { last, .. } => Some((after, last)),
        Cursor::Following { .. } => Some((after, None)),
    }
}
