//! `cargo demo`: the main job with the real programs as separate processes in a temporary folder. Each act shows one
//! thing and checks what it shows; the exit code is 0 only if every fact held.

mod cast;
mod catalogue;
mod changes;
mod copies;
mod movements;
mod power_cut;
mod proof;
mod refusals;
mod script;
mod stage;
mod stay;

use std::process::ExitCode;

use cast::Cast;
use clap::Args;
use stage::{Form, Stage};
use supplysync_tests::Outcome;
use tokio::signal::unix::{SignalKind, signal};

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
    stage.begin();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Dropping what was played, when a signal comes too, kills its processes and removes its folder.
    runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let folder = tempfile::Builder::new().prefix("supplysync-demo-").tempdir()?;
        tokio::select! {
            result = play(arguments, folder.path(), stage) => result,
            _ = interrupt.recv() => stage.interrupted(),
            _ = terminate.recv() => stage.interrupted(),
        }
    })
}

async fn play(arguments: &Arguments, folder: &std::path::Path, stage: &mut Stage) -> Outcome<()> {
    let mut cast = Cast::assemble(folder, stage).await?;
    catalogue::import(&cast, stage).await?;
    catalogue::arrive(&cast, stage).await?;
    movements::play(&cast, stage).await?;
    copies::play(&cast, stage).await?;
    changes::play(&cast, stage).await?;
    refusals::play(&cast, stage).await?;
    power_cut::play(&mut cast, stage).await?;
    proof::play(&cast, stage).await?;
    if arguments.stay {
        stage.end(&Ok(()));
        return stay::stay(&cast, stage).await;
    }
    cast.network.stop().await
}
