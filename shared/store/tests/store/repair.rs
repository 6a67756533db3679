//! Repairs: what was changed behind the program's back is found, made good from the owner or the records, and told (P11).

use supplysync_model::{Channel, Kind, SyncId};
use supplysync_store::repair::{Asked, Repair, RepairState, Repaired};
use supplysync_store::verify::Equality;
use supplysync_store::{Store, StoreConfig};
use supplysync_sync_core::{Cursor, Direction, PageRequest};

use crate::database::Database;
use crate::link::{ALL, World, applied, batch, following, incarnation, pull, pull_page, push, wanted};
use crate::records::Records;
use crate::sample::{SECOND, assignment, history_channel, item, key, line, receipt, site, stock_channel};

crate::on_every_database! {
    a_satellites_damaged_copy_comes_again_from_the_primary;
    the_primarys_damaged_copy_comes_again_from_the_owner;
    what_the_owner_does_not_have_goes_from_the_primary_and_stays_readable;
    damaged_rows_are_made_again_at_the_owner_and_its_damaged_records_are_left;
    a_difference_is_repaired_without_being_asked_once;
    a_repair_of_a_store_that_went_elsewhere_is_called_off;
    what_came_with_a_store_that_moved_survives_its_repair;
}

/// Everything in step, with stock at site 2, of which the primary and site 3 hold copies; where each database is.
async fn world<D: Database>(bed: &D) -> (World<Store>, [StoreConfig; 3]) {
    let (primary, first) = bed.init(1).await;
    let (second, middle) = bed.init(2).await;
    let (third, last) = bed.init(3).await;
    let world = World {
        primary,
        second,
        third,
    };
    world.primary.put(crate::sample::network()).await.unwrap();
    for (store, number) in [(&world.second, 2), (&world.third, 3)] {
        store.adopt(incarnation(number)).await;
        lease(&world, number).await;
    }
    world.settle().await;
    let lines = (500..520).map(|number| line(number, SECOND, 1));
    let receipts = (600..620).map(|number| receipt(number, SECOND, number - 100, 1));
    world.second.put(lines.chain(receipts).collect()).await.unwrap();
    world.settle().await;
    (world, [first, middle, last])
}

/// As a new session takes it.
async fn lease(world: &World<Store>, number: u16) {
    world
        .primary
        .lease(site(number), crate::link::SESSION, incarnation(number))
        .await;
}

fn ana() -> Asked {
    Asked::By {
        principal: "operator/admin/ana".to_owned(),
        from: "127.0.0.1:4711".to_owned(),
    }
}

/// The first stock line by key is given what the second says, one row of the typed tables another number, one record goes,
/// and one row has no record.
async fn damage<D: Database>(config: &StoreConfig) {
    let nth = |nth: u32| format!("(SELECT id FROM record WHERE kind = 20 ORDER BY id LIMIT 1 OFFSET {nth})");
    let sql = [
        format!(
            "UPDATE record SET body = (SELECT body FROM record WHERE kind = 20 AND id = {}) WHERE kind = 20 AND id = {}",
            nth(1),
            nth(0)
        ),
        format!("UPDATE stock_line SET packs_total = 7000000 WHERE id = {}", nth(2)),
        "DELETE FROM record WHERE kind = 21 AND id = (SELECT id FROM record WHERE kind = 21 ORDER BY id LIMIT 1)"
            .to_owned(),
    ];
    for sql in sql {
        D::execute(config, &sql).await;
    }
}

async fn repairs(store: &Store) -> Vec<Repair> {
    store
        .read("repairs", |tx| Box::pin(async move { tx.repairs().await }))
        .await
        .unwrap()
}

async fn audited(store: &Store, action: &'static str) -> Vec<(String, String)> {
    let read = store.read("audit", move |tx| {
        Box::pin(async move {
            let filter = supplysync_store::query::AuditFilter {
                action: Some(action.to_owned()),
                ..Default::default()
            };
            tx.list_audit_log(&filter, &Default::default()).await
        })
    });
    let rows = read.await.unwrap().rows.into_iter();
    rows.map(|(_, entry)| (entry.subject, entry.new)).collect()
}

/// No finding, and every comparison equal.
async fn proven(store: &Store) {
    let report = store.verify(true).await.unwrap();
    assert_eq!(report.findings, []);
    let unequal = report.channels.iter().find(|row| row.equality != Equality::Equal);
    assert_eq!(unequal, None);
}

