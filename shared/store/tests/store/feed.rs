//! P4: seqs are dense and in commit order, and whoever follows the feed skips nothing, whatever is written meanwhile.

use std::collections::BTreeMap;

use supplysync_model::{Channel, Kind, RecordKey};
use supplysync_sync_core::{Cursor, Direction, PageRequest};

use crate::link::{ALL, World, pull, pull_page, push};
use crate::records::{Bed, Records};
use crate::sample::{SECOND, item, key, line, stock_channel, unit};

crate::on_every_store! {
    seqs_are_dense;
    a_follower_skips_nothing;
    a_copy_flows_on_through_the_primary;
    an_unchanged_record_takes_no_seq;
}

async fn seqs_are_dense(bed: impl Bed) {
    let store = bed.site(1).await;
    let mut expected = 0;
    for round in 0..20u32 {
        let bodies: Vec<_> = (0..=round % 5)
            .map(|at| unit(at + 1, &format!("{round}")))
            .collect();
        let keys: Vec<_> = bodies.iter().map(|body| body.key()).collect();
        store.put(bodies).await.unwrap();
        for key in keys {
            expected += 1;
            let (record, seq) = store.record(key).await.unwrap();
            assert_eq!((seq, record.revision), (expected, expected));
        }
        assert_eq!(store.head().await.seq, expected);
    }
    // A transaction that fails takes no seq with it.
    assert!(
        store
            .put(vec![unit(99, "new"), line(50, SECOND, 1)])
            .await
            .is_err()
    );
    store.put(vec![unit(99, "newer")]).await.unwrap();
    assert_eq!(store.head().await.seq, expected + 1);
}

async fn an_unchanged_record_takes_no_seq(bed: impl Bed) {
    let store = bed.site(1).await;
    assert_eq!(
        store.put(vec![unit(1, "tablet"), unit(2, "ml")]).await.unwrap(),
        2
    );
    let head = store.head().await;
    assert_eq!(
        store.put(vec![unit(1, "tablet"), unit(2, "ml")]).await.unwrap(),
        0
    );
    assert_eq!(store.head().await, head);
    // One record twice in one write: both versions count, the later one stays.
    assert_eq!(
        store
            .put(vec![unit(1, "capsule"), unit(1, "vial")])
            .await
            .unwrap(),
        2
    );
    assert_eq!(store.head().await.seq, head.seq + 2);
    assert_eq!(store.record(key(Kind::UNIT, 1)).await.unwrap().1, head.seq + 2);
}

/// A generator that repeats, so that a failure can be run again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(sides)) as u32
    }
}

async fn a_follower_skips_nothing(bed: impl Bed) {
    let store = bed.site(1).await;
    let mut dice = Dice(1);
    let mut followed: BTreeMap<RecordKey, u64> = BTreeMap::new();
    let mut cursor = Cursor::START;
    for round in 0..120 {
        let many = dice.roll(7);
        let bodies = (0..many)
            .map(|_| item(dice.roll(25) + 1, &format!("{round}")))
            .collect();
        store.put(bodies).await.unwrap();
        if dice.roll(6) == 0 {
            store.delete(item(dice.roll(25) + 1, "gone")).await.unwrap();
        }
        let request = PageRequest {
            direction: Direction::Pull,
            channels: vec![(Channel::Master, Some(cursor))],
            max_records: dice.roll(9) as usize + 1,
            max_bytes: 1 << 20,
        };
        let page = store.page(request).await.unwrap();
        let [part] = page.parts.as_slice() else {
            panic!("one channel was asked for");
        };
        assert_eq!(part.from, Some(cursor));
        let (Cursor::Following { seq: from }, Cursor::Following { seq: through }) = (cursor, part.through)
        else {
            panic!("a follower follows");
        };
        for record in &part.records {
            followed.insert(record.key, record.revision);
        }
        // Everything that the store holds up to here has come, in the version it has now.
        for number in 1..=25 {
            if let Some((record, seq)) = store.record(key(Kind::ITEM, number)).await {
                let seen = followed.get(&record.key) == Some(&record.revision);
                assert_eq!(
                    seen,
                    seq <= through,
                    "item {number} at {seq}, follower at {through}"
                );
            }
        }
        assert!(
            part.records
                .windows(2)
                .all(|pair| pair[0].revision < pair[1].revision)
        );
        assert!(
            part.records
                .iter()
                .all(|record| record.revision > from && record.revision <= through)
        );
        assert_eq!(
            part.caught_up,
            through == page.head.seq,
            "caught up is the snapshot's head"
        );
        cursor = part.through;
    }
}

async fn a_copy_flows_on_through_the_primary(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    for round in 0..12u32 {
        let lines: Vec<_> = (0..4)
            .map(|at| line(1000 + (round * 3 + at) % 17, SECOND, round + 1))
            .collect();
        world.second.put(lines).await.unwrap();
        push(&world.second, &world.primary, 3).await;
        pull_page(&world.primary, &world.third, 2).await;
    }
    push(&world.second, &world.primary, ALL).await;
    pull(&world.primary, &world.third, ALL).await;
    let channel = stock_channel(SECOND);
    let owner = world.second.total(channel).await;
    assert!(owner.count > 10);
    assert_eq!(world.primary.total(channel).await, owner);
    assert_eq!(world.third.total(channel).await, owner);
    // Whoever forwards a record changes nothing in it.
    for number in 1000..1017 {
        let key = key(Kind::STOCK_LINE, number);
        let owned = world.second.record(key).await.map(|(record, _)| record);
        assert_eq!(world.third.record(key).await.map(|(record, _)| record), owned);
    }
}
