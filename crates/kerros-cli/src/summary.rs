//! `kerros summary`, and the model files of all verbs.

use std::path::Path;

use anyhow::Result;
use kerros::{Error, ErrorKind, Load, Model};

use crate::args::SummaryArgs;
use crate::messages::{Usage, say};

/// Runs `kerros summary`.
///
/// # Errors
/// A file that cannot be read or is no model.
pub fn run(args: &SummaryArgs) -> Result<()> {
    let model = load_to_use(&args.model)?;
    say(model.summary().trim_end())
}

/// Whether a path is named as files of whole models are.
pub fn is_model_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default();
    let has_ending = [".keras", ".h5", ".hdf5"].iter().any(|ending| name.ends_with(ending));
    has_ending && !name.ends_with(".weights.h5")
}

/// Checks that a model can be saved under this name.
///
/// # Errors
/// Another ending than that of a model.
pub fn check_model_name(path: &Path) -> Result<()> {
    if is_model_file(path) {
        return Ok(());
    }
    Err(Usage(format!(
        "the model cannot be saved as `{}`\n  expected: a name that ends in .keras or .h5 (--output \
         OUT.keras)",
        path.display()
    ))
    .into())
}

/// The model in a file, with how it learns.
///
/// # Errors
/// A file that cannot be read or is no model.
pub fn load(path: &Path) -> Result<Model> {
    Ok(kerros::load_model(path)?)
}

/// The model in a file, for verbs that need not know how it learns: where only that is not
/// supported, a line on stderr tells so.
///
/// # Errors
/// A file that cannot be read or is no model.
pub fn load_to_use(path: &Path) -> Result<Model> {
    let error = match load(path) {
        Ok(model) => return Ok(model),
        Err(error) => error,
    };
    // Where that is not all, what is said is what stands in the way.
    let model = Load::new().compile(false).model(path)?;
    eprintln!("note: how the model learns is left out: {error}");
    Ok(model)
}

/// Checks that a model says how it learns, and so what it is judged by.
///
/// # Errors
/// [`ErrorKind::State`] when it does not.
pub fn check_compiled(model: &Model, path: &Path) -> Result<()> {
    if model.is_compiled() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::State,
        format!("the model in `{}` has not been compiled", path.display()),
    )
    .expected("a file with optimizer, loss and metrics, saved after `compile`")
    .hint("train a job file that describes the model, or compile it before saving")
    .into())
}

/// Saves a model, whole or not at all.
///
/// # Errors
/// What writing meets.
pub fn save(model: &mut Model, path: &Path) -> Result<()> {
    Ok(model.save(path)?)
}
