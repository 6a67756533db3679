//! Reading the feed: pages of several channels from one snapshot, in rank order.

use supplysync_model::{Channel, Fault, Record, RecordKey, Seq};

use super::ModelStore;
use crate::{Cursor, Direction, Page, PageRequest, Part};

/// What still fits into a page.
struct Room {
    records: usize,
    bytes: usize,
    empty: bool,
}

impl Room {
    /// Takes records while they fit; whether all did. A single record may exceed the bytes alone.
    fn take<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> (Vec<&'a Record>, bool) {
        let mut taken = Vec::new();
        for record in records {
            let fits = self.records > 0 && (self.empty || record.body.len() <= self.bytes);
            if !fits {
                return (taken, false);
            }
            self.records -= 1;
            self.bytes = self.bytes.saturating_sub(record.body.len());
            self.empty = false;
            taken.push(record);
        }
        (taken, true)
    }
}

impl ModelStore {
    /// Reads one page: channels in rank order, going on to the next only when those before are caught up in this
    /// snapshot.
    pub fn read_page(&self, request: PageRequest) -> Result<Page, Fault> {
        let head = self
            .head()
            .ok_or_else(|| Fault::internal("a page was asked for before this database has an incarnation"))?;
        let mut room = Room {
            records: request.max_records,
            bytes: request.max_bytes,
            empty: true,
        };
        let mut parts = Vec::new();
        for (channel, cursor) in request.channels {
            let part = match cursor {
                Some(Cursor::Following { seq }) => self.follow(request.direction, channel, seq, &mut room),
                Some(Cursor::Loading { head, last }) => self.load(channel, cursor, head, last, &mut room),
                None => self.load(channel, None, head.seq, None, &mut room),
            };
            let Some(part) = part else {
                break;
            };
            let caught_up = part.caught_up;
            parts.push(part);
            if !caught_up {
                break;
            }
        }
        Ok(Page { parts, head })
    }

    /// `None` when there is something and no room for any of it; so for a load.
    fn follow(&self, direction: Direction, channel: Channel, after: Seq, room: &mut Room) -> Option<Part> {
        let beyond = self
            .feed(channel, after)
            .filter(|held| direction == Direction::Pull || self.goes_up(channel, after, held));
        let (records, all) = room.take(beyond.map(|held| &held.record));
        if records.is_empty() && !all {
            return None;
        }
        let last = records.last().and_then(|record| self.records.get(&record.key));
        let seq = if all {
            self.seq
        } else {
            last.map_or(after, |held| held.seq)
        };
        let from = Some(Cursor::Following { seq: after });
        Some(self.part(channel, from, Cursor::Following { seq }, all, records))
    }

    fn load(
        &self,
        channel: Channel,
        from: Option<Cursor>,
        noted: Seq,
        after: Option<RecordKey>,
        room: &mut Room,
    ) -> Option<Part> {
        let rest = self.records.values().filter(|held| {
            held.record.channel == channel && after.is_none_or(|after| held.record.key > after)
        });
        let (records, all) = room.take(rest.map(|held| &held.record));
        if !all {
            let last = Some(records.last()?.key);
            let through = Cursor::Loading { head: noted, last };
            return Some(self.part(channel, from, through, false, records));
        }
        // What moved beyond the noted head during the load is followed from there.
        let caught_up = self.feed(channel, noted).next().is_none();
        let seq = if caught_up { self.seq } else { noted };
        Some(self.part(channel, from, Cursor::Following { seq }, caught_up, records))
    }

    fn part(
        &self,
        channel: Channel,
        from: Option<Cursor>,
        through: Cursor,
        caught_up: bool,
        records: Vec<&Record>,
    ) -> Part {
        Part {
            channel,
            from,
            through,
            caught_up,
            records: records.into_iter().cloned().collect(),
            digest: caught_up.then(|| self.digest(channel)),
            owner_proof: caught_up.then(|| self.owner_proof(channel)).flatten(),
        }
    }
}
