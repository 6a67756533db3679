//! Why a command did not do what it was asked, and how a person and a program are told.

use std::io::{self, Write};

use serde::Serialize;
use supplysync_model::{Fault, FaultCode, Reason};

use super::exit::Exit;
use super::output::Format;

/// A failed command. Built from a fault of our own or from a server's refusal; printed once, at the end.
#[derive(Debug)]
pub enum Problem {
    /// Refused or failed.
    Failed(Failed),
    /// The command worked, and its answer is bad news that was printed already.
    Different,
    /// Whoever read our output has closed it (`| head`): not an error.
    OutputClosed,
}

/// What is told of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    #[serde(skip)]
    exit: Exit,
    /// The stable reason.
    pub reason: String,
    /// The words for a person.
    pub message: String,
    /// Every wrong field.
    pub violations: Vec<Violation>,
}

/// One wrong field, row or setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Where it is.
    pub field: String,
    /// What is wrong there.
    pub description: String,
}

impl Problem {
    /// The command line contradicts itself, or lacks something.
    pub fn usage(message: impl Into<String>) -> Problem {
        Fault::new(FaultCode::InvalidArgument, Reason::CONFIGURATION_INVALID, message).into()
    }

    /// A server refused, in its own words.
    pub fn refused(code: FaultCode, reason: String, message: &str, violations: Vec<Violation>) -> Problem {
        Problem::Failed(Failed {
            exit: Exit::of(code, &reason),
            reason,
            message: message.to_owned(),
            violations,
        })
    }

    /// A file of the person's can't be read or written.
    pub fn file(what: &str, path: &std::path::Path, error: &io::Error) -> Problem {
        Problem::usage(format!("can't {what} {}: {error}", path.display()))
    }

    /// The exit code that says so.
    pub fn exit(&self) -> Exit {
        match self {
            Problem::Failed(failed) => failed.exit,
            Problem::Different => Exit::Different,
            Problem::OutputClosed => Exit::Done,
        }
    }

    /// Tells standard error, in the form that was asked for, and returns the exit code.
    pub fn report(&self, format: Format, to: &mut impl Write) -> Exit {
        if let Problem::Failed(failed) = self {
            let text = match format {
                Format::Table => failed.in_words(),
                Format::Json => failed.in_json(),
            };
            // Nobody is left to tell when standard error is closed as well.
            let _ = to.write_all(text.as_bytes());
        }
        self.exit()
    }
}

impl Failed {
    fn in_words(&self) -> String {
        // A fault that is nothing but its violations says them in its message too; say them once.
        let only_fields = self.reason == Reason::INVALID_FIELDS.0 && !self.violations.is_empty();
        let mut text = match (only_fields, self.violations.len()) {
            (true, 1) => "error: one field is wrong\n".to_owned(),
            (true, count) => format!("error: {count} fields are wrong\n"),
            (false, _) => format!("error: {}\n", self.message),
        };
        // A message of several lines lists them itself.
        let listed = self.message.contains('\n');
        for violation in self.violations.iter().filter(|_| only_fields || !listed) {
            text += &match violation.field.as_str() {
                "" => format!("  {}\n", violation.description),
                field => format!("  {field}: {}\n", violation.description),
            };
        }
        text + &format!("reason: {}\n", self.reason)
    }

    fn in_json(&self) -> String {
        serde_json::json!({ "error": self }).to_string() + "\n"
    }
}

/// A command has no log of its own: of a fault of this program, its cause is told here or nowhere.
fn message_with_cause(fault: &Fault) -> String {
    let cause = std::error::Error::source(fault);
    match cause.filter(|_| fault.reason() == Reason::INTERNAL) {
        Some(cause) => format!("an internal error: {cause}"),
        None => fault.message().to_owned(),
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        let violations = fault.violations().iter().map(|violation| Violation {
            field: violation.field.clone(),
            description: violation.description.clone(),
        });
        Problem::Failed(Failed {
            exit: Exit::of(fault.code(), fault.reason().0),
            reason: fault.reason().0.to_owned(),
            message: message_with_cause(&fault),
            violations: violations.collect(),
        })
    }
}

/// From writing to standard output.
impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Problem::OutputClosed;
        }
        let message = format!("can't write the answer: {error}");
        Fault::new(FaultCode::Unavailable, Reason::INTERNAL, message).into()
    }
}

#[cfg(test)]
mod tests {
    use supplysync_model::FieldViolation;

    use super::*;

    fn told(problem: &Problem, format: Format) -> String {
        let mut text = Vec::new();
        problem.report(format, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn words_name_the_message_each_field_and_the_reason() {
        let fault = Fault::new(
            FaultCode::InvalidArgument,
            Reason::IMPORT_REJECTED,
            "2 rows are wrong; nothing was imported",
        )
        .with_violations(vec![
            FieldViolation {
                field: "line 3, unit".into(),
                description: "no unit \"spoon\"".into(),
            },
            FieldViolation {
                field: String::new(),
                description: "the file is empty".into(),
            },
        ]);
        let problem = Problem::from(fault);
        assert_eq!(
            told(&problem, Format::Table),
            "error: 2 rows are wrong; nothing was imported\n  line 3, unit: no unit \"spoon\"\n  \
             the file is empty\nreason: IMPORT_REJECTED\n"
        );
        let json: serde_json::Value = serde_json::from_str(&told(&problem, Format::Json)).unwrap();
        assert_eq!(json["error"]["violations"][0]["field"], "line 3, unit");
        assert_eq!(problem.exit(), Exit::Refused);
    }

    #[test]
    fn field_faults_say_each_field_once() {
        let problem = Problem::from(Fault::field("lines[0].packs", "must be above zero"));
        assert_eq!(
            told(&problem, Format::Table),
            "error: one field is wrong\n  lines[0].packs: must be above zero\nreason: INVALID_FIELDS\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_quiet() {
        let problem = Problem::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(told(&problem, Format::Table), "");
        assert_eq!(problem.exit(), Exit::Done);
    }
}
