//! Imports go down only: each crate stands on a floor and uses crates of lower floors.

use crate::tree::{Crate, Finding, Tree};

/// The crates of the house with their floors, lowest first. A crate for tests only has none.
pub const FLOORS: &[(&str, Option<u8>)] = &[
    ("kerros-core", Some(0)),
    ("kerros-kernels", Some(1)),
    ("kerros-graph", Some(1)),
    ("kerros-plan", Some(2)),
    ("kerros-cpu", Some(3)),
    ("kerros-data", Some(3)),
    ("kerros", Some(4)),
    ("kerros-cli", Some(5)),
    ("kerros-testkit", None),
    ("xtask", None),
];

fn is_known(name: &str) -> bool {
    FLOORS.iter().any(|(known, _)| *known == name)
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).and_then(|(_, floor)| *floor)
}

/// Checks the dependency tables and the paths in the code of every crate.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for krate in &tree.crates {
        if !is_known(&krate.name) {
            let message = format!("`{}` has no floor: add it to FLOORS in xtask", krate.name);
            findings.push(Finding::new(&krate.manifest_path, 0, message));
            continue;
        }
        tables(krate, &mut findings);
        paths(krate, &mut findings);
    }
    findings
}

/// Why `name` may not depend on `other`, if so.
fn forbidden(name: &str, other: &str, for_tests: bool) -> Option<String> {
    match (floor(name), floor(other)) {
        (_, None) if for_tests => None,
        (Some(_), None) => Some(format!("`{other}` is for tests: it may only be a dev-dependency")),
        (Some(own), Some(below)) if below >= own => Some(format!(
            "`{name}` (floor {own}) uses `{other}` (floor {below}): imports go down only"
        )),
        _ => None,
    }
}

fn tables(krate: &Crate, findings: &mut Vec<Finding>) {
    for (table, for_tests) in
        [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
    {
        for other in krate.dependencies(table).into_iter().filter(|other| is_known(other)) {
            if let Some(message) = forbidden(&krate.name, other, for_tests) {
                findings.push(Finding::new(&krate.manifest_path, 0, message));
            }
        }
    }
}

/// Paths such as `kerros_graph::Node` in the code: a check of its own, since a dependency
/// may be renamed in the table, or come in by way of another crate.
fn paths(krate: &Crate, findings: &mut Vec<Finding>) {
    for source in &krate.sources {
        for (other, _) in FLOORS.iter().filter(|(other, _)| *other != krate.name) {
            let ident = other.replace('-', "_");
            for (at, in_test) in source.code.places(&ident) {
                let rest = &source.code.bare[at + ident.len()..];
                let before = source.code.bare[..at].trim_end();
                let is_path = rest.starts_with("::") && !before.ends_with("::");
                let is_use = before.ends_with("use") || before.ends_with("extern crate");
                let for_tests = in_test || source.kind == crate::tree::Kind::Test;
                if let Some(message) = forbidden(&krate.name, other, for_tests)
                    && (is_path || is_use)
                {
                    findings.push(Finding::new(&source.path, source.code.line(at), message));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    fn messages(manifest: &str, source: &str) -> Vec<String> {
        let tree = tree(&[
            ("Cargo.toml", ""),
            ("crates/g/Cargo.toml", manifest),
            ("crates/g/src/lib.rs", source),
        ]);
        check(&tree).into_iter().map(|finding| finding.to_string()).collect()
    }

    const GRAPH: &str = "[package]\nname = \"kerros-graph\"\n";

    #[test]
    fn down_is_fine() {
        let manifest = format!(
            "{GRAPH}[dependencies]\nkerros-core.workspace = true\n\
             [dev-dependencies]\nkerros-testkit.workspace = true"
        );
        let source = "//! As kerros_kernels::gemm.\nuse kerros_core::Tensor;\n\
                      #[cfg(test)]\nmod tests { use kerros_testkit::Draw; }";
        assert!(messages(&manifest, source).is_empty());
    }

    #[test]
    fn sideways_and_up_are_found_in_the_table() {
        for other in ["kerros-kernels", "kerros-plan", "kerros"] {
            let manifest = format!("{GRAPH}[dependencies]\n{other}.workspace = true");
            let found = messages(&manifest, "");
            assert_eq!(found.len(), 1, "{other}: {found:?}");
            assert!(found[0].contains("imports go down only"), "{found:?}");
        }
        let manifest = format!("{GRAPH}[dev-dependencies]\nkerros-plan.workspace = true");
        assert_eq!(messages(&manifest, "").len(), 1);
    }

    #[test]
    fn up_is_found_in_the_code() {
        let found = messages(GRAPH, "use kerros_core::Tensor;\n\nuse kerros_plan::Plan;\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/g/src/lib.rs:3: "), "{found:?}");
        assert_eq!(messages(GRAPH, "fn f() -> kerros::Model { kerros::model() }").len(), 2);
    }

    #[test]
    fn test_crates_stay_in_tests() {
        let manifest = format!("{GRAPH}[dependencies]\nkerros-testkit.workspace = true");
        assert_eq!(messages(&manifest, "").len(), 1);
        assert_eq!(messages(GRAPH, "use kerros_testkit::Draw;").len(), 1);
    }

    #[test]
    fn a_crate_without_a_floor_is_named() {
        assert_eq!(messages("[package]\nname = \"stray\"", "").len(), 1);
    }
}
