//! What may be done to a network of three stores, one operation at a time, and how sequences of operations are drawn.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::Direction;

use crate::link::ALL;
use crate::sample::{SECOND, THIRD, item, line, receipt, settings, store, supplier, unit};

/// A record, by its place in the sample network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    Unit(u32),
    Item(u32),
    Supplier,
    Store(u32),
    Copies(u16, &'static [u32]),
    /// A stock line: its number, its store, its packs.
    Line(u32, u32, u32),
    /// A receipt into stock line 50: its number, its store, its packs.
    Receipt(u32, u32, u32),
}

impl What {
    /// What is written with it: a receipt with its stock line, for the model knows nothing of records that wait.
    pub fn with_what_it_needs(self) -> Vec<RecordBody> {
        match self {
            What::Receipt(_, store, packs) => vec![line(50, store, packs), self.body()],
            _ => vec![self.body()],
        }
    }

    pub fn body(self) -> RecordBody {
        match self {
            What::Unit(version) => unit(1, &format!("tablet {version}")),
            What::Item(version) => item(10 + version % 3, &format!("item {version}")),
            What::Supplier => supplier(20),
            What::Store(number) => store(number),
            What::Copies(site, copies) => settings(site, copies),
            What::Line(number, store, packs) => line(number, store, packs),
            What::Receipt(number, store, packs) => receipt(number, store, 50, packs),
        }
    }
}

/// What is wrong with a batch on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    None,
    /// Its first part begins one seq later than it does.
    From,
    /// The hash of its first record is not that of its content.
    Hash,
    /// The session that sent it is another (push).
    Lease,
}

/// One thing done; sites are 1 (the primary), 2 and 3.
#[derive(Clone, Copy)]
pub enum Operation {
    Write(u16, What),
    Delete(u16, What),
    /// Reads a page for a satellite (pull) or of one (push), of so many records at most, and keeps it as a letter.
    Send(Direction, u16, usize),
    /// Applies a letter, which stays: it may come again.
    Deliver(Index, Damage),
    /// Stores what a receiver answered, with its sender.
    Acknowledge(Index),
    /// Pulls and pushes, in pages of that many records, until both ends have everything.
    Round(u16, usize),
    /// A satellite forgets where it stands in the channels of a store.
    Forget(u16, u32),
    /// A newer session speaks for a satellite.
    Lease(u16),
    Move(u32, u16, bool),
    Cancel(u32),
    /// A satellite tells the primary what it has to say of moves.
    Tell(u16),
    /// A satellite goes on by itself with whatever is being moved away.
    Abort(u16),
}

/// Short, so that a failing sequence can be read: `write 2 line 50 of 200, 3 packs`.
impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Write(site, what) => write!(f, "write {site} {what:?}"),
            Operation::Delete(site, what) => write!(f, "delete {site} {what:?}"),
            Operation::Send(direction, site, most) => write!(f, "send {direction:?} {site}, at most {most}"),
            Operation::Deliver(letter, Damage::None) => write!(f, "deliver {}", drawn(letter)),
            Operation::Deliver(letter, damage) => {
                write!(f, "deliver {} with wrong {damage:?}", drawn(letter))
            }
            Operation::Acknowledge(answer) => write!(f, "acknowledge {}", drawn(answer)),
            Operation::Round(site, most) => write!(f, "round {site}, at most {most}"),
            Operation::Forget(site, store) => write!(f, "forget {site} {store}"),
            Operation::Lease(site) => write!(f, "lease {site}"),
            Operation::Move(store, to, false) => write!(f, "move {store} to {to}"),
            Operation::Move(store, to, true) => write!(f, "move {store} to {to} by force"),
            Operation::Cancel(store) => write!(f, "cancel {store}"),
            Operation::Tell(site) => write!(f, "tell {site}"),
            Operation::Abort(site) => write!(f, "abort {site}"),
        }
    }
}

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Unit(version) => write!(f, "unit 1, version {version}"),
            What::Item(version) => write!(f, "item {}, version {version}", 10 + version % 3),
            What::Supplier => write!(f, "supplier 20"),
            What::Store(number) => write!(f, "store {number}"),
            What::Copies(site, copies) => write!(f, "copies of {site}: {copies:?}"),
            What::Line(number, store, packs) => write!(f, "line {number} of {store}, {packs} packs"),
            What::Receipt(number, store, packs) => write!(f, "receipt {number} of {store}, {packs} packs"),
        }
    }
}

/// Which of a thousand: the place in a list depends on how long it is by then.
fn drawn(index: &Index) -> String {
    format!("letter at {:.3}", index.index(1_000) as f64 / 1_000.0)
}

fn what() -> impl Strategy<Value = What> {
    let stores = || select(vec![SECOND, SECOND, THIRD]);
    prop_oneof![
        1 => (0..4u32).prop_map(What::Unit),
        1 => (0..6u32).prop_map(What::Item),
        1 => Just(What::Supplier),
        1 => stores().prop_map(What::Store),
        1 => copies(),
        5 => (50..54u32, stores(), 1..5u32).prop_map(|(number, store, packs)| What::Line(number, store, packs)),
        3 => (60..63u32, stores(), 1..4u32).prop_map(|(number, store, packs)| What::Receipt(number, store, packs)),
    ]
}

fn copies() -> impl Strategy<Value = What> {
    prop_oneof![
        Just(What::Copies(2, &[])),
        Just(What::Copies(2, &[THIRD])),
        Just(What::Copies(3, &[])),
        Just(What::Copies(3, &[SECOND])),
    ]
}

fn satellite() -> impl Strategy<Value = u16> {
    2..=3u16
}

fn most() -> impl Strategy<Value = usize> {
    select(vec![1, 2, 3, ALL])
}

pub fn operation() -> impl Strategy<Value = Operation> {
    let direction = || select(vec![Direction::Pull, Direction::Push]);
    let damage = prop_oneof![
        7 => Just(Damage::None),
        1 => Just(Damage::From),
        1 => Just(Damage::Hash),
        1 => Just(Damage::Lease),
    ];
    let stores = || select(vec![SECOND, THIRD]);
    prop_oneof![
        // Mostly where it may be written, as people do.
        6 => what().prop_map(|what| Operation::Write(usual_site(what), what)),
        2 => (1..=3u16, what()).prop_map(|(site, what)| Operation::Write(site, what)),
        2 => what().prop_map(|what| Operation::Delete(usual_site(what), what)),
        5 => (direction(), satellite(), most()).prop_map(|(way, site, most)| Operation::Send(way, site, most)),
        8 => (any::<Index>(), damage).prop_map(|(letter, damage)| Operation::Deliver(letter, damage)),
        4 => any::<Index>().prop_map(Operation::Acknowledge),
        5 => (satellite(), most()).prop_map(|(site, most)| Operation::Round(site, most)),
        1 => (satellite(), stores()).prop_map(|(site, store)| Operation::Forget(site, store)),
        1 => satellite().prop_map(Operation::Lease),
        2 => (stores(), 1..=3u16, any::<bool>()).prop_map(|(store, to, forced)| Operation::Move(store, to, forced)),
        1 => stores().prop_map(Operation::Cancel),
        4 => satellite().prop_map(Operation::Tell),
        1 => satellite().prop_map(Operation::Abort),
    ]
}

fn usual_site(what: What) -> u16 {
    match what {
        What::Line(_, SECOND, _) | What::Receipt(_, SECOND, _) => 2,
        What::Line(..) | What::Receipt(..) => 3,
        _ => 1,
    }
}
