//! `cargo xtask`: the workspace's own commands. What each does lives in its module; nothing of the product is here.

mod bench;
mod defects;
mod demo;
mod fault;
mod fuzz;
mod order;
mod sim;
mod soak;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The workspace's own commands.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The main job on real input: a primary and three satellites on this machine, checked as it goes.
    Demo(demo::Arguments),
    /// The simulator over many seeds: both session machines against crashes, cuts, restores and clones.
    Sim(sim::Arguments),
    /// Whether the simulator notices deliberate defects: each in a copy of the sources, within 20,000 seeds.
    Defects(defects::Arguments),
    /// How fast the store is, against a plain loop that writes the same rows.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Long runs of the real programs, with their memory.
    #[command(subcommand)]
    Soak(soak::Soak),
    /// Real faults on the real programs: bad links, kills, full and failing disks.
    Fault(fault::Arguments),
    /// What comes from outside, under libFuzzer: frames, stored bodies, join tokens, lists, configurations.
    Fuzz(fuzz::Arguments),
    /// Commit order on PostgreSQL at length: parallel writers, rollbacks and kills, while readers follow.
    Order(order::Arguments),
    /// Checks what the compiler doesn't: dependency edges, forbidden crates, file sizes, module docs, purity.
    Tidy,
}

fn main() -> ExitCode {
    let result = match Arguments::parse_from(arguments()).command {
        Command::Demo(arguments) => return demo::run(&arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Defects(arguments) => defects::run(&arguments),
        Command::Bench(bench) => bench::run(&bench),
        Command::Soak(soak) => soak::run(&soak),
        Command::Fault(arguments) => fault::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Order(arguments) => order::run(&arguments),
        Command::Tidy => tidy::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments without the `--` of `cargo demo -- --stay`: the alias has used up the one that cargo takes.
fn arguments() -> Vec<String> {
    let mut arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|command| command == "demo")
        && arguments.get(2).is_some_and(|word| word == "--")
    {
        arguments.remove(2);
    }
    arguments
}
