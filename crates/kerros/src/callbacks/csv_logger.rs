use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use kerros_core::{Error, ErrorKind, Result};

use super::placeholders::python_float;
use super::{Callback, CallbackState};
use crate::metrics::MetricValue;
use crate::object::ConfigReader;
use crate::trainer::{Metrics, Training};

/// Writes the numbers of every epoch to a CSV file, a row each.
///
/// The columns are `epoch` (from 0) and what the first epoch reports, in alphabetical order;
/// without a validation in the first epoch there is a `val_` column for each of them. What an
/// epoch does not report is `NA`. A run that is taken up again drops the rows after its
/// backup and goes on.
///
/// # Parameters
/// - `path`: the file. Its folder must exist.
/// - `separator`: what stands between two numbers. Default: `,`.
/// - `append`: whether rows go after what is in the file already. Default: `false`.
///
/// # Errors
/// [`ErrorKind::Io`] from `fit` when the file cannot be written.
///
/// # Example
/// ```
/// use kerros::Fit;
/// use kerros::callbacks::CSVLogger;
/// let fit = Fit::epochs(10).callback(CSVLogger::new("training.csv").separator(';'));
/// ```
#[derive(Debug)]
pub struct CSVLogger {
    path: PathBuf,
    separator: char,
    append: bool,
    file: Option<File>,
    columns: Option<Vec<String>>,
    has_header: bool,
    /// Where the next row goes, when the file must first be cut there.
    cut_at: Option<u64>,
}

impl CSVLogger {
    /// Writes to this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        CSVLogger {
            path: path.into(),
            separator: ',',
            append: false,
            file: None,
            columns: None,
            has_header: false,
            cut_at: None,
        }
    }

    /// Sets what stands between two numbers.
    pub fn separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Sets whether rows go after what is in the file already.
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    /// The callback that these arguments describe.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        let mut logger = CSVLogger::new(reader.required_string("filename"));
        match reader.maybe_string("separator") {
            None => {}
            Some(text) if text.chars().count() == 1 => {
                logger.separator = text.chars().next().unwrap_or(',');
            }
            Some(text) => reader.refuse(format!("`separator` is \"{text}\", not one character")),
        }
        logger.append(reader.bool("append", false))
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::new(ErrorKind::Io, "it cannot be written")
            .caused_by(error)
            .context(format!("CSVLogger, writing `{}`", self.path.display()))
    }

    fn open(&self) -> std::io::Result<File> {
        OpenOptions::new().create(true).append(true).open(&self.path)
    }

    /// Writes a row where rows go, and pushes it out of the program.
    fn write(&mut self, row: &str) -> Result<()> {
        let cut_at = self.cut_at.take();
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = match cut_at {
            Some(length) => file.set_len(length),
            None => Ok(()),
        }
        .and_then(|()| file.write_all(row.as_bytes()))
        .and_then(|()| file.flush());
        written.map_err(|error| self.failed(error))
    }

    fn row<'a>(&self, cells: impl Iterator<Item = &'a str>) -> String {
        let is_plain = |cell: &str| !cell.contains([self.separator, '"', '\r', '\n']);
        let cells: Vec<String> = cells
            .map(|cell| match is_plain(cell) {
                true => cell.to_string(),
                false => format!("\"{}\"", cell.replace('"', "\"\"")),
            })
            .collect();
        cells.join(&self.separator.to_string()) + "\r\n"
    }
}

impl Callback for CSVLogger {
    fn class_name(&self) -> &'static str {
        "CSVLogger"
    }

    fn on_train_begin(&mut self, _training: &mut Training<'_>) -> Result<()> {
        let file = self.open().map_err(|error| self.failed(error))?;
        let length = file.metadata().map_err(|error| self.failed(error))?.len();
        self.has_header = self.append && length > 0;
        // Cut only when there is something to write: a backup may have rows to keep.
        self.cut_at = (!self.append).then_some(0);
        self.columns = None;
        self.file = Some(file);
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        _training: &mut Training<'_>,
        epoch: usize,
        logs: &mut Metrics,
    ) -> Result<()> {
        let mut text = String::new();
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => {
                let mut columns: Vec<String> = logs.names().map(String::from).collect();
                columns.sort();
                if !columns.iter().any(|name| name.starts_with("val_")) {
                    columns.extend(logs.clone().sorted().names().map(|name| format!("val_{name}")));
                }
                columns
            }
        };
        if !self.has_header {
            let names = columns.iter().map(String::as_str);
            text += &self.row(std::iter::once("epoch").chain(names));
            self.has_header = true;
        }
        let cell = |name: &String| logs.value(name).map_or("NA".into(), cell);
        let cells: Vec<String> =
            std::iter::once(epoch.to_string()).chain(columns.iter().map(cell)).collect();
        text += &self.row(cells.iter().map(String::as_str));
        self.columns = Some(columns);
        self.write(&text)
    }

    fn on_train_end(&mut self, _training: &mut Training<'_>) -> Result<()> {
        // A run without epochs leaves an empty file, as in Keras.
        let written = self.write("");
        self.file = None;
        written
    }

    fn state(&self) -> CallbackState {
        let mut state = CallbackState::default();
        for (at, name) in self.columns.iter().flatten().enumerate() {
            state.set_text(&format!("column_{at}"), name);
        }
        let length = match (self.cut_at, &self.file) {
            (Some(length), _) => Some(length),
            (None, Some(file)) => file.metadata().ok().map(|metadata| metadata.len()),
            (None, None) => None,
        };
        state.set_count("length", length.unwrap_or(0) as usize);
        state
    }

    fn restore(&mut self, state: &CallbackState) -> Result<()> {
        let mut columns = Vec::new();
        while let Some(name) = state.text(&format!("column_{}", columns.len()))? {
            columns.push(name);
        }
        let length = state.count("length")? as u64;
        let found = match &mut self.file {
            Some(file) => file.seek(SeekFrom::End(0)).map_err(|error| self.failed(error))?,
            None => 0,
        };
        // A file that was moved away is begun again.
        let is_there = found >= length;
        self.cut_at = match (is_there, self.append) {
            (true, _) => Some(length),
            (false, true) => None,
            (false, false) => Some(0),
        };
        self.has_header = is_there && length > 0;
        self.columns = (!columns.is_empty()).then_some(columns);
        Ok(())
    }
}

/// A number; a list as Keras writes it, in brackets and quotes, its numbers as `f32`.
fn cell(value: &MetricValue) -> String {
    match value {
        MetricValue::Number(number) => python_float(*number),
        MetricValue::List(list) => {
            let numbers: Vec<String> = list
                .iter()
                .map(|number| {
                    let text = format!("{:?}", *number as f32);
                    python_float(text.parse().unwrap_or(*number))
                })
                .collect();
            format!("\"[{}]\"", numbers.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let logger = CSVLogger::new("x.csv").separator(';');
        let row = logger.row(["a", "b;c", "d\"e", "f,g"].into_iter());
        assert_eq!(row, "a;\"b;c\";\"d\"\"e\";f,g\r\n");
    }
}
