//! One value of everything that has a stored or travelling form, with every optional field set somewhere.

use bytes::Bytes;
use supplysync_model::{
    Amount, Assignment, AssignmentState, Chain, Channel, Checkpoint, Date, Digest, Epoch, HandOver,
    Incarnation, Item, ItemId, ItemType, Kind, Name, NameId, NameRole, Proposal, Reason, Record, RecordHash,
    RecordId, RecordKey, RevokedOperator, Site, SiteSettings, StatusChange, StockLine, StockLineId, Store,
    StoreId, StoreMode, StoreTotals, SyncId, Timestamp, Transaction, TransactionId, TransactionLine,
    TransactionStatus, TransactionType, Unit, UnitId, VenCategory, Withdrawn,
};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::seal;

/// A moment of the year 2026.
pub(crate) const MOMENT: Timestamp = Timestamp(1_795_000_000_000);

pub(crate) fn site(number: u16) -> SyncId {
    SyncId::new(number).expect("not 0")
}

pub(crate) fn id<T: From<RecordId>>(number: u8) -> T {
    RecordId::from_bytes([number; 16]).into()
}

pub(crate) fn checkpoint() -> Checkpoint {
    Checkpoint {
        incarnation: incarnation(),
        seq: 4_711,
        chain: Chain([7; 16]),
    }
}

pub(crate) fn incarnation() -> Incarnation {
    Incarnation {
        counter: 3,
        random: 0x0123_4567_89ab_cdef,
    }
}

pub(crate) fn digest() -> Digest {
    Digest {
        count: 12,
        sum: u128::MAX / 3,
    }
}

pub(crate) fn totals() -> StoreTotals {
    StoreTotals {
        stock: digest(),
        history: Digest::default(),
    }
}

fn amount(whole: i64) -> Amount {
    Amount::from_whole(whole).expect("small")
}

fn day() -> Option<Date> {
    Date::from_julian_day(2_461_000).ok()
}

/// A body of each kind.
pub(crate) fn bodies() -> Vec<RecordBody> {
    let mut bodies = master_data();
    bodies.extend([stock_line().into(), transaction().into(), proposal()]);
    bodies
}

fn master_data() -> Vec<RecordBody> {
    vec![
        RecordBody::Unit(Unit {
            id: id::<UnitId>(1),
            name: "tablet".into(),
            description: "one tablet".into(),
            index: 3,
        }),
        RecordBody::Item(Item {
            id: id::<ItemId>(2),
            code: "AMX250".into(),
            name: "Amoxicillin 250 mg".into(),
            item_type: ItemType::Stock,
            unit: Some(id::<UnitId>(1)),
            strength: "250 mg".into(),
            atc_code: "J01CA04".into(),
            ven_category: Some(VenCategory::Vital),
            default_pack_size: amount(100),
            vaccine: false,
            critical: true,
            active: true,
        }),
        RecordBody::Name(Name {
            id: id::<NameId>(3),
            code: "MSF".into(),
            name: "Médecins".into(),
            roles: vec![NameRole::Supplier, NameRole::Donor],
            on_hold: false,
            address: "1 Road\n2 Town".into(),
            country: "Uganda".into(),
            phone: "+256 700".into(),
            email: "stores@health.example.org".into(),
            store: Some(id::<StoreId>(4)),
        }),
        RecordBody::Store(Store {
            id: id::<StoreId>(4),
            code: "NC".into(),
            name: "Northern clinic".into(),
            name_id: Some(id::<NameId>(3)),
            mode: StoreMode::Dispensary,
            disabled: false,
        }),
        RecordBody::Site(Site {
            sync_id: site(2),
            name: "Northern clinic".into(),
            url: "https://north.example.org:8444".into(),
        }),
        RecordBody::Assignment(Assignment {
            store: id::<StoreId>(4),
            site: site(2),
            epoch: epoch(),
            version: 9,
            state: AssignmentState::Draining { to: site(3) },
            hand_over: Some(HandOver {
                seq: 77,
                totals: totals(),
            }),
        }),
        RecordBody::SiteSettings(SiteSettings {
            sync_id: site(2),
            interval_minutes: 1_440,
            live: true,
            copies: vec![id::<StoreId>(4), id::<StoreId>(5)],
            withdrawn: Withdrawn::Remove,
        }),
        RecordBody::RevokedOperator(RevokedOperator {
            name: "akello".into(),
            revoked_at: MOMENT,
        }),
    ]
}

fn epoch() -> Epoch {
    Epoch {
        incarnation: 1,
        counter: 2,
    }
}

fn stock_line() -> StockLine {
    StockLine {
        id: id::<StockLineId>(20),
        store: id::<StoreId>(4),
        item: id::<ItemId>(2),
        batch: "B1".into(),
        expiry_date: day(),
        pack_size: amount(10),
        packs_total: amount(5),
        packs_available: amount(4),
        cost_price: Amount::from_micros(1_250_000),
        sell_price: amount(2),
        supplier: Some(id::<NameId>(3)),
        location_code: "A-1".into(),
        on_hold: true,
    }
}

fn transaction() -> Transaction {
    let change = |status, at| StatusChange {
        status,
        at: Timestamp(at),
        by: "akello".into(),
    };
    Transaction {
        id: id::<TransactionId>(21),
        store: id::<StoreId>(4),
        number: 17,
        transaction_type: TransactionType::SupplierInvoice,
        other_party: Some(id::<NameId>(3)),
        patient_reference: String::new(),
        status: TransactionStatus::Confirmed,
        their_reference: "PO 9".into(),
        comment: "first delivery".into(),
        status_changes: vec![
            change(TransactionStatus::New, -5),
            change(TransactionStatus::Confirmed, MOMENT.0),
        ],
        lines: vec![TransactionLine {
            item: id::<ItemId>(2),
            stock_line: Some(id::<StockLineId>(20)),
            batch: "B1".into(),
            expiry_date: day(),
            packs: amount(5),
            pack_size: amount(10),
            cost_price: Amount::ZERO,
            sell_price: Amount::ZERO,
            note: "dry box".into(),
        }],
    }
}

fn proposal() -> RecordBody {
    RecordBody::Proposal(Box::new(Proposal {
        id: id::<RecordId>(30),
        owner: site(2),
        change: record(&stock_line().into()),
        from_site: site(3),
        reason: Reason::STALE_EPOCH.0.into(),
        proposed_by: "akello".into(),
        note: "please count".into(),
    }))
}

/// A body in its envelope.
pub(crate) fn record(body: &RecordBody) -> Record {
    let (schema, bytes) = body.encode();
    seal(Record {
        key: body.key(),
        channel: body.channel(),
        origin_site: site(2),
        epoch: epoch(),
        revision: 41,
        schema,
        deleted: false,
        hash: RecordHash::default(),
        body: bytes,
    })
}

/// The tombstone of a record of a store.
pub(crate) fn tombstone() -> Record {
    seal(Record {
        deleted: true,
        body: Bytes::new(),
        key: RecordKey {
            kind: Kind::TRANSACTION,
            id: id::<RecordId>(22),
        },
        channel: Channel::StoreHistory(id::<StoreId>(4)),
        ..record(&transaction().into())
    })
}
