//! Requests are read strictly and all at once; faults survive the wire; answers read back as what was written.

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use prost_types::FieldMask;
use supplysync_model::*;

use crate::fault::{from_status, to_status};
use crate::fields::{self, Fields, Reference};
use crate::master::{self, Version};
use crate::{etag_text, page_token, parse_etag, read_page, stock, v1};

fn version() -> Version {
    Version {
        epoch: Epoch {
            incarnation: 1,
            counter: 0,
        },
        revision: 7,
        retired: false,
    }
}

fn mask(paths: &[&str]) -> FieldMask {
    FieldMask {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    }
}

fn wrong_fields(fault: &Fault) -> Vec<&str> {
    assert_eq!(fault.reason(), Reason::INVALID_FIELDS);
    fault
        .violations()
        .iter()
        .map(|violation| violation.field.as_str())
        .collect()
}

proptest! {
    #[test]
    fn a_fault_survives_the_wire(at in 0..Reason::ALL.len(), message in "\\PC{0,200}", texts in vec("\\PC{1,40}", 0..8)) {
        let violations: Vec<_> = texts.into_iter().enumerate().map(|(at, description)| FieldViolation {
            field: format!("lines[{at}].packs"),
            description,
        }).collect();
        let fault = Fault::new(FaultCode::FailedPrecondition, Reason::ALL[at], &message)
            .with_violations(violations.clone())
            .with_metadata("owner", 3);
        let refusal = from_status(&to_status(&fault));
        prop_assert_eq!(refusal.code, fault.code());
        prop_assert_eq!(&refusal.reason, fault.reason().0);
        prop_assert_eq!(&refusal.message, &message);
        prop_assert_eq!(&refusal.violations, &violations);
        prop_assert_eq!(refusal.metadata.get("owner").map(String::as_str), Some("3"));
        let again = Fault::from(refusal);
        prop_assert_eq!(again.reason(), fault.reason());
        prop_assert_eq!(again.message(), fault.message());
    }

    #[test]
    fn an_etag_reads_back(epoch in any::<u64>(), revision in any::<u64>()) {
        let epoch = Epoch::from_packed(epoch);
        prop_assert_eq!(parse_etag(&etag_text(epoch, revision)), Ok(Some((epoch, revision))));
    }

    #[test]
    fn a_page_token_reads_back_for_its_own_list_only(key in vec("\\PC{0,20}", 2), list in "[a-z ]{0,10}") {
        let parts: Vec<_> = key.iter().map(String::as_str).collect();
        let token = page_token(&list, &parts);
        let mut fields = Fields::new();
        prop_assert_eq!(read_page(&mut fields, 5, &token, &list, 2).and_then(|page| page.after), Some(key));
        prop_assert!(read_page(&mut fields, 5, &token, "another list", 2).is_none());
        prop_assert!(read_page(&mut fields, 5, &token, &list, 1).is_none());
    }

    #[test]
    fn noise_is_no_token_and_never_a_panic(noise in "\\PC{1,60}") {
        prop_assert!(read_page(&mut Fields::new(), 0, &noise, "items", 2).is_none());
    }

    #[test]
    fn an_item_that_was_answered_is_an_item_that_can_be_sent(
        texts in vec("\\PC{0,20}", 4),
        size in 1..=i64::MAX,
        unit in any::<Option<[u8; 16]>>(),
        flags in any::<(bool, bool, bool)>(),
    ) {
        let item = Item {
            id: ItemId::from_bytes([0; 16]),
            code: texts[0].clone(),
            name: texts[1].clone(),
            item_type: ItemType::NonStock,
            unit: unit.map(UnitId::from_bytes),
            strength: texts[2].clone(),
            atc_code: texts[3].clone(),
            ven_category: flags.0.then_some(VenCategory::Vital),
            default_pack_size: Amount::from_micros(size),
            vaccine: flags.0,
            critical: flags.1,
            active: flags.2,
        };
        prop_assert_eq!(master::new_item(master::item(&item, version(), "")).unwrap(), item);
    }

    #[test]
    fn lines_that_were_answered_are_lines_that_can_be_sent(amounts in vec(any::<i64>(), 4), day in 0..5_000_000i32) {
        let line = TransactionLine {
            item: ItemId::from_bytes([1; 16]),
            stock_line: Some(StockLineId::from_bytes([2; 16])),
            batch: "B7".into(),
            expiry_date: Date::from_julian_day(day).ok().filter(|date| (0..=9999).contains(&date.year())),
            packs: Amount::from_micros(amounts[0]),
            pack_size: Amount::from_micros(amounts[1]),
            cost_price: Amount::from_micros(amounts[2]),
            sell_price: Amount::from_micros(amounts[3]),
            note: String::new(),
        };
        let transaction = Transaction {
            id: TransactionId::from_bytes([3; 16]),
            store: StoreId::from_bytes([4; 16]),
            number: 9,
            transaction_type: TransactionType::Prescription,
            other_party: None,
            patient_reference: "p".into(),
            status: TransactionStatus::New,
            their_reference: String::new(),
            comment: String::new(),
            status_changes: Vec::new(),
            lines: vec![line.clone()],
        };
        let names = stock::TransactionNames { store_code: "S", other_party: None, item: &|_| Some(("C", "N")) };
        let read = stock::new_transaction(stock::transaction(&transaction, version(), &names)).unwrap();
        prop_assert_eq!(read.store, transaction.store);
        prop_assert_eq!(read.transaction_type, transaction.transaction_type);
        let sent = &read.content.lines[0];
        prop_assert_eq!((sent.packs, sent.pack_size), (line.packs, Some(line.pack_size)));
        prop_assert_eq!((sent.expiry_date, sent.stock_line), (line.expiry_date, line.stock_line));
    }
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let fault = master::new_item(v1::Item {
        unit_id: "tablet".into(),
        ven_category: 9,
        default_pack_size: "1.0000001".into(),
        ..Default::default()
    });
    let fault = fault.unwrap_err();
    assert_eq!(
        wrong_fields(&fault),
        ["type", "unit_id", "ven_category", "default_pack_size"]
    );

    let line = v1::TransactionLine {
        expiry_date: "2027-02-29".into(),
        packs: "1e3".into(),
        cost_price: "-".into(),
        ..Default::default()
    };
    let fault = stock::new_transaction(v1::Transaction {
        store_id: "CMS".into(),
        lines: vec![
            v1::TransactionLine {
                packs: "1".into(),
                ..Default::default()
            },
            line,
        ],
        ..Default::default()
    });
    let fault = fault.unwrap_err();
    let expected = [
        "store_id",
        "type",
        "lines[1].expiry_date",
        "lines[1].packs",
        "lines[1].cost_price",
    ];
    assert_eq!(wrong_fields(&fault), expected);
}

