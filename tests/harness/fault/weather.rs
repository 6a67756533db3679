//! Rounds on bad links: delays, stalls, ends in the middle, resets and half-open connections, while both sites write.

use std::time::Duration;

use supplysync_api::v1::PeerState;

use super::ground::{ARRIVAL, Database, Ground, SATELLITE, dial_on, while_writing};
use super::writer::Pulse;
use super::{Round, Tally};
use crate::{LinkFault, Outcome, eventually};

/// How long it may take until so many faults have happened.
const FOUL_LIMIT: Duration = Duration::from_secs(240);

/// A foul round: the link is bad until each kind of fault has happened so often at least, then honest.
pub async fn foul_weather(database: &Database, seed: u64, each: u64) -> Outcome<Round> {
    let ground = Ground::prepare(database, seed).await?;
    let mut tally = Tally::default();
    let pulses = <[Pulse; 2]>::default();
    let proxy = &ground.proxy;
    let story = async {
        proxy.turn_foul();
        // What is linked by now is cut, so that it is bad when it comes again.
        proxy.cut();
        let foul = eventually("every fault to happen", FOUL_LIMIT, || async {
            let happened = proxy.happened();
            let enough = |fault| happened.get(fault).is_some_and(|times| *times >= each);
            Ok(LinkFault::ALL.iter().all(enough).then_some(()))
        });
        let foul = tokio::select! {
            foul = foul => foul,
            () = dial_on(&ground.satellite) => Ok(()),
        };
        proxy.turn_honest();
        foul
    };
    let writers = ground.writers(seed).await?;
    let ((), written) = while_writing(writers, &pulses, story).await?;
    ground.prove(&written, &mut tally).await?;
    tally.add("foul rounds", 1);
    ground.end(tally).await
}

/// A link that falls silent for ever, as one does whose router was switched off: both ends must notice by themselves, and
/// go on over a new one.
pub async fn silent_link(database: &Database, seed: u64) -> Outcome<Round> {
    let ground = Ground::prepare(database, seed).await?;
    let mut tally = Tally::default();
    let pulses = <[Pulse; 2]>::default();
    let (primary, satellite, proxy) = (&ground.primary, &ground.satellite, &ground.proxy);
    let story = async {
        let session = eventually("a session", ARRIVAL, || async {
            let peer = primary.peer(SATELLITE).await?;
            Ok((peer.state() == PeerState::Connected).then_some(peer.session))
        })
        .await?;
        proxy.silence();
        eventually("another session, on a link that speaks", ARRIVAL, || async {
            let (there, here) = (primary.peer(SATELLITE).await?, satellite.peer(1).await?);
            let connected = there.state() == PeerState::Connected && here.state() == PeerState::Connected;
            match connected && there.session != session && here.session == there.session {
                true => Ok(Some(())),
                false => Err(format!(
                    "{:?} with session {} there, {:?} with session {} here; {session} was silenced",
                    there.state(),
                    there.session,
                    here.state(),
                    here.session
                )
                .into()),
            }
        })
        .await
    };
    let writers = ground.writers(seed).await?;
    let ((), written) = while_writing(writers, &pulses, story).await?;
    ground.prove(&written, &mut tally).await?;
    tally.add("links silent for ever, noticed by both ends", 1);
    ground.end(tally).await
}
