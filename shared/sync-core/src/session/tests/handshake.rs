//! The handshake: who is let in, who is told what, and that nothing flows before the lease.

use supplysync_model::{Chain, Channel, Checkpoint, Reason, Seq, SyncId};

use crate::{
    CloseReason, Cursor, Effect, Input, LineageVerdict, Mode, PeerState, PrimaryMessage, Refused, Report,
    SatelliteMessage, primary,
};

use super::fixture::*;
use super::laws::{Watched, op_of};

type Out = Vec<Effect<PrimaryMessage>>;

fn opened(state: PeerState) -> (Watched<primary::Session>, Out) {
    opened_by(hello(), state)
}

fn opened_by(hello: crate::Hello, state: PeerState) -> (Watched<primary::Session>, Out) {
    let mut machine = Watched::new(a_primary());
    machine.feed(Input::Connected {
        hello: None,
        push: Vec::new(),
    });
    let effects = machine.feed(Input::Received(SatelliteMessage::Hello(hello)));
    let Some(op) = effects.iter().find_map(op_of) else {
        return (machine, effects);
    };
    let effects = machine.feed(Input::PeerOpened(op, Box::new(state)));
    (machine, effects)
}

fn refusal(effects: &Out) -> Option<&str> {
    effects.iter().find_map(|effect| match effect {
        Effect::Send(PrimaryMessage::Refused(refused)) => Some(refused.reason.as_str()),
        _ => None,
    })
}

fn welcomed(effects: &Out) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Send(PrimaryMessage::Welcome(_))))
}

#[test]
fn batches_flow_only_after_lineage_lease_and_a_second_look() {
    let (mut machine, effects) = opened(peer_state());
    assert!(welcomed(&effects));
    let effects = machine.feed(Input::Received(SatelliteMessage::LineageOk {
        incarnation: life(1),
        begins: None,
    }));
    assert!(matches!(effects[..], [Effect::GrantLease(_, incarnation, None)] if incarnation == life(1)));
    let effects = machine.feed(Input::LeaseGranted(op_of(&effects[0]).unwrap()));
    assert!(matches!(effects[..], [Effect::OpenPeer(..)]));
    let effects = machine.feed(Input::PeerOpened(
        op_of(&effects[0]).unwrap(),
        Box::new(peer_state()),
    ));
    assert!(matches!(effects[0], Effect::Send(PrimaryMessage::Ready)));
    assert!(matches!(effects.last(), Some(Effect::ReadPage(..))));
}

#[test]
fn a_session_that_moved_the_site_meanwhile_ends_this_one() {
    let (mut machine, _) = opened(peer_state());
    let effects = machine.feed(Input::Received(SatelliteMessage::LineageOk {
        incarnation: life(1),
        begins: None,
    }));
    let effects = machine.feed(Input::LeaseGranted(op_of(&effects[0]).unwrap()));
    let moved = PeerState {
        checkpoint: Some(point(16)),
        ..peer_state()
    };
    let effects = machine.feed(Input::PeerOpened(op_of(&effects[0]).unwrap(), Box::new(moved)));
    assert_eq!(refusal(&effects), Some(Reason::SESSION_FENCED.0));
    assert_eq!(effects.last(), Some(&Effect::Close(CloseReason::Fenced)));
}

#[test]
fn a_database_that_is_behind_what_is_known_of_it_is_refused() {
    let known = |checkpoint| PeerState {
        checkpoint: Some(checkpoint),
        ..peer_state()
    };
    let other_chain = Checkpoint {
        chain: Chain([99; 16]),
        ..point(20)
    };
    let other_life = Checkpoint {
        incarnation: life(2),
        ..point(15)
    };
    for state in [known(point(21)), known(other_chain), known(other_life)] {
        let (_, effects) = opened(state);
        assert_eq!(
            refusal(&effects),
            Some(Reason::SATELLITE_LINEAGE_BROKEN.0),
            "{effects:?}"
        );
        assert!(effects.contains(&Effect::Report(Report::LineageBroken { site: site() })));
    }
    assert!(welcomed(&opened(known(point(20))).1), "a lost ack is no break");
}

#[test]
fn an_empty_database_is_let_in_only_while_nothing_came_from_the_site() {
    let empty = crate::Hello {
        incarnation: None,
        head: None,
        checkpoint: None,
        cursors: Vec::new(),
        ..hello()
    };
    let (_, effects) = opened_by(empty.clone(), peer_state());
    assert_eq!(refusal(&effects), Some(Reason::SATELLITE_LINEAGE_BROKEN.0));
    let unheard = PeerState {
        incarnation: None,
        checkpoint: None,
        ..peer_state()
    };
    assert!(welcomed(&opened_by(empty, unheard).1));
}

