//! The file with the password that all sites share: read at each try, so that a correction needs no restart, and
//! replaced whole when another is set.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use supplysync_model::{Fault, FaultCode, Reason};

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
/// Dropped otherwise, it leaves everything as it was.
pub struct StagedPassword {
    staged: PathBuf,
    place: PathBuf,
    put: bool,
}

impl StagedPassword {
    /// Writes it beside the file, for its owner only, through to the disk.
    pub fn write(place: &Path, password: &SecretString) -> Result<StagedPassword, Fault> {
        let staged = place.with_extension("new");
        let line = format!("{}\n", password.expose_secret());
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&staged)
            .and_then(|mut file| file.write_all(line.as_bytes()).and_then(|()| file.sync_all()));
        let staged = StagedPassword {
            staged,
            place: place.to_owned(),
            put: false,
        };
        match written {
            Ok(()) => Ok(staged),
            Err(error) => Err(unusable(place, &format!("can't be replaced ({error})"))),
        }
    }

    /// Puts it in the place of the one that held.
    pub fn put(mut self) -> Result<(), Fault> {
        std::fs::rename(&self.staged, &self.place)
            .map_err(|error| unusable(&self.place, &format!("can't be replaced ({error})")))?;
        self.put = true;
        // So that a power cut does not bring the old one back.
        let folder = self.place.parent().unwrap_or(Path::new("."));
        std::fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(Fault::internal)
    }
}

impl Drop for StagedPassword {
    fn drop(&mut self) {
        if !self.put {
            // It may not have been made; what is left of it is overwritten next time.
            let _ = std::fs::remove_file(&self.staged);
        }
    }
}

fn unusable(path: &Path, why: &str) -> Fault {
    let message = format!(
        "{} {why}: put the password that all sites share on its first line (sync.password_file)",
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

    use super::*;

    #[test]
    fn a_password_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("password");
        std::fs::write(&place, "old\n").unwrap();
        drop(StagedPassword::write(&place, &"new".into()).unwrap());
        assert_eq!(read_password(&place).unwrap().expose_secret(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let staged = StagedPassword::write(&place, &"new".into()).unwrap();
        staged.put().unwrap();
        assert_eq!(read_password(&place).unwrap().expose_secret(), "new");
        let mode = std::fs::metadata(&place).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(StagedPassword::write(&folder.path().join("absent/password"), &"x".into()).is_err());
    }
}
