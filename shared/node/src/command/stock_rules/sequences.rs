//! Tests of the rules: examples of each refusal, and laws over random sequences of steps.

use std::collections::BTreeMap;

use proptest::prelude::*;
use supplysync_model::{
    Amount, FaultCode, Item, ItemId, ItemType, Name, NameId, NameRole, Reason, StockLine, StockLineId, Store,
    StoreId, StoreMode, Timestamp, Transaction, TransactionId, TransactionStatus, TransactionType,
    parse_date,
};
use uuid::Uuid;

use super::*;

mod accepting;

const STORE: StoreId = StoreId::from_bytes([1; 16]);
const SUPPLIER: NameId = NameId::from_bytes([2; 16]);
const CUSTOMER: NameId = NameId::from_bytes([3; 16]);

fn item_id(number: u8) -> ItemId {
    ItemId::from_bytes([10 + number; 16])
}

fn packs(text: &str) -> Amount {
    text.parse().unwrap()
}

fn act() -> Act {
    Act {
        by: "operator/editor/ana".into(),
        at: Timestamp(1_000),
    }
}

fn item(number: u8) -> Item {
    Item {
        id: item_id(number),
        code: format!("M{number}"),
        name: "Amoxicillin".into(),
        item_type: ItemType::Stock,
        unit: None,
        strength: String::new(),
        atc_code: String::new(),
        ven_category: None,
        default_pack_size: packs("100"),
        vaccine: false,
        critical: false,
        active: true,
    }
}

fn party(id: NameId, role: NameRole) -> Known<Name> {
    let value = Name {
        id,
        code: format!("{role:?}"),
        name: "Party".into(),
        roles: vec![role],
        on_hold: false,
        address: String::new(),
        country: String::new(),
        phone: String::new(),
        email: String::new(),
        store: None,
    };
    Known {
        value,
        retired: false,
    }
}

fn facts() -> Facts {
    let store = Store {
        id: STORE,
        code: "CMS".into(),
        name: "Central".into(),
        name_id: None,
        mode: StoreMode::Store,
        disabled: false,
    };
    let known = |value| Known {
        value,
        retired: false,
    };
    Facts {
        today: parse_date("2026-11-24").unwrap(),
        store: Known {
            value: store,
            retired: false,
        },
        items: (0..3).map(|n| (item_id(n), known(item(n)))).collect(),
        names: BTreeMap::from([
            (SUPPLIER, party(SUPPLIER, NameRole::Supplier)),
            (CUSTOMER, party(CUSTOMER, NameRole::Customer)),
        ]),
        stock: BTreeMap::new(),
    }
}

fn draft(transaction_type: TransactionType, lines: Vec<DraftLine>) -> TransactionDraft {
    TransactionDraft {
        transaction_type,
        other_party: match transaction_type {
            TransactionType::SupplierInvoice => Some(SUPPLIER),
            TransactionType::CustomerInvoice => Some(CUSTOMER),
            _ => None,
        },
        patient_reference: match transaction_type {
            TransactionType::Prescription => "Rosa, 34, bed 7".into(),
            _ => String::new(),
        },
        their_reference: String::new(),
        comment: String::new(),
        lines,
    }
}

fn goods(number: u8, batch: &str, amount: &str) -> DraftLine {
    DraftLine {
        item: Some(item_id(number)),
        batch: batch.into(),
        expiry_date: parse_date("2028-01-31"),
        packs: packs(amount),
        ..DraftLine::default()
    }
}

fn from_line(id: StockLineId, amount: &str) -> DraftLine {
    DraftLine {
        stock_line: Some(id),
        packs: packs(amount),
        ..DraftLine::default()
    }
}

/// A store in memory: applies effects, so that sequences can be played.
struct World {
    facts: Facts,
    transactions: Vec<Transaction>,
    ids: u128,
}

impl World {
    fn new() -> World {
        World {
            facts: facts(),
            transactions: Vec::new(),
            ids: 1_000,
        }
    }

    fn absorb(&mut self, effect: Effect) -> Transaction {
        for line in effect.stock {
            self.facts.stock.insert(line.id, line);
        }
        self.transactions.retain(|t| t.id != effect.transaction.id);
        if !effect.deleted {
            self.transactions.push(effect.transaction.clone());
        }
        effect.transaction
    }

