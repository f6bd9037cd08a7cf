//! `kerros predict`: the outputs of a saved model.

use std::path::{Path, PathBuf};

use anyhow::Result;
use kerros::data::npy;

use crate::args::PredictArgs;
use crate::array_data::{self, Purpose};
use crate::messages::say;
use crate::{device, outputs, summary};

/// Runs `kerros predict`.
///
/// # Errors
/// A model or data that cannot be read, or that do not fit; outputs that cannot be written.
pub fn run(args: &PredictArgs) -> Result<()> {
    array_data::note_unused(&args.data, Purpose::Predict);
    device::set(&args.data.device)?;
    let mut model = summary::load_to_use(&args.model)?;
    if let Some(weights) = &args.weights {
        model.load_weights(weights)?;
    }
    let paths = output_paths(&args.output, model.network().output_shapes().len());
    outputs::check(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    let data = array_data::load(&args.data, Purpose::Predict)?;
    array_data::check_counts(&model, &data.train, Purpose::Predict)?;
    let predictions = model.predict_all(&data.train)?;
    for (path, prediction) in paths.iter().zip(&predictions) {
        npy::write(path, prediction)?;
        say(format!("{}: {}", path.display(), prediction.shape()))?;
    }
    Ok(())
}

/// The file itself for one output; for several, the same with `_0`, `_1` ... before the ending.
fn output_paths(path: &Path, num_outputs: usize) -> Vec<PathBuf> {
    if num_outputs <= 1 {
        return vec![path.to_path_buf()];
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path
        .extension()
        .map(|extension| format!(".{}", extension.to_string_lossy()))
        .unwrap_or_default();
    (0..num_outputs).map(|output| path.with_file_name(format!("{stem}_{output}{ending}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_outputs_are_numbered() {
        let path = Path::new("folder/p.npy");
        assert_eq!(output_paths(path, 1), [path.to_path_buf()]);
        assert_eq!(
            output_paths(path, 2),
            [PathBuf::from("folder/p_0.npy"), PathBuf::from("folder/p_1.npy")]
        );
    }
}
