//! The exchange of batches: order, window, repeats, copies that come and go, and ends.

use supplysync_model::{Channel, ProposalAnswer, RecordId, Seq, SiteReport};

use crate::session::exchange::Ops;
use crate::session::outgoing::Outgoing;
use crate::{
    Batch, CloseReason, Cursor, Direction, Effect, Input, LineageVerdict, Mode, Part, PrimaryMessage,
    ReportNoted, SatelliteMessage, primary, satellite,
};

use super::fixture::*;
use super::laws::{Watched, op_of};

type FromPrimary = Vec<Effect<PrimaryMessage>>;
type FromSatellite = Vec<Effect<SatelliteMessage>>;

fn ready_primary() -> (Watched<primary::Session>, FromPrimary) {
    let mut machine = Watched::new(a_primary());
    machine.feed(Input::Connected {
        hello: None,
        push: Vec::new(),
    });
    let effects = machine.feed(Input::Received(SatelliteMessage::Hello(hello())));
    machine.feed(Input::PeerOpened(
        op_of(&effects[0]).unwrap(),
        Box::new(peer_state()),
    ));
    let effects = machine.feed(Input::Received(SatelliteMessage::LineageOk {
        incarnation: life(1),
        begins: None,
    }));
    let effects = machine.feed(Input::LeaseGranted(op_of(&effects[0]).unwrap()));
    let effects = machine.feed(Input::PeerOpened(
        op_of(&effects[0]).unwrap(),
        Box::new(peer_state()),
    ));
    (machine, effects)
}

fn ready_satellite(mode: Mode) -> (Watched<satellite::Session>, FromSatellite) {
    let mut machine = Watched::new(a_satellite(mode));
    machine.feed(Input::Connected {
        hello: Some(hello()),
        push: vec![stock(1)],
    });
    let effects = machine.feed(Input::Received(PrimaryMessage::Welcome(welcome())));
    machine.feed(Input::LineageChecked(
        op_of(&effects[0]).unwrap(),
        LineageVerdict::Known,
    ));
    let effects = machine.feed(Input::Received(PrimaryMessage::Ready));
    (machine, effects)
}

fn pulled(number: u64, from: u64, through: u64, caught_up: bool) -> Input<PrimaryMessage> {
    let part = following(Channel::Master, from, through, caught_up);
    Input::Received(PrimaryMessage::Batch(batch(number, vec![part])))
}

fn find<M>(effects: &[Effect<M>], wanted: impl Fn(&Effect<M>) -> bool) -> Option<u64> {
    effects.iter().find(|effect| wanted(effect)).and_then(op_of)
}

fn apply_of<M>(effects: &[Effect<M>]) -> Option<u64> {
    find(effects, |effect| matches!(effect, Effect::Apply(..)))
}

fn read_of<M>(effects: &[Effect<M>]) -> Option<u64> {
    find(effects, |effect| matches!(effect, Effect::ReadPage(..)))
}

/// Answers that there is nothing to say about moves.
fn no_moves(machine: &mut Watched<satellite::Session>, effects: &FromSatellite) -> FromSatellite {
    let op = find(effects, |effect| matches!(effect, Effect::ReadReports(..))).unwrap();
    let read = crate::ReportsRead {
        push: vec![stock(1)],
        ..crate::ReportsRead::default()
    };
    machine.feed(Input::ReportsRead(op, read))
}

fn applied<N>(op: u64, parts: &[Part]) -> Input<N> {
    Input::Applied(
        op,
        crate::ApplyOutcome {
            channels: ack_of(1, parts).channels,
            refused: Vec::new(),
            comparisons: Vec::new(),
            head: point(30),
            applied: 1,
            duplicates: 0,
        },
    )
}

fn batch_in(effects: &FromPrimary) -> Option<Batch> {
    effects.iter().find_map(|effect| match effect {
        Effect::Send(PrimaryMessage::Batch(batch)) => Some(batch.clone()),
        _ => None,
    })
}

fn closed<M>(effects: &[Effect<M>]) -> Option<&CloseReason> {
    effects.iter().find_map(|effect| match effect {
        Effect::Close(reason) => Some(reason),
        _ => None,
    })
}

