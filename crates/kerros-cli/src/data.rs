//! `[data]` of a job, and `--data NAME`: rows from a dataset, a table or arrays, in parts.

use std::fmt;
use std::path::{Path, PathBuf};

use kerros::data::csv::{Column, CsvOptions, TargetKind};
use kerros::data::{Dataset, Samples, csv, datasets, npy, one_hot, split_random, split_stratified};
use kerros::{Error, ErrorKind, Result, Shape, Tensor};

use crate::job::Section;
use crate::messages::{in_job, nearest};

/// Where rows come from, and how they are split.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSpec {
    source: Source,
    /// Whether class numbers become one-hot rows.
    one_hot: bool,
    /// The share set aside for the final judgement.
    test_fraction: Option<f64>,
    /// The share of the rest set aside to watch training by.
    validation_fraction: Option<f64>,
    seed: u64,
    /// `None`: when the targets are known to be classes.
    stratified: Option<bool>,
}

#[derive(Clone, Debug, PartialEq)]
enum Source {
    BuiltIn { name: String, features: Vec<String> },
    Csv { path: PathBuf, options: CsvOptions },
    Arrays { inputs: Vec<PathBuf>, targets: Vec<PathBuf> },
}

/// Rows in parts, and what is known about them.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The rows to learn from.
    pub train: Samples,
    /// The rows to watch training by.
    pub validation: Option<Samples>,
    /// The rows for the final judgement.
    pub test: Option<Samples>,
    /// What is known about them.
    pub about: About,
}

/// What is known about data.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// A short name.
    pub name: String,
    /// A sentence, or nothing.
    pub description: String,
    /// How many classes the target numbers, if it does.
    pub classes: Option<usize>,
    /// What each class is called, or nothing.
    pub class_names: Vec<String>,
}

/// A part of the data, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The rows to learn from.
    Train,
    /// The rows to watch training by.
    Validation,
    /// The rows for the final judgement.
    Test,
    /// Every row, in the order of the source.
    All,
}

impl Part {
    /// The part of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Part::Train, Part::Validation, Part::Test, Part::All]
            .into_iter()
            .find(|part| part.to_string() == name)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
            Part::All => "all",
        })
    }
}

/// The share of a built-in dataset that is its test part, unless a job says otherwise.
const TEST_FRACTION: f64 = 0.2;

impl DataSpec {
    /// A built-in dataset, a fifth of it set aside for tests with seed 0.
    ///
    /// # Errors
    /// An unknown name.
    pub fn built_in(name: &str) -> Result<Self> {
        known_dataset(name)?;
        Ok(DataSpec {
            source: Source::BuiltIn { name: name.into(), features: Vec::new() },
            one_hot: false,
            test_fraction: Some(TEST_FRACTION),
            validation_fraction: None,
            seed: 0,
            stratified: None,
        })
    }

    /// Reads `[data]`; files are relative to `folder`.
    ///
    /// # Errors
    /// Unknown, missing or contradicting keys.
    pub fn read(mut data: Section<'_>, folder: &Path) -> Result<Self> {
        let dataset = data.text("dataset")?;
        let csv = data.text("csv")?;
        let paths = |names: Vec<&str>| -> Vec<PathBuf> {
            names.into_iter().map(|name| folder.join(name)).collect()
        };
        let inputs = paths(data.texts("inputs")?);
        let targets = paths(data.texts("targets")?);
        let source = match (dataset, csv, inputs.is_empty()) {
            (Some(name), None, true) => {
                known_dataset(name)?;
                let features = data.texts("features")?.into_iter().map(String::from).collect();
                Source::BuiltIn { name: name.into(), features }
            }
            (None, Some(name), true) => {
                Source::Csv { path: folder.join(name), options: csv_options(&mut data)? }
            }
            (None, None, false) if targets.is_empty() => {
                return Err(data.missing("targets", "\"y.npy\""));
            }
            (None, None, false) => Source::Arrays { inputs, targets },
            (None, None, true) => {
                return Err(in_job("[data] names no data")
                    .expected("`dataset`, `csv`, or `inputs` and `targets`"));
            }
            _ => {
                return Err(in_job("[data] names more than one source")
                    .expected("one of `dataset`, `csv`, or `inputs` and `targets`"));
            }
        };
        let spec = DataSpec {
            source,
            one_hot: data.bool("one_hot")?.unwrap_or(false),
            test_fraction: data.share("test_fraction")?,
            validation_fraction: data.share("validation_fraction")?,
            seed: data.seed("seed")?.unwrap_or(0),
            stratified: data.bool("stratified")?,
        };
        data.finish()?;
        Ok(spec)
    }

