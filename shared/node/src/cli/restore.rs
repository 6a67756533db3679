//! Puts a backup back in the place of a site's database; both programs have the command, with flags of their own.

use std::path::{Path, PathBuf};

use serde::Serialize;
use supplysync_store::Store;

use super::confirm::confirm;
use super::flags::GlobalFlags;
use super::output::Answer;
use super::problem::Problem;
use super::run;
use super::settings::SiteConfig;

/// What to put back, and how.
#[derive(Debug, Clone, Copy)]
pub struct Restoring<'a> {
    /// The backup, made by `backup`.
    pub file: &'a Path,
    /// Whether transactions may be confirmed before the site has back what it lost.
    pub allow_confirm: bool,
    /// Whether the person has agreed already.
    pub agreed: bool,
    /// What happens next, in words.
    pub next: &'a str,
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
    #[serde(skip)]
    next: String,
}

/// Asks, puts it back, and says what was done.
pub async fn run<C: SiteConfig>(flags: &GlobalFlags, restoring: Restoring<'_>) -> Result<(), Problem> {
    let config: C = flags.settings()?;
    if !restoring.agreed {
        let question = format!(
            "The database in {} gives way to {}; it is kept beside it.",
            config.data_dir().display(),
            restoring.file.display()
        );
        confirm(&question, "--yes")?;
    }
    let database = config.database().access(config.data_dir())?;
    let confirms = restoring.allow_confirm;
    let done = Store::put_back(&database, restoring.file, confirms, run::store_deps()).await?;
    flags.output().answer(&RestoreView {
        sync_id: done.backup.identity.sync_id.get(),
        name: done.backup.identity.site_name,
        seq: done.backup.seq,
        kept: done.kept,
        allow_confirm: confirms,
        next: restoring.next.to_owned(),
    })
}

impl Answer for RestoreView {
    fn for_people(&self, _: Option<u16>) -> String {
        let kept = match &self.kept {
            Some(path) => format!("\nThe database that was there is {}.", path.display()),
            None => String::new(),
        };
        format!(
            "Site {} ({}) is back as it was at seq {}.{kept}\n{}",
            self.sync_id, self.name, self.seq, self.next
        )
    }
}