#[test]
fn a_mask_limits_what_is_read_and_what_is_set() {
    let wire = v1::Item {
        name: "new".into(),
        unit_id: "nonsense that the mask leaves out".into(),
        ..Default::default()
    };
    let patch = master::item_patch(wire.clone(), Some(&mask(&["name"]))).unwrap();
    let before = master::new_item(v1::Item {
        code: "A".into(),
        name: "old".into(),
        r#type: v1::ItemType::Stock.into(),
        ..Default::default()
    });
    let before = before.unwrap();
    assert_eq!(before.default_pack_size, "1".parse().unwrap());
    assert!(before.active);
    let after = patch.onto(before.clone());
    assert_eq!(
        after,
        Item {
            name: "new".into(),
            ..before
        }
    );

    let fault = master::item_patch(wire, Some(&mask(&["name", "unit_name", "id"]))).unwrap_err();
    assert_eq!(wrong_fields(&fault), ["update_mask", "update_mask"]);
    let fault = stock::stock_line_patch(v1::StockLine::default(), Some(&mask(&["packs_total"]))).unwrap_err();
    assert_eq!(wrong_fields(&fault), ["update_mask"]);
}

#[test]
fn ids_have_one_form_and_all_else_is_a_code() {
    let id = ItemId::from_bytes([7; 16]);
    assert_eq!(fields::reference(&id.to_string()), Ok(Reference::Id(id)));
    assert_eq!(
        fields::reference::<ItemId>("M0001"),
        Ok(Reference::Code("M0001".into()))
    );
    assert!(fields::reference::<ItemId>(" ").is_err());
    assert!(fields::id::<ItemId>(&format!("{{{id}}}")).is_err());
    assert!(fields::id::<ItemId>(&id.to_string().replace('-', "")).is_err());
    assert!(fields::sync_id(0).is_err() && fields::sync_id(70_000).is_err());
}

