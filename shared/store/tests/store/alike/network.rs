//! A network of three stores of one kind, with the batches and answers that are on their way, on which operations are
//! performed.

use supplysync_model::{SyncId, Timestamp};
use supplysync_sync_core::{Ack, ApplyRequest, Cursor, Direction, PageRequest};

use super::operation::{Damage, Operation};
use super::state::{outcome_in_words, page_in_words, refusal_in_words};
use crate::link::{SESSION, World, ack, applied, incarnation, wanted};
use crate::records::{Bed, Records};
use crate::sample::{SECOND, THIRD, site, store_id};

/// Pages of a round, at most: a round that never ends is told as such.
const PAGES: usize = 200;

/// A batch on its way, and to whom.
struct Letter {
    to: u16,
    request: ApplyRequest,
}

/// An answer on its way: to whom, from whom.
struct Answer {
    to: u16,
    from: SyncId,
    ack: Ack,
}

/// The stores, and what is on its way between them.
pub struct Network<R> {
    world: World<R>,
    letters: Vec<Letter>,
    answers: Vec<Answer>,
    /// The sessions that speak for sites 2 and 3.
    sessions: [u64; 2],
}

impl<R: Records> Network<R> {
    /// The sample network, in step.
    pub async fn new(bed: &impl Bed<Records = R>) -> Network<R> {
        Network {
            world: World::in_step(bed).await,
            letters: Vec::new(),
            answers: Vec::new(),
            sessions: [SESSION; 2],
        }
    }

    pub fn site(&self, number: u16) -> &R {
        match number {
            1 => &self.world.primary,
            2 => &self.world.second,
            _ => &self.world.third,
        }
    }

    fn session(&self, satellite: u16) -> u64 {
        self.sessions[usize::from(satellite - 2)]
    }

    /// Does it; the answer in words that every kind of store must give alike.
    pub async fn perform(&mut self, operation: &Operation) -> String {
        match *operation {
            Operation::Write(at, what) => written(self.site(at).put(what.with_what_it_needs()).await),
            Operation::Delete(at, what) => written(self.site(at).delete(what.body()).await),
            Operation::Send(direction, satellite, most) => self.send(direction, satellite, most).await,
            Operation::Deliver(letter, damage) => {
                if self.letters.is_empty() {
                    return "nothing is on its way".to_owned();
                }
                self.deliver(letter.index(self.letters.len()), damage).await
            }
            Operation::Acknowledge(answer) => {
                if self.answers.is_empty() {
                    return "nothing was answered".to_owned();
                }
                self.acknowledge(answer.index(self.answers.len())).await
            }
            Operation::Round(satellite, most) => self.round(satellite, most).await,
            Operation::Forget(satellite, store) => {
                let channels = supplysync_model::Channel::of_store(store_id(store)).to_vec();
                self.site(satellite).forget(channels).await;
                String::new()
            }
            Operation::Lease(satellite) => {
                self.sessions[usize::from(satellite - 2)] += 1;
                let session = self.session(satellite);
                self.world
                    .primary
                    .lease(site(satellite), session, incarnation(satellite))
                    .await;
                String::new()
            }
            Operation::Move(store, to, forced) => told(
                self.world
                    .primary
                    .move_store(store_id(store), site(to), forced)
                    .await,
            ),
            Operation::Cancel(store) => told(self.world.primary.cancel_move(store_id(store)).await),
            Operation::Tell(satellite) => self.tell(satellite).await,
            Operation::Abort(satellite) => {
                for store in [SECOND, THIRD] {
                    self.site(satellite).abort(store_id(store)).await;
                }
                String::new()
            }
        }
    }

    async fn send(&mut self, direction: Direction, satellite: u16, most: usize) -> String {
        let page = match direction {
            Direction::Pull => {
                let request = wanted(&self.world.primary, self.site(satellite), most).await;
                self.world.primary.page(request).await
            }
            Direction::Push => {
                let request = self.to_push(satellite, most).await;
                self.site(satellite).page(request).await
            }
        };
        let page = match page {
            Ok(page) => page,
            Err(fault) => return refusal_in_words(&fault),
        };
        let words = page_in_words(&page);
        let (to, peer, lease) = match direction {
            Direction::Pull => (satellite, SyncId::PRIMARY, None),
            Direction::Push => (1, site(satellite), Some(self.session(satellite))),
        };
        let request = applied(direction, peer, page, lease);
        self.letters.push(Letter { to, request });
        words
    }

