//! Sample records, small and numbered: the same number is the same id.

use supplysync_model::{
    Amount, Assignment, AssignmentState, Channel, Epoch, Item, ItemId, ItemType, Kind, Name, NameId,
    NameRole, RecordId, RecordKey, RevokedOperator, Site, SiteSettings, StatusChange, StockLine, StockLineId,
    Store, StoreId, StoreMode, SyncId, Timestamp, Transaction, TransactionId, TransactionLine,
    TransactionStatus, TransactionType, Unit, UnitId, Withdrawn,
};
use supplysync_record_codec::RecordBody;
use uuid::Uuid;

/// The store that is active on site 2, and the one that is active on site 3.
pub const SECOND: u32 = 200;
pub const THIRD: u32 = 300;

pub fn site(number: u16) -> SyncId {
    SyncId::new(number).unwrap()
}

pub fn id(number: u32) -> RecordId {
    RecordId::new(Uuid::from_u128(u128::from(number) << 64))
}

pub fn store_id(number: u32) -> StoreId {
    StoreId::from(id(number))
}

pub fn stock_channel(store: u32) -> Channel {
    Channel::StoreStock(store_id(store))
}

pub fn history_channel(store: u32) -> Channel {
    Channel::StoreHistory(store_id(store))
}

pub fn key(kind: Kind, number: u32) -> RecordKey {
    RecordKey { kind, id: id(number) }
}

pub fn amount(packs: u32) -> Amount {
    Amount::from_micros(i64::from(packs) * 1_000_000)
}

pub fn unit(number: u32, name: &str) -> RecordBody {
    RecordBody::Unit(Unit {
        id: UnitId::from(id(number)),
        name: name.into(),
        description: String::new(),
        index: number,
    })
}

pub fn item(number: u32, name: &str) -> RecordBody {
    RecordBody::Item(Item {
        id: ItemId::from(id(number)),
        code: format!("I{number}"),
        name: name.into(),
        item_type: ItemType::Stock,
        unit: Some(UnitId::from(id(1))),
        strength: String::new(),
        atc_code: String::new(),
        ven_category: None,
        default_pack_size: amount(1),
        vaccine: false,
        critical: false,
        active: true,
    })
}

pub fn supplier(number: u32) -> RecordBody {
    RecordBody::Name(Name {
        id: NameId::from(id(number)),
        code: format!("N{number}"),
        name: format!("Supplier {number}"),
        roles: vec![NameRole::Supplier],
        on_hold: false,
        address: String::new(),
        country: String::new(),
        phone: String::new(),
        email: String::new(),
        store: None,
    })
}

pub fn store(number: u32) -> RecordBody {
    RecordBody::Store(Store {
        id: store_id(number),
        code: format!("S{number}"),
        name: format!("Store {number}"),
        name_id: None,
        mode: StoreMode::Store,
        disabled: false,
    })
}

pub fn registered(number: u16) -> RecordBody {
    RecordBody::Site(Site {
        sync_id: site(number),
        name: format!("Site {number}"),
        url: String::new(),
    })
}

pub fn epoch(counter: u32) -> Epoch {
    Epoch {
        incarnation: 1,
        counter,
    }
}

pub fn assignment(store: u32, number: u16, counter: u32) -> RecordBody {
    RecordBody::Assignment(Assignment {
        store: store_id(store),
        site: site(number),
        epoch: epoch(counter),
        version: u64::from(counter),
        state: AssignmentState::Active,
        hand_over: None,
    })
}

pub fn settings(number: u16, copies: &[u32]) -> RecordBody {
    RecordBody::SiteSettings(SiteSettings {
        sync_id: site(number),
        interval_minutes: 5,
        live: true,
        copies: copies.iter().map(|store| store_id(*store)).collect(),
        withdrawn: Withdrawn::default(),
    })
}

pub fn revoked_operator(name: &str) -> RecordBody {
    RecordBody::RevokedOperator(RevokedOperator {
        name: name.to_owned(),
        revoked_at: Timestamp(1_795_000_000_000),
    })
}

/// A stock line of item 10.
pub fn line(number: u32, store: u32, packs: u32) -> RecordBody {
    RecordBody::StockLine(StockLine {
        id: StockLineId::from(id(number)),
        store: store_id(store),
        item: ItemId::from(id(10)),
        batch: format!("B{number}"),
        expiry_date: None,
        pack_size: amount(1),
        packs_total: amount(packs),
        packs_available: amount(packs),
        cost_price: amount(2),
        sell_price: amount(3),
        supplier: None,
        location_code: String::new(),
        on_hold: false,
    })
}

/// A confirmed receipt of so many packs into a stock line.
pub fn receipt(number: u32, store: u32, line: u32, packs: u32) -> RecordBody {
    let reached = |status| StatusChange {
        status,
        at: Timestamp(1_795_000_000_000),
        by: "test".into(),
    };
    RecordBody::Transaction(Transaction {
        id: TransactionId::from(id(number)),
        store: store_id(store),
        number: u64::from(number),
        transaction_type: TransactionType::SupplierInvoice,
        other_party: Some(NameId::from(id(20))),
        patient_reference: String::new(),
        status: TransactionStatus::Confirmed,
        their_reference: String::new(),
        comment: String::new(),
        status_changes: vec![
            reached(TransactionStatus::New),
            reached(TransactionStatus::Confirmed),
        ],
        lines: vec![TransactionLine {
            item: ItemId::from(id(10)),
            stock_line: Some(StockLineId::from(id(line))),
            batch: format!("B{line}"),
            expiry_date: None,
            packs: amount(packs),
            pack_size: amount(1),
            cost_price: amount(2),
            sell_price: amount(3),
            note: String::new(),
        }],
    })
}

/// Master data of a primary and two satellites: store 200 is active on site 2, store 300 on site 3, which also keeps
/// a copy of store 200.
pub fn network() -> Vec<RecordBody> {
    vec![
        unit(1, "tablet"),
        item(10, "amoxicillin"),
        item(11, "zinc"),
        supplier(20),
        store(SECOND),
        store(THIRD),
        registered(1),
        registered(2),
        registered(3),
        assignment(SECOND, 2, 1),
        assignment(THIRD, 3, 1),
        settings(2, &[]),
        settings(3, &[SECOND]),
    ]
}
