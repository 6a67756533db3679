//! Frames of the sync stream: what is read holds to every documented limit, and is written and read again the same,
//! compressed or not. What a batch carries inside its payload has a law of its own (`batch_payload`).

use bytes::Bytes;
use prost::Message;
use supplysync_api::v1;
use supplysync_model::limits::{MAX_BATCH_PARTS, MAX_BATCH_RECORDS, MAX_FRAME_BYTES};
use supplysync_model::{
    Channel, CopyWish, MoveReport, MoveStep, Offer, ProposalAnswer, Reason, RecordId, ReportSubject,
    SiteReport, StoreId,
};
use supplysync_node::session::Packing;
use supplysync_node::session::wire::{self, Frame};
use supplysync_sync_core::{
    Ack, ChannelAck, Cursor, Hello, PrimaryLife, PrimaryMessage, Refusal, Refused, ReportNoted,
    SatelliteMessage, Served, Welcome,
};

use crate::{Target, batch_payload, sample};

pub(crate) const TARGET: Target = Target {
    name: "frame",
    law,
    seeds,
    longest: 4_096,
};

/// The longest name or code, and the longest text for a person, in bytes.
const NAME_BYTES: usize = 1_024;
const WORDS_BYTES: usize = 16 * 1_024;

/// The first byte says who sent the frame.
fn law(input: &[u8]) -> bool {
    match input.split_first() {
        Some((side, frame)) if side % 2 == 0 => {
            comes_back::<v1::SatelliteMessage>(frame, satellite_keeps_limits)
        }
        Some((_, frame)) => comes_back::<v1::PrimaryMessage>(frame, primary_keeps_limits),
        None => false,
    }
}

/// Reads a frame as a server does; what it stands for must survive the way back.
fn comes_back<F>(frame: &[u8], keeps_limits: fn(&F::Message)) -> bool
where
    F: Frame + Message + Default,
    F::Message: Clone + PartialEq + std::fmt::Debug,
{
    if frame.len() > MAX_FRAME_BYTES || wire::check_lists(frame).is_err() {
        return false;
    }
    let Ok(wire) = F::decode(Bytes::copy_from_slice(frame)) else {
        return false;
    };
    let message = match wire.read() {
        Ok(message) => message,
        Err(violation) => {
            let told = violation.refused();
            assert_eq!(told.reason, Reason::PROTOCOL_VIOLATION.0);
            assert!(told.message.len() < WORDS_BYTES, "what is told can be read");
            return false;
        }
    };
    keeps_limits(&message);
    for packing in [Packing::Plain, Packing::Compressed] {
        let written = F::write(message.clone(), packing).expect("what was read can be written");
        let written = Bytes::from(written.encode_to_vec());
        wire::check_lists(&written).expect("what is written keeps the limits");
        let again = F::decode(written).expect("what is written can be decoded");
        let again = again.read().expect("what is written can be read");
        assert_eq!(again, message, "{packing:?}");
    }
    true
}

fn satellite_keeps_limits(message: &SatelliteMessage) {
    match message {
        SatelliteMessage::Hello(hello) => {
            name(&hello.software_version);
            name(&hello.site_name);
            hello.store_codes.iter().for_each(|code| name(code));
            cursors(&hello.cursors);
        }
        SatelliteMessage::Batch(batch) => batch_payload::keeps_limits(batch),
        SatelliteMessage::Ack(ack) => ack_keeps_limits(ack),
        SatelliteMessage::Report(report) => report_keeps_limits(report),
        SatelliteMessage::LineageOk { .. }
        | SatelliteMessage::LineageBroken
        | SatelliteMessage::Heartbeat
        | SatelliteMessage::Bye => {}
    }
}

