//! What was refused and is kept, readable.

use sea_orm::QueryResult;
use supplysync_model::{Channel, Epoch, Fault, Kind, RecordKey, Seq, StoreId, SyncId, Timestamp};
use supplysync_record_codec::RecordBody;
use uuid::Uuid;

use super::column;
use super::page::{PageOf, PageQuery, cut, place};
use crate::fault::damaged;
use crate::held::record_id;
use crate::{Queries, TxConn, raw};

const COLUMNS: &str = "q.id, q.kind, q.record_id, c.name, q.from_site, q.reason, q.at, q.origin_site, q.epoch, \
    q.revision, q.schema, q.deleted, q.body, q.asked_by, q.proposed_to, q.answer, q.former";

/// A change in open quarantine.
#[derive(Debug, Clone, PartialEq)]
pub struct Quarantined {
    /// Names this entry.
    pub id: Uuid,
    /// The record that was to change.
    pub key: RecordKey,
    /// Its channel.
    pub channel: Channel,
    /// Who sent it.
    pub from_site: SyncId,
    /// Why it was refused (a [`supplysync_model::Reason`]).
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// The site that wrote it.
    pub origin_site: SyncId,
    /// The ownership it was written under.
    pub epoch: Epoch,
    /// The owner's seq when it was written.
    pub revision: Seq,
    /// Whether it deletes.
    pub deleted: bool,
    /// What it says; `None` when this version can't read it or there is nothing to read.
    pub body: Option<RecordBody>,
    /// Who asked that it be accepted, if that is not decided.
    pub asked_by: Option<String>,
    /// The site that it was put to, and that has not answered.
    pub proposed_to: Option<SyncId>,
    /// What the owner said when it refused it last.
    pub answer: Option<String>,
    /// Whether a former life of the sender's database sent it: the sender need not have it any more.
    pub former: bool,
}

impl Queries {
    /// A page of open quarantine, oldest first, of one store if asked.
    pub async fn list_quarantine(
        &self,
        store: Option<StoreId>,
        page: &PageQuery,
    ) -> Result<PageOf<Quarantined>, Fault> {
        let mut values = Vec::new();
        let mut condition = "q.resolved_at IS NULL".to_owned();
        if let Some(store) = store {
            values.extend(Channel::of_store(store).map(|channel| channel.to_string().into()));
            condition.push_str(" AND c.name IN ($1, $2)");
        }
        if let Some([after]) = page.place_of_ids(1)?.as_deref() {
            values.push(after.clone().into());
            condition.push_str(&format!(" AND q.id > ${}", values.len()));
        }
        let limit = page.limit();
        let sql = format!(
            "SELECT {COLUMNS} FROM quarantine q JOIN channel c ON c.number = q.channel \
             WHERE {condition} ORDER BY q.id LIMIT {}",
            limit + 1
        );
        let rows = self.conn().rows(sql, values).await?;
        let rows = rows.iter().map(quarantined).collect::<Result<Vec<_>, _>>()?;
        let (rows, next) = cut(rows, limit, |row| place(&[], &[row.id.as_bytes()]));
        Ok(PageOf { rows, next })
    }

    /// One entry of open quarantine.
    pub async fn find_quarantined(&self, id: Uuid) -> Result<Option<Quarantined>, Fault> {
        let sql = format!(
            "SELECT {COLUMNS} FROM quarantine q JOIN channel c ON c.number = q.channel \
             WHERE q.resolved_at IS NULL AND q.id = $1"
        );
        let row = self.conn().row(sql, vec![id.as_bytes().to_vec().into()]).await?;
        row.as_ref().map(quarantined).transpose()
    }

    /// Open quarantine of one record, at most 100 entries.
    pub(super) async fn quarantine_of(&self, key: RecordKey) -> Result<Vec<Quarantined>, Fault> {
        let sql = format!(
            "SELECT {COLUMNS} FROM quarantine q JOIN channel c ON c.number = q.channel \
             WHERE q.resolved_at IS NULL AND q.kind = $1 AND q.record_id = $2 ORDER BY q.id LIMIT 100"
        );
        let values = vec![i32::from(key.kind.0).into(), key.id.to_bytes().to_vec().into()];
        self.conn()
            .rows(sql, values)
            .await?
            .iter()
            .map(quarantined)
            .collect()
    }

    /// How many changes are in open quarantine, and how many records are parked.
    pub async fn set_aside(&self) -> Result<(u64, u64), Fault> {
        let conn = self.conn();
        let quarantined = count(conn, "SELECT COUNT(*) FROM quarantine WHERE resolved_at IS NULL").await?;
        Ok((quarantined, count(conn, "SELECT COUNT(*) FROM parked").await?))
    }
}

async fn count(conn: &TxConn, sql: &str) -> Result<u64, Fault> {
    let row = conn
        .row(sql, vec![])
        .await?
        .ok_or_else(|| damaged("a count without a row"))?;
    Ok(column::<i64>(&row, 0)? as u64)
}

fn quarantined(row: &QueryResult) -> Result<Quarantined, Fault> {
    let id: Vec<u8> = column(row, 0)?;
    let name: String = column(row, 3)?;
    let kind = Kind(column::<i32>(row, 1)? as u16);
    let body: Vec<u8> = column(row, 12)?;
    Ok(Quarantined {
        id: Uuid::from_slice(&id).map_err(|_| damaged("a quarantine id that is not 16 bytes long"))?,
        key: RecordKey {
            kind,
            id: record_id(column(row, 2)?)?,
        },
        channel: name
            .parse()
            .map_err(|_| damaged(format!("the channel {name:?}")))?,
        from_site: raw::site(column(row, 4)?)?,
        reason: column(row, 5)?,
        at: Timestamp(column(row, 6)?),
        origin_site: raw::site(column(row, 7)?)?,
        epoch: Epoch::from_packed(column::<i64>(row, 8)? as u64),
        revision: column::<i64>(row, 9)? as Seq,
        deleted: column(row, 11)?,
        body: RecordBody::decode(kind, column::<i32>(row, 10)? as u32, &body).ok(),
        asked_by: column(row, 13)?,
        proposed_to: column::<Option<i32>>(row, 14)?.map(raw::site).transpose()?,
        answer: column(row, 15)?,
        former: column(row, 16)?,
    })
}
