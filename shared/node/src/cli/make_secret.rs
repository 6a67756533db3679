//! `make-secret FILE…`: secrets that nobody sees, each in a file that only its owner can read.

use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::flags::GlobalFlags;
use super::output::Answer;
use super::problem::Problem;
use super::setup::{self, Readers};
use super::{run, secret};

/// Where to.
#[derive(Debug, Args)]
pub struct MakeSecretArgs {
    /// The files; one that is there stays as it is
    #[arg(value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
}

/// Which were made.
#[derive(Debug, Serialize)]
struct MadeView {
    made: Vec<PathBuf>,
    kept: Vec<PathBuf>,
}

/// Makes those that are not there.
pub fn run(flags: &GlobalFlags, args: MakeSecretArgs) -> Result<(), Problem> {
    let (kept, made): (Vec<_>, Vec<_>) = args.files.into_iter().partition(|file| file.exists());
    for file in &made {
        if let Some(folder) = file.parent().filter(|folder| *folder != Path::new("")) {
            setup::make_directory(folder)?;
        }
        let made = secret::generate(run::random().bytes16());
        let line = format!("{}\n", made.expose_secret());
        setup::write_new(file, line.as_bytes(), Readers::Owner)?;
    }
    flags.output().answer(&MadeView { made, kept })
}

impl Answer for MadeView {
    fn for_people(&self, _: Option<u16>) -> String {
        let made = self.made.iter().map(|file| format!("made {}", file.display()));
        let kept = self.kept.iter().map(|file| format!("kept {}", file.display()));
        made.chain(kept).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["new/one", "two"].map(|name| folder.path().join(name)).to_vec();
        let make = || run(&GlobalFlags::default(), MakeSecretArgs { files: files.clone() });
        make().unwrap();
        let read = || {
            let read = |file: &PathBuf| std::fs::read_to_string(file).unwrap();
            files.iter().map(read).collect::<Vec<_>>()
        };
        let first = read();
        assert_ne!(first[0], first[1]);
        make().unwrap();
        assert_eq!(read(), first);
    }
}
