//! Where else a record is, or should be, and in which version: as far as one site can know of the others.

use std::collections::{BTreeMap, BTreeSet};

use supplysync_model::{Channel, Fault, Record, Seq, SyncId, Timestamp};
use supplysync_sync_core::Cursor;

use super::column;
use super::cursors::CursorRow;
use super::quarantine::Quarantined;
use crate::Queries;
use crate::projection::code;

/// What this site knows of a record at another site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// This version was written there.
    Written,
    /// It came from there, where it was not written.
    Came,
    /// Acknowledged: this version is durable there.
    Acknowledged {
        /// That was known by then.
        by: Timestamp,
        /// Changes of the channel that are in quarantine there: this may be one.
        quarantined: u64,
    },
    /// Not acknowledged yet.
    Pending {
        /// What was acknowledged last, of this site's feed; `None` before anything was.
        through: Option<(Seq, Timestamp)>,
    },
    /// It sent another version, which is in quarantine here.
    Refused,
    /// It is the owner, or should hold a copy, and does not exchange this channel with this site.
    Elsewhere,
    /// It keeps no copy.
    NotKept,
}

impl Queries {
    /// What is known of the record at other sites, by site.
    pub(super) async fn places(
        &self,
        record: &Record,
        seq: Seq,
        owner: Option<SyncId>,
        quarantined: &[Quarantined],
    ) -> Result<Vec<(SyncId, Whereabouts)>, Fault> {
        let here = self.sync_id();
        let cursors = self.cursors().await?;
        let of_channel = cursors.iter().filter(|row| row.channel == record.channel);
        let mut places: BTreeMap<_, _> = of_channel
            .map(|row| (row.peer, place(row, record, seq)))
            .collect();
        for site in [Some(record.origin_site), owner].into_iter().flatten() {
            if site != here {
                let whereabouts = match site == record.origin_site {
                    true => Whereabouts::Written,
                    false => Whereabouts::Elsewhere,
                };
                places.entry(site).or_insert(whereabouts);
            }
        }
        // Only the primary knows of every site what it keeps.
        if here.is_primary() {
            let granted = self.granted(record.channel).await?;
            let sites = self.sites().await?;
            for site in sites.iter().filter(|site| !site.retired) {
                let site = site.value.sync_id;
                let missing = match granted.as_ref().is_none_or(|granted| granted.contains(&site)) {
                    true => Whereabouts::Pending { through: None },
                    false => Whereabouts::NotKept,
                };
                if site != here {
                    places.entry(site).or_insert(missing);
                }
            }
        }
        for change in quarantined.iter().filter(|change| change.from_site != here) {
            places.insert(change.from_site, Whereabouts::Refused);
        }
        Ok(places.into_iter().collect())
    }

    /// The sites that are granted what is in a channel; `None` for all.
    async fn granted(&self, channel: Channel) -> Result<Option<BTreeSet<SyncId>>, Fault> {
        let store = match channel {
            Channel::Master => return Ok(None),
            Channel::Site(site) => return Ok(Some(BTreeSet::from([site]))),
            Channel::StoreStock(store) | Channel::StoreHistory(store) => store,
        };
        let sql = "SELECT sync_id FROM site_copy WHERE store_id = $1 ORDER BY sync_id LIMIT 65536";
        let rows = self
            .conn()
            .rows(sql, vec![store.to_bytes().to_vec().into()])
            .await?;
        let sites = rows.iter().map(|row| code::sync_id(column(row, 0)?));
        sites.collect::<Result<_, _>>().map(Some)
    }
}

fn place(row: &CursorRow, record: &Record, seq: Seq) -> Whereabouts {
    if row.we_receive {
        return match record.origin_site == row.peer {
            true => Whereabouts::Written,
            false => Whereabouts::Came,
        };
    }
    let (there, through) = match row.cursor {
        Cursor::Following { seq: through } => (seq <= through, through),
        Cursor::Loading { head, last } => (seq <= head && last.is_some_and(|last| record.key <= last), 0),
    };
    match there {
        true => Whereabouts::Acknowledged {
            by: row.moved_at,
            quarantined: row.quarantined,
        },
        false => Whereabouts::Pending {
            through: Some((through, row.moved_at)),
        },
    }
}

#[cfg(test)]
mod tests {
    use supplysync_model::{Epoch, Kind, RecordHash, RecordId, RecordKey};
    use supplysync_sync_core::Direction;

    use super::*;

    #[test]
    fn a_record_is_pending_until_the_receiver_has_passed_it() {
        let record = |byte| Record {
            key: key(byte),
            channel: Channel::Master,
            origin_site: SyncId::PRIMARY,
            epoch: Epoch::from_packed(0),
            revision: 1,
            schema: 1,
            deleted: false,
            hash: RecordHash::default(),
            body: Default::default(),
        };
        let row = |cursor| CursorRow {
            peer: SyncId::PRIMARY,
            channel: Channel::Master,
            number: 1,
            direction: Direction::Pull,
            we_receive: false,
            cursor,
            moved_at: Timestamp(5),
            held: 0,
            quarantined: 0,
            caught_up_at: None,
            compared: None,
            proven: None,
            owner: None,
        };
        let there = Whereabouts::Acknowledged {
            by: Timestamp(5),
            quarantined: 0,
        };
        let pending = |through| Whereabouts::Pending {
            through: Some((through, Timestamp(5))),
        };
        let following = row(Cursor::Following { seq: 7 });
        assert_eq!(place(&following, &record(1), 7), there);
        assert_eq!(place(&following, &record(1), 8), pending(7));
        let loading = row(Cursor::Loading {
            head: 9,
            last: Some(key(5)),
        });
        assert_eq!(place(&loading, &record(5), 9), there);
        assert_eq!(place(&loading, &record(6), 3), pending(0));
        assert_eq!(place(&loading, &record(5), 10), pending(0));
    }

    fn key(byte: u8) -> RecordKey {
        RecordKey {
            kind: Kind::ITEM,
            id: RecordId::from_bytes([byte; 16]),
        }
    }
}