fn asked(repaired: &Repaired) -> Vec<(Channel, SyncId)> {
    let orders = repaired.asked.iter();
    orders.map(|order| (order.channel, order.from)).collect()
}

async fn a_satellites_damaged_copy_comes_again_from_the_primary<D: Database>(bed: D) {
    let (world, [_, _, config]) = world(&bed).await;
    damage::<D>(&config).await;
    let found = world.third.verify(true).await.unwrap();
    assert!(found.findings.len() >= 3, "{:?}", found.findings);
    let before = world.third.head().await.seq;

    let repaired = world.third.repair(ana()).await.unwrap();
    let both = [stock_channel(SECOND), history_channel(SECOND)];
    assert_eq!(asked(&repaired), both.map(|channel| (channel, SyncId::PRIMARY)));
    assert_eq!(repaired.healed.channels[&Some(stock_channel(SECOND))].damaged, 1);
    assert_eq!(repaired.healed.left, []);
    pull(&world.primary, &world.third, 7).await;
    proven(&world.third).await;

    let done = repairs(&world.third).await;
    let counts: Vec<_> = done
        .iter()
        .map(|repair| (repair.replaced, repair.removed))
        .collect();
    assert_eq!(counts, [(1, 0), (1, 0)], "only what differed was written again");
    assert_eq!(world.third.head().await.seq, before + 2);
    assert!(
        done.iter()
            .all(|repair| matches!(repair.state, RepairState::Equal(_)))
    );
    assert!(
        done.iter()
            .all(|repair| repair.asked_by.as_deref() == Some("operator/admin/ana"))
    );
    let ended = audited(&world.third, "repair.end").await;
    assert_eq!(ended.len(), 2);
    assert!(ended.iter().any(|(what, how)| what == "stock of store S200"
        && how.starts_with("1 record replaced from site 1 (Site 1); it is equal to site 1 (Site 1) at seq")));
    assert_eq!(audited(&world.third, "repair.begin").await.len(), 2);
}

async fn the_primarys_damaged_copy_comes_again_from_the_owner<D: Database>(bed: D) {
    let (world, [config, _, _]) = world(&bed).await;
    damage::<D>(&config).await;
    let repaired = world.primary.repair(ana()).await.unwrap();
    let both = [stock_channel(SECOND), history_channel(SECOND)];
    assert_eq!(asked(&repaired), both.map(|channel| (channel, site(2))));
    // The session that went by the old cursors may not go on.
    assert_eq!(world.primary.lease_holder(site(2)).await.unwrap(), None);
    lease(&world, 2).await;
    let outcomes = push(&world.second, &world.primary, 7).await;
    assert!(outcomes.len() > 4, "in pages");
    assert!(
        outcomes.iter().all(|outcome| outcome.refused.is_empty()),
        "{outcomes:?}"
    );
    proven(&world.primary).await;
    let done = repairs(&world.primary).await;
    assert!(
        done.iter()
            .all(|repair| matches!(repair.state, RepairState::Equal(_))),
        "{done:?}"
    );
    // What goes on goes on.
    let more = vec![line(521, SECOND, 4), receipt(621, SECOND, 521, 4)];
    world.second.put(more).await.unwrap();
    push(&world.second, &world.primary, ALL).await;
    pull(&world.primary, &world.third, ALL).await;
    proven(&world.third).await;
    assert_eq!(
        world.second.total(stock_channel(SECOND)).await,
        world.primary.total(stock_channel(SECOND)).await
    );
}

