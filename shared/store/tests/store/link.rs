//! A primary with its satellites, and a link between them that carries batches as a session would.

use supplysync_model::{Channel, Checkpoint, Incarnation, Record, SyncId};
use supplysync_sync_core::{
    Ack, ApplyOutcome, ApplyRequest, Comparison, Cursor, Direction, Page, PageRequest, Part, seal,
};

use crate::records::{Bed, Records};
use crate::sample::{network, site};

/// The session that may push.
pub const SESSION: u64 = 7;
/// A page that holds all there is.
pub const ALL: usize = 10_000;

/// A primary with the sample network, and sites 2 and 3.
pub struct World<R> {
    pub primary: R,
    pub second: R,
    pub third: R,
}

pub fn incarnation(number: u16) -> Incarnation {
    Incarnation {
        counter: 1,
        random: u64::from(number),
    }
}

impl<R: Records> World<R> {
    pub async fn new(bed: &impl Bed<Records = R>) -> World<R> {
        let world = World {
            primary: bed.site(1).await,
            second: bed.site(2).await,
            third: bed.site(3).await,
        };
        world.primary.put(network()).await.unwrap();
        for (store, number) in [(&world.second, 2), (&world.third, 3)] {
            store.adopt(incarnation(number)).await;
            world
                .primary
                .lease(site(number), SESSION, incarnation(number))
                .await;
        }
        world
    }

    /// The same with everything pulled.
    pub async fn in_step(bed: &impl Bed<Records = R>) -> World<R> {
        let world = World::new(bed).await;
        world.settle().await;
        world
    }

    /// Pushes and pulls until everybody has everything.
    pub async fn settle(&self) {
        for satellite in [&self.second, &self.third] {
            pull(&self.primary, satellite, ALL).await;
            push(satellite, &self.primary, ALL).await;
        }
        pull(&self.primary, &self.third, ALL).await;
    }
}

/// What is to be read next for a satellite.
pub async fn wanted<R: Records>(primary: &R, satellite: &R, max_records: usize) -> PageRequest {
    let cursors = satellite.pulled_to().await;
    let served = primary.served(satellite.sync_id()).await;
    let channels = served.iter().map(|served| {
        let at = cursors.iter().find(|(channel, _)| *channel == served.channel);
        (served.channel, at.map(|(_, cursor)| *cursor))
    });
    PageRequest {
        direction: Direction::Pull,
        channels: channels.collect(),
        max_records,
        max_bytes: 1 << 20,
    }
}

/// Carries one page of the primary's feed to a satellite; whether that caught it up, and what was compared.
pub async fn pull_page<R: Records>(
    primary: &R,
    satellite: &R,
    max_records: usize,
) -> (bool, Vec<Comparison>) {
    let request = wanted(primary, satellite, max_records).await;
    let asked = request.channels.len();
    let page = primary.page(request).await.unwrap();
    let caught_up = page.parts.iter().filter(|part| part.caught_up).count() == asked;
    let outcome = satellite
        .apply(applied(Direction::Pull, SyncId::PRIMARY, page, None))
        .await
        .unwrap();
    let comparisons = outcome.comparisons.clone();
    primary
        .acknowledge(satellite.sync_id(), Some(SESSION), &ack(outcome))
        .await
        .unwrap();
    (caught_up, comparisons)
}

/// Carries everything that the satellite lacks; every comparison must say equal.
pub async fn pull<R: Records>(primary: &R, satellite: &R, max_records: usize) -> usize {
    let mut pages = 1;
    loop {
        let (caught_up, comparisons) = pull_page(primary, satellite, max_records).await;
        assert!(
            comparisons.iter().all(|compared| compared.equal),
            "{comparisons:?}"
        );
        if caught_up {
            return pages;
        }
        pages += 1;
    }
}

/// Carries everything that the primary lacks of a satellite's own stores.
pub async fn push<R: Records>(satellite: &R, primary: &R, max_records: usize) -> Vec<ApplyOutcome> {
    let mut outcomes = Vec::new();
    loop {
        let cursors = primary.received_to(satellite.sync_id()).await;
        let channels = satellite.pushed().await;
        let at = |channel: &Channel| {
            cursors
                .iter()
                .find(|(known, _)| known == channel)
                .map(|(_, cursor)| *cursor)
        };
        let request = PageRequest {
            direction: Direction::Push,
            channels: channels
                .iter()
                .map(|channel| (*channel, Some(at(channel).unwrap_or(Cursor::START))))
                .collect(),
            max_records,
            max_bytes: 1 << 20,
        };
        let page = satellite.page(request).await.unwrap();
        let caught_up = page.parts.iter().filter(|part| part.caught_up).count() == channels.len();
        let request = applied(Direction::Push, satellite.sync_id(), page, Some(SESSION));
        let outcome = primary.apply(request).await.unwrap();
        satellite
            .acknowledge(SyncId::PRIMARY, None, &ack(outcome.clone()))
            .await
            .unwrap();
        outcomes.push(outcome);
        if caught_up {
            return outcomes;
        }
    }
}

pub fn applied(direction: Direction, peer: SyncId, page: Page, lease: Option<u64>) -> ApplyRequest {
    ApplyRequest {
        direction,
        peer,
        parts: page.parts,
        checkpoint: page.head,
        lease,
    }
}

pub fn ack(outcome: ApplyOutcome) -> Ack {
    Ack {
        number: 1,
        channels: outcome.channels,
        refused: outcome.refused,
        head: outcome.head,
    }
}

/// A part that follows, of records made by hand; it catches nobody up.
pub fn following(channel: Channel, from: u64, through: u64, records: Vec<Record>) -> Part {
    Part {
        channel,
        from: Some(Cursor::Following { seq: from }),
        through: Cursor::Following { seq: through },
        caught_up: false,
        records: records.into_iter().map(seal).collect(),
        digest: None,
        owner_proof: None,
    }
}

/// A batch made by hand, as site `peer` would send it at its seq.
pub fn batch(direction: Direction, peer: u16, seq: u64, parts: Vec<Part>) -> ApplyRequest {
    ApplyRequest {
        direction,
        peer: site(peer),
        parts,
        checkpoint: Checkpoint {
            incarnation: incarnation(peer),
            seq,
            chain: Default::default(),
        },
        lease: (direction == Direction::Push).then_some(SESSION),
    }
}
