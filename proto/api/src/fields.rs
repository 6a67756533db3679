//! Reading single fields of requests strictly, and collecting everything that is wrong before answering.

use std::fmt::Display;
use std::str::FromStr;

use supplysync_model::{
    Amount, Date, Fault, FieldViolation, IdParseError, SyncId, Timestamp, format_date, parse_date,
};

/// A field's value, or what is wrong with it and what would be right.
pub type Field<T> = Result<T, String>;

/// What is wrong with a request so far.
#[derive(Debug, Default)]
pub struct Fields {
    violations: Vec<FieldViolation>,
}

impl Fields {
    /// Nothing so far.
    pub fn new() -> Fields {
        Fields::default()
    }

    /// The value, or `None` with the violation noted under the field's path.
    pub fn take<T>(&mut self, field: impl Display, read: Field<T>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(description) => {
                self.wrong(field, description);
                None
            }
        }
    }

    /// Notes a violation.
    pub fn wrong(&mut self, field: impl Display, description: impl Into<String>) {
        self.violations.push(FieldViolation {
            field: field.to_string(),
            description: description.into(),
        });
    }

    /// The value, if nothing was wrong.
    ///
    /// # Errors
    /// `INVALID_FIELDS` with every violation.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Fault> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            None if self.violations.is_empty() => Err(Fault::internal("a field was refused without a word")),
            _ => Err(Fault::invalid(self.violations)),
        }
    }
}

/// One field on its own, for requests that have no other to be wrong.
///
/// # Errors
/// `INVALID_FIELDS` for that field.
pub fn one<T>(field: &str, read: Field<T>) -> Result<T, Fault> {
    read.map_err(|description| Fault::field(field, description))
}

/// A message field that must be there.
pub fn present<T>(value: Option<T>) -> Field<T> {
    value.ok_or_else(|| "is missing".to_owned())
}

/// An id: a UUID in its hyphenated form.
pub fn id<T: FromStr<Err = IdParseError>>(text: &str) -> Field<T> {
    if text.is_empty() {
        return Err("is missing: give an id".to_owned());
    }
    // `Uuid` would also take braces, URNs and bare digits: one id has one form.
    let hyphenated = text.len() == 36;
    let parsed = hyphenated.then(|| text.parse().ok()).flatten();
    parsed.ok_or_else(|| format!("{text:?} is not an id such as 0190163d-8694-739b-aea5-966c26f8ad91"))
}

/// An id, or nothing where the text is empty.
pub fn optional_id<T: FromStr<Err = IdParseError>>(text: &str) -> Field<Option<T>> {
    if text.is_empty() {
        Ok(None)
    } else {
        id(text).map(Some)
    }
}

/// What is named by its id or its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference<T> {
    /// By id.
    Id(T),
    /// By code (units: by name).
    Code(String),
}

/// An id or a code. A text that has the form of an id is one.
pub fn reference<T: FromStr<Err = IdParseError>>(text: &str) -> Field<Reference<T>> {
    if text.trim().is_empty() {
        return Err("is missing: give an id or a code".to_owned());
    }
    Ok(match id(text) {
        Ok(id) => Reference::Id(id),
        Err(_) => Reference::Code(text.to_owned()),
    })
}

/// An id or a code, or nothing where the text is empty.
pub fn optional_reference<T: FromStr<Err = IdParseError>>(text: &str) -> Field<Option<Reference<T>>> {
    if text.is_empty() {
        Ok(None)
    } else {
        reference(text).map(Some)
    }
}

/// A Sync ID.
pub fn sync_id(number: u32) -> Field<SyncId> {
    let id = u16::try_from(number).ok().and_then(SyncId::new);
    id.ok_or_else(|| format!("{number} is not a Sync ID: the primary is 1, satellites are from 2"))
}

/// A decimal of at most six places.
pub fn amount(text: &str) -> Field<Amount> {
    if text.is_empty() {
        return Err("is missing: give a decimal number such as 12 or 12.5".to_owned());
    }
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

/// A decimal, or nothing where the text is empty.
pub fn optional_amount(text: &str) -> Field<Option<Amount>> {
    if text.is_empty() {
        Ok(None)
    } else {
        amount(text).map(Some)
    }
}

/// An ISO 8601 date, or nothing where the text is empty.
pub fn optional_date(text: &str) -> Field<Option<Date>> {
    if text.is_empty() {
        return Ok(None);
    }
    let date = parse_date(text).map(Some);
    date.ok_or_else(|| format!("{text:?} is not a date such as 2027-05-31"))
}

/// A date as text; empty for none.
pub fn date_text(date: Option<Date>) -> String {
    date.map(format_date).unwrap_or_default()
}

/// A moment as RFC 3339; empty for none.
pub fn time_text(time: Option<Timestamp>) -> String {
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// An id as text; empty for none.
pub fn id_text<T: Display>(id: Option<T>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}