async fn what_the_owner_does_not_have_goes_from_the_primary_and_stays_readable<D: Database>(bed: D) {
    let (world, [config, _, _]) = world(&bed).await;
    let (mut stray, _) = world.primary.record(key(Kind::STOCK_LINE, 500)).await.unwrap();
    stray.key = key(Kind::STOCK_LINE, 555);
    stray.body = line(555, SECOND, 9).encode().1;
    stray.revision += 1000;
    let channel = stock_channel(SECOND);
    let at = world.primary.received_to(site(2)).await;
    let Some((_, Cursor::Following { seq })) = at.into_iter().find(|(known, _)| *known == channel) else {
        panic!("it is followed");
    };
    let parts = vec![following(channel, seq, seq, vec![stray])];
    world
        .primary
        .apply(batch(Direction::Push, 2, seq, parts))
        .await
        .unwrap();
    // As the comparison of the next batch would find it.
    D::execute(
        &config,
        "UPDATE cursor SET equal = FALSE, explained = FALSE WHERE direction = 0 AND compared_seq IS NOT NULL AND \
         channel = (SELECT channel FROM record WHERE kind = 20 LIMIT 1)",
    )
    .await;
    let repaired = world.primary.repair(ana()).await.unwrap();
    assert_eq!(asked(&repaired), [(channel, site(2))]);
    lease(&world, 2).await;
    push(&world.second, &world.primary, 6).await;
    assert!(world.primary.record(key(Kind::STOCK_LINE, 555)).await.is_none());
    let gone = audited(&world.primary, "repair.remove").await;
    assert_eq!(gone.len(), 1);
    assert!(
        gone[0].1.contains("site 2 (Site 2), the owner, does not have it"),
        "{gone:?}"
    );
    proven(&world.primary).await;
}

async fn damaged_rows_are_made_again_at_the_owner_and_its_damaged_records_are_left<D: Database>(bed: D) {
    let (world, [config, _, _]) = world(&bed).await;
    D::execute(&config, "UPDATE item SET name = 'edited'").await;
    D::execute(
        &config,
        "INSERT INTO unit SELECT * FROM unit WHERE FALSE; DELETE FROM name",
    )
    .await;
    let repaired = world.primary.repair(ana()).await.unwrap();
    assert_eq!(asked(&repaired), []);
    assert_eq!(
        repaired.healed.channels[&Some(Channel::Master)].rows,
        3,
        "two items and a name"
    );
    assert_eq!(repaired.healed.left, []);
    proven(&world.primary).await;
    let told = audited(&world.primary, "repair.rows").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "the master lists");

    // Its books are counted again where a copy elsewhere holds just what is here.
    D::execute(
        &config,
        "UPDATE channel_digest SET count = count + 1 WHERE channel = (SELECT channel FROM record WHERE kind = 2 LIMIT 1)",
    )
    .await;
    let repaired = world.primary.repair(ana()).await.unwrap();
    assert!(repaired.healed.channels[&Some(Channel::Master)].counted);
    assert_eq!((asked(&repaired), repaired.healed.left), (Vec::new(), Vec::new()));
    proven(&world.primary).await;

    // A record of its own that was changed, and one that was removed: nobody here can say what is right.
    D::execute(
        &config,
        "UPDATE record SET revision = revision + 1 WHERE kind = 2 AND id = (SELECT id FROM record WHERE kind = 2 ORDER BY id LIMIT 1)",
    )
    .await;
    D::execute(&config, "DELETE FROM record WHERE kind = 3").await;
    let before = world.third.total(Channel::Master).await;
    let repaired = world.primary.repair(ana()).await.unwrap();
    assert_eq!(asked(&repaired), []);
    let left: Vec<_> = repaired.healed.left.iter().map(|finding| finding.flaw).collect();
    use supplysync_store::verify::Flaw::{Books, Content, Stray};
    assert_eq!(
        left,
        [Books, Content, Stray],
        "the row of the removed record is not removed"
    );
    let rows = D::dump(&config).await["name"].len();
    assert_eq!(rows, 1);
    // Its copies lose nothing by that.
    world.primary.put(vec![item(11, "zinc 20 mg")]).await.unwrap();
    pull_page(&world.primary, &world.third, ALL).await;
    assert_eq!(world.third.total(Channel::Master).await.count, before.count);
    assert_eq!(world.third.repair_differences().await.unwrap(), []);
}

async fn a_difference_is_repaired_without_being_asked_once<D: Database>(bed: D) {
    let (world, _) = world(&bed).await;
    let channel = stock_channel(SECOND);
    assert_eq!(world.third.repair_differences().await.unwrap(), []);
    // A page that says another total than that of its records, as after a defect.
    let differ = async || {
        let more = vec![line(522, SECOND, 2), receipt(622, SECOND, 522, 2)];
        world.second.put(more).await.unwrap();
        push(&world.second, &world.primary, ALL).await;
        lie(&world, channel).await;
    };
    differ().await;
    let begun = world.third.repair_differences().await.unwrap();
    assert_eq!(
        begun.iter().map(|order| order.channel).collect::<Vec<_>>(),
        [channel]
    );
    assert_eq!(
        world.third.repair_differences().await.unwrap(),
        [],
        "it is under way"
    );
    // It comes again, and differs still.
    lie(&world, channel).await;
    let [repair] = repairs(&world.third).await.try_into().unwrap();
    assert!(matches!(repair.state, RepairState::Different(_)), "{repair:?}");
    assert_eq!(repair.asked_by, None);
    assert_eq!(
        world.third.repair_differences().await.unwrap(),
        [],
        "left to a person"
    );
    let how = audited(&world.third, "repair.end").await;
    assert!(how[0].1.contains("STILL DIFFERS"), "{how:?}");
    // Who asks, and it is equal: all is well.
    let repaired = world.third.repair(ana()).await.unwrap();
    assert_eq!(asked(&repaired), [(channel, SyncId::PRIMARY)]);
    pull(&world.primary, &world.third, ALL).await;
    proven(&world.third).await;
}

