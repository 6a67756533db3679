//! What the exit code of a command means. One list for both programs; `--help` prints it.

use std::process::ExitCode;

use supplysync_model::{FaultCode, Reason};

/// How a command ended, as its exit code tells scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Refused or failed; standard error says why.
    Refused = 1,
    /// The command line or the configuration is wrong; nothing was tried.
    Usage = 2,
    /// The server could not be reached.
    Unreachable = 3,
    /// What was compared differs, or the ledger does not add up.
    Different = 4,
}

/// The list for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused or failed; standard error says why
  2  the command line or the configuration is wrong
  3  the server could not be reached
  4  verify found a difference, or the ledger does not add up";

impl Exit {
    /// The exit code for a failure with this code and reason.
    pub fn of(code: FaultCode, reason: &str) -> Exit {
        let configuration = [Reason::CONFIGURATION_INVALID, Reason::CERTIFICATE_UNUSABLE];
        if configuration.iter().any(|known| known.0 == reason) {
            Exit::Usage
        } else if code == FaultCode::Unavailable || reason == Reason::PEER_UNREACHABLE.0 {
            Exit::Unreachable
        } else {
            Exit::Refused
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_every_code() {
        for exit in [
            Exit::Done,
            Exit::Refused,
            Exit::Usage,
            Exit::Unreachable,
            Exit::Different,
        ] {
            let line = format!("\n  {}  ", exit as u8);
            assert!(EXIT_CODES.contains(&line), "{exit:?} is not in the help");
        }
    }

    #[test]
    fn faults_have_telling_codes() {
        let of = |code, reason: Reason| Exit::of(code, reason.0);
        assert_eq!(
            of(FaultCode::InvalidArgument, Reason::CONFIGURATION_INVALID),
            Exit::Usage
        );
        assert_eq!(
            of(FaultCode::Unavailable, Reason::PEER_UNREACHABLE),
            Exit::Unreachable
        );
        assert_eq!(
            of(FaultCode::PermissionDenied, Reason::ROLE_NOT_ALLOWED),
            Exit::Refused
        );
    }
}
