//! The copy of the revocations beside the authority: a database that is restored must not let anybody in again, and who
//! issues certificates without the database must know of them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use supplysync_model::{Fault, FaultCode, Reason, Timestamp};
use supplysync_net::PeerIdentity;
use supplysync_net::pem_file::{self, Overwrite};
use supplysync_store::Revocation;

/// Its name.
const FILE: &str = "revoked";
/// Certificates say their time of issue to the second.
const SECOND: i64 = 1_000;

/// The file.
#[derive(Debug, Clone)]
pub struct RevokedFile(PathBuf);

impl RevokedFile {
    /// In the authority's folder.
    pub fn in_folder(folder: &Path) -> RevokedFile {
        RevokedFile(folder.join(FILE))
    }

    /// All that it holds; nothing if it is not there.
    pub fn read(&self) -> Result<Vec<Revocation>, Fault> {
        let text = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.unreadable().with_source(error)),
        };
        let lines = text.lines().filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let (principal, moment) = line.split_once(' ').ok_or_else(|| self.unreadable())?;
                Ok(Revocation {
                    principal: principal.to_owned(),
                    revoked_at: Timestamp::parse(moment).ok_or_else(|| self.unreadable())?,
                })
            })
            .collect()
    }

    /// Replaces all that it holds.
    pub fn write(&self, all: &[Revocation]) -> Result<(), Fault> {
        let line = |revocation: &Revocation| format!("{} {}\n", revocation.principal, revocation.revoked_at);
        let text: String = all.iter().map(line).collect();
        pem_file::write_certificate(&self.0, &text, Overwrite::Replace)
    }

    /// How long to wait before a certificate for this one is issued.
    pub fn wait_before_issuing(&self, whom: &PeerIdentity, now: Timestamp) -> Result<Duration, Fault> {
        let principal = whom.principal();
        let all = self.read()?.into_iter();
        let found = all.filter(|revocation| revocation.principal == principal);
        match found.map(|revocation| revocation.revoked_at).max() {
            Some(revoked_at) => wait_past(whom, revoked_at, now),
            None => Ok(Duration::ZERO),
        }
    }

    fn unreadable(&self) -> Fault {
        Fault::new(
            FaultCode::FailedPrecondition,
            Reason::CERTIFICATE_UNUSABLE,
            format!(
                "{} can't be read: it says whose certificates are revoked; bring it back from a backup, or remove it to go by \
                 the database alone",
                self.0.display()
            ),
        )
    }
}

/// How long to wait, after this one was revoked, until a certificate that is issued is not refused too: that of the very
/// second would be.
pub fn wait_past(whom: &PeerIdentity, revoked_at: Timestamp, now: Timestamp) -> Result<Duration, Fault> {
    let begins = Timestamp((revoked_at.0 / SECOND + 1) * SECOND);
    match begins.millis_since(now) {
        wait if wait <= SECOND.unsigned_abs() => Ok(Duration::from_millis(wait)),
        _ => Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::CLOCK_WRONG,
            format!(
                "{whom} was revoked at {revoked_at}, but the primary's clock says {now}; check the primary's clock"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use supplysync_net::Role;

    #[test]
    fn nothing_is_issued_in_the_second_of_a_revocation() {
        let folder = tempfile::tempdir().unwrap();
        let file = RevokedFile::in_folder(folder.path());
        let ana = PeerIdentity::operator(Role::Viewer, "ana").unwrap();
        let wait = |now| {
            file.wait_before_issuing(&ana, Timestamp(now))
                .map_err(|fault| fault.reason())
        };
        assert_eq!(wait(5_200), Ok(Duration::ZERO));
        let revoked = |principal: &str| Revocation {
            principal: principal.into(),
            revoked_at: Timestamp(5_200),
        };
        file.write(&[revoked("operator/anabel"), revoked("site/2")])
            .unwrap();
        assert_eq!(wait(5_200), Ok(Duration::ZERO));
        file.write(&[revoked("operator/ana")]).unwrap();
        assert_eq!(file.read().unwrap(), [revoked("operator/ana")]);
        assert_eq!(wait(5_200), Ok(Duration::from_millis(800)));
        assert_eq!(wait(6_000), Ok(Duration::ZERO));
        assert_eq!(wait(4_000), Err(Reason::CLOCK_WRONG));
    }
}
