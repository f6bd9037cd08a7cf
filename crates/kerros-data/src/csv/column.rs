//! Which column is what.

use kerros_core::{Error, ErrorKind, Result};

use super::CsvOptions;

/// A column of a table, by its name or by its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The column with this name in the header.
    Name(String),
    /// The column at this position, from 0; negative counts from the end.
    Index(isize),
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Column::Name(name.to_string())
    }
}
impl From<String> for Column {
    fn from(name: String) -> Self {
        Column::Name(name)
    }
}
impl From<isize> for Column {
    fn from(index: isize) -> Self {
        Column::Index(index)
    }
}

/// The positions of the columns by what they are used for.
#[derive(Debug)]
pub(super) struct Roles {
    pub targets: Vec<usize>,
    pub features: Vec<usize>,
}

impl Roles {
    pub fn new(options: &CsvOptions, names: &[String], num_columns: usize) -> Result<Self> {
        let find = |columns: &[Column]| {
            columns
                .iter()
                .map(|column| find(column, options.has_header, names, num_columns))
                .collect::<Result<Vec<usize>>>()
        };
        let (targets, ignored) = (find(&options.targets)?, find(&options.ignored)?);
        let is_repeated = |(at, column): (usize, &usize)| {
            targets[..at].contains(column) || ignored.contains(column)
        };
        if let Some(at) = targets.iter().enumerate().position(is_repeated) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("column {} is a target and is named again", targets[at] + 1),
            )
            .expected("each column in one place"));
        }
        let features = (0..num_columns)
            .filter(|column| !targets.contains(column) && !ignored.contains(column))
            .collect();
        Ok(Roles { targets, features })
    }
}

fn find(column: &Column, has_header: bool, names: &[String], num_columns: usize) -> Result<usize> {
    match column {
        Column::Index(index) => {
            let from_start = if *index < 0 {
                num_columns.checked_add_signed(*index)
            } else {
                Some(*index as usize)
            };
            from_start.filter(|&at| at < num_columns).ok_or_else(|| {
                Error::new(
                    ErrorKind::Argument,
                    format!("column {index} of a table of {num_columns} columns"),
                )
                .expected(format!("a position in -{num_columns}..{num_columns}"))
            })
        }
        Column::Name(name) if !has_header => Err(Error::new(
            ErrorKind::Argument,
            format!("column `{name}` is named, but the table is read without a header"),
        )
        .hint("give the column's position, or read the first line as the header")),
        Column::Name(name) => {
            let mut matches = (0..num_columns).filter(|&at| names[at] == *name);
            match (matches.next(), matches.next()) {
                (Some(at), None) => Ok(at),
                (Some(_), Some(_)) => Err(Error::new(
                    ErrorKind::Argument,
                    format!("several columns are named `{name}`"),
                )
                .hint("give the column's position")),
                _ => Err(Error::new(
                    ErrorKind::Argument,
                    format!("the table has no column `{name}`"),
                )
                .expected(format!("one of: {}", names.join(", ")))),
            }
        }
    }
}
