//! Every dependency from outside has a line in ARCHITECTURE.md, and a crate that uses it.

use crate::tree::{Finding, Tree};

/// Where the dependencies are declared.
const MANIFEST: &str = "Cargo.toml";

/// Checks the workspace's dependency table against the crates and the document.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let declared = tree.manifest.get("workspace").and_then(|table| table.get("dependencies"));
    let outside: Vec<&str> = declared
        .and_then(|table| table.as_table())
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    let mut findings = Vec::new();
    for name in &outside {
        if !rows(&tree.architecture).any(|row| row == *name) {
            let message =
                format!("`{name}` has no line in ARCHITECTURE.md's table of dependencies");
            findings.push(Finding::new(MANIFEST, 0, message));
        }
        let used = tree.crates.iter().any(|krate| {
            ["dependencies", "dev-dependencies", "build-dependencies"]
                .iter()
                .any(|table| krate.dependencies(table).contains(name))
        });
        if !used {
            let message = format!("no crate uses `{name}`: take it out");
            findings.push(Finding::new(MANIFEST, 0, message));
        }
    }
    for row in rows(&tree.architecture).filter(|row| !outside.contains(row)) {
        let message = format!("`{row}` is in the table of dependencies, not in Cargo.toml");
        findings.push(Finding::new("ARCHITECTURE.md", 0, message));
    }
    for krate in &tree.crates {
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for name in krate.dependencies(table) {
                let shared = krate.manifest[table][name].get("workspace").is_some();
                if !shared {
                    let message = format!("`{name}`: declare it once, in the workspace's table");
                    findings.push(Finding::new(&krate.manifest_path, 0, message));
                }
            }
        }
    }
    findings
}

/// The names in the first column of the table under the heading "Dependencies".
fn rows(architecture: &str) -> impl Iterator<Item = &str> {
    let mut lines = architecture.lines();
    lines.by_ref().find(|line| line.starts_with('#') && line.ends_with("Dependencies"));
    lines.take_while(|line| !line.starts_with('#')).filter_map(|line| {
        let name = line.strip_prefix("| `")?;
        name.split('`').next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    fn messages(workspace: &str, krate: &str, architecture: &str) -> Vec<String> {
        let manifest = format!("[workspace.dependencies]\n{workspace}");
        let krate = format!("[package]\nname = \"a\"\n[dependencies]\n{krate}");
        let tree = tree(&[
            ("Cargo.toml", &manifest),
            ("ARCHITECTURE.md", architecture),
            ("crates/a/Cargo.toml", &krate),
        ]);
        check(&tree).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn declared_used_and_explained() {
        let table = "# 1. Dependencies\n| crate | why |\n|---|---|\n| `csv` | reads |\n# Next\n";
        assert!(messages("csv = \"1\"", "csv.workspace = true", table).is_empty());
    }

    #[test]
    fn each_omission_is_found() {
        let table = "## Dependencies\n| `csv` | reads |\n";
        assert_eq!(messages("csv = \"1\"", "csv.workspace = true", "").len(), 1);
        assert_eq!(messages("csv = \"1\"", "", table).len(), 1);
        assert_eq!(messages("", "", table).len(), 1);
        assert_eq!(messages("csv = \"1\"", "csv = \"1\"", table).len(), 1);
        assert_eq!(messages("a = { path = \"crates/a\" }", "", "").len(), 0);
    }
}
