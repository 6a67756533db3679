//! Any input in any order: the machines never panic, and the laws hold. Half of the inputs are what an honest store
//! and peer would answer, so that the machines get deep; the other half is anything.

use proptest::prelude::*;
use supplysync_model::{Channel, Fault, FaultCode, MoveReport, MoveStep, Reason, SiteReport};

use crate::{
    ApplyOutcome, ApplyRequest, Cursor, Effect, Input, LineageVerdict, Mode, OpId, Page, PageRequest,
    PrimaryMessage, Refused, ReportNoted, ReportsRead, SatelliteMessage, TimerId,
};

use super::fixture::*;
use super::laws::{Watched, op_of};

/// What happens next, as numbers: what sort of thing, and two that it is made from.
type Step = (u8, u8, u8);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..20u8, any::<u8>(), any::<u8>()), 0..120)
}

fn channel(number: u8) -> Channel {
    match number % 5 {
        0 => Channel::Master,
        1 => Channel::Site(site()),
        2 => stock(1),
        3 => stock(2),
        _ => Channel::StoreHistory(store(1)),
    }
}

fn cursor(number: u8) -> Cursor {
    match number % 4 {
        0 => Cursor::Loading {
            head: u64::from(number),
            last: None,
        },
        1 => Cursor::Loading {
            head: u64::from(number / 8),
            last: Some(record(number, Channel::Master).key),
        },
        _ => Cursor::Following {
            seq: u64::from(number),
        },
    }
}

fn channels(number: u8) -> Vec<Channel> {
    let mut channels: Vec<_> = (0..5)
        .filter(|bit| number & (1 << bit) != 0)
        .map(channel)
        .collect();
    channels.sort_unstable();
    channels
}

fn any_part(a: u8, b: u8) -> crate::Part {
    let mut part = following(channel(a), u64::from(a), u64::from(b), a.is_multiple_of(2));
    if b.is_multiple_of(3) {
        part.from = (b.is_multiple_of(2)).then(|| cursor(b));
        part.through = cursor(a);
    }
    if a.is_multiple_of(7) {
        part.records.clear();
    }
    part
}

/// What an honest store reads.
fn honest_page(request: &PageRequest, a: u8) -> Page {
    let mut parts = Vec::new();
    for (number, (channel, from)) in request.channels.iter().enumerate() {
        let at = match from {
            Some(Cursor::Following { seq }) => *seq,
            _ => 0,
        };
        let caught_up = number + 1 < request.channels.len() || a.is_multiple_of(3);
        let mut part = following(*channel, at, at + u64::from(a % 4), caught_up);
        part.from = *from;
        if a.is_multiple_of(4) && caught_up {
            part.records.clear();
        } else if a.is_multiple_of(4) {
            part.through = Cursor::Following { seq: at + 1 };
        }
        parts.push(part);
        if !caught_up {
            break;
        }
    }
    page(parts)
}

fn honest_outcome(request: &ApplyRequest) -> ApplyOutcome {
    let ack = ack_of(1, &request.parts);
    ApplyOutcome {
        channels: ack.channels,
        refused: Vec::new(),
        comparisons: Vec::new(),
        head: point(30),
        applied: 1,
        duplicates: 0,
    }
}

fn moves_read(a: u8) -> ReportsRead {
    let report = MoveReport {
        store: store(1),
        version: u64::from(a % 4),
        step: MoveStep::Aborted,
    };
    ReportsRead {
        push: Channel::of_store(store(1)).to_vec(),
        reports: a
            .is_multiple_of(3)
            .then_some(SiteReport::Move(report))
            .into_iter()
            .collect(),
        awaited: Vec::new(),
        open: a.is_multiple_of(2),
    }
}

