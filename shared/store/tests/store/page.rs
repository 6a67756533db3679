//! What bounds a page, and what closes it.

use supplysync_model::Channel;
use supplysync_record_codec::RecordBody;
use supplysync_sync_core::{Cursor, Direction, Page, PageRequest};

use crate::link::{ALL, World, push};
use crate::records::{Bed, Records};
use crate::sample::{SECOND, history_channel, item, line, receipt, site, stock_channel, unit};

crate::on_every_store! {
    a_page_ends_at_its_bytes;
    channels_come_in_rank_order_and_only_behind_those_that_are_caught_up;
    a_channel_that_is_not_caught_up_holds_the_next_back;
    a_full_page_whose_channel_ends_there_goes_on;
    only_what_is_written_here_is_pushed;
    totals_count_what_a_load_carries;
}

async fn read(
    store: &impl Records,
    channels: &[(Channel, Option<Cursor>)],
    max: usize,
    bytes: usize,
) -> Page {
    let request = PageRequest {
        direction: Direction::Pull,
        channels: channels.to_vec(),
        max_records: max,
        max_bytes: bytes,
    };
    store.page(request).await.unwrap()
}

fn sized(number: u32, bytes: usize) -> RecordBody {
    unit(number, &"x".repeat(bytes))
}

async fn a_page_ends_at_its_bytes(bed: impl Bed) {
    let store = bed.site(1).await;
    let sizes = [100, 100, 5000, 100, 100];
    store
        .put(
            (1u32..)
                .zip(sizes)
                .map(|(number, size)| sized(number, size))
                .collect(),
        )
        .await
        .unwrap();
    for begin in [Some(Cursor::START), None] {
        let mut at = begin;
        let mut pages = Vec::new();
        loop {
            let page = read(&store, &[(Channel::Master, at)], ALL, 400).await;
            let part = &page.parts[0];
            pages.push(part.records.len());
            assert_eq!(part.digest.is_some(), part.caught_up);
            at = Some(part.through);
            if part.caught_up {
                break;
            }
        }
        // The large one travels alone, and nothing is left behind for it.
        assert_eq!(pages, [2, 1, 2], "from {begin:?}");
    }
}

async fn channels_come_in_rank_order_and_only_behind_those_that_are_caught_up(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world
        .second
        .put(vec![line(50, SECOND, 5), line(51, SECOND, 5)])
        .await
        .unwrap();
    world.second.put(vec![receipt(60, SECOND, 50, 5)]).await.unwrap();
    // The line moves behind its transaction: the feed alone would send the transaction first.
    world.second.put(vec![line(50, SECOND, 4)]).await.unwrap();
    push(&world.second, &world.primary, ALL).await;
    let channels = [
        (Channel::Master, Some(Cursor::START)),
        (stock_channel(SECOND), Some(Cursor::START)),
        (history_channel(SECOND), Some(Cursor::START)),
    ];
    let master = read(&world.primary, &channels, 5, 1 << 20).await;
    assert_eq!(master.parts.len(), 1);
    assert!(!master.parts[0].caught_up);
    let here = Cursor::Following { seq: master.head.seq };
    let stock = read(
        &world.primary,
        &[(Channel::Master, Some(here)), channels[1], channels[2]],
        1,
        1 << 20,
    )
    .await;
    let ends: Vec<_> = stock
        .parts
        .iter()
        .map(|part| (part.channel, part.caught_up))
        .collect();
    assert_eq!(ends, [(Channel::Master, true), (stock_channel(SECOND), false)]);
    let all = read(&world.primary, &channels, ALL, 1 << 20).await;
    assert!(
        all.parts
            .iter()
            .all(|part| part.caught_up && part.digest.is_some())
    );
    assert_eq!(all.parts.len(), 3);
    assert_eq!(all.parts[2].records.len(), 1);
}

