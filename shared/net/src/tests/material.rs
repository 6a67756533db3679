//! Certificates and keys in files: what is issued, what is read back, what is refused before any connection.

use super::*;

#[test]
fn certificates_that_can_not_serve_are_refused_when_they_are_read() {
    let network = Network::new("a");
    let issue = |id: u16| {
        network
            .authority
            .issue_site(sync_id(id), &["localhost".into()], Timestamp(NOW), &RANDOM)
            .unwrap()
    };
    let (certificate, key) = network.write("one", &issue(1));
    let (_, other_key) = network.write("two", &issue(2));
    let load = |certificate: &PathBuf, key: &PathBuf, moment: i64| {
        TlsMaterial::load(
            certificate,
            key,
            &network.path("authority.crt"),
            Hands::at(moment),
        )
        .map(drop)
    };
    assert!(load(&certificate, &key, NOW).is_ok());

    let mismatch = load(&certificate, &other_key, NOW).unwrap_err();
    assert!(
        mismatch.message().contains("two.key is not the key of"),
        "{mismatch}"
    );
    let expired = load(&certificate, &key, NOW + 366 * DAY).unwrap_err();
    assert_eq!(expired.reason(), Reason::CERTIFICATE_UNUSABLE);
    let early = load(&certificate, &key, NOW - DAY).unwrap_err();
    assert_eq!(early.reason(), Reason::CLOCK_WRONG);
    assert!(early.message().contains("check this machine's clock"), "{early}");
    let authority = load(
        &network.path("authority.crt"),
        &network.path("authority.key"),
        NOW,
    )
    .unwrap_err();
    assert!(authority.message().contains("names neither"), "{authority}");
}

#[test]
fn an_authority_reads_back_and_guards_its_key() {
    use std::os::unix::fs::PermissionsExt;
    let network = Network::new("health");
    let mode = std::fs::metadata(network.path("authority.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        network.authority.write(network.folder.path()).is_err(),
        "an authority is not replaced"
    );

    let loaded = Authority::load(network.folder.path()).unwrap();
    assert_eq!(loaded.certificate(), network.authority.certificate());
    let issued = loaded.issue_site(
        sync_id(3),
        &["clinic.example".into(), "10.0.0.3".into(), "::1".into()],
        Timestamp(NOW),
        &RANDOM,
    );
    let described = issued.unwrap().describe().unwrap();
    assert_eq!(described.identity, Some(PeerIdentity::Site(sync_id(3))));
    assert_eq!(
        described.names,
        ["clinic.example", "10.0.0.3", "::1", "supplysync://site/3"]
    );
    assert_eq!(described.validity(Timestamp(NOW)), Validity::Valid);
    assert_eq!(described.validity(Timestamp(NOW + 366 * DAY)), Validity::Expired);
    assert_eq!(described.validity(Timestamp(NOW - DAY)), Validity::NotYet);
    assert_eq!(described.fingerprint.len(), 32 * 3 - 1);
    let own = certificate::describe_file(&network.path("authority.crt")).unwrap();
    assert!(own.is_authority && own.identity.is_none());
    assert_eq!(described.issuer, own.subject);

    let other = Network::new("other");
    std::fs::copy(other.path("authority.key"), network.path("authority.key")).unwrap();
    let Err(fault) = Authority::load(network.folder.path()) else {
        panic!("a foreign key was accepted");
    };
    assert!(fault.message().contains("is not the key of"), "{fault}");
}

#[test]
fn wrong_host_names_are_reported_together() {
    let network = Network::new("a");
    let names = [
        "ok.example".to_owned(),
        "not a name".to_owned(),
        "https://x".to_owned(),
    ];
    let fault = network
        .authority
        .issue_site(sync_id(2), &names, Timestamp(NOW), &RANDOM)
        .unwrap_err();
    let fields: Vec<_> = fault
        .violations()
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(fields, ["hostnames[1]", "hostnames[2]"]);
    assert!(
        network
            .authority
            .issue_site(sync_id(2), &[], Timestamp(NOW), &RANDOM)
            .is_err()
    );
}

#[test]
fn only_addresses_of_servers_can_be_dialled() {
    let (network, clock) = (Network::new("a"), Hands::at(NOW));
    let material = network.site(7, &clock);
    for bad in [
        "http://h:1",
        "https://h",
        "h:1",
        "https://h:1/path",
        "https://u@h:1",
        "https://h:99999",
        "",
    ] {
        assert!(Endpoint::new(bad, &material).is_err(), "{bad}");
    }
    for good in ["https://h:1", "https://10.0.0.1:8443/", "https://[::1]:8443"] {
        assert!(Endpoint::new(good, &material).is_ok(), "{good}");
    }
}

#[test]
fn debug_shows_no_key() {
    let (network, clock) = (Network::new("a"), Hands::at(NOW));
    let shown = format!("{:?}", network.site(7, &clock));
    assert!(shown.contains("Site") && shown.len() < 100, "{shown}");
}
