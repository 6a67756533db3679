//! Hand-written source files: how long, what they are called, and whether each says what lives there.

use std::path::{Path, PathBuf};

use supplysync_tests::Outcome;

/// More lines than this, and a file has more than one noun.
const MOST_LINES: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "manager", "misc"];

/// A source file.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path from the workspace's root.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// All hand-written Rust of the workspace; generated code lives in the target folder.
pub fn load(root: &Path) -> Outcome<Vec<Source>> {
    let mut sources = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if entry.file_type()?.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    open.push(entry.path());
                }
            } else if name.ends_with(".rs") {
                let path = entry.path();
                let text = std::fs::read_to_string(&path)?;
                let path = path.strip_prefix(root).map_or(path.clone(), Path::to_path_buf);
                sources.push(Source { path, text });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    if sources.is_empty() {
        return Err(format!("no source files under {}", root.display()).into());
    }
    Ok(sources)
}

/// Files over the limit.
pub fn too_long(sources: &[Source]) -> Vec<String> {
    let lengths = sources.iter().map(|source| (source, source.text.lines().count()));
    let long = lengths.filter(|(_, lines)| *lines > MOST_LINES);
    long.map(|(source, lines)| {
        format!(
            "{} has {lines} lines: split it (the limit is {MOST_LINES})",
            source.path.display()
        )
    })
    .collect()
}

/// Files that don't open with a line that says what lives there.
pub fn undocumented(sources: &[Source]) -> Vec<String> {
    let says = |source: &&Source| {
        let first = source.text.lines().next().unwrap_or_default();
        first
            .strip_prefix("//!")
            .is_none_or(|words| words.trim().len() < 8)
    };
    let silent = sources.iter().filter(says);
    silent
        .map(|source| {
            format!(
                "{} does not open with `//!` and what lives there",
                source.path.display()
            )
        })
        .collect()
}

/// Files and folders with a name that says nothing.
pub fn badly_named(sources: &[Source]) -> Vec<String> {
    let empty = |source: &&Source| {
        let path = source.path.with_extension("");
        path.iter()
            .any(|part| EMPTY_NAMES.iter().any(|name| part == *name))
    };
    let empty = sources.iter().filter(empty);
    empty
        .map(|source| format!("{} has a name that says nothing", source.path.display()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Vec<Source> {
        vec![Source {
            path: path.into(),
            text: text.into(),
        }]
    }

    #[test]
    fn a_long_file_is_found() {
        assert!(too_long(&source("a.rs", &"x\n".repeat(500))).is_empty());
        assert_eq!(too_long(&source("a.rs", &"x\n".repeat(501))).len(), 1);
    }

    #[test]
    fn a_file_without_its_line_is_found() {
        assert!(undocumented(&source("a.rs", "//! Carts and horses.\nfn a() {}")).is_empty());
        for text in [
            "fn a() {}",
            "",
            "//!\n",
            "// Carts and horses.",
            "\n//! Carts and horses.",
        ] {
            assert_eq!(undocumented(&source("a.rs", text)).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn an_empty_name_is_found() {
        assert!(badly_named(&source("src/cart.rs", "")).is_empty());
        assert_eq!(badly_named(&source("src/utils.rs", "")).len(), 1);
        assert_eq!(badly_named(&source("src/common/mod.rs", "")).len(), 1);
    }

    #[test]
    fn finds_this_very_file() {
        let sources = load(&crate::workspace::root()).unwrap();
        assert!(
            sources
                .iter()
                .any(|source| source.path == Path::new("xtask/src/tidy/files.rs"))
        );
        assert!(!sources.iter().any(|source| source.path.starts_with("target")));
    }
}
