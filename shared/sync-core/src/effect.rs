//! What goes into a session machine and what comes out. The services' driver and the simulator both speak this.

use supplysync_model::{
    Channel, Checkpoint, Digest, Fault, Incarnation, ReportSubject, Seq, SiteReport, StoreId, SyncId,
    Timestamp,
};

use crate::{Cursor, Hello, Page, Part, PrimaryLife, Refusal, Refused, ReportNoted, Served};

/// Numbers the operations of one session; a completion with an old number is ignored.
pub type OpId = u64;

/// A timer of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimerId {
    /// When to say that we are still here.
    Heartbeat,
    /// When silence means that the link is dead.
    Silence,
}

/// Which way records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the owner of a store to the primary.
    Push,
    /// From the primary to a satellite.
    Pull,
}

/// A read of the store: one snapshot, several channels in rank order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// Which way what is read will go: a push takes only records whose origin is this site.
    pub direction: Direction,
    /// Channels in rank order with where the receiver is. Reading goes on to the next channel only when the ones
    /// before it are caught up in this snapshot.
    pub channels: Vec<(Channel, Option<Cursor>)>,
    /// The most records.
    pub max_records: usize,
    /// The most bytes of bodies; a single record may exceed it.
    pub max_bytes: usize,
}

/// A batch to apply in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyRequest {
    /// Which way it came.
    pub direction: Direction,
    /// Who sent it.
    pub peer: SyncId,
    /// What it carries.
    pub parts: Vec<Part>,
    /// The sender's feed at the snapshot.
    pub checkpoint: Checkpoint,
    /// The session that must still hold the site's lease (push only), checked in the transaction.
    pub lease: Option<u64>,
}

/// Two digests of one snapshot, compared in the transaction that applied it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// The channel.
    pub channel: Channel,
    /// The sender's total.
    pub theirs: Digest,
    /// Ours.
    pub ours: Digest,
    /// The sender's head in the snapshot.
    pub seq: Seq,
    /// Whether they are equal once the quarantined records, which are listed, are accounted for.
    pub equal: bool,
    /// Whether quarantined records were needed to explain a difference.
    pub explained: bool,
}

/// What an apply did, after its durable commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyOutcome {
    /// The receiver's position, for each channel of the batch.
    pub channels: Vec<crate::ChannelAck>,
    /// What was quarantined.
    pub refused: Vec<Refusal>,
    /// Digests compared.
    pub comparisons: Vec<Comparison>,
    /// Our own feed afterwards.
    pub head: Checkpoint,
    /// Records written.
    pub applied: u64,
    /// Records that were there already.
    pub duplicates: u64,
}

/// What looking a checkpoint up in our own chain says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineageVerdict {
    /// It is there and the same, or the peer has none yet.
    Known,
    /// Below the chain's floor: the peer is old, nobody is under suspicion.
    BelowFloor,
    /// Absent or different: one of the two databases was restored or cloned.
    Broken,
}

/// What the primary's store knows of a satellite that says Hello; one read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerState {
    /// The incarnation that the lease was granted to last. What it is judged by is that of `checkpoint`.
    pub incarnation: Option<Incarnation>,
    /// One to give it, should it have none.
    pub fresh_incarnation: Incarnation,
    /// Its feed as we last applied it.
    pub checkpoint: Option<Checkpoint>,
    /// Our cursors in its channels.
    pub cursors: Vec<(Channel, Cursor)>,
    /// What to serve it.
    pub serve: Vec<Served>,
    /// What our chain, and those of our former lives, say of the checkpoint that it holds of our feed.
    pub lineage: LineageVerdict,
    /// The life of our own database, and how the site stands to it, unless it is the first.
    pub life: Option<PrimaryLife>,
    /// Where it stands in our channels, if it heard of a past of ours that is lost, and so stands not where it says.
    pub stands: Option<Vec<(Channel, Cursor)>>,
    /// Differences between what it says of itself and what we expect.
    pub mismatches: Vec<String>,
    /// A fault that ends the session at once, such as a site that is not registered.
    pub refuse: Option<Refused>,
}

