//! `restore FILE` puts a backup back, `recover` declares that a database which was put back or copied by other means is the
//! one that goes on. Either way the site takes back what the primary has before it sends anything.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use supplysync_node::cli::confirm::confirm;
use supplysync_node::cli::flags::GlobalFlags;
use supplysync_node::cli::output::Answer;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::restore::{self, Restoring};
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

/// Which database goes on.
#[derive(Debug, Serialize)]
struct RecoverView {
    sync_id: u16,
    name: String,
}

/// Puts a backup back.
pub async fn restore(flags: &GlobalFlags, args: RestoreArgs) -> Result<(), Problem> {
    let until = match args.allow_confirm {
        true => "",
        false => "\nUntil then no transaction can be confirmed (`restore --allow-confirm` lets them be).",
    };
    let restoring = Restoring {
        file: &args.file,
        allow_confirm: args.allow_confirm,
        agreed: args.yes,
        next: &format!("{NEXT}{until}"),
    };
    restore::run::<Config>(flags, restoring).await
}

/// Declares that the present database goes on.
pub async fn recover(flags: &GlobalFlags, args: RecoverArgs) -> Result<(), Problem> {
    let config: Config = flags.settings()?;
    if !args.yes {
        let question = "This database goes on, and any other of this site stops synchronising.";
        confirm(question, "--yes")?;
    }
    let database = config.database.access(&config.data_dir)?;
    let store = Store::open(database, run::store_deps()).await?;
    // Its users were never stopped: nobody put it back with `restore`.
    let asked = store.ask_recovery(true).await;
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

impl Answer for RecoverView {
    fn for_people(&self, _: Option<u16>) -> String {
        format!(
            "This database of site {} ({}) is the one that goes on.\n{NEXT}",
            self.sync_id, self.name
        )
    }
}
