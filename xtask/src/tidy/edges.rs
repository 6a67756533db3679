//! Which crate may depend on which: the one-way rule between our crates, crates that nobody may pull in, crates
//! that may be there once only, and libraries that one room keeps to itself.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Package};

/// What each of our crates may depend on, of ours. Programs for developers may use everything.
const ALLOWED: &[(&str, &[&str])] = &[
    ("supplysync-model", &[]),
    ("supplysync-record-codec", &["supplysync-model"]),
    ("supplysync-sync-core", &["supplysync-model"]),
    ("supplysync-net", &["supplysync-model"]),
    ("supplysync-runtime", &["supplysync-model"]),
    (
        "supplysync-store",
        &[
            "supplysync-model",
            "supplysync-record-codec",
            "supplysync-sync-core",
        ],
    ),
    ("supplysync-api", &["supplysync-model", "supplysync-record-codec"]),
    ("supplysync-node", SHARED),
    ("primary-svc", SERVICE),
    ("satellite-svc", SERVICE),
    ("supplysync-tests", EVERYTHING),
    ("supplysync-laws", EVERYTHING),
    ("xtask", EVERYTHING),
];
const SHARED: &[&str] = &[
    "supplysync-model",
    "supplysync-record-codec",
    "supplysync-sync-core",
    "supplysync-store",
    "supplysync-api",
    "supplysync-net",
    "supplysync-runtime",
];
const SERVICE: &[&str] = &[
    "supplysync-model",
    "supplysync-record-codec",
    "supplysync-sync-core",
    "supplysync-store",
    "supplysync-api",
    "supplysync-net",
    "supplysync-runtime",
    "supplysync-node",
];
const EVERYTHING: &[&str] = &[
    "supplysync-model",
    "supplysync-record-codec",
    "supplysync-sync-core",
    "supplysync-store",
    "supplysync-api",
    "supplysync-net",
    "supplysync-runtime",
    "supplysync-node",
    "primary-svc",
    "satellite-svc",
    "supplysync-tests",
    "supplysync-laws",
];

/// Libraries that only the named crates of ours may name: the database stays in the store, the benchmark's
/// yardstick out of the product.
const KEPT_TO: &[(&str, &[&str])] = &[
    ("sea-orm", &["supplysync-store"]),
    ("sqlx", &["supplysync-store"]),
    // The benchmark's yardstick; and process tests change databases behind the programs' backs.
    ("rusqlite", &["xtask", "supplysync-tests"]),
    ("rcgen", &["supplysync-net"]),
];

/// All that the pure core may name to run; the random ones only inside the simulator's feature.
const CORE_MAY_NAME: &[&str] = &[
    "supplysync-model",
    "bytes",
    "blake3",
    "uuid",
    "thiserror",
    "rand",
    "rand_chacha",
];

/// Crates that may not be in a program of ours: a second TLS library, C code that needs installing, a second calendar.
const FORBIDDEN: &[&str] = &[
    "aws-lc-rs",
    "aws-lc-sys",
    "aws-lc-fips-sys",
    "native-tls",
    "openssl",
    "openssl-sys",
    "chrono",
];

/// Crates of which a second version would double code, or mix types that look the same.
const ONCE: &[&str] = &["rustls", "tonic", "prost"];

/// Edges between our crates that go the wrong way, and libraries named outside their room.
pub fn forbidden_edges(graph: &Graph) -> Vec<String> {
    let mut findings = Vec::new();
    for package in graph.values().filter(|package| package.ours) {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
            findings.push(format!(
                "{} is not in tidy's table of crates: say what it may depend on",
                package.name
            ));
            continue;
        };
        for dependency in dependencies(graph, package) {
            if dependency.ours && !allowed.contains(&dependency.name.as_str()) {
                findings.push(format!("{} may not depend on {}", package.name, dependency.name));
            }
            if FORBIDDEN.contains(&dependency.name.as_str()) {
                findings.push(format!("{} may not name {}", package.name, dependency.name));
            }
            let room = KEPT_TO.iter().find(|(library, _)| *library == dependency.name);
            if let Some((library, rooms)) = room
                && !rooms.contains(&package.name.as_str())
            {
                findings.push(format!(
                    "{} may not name {library}: only {} may",
                    package.name,
                    rooms.join(", ")
                ));
            }
        }
        if package.name == "supplysync-sync-core" {
            let run = package.normal.iter().filter_map(|id| graph.get(id));
            let strangers = run.filter(|dependency| !CORE_MAY_NAME.contains(&dependency.name.as_str()));
            findings
                .extend(strangers.map(|stranger| format!("sync-core may not depend on {}", stranger.name)));
        }
    }
    findings
}

/// Forbidden crates that a program of ours would contain, with one way to each.
pub fn forbidden_crates(graph: &Graph) -> Vec<String> {
    let shipped = shipped(graph);
    let mut findings = Vec::new();
    for (id, way) in &shipped {
        let Some(package) = graph.get(id) else { continue };
        if FORBIDDEN.contains(&package.name.as_str()) {
            findings.push(format!("{} is in the programs: {way}", package.name));
        }
    }
    findings
}

