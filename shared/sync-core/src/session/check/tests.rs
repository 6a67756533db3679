//! What an honest sender never makes: found before anything is done with it.

use supplysync_model::{Chain, Channel, Checkpoint, Digest, Incarnation, Kind, RecordId, RecordKey, StoreId};

use super::*;

const KEY: fn(u8) -> RecordKey = |number| RecordKey {
    kind: Kind::STOCK_LINE,
    id: RecordId::from_bytes([number; 16]),
};

fn loading(head: u64, last: Option<u8>) -> Cursor {
    Cursor::Loading {
        head,
        last: last.map(KEY),
    }
}

fn following(seq: u64) -> Cursor {
    Cursor::Following { seq }
}

fn part(from: Option<Cursor>, through: Cursor) -> Part {
    Part {
        channel: Channel::Master,
        from,
        through,
        caught_up: false,
        records: Vec::new(),
        digest: None,
        owner_proof: None,
    }
}

fn batch(parts: Vec<Part>) -> Batch {
    Batch {
        number: 1,
        parts,
        checkpoint: Checkpoint {
            incarnation: Incarnation {
                counter: 1,
                random: 1,
            },
            seq: 100,
            chain: Chain::default(),
        },
    }
}

fn flawed(part: Part, direction: Direction) -> bool {
    flaw_of_batch(&batch(vec![part]), direction).is_some()
}

#[test]
fn cursors_go_forwards_only_and_a_load_ends_in_following() {
    let good = [
        (None, following(0)),
        (None, loading(5, Some(1))),
        (Some(loading(5, None)), loading(5, Some(1))),
        (Some(loading(5, Some(1))), loading(5, Some(2))),
        (Some(loading(5, Some(1))), following(5)),
        (Some(following(3)), following(3)),
        (Some(following(3)), following(4)),
    ];
    let bad = [
        (Some(following(4)), following(3)),
        (Some(following(4)), loading(5, Some(1))),
        (Some(loading(5, Some(2))), loading(5, Some(1))),
        (Some(loading(5, Some(1))), loading(6, Some(2))),
        (Some(loading(5, Some(1))), loading(5, Some(1))),
        (Some(loading(5, Some(1))), following(4)),
    ];
    for (from, through) in good {
        assert!(
            !flawed(part(from, through), Direction::Pull),
            "{from:?} to {through:?}"
        );
    }
    for (from, through) in bad {
        assert!(
            flawed(part(from, through), Direction::Pull),
            "{from:?} to {through:?}"
        );
    }
}

#[test]
fn a_push_loads_only_from_where_the_primary_stands() {
    assert!(!flawed(part(Some(following(3)), following(4)), Direction::Push));
    assert!(
        flawed(part(None, following(9)), Direction::Push),
        "a load that nobody asked for would replace what is there"
    );
    let asked = part(Some(loading(5, None)), loading(5, Some(1)));
    assert!(!flawed(asked, Direction::Push));
    let backwards = part(Some(loading(5, Some(2))), loading(5, Some(1)));
    assert!(flawed(backwards, Direction::Push));
}

#[test]
fn a_digest_comes_only_with_what_is_caught_up() {
    let mut early = part(Some(following(3)), following(4));
    early.digest = Some(Digest::default());
    assert!(flawed(early.clone(), Direction::Pull));
    early.caught_up = true;
    assert!(!flawed(early, Direction::Pull));
}

#[test]
fn parts_are_in_rank_order_and_inside_their_snapshot() {
    let of = |channel| Part {
        channel,
        ..part(Some(following(3)), following(4))
    };
    let [stock, history] = Channel::of_store(StoreId::from_bytes([1; 16]));
    let flaw = |parts| flaw_of_batch(&batch(parts), Direction::Pull);
    assert_eq!(flaw(vec![of(Channel::Master), of(stock), of(history)]), None);
    assert!(flaw(vec![of(history), of(stock)]).is_some());
    assert!(flaw(vec![of(stock), of(stock)]).is_some());
    assert!(flaw(Vec::new()).is_some());
    assert!(flawed(part(Some(following(3)), following(101)), Direction::Pull));
}
