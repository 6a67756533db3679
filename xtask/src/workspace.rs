//! Where the workspace is, and building its programs.

use std::path::PathBuf;
use std::process::Command;

use supplysync_tests::Outcome;

/// The workspace's root, from which every command works wherever it was started.
pub fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map_or(own.clone(), PathBuf::from)
}

/// Builds both programs with the features that everything else has, so that nothing compiles twice.
pub fn build_programs() -> Outcome<()> {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--bin", "primary-svc", "--bin", "satellite-svc"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let status = build.current_dir(root()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the programs don't build: {status}").into())
    }
}
