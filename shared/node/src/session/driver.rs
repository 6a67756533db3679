//! One task per session: inputs go into the machine one at a time, its effects are carried out in order. What the
//! machine asks of the store runs beside it and comes back as an input.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use supplysync_model::{Channel, Fault, Reason, Seq, SyncId};
use supplysync_sync_core::{CloseReason, Effect, Hello, Input, Refused};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::journal::Journal;
use super::link::Link;
use super::operation::{Operations, Work, work_of};
use super::role::{Machine, MessageOf, Routing};
use super::start::{Outcome, SessionContext};
use super::timers::{SessionClock, Timers};
use super::wire::{Frame, Packing};

/// The feed may move thousands of times a second: the machine hears of it at most this often.
const HEAD_PAUSE: Duration = Duration::from_millis(20);
/// What to route is read again this long after the feed moved, so at most twice a second.
const ROUTING_PAUSE: Duration = Duration::from_millis(500);
/// Without any wake-up (another process wrote, a wake-up was lost) the same is done this often.
const SCAN: Duration = Duration::from_secs(10);
/// Frames that wait for room in the transport, at the most: windows keep an honest session far below.
const OUTBOX: usize = 64;
/// How long the last frames may take to leave, and the other end to close its half.
const FAREWELL: Duration = Duration::from_secs(2);

type In<M> = MessageOf<<M as Machine>::In>;
type Out<M> = MessageOf<<M as Machine>::Out>;

/// What runs beside the machine.
enum Done<M: Machine> {
    /// An operation that the machine waits for.
    Operation(Input<In<M>>),
    /// What to route, and whether the lease is still ours.
    Looked(Result<(Routing, bool), Fault>),
}

/// What woke the driver.
#[expect(clippy::large_enum_variant, reason = "looked at once and never kept")]
enum Woke<M: Machine> {
    Stop,
    /// Some session is to begin again.
    Again,
    Fenced,
    Room,
    Frame(Option<Result<M::In, Fault>>),
    Done(Done<M>),
    Head,
    Time,
}

/// What that means.
enum Event<M: Machine> {
    Input(Input<In<M>>),
    /// The other end sent what can't be read.
    Unreadable(Refused),
    /// Nothing for the machine.
    Nothing,
}

/// A session under way.
pub(super) struct Driver<M: Machine> {
    pub(super) machine: M,
    pub(super) context: SessionContext,
    pub(super) operations: Operations,
    pub(super) packing: Packing,
    pub(super) journal: Journal,
    /// Cancelled when another session has taken over, or the session is to end for another reason of ours.
    pub(super) fence: CancellationToken,
    /// Cancelled when the session is to end in order.
    pub(super) stop: CancellationToken,
    /// Run once the lease is ours.
    pub(super) on_lease: Option<Box<dyn FnOnce(u64) + Send>>,
}

/// The parts that change while it runs.
struct Running<M: Machine> {
    driver: Driver<M>,
    link: Link<M::In, M::Out>,
    clock: SessionClock,
    timers: Timers,
    outbox: VecDeque<Box<M::Out>>,
    under_way: FuturesUnordered<BoxFuture<'static, Done<M>>>,
    heads: watch::Receiver<Seq>,
    requests: watch::Receiver<u64>,
    beginnings: watch::Receiver<BTreeMap<SyncId, u64>>,
    /// How often this site's session had been asked to begin again when it began.
    begun: u64,
    routed: Option<(Vec<Channel>, bool)>,
    leased: bool,
    looking: bool,
    next_head: Instant,
    next_look: Option<Instant>,
    next_scan: Instant,
    told_stop: bool,
    told_fence: bool,
    closed: Option<CloseReason>,
}

impl<M: Machine> Driver<M> {
    /// Runs the session to its end. `hello` and `push` are the satellite's opening.
    // Not an async function: its future would hold the driver twice, and hundreds of them wait at one time.
    pub(super) fn run(
        self,
        link: Link<M::In, M::Out>,
        hello: Option<Hello>,
        push: Vec<Channel>,
    ) -> impl Future<Output = Outcome> + Send {
        let (mut heads, requests) = (self.context.store.heads(), self.context.control.requests());
        heads.mark_unchanged();
        let mut beginnings = self.context.control.beginnings();
        let begun = times(&beginnings.borrow_and_update(), self.operations.peer);
        let now = Instant::now();
        let mut running = Running {
            clock: SessionClock::start(&*self.context.clock),
            link,
            timers: Timers::default(),
            outbox: VecDeque::new(),
            under_way: FuturesUnordered::new(),
            heads,
            requests,
            beginnings,
            begun,
            routed: None,
            leased: false,
            looking: false,
            next_head: now,
            next_look: None,
            next_scan: now + SCAN,
            told_stop: false,
            told_fence: false,
            closed: None,
            driver: self,
        };
        running.feed(Input::Connected { hello, push });
        async move {
            loop {
                if let Some(reason) = running.closed.take() {
                    return Box::pin(running.end(reason)).await;
                }
                match running.next().await {
                    Event::Input(input) => running.feed(input),
                    Event::Unreadable(refused) => running.refuse(refused),
                    Event::Nothing => {}
                }
            }
        }
    }
}

