//! `backup FILE`: a copy of this site's database while it is in use.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use supplysync_store::Store;

use super::flags::GlobalFlags;
use super::output::Answer;
use super::problem::Problem;
use super::settings::SiteConfig;

/// Where to.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to make; it must not be there yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What was copied.
#[derive(Debug, Serialize)]
struct BackupView {
    file: PathBuf,
    sync_id: u16,
    name: String,
    seq: u64,
    bytes: u64,
}

/// Copies the database, and checks the copy.
pub async fn run<C: SiteConfig>(flags: &GlobalFlags, args: BackupArgs) -> Result<(), Problem> {
    let config: C = flags.settings()?;
    let database = config.database().access(config.data_dir())?;
    let made = Store::back_up(&database, &args.file).await?;
    flags.output().answer(&BackupView {
        file: args.file,
        sync_id: made.identity.sync_id.get(),
        name: made.identity.site_name,
        seq: made.seq,
        bytes: made.bytes,
    })
}

impl Answer for BackupView {
    fn for_people(&self, _: Option<u16>) -> String {
        format!(
            "{} holds the database of site {} ({}) up to seq {}, {} bytes, checked.\n\
             The folder tls, with this site's key, is not in it: keep that in a safe place, too.",
            self.file.display(),
            self.sync_id,
            self.name,
            self.seq,
            self.bytes
        )
    }
}
