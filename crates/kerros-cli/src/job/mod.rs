//! Job files: data, layers, how to compile, how to fit, and what to write, in TOML.
//!
//! `examples/jobs/` holds commented ones; the one for the digits is built in.

mod callback;
mod graph;
mod layers;
mod object;
mod section;

use std::path::{Path, PathBuf};

use kerros::trainer::ValidationFreq;
use kerros::{Error, ErrorKind, Model, Result};
use toml::Table;

pub use callback::JobCallback;
pub use section::Section;

use crate::args::Verbosity;
use crate::data::{DataSpec, Parts};
use crate::messages::in_job;

/// The jobs that are part of the program, by name.
pub static BUILT_IN: &[(&str, &str)] =
    &[("digits", include_str!("../../../../examples/jobs/digits.toml"))];

/// A job: everything that one run needs.
#[derive(Debug)]
pub struct Job {
    /// What messages call it: the built-in name or the file's.
    pub name: String,
    /// Where the data come from, and how they are split.
    pub data: DataSpec,
    /// `[model]`, `[[inputs]]` and `[[layers]]`.
    model: layers::ModelSpec,
    /// `[compile]`.
    compile: object::CompileSpec,
    /// `[fit]`.
    pub fit: FitSpec,
    /// `[output]`.
    pub output: OutputSpec,
}

/// `[fit]`: how to train.
#[derive(Debug)]
pub struct FitSpec {
    /// How many times to go over the data.
    pub epochs: usize,
    /// How many rows make one step.
    pub batch_size: usize,
    /// Whether the rows come in another order in each epoch.
    pub shuffle: bool,
    /// What makes the run repeatable.
    pub seed: Option<u64>,
    /// How much the rows of each class count.
    pub class_weight: ClassWeight,
    /// How progress is shown.
    pub verbose: Option<Verbosity>,
    /// How many steps an epoch has, when it is not one pass over the data.
    pub steps_per_epoch: Option<usize>,
    /// How many batches a validation has, when it is not all.
    pub validation_steps: Option<usize>,
    /// How many rows are validated at a time, when not as many as make one step.
    pub validation_batch_size: Option<usize>,
    /// After which epochs a validation comes.
    pub validation_freq: ValidationFreq,
    /// The number of the first epoch.
    pub initial_epoch: usize,
    /// What happens beside training.
    pub callbacks: Vec<JobCallback>,
}

/// How much the rows of each class count.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeight {
    /// As told, 1 for the rest.
    Given(Vec<(i64, f32)>),
    /// So that every class has the same total.
    Balanced,
}

/// `[output]`: what to write, relative to the current folder.
#[derive(Debug, Default)]
pub struct OutputSpec {
    /// The trained model.
    pub model: Option<PathBuf>,
    /// Loss and metrics of every epoch, as JSON.
    pub history: Option<PathBuf>,
    /// The curves, as SVG.
    pub plot: Option<PathBuf>,
}

impl Job {
    /// Reads a job file. Paths of data in it are relative to its folder.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be read; what [`Job::parse`] finds.
    pub fn read(path: &Path) -> Result<Self> {
        let context = |error: Error| error.context(format!("reading `{}`", path.display()));
        let text = read_text(path).map_err(context)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Job::parse(&name, &text, folder).map_err(context)
    }

    /// The built-in job of this name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`].
    pub fn built_in(name: &str) -> Result<Self> {
        Job::parse(name, built_in_text(name)?, Path::new(""))
    }

    /// The job that a text describes.
    ///
    /// # Errors
    /// Wrong TOML, unknown keys, missing keys, values of the wrong type or out of range.
    pub fn parse(name: &str, text: &str, folder: &Path) -> Result<Self> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            Error::new(ErrorKind::Format, "this is not TOML")
                .caused_by(error.to_string().trim_end().to_string())
                .hint("see https://toml.io for how TOML is written")
        })?;
        let mut job = Section::new("the job", &table);
        let data = job.section("data")?.ok_or_else(|| {
            in_job("there is no [data]")
                .expected("a table [data] with `dataset`, `csv`, or `inputs` and `targets`")
        })?;
        let model = job.section("model")?;
        let inputs = job.tables("inputs")?;
        let layers = job.tables("layers")?;
        let compile = job.section("compile")?.ok_or_else(|| {
            in_job("there is no [compile]")
                .expected("a table [compile] with `optimizer`, `loss` and `metrics`")
        })?;
        let fit = job.section("fit")?;
        let callbacks = job.tables("callbacks")?;
        let output = job.section("output")?;
        let job_spec = Job {
            name: name.to_string(),
            data: DataSpec::read(data, folder)?,
            model: layers::ModelSpec::read(model, &inputs, &layers)?,
            compile: object::CompileSpec::read(compile)?,
            fit: FitSpec::read(fit, &callbacks)?,
            output: OutputSpec::read(output)?,
        };
        job.finish()?;
        Ok(job_spec)
    }

    /// The model, for these data: built and compiled.
    ///
    /// # Errors
    /// What building and compiling find, with the layer or the object.
    pub fn model(&self, data: &Parts, seed: Option<u64>) -> Result<Model> {
        let mut model = self.model.build(&self.name, &data.train.inputs)?;
        self.compile.compile(&mut model, seed)?;
        Ok(model)
    }
}

