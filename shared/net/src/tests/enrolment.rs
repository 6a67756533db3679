//! The enrolment port and what surrounds it: whom a joining machine believes, how long an expired certificate is good,
//! who is revoked, and an authority that takes over from another.

use std::collections::HashMap;

use super::*;
use crate::material::RENEWAL_GRACE;
use crate::revocation::Revocations;
use crate::rotation;
use crate::server::{Peer, PeerInfo, Visitor};
use crate::signing_request::{SigningRequest, make_key, make_request};

/// Both ends of one handshake: whom the server sees, or why it refuses, and what the client says.
async fn meet<P: Peer>(
    server: &TlsMaterial,
    endpoint: impl Fn(&str) -> Endpoint,
) -> (Result<P, Fault>, Result<(), Fault>) {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = P::config(server).unwrap();
    let accepting = async {
        let (stream, peer) = listener.accept().await.unwrap();
        let accepted = server::verify::<P>(config, stream, peer).await;
        accepted.map(|connection| connection.peer().clone())
        // Dropped here: the client has seen the handshake, and no HTTP/2.
    };
    let dialling = endpoint(&format!("https://localhost:{}", address.port()));
    let (accepted, dialled) = tokio::join!(accepting, dialling.connect());
    (accepted, dialled.map(drop))
}

fn fingerprint(network: &Network) -> [u8; 32] {
    network.authority.fingerprint().unwrap()
}

#[tokio::test]
async fn who_joins_believes_the_primary_of_the_pinned_authority_and_nobody_else() {
    let (ours, theirs, clock) = (Network::new("ours"), Network::new("theirs"), Hands::at(NOW));
    let pinned = |pin: [u8; 32]| {
        let clock = clock.clone();
        move |url: &str| Endpoint::pinned(url, pin, clock.clone()).unwrap()
    };
    let primary = ours.site(1, &clock);
    let (visitor, _) = meet::<Visitor>(&primary, pinned(fingerprint(&ours))).await;
    assert_eq!(visitor.unwrap().certificate, None);

    let impostors = [
        ("another network's primary", theirs.site(1, &clock)),
        ("a satellite of the network", ours.site(7, &clock)),
        ("an operator of the network", ours.operator(Role::Admin, &clock)),
        (
            "another's primary that sends our authority along",
            theirs.site_trusting(1, &clock, &ours),
        ),
    ];
    for (what, impostor) in impostors {
        let (_, said) = meet::<Visitor>(&impostor, pinned(fingerprint(&ours))).await;
        assert_eq!(said.unwrap_err().reason(), Reason::CERTIFICATE_UNUSABLE, "{what}");
    }
    let wrong = Hands::at(NOW - 400 * DAY);
    let (_, said) = meet::<Visitor>(&primary, |url: &str| {
        Endpoint::pinned(url, fingerprint(&ours), wrong.clone()).unwrap()
    })
    .await;
    assert_eq!(said.unwrap_err().reason(), Reason::CLOCK_WRONG);
}

#[tokio::test]
async fn an_expired_certificate_renews_for_a_while_and_does_nothing_else() {
    let (network, early, late) = (Network::new("a"), Hands::at(NOW), Hands::at(NOW));
    let satellite = network.site(7, &early);
    let end = satellite.description().not_after.0;
    let primary = network.site(1, &late);
    let dial = |url: &str| Endpoint::new(url, &satellite).unwrap();
    let grace = i64::try_from(RENEWAL_GRACE.as_millis()).unwrap();
    for (moment, renews, gets_in) in [
        (end - 1_000, true, true),
        (end + 1_000, true, false),
        (end + grace - 1_000, true, false),
        (end + grace + 1_000, false, false),
    ] {
        late.0.store(moment, Ordering::SeqCst);
        let (visitor, _) = meet::<Visitor>(&primary, dial).await;
        let seen = visitor.map(|visitor| visitor.certificate.unwrap().identity).ok();
        assert_eq!(seen, renews.then_some(PeerIdentity::Site(sync_id(7))), "{moment}");
        let (peer, _) = meet::<PeerInfo>(&primary, dial).await;
        assert_eq!(peer.is_ok(), gets_in, "{moment}");
    }
    // A stranger's expired certificate is worth nothing.
    late.0.store(end + 1_000, Ordering::SeqCst);
    let stranger = Network::new("b").site_trusting(7, &early, &network);
    let (visitor, _) = meet::<Visitor>(&primary, |url: &str| Endpoint::new(url, &stranger).unwrap()).await;
    assert!(visitor.is_err());
}