fn primary_keeps_limits(message: &PrimaryMessage) {
    match message {
        PrimaryMessage::Welcome(welcome) => {
            name(&welcome.software_version);
            welcome.mismatches.iter().for_each(|mismatch| words(mismatch));
            cursors(&welcome.cursors);
            if let Some(stands) = &welcome.stands {
                cursors(stands);
            }
            if let Some(life) = welcome.life {
                seq(life.began.seq);
            }
            distinct(welcome.serve.iter().map(|served| served.channel));
        }
        PrimaryMessage::Refused(refused) => {
            name(&refused.reason);
            words(&refused.message);
        }
        PrimaryMessage::Serve(serve) => distinct(serve.iter().map(|served| served.channel)),
        PrimaryMessage::Batch(batch) => batch_payload::keeps_limits(batch),
        PrimaryMessage::Ack(ack) => ack_keeps_limits(ack),
        PrimaryMessage::Noted(noted) => seq(noted.seq),
        PrimaryMessage::Ready | PrimaryMessage::Heartbeat | PrimaryMessage::Bye => {}
    }
}

fn ack_keeps_limits(ack: &Ack) {
    assert!(ack.refused.len() <= MAX_BATCH_RECORDS);
    assert!(ack.channels.len() <= MAX_BATCH_PARTS);
    seq(ack.head.seq);
    distinct(ack.channels.iter().map(|acked| acked.channel));
    ack.channels.iter().for_each(|acked| cursor(acked.cursor));
}

fn report_keeps_limits(report: &SiteReport) {
    match report {
        SiteReport::Move(report) => seq(report.version),
        SiteReport::Answer(answer) => words(&answer.words),
        SiteReport::Offer(offer) => {
            batch_payload::record_keeps_limits(&offer.change);
            name(&offer.reason);
            name(&offer.offered_by);
            words(&offer.note);
        }
        SiteReport::Wish(wish) => {
            seq(wish.version);
            assert!(wish.stores.len() <= 10_000);
            assert!(wish.stores.is_sorted_by(|a, b| a < b));
        }
        SiteReport::Recovered(_) | SiteReport::GivenBack(_) => {}
    }
}

fn name(text: &str) {
    assert!(text.len() <= NAME_BYTES && !text.contains('\0'));
}

fn words(text: &str) {
    assert!(text.len() <= WORDS_BYTES && !text.contains('\0'));
}

/// Databases keep them in 63 bits.
pub(crate) fn seq(seq: u64) {
    assert!(i64::try_from(seq).is_ok(), "seq {seq}");
}

pub(crate) fn cursor(cursor: Cursor) {
    match cursor {
        Cursor::Loading { head, .. } => seq(head),
        Cursor::Following { seq: at } => seq(at),
    }
}

fn cursors(cursors: &[(Channel, Cursor)]) {
    distinct(cursors.iter().map(|(channel, _)| *channel));
    cursors.iter().for_each(|(_, at)| cursor(*at));
}

fn distinct(channels: impl Iterator<Item = Channel>) {
    let mut channels: Vec<_> = channels.collect();
    let all = channels.len();
    channels.sort();
    channels.dedup();
    assert_eq!(channels.len(), all, "a channel is named once");
}

fn seeds() -> Vec<Vec<u8>> {
    let satellite = satellite_messages().into_iter().map(|message| {
        let frame = v1::SatelliteMessage::write(message, Packing::Compressed);
        [vec![0], frame.expect("an honest message").encode_to_vec()].concat()
    });
    let primary = primary_messages().into_iter().map(|message| {
        let frame = v1::PrimaryMessage::write(message, Packing::Plain);
        [vec![1], frame.expect("an honest message").encode_to_vec()].concat()
    });
    satellite.chain(primary).collect()
}

fn all_cursors() -> Vec<(Channel, Cursor)> {
    let store: StoreId = sample::id(4);
    let last = Some(sample::tombstone().key);
    vec![
        (Channel::Master, Cursor::Following { seq: 9 }),
        (
            Channel::Site(sample::site(2)),
            Cursor::Loading { head: 9, last: None },
        ),
        (Channel::StoreStock(store), Cursor::Loading { head: 8, last }),
        (
            Channel::StoreHistory(store),
            Cursor::Following { seq: i64::MAX as u64 },
        ),
    ]
}

