use std::fs;
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};

use kerros_core::{Error, ErrorKind, Result};

use super::save_freq::{BatchCounter, SaveFreq};
use super::{Callback, CallbackState};
use crate::object::ConfigReader;
use crate::saving::archive::{Archive, write_atomically};
use crate::trainer::Training;

/// Keeps a backup of the run in a folder, so that the same program, started again after it was
/// killed, goes on from there and ends with the same bits as a run that was not.
///
/// A backup holds all that a run is made of: weights, optimizer, random numbers, the place in
/// the data, metrics of the epoch, the history, and what the other callbacks remember. It is
/// taken after all callbacks have seen the epoch or the batch, wherever this one stands among
/// them. It is one file, replaced as a whole: a crash at any instant leaves the last one. It is an
/// ordinary model file too (`latest.keras`), to look at while training goes on.
///
/// The run must be the one that was interrupted: the same layers, optimizer, data, batch size,
/// seed and callbacks; the number of epochs may differ. Data that come from a
/// [`kerros_data::BatchSource`] must come again in the same order.
///
/// # Parameters
/// - `folder`: where the backup is kept.
/// - `save_freq`: after every epoch, or after so many batches. Default: every epoch.
/// - `double_checkpoint`: whether to keep the backup before the last as well, for disks that
///   lose data. Default: `false`.
/// - `delete_checkpoint`: whether to remove the backup when the run has ended. Default: `true`.
///
/// # Errors
/// [`ErrorKind::State`] from `fit` for the backup of another run, with what differs;
/// [`ErrorKind::Format`] for a damaged one; [`ErrorKind::Io`] when it cannot be read or written.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::callbacks::BackupAndRestore;
/// let folder = std::env::temp_dir().join(format!("kerros-backup-{}", std::process::id()));
/// let x = Tensor::full([8, 1], 1.0f32);
/// let run = |epochs| {
///     let mut model = Sequential::new().input([1]).seed(1).add(Dense::new(1));
///     model.compile("adam", "mse", ())?;
///     let backup = BackupAndRestore::new(&folder).delete_checkpoint(false);
///     model.fit((&x, &x), Fit::epochs(epochs).callback(backup).verbose(Verbose::Silent))
/// };
/// run(2)?;
/// // Four epochs, of which the first two were trained before.
/// assert_eq!(run(4)?.epochs(), [0, 1, 2, 3]);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BackupAndRestore {
    folder: PathBuf,
    save_freq: SaveFreq,
    double_checkpoint: bool,
    delete_checkpoint: bool,
    batches: BatchCounter,
    is_due: bool,
}

/// The backup in its folder.
const LATEST: &str = "latest.keras";
/// The one before.
const PREVIOUS: &str = "latest.keras.bkp";

