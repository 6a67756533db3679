//! Logging: lines for people on a terminal, JSON otherwise; always to standard error, which leaves the output to programs.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use supplysync_model::{Fault, FaultCode, FieldViolation, Reason};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `pretty` on a terminal, `json` otherwise.
    #[default]
    Auto,
    /// Lines for people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// What to log, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// The form of log lines.
    pub format: LogFormat,
    /// What is logged: a level (error, warn, info, debug, trace), or directives as in `info,supplysync_node=debug`.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            format: LogFormat::Auto,
            filter: "info".to_owned(),
        }
    }
}

impl LogConfig {
    /// Adds what is wrong with this section, under `log.`.
    pub fn check(&self, violations: &mut Vec<FieldViolation>) {
        if let Err(error) = EnvFilter::builder().parse(&self.filter) {
            violations.push(FieldViolation {
                field: "log.filter".to_owned(),
                description: format!(
                    "{error}; write a level such as info, or directives such as info,supplysync_node=debug"
                ),
            });
        }
    }
}

/// Installs the log of this process. The second call fails: the first stays.
pub fn init(config: &LogConfig) -> Result<(), Fault> {
    let filter = EnvFilter::builder().parse(&config.filter).map_err(|error| {
        Fault::new(
            FaultCode::InvalidArgument,
            Reason::CONFIGURATION_INVALID,
            format!("log.filter: {error}"),
        )
    })?;
    let terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let pretty = match config.format {
        LogFormat::Auto => terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let installed = if pretty {
        use tracing_subscriber::util::SubscriberInitExt;
        builder.with_ansi(terminal).with_target(false).finish().try_init()
    } else {
        use tracing_subscriber::util::SubscriberInitExt;
        builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .try_init()
    };
    installed.map_err(|error: TryInitError| Fault::internal(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_checked() {
        let mut violations = Vec::new();
        LogConfig::default().check(&mut violations);
        assert_eq!(violations, []);
        LogConfig {
            filter: "info,node=loud".into(),
            ..LogConfig::default()
        }
        .check(&mut violations);
        assert_eq!(violations[0].field, "log.filter");
    }
}
