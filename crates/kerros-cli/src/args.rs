//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Keras for Rust: train, evaluate and use neural networks.
#[derive(Debug, Parser)]
#[command(
    name = "kerros",
    version,
    arg_required_else_help = true,
    after_help = "Begin with:  kerros train digits"
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Train a model: a built-in job, a job file, or a saved model that goes on
    Train(TrainArgs),
    /// Print loss and metrics of a saved model on data
    Evaluate(EvaluateArgs),
    /// Write the outputs of a saved model to .npy files
    Predict(PredictArgs),
    /// Print the layers of a saved model
    Summary(SummaryArgs),
    /// Write a saved model, or its weights alone, in another format
    Convert(ConvertArgs),
    /// List the built-in datasets
    Datasets,
}

/// `kerros train`.
#[derive(Debug, clap::Args)]
pub struct TrainArgs {
    /// `digits` (built in), a job file (.toml), or a saved model (.keras, .h5)
    pub source: String,
    /// How many times to go over the data [a model's default: 1]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub epochs: Option<usize>,
    /// How many rows make one step [a model's default: 32]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub batch_size: Option<usize>,
    /// Where the trained model goes [default: a job's own; else the file it came from]
    #[arg(long, value_name = "OUT.keras")]
    pub output: Option<PathBuf>,
    /// Write loss and metrics of every epoch as JSON, as Keras's `history.history`
    #[arg(long, value_name = "FILE.json")]
    pub history: Option<PathBuf>,
    /// Draw the curves of loss and metrics into an SVG file
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Draw no curves, neither into a file nor on the terminal
    #[arg(long, conflicts_with = "plot")]
    pub no_plot: bool,
    /// Keep a backup of the run in a folder: the same command goes on from there when it was
    /// interrupted, and ends with the same bits
    #[arg(long, value_name = "FOLDER")]
    pub backup: Option<PathBuf>,
    /// Save the model after every epoch; the name may have {epoch}, {loss} and the like
    #[arg(long, value_name = "FILE.keras")]
    pub checkpoint: Option<String>,
    /// Write loss and metrics of every epoch for TensorBoard
    #[arg(long, value_name = "FOLDER")]
    pub tensorboard: Option<PathBuf>,
    /// How progress is shown on stderr
    #[arg(long, value_enum)]
    pub verbose: Option<Verbosity>,
    /// Say afterwards what ran, kernel by kernel, with bytes and times, on stderr
    #[arg(long)]
    pub explain: bool,
    /// Print the job file that would run, and stop
    #[arg(long)]
    pub print_job: bool,
    #[command(flatten)]
    pub data: DataArgs,
}

/// `kerros evaluate`.
#[derive(Debug, clap::Args)]
pub struct EvaluateArgs {
    /// The saved model (.keras, .h5), or layers alone (.json)
    pub model: PathBuf,
    /// Take the weights from this file (.weights.h5, .weights.json, .safetensors, .h5, .keras)
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// How many rows are taken at a time
    #[arg(long, value_name = "N", default_value = "32", value_parser = at_least_one)]
    pub batch_size: usize,
    /// Print one JSON object: Keras's names to numbers
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub data: DataArgs,
}

/// `kerros predict`.
#[derive(Debug, clap::Args)]
pub struct PredictArgs {
    /// The saved model (.keras, .h5), or layers alone (.json)
    pub model: PathBuf,
    /// Take the weights from this file (.weights.h5, .weights.json, .safetensors, .h5, .keras)
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Where the outputs go; FILE_0.npy, FILE_1.npy ... when the model has several
    #[arg(long, value_name = "FILE.npy")]
    pub output: PathBuf,
    #[command(flatten)]
    pub data: DataArgs,
}

/// `kerros summary`.
#[derive(Debug, clap::Args)]
pub struct SummaryArgs {
    /// The saved model (.keras, .h5), or layers alone (.json)
    pub model: PathBuf,
}

/// `kerros convert`.
#[derive(Debug, clap::Args)]
pub struct ConvertArgs {
    /// The saved model (.keras, .h5), or layers alone (.json)
    pub model: PathBuf,
    /// Where it goes: .keras or .h5 for the model, .json for its layers; .weights.h5,
    /// .weights.json or .safetensors for its weights
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// Take the weights from this file (.weights.h5, .weights.json, .safetensors, .h5, .keras)
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// For .weights.json: the size of each file, at most [default: 5368709120]
    #[arg(long, value_name = "BYTES")]
    pub max_shard_bytes: Option<u64>,
}

