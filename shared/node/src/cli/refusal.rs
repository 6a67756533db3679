//! A server's refusal, as it arrives in a gRPC status, turned into a problem with its own words, fields and reason.

use supplysync_api::fault::from_status;
use tonic::Status;

use super::problem::{Problem, Violation};

impl From<Status> for Problem {
    fn from(status: Status) -> Problem {
        // Our own connector's words say more than "transport error".
        if let Some(fault) = supplysync_net::client::fault_in(&status) {
            return fault.into();
        }
        let refusal = from_status(&status);
        let violations = refusal.violations.into_iter().map(|violation| Violation {
            field: violation.field,
            description: violation.description,
        });
        Problem::refused(
            refusal.code,
            refusal.reason,
            &refusal.message,
            violations.collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use supplysync_api::fault::to_status;
    use supplysync_model::{Fault, FaultCode, FieldViolation, Reason};

    use super::*;
    use crate::cli::exit::Exit;
    use crate::cli::output::Format;

    fn told(problem: &Problem) -> String {
        let mut text = Vec::new();
        problem.report(Format::Table, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_refusal_keeps_its_words_fields_and_reason() {
        let fault = Fault::new(
            FaultCode::FailedPrecondition,
            Reason::STOCK_EXPIRED,
            "batch B-77 has expired",
        )
        .with_violations(vec![FieldViolation {
            field: "lines[0].stock_line_id".into(),
            description: "expired on 2026-01-31".into(),
        }]);
        let problem = Problem::from(to_status(&fault));
        assert_eq!(
            told(&problem),
            "error: batch B-77 has expired\n  lines[0].stock_line_id: expired on 2026-01-31\nreason: STOCK_EXPIRED\n"
        );
        assert_eq!(problem.exit(), Exit::Refused);
    }

    #[test]
    fn a_lost_connection_is_not_a_refusal() {
        let problem = Problem::from(Status::unavailable("transport error"));
        assert_eq!(problem.exit(), Exit::Unreachable, "{}", told(&problem));
        let problem = Problem::from(Status::unimplemented(""));
        assert_eq!(problem.exit(), Exit::Refused, "{}", told(&problem));
    }
}
