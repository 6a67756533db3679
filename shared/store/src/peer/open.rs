//! Both ends of a session's opening: what a satellite says of itself, and what the primary knows of it.

use std::collections::BTreeSet;

use futures::FutureExt;
use sea_orm::Value;
use supplysync_model::{Channel, Checkpoint, Fault, Incarnation, Kind, Reason, Site, StoreId, SyncId};
use supplysync_sync_core::{Cursor, Direction, Hello, PeerState, Refused};

use crate::projection::code::text_key;
use crate::{Queries, Store};

/// What a satellite's Hello says of its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloState {
    /// Its Sync ID.
    pub sync_id: SyncId,
    /// Its name.
    pub site_name: String,
    /// Codes of the stores active here, sorted.
    pub store_codes: Vec<String>,
    /// The life of this database, once assigned.
    pub incarnation: Option<Incarnation>,
    /// The head of its own feed; `None` with no incarnation.
    pub head: Option<Checkpoint>,
    /// The primary's feed as last applied here.
    pub checkpoint: Option<Checkpoint>,
    /// Its cursors in the primary's channels.
    pub cursors: Vec<(Channel, Cursor)>,
    /// The channels to push, in rank order.
    pub push: Vec<Channel>,
    /// Whether a new life is asked for.
    pub recovers: bool,
}

impl HelloState {
    /// The Hello of a program that speaks one protocol.
    pub fn hello(self, protocol: u32, software_version: &str) -> Hello {
        Hello {
            protocol_min: protocol,
            protocol_max: protocol,
            software_version: software_version.to_owned(),
            sync_id: self.sync_id,
            site_name: self.site_name,
            store_codes: self.store_codes,
            incarnation: self.incarnation,
            head: self.head,
            checkpoint: self.checkpoint,
            cursors: self.cursors,
            recovers: self.recovers,
        }
    }
}

impl Store {
    /// What to say in a Hello (satellite); one snapshot.
    pub async fn hello_state(&self) -> Result<HelloState, Fault> {
        let site_name = self.identity().site_name;
        self.read("hello", move |tx| {
            async move { tx.hello_state(site_name).await }.boxed()
        })
        .await
    }

    /// What we know of the satellite that says Hello (primary); one snapshot.
    pub async fn open_peer(&self, hello: &Hello) -> Result<PeerState, Fault> {
        let random = self.inner.deps.random.u64();
        let hello = hello.clone();
        self.read("open peer", move |tx| {
            async move { tx.open_peer(&hello, random).await }.boxed()
        })
        .await
    }
}

impl Queries {
    async fn hello_state(&self, site_name: String) -> Result<HelloState, Fault> {
        let stores = self.stores_of_site(self.sync_id()).await?;
        let mut cursors = self.positions(SyncId::PRIMARY, Direction::Pull).await?;
        let recovers = self
            .recovery()
            .await?
            .is_some_and(|recovery| recovery.asks_for_life());
        if recovers {
            // They are loaded back from the beginning.
            cursors.retain(|(channel, _)| channel.store().is_none_or(|store| !stores.contains(&store)));
        }
        cursors.extend(self.hand_over_cursors(&cursors).await?);
        Ok(HelloState {
            sync_id: self.sync_id(),
            site_name,
            store_codes: self.store_codes(&stores).await?,
            incarnation: self.head.incarnation,
            head: self.head.checkpoint(),
            checkpoint: self.peer(SyncId::PRIMARY).await?.checkpoint,
            cursors,
            push: self.push_channels().await?,
            recovers,
        })
    }

    async fn open_peer(&self, hello: &Hello, random: u64) -> Result<PeerState, Fault> {
        let site = hello.sync_id;
        let known = self.peer(site).await?;
        let registered = self.site(site).await?;
        let (mismatches, refuse) = match registered {
            _ if site == self.sync_id() => (Vec::new(), Some(is_the_primary(site))),
            None => (Vec::new(), Some(not_registered(site))),
            Some(site) if site.retired => (Vec::new(), Some(removed(&site.value))),
            Some(site) => (self.mismatches(hello, &site.value).await?, None),
        };
        let lives = [
            known.incarnation,
            known.checkpoint.map(|held| held.incarnation),
            hello.incarnation,
        ];
        let counters = lives.into_iter().flatten().map(|life| life.counter);
        let serve = self.served_channels(site).await?;
        let mut cursors = self.positions(site, Direction::Push).await?;
        let (mut life, mut stands) = (None, None);
        if let Some(present) = self.later_life().await? {
            let stood = self.life_for(hello, &present).await?;
            life = Some(stood);
            stands = self.stands_of(hello, &present, known.incarnation, &serve).await?;
            if self
                .is_outlived(site, known.checkpoint, hello.incarnation)
                .await?
            {
                // Where we stood was in another feed.
                cursors.clear();
            } else if hello.recovers || stood.given_back {
                // Another database of the site gives back what it has from the beginning.
                let given = cursors.iter().map(|(channel, _)| *channel).collect();
                let given = self.given_in(site, given).await?;
                cursors.retain(|(channel, _)| !given.contains(channel));
            }
        }
        Ok(PeerState {
            incarnation: known.incarnation,
            fresh_incarnation: Incarnation {
                counter: counters.max().unwrap_or(0).saturating_add(1),
                random,
            },
            checkpoint: known.checkpoint,
            cursors,
            serve,
            lineage: self.lineage_of(hello.checkpoint).await?,
            life,
            stands,
            mismatches,
            refuse,
        })
    }

