//! Reading the feed: pages of several channels from one snapshot, in rank order. How a channel is scanned is in `scan`.

mod scan;
mod stamp;

use futures::FutureExt;
use supplysync_model::{Channel, Fault, FaultCode, Reason, Seq};
use supplysync_sync_core::{Cursor, Direction, Page, PageRequest, Part};

use crate::later_life::Upward;
use crate::{Queries, Store};
use scan::{Room, Slice};

impl Store {
    /// Reads one page: channels in rank order, going on to the next only when those before are caught up in this
    /// snapshot.
    pub async fn read_page(&self, request: PageRequest) -> Result<Page, Fault> {
        self.read("read page", move |tx| {
            async move { tx.page(&request).await }.boxed()
        })
        .await
    }
}

/// What of a channel is read: its number, unless nothing was ever written in it, and the records that may go.
#[derive(Debug, Clone, Copy)]
struct Source {
    number: Option<i32>,
    direction: Direction,
    /// Which of them go, of a push that follows.
    upward: Upward,
}

impl Queries {
    /// One page of this transaction's snapshot.
    async fn page(&self, request: &PageRequest) -> Result<Page, Fault> {
        let head = self.head.checkpoint().ok_or_else(no_incarnation)?;
        let asked: Vec<_> = request.channels.iter().map(|(channel, _)| *channel).collect();
        let totals = self.channel_totals(&asked).await?;
        let upward = match request.direction {
            Direction::Push => self.upward(&request.channels).await?,
            Direction::Pull => Default::default(),
        };
        let mut room = Room::new(request.max_records, request.max_bytes);
        let mut parts = Vec::with_capacity(asked.len());
        for (channel, from) in &request.channels {
            let number = totals.get(channel).map(|total| total.number);
            let source = Source {
                number,
                direction: request.direction,
                upward: upward.get(channel).copied().unwrap_or(Upward::Own),
            };
            let Some(part) = self.part(*channel, *from, source, &mut room).await? else {
                break;
            };
            let caught_up = part.caught_up;
            parts.push(part);
            if !caught_up {
                break;
            }
        }
        self.stamp(&mut parts, &totals, request.direction).await?;
        Ok(Page { parts, head })
    }

    /// The next part of one channel; `None` when there is something and no room for any of it.
    async fn part(
        &self,
        channel: Channel,
        from: Option<Cursor>,
        source: Source,
        room: &mut Room,
    ) -> Result<Option<Part>, Fault> {
        let head = self.head.seq;
        let (slice, through) = match from {
            Some(Cursor::Following { seq }) if seq > head => return Err(beyond_the_feed(seq, head)),
            Some(Cursor::Following { seq }) => {
                let slice = self.following(source, seq, room).await?;
                let end = if slice.rest { slice.last_seq } else { head };
                (slice, Cursor::Following { seq: end })
            }
            // The primary asks for a load by its cursor, where its copy is to be repaired.
            None if source.direction == Direction::Push => {
                return Err(Fault::internal(
                    "a push was asked for without a place to begin at",
                ));
            }
            None | Some(Cursor::Loading { .. }) => {
                let (begun, after) = match from {
                    Some(Cursor::Loading { head, last }) => (head, last),
                    _ => (head, None),
                };
                if begun > head {
                    return Err(beyond_the_feed(begun, head));
                }
                let slice = self.loading(source, after, room).await?;
                let through = if slice.rest {
                    Cursor::Loading {
                        head: begun,
                        last: slice.last_key,
                    }
                } else if self.moved_since(source, begun).await? {
                    // What moved while the load was on its way is followed from where it began.
                    Cursor::Following { seq: begun }
                } else {
                    Cursor::Following { seq: head }
                };
                (slice, through)
            }
        };
        let Slice { records, rest, .. } = slice;
        if records.is_empty() && rest {
            return Ok(None);
        }
        Ok(Some(Part {
            channel,
            from,
            through,
            caught_up: !rest && through == Cursor::Following { seq: head },
            records,
            digest: None,
            owner_proof: None,
        }))
    }
}

fn no_incarnation() -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::DATABASE_NOT_INITIALISED,
        "this database has no incarnation yet: the primary assigns one at the first session",
    )
}

/// A receiver that has more than we ever wrote; lineage should have caught it.
fn beyond_the_feed(seq: Seq, head: Seq) -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::PROTOCOL_VIOLATION,
        format!(
            "the receiver stands at {seq}, and this site's feed ends at {head}: one of the databases is not the one it was"
        ),
    )
}
