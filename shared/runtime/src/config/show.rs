//! Showing the settings in force: each with its value and its origin, secrets hidden.

use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};
use supplysync_model::Fault;

/// The origin of what nobody has set.
pub(super) const DEFAULT: &str = "default";
/// What is shown in a secret's place.
const HIDDEN: &str = "<hidden>";

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as in `log.format`.
    pub name: String,
    /// Its value as TOML writes it; `<hidden>` for a secret. None when it is optional and not set.
    pub value: Option<String>,
    /// Where it comes from: `default`, a file, an environment variable, or the command line.
    pub origin: String,
}

/// Every setting, in the order of sections and names.
pub(super) fn settings(figment: &Figment, secrets: &[&str]) -> Result<Vec<Setting>, Fault> {
    let data = figment.data().map_err(Fault::internal)?;
    let mut settings = Vec::new();
    if let Some(values) = data.get(&Profile::Default) {
        collect(figment, values, "", secrets, &mut settings);
    }
    // Settings before sections, as TOML wants it.
    settings.sort_by_key(|setting| (section_of(&setting.name).to_owned(), setting.name.clone()));
    Ok(settings)
}

fn collect(figment: &Figment, values: &Dict, prefix: &str, secrets: &[&str], settings: &mut Vec<Setting>) {
    for (key, value) in values {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        if let Value::Dict(_, inner) = value {
            collect(figment, inner, &name, secrets, settings);
            continue;
        }
        let origin = figment
            .get_metadata(value.tag())
            .map_or(DEFAULT, |metadata| metadata.name.as_ref());
        let shown = if secrets.contains(&name.as_str()) {
            hidden(value)
        } else {
            text(value)
        };
        settings.push(Setting {
            name,
            value: shown,
            origin: origin.to_owned(),
        });
    }
}

fn hidden(value: &Value) -> Option<String> {
    match value {
        Value::Empty(..) => None,
        // An empty secret is worth knowing of, and gives nothing away.
        Value::String(_, secret) if secret.is_empty() => Some("\"\"".to_owned()),
        _ => Some(format!("\"{HIDDEN}\"")),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Empty(..) => None,
        Value::String(_, text) => Some(toml::Value::from(without_password(text)).to_string()),
        other => toml::Value::try_from(other).ok().map(|value| value.to_string()),
    }
}

/// An address such as `postgres://user:password@host/name` with its password hidden.
fn without_password(text: &str) -> String {
    let parts = text.split_once("://").and_then(|(scheme, rest)| {
        // The last @, for a password may hold one: better to hide too much.
        let at = rest.rfind('@')?;
        let (user, _) = rest.get(..at)?.split_once(':')?;
        Some(format!("{scheme}://{user}:{HIDDEN}{}", rest.get(at..)?))
    });
    parts.unwrap_or_else(|| text.to_owned())
}

fn section_of(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(section, _)| section)
}

/// As a TOML text that says where each value comes from.
pub(super) fn toml(settings: &[Setting]) -> String {
    let line = |setting: &Setting| {
        let key = setting.name.rsplit('.').next().unwrap_or_default();
        match &setting.value {
            Some(value) => format!("{key} = {value}"),
            None => format!("# {key} is not set"),
        }
    };
    let width = settings
        .iter()
        .map(|setting| line(setting).chars().count())
        .max()
        .unwrap_or(0)
        .min(60);
    let mut text = String::new();
    let mut section = "";
    for setting in settings {
        let own = section_of(&setting.name);
        if own != section {
            section = own;
            text.push_str(&format!("\n[{section}]\n"));
        }
        text.push_str(&format!("{:width$}  # {}\n", line(setting), setting.origin));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_hidden() {
        for (text, shown) in [
            ("postgres://u:secret@h/db", "postgres://u:<hidden>@h/db"),
            (
                "postgres://u:s@cr/et@h:5432/db",
                "postgres://u:<hidden>@h:5432/db",
            ),
            ("postgres://u:s@x@h/db", "postgres://u:<hidden>@h/db"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("https://h:8443", "https://h:8443"),
            ("sqlite:a.db", "sqlite:a.db"),
            ("/a:b@c", "/a:b@c"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }
}
