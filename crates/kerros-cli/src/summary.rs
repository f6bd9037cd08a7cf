//! `kerros summary`, and the model files of all verbs.

use std::path::Path;

use anyhow::Result;
use kerros::Model;

use crate::args::SummaryArgs;
use crate::messages::Usage;

/// Runs `kerros summary`.
///
/// # Errors
/// A file that cannot be read or is no model.
pub fn run(args: &SummaryArgs) -> Result<()> {
    let model = load(&args.model)?;
    print!("{}", model.summary());
    Ok(())
}

/// Whether a path is named as model files are.
pub fn is_model_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "keras")
}

/// Checks that a model can be saved under this name.
///
/// # Errors
/// Another ending than `.keras`.
pub fn check_model_name(path: &Path) -> Result<()> {
    if is_model_file(path) {
        return Ok(());
    }
    Err(Usage(format!(
        "the model cannot be saved as `{}`\n  expected: a name that ends in .keras (--output \
         OUT.keras)",
        path.display()
    ))
    .into())
}

/// The model in a file.
///
/// # Errors
/// A file that cannot be read or is no model.
pub fn load(path: &Path) -> Result<kerros::Sequential> {
    Ok(kerros::load_model(path)?)
}

/// Saves a model, whole or not at all.
///
/// # Errors
/// What writing meets.
pub fn save(model: &mut Model, path: &Path) -> Result<()> {
    Ok(model.save(path)?)
}