fn satellite_messages() -> Vec<SatelliteMessage> {
    let reports = [
        SiteReport::Move(MoveReport {
            store: sample::id(4),
            version: 2,
            step: MoveStep::Released(sample::totals()),
        }),
        SiteReport::Move(MoveReport {
            store: sample::id(4),
            version: 2,
            step: MoveStep::Aborted,
        }),
        SiteReport::Answer(ProposalAnswer {
            id: sample::id(30),
            accepted: false,
            words: "counted already".into(),
        }),
        SiteReport::Offer(Box::new(Offer {
            id: sample::id(31),
            change: sample::tombstone(),
            reason: Reason::STALE_EPOCH.0.into(),
            offered_by: "akello".into(),
            note: "please".into(),
        })),
        SiteReport::Wish(CopyWish {
            version: 3,
            stores: vec![sample::id(4), sample::id(5)],
        }),
        SiteReport::Recovered(sample::incarnation()),
        SiteReport::GivenBack(sample::incarnation()),
    ];
    let hello = Hello {
        protocol_min: 1,
        protocol_max: 1,
        software_version: "0.1.0".into(),
        sync_id: sample::site(2),
        site_name: "Northern clinic".into(),
        store_codes: vec!["NC".into(), "NH".into()],
        incarnation: Some(sample::incarnation()),
        head: Some(sample::checkpoint()),
        checkpoint: Some(sample::checkpoint()),
        cursors: all_cursors(),
        recovers: true,
    };
    let mut messages = vec![
        SatelliteMessage::Hello(hello),
        SatelliteMessage::LineageOk {
            incarnation: sample::incarnation(),
            begins: Some(sample::checkpoint()),
        },
        SatelliteMessage::LineageBroken,
        SatelliteMessage::Batch(batch_payload::sample_batch()),
        SatelliteMessage::Ack(ack()),
        SatelliteMessage::Heartbeat,
        SatelliteMessage::Bye,
    ];
    messages.extend(reports.map(SatelliteMessage::Report));
    messages
}

fn primary_messages() -> Vec<PrimaryMessage> {
    let served = |channel| Served {
        channel,
        records: 3,
        bytes: 4_000,
        start: None,
    };
    let serve: Vec<_> = all_cursors()
        .into_iter()
        .map(|(channel, _)| served(channel))
        .collect();
    let subjects = [
        ReportSubject::Move(sample::id(4), 2),
        ReportSubject::Answer(sample::id::<RecordId>(30)),
        ReportSubject::Offer(sample::id::<RecordId>(31)),
        ReportSubject::Wish(3),
        ReportSubject::Recovered(sample::incarnation()),
        ReportSubject::GivenBack(sample::incarnation()),
    ];
    let welcome = Welcome {
        protocol: 1,
        software_version: "0.1.0".into(),
        session: 12,
        assigned_incarnation: Some(sample::incarnation()),
        resume_after: 40,
        checkpoint: Some(sample::checkpoint()),
        cursors: all_cursors(),
        serve: serve.clone(),
        life: Some(PrimaryLife {
            began: sample::checkpoint(),
            gathering: true,
            given_back: false,
        }),
        stands: Some(all_cursors()),
        mismatches: vec!["the name of the site differs".into()],
    };
    let mut messages = vec![
        PrimaryMessage::Welcome(welcome),
        PrimaryMessage::Refused(Refused::new(Reason::PROTOCOL_VIOLATION, "why, and what to do")),
        PrimaryMessage::Ready,
        PrimaryMessage::Serve(serve),
        PrimaryMessage::Batch(batch_payload::sample_batch()),
        PrimaryMessage::Ack(ack()),
        PrimaryMessage::Heartbeat,
        PrimaryMessage::Bye,
    ];
    messages.extend(subjects.map(|subject| PrimaryMessage::Noted(ReportNoted { subject, seq: 5 })));
    messages
}

fn ack() -> Ack {
    let channels = all_cursors().into_iter();
    Ack {
        number: 2,
        channels: channels
            .map(|(channel, cursor)| ChannelAck {
                channel,
                cursor,
                digest: Some(sample::digest()),
                quarantined: 1,
                held: 12,
            })
            .collect(),
        refused: vec![Refusal {
            key: sample::tombstone().key,
            reason: Reason::MALFORMED_RECORD,
        }],
        head: sample::checkpoint(),
    }
}
