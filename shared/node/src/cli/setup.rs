//! What `init` of both programs shares: new files that are never overwritten, and a database that must not be set up yet.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use secrecy::SecretString;
use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_store::{Store, StoreConfig, StoreDeps};

use super::problem::Problem;
use super::{run, secret};
use crate::command::authorisation::check_code;

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner only: keys and passwords.
    Owner,
    /// Everybody: certificates and configuration.
    Everybody,
}

/// A secret and whether it was made here, so that it must be shown.
pub struct Chosen {
    /// The secret.
    pub secret: SecretString,
    /// Whether nobody knows it yet.
    pub made_here: bool,
}

/// The authorisation code of a new site: from the file if one is named, else made here.
pub fn choose_code(file: Option<&Path>) -> Result<Chosen, Problem> {
    let secret = match file {
        Some(path) => secret::from_file("authorisation code", path)?,
        None => secret::generate(run::random().bytes16()),
    };
    check_code(&secret)?;
    Ok(Chosen {
        secret,
        made_here: file.is_none(),
    })
}

/// Makes the directory and its parents, for its owner only, if it isn't there.
pub fn make_directory(path: &Path) -> Result<(), Problem> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Problem::file("make the directory", path, &error))
}

/// Writes a new file, through to the disk; refuses to overwrite one.
pub fn write_new(path: &Path, contents: &[u8], readers: Readers) -> Result<(), Problem> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everybody => 0o644,
    };
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(contents).and_then(|()| file.sync_all()));
    written.map_err(|error| Problem::file("write", path, &error))
}

/// Copies a file of the person's into the data directory unless one is there; `false` if there was.
pub fn copy_new(from: &Path, to: &Path, readers: Readers) -> Result<bool, Problem> {
    if to.exists() {
        return Ok(false);
    }
    let contents = std::fs::read(from).map_err(|error| Problem::file("read", from, &error))?;
    write_new(to, &contents, readers).map(|()| true)
}

/// A text as a TOML value, quoted and escaped.
pub fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The site's database if it has been set up already; `None` if there is none yet.
pub async fn existing(config: StoreConfig, deps: StoreDeps) -> Result<Option<Store>, Problem> {
    match Store::open(config, deps).await {
        Ok(store) => Ok(Some(store)),
        Err(fault) if fault.reason() == Reason::DATABASE_NOT_INITIALISED => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// The polite refusal of a second `init`. The database is closed in order, so that its files are as they were.
pub async fn already_set_up(store: Store, data_dir: &Path) -> Problem {
    let identity = store.identity();
    store.close().await;
    let message = format!(
        "this site is set up already: Sync ID {}, \"{}\", in {}; nothing was changed",
        identity.sync_id,
        identity.site_name,
        data_dir.display()
    );
    Fault::new(FaultCode::AlreadyExists, Reason::ALREADY_INITIALISED, message).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn new_files_are_private_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("a/b");
        make_directory(&home).unwrap();
        make_directory(&home).unwrap();
        let path = home.join("password");
        write_new(&path, b"one", Readers::Owner).unwrap();
        assert!(write_new(&path, b"two", Readers::Owner).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&home)), (0o600, 0o700));

        let copy = home.join("copy");
        assert!(copy_new(&path, &copy, Readers::Everybody).unwrap());
        assert!(!copy_new(&path, &copy, Readers::Everybody).unwrap());
    }

    #[test]
    fn texts_survive_toml() {
        for text in ["St. Mary's \"new\" hospital", "a\\b\n", "Ünïcode"] {
            let document: toml::Table = format!("name = {}", toml_text(text)).parse().unwrap();
            assert_eq!(document["name"].as_str(), Some(text));
        }
    }
}
