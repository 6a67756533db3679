//! The yardstick: a plain rusqlite loop with prepared statements that writes the same rows into the same tables as the
//! store does when it applies a batch: records, projection, digests, cursor, chain. One row at a time, one transaction
//! a batch, the same pragmas. It checks nothing that a receiver must check, so it is the speed to come close to.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use supplysync_model::{Chain, Digest, Record, RecordHash, StockLine};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::{ApplyRequest, Cursor, Part, bucket_of, extend_chain};
use supplysync_tests::Outcome;

use super::sides::NOW;

/// As the store: checkpoints in the background when this much has gathered in the log.
const LOG_BYTES: u64 = 16_000 * 4096;

/// A batch with its rows at hand: decoding is not what is measured here.
pub struct Rows {
    request: ApplyRequest,
    lines: Vec<StockLine>,
}

impl Rows {
    /// Decodes the batch's bodies.
    pub fn of(request: ApplyRequest) -> Outcome<Rows> {
        let mut lines = Vec::new();
        for record in request.parts.iter().flat_map(|part| &part.records) {
            match RecordBody::decode(record.key.kind, record.schema, &record.body) {
                Ok(RecordBody::StockLine(line)) => lines.push(line),
                _ => return Err(format!("{} is not a stock line", record.key).into()),
            }
        }
        Ok(Rows { request, lines })
    }
}

/// An open database that the loop writes to.
pub struct Yardstick {
    connection: Connection,
    log: PathBuf,
    due: Sender<()>,
}

impl Yardstick {
    /// Opens a database file that the store made, with the store's settings.
    pub fn open(file: &Path) -> Outcome<Yardstick> {
        let connection = connect(file)?;
        let (due, wakes) = channel();
        let checkpointer = connect(file)?;
        std::thread::spawn(move || checkpoint(&checkpointer, &wakes));
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        Ok(Yardstick {
            connection,
            log: log.into(),
            due,
        })
    }

    /// Writes one batch, durably.
    pub fn apply(&mut self, rows: &Rows, salt: [u8; 16]) -> Outcome<()> {
        let behaviour = TransactionBehavior::Immediate;
        let tx = self.connection.transaction_with_behavior(behaviour)?;
        let mut lines = rows.lines.iter();
        for part in &rows.request.parts {
            write_part(&tx, part, &mut lines, salt)?;
        }
        write_checkpoint(&tx, &rows.request)?;
        tx.commit()?;
        if std::fs::metadata(&self.log).map_or(0, |file| file.len()) >= LOG_BYTES {
            self.due.send(())?;
        }
        Ok(())
    }
}

