//! `cargo xtask fuzz`: the laws of `tests/laws` on what libFuzzer makes, target by target, with progress; at the end how
//! often each was run and how much more of the code it reached. An input that breaks a law is kept.

mod builder;
mod fuzzer;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use supplysync_laws::{TARGETS, Target};
use supplysync_tests::Outcome;

use crate::workspace;
use fuzzer::{Ended, Reach, Run};

/// How long, and which.
#[derive(Args)]
pub struct Arguments {
    /// Minutes for each target.
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Only these, separated by commas.
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    only: Vec<String>,
    /// Run what was built before, though the sources have changed since.
    #[arg(long)]
    no_build: bool,
}

/// Builds the targets and runs them one after another; fails if a law was broken.
pub fn run(arguments: &Arguments) -> Outcome<()> {
    let targets = chosen(&arguments.only)?;
    if !(arguments.minutes.is_finite() && arguments.minutes > 0.0) {
        return Err("--minutes must be above zero".into());
    }
    let time = Duration::from_secs_f64(arguments.minutes * 60.0);
    let home = workspace::root().join("target/fuzz");
    let programs = match arguments.no_build {
        true => builder::programs(&home),
        false => builder::build(&home)?,
    };
    let mut runs = Vec::new();
    for target in targets {
        let run = fuzzer::run(target, &programs.join(target.name), &home, time)?;
        if let Ended::Broken { input } = &run.ended {
            tell(target, input.as_deref(), &programs)?;
        }
        runs.push(run);
    }
    summary(&runs);
    let broken = runs.iter().filter(|run| run.ended != Ended::InTime);
    match broken.count() {
        0 => Ok(()),
        count => Err(format!("{count} of {} targets broke a law", runs.len()).into()),
    }
}

fn chosen(only: &[String]) -> Outcome<Vec<&'static Target>> {
    for name in only {
        if supplysync_laws::target(name).is_none() {
            let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            return Err(format!("there is no target {name}: there are {}", known.join(", ")).into());
        }
    }
    let wanted = |target: &&Target| only.is_empty() || only.iter().any(|name| name == target.name);
    Ok(TARGETS.iter().filter(wanted).collect())
}

/// Where the input is, how to run it again, and how to keep it for ever.
fn tell(target: &Target, input: Option<&std::path::Path>, programs: &std::path::Path) -> Outcome<()> {
    let Some(input) = input else {
        println!("{}: the program ended without keeping an input", target.name);
        return Ok(());
    };
    let program: PathBuf = programs.join(target.name);
    println!(
        "\n{}: a law is broken by {} (again: {} {})\nOnce it is mended, for `FOUND` in tests/laws/tests/laws.rs:\n    (\"{}\", b\"{}\"),\n",
        target.name,
        input.display(),
        program.display(),
        input.display(),
        target.name,
        std::fs::read(input)?.escape_ascii(),
    );
    Ok(())
}

fn summary(runs: &[Run]) {
    println!(
        "\n{:<15} {:>12} {:>9} {:>7}   {:<20} {:<20} inputs kept",
        "target", "executions", "a second", "s", "edges", "features"
    );
    for run in runs {
        let Run {
            name,
            executions,
            seconds,
            first,
            last,
            ended,
        } = run;
        let grown = |of: fn(&Reach) -> u64| format!("{} → {}", of(first), of(last));
        println!(
            "{name:<15} {executions:>12} {:>9.0} {seconds:>7.0}   {:<20} {:<20} {}{}",
            *executions as f64 / seconds.max(1.0),
            grown(|reach| reach.edges),
            grown(|reach| reach.features),
            grown(|reach| reach.inputs),
            match ended {
                Ended::InTime => "",
                Ended::Broken { .. } => "   BROKEN",
            }
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_chosen_by_name() {
        assert_eq!(chosen(&[]).unwrap().len(), TARGETS.len());
        let two = chosen(&["join_token".into(), "frame".into()]).unwrap();
        assert_eq!(
            two.iter().map(|target| target.name).collect::<Vec<_>>(),
            ["frame", "join_token"]
        );
        let unknown = chosen(&["frames".into()]).unwrap_err().to_string();
        assert!(unknown.contains("there are frame, batch_payload"), "{unknown}");
    }
}
