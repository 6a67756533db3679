//! Work of this site that the primary has acknowledged, and whose ack was lost: what it refused of that nobody knows.

use futures::FutureExt;
use supplysync_model::{Channel, Fault, Seq, SyncId};
use supplysync_sync_core::{Cursor, Direction};

use crate::cursor;
use crate::projection::raw::by_keys;
use crate::{Queries, Store, WriteTx};

/// Of a channel, by its number: after which seq up to which there is such work.
type Gap = (i32, Seq, Seq);

/// This site's own work: what came back from the primary keeps the number that it was written with.
const OWN: &str =
    "r.channel = $1 AND r.seq > $2 AND r.seq <= $3 AND r.origin_site = $4 AND r.revision = r.seq";

impl Store {
    /// Notes what of this site's own work the primary has acknowledged up to where it says that it stands, beyond what was
    /// heard of that here (satellite). Mostly there is none, and nothing is written.
    pub async fn note_unanswered(&self, pushed: &[(Channel, Cursor)]) -> Result<(), Fault> {
        let asked = pushed.to_vec();
        let gaps = self
            .read("what was not answered", move |tx| {
                async move { tx.unanswered(&asked).await }.boxed()
            })
            .await?;
        if gaps.is_empty() {
            return Ok(());
        }
        self.write("note what was not answered", move |tx| {
            let gaps = gaps.clone();
            async move { tx.note_unanswered(&gaps).await }.boxed()
        })
        .await
    }
}

impl Queries {
    async fn unanswered(&self, pushed: &[(Channel, Cursor)]) -> Result<Vec<Gap>, Fault> {
        // What it said while it gave back, or before it had a new life, says nothing of its own work.
        if self.is_giving_back().await? || self.recovery_holding_back().await?.is_some() {
            return Ok(Vec::new());
        }
        let channels: Vec<_> = pushed.iter().map(|(channel, _)| *channel).collect();
        let totals = self.channel_totals(&channels).await?;
        let numbers = totals.values().map(|total| total.number).collect();
        let known = cursor::of_channels(self.conn(), SyncId::PRIMARY, Direction::Push, numbers).await?;
        let mut gaps = Vec::new();
        for (channel, told) in pushed {
            let (Some(total), Cursor::Following { seq: through }) = (totals.get(channel), told) else {
                continue;
            };
            let after = match known.get(&total.number) {
                Some(Cursor::Following { seq }) => *seq,
                _ => 0,
            };
            let gap = (total.number, after, *through);
            if after < *through && self.is_unnoted(gap).await? {
                gaps.push(gap);
            }
        }
        Ok(gaps)
    }

    async fn is_unnoted(&self, gap: Gap) -> Result<bool, Fault> {
        let sql = format!(
            "SELECT 1 FROM record r WHERE {OWN} AND NOT EXISTS (SELECT 1 FROM refused_work w WHERE w.kind = r.kind \
             AND w.id = r.id AND w.seq = r.seq) LIMIT 1"
        );
        Ok(self.conn().row(&sql, self.values(gap)).await?.is_some())
    }

    fn values(&self, (number, after, through): Gap) -> Vec<sea_orm::Value> {
        let here = i32::from(self.sync_id().get());
        vec![
            number.into(),
            (after as i64).into(),
            (through as i64).into(),
            here.into(),
        ]
    }
}

impl WriteTx {
    /// The primary has just what is here in these channels: it refused nothing of that.
    pub(crate) async fn all_is_taken(&mut self, channels: Vec<i32>) -> Result<(), Fault> {
        let head = "DELETE FROM refused_work WHERE unanswered AND EXISTS (SELECT 1 FROM record r \
                    WHERE r.kind = refused_work.kind AND r.id = refused_work.id AND r.channel IN ";
        let numbers = channels.into_iter().map(Into::into).collect();
        for (sql, values) in by_keys(self.conn().backend(), head, numbers) {
            self.conn().execute(format!("{sql})"), values).await?;
        }
        Ok(())
    }

    async fn note_unanswered(&mut self, gaps: &[Gap]) -> Result<(), Fault> {
        let sql = format!(
            "INSERT INTO refused_work (kind, id, seq, unanswered) SELECT r.kind, r.id, r.seq, TRUE FROM record r \
             WHERE {OWN} ON CONFLICT (kind, id) DO UPDATE SET seq = excluded.seq, unanswered = TRUE \
             WHERE refused_work.seq <> excluded.seq"
        );
        for gap in gaps {
            self.conn().execute(&sql, self.values(*gap)).await?;
        }
        Ok(())
    }
}
