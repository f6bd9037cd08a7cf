//! What the tests of hostile files share: where the files are, and how they are loaded.
//!
//! Not every test file uses all of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use kerros::layers::Dense;
use kerros::{Load, Sequential};

/// A file or folder of `fixtures/`.
pub fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder)
}

/// The model that files of weights go into.
pub fn small_model() -> Sequential {
    let mut model = Sequential::new().input([2]).add(Dense::new(2));
    model.build([2]).unwrap();
    model
}

/// What loading a file says; files of weights go into a small model.
pub fn refusal(path: &Path) -> kerros::Error {
    let name = path.to_string_lossy();
    let is_weights = ["weights.h5", "weights.json", "safetensors"];
    match is_weights.iter().any(|end| name.ends_with(end)) {
        true => small_model().load_weights(path).unwrap_err(),
        false => Load::new().model(path).map(|_| ()).unwrap_err(),
    }
}
