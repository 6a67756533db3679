//! Where the built programs are. Building them is up to whoever runs the tests: `tests/run`, or the demo.

use std::path::{Path, PathBuf};

use crate::Outcome;

/// The two programs.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// `primary-svc`.
    pub primary: PathBuf,
    /// `satellite-svc`.
    pub satellite: PathBuf,
}

impl Binaries {
    /// Those built beside the program that runs: a test is in `target/PROFILE/deps`, xtask in `target/PROFILE`.
    pub fn beside_this_program() -> Outcome<Binaries> {
        let own = std::env::current_exe()?;
        let found = own.ancestors().skip(1).take(2).find_map(Binaries::in_folder);
        found.ok_or_else(|| {
            let own = own.display();
            format!("no primary-svc and satellite-svc beside {own}: run `cargo build --workspace` first")
                .into()
        })
    }

    /// Those in a folder, if both are there.
    pub fn in_folder(folder: &Path) -> Option<Binaries> {
        let binaries = Binaries {
            primary: folder.join("primary-svc"),
            satellite: folder.join("satellite-svc"),
        };
        (binaries.primary.is_file() && binaries.satellite.is_file()).then_some(binaries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_programs_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("primary-svc"), "").unwrap();
        assert!(Binaries::in_folder(folder.path()).is_none());
        std::fs::write(folder.path().join("satellite-svc"), "").unwrap();
        assert!(Binaries::in_folder(folder.path()).is_some());
    }
}
