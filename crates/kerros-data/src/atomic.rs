//! Files that are either whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use kerros_core::{Error, ErrorKind, Result};

/// Writes a file so that a crash at any instant leaves either the old contents or the new.
///
/// `fill` writes into a temporary file in the same folder, which is flushed to the disk and
/// then renamed over `path`; the folder is flushed too. When `fill` fails, a file already at
/// `path` stays as it was and the temporary file is removed. A symbolic link is followed, and
/// the permissions of a file already there are kept. Something already there that is not a
/// file, such as a pipe or `/dev/stdout`, is written to directly: it has no contents to lose.
///
/// # Errors
/// [`ErrorKind::Io`] when `path` is a folder or its folder is missing, and when writing fails.
///
/// # Example
/// ```
/// use std::io::Write;
/// let path = std::env::temp_dir().join(format!("kerros-atomic-{}.txt", std::process::id()));
/// kerros_data::atomic::write(&path, |file| file.write_all(b"whole"))?;
/// assert_eq!(std::fs::read(&path).unwrap(), b"whole");
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn write(
    path: impl AsRef<Path>,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let path = path.as_ref();
    let done = match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(Error::new(ErrorKind::Io, "it is a folder")
            .expected("a file name")
            .hint("add a file name after the folder's")),
        Ok(found) if !found.is_file() => write_directly(path, fill),
        Ok(found) => fs::canonicalize(path)
            .map_err(|error| io_error("it cannot be found", error))
            .and_then(|target| replace(&target, Some(found.permissions()), fill)),
        Err(_) => replace(path, None, fill),
    };
    done.map_err(|error| error.context(format!("writing `{}`", path.display())))
}

fn write_directly(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(|error| io_error("it cannot be opened", error))?;
    let mut file = BufWriter::new(file);
    fill(&mut file).and_then(|()| file.flush()).map_err(|error| io_error("it stopped", error))
}

fn replace(
    path: &Path,
    permissions: Option<fs::Permissions>,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let Some(name) = path.file_name() else {
        return Err(Error::new(ErrorKind::Io, "it is no file name").expected("a file name"));
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let (temporary, file) = create_beside(folder, name)?;
    let mut file = BufWriter::new(file);
    fill(&mut file)
        .and_then(|()| file.flush())
        .and_then(|()| match permissions {
            Some(permissions) => file.get_ref().set_permissions(permissions),
            None => Ok(()),
        })
        .and_then(|()| file.get_ref().sync_all())
        .and_then(|()| fs::rename(&temporary.0, path))
        .map_err(|error| {
            io_error("it stopped, and what was there before is unchanged", error)
                .hint("check the free space and the permissions of the folder")
        })?;
    sync_folder(folder).map_err(|error| io_error("its folder could not be flushed", error))
}

/// A file that is removed when dropped; after the rename there is nothing left to remove.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone after a successful rename; otherwise nothing can be done about a failure here.
        let _ = fs::remove_file(&self.0);
    }
}

/// Opens a hidden file in `folder` under a name that nothing else has.
fn create_beside(folder: &Path, name: &std::ffi::OsStr) -> Result<(Temporary, File)> {
    static NUM_MADE: AtomicU64 = AtomicU64::new(0);
    const ATTEMPTS: usize = 100;
    for _ in 0..ATTEMPTS {
        let number = NUM_MADE.fetch_add(1, Ordering::Relaxed);
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{number}.tmp", std::process::id()));
        let path = folder.join(hidden);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((Temporary(path), file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(io_error(
                    &format!("no file can be made in the folder `{}`", folder.display()),
                    error,
                )
                .hint("check that the folder exists and can be written to"));
            }
        }
    }
    Err(Error::new(
        ErrorKind::Io,
        format!("the folder `{}` is full of temporary files", folder.display()),
    )
    .hint("remove the files that end in .tmp"))
}

/// Makes a rename durable. Only Unix lets a folder be flushed.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn io_error(message: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, message).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.npy");
        write(&path, |file| file.write_all(b"old")).unwrap();
        let error = write(&path, |file| {
            file.write_all(&[0; 100_000])?;
            Err(io::Error::other("disk full"))
        })
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("disk full"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["model.npy"]);
        write(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["model.npy"]);
    }

    #[test]
    fn folders_are_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(folder.path(), |_| Ok(())).unwrap_err();
        assert_eq!(error.message(), "it is a folder");
        let error = write(folder.path().join("missing/file"), |_| Ok(())).unwrap_err();
        assert!(error.message().contains("missing"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_permissions_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        write(&link, |file| file.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        write("/dev/null", |file| file.write_all(b"nothing")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
