//! The layers of a configuration: reading the file, the environment and the flags into trees of values.

use std::ops::Range;
use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Num, Value};
use figment::{Metadata, Profile, Provider};

use super::{ENVIRONMENT_PREFIX, NOT_SETTINGS, Problem, Sources};

/// Values that come from one place.
pub(super) struct Layer {
    /// The place, for people.
    pub(super) origin: String,
    /// The values, nested by section.
    pub(super) values: Dict,
}

impl Provider for &Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(super::profile(&self.values))
    }
}

/// The layers in rising order. Texts of the environment and the flags take the type that the default has.
pub(super) fn read(sources: &Sources, defaults: &Value, problems: &mut Vec<Problem>) -> Vec<Layer> {
    let mut layers = Vec::new();
    if let Some(path) = &sources.file {
        layers.extend(file(path, problems));
    }
    let mut environment: Vec<_> = sources.environment.iter().filter_map(variable).collect();
    environment.sort();
    for (name, setting, text) in environment {
        layers.push(single(
            format!("environment variable {name}"),
            &setting,
            text,
            defaults,
        ));
    }
    for (setting, text) in &sources.flags {
        layers.push(single("command line".to_owned(), setting, text, defaults));
    }
    layers
}

fn file(path: &Path, problems: &mut Vec<Problem>) -> Option<Layer> {
    let origin = path.display().to_string();
    let read = std::fs::read_to_string(path).map_err(|error| format!("can't be read: {error}"));
    let parsed = read.and_then(|text| {
        Toml::from_str::<Dict>(&text).map_err(|error| not_toml(&text, error.message(), error.span()))
    });
    match parsed {
        Ok(values) => Some(Layer { origin, values }),
        Err(what) => {
            problems.push(Problem {
                setting: String::new(),
                origin,
                what: what.trim_end().to_owned(),
            });
            None
        }
    }
}

/// Where the text stops being TOML, and why. The parser's own words would show the line, which may hold a password.
fn not_toml(text: &str, why: &str, place: Option<Range<usize>>) -> String {
    let before = place.and_then(|place| text.get(..place.start));
    match before {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            format!("is not TOML, line {line}, column {column}: {why}")
        }
        None => format!("is not TOML: {why}"),
    }
}

/// `SUPPLYSYNC_LOG__FORMAT` names the setting `log.format`.
fn variable((name, value): &(String, String)) -> Option<(String, String, &str)> {
    let rest = name.strip_prefix(ENVIRONMENT_PREFIX)?;
    let is_setting = !NOT_SETTINGS
        .iter()
        .any(|other| rest == *other || (other.ends_with('_') && rest.starts_with(other)));
    let setting = rest.to_ascii_lowercase().replace("__", ".");
    is_setting.then(|| (name.clone(), setting, value.as_str()))
}

fn single(origin: String, setting: &str, text: &str, defaults: &Value) -> Layer {
    let value = typed(text, defaults.find_ref(setting));
    let mut keys = setting.rsplit('.');
    let last = keys.next().unwrap_or_default().to_owned();
    let mut values = Dict::from([(last, value)]);
    for key in keys {
        values = Dict::from([(key.to_owned(), Value::from(values))]);
    }
    Layer { origin, values }
}

/// A text as the type that the default has: `"0123"` stays a text where a text is expected. What does not fit stays
/// a text, for the check to name.
fn typed(text: &str, default: Option<&Value>) -> Value {
    let fitting = match default {
        Some(Value::Bool(..)) => text.parse::<bool>().ok().map(Value::from),
        Some(Value::Num(..)) => text.parse::<Num>().ok().map(Value::from),
        Some(Value::Array(..)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(Value::from(items.map(Value::from).collect::<Vec<_>>()))
        }
        // An optional setting's type is not known here: figment's own reading, which serde then judges.
        Some(Value::Empty(..)) => text.parse().ok(),
        _ => None,
    };
    fitting.unwrap_or_else(|| Value::from(text))
}
