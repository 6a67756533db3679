//! Configuration: defaults < TOML file < environment < command line, merged by figment, with every error at once and the
//! origin of each value. The sections themselves belong to the programs.

mod check;
mod layer;
mod show;
mod span;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use figment::value::{Dict, Value};
use figment::{Figment, Profile};
use serde::Serialize;
use serde::de::DeserializeOwned;
use supplysync_model::{Fault, FaultCode, FieldViolation, Reason};

use layer::Layer;
pub use show::Setting;
pub use span::Span;

/// The prefix of environment variables; `SUPPLYSYNC_LOG__FORMAT` is `log.format`.
pub const ENVIRONMENT_PREFIX: &str = "SUPPLYSYNC_";
/// Variables with the prefix that are no settings: where the file is, and what only tests read.
const NOT_SETTINGS: [&str; 2] = ["CONFIG", "TEST_"];

/// What a program checks of its configuration once all types are right.
pub trait Validate {
    /// Everything that is wrong, by setting (`log.filter`); empty when all is well.
    fn violations(&self) -> Vec<FieldViolation>;

    /// The settings that are never shown, such as `sync.password`.
    fn secrets() -> &'static [&'static str] {
        &[]
    }
}

/// Where settings come from, besides the defaults; later ones win.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A TOML file, which must exist.
    pub file: Option<PathBuf>,
    /// Environment variables, name and value; those without our prefix are passed over.
    pub environment: Vec<(String, String)>,
    /// Command-line flags, setting (`log.format`) and value.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// A file and flags, with this process's environment.
    pub fn new(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Sources {
        // What is not text can't be a setting of ours, and must not end the program.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Sources {
            file,
            environment: std::env::vars_os().filter_map(text).collect(),
            flags,
        }
    }
}

/// A configuration with where each value came from.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The effective values.
    pub config: T,
    settings: Vec<Setting>,
}

impl<T> Loaded<T> {
    /// Every setting in force, in order, secrets hidden.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The settings as a TOML text with the origin of each beside it, secrets hidden.
    pub fn show(&self) -> String {
        show::toml(&self.settings)
    }
}

/// Reads and checks a configuration. `CONFIGURATION_INVALID` lists every wrong setting with its origin; the same are in
/// the fault's violations.
pub fn load<T>(sources: &Sources) -> Result<Loaded<T>, Fault>
where
    T: Serialize + DeserializeOwned + Default + Validate,
{
    let defaults = Value::serialize(T::default()).map_err(Fault::internal)?;
    let mut problems = Vec::new();
    let mut layers = layer::read(sources, &defaults, &mut problems);
    for layer in &mut layers {
        let origin = layer.origin.clone();
        check::section(&mut layer.values, &defaults, "", &origin, &mut problems);
    }
    let (figment, config) = extract::<T>(&defaults, layers, &mut problems)?;
    for violation in config.violations() {
        let already = problems.iter().any(|problem| problem.setting == violation.field);
        if !already {
            let origin = origin_of(&figment, &violation.field);
            problems.push(Problem {
                setting: violation.field,
                origin,
                what: violation.description,
            });
        }
    }
    if problems.is_empty() {
        let settings = show::settings(&figment, T::secrets())?;
        Ok(Loaded { config, settings })
    } else {
        Err(report(problems))
    }
}

/// One thing that is wrong, and where it stands.
struct Problem {
    setting: String,
    origin: String,
    what: String,
}

/// Deserialises what is left of the layers. A value that serde refuses is noted and taken out, until the rest is accepted,
/// so that the next wrong one is found too.
fn extract<T>(
    defaults: &Value,
    mut layers: Vec<Layer>,
    problems: &mut Vec<Problem>,
) -> Result<(Figment, T), Fault>
where
    T: DeserializeOwned + Validate,
{
    let defaults = Layer {
        origin: show::DEFAULT.to_owned(),
        values: defaults.as_dict().cloned().unwrap_or_default(),
    };
    loop {
        let figment = layers
            .iter()
            .fold(Figment::from(&defaults), |figment, layer| figment.merge(layer));
        let error = match figment.extract::<T>() {
            Ok(config) => return Ok((figment, config)),
            Err(error) => error,
        };
        let setting = error.path.join(".");
        let removed = layers
            .iter_mut()
            .rev()
            .find_map(|layer| check::take_out(&mut layer.values, &error.path).then_some(layer));
        let Some(layer) = removed else {
            // The program's own defaults are refused, which its tests would show.
            return Err(Fault::internal(error));
        };
        let what = if T::secrets().contains(&setting.as_str()) {
            "is wrong".to_owned()
        } else {
            error.kind.to_string()
        };
        problems.push(Problem {
            setting,
            origin: layer.origin.clone(),
            what,
        });
    }
}

fn origin_of(figment: &Figment, setting: &str) -> String {
    let metadata = figment.find_metadata(setting);
    metadata.map_or_else(|| show::DEFAULT.to_owned(), |metadata| metadata.name.to_string())
}

fn report(problems: Vec<Problem>) -> Fault {
    let mut message = String::from("the configuration is wrong:");
    let mut violations = Vec::new();
    for Problem {
        setting,
        origin,
        what,
    } in problems
    {
        let line = if setting.is_empty() {
            format!("{origin}: {what}")
        } else {
            format!("{setting} ({origin}): {what}")
        };
        message.push_str("\n  ");
        message.push_str(&line);
        violations.push(FieldViolation {
            field: setting,
            description: format!("{what} ({origin})"),
        });
    }
    Fault::new(FaultCode::InvalidArgument, Reason::CONFIGURATION_INVALID, message).with_violations(violations)
}

/// The values of one layer under figment's only profile that we use.
fn profile(values: &Dict) -> figment::value::Map<Profile, Dict> {
    std::iter::once((Profile::Default, values.clone())).collect()
}