#[test]
fn etags_that_were_never_given_are_refused() {
    assert_eq!(parse_etag(""), Ok(None));
    for text in ["1", "1.0", "1.0.x", "01.0.7", "1.0.7.", "1.0.+7", "1.0.7.8"] {
        assert!(parse_etag(text).is_err(), "{text}");
    }
}

#[test]
fn page_sizes_are_bounded() {
    let size = |size| read_page(&mut Fields::new(), size, "", "items", 2).map(|page| page.size);
    assert_eq!(size(0), Some(100));
    assert_eq!(size(5_000), Some(1000));
    assert_eq!(size(-1), None);
}

#[test]
fn a_status_always_fits_into_the_headers() {
    let violations = (0..5_000).map(|at| FieldViolation {
        field: format!("lines[{at}].packs"),
        description: "must be above zero, ‹não›".into(),
    });
    let status = to_status(&Fault::invalid(violations.collect()));
    // Base64 makes four bytes of three; what is beyond ASCII takes three a byte.
    let message: usize = status
        .message()
        .bytes()
        .map(|byte| if byte.is_ascii() { 1 } else { 3 })
        .sum();
    let on_the_wire = status.details().len() * 4 / 3 + message;
    assert!(on_the_wire < 12_000, "{on_the_wire}");
    let refusal = from_status(&status);
    assert!(refusal.violations.len() > 50);
    let shown = refusal.violations.len() - 1;
    assert_eq!(
        refusal.violations[shown].description,
        format!("and {} more", 5_000 - shown)
    );
}

#[test]
fn the_connection_s_own_failures_get_words_and_a_reason() {
    let refusal = from_status(&tonic::Status::unavailable("tcp connect error"));
    assert_eq!(
        (refusal.code, refusal.reason.as_str()),
        (FaultCode::Unavailable, "PEER_UNREACHABLE")
    );
    let refusal = from_status(&tonic::Status::cancelled("Timeout expired"));
    assert_eq!(refusal.code, FaultCode::DeadlineExceeded);
}

#[test]
fn secrets_are_not_shown() {
    let request = v1::UnlockRequest {
        authorisation_code: "1234".into(),
    };
    assert!(!format!("{request:?}").contains("1234"));
}

#[test]
fn the_descriptors_name_every_service() {
    let set = prost_types::FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).unwrap();
    let ours = set.file.iter().filter(|file| file.package() == "supplysync.v1");
    let services: Vec<_> = ours
        .flat_map(|file| file.service.iter().map(|service| service.name()))
        .collect();
    assert_eq!(services.len(), 8, "{services:?}");
    for file in set.file.iter().filter(|file| file.package() == "supplysync.v1") {
        for value in file.enum_type.iter().flat_map(|kind| kind.value.first()) {
            assert!(
                value.name().ends_with("_UNSPECIFIED") && value.number() == 0,
                "{}",
                value.name()
            );
        }
    }
}