/// What the store answers to an operation, honestly or with a fault.
fn answer<M, N>(effect: &Effect<M>, a: u8) -> Option<Input<N>> {
    let op = op_of(effect)?;
    if a.is_multiple_of(16) {
        let fault = Fault::new(FaultCode::Unavailable, Reason::DATABASE_FAILED, "busy");
        return Some(Input::Failed(op, fault));
    }
    Some(match effect {
        Effect::OpenPeer(..) => Input::PeerOpened(op, Box::new(peer_state())),
        Effect::CheckLineage(..) => Input::LineageChecked(op, LineageVerdict::Known),
        Effect::AdoptIncarnation(..) => Input::IncarnationAdopted(op, None),
        Effect::GrantLease(..) => Input::LeaseGranted(op),
        Effect::ReadPage(_, request) => Input::PageRead(op, honest_page(request, a)),
        Effect::Apply(_, request) => Input::Applied(op, honest_outcome(request)),
        Effect::RecordAck(..) => Input::AckRecorded(op),
        Effect::Forget(..) => Input::Forgotten(op),
        Effect::ReadReports(..) => Input::ReportsRead(op, moves_read(a)),
        Effect::RecordReport(_, report) => Input::ReportRecorded(
            op,
            ReportNoted {
                subject: report.subject(),
                seq: u64::from(a % 3),
            },
        ),
        _ => return None,
    })
}

/// A completion that nobody asked for.
fn stray<N>(a: u8, op: OpId) -> Input<N> {
    match a % 8 {
        0 => Input::PeerOpened(op, Box::new(peer_state())),
        1 => Input::LineageChecked(op, LineageVerdict::Broken),
        2 => Input::IncarnationAdopted(op, None),
        3 => Input::LeaseGranted(op),
        4 => Input::PageRead(op, page(vec![any_part(a, a / 2)])),
        5 => Input::AckRecorded(op),
        6 => Input::Forgotten(op),
        _ => Input::Failed(op, Fault::internal("stray")),
    }
}

fn inputs<N>(kind: u8, a: u8, b: u8) -> Input<N> {
    match kind {
        0 => Input::Timer(if a.is_multiple_of(2) {
            TimerId::Heartbeat
        } else {
            TimerId::Silence
        }),
        1 => Input::SettingsChanged {
            serve: serve(&channels(a)),
            push: channels(b)
                .into_iter()
                .filter(|channel| channel.store().is_some())
                .collect(),
            gathering: b.is_multiple_of(2),
        },
        2 if a < 8 => Input::LinkLost,
        2 if a < 16 => Input::Fenced,
        2 if a < 40 => Input::Stop,
        3 => stray(a, u64::from(b % 32)),
        _ => Input::HeadMoved,
    }
}

/// Acknowledges what the machine sent last, most times rightly.
fn ack_for<M: Machine>(machine: &mut Watched<M>, batches: &[crate::Batch], a: u8) -> crate::Ack {
    let number = machine.sent().saturating_sub(u64::from(a.is_multiple_of(3)));
    let parts: Vec<_> = batches
        .iter()
        .filter(|batch| batch.number == number)
        .flat_map(|batch| batch.parts.clone())
        .collect();
    let mut ack = ack_of(number, &parts);
    if a.is_multiple_of(13) {
        ack.number = machine.sent() + 1;
    } else {
        machine.peer_acks(number);
    }
    ack
}

