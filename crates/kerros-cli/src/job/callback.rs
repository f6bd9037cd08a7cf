//! `[[fit.callbacks]]`: what happens beside training.

use std::fmt;

use kerros::callbacks::registry::{self, Boxed, CallbackEntry};
use kerros::callbacks::{BackupAndRestore, Callback, ModelCheckpoint, TensorBoard};
use kerros::{Error, Result};
use toml::Table;

use super::object;
use super::section::Section;
use crate::messages::nearest;

/// A callback of a job, or of the command line.
pub struct JobCallback {
    callback: Boxed,
}

impl JobCallback {
    /// Reads one table: `type`, and Keras's arguments.
    pub(super) fn read(table: &Table) -> Result<Self> {
        let mut section = Section::new("[[fit.callbacks]]", table);
        let Some(class_name) = section.text("type")? else {
            return Err(section.missing("type", "\"EarlyStopping\""));
        };
        let entry = registry::find(class_name).map_err(|error| {
            let names: Vec<&str> = registry::LIST.iter().map(|entry| entry.class_name).collect();
            hinted(error, class_name, &names)
        })?;
        let built = entry.build(&object::arguments(table)?);
        let callback = built.map_err(|error| {
            let error = error.context("[[fit.callbacks]]");
            match unknown_argument(table, entry) {
                Some(name) => hinted(error, name, entry.arguments),
                None => error,
            }
        })?;
        Ok(JobCallback { callback })
    }

    /// A backup in this folder after every epoch.
    pub fn backup(folder: &std::path::Path) -> Self {
        JobCallback { callback: Box::new(BackupAndRestore::new(folder)) }
    }

    /// The model in this file after every epoch.
    pub fn checkpoint(path: &str) -> Self {
        JobCallback { callback: Box::new(ModelCheckpoint::new(path)) }
    }

    /// Loss and metrics for TensorBoard in this folder.
    pub fn tensor_board(folder: &std::path::Path) -> Self {
        JobCallback { callback: Box::new(TensorBoard::new(folder)) }
    }

    /// The callback to lend to `fit`.
    pub fn as_callback(&mut self) -> &mut dyn Callback {
        &mut *self.callback
    }

    /// What it did, after a run, if that is worth a line.
    pub fn report(&self) -> Option<String> {
        self.callback.report()
    }
}

impl fmt::Debug for JobCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.callback.class_name())
    }
}

/// The first argument that the callback does not have.
fn unknown_argument<'a>(table: &'a Table, entry: &CallbackEntry) -> Option<&'a str> {
    let mut names = table.keys().map(String::as_str).filter(|name| *name != "type");
    names.find(|name| !entry.arguments.contains(name))
}

fn hinted(error: Error, name: &str, known: &[&str]) -> Error {
    match nearest(name, known).first() {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}