#[test]
fn a_batch_is_acknowledged_when_it_is_durable_and_once() {
    let (mut machine, _) = ready_satellite(Mode::Live);
    let effects = machine.feed(pulled(1, 10, 12, true));
    let op = apply_of(&effects).unwrap();
    assert!(
        machine.feed(pulled(1, 10, 12, true)).is_empty(),
        "a repeat is ignored"
    );
    let part = following(Channel::Master, 10, 12, true);
    let effects = machine.feed(applied(op, std::slice::from_ref(&part)));
    assert!(matches!(&effects[0], Effect::Send(SatelliteMessage::Ack(ack)) if ack.number == 1));
    assert!(
        machine.feed(applied(op, &[part])).is_empty(),
        "an old completion is ignored"
    );
    assert!(machine.feed(pulled(1, 10, 12, true)).is_empty());
}

#[test]
fn a_missing_batch_and_too_many_end_the_session() {
    let (mut machine, _) = ready_satellite(Mode::Live);
    assert!(closed(&machine.feed(pulled(2, 10, 12, true))).is_some());
    let (mut machine, _) = ready_satellite(Mode::Live);
    machine.feed(pulled(1, 10, 11, false));
    machine.feed(pulled(2, 11, 12, false));
    assert!(closed(&machine.feed(pulled(3, 12, 13, false))).is_some());
}

#[test]
fn a_channel_that_is_not_served_ends_the_session() {
    let (mut machine, _) = ready_satellite(Mode::Live);
    let stray = batch(1, vec![following(stock(9), 0, 5, true)]);
    assert!(closed(&machine.feed(Input::Received(PrimaryMessage::Batch(stray)))).is_some());
}

#[test]
fn no_page_is_read_until_the_window_has_room() {
    let (mut machine, mut effects) = ready_primary();
    let mut sent = Vec::new();
    for at in (10..).take(WINDOW) {
        let op = read_of(&effects).unwrap();
        let part = following(Channel::Master, at, at + 1, false);
        sent.push(part.clone());
        effects = machine.feed(Input::PageRead(op, page(vec![part])));
        assert!(batch_in(&effects).is_some());
    }
    assert_eq!(read_of(&effects), None);
    assert!(machine.feed(Input::HeadMoved).is_empty());
    machine.peer_acks(1);
    let ack = ack_of(1, &sent[..1]);
    let effects = machine.feed(Input::Received(SatelliteMessage::Ack(ack)));
    assert!(read_of(&effects).is_some());
}

#[test]
fn an_idle_session_sends_nothing() {
    let (mut machine, effects) = ready_primary();
    let mut closing = following(Channel::Master, 10, 10, true);
    closing.records.clear();
    let effects = machine.feed(Input::PageRead(
        read_of(&effects).unwrap(),
        page(vec![closing.clone()]),
    ));
    assert!(batch_in(&effects).is_some(), "the digests are told once");
    machine.peer_acks(1);
    let effects = machine.feed(Input::Received(SatelliteMessage::Ack(ack_of(
        1,
        std::slice::from_ref(&closing),
    ))));
    let record = find(&effects, |effect| matches!(effect, Effect::RecordAck(..))).unwrap();
    machine.feed(Input::AckRecorded(record));
    let effects = machine.feed(Input::HeadMoved);
    let effects = machine.feed(Input::PageRead(read_of(&effects).unwrap(), page(vec![closing])));
    assert_eq!(effects, Vec::new());
}

#[test]
fn digests_are_told_again_to_a_site_that_has_taken_back_its_stores() {
    let (mut machine, effects) = ready_primary();
    let mut closing = following(Channel::Master, 10, 10, true);
    closing.records.clear();
    let closed = page(vec![closing.clone()]);
    machine.feed(Input::PageRead(read_of(&effects).unwrap(), closed.clone()));
    machine.peer_acks(1);
    let ack = ack_of(1, std::slice::from_ref(&closing));
    let effects = machine.feed(Input::Received(SatelliteMessage::Ack(ack)));
    let record = find(&effects, |effect| matches!(effect, Effect::RecordAck(..))).unwrap();
    machine.feed(Input::AckRecorded(record));
    // A page is being read while it says so: it may be older than that.
    let effects = machine.feed(Input::HeadMoved);
    let older = read_of(&effects).unwrap();
    let said = SatelliteMessage::Report(SiteReport::Recovered(life(1)));
    let effects = machine.feed(Input::Received(said));
    let report = find(&effects, |effect| matches!(effect, Effect::RecordReport(..))).unwrap();
    let noted = ReportNoted {
        subject: SiteReport::Recovered(life(1)).subject(),
        seq: 0,
    };
    machine.feed(Input::ReportRecorded(report, noted));
    let effects = machine.feed(Input::PageRead(older, closed.clone()));
    assert!(batch_in(&effects).is_none());
    let effects = machine.feed(Input::PageRead(read_of(&effects).unwrap(), closed));
    assert!(batch_in(&effects).is_some());
}