fn run_primary(steps: &[Step]) {
    let mut machine = Watched::new(a_primary());
    let mut sent = Vec::new();
    let mut received = 0;
    for (kind, a, b) in steps.iter().copied() {
        let message = match kind {
            0..=4 => None,
            5..=11 => {
                let Some(open) = machine
                    .open
                    .get(usize::from(a) % machine.open.len().max(1))
                    .cloned()
                else {
                    continue;
                };
                answer(&open, b).map(|input| machine.feed(input));
                continue;
            }
            12 => Some(SatelliteMessage::Hello(hello())),
            13 => Some(SatelliteMessage::LineageOk {
                incarnation: life(1),
                begins: None,
            }),
            14 | 15 => {
                received += u64::from(!b.is_multiple_of(9));
                Some(SatelliteMessage::Batch(batch(
                    received,
                    vec![following(stock(1), 15, u64::from(a.max(15)), true)],
                )))
            }
            16 => Some(SatelliteMessage::Batch(batch(
                u64::from(b % 4),
                vec![any_part(a, b)],
            ))),
            17 => Some(SatelliteMessage::Ack(ack_for(&mut machine, &sent, a))),
            18 if a < 20 => Some(SatelliteMessage::Bye),
            18 if a < 30 => Some(SatelliteMessage::LineageBroken),
            18 => Some(SatelliteMessage::Heartbeat),
            _ => None,
        };
        let input = match (kind, message) {
            (19, _) => Input::Connected {
                hello: None,
                push: Vec::new(),
            },
            (_, Some(message)) => Input::Received(message),
            (kind, None) => inputs(kind, a, b),
        };
        for effect in machine.feed(input) {
            if let Effect::Send(PrimaryMessage::Batch(batch)) = effect {
                sent.push(batch);
            }
        }
    }
}

fn run_satellite(mode: Mode, steps: &[Step]) {
    let mut machine = Watched::new(a_satellite(mode));
    let mut sent = Vec::new();
    let mut received = 0;
    for (kind, a, b) in steps.iter().copied() {
        let message = match kind {
            0..=4 => None,
            5..=11 => {
                let Some(open) = machine
                    .open
                    .get(usize::from(a) % machine.open.len().max(1))
                    .cloned()
                else {
                    continue;
                };
                answer(&open, b).map(|input| machine.feed(input));
                continue;
            }
            12 => Some(PrimaryMessage::Welcome(welcome())),
            13 if b < 200 => Some(PrimaryMessage::Ready),
            13 => Some(PrimaryMessage::Serve(serve(&channels(a)))),
            14 | 15 => {
                received += u64::from(!b.is_multiple_of(9));
                let part = following(Channel::Master, 10, u64::from(a.max(10)), a.is_multiple_of(2));
                Some(PrimaryMessage::Batch(batch(received, vec![part])))
            }
            16 => Some(PrimaryMessage::Batch(batch(
                u64::from(b % 4),
                vec![any_part(a, b)],
            ))),
            17 => Some(PrimaryMessage::Ack(ack_for(&mut machine, &sent, a))),
            18 if a < 20 => Some(PrimaryMessage::Bye),
            18 if a < 30 => Some(PrimaryMessage::Refused(Refused::fenced())),
            18 => Some(PrimaryMessage::Heartbeat),
            _ => None,
        };
        let input = match (kind, message) {
            (19, _) => Input::Connected {
                hello: (a > 10).then(hello),
                push: vec![stock(1)],
            },
            (_, Some(message)) => Input::Received(message),
            (kind, None) => inputs(kind, a, b),
        };
        for effect in machine.feed(input) {
            if let Effect::Send(SatelliteMessage::Batch(batch)) = effect {
                sent.push(batch);
            }
        }
    }
}

/// The steps that bring a machine to where batches flow, before anything else happens.
fn after_the_handshake(opening: &[Step], steps: &[Step]) -> Vec<Step> {
    opening.iter().chain(steps).copied().collect()
}

const PRIMARY_OPENING: &[Step] = &[
    (19, 0, 0),
    (12, 0, 0),
    (5, 0, 1),
    (13, 0, 0),
    (5, 0, 1),
    (5, 0, 1),
];
const SATELLITE_OPENING: &[Step] = &[(19, 99, 0), (12, 0, 0), (5, 0, 1), (13, 0, 0)];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_primary_keeps_the_laws(steps in steps()) {
        run_primary(&steps);
        run_primary(&after_the_handshake(PRIMARY_OPENING, &steps));
    }

    #[test]
    fn a_satellite_keeps_the_laws(steps in steps(), drain in any::<bool>()) {
        let mode = if drain { Mode::Drain } else { Mode::Live };
        run_satellite(mode, &steps);
        run_satellite(mode, &after_the_handshake(SATELLITE_OPENING, &steps));
    }
}
