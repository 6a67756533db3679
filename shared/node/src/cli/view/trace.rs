//! One record, decoded, and where it came from.

use serde::Serialize;

use crate::cli::output::Answer;

/// A traced record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceView {
    /// The record's id.
    pub id: String,
    /// Facts about it in reading order: kind, channel, owner, epoch and so on.
    pub facts: Vec<(String, String)>,
    /// The decoded body; null when this version cannot read it.
    pub body: serde_json::Value,
}

impl Answer for TraceView {
    fn for_people(&self, _width: Option<u16>) -> String {
        let widest = self.facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in &self.facts {
            text += &format!("{name:widest$}  {value}\n");
        }
        match serde_json::to_string_pretty(&self.body) {
            Ok(body) if !self.body.is_null() => format!("{text}\n{body}"),
            _ => text,
        }
    }
}
