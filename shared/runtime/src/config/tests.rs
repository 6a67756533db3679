//! The loader on a small configuration: order of sources, every error at once, origins, secrets.

use serde::{Deserialize, Serialize};
use supplysync_model::{FieldViolation, Reason};

use super::{Loaded, Sources, Validate, load};
use crate::telemetry::{LogConfig, LogFormat};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    name: String,
    workers: u16,
    live: bool,
    listen: std::net::SocketAddr,
    note: Option<String>,
    hosts: Vec<String>,
    sync: Sync,
    log: LogConfig,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sync {
    password: String,
    database: String,
}

impl Default for Sync {
    fn default() -> Sync {
        Sync {
            password: String::new(),
            database: "postgres://u:hunter2@h/db".into(),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            name: "here".into(),
            workers: 4,
            live: true,
            listen: "127.0.0.1:8080".parse().unwrap(),
            note: None,
            hosts: Vec::new(),
            sync: Sync::default(),
            log: LogConfig::default(),
        }
    }
}

impl Validate for Config {
    fn violations(&self) -> Vec<FieldViolation> {
        let mut violations = Vec::new();
        if self.workers == 0 {
            violations.push(FieldViolation {
                field: "workers".into(),
                description: "must be 1 or more".into(),
            });
        }
        self.log.check(&mut violations);
        violations
    }

    fn secrets() -> &'static [&'static str] {
        &["sync.password"]
    }
}

struct Given {
    folder: tempfile::TempDir,
    sources: Sources,
}

fn given(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Given {
    let owned = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(a, b)| (a.to_string(), b.to_string()))
            .collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("supplysync.toml");
    std::fs::write(&path, file).unwrap();
    Given {
        folder,
        sources: Sources {
            file: Some(path),
            environment: owned(environment),
            flags: owned(flags),
        },
    }
}

fn setting<'a, T>(loaded: &'a Loaded<T>, name: &str) -> (&'a str, Option<&'a str>) {
    let setting = loaded
        .settings()
        .iter()
        .find(|setting| setting.name == name)
        .unwrap();
    (&setting.origin, setting.value.as_deref())
}

#[test]
fn later_sources_win_and_say_so() {
    let given = given(
        "name = 'file'\nworkers = 1\n[log]\nformat = 'json'\nfilter = 'debug'",
        &[
            ("SUPPLYSYNC_NAME", "env"),
            ("SUPPLYSYNC_LOG__FILTER", "warn"),
            ("SUPPLYSYNC_HOSTS", "a, b"),
            ("SUPPLYSYNC_CONFIG", "not a setting"),
            ("SUPPLYSYNC_TEST_POSTGRES", "not a setting"),
            ("PATH", "/bin"),
        ],
        &[("name", "flag")],
    );
    let loaded = load::<Config>(&given.sources).unwrap();
    let config = &loaded.config;
    assert_eq!(
        (config.name.as_str(), config.workers, config.live),
        ("flag", 1, true)
    );
    assert_eq!(
        (config.log.format, config.log.filter.as_str()),
        (LogFormat::Json, "warn")
    );
    assert_eq!(config.hosts, ["a", "b"]);
    let file = given.folder.path().join("supplysync.toml").display().to_string();
    assert_eq!(setting(&loaded, "name"), ("command line", Some("\"flag\"")));
    assert_eq!(setting(&loaded, "workers"), (file.as_str(), Some("1")));
    assert_eq!(
        setting(&loaded, "log.filter"),
        ("environment variable SUPPLYSYNC_LOG__FILTER", Some("\"warn\""))
    );
    assert_eq!(setting(&loaded, "live"), ("default", Some("true")));
    assert_eq!(setting(&loaded, "note"), ("default", None));
}

#[test]
fn every_error_is_reported_at_once_with_its_origin() {
    let given = given(
        "nmae = 'x'\nlive = 'yes'\nlisten = 'nowhere'\nworkers = 70000\n[log]\nfilter = 'loud=loud'\nformat = 'xml'\n[sinc]\na = 1",
        &[
            ("SUPPLYSYNC_WORKERS", "many"),
            ("SUPPLYSYNC_SYNC__PASSWROD", "hunter2"),
        ],
        &[("log.colour", "red")],
    );
    let fault = load::<Config>(&given.sources).unwrap_err();
    assert_eq!(fault.reason(), Reason::CONFIGURATION_INVALID);
    let mut fields: Vec<_> = fault
        .violations()
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "listen",
            "live",
            "log.colour",
            "log.filter",
            "log.format",
            "nmae",
            "sinc",
            "sync.passwrod",
            "workers",
            "workers"
        ],
        "{fault}"
    );
    for words in [
        "nmae (",
        "did you mean name?",
        "sync.passwrod (environment variable SUPPLYSYNC_SYNC__PASSWROD)",
        "log.colour (command line)",
        "supplysync.toml): true or false is expected, not a text",
        "workers (environment variable SUPPLYSYNC_WORKERS): a number is expected, not a text",
        "`xml`",
    ] {
        assert!(fault.message().contains(words), "{words} is not in: {fault}");
    }
    assert!(!fault.message().contains("hunter2"), "{fault}");
}

#[test]
fn violations_name_their_origin() {
    let given = given("", &[("SUPPLYSYNC_WORKERS", "0")], &[]);
    let fault = load::<Config>(&given.sources).unwrap_err();
    let expected =
        "the configuration is wrong:\n  workers (environment variable SUPPLYSYNC_WORKERS): must be 1 or more";
    assert_eq!(fault.message(), expected);
}

#[test]
fn a_file_that_is_absent_or_not_toml_is_named() {
    let mut given = given("a = = b", &[("SUPPLYSYNC_WORKERS", "many")], &[]);
    let fault = load::<Config>(&given.sources).unwrap_err();
    assert!(
        fault
            .message()
            .contains("supplysync.toml: is not TOML, line 1, column 5: "),
        "{fault}"
    );
    assert!(
        fault.message().contains("workers"),
        "the rest is reported too: {fault}"
    );
    given.sources.file = Some(given.folder.path().join("absent.toml"));
    let fault = load::<Config>(&given.sources).unwrap_err();
    assert!(fault.message().contains("absent.toml: can't be read"), "{fault}");
}

#[test]
fn a_line_that_is_not_toml_is_not_shown() {
    let given = given("[sync]\ndatabase = 'postgres://u:hunter2@h/db' x", &[], &[]);
    let fault = load::<Config>(&given.sources).unwrap_err();
    assert!(fault.message().contains("line 2, column 40: "), "{fault}");
    assert!(!format!("{fault:?}").contains("hunter2"), "{fault:?}");
}

#[test]
fn secrets_are_not_shown_and_the_text_is_toml() {
    let given = given(
        "[sync]\npassword = 'correct horse'",
        &[("SUPPLYSYNC_NAME", "0123")],
        &[],
    );
    let loaded = load::<Config>(&given.sources).unwrap();
    assert_eq!(loaded.config.sync.password, "correct horse");
    assert_eq!(loaded.config.name, "0123", "a text stays a text");
    let shown = loaded.show();
    assert!(shown.contains("password = \"<hidden>\""), "{shown}");
    assert!(
        !shown.contains("correct horse") && !shown.contains("hunter2"),
        "{shown}"
    );
    assert!(!format!("{:?}", loaded.settings()).contains("correct horse"));
    let table: toml::Table = shown.parse().unwrap();
    assert_eq!(table["workers"].as_integer(), Some(4), "{shown}");
    assert_eq!(table["log"]["format"].as_str(), Some("auto"));
}
