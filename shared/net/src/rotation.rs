//! A new authority takes over from the old one, in three steps that each leave a network that works: begin (both are
//! trusted, the old one issues), switch (both are trusted, the new one issues), finish (only the new one is trusted).
//! Between them every site must have renewed; `docs/certificates.md` says how an administrator sees that.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use supplysync_model::{Fault, FaultCode, Random, Reason, Timestamp};

use crate::authority::{AUTHORITY_CERTIFICATE, AUTHORITY_KEY, Authority};
use crate::pem_file::{self, Overwrite};

/// The folder, within the authority's, of the one that is to take over.
const NEXT: &str = "next-authority";
/// The key of the one that was taken over from, until the end.
const OLD_KEY: &str = "old-authority.key";

/// Makes the new authority; from now on both are trusted, and the old one issues.
pub fn begin(folder: &Path, now: Timestamp, random: &dyn Random) -> Result<(), Fault> {
    let present = Authority::load(folder)?;
    let next = folder.join(NEXT);
    if folder.join(OLD_KEY).exists() {
        return Err(refused("the rotation before is not finished: finish it first"));
    }
    let authority = match next.join(AUTHORITY_KEY).exists() {
        // An interrupted run left it.
        true => Authority::load(&next)?,
        false => {
            let name = format!(
                "Supplysync authority {} {:04x}",
                now.utc().date(),
                random.u64() >> 48
            );
            let authority = Authority::create(&name, now, random)?;
            // What an interruption left of one is of no use.
            if next.exists() {
                fs::remove_dir_all(&next).map_err(|error| failed(&next, error))?;
            }
            authority.write(&next)?;
            authority
        }
    };
    let trusted = present.trusted();
    if trusted.contains(authority.certificate()) {
        return Err(refused(
            "a rotation has begun already: the next step is to switch",
        ));
    }
    let both = trusted + authority.certificate();
    pem_file::write_certificate(&folder.join(AUTHORITY_CERTIFICATE), &both, Overwrite::Replace)
}

/// The new authority issues from now on; both are still trusted.
pub fn switch(folder: &Path) -> Result<(), Fault> {
    let next = folder.join(NEXT);
    let next_key = next.join(AUTHORITY_KEY);
    if !next_key.exists() {
        return Err(refused("no rotation has begun"));
    }
    let trusted = Authority::load(folder)?.trusted();
    if !trusted.contains(Authority::load(&next)?.certificate()) {
        return Err(refused(
            "the new authority is not trusted yet: begin the rotation again",
        ));
    }
    let (key, old) = (folder.join(AUTHORITY_KEY), folder.join(OLD_KEY));
    match fs::hard_link(&key, &old) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(&old, error)),
        _ => {}
    }
    // One step: before it the old one issues, after it the new one.
    fs::rename(&next_key, &key).map_err(|error| failed(&key, error))?;
    synced(folder)
}

/// Only the authority that issues is trusted from now on, and the old one's key is gone.
pub fn finish(folder: &Path) -> Result<(), Fault> {
    let present = Authority::load(folder)?;
    let old = folder.join(OLD_KEY);
    if !old.exists() {
        return Err(refused("no rotation waits for its end: switch first"));
    }
    pem_file::write_certificate(
        &folder.join(AUTHORITY_CERTIFICATE),
        present.certificate(),
        Overwrite::Replace,
    )?;
    let next = folder.join(NEXT);
    if next.exists() {
        fs::remove_dir_all(&next).map_err(|error| failed(&next, error))?;
    }
    fs::remove_file(&old).map_err(|error| failed(&old, error))?;
    synced(folder)
}

fn synced(folder: &Path) -> Result<(), Fault> {
    let opened = fs::File::open(folder).and_then(|folder| folder.sync_all());
    opened.map_err(|error| failed(folder, error))
}

fn failed(path: &Path, error: io::Error) -> Fault {
    let path: PathBuf = path.to_owned();
    pem_file::unusable(&path, "can't be changed: this user must own it").with_source(error)
}

fn refused(why: &str) -> Fault {
    Fault::new(FaultCode::FailedPrecondition, Reason::CERTIFICATE_UNUSABLE, why)
}
