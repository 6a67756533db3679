//! Who is told of what has landed: once, after the commit and before we wake anybody, and only of what was written.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use supplysync_model::{Fault, Kind, RecordHash, RecordId, Seq, SyncId};
use supplysync_store::{Landed, OwnChange, Store, Witness};
use supplysync_sync_core::Direction;
use tokio::sync::watch;

use crate::database::Database;
use crate::link::{ALL, World, batch, following, pull, push};
use crate::records::Records;
use crate::sample::{SECOND, item, key, line, site};

crate::on_every_database! {
    each_version_is_told_once_with_who_sent_it;
    what_was_not_committed_is_not_told_and_who_is_told_may_choose;
}

type Heard = Arc<Mutex<Vec<Landed>>>;

struct Listener {
    heard: Heard,
    /// Where nobody else can have woken them.
    heads: Option<watch::Receiver<Seq>>,
    wants: fn(RecordHash) -> bool,
}

impl Witness for Listener {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn wants(&self, hash: RecordHash) -> bool {
        (self.wants)(hash)
    }

    fn landed(&self, began: SystemTime, landed: &[Landed]) {
        assert_eq!(began, SystemTime::UNIX_EPOCH);
        if let Some(heads) = &self.heads {
            let head = *heads.borrow();
            assert!(
                landed.iter().all(|landed| landed.seq > head),
                "somebody was woken before"
            );
        }
        self.heard.lock().unwrap().extend_from_slice(landed);
    }
}

fn listen<D: Database>(_: &D, store: &Store, wants: fn(RecordHash) -> bool) -> Heard {
    let heard = Heard::default();
    store.tell(Arc::new(Listener {
        heard: heard.clone(),
        heads: (!D::TELLS).then(|| store.heads()),
        wants,
    }));
    heard
}

fn take(heard: &Heard) -> Vec<(RecordId, Seq, Option<SyncId>)> {
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    heard
        .into_iter()
        .map(|landed| (landed.version.key.id, landed.seq, landed.from))
        .collect()
}

async fn each_version_is_told_once_with_who_sent_it(bed: impl Database) {
    let world = World::in_step(&bed).await;
    let [owner, primary, copy] =
        [&world.second, &world.primary, &world.third].map(|store| listen(&bed, store, |_| true));
    let stock = key(Kind::STOCK_LINE, 500);
    world.second.put(vec![line(500, SECOND, 5)]).await.unwrap();
    let (record, seq) = world.second.record(stock).await.unwrap();
    assert_eq!(owner.lock().unwrap()[0].version, (&record).into());
    assert_eq!(take(&owner), [(stock.id, seq, None)]);

    push(&world.second, &world.primary, ALL).await;
    let (_, seq) = world.primary.record(stock).await.unwrap();
    assert_eq!(take(&primary), [(stock.id, seq, Some(site(2)))]);
    pull(&world.primary, &world.third, ALL).await;
    let (_, seq) = world.third.record(stock).await.unwrap();
    assert_eq!(take(&copy), [(stock.id, seq, Some(SyncId::PRIMARY))]);

    // What comes again, or is as it was, is not written again.
    let head = world.second.head().await.seq;
    let again = following(record.channel, head, head + 1, vec![record]);
    let again = batch(Direction::Push, 2, head + 1, vec![again]);
    assert_eq!(world.primary.apply(again).await.unwrap().duplicates, 1);
    world.second.put(vec![line(500, SECOND, 5)]).await.unwrap();
    assert_eq!((take(&owner), take(&primary)), (Vec::new(), Vec::new()));
}

async fn what_was_not_committed_is_not_told_and_who_is_told_may_choose(bed: impl Database) {
    let primary = bed.site(1).await;
    let heard = listen(&bed, &primary, |hash| hash.0[0] < 128);
    let abandoned = primary.write("write, and think better of it", |tx| {
        Box::pin(async move {
            let changes = (10..50).map(|number| OwnChange {
                body: item(number, "paracetamol"),
                deleted: false,
                expected: None,
            });
            tx.put(changes.collect()).await?;
            Err::<(), _>(Fault::internal("it is not to be"))
        })
    });
    abandoned.await.unwrap_err();
    assert_eq!(take(&heard), []);
    let items: Vec<_> = (10..50).map(|number| item(number, "paracetamol")).collect();
    let mut wanted = Vec::new();
    for item in &items {
        primary.put(vec![item.clone()]).await.unwrap();
        let (record, seq) = primary.record(item.key()).await.unwrap();
        if record.hash.0[0] < 128 {
            wanted.push((record.key.id, seq, None));
        }
    }
    assert!(!wanted.is_empty() && wanted.len() < items.len());
    assert_eq!(take(&heard), wanted);
}
