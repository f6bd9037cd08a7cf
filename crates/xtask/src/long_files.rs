//! Files of more than 800 lines need a reason.

use crate::tree::{Finding, Tree};

/// From this many lines on a file needs a line in [`LONG`].
const MAX_LINES: usize = 800;

/// Long files, with the reason why one idea takes so many lines.
const LONG: &[(&str, &str)] = &[];

/// Checks the lengths, and that no line of [`LONG`] is out of date.
pub fn check(tree: &Tree) -> Vec<Finding> {
    check_against(tree, LONG)
}

fn check_against(tree: &Tree, long: &[(&str, &str)]) -> Vec<Finding> {
    let sources = || tree.crates.iter().flat_map(|krate| &krate.sources);
    let mut findings = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        let excused = long.iter().any(|(path, reason)| *path == source.path && !reason.is_empty());
        if lines > MAX_LINES && !excused {
            let message = format!(
                "{lines} lines: cut it by ideas, or add the reason to LONG in xtask/src/long_files.rs"
            );
            findings.push(Finding::new(&source.path, 0, message));
        }
    }
    for (path, _) in long {
        let still =
            sources().any(|source| source.path == *path && source.text.lines().count() > MAX_LINES);
        if !still {
            let message = "is not long: take it out of LONG in xtask/src/long_files.rs";
            findings.push(Finding::new(path, 0, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    #[test]
    fn long_files_need_a_reason_and_reasons_need_long_files() {
        let long = "// line\n".repeat(MAX_LINES + 1);
        let tree = tree(&[
            ("Cargo.toml", ""),
            ("crates/a/Cargo.toml", "[package]\nname = \"a\""),
            ("crates/a/src/lib.rs", &long),
            ("crates/a/src/short.rs", &"// line\n".repeat(MAX_LINES)),
        ]);
        assert_eq!(check_against(&tree, &[]).len(), 1);
        assert_eq!(check_against(&tree, &[("crates/a/src/lib.rs", "a table")]).len(), 0);
        assert_eq!(check_against(&tree, &[("crates/a/src/lib.rs", "")]).len(), 1);
        let stale = [("crates/a/src/lib.rs", "a table"), ("crates/a/src/short.rs", "why")];
        assert_eq!(check_against(&tree, &stale).len(), 1);
    }
}
