//! Who may speak for a site (P10): protocol, identity, lineage. Judged by the primary, in words for a person.

use supplysync_model::limits::PROTOCOL_VERSION;
use supplysync_model::{Checkpoint, Incarnation, Reason, Seq, SyncId};

use crate::{Cursor, Hello, LineageVerdict, PeerState, PrimaryLife, Refused};

/// A satellite that may go on.
pub(crate) struct Admission {
    pub(crate) incarnation: Incarnation,
    /// Whether it has just been given.
    pub(crate) assigned: bool,
    /// The seq beyond which a new life of the satellite's database goes on, if one begins.
    pub(crate) resume_after: Option<Seq>,
}

/// What can be judged without the store: the protocol, and that the Hello is the certificate's.
pub(crate) fn greet(hello: &Hello, certified: SyncId) -> Result<(), Refused> {
    if hello.protocol_min > PROTOCOL_VERSION || hello.protocol_max < PROTOCOL_VERSION {
        let message = format!(
            "this primary speaks protocol {PROTOCOL_VERSION}, the satellite {} to {}; update the older program",
            hello.protocol_min, hello.protocol_max
        );
        return Err(Refused::new(Reason::PROTOCOL_UNSUPPORTED, message));
    }
    if hello.sync_id != certified {
        let message = format!(
            "the certificate is for Sync ID {certified}, the Hello for {}; use the certificate of this site",
            hello.sync_id
        );
        return Err(Refused::new(Reason::IDENTITY_REFUSED, message));
    }
    Ok(())
}

/// What the store knows of the satellite decides whether it may go on.
pub(crate) fn admit(hello: &Hello, state: &PeerState) -> Result<Admission, Refused> {
    if let Some(refused) = &state.refuse {
        return Err(refused.clone());
    }
    if state.lineage == LineageVerdict::Broken {
        return Err(primary_broken());
    }
    if hello.recovers {
        return Ok(Admission {
            incarnation: state.fresh_incarnation,
            assigned: true,
            resume_after: Some(furthest(state)),
        });
    }
    let known = heard_of(hello, state);
    let Some(incarnation) = hello.incarnation else {
        // An empty database where we have already heard of this site's feed: it was replaced.
        return if known.is_some() {
            Err(satellite_broken(hello.sync_id))
        } else {
            Ok(Admission {
                incarnation: state.fresh_incarnation,
                assigned: true,
                resume_after: None,
            })
        };
    };
    // What we heard decides, not what we gave out: a word of that may be lost, or come from a twin in between.
    let broken = known.is_some_and(|known| {
        known.incarnation != incarnation
            || hello.head.is_none_or(|head| {
                head.seq < known.seq || (head.seq == known.seq && head.chain != known.chain)
            })
    });
    if broken {
        return Err(satellite_broken(hello.sync_id));
    }
    Ok(Admission {
        incarnation,
        assigned: false,
        resume_after: None,
    })
}

/// A satellite can't take back its stores from a primary that is still given back what it lost itself.
pub(crate) fn must_wait(hello: &Hello, state: &PeerState) -> Option<Refused> {
    let waits = hello.recovers && state.refuse.is_none() && state.life.is_some_and(|life| life.gathering);
    waits.then(|| {
        let message = "the primary's own database was put back, and other sites are giving back what it lost: this site \
                       recovers when they have, by itself; an administrator there may end that with \
                       `primary-svc recovery end`";
        Refused::new(Reason::RECOVERY_PENDING, message).retryable()
    })
}

/// Whether what we know of the satellite's feed is of a former life of its database, because ours was lost when the present
/// one began: incarnations rise, and only we issue them.
fn outlived(hello: &Hello, state: &PeerState, known: &Checkpoint) -> bool {
    let later = |life: Incarnation| life.counter > known.incarnation.counter;
    state.life.is_some_and(|life| !life.given_back) && hello.incarnation.is_some_and(later)
}

/// Whether a satellite that knows the primary's feed so far may follow this life of the primary's database.
pub(crate) fn may_follow(known: Option<Checkpoint>, life: &PrimaryLife) -> bool {
    known.is_none_or(|known| {
        known.incarnation == life.began.incarnation
            || known.incarnation.counter < life.began.incarnation.counter && known.seq <= life.began.seq
    })
}

/// The highest seq of the satellite's feed that we know of, from whichever life of its database.
fn furthest(state: &PeerState) -> Seq {
    let passed = state.cursors.iter().map(|(_, cursor)| match cursor {
        Cursor::Following { seq } => *seq,
        Cursor::Loading { head, .. } => *head,
    });
    let heard = state.checkpoint.map_or(0, |heard| heard.seq);
    passed.fold(heard, Seq::max)
}

/// The point of the satellite's feed that we know, if there is anything in it, and if it is of the life that the satellite's
/// database has.
pub(crate) fn heard_of(hello: &Hello, state: &PeerState) -> Option<Checkpoint> {
    let known = state.checkpoint.filter(|checkpoint| checkpoint.seq > 0);
    known.filter(|known| !outlived(hello, state, known))
}

/// Whose database is under suspicion, if the refusal is about that.
pub(crate) fn suspect(refused: &Refused, satellite: SyncId) -> Option<SyncId> {
    if refused.reason == Reason::SATELLITE_LINEAGE_BROKEN.0 {
        Some(satellite)
    } else if refused.reason == Reason::PRIMARY_LINEAGE_BROKEN.0 {
        Some(SyncId::PRIMARY)
    } else {
        None
    }
}

/// The satellite's database is not the one that we know.
pub(crate) fn satellite_broken(site: SyncId) -> Refused {
    let message = format!(
        "the database of site {site} is not the one that was last in step: it was restored from a backup or copied, or \
         another of this site was; its users can go on working, nothing is exchanged. On the server that is to go on, \
         stop the program and type `satellite-svc recover`"
    );
    Refused::new(Reason::SATELLITE_LINEAGE_BROKEN, message)
}

/// The primary's database is not the one that the satellite knows.
pub(crate) fn primary_broken() -> Refused {
    let message = "the primary's database was restored from a backup or replaced: it does not know what this site \
                   already has from it; its users can go on working, nothing is exchanged. If that database is to go on, \
                   stop the primary's program and type `primary-svc recover`";
    Refused::new(Reason::PRIMARY_LINEAGE_BROKEN, message)
}
