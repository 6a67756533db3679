//! Digests, projections and books after any mix of operations: what is kept is what the records say (P11, P8).

use futures::FutureExt;
use proptest::prelude::*;
use supplysync_store::{Rebuilding, Store};

use crate::database::{Database, Postgres, Sqlite};
use crate::link::{ALL, World, pull, pull_page, push};
use crate::records::Records;
use crate::sample::{SECOND, THIRD, item, line, receipt, settings, stock_channel, unit};

#[derive(Debug, Clone)]
enum Step {
    Item(u32, String),
    RetireItem(u32),
    Unit(u32),
    Line(bool, u32, u32),
    Receipt(bool, u32, u32),
    RemoveReceipt(bool, u32),
    Copies(bool),
    Push(bool, usize),
    Pull(bool, usize),
    Restart(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let few = 1usize..6;
    prop_oneof![
        3 => (10..16u32, "[a-z]{0,6}").prop_map(|(number, name)| Step::Item(number, name)),
        1 => (11..16u32).prop_map(Step::RetireItem),
        1 => (1..4u32).prop_map(Step::Unit),
        3 => (any::<bool>(), 0..8u32, 1..9u32).prop_map(|(site, number, packs)| Step::Line(site, number, packs)),
        2 => (any::<bool>(), 0..8u32, 1..9u32).prop_map(|(site, number, packs)| Step::Receipt(site, number, packs)),
        1 => (any::<bool>(), 0..8u32).prop_map(|(site, number)| Step::RemoveReceipt(site, number)),
        1 => any::<bool>().prop_map(Step::Copies),
        3 => (any::<bool>(), few.clone()).prop_map(|(site, some)| Step::Push(site, some)),
        4 => (any::<bool>(), few).prop_map(|(site, some)| Step::Pull(site, some)),
        1 => any::<bool>().prop_map(Step::Restart),
    ]
}

/// Lines and receipts of the two stores, numbered apart.
fn base(third: bool) -> (u32, u32) {
    if third { (THIRD, 3000) } else { (SECOND, 2000) }
}

async fn take(world: &World<Store>, step: Step) {
    let satellite = |third| if third { &world.third } else { &world.second };
    match step {
        Step::Item(number, name) => drop(world.primary.put(vec![item(number, &name)]).await.unwrap()),
        Step::RetireItem(number) => drop(world.primary.delete(item(number, "retired")).await.unwrap()),
        Step::Unit(number) => drop(world.primary.put(vec![unit(number, "unit")]).await.unwrap()),
        Step::Line(third, number, packs) => {
            let (store, at) = base(third);
            satellite(third)
                .put(vec![line(at + number, store, packs)])
                .await
                .unwrap();
        }
        Step::Receipt(third, number, packs) => {
            let (store, at) = base(third);
            let bodies = vec![
                line(at + number, store, packs),
                receipt(at + 100 + number, store, at + number, packs),
            ];
            satellite(third).put(bodies).await.unwrap();
        }
        Step::RemoveReceipt(third, number) => {
            let (store, at) = base(third);
            satellite(third)
                .delete(receipt(at + 100 + number, store, at + number, 1))
                .await
                .unwrap();
        }
        Step::Copies(granted) => {
            let copies: &[u32] = if granted { &[SECOND] } else { &[] };
            world.primary.put(vec![settings(3, copies)]).await.unwrap();
            if !granted {
                let channels = supplysync_model::Channel::of_store(crate::sample::store_id(SECOND));
                world.third.forget(channels.to_vec()).await;
            }
        }
        Step::Push(third, some) => drop(push(satellite(third), &world.primary, some).await),
        Step::Pull(third, some) => {
            let (_, compared) = pull_page(&world.primary, satellite(third), some).await;
            assert!(
                compared
                    .iter()
                    .all(|compared| compared.equal && !compared.explained),
                "{compared:?}"
            );
        }
        Step::Restart(third) => {
            let taken = satellite(third)
                .write("retry parked", |tx| tx.retry_parked().boxed())
                .await;
            taken.unwrap();
        }
    }
}

/// What each site keeps is what its records say, and its typed tables are what rebuilding them gives.
async fn check(store: &Store) {
    let report = store.verify(true).await.unwrap();
    let about_books: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| !finding.message.contains("its movements add up"))
        .collect();
    assert!(about_books.is_empty(), "{about_books:?}");
}

