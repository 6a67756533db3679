//! Where the workspace is, asking cargo about it, and building its programs.

use std::path::PathBuf;
use std::process::Command;

use supplysync_tests::Outcome;

/// The workspace's root, from which every command works wherever it was started.
pub fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map_or(own.clone(), PathBuf::from)
}

/// The cargo that runs this program, as it would be started by hand. What it tells programs about themselves must not
/// reach it again: the build script of `ring` looks at that, and would have half of the dependencies compiled anew.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Builds both programs with the features that everything else has, so that nothing compiles twice.
pub fn build_programs() -> Outcome<()> {
    let mut build = cargo();
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
