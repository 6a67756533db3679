//! Statements written by hand: the feed's head, and the large multi-row ones that carry a batch.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use supplysync_model::{Chain, Checkpoint, Fault, Incarnation, Seq, SyncId, Timestamp};

use crate::fault::{damaged, database};
use crate::notice::CHANNEL;
use crate::tx::{Head, TxConn, chain_of};
use crate::{Identity, NewIdentity};

const HEAD: &str =
    "SELECT sync_id, incarnation, incarnation_random, seq, chain, chain_floor FROM feed_head WHERE id = 1";

/// The head of the snapshot.
pub(crate) async fn read_head(conn: &TxConn) -> Result<Head, Fault> {
    head_of(conn.row(HEAD, vec![]).await?)
}

/// The same, locked until the transaction ends. SQLite's IMMEDIATE transaction holds its only lock already.
pub(crate) async fn lock_head(conn: &TxConn) -> Result<Head, Fault> {
    match conn.backend() {
        DbBackend::Postgres => head_of(conn.row(format!("{HEAD} FOR UPDATE"), vec![]).await?),
        _ => read_head(conn).await,
    }
}

/// Moves the head and keeps the chain there. PostgreSQL tells every program on this database of it, at the commit: in the
/// same statement, as one more would cost one more way there and back.
pub(crate) async fn store_head(conn: &TxConn, seq: Seq, chain: Chain) -> Result<(), Fault> {
    let values = || vec![Value::from(seq as i64), Value::from(chain.0.to_vec())];
    conn.execute("UPDATE feed_head SET seq = $1, chain = $2 WHERE id = 1", values())
        .await?;
    let keep = "INSERT INTO feed_chain (seq, chain) VALUES ($1, $2)";
    let sql = match conn.backend() {
        DbBackend::Postgres => {
            format!("WITH kept AS ({keep} RETURNING seq) SELECT pg_notify('{CHANNEL}', '') FROM kept")
        }
        _ => keep.to_owned(),
    };
    conn.execute(sql, values()).await?;
    Ok(())
}

/// Keeps a peer's feed at the snapshot of what was applied of it, in the transaction that applies.
pub(crate) async fn store_checkpoint(
    conn: &TxConn,
    peer: SyncId,
    checkpoint: Checkpoint,
    now: Timestamp,
) -> Result<(), Fault> {
    let sql = "INSERT INTO peer \
               (site, checkpoint_incarnation, checkpoint_random, checkpoint_seq, checkpoint_chain, seen_at) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (site) DO UPDATE SET \
               checkpoint_incarnation = excluded.checkpoint_incarnation, \
               checkpoint_random = excluded.checkpoint_random, checkpoint_seq = excluded.checkpoint_seq, \
               checkpoint_chain = excluded.checkpoint_chain, seen_at = excluded.seen_at";
    let values = vec![
        i32::from(peer.get()).into(),
        i64::from(checkpoint.incarnation.counter).into(),
        (checkpoint.incarnation.random as i64).into(),
        (checkpoint.seq as i64).into(),
        checkpoint.chain.0.to_vec().into(),
        now.0.into(),
    ];
    conn.execute(sql, values).await.map(drop)
}

fn head_of(row: Option<QueryResult>) -> Result<Head, Fault> {
    let row = row.ok_or_else(|| damaged("no feed_head"))?;
    Ok(Head {
        sync_id: site(row.try_get_by_index(0).map_err(database)?)?,
        incarnation: incarnation(
            row.try_get_by_index(1).map_err(database)?,
            row.try_get_by_index(2).map_err(database)?,
        ),
        seq: row.try_get_by_index::<i64>(3).map_err(database)? as Seq,
        chain: chain_of(row.try_get_by_index(4).map_err(database)?)?,
        floor: row.try_get_by_index::<i64>(5).map_err(database)? as Seq,
    })
}

pub(crate) fn site(number: i32) -> Result<SyncId, Fault> {
    u16::try_from(number)
        .ok()
        .and_then(SyncId::new)
        .ok_or_else(|| damaged(format!("Sync ID {number}")))
}

pub(crate) fn incarnation(counter: Option<i64>, random: Option<i64>) -> Option<Incarnation> {
    let (counter, random) = counter.zip(random)?;
    Some(Incarnation {
        counter: counter as u32,
        random: random as u64,
    })
}

/// Whose database it is, and its head; an initialised one has both.
pub(crate) async fn read_identity<C: ConnectionTrait>(connection: &C) -> Result<(Identity, Seq), Fault> {
    let statement = Statement::from_string(
        connection.get_database_backend(),
        "SELECT seq FROM feed_head WHERE id = 1",
    );
    let row = connection.query_one_raw(statement).await.map_err(database)?;
    let row = row.ok_or_else(|| damaged("no feed_head"))?;
    let seq = row.try_get_by_index::<i64>(0).map_err(database)? as Seq;
    let identity = find_identity(connection)
        .await?
        .ok_or_else(|| damaged("no identity"))?;
    Ok((identity, seq))
}

pub(crate) async fn find_identity<C: ConnectionTrait>(connection: &C) -> Result<Option<Identity>, Fault> {
    let sql = "SELECT sync_id, site_name, incarnation, incarnation_random FROM feed_head WHERE id = 1";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let Some(row) = connection.query_one_raw(statement).await.map_err(database)? else {
        return Ok(None);
    };
    Ok(Some(Identity {
        sync_id: site(row.try_get_by_index(0).map_err(database)?)?,
        site_name: row.try_get_by_index(1).map_err(database)?,
        incarnation: incarnation(
            row.try_get_by_index(2).map_err(database)?,
            row.try_get_by_index(3).map_err(database)?,
        ),
    }))
}

pub(crate) async fn insert_identity<C: ConnectionTrait>(
    connection: &C,
    identity: &NewIdentity,
    incarnation: Option<Incarnation>,
) -> Result<(), Fault> {
    let sql = "INSERT INTO feed_head \
               (id, sync_id, site_name, incarnation, incarnation_random, seq, chain, chain_floor) \
               VALUES (1, $1, $2, $3, $4, 0, $5, 0)";
    let values = vec![
        Value::from(i32::from(identity.sync_id.get())),
        Value::from(identity.site_name.clone()),
        Value::from(incarnation.map(|i| i64::from(i.counter))),
        Value::from(incarnation.map(|i| i.random as i64)),
        Value::from(Chain::default().0.to_vec()),
    ];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    connection
        .execute_raw(statement)
        .await
        .map_err(database)
        .map(drop)
}