    /// What is to be read next of a satellite's own.
    async fn to_push(&self, satellite: u16, most: usize) -> PageRequest {
        let cursors = self.world.primary.received_to(site(satellite)).await;
        let channels = self.site(satellite).pushed().await.into_iter();
        let at = |channel| cursors.iter().find(|(known, _)| *known == channel);
        PageRequest {
            direction: Direction::Push,
            channels: channels
                .map(|channel| {
                    (
                        channel,
                        Some(at(channel).map_or(Cursor::START, |(_, cursor)| *cursor)),
                    )
                })
                .collect(),
            max_records: most,
            max_bytes: 1 << 20,
        }
    }

    async fn deliver(&mut self, letter: usize, damage: Damage) -> String {
        let Letter { to, request } = &self.letters[letter];
        let (to, request) = (*to, damaged(request.clone(), damage));
        let from = self.site(to).sync_id();
        let sender = request.peer.get();
        let outcome = self.site(to).apply(request).await;
        let words = outcome_in_words(&outcome);
        if let Ok(outcome) = outcome {
            self.answers.push(Answer {
                to: sender,
                from,
                ack: ack(outcome),
            });
        }
        words
    }

    async fn acknowledge(&mut self, answer: usize) -> String {
        let Answer { to, from, ack } = &self.answers[answer];
        let lease = (*to == 1).then(|| self.session(from.get()));
        told(self.site(*to).acknowledge(*from, lease, ack).await)
    }

    /// All that a session would do, both ways, until nothing is left.
    async fn round(&mut self, satellite: u16, most: usize) -> String {
        let mut words = Vec::new();
        for direction in [Direction::Push, Direction::Pull] {
            for pages in 0.. {
                words.push(self.send(direction, satellite, most).await);
                let Some(letter) = self.letters.pop() else { break };
                let asked = match direction {
                    Direction::Pull => self.world.primary.served(site(satellite)).await.len(),
                    Direction::Push => self.site(satellite).pushed().await.len(),
                };
                let parts = &letter.request.parts;
                let caught_up = parts.iter().filter(|part| part.caught_up).count() >= asked;
                self.letters.push(letter);
                words.push(self.deliver(self.letters.len() - 1, Damage::None).await);
                self.letters.pop();
                let refused = words.last().is_some_and(|said| said.starts_with("refused"));
                if !refused && !self.answers.is_empty() {
                    words.push(self.acknowledge(self.answers.len() - 1).await);
                    self.answers.pop();
                }
                if caught_up || refused || pages == PAGES {
                    break;
                }
            }
        }
        words.join("\n  ")
    }

    async fn tell(&mut self, satellite: u16) -> String {
        let read = self.site(satellite).read_reports().await;
        let mut words = format!("{read:?}");
        for report in read.reports {
            let noted = self.world.primary.record_report(site(satellite), report).await;
            words += &match noted {
                Ok(noted) => format!(", {noted:?}"),
                Err(fault) => refusal_in_words(&fault),
            };
        }
        words
    }
}

impl Operation {
    /// The sites whose state it may change.
    pub fn touches(&self) -> Vec<u16> {
        match self {
            Operation::Write(site, _) | Operation::Delete(site, _) => vec![*site],
            Operation::Send(..) => Vec::new(),
            Operation::Deliver(..) | Operation::Acknowledge(_) => vec![1, 2, 3],
            Operation::Round(satellite, _) | Operation::Tell(satellite) => vec![1, *satellite],
            Operation::Forget(satellite, _) | Operation::Abort(satellite) => vec![*satellite],
            Operation::Lease(_) | Operation::Move(..) | Operation::Cancel(_) => vec![1],
        }
    }
}

fn damaged(mut request: ApplyRequest, damage: Damage) -> ApplyRequest {
    match damage {
        Damage::None => {}
        Damage::From => {
            if let Some(part) = request.parts.first_mut() {
                part.from = match part.from {
                    Some(Cursor::Following { seq }) => Some(Cursor::Following { seq: seq + 1 }),
                    Some(Cursor::Loading { head, last }) => Some(Cursor::Loading { head: head + 1, last }),
                    None => Some(Cursor::START),
                };
            }
        }
        Damage::Hash => {
            let mut records = request.parts.iter_mut().flat_map(|part| &mut part.records);
            if let Some(record) = records.next() {
                record.hash.0[0] ^= 1;
            }
        }
        Damage::Lease => request.lease = request.lease.map(|session| session + 100),
    }
    // The proof carries a time of its own kind of store.
    for proof in request
        .parts
        .iter_mut()
        .filter_map(|part| part.owner_proof.as_mut())
    {
        proof.at = Timestamp(0);
    }
    request
}

fn written(written: Result<usize, supplysync_model::Fault>) -> String {
    match written {
        Ok(changed) => format!("{changed} changed"),
        Err(fault) => refusal_in_words(&fault),
    }
}

fn told(done: Result<(), supplysync_model::Fault>) -> String {
    done.map_or_else(|fault| refusal_in_words(&fault), |()| "done".to_owned())
}
