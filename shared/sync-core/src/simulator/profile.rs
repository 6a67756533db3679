//! What sort of world a seed has: how many sites, how small the batches, how unkind the network.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::fault::{FAULTS, Fault, FaultSet};
use super::plan::{Plan, Streams};
use crate::SessionLimits;

/// The settings of one seed. Chances are per thousand.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Nothing goes wrong in this world, so no session may end in disorder either.
    pub kind: bool,
    /// Satellites, from 1.
    pub satellites: u16,
    /// Stores, from 1.
    pub stores: usize,
    /// Operations of users and of misfortune before everything heals.
    pub operations: u32,
    /// The longest pause between operations, in milliseconds.
    pub pause: i64,
    /// The longest that a frame or a persist takes, in milliseconds.
    pub delay: i64,
    /// Bounds of the sessions.
    pub limits: SessionLimits,
    /// A crash at each persist, before or after it.
    pub crash_at_persist: u32,
    /// A crash at each send, before or after it.
    pub crash_at_send: u32,
    /// A frame comes twice.
    pub duplicate: u32,
    /// An ack is lost with its link.
    pub lose_ack: u32,
    /// An operation of a store fails.
    pub fail: u32,
    /// The weight of misfortune among the operations.
    pub misfortune: u32,
    /// An operation of a store is carried out, and its answer is lost.
    pub lose_answer: u32,
    /// The later kinds of faults that this seed has.
    pub kinds: FaultSet,
    /// Their weight among the operations.
    pub adversity: u32,
}

/// The stream that decides which later kinds of faults a seed has.
const KINDS: u64 = 5 << 60;

/// What a kind world may have, too: nothing of it makes a session end in disorder.
const HARMLESS: [Fault; 5] = [
    Fault::Slow,
    Fault::Clock,
    Fault::Schema,
    Fault::Roster,
    Fault::Moves,
];

impl Profile {
    /// The profile of a seed: a third of them kind, the others unkind in one way or in all.
    pub fn draw(rng: &mut ChaCha8Rng) -> Profile {
        let unkind = rng.random_range(0..3u32);
        let mut rate = |most: u32| {
            if unkind == 0 {
                0
            } else {
                rng.random_range(0..=most * unkind)
            }
        };
        let (crash_at_persist, crash_at_send) = (rate(8), rate(5));
        let (duplicate, lose_ack, fail) = (rate(30), rate(30), rate(5));
        let misfortune = rate(60);
        let satellites = match rng.random_range(0..10) {
            0..=3 => rng.random_range(1..=2),
            4..=8 => rng.random_range(2..=4),
            _ => rng.random_range(5..=8),
        };
        let limits = SessionLimits {
            max_records: rng.random_range(1..=12),
            max_bytes: rng.random_range(40..=1_000),
            window: rng.random_range(1..=3),
            ..SessionLimits::default()
        };
        Profile {
            kind: unkind == 0,
            satellites,
            stores: rng.random_range(1..=4),
            operations: rng.random_range(20..=90),
            pause: *pick(rng, &[50, 400, 1_500]),
            delay: *pick(rng, &[5, 60, 400]),
            limits,
            crash_at_persist,
            crash_at_send,
            duplicate,
            lose_ack,
            fail,
            misfortune,
            lose_answer: 0,
            kinds: FaultSet::default(),
            adversity: 0,
        }
    }

    /// The later kinds of faults of a seed: none in every third, else some of them; and what the plan leaves out.
    pub fn complete(mut self, rng: &mut ChaCha8Rng, plan: &Plan) -> Profile {
        if plan.streams == Streams::Many {
            let mut chosen = rng.clone();
            chosen.set_stream(KINDS);
            self.kinds = plan.kinds.unwrap_or_else(|| self.later_kinds(&mut chosen));
            self.adversity = rng.random_range(20..=200);
            self.lose_answer = rng.random_range(1..=20);
        }
        let rates = [
            (Fault::CrashAtPersist, &mut self.crash_at_persist),
            (Fault::CrashAtSend, &mut self.crash_at_send),
            (Fault::Duplicate, &mut self.duplicate),
            (Fault::LoseAck, &mut self.lose_ack),
            (Fault::Fail, &mut self.fail),
            (Fault::Misfortune, &mut self.misfortune),
        ];
        for (fault, rate) in rates {
            if plan.off.has(fault) {
                *rate = 0;
            }
        }
        if !self.kinds.has(Fault::AnswerLost) || plan.off.has(Fault::AnswerLost) {
            self.lose_answer = 0;
        }
        self.satellites = plan.satellites.unwrap_or(self.satellites);
        self.stores = plan.stores.unwrap_or(self.stores);
        self.operations = plan.operations.unwrap_or(self.operations);
        self
    }

    /// None in every third, else some of them. What is added to the list changes what other seeds have: a plan that is kept
    /// names its kinds.
    fn later_kinds(&self, rng: &mut ChaCha8Rng) -> FaultSet {
        if rng.random_range(0..3u32) == 0 {
            return FaultSet::default();
        }
        let later: Vec<Fault> = FAULTS
            .iter()
            .map(|(fault, _)| *fault)
            .skip(Fault::AnswerLost as usize)
            .filter(|fault| !self.kind || HARMLESS.contains(fault))
            .collect();
        let most = *pick(rng, &[1, 2, 5]);
        let kinds = (0..most).fold(FaultSet::default(), |kinds, _| kinds.with(*pick(rng, &later)));
        // What is lost with a database takes from the others' checks what they go by: alone it is judged sharply.
        match kinds.has(Fault::PrimaryLost) {
            true => FaultSet::default().with(Fault::PrimaryLost),
            false => kinds,
        }
    }
}

fn pick<'a, T>(rng: &mut ChaCha8Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.random_range(0..choices.len())]
}