    /// Reads all rows and splits them: first the test part, then the validation part of what
    /// is left, both in the order of the seed.
    ///
    /// # Errors
    /// Files that cannot be read; a split that leaves a part empty.
    pub fn load(&self) -> Result<Parts> {
        let (mut train, about) = self.all()?;
        if self.one_hot {
            // Before the rows are parted: a part may lack the last class.
            for target in &mut train.targets {
                *target = one_hot(target, about.classes)?;
            }
        }
        let test = self.set_aside(&mut train, &about, self.test_fraction)?;
        let validation = self.set_aside(&mut train, &about, self.validation_fraction)?;
        Ok(Parts { train, validation, test, about })
    }

    /// The rows of one part.
    ///
    /// # Errors
    /// As [`DataSpec::load`]; a part that these data do not have.
    pub fn part(&self, part: Part) -> Result<(Samples, About)> {
        let whole =
            || DataSpec { test_fraction: None, validation_fraction: None, ..self.clone() }.load();
        let parts = if part == Part::All { whole()? } else { self.load()? };
        let samples = match part {
            Part::Train | Part::All => Some(parts.train),
            Part::Validation => parts.validation,
            Part::Test => parts.test,
        };
        match samples {
            Some(samples) => Ok((samples, parts.about)),
            None => Err(Error::new(
                ErrorKind::Argument,
                format!("the data of `{}` have no {part} part", parts.about.name),
            )
            .hint(format!("give [data] a {part}_fraction, or use `:all`"))),
        }
    }

    fn set_aside(
        &self,
        rest: &mut Samples,
        about: &About,
        fraction: Option<f64>,
    ) -> Result<Option<Samples>> {
        let Some(fraction) = fraction else { return Ok(None) };
        let (keep, aside) = match self.stratified.unwrap_or(about.classes.is_some()) {
            true => split_stratified(&rest.targets[0], fraction, self.seed)?,
            false => split_random(rest.num_rows(), fraction, self.seed)?,
        };
        let part = rest.take(&aside)?;
        *rest = rest.take(&keep)?;
        Ok(Some(part))
    }

    fn all(&self) -> Result<(Samples, About)> {
        let data = match &self.source {
            Source::BuiltIn { name, features } => {
                let data = datasets::load(name)?;
                if features.is_empty() { data } else { with_features(data, features)? }
            }
            Source::Csv { path, options } => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                csv::read(path, options)?.into_dataset(name)?
            }
            Source::Arrays { inputs, targets } => {
                let samples = Samples::new(read_all(inputs)?, read_all(targets)?);
                samples.check()?;
                let names: Vec<_> = inputs
                    .iter()
                    .map(|path| path.file_name().unwrap_or_default().to_string_lossy())
                    .collect();
                return Ok((samples, About { name: names.join(", "), ..About::default() }));
            }
        };
        let about = About {
            name: data.name.clone(),
            description: data.description.clone(),
            classes: data.classes,
            class_names: data.class_names.clone(),
        };
        Ok((Samples::from(data), about))
    }
}

/// The arrays of these files.
///
/// # Errors
/// The first that cannot be read.
pub fn read_all(paths: &[PathBuf]) -> Result<Vec<Tensor>> {
    paths.iter().map(npy::read).collect()
}

