//! Transactions: the only place where one begins. A write locks the feed's head first and extends the chain once.

use std::ops::{Deref, DerefMut};

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseTransaction, DbBackend, IsolationLevel, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
};
use supplysync_model::{Chain, Checkpoint, Fault, Incarnation, RecordHash, Seq, SyncId, Timestamp, uuid_v7};
use supplysync_sync_core::extend_chain;
use uuid::Uuid;

use crate::channel::ChannelNumbers;
use crate::fault::{damaged, database};
use crate::moves::Stood;
use crate::notice::{CHANNEL, Notice};
use crate::store::Inner;
use crate::witness::Testimony;
use crate::{StoreDeps, raw};

/// An open transaction, as projections and queries receive it.
pub struct TxConn {
    tx: DatabaseTransaction,
}

impl TxConn {
    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        self.tx.get_database_backend()
    }

    /// For entities and SeaQuery statements.
    pub fn orm(&self) -> &DatabaseTransaction {
        &self.tx
    }

    /// Runs a statement; the number of rows it changed. Parameters are `$1`, `$2`, … in both databases, except in
    /// the large statements of `raw`.
    pub async fn execute(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<u64, Fault> {
        let result = self.tx.execute_raw(self.statement(sql, values)).await;
        Ok(result.map_err(database)?.rows_affected())
    }

    /// All rows of a query; the query itself says how many at most.
    pub async fn rows(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<QueryResult>, Fault> {
        self.tx
            .query_all_raw(self.statement(sql, values))
            .await
            .map_err(database)
    }

    /// The first row of a query.
    pub async fn row(
        &self,
        sql: impl Into<String>,
        values: Vec<Value>,
    ) -> Result<Option<QueryResult>, Fault> {
        self.tx
            .query_one_raw(self.statement(sql, values))
            .await
            .map_err(database)
    }

    fn statement(&self, sql: impl Into<String>, values: Vec<Value>) -> Statement {
        Statement::from_sql_and_values(self.backend(), sql, values)
    }
}

/// The feed's head as the transaction sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub sync_id: SyncId,
    pub incarnation: Option<Incarnation>,
    pub seq: Seq,
    pub chain: Chain,
    pub floor: Seq,
}

impl Head {
    /// As the peer is told; `None` before the database has an incarnation.
    pub(crate) fn checkpoint(&self) -> Option<Checkpoint> {
        self.incarnation.map(|incarnation| Checkpoint {
            incarnation,
            seq: self.seq,
            chain: self.chain,
        })
    }
}

/// What a read and a write transaction offer alike.
pub struct Queries {
    pub(crate) conn: TxConn,
    pub(crate) head: Head,
    pub(crate) numbers: ChannelNumbers,
    pub(crate) stood: Stood,
    now: Timestamp,
}

impl Queries {
    /// The connection, for statements.
    pub fn conn(&self) -> &TxConn {
        &self.conn
    }

    /// This site.
    pub fn sync_id(&self) -> SyncId {
        self.head.sync_id
    }

    /// When the transaction began.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}

/// A read transaction: one snapshot.
pub struct ReadTx {
    queries: Queries,
}

impl Deref for ReadTx {
    type Target = Queries;
    fn deref(&self) -> &Queries {
        &self.queries
    }
}

impl DerefMut for ReadTx {
    fn deref_mut(&mut self) -> &mut Queries {
        &mut self.queries
    }
}

impl ReadTx {
    pub(crate) async fn begin(store: &Inner) -> Result<ReadTx, Fault> {
        let options = match store.pools.backend {
            DbBackend::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                sqlite_transaction_mode: None,
            },
            // The snapshot of a deferred transaction is that of its first read, the head below.
            _ => TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
                ..TransactionOptions::default()
            },
        };
        let tx = store
            .pools
            .readers
            .begin_with_options(options)
            .await
            .map_err(database)?;
        let conn = TxConn { tx };
        let head = raw::read_head(&conn).await?;
        let now = store.deps.clock.now();
        Ok(ReadTx {
            queries: Queries {
                conn,
                head,
                numbers: store.numbers.clone(),
                stood: store.stood.clone(),
                now,
            },
        })
    }

    pub(crate) async fn end(self) -> Result<(), Fault> {
        self.queries.conn.tx.rollback().await.map_err(database)
    }
}

