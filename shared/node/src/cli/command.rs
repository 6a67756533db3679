//! The operator commands that both programs have; each asks a server through its public API.

use clap::Subcommand;

use super::access::AccessCommand;
use super::audit::AuditCommand;
use super::import::ImportArgs;
use super::ledger::LedgerArgs;
use super::prefs::PrefsCommand;
use super::problem::Problem;
use super::quarantine::QuarantineArgs;
use super::report::ReportCommand;
use super::run::Operator;
use super::status::StatusArgs;
use super::stock::StockCommand;
use super::sync_now::SyncNowArgs;
use super::trace::TraceArgs;
use super::verify::VerifyArgs;

/// What any site can be asked.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Show how synchronisation stands with each site, and why
    Status(StatusArgs),
    /// Synchronise at once, whatever the interval; the primary wakes satellites at their URLs
    SyncNow(SyncNowArgs),
    /// Show the proof that copies equal their originals (exit code 4 when one differs)
    Verify(VerifyArgs),
    /// Make the readable tables again from the records, while the server runs (for admins)
    RebuildProjections,
    /// Show whether every record is accounted for, by store and receiver (exit code 4 when not)
    Ledger(LedgerArgs),
    /// List changes that were refused and put aside, and why
    Quarantine(QuarantineArgs),
    /// Import master data from a CSV file, all or nothing (on the primary only)
    Import(ImportArgs),
    /// Stock of a store, line by line
    #[command(subcommand)]
    Stock(StockCommand),
    /// Reports
    #[command(subcommand)]
    Report(ReportCommand),
    /// Show one record as it is stored, and which version of it each site has
    Trace(TraceArgs),
    /// The audit log (for admins)
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The synchronisation preferences, and the lock on them
    #[command(subcommand)]
    Prefs(PrefsCommand),
    /// Who may call what
    #[command(subcommand)]
    Access(AccessCommand),
}

impl OperatorCommand {
    /// Asks, and shows the answer.
    pub async fn run(self, operator: &Operator) -> Result<(), Problem> {
        match self {
            OperatorCommand::Status(args) => super::status::run(operator, args).await,
            OperatorCommand::SyncNow(args) => super::sync_now::run(operator, args).await,
            OperatorCommand::Verify(args) => super::verify::run(operator, args).await,
            OperatorCommand::RebuildProjections => super::rebuild::run(operator).await,
            OperatorCommand::Ledger(args) => super::ledger::run(operator, args).await,
            OperatorCommand::Quarantine(args) => super::quarantine::run(operator, args).await,
            OperatorCommand::Import(args) => super::import::run(operator, args).await,
            OperatorCommand::Stock(command) => super::stock::run(operator, command).await,
            OperatorCommand::Report(command) => super::report::run(operator, command).await,
            OperatorCommand::Trace(args) => super::trace::run(operator, args).await,
            OperatorCommand::Audit(command) => command.run(operator).await,
            OperatorCommand::Prefs(command) => command.run(operator).await,
            OperatorCommand::Access(command) => command.run(operator),
        }
    }
}