    fn create(&mut self, draft: &TransactionDraft) -> Result<Transaction, Fault> {
        self.ids += 1;
        let header = Header {
            id: TransactionId::new(Uuid::from_u128(self.ids)),
            store: STORE,
            number: u64::try_from(self.ids).unwrap(),
        };
        let effect = create(header, draft, &self.facts, act())?;
        Ok(self.absorb(effect))
    }

    fn confirm(&mut self, transaction: &Transaction) -> Result<Transaction, Fault> {
        let ids = &mut self.ids;
        let new_id = || {
            *ids += 1;
            Uuid::from_u128(*ids)
        };
        let effect = confirm(transaction, &self.facts, act(), new_id)?;
        Ok(self.absorb(effect))
    }

    fn receive(&mut self, lines: Vec<DraftLine>) -> Transaction {
        let transaction = self.create(&draft(TransactionType::SupplierInvoice, lines));
        self.confirm(&transaction.unwrap()).unwrap()
    }

    fn only_line(&self) -> StockLine {
        assert_eq!(self.facts.stock.len(), 1);
        self.facts.stock.values().next().unwrap().clone()
    }

    /// The laws: stock is the sum of its movements, available is the total less what is reserved, neither below zero.
    fn check_laws(&self) {
        for stock in self.facts.stock.values() {
            let (mut moved, mut reserved) = (0i64, 0i64);
            for transaction in &self.transactions {
                let adds = transaction.transaction_type.adds_stock();
                for line in &transaction.lines {
                    if line.stock_line != Some(stock.id) {
                        continue;
                    }
                    match (transaction.status, adds) {
                        (TransactionStatus::New, true) => {}
                        (TransactionStatus::New, false) => reserved += line.packs.micros(),
                        (_, true) => moved += line.packs.micros(),
                        (_, false) => moved -= line.packs.micros(),
                    }
                }
            }
            assert_eq!(stock.packs_total.micros(), moved, "sum of movements");
            assert_eq!(stock.packs_available.micros(), moved - reserved, "available");
            assert!(moved - reserved >= 0 && moved >= 0, "below zero");
        }
    }
}

#[test]
fn an_issue_reserves_then_takes() {
    let mut world = World::new();
    world.receive(vec![goods(0, "B1", "10")]);
    let line = world.only_line();
    let issue = draft(
        TransactionType::CustomerInvoice,
        vec![from_line(line.id, "4"), from_line(line.id, "2.5")],
    );
    let issue = world.create(&issue).unwrap();
    let reserved = world.only_line();
    assert_eq!(
        (reserved.packs_total, reserved.packs_available),
        (packs("10"), packs("3.5"))
    );
    let issue = world.confirm(&issue).unwrap();
    let taken = world.only_line();
    assert_eq!(
        (taken.packs_total, taken.packs_available),
        (packs("3.5"), packs("3.5"))
    );
    let done = finalise(&issue, act()).unwrap();
    assert_eq!(done.transaction.status, TransactionStatus::Finalised);
    assert_eq!(done.transaction.status_changes.len(), 3);
    for refused in [
        delete(&done.transaction, &world.facts).err(),
        revise(
            &issue,
            &draft(TransactionType::CustomerInvoice, vec![]),
            &world.facts,
        )
        .err(),
    ] {
        assert_eq!(refused.unwrap().reason(), Reason::WRONG_STATUS);
    }
    world.check_laws();
}

#[test]
fn identical_receipts_share_a_stock_line_and_different_ones_do_not() {
    let mut world = World::new();
    world.receive(vec![
        goods(0, "B1", "10"),
        goods(0, "B1", "5"),
        goods(0, "B2", "1"),
    ]);
    assert_eq!(world.facts.stock.len(), 2);
    world.receive(vec![goods(0, "B1", "7")]);
    assert_eq!(world.facts.stock.len(), 2);
    let dearer = DraftLine {
        cost_price: Some(packs("1.25")),
        ..goods(0, "B1", "1")
    };
    world.receive(vec![dearer]);
    assert_eq!(world.facts.stock.len(), 3);
    // Goods never join what is on hold.
    for line in world.facts.stock.values_mut() {
        line.on_hold = true;
    }
    world.receive(vec![goods(0, "B1", "1")]);
    assert_eq!(world.facts.stock.len(), 4);
    world.check_laws();
}