async fn run<D: Database>(bed: D, steps: Vec<Step>) {
    let world = World::in_step(&bed).await;
    for step in steps {
        take(&world, step).await;
    }
    for store in [&world.primary, &world.second, &world.third] {
        check(store).await;
    }
    world.settle().await;
    let here = world.second.total(stock_channel(SECOND)).await;
    assert_eq!(world.primary.total(stock_channel(SECOND)).await, here);
    pull(&world.primary, &world.second, ALL).await;
    for store in [&world.primary, &world.second, &world.third] {
        check(store).await;
    }
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn books_agree_with_records_sqlite(steps in prop::collection::vec(step(), 5..40)) {
        block_on(run(Sqlite::new(), steps));
    }

    #[test]
    fn books_agree_with_records_postgres(steps in prop::collection::vec(step(), 5..40)) {
        block_on(Postgres::with(|server| run(server, steps)));
    }
}

crate::on_every_database! {
    rebuilding_the_projections_changes_nothing;
    what_is_parked_is_taken_up_by_a_rebuilding;
}

async fn rebuilding_the_projections_changes_nothing<D: Database>(bed: D) {
    let (store, config) = bed.init(3).await;
    let world = World {
        third: store,
        ..World::new(&bed).await
    };
    world.third.adopt(crate::link::incarnation(3)).await;
    world.settle().await;
    world
        .second
        .put(vec![
            line(50, SECOND, 5),
            receipt(60, SECOND, 50, 5),
            line(51, SECOND, 5),
        ])
        .await
        .unwrap();
    world
        .third
        .put(vec![line(70, THIRD, 5), receipt(71, THIRD, 70, 5)])
        .await
        .unwrap();
    world.primary.delete(item(11, "zinc")).await.unwrap();
    world.settle().await;
    world.second.delete(receipt(60, SECOND, 50, 5)).await.unwrap();
    world.settle().await;
    let before = D::dump(&config).await;
    for table in [
        "item",
        "unit",
        "store",
        "site",
        "stock_line",
        "stock_transaction",
        "stock_transaction_line",
    ] {
        assert!(!before[table].is_empty(), "{table}");
    }
    rebuild(&world.third, 3).await;
    crate::database::unchanged::<D>(&config, &before, "rebuilding").await;
    // Rows that were changed, lost and invented are as they were.
    for sql in [
        "UPDATE item SET name = 'edited'",
        "DELETE FROM unit",
        "DELETE FROM stock_transaction",
        "UPDATE stock_line SET packs_total = 0",
        "UPDATE store SET id = (SELECT id FROM record WHERE kind = 2 ORDER BY id LIMIT 1) WHERE code = 'S200'",
    ] {
        D::execute(&config, sql).await;
    }
    let rebuilt = rebuild(&world.third, 3).await;
    assert!(rebuilt.strays > 0, "{rebuilt:?}");
    crate::database::unchanged::<D>(&config, &before, "rebuilding what was damaged").await;
    check(&world.third).await;
}

async fn what_is_parked_is_taken_up_by_a_rebuilding<D: Database>(bed: D) {
    let (store, config) = bed.init(1).await;
    store.put(crate::sample::network()).await.unwrap();
    D::execute(
        &config,
        "INSERT INTO parked (kind, id, reason) SELECT kind, id, 'as an older program left it' FROM record WHERE kind = 2",
    )
    .await;
    let rebuilt = rebuild(&store, 100).await;
    assert_eq!(D::dump(&config).await["parked"], Vec::<String>::new());
    assert!(rebuilt.is_done() && rebuilt.records > 10, "{rebuilt:?}");
}

pub async fn rebuild(store: &Store, records: usize) -> Rebuilding {
    let mut rebuilding = Rebuilding::default();
    while !rebuilding.is_done() {
        rebuilding = store.rebuild_step(rebuilding, records).await.unwrap();
    }
    rebuilding
}
