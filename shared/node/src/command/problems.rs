//! Collects everything that is wrong with a request, so that a person reads it all at once.

use std::fmt::Display;

use supplysync_model::{Fault, FaultCode, FieldViolation, Reason};

/// What is wrong so far.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Problem>,
}

#[derive(Debug)]
struct Problem {
    reason: Reason,
    violation: FieldViolation,
}

impl Problems {
    /// The field is wrong in itself.
    pub fn invalid(&mut self, field: impl Display, description: impl Display) {
        self.rule(Reason::INVALID_FIELDS, field, description);
    }

    /// The field is well formed, and a rule stands against it.
    pub fn rule(&mut self, reason: Reason, field: impl Display, description: impl Display) {
        let violation = FieldViolation {
            field: field.to_string(),
            description: description.to_string(),
        };
        self.found.push(Problem { reason, violation });
    }

    /// A text of the request: not too long, without control characters, not blank when it is required.
    pub fn text(&mut self, field: impl Display, value: &str, limit: TextLimit) {
        if limit.required && value.trim().is_empty() {
            self.invalid(&field, "must not be empty");
        }
        if value != value.trim() {
            self.invalid(&field, "must not begin or end with a space");
        }
        let length = value.chars().count();
        if length > limit.max {
            self.invalid(
                &field,
                format!("has {length} characters: the limit is {}", limit.max),
            );
        }
        if value
            .chars()
            .any(|c| c.is_control() && !(limit.lines && matches!(c, '\n' | '\t')))
        {
            self.invalid(&field, "contains a control character");
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found, as field violations.
    pub fn into_violations(self) -> Vec<FieldViolation> {
        self.found.into_iter().map(|problem| problem.violation).collect()
    }

    /// `Ok` when nothing was found; else one fault with every violation. Fields that are wrong in themselves
    /// decide its code before rules do, and the first rule decides among rules.
    pub fn finish(self) -> Result<(), Fault> {
        let Some(first) = self.found.first() else {
            return Ok(());
        };
        let malformed = self
            .found
            .iter()
            .any(|problem| problem.reason == Reason::INVALID_FIELDS);
        if malformed {
            return Err(Fault::invalid(self.into_violations()));
        }
        let reason = first.reason;
        let code = match reason {
            Reason::CODE_TAKEN => FaultCode::AlreadyExists,
            _ => FaultCode::FailedPrecondition,
        };
        let message: Vec<_> = self
            .found
            .iter()
            .map(|problem| {
                let violation = &problem.violation;
                format!("{}: {}", violation.field, violation.description)
            })
            .collect();
        Err(Fault::new(code, reason, message.join("; ")).with_violations(self.into_violations()))
    }
}

/// What a text field may hold.
#[derive(Debug, Clone, Copy)]
pub struct TextLimit {
    max: usize,
    required: bool,
    lines: bool,
}

impl TextLimit {
    /// A code: required, short.
    pub const CODE: TextLimit = TextLimit {
        max: 50,
        required: true,
        lines: false,
    };
    /// A name: required.
    pub const NAME: TextLimit = TextLimit {
        max: 250,
        required: true,
        lines: false,
    };
    /// One line that may be empty.
    pub const LINE: TextLimit = TextLimit {
        max: 250,
        required: false,
        lines: false,
    };
    /// Several lines that may be empty.
    pub const PROSE: TextLimit = TextLimit {
        max: 2_000,
        required: false,
        lines: true,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_field_outranks_a_rule_and_all_are_listed() {
        let mut problems = Problems::default();
        problems.rule(Reason::INSUFFICIENT_STOCK, "lines[0].packs", "only 3 packs left");
        problems.invalid("lines[1].packs", "must be above zero");
        let fault = problems.finish().unwrap_err();
        assert_eq!(fault.code(), FaultCode::InvalidArgument);
        assert_eq!(fault.violations().len(), 2);

        let mut problems = Problems::default();
        problems.rule(Reason::INSUFFICIENT_STOCK, "lines[0].packs", "only 3 packs left");
        let fault = problems.finish().unwrap_err();
        assert_eq!(
            (fault.code(), fault.reason()),
            (FaultCode::FailedPrecondition, Reason::INSUFFICIENT_STOCK)
        );
        assert_eq!(fault.violations().len(), 1);
    }

    #[test]
    fn texts_are_bounded_and_printable() {
        let found = |value: &str, limit| {
            let mut problems = Problems::default();
            problems.text("code", value, limit);
            problems.into_violations().len()
        };
        assert_eq!(found("M0001", TextLimit::CODE), 0);
        assert_eq!(found("", TextLimit::CODE), 1);
        assert_eq!(found("", TextLimit::LINE), 0);
        assert_eq!(found(&"x".repeat(51), TextLimit::CODE), 1);
        assert_eq!(found("a\u{0}b", TextLimit::LINE), 1);
        assert_eq!(found("a\nb", TextLimit::LINE), 1);
        assert_eq!(found("a\nb", TextLimit::PROSE), 0);
        assert_eq!(found(" a", TextLimit::CODE), 1);
    }
}
