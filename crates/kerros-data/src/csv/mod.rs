//! Tables of numbers in text files: `.csv` and its relatives.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use kerros_core::{Error, ErrorKind, Result, Tensor};

use crate::Dataset;

mod column;
mod target;

pub use column::Column;
pub use target::TargetKind;

/// How to read a table.
///
/// # Example
/// ```
/// use kerros_data::csv::{CsvOptions, TargetKind};
/// let options = CsvOptions::new().target("species").ignore("id").delimiter(b';');
/// assert_eq!(options.target_kind, TargetKind::Auto);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CsvOptions {
    /// Whether the first line names the columns. Default: `true`.
    pub has_header: bool,
    /// The byte between fields. Default: a comma.
    pub delimiter: u8,
    /// The columns that are targets; all others are features. Default: none.
    pub targets: Vec<Column>,
    /// Columns that are neither.
    pub ignored: Vec<Column>,
    /// Whether a target holds classes or quantities. Default: as its fields look.
    pub target_kind: TargetKind,
    /// The number that stands for a missing feature. Default: a missing feature is an error.
    pub fill_missing: Option<f32>,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions {
            has_header: true,
            delimiter: b',',
            targets: Vec::new(),
            ignored: Vec::new(),
            target_kind: TargetKind::Auto,
            fill_missing: None,
        }
    }
}

impl CsvOptions {
    /// The defaults: a header, commas, no target.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the first line names the columns.
    pub fn header(mut self, has_header: bool) -> Self {
        self.has_header = has_header;
        self
    }

    /// The byte between fields, such as `b';'` or `b'\t'`.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Adds a target column, by name or by position (negative counts from the end).
    pub fn target(mut self, column: impl Into<Column>) -> Self {
        self.targets.push(column.into());
        self
    }

    /// Adds a column to leave out.
    pub fn ignore(mut self, column: impl Into<Column>) -> Self {
        self.ignored.push(column.into());
        self
    }

    /// Says whether a target holds classes or quantities.
    pub fn target_kind(mut self, kind: TargetKind) -> Self {
        self.target_kind = kind;
        self
    }

    /// Puts this number where a feature is missing.
    pub fn fill_missing(mut self, value: f32) -> Self {
        self.fill_missing = Some(value);
        self
    }
}

/// A table that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvTable {
    /// The features: `[rows, columns]`, `float32`.
    pub x: Tensor,
    /// The target, when one was named: `[rows]` class numbers (`int32`) or quantities
    /// (`float32`); `[rows, columns]` quantities for several target columns.
    pub y: Option<Tensor>,
    /// The names of the features, empty without a header.
    pub feature_names: Vec<String>,
    /// The names of the targets, empty without a header.
    pub target_names: Vec<String>,
    /// What each class number stands for, sorted, when the target was text.
    pub class_names: Vec<String>,
    /// How many classes the target numbers; `None` for quantities.
    pub classes: Option<usize>,
}

impl CsvTable {
    /// The table as a dataset.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] when no target column was named.
    pub fn into_dataset(self, name: impl Into<String>) -> Result<Dataset> {
        let Some(y) = self.y else {
            return Err(Error::new(ErrorKind::Argument, "no target column was named")
                .hint("name one with `CsvOptions::target`"));
        };
        Ok(Dataset {
            name: name.into(),
            classes: self.classes,
            class_names: self.class_names,
            feature_names: self.feature_names,
            ..Dataset::new(self.x, y)
        })
    }
}

/// Reads a table from a file.
///
/// Every field of a feature must be a number. Spaces around fields do not count. An empty
/// field, `NA`, `N/A`, `NaN`, `null` and `?` mean a missing number. A text target becomes class
/// numbers in the sorted order of its texts.
///
/// # Errors
/// [`ErrorKind::Io`] when the file cannot be read; [`ErrorKind::Format`] for lines of different
/// lengths or text that is not UTF-8; [`ErrorKind::Data`] for an empty table, a missing number
/// or a field that is no number, naming line and column; [`ErrorKind::Argument`] for a column
/// that is not there.
pub fn read(path: impl AsRef<Path>, options: &CsvOptions) -> Result<CsvTable> {
    let path = path.as_ref();
    let open = || {
        let file = File::open(path)
            .map_err(|error| Error::new(ErrorKind::Io, "it cannot be opened").caused_by(error))?;
        read_from(file, options)
    };
    open().map_err(|error| error.context(format!("reading `{}`", path.display())))
}

