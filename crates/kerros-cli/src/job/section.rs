//! A table of a job file, read key by key; what nobody asked for is an error.

use kerros::{Error, ErrorKind, Result};
use toml::{Table, Value};

use crate::messages::{in_job, nearest};

/// One table of a job file, such as `[fit]`.
pub struct Section<'a> {
    name: String,
    table: &'a Table,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The table called `name` in messages.
    pub fn new(name: impl Into<String>, table: &'a Table) -> Self {
        Section { name: name.into(), table, asked: Vec::new() }
    }

    /// What messages call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The raw value of a key.
    pub fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// The table below a key, as a section of its own.
    ///
    /// # Errors
    /// A value that is no table.
    pub fn section(&mut self, key: &'static str) -> Result<Option<Section<'a>>> {
        let table = self.typed(key, "a table", Value::as_table)?;
        Ok(table.map(|table| Section::new(format!("[{key}]"), table)))
    }

    /// The list of tables below a key.
    ///
    /// # Errors
    /// A value that is no list of tables.
    pub fn tables(&mut self, key: &'static str) -> Result<Vec<&'a Table>> {
        let what = "a list of tables, each begun by its own [[..]] line";
        let tables = self.typed(key, what, |value| {
            value.as_array()?.iter().map(Value::as_table).collect::<Option<Vec<_>>>()
        })?;
        Ok(tables.unwrap_or_default())
    }

    /// A text, if given.
    ///
    /// # Errors
    /// A value that is no text.
    pub fn text(&mut self, key: &'static str) -> Result<Option<&'a str>> {
        self.typed(key, "a text in quotes", Value::as_str)
    }

    /// A text or a list of texts; empty when not given.
    ///
    /// # Errors
    /// A value that is neither.
    pub fn texts(&mut self, key: &'static str) -> Result<Vec<&'a str>> {
        let texts =
            self.typed(key, "a text in quotes, or a list of them", |value| match value {
                Value::String(text) => Some(vec![text.as_str()]),
                value => value.as_array()?.iter().map(Value::as_str).collect(),
            })?;
        Ok(texts.unwrap_or_default())
    }

    /// True or false, if given.
    ///
    /// # Errors
    /// A value that is neither.
    pub fn bool(&mut self, key: &'static str) -> Result<Option<bool>> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// A number, if given.
    ///
    /// # Errors
    /// A value that is no number.
    pub fn number(&mut self, key: &'static str) -> Result<Option<f64>> {
        self.typed(key, "a number", number)
    }

    /// A number between 0 and 1, both excluded, if given.
    ///
    /// # Errors
    /// A value that is none.
    pub fn share(&mut self, key: &'static str) -> Result<Option<f64>> {
        self.typed(key, "a number between 0 and 1, such as 0.2", |value| {
            number(value).filter(|&share| share > 0.0 && share < 1.0)
        })
    }

    /// A whole number from `least` on, if given.
    ///
    /// # Errors
    /// A value that is none.
    pub fn count(&mut self, key: &'static str, least: usize) -> Result<Option<usize>> {
        self.typed(key, &format!("a whole number from {least} on"), |value| {
            usize::try_from(value.as_integer()?).ok().filter(|&count| count >= least)
        })
    }

    /// A seed, if given.
    ///
    /// # Errors
    /// A value that is no whole number from 0 on.
    pub fn seed(&mut self, key: &'static str) -> Result<Option<u64>> {
        self.count(key, 0).map(|seed| seed.map(|seed| seed as u64))
    }

    /// A value of some type, if given.
    ///
    /// # Errors
    /// A value that `read` does not take.
    pub fn typed<T>(
        &mut self,
        key: &'static str,
        what: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match read(value) {
            Some(typed) => Ok(Some(typed)),
            None => {
                Err(in_job(format!("{}: `{key}` is {}", self.name, shown(value))).expected(what))
            }
        }
    }

    /// The error for a key that must be there.
    pub fn missing(&self, key: &str, example: &str) -> Error {
        in_job(format!("{}: `{key}` is missing", self.name)).expected(format!("{key} = {example}"))
    }

    /// Checks that every key was asked for.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`] with the first key that was not, and the nearest known ones.
    pub fn finish(self) -> Result<()> {
        let Some(unknown) = self.table.keys().find(|key| !self.asked.contains(&key.as_str()))
        else {
            return Ok(());
        };
        let error =
            Error::new(ErrorKind::UnknownName, format!("{}: unknown key `{unknown}`", self.name))
                .expected(format!("one of: {}", self.asked.join(", ")));
        Err(match nearest(unknown, &self.asked).as_slice() {
            [] => error,
            near => error.hint(format!("did you mean `{}`?", near.join("` or `"))),
        })
    }
}

/// A number, whole or not.
pub fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

/// A value as messages show it, cut when long.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string().replace('\n', " ");
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} ...", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_name_the_nearest() {
        let table: Table = "epcohs = 3".parse().unwrap();
        let mut section = Section::new("[fit]", &table);
        section.count("epochs", 1).unwrap();
        section.seed("seed").unwrap();
        assert_eq!(
            section.finish().unwrap_err().to_string(),
            "[fit]: unknown key `epcohs`\n  expected: one of: epochs, seed\n  try: did you mean \
             `epochs`?"
        );
    }

    #[test]
    fn wrong_values_are_shown() {
        let table: Table = "epochs = 0\nseed = -1\nname = 3\nshare = 1".parse().unwrap();
        let mut section = Section::new("[fit]", &table);
        assert_eq!(
            section.count("epochs", 1).unwrap_err().to_string(),
            "[fit]: `epochs` is 0\n  expected: a whole number from 1 on"
        );
        assert!(section.seed("seed").is_err());
        assert!(section.text("name").is_err());
        assert!(section.share("share").is_err());
        assert_eq!(section.bool("other").unwrap(), None);
    }
}
