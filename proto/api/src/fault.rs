//! Fault ↔ `tonic::Status`, in this one place: ErrorInfo with the reason, BadRequest with every violation.

use std::collections::{BTreeMap, HashMap};

use supplysync_model::{Fault, FaultCode, FieldViolation, Reason};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of our reasons.
pub const DOMAIN: &str = "supplysync";

// Status and details travel as HTTP/2 headers, of which the usual client takes 16 KiB in all; the message goes twice,
// the details as base64.
const MESSAGE_BYTES: usize = 1_500;
const VIOLATION_BYTES: usize = 5_000;

/// The status that tells a caller of this fault. The source stays here.
pub fn to_status(fault: &Fault) -> Status {
    let metadata: HashMap<String, String> = fault
        .metadata()
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    let mut details = ErrorDetails::with_error_info(fault.reason().0, DOMAIN, metadata);
    for violation in bounded(fault.violations()) {
        details.add_bad_request_violation(violation.field, violation.description);
    }
    Status::with_error_details(code_of(fault.code()), shortened(fault.message()), details)
}

/// A server's refusal as a client reads it. Reasons of newer servers keep their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What sort of failure.
    pub code: FaultCode,
    /// The stable reason.
    pub reason: String,
    /// The words for a person.
    pub message: String,
    /// Wrong fields, if any.
    pub violations: Vec<FieldViolation>,
    /// Facts for programs.
    pub metadata: BTreeMap<String, String>,
}

/// Reads a status: ours, or one that the connection made.
pub fn from_status(status: &Status) -> Refusal {
    let details = status.get_error_details();
    let code = fault_code_of(status.code());
    let info = details.error_info().filter(|info| info.domain == DOMAIN);
    let violations = details.bad_request().map(|bad| bad.field_violations.as_slice());
    let violations = violations
        .unwrap_or_default()
        .iter()
        .map(|violation| FieldViolation {
            field: violation.field.clone(),
            description: violation.description.clone(),
        });
    Refusal {
        code,
        reason: info.map_or_else(
            || reason_without_info(code).0.to_owned(),
            |info| info.reason.clone(),
        ),
        message: if info.is_some() {
            status.message().to_owned()
        } else {
            in_words(status)
        },
        violations: violations.collect(),
        metadata: info
            .map(|info| info.metadata.clone().into_iter().collect())
            .unwrap_or_default(),
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        let known = Reason::ALL.iter().find(|reason| reason.0 == refusal.reason);
        let message = match known {
            Some(_) => refusal.message,
            None => format!("{} ({})", refusal.message, refusal.reason),
        };
        let reason = known.copied().unwrap_or(reason_without_info(refusal.code));
        Fault::new(refusal.code, reason, message).with_violations(refusal.violations)
    }
}

/// As many violations as the headers carry; the last says how many more there are.
fn bounded(violations: &[FieldViolation]) -> Vec<FieldViolation> {
    let mut room = VIOLATION_BYTES;
    let fits = |violation: &&FieldViolation| {
        let size = violation.field.len() + violation.description.len() + 8;
        room = room.saturating_sub(size);
        room > 0
    };
    let mut sent: Vec<_> = violations.iter().take_while(fits).cloned().collect();
    if sent.len() < violations.len() {
        sent.push(FieldViolation {
            field: String::new(),
            description: format!("and {} more", violations.len() - sent.len()),
        });
    }
    sent
}

fn shortened(message: &str) -> String {
    // Beyond ASCII a byte takes three in a header.
    let cost = |c: char| if c.is_ascii() { 1 } else { c.len_utf8() * 3 };
    let mut room = MESSAGE_BYTES;
    let kept = message.char_indices().find(|(_, c)| {
        let full = room < cost(*c);
        room = room.saturating_sub(cost(*c));
        full
    });
    match kept {
        None => message.to_owned(),
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
    }
}

/// What the connection says, down to its cause.
fn in_words(status: &Status) -> String {
    let mut words = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words = if words.is_empty() {
                text
            } else {
                format!("{words}: {text}")
            };
        }
        cause = error.source();
    }
    words
}

fn reason_without_info(code: FaultCode) -> Reason {
    match code {
        FaultCode::Unavailable | FaultCode::DeadlineExceeded => Reason::PEER_UNREACHABLE,
        FaultCode::Unimplemented => Reason::NOT_IN_THIS_VERSION,
        FaultCode::ResourceExhausted => Reason::TOO_LARGE,
        FaultCode::Unauthenticated => Reason::CERTIFICATE_REQUIRED,
        FaultCode::PermissionDenied => Reason::ROLE_NOT_ALLOWED,
        FaultCode::InvalidArgument => Reason::INVALID_FIELDS,
        _ => Reason::INTERNAL,
    }
}

fn code_of(code: FaultCode) -> Code {
    match code {
        FaultCode::InvalidArgument => Code::InvalidArgument,
        FaultCode::NotFound => Code::NotFound,
        FaultCode::AlreadyExists => Code::AlreadyExists,
        FaultCode::FailedPrecondition => Code::FailedPrecondition,
        FaultCode::Aborted => Code::Aborted,
        FaultCode::Unauthenticated => Code::Unauthenticated,
        FaultCode::PermissionDenied => Code::PermissionDenied,
        FaultCode::ResourceExhausted => Code::ResourceExhausted,
        FaultCode::Unavailable => Code::Unavailable,
        FaultCode::Unimplemented => Code::Unimplemented,
        FaultCode::DeadlineExceeded => Code::DeadlineExceeded,
        FaultCode::DataLoss => Code::DataLoss,
        FaultCode::Internal => Code::Internal,
    }
}

fn fault_code_of(code: Code) -> FaultCode {
    match code {
        Code::InvalidArgument | Code::OutOfRange => FaultCode::InvalidArgument,
        Code::NotFound => FaultCode::NotFound,
        Code::AlreadyExists => FaultCode::AlreadyExists,
        Code::FailedPrecondition => FaultCode::FailedPrecondition,
        Code::Aborted => FaultCode::Aborted,
        Code::Unauthenticated => FaultCode::Unauthenticated,
        Code::PermissionDenied => FaultCode::PermissionDenied,
        Code::ResourceExhausted => FaultCode::ResourceExhausted,
        Code::Unavailable => FaultCode::Unavailable,
        Code::Unimplemented => FaultCode::Unimplemented,
        // A client's own time-out surfaces as Cancelled.
        Code::DeadlineExceeded | Code::Cancelled => FaultCode::DeadlineExceeded,
        Code::DataLoss => FaultCode::DataLoss,
        Code::Ok | Code::Unknown | Code::Internal => FaultCode::Internal,
    }
}
