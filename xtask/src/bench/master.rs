//! The master data that the benchmark's stock lines refer to: without it they would be parked, not projected. Both
//! sides begin with it, applied by the store before the file is copied.

use supplysync_model::{
    Amount, Chain, Channel, Checkpoint, Epoch, Item, ItemId, ItemType, Kind, Name, NameId, NameRole, Record,
    RecordHash, Store, StoreMode, SyncId,
};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::{ApplyRequest, Cursor, Direction, Part, seal};
use supplysync_tests::Outcome;

use super::workload::{INCARNATION, STORE};

/// Items that the stock lines are of.
pub const ITEMS: u64 = 600;
/// Suppliers that they come from.
pub const SUPPLIERS: u64 = 60;

/// The id of an item by its number, from 1.
pub fn item_id(number: u64) -> ItemId {
    ItemId::from_bytes(u128::from(number).to_be_bytes())
}

/// The id of a supplier by its number, from 1.
pub fn supplier_id(number: u64) -> NameId {
    NameId::from_bytes(u128::from(number).to_be_bytes())
}

/// A load of all of it in one batch.
pub fn load() -> Outcome<ApplyRequest> {
    let items = (1..=ITEMS).map(|number| RecordBody::Item(item(number)));
    let suppliers = (1..=SUPPLIERS).map(|number| RecordBody::Name(supplier(number)));
    let bodies = items.chain(suppliers).chain([RecordBody::Store(store())]);
    let records: Vec<Record> = bodies
        .zip(1..)
        .map(|(body, revision)| record(&body, revision))
        .collect();
    let seq = u64::try_from(records.len())?;
    let part = Part {
        channel: Channel::Master,
        from: None,
        through: Cursor::Following { seq },
        caught_up: true,
        records,
        digest: None,
        owner_proof: None,
    };
    Ok(ApplyRequest {
        direction: Direction::Pull,
        peer: SyncId::PRIMARY,
        parts: vec![part],
        checkpoint: Checkpoint {
            incarnation: INCARNATION,
            seq,
            chain: Chain::default(),
        },
        lease: None,
    })
}

/// The number of the kind that is measured.
pub const STOCK_LINE: u16 = Kind::STOCK_LINE.0;

fn record(body: &RecordBody, revision: u64) -> Record {
    let (schema, bytes) = body.encode();
    seal(Record {
        key: body.key(),
        channel: Channel::Master,
        origin_site: SyncId::PRIMARY,
        epoch: Epoch {
            incarnation: 1,
            counter: 0,
        },
        revision,
        schema,
        deleted: false,
        hash: RecordHash::default(),
        body: bytes,
    })
}

fn item(number: u64) -> Item {
    Item {
        id: item_id(number),
        code: format!("I{number:04}"),
        name: format!("Item {number}"),
        item_type: ItemType::Stock,
        unit: None,
        strength: String::new(),
        atc_code: String::new(),
        ven_category: None,
        default_pack_size: Amount::from_micros(1_000_000),
        vaccine: false,
        critical: false,
        active: true,
    }
}

fn supplier(number: u64) -> Name {
    Name {
        id: supplier_id(number),
        code: format!("S{number:04}"),
        name: format!("Supplier {number}"),
        roles: vec![NameRole::Supplier],
        on_hold: false,
        address: String::new(),
        country: String::new(),
        phone: String::new(),
        email: String::new(),
        store: None,
    }
}

fn store() -> Store {
    Store {
        id: STORE,
        code: "BENCH".into(),
        name: "Benchmark".into(),
        name_id: None,
        mode: StoreMode::Store,
        disabled: false,
    }
}
