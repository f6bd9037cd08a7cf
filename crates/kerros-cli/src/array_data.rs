//! The data options of the command line: arrays from `.npy` files, or parts of known data.

use std::path::Path;

use anyhow::Result;
use kerros::Model;
use kerros::data::Samples;

use crate::args::DataArgs;
use crate::data::{About, DataSpec, Part, Parts, grouped, read_all};
use crate::job::Job;
use crate::messages::Usage;

/// What the data are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Learning: the train part, with targets.
    Train,
    /// Judging: the test part, with targets.
    Evaluate,
    /// Outputs alone: the test part.
    Predict,
}

impl Purpose {
    fn default_part(self) -> Part {
        match self {
            Purpose::Train => Part::Train,
            Purpose::Evaluate | Purpose::Predict => Part::Test,
        }
    }
}

/// Whether the command line names data.
pub fn is_given(args: &DataArgs) -> bool {
    args.data.is_some() || !args.input.is_empty() || !args.target.is_empty()
}

/// The data that the command line names.
///
/// # Errors
/// No data, or no target where one is needed; files that cannot be read.
pub fn load(args: &DataArgs, purpose: Purpose) -> Result<Parts> {
    let parts = match &args.data {
        Some(name) => named(name, purpose)?,
        None => Parts {
            train: arrays(args, purpose)?,
            validation: None,
            test: None,
            about: arrays_about(args),
        },
    };
    let weights = read_all(&args.sample_weight)?;
    if weights.is_empty() {
        return Ok(parts);
    }
    let train = parts.train.with_sample_weights(weights.into_iter().map(Some).collect::<Vec<_>>());
    Ok(Parts { train, ..parts })
}

/// Checks that there are as many arrays as the model has inputs and outputs.
///
/// # Errors
/// The count that is wrong, in the words of the command line.
pub fn check_counts(model: &Model, samples: &Samples, purpose: Purpose) -> Result<()> {
    let network = model.network();
    let mut counts = vec![(samples.inputs.len(), network.inputs.len(), "--input", "input")];
    if purpose != Purpose::Predict {
        let outputs = network.output_shapes().len();
        counts.push((samples.targets.len(), outputs, "--target", "output"));
    }
    for (given, wanted, option, noun) in counts {
        // A model that is built from its data knows its inputs only afterwards.
        if given != wanted && wanted > 0 {
            let plural = |count| if count == 1 { "" } else { "s" };
            return Err(Usage(format!(
                "{given} {option} file{} for a model with {wanted} {noun}{}\n  expected: {option} \
                 FILE.npy once for each {noun}, in the model's order",
                plural(given),
                plural(wanted)
            ))
            .into());
        }
    }
    Ok(())
}

/// Says which options were given that this verb has no use for.
pub fn note_unused(args: &DataArgs, purpose: Purpose) {
    let is_train = purpose == Purpose::Train;
    let unused = [
        (!args.class_weight.is_empty() && !is_train, "--class-weight"),
        (args.validation_split.is_some() && !is_train, "--validation-split"),
        (args.no_shuffle && !is_train, "--no-shuffle"),
        (args.seed.is_some() && !is_train, "--seed"),
        (!args.target.is_empty() && purpose == Purpose::Predict, "--target"),
        (!args.sample_weight.is_empty() && purpose == Purpose::Predict, "--sample-weight"),
    ];
    for (is_unused, option) in unused {
        if is_unused {
            eprintln!("note: {option} changes nothing here");
        }
    }
}

fn arrays(args: &DataArgs, purpose: Purpose) -> Result<Samples> {
    if args.input.is_empty() {
        return Err(Usage(
            "there are no data\n  expected: --input FILE.npy for each input of the model, or \
             --data NAME"
                .into(),
        )
        .into());
    }
    if args.target.is_empty() && purpose != Purpose::Predict {
        return Err(Usage(
            "the target is missing\n  expected: --target FILE.npy for each output of the model"
                .into(),
        )
        .into());
    }
    let inputs = read_all(&args.input)?;
    let targets = if purpose == Purpose::Predict { Vec::new() } else { read_all(&args.target)? };
    Ok(Samples::new(inputs, targets))
}

fn arrays_about(args: &DataArgs) -> About {
    let names: Vec<String> = args
        .input
        .iter()
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    About { name: names.join(", "), ..About::default() }
}

/// The data of a built-in dataset or a job file.
fn named(name: &str, purpose: Purpose) -> Result<Parts> {
    let (name, part) = match name.rsplit_once(':') {
        Some((name, part)) if Part::named(part).is_some() => (name, Part::named(part)),
        _ => (name, None),
    };
    let spec = if Path::new(name).extension().is_some_and(|extension| extension == "toml") {
        Job::read(Path::new(name))?.data
    } else {
        DataSpec::built_in(name)?
    };
    let part = part.unwrap_or(purpose.default_part());
    if part == Part::Train {
        // The validation part goes along: it is there to watch this very training.
        return Ok(Parts { test: None, ..spec.load()? });
    }
    let (train, about) = spec.part(part)?;
    eprintln!("data: {name}, {} rows ({part})", grouped(train.num_rows()));
    Ok(Parts { train, validation: None, test: None, about })
}