async fn a_channel_that_is_not_caught_up_holds_the_next_back(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    push(&world.second, &world.primary, ALL).await;
    let seq = world.primary.head().await.seq;
    let stock = (stock_channel(SECOND), Some(Cursor::START));
    // There is room for the stock line, but not for the unit before it.
    world
        .primary
        .put(vec![sized(2, 10), sized(3, 5000)])
        .await
        .unwrap();
    let page = read(
        &world.primary,
        &[(Channel::Master, Some(Cursor::Following { seq })), stock],
        ALL,
        500,
    )
    .await;
    let ends: Vec<_> = page
        .parts
        .iter()
        .map(|part| (part.records.len(), part.caught_up))
        .collect();
    assert_eq!(ends, [(1, false)]);
    // A load that ends, and something moved since it began.
    let last = Some(crate::sample::key(supplysync_model::Kind::ASSIGNMENT, u32::MAX));
    let ending = Some(Cursor::Loading { head: seq, last });
    let page = read(&world.primary, &[(Channel::Master, ending), stock], ALL, 1 << 20).await;
    let ends: Vec<_> = page
        .parts
        .iter()
        .map(|part| (part.through, part.caught_up))
        .collect();
    assert_eq!(ends, [(Cursor::Following { seq }, false)]);
}

async fn a_full_page_whose_channel_ends_there_goes_on(bed: impl Bed) {
    let store = bed.site(1).await;
    store.put(vec![unit(1, "a"), unit(2, "b")]).await.unwrap();
    let empty = Channel::Site(site(2));
    let page = read(
        &store,
        &[(Channel::Master, Some(Cursor::START)), (empty, None)],
        2,
        1 << 20,
    )
    .await;
    let ends: Vec<_> = page
        .parts
        .iter()
        .map(|part| (part.records.len(), part.caught_up, part.through))
        .collect();
    let head = Cursor::Following { seq: page.head.seq };
    assert_eq!(
        ends,
        [(2, true, head), (0, true, head)],
        "nothing is left in either"
    );
}

async fn only_what_is_written_here_is_pushed(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world.second.put(vec![line(50, SECOND, 5)]).await.unwrap();
    push(&world.second, &world.primary, ALL).await;
    let request = |direction| PageRequest {
        direction,
        channels: vec![(stock_channel(SECOND), Some(Cursor::START))],
        max_records: ALL,
        max_bytes: 1 << 20,
    };
    let pushed = world.primary.page(request(Direction::Push)).await.unwrap();
    assert!(pushed.parts[0].records.is_empty(), "it came from site 2");
    assert_eq!(
        pushed.parts[0].through,
        Cursor::Following { seq: pushed.head.seq }
    );
    let pulled = world.primary.page(request(Direction::Pull)).await.unwrap();
    assert_eq!(pulled.parts[0].records.len(), 1);
}

async fn totals_count_what_a_load_carries(bed: impl Bed) {
    let world = World::in_step(&bed).await;
    world
        .second
        .put(vec![
            line(50, SECOND, 5),
            line(51, SECOND, 5),
            receipt(60, SECOND, 50, 5),
        ])
        .await
        .unwrap();
    world.second.delete(line(51, SECOND, 5)).await.unwrap();
    push(&world.second, &world.primary, ALL).await;
    world.primary.put(vec![item(12, "ors")]).await.unwrap();
    world.primary.delete(item(12, "ors")).await.unwrap();
    let served = world.primary.served(site(3)).await;
    let channels: Vec<_> = served.iter().map(|served| served.channel).collect();
    let expected = [
        Channel::Master,
        Channel::Site(site(3)),
        stock_channel(SECOND),
        history_channel(SECOND),
    ];
    assert_eq!(channels, expected);
    let fresh: Vec<_> = channels.iter().map(|channel| (*channel, None)).collect();
    let page = read(&world.primary, &fresh, ALL, 1 << 20).await;
    for (served, part) in served.iter().zip(&page.parts) {
        let bytes: usize = part.records.iter().map(|record| record.body.len()).sum();
        assert_eq!(
            (served.records, served.bytes),
            (part.records.len() as u64, bytes as u64),
            "{}",
            part.channel
        );
    }
    assert_eq!(
        world.primary.served(site(2)).await.len(),
        2,
        "its own store is not served to its owner"
    );
    assert_eq!(
        world.second.pushed().await,
        [stock_channel(SECOND), history_channel(SECOND)]
    );
}