/// The data, and how they are used: the same options for every verb.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data options")]
pub struct DataArgs {
    /// A built-in dataset, or the data of a job file; `:train`, `:validation`, `:test` or
    /// `:all` after the name picks a part [default: what the verb is for]
    #[arg(long, value_name = "NAME|JOB.toml", conflicts_with_all = ["input", "target"])]
    pub data: Option<String>,
    /// An input array; repeat it in the order of the model's inputs
    #[arg(long, value_name = "FILE.npy")]
    pub input: Vec<PathBuf>,
    /// A target array; repeat it in the order of the model's outputs
    #[arg(long, value_name = "FILE.npy")]
    pub target: Vec<PathBuf>,
    /// How much each row counts; repeat it in the order of the targets
    #[arg(long, value_name = "FILE.npy")]
    pub sample_weight: Vec<PathBuf>,
    /// How much the rows of each class count in training, such as 0=1.0,1=3.0
    #[arg(long, value_name = "CLASS=WEIGHT,..", value_delimiter = ',', value_parser = class_weight)]
    pub class_weight: Vec<(i64, f32)>,
    /// The share of the rows, the last ones before shuffling, that is set aside to validate
    #[arg(long, value_name = "F", value_parser = share, allow_negative_numbers = true)]
    pub validation_split: Option<f64>,
    /// Take the rows in their order in every epoch
    #[arg(long)]
    pub no_shuffle: bool,
    /// Makes the run repeatable: initial weights, dropout, order of rows
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub device: DeviceArgs,
}

/// Which part of the machine is used.
#[derive(Debug, clap::Args)]
pub struct DeviceArgs {
    /// Threads at most; results do not depend on it [default: all; env: KERROS_THREADS]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub threads: Option<usize>,
    /// The instruction set; results do not depend on it [default: the best; env: KERROS_ISA]
    #[arg(long, value_name = "NAME", hide_short_help = true, value_parser = ["scalar", "avx2", "avx512"])]
    pub isa: Option<String>,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verbosity {
    /// A bar per epoch on a terminal, else a line per epoch
    Auto,
    /// A bar per epoch
    Bar,
    /// A line per epoch
    Line,
    /// Nothing
    Silent,
}

impl Verbosity {
    /// All of them by name, as job files give them.
    pub fn named(name: &str) -> Option<Self> {
        <Verbosity as ValueEnum>::from_str(name, false).ok()
    }
}

impl From<Verbosity> for kerros::Verbose {
    fn from(verbosity: Verbosity) -> Self {
        match verbosity {
            Verbosity::Auto => kerros::Verbose::Auto,
            Verbosity::Bar => kerros::Verbose::Bar,
            Verbosity::Line => kerros::Verbose::Line,
            Verbosity::Silent => kerros::Verbose::Silent,
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected at least 1".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("expected a whole number from 1 on".into()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("expected a number between 0 and 1, such as 0.2".into()),
    }
}

fn class_weight(text: &str) -> Result<(i64, f32), String> {
    let parts = text.split_once('=').and_then(|(class, weight)| {
        Some((class.trim().parse().ok()?, weight.trim().parse::<f32>().ok()?))
    });
    match parts {
        Some((class, weight)) if weight.is_finite() && weight >= 0.0 => Ok((class, weight)),
        _ => Err("expected CLASS=WEIGHT with a weight of at least 0, such as 1=3.0".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn options_repeat_in_order() {
        let args = Args::try_parse_from([
            "kerros",
            "train",
            "m.keras",
            "--input",
            "a.npy",
            "--target",
            "y.npy",
            "--input",
            "b.npy",
            "--class-weight",
            "0=1.0,1=3.0",
            "--validation-split",
            "0.25",
        ])
        .unwrap();
        let Verb::Train(train) = args.verb else { panic!("train") };
        assert_eq!(train.data.input, [PathBuf::from("a.npy"), PathBuf::from("b.npy")]);
        assert_eq!(train.data.class_weight, [(0, 1.0), (1, 3.0)]);
        assert_eq!(train.data.validation_split, Some(0.25));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for wrong in [
            ["--batch-size", "0"],
            ["--epochs", "-1"],
            ["--validation-split", "1"],
            ["--validation-split", "-0.1"],
            ["--validation-split", "nan"],
            ["--class-weight", "1"],
            ["--class-weight", "1=-2"],
            ["--isa", "mmx"],
        ] {
            let line = ["kerros", "train", "digits"].into_iter().chain(wrong);
            assert!(Args::try_parse_from(line).is_err(), "{wrong:?}");
        }
    }
}