/// Reads a table from anything that can be read, such as the bytes of a download.
///
/// # Errors
/// As [`read`].
///
/// # Example
/// ```
/// use kerros_data::csv::{self, CsvOptions};
/// let text = "length,width,species\n5.1,3.5,setosa\n7.0,3.2,versicolor\n4.9,3.0,setosa\n";
/// let table = csv::read_from(text.as_bytes(), &CsvOptions::new().target("species"))?;
/// assert_eq!(table.x.shape().dims(), [3, 2]);
/// assert_eq!(table.y.expect("a target").as_slice::<i32>()?, [0, 1, 0]);
/// assert_eq!(table.class_names, ["setosa", "versicolor"]);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn read_from(file: impl Read, options: &CsvOptions) -> Result<CsvTable> {
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(options.has_header)
        .delimiter(options.delimiter)
        .trim(::csv::Trim::All)
        .from_reader(file);
    let mut record = ::csv::StringRecord::new();
    let names: Vec<String> = if options.has_header {
        reader.headers().map_err(table_error)?.iter().map(String::from).collect()
    } else {
        Vec::new()
    };
    let mut any = reader.read_record(&mut record).map_err(table_error)?;
    let num_columns = if options.has_header { names.len() } else { record.len() };
    let columns = column::Roles::new(options, &names, num_columns)?;
    let mut features: Vec<f32> = Vec::new();
    let mut targets: Vec<target::Reading> =
        columns.targets.iter().map(|_| target::Reading::new(options.target_kind)).collect();
    let mut num_rows = 0usize;
    while any {
        let line = record.position().map_or(0, ::csv::Position::line);
        for &column in &columns.features {
            let place = Place { line, column, names: &names };
            features.push(feature(&record[column], &place, options.fill_missing)?);
        }
        for (&column, target) in columns.targets.iter().zip(&mut targets) {
            target.push(&record[column], &Place { line, column, names: &names })?;
        }
        num_rows += 1;
        any = reader.read_record(&mut record).map_err(table_error)?;
    }
    if num_rows == 0 {
        return Err(Error::new(ErrorKind::Data, "the table has no rows")
            .expected("at least one line of numbers"));
    }
    let named = |columns: &[usize]| {
        columns.iter().filter_map(|&column| names.get(column).cloned()).collect()
    };
    let x = Tensor::new([num_rows, columns.features.len()], features)?;
    let target = target::finish(targets, num_rows)?;
    Ok(CsvTable {
        x,
        y: target.y,
        feature_names: named(&columns.features),
        target_names: named(&columns.targets),
        class_names: target.class_names,
        classes: target.classes,
    })
}

/// Where a field stands, for messages.
struct Place<'a> {
    line: u64,
    column: usize,
    names: &'a [String],
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column + 1)?;
        match self.names.get(self.column) {
            Some(name) => write!(f, " (`{name}`)"),
            None => Ok(()),
        }
    }
}

fn feature(field: &str, place: &Place<'_>, fill: Option<f32>) -> Result<f32> {
    match (number(field), fill) {
        (Some(number), _) => Ok(number as f32),
        (None, Some(fill)) if is_missing(field) => Ok(fill),
        (None, _) if is_missing(field) => {
            Err(Error::new(ErrorKind::Data, format!("{place}: the number is missing"))
                .expected("a number")
                .hint("fill it in, give a number for missing fields, or leave the column out"))
        }
        (None, _) => Err(not_a_number(field, place)
            .hint("leave the column out, or replace its texts by numbers")),
    }
}

fn not_a_number(field: &str, place: &Place<'_>) -> Error {
    const SHOWN: usize = 40;
    let shown: String = field.chars().take(SHOWN).collect();
    Error::new(ErrorKind::Data, format!("{place}: {shown:?} is not a number")).expected("a number")
}

/// The number in a field; `None` for anything else, NaN among it.
fn number(field: &str) -> Option<f64> {
    field.parse::<f64>().ok().filter(|number| !number.is_nan())
}

/// Whether a field says that there is no number.
fn is_missing(field: &str) -> bool {
    field.is_empty()
        || field == "?"
        || ["na", "n/a", "nan", "null"].iter().any(|word| field.eq_ignore_ascii_case(word))
}

fn table_error(error: ::csv::Error) -> Error {
    let line = |position: Option<&::csv::Position>| {
        position.map_or(String::new(), |position| format!("line {}: ", position.line()))
    };
    match error.kind() {
        ::csv::ErrorKind::Io(_) => {
            Error::new(ErrorKind::Io, "the table cannot be read").caused_by(error)
        }
        ::csv::ErrorKind::UnequalLengths { pos, expected_len, len } => Error::new(
            ErrorKind::Format,
            format!("{}the line has {len} fields", line(pos.as_ref())),
        )
        .expected(format!("{expected_len} fields, as in the first line"))
        .hint("check the delimiter and the quotes"),
        ::csv::ErrorKind::Utf8 { pos, err } => Error::new(
            ErrorKind::Format,
            format!("{}field {} is not UTF-8 text", line(pos.as_ref()), err.field() + 1),
        )
        .hint("save the table as UTF-8"),
        _ => Error::new(ErrorKind::Format, "the table cannot be read").caused_by(error),
    }
}

#[cfg(test)]
mod tests;
