//! Stores whose data this site routes without keeping a copy: their records are here, and have no rows.

use std::collections::HashSet;

use supplysync_model::{Channel, Fault, StoreId};

use super::code::{self, bytes};
use super::{Projected, rebuild};
use crate::fault::database;
use crate::{Queries, TxConn, WriteTx};

/// The stores that are not kept; one that is not named is, so that a new store is kept.
pub(crate) const NOT_KEPT: &[&str] = &["CREATE TABLE store_not_kept (store_id BLOB NOT NULL PRIMARY KEY)"];

/// Takes out what belongs to a store that is not kept. Read in the transaction that applies.
pub(super) async fn leave_out<'a>(
    conn: &TxConn,
    mut changes: Vec<Projected<'a>>,
) -> Result<Vec<Projected<'a>>, Fault> {
    if changes
        .iter()
        .all(|change| change.record.channel.store().is_none())
    {
        return Ok(changes);
    }
    let stores = not_kept(conn).await?;
    changes.retain(|change| {
        let store = change.record.channel.store();
        !store.is_some_and(|store| stores.contains(&store))
    });
    Ok(changes)
}

async fn not_kept(conn: &TxConn) -> Result<HashSet<StoreId>, Fault> {
    let rows = conn.rows("SELECT store_id FROM store_not_kept", vec![]).await?;
    rows.iter()
        .map(|row| code::id(row.try_get_by_index(0).map_err(database)?))
        .collect()
}

impl Queries {
    /// The stores whose data this site routes without keeping it.
    pub async fn not_kept(&self) -> Result<HashSet<StoreId>, Fault> {
        not_kept(self.conn()).await
    }
}

impl WriteTx {
    /// Stops keeping a store's data: its rows go, its records stay and are routed as before.
    pub async fn stop_keeping(&mut self, store: StoreId) -> Result<(), Fault> {
        let conn = self.conn();
        conn.execute(
            "INSERT INTO store_not_kept (store_id) VALUES ($1) ON CONFLICT DO NOTHING",
            vec![bytes(store.to_bytes())],
        )
        .await?;
        empty(conn, store).await
    }

    /// Keeps a store's data again, with rows for every record that came meanwhile.
    pub async fn keep_again(&mut self, store: StoreId) -> Result<(), Fault> {
        let conn = self.conn();
        conn.execute(
            "DELETE FROM store_not_kept WHERE store_id = $1",
            vec![bytes(store.to_bytes())],
        )
        .await?;
        empty(conn, store).await?;
        rebuild::rebuild_store(conn, store).await
    }
}

async fn empty(conn: &TxConn, store: StoreId) -> Result<(), Fault> {
    let id = || vec![bytes(store.to_bytes())];
    for sql in [
        "DELETE FROM stock_transaction_line WHERE transaction_id IN \
         (SELECT id FROM stock_transaction WHERE store_id = $1)",
        "DELETE FROM stock_transaction WHERE store_id = $1",
        "DELETE FROM stock_line WHERE store_id = $1",
    ] {
        conn.execute(sql, id()).await?;
    }
    let channels = vec![
        Channel::StoreStock(store).to_string().into(),
        Channel::StoreHistory(store).to_string().into(),
    ];
    let parked = "DELETE FROM parked WHERE EXISTS (SELECT 1 FROM record r JOIN channel c ON c.number = r.channel \
                  WHERE r.kind = parked.kind AND r.id = parked.id AND c.name IN ($1, $2))";
    conn.execute(parked, channels).await.map(drop)
}
