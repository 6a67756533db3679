//! Logging: lines for people on a terminal, JSON otherwise; always to standard error, which leaves the output to programs.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use supplysync_model::{Fault, FaultCode, FieldViolation, Reason};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
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
        if let Err(error) = self.parsed() {
            violations.push(FieldViolation {
                field: "log.filter".to_owned(),
                description: format!(
                    "{error}; write a level such as info, or directives such as info,supplysync_node=debug"
                ),
            });
        }
    }

    /// The filter. A space beside a directive is taken away first: with one before it, it is read one letter shifted, and
    /// letters of several bytes end in a panic (tracing-subscriber 0.3.23).
    fn parsed(&self) -> Result<EnvFilter, ParseError> {
        let directives: Vec<_> = self.filter.split(',').map(str::trim).collect();
        EnvFilter::builder().parse(directives.join(","))
    }
}

/// Installs the log of this process. The second call fails: the first stays.
pub fn init(config: &LogConfig) -> Result<(), Fault> {
    let filter = config.parsed().map_err(|error| {
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

    #[test]
    fn a_space_beside_a_directive_says_nothing() {
        let of = |filter: &str| {
            let config = LogConfig {
                filter: filter.to_owned(),
                ..LogConfig::default()
            };
            config.parsed().map(|filter| filter.to_string())
        };
        assert_eq!(
            of("info , supplysync_node=debug").unwrap(),
            of("info,supplysync_node=debug").unwrap()
        );
        // Shifted by the space, this is cut within a letter.
        assert!(of(" é=é").is_err());
    }
}
