//! The configuration of both programs: whatever file, variables and flags say, they are read, or refused with everything
//! that is wrong by name; what is shown is the configuration again; and no password is ever shown.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use supplysync_model::{Fault, Reason};
use supplysync_runtime::config::{Loaded, load};
use supplysync_runtime::{Sources, Validate};
use tempfile::TempDir;

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "configuration",
    law,
    seeds,
    longest: 2_048,
};

/// A password, where one may stand.
const PASSWORD: &str = "open sesame 4711";
/// A line of a file that holds it.
const WITH_PASSWORD: &str = "\nurl = \"postgres://sync:open sesame 4711@db/sync\"";
/// The same for the environment.
const URL_VARIABLE: &str = "SUPPLYSYNC_DATABASE__URL";

/// The first byte says whose configuration it is. The rest is text in paragraphs that end in U+0000: first the file, then
/// settings with their values, of the environment (`NAME=value`) or the command line (`--name=value`).
fn law(input: &[u8]) -> bool {
    let Some((program, text)) = input.split_first() else {
        return false;
    };
    let text = String::from_utf8_lossy(text);
    let mut paragraphs = text.split('\0');
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut sources = Sources {
        file: Some(written(&folder, paragraphs.next().unwrap_or_default())),
        ..Sources::default()
    };
    for setting in paragraphs {
        let Some((name, value)) = setting.split_once('=') else {
            continue;
        };
        let (name, value) = (name.to_owned(), value.to_owned());
        match name.strip_prefix("--") {
            Some(flag) => sources.flags.push((flag.to_owned(), value)),
            None => sources.environment.push((format!("SUPPLYSYNC_{name}"), value)),
        }
    }
    match program % 2 {
        0 => holds::<primary_svc::config::Config>(sources, &text),
        _ => holds::<satellite_svc::config::Config>(sources, &text),
    }
}

fn written(folder: &TempDir, text: &str) -> std::path::PathBuf {
    let file = folder.path().join("supplysync.toml");
    std::fs::write(&file, text).expect("a file of some bytes");
    file
}

fn holds<T>(sources: Sources, text: &str) -> bool
where
    T: Serialize + DeserializeOwned + Default + Validate + Debug,
{
    let loaded = load::<T>(&sources);
    if stands_in_its_place(text) {
        hides(&loaded);
    }
    let mut with_password = sources;
    let url = format!("postgres://sync:{PASSWORD}@db/sync");
    with_password.environment.push((URL_VARIABLE.to_owned(), url));
    if !is_in(text) {
        hides(&load::<T>(&with_password));
    }
    match loaded {
        Ok(loaded) => {
            shown_is_the_same(&loaded);
            true
        }
        Err(fault) => {
            assert_eq!(fault.reason(), Reason::CONFIGURATION_INVALID, "{fault:?}");
            assert!(!fault.violations().is_empty());
            false
        }
    }
}

/// Whether the password is in lines of the file only that are for it. Where else somebody may write one, nobody can know.
fn stands_in_its_place(text: &str) -> bool {
    let (file, settings) = text.split_once('\0').unwrap_or((text, ""));
    let in_lines = file.matches(PASSWORD).count() == file.matches(WITH_PASSWORD).count();
    let in_texts = file.contains("\"\"\"") || file.contains("'''");
    in_lines && !in_texts && !is_in(settings)
}

/// Names of variables are told in small letters.
fn is_in(text: &str) -> bool {
    text.to_lowercase().contains(PASSWORD)
}

fn hides<T: Debug>(loaded: &Result<Loaded<T>, Fault>) {
    let told = match loaded {
        Ok(loaded) => format!("{:?} {}", loaded, loaded.show()),
        Err(fault) => format!("{fault} {:?}", fault.violations()),
    };
    assert!(!told.contains(PASSWORD), "a password is shown: {told}");
}

/// What is shown, read as a file, is the same configuration.
fn shown_is_the_same<T>(loaded: &Loaded<T>)
where
    T: Serialize + DeserializeOwned + Default + Validate + Debug,
{
    let shown = loaded.show();
    if shown.contains("<hidden>") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sources = Sources {
        file: Some(written(&folder, &shown)),
        ..Sources::default()
    };
    let again = load::<T>(&sources).unwrap_or_else(|fault| panic!("{fault}\n{shown}"));
    let values = |config: &T| toml::Value::try_from(config).expect("a configuration is TOML");
    assert_eq!(values(&again.config), values(&loaded.config), "{shown}");
}

fn seeds() -> Vec<Vec<u8>> {
    let primary = format!(
        "data_dir = \"/var/lib/supplysync\"\n[site]\nname = \"Central\"\n[database]{WITH_PASSWORD}\n\
         [enrolment]\nurls = [\"https://primary.example.org:8445\"]\ntoken_life = \"36h\"\n[log]\nformat = \"json\"\n\
         \0SITE__NAME=Store\0--limits.max_sync_id=200"
    );
    let satellite = "[sync]\nprimary_url = \"https://primary.example.org:8443\"\nuser_name = \"sync\"\n\
                     interval_minutes = 0\nlive = false\n[listen]\ngrpc = \"[::1]:8444\"\nhealth = \"127.0.0.1:8081\"\n\
                     [operator]\nserver = 'https://h:1'\n[tls]\nkey = \"k\"\n\0LOG__FILTER=info,h2=warn\
                     \0SYNC__ENROLMENT_URLS=https://a:1, https://b:2\0--sync.live=true";
    vec![
        [&[0], primary.as_bytes()].concat(),
        [&[1], satellite.as_bytes()].concat(),
        vec![0],
    ]
}