/// Crates that the programs would contain in several versions.
pub fn doubled_crates(graph: &Graph) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for id in shipped(graph).keys() {
        if let Some(package) = graph
            .get(id)
            .filter(|package| ONCE.contains(&package.name.as_str()))
        {
            versions
                .entry(&package.name)
                .or_default()
                .insert(&package.version);
        }
    }
    let doubled = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    doubled
        .map(|(name, versions)| {
            let versions: Vec<_> = versions.into_iter().collect();
            format!("{name} is there more than once: {}", versions.join(", "))
        })
        .collect()
}

fn dependencies<'g>(graph: &'g Graph, package: &'g Package) -> impl Iterator<Item = &'g Package> {
    package
        .normal
        .iter()
        .chain(&package.other)
        .filter_map(|id| graph.get(id))
}

/// What our programs contain: everything reached from our crates by normal edges, with the way there.
fn shipped(graph: &Graph) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open: Vec<(String, String)> = Vec::new();
    for (id, package) in graph.iter().filter(|(_, package)| package.ours) {
        open.push((id.clone(), package.name.clone()));
    }
    while let Some((id, way)) = open.pop() {
        if found.contains_key(&id) {
            continue;
        }
        let Some(package) = graph.get(&id) else { continue };
        for next in &package.normal {
            if let Some(dependency) = graph.get(next) {
                open.push((next.clone(), format!("{way} → {}", dependency.name)));
            }
        }
        found.insert(id, way);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph::new();
        for (from, to) in edges {
            for id in [from, to] {
                let (name, version) = id.split_once('@').unwrap_or((id, "1"));
                let ours = ALLOWED.iter().any(|(known, _)| *known == name);
                let package = graph.entry((*id).to_owned()).or_default();
                *package = Package {
                    name: name.to_owned(),
                    version: version.to_owned(),
                    ours,
                    ..package.clone()
                };
            }
            graph.get_mut(*from).unwrap().normal.push((*to).to_owned());
        }
        graph
    }

    #[test]
    fn an_edge_against_the_stream_is_found() {
        let good = graph(&[
            ("supplysync-store", "supplysync-model"),
            ("supplysync-store", "sea-orm"),
        ]);
        assert_eq!(forbidden_edges(&good), Vec::<String>::new());
        let bad = graph(&[("supplysync-model", "supplysync-store")]);
        assert_eq!(
            forbidden_edges(&bad),
            ["supplysync-model may not depend on supplysync-store"]
        );
    }

    #[test]
    fn a_dev_dependency_counts_as_an_edge_too() {
        let mut bad = graph(&[
            ("supplysync-net", "supplysync-model"),
            ("supplysync-store", "supplysync-model"),
        ]);
        bad.get_mut("supplysync-net")
            .unwrap()
            .other
            .push("supplysync-store".into());
        assert_eq!(
            forbidden_edges(&bad),
            ["supplysync-net may not depend on supplysync-store"]
        );
    }

    #[test]
    fn a_library_outside_its_room_is_found() {
        let bad = graph(&[("supplysync-node", "sqlx")]);
        assert_eq!(
            forbidden_edges(&bad),
            ["supplysync-node may not name sqlx: only supplysync-store may"]
        );
    }

    #[test]
    fn the_core_stays_pure() {
        let bad = graph(&[("supplysync-sync-core", "tokio")]);
        assert_eq!(forbidden_edges(&bad), ["sync-core may not depend on tokio"]);
    }

    #[test]
    fn a_crate_that_tidy_does_not_know_is_found() {
        let mut bad = graph(&[("supplysync-helpers", "supplysync-model")]);
        bad.get_mut("supplysync-helpers").unwrap().ours = true;
        assert!(forbidden_edges(&bad)[0].contains("not in tidy's table"));
    }

    #[test]
    fn a_forbidden_crate_is_found_however_deep_but_not_in_build_tools() {
        let bad = graph(&[("primary-svc", "reqwest"), ("reqwest", "openssl")]);
        assert_eq!(
            forbidden_crates(&bad),
            ["openssl is in the programs: primary-svc → reqwest → openssl"]
        );
        let mut tool = graph(&[("primary-svc", "reqwest")]);
        tool.insert(
            "openssl".into(),
            Package {
                name: "openssl".into(),
                ..Package::default()
            },
        );
        tool.get_mut("reqwest").unwrap().other.push("openssl".into());
        assert_eq!(forbidden_crates(&tool), Vec::<String>::new());
    }

    #[test]
    fn two_versions_of_one_library_are_found() {
        let bad = graph(&[("primary-svc", "prost@0.13"), ("primary-svc", "prost@0.14")]);
        assert_eq!(
            doubled_crates(&bad),
            ["prost is there more than once: 0.13, 0.14"]
        );
        let fine = graph(&[
            ("primary-svc", "prost@0.14"),
            ("primary-svc", "rand@0.8"),
            ("xtask", "rand@0.9"),
        ]);
        assert_eq!(doubled_crates(&fine), Vec::<String>::new());
    }
}
