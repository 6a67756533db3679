//! `restore FILE` puts a backup back, `recover` declares that a database which was put back or copied by other means is the
//! one that goes on. Either way the site takes back what the primary has before it sends anything.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use supplysync_node::cli::confirm::confirm;
use supplysync_node::cli::flags::GlobalFlags;
use supplysync_node::cli::output::Answer;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::run;
use supplysync_store::Store;

use crate::config::Config;

/// What to put back.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup, made by `backup`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Let transactions be confirmed before the primary was reached: they may have to be put right afterwards
    #[arg(long)]
    allow_confirm: bool,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

/// Which database goes on.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

/// What was put back.
#[derive(Debug, Serialize)]
struct RestoreView {
    sync_id: u16,
    name: String,
    seq: u64,
    /// Where the database is that was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<PathBuf>,
    allow_confirm: bool,
}

/// Which database goes on.
#[derive(Debug, Serialize)]
struct RecoverView {
    sync_id: u16,
    name: String,
}

/// Puts a backup back.
pub async fn restore(flags: &GlobalFlags, args: RestoreArgs) -> Result<(), Problem> {
    let config: Config = flags.settings()?;
    if !args.yes {
        let question = format!(
            "The database in {} gives way to {}; it is kept beside it.",
            config.data_dir.display(),
            args.file.display()
        );
        confirm(&question, "--yes")?;
    }
    let database = config.database.store_config(&config.data_dir);
    let done = Store::put_back(&database, &args.file, args.allow_confirm, run::store_deps()).await?;
    flags.output().answer(&RestoreView {
        sync_id: done.backup.identity.sync_id.get(),
        name: done.backup.identity.site_name,
        seq: done.backup.seq,
        kept: done.kept,
        allow_confirm: args.allow_confirm,
    })
}

/// Declares that the present database goes on.
pub async fn recover(flags: &GlobalFlags, args: RecoverArgs) -> Result<(), Problem> {
    let config: Config = flags.settings()?;
    if !args.yes {
        let question = "This database goes on, and any other of this site stops synchronising.";
        confirm(question, "--yes")?;
    }
    let database = config.database.store_config(&config.data_dir);
    let store = Store::open(database, run::store_deps()).await?;
    // Its users were never stopped: nobody put it back with `restore`.
    let asked = store.ask_recovery(None, true).await;
    let identity = store.identity();
    store.close().await;
    asked?;
    flags.output().answer(&RecoverView {
        sync_id: identity.sync_id.get(),
        name: identity.site_name,
    })
}

const NEXT: &str = "Start the program: at its next session it takes back what the primary has of its stores; then what only this \
                    database has goes up, and what was changed on both is kept in quarantine.";

impl Answer for RestoreView {
    fn for_people(&self, _: Option<u16>) -> String {
        let kept = match &self.kept {
            Some(path) => format!("\nThe database that was there is {}.", path.display()),
            None => String::new(),
        };
        let until = match self.allow_confirm {
            true => "",
            false => "\nUntil then no transaction can be confirmed (`restore --allow-confirm` lets them be).",
        };
        format!(
            "Site {} ({}) is back as it was at seq {}.{kept}\n{NEXT}{until}",
            self.sync_id, self.name, self.seq
        )
    }
}

impl Answer for RecoverView {
    fn for_people(&self, _: Option<u16>) -> String {
        format!(
            "This database of site {} ({}) is the one that goes on.\n{NEXT}",
            self.sync_id, self.name
        )
    }
}