/// A write transaction, holding the feed's lock from its first statement to its end.
pub struct WriteTx {
    queries: Queries,
    pub(crate) deps: StoreDeps,
    /// Hashes of what was written, in seq order, for the chain.
    written: Vec<RecordHash>,
    /// Channels that this transaction gave numbers to.
    pub(crate) new_numbers: Vec<(supplysync_model::Channel, i32)>,
    /// What others on this database are told with the commit.
    notices: Vec<Notice>,
    /// What the witness is told after it, if there is one.
    pub(crate) testimony: Option<Testimony>,
}

impl Deref for WriteTx {
    type Target = Queries;
    fn deref(&self) -> &Queries {
        &self.queries
    }
}

impl DerefMut for WriteTx {
    fn deref_mut(&mut self) -> &mut Queries {
        &mut self.queries
    }
}

impl WriteTx {
    pub(crate) async fn begin(store: &Inner) -> Result<WriteTx, Fault> {
        let options = match store.pools.backend {
            DbBackend::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::ReadCommitted),
                ..TransactionOptions::default()
            },
            _ => TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            },
        };
        let testimony = store.witness.get().map(Testimony::begin);
        let tx = store
            .pools
            .writer
            .begin_with_options(options)
            .await
            .map_err(database)?;
        let conn = TxConn { tx };
        let head = raw::lock_head(&conn).await?;
        let now = store.deps.clock.now();
        Ok(WriteTx {
            queries: Queries {
                conn,
                head,
                numbers: store.numbers.clone(),
                stood: store.stood.clone(),
                now,
            },
            deps: store.deps.clone(),
            written: Vec::new(),
            new_numbers: Vec::new(),
            notices: Vec::new(),
            testimony,
        })
    }

    /// A fresh UUIDv7.
    pub fn new_id(&self) -> Uuid {
        uuid_v7(self.now, self.deps.random.as_ref())
    }

    /// Has every program on this database told once this is committed. Changes of records need none: the head tells of them.
    pub fn notify(&mut self, notice: Notice) {
        if self.conn().backend() == DbBackend::Postgres && !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// The next seq, for a record with this hash. Every seq that is taken is written, or the transaction fails.
    pub(crate) fn take_seq(&mut self, hash: RecordHash) -> Seq {
        self.queries.head.seq += 1;
        self.written.push(hash);
        self.queries.head.seq
    }

    /// Extends the chain, commits, and returns the new head (unchanged when no record was written). The head that
    /// `self` shows afterwards is what peers are told.
    pub(crate) async fn extend(&mut self) -> Result<(), Fault> {
        if self.written.is_empty() {
            return Ok(());
        }
        let head = self.queries.head;
        let chain = extend_chain(head.chain, head.seq, &self.written, self.deps.random.bytes16());
        raw::store_head(&self.queries.conn, head.seq, chain).await?;
        self.queries.head.chain = chain;
        self.written.clear();
        Ok(())
    }

    pub(crate) async fn commit(mut self, store: &Inner) -> Result<(), Fault> {
        self.extend().await?;
        for notice in &self.notices {
            let values = vec![CHANNEL.into(), notice.payload().into()];
            self.conn().execute("SELECT pg_notify($1, $2)", values).await?;
        }
        let seq = self.queries.head.seq;
        self.queries.conn.tx.commit().await.map_err(database)?;
        // Before we wake anybody: what follows from the commit is later than it, unless PostgreSQL's notice is faster.
        if let Some(testimony) = self.testimony {
            testimony.give();
        }
        store.numbers.learn(self.new_numbers);
        store.publish(seq);
        Ok(())
    }

    pub(crate) async fn abandon(self) {
        if let Err(error) = self.queries.conn.tx.rollback().await {
            tracing::warn!(%error, "a transaction could not be rolled back in order: its connection is closed when it is released");
        }
    }
}

pub(crate) fn chain_of(bytes: Vec<u8>) -> Result<Chain, Fault> {
    bytes
        .try_into()
        .map(Chain)
        .map_err(|_| damaged("a chain that is not 16 bytes long"))
}