#[tokio::test]
async fn what_was_revoked_is_refused_on_every_port_and_what_was_issued_later_is_not() {
    let (network, clock) = (Network::new("a"), Hands::at(NOW));
    let revocations = Revocations::default();
    let primary = network.site(1, &clock).refusing(revocations.clone());
    let satellite = network.site(7, &clock);
    let dial = |url: &str| Endpoint::new(url, &satellite).unwrap();
    assert!(meet::<PeerInfo>(&primary, dial).await.0.is_ok());
    revocations.replace(HashMap::from([("site/7".into(), Timestamp(NOW))]));
    let (peer, said) = meet::<PeerInfo>(&primary, dial).await;
    assert!(peer.unwrap_err().message().contains("revoked"));
    assert_eq!(said.unwrap_err().reason(), Reason::CERTIFICATE_REVOKED);
    assert!(meet::<Visitor>(&primary, dial).await.0.is_err());

    let issued = network
        .authority
        .issue_site(sync_id(7), &["localhost".into()], Timestamp(NOW + 1_000), &RANDOM)
        .unwrap();
    let (certificate, key) = network.write("again", &issued);
    let again = TlsMaterial::load(&certificate, &key, &network.path("authority.crt"), clock.clone()).unwrap();
    assert!(
        meet::<PeerInfo>(&primary, |url: &str| Endpoint::new(url, &again).unwrap())
            .await
            .0
            .is_ok()
    );
}

#[test]
fn a_request_gives_its_key_and_nothing_else() {
    let network = Network::new("a");
    let key = network.path("new.key");
    make_key(&key).unwrap();
    let (before, request) = (std::fs::read(&key).unwrap(), make_request(&key).unwrap());
    make_key(&key).unwrap();
    assert_eq!(std::fs::read(&key).unwrap(), before, "a key that is there stays");
    let mut damaged = request.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for bad in [damaged.as_slice(), &request[..40], b"", &[0; 9_000]] {
        assert!(SigningRequest::parse(bad).is_err());
    }
    let request = SigningRequest::parse(&request).unwrap();
    let life = std::time::Duration::from_secs(60);
    let authority = Authority::load(network.folder.path()).unwrap().lasting(life);
    let pem = authority.certify_site(
        sync_id(7),
        &["localhost".into()],
        &request,
        Timestamp(NOW),
        &RANDOM,
    );
    let der = pem_file::parse_certificates(&pem.unwrap()).unwrap().remove(0);
    assert_eq!(certificate::public_key_of(&der).unwrap(), request.public_key());
    let described = certificate::describe(&der).unwrap();
    assert_eq!(described.issued_at(), Timestamp(NOW));
    assert_eq!(described.not_after, Timestamp(NOW + 60_000));
    assert_eq!(described.renew_at(life), Timestamp(NOW + 40_000));
    assert_eq!(described.renew_at(life / 2), Timestamp(NOW + 20_000));
}

#[test]
fn an_authority_takes_over_in_three_steps_each_of_which_can_be_repeated() {
    let network = Network::new("old");
    let folder = network.folder.path();
    let present = || Authority::load(folder).unwrap();
    let trusted = || {
        pem_file::read_certificates(&network.path("authority.crt"))
            .unwrap()
            .len()
    };
    let old = fingerprint(&network);
    assert!(rotation::switch(folder).is_err() && rotation::finish(folder).is_err());

    rotation::begin(folder, Timestamp(NOW), &RANDOM).unwrap();
    assert_eq!((present().fingerprint().unwrap(), trusted()), (old, 2));
    assert!(
        rotation::begin(folder, Timestamp(NOW), &RANDOM).is_err(),
        "twice would make a third"
    );
    assert!(
        rotation::finish(folder).is_err(),
        "before the switch it would throw the new one away"
    );

    rotation::switch(folder).unwrap();
    let new = present().fingerprint().unwrap();
    assert_ne!(new, old);
    assert_eq!(trusted(), 2);
    assert!(rotation::switch(folder).is_err() && rotation::begin(folder, Timestamp(NOW), &RANDOM).is_err());

    rotation::finish(folder).unwrap();
    assert_eq!((present().fingerprint().unwrap(), trusted()), (new, 1));
    let mut left: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["authority.crt", "authority.key"]);
    rotation::begin(folder, Timestamp(NOW), &RANDOM).unwrap();
}