/// What a satellite has to tell beside its records, and to do about moves; one read, in which it promises what it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportsRead {
    /// The channels to push now, in rank order.
    pub push: Vec<Channel>,
    /// What it answers to the moves that concern it, and whatever else the primary has not noted yet.
    pub reports: Vec<SiteReport>,
    /// Stores on their way to this site: their channels must be served before it can answer.
    pub awaited: Vec<StoreId>,
    /// Whether a store is on its way from or to this site, so that what comes or is acknowledged may be the cue.
    pub open: bool,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input<M> {
    /// The stream is open. The satellite brings its Hello, read from its store.
    Connected {
        /// The opening (satellite only).
        hello: Option<Hello>,
        /// The channels of the stores active here (satellite only), in rank order.
        push: Vec<Channel>,
    },
    /// A message came.
    Received(M),
    /// The stream is gone.
    LinkLost,
    /// A timer fired.
    Timer(TimerId),
    /// This site's feed moved.
    HeadMoved,
    /// The peer's state, after [`Effect::OpenPeer`] (primary only).
    PeerOpened(OpId, Box<PeerState>),
    /// What our chain says, after [`Effect::CheckLineage`] (satellite only).
    LineageChecked(OpId, LineageVerdict),
    /// The primary's life is stored, after [`Effect::MeetLife`] (satellite only).
    LifeMet {
        /// The operation.
        op: OpId,
        /// The channels to push now, in rank order.
        push: Vec<Channel>,
    },
    /// The incarnation is stored (satellite only); where the new life begins, if it goes on a feed that was.
    IncarnationAdopted(OpId, Option<Checkpoint>),
    /// The lease is ours (primary only).
    LeaseGranted(OpId),
    /// A page, after [`Effect::ReadPage`].
    PageRead(OpId, Page),
    /// A batch is durable, after [`Effect::Apply`].
    Applied(OpId, ApplyOutcome),
    /// An ack is stored, after [`Effect::RecordAck`].
    AckRecorded(OpId),
    /// The cursors are forgotten, after [`Effect::Forget`] (satellite only).
    Forgotten(OpId),
    /// What there is to tell, after [`Effect::ReadReports`] (satellite only).
    ReportsRead(OpId, ReportsRead),
    /// A report is durable, after [`Effect::RecordReport`] (primary only).
    ReportRecorded(OpId, ReportNoted),
    /// An operation failed.
    Failed(OpId, Fault),
    /// The channels to serve (primary) or to push (satellite) have changed.
    SettingsChanged {
        /// To serve, on the primary.
        serve: Vec<Served>,
        /// To push, on the satellite.
        push: Vec<Channel>,
        /// Whether sites still give back what the primary may have lost (primary).
        gathering: bool,
    },
    /// A newer session has the lease.
    Fenced,
    /// The program stops, or the administrator paused.
    Stop,
}

/// What a session wants done. Everything of one call is carried out in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<M> {
    /// Send it.
    Send(M),
    /// Read the peer's state and look its checkpoint up (primary only).
    OpenPeer(OpId, Hello),
    /// Look the primary's checkpoint of our feed up in our chain (satellite only), and, if it is there, note what of our own
    /// work the primary has acknowledged without our hearing of it: nobody knows what it refused of that.
    CheckLineage(OpId, Option<Checkpoint>, Vec<(Channel, Cursor)>),
    /// Store the life that the primary's database has now, and where both ends stand in each other's channels: what a
    /// former life acknowledged and sent says little of this one (satellite only).
    MeetLife {
        /// The operation.
        op: OpId,
        /// The life.
        life: PrimaryLife,
        /// Where the primary stands in our channels.
        pushed: Vec<(Channel, Cursor)>,
        /// Where we stand in its own, if not where we thought.
        stands: Option<Vec<(Channel, Cursor)>>,
    },
    /// Store the incarnation that the primary assigned (satellite only). With a seq: begin a new life of this database
    /// beyond it, and see that everything goes up that the primary may not know.
    AdoptIncarnation(OpId, Incarnation, Option<Seq>),
    /// Take the site's lease for this session and store its incarnation (primary only); with where its database's new life
    /// begins, if it does: from then on no other is known, and the site is sent its own stores.
    GrantLease(OpId, Incarnation, Option<Checkpoint>),
    /// Read.
    ReadPage(OpId, PageRequest),
    /// Apply in one transaction.
    Apply(OpId, ApplyRequest),
    /// Store how far the peer is, for status, ledger and lineage.
    RecordAck(OpId, crate::Ack),
    /// Forget the cursors of channels no longer served (satellite only); answered by [`Input::Forgotten`], because
    /// what comes next may begin one of them afresh.
    Forget(OpId, Vec<Channel>),
    /// Store that the primary has noted these, and read what there is to tell; what is promised by that is durable
    /// (satellite only).
    ReadReports(OpId, Vec<ReportSubject>),
    /// Store a report, and draw the conclusions: hand a store over if nothing is missing (primary only).
    RecordReport(OpId, SiteReport),
    /// (Re)arm a timer, at a time of the machine's clock.
    SetTimer(TimerId, Timestamp),
    /// Disarm it.
    CancelTimer(TimerId),
    /// End the stream; nothing follows.
    Close(CloseReason),
    /// For log, status and progress.
    Report(Report),
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// Both directions are drained (interval mode).
    Drained,
    /// The other end said Bye.
    PeerClosed,
    /// The link failed or fell silent.
    LinkLost,
    /// We were told to stop.
    Stopped,
    /// A newer session speaks for the site.
    Fenced,
    /// Refused, by us or by the other end.
    Refused(Refused),
    /// An operation of ours failed.
    Failed(Refused),
}

/// What a session tells those who watch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The handshake is through.
    Ready {
        /// The session's number.
        session: u64,
        /// What differs from what the primary expects.
        mismatches: Vec<String>,
    },
    /// What will be sent in all (satellite).
    Totals(Vec<Served>),
    /// A batch was applied here.
    Applied {
        /// Which way.
        direction: Direction,
        /// How many were written.
        applied: u64,
        /// How many were there already.
        duplicates: u64,
        /// How many were quarantined.
        refused: u64,
    },
    /// A batch of ours is durable at the peer.
    Acknowledged {
        /// Which way.
        direction: Direction,
        /// How many records it carried.
        records: u64,
    },
    /// Digests were compared.
    Compared(Vec<Comparison>),
    /// Everything is exchanged for now.
    CaughtUp(Direction),
    /// The lineage is broken: frozen.
    LineageBroken {
        /// Whose database is under suspicion.
        site: SyncId,
    },
}
