//! What the two ends say to each other. The wire form is in the `.proto` files; these are the same words, checked.

use supplysync_model::{Channel, Checkpoint, Digest, Incarnation, ReportSubject, Seq, SiteReport, SyncId};

use crate::{Batch, Cursor, Refusal};

/// The satellite's opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The lowest protocol version that it speaks.
    pub protocol_min: u32,
    /// The highest.
    pub protocol_max: u32,
    /// Its program's version.
    pub software_version: String,
    /// Its Sync ID.
    pub sync_id: SyncId,
    /// Its name, as it knows it; a mismatch is named.
    pub site_name: String,
    /// The codes of the stores active on it, as it knows them, sorted.
    pub store_codes: Vec<String>,
    /// The life of its database; `None` before its first session.
    pub incarnation: Option<Incarnation>,
    /// The head of its own feed; `None` with no incarnation.
    pub head: Option<Checkpoint>,
    /// The primary's feed as the satellite last applied it.
    pub checkpoint: Option<Checkpoint>,
    /// Its cursors in the primary's channels.
    pub cursors: Vec<(Channel, Cursor)>,
    /// Whether it asks to begin a new life: a person decided that this database, restored or copied, is the one that goes on.
    pub recovers: bool,
}

/// A channel to serve, with what exists in it, so that progress is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// The channel.
    pub channel: Channel,
    /// Records in it, tombstones included.
    pub records: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// The primary's seq at which the site handed the store over: it holds what the primary held then, if it has not
    /// been sent anything since. Stays on the primary.
    pub start: Option<Seq>,
}

/// A later life of the primary's database than its first: the lost one's satellites give back what they have of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrimaryLife {
    /// Where it began: beyond every seq of the lives before.
    pub began: Checkpoint,
    /// Sites still give back what the primary may have lost; until they have, nobody pushes the work of its stores.
    pub gathering: bool,
    /// Whether this site has given back everything.
    pub given_back: bool,
}

/// The primary's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The protocol version to speak.
    pub protocol: u32,
    /// The primary's program version.
    pub software_version: String,
    /// Names this session in logs on both ends.
    pub session: u64,
    /// Given to a database that has none, or that begins a new life.
    pub assigned_incarnation: Option<Incarnation>,
    /// What is known of the feed that a new life goes on: it begins beyond this seq. Zero unless one begins.
    pub resume_after: Seq,
    /// The satellite's feed as the primary last applied it.
    pub checkpoint: Option<Checkpoint>,
    /// The primary's cursors in this satellite's channels.
    pub cursors: Vec<(Channel, Cursor)>,
    /// What the satellite will be sent.
    pub serve: Vec<Served>,
    /// The life of the primary's database, unless it is the first.
    pub life: Option<PrimaryLife>,
    /// Where the satellite stands in the primary's channels, where it heard of a past that is lost: what is not named is
    /// loaded afresh.
    pub stands: Option<Vec<(Channel, Cursor)>>,
    /// Where what the satellite says of itself differs from what the primary expects, in words.
    pub mismatches: Vec<String>,
}

/// Why a session was refused or ended, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The stable reason.
    pub reason: String,
    /// What happened and what to do.
    pub message: String,
    /// Whether the same attempt may work later.
    pub retryable: bool,
}

/// How far a receiver is in one channel, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelAck {
    /// The channel.
    pub channel: Channel,
    /// Its cursor after the commit.
    pub cursor: Cursor,
    /// The receiver's own total, when caught up: the owner sees equality too.
    pub digest: Option<Digest>,
    /// Open quarantine of this channel at the receiver, for the ledger.
    pub quarantined: u64,
    /// Records held by the receiver (live), for the ledger.
    pub held: u64,
}

/// Everything up to this batch is durable at the receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The last batch applied.
    pub number: u64,
    /// The channels that it moved.
    pub channels: Vec<ChannelAck>,
    /// What was refused in it.
    pub refused: Vec<Refusal>,
    /// The receiver's own feed after it.
    pub head: Checkpoint,
}

/// A satellite's report is durable at the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportNoted {
    /// What it was about.
    pub subject: ReportSubject,
    /// The primary's head once it has drawn its conclusion: a session that ends by itself waits for it.
    pub seq: Seq,
}

/// From satellite to primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SatelliteMessage {
    /// Opens.
    Hello(Hello),
    /// The primary's checkpoint of our feed is in our chain.
    LineageOk {
        /// Our incarnation, assigned or kept.
        incarnation: Incarnation,
        /// Where a new life of our database begins, if one does.
        begins: Option<Checkpoint>,
    },
    /// It is not: our database was restored or cloned.
    LineageBroken,
    /// Pushes.
    Batch(Batch),
    /// Acknowledges a pull.
    Ack(Ack),
    /// Tells what is not a record; one at a time.
    Report(SiteReport),
    /// Still here.
    Heartbeat,
    /// Ends in order.
    Bye,
}

/// From primary to satellite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrimaryMessage {
    /// Accepts the Hello.
    Welcome(Welcome),
    /// Ends the session, saying why.
    Refused(Refused),
    /// The lease is granted: batches may flow.
    Ready,
    /// The channels to serve have changed.
    Serve(Vec<Served>),
    /// Pushes master data and copies.
    Batch(Batch),
    /// Acknowledges a push.
    Ack(Ack),
    /// Acknowledges a report.
    Noted(ReportNoted),
    /// Still here.
    Heartbeat,
    /// Ends in order.
    Bye,
}
