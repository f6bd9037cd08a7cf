//! A file of events that TensorBoard reads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use kerros_core::{Error, ErrorKind, Result};

use super::{protobuf, records};

/// Writes events to a file of its own in a folder.
///
/// # Example
/// ```
/// use kerros::callbacks::tensor_board::EventFile;
/// let folder = std::env::temp_dir().join(format!("kerros-events-{}", std::process::id()));
/// let mut events = EventFile::create(&folder)?;
/// events.scalar("epoch_loss", 0, 0.5)?;
/// events.flush()?;
/// assert!(events.path().metadata().unwrap().len() > 100);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: io::BufWriter<File>,
}

impl EventFile {
    /// Makes the folder, and a new file in it under a name that TensorBoard looks for.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn create(folder: &Path) -> Result<Self> {
        static NUM_MADE: AtomicU64 = AtomicU64::new(0);
        let number = NUM_MADE.fetch_add(1, Ordering::Relaxed);
        let secs = wall_time() as u64;
        let name = format!("events.out.tfevents.{secs}.kerros.{}.{number}.v2", std::process::id());
        let path = folder.join(name);
        let failed = |error| failed(&path, error);
        fs::create_dir_all(folder).map_err(failed)?;
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        let mut events = EventFile { path, file: io::BufWriter::new(file) };
        events.put(&protobuf::version(wall_time()))?;
        Ok(events)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a number.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<()> {
        self.put(&protobuf::scalar(wall_time(), step, tag, value as f32))
    }

    /// Writes how values are spread.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn histogram(&mut self, tag: &str, step: u64, values: &[f64]) -> Result<()> {
        let buckets = super::histogram::buckets(values);
        self.put(&protobuf::histogram(wall_time(), step, tag, &buckets))
    }

    /// Pushes what was written out of the program.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|error| failed(&self.path, error))
    }

    fn put(&mut self, event: &[u8]) -> Result<()> {
        let written = self.file.write_all(&records::framed(event));
        written.map_err(|error| failed(&self.path, error))
    }
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, "events cannot be written")
        .caused_by(error)
        .context(format!("TensorBoard, writing `{}`", path.display()))
}

/// Seconds since 1970.
fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
