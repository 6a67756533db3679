//! The typed tables: one per kind, with their children and an index for every query. `BLOB` is `BYTEA` on PostgreSQL.
//! The record store's own tables are in `crate::schema`.
//!
//! No uniqueness and no foreign keys on content: a copy always applies what its owner wrote. Columns called `…_key`
//! are lower-case text as bytes, so that both databases order and search them alike. Amounts are millionths, dates
//! Julian days, moments milliseconds. `epoch` and `revision` are the record's etag: lists need no join.

/// Operators whose certificates were revoked, as every site knows them; a later version than the others.
pub(crate) const REVOKED_OPERATORS: &[&str] = &["CREATE TABLE revoked_operator (
        id BLOB NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        revoked_at BIGINT NOT NULL,
        retired BOOLEAN NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL
    )"];

/// The tables, in the order they are made.
pub(crate) const SCHEMA: &[&str] = &[
    "CREATE TABLE unit (
        id BLOB NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        name_key BLOB NOT NULL,
        description TEXT NOT NULL,
        position BIGINT NOT NULL,
        retired BOOLEAN NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL
    )",
    "CREATE INDEX unit_by_name ON unit (name_key, id)",
    "CREATE TABLE item (
        id BLOB NOT NULL PRIMARY KEY,
        code TEXT NOT NULL,
        code_key BLOB NOT NULL,
        name TEXT NOT NULL,
        name_key BLOB NOT NULL,
        item_type BIGINT NOT NULL,
        unit_id BLOB,
        strength TEXT NOT NULL,
        atc_code TEXT NOT NULL,
        ven_category BIGINT,
        default_pack_size BIGINT NOT NULL,
        vaccine BOOLEAN NOT NULL,
        critical BOOLEAN NOT NULL,
        active BOOLEAN NOT NULL,
        retired BOOLEAN NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL
    )",
    "CREATE INDEX item_by_code ON item (code_key, id)",
    "CREATE INDEX item_by_name ON item (name_key)",
    "CREATE TABLE name (
        id BLOB NOT NULL PRIMARY KEY,
        code TEXT NOT NULL,
        code_key BLOB NOT NULL,
        name TEXT NOT NULL,
        name_key BLOB NOT NULL,
        roles BIGINT NOT NULL,
        on_hold BOOLEAN NOT NULL,
        address TEXT NOT NULL,
        country TEXT NOT NULL,
        phone TEXT NOT NULL,
        email TEXT NOT NULL,
        store_id BLOB,
        retired BOOLEAN NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL
    )",
    "CREATE INDEX name_by_code ON name (code_key, id)",
    "CREATE INDEX name_by_name ON name (name_key)",
    "CREATE TABLE store (
        id BLOB NOT NULL PRIMARY KEY,
        code TEXT NOT NULL,
        code_key BLOB NOT NULL,
        name TEXT NOT NULL,
        name_key BLOB NOT NULL,
        name_id BLOB,
        mode BIGINT NOT NULL,
        disabled BOOLEAN NOT NULL,
        retired BOOLEAN NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL
    )",
    "CREATE INDEX store_by_code ON store (code_key, id)",
    "CREATE INDEX store_by_name ON store (name_key)",
    "CREATE TABLE site (
        sync_id BIGINT NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        url TEXT NOT NULL,
        retired BOOLEAN NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL
    )",
    // `active_epoch` is the activation's fencing number; `epoch` is the record's own.
    "CREATE TABLE store_assignment (
        store_id BLOB NOT NULL PRIMARY KEY,
        site BIGINT NOT NULL,
        active_epoch BIGINT NOT NULL,
        version BIGINT NOT NULL,
        draining_to BIGINT,
        retired BOOLEAN NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL
    )",
    "CREATE INDEX store_assignment_by_site ON store_assignment (site, store_id)",
    "CREATE TABLE site_settings (
        sync_id BIGINT NOT NULL PRIMARY KEY,
        interval_minutes BIGINT NOT NULL,
        live BOOLEAN NOT NULL,
        retired BOOLEAN NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL
    )",
    "CREATE TABLE site_copy (
        sync_id BIGINT NOT NULL,
        store_id BLOB NOT NULL,
        PRIMARY KEY (sync_id, store_id)
    )",
    "CREATE TABLE stock_line (
        id BLOB NOT NULL PRIMARY KEY,
        store_id BLOB NOT NULL,
        item_id BLOB NOT NULL,
        batch TEXT NOT NULL,
        expiry_day BIGINT,
        pack_size BIGINT NOT NULL,
        packs_total BIGINT NOT NULL,
        packs_available BIGINT NOT NULL,
        cost_price BIGINT NOT NULL,
        sell_price BIGINT NOT NULL,
        supplier_id BLOB,
        location_code TEXT NOT NULL,
        on_hold BOOLEAN NOT NULL,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL
    )",
    "CREATE INDEX stock_line_by_store ON stock_line (store_id, item_id, id)",
    "CREATE INDEX stock_line_by_item ON stock_line (item_id, store_id)",
    // A status is reached once at most, so its moment and principal are columns; both are null until then.
    "CREATE TABLE stock_transaction (
        id BLOB NOT NULL PRIMARY KEY,
        store_id BLOB NOT NULL,
        number BIGINT NOT NULL,
        transaction_type BIGINT NOT NULL,
        other_party_id BLOB,
        patient_reference TEXT NOT NULL,
        status BIGINT NOT NULL,
        their_reference TEXT NOT NULL,
        comment TEXT NOT NULL,
        new_at BIGINT,
        new_by TEXT,
        confirmed_at BIGINT,
        confirmed_by TEXT,
        finalised_at BIGINT,
        finalised_by TEXT,
        epoch BIGINT NOT NULL,
        revision BIGINT NOT NULL
    )",
    "CREATE INDEX stock_transaction_by_store ON stock_transaction (store_id, id)",
    "CREATE INDEX stock_transaction_by_number ON stock_transaction (store_id, transaction_type, number)",
    "CREATE TABLE stock_transaction_line (
        transaction_id BLOB NOT NULL,
        position BIGINT NOT NULL,
        item_id BLOB NOT NULL,
        stock_line_id BLOB,
        batch TEXT NOT NULL,
        expiry_day BIGINT,
        packs BIGINT NOT NULL,
        pack_size BIGINT NOT NULL,
        cost_price BIGINT NOT NULL,
        sell_price BIGINT NOT NULL,
        note TEXT NOT NULL,
        PRIMARY KEY (transaction_id, position)
    )",
    "CREATE INDEX stock_transaction_line_by_stock_line ON stock_transaction_line (stock_line_id)",
];
