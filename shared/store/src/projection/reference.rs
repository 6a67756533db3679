//! What store data refers to (P6): a stock line or transaction is projected only when all of it is here.

use std::collections::{BTreeMap, HashSet};

use sea_orm::Value;
use supplysync_model::{Fault, Kind, Record, RecordId, RecordKey};
use supplysync_record_codec::RecordBody;

use super::code::bytes;
use super::parked::Why;
use super::raw::by_keys;
use crate::TxConn;
use crate::fault::{damaged, database};

type Readable<'a> = (&'a Record, &'a RecordBody);

/// Splits records into those with everything there and those that wait. A tombstone counts as there: a transaction
/// may outlive its stock line. What is itself parked does not, nor what `waiting` lists.
pub(super) async fn complete<'a>(
    conn: &TxConn,
    records: Vec<Readable<'a>>,
    waiting: &[(RecordKey, Why)],
    any_parked: bool,
) -> Result<(Vec<Readable<'a>>, Vec<(RecordKey, Why)>), Fault> {
    let mut wanted: BTreeMap<Kind, HashSet<RecordId>> = BTreeMap::new();
    for (_, body) in &records {
        for key in references(body) {
            wanted.entry(key.kind).or_default().insert(key.id);
        }
    }
    let mut there = HashSet::new();
    for (kind, ids) in wanted {
        let held = "SELECT id FROM record WHERE kind = ";
        let found = ids_in(conn, held, kind, &ids).await?;
        let mut found: HashSet<_> = found.into_iter().map(|id| RecordKey { kind, id }).collect();
        if any_parked {
            for id in ids_in(conn, "SELECT id FROM parked WHERE kind = ", kind, &ids).await? {
                found.remove(&RecordKey { kind, id });
            }
        }
        there.extend(found);
    }
    for (key, _) in waiting {
        there.remove(key);
    }
    let mut whole = Vec::with_capacity(records.len());
    let mut late = Vec::new();
    for (record, body) in records {
        match references(body).into_iter().find(|key| !there.contains(key)) {
            None => whole.push((record, body)),
            Some(missing) => late.push((record.key, Why::missing(missing))),
        }
    }
    Ok((whole, late))
}

/// What a body of store data refers to; master data may refer to what comes later in its own channel.
pub(crate) fn references(body: &RecordBody) -> Vec<RecordKey> {
    let key = |kind, id| RecordKey { kind, id };
    match body {
        RecordBody::StockLine(line) => {
            let mut all = vec![
                key(Kind::STORE, line.store.into()),
                key(Kind::ITEM, line.item.into()),
            ];
            all.extend(line.supplier.map(|name| key(Kind::NAME, name.into())));
            all
        }
        RecordBody::Transaction(transaction) => {
            let mut all = vec![key(Kind::STORE, transaction.store.into())];
            all.extend(transaction.other_party.map(|name| key(Kind::NAME, name.into())));
            for line in &transaction.lines {
                all.push(key(Kind::ITEM, line.item.into()));
                all.extend(line.stock_line.map(|stock| key(Kind::STOCK_LINE, stock.into())));
            }
            all
        }
        _ => Vec::new(),
    }
}

async fn ids_in(
    conn: &TxConn,
    head: &str,
    kind: Kind,
    ids: &HashSet<RecordId>,
) -> Result<Vec<RecordId>, Fault> {
    let keys: Vec<Value> = ids.iter().map(|id| bytes(id.to_bytes())).collect();
    let mut found = Vec::with_capacity(ids.len());
    for (sql, values) in by_keys(conn.backend(), &format!("{head}{} AND id IN ", kind.0), keys) {
        for row in conn.rows(sql, values).await? {
            let id: Vec<u8> = row.try_get_by_index(0).map_err(database)?;
            let id = id
                .try_into()
                .map_err(|_| damaged("a record id that is not 16 bytes long"))?;
            found.push(RecordId::from_bytes(id));
        }
    }
    Ok(found)
}
