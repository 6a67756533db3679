//! The laws on stable: of each target the seeds, what the fuzzer has found, random bytes, and seeds that were tampered with.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{TestError, TestRunner};
use supplysync_laws::{TARGETS, Target, target};

/// Inputs that once broke a law, by target: mended, and run for ever. Printed by `cargo xtask fuzz` as they are here. And
/// some just beyond a limit, which chance seldom meets.
const FOUND: &[(&str, &[u8])] = &[
    // Nine addresses, and an empty one.
    (
        "join_token",
        b"\x01\0\x07authority-of-thirty-two-bytes---eight---secret-of-thirty-two-bytes------\
          \x01a\x01a\x01a\x01a\x01a\x01a\x01a\x01a\x01a",
    ),
    (
        "join_token",
        b"\x01\0\x07authority-of-thirty-two-bytes---eight---secret-of-thirty-two-bytes------\x01a\0",
    ),
    // A variable's name that would hold a password, but for its capital letter.
    ("configuration", b"\x01[sync]\0SYNC__ENROpen sesame 4711=true"),
    // A space before a directive of the log, and letters of several bytes.
    ("configuration", b"\0\0LOG__FILTER=info, \xc3\xa9=\xc3\xa9"),
    // The line that is no TOML was shown, with the password in it.
    (
        "configuration",
        b"\0[database]\nurl = \"postgres://sync:open sesame 4711@db/sync\" x",
    ),
    // A receipt and a cursor whose seqs need 64 bits.
    (
        "frame",
        b"\x01\x52\x0d\x28\x03\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    ),
    (
        "frame",
        b"\x01\x0a\x15\x32\x13\x0a\x02\x0a\0\x12\x0d\x12\x0b\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    ),
    // A cell as long as a file was told whole.
    ("master_list", &[b'x'; 3_000]),
];

/// One thing done to an input.
#[derive(Debug, Clone)]
enum Tampering {
    /// A byte is another.
    Flip(Index, u8),
    /// Bytes come in.
    Insert(Index, Vec<u8>),
    /// Bytes go.
    Cut(Index, Index),
    /// A piece comes twice.
    Repeat(Index, Index),
    /// The end is that of another seed.
    Splice(Index, Index),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 1u8..).prop_map(|(place, bits)| Tampering::Flip(place, bits)),
        2 => (at(), vec(telling_byte(), 1..6)).prop_map(|(place, bytes)| Tampering::Insert(place, bytes)),
        2 => (at(), at()).prop_map(|(from, to)| Tampering::Cut(from, to)),
        1 => (at(), at()).prop_map(|(from, to)| Tampering::Repeat(from, to)),
        1 => (at(), at()).prop_map(|(seed, place)| Tampering::Splice(seed, place)),
    ]
}

/// Any byte, but more often one that means something to somebody.
fn telling_byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        prop::sample::select(b"\0\x01\x7f\x80\xff\"'\n\r,;=[]# ".as_slice())
    ]
}

fn tampered(seeds: &[Vec<u8>], seed: Index, done: &[Tampering]) -> Vec<u8> {
    let mut input = seed.get(seeds).clone();
    for tampering in done {
        let place = |index: &Index| index.index(input.len() + 1);
        let range = |a: &Index, b: &Index| place(a).min(place(b))..place(a).max(place(b));
        match tampering {
            Tampering::Flip(at, bits) => {
                let at = place(at);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Tampering::Insert(at, bytes) => {
                let at = place(at);
                input.splice(at..at, bytes.iter().copied());
            }
            Tampering::Cut(from, to) => {
                input.drain(range(from, to));
            }
            Tampering::Repeat(from, to) => {
                let range = range(from, to);
                let piece = input[range.clone()].to_vec();
                input.splice(range.end..range.end, piece);
            }
            Tampering::Splice(other, at) => {
                let (other, at) = (other.get(seeds), place(at));
                input.truncate(at);
                input.extend(other.iter().skip(at));
            }
        }
    }
    input
}

/// What has to hold of one target; each has its own test, so that they run side by side.
fn holds(target: &Target, cases: u32) {
    let seeds = (target.seeds)();
    for seed in &seeds {
        assert!((target.law)(seed), "a seed of {} is not accepted", target.name);
    }
    for (name, input) in FOUND {
        if *name == target.name {
            (target.law)(input);
        }
    }
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let inputs = prop_oneof![
        1 => vec(any::<u8>(), 0..300),
        6 => (any::<Index>(), vec(tampering(), 1..4))
            .prop_map(move |(seed, done)| tampered(&seeds, seed, &done)),
    ];
    let accepted = Cell::new(0);
    let held = runner.run(&inputs, |input| {
        accepted.set(accepted.get() + u32::from((target.law)(&input)));
        Ok(())
    });
    match held {
        Ok(()) => {}
        Err(TestError::Fail(why, input)) => {
            panic!("{}: {why}, by b\"{}\"", target.name, input.escape_ascii());
        }
        Err(TestError::Abort(why)) => panic!("{}: {why}", target.name),
    }
    let accepted = accepted.get();
    // If all of them were refused, nothing would have been learned of what is accepted.
    assert!(accepted > 20, "{}: only {accepted} were accepted", target.name);
}

macro_rules! each_target {
    ($($name:ident: $cases:literal,)*) => {
        $(
            #[test]
            fn $name() {
                holds(target(stringify!($name)).unwrap(), $cases);
            }
        )*

        #[test]
        fn every_target_has_its_test() {
            let tested = [$(stringify!($name)),*];
            let targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(targets, tested);
        }
    };
}

each_target! {
    frame: 3_000,
    batch_payload: 3_000,
    record_body: 3_000,
    join_token: 3_000,
    master_list: 3_000,
    // Each reads and writes files.
    configuration: 500,
}
