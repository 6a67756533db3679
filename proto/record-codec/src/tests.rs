//! The law: what is encoded reads back the same, for every kind; and what is wrong is refused by name.

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use supplysync_model::*;

use crate::{CodecError, RecordBody, known_schema};

mod proposal;

use proposal::proposal;

fn id<T>(from: fn([u8; 16]) -> T) -> impl Strategy<Value = T>
where
    T: std::fmt::Debug,
{
    any::<[u8; 16]>().prop_map(from)
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn positive() -> impl Strategy<Value = Amount> {
    (1..=i64::MAX).prop_map(Amount::from_micros)
}

fn amount() -> impl Strategy<Value = Amount> {
    any::<i64>().prop_map(Amount::from_micros)
}

fn sync_id() -> impl Strategy<Value = SyncId> {
    (1..=u16::MAX).prop_filter_map("not 0", SyncId::new)
}

fn date() -> impl Strategy<Value = Date> {
    (Date::MIN.to_julian_day()..=Date::MAX.to_julian_day())
        .prop_filter_map("in range", |day| Date::from_julian_day(day).ok())
}

fn unit() -> impl Strategy<Value = Unit> {
    (id(UnitId::from_bytes), text(), text(), any::<u32>()).prop_map(|(id, name, description, index)| Unit {
        id,
        name,
        description,
        index,
    })
}

fn item() -> impl Strategy<Value = Item> {
    let types = [ItemType::Stock, ItemType::Service, ItemType::NonStock];
    let ven = [VenCategory::Vital, VenCategory::Essential, VenCategory::Necessary];
    (
        (id(ItemId::from_bytes), text(), text(), select(types.to_vec())),
        (option::of(id(UnitId::from_bytes)), text(), text()),
        (option::of(select(ven.to_vec())), positive()),
        any::<(bool, bool, bool)>(),
    )
        .prop_map(|(head, unit, ven, flags)| Item {
            id: head.0,
            code: head.1,
            name: head.2,
            item_type: head.3,
            unit: unit.0,
            strength: unit.1,
            atc_code: unit.2,
            ven_category: ven.0,
            default_pack_size: ven.1,
            vaccine: flags.0,
            critical: flags.1,
            active: flags.2,
        })
}

fn name() -> impl Strategy<Value = Name> {
    let roles = [
        NameRole::Customer,
        NameRole::Supplier,
        NameRole::Manufacturer,
        NameRole::Donor,
    ];
    (
        (
            id(NameId::from_bytes),
            text(),
            text(),
            btree_set(select(roles.to_vec()), 0..=4),
        ),
        (any::<bool>(), text(), text(), text(), text()),
        option::of(id(StoreId::from_bytes)),
    )
        .prop_map(|(head, rest, store)| Name {
            id: head.0,
            code: head.1,
            name: head.2,
            roles: head.3.into_iter().collect(),
            on_hold: rest.0,
            address: rest.1,
            country: rest.2,
            phone: rest.3,
            email: rest.4,
            store,
        })
}

fn revoked_operator() -> impl Strategy<Value = RevokedOperator> {
    ("\\PC{1,12}", any::<i64>()).prop_map(|(name, at)| RevokedOperator {
        name,
        revoked_at: Timestamp(at),
    })
}

fn store() -> impl Strategy<Value = Store> {
    let modes = [StoreMode::Store, StoreMode::Dispensary];
    let name_id = option::of(id(NameId::from_bytes));
    (
        id(StoreId::from_bytes),
        text(),
        text(),
        name_id,
        select(modes.to_vec()),
        any::<bool>(),
    )
        .prop_map(|(id, code, name, name_id, mode, disabled)| Store {
            id,
            code,
            name,
            name_id,
            mode,
            disabled,
        })
}

fn site() -> impl Strategy<Value = Site> {
    (sync_id(), text(), text()).prop_map(|(sync_id, name, url)| Site { sync_id, name, url })
}

fn digest() -> impl Strategy<Value = Digest> {
    (any::<u64>(), any::<u128>()).prop_map(|(count, sum)| Digest { count, sum })
}

fn assignment() -> impl Strategy<Value = Assignment> {
    let state = option::of(sync_id()).prop_map(|to| match to {
        None => AssignmentState::Active,
        Some(to) => AssignmentState::Draining { to },
    });
    (
        id(StoreId::from_bytes),
        sync_id(),
        any::<u64>(),
        any::<u64>(),
        state,
        option::of((any::<u64>(), digest(), digest())),
    )
        .prop_map(|(store, site, epoch, version, state, given)| Assignment {
            store,
            site,
            epoch: Epoch::from_packed(epoch),
            version,
            state,
            hand_over: given.map(|(seq, stock, history)| HandOver {
                seq,
                totals: StoreTotals { stock, history },
            }),
        })
}

fn settings() -> impl Strategy<Value = SiteSettings> {
    let copies = btree_set(id(StoreId::from_bytes), 0..5);
    let rhythm = (0..=1440u32, any::<bool>());
    let withdrawn = prop_oneof![Just(Withdrawn::Keep), Just(Withdrawn::Remove)];
    (sync_id(), rhythm, copies, withdrawn).prop_map(
        |(sync_id, (interval_minutes, live), copies, withdrawn)| SiteSettings {
            sync_id,
            interval_minutes,
            live,
            copies: copies.into_iter().collect(),
            withdrawn,
        },
    )
}

fn stock_line() -> impl Strategy<Value = StockLine> {
    (
        (
            id(StockLineId::from_bytes),
            id(StoreId::from_bytes),
            id(ItemId::from_bytes),
        ),
        (
            text(),
            option::of(date()),
            positive(),
            amount(),
            amount(),
            amount(),
            amount(),
        ),
        (option::of(id(NameId::from_bytes)), text(), any::<bool>()),
    )
        .prop_map(|(ids, stock, rest)| StockLine {
            id: ids.0,
            store: ids.1,
            item: ids.2,
            batch: stock.0,
            expiry_date: stock.1,
            pack_size: stock.2,
            packs_total: stock.3,
            packs_available: stock.4,
            cost_price: stock.5,
            sell_price: stock.6,
            supplier: rest.0,
            location_code: rest.1,
            on_hold: rest.2,
        })
}

fn transaction_line() -> impl Strategy<Value = TransactionLine> {
    let ids = (id(ItemId::from_bytes), option::of(id(StockLineId::from_bytes)));
    let amounts = (positive(), positive(), amount(), amount());
    (ids, text(), option::of(date()), amounts, text()).prop_map(|(ids, batch, expiry_date, amounts, note)| {
        TransactionLine {
            item: ids.0,
            stock_line: ids.1,
            batch,
            expiry_date,
            packs: amounts.0,
            pack_size: amounts.1,
            cost_price: amounts.2,
            sell_price: amounts.3,
            note,
        }
    })
}

fn transaction() -> impl Strategy<Value = Transaction> {
    use TransactionStatus::*;
    use TransactionType::*;
    let types = [
        SupplierInvoice,
        CustomerInvoice,
        Prescription,
        InventoryAddition,
        InventoryReduction,
        SupplierReturn,
        CustomerReturn,
    ];
    let reached = (1..=3usize, vec((any::<i64>(), text()), 3)).prop_map(|(reached, details)| {
        let changes = [New, Confirmed, Finalised].into_iter().zip(details).take(reached);
        let changes = changes.map(|(status, (at, by))| StatusChange {
            status,
            at: Timestamp(at),
            by,
        });
        changes.collect::<Vec<_>>()
    });
    (
        (
            id(TransactionId::from_bytes),
            id(StoreId::from_bytes),
            1..=u64::MAX,
            select(types.to_vec()),
        ),
        (option::of(id(NameId::from_bytes)), text(), text(), text()),
        reached,
        vec(transaction_line(), 0..4),
    )
        .prop_map(|(head, texts, status_changes, lines)| Transaction {
            id: head.0,
            store: head.1,
            number: head.2,
            transaction_type: head.3,
            other_party: texts.0,
            patient_reference: texts.1,
            status: status_changes.last().map_or(New, |last| last.status),
            their_reference: texts.2,
            comment: texts.3,
            status_changes,
            lines,
        })
}

fn any_body() -> impl Strategy<Value = RecordBody> {
    prop_oneof![
        unit().prop_map(RecordBody::from),
        item().prop_map(RecordBody::from),
        name().prop_map(RecordBody::from),
        store().prop_map(RecordBody::from),
        site().prop_map(RecordBody::from),
        assignment().prop_map(RecordBody::from),
        settings().prop_map(RecordBody::from),
        revoked_operator().prop_map(RecordBody::from),
        proposal(),
        stock_line().prop_map(RecordBody::from),
        transaction().prop_map(RecordBody::from),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_reads_back_the_same(body in any_body()) {
        let (schema, bytes) = body.encode();
        prop_assert!(body.channel().admits(body.kind()));
        prop_assert_eq!(RecordBody::decode(body.kind(), schema, &bytes), Ok(body.clone()));
        prop_assert_eq!(body.encode().1, bytes);
    }

    #[test]
    fn a_field_of_a_newer_program_is_passed_over(body in any_body(), value in any::<u8>()) {
        let (schema, bytes) = body.encode();
        let mut bytes = bytes.to_vec();
        // Field 1000, length-delimited, one byte.
        bytes.extend([0xc2, 0x3e, 1, value]);
        prop_assert_eq!(RecordBody::decode(body.kind(), schema, &bytes), Ok(body));
    }

    #[test]
    fn noise_is_refused_or_read_but_never_a_panic(kind in select(Kind::KNOWN.to_vec()), noise in vec(any::<u8>(), 0..200)) {
        if let Ok(body) = RecordBody::decode(kind, 1, &noise) {
            let (schema, bytes) = body.encode();
            prop_assert_eq!(RecordBody::decode(kind, schema, &bytes), Ok(body));
        }
    }
}

fn detail_of(kind: Kind, message: impl prost::Message) -> String {
    match RecordBody::decode(kind, 1, &message.encode_to_vec()) {
        Err(CodecError::Malformed { detail, .. }) => detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_only_newer_programs_know_waits_and_what_is_damaged_does_not() {
    let newer = RecordBody::decode(Kind::ITEM, 2, &[]).unwrap_err();
    assert_eq!(
        newer,
        CodecError::NewerSchema {
            kind: Kind::ITEM,
            schema: 2,
            known: 1
        }
    );
    assert!(newer.waits_for_upgrade());
    let unknown = RecordBody::decode(Kind(99), 1, &[]).unwrap_err();
    assert_eq!(unknown, CodecError::UnknownKind(Kind(99)));
    assert!(unknown.waits_for_upgrade());
    for kind in Kind::KNOWN {
        assert_eq!(known_schema(kind), Some(1));
        assert!(
            !RecordBody::decode(kind, 1, &[0xff])
                .unwrap_err()
                .waits_for_upgrade()
        );
        assert!(!RecordBody::decode(kind, 1, &[]).unwrap_err().waits_for_upgrade());
        assert!(!RecordBody::decode(kind, 0, &[]).unwrap_err().waits_for_upgrade());
    }
}

#[test]
fn each_wrong_field_is_named() {
    use crate::wire;
    let id = vec![7; 16];
    let item = wire::Item {
        id: id.clone(),
        r#type: 1,
        default_pack_size: 1,
        ..Default::default()
    };
    assert!(
        detail_of(
            Kind::ITEM,
            wire::Item {
                r#type: 0,
                ..item.clone()
            }
        )
        .starts_with("type:")
    );
    assert!(
        detail_of(
            Kind::ITEM,
            wire::Item {
                ven_category: 9,
                ..item.clone()
            }
        )
        .starts_with("ven_category:")
    );
    assert!(
        detail_of(
            Kind::ITEM,
            wire::Item {
                unit: vec![1],
                ..item.clone()
            }
        )
        .starts_with("unit:")
    );
    let wrong = wire::Item {
        default_pack_size: 0,
        ..item
    };
    assert!(detail_of(Kind::ITEM, wrong).starts_with("default_pack_size:"));
    let roles = wire::Name {
        id: id.clone(),
        roles: vec![2, 2],
        ..Default::default()
    };
    assert!(detail_of(Kind::NAME, roles).starts_with("roles:"));
    let line = wire::TransactionLine {
        item: id.clone(),
        packs: -1,
        pack_size: 1,
        ..Default::default()
    };
    let transaction = wire::Transaction {
        id: id.clone(),
        store: id,
        number: 1,
        r#type: 1,
        status: 1,
        lines: vec![line],
        ..Default::default()
    };
    assert!(detail_of(Kind::TRANSACTION, transaction.clone()).starts_with("lines[0].packs:"));
    let ahead = wire::Transaction {
        status_changes: vec![wire::StatusChange {
            status: 2,
            ..Default::default()
        }],
        lines: Vec::new(),
        ..transaction
    };
    assert!(detail_of(Kind::TRANSACTION, ahead).starts_with("status_changes:"));
}

#[test]
fn no_text_holds_what_a_database_can_not_keep() {
    let mut checked = 0;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..500 {
        let body = any_body().new_tree(&mut runner).unwrap().current();
        let (schema, bytes) = body.encode();
        // A character of one byte in place of another leaves the body well formed: every text, and little else, has
        // letters of its own. An id or a number that happens to have them is read as before.
        for place in 0..bytes.len() {
            let mut spoilt = bytes.to_vec();
            spoilt[place] = 0;
            match RecordBody::decode(body.kind(), schema, &spoilt) {
                // What a proposal quotes is bytes, and read by whoever accepts it.
                Ok(RecordBody::Proposal(read)) => {
                    let texts = [&read.reason, &read.proposed_by, &read.note];
                    assert!(texts.iter().all(|text| !text.contains('\0')), "{read:?}");
                }
                Ok(read) => assert!(!format!("{read:?}").contains("\\0"), "{read:?}"),
                Err(CodecError::Malformed { detail, .. }) => {
                    checked += usize::from(detail.contains("U+0000"))
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert!(checked > 500, "{checked}");
}

#[test]
fn envelope_and_body_must_agree() {
    let store = StoreId::from_bytes([1; 16]);
    let body = RecordBody::from(Store {
        id: store,
        code: "CMS".into(),
        name: "Central".into(),
        name_id: None,
        mode: StoreMode::Store,
        disabled: false,
    });
    let (schema, bytes) = body.encode();
    let record = Record {
        key: body.key(),
        channel: Channel::Master,
        origin_site: SyncId::PRIMARY,
        epoch: Epoch::default(),
        revision: 1,
        schema,
        deleted: false,
        hash: RecordHash::default(),
        body: bytes,
    };
    assert_eq!(RecordBody::of_record(&record), Ok(body));
    let mut elsewhere = record.clone();
    elsewhere.channel = Channel::StoreStock(store);
    assert!(RecordBody::of_record(&elsewhere).is_err());
    let mut another = record;
    another.key.id = RecordId::from_bytes([2; 16]);
    assert!(RecordBody::of_record(&another).is_err());
}
