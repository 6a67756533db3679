//! Time as an argument: timestamps, dates, and the clock trait. The system clock itself lives in `runtime`.

use std::fmt;

use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{OffsetDateTime, UtcDateTime};

/// A calendar date.
pub use time::Date;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment in the calendar; the nearest that can be shown when it is out of range.
    pub fn utc(self) -> UtcDateTime {
        let nanos = i128::from(self.0) * 1_000_000;
        UtcDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(UtcDateTime::UNIX_EPOCH)
    }

    /// The date in UTC.
    pub fn date(self) -> Date {
        self.utc().date()
    }

    /// Reads RFC 3339.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos() / 1_000_000)
            .ok()
            .map(Timestamp)
    }

    /// Milliseconds from `earlier` to here; 0 when `earlier` is later.
    pub fn millis_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// RFC 3339, UTC, milliseconds as far as they are not zero.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.utc().format(&Rfc3339).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// Reads a date in ISO 8601 extended form, `2027-05-31`; nothing else is a date.
pub fn parse_date(text: &str) -> Option<Date> {
    let extended = text.len() == 10 && text.as_bytes().get(4) == Some(&b'-');
    if extended {
        Date::parse(text, &Iso8601::DATE).ok()
    } else {
        None
    }
}

/// Writes a date in ISO 8601 extended form.
pub fn format_date(date: Date) -> String {
    format!(
        "{:04}-{:02}-{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    )
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_iso_and_possible() {
        assert_eq!(
            parse_date("2028-02-29").map(format_date),
            Some("2028-02-29".into())
        );
        for bad in [
            "2027-02-29",
            "2027-13-01",
            "20270101",
            "27-01-01",
            "2027-1-01",
            "",
        ] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn timestamps_read_back() {
        let stamp = Timestamp(1_795_000_000_123);
        assert_eq!(Timestamp::parse(&stamp.to_string()), Some(stamp));
    }
}
