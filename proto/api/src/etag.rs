//! The text that names one version of a record: epoch and revision, `1.0.42`.

use supplysync_model::{Epoch, Seq};

use crate::fields::Field;

/// The etag of a version.
pub fn etag_text(epoch: Epoch, revision: Seq) -> String {
    format!("{epoch}.{revision}")
}

/// Reads an etag; `None` where the text is empty: the caller does not mind what it changes.
///
/// # Errors
/// A text that [`etag_text`] never writes.
pub fn parse_etag(text: &str) -> Field<Option<(Epoch, Seq)>> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut parts = text.split('.');
    let mut part = || parts.next().unwrap_or_default();
    let parsed = (part().parse(), part().parse(), part().parse());
    let (Ok(incarnation), Ok(counter), Ok(revision)) = parsed else {
        return Err(not_ours(text));
    };
    let version = (Epoch { incarnation, counter }, revision);
    // One version has one text: no leading zeros, no signs, nothing behind.
    if etag_text(version.0, version.1) == text {
        Ok(Some(version))
    } else {
        Err(not_ours(text))
    }
}

fn not_ours(text: &str) -> String {
    format!("{text:?} is not an etag: read the record again and send the one that it has")
}
