//! Certificates and keys as PEM files: written whole or not at all, keys readable by their owner only.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use supplysync_model::{Fault, FaultCode, Reason};

/// Whether a file that is there may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Refuse: a key that is replaced by mistake is lost.
    Refuse,
    /// Replace it in one step.
    Replace,
}

/// Writes a certificate (0644). Missing folders are made (0700).
pub fn write_certificate(path: &Path, pem: &str, overwrite: Overwrite) -> Result<(), Fault> {
    write(path, pem, 0o644, overwrite)
}

/// Writes a private key (0600 from its first byte). Missing folders are made (0700).
pub fn write_key(path: &Path, pem: &str, overwrite: Overwrite) -> Result<(), Fault> {
    write(path, pem, 0o600, overwrite)
}

/// Reads every certificate of a file; none is an error.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let bytes = read(path, "certificate")?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(unusable(
            path,
            "holds no certificate; a PEM file with BEGIN CERTIFICATE is expected",
        )),
        Err(error) => Err(unusable(path, "is not a readable PEM file").with_source(error)),
    }
}

/// Reads a private key, and refuses one that others on this machine may read.
pub fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    let bytes = read(path, "key")?;
    let mode = fs::metadata(path)
        .map_err(|error| unreadable(path, "key", error))?
        .permissions()
        .mode();
    if mode & 0o007 != 0 {
        let why = format!(
            "can be read or changed by everybody on this machine; run: chmod 600 {}",
            path.display()
        );
        return Err(unusable(path, &why));
    }
    PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|error| unusable(path, "holds no private key that can be read (PEM)").with_source(error))
}

/// A certificate as PEM.
pub fn certificate_pem(der: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem += &String::from_utf8_lossy(line);
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}

/// Every certificate of a PEM text; `None` if there is none or one is damaged.
pub fn parse_certificates(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    read.ok().filter(|read| !read.is_empty())
}

/// A certificate or key that is there but can't be used.
pub(crate) fn unusable(path: &Path, why: &str) -> Fault {
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::CERTIFICATE_UNUSABLE,
        format!("{} {why}", path.display()),
    )
}

pub(crate) fn read(path: &Path, what: &str) -> Result<Vec<u8>, Fault> {
    fs::read(path).map_err(|error| unreadable(path, what, error))
}

fn unreadable(path: &Path, what: &str, error: io::Error) -> Fault {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file; `certs issue` makes one, `init` does for a new site"
        }
        io::ErrorKind::PermissionDenied => "this user may not read it; the service's user must own it",
        _ => "the system can't read it; the log says why",
    };
    Fault::new(
        FaultCode::FailedPrecondition,
        Reason::CERTIFICATE_UNUSABLE,
        format!("can't read the {what} {}: {advice}", path.display()),
    )
    .with_source(error)
}

fn write(path: &Path, pem: &str, mode: u32, overwrite: Overwrite) -> Result<(), Fault> {
    let failed = |error: io::Error| {
        let advice = match error.kind() {
            io::ErrorKind::AlreadyExists => "it exists and is kept; remove it or ask for it to be replaced",
            io::ErrorKind::PermissionDenied => "this user may not write there",
            _ => "the system can't write it; the log says why",
        };
        unusable(path, &format!("was not written: {advice}")).with_source(error)
    };
    if overwrite == Overwrite::Refuse && path.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    make_folder(folder).map_err(failed)?;
    let temporary = temporary_beside(path);
    let written = write_temporary(&temporary, pem, mode).and_then(|()| match overwrite {
        // A hard link fails where a file has come to be since, which a rename would not.
        Overwrite::Refuse => fs::hard_link(&temporary, path),
        Overwrite::Replace => fs::rename(&temporary, path),
    });
    // After a rename there is nothing left to remove.
    let _ = fs::remove_file(&temporary);
    written.map_err(failed)?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    // Servers that share a folder may have the same process id, in containers of their own.
    let own = RandomState::new().hash_one(std::process::id());
    name.push(format!(".{own:016x}.new"));
    path.with_file_name(name)
}

fn write_temporary(path: &Path, pem: &str, mode: u32) -> io::Result<()> {
    // What an interrupted run left; a symbolic link is removed, not followed.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_for_their_owner_and_are_not_replaced_by_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls/site.key");
        write_key(&path, "first", Overwrite::Refuse).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let refused = write_key(&path, "second", Overwrite::Refuse).unwrap_err();
        assert!(refused.message().contains("exists"), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        write_key(&path, "third", Overwrite::Replace).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "third");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn unusable_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pem");
        for read in [
            |p: &Path| read_certificates(p).map(drop),
            |p: &Path| read_key(p).map(drop),
        ] {
            let _ = fs::remove_file(&path);
            let absent = read(&path).unwrap_err();
            assert!(absent.message().contains("no such file"), "{absent}");
            write_key(&path, "nonsense", Overwrite::Replace).unwrap();
            let nonsense = read(&path).unwrap_err();
            assert_eq!(nonsense.reason(), Reason::CERTIFICATE_UNUSABLE);
            assert!(nonsense.message().contains("x.pem"), "{nonsense}");
        }
    }

    #[test]
    fn a_key_that_everybody_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.key");
        fs::write(&path, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_key(&path).unwrap_err().message().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_key(&path).is_ok());
    }
}