impl<M: Machine> Running<M> {
    async fn next(&mut self) -> Event<M> {
        match self.woken().await {
            Woke::Stop => {
                self.told_stop = true;
                Event::Input(Input::Stop)
            }
            Woke::Again => {
                let times = times(&self.beginnings.borrow_and_update(), self.driver.operations.peer);
                if times == self.begun {
                    return Event::Nothing;
                }
                self.told_stop = true;
                Event::Input(Input::Stop)
            }
            Woke::Fenced => {
                self.told_fence = true;
                Event::Input(Input::Fenced)
            }
            Woke::Room => self.send_next(),
            Woke::Frame(frame) => received::<M>(frame),
            Woke::Done(done) => self.done(done),
            Woke::Head => self.wake(),
            Woke::Time => self.time(),
        }
    }

    /// Waits for whatever comes first. Nothing is lost when the others are dropped.
    async fn woken(&mut self) -> Woke<M> {
        let resting = Instant::now() < self.next_head;
        let look = self.next_look.filter(|_| !self.looking);
        let moments = [
            Some(self.next_scan),
            Some(self.next_head).filter(|_| resting),
            self.timers.next(),
            look,
        ];
        let next = moments.into_iter().flatten().min().unwrap_or(self.next_scan);
        tokio::select! {
            () = self.driver.stop.cancelled(), if !self.told_stop => Woke::Stop,
            () = self.driver.fence.cancelled(), if !self.told_fence => Woke::Fenced,
            _ = self.link.outgoing.reserve(), if !self.outbox.is_empty() => Woke::Room,
            frame = self.link.incoming.next() => Woke::Frame(frame),
            Some(done) = self.under_way.next() => Woke::Done(done),
            Ok(()) = self.heads.changed(), if !resting => Woke::Head,
            Ok(()) = self.requests.changed() => Woke::Head,
            Ok(()) = self.beginnings.changed(), if !self.told_stop => Woke::Again,
            () = tokio::time::sleep_until(next) => Woke::Time,
        }
    }

    /// A moment has come that was waited for; one thing at a time.
    fn time(&mut self) -> Event<M> {
        let now = Instant::now();
        if let Some(id) = self.timers.take_due() {
            return Event::Input(Input::Timer(id));
        }
        if self.next_scan <= now {
            self.next_scan = now + SCAN;
            return self.wake();
        }
        if !self.looking && self.next_look.is_some_and(|at| at <= now) {
            self.look();
        }
        Event::Nothing
    }

    /// The transport has room, or is gone. Nobody else sends on it, so the room is still there.
    fn send_next(&mut self) -> Event<M> {
        let Some(frame) = self.outbox.pop_front() else {
            return Event::Nothing;
        };
        match self.link.outgoing.try_send(frame) {
            Ok(()) => Event::Nothing,
            Err(TrySendError::Full(frame)) => {
                self.outbox.push_front(frame);
                Event::Nothing
            }
            Err(TrySendError::Closed(_)) => Event::Input(Input::LinkLost),
        }
    }

    /// The feed moved, or may have.
    fn wake(&mut self) -> Event<M> {
        let now = Instant::now();
        self.next_head = now + HEAD_PAUSE;
        self.next_look.get_or_insert(now + ROUTING_PAUSE);
        Event::Input(Input::HeadMoved)
    }

    /// Reads what to route, and who has the lease.
    fn look(&mut self) {
        self.looking = true;
        self.next_look = None;
        let Operations {
            store, peer, session, ..
        } = self.driver.operations.clone();
        let session = session.filter(|_| M::LEASED && self.leased);
        self.under_way.push(Box::pin(async move {
            let looked = async {
                let ours = match session {
                    Some(session) => store.lease_holder(peer).await? == Some(session),
                    None => true,
                };
                Ok((M::routing(store, peer).await?, ours))
            };
            Done::Looked(looked.await)
        }));
    }

    fn done(&mut self, done: Done<M>) -> Event<M> {
        match done {
            Done::Operation(input) => {
                if let Input::LeaseGranted(_) = &input {
                    self.leased = true;
                    if let Some(hook) = self.driver.on_lease.take() {
                        hook(self.driver.operations.grant.load(Ordering::Acquire));
                    }
                }
                Event::Input(input)
            }
            Done::Looked(looked) => {
                self.looking = false;
                self.looked(looked)
            }
        }
    }