#[test]
fn all_wrong_lines_are_named_at_once() {
    let mut world = World::new();
    world.receive(vec![goods(0, "B1", "10")]);
    let line = world.only_line();
    let wrong = draft(
        TransactionType::CustomerInvoice,
        vec![
            from_line(line.id, "-1"),
            from_line(StockLineId::from_bytes([99; 16]), "1"),
            DraftLine {
                pack_size: Some(packs("7")),
                ..from_line(line.id, "0")
            },
        ],
    );
    let fault = world.create(&wrong).unwrap_err();
    assert_eq!(fault.code(), FaultCode::InvalidArgument);
    let fields: Vec<_> = fault.violations().iter().map(|v| v.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "lines[0].packs",
            "lines[1].stock_line_id",
            "lines[2].packs",
            "lines[2].pack_size"
        ]
    );
}

#[test]
fn expired_and_held_stock_is_written_off_not_issued() {
    let mut world = World::new();
    let old = DraftLine {
        expiry_date: parse_date("2026-11-23"),
        ..goods(0, "OLD", "5")
    };
    let receipt = draft(TransactionType::SupplierInvoice, vec![old]);
    let effect = create(
        Header {
            id: TransactionId::from_bytes([7; 16]),
            store: STORE,
            number: 1,
        },
        &receipt,
        &world.facts,
        act(),
    )
    .unwrap();
    assert_eq!(effect.warnings.len(), 1);
    let receipt = world.absorb(effect);
    world.confirm(&receipt).unwrap();
    let line = world.only_line();
    let issue = draft(TransactionType::Prescription, vec![from_line(line.id, "1")]);
    assert_eq!(world.create(&issue).unwrap_err().reason(), Reason::STOCK_EXPIRED);
    world.facts.stock.get_mut(&line.id).unwrap().on_hold = true;
    assert_eq!(world.create(&issue).unwrap_err().violations().len(), 2);
    let write_off = draft(TransactionType::InventoryReduction, vec![from_line(line.id, "5")]);
    let write_off = world.create(&write_off).unwrap();
    world.confirm(&write_off).unwrap();
    assert!(world.only_line().packs_total.is_zero());
}

#[test]
fn what_became_impossible_since_is_refused_at_confirmation() {
    let mut world = World::new();
    world.receive(vec![goods(0, "B1", "5")]);
    let line = world.only_line();
    let receipt = draft(TransactionType::SupplierInvoice, vec![goods(1, "B1", "5")]);
    let receipt = world.create(&receipt).unwrap();
    world.facts.items.get_mut(&item_id(1)).unwrap().retired = true;
    assert_eq!(
        world.confirm(&receipt).unwrap_err().reason(),
        Reason::ITEM_RETIRED
    );
    let issue = draft(TransactionType::CustomerInvoice, vec![from_line(line.id, "1")]);
    let issue = world.create(&issue).unwrap();
    world.facts.stock.get_mut(&line.id).unwrap().on_hold = true;
    assert_eq!(world.confirm(&issue).unwrap_err().reason(), Reason::ON_HOLD);
    world.facts.stock.get_mut(&line.id).unwrap().on_hold = false;
    world.facts.names.get_mut(&CUSTOMER).unwrap().value.on_hold = true;
    assert_eq!(world.confirm(&issue).unwrap_err().reason(), Reason::ON_HOLD);
}

