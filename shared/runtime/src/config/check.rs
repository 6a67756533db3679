//! Checking a layer against the tree of defaults: unknown settings and wrong types, all of them, before serde stops at one.

use figment::value::{Dict, Value};

use super::Problem;

/// Notes what in `values` no default has, or has another type, and takes it out.
pub(super) fn section(
    values: &mut Dict,
    defaults: &Value,
    prefix: &str,
    origin: &str,
    problems: &mut Vec<Problem>,
) {
    let Some(known) = defaults.as_dict() else {
        return;
    };
    // Nothing inside by default: an open map, which serde judges.
    if known.is_empty() {
        return;
    }
    values.retain(|key, value| {
        let setting = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        let mut problem = |what| {
            problems.push(Problem {
                setting: setting.clone(),
                origin: origin.to_owned(),
                what,
            });
            false
        };
        match (known.get(key), &mut *value) {
            (None, _) => problem(unknown(key, known)),
            (Some(inner @ Value::Dict(..)), Value::Dict(_, values)) => {
                section(values, inner, &setting, origin, problems);
                true
            }
            (Some(default), value) if fits(value, default) => true,
            (Some(default), value) => problem(format!("{} is expected, not {}", sort(default), sort(value))),
        }
    });
}

/// Takes the value at `path` out; false when it is not there.
pub(super) fn take_out(values: &mut Dict, path: &[String]) -> bool {
    match path {
        [] => false,
        [last] => values.remove(last).is_some(),
        [first, rest @ ..] => match values.get_mut(first) {
            Some(Value::Dict(_, inner)) => take_out(inner, rest),
            // Within a list: the list goes as a whole.
            Some(_) => values.remove(first).is_some(),
            None => false,
        },
    }
}

fn fits(value: &Value, default: &Value) -> bool {
    use Value::{Array, Bool, Char, Dict, Empty, Num, String};
    matches!(
        (value, default),
        (_, Empty(..))
            | (String(..) | Char(..), String(..) | Char(..))
            | (Bool(..), Bool(..))
            | (Num(..), Num(..))
            | (Array(..), Array(..))
            | (Dict(..), Dict(..))
    )
}

fn sort(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "a text",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Empty(..) => "nothing",
        Value::Dict(..) => "a section",
        Value::Array(..) => "a list",
    }
}

fn unknown(key: &str, known: &Dict) -> String {
    let nearest = known
        .keys()
        .map(|candidate| (distance(key, candidate), candidate))
        .min();
    match nearest {
        Some((edits, candidate)) if edits <= 2 => {
            format!("there is no such setting; did you mean {candidate}?")
        }
        _ => {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            format!("there is no such setting; known here: {}", names.join(", "))
        }
    }
}

/// Edits (insert, remove, replace) from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, a) in from.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&to) {
            let edits = (diagonal + usize::from(a != *b)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = edits;
            left = edits;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, edits) in [
            ("", "", 0),
            ("a", "", 1),
            ("filtre", "filter", 2),
            ("format", "format", 0),
            ("abc", "xyz", 3),
        ] {
            assert_eq!(distance(from, to), edits, "{from} {to}");
            assert_eq!(distance(to, from), edits, "{to} {from}");
        }
    }
}
