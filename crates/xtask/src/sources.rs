//! What must and must not stand in the code.

use crate::tree::{Crate, Finding, Kind, Source, Tree};

/// Names that say nothing about what is inside.
const BANNED_MODULES: &[&str] = &["utils", "util", "common", "helpers", "base", "misc", "manager"];

/// Macros that mark unfinished or forgotten work.
const BANNED_MACROS: &[&str] = &["todo!", "unimplemented!", "dbg!"];

/// Crates that may hold unsafe code.
const UNSAFE_CRATES: &[&str] = &["kerros-kernels", "kerros-cpu"];

/// The floor that may read arguments and the environment.
const DOORS: &[&str] = &["kerros-cli", "xtask"];

/// Checks every file of every crate.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for krate in &tree.crates {
        unsafe_code(krate, &mut findings);
        for source in &krate.sources {
            file(krate, source, &mut findings);
        }
    }
    findings
}

fn file(krate: &Crate, source: &Source, findings: &mut Vec<Finding>) {
    let mut found = |at: usize, message: &str| {
        findings.push(Finding::new(&source.path, source.code.line(at), message));
    };
    if BANNED_MODULES.contains(&source.module()) {
        found(0, "a module's name says what is inside: find it a better home");
    }
    for name in BANNED_MODULES {
        for (at, _) in source.code.places(name) {
            let declared = source.code.bare[..at].trim_end().ends_with("mod");
            if declared && source.code.bare[at + name.len()..].trim_start().starts_with('{') {
                found(at, "a module's name says what is inside: find it a better home");
            }
        }
    }
    for name in BANNED_MACROS {
        for (at, _) in source.code.places(name) {
            found(at, &format!("`{name}` marks unfinished work: finish it, or leave it out"));
        }
    }
    let product =
        |(at, in_test): (usize, bool)| (source.kind == Kind::Product && !in_test).then_some(at);
    for at in source.code.places(".unwrap()").filter_map(product) {
        found(at, "a bare unwrap: return an error, or say the invariant with `expect`");
    }
    if !DOORS.contains(&krate.name.as_str()) {
        for name in ["env::var", "env::var_os", "env::vars", "env::args", "env::args_os"] {
            for at in source.code.places(name).filter_map(product) {
                found(at, "only the programs read arguments and the environment");
            }
        }
    }
}

/// Unsafe code stays in few crates, and the others say so to the compiler.
fn unsafe_code(krate: &Crate, findings: &mut Vec<Finding>) {
    let uses = |source: &&Source| source.code.places("unsafe").next().is_some();
    let in_src = |source: &&Source| source.path.contains("/src/");
    let first = krate.sources.iter().filter(in_src).find(uses);
    let allowed = UNSAFE_CRATES.contains(&krate.name.as_str());
    match first {
        Some(source) if !allowed => {
            let message = "unsafe code belongs into kerros-kernels or a device crate";
            let line =
                source.code.places("unsafe").next().map_or(0, |(at, _)| source.code.line(at));
            findings.push(Finding::new(&source.path, line, message));
        }
        Some(_) => {}
        None => {
            let root = |source: &&Source| {
                source.path.ends_with("/src/lib.rs") || source.path.ends_with("/src/main.rs")
            };
            for source in krate.sources.iter().filter(root) {
                if !source.code.bare.contains("#![forbid(unsafe_code)]") {
                    let message = "add `#![forbid(unsafe_code)]`: the crate has no unsafe code";
                    findings.push(Finding::new(&source.path, 1, message));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::tree;

    fn messages(name: &str, files: &[(&str, &str)]) -> Vec<String> {
        let manifest = format!("[package]\nname = \"{name}\"");
        let mut all = vec![("Cargo.toml", ""), ("crates/a/Cargo.toml", manifest.as_str())];
        all.extend(files);
        check(&tree(&all)).into_iter().map(|finding| finding.to_string()).collect()
    }

    const SAFE: &str = "#![forbid(unsafe_code)]\n";

    #[test]
    fn good_code_passes() {
        let code = format!(
            "{SAFE}//! `.unwrap()` and todo!() in words.\nfn f() {{ g().unwrap_or(1) }}\n\
             #[cfg(test)]\nmod tests {{ fn t() {{ g().unwrap(); }} }}"
        );
        let files = [("crates/a/src/lib.rs", &*code), ("crates/a/tests/t.rs", "g().unwrap();")];
        assert!(messages("a", &files).is_empty());
    }

    #[test]
    fn bare_unwraps_are_found() {
        let code = format!("{SAFE}fn f() {{\n    g().unwrap();\n}}");
        let found = messages("a", &[("crates/a/src/lib.rs", &code)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/a/src/lib.rs:3: a bare unwrap"), "{found:?}");
    }

    #[test]
    fn unfinished_work_is_found_even_in_tests() {
        for name in BANNED_MACROS {
            let code = format!("fn f() {{ {name}(); }}");
            let files = [("crates/a/src/lib.rs", SAFE), ("crates/a/tests/t.rs", &*code)];
            assert_eq!(messages("a", &files).len(), 1, "{name}");
        }
    }

    #[test]
    fn empty_names_are_found() {
        let files = [("crates/a/src/lib.rs", SAFE), ("crates/a/src/helpers.rs", "")];
        assert_eq!(messages("a", &files).len(), 1);
        let files = [("crates/a/src/lib.rs", SAFE), ("crates/a/src/deep/misc/mod.rs", "")];
        assert_eq!(messages("a", &files).len(), 1);
        let inline = format!("{SAFE}mod utils {{ }}");
        assert_eq!(messages("a", &[("crates/a/src/lib.rs", &inline)]).len(), 1);
    }

    #[test]
    fn unsafe_code_stays_where_it_belongs() {
        assert_eq!(messages("a", &[("crates/a/src/lib.rs", "fn f() {}")]).len(), 1);
        assert_eq!(messages("a", &[("crates/a/src/lib.rs", "unsafe fn f() {}")]).len(), 1);
        let files = [("crates/a/src/lib.rs", "unsafe fn f() {}")];
        assert_eq!(messages("kerros-cpu", &files).len(), 0);
        let both = [("crates/a/src/lib.rs", SAFE), ("crates/a/src/main.rs", "fn main() {}")];
        assert_eq!(messages("a", &both).len(), 1);
    }

    #[test]
    fn only_doors_read_the_environment() {
        let code = format!("{SAFE}fn f() {{ std::env::var(\"A\"); }}");
        assert_eq!(messages("a", &[("crates/a/src/lib.rs", &code)]).len(), 1);
        assert_eq!(messages("kerros-cli", &[("crates/a/src/lib.rs", &code)]).len(), 0);
    }
}
