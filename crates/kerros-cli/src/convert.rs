//! `kerros convert`: a saved model, or its weights alone, in another format.

use anyhow::Result;
use kerros::data::atomic;

use crate::args::ConvertArgs;
use crate::messages::say;
use crate::{outputs, summary};

/// Runs `kerros convert`. The ending of the output says what is written.
///
/// # Errors
/// A file that cannot be read or written, or is no model; weights that do not fit the model.
pub fn run(args: &ConvertArgs) -> Result<()> {
    outputs::check(&[&args.output])?;
    let mut model = summary::load_to_use(&args.model)?;
    if let Some(weights) = &args.weights {
        model.load_weights(weights)?;
    }
    let name = args.output.to_string_lossy().to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    match &args.max_shard_bytes {
        Some(bytes) => model.save_weights_in_shards(&args.output, *bytes)?,
        None if ends(&[".weights.h5", ".weights.json", ".safetensors"]) => {
            model.save_weights(&args.output)?;
        }
        None if ends(&[".json"]) => {
            let json = model.to_json()?;
            atomic::write(&args.output, |file| std::io::Write::write_all(file, json.as_bytes()))?;
        }
        None => summary::save(&mut model, &args.output)?,
    }
    say(format!("{}", args.output.display()))
}