fn connect(file: &Path) -> Outcome<Connection> {
    let connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;
         PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 0; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 30000;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn checkpoint(connection: &Connection, wakes: &Receiver<()>) {
    while wakes.recv().is_ok() {
        // A passive checkpoint does what it can; the next wake does the rest.
        let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}

fn write_part<'l>(
    tx: &Transaction<'_>,
    part: &Part,
    lines: &mut impl Iterator<Item = &'l StockLine>,
    salt: [u8; 16],
) -> Outcome<()> {
    let number = channel_number(tx, part)?;
    let (head, chain) = head(tx)?;
    let mut seq = head;
    let mut hashes = Vec::with_capacity(part.records.len());
    let mut deltas = vec![Digest::default(); 256];
    let mut counted = Counted::default();
    for record in &part.records {
        seq += 1;
        let line = lines.next().ok_or("a record without its stock line")?;
        write_record(tx, record, number, seq, &mut deltas, &mut counted)?;
        write_stock_line(tx, record, line)?;
        hashes.push(record.hash);
    }
    write_digest(tx, number, &deltas)?;
    tx.prepare_cached("UPDATE channel SET records = records + ?2, bytes = bytes + ?3 WHERE number = ?1")?
        .execute(params![number, counted.records, counted.bytes])?;
    if seq > head {
        let chain = extend_chain(chain, seq, &hashes, salt);
        let at = i64::try_from(seq)?;
        tx.prepare_cached("UPDATE feed_head SET seq = ?1, chain = ?2 WHERE id = 1")?
            .execute(params![at, chain.0])?;
        tx.prepare_cached("INSERT INTO feed_chain (seq, chain) VALUES (?1, ?2)")?
            .execute(params![at, chain.0])?;
    }
    write_cursor(tx, number, part)
}

fn channel_number(tx: &Transaction<'_>, part: &Part) -> Outcome<i64> {
    let name = part.channel.to_string();
    let known = tx
        .prepare_cached("SELECT number FROM channel WHERE name = ?1")?
        .query_row([&name], |row| row.get(0))
        .optional()?;
    if let Some(number) = known {
        return Ok(number);
    }
    let number: i64 = tx.query_row("SELECT COALESCE(MAX(number), 0) + 1 FROM channel", [], |row| {
        row.get(0)
    })?;
    let sql = "INSERT INTO channel (number, name, records, bytes) VALUES (?1, ?2, 0, 0)";
    tx.execute(sql, params![number, name])?;
    Ok(number)
}

fn head(tx: &Transaction<'_>) -> Outcome<(u64, Chain)> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?));
    let (seq, chain) = tx
        .prepare_cached("SELECT seq, chain FROM feed_head WHERE id = 1")?
        .query_row([], read)?;
    Ok((u64::try_from(seq)?, Chain(chain)))
}

/// What the channel gains: records with tombstones, and bytes of their bodies.
#[derive(Default)]
struct Counted {
    records: i64,
    bytes: i64,
}

fn write_record(
    tx: &Transaction<'_>,
    record: &Record,
    channel: i64,
    seq: u64,
    deltas: &mut [Digest],
    counted: &mut Counted,
) -> Outcome<()> {
    let id = record.key.id.to_bytes();
    let bucket = usize::from(bucket_of(record.key.id));
    let old = tx
        .prepare_cached("SELECT hash, length(body) FROM record WHERE kind = ?1 AND id = ?2")?
        .query_row(params![record.key.kind.0, id], |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    match old {
        Some((hash, length)) => {
            deltas[bucket].remove(RecordHash(hash));
            counted.bytes -= length;
        }
        None => counted.records += 1,
    }
    counted.bytes += i64::try_from(record.body.len())?;
    deltas[bucket].add(record.hash);
    tx.prepare_cached(
        "INSERT INTO record (kind, id, channel, seq, origin_site, epoch, revision, schema, deleted, hash, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (kind, id) DO UPDATE SET channel = excluded.channel, seq = excluded.seq,
         origin_site = excluded.origin_site, epoch = excluded.epoch, revision = excluded.revision,
         schema = excluded.schema, deleted = excluded.deleted, hash = excluded.hash, body = excluded.body",
    )?
    .execute(params![
        record.key.kind.0,
        id,
        channel,
        i64::try_from(seq)?,
        record.origin_site.get(),
        i64::try_from(record.epoch.packed())?,
        i64::try_from(record.revision)?,
        record.schema,
        record.deleted,
        record.hash.0,
        &record.body[..],
    ])?;
    Ok(())
}

fn write_digest(tx: &Transaction<'_>, channel: i64, deltas: &[Digest]) -> Outcome<()> {
    for (bucket, delta) in deltas
        .iter()
        .enumerate()
        .filter(|(_, delta)| **delta != Digest::default())
    {
        let bucket = i64::try_from(bucket)?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?));
        let old = tx
            .prepare_cached("SELECT count, sum FROM channel_digest WHERE channel = ?1 AND bucket = ?2")?
            .query_row([channel, bucket], read)
            .optional()?;
        let (count, sum) = old.unwrap_or_default();
        let count = count.wrapping_add(delta.count.cast_signed());
        let sum = u128::from_be_bytes(sum).wrapping_add(delta.sum).to_be_bytes();
        tx.prepare_cached(
            "INSERT INTO channel_digest (channel, bucket, count, sum) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (channel, bucket) DO UPDATE SET count = excluded.count, sum = excluded.sum",
        )?
        .execute(params![channel, bucket, count, sum])?;
    }
    Ok(())
}

fn write_cursor(tx: &Transaction<'_>, channel: i64, part: &Part) -> Outcome<()> {
    let (state, seq, last) = match part.through {
        Cursor::Loading { head, last } => (0, head, last),
        Cursor::Following { seq } => (1, seq, None),
    };
    let ours = total(tx, channel)?;
    tx.prepare_cached(
        "INSERT INTO cursor (peer, channel, direction, state, seq, last_kind, last_id, moved_at, held, quarantined)
         VALUES (1, ?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, 0) ON CONFLICT (peer, channel, direction) DO UPDATE SET
         state = excluded.state, seq = excluded.seq, last_kind = excluded.last_kind, last_id = excluded.last_id,
         moved_at = excluded.moved_at, held = excluded.held",
    )?
    .execute(params![
        channel,
        state,
        i64::try_from(seq)?,
        last.map(|key| key.kind.0),
        last.map(|key| key.id.to_bytes()),
        NOW,
        ours.count.cast_signed(),
    ])?;
    if let Some(theirs) = part.digest {
        write_comparison(tx, channel, i64::try_from(seq)?, ours, theirs)?;
    }
    Ok(())
}