/// The text of the built-in job of this name.
///
/// # Errors
/// [`ErrorKind::UnknownName`].
pub fn built_in_text(name: &str) -> Result<&'static str> {
    let found = BUILT_IN.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let names: Vec<&str> = BUILT_IN.iter().map(|(known, _)| *known).collect();
        Error::new(ErrorKind::UnknownName, format!("`{name}` is no job and no model")).expected(
            format!(
                "a built-in job ({}), a job file (.toml) or a saved model (.keras)",
                names.join(", ")
            ),
        )
    })
}

/// The text of a file.
///
/// # Errors
/// [`ErrorKind::Io`].
pub fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::new(ErrorKind::Io, "it cannot be read").caused_by(error))
}

impl Default for FitSpec {
    /// Ten epochs of batches of 32 rows, shuffled.
    fn default() -> Self {
        FitSpec {
            epochs: 10,
            batch_size: 32,
            shuffle: true,
            seed: None,
            class_weight: ClassWeight::Given(Vec::new()),
            verbose: None,
            steps_per_epoch: None,
            validation_steps: None,
            validation_batch_size: None,
            validation_freq: ValidationFreq::Every(1),
            initial_epoch: 0,
            callbacks: Vec::new(),
        }
    }
}

impl FitSpec {
    /// Reads `[fit]`; `callbacks` are those that stand outside of it, as `[[callbacks]]`.
    fn read(section: Option<Section<'_>>, callbacks: &[&Table]) -> Result<Self> {
        let empty = Table::new();
        let mut fit = section.unwrap_or_else(|| Section::new("[fit]", &empty));
        let default = FitSpec::default();
        let spec = FitSpec {
            epochs: fit.count("epochs", 1)?.unwrap_or(default.epochs),
            batch_size: fit.count("batch_size", 1)?.unwrap_or(default.batch_size),
            shuffle: fit.bool("shuffle")?.unwrap_or(default.shuffle),
            seed: fit.seed("seed")?,
            class_weight: fit
                .typed(
                    "class_weight",
                    "\"balanced\", or weights such as { 0 = 1.0, 1 = 3.0 }",
                    ClassWeight::read,
                )?
                .unwrap_or(default.class_weight),
            verbose: fit.typed(
                "verbose",
                "\"auto\", \"bar\", \"line\" or \"silent\"",
                |value| Verbosity::named(value.as_str()?),
            )?,
            steps_per_epoch: fit.count("steps_per_epoch", 1)?,
            validation_steps: fit.count("validation_steps", 1)?,
            validation_batch_size: fit.count("validation_batch_size", 1)?,
            validation_freq: fit
                .typed(
                    "validation_freq",
                    "a number of epochs, or a list of epochs counted from 1",
                    validation_freq,
                )?
                .unwrap_or(default.validation_freq),
            initial_epoch: fit.count("initial_epoch", 0)?.unwrap_or(default.initial_epoch),
            callbacks: fit
                .tables("callbacks")?
                .into_iter()
                .chain(callbacks.iter().copied())
                .map(JobCallback::read)
                .collect::<Result<_>>()?,
        };
        fit.finish()?;
        Ok(spec)
    }
}

/// A number of epochs, or a list of them.
fn validation_freq(value: &toml::Value) -> Option<ValidationFreq> {
    let epochs = |value: &toml::Value| {
        usize::try_from(value.as_integer()?).ok().filter(|&epochs| epochs > 0)
    };
    match value.as_array() {
        Some(list) => list.iter().map(epochs).collect::<Option<_>>().map(ValidationFreq::After),
        None => epochs(value).map(ValidationFreq::Every),
    }
}

impl ClassWeight {
    fn read(value: &toml::Value) -> Option<Self> {
        if value.as_str() == Some("balanced") {
            return Some(ClassWeight::Balanced);
        }
        let weight = |(class, weight): (&String, &toml::Value)| {
            let weight = section::number(weight)? as f32;
            let is_weight = weight.is_finite() && weight >= 0.0;
            Some((class.parse().ok()?, weight)).filter(|_| is_weight)
        };
        value.as_table()?.iter().map(weight).collect::<Option<_>>().map(ClassWeight::Given)
    }
}

impl OutputSpec {
    fn read(section: Option<Section<'_>>) -> Result<Self> {
        let Some(mut output) = section else { return Ok(OutputSpec::default()) };
        let mut path = |key| output.text(key).map(|text| text.map(PathBuf::from));
        let spec =
            OutputSpec { model: path("model")?, history: path("history")?, plot: path("plot")? };
        output.finish()?;
        Ok(spec)
    }
}

#[cfg(test)]
mod tests;
