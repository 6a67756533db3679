//! `cargo xtask tidy`: gathers the findings of each check and fails if there are any.

mod edges;
mod files;
mod graph;
mod purity;

use supplysync_tests::Outcome;

use crate::workspace;

/// Runs every check, prints all findings at once.
pub fn run() -> Outcome<()> {
    let root = workspace::root();
    let graph = graph::load(&root)?;
    let sources = files::load(&root)?;

    let mut findings = edges::forbidden_edges(&graph);
    findings.extend(edges::forbidden_crates(&graph));
    findings.extend(edges::doubled_crates(&graph));
    findings.extend(files::too_long(&sources));
    findings.extend(files::undocumented(&sources));
    findings.extend(files::badly_named(&sources));
    findings.extend(purity::impure(&sources));

    if findings.is_empty() {
        println!(
            "tidy: {} packages, {} files, nothing to say",
            graph.len(),
            sources.len()
        );
        return Ok(());
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    Err(format!("{} findings", findings.len()).into())
}