fn known_dataset(name: &str) -> Result<()> {
    datasets::find(name).map(|_| ()).map_err(|error| {
        let names: Vec<&str> = datasets::LIST.iter().map(|dataset| dataset.name).collect();
        match nearest(name, &names).first() {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }
    })
}

/// The options of a table, with at least one target.
fn csv_options(data: &mut Section<'_>) -> Result<CsvOptions> {
    let columns = |data: &mut Section<'_>, key| {
        data.typed(key, "a column: its name, its position, or a list of those", |value| {
            let one = |value: &toml::Value| match value {
                toml::Value::String(name) => Some(Column::from(name.as_str())),
                value => Some(Column::from(isize::try_from(value.as_integer()?).ok()?)),
            };
            match value {
                toml::Value::Array(values) => values.iter().map(one).collect::<Option<Vec<_>>>(),
                value => Some(vec![one(value)?]),
            }
        })
    };
    let targets = columns(data, "target")?;
    let mut options = CsvOptions {
        targets: targets.ok_or_else(|| data.missing("target", "\"the column's name\""))?,
        ignored: columns(data, "ignore")?.unwrap_or_default(),
        ..CsvOptions::new()
    };
    if let Some(has_header) = data.bool("header")? {
        options.has_header = has_header;
    }
    if let Some(delimiter) =
        data.typed("delimiter", "a single character, such as \";\"", |value| {
            match value.as_str()?.as_bytes() {
                [byte] => Some(*byte),
                _ => None,
            }
        })?
    {
        options.delimiter = delimiter;
    }
    if let Some(classes) = data.bool("classes")? {
        options.target_kind = if classes { TargetKind::Classes } else { TargetKind::Numbers };
    }
    options.fill_missing = data.number("fill_missing")?.map(|number| number as f32);
    Ok(options)
}

/// Only these columns of `x`, in this order.
fn with_features(data: Dataset, features: &[String]) -> Result<Dataset> {
    let known: Vec<&str> = data.feature_names.iter().map(String::as_str).collect();
    let place = |name: &String| {
        known.iter().position(|known| known == name).ok_or_else(|| {
            let error = Error::new(
                ErrorKind::UnknownName,
                format!("the dataset `{}` has no feature `{name}`", data.name),
            )
            .expected(format!("one of: {}", known.join(", ")));
            match nearest(name, &known).first() {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            }
        })
    };
    let places: Vec<usize> = features.iter().map(place).collect::<Result<_>>()?;
    let x = data.x.to_f32();
    let values = x.as_slice::<f32>()?;
    let picked: Vec<f32> = values
        .chunks_exact(known.len())
        .flat_map(|row| places.iter().map(|&place| row[place]))
        .collect();
    let shape = Shape::from([data.num_rows(), places.len()]);
    Ok(Dataset { x: Tensor::new(shape, picked)?, feature_names: features.to_vec(), ..data })
}

impl fmt::Display for Parts {
    /// What a run is about, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = |samples: &Option<Samples>| samples.as_ref().map_or(0, Samples::num_rows);
        let (validation, test) = (rows(&self.validation), rows(&self.test));
        let all = self.train.num_rows() + validation + test;
        write!(f, "Data: {}, {} rows", self.about.name, grouped(all))?;
        if !self.about.description.is_empty() {
            write!(f, ": {}", self.about.description)?;
        }
        let shape = |arrays: &[Tensor]| -> String {
            let shapes = arrays.iter().map(|array| match array.shape().dims() {
                [] | [_] => "a number".to_string(),
                [_, row @ ..] => Shape::from(row).to_string(),
            });
            shapes.collect::<Vec<_>>().join(", ")
        };
        write!(f, "\n  each row: {}", shape(&self.train.inputs))?;
        match (self.about.classes, self.about.class_names.len()) {
            (Some(classes), 1..=12) => {
                write!(f, " -> one of {classes} classes: {}", self.about.class_names.join(", "))?;
            }
            (Some(classes), _) => write!(f, " -> one of {classes} classes")?,
            (None, _) => write!(f, " -> {}", shape(&self.train.targets))?,
        }
        write!(f, "\n  {} to learn from", grouped(self.train.num_rows()))?;
        if validation > 0 {
            write!(f, ", {} to watch learning by", grouped(validation))?;
        }
        if test > 0 {
            write!(f, ", {} kept for the test at the end", grouped(test))?;
        }
        Ok(())
    }
}

