//! How a command that does one thing and ends is run: its settings, its runtime, its server, its one report of failure.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use supplysync_model::{Clock, Random};
use supplysync_net::{Endpoint, TlsMaterial};
use supplysync_runtime::{SystemClock, SystemRandom};
use supplysync_store::StoreDeps;
use tonic::transport::Channel;

use super::flags::GlobalFlags;
use super::output::Output;
use super::problem::Problem;
use super::settings::{OperatorSection, SiteConfig};

/// Rows in one page of a list; the answer is shown when all have come.
pub const PAGE_SIZE: i32 = 1000;

/// Whom an operator command asks, and how it answers.
#[derive(Debug)]
pub struct Operator {
    section: OperatorSection,
    /// Where the answer goes.
    pub output: Output,
}

impl Operator {
    /// What the flags, the environment and the configuration say; nothing is tried yet.
    pub fn new<C: SiteConfig>(flags: &GlobalFlags) -> Result<Operator, Problem> {
        let config: C = flags.settings()?;
        Ok(Operator {
            section: config.operator().resolved(config.data_dir(), config.listen()),
            output: flags.output(),
        })
    }

    /// The server that is asked.
    pub fn server(&self) -> &str {
        &self.section.server
    }

    /// Where the token of `prefs unlock` is kept: beside the operator's certificate, whose owner it belongs to.
    pub fn token_file(&self) -> PathBuf {
        self.section.certificate.with_extension("unlock")
    }

    /// Connects to the server with the operator's certificate.
    pub async fn connect(&self) -> Result<Channel, Problem> {
        let OperatorSection {
            server,
            certificate,
            key,
            authority,
        } = &self.section;
        if !certificate.exists() {
            return Err(no_certificate(certificate));
        }
        let material = TlsMaterial::load(certificate, key, authority, clock())?;
        Ok(Endpoint::new(server, &material)?.connect().await?)
    }
}

fn no_certificate(path: &Path) -> Problem {
    Problem::usage(format!(
        "no operator certificate at {}: name one with --certificate, --key and --authority, or the data directory with \
         --data-dir (on the primary, `certs issue operator NAME --out DIR` makes one)",
        path.display()
    ))
}

/// Runs a command to its end, reports a failure once, and says how it went.
pub fn to_end(flags: &GlobalFlags, command: impl Future<Output = Result<(), Problem>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => Err(Problem::usage(format!("can't start: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => problem.report(flags.output, &mut std::io::stderr()).into(),
    }
}

/// The system's clock.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The system's random bits.
pub fn random() -> Arc<dyn Random> {
    Arc::new(SystemRandom)
}

/// Both, for a database that a command opens.
pub fn store_deps() -> StoreDeps {
    StoreDeps {
        clock: clock(),
        random: random(),
    }
}
