//! The tables of the record store, in words that both databases understand: `BLOB` becomes `BYTEA` on PostgreSQL.
//! The typed tables are in `projection`.

/// Version 1.
pub(crate) const RECORD_STORE: &[&str] = &[
    // One row: whose database it is, and the feed's head. Locking it is the one write lock.
    "CREATE TABLE feed_head (
        id INTEGER PRIMARY KEY,
        sync_id INTEGER NOT NULL,
        site_name TEXT NOT NULL,
        incarnation BIGINT,
        incarnation_random BIGINT,
        seq BIGINT NOT NULL,
        chain BLOB NOT NULL,
        chain_floor BIGINT NOT NULL
    )",
    "CREATE TABLE feed_chain (seq BIGINT NOT NULL PRIMARY KEY, chain BLOB NOT NULL)",
    // `records` counts tombstones too, `bytes` their bodies: what a load will carry.
    "CREATE TABLE channel (
        number INTEGER NOT NULL PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        records BIGINT NOT NULL,
        bytes BIGINT NOT NULL
    )",
    "CREATE TABLE record (
        kind INTEGER NOT NULL,
        id BLOB NOT NULL,
        channel INTEGER NOT NULL,
        seq BIGINT NOT NULL,
        origin_site INTEGER NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL,
        schema INTEGER NOT NULL,
        deleted BOOLEAN NOT NULL,
        hash BLOB NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (kind, id),
        UNIQUE (channel, seq)
    )",
    // A load reads and replaces a channel's key ranges.
    "CREATE UNIQUE INDEX record_load ON record (channel, kind, id)",
    "CREATE TABLE channel_digest (
        channel INTEGER NOT NULL,
        bucket INTEGER NOT NULL,
        count BIGINT NOT NULL,
        sum BLOB NOT NULL,
        PRIMARY KEY (channel, bucket)
    )",
    "CREATE TABLE peer (
        site INTEGER NOT NULL PRIMARY KEY,
        incarnation BIGINT,
        incarnation_random BIGINT,
        checkpoint_incarnation BIGINT,
        checkpoint_random BIGINT,
        checkpoint_seq BIGINT,
        checkpoint_chain BLOB,
        seen_at BIGINT NOT NULL
    )",
    // direction 0 push, 1 pull; state 0 loading (seq = the load's head), 1 following.
    // The receiver's rows are the truth, the sender's are what the receiver acknowledged.
    "CREATE TABLE cursor (
        peer INTEGER NOT NULL,
        channel INTEGER NOT NULL,
        direction INTEGER NOT NULL,
        state INTEGER NOT NULL,
        seq BIGINT NOT NULL,
        last_kind INTEGER,
        last_id BLOB,
        moved_at BIGINT NOT NULL,
        held BIGINT NOT NULL,
        quarantined BIGINT NOT NULL,
        caught_up_at BIGINT,
        compared_seq BIGINT,
        compared_at BIGINT,
        equal BOOLEAN,
        explained BOOLEAN,
        their_count BIGINT,
        their_sum BLOB,
        our_count BIGINT,
        our_sum BLOB,
        proven_seq BIGINT,
        proven_at BIGINT,
        owner_seq BIGINT,
        owner_at BIGINT,
        PRIMARY KEY (peer, channel, direction)
    )",
    "CREATE TABLE session_lease (
        site INTEGER NOT NULL PRIMARY KEY,
        session BIGINT NOT NULL,
        granted_at BIGINT NOT NULL
    )",
    "CREATE TABLE quarantine (
        id BLOB NOT NULL PRIMARY KEY,
        kind INTEGER NOT NULL,
        record_id BLOB NOT NULL,
        channel INTEGER NOT NULL,
        from_site INTEGER NOT NULL,
        reason TEXT NOT NULL,
        at BIGINT NOT NULL,
        origin_site INTEGER NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL,
        schema INTEGER NOT NULL,
        deleted BOOLEAN NOT NULL,
        hash BLOB NOT NULL,
        body BLOB NOT NULL,
        resolved_at BIGINT,
        resolution TEXT
    )",
    "CREATE INDEX quarantine_open ON quarantine (channel, kind, record_id) WHERE resolved_at IS NULL",
    "CREATE INDEX quarantine_from ON quarantine (from_site) WHERE resolved_at IS NULL",
    "CREATE INDEX quarantine_of_record ON quarantine (kind, record_id) WHERE resolved_at IS NULL",
    // What a parked record waits for: another record, or (null) an upgrade of the program.
    "CREATE TABLE parked (
        kind INTEGER NOT NULL,
        id BLOB NOT NULL,
        reason TEXT NOT NULL,
        missing_kind INTEGER,
        missing_id BLOB,
        PRIMARY KEY (kind, id)
    )",
    "CREATE INDEX parked_missing ON parked (missing_kind, missing_id)",
    "CREATE TABLE preference (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL)",
    "CREATE TABLE audit_log (
        id BLOB NOT NULL PRIMARY KEY,
        at BIGINT NOT NULL,
        principal TEXT NOT NULL,
        from_address TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        old_value TEXT NOT NULL,
        new_value TEXT NOT NULL
    )",
];