/// Carries a page to site 3 whose digest of a channel is wrong.
async fn lie(world: &World<Store>, channel: Channel) {
    let request = wanted(&world.primary, &world.third, ALL).await;
    let mut page = world.primary.page(request).await.unwrap();
    let part = page
        .parts
        .iter_mut()
        .find(|part| part.channel == channel)
        .unwrap();
    let digest = part.digest.as_mut().unwrap();
    digest.sum ^= 1;
    let outcome = world
        .third
        .apply(applied(Direction::Pull, SyncId::PRIMARY, page, None))
        .await
        .unwrap();
    assert!(outcome.comparisons.iter().any(|compared| !compared.equal));
}

async fn a_repair_of_a_store_that_went_elsewhere_is_called_off<D: Database>(bed: D) {
    let (world, [config, _, _]) = world(&bed).await;
    damage::<D>(&config).await;
    world.primary.repair(ana()).await.unwrap();
    lease(&world, 2).await;
    world.primary.put(vec![assignment(SECOND, 3, 2)]).await.unwrap();
    // What it sends of that is not taken for what the owner says.
    let cursors = world.primary.received_to(site(2)).await;
    let asked = cursors
        .iter()
        .filter(|(_, cursor)| matches!(cursor, Cursor::Loading { .. }));
    let channels = asked.map(|(channel, cursor)| (*channel, Some(*cursor))).collect();
    let request = PageRequest {
        direction: Direction::Push,
        channels,
        max_records: 5,
        max_bytes: 1 << 20,
    };
    let page = world.second.page(request).await.unwrap();
    let late = applied(Direction::Push, site(2), page, Some(crate::link::SESSION));
    let refused = world.primary.apply(late).await.unwrap_err();
    assert_eq!(refused.reason(), supplysync_model::Reason::PROTOCOL_VIOLATION);
    assert_eq!(world.primary.quarantined().await, []);
    world.primary.repair_differences().await.unwrap();
    for repair in repairs(&world.primary).await {
        assert!(matches!(repair.state, RepairState::CalledOff(_)), "{repair:?}");
    }
    let cursors = world.primary.received_to(site(2)).await;
    let followed = cursors
        .iter()
        .all(|(_, cursor)| matches!(cursor, Cursor::Following { .. }));
    assert!(followed, "{cursors:?}");
}

async fn what_came_with_a_store_that_moved_survives_its_repair<D: Database>(bed: D) {
    let (world, [config, _, _]) = world(&bed).await;
    // Site 3 takes the store over, with what site 2 wrote in it, and adds to it.
    world.primary.put(vec![assignment(SECOND, 3, 2)]).await.unwrap();
    world.settle().await;
    let more = vec![line(530, SECOND, 3), receipt(630, SECOND, 530, 3)];
    world.third.put(more).await.unwrap();
    world.settle().await;
    damage::<D>(&config).await;
    let repaired = world.primary.repair(ana()).await.unwrap();
    assert!(
        repaired.asked.iter().all(|order| order.from == site(3)),
        "{repaired:?}"
    );
    lease(&world, 3).await;
    let outcomes = push(&world.third, &world.primary, 7).await;
    assert!(
        outcomes.iter().all(|outcome| outcome.refused.is_empty()),
        "{outcomes:?}"
    );
    for number in [500, 501, 519, 530] {
        assert!(
            world
                .primary
                .record(key(Kind::STOCK_LINE, number))
                .await
                .is_some(),
            "{number}"
        );
    }
    let report = world.primary.verify(true).await.unwrap();
    assert!(report.ok(), "{report:?}");
}
