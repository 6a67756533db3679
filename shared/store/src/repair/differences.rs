//! A copy that was found to differ, with nothing to explain it, is repaired without being asked: once. One that differs still
//! is left to a person.

use supplysync_model::{Fault, Timestamp};
use supplysync_sync_core::Cursor;

use super::{Asked, Repair, RepairOrder, RepairState};
use crate::query::CursorRow;
use crate::{Queries, Store, WriteTx};

/// A copy is not repaired again by itself before so much time is gone.
const AGAIN_AFTER: u64 = 24 * 60 * 60 * 1000;

impl Store {
    /// Begins the repair of every copy that was compared and differs unexplained, where that was not tried already; calls
    /// off what is no longer possible. What was begun.
    pub async fn repair_differences(&self) -> Result<Vec<RepairOrder>, Fault> {
        let due = self.read("look for differences", |tx| {
            Box::pin(async move {
                let any = tx.any_different_or_open().await?;
                Ok(any && (!tx.different().await?.is_empty() || !tx.outdated().await?.is_empty()))
            })
        });
        if !due.await? {
            return Ok(Vec::new());
        }
        self.write("repair differences", |tx| Box::pin(tx.repair_differences()))
            .await
    }
}

impl Queries {
    /// Whether there is anything to look at more closely: cheap, as it is asked again and again.
    async fn any_different_or_open(&self) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM cursor WHERE equal = FALSE \
                   UNION ALL SELECT 1 FROM repair WHERE ended_at IS NULL LIMIT 1";
        Ok(self.conn().row(sql, vec![]).await?.is_some())
    }

    /// The copies to repair now.
    async fn different(&self) -> Result<Vec<RepairOrder>, Fault> {
        let cursors = self.cursors().await?;
        if !cursors.iter().any(differs) {
            return Ok(Vec::new());
        }
        let repairs = self.repairs().await?;
        let due = cursors.iter().filter(|row| differs(row)).filter(|row| {
            let last = repairs
                .iter()
                .find(|repair| repair.peer == row.peer && repair.channel == row.channel);
            may_begin(last, self.now())
        });
        let orders = due.map(|row| RepairOrder {
            channel: row.channel,
            from: row.peer,
        });
        Ok(orders.collect())
    }

    /// Repairs of copies that do not come from there any more.
    async fn outdated(&self) -> Result<Vec<Repair>, Fault> {
        let mut open = self.repairs().await?;
        open.retain(|repair| repair.state == RepairState::Open);
        if open.is_empty() {
            return Ok(open);
        }
        let sources = self.sources().await?;
        open.retain(|repair| {
            !sources
                .iter()
                .any(|order| order.channel == repair.channel && order.from == repair.peer)
        });
        Ok(open)
    }
}

impl WriteTx {
    async fn repair_differences(&mut self) -> Result<Vec<RepairOrder>, Fault> {
        for repair in self.outdated().await? {
            self.call_off_repair(&repair).await?;
        }
        let due = self.different().await?;
        self.ask_repairs(due.into_iter().map(|order| order.channel), &Asked::ByItself)
            .await
    }
}

fn differs(row: &CursorRow) -> bool {
    let differs = row.compared.is_some_and(|compared| !compared.equal);
    row.we_receive && differs && matches!(row.cursor, Cursor::Following { .. })
}

/// Once; again only for a difference that came after a repair that ended well, and not more often than once a day.
fn may_begin(last: Option<&Repair>, now: Timestamp) -> bool {
    let Some(last) = last else {
        return true;
    };
    match last.state {
        RepairState::Open | RepairState::Different(_) => false,
        RepairState::Equal(_) | RepairState::CalledOff(_) => now.millis_since(last.begun_at) >= AGAIN_AFTER,
    }
}

#[cfg(test)]
mod tests {
    use supplysync_model::{Channel, SyncId};

    use super::*;

    #[test]
    fn what_a_repair_did_not_mend_is_left_to_a_person() {
        let repair = |state| Repair {
            peer: SyncId::PRIMARY,
            channel: Channel::Master,
            number: 1,
            begun_at: Timestamp(1_000),
            asked_by: None,
            replaced: 0,
            removed: 0,
            state,
        };
        let soon = Timestamp(1_000 + 60_000);
        let later = Timestamp(1_000 + AGAIN_AFTER as i64);
        assert!(may_begin(None, soon));
        for state in [RepairState::Open, RepairState::Different(soon)] {
            assert!(!may_begin(Some(&repair(state)), later), "{state:?}");
        }
        for state in [RepairState::Equal(soon), RepairState::CalledOff(soon)] {
            assert!(!may_begin(Some(&repair(state)), soon), "{state:?}");
            assert!(may_begin(Some(&repair(state)), later), "{state:?}");
        }
    }
}
