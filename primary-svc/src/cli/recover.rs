//! `restore FILE` puts a backup back, `recover` declares that a database which was put back or copied by other means is the
//! one that goes on, `recover --end` waits no longer. Either way the sites give back what the lost database had more.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use supplysync_model::SyncId;
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
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

/// Which database goes on.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// Don't wait any longer for the sites that have not given back what they have
    #[arg(long)]
    end: bool,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

/// What was declared.
#[derive(Debug, Serialize)]
struct RecoverView {
    name: String,
    /// Where its life begins.
    seq: u64,
}

/// Who is not waited for.
#[derive(Debug, Serialize)]
struct EndView {
    not_waited_for: Vec<u16>,
    ended: bool,
}

const NEXT: &str = "Start the program: every site gives back, at its next session, what the lost database had more. Until all have, \
                    no store's work is taken in, nothing is changed in this site's own stores, and no store moves; `status` says \
                    which sites are waited for. Join tokens that were not used are void.";

/// Puts a backup back.
pub async fn restore(flags: &GlobalFlags, args: RestoreArgs) -> Result<(), Problem> {
    let restoring = Restoring {
        file: &args.file,
        allow_confirm: false,
        agreed: args.yes,
        next: NEXT,
    };
    restore::run::<Config>(flags, restoring).await
}

/// Declares that the present database goes on, or that nobody is waited for any more.
pub async fn recover(flags: &GlobalFlags, args: RecoverArgs) -> Result<(), Problem> {
    let config: Config = flags.settings()?;
    let question = match args.end {
        true => "What sites that have not been heard bring back later is not taken as if it were in time.",
        false => "This database goes on, and every site gives back what it lacks.",
    };
    if !args.yes {
        confirm(question, "--yes")?;
    }
    let database = config.database.access(&config.data_dir)?;
    let store = Store::open(database, run::store_deps()).await?;
    match args.end {
        true => {
            let ended = end(&store).await;
            store.close().await;
            flags.output().answer(&ended?)
        }
        false => {
            let begun = store.begin_later_life(false).await;
            let name = store.identity().site_name;
            store.close().await;
            let seq = begun?.seq;
            flags.output().answer(&RecoverView { name, seq })
        }
    }
}

async fn end(store: &Store) -> Result<EndView, Problem> {
    let waited_for = store.later_life().await?;
    let waited_for = waited_for
        .filter(|(life, _)| life.gathering)
        .map(|(_, sites)| sites);
    let ended = store.end_gathering().await?;
    let sites = waited_for.unwrap_or_default();
    Ok(EndView {
        not_waited_for: sites.into_iter().map(SyncId::get).collect(),
        ended,
    })
}

impl Answer for RecoverView {
    fn for_people(&self, _: Option<u16>) -> String {
        format!(
            "This database of the primary ({}) is the one that goes on, from seq {}.\n{NEXT}",
            self.name, self.seq
        )
    }
}

impl Answer for EndView {
    fn for_people(&self, _: Option<u16>) -> String {
        if !self.ended {
            return "Nobody was waited for: nothing was changed.".to_owned();
        }
        let sites: Vec<_> = self.not_waited_for.iter().map(u16::to_string).collect();
        format!(
            "Nobody is waited for any more (site {} had not given back what it has). Start the program.",
            sites.join(", ")
        )
    }
}