#[test]
fn parties_types_and_closed_stores_are_checked() {
    let mut world = World::new();
    let mut wrong_role = draft(TransactionType::SupplierInvoice, vec![]);
    wrong_role.other_party = Some(CUSTOMER);
    assert_eq!(
        world.create(&wrong_role).unwrap_err().violations()[0].field,
        "other_party_id"
    );
    let mut nobody = draft(TransactionType::CustomerInvoice, vec![]);
    nobody.other_party = None;
    assert_eq!(
        world.create(&nobody).unwrap_err().reason(),
        Reason::INVALID_FIELDS
    );
    let later = draft(TransactionType::SupplierReturn, vec![]);
    assert_eq!(world.create(&later).unwrap_err().code(), FaultCode::Unimplemented);
    let empty = draft(TransactionType::InventoryAddition, vec![]);
    let empty = world.create(&empty).unwrap();
    assert_eq!(world.confirm(&empty).unwrap_err().reason(), Reason::WRONG_STATUS);
    world.facts.store.value.disabled = true;
    let refused = world.create(&draft(TransactionType::InventoryAddition, vec![]));
    assert_eq!(refused.unwrap_err().reason(), Reason::WRONG_STATUS);
}

#[derive(Debug, Clone)]
enum Step {
    Receive(u8, u8, i64),
    Draft(TransactionType, usize, i64),
    Revise(usize, usize, i64),
    Confirm(usize),
    Finalise(usize),
    Delete(usize),
}

fn step() -> impl Strategy<Value = Step> {
    use TransactionType::*;
    let micros = 0..20_000_000i64;
    let issue = prop_oneof![
        Just(CustomerInvoice),
        Just(Prescription),
        Just(InventoryReduction),
        Just(InventoryAddition)
    ];
    prop_oneof![
        2 => (0..3u8, 0..2u8, micros.clone()).prop_map(|(item, batch, packs)| Step::Receive(item, batch, packs)),
        4 => (issue, any::<usize>(), micros.clone()).prop_map(|(kind, line, packs)| Step::Draft(kind, line, packs)),
        2 => (any::<usize>(), any::<usize>(), micros).prop_map(|(at, line, packs)| Step::Revise(at, line, packs)),
        4 => any::<usize>().prop_map(Step::Confirm),
        1 => any::<usize>().prop_map(Step::Finalise),
        1 => any::<usize>().prop_map(Step::Delete),
    ]
}

impl World {
    fn play(&mut self, step: Step) {
        let line_at = |world: &World, at: usize, micros: i64| {
            let count = world.facts.stock.len().max(1);
            let line = world.facts.stock.keys().nth(at % count)?;
            Some(DraftLine {
                stock_line: Some(*line),
                packs: Amount::from_micros(micros),
                ..DraftLine::default()
            })
        };
        let transaction_at = |world: &World, at: usize| {
            let count = world.transactions.len().max(1);
            world.transactions.get(at % count).cloned()
        };
        // A refusal is a legitimate outcome of every step: the laws must hold after it too.
        let outcome = match step {
            Step::Receive(item, batch, micros) => {
                let line = DraftLine {
                    packs: Amount::from_micros(micros),
                    ..goods(item, &format!("B{batch}"), "1")
                };
                self.create(&draft(TransactionType::SupplierInvoice, vec![line]))
                    .map(drop)
            }
            Step::Draft(kind, at, micros) => match line_at(self, at, micros) {
                Some(line) => self.create(&draft(kind, vec![line.clone(), line])).map(drop),
                None => Ok(()),
            },
            Step::Revise(at, line, micros) => match (transaction_at(self, at), line_at(self, line, micros)) {
                (Some(before), Some(line)) => {
                    let next = draft(before.transaction_type, vec![line]);
                    revise(&before, &next, &self.facts)
                        .map(|effect| self.absorb(effect))
                        .map(drop)
                }
                _ => Ok(()),
            },
            Step::Confirm(at) => match transaction_at(self, at) {
                Some(before) => self.confirm(&before).map(drop),
                None => Ok(()),
            },
            Step::Finalise(at) => match transaction_at(self, at) {
                Some(before) => finalise(&before, act())
                    .map(|effect| self.absorb(effect))
                    .map(drop),
                None => Ok(()),
            },
            Step::Delete(at) => match transaction_at(self, at) {
                Some(before) => delete(&before, &self.facts)
                    .map(|effect| self.absorb(effect))
                    .map(drop),
                None => Ok(()),
            },
        };
        if let Err(fault) = outcome {
            assert!(
                !fault.message().contains("verify --deep"),
                "reservations stay whole: {fault}"
            );
        }
        self.check_laws();
    }
}

proptest! {
    #[test]
    fn stock_is_the_sum_of_its_movements(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.play(step);
        }
    }
}
