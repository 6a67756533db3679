//! `cargo xtask defects`: is the simulator worth its name? Each of a list of deliberate defects is put into a copy of the
//! sources, and the simulator must notice it within 20,000 seeds. The list is in `list`.

mod list;
mod tree;

use std::process::Command;

use clap::Args;
use supplysync_tests::Outcome;

use list::{DEFECTS, Defect};
use tree::Tree;

/// Which defects, and how long to look for each.
#[derive(Args)]
pub struct Arguments {
    /// Only those whose name holds this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Seeds after which a defect counts as not noticed.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
}

/// Puts each defect in, and looks for it; fails if one is not noticed.
pub fn run(arguments: &Arguments) -> Outcome<()> {
    let text = arguments.only.as_deref().unwrap_or_default();
    let wanted: Vec<_> = DEFECTS
        .iter()
        .filter(|defect| defect.name.contains(text))
        .collect();
    if wanted.is_empty() {
        return Err(format!("no defect's name holds {text:?}; without --only all are tried").into());
    }
    let tree = Tree::copy()?;
    println!("without a defect:");
    if let Some(noticed) = look(&tree, 200)? {
        return Err(format!("a promise is broken without any defect: {noticed}").into());
    }
    let mut missed = Vec::new();
    for defect in &wanted {
        println!("{}:", defect.name);
        if !find(&tree, defect, arguments.seeds)? {
            missed.push(defect.name);
        }
    }
    if missed.is_empty() {
        println!("all {} defects were noticed", wanted.len());
        return Ok(());
    }
    Err(format!("not noticed: {}", missed.join("; ")).into())
}

fn find(tree: &Tree, defect: &Defect, seeds: u64) -> Outcome<bool> {
    let _in_place = tree.change(defect)?;
    let noticed = look(tree, seeds)?;
    Ok(noticed.is_some())
}

/// What the simulator says of the tree as it is; `None` if no promise was broken.
fn look(tree: &Tree, seeds: u64) -> Outcome<Option<String>> {
    let program = tree.build()?;
    let said = Command::new(program).args(["0", &seeds.to_string()]).output()?;
    let line = String::from_utf8_lossy(&said.stdout);
    let line: String = line.trim().chars().take(160).collect();
    println!("    {line}");
    match said.status.code() {
        Some(0) => Ok(None),
        Some(1) => Ok(Some(line)),
        _ => Err(format!("the simulator did not end in order: {said:?}").into()),
    }
}