/// A number with a comma between each three digits.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use kerros::DType;

    use super::*;

    fn spec(text: &str) -> Result<DataSpec> {
        let table = text.parse().unwrap();
        DataSpec::read(Section::new("[data]", &table), Path::new("folder"))
    }

    #[test]
    fn the_parts_of_the_digits_are_those_of_the_library() {
        let built_in = DataSpec::built_in("digits").unwrap();
        let library = datasets::digits().unwrap();
        let (test, _) = built_in.part(Part::Test).unwrap();
        assert_eq!(test.inputs[0], library.test.x);
        assert_eq!(built_in.part(Part::Train).unwrap().0.targets[0], library.train.y);
        assert_eq!(built_in.part(Part::All).unwrap().0.num_rows(), 1797);
        assert!(built_in.part(Part::Validation).is_err());
    }

    /// The last class in a single row: whichever part it falls into, all rows are as wide.
    #[test]
    fn classes_are_counted_before_the_rows_are_parted() {
        let folder = tempfile::tempdir().unwrap();
        let (inputs, targets) = (folder.path().join("x.npy"), folder.path().join("y.npy"));
        let labels: Vec<i32> = (0..20).map(|row| if row == 7 { 2 } else { row % 2 }).collect();
        npy::write(&inputs, &Tensor::zeros([20, 3], DType::F32)).unwrap();
        npy::write(&targets, &Tensor::new([20], labels).unwrap()).unwrap();
        let text = "inputs = ['x.npy']\ntargets = ['y.npy']\none_hot = true\n\
                    test_fraction = 0.2\nvalidation_fraction = 0.2";
        let table = text.parse().unwrap();
        let spec = DataSpec::read(Section::new("[data]", &table), folder.path()).unwrap();
        let parts = spec.load().unwrap();
        for samples in [Some(parts.train), parts.validation, parts.test] {
            assert_eq!(samples.unwrap().targets[0].shape()[1], 3);
        }
    }

    #[test]
    fn one_hot_rows_and_three_parts() {
        let spec = spec(
            "dataset = 'iris'\none_hot = true\ntest_fraction = 0.2\nvalidation_fraction = 0.25\n\
             features = ['petal length (cm)']",
        );
        let parts = match spec.and_then(|spec| spec.load()) {
            Ok(parts) => parts,
            Err(error) => panic!("{error}"),
        };
        let rows = |samples: &Samples| (samples.num_rows(), samples.targets[0].shape().clone());
        assert_eq!(rows(&parts.train), (90, Shape::from([90, 3])));
        assert_eq!(rows(parts.validation.as_ref().unwrap()), (30, Shape::from([30, 3])));
        assert_eq!(rows(parts.test.as_ref().unwrap()), (30, Shape::from([30, 3])));
        assert_eq!(parts.train.inputs[0].shape().dims(), [90, 1]);
    }

    #[test]
    fn sources_are_one_and_complete() {
        for (text, message) in [
            ("seed = 1", "[data] names no data"),
            ("dataset = 'iris'\ncsv = 'a.csv'", "[data] names more than one source"),
            ("inputs = 'x.npy'", "[data]: `targets` is missing"),
            ("csv = 'a.csv'", "[data]: `target` is missing"),
            ("dataset = 'iris'\ntest_fraction = 1.5", "[data]: `test_fraction` is 1.5"),
            ("dataset = 'digit'", "there is no built-in dataset `digit`"),
        ] {
            assert_eq!(spec(text).unwrap_err().message(), message);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1797), "1,797");
        assert_eq!(grouped(1234567), "1,234,567");
    }
}
