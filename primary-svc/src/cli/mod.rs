//! The command line of `primary-svc`: what it accepts, and which file does it. Commands that both programs have are in `node::cli`.

mod certs;
mod copies;
mod init;
mod join_token;
mod recover;
mod revoke;
mod serve;
mod sites;
mod stores;

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

/// Supplysync, the primary: owns the master lists and routes every store's data between its satellites.
#[derive(Debug, Parser)]
#[command(name = "primary-svc", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What a primary can be asked to do.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, once")]
pub enum Command {
    /// Serve until told to stop (SIGTERM or Ctrl-C)
    Serve,
    /// Anything else.
    #[command(flatten)]
    Errand(Errand),
}

/// What does one thing and ends.
#[derive(Debug, Subcommand)]
pub enum Errand {
    /// Set up a new primary: authority, certificates, database, credentials and configuration
    Init(init::InitArgs),
    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Issue and read certificates (on the machine that holds the authority's key), revoke an operator's
    #[command(subcommand)]
    Certs(certs::CertsCommand),
    /// Register, list, change and remove sites
    #[command(subcommand)]
    Sites(sites::SitesCommand),
    /// Decide on which site a store is active
    #[command(subcommand)]
    Stores(stores::StoresCommand),
    /// Decide which stores' data a site keeps a copy of
    #[command(subcommand)]
    Copies(copies::CopiesCommand),
    /// Copy this site's database to a file, while it is in use
    Backup(BackupArgs),
    /// Put a backup back in the place of this primary's database
    Restore(recover::RestoreArgs),
    /// Declare that this database, put back or copied by other means, is the one that goes on
    Recover(recover::RecoverArgs),
    /// Say whether this machine's server is ready (exit code 1: not ready, 3: it does not answer)
    Health(HealthArgs),
    /// Make secrets, each in a file that only its owner can read
    MakeSecret(MakeSecretArgs),
    /// Commands that every site answers.
    #[command(flatten)]
    Operator(OperatorCommand),
}

/// Reads the command line, does it, and says how it went.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Serve => serve::run(&cli.global),
        Command::Errand(errand) => run::to_end(&cli.global, errand.run(&cli.global)),
    }
}

impl Errand {
    async fn run(self, flags: &GlobalFlags) -> Result<(), Problem> {
        match self {
            Errand::Init(args) => init::run(flags, args).await,
            Errand::Config(command) => command.run::<Config>(flags),
            Errand::Certs(command) => command.run(flags).await,
            Errand::Sites(command) => command.run(&Operator::new::<Config>(flags)?).await,
            Errand::Stores(command) => command.run(&Operator::new::<Config>(flags)?).await,
            Errand::Copies(command) => command.run(&Operator::new::<Config>(flags)?).await,
            Errand::Backup(args) => backup::run::<Config>(flags, args).await,
            Errand::Restore(args) => recover::restore(flags, args).await,
            Errand::Recover(args) => recover::recover(flags, args).await,
            Errand::Health(args) => health::run::<Config>(flags, args).await,
            Errand::MakeSecret(args) => make_secret::run(flags, args),
            Errand::Operator(command) => command.run(&Operator::new::<Config>(flags)?).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

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
            "primary-svc serve --data-dir d --config f",
            "primary-svc init --hostname localhost --hostname 127.0.0.1 --name X --user-name u --password-file p \
             --authorisation-code-file c --data-dir d",
            "primary-svc health --live",
            "primary-svc make-secret one two",
            "primary-svc config show --output json",
            "primary-svc config check --config f",
            "primary-svc status --watch --data-dir d",
            "primary-svc sync-now --server https://h:1 --certificate c --key k --authority a",
            "primary-svc sync-now --site 2",
            "primary-svc verify --deep",
            "primary-svc ledger",
            "primary-svc quarantine",
            "primary-svc quarantine --store WH",
            "primary-svc quarantine list --store WH",
            "primary-svc quarantine show 0198f2a0-0000-7000-8000-000000000001",
            "primary-svc quarantine discard 0198f2a0-0000-7000-8000-000000000001 --note gone",
            "primary-svc import items FILE --dry-run",
            "primary-svc import units FILE",
            "primary-svc import names FILE",
            "primary-svc import stores FILE",
            "primary-svc stock list --store WH",
            "primary-svc report stock-on-hand --store WH",
            "primary-svc trace 0198f2a0-0000-7000-8000-000000000001",
            "primary-svc certs issue site 2 --out d",
            "primary-svc certs issue operator ann --role editor --out d --replace",
            "primary-svc certs show f",
            "primary-svc certs revoke ann --code-file c",
            "primary-svc sites add 2 --name Hospital --code-file c",
            "primary-svc sites add 2 --name Hospital --token-out t --unless-there --code-file c",
            "primary-svc init --hostname localhost --unless-set-up",
            "primary-svc sites list",
            "primary-svc sites token 2 --code-file c",
            "primary-svc sites revoke 2 --code-file c",
            "primary-svc certs rotate begin",
            "primary-svc audit list --principal operator/admin/ana --action sites. --from 2026-11-24T08:00:00Z --limit 5",
            "primary-svc sites show 2",
            "primary-svc sites edit 2 --name Hospital --url https://h:1 --interval 5 --live false --code-file c",
            "primary-svc sites remove 2 --force",
            "primary-svc prefs show",
            "primary-svc prefs unlock --code-file c",
            "primary-svc prefs set interval 10",
            "primary-svc prefs set password --value-file p --code-file c",
            "primary-svc prefs lock",
            "primary-svc prefs change-code --code-file c --new-code-file n",
            "primary-svc access show --output json",
            "primary-svc stores assign WH --site 2 --code-file c",
            "primary-svc stores move WH --to 3 --force --code-file c",
            "primary-svc stores cancel-move WH",
            "primary-svc stores moves --under-way",
            "primary-svc restore FILE --yes",
            "primary-svc recover --yes",
            "primary-svc recover --end",
            "primary-svc copies set --site 3 --store A --store B",
        ] {
            if let Err(error) = parse(line) {
                panic!("{line}\n{error}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_a_usage_error() {
        for line in [
            "primary-svc",
            "primary-svc frobnicate",
            "primary-svc init --data-dir d",
            "primary-svc import spoons FILE",
            "primary-svc certs issue operator ann --role king --out d",
            "primary-svc sites add 0 --name X",
            "primary-svc prefs set interval",
            "primary-svc prefs set colour red",
            "primary-svc stock list",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn help_tells_the_exit_codes_and_the_order_of_settings() {
        let error = parse("primary-svc --help").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelp);
        let help = error.to_string();
        assert!(help.contains(EXIT_CODES), "{help}");
        assert!(help.contains("--data-dir"), "{help}");
    }
}