#[test]
fn in_interval_mode_what_came_waits_until_our_own_is_pushed() {
    let (mut machine, effects) = ready_satellite(Mode::Drain);
    let read = read_of(&effects).unwrap();
    no_moves(&mut machine, &effects);
    let effects = machine.feed(pulled(1, 10, 12, true));
    assert_eq!(apply_of(&effects), None);
    let pushed = following(stock(1), 15, 20, true);
    machine.feed(Input::PageRead(read, page(vec![pushed.clone()])));
    machine.peer_acks(1);
    let effects = machine.feed(Input::Received(PrimaryMessage::Ack(ack_of(1, &[pushed]))));
    assert_eq!(apply_of(&effects), None, "the ack is not stored yet");
    let record = find(&effects, |effect| matches!(effect, Effect::RecordAck(..))).unwrap();
    let effects = machine.feed(Input::AckRecorded(record));
    let op = apply_of(&effects).unwrap();
    let effects = machine.feed(applied(op, &[following(Channel::Master, 10, 12, true)]));
    let effects = no_moves(&mut machine, &effects);
    assert!(
        effects.contains(&Effect::Send(SatelliteMessage::Bye)),
        "{effects:?}"
    );
    let effects = machine.feed(Input::Received(PrimaryMessage::Bye));
    assert_eq!(closed(&effects), Some(&CloseReason::Drained));
}

#[test]
fn a_withdrawn_copy_is_forgotten_after_what_came_before_it() {
    let (mut machine, _) = ready_satellite(Mode::Live);
    let served = |channels: &[Channel]| Input::Received(PrimaryMessage::Serve(serve(channels)));
    machine.feed(served(&[Channel::Master, stock(2)]));
    let mut load = following(stock(2), 0, 40, true);
    load.from = None;
    let message = PrimaryMessage::Batch(batch(1, vec![load.clone()]));
    let effects = machine.feed(Input::Received(message));
    let apply = apply_of(&effects).unwrap();
    let forgets = |effects: &FromSatellite| find(effects, |effect| matches!(effect, Effect::Forget(..)));
    assert_eq!(
        forgets(&machine.feed(served(&[Channel::Master]))),
        None,
        "the batch is being applied"
    );
    let forget = forgets(&machine.feed(applied(apply, std::slice::from_ref(&load)))).unwrap();
    machine.feed(served(&[Channel::Master, stock(2)]));
    let again = PrimaryMessage::Batch(batch(2, vec![load]));
    assert_eq!(
        apply_of(&machine.feed(Input::Received(again))),
        None,
        "the cursor is not gone yet"
    );
    assert!(apply_of(&machine.feed(Input::Forgotten(forget))).is_some());
}

#[test]
fn a_copy_begins_at_a_hand_over_that_the_site_hears_of_in_this_session_and_once() {
    let mut outgoing = Outgoing::new(Direction::Pull, limits(), &[]).after_hearing(10);
    let mut begins = |start: Option<Seq>| {
        let starts = start.map(|seq| (stock(2), seq)).into_iter().collect();
        outgoing.route_from(&[stock(2)], &starts);
        let mut effects = Vec::<Effect<PrimaryMessage>>::new();
        let mut ops = Ops::default();
        outgoing.poll(&mut ops, &mut effects);
        let asked = effects.iter().find_map(|effect| match effect {
            Effect::ReadPage(op, request) => Some((*op, request.channels[0].1)),
            _ => None,
        });
        let (op, cursor) = asked.unwrap();
        outgoing.route(&[]);
        // Thrown away: the routes changed under it.
        outgoing.page_read(op, page(Vec::new())).unwrap();
        cursor
    };
    let at = |seq| Some(Cursor::Following { seq });
    assert_eq!(begins(Some(9)), None, "the site would have said so itself");
    assert_eq!(begins(Some(12)), at(12));
    assert_eq!(
        begins(Some(12)),
        None,
        "it was sent more since, and has forgotten it"
    );
    assert_eq!(begins(None), None);
    assert_eq!(begins(Some(15)), at(15), "it went away again");
}

