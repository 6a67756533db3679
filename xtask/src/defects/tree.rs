//! A copy of the sources in the target folder, in which defects are put and taken out again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use supplysync_tests::Outcome;

use super::list::Defect;
use crate::workspace;

/// The copy.
pub struct Tree {
    folder: PathBuf,
    /// Held as long as it is in use: two runs would take out each other's defects.
    _lock: File,
}

/// A defect that is taken out when this goes.
pub struct InPlace {
    file: PathBuf,
    right: String,
}

impl Tree {
    /// Copies what is under version control.
    pub fn copy() -> Outcome<Tree> {
        let root = workspace::root();
        let all = root.join("target/defects");
        std::fs::create_dir_all(&all)?;
        let lock = File::create(all.join("lock"))?;
        if lock.try_lock().is_err() {
            return Err("defects are being tried already: let that run end first".into());
        }
        let folder = all.join("tree");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let listed = Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(&root)
            .output()?;
        if !listed.status.success() {
            return Err("git can't list the sources".into());
        }
        let listed = String::from_utf8(listed.stdout)?;
        for file in listed.split_terminator('\0') {
            copy(&root.join(file), &folder.join(file))?;
        }
        Ok(Tree { folder, _lock: lock })
    }

    /// Puts a defect in. What it replaces must be there exactly once, or the list is out of date.
    pub fn change(&self, defect: &Defect) -> Outcome<InPlace> {
        let file = self.folder.join(defect.file);
        let right = std::fs::read_to_string(&file)?;
        if right.matches(defect.right).count() != 1 {
            return Err(format!("{:?} is not once in {}", defect.right, defect.file).into());
        }
        std::fs::write(&file, right.replace(defect.right, defect.wrong))?;
        Ok(InPlace { file, right })
    }

    /// Builds the simulator; the program.
    pub fn build(&self) -> Outcome<PathBuf> {
        let target = self.folder.join("../target");
        let built = workspace::cargo()
            .args([
                "build",
                "--quiet",
                "--locked",
                "--package",
                "supplysync-sync-core",
            ])
            .args(["--features", "simulator", "--example", "seeds"])
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTFLAGS", "-Awarnings")
            .current_dir(&self.folder)
            .status()?;
        if !built.success() {
            return Err("the simulator does not compile with this defect".into());
        }
        Ok(target.join("debug/examples/seeds"))
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        if let Err(error) = std::fs::write(&self.file, &self.right) {
            eprintln!("{} keeps a defect: {error}", self.file.display());
        }
    }
}

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    // Deleted and not committed yet.
    if !from.exists() {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to)?;
    Ok(())
}
