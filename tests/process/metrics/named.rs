//! Which metrics, labels and values a file names: in rules, panels and prose alike.

use std::collections::BTreeSet;

use super::exposition::{Exposition, family_name, labels_of};

/// Labels that Prometheus itself gives, and those of the format.
const GIVEN: &[&str] = &["job", "instance", "le"];

/// A name with the labels beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// As it is written.
    pub name: String,
    /// Without what a histogram's series add.
    pub family: String,
    /// Of its selector.
    pub labels: Vec<(String, String)>,
    /// Of the aggregation in the same line, or the legend.
    pub by: Vec<String>,
}

/// All that a text names.
pub fn names_in(text: &str) -> BTreeSet<Named> {
    let mut found = BTreeSet::new();
    // JSON has its quotation marks escaped.
    for line in text.replace("\\\"", "\"").lines() {
        let by = grouped(line);
        for (at, _) in line.match_indices("supplysync_") {
            let begins = line[..at]
                .chars()
                .next_back()
                .is_none_or(|before| !before.is_alphanumeric() && before != '_');
            let name: String = line[at..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if !begins || name.ends_with('_') {
                continue;
            }
            let rest = &line[at + name.len()..];
            let selector = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let labels = selector
                .map(|(labels, _)| labels_of(&labels.replace("=~", "=").replace("!=", "=")))
                .transpose();
            found.insert(Named {
                family: family_name(&name).to_owned(),
                labels: labels
                    .unwrap_or_else(|wrong| panic!("{line}: {wrong}"))
                    .unwrap_or_default(),
                by: by.clone(),
                name,
            });
        }
    }
    found
}

/// Labels in `by (…)`, `on (…)` and `without (…)`.
fn grouped(line: &str) -> Vec<String> {
    let mut labels = Vec::new();
    for word in ["by (", "on (", "without (", "ignoring ("] {
        for (at, _) in line.match_indices(word) {
            let inside = line[at + word.len()..].split(')').next().unwrap_or("");
            labels.extend(inside.split(',').map(|label| label.trim().to_owned()));
        }
    }
    labels
}

/// Whether it is exported so.
pub fn known(named: &Named, all: &Exposition) -> Result<(), String> {
    let name = &named.name;
    let family = all.families.get(name).filter(|family| family.kind != "histogram");
    let of_histogram = all
        .families
        .get(&named.family)
        .filter(|family| family.kind == "histogram");
    let Some(family) = family.or(of_histogram) else {
        return Err(format!("{name} is not exported"));
    };
    let given = |label: &str| GIVEN.contains(&label);
    for (label, value) in &named.labels {
        let exported = |value: &str| family.values.contains(&(label.clone(), value.to_owned()));
        // What Grafana fills in is known there only.
        let plain = !value.contains('$');
        if !given(label) && (!family.labels.contains(label) || plain && !value.split('|').all(exported)) {
            return Err(format!("{name} has no {label}=\"{value}\""));
        }
    }
    match named
        .by
        .iter()
        .find(|label| !given(label) && !family.labels.contains(*label))
    {
        Some(label) => Err(format!("{name} has no label {label}")),
        None => Ok(()),
    }
}