#[test]
fn a_database_of_which_nothing_is_known_may_have_another_incarnation() {
    // It was given this one in place of another, took it, and the link was cut before it could say so.
    let unheard = |checkpoint| PeerState {
        incarnation: Some(life(2)),
        checkpoint,
        ..peer_state()
    };
    let empty_feed = Checkpoint {
        incarnation: life(2),
        ..point(0)
    };
    for checkpoint in [None, Some(empty_feed)] {
        let (_, effects) = opened(unheard(checkpoint));
        let welcome = effects.iter().find_map(|effect| match effect {
            Effect::Send(PrimaryMessage::Welcome(welcome)) => Some(welcome),
            _ => None,
        });
        assert_eq!(
            welcome.map(|welcome| welcome.checkpoint),
            Some(None),
            "{effects:?}"
        );
    }
    let heard = PeerState {
        incarnation: Some(life(2)),
        ..peer_state()
    };
    assert!(
        welcomed(&opened(heard).1),
        "what was heard of it counts, not what a twin was given since"
    );
}

#[test]
fn a_primary_that_does_not_know_its_own_past_says_so() {
    let broken = PeerState {
        lineage: LineageVerdict::Broken,
        ..peer_state()
    };
    let (_, effects) = opened(broken);
    assert_eq!(refusal(&effects), Some(Reason::PRIMARY_LINEAGE_BROKEN.0));
    let site = SyncId::PRIMARY;
    assert!(effects.contains(&Effect::Report(Report::LineageBroken { site })));
    let old = PeerState {
        lineage: LineageVerdict::BelowFloor,
        ..peer_state()
    };
    assert!(
        welcomed(&opened(old).1),
        "a peer that is only old is under no suspicion"
    );
}

#[test]
fn a_hello_of_another_site_protocol_or_past_is_refused() {
    let other = crate::Hello {
        sync_id: SyncId::new(SITE + 1).unwrap(),
        ..hello()
    };
    assert_eq!(
        refusal(&opened_by(other, peer_state()).1),
        Some(Reason::IDENTITY_REFUSED.0)
    );
    let newer = crate::Hello {
        protocol_min: 2,
        protocol_max: 3,
        ..hello()
    };
    assert_eq!(
        refusal(&opened_by(newer, peer_state()).1),
        Some(Reason::PROTOCOL_UNSUPPORTED.0)
    );
    let beyond = crate::Hello {
        cursors: vec![(Channel::Master, Cursor::Following { seq: 11 })],
        ..hello()
    };
    assert_eq!(
        refusal(&opened_by(beyond, peer_state()).1),
        Some(Reason::PROTOCOL_VIOLATION.0)
    );
}

#[test]
fn a_satellite_checks_its_own_past_before_it_goes_on() {
    let mut machine = Watched::new(a_satellite(Mode::Live));
    machine.feed(Input::Connected {
        hello: Some(hello()),
        push: vec![stock(1)],
    });
    let effects = machine.feed(Input::Received(PrimaryMessage::Welcome(welcome())));
    assert!(matches!(effects[..], [Effect::CheckLineage(_, Some(held), _)] if held == point(15)));
    let op = op_of(&effects[0]).unwrap();
    let effects = machine.feed(Input::LineageChecked(op, LineageVerdict::Broken));
    assert_eq!(effects[0], Effect::Send(SatelliteMessage::LineageBroken));
    assert!(matches!(
        effects.last(),
        Some(Effect::Close(CloseReason::Refused(_)))
    ));
}

#[test]
fn a_satellite_stores_a_new_incarnation_before_it_says_so() {
    let mut machine = Watched::new(a_satellite(Mode::Live));
    machine.feed(Input::Connected {
        hello: Some(crate::Hello {
            incarnation: None,
            head: None,
            checkpoint: None,
            cursors: Vec::new(),
            ..hello()
        }),
        push: Vec::new(),
    });
    let effects = machine.feed(Input::Received(PrimaryMessage::Welcome(crate::Welcome {
        assigned_incarnation: Some(life(2)),
        checkpoint: None,
        cursors: Vec::new(),
        ..welcome()
    })));
    let op = op_of(&effects[0]).unwrap();
    let effects = machine.feed(Input::LineageChecked(op, LineageVerdict::Known));
    assert!(
        matches!(effects[..], [Effect::AdoptIncarnation(_, incarnation, None)] if incarnation == life(2))
    );
    let effects = machine.feed(Input::IncarnationAdopted(op_of(&effects[0]).unwrap(), None));
    let said = SatelliteMessage::LineageOk {
        incarnation: life(2),
        begins: None,
    };
    assert_eq!(effects, vec![Effect::Send(said)]);
}

