//! Building the fuzz targets: cargo-fuzz, installed if it is missing, on the stable compiler.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use supplysync_tests::Outcome;

use crate::workspace;

/// The platform that is named in the path of what cargo-fuzz builds.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Builds all targets under `home`; the folder with the programs.
pub fn build(home: &Path) -> Outcome<PathBuf> {
    let tools = install(home)?;
    let root = workspace::root();
    // The same versions as everywhere else; cargo adds what only the fuzzer needs.
    std::fs::copy(root.join("Cargo.lock"), root.join("tests/fuzz/Cargo.lock"))?;
    println!("building the fuzz targets (several minutes the first time)");
    let built = cargo(&tools)
        .args(["fuzz", "build", "--fuzz-dir", "tests/fuzz"])
        // No sanitizer: nearly all that runs is safe Rust, and the product has an allocator of its own.
        .args(["--sanitizer", "none", "--codegen-units", "16"])
        .arg("--target-dir")
        .arg(home)
        // The coverage flags are not stable; the compiler is the one that builds everything else.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(&root)
        .status()?;
    if !built.success() {
        return Err("the fuzz targets don't build".into());
    }
    Ok(programs(home))
}

/// The folder that the programs are built into.
pub fn programs(home: &Path) -> PathBuf {
    home.join(PLATFORM).join("release")
}

/// Makes sure of cargo-fuzz; the folder where it was installed, if it was here.
fn install(home: &Path) -> Outcome<PathBuf> {
    let tools = home.join("tools");
    let there = cargo(&tools).args(["fuzz", "--version"]).output()?;
    if there.status.success() {
        return Ok(tools);
    }
    println!(
        "installing cargo-fuzz from crates.io into {} (once)",
        tools.display()
    );
    let installed = cargo(&tools)
        .args(["install", "cargo-fuzz", "--locked", "--root"])
        .arg(&tools)
        .status()?;
    if !installed.success() {
        return Err("cargo-fuzz can't be installed: try `cargo install cargo-fuzz --locked` yourself".into());
    }
    Ok(tools)
}

/// Cargo, which finds its subcommands in our tools too.
fn cargo(tools: &Path) -> Command {
    let mut cargo = workspace::cargo();
    let found = std::env::var_os("PATH").unwrap_or_default();
    let places = std::iter::once(tools.join("bin")).chain(std::env::split_paths(&found));
    if let Ok(path) = std::env::join_paths(places) {
        cargo.env("PATH", path);
    } else {
        cargo.env("PATH", OsString::from(tools.join("bin")));
    }
    cargo
}
