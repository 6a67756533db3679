//! Keeping a plan that found something: a small text file that every test run reads.

use supplysync_sync_core::simulator::Plan;
use supplysync_tests::Outcome;

use crate::workspace;

/// Writes it down: the plan first, then what it found.
pub fn keep(plan: &Plan, words: &str) -> Outcome<()> {
    let name = words
        .split_whitespace()
        .take(5)
        .map(|word| {
            let letters = word.chars().filter(char::is_ascii_alphanumeric);
            letters.collect::<String>().to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-");
    let file = format!("tests/regressions/{name}-{}.txt", plan.seed);
    std::fs::write(workspace::root().join(&file), format!("{plan}\n{words}\n"))?;
    println!("kept as {file}");
    Ok(())
}