    /// Where a receiver stands, by channel.
    async fn positions(&self, peer: SyncId, direction: Direction) -> Result<Vec<(Channel, Cursor)>, Fault> {
        let rows = self.cursors_with(peer, direction).await?;
        let mut positions: Vec<_> = rows.into_iter().map(|row| (row.channel, row.cursor)).collect();
        positions.sort_unstable_by_key(|(channel, _)| *channel);
        Ok(positions)
    }

    /// Where what the satellite says of itself differs from what is registered here, in words.
    async fn mismatches(&self, hello: &Hello, registered: &Site) -> Result<Vec<String>, Fault> {
        let mut found = Vec::new();
        if text_key(&hello.site_name) != text_key(&registered.name) {
            found.push(format!(
                "site {} calls itself {:?}, and is registered here as {:?}",
                registered.sync_id, hello.site_name, registered.name
            ));
        }
        // A satellite that has not heard of the last assignments can't know better yet.
        if !self.knows_its_stores(hello).await? {
            return Ok(found);
        }
        let stores = self.stores_of_site(registered.sync_id).await?;
        let expected: BTreeSet<_> = self.store_codes(&stores).await?.into_iter().collect();
        let said: BTreeSet<_> = hello.store_codes.iter().cloned().collect();
        found.extend(expected.difference(&said).map(|code| {
            format!(
                "store {code} is active on site {}, which does not say so",
                registered.sync_id
            )
        }));
        found.extend(said.difference(&expected).map(|code| {
            format!(
                "site {} says that store {code} is active there, and here it is not",
                registered.sync_id
            )
        }));
        Ok(found)
    }

    /// Whether the satellite has applied every store and assignment that there is.
    async fn knows_its_stores(&self, hello: &Hello) -> Result<bool, Fault> {
        let at = hello
            .cursors
            .iter()
            .find(|(channel, _)| *channel == Channel::Master);
        let Some((_, Cursor::Following { seq })) = at else {
            return Ok(false);
        };
        let Some(master) = self
            .channel_totals(&[Channel::Master])
            .await?
            .remove(&Channel::Master)
        else {
            return Ok(true);
        };
        let sql = format!(
            "SELECT 1 FROM record WHERE channel = $1 AND seq > $2 AND kind IN ({}, {}) LIMIT 1",
            Kind::STORE.0,
            Kind::ASSIGNMENT.0
        );
        let values: Vec<Value> = vec![master.number.into(), (*seq as i64).into()];
        Ok(self.conn().row(sql, values).await?.is_none())
    }

    /// The codes of stores, sorted.
    async fn store_codes(&self, stores: &[StoreId]) -> Result<Vec<String>, Fault> {
        let found = self.stores(stores).await?;
        let mut codes: Vec<_> = found.into_iter().map(|store| store.value.code).collect();
        codes.sort_unstable();
        Ok(codes)
    }
}

fn is_the_primary(site: SyncId) -> Refused {
    let message = format!(
        "Sync ID {site} is this primary's own: give the satellite the one that it is registered with"
    );
    Refused::new(Reason::IDENTITY_REFUSED, message)
}

fn not_registered(site: SyncId) -> Refused {
    let message =
        format!("no site has Sync ID {site} here: register it on the primary first, with `sites add`");
    Refused::new(Reason::SITE_NOT_FOUND, message).retryable()
}

fn removed(site: &Site) -> Refused {
    let message = format!(
        "site {} ({}) was removed from this primary: an administrator must register it again",
        site.sync_id, site.name
    );
    Refused::new(Reason::SITE_NOT_FOUND, message)
}
