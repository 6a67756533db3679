//! What the driver needs to know of the two roles: their machines, their frames, and what they route.

use futures::future::BoxFuture;
use supplysync_api::v1;
use supplysync_model::{Channel, Fault, SyncId, Timestamp};
use supplysync_store::Store;
use supplysync_sync_core::{
    Batch, Effect, Input, PrimaryMessage, Refused, SatelliteMessage, Served, primary, satellite,
};

use super::wire::Frame;

/// The message that a frame stands for.
pub(super) type MessageOf<F> = <F as Frame>::Message;

/// What passes by on its way out, for log and status.
pub(super) enum Sending<'a> {
    /// A batch.
    Batch(&'a Batch),
    /// An acknowledgement of that batch.
    Ack { number: u64 },
    /// Anything else.
    Other,
}

/// What a session routes: the primary serves, a satellite pushes.
#[derive(Debug, Clone, Default)]
pub(super) struct Routing {
    pub(super) serve: Vec<Served>,
    pub(super) push: Vec<Channel>,
    /// Whether there is something to tell beside records.
    pub(super) to_tell: bool,
    /// Whether sites still give back what may be lost here (primary).
    pub(super) gathering: bool,
}

impl Routing {
    /// The channels, without the totals that change with every record.
    pub(super) fn channels(&self) -> Vec<Channel> {
        let served = self.serve.iter().map(|served| served.channel);
        served.chain(self.push.iter().copied()).collect()
    }
}

/// A session machine of `sync-core` with its frames.
pub(super) trait Machine: Send + 'static {
    /// What comes.
    type In: Frame;
    /// What goes.
    type Out: Frame;
    /// Whether another session may take the peer's lease from this one.
    const LEASED: bool;

    fn handle(
        &mut self,
        input: Input<MessageOf<Self::In>>,
        now: Timestamp,
    ) -> Vec<Effect<MessageOf<Self::Out>>>;

    /// What to route at present.
    fn routing(store: Store, peer: SyncId) -> BoxFuture<'static, Result<Routing, Fault>>;

    fn sending(message: &MessageOf<Self::Out>) -> Sending<'_>;

    /// How the other end is told that we end the session because of what it sent, if it can be.
    fn farewell(refused: &Refused) -> Option<MessageOf<Self::Out>>;
}

impl Machine for primary::Session {
    type In = v1::SatelliteMessage;
    type Out = v1::PrimaryMessage;
    const LEASED: bool = true;

    fn handle(&mut self, input: Input<SatelliteMessage>, now: Timestamp) -> Vec<Effect<PrimaryMessage>> {
        primary::Session::handle(self, input, now)
    }

    fn routing(store: Store, peer: SyncId) -> BoxFuture<'static, Result<Routing, Fault>> {
        Box::pin(async move {
            let read = store.read("what to serve", move |tx| {
                Box::pin(async move { Ok((tx.served_channels(peer).await?, tx.is_gathering().await?)) })
            });
            let (serve, gathering) = read.await?;
            Ok(Routing {
                serve,
                gathering,
                ..Routing::default()
            })
        })
    }

    fn sending(message: &PrimaryMessage) -> Sending<'_> {
        match message {
            PrimaryMessage::Batch(batch) => Sending::Batch(batch),
            PrimaryMessage::Ack(ack) => Sending::Ack { number: ack.number },
            _ => Sending::Other,
        }
    }

    fn farewell(refused: &Refused) -> Option<PrimaryMessage> {
        Some(PrimaryMessage::Refused(refused.clone()))
    }
}

impl Machine for satellite::Session {
    type In = v1::PrimaryMessage;
    type Out = v1::SatelliteMessage;
    const LEASED: bool = false;

    fn handle(&mut self, input: Input<PrimaryMessage>, now: Timestamp) -> Vec<Effect<SatelliteMessage>> {
        satellite::Session::handle(self, input, now)
    }

    fn routing(store: Store, _: SyncId) -> BoxFuture<'static, Result<Routing, Fault>> {
        Box::pin(async move {
            let read = store.read("look for reports", |tx| {
                Box::pin(async move { tx.has_reports().await })
            });
            let to_tell = read.await?;
            let push = store.push_channels().await?;
            Ok(Routing {
                push,
                to_tell,
                ..Routing::default()
            })
        })
    }

    fn sending(message: &SatelliteMessage) -> Sending<'_> {
        match message {
            SatelliteMessage::Batch(batch) => Sending::Batch(batch),
            SatelliteMessage::Ack(ack) => Sending::Ack { number: ack.number },
            _ => Sending::Other,
        }
    }

    fn farewell(_: &Refused) -> Option<SatelliteMessage> {
        None
    }
}