    fn looked(&mut self, looked: Result<(Routing, bool), Fault>) -> Event<M> {
        match looked {
            Ok((_, false)) => Event::Input(Input::Fenced),
            Ok((routing, true)) => {
                let channels = (routing.channels(), routing.gathering);
                if self.routed.as_ref() == Some(&channels) && !routing.to_tell {
                    return Event::Nothing;
                }
                self.routed = Some(channels);
                Event::Input(Input::SettingsChanged {
                    serve: routing.serve,
                    push: routing.push,
                    gathering: routing.gathering,
                })
            }
            Err(fault) => {
                // The next wake-up, or the next scan, tries again.
                tracing::warn!(reason = fault.reason().0, ?fault, "can't read what to route");
                Event::Nothing
            }
        }
    }

    fn feed(&mut self, input: Input<In<M>>) {
        let now = self.clock.now();
        for effect in self.driver.machine.handle(input, now) {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect<Out<M>>) {
        let effect = match work_of(effect) {
            Ok((op, work)) => {
                if let Work::RecordAck(ack) = &work {
                    self.driver.journal.acknowledged(ack);
                }
                let operations = self.driver.operations.clone();
                let performed = async move { Done::Operation(operations.perform(op, work).await) };
                self.under_way.push(Box::pin(performed));
                return;
            }
            Err(effect) => effect,
        };
        match effect {
            Effect::Send(message) => self.send(message),
            Effect::SetTimer(id, at) => self.timers.set(id, at, &self.clock),
            Effect::CancelTimer(id) => self.timers.cancel(id),
            Effect::Report(report) => self.driver.journal.report(report, &*self.driver.context.clock),
            Effect::Close(reason) => self.closed = Some(reason),
            // `work_of` took the others.
            _ => {}
        }
    }

    fn send(&mut self, message: Out<M>) {
        self.driver.journal.sending(&M::sending(&message));
        match M::Out::write(message, self.driver.packing) {
            Ok(_) if self.outbox.len() >= OUTBOX => {
                tracing::warn!("the other end does not read what it is sent; the session ends");
                self.closed.get_or_insert(CloseReason::LinkLost);
            }
            Ok(frame) => self.outbox.push_back(Box::new(frame)),
            Err(fault) => {
                tracing::error!(?fault, "a message can't be written");
                self.closed
                    .get_or_insert(CloseReason::Failed(Refused::from(&fault)));
            }
        }
    }

    /// Ends the session because of what came; the machine learns that the link is gone.
    fn refuse(&mut self, refused: Refused) {
        self.feed(Input::LinkLost);
        if let Some(farewell) = M::farewell(&refused) {
            self.send(farewell);
        }
        self.closed = Some(CloseReason::Refused(refused));
    }

    async fn end(mut self, reason: CloseReason) -> Outcome {
        if reason != CloseReason::LinkLost {
            // Late or lost farewells change nothing: what is durable was acknowledged before, or will be asked for again.
            let _ = tokio::time::timeout(FAREWELL, self.say_farewell()).await;
        }
        // What was begun is finished before the next session reads where we stand.
        while self.under_way.next().await.is_some() {}
        self.driver.journal.end(&reason, self.clock.elapsed());
        Outcome {
            ready: self.driver.journal.was_ready(),
            lasted: self.clock.elapsed(),
            reason,
        }
    }

    async fn say_farewell(&mut self) {
        while let Some(frame) = self.outbox.pop_front() {
            if self.link.outgoing.send(frame).await.is_err() {
                return;
            }
        }
        // Our half ends; the other end's follows.
        let (closed, _) = mpsc::channel(1);
        self.link.outgoing = closed;
        while let Some(Ok(_)) = self.link.incoming.next().await {}
    }
}

fn times(asked: &BTreeMap<SyncId, u64>, peer: SyncId) -> u64 {
    asked.get(&peer).copied().unwrap_or(0)
}

fn received<M: Machine>(frame: Option<Result<M::In, Fault>>) -> Event<M> {
    match frame {
        Some(Ok(frame)) => match frame.read() {
            Ok(message) => Event::Input(Input::Received(message)),
            Err(violation) => Event::Unreadable(violation.refused()),
        },
        Some(Err(fault)) if [Reason::PROTOCOL_VIOLATION, Reason::TOO_LARGE].contains(&fault.reason()) => {
            Event::Unreadable(Refused::from(&fault).retryable())
        }
        Some(Err(fault)) => {
            tracing::info!(reason = fault.reason().0, "the connection failed: {fault}");
            Event::Input(Input::LinkLost)
        }
        None => Event::Input(Input::LinkLost),
    }
}
