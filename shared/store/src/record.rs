//! One record by its key, as stored. Pages of them are in `page`, what is asked of their projections in `query`.

use supplysync_model::{Fault, Record, RecordKey, Seq};

use crate::Queries;
use crate::fault::database;
use crate::projection::{RECORD_COLUMNS, stored_record};

/// A record with its place in this site's feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The record.
    pub record: Record,
    /// This site's own seq for it.
    pub seq: Seq,
}

impl Queries {
    /// One record with its body, deleted ones included.
    pub async fn get_record(&self, key: RecordKey) -> Result<Option<StoredRecord>, Fault> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS} FROM record r JOIN channel c ON c.number = r.channel \
             WHERE r.kind = $1 AND r.id = $2"
        );
        let values = vec![i32::from(key.kind.0).into(), key.id.to_bytes().to_vec().into()];
        let Some(row) = self.conn().row(sql, values).await? else {
            return Ok(None);
        };
        let seq = row.try_get_by_index::<i64>(10).map_err(database)? as Seq;
        Ok(Some(StoredRecord {
            record: stored_record(&row)?,
            seq,
        }))
    }
}
