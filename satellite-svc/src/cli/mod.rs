//! The command line of `satellite-svc`: what it accepts, and which file does it. Commands that both programs have are in `node::cli`.

mod first_config;
mod init;
mod join;
mod recover;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use supplysync_node::cli::backup::{self, BackupArgs};
use supplysync_node::cli::command::OperatorCommand;
use supplysync_node::cli::config::ConfigCommand;
use supplysync_node::cli::exit::EXIT_CODES;
use supplysync_node::cli::flags::GlobalFlags;
use supplysync_node::cli::health::{self, HealthArgs};
use supplysync_node::cli::make_secret::{self, MakeSecretArgs};
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::run::{self, Operator};

use crate::config::Config;

/// Supplysync, a satellite: owns its stores' stock and transactions, and keeps in step with the primary.
#[derive(Debug, Parser)]
#[command(name = "satellite-svc", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What a satellite can be asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until told to stop (SIGTERM or Ctrl-C)
    Serve,
    /// Anything else.
    #[command(flatten)]
    Errand(Box<Errand>),
}

/// What does one thing and ends.
#[derive(Debug, Subcommand)]
pub enum Errand {
    /// Set up a new satellite: database, certificates, credentials and configuration
    Init(init::InitArgs),
    /// Join a network with the token that `primary-svc sites add` printed: makes a key and gets a certificate, then sets
    /// everything up. Repeating it on the same machine does no harm
    Join(join::JoinArgs),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Copy this site's database to a file, while it is in use
    Backup(BackupArgs),
    /// Say whether this machine's server is ready (exit code 1: not ready, 3: it does not answer)
    Health(HealthArgs),
    /// Make secrets, each in a file that only its owner can read
    MakeSecret(MakeSecretArgs),
    /// Put a backup back in the place of this site's database
    Restore(recover::RestoreArgs),
    /// Declare that this database, put back or copied by other means, is the one that goes on
    Recover(recover::RecoverArgs),
    /// Commands that every site answers.
    #[command(flatten)]
    Operator(OperatorCommand),
}

/// Reads the command line, does it, and says how it went.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Serve => serve::run(&cli.global),
        Command::Errand(errand) => {
            let serves = matches!(&*errand, Errand::Join(args) if args.serve);
            let ended = run::to_end(&cli.global, errand.run(&cli.global));
            match serves && ended == ExitCode::SUCCESS {
                true => serve::run(&cli.global),
                false => ended,
            }
        }
    }
}

impl Errand {
    async fn run(self, flags: &GlobalFlags) -> Result<(), Problem> {
        match self {
            Errand::Init(args) => init::run(flags, args).await,
            Errand::Join(args) => join::run(flags, args).await,
            Errand::Config(command) => command.run::<Config>(flags),
            Errand::Backup(args) => backup::run::<Config>(flags, args).await,
            Errand::Health(args) => health::run::<Config>(flags, args).await,
            Errand::MakeSecret(args) => make_secret::run(flags, args),
            Errand::Restore(args) => recover::restore(flags, args).await,
            Errand::Recover(args) => recover::recover(flags, args).await,
            Errand::Operator(command) => command.run(&Operator::new::<Config>(flags)?).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_is_understood() {
        for line in [
            "satellite-svc serve --data-dir d --config f",
            "satellite-svc init --sync-id 2 --name X --primary-url https://h:1 --certs c --user-name u --password-file p",
            "satellite-svc join ssjoin1_abc --data-dir d --serve",
            "satellite-svc join --token-file f --password-file p",
            "satellite-svc health --live",
            "satellite-svc make-secret one two",
            "satellite-svc config show",
            "satellite-svc status --watch",
            "satellite-svc sync-now",
            "satellite-svc backup FILE",
            "satellite-svc restore FILE --allow-confirm --yes",
            "satellite-svc recover --yes",
            "satellite-svc verify --deep",
            "satellite-svc ledger --output json",
            "satellite-svc import items FILE",
            "satellite-svc stock list --store WH",
            "satellite-svc audit list --principal operator/admin/ana --action sites. --from 2026-11-24T08:00:00Z --limit 5",
            "satellite-svc report stock-on-hand",
            "satellite-svc prefs show",
            "satellite-svc prefs unlock --code-file c",
            "satellite-svc prefs set primary-url https://h:1",
            "satellite-svc prefs lock",
            "satellite-svc prefs change-code",
            "satellite-svc access show",
            "satellite-svc trace 0198f2a0-0000-7000-8000-000000000001",
        ] {
            if let Err(error) = parse(line) {
                panic!("{line}\n{error}");
            }
        }
    }

    #[test]
    fn a_satellite_is_never_the_primary() {
        for id in ["0", "1", "x", "70000"] {
            let line =
                format!("satellite-svc init --sync-id {id} --name X --primary-url https://h:1 --certs c");
            assert_eq!(parse(&line).expect_err(id).exit_code(), 2, "{id}");
        }
    }
}
