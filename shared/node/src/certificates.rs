//! The site's certificate while the program runs: its files are watched, and whoever uses it is given the new one without
//! a restart, whether renewal or a person replaced the files.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use supplysync_model::Fault;
use supplysync_net::TlsMaterial;
use supplysync_net::certificate::Description;
use supplysync_net::pem_file::{self, Overwrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::settings::TlsSection;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Bounds of the pause between two looks whether it is time to renew.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);
/// What a new certificate is called until it has been read back.
const STAGED: &str = "renewed";

type User = Box<dyn Fn(&TlsMaterial) -> Result<(), Fault> + Send + Sync>;
/// What tells that a file has been replaced or changed.
type Mark = Option<(u64, u64, i64, i64)>;

/// The present certificate and its users. Clones are the same.
#[derive(Clone)]
pub struct Certificates(Arc<Inner>);

struct Inner {
    files: TlsSection,
    present: watch::Sender<TlsMaterial>,
    users: Mutex<Vec<User>>,
    /// Raised to look at once.
    now: watch::Sender<u64>,
}

impl Certificates {
    /// As it was read from these files.
    pub fn new(material: TlsMaterial, files: TlsSection) -> Certificates {
        Certificates(Arc::new(Inner {
            files,
            present: watch::Sender::new(material),
            users: Mutex::default(),
            now: watch::Sender::new(0),
        }))
    }

    /// The present one.
    pub fn present(&self) -> TlsMaterial {
        self.0.present.borrow().clone()
    }

    /// The files.
    pub fn files(&self) -> &TlsSection {
        &self.0.files
    }

    /// Adds one who is given every new certificate.
    pub fn also(&self, user: impl Fn(&TlsMaterial) -> Result<(), Fault> + Send + Sync + 'static) {
        let mut users = self.0.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.push(Box::new(user));
    }

    /// Puts a renewed certificate (PEM; empty: none) and the authorities (PEM) in the place of the present ones. They are
    /// read back with the key first, and nothing is replaced by what can't be used. Whether anything has changed.
    pub fn keep(&self, certificate: &str, authorities: &str) -> Result<bool, Fault> {
        let files = &self.0.files;
        let (staged_certificate, staged_authorities) = (staged(&files.certificate), staged(&files.authority));
        let differs = |path: &Path, pem: &str| {
            let held = std::fs::read_to_string(path).unwrap_or_default();
            !pem.is_empty() && held.trim() != pem.trim()
        };
        let new_certificate = differs(&files.certificate, certificate);
        let new_authorities = differs(&files.authority, authorities);
        if !new_certificate && !new_authorities {
            return Ok(false);
        }
        let mut read = [files.certificate.as_path(), files.authority.as_path()];
        if new_certificate {
            pem_file::write_certificate(&staged_certificate, certificate, Overwrite::Replace)?;
            read[0] = &staged_certificate;
        }
        if new_authorities {
            pem_file::write_certificate(&staged_authorities, authorities, Overwrite::Replace)?;
            read[1] = &staged_authorities;
        }
        let clock = Arc::clone(self.present().clock());
        let loaded = TlsMaterial::load_even_expired(read[0], &files.key, read[1], clock);
        let usable = loaded.and_then(
            |material| match material.identity() == self.present().identity() {
                true => Ok(()),
                false => Err(Fault::internal("the renewed certificate is of another site")),
            },
        );
        // Each in one step, and each pair on the way works: authorities only ever come before what they issue.
        let kept = usable.and_then(|()| {
            if new_authorities {
                pem_file::write_certificate(&files.authority, authorities, Overwrite::Replace)?;
            }
            if new_certificate {
                pem_file::write_certificate(&files.certificate, certificate, Overwrite::Replace)?;
            }
            Ok(true)
        });
        let _ = std::fs::remove_file(&staged_certificate);
        let _ = std::fs::remove_file(&staged_authorities);
        self.look_now();
        kept
    }

    /// Looks at the files at once.
    pub fn look_now(&self) {
        self.0.now.send_modify(|count| *count += 1);
    }