#[test]
fn a_copy_does_not_begin_at_a_hand_over_after_which_the_store_was_handed_on() {
    let mut outgoing = Outgoing::new(Direction::Pull, limits(), &[]);
    let first = [(stock(2), 12)].into_iter().collect();
    assert!(outgoing.route_from(&[stock(2)], &first));
    assert!(!outgoing.route_from(&[stock(2)], &first));
    assert!(outgoing.route_from(&[stock(2)], &std::collections::BTreeMap::new()));
    let mut effects = Vec::<Effect<PrimaryMessage>>::new();
    outgoing.poll(&mut Ops::default(), &mut effects);
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::ReadPage(_, request) => Some(request.channels[0].1),
        _ => None,
    });
    assert_eq!(asked, Some(None));
}

#[test]
fn a_copy_granted_again_is_loaded_from_nothing() {
    let (mut machine, effects) = ready_primary();
    let settings = |channels: &[Channel]| Input::SettingsChanged {
        serve: serve(channels),
        push: Vec::new(),
        gathering: false,
    };
    let stale = read_of(&effects).unwrap();
    let effects = machine.feed(settings(&[Channel::Master, stock(2)]));
    assert!(matches!(effects[0], Effect::Send(PrimaryMessage::Serve(_))));
    let old = following(Channel::Master, 10, 11, true);
    let effects = machine.feed(Input::PageRead(stale, page(vec![old])));
    assert_eq!(
        batch_in(&effects),
        None,
        "a page read for other channels is thrown away"
    );
    let read = read_of(&effects).unwrap();
    let mut load = following(stock(2), 0, 40, true);
    load.from = None;
    let parts = vec![following(Channel::Master, 10, 11, true), load];
    assert!(batch_in(&machine.feed(Input::PageRead(read, page(parts)))).is_some());
    machine.feed(settings(&[Channel::Master]));
    let effects = machine.feed(settings(&[Channel::Master, stock(2)]));
    let read = effects
        .iter()
        .chain(&machine.open)
        .find_map(|effect| match effect {
            Effect::ReadPage(_, request) => Some(request.clone()),
            _ => None,
        });
    let cursors = read.map(|request| request.channels);
    if let Some(cursors) = cursors {
        assert!(cursors.contains(&(Channel::Master, Some(Cursor::Following { seq: 11 }))));
        assert!(
            !cursors
                .iter()
                .any(|(channel, cursor)| *channel == stock(2) && cursor.is_some())
        );
    }
}

#[test]
fn nothing_follows_a_bye_not_even_a_failure() {
    let (mut machine, effects) = ready_primary();
    let read = read_of(&effects).unwrap();
    let effects = machine.feed(Input::Received(SatelliteMessage::Bye));
    assert!(effects.contains(&Effect::Send(PrimaryMessage::Bye)));
    assert_eq!(closed(&effects), Some(&CloseReason::PeerClosed));
    let (mut machine, _) = ready_primary();
    let effects = machine.feed(Input::Stop);
    assert!(effects.contains(&Effect::Send(PrimaryMessage::Bye)));
    let busy = supplysync_model::Fault::internal("the database failed");
    let effects = machine.feed(Input::Failed(read, busy));
    assert!(
        !effects.iter().any(|effect| matches!(effect, Effect::Send(_))),
        "{effects:?}"
    );
}

#[test]
fn a_session_of_another_life_of_the_primary_is_not_obeyed() {
    let (mut machine, _) = ready_satellite(Mode::Live);
    let mut foreign = batch(1, vec![following(Channel::Master, 10, 12, true)]);
    foreign.checkpoint.incarnation = life(9);
    let effects = machine.feed(Input::Received(PrimaryMessage::Batch(foreign)));
    assert!(closed(&effects).is_some());
    assert_eq!(apply_of(&effects), None);
}

