//! The source tree as the checks see it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

use crate::code::{self, Code};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the root, with `/` between folders.
    pub path: String,
    /// The line, counted from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    /// A finding at a line of a file.
    pub fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Finding { path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// What a file is compiled into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The library or program itself.
    Product,
    /// Tests, examples, benches: may stop on a surprise.
    Test,
}

/// One Rust file.
#[derive(Debug)]
pub struct Source {
    /// The path relative to the root, with `/` between folders.
    pub path: String,
    /// What it is compiled into.
    pub kind: Kind,
    /// The text as it stands.
    pub text: String,
    /// The text with comments, strings and test modules told apart.
    pub code: Code,
}

impl Source {
    /// The last part of the path without `.rs`, or the folder's name for a `mod.rs`.
    pub fn module(&self) -> &str {
        let path = self.path.strip_suffix("/mod.rs").unwrap_or(&self.path);
        let name = path.rsplit('/').next().unwrap_or(path);
        name.strip_suffix(".rs").unwrap_or(name)
    }
}

/// One crate of the workspace.
#[derive(Debug)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Where its Cargo.toml is, relative to the root.
    pub manifest_path: String,
    /// Its Cargo.toml.
    pub manifest: Table,
    /// Its Rust files, in the order of their paths.
    pub sources: Vec<Source>,
}

impl Crate {
    /// The names in one of the manifest's dependency tables.
    pub fn dependencies(&self, table: &str) -> Vec<&str> {
        let found = self.manifest.get(table).and_then(|table| table.as_table());
        found.into_iter().flat_map(|table| table.keys().map(String::as_str)).collect()
    }
}

/// The workspace.
#[derive(Debug)]
pub struct Tree {
    /// The root's Cargo.toml.
    pub manifest: Table,
    /// ARCHITECTURE.md; empty when there is none.
    pub architecture: String,
    /// The crates in the order of their folders.
    pub crates: Vec<Crate>,
}

impl Tree {
    /// Reads `root/Cargo.toml`, `root/ARCHITECTURE.md` and everything under `root/crates`.
    ///
    /// # Errors
    /// A file that cannot be read, or a Cargo.toml that is no TOML.
    pub fn load(root: &Path) -> Result<Tree, String> {
        let manifest = table(&root.join("Cargo.toml"))?;
        let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap_or_default();
        let mut crates = Vec::new();
        for folder in entries(&root.join("crates"))? {
            if !folder.join("Cargo.toml").is_file() {
                continue;
            }
            let manifest = table(&folder.join("Cargo.toml"))?;
            let named = manifest.get("package").and_then(|package| package.get("name"));
            let name = named.and_then(|name| name.as_str()).unwrap_or_default().to_string();
            let mut files = Vec::new();
            rust_files(&folder, &mut files)?;
            let sources = sources(root, &folder, &files)?;
            let manifest_path = relative(root, &folder.join("Cargo.toml"));
            crates.push(Crate { name, manifest_path, manifest, sources });
        }
        Ok(Tree { manifest, architecture, crates })
    }
}

fn table(path: &Path) -> Result<Table, String> {
    read(path)?.parse().map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let broken = |error| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(broken)? {
        paths.push(entry.map_err(broken)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    for path in entries(folder)? {
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn sources(root: &Path, folder: &Path, files: &[PathBuf]) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for path in files {
        let text = read(path)?;
        let product = path.starts_with(folder.join("src"));
        let kind = if product { Kind::Product } else { Kind::Test };
        let code = code::read(&text);
        sources.push(Source { path: relative(root, path), kind, text, code });
    }
    // A module declared under `#[cfg(test)]` is a test, and so is all below it.
    let mut tests: Vec<String> = Vec::new();
    for source in &sources {
        let (parent, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
        let home = match file {
            "mod.rs" | "lib.rs" | "main.rs" => parent.to_string(),
            _ => format!("{parent}/{}", file.trim_end_matches(".rs")),
        };
        tests.extend(source.code.test_modules.iter().map(|name| format!("{home}/{name}")));
    }
    for source in &mut sources {
        let below = |module: &String| {
            source
                .path
                .strip_prefix(module)
                .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        if tests.iter().any(below) {
            source.kind = Kind::Test;
        }
    }
    Ok(sources)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A tree of these files in a folder of its own.
    pub fn tree(files: &[(&str, &str)]) -> Tree {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        Tree::load(folder.path()).expect("a tree")
    }

    #[test]
    fn files_of_test_modules_are_tests() {
        let tree = tree(&[
            ("Cargo.toml", ""),
            ("crates/a/Cargo.toml", "[package]\nname = \"a\""),
            ("crates/a/src/lib.rs", "mod deep;\n#[cfg(test)]\nmod checks;"),
            ("crates/a/src/checks.rs", ""),
            ("crates/a/src/deep.rs", "#[cfg(test)] mod inner;"),
            ("crates/a/src/deep/inner/mod.rs", ""),
            ("crates/a/tests/t.rs", ""),
        ]);
        let kinds: Vec<_> =
            tree.crates[0].sources.iter().map(|s| (s.path.as_str(), s.kind)).collect();
        assert_eq!(
            kinds,
            [
                ("crates/a/src/checks.rs", Kind::Test),
                ("crates/a/src/deep/inner/mod.rs", Kind::Test),
                ("crates/a/src/deep.rs", Kind::Product),
                ("crates/a/src/lib.rs", Kind::Product),
                ("crates/a/tests/t.rs", Kind::Test),
            ]
        );
        assert_eq!(tree.crates[0].sources[1].module(), "inner");
    }
}