    /// Looks at the files until the program stops, and hands out what is new.
    pub async fn follow(self, stop: CancellationToken) -> Result<(), Fault> {
        let mut now = self.0.now.subscribe();
        // What was replaced between reading and this is noticed too: nothing has been seen yet.
        let mut seen = [None; 3];
        loop {
            let marks = self.marks();
            if marks != seen && self.read_again() {
                seen = marks;
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = now.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    fn marks(&self) -> [Mark; 3] {
        let TlsSection {
            certificate,
            key,
            authority,
        } = &self.0.files;
        [certificate, key, authority].map(|path| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
        })
    }

    /// Whether what is in the files is in use now. A pair that is being replaced does not fit for a moment.
    fn read_again(&self) -> bool {
        let present = self.present();
        let files = &self.0.files;
        let clock = Arc::clone(present.clock());
        let read = TlsMaterial::load_even_expired(&files.certificate, &files.key, &files.authority, clock);
        let handed = read.and_then(|material| self.hand_out(&present, material));
        if let Err(fault) = &handed {
            tracing::warn!(
                reason = fault.reason().0,
                ?fault,
                "the certificate's files have changed and can't be used yet; the one before stays: {fault}"
            );
        }
        handed.is_ok()
    }

    fn hand_out(&self, present: &TlsMaterial, material: TlsMaterial) -> Result<(), Fault> {
        if material.identity() != present.identity() {
            return Err(Fault::internal(format!(
                "the new certificate is for {}, the present one for {}",
                material.identity(),
                present.identity()
            )));
        }
        if material.same_as(present) {
            return Ok(());
        }
        let material = material.refusing_as(present);
        let users = self.0.users.lock().unwrap_or_else(PoisonError::into_inner);
        for user in users.iter() {
            user(&material)?;
        }
        let description = material.description();
        tracing::info!(
            serial = description.serial,
            issuer = description.issuer,
            until = %description.not_after,
            "a new certificate is in use"
        );
        self.0.present.send_replace(material);
        Ok(())
    }
}

fn staged(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(STAGED);
    path.with_file_name(name)
}

/// How long whoever renews a certificate waits between two looks: a sixtieth of its life, within bounds.
pub fn pause_between_looks(present: &Description, longest: Duration) -> Duration {
    let life = present.not_after.millis_since(present.issued_at());
    let life = Duration::from_millis(life).min(longest);
    (life / 60).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use supplysync_model::{Clock, SyncId};
    use supplysync_net::{Authority, PeerIdentity};
    use supplysync_runtime::{SystemClock, SystemRandom};

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    struct Office {
        folder: tempfile::TempDir,
        authority: Authority,
    }

    impl Office {
        fn open() -> Office {
            let folder = tempfile::tempdir().unwrap();
            let authority = Authority::create("test", SystemClock.now(), &SystemRandom).unwrap();
            authority.write(folder.path()).unwrap();
            Office { folder, authority }
        }

        fn files(&self) -> TlsSection {
            TlsSection {
                certificate: self.folder.path().join("site.crt"),
                key: self.folder.path().join("site.key"),
                authority: self.folder.path().join("authority.crt"),
            }
        }

        fn issue(&self, site: u16) -> supplysync_net::authority::Issued {
            let site = SyncId::new(site).unwrap();
            self.authority
                .issue_site(site, &["localhost".into()], SystemClock.now(), &SystemRandom)
                .unwrap()
        }

        fn certificates(&self) -> Certificates {
            let files = self.files();
            self.issue(7)
                .write(&files.certificate, &files.key, Overwrite::Replace)
                .unwrap();
            let clock = Arc::new(SystemClock);
            let material =
                TlsMaterial::load(&files.certificate, &files.key, &files.authority, clock).unwrap();
            Certificates::new(material, files)
        }
    }

    #[tokio::test]
    async fn replaced_files_are_handed_out_and_foreign_ones_are_not() {
        let office = Office::open();
        let certificates = office.certificates();
        let first = certificates.present().description().serial.clone();
        let handed = watch::Sender::new(String::new());
        let teller = handed.clone();
        certificates.also(move |material| {
            teller.send_replace(material.description().serial.clone());
            Ok(())
        });
        let stop = CancellationToken::new();
        let files = office.files();
        let replacing = async {
            let foreign = office.issue(8);
            foreign
                .write(&files.certificate, &files.key, Overwrite::Replace)
                .unwrap();
            certificates.look_now();
            let renewed = office.issue(7);
            let serial = renewed.describe().unwrap().serial;
            renewed
                .write(&files.certificate, &files.key, Overwrite::Replace)
                .unwrap();
            let mut told = handed.subscribe();
            let told = told.wait_for(|told| *told == serial);
            tokio::time::timeout(Duration::from_secs(20), told)
                .await
                .unwrap()
                .unwrap();
            assert_ne!(first, serial);
            assert_eq!(
                *certificates.present().identity(),
                PeerIdentity::Site(SyncId::new(7).unwrap())
            );
            stop.cancel();
        };
        let (followed, ()) = tokio::join!(certificates.clone().follow(stop.clone()), replacing);
        followed.unwrap();
    }

    #[test]
    fn only_what_fits_is_kept() {
        let office = Office::open();
        let certificates = office.certificates();
        let before = std::fs::read(&office.files().certificate).unwrap();
        // Another key's, and another site's.
        for site in [7, 8] {
            assert!(certificates.keep(&office.issue(site).certificate, "").is_err());
        }
        assert!(certificates.keep("nonsense", "").is_err());
        assert_eq!(std::fs::read(&office.files().certificate).unwrap(), before);

        let request = supplysync_net::signing_request::make_request(&office.files().key).unwrap();
        let request = supplysync_net::SigningRequest::parse(&request).unwrap();
        let site = SyncId::new(7).unwrap();
        let renewed = office
            .authority
            .certify_site(
                site,
                &["localhost".into()],
                &request,
                SystemClock.now(),
                &SystemRandom,
            )
            .unwrap();
        assert!(certificates.keep(&renewed, &office.authority.trusted()).unwrap());
        assert!(!certificates.keep(&renewed, &office.authority.trusted()).unwrap());
        assert_eq!(
            std::fs::read_to_string(&office.files().certificate).unwrap(),
            renewed
        );
        assert_eq!(
            std::fs::read_dir(office.folder.path()).unwrap().count(),
            4,
            "nothing is left over"
        );
    }

    #[test]
    fn pauses_follow_the_life_within_bounds() {
        let office = Office::open();
        let described = office.issue(7).describe().unwrap();
        assert_eq!(pause_between_looks(&described, YEAR), LONGEST_PAUSE);
        assert_eq!(
            pause_between_looks(&described, Duration::from_secs(600)),
            Duration::from_secs(10)
        );
        assert_eq!(
            pause_between_looks(&described, Duration::from_secs(5)),
            SHORTEST_PAUSE
        );
    }
}
