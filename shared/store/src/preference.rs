//! The local key/value table: what only this database knows, such as hashes of secrets. Never synchronised.

use supplysync_model::Fault;

use crate::fault::database;
use crate::{Queries, WriteTx};

impl Queries {
    /// A value of the local key/value table; never synchronised.
    pub async fn preference(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let row = self
            .conn()
            .row("SELECT value FROM preference WHERE key = $1", vec![key.into()])
            .await?;
        row.map(|row| row.try_get_by_index(0).map_err(database))
            .transpose()
    }
}

impl WriteTx {
    /// Sets a value of the local key/value table.
    pub async fn set_preference(&mut self, key: &str, value: Vec<u8>) -> Result<(), Fault> {
        let sql = "INSERT INTO preference (key, value) VALUES ($1, $2) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.conn()
            .execute(sql, vec![key.into(), value.into()])
            .await
            .map(drop)
    }
}
