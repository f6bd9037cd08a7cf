//! Checks of the source tree that the compiler does not make: `cargo run -p xtask -- tidy`.
//!
//! The rules are those of STYLE.md and ARCHITECTURE.md. Each prints `file:line: what is wrong
//! and what to do`; the exit status is 0 only when nothing was found.
#![forbid(unsafe_code)]

mod code;
mod dependencies;
mod floors;
mod long_files;
mod sources;
mod tree;

use std::path::Path;
use std::process::ExitCode;

use crate::tree::{Finding, Tree};

/// The root of the workspace: two folders above this crate.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments != ["tidy"] {
        eprintln!("usage: cargo run -p xtask -- tidy");
        return ExitCode::from(2);
    }
    match tidy(Path::new(ROOT)) {
        Ok(findings) if findings.is_empty() => {
            println!("tidy");
            ExitCode::SUCCESS
        }
        Ok(findings) => {
            for finding in &findings {
                println!("{finding}");
            }
            println!("{} things to mend", findings.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tidy could not read the tree: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that is wrong with the tree at `root`.
fn tidy(root: &Path) -> Result<Vec<Finding>, String> {
    let tree = Tree::load(root)?;
    let checks = [floors::check, sources::check, long_files::check, dependencies::check];
    Ok(checks.iter().flat_map(|check| check(&tree)).collect())
}
