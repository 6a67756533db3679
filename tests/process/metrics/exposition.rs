//! Reading Prometheus' text format strictly: families with help and type, and their series.

use std::collections::{BTreeMap, BTreeSet};

/// The series of one name.
#[derive(Debug, Clone, Default)]
pub struct Family {
    pub help: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// Names of labels, without those of the format itself.
    pub labels: BTreeSet<String>,
    /// Each name and value of a label that was seen.
    pub values: BTreeSet<(String, String)>,
}

/// What a program exports, by name, and every series with its value.
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    pub families: BTreeMap<String, Family>,
    pub series: BTreeMap<String, f64>,
}

impl Exposition {
    /// Reads a scrape; what is wrong in it is the error.
    pub fn read(text: &str) -> Result<Exposition, String> {
        let mut read = Exposition::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            read.line(line).map_err(|wrong| format!("{wrong}: {line}"))?;
        }
        for (name, family) in &read.families {
            if family.help.is_empty() || family.kind.is_empty() {
                return Err(format!("{name} has no help or no type"));
            }
        }
        Ok(read)
    }

    /// The value of a series, as it is written.
    pub fn value(&self, series: &str) -> Option<f64> {
        self.series.get(series).copied()
    }

    /// The same with what another program exports.
    pub fn and(mut self, other: Exposition) -> Exposition {
        for (name, family) in other.families {
            let mine = self.families.entry(name).or_insert_with(|| family.clone());
            mine.labels.extend(family.labels);
            mine.values.extend(family.values);
        }
        self
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or("no help")?;
            self.families.entry(name.to_owned()).or_default().help = help.to_owned();
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("no type")?;
            let family = self.families.entry(name.to_owned()).or_default();
            if !family.kind.is_empty() {
                return Err("a second type".into());
            }
            if !["counter", "gauge", "histogram"].contains(&kind) {
                return Err("an unknown type".into());
            }
            family.kind = kind.to_owned();
            return Ok(());
        }
        let (series, value) = line.rsplit_once(' ').ok_or("no value")?;
        let value: f64 = value.parse().map_err(|_| "the value is no number")?;
        if self.series.insert(series.to_owned(), value).is_some() {
            return Err("a series twice".into());
        }
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').ok_or("no end of labels")?),
            None => (series, ""),
        };
        let family = self.family_of(name).ok_or("of no family that was described")?;
        for (label, value) in labels_of(labels)? {
            if label != "le" {
                family.labels.insert(label.clone());
                family.values.insert((label, value));
            }
        }
        Ok(())
    }

    fn family_of(&mut self, name: &str) -> Option<&mut Family> {
        let base = family_name(name);
        let key = if self.families.contains_key(name) {
            name
        } else {
            base
        };
        let family = self.families.get_mut(key)?;
        let fits = (family.kind == "histogram") == (key != name);
        fits.then_some(family)
    }
}

/// A histogram's series without what the format adds to its name.
pub fn family_name(name: &str) -> &str {
    let ends = ["_bucket", "_sum", "_count"];
    ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// `a="b",c="d"`, in which values have no quotation marks of their own.
pub fn labels_of(text: &str) -> Result<Vec<(String, String)>, String> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (label, value) = part.split_once('=').ok_or("a label without a value")?;
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            Ok((
                label.to_owned(),
                value.ok_or("a value without quotation marks")?.to_owned(),
            ))
        })
        .collect()
}