#[test]
fn a_refusal_for_lineage_freezes_the_satellite_and_a_fence_does_not() {
    let refusals = [
        (Reason::SATELLITE_LINEAGE_BROKEN, Some(site())),
        (Reason::PRIMARY_LINEAGE_BROKEN, Some(SyncId::PRIMARY)),
        (Reason::SHUTTING_DOWN, None),
    ];
    for (reason, suspect) in refusals {
        let mut machine = Watched::new(a_satellite(Mode::Live));
        machine.feed(Input::Connected {
            hello: Some(hello()),
            push: Vec::new(),
        });
        let effects = machine.feed(Input::Received(PrimaryMessage::Refused(Refused::new(
            reason, "no",
        ))));
        let reported = effects.iter().find_map(|effect| match effect {
            Effect::Report(Report::LineageBroken { site }) => Some(*site),
            _ => None,
        });
        assert_eq!(reported, suspect);
    }
}

/// Where a new life of the satellite's database begins.
fn new_life(seq: Seq) -> Checkpoint {
    Checkpoint {
        incarnation: life(2),
        ..point(seq)
    }
}

fn a_hello_that_recovers() -> crate::Hello {
    crate::Hello {
        recovers: true,
        ..hello()
    }
}

#[test]
fn a_database_chosen_to_go_on_gets_a_new_life_beyond_what_is_known_of_it() {
    let mut machine = Watched::new(a_primary());
    machine.feed(Input::Connected {
        hello: None,
        push: Vec::new(),
    });
    let effects = machine.feed(Input::Received(SatelliteMessage::Hello(a_hello_that_recovers())));
    // Another past than the one that is known: nobody minds now.
    let state = PeerState {
        checkpoint: Some(point(90)),
        cursors: vec![(stock(1), Cursor::Following { seq: 95 })],
        ..peer_state()
    };
    let effects = machine.feed(Input::PeerOpened(
        op_of(&effects[0]).unwrap(),
        Box::new(state.clone()),
    ));
    let [Effect::Send(PrimaryMessage::Welcome(welcome))] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(welcome.assigned_incarnation, Some(life(2)));
    assert_eq!((welcome.resume_after, welcome.checkpoint), (95, None));
    let effects = machine.feed(Input::Received(SatelliteMessage::LineageOk {
        incarnation: life(2),
        begins: Some(new_life(96)),
    }));
    assert!(
        matches!(effects[..], [Effect::GrantLease(_, life, Some(begins))] if life == begins.incarnation && begins.seq == 96)
    );
    let effects = machine.feed(Input::LeaseGranted(op_of(&effects[0]).unwrap()));
    assert!(
        matches!(&effects[..], [Effect::OpenPeer(_, hello)] if !hello.recovers && hello.incarnation == Some(life(2)))
    );
    let granted = PeerState {
        checkpoint: Some(new_life(96)),
        ..state
    };
    let effects = machine.feed(Input::PeerOpened(op_of(&effects[0]).unwrap(), Box::new(granted)));
    assert!(matches!(effects[0], Effect::Send(PrimaryMessage::Ready)));
}

#[test]
fn a_new_life_begins_where_the_primary_says_or_not_at_all() {
    for begins in [None, Some(new_life(15)), Some(point(99))] {
        let mut machine = Watched::new(a_primary());
        machine.feed(Input::Connected {
            hello: None,
            push: Vec::new(),
        });
        let effects = machine.feed(Input::Received(SatelliteMessage::Hello(a_hello_that_recovers())));
        machine.feed(Input::PeerOpened(
            op_of(&effects[0]).unwrap(),
            Box::new(peer_state()),
        ));
        let effects = machine.feed(Input::Received(SatelliteMessage::LineageOk {
            incarnation: life(2),
            begins,
        }));
        assert!(matches!(effects.last(), Some(Effect::Close(_))), "{begins:?}");
    }
    // Nor does one begin that nobody asked for.
    let (mut machine, _) = opened(peer_state());
    let effects = machine.feed(Input::Received(SatelliteMessage::LineageOk {
        incarnation: life(1),
        begins: Some(point(99)),
    }));
    assert!(matches!(effects.last(), Some(Effect::Close(_))));
}

#[test]
fn a_satellite_that_recovers_adopts_beyond_what_the_primary_knows() {
    let mut machine = Watched::new(a_satellite(Mode::Live));
    machine.feed(Input::Connected {
        hello: Some(a_hello_that_recovers()),
        push: Vec::new(),
    });
    let effects = machine.feed(Input::Received(PrimaryMessage::Welcome(crate::Welcome {
        assigned_incarnation: Some(life(2)),
        resume_after: 95,
        checkpoint: None,
        ..welcome()
    })));
    let effects = machine.feed(Input::LineageChecked(
        op_of(&effects[0]).unwrap(),
        LineageVerdict::Known,
    ));
    assert!(
        matches!(effects[..], [Effect::AdoptIncarnation(_, incarnation, Some(95))] if incarnation == life(2))
    );
    let begins = Some(new_life(96));
    let effects = machine.feed(Input::IncarnationAdopted(op_of(&effects[0]).unwrap(), begins));
    let said = SatelliteMessage::LineageOk {
        incarnation: life(2),
        begins,
    };
    assert_eq!(effects, vec![Effect::Send(said)]);
}
