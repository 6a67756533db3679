//! The file with the password that all sites share: read at each try, so that a correction needs no restart, and
//! replaced whole when another is set.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use futures::FutureExt;
use secrecy::{ExposeSecret, SecretString};
use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_store::{Store, WriteTx};
use tempfile::NamedTempFile;

/// The local preference with the name of the staged file that the last change put, or is to put, in place.
const CHOSEN: &str = "password_chosen";
/// How the name of a staged file ends.
const STAGED: &str = ".new";

/// The first line of the password file.
pub fn read_password(path: &Path) -> Result<SecretString, Fault> {
    let text =
        std::fs::read_to_string(path).map_err(|error| unusable(path, &format!("can't be read ({error})")))?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(SecretString::from(line)),
        None => Err(unusable(path, "is empty")),
    }
}

/// A password that is on the disk, beside the one that holds: to be put in its place once the change is committed.
/// Dropped before, it leaves everything as it was. A change that a power cut broke off after its commit is finished at
/// the next start ([`finish_change`]).
pub struct StagedPassword {
    staged: NamedTempFile,
    place: PathBuf,
}

impl StagedPassword {
    /// Writes it beside the file, under a name of its own and for its owner only, through to the disk.
    pub fn write(place: &Path, password: &SecretString) -> Result<StagedPassword, Fault> {
        let line = format!("{}\n", password.expose_secret());
        let staged = tempfile::Builder::new()
            .prefix(&prefix(place))
            .suffix(STAGED)
            .tempfile_in(folder(place))
            .and_then(|mut file| {
                file.write_all(line.as_bytes())?;
                file.as_file().sync_all()?;
                sync_folder(place)?;
                Ok(file)
            })
            .map_err(|error| unusable(place, &format!("can't be replaced ({error})")))?;
        Ok(StagedPassword {
            staged,
            place: place.to_owned(),
        })
    }

    /// Inside the change's transaction: from its commit on, this password is to be put in place.
    pub async fn choose(name: &str, tx: &mut WriteTx) -> Result<(), Fault> {
        tx.set_preference(CHOSEN, name.as_bytes().to_vec()).await
    }

    /// For [`StagedPassword::choose`].
    pub fn name(&self) -> String {
        let name = self.staged.path().file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Puts it in the place of the one that held.
    pub fn put(self) -> Result<(), Fault> {
        match self.staged.persist(&self.place) {
            Ok(_) => sync_folder(&self.place).map_err(Fault::internal),
            Err(error) => {
                let fault = not_in_place(&self.place, &error.error);
                // The next start tries again.
                error.file.keep().map_err(Fault::internal)?;
                Err(fault)
            }
        }
    }
}

/// At the start, before the password is read: finishes a change that was committed, and removes what was staged for one
/// that was not.
pub async fn finish_change(store: &Store, place: &Path) -> Result<(), Fault> {
    let chosen = store.read("password that was chosen", |tx| tx.preference(CHOSEN).boxed());
    let chosen = chosen.await?.unwrap_or_default();
    let settle = |staged: &Path| {
        let name = staged.file_name().unwrap_or_default();
        match name.as_encoded_bytes() == chosen.as_slice() {
            true => std::fs::rename(staged, place).and_then(|()| sync_folder(place)),
            false => std::fs::remove_file(staged),
        }
    };
    let settled = staged_files(place).and_then(|found| found.iter().try_for_each(|staged| settle(staged)));
    settled.map_err(|error| not_in_place(place, &error))
}

fn staged_files(place: &Path) -> io::Result<Vec<PathBuf>> {
    let prefix = prefix(place);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder(place))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(STAGED.as_bytes()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn prefix(place: &Path) -> OsString {
    let mut prefix = place.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    prefix
}

fn folder(place: &Path) -> &Path {
    match place.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// So that a power cut does not bring back what was before.
fn sync_folder(place: &Path) -> io::Result<()> {
    std::fs::File::open(folder(place)).and_then(|folder| folder.sync_all())
}

fn not_in_place(place: &Path, error: &io::Error) -> Fault {
    let message = format!(
        "the new password was accepted but can't be put into {} ({error}): mend that and start again, or write it there",
        place.display()
    );
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::CONFIGURATION_INVALID,
        message,
    )
}

fn unusable(path: &Path, why: &str) -> Fault {
    let message = format!(
        "{} {why}: put the password that all sites share on its first line",
        path.display()
    );
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::CONFIGURATION_INVALID,
        message,
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use supplysync_model::SyncId;
    use supplysync_runtime::{SystemClock, SystemRandom};
    use supplysync_store::{NewIdentity, StoreConfig, StoreDeps};

    use super::*;

    async fn store(path: &Path) -> Store {
        let identity = NewIdentity {
            sync_id: SyncId::new(2).unwrap(),
            site_name: "North clinic".into(),
        };
        let deps = StoreDeps {
            clock: std::sync::Arc::new(SystemClock),
            random: std::sync::Arc::new(SystemRandom),
        };
        let config = StoreConfig::new(format!("sqlite://{}", path.display()));
        Store::init(config, identity, deps).await.unwrap()
    }

    #[test]
    fn a_password_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("password");
        let holds = || read_password(&place).unwrap().expose_secret().to_owned();
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        std::fs::write(&place, "old\n").unwrap();
        let refused = StagedPassword::write(&place, &"refused".into()).unwrap();
        let chosen = StagedPassword::write(&place, &"new".into()).unwrap();
        drop(refused);
        assert_eq!(holds(), "old");
        chosen.put().unwrap();
        assert_eq!((holds(), files()), ("new".to_owned(), 1));
        let mode = std::fs::metadata(&place).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(StagedPassword::write(&folder.path().join("absent/password"), &"x".into()).is_err());
    }

    #[tokio::test]
    async fn a_power_cut_after_the_commit_leaves_the_new_password_and_one_before_it_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("password");
        std::fs::write(&place, "old\n").unwrap();
        let store = store(&folder.path().join("site.db")).await;
        let cut = |staged: StagedPassword| std::mem::forget(staged);

        cut(StagedPassword::write(&place, &"never committed".into()).unwrap());
        finish_change(&store, &place).await.unwrap();
        assert_eq!(read_password(&place).unwrap().expose_secret(), "old");

        let staged = StagedPassword::write(&place, &"new".into()).unwrap();
        let name = staged.name();
        let choose = store.write("change", move |tx| {
            let name = name.clone();
            async move { StagedPassword::choose(&name, tx).await }.boxed()
        });
        choose.await.unwrap();
        cut(staged);
        cut(StagedPassword::write(&place, &"never committed".into()).unwrap());
        for _twice in 0..2 {
            finish_change(&store, &place).await.unwrap();
            assert_eq!(read_password(&place).unwrap().expose_secret(), "new");
        }
        assert!(staged_files(&place).unwrap().is_empty());
    }
}