impl BackupAndRestore {
    /// Keeps a backup in this folder after every epoch.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        BackupAndRestore {
            folder: folder.into(),
            save_freq: SaveFreq::Epoch,
            double_checkpoint: false,
            delete_checkpoint: true,
            batches: BatchCounter::default(),
            is_due: false,
        }
    }

    /// Sets when to save: [`SaveFreq::Epoch`], or a number of batches.
    pub fn save_freq(mut self, save_freq: impl Into<SaveFreq>) -> Self {
        self.save_freq = save_freq.into();
        self
    }

    /// Sets whether to keep the backup before the last as well.
    pub fn double_checkpoint(mut self, double: bool) -> Self {
        self.double_checkpoint = double;
        self
    }

    /// Sets whether to remove the backup when the run has ended.
    pub fn delete_checkpoint(mut self, delete: bool) -> Self {
        self.delete_checkpoint = delete;
        self
    }

    /// Leaves the backup where it is at the end of the run; whether it would have been removed.
    /// For programs that have results to write before they call [`BackupAndRestore::remove`].
    pub fn keep_at_the_end(&mut self) -> bool {
        std::mem::replace(&mut self.delete_checkpoint, false)
    }

    /// The folder of the backup.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes the backup; and its folder, when nothing else is in it.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn remove(&self) -> Result<()> {
        for name in [LATEST, PREVIOUS] {
            match fs::remove_file(self.folder.join(name)) {
                Err(error) if error.kind() != IoKind::NotFound => {
                    return Err(self.failed("the backup cannot be removed", error));
                }
                _ => {}
            }
        }
        self.remove_unfinished();
        // Not empty, or not there: either is well.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }

    /// The callback that these arguments describe.
    pub(super) fn from_config(reader: &mut ConfigReader<'_>) -> Self {
        BackupAndRestore::new(reader.required_string("backup_dir"))
            .save_freq(SaveFreq::from_config(reader))
            .double_checkpoint(reader.bool("double_checkpoint", false))
            .delete_checkpoint(reader.bool("delete_checkpoint", true))
    }

    fn failed(&self, message: &str, error: std::io::Error) -> Error {
        let place = format!("BackupAndRestore, in `{}`", self.folder.display());
        Error::new(ErrorKind::Io, message).caused_by(error).context(place)
    }

    /// Whether a backup is wanted after an epoch.
    pub(crate) fn is_due_after_epoch(&self) -> bool {
        self.save_freq == SaveFreq::Epoch
    }

    /// Whether a backup is wanted after this batch, which is counted.
    pub(crate) fn is_due_after_batch(&mut self, batch: usize) -> bool {
        self.batches.is_due(self.save_freq, batch)
    }

    /// Takes note of whether a backup is wanted, and says it again.
    pub(crate) fn note(&mut self, is_due: bool) -> bool {
        self.is_due = is_due;
        is_due
    }

    /// Writes a backup, when one is wanted.
    pub(crate) fn write_if_due(&mut self, archive: &Archive) -> Result<()> {
        if !std::mem::take(&mut self.is_due) {
            return Ok(());
        }
        let (latest, previous) = (self.folder.join(LATEST), self.folder.join(PREVIOUS));
        fs::create_dir_all(&self.folder)
            .map_err(|error| self.failed("the folder cannot be made", error))?;
        if self.double_checkpoint && latest.exists() {
            let copied = write_atomically(&previous, |to| {
                fs::File::open(&latest)
                    .and_then(|mut from| std::io::copy(&mut from, to))
                    .map(|_| ())
                    .map_err(|error| self.failed("the backup cannot be copied", error))
            });
            copied?;
        }
        archive.write(&latest).map_err(|error| error.context("BackupAndRestore"))
    }

    /// The last backup, if there is one; the one before when the last cannot be read.
    pub(crate) fn read(&self, training: &mut Training<'_>) -> Result<Option<Archive>> {
        self.remove_unfinished();
        let (latest, previous) = (self.folder.join(LATEST), self.folder.join(PREVIOUS));
        if !latest.exists() && !previous.exists() {
            return Ok(None);
        }
        let damaged = match Archive::read(&latest) {
            Ok(archive) => return Ok(Some(archive)),
            Err(error) => error,
        };
        let hint = format!("remove the folder `{}` to begin anew", self.folder.display());
        if !previous.exists() {
            return Err(damaged.context("BackupAndRestore").hint(hint));
        }
        training.warn(&format!("the run goes on from the backup before the last: {damaged}"));
        let archive = Archive::read(&previous)
            .map_err(|error| error.context("BackupAndRestore").hint(hint))?;
        // Or it would be kept as the backup before the next.
        match fs::remove_file(&latest) {
            Err(error) if error.kind() != IoKind::NotFound => {
                Err(self.failed("the damaged backup cannot be removed", error))
            }
            _ => Ok(Some(archive)),
        }
    }

    /// Removes what a process left that was killed while it wrote.
    fn remove_unfinished(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&format!(".{LATEST}")) && name.ends_with(".tmp") {
                // What cannot be removed does no harm.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Callback for BackupAndRestore {
    fn class_name(&self) -> &'static str {
        "BackupAndRestore"
    }

    fn on_train_begin(&mut self, _training: &mut Training<'_>) -> Result<()> {
        if self.folder.as_os_str().is_empty() {
            return Err(Error::new(ErrorKind::Argument, "BackupAndRestore without a folder")
                .expected("the folder that the backup is kept in"));
        }
        self.batches = BatchCounter::default();
        self.save_freq.check("BackupAndRestore")
    }

    fn on_train_end(&mut self, _training: &mut Training<'_>) -> Result<()> {
        match self.delete_checkpoint {
            true => self.remove(),
            false => Ok(()),
        }
    }

    fn state(&self) -> CallbackState {
        let mut state = CallbackState::default();
        self.batches.keep(&mut state);
        state
    }

    fn restore(&mut self, state: &CallbackState) -> Result<()> {
        self.batches = BatchCounter::restored(state)?;
        Ok(())
    }

    fn as_backup(&mut self) -> Option<&mut BackupAndRestore> {
        Some(self)
    }
}
