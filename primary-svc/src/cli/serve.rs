//! `primary-svc serve`: reads the whole configuration, then lives until a signal.

use std::process::ExitCode;

use supplysync_node::cli::flags::GlobalFlags;
use supplysync_node::cli::problem::Problem;
use supplysync_runtime::service_main;

use crate::config::Config;
use crate::wiring;

/// Serves until it is told to stop.
pub fn run(flags: &GlobalFlags) -> ExitCode {
    match flags.load::<Config>() {
        Ok(loaded) => {
            let (log, config) = (loaded.config.log.clone(), loaded.config);
            service_main("primary-svc", &log, |context| wiring::serve(config, context))
        }
        Err(fault) => Problem::from(fault)
            .report(flags.output, &mut std::io::stderr())
            .into(),
    }
}
