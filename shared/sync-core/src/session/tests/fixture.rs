//! Both roles behind one face, and values to feed them with.

use bytes::Bytes;
use supplysync_model::{
    Chain, Channel, Checkpoint, Digest, Epoch, Incarnation, Kind, Record, RecordHash, RecordId, RecordKey,
    Seq, StoreId, SyncId, Timestamp,
};

use crate::{
    Ack, Batch, ChannelAck, Cursor, Effect, Hello, Input, LineageVerdict, Mode, Page, Part, PeerState,
    PrimaryMessage, SatelliteMessage, Served, SessionLimits, Welcome, primary, satellite, seal,
};

/// A machine of either role.
pub(super) trait Machine {
    type In;
    type Out: Clone + std::fmt::Debug;
    fn step(&mut self, input: Input<Self::In>, now: Timestamp) -> Vec<Effect<Self::Out>>;
    fn kind(message: &Self::Out) -> Said;
}

/// What a message is to the laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Batch(u64),
    Ack(u64),
    Bye,
    Ready,
    Refused,
    Other,
}

impl Machine for primary::Session {
    type In = SatelliteMessage;
    type Out = PrimaryMessage;
    fn step(&mut self, input: Input<SatelliteMessage>, now: Timestamp) -> Vec<Effect<PrimaryMessage>> {
        self.handle(input, now)
    }
    fn kind(message: &PrimaryMessage) -> Said {
        match message {
            PrimaryMessage::Batch(batch) => Said::Batch(batch.number),
            PrimaryMessage::Ack(ack) => Said::Ack(ack.number),
            PrimaryMessage::Bye => Said::Bye,
            PrimaryMessage::Ready => Said::Ready,
            PrimaryMessage::Refused(_) => Said::Refused,
            _ => Said::Other,
        }
    }
}

impl Machine for satellite::Session {
    type In = PrimaryMessage;
    type Out = SatelliteMessage;
    fn step(&mut self, input: Input<PrimaryMessage>, now: Timestamp) -> Vec<Effect<SatelliteMessage>> {
        self.handle(input, now)
    }
    fn kind(message: &SatelliteMessage) -> Said {
        match message {
            SatelliteMessage::Batch(batch) => Said::Batch(batch.number),
            SatelliteMessage::Ack(ack) => Said::Ack(ack.number),
            SatelliteMessage::Bye => Said::Bye,
            _ => Said::Other,
        }
    }
}

pub(super) const SITE: u16 = 7;
pub(super) const WINDOW: usize = 2;

pub(super) fn site() -> SyncId {
    SyncId::new(SITE).unwrap()
}

pub(super) fn store(number: u8) -> StoreId {
    StoreId::from_bytes([number; 16])
}

pub(super) fn stock(number: u8) -> Channel {
    Channel::StoreStock(store(number))
}

pub(super) fn limits() -> SessionLimits {
    SessionLimits {
        window: WINDOW,
        ..SessionLimits::default()
    }
}

pub(super) fn a_primary() -> primary::Session {
    primary::Session::new(primary::Setup {
        certified: site(),
        session: 1,
        software_version: "test".to_owned(),
        limits: limits(),
    })
}

pub(super) fn a_satellite(mode: Mode) -> satellite::Session {
    satellite::Session::new(satellite::Setup {
        mode,
        limits: limits(),
    })
}

pub(super) fn life(number: u32) -> Incarnation {
    Incarnation {
        counter: number,
        random: u64::from(number),
    }
}

pub(super) fn point(seq: Seq) -> Checkpoint {
    Checkpoint {
        incarnation: life(1),
        seq,
        chain: Chain([seq as u8; 16]),
    }
}

pub(super) fn record(number: u8, channel: Channel) -> Record {
    seal(Record {
        key: RecordKey {
            kind: Kind::STOCK_LINE,
            id: RecordId::from_bytes([number; 16]),
        },
        channel,
        origin_site: site(),
        epoch: Epoch::default(),
        revision: u64::from(number),
        schema: 1,
        deleted: false,
        hash: RecordHash::default(),
        body: Bytes::from_static(b"body"),
    })
}

pub(super) fn hello() -> Hello {
    Hello {
        protocol_min: 1,
        protocol_max: 1,
        software_version: "test".to_owned(),
        sync_id: site(),
        site_name: "clinic".to_owned(),
        store_codes: Vec::new(),
        incarnation: Some(life(1)),
        head: Some(point(20)),
        checkpoint: Some(point(10)),
        cursors: vec![(Channel::Master, Cursor::Following { seq: 10 })],
        recovers: false,
    }
}

pub(super) fn serve(channels: &[Channel]) -> Vec<Served> {
    let served = channels.iter().map(|channel| Served {
        channel: *channel,
        records: 1,
        bytes: 1,
        start: None,
    });
    served.collect()
}

pub(super) fn welcome() -> Welcome {
    Welcome {
        protocol: 1,
        software_version: "test".to_owned(),
        session: 1,
        assigned_incarnation: None,
        resume_after: 0,
        checkpoint: Some(point(15)),
        cursors: vec![(stock(1), Cursor::Following { seq: 15 })],
        serve: serve(&[Channel::Master]),
        life: None,
        stands: None,
        mismatches: Vec::new(),
    }
}

pub(super) fn peer_state() -> PeerState {
    PeerState {
        incarnation: Some(life(1)),
        fresh_incarnation: life(2),
        checkpoint: Some(point(15)),
        cursors: vec![(stock(1), Cursor::Following { seq: 15 })],
        serve: serve(&[Channel::Master]),
        lineage: LineageVerdict::Known,
        life: None,
        stands: None,
        mismatches: Vec::new(),
        refuse: None,
    }
}

pub(super) fn following(channel: Channel, from: Seq, through: Seq, caught_up: bool) -> Part {
    Part {
        channel,
        from: Some(Cursor::Following { seq: from }),
        through: Cursor::Following { seq: through },
        caught_up,
        records: vec![record(through as u8, channel)],
        digest: caught_up.then(Digest::default),
        owner_proof: None,
    }
}

pub(super) fn batch(number: u64, parts: Vec<Part>) -> Batch {
    Batch {
        number,
        parts,
        checkpoint: point(200),
    }
}

pub(super) fn page(parts: Vec<Part>) -> Page {
    Page {
        parts,
        head: point(200),
    }
}

pub(super) fn ack_of(number: u64, parts: &[Part]) -> Ack {
    let channels = parts.iter().map(|part| ChannelAck {
        channel: part.channel,
        cursor: part.through,
        digest: part.digest,
        quarantined: 0,
        held: 1,
    });
    Ack {
        number,
        channels: channels.collect(),
        refused: Vec::new(),
        head: point(30),
    }
}
