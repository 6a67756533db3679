//! The resolved dependency graph as `cargo metadata` tells it. What is forbidden in it lives in `edges`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use supplysync_tests::Outcome;

use crate::workspace::cargo;

/// A package of the graph.
#[derive(Debug, Clone, Default)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is ours.
    pub ours: bool,
    /// Ids of the packages it needs to run.
    pub normal: Vec<String>,
    /// Ids of the packages it needs only to build, or to test.
    pub other: Vec<String>,
}

/// Packages by id.
pub type Graph = BTreeMap<String, Package>;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<PackageEntry>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct PackageEntry {
    id: String,
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

/// Asks cargo for the graph on our platform, as the lock file has it.
pub fn load(root: &Path) -> Outcome<Graph> {
    let output = cargo()
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
        ])
        .arg("x86_64-unknown-linux-gnu")
        .current_dir(root)
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    read(&output.stdout)
}

fn read(json: &[u8]) -> Outcome<Graph> {
    let metadata: Metadata = serde_json::from_slice(json)?;
    let mut graph = Graph::new();
    for entry in metadata.packages {
        let ours = metadata.workspace_members.contains(&entry.id);
        let package = Package {
            name: entry.name,
            version: entry.version,
            ours,
            ..Package::default()
        };
        graph.insert(entry.id, package);
    }
    for node in metadata.resolve.nodes {
        let Some(package) = graph.get_mut(&node.id) else {
            return Err(format!("cargo metadata resolves {} without describing it", node.id).into());
        };
        for dependency in node.deps {
            let normal = dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
            let side = if normal {
                &mut package.normal
            } else {
                &mut package.other
            };
            side.push(dependency.pkg);
        }
    }
    Ok(graph)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_normal_dependencies_from_others() {
        let json = br#"{
            "packages": [{"id":"a 1","name":"a","version":"1"},{"id":"b 2","name":"b","version":"2"},
                         {"id":"c 3","name":"c","version":"3"}],
            "workspace_members": ["a 1"],
            "resolve": {"nodes": [
                {"id":"a 1","deps":[{"pkg":"b 2","dep_kinds":[{"kind":"dev"},{"kind":null}]},
                                    {"pkg":"c 3","dep_kinds":[{"kind":"dev"}]}]},
                {"id":"b 2","deps":[]},{"id":"c 3","deps":[]}]}}"#;
        let graph = read(json).unwrap();
        assert!(graph["a 1"].ours && !graph["b 2"].ours);
        assert_eq!(graph["a 1"].normal, ["b 2"]);
        assert_eq!(graph["a 1"].other, ["c 3"]);
    }
}
