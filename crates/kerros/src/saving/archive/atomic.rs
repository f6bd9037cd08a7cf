//! Writing a file so that a crash at any instant leaves the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use kerros_core::{Error, ErrorKind, Result};

/// Gives `write` a new empty file in the folder of `path`, and puts that file in the place of
/// `path` once it is whole and on the disk.
///
/// The order is: write, fsync of the file, rename over `path`, fsync of the folder. When
/// anything before the rename fails, `path` is untouched and the new file is removed.
///
/// # Errors
/// What `write` returns; [`ErrorKind::Io`] when the file system refuses a step;
/// [`ErrorKind::Argument`] when `path` names no file.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let Some(name) = path.file_name() else {
        return Err(Error::new(ErrorKind::Argument, "the path names no file")
            .expected("a folder that exists and a file name"));
    };
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let (mut file, mut unfinished) = Unfinished::create(folder, name)?;
    write(&mut file)?;
    file.sync_all().map_err(|error| io("the data could not be put on the disk", error))?;
    drop(file);
    fs::rename(&unfinished.path, path)
        .map_err(|error| io("the finished file could not be moved to its place", error))?;
    unfinished.moved = true;
    // The rename itself is on the disk only when the folder is. Other systems than Unix have no
    // handle for a folder to do this with.
    #[cfg(unix)]
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| io("the folder could not be put on the disk", error))?;
    Ok(())
}

/// A file under a temporary name, removed when dropped unless it was moved.
struct Unfinished {
    path: PathBuf,
    moved: bool,
}

impl Unfinished {
    fn create(folder: &Path, name: &std::ffi::OsStr) -> Result<(File, Self)> {
        // Counted, so that threads of one process never meet; another process has another id.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let mut temporary = std::ffi::OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".{}-{number}.tmp", std::process::id()));
            let path = folder.join(temporary);
            match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, Unfinished { path, moved: false })),
                // Left by a crashed process that had the same id.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(io("no file could be made in the folder", error)
                        .hint("check that the folder exists and may be written to"));
                }
            }
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.moved {
            // The error that led here is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn io(message: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, message).caused_by(error)
}