/// The channel's total: its buckets folded.
fn total(tx: &Transaction<'_>, channel: i64) -> Outcome<Digest> {
    let mut statement = tx.prepare_cached("SELECT count, sum FROM channel_digest WHERE channel = ?1")?;
    let mut rows = statement.query([channel])?;
    let mut total = Digest::default();
    while let Some(row) = rows.next()? {
        total.fold(Digest {
            count: row.get::<_, i64>(0)?.cast_unsigned(),
            sum: u128::from_be_bytes(row.get(1)?),
        });
    }
    Ok(total)
}

fn write_comparison(
    tx: &Transaction<'_>,
    channel: i64,
    seq: i64,
    ours: Digest,
    theirs: Digest,
) -> Outcome<()> {
    tx.prepare_cached(
        "UPDATE cursor SET caught_up_at = ?2, compared_seq = ?3, compared_at = ?2, equal = TRUE, explained = FALSE,
         their_count = ?4, their_sum = ?5, our_count = ?6, our_sum = ?7, proven_seq = ?3, proven_at = ?2
         WHERE peer = 1 AND channel = ?1 AND direction = 1",
    )?
    .execute(params![
        channel,
        NOW,
        seq,
        theirs.count.cast_signed(),
        theirs.sum.to_be_bytes(),
        ours.count.cast_signed(),
        ours.sum.to_be_bytes(),
    ])?;
    Ok(())
}

fn write_checkpoint(tx: &Transaction<'_>, request: &ApplyRequest) -> Outcome<()> {
    let checkpoint = request.checkpoint;
    tx.prepare_cached(
        "INSERT INTO peer (site, checkpoint_incarnation, checkpoint_random, checkpoint_seq, checkpoint_chain, seen_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (site) DO UPDATE SET
         checkpoint_incarnation = excluded.checkpoint_incarnation, checkpoint_random = excluded.checkpoint_random,
         checkpoint_seq = excluded.checkpoint_seq, checkpoint_chain = excluded.checkpoint_chain,
         seen_at = excluded.seen_at",
    )?
    .execute(params![
        request.peer.get(),
        checkpoint.incarnation.counter,
        checkpoint.incarnation.random.cast_signed(),
        i64::try_from(checkpoint.seq)?,
        checkpoint.chain.0,
        NOW,
    ])?;
    Ok(())
}

fn write_stock_line(tx: &Transaction<'_>, record: &Record, line: &StockLine) -> Outcome<()> {
    tx.prepare_cached(
        "INSERT INTO stock_line (id, store_id, item_id, batch, expiry_day, pack_size, packs_total, packs_available,
         cost_price, sell_price, supplier_id, location_code, on_hold, epoch, revision)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (id) DO UPDATE SET store_id = excluded.store_id, item_id = excluded.item_id,
         batch = excluded.batch, expiry_day = excluded.expiry_day, pack_size = excluded.pack_size,
         packs_total = excluded.packs_total, packs_available = excluded.packs_available,
         cost_price = excluded.cost_price, sell_price = excluded.sell_price, supplier_id = excluded.supplier_id,
         location_code = excluded.location_code, on_hold = excluded.on_hold, epoch = excluded.epoch,
         revision = excluded.revision",
    )?
    .execute(params![
        line.id.to_bytes(),
        line.store.to_bytes(),
        line.item.to_bytes(),
        line.batch,
        line.expiry_date.map(|date| date.to_julian_day()),
        line.pack_size.micros(),
        line.packs_total.micros(),
        line.packs_available.micros(),
        line.cost_price.micros(),
        line.sell_price.micros(),
        line.supplier.map(|name| name.to_bytes()),
        line.location_code,
        line.on_hold,
        i64::try_from(record.epoch.packed())?,
        i64::try_from(record.revision)?,
    ])?;
    Ok(())
}
