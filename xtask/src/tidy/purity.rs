//! sync-core is pure: its source may not name async, IO, a clock, or randomness outside its simulator. The
//! dependency table says the same of crates; this catches what the standard library offers.

use std::path::Path;

use super::files::Source;

/// What the core may not name, with why.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "an async runtime"),
    ("tonic", "a transport"),
    ("sea_orm", "a database"),
    ("sqlx", "a database"),
    ("async", "async code"),
    ("await", "async code"),
    ("SystemTime", "the wall clock"),
    ("Instant", "a clock"),
    ("now_v7", "a clock and random bits"),
    ("now_utc", "the wall clock"),
    ("new_v4", "random bits"),
    ("thread_rng", "random bits"),
    ("OsRng", "random bits"),
    ("std::fs", "files"),
    ("std::net", "the network"),
    ("std::thread", "threads"),
    ("std::env", "the environment"),
    ("HashMap", "an order that changes from run to run (use BTreeMap)"),
    ("HashSet", "an order that changes from run to run (use BTreeSet)"),
];

/// Allowed in the simulator only, which seeds it.
const SIMULATOR_ONLY: &[(&str, &str)] = &[("rand", "random bits"), ("rand_chacha", "random bits")];

/// Uses of the outside world in sync-core.
pub fn impure(sources: &[Source]) -> Vec<String> {
    let core = Path::new("shared/sync-core/src");
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with(core)) {
        let simulator = source.path.starts_with(core.join("simulator"));
        let more = if simulator { &[] } else { SIMULATOR_ONLY };
        for (number, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (word, why) in IMPURE.iter().chain(more).filter(|(word, _)| names(code, word)) {
                let path = source.path.display();
                findings.push(format!(
                    "{path}:{}: sync-core may not use {why}: {word}",
                    number + 1
                ));
            }
        }
    }
    findings
}

/// Whether `code` has `word` as a whole word.
fn names(code: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        impure(&[Source {
            path: path.into(),
            text: text.into(),
        }])
        .len()
    }

    #[test]
    fn each_impurity_is_found_where_it_matters() {
        for line in [
            "use tokio::sync::mpsc;",
            "async fn go() {}",
            "let at = std::time::Instant::now();",
            "let at = SystemTime::now();",
            "use rand::Rng;",
            "use tonic::Status;",
            "use sea_orm::Set;",
            "let rows: HashMap<u8, u8> = x;",
        ] {
            assert_eq!(findings("shared/sync-core/src/decide.rs", line), 1, "{line}");
            assert_eq!(findings("shared/net/src/client.rs", line), 0, "{line}");
        }
    }

    #[test]
    fn the_simulator_may_use_seeded_randomness_but_no_clock() {
        assert_eq!(
            findings(
                "shared/sync-core/src/simulator/world/mod.rs",
                "use rand_chacha::ChaCha8Rng;"
            ),
            0
        );
        assert_eq!(
            findings("shared/sync-core/src/simulator/world/mod.rs", "Instant::now()"),
            1
        );
    }

    #[test]
    fn words_in_comments_and_inside_other_words_are_fine() {
        assert_eq!(findings("shared/sync-core/src/decide.rs", "// no tokio here"), 0);
        assert_eq!(
            findings("shared/sync-core/src/decide.rs", "let operand = brand;"),
            0
        );
    }
}