#[test]
fn a_report_is_told_once_and_the_store_hears_that_it_was_noted() {
    let (mut machine, effects) = ready_satellite(Mode::Live);
    let answer = SiteReport::Answer(ProposalAnswer {
        id: RecordId::from_bytes([7; 16]),
        accepted: true,
        words: "written".into(),
    });
    let read = || crate::ReportsRead {
        push: vec![stock(1)],
        reports: vec![answer.clone()],
        ..crate::ReportsRead::default()
    };
    let asked = |effects: &FromSatellite| {
        effects.iter().find_map(|effect| match effect {
            Effect::ReadReports(op, noted) => Some((*op, noted.clone())),
            _ => None,
        })
    };
    let told = |effects: &FromSatellite| {
        let report = |effect: &Effect<SatelliteMessage>| {
            *effect == Effect::Send(SatelliteMessage::Report(answer.clone()))
        };
        effects.iter().filter(|effect| report(effect)).count()
    };
    let (op, noted) = asked(&effects).unwrap();
    assert_eq!(noted, []);
    assert_eq!(told(&machine.feed(Input::ReportsRead(op, read()))), 1);
    // Whatever moves meanwhile, it is on its way.
    let settings = Input::SettingsChanged {
        serve: Vec::new(),
        push: vec![stock(1)],
        gathering: false,
    };
    let (op, noted) = asked(&machine.feed(settings)).unwrap();
    assert_eq!(noted, [], "nothing is noted yet");
    assert_eq!(told(&machine.feed(Input::ReportsRead(op, read()))), 0);
    let subject = answer.subject();
    let effects = machine.feed(Input::Received(PrimaryMessage::Noted(ReportNoted {
        subject,
        seq: 0,
    })));
    let (_, noted) = asked(&effects).unwrap();
    assert_eq!(noted, [subject]);
    let again = machine.feed(Input::Received(PrimaryMessage::Noted(ReportNoted {
        subject,
        seq: 0,
    })));
    assert!(closed(&again).is_some(), "nobody asked for that");
}

/// Seed 22885: a store was to leave this site, and what it still had to push was acknowledged while it read that; it never
/// said that it had stopped.
#[test]
fn what_is_acknowledged_while_reports_are_read_has_them_read_again() {
    let asked = |effects: &FromSatellite| find(effects, |effect| matches!(effect, Effect::ReadReports(..)));
    let (mut machine, effects) = ready_satellite(Mode::Live);
    let pushes = read_of(&effects).unwrap();
    no_moves(&mut machine, &effects);
    let pushed = following(stock(1), 15, 16, true);
    machine.feed(Input::PageRead(pushes, page(vec![pushed.clone()])));
    let op = apply_of(&machine.feed(pulled(1, 10, 12, true))).unwrap();
    let part = following(Channel::Master, 10, 12, true);
    let reading = asked(&machine.feed(applied(op, &[part]))).unwrap();
    let ack = Input::Received(PrimaryMessage::Ack(ack_of(1, &[pushed])));
    let stored = find(&machine.feed(ack), |effect| {
        matches!(effect, Effect::RecordAck(..))
    })
    .unwrap();
    machine.feed(Input::AckRecorded(stored));
    let draining = crate::ReportsRead {
        push: vec![stock(1)],
        open: true,
        ..crate::ReportsRead::default()
    };
    assert!(asked(&machine.feed(Input::ReportsRead(reading, draining))).is_some());
}

/// Seed 1461043: where both ends stand while a site gives back holds no longer once that is noted.
#[test]
fn who_has_given_back_everything_begins_again() {
    let (mut machine, effects) = ready_satellite(Mode::Drain);
    let given = SiteReport::GivenBack(life(2));
    let read = |op| {
        let read = crate::ReportsRead {
            reports: vec![given.clone()],
            ..crate::ReportsRead::default()
        };
        Input::ReportsRead(op, read)
    };
    let asked = |effects: &FromSatellite| find(effects, |effect| matches!(effect, Effect::ReadReports(..)));
    let told = machine.feed(read(asked(&effects).unwrap()));
    assert!(told.contains(&Effect::Send(SatelliteMessage::Report(given.clone()))));
    let noted = ReportNoted {
        subject: given.subject(),
        seq: 0,
    };
    let effects = machine.feed(Input::Received(PrimaryMessage::Noted(noted)));
    let effects = machine.feed(read(asked(&effects).unwrap()));
    assert!(
        effects.contains(&Effect::Send(SatelliteMessage::Bye)),
        "{effects:?}"
    );
    let effects = machine.feed(Input::Received(PrimaryMessage::Bye));
    let Some(CloseReason::Refused(refused)) = closed(&effects) else {
        panic!("{effects:?}");
    };
    assert!(refused.retryable, "{refused:?}");
}
