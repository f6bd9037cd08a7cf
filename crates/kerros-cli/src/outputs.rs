//! Files that the program writes: looked at before the work, written whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use kerros::data::atomic;
use kerros::{Error, ErrorKind};
use serde::Serialize;

use crate::messages::Usage;

/// Checks, before any work is done, that each of these files can be written, and that no two
/// are the same. Nothing that is there is touched.
///
/// # Errors
/// The first that cannot.
pub fn check(paths: &[&Path]) -> Result<()> {
    for (at, path) in paths.iter().enumerate() {
        if paths[..at].contains(path) {
            return Err(Usage(format!(
                "`{}` is given for two different outputs\n  expected: a file for each",
                path.display()
            ))
            .into());
        }
        writable(path).map_err(|error| error.context(format!("writing `{}`", path.display())))?;
    }
    Ok(())
}

fn writable(path: &Path) -> kerros::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(Error::new(ErrorKind::Io, "it is a folder")
                .expected("a file name")
                .hint("add a file name after the folder's"));
        }
        Ok(found) => {
            OpenOptions::new()
                .append(true)
                .open(path)
                .map_err(|error| io_error("it cannot be written to", error))?;
            if !found.is_file() {
                return Ok(());
            }
        }
        Err(_) => {}
    }
    let folder = folder_of(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let trial = folder.join(format!(".{name}.{}-trial.tmp", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&trial).map_err(|error| {
        let place = folder.display();
        io_error(&format!("no file can be made in the folder `{place}`"), error)
            .hint("check that the folder exists and can be written to")
    })?;
    fs::remove_file(&trial).map_err(|error| io_error("a trial file cannot be removed", error))
}

/// The folder a new file beside `path` goes to; links are followed, as when writing.
fn folder_of(path: &Path) -> PathBuf {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    match real.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn io_error(message: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, message).caused_by(error)
}

/// Writes a text file, whole or not at all.
///
/// # Errors
/// As [`atomic::write`].
pub fn write_text(path: &Path, text: &str) -> kerros::Result<()> {
    atomic::write(path, |file| file.write_all(text.as_bytes()))
}

/// Names with numbers, or lists of numbers, in this order, as a JSON object. Numbers that JSON
/// does not have (NaN, infinities) are null.
pub fn json_object<'a, T: Serialize>(entries: impl Iterator<Item = (&'a str, T)>) -> String {
    let fields: Vec<String> = entries
        .map(|(name, value)| {
            let value = serde_json::to_string(&value).expect("numbers can be written");
            format!("{}: {value}", serde_json::Value::from(name))
        })
        .collect();
    format!("{{{}}}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.keras");
        check(&[&path]).unwrap();
        assert!(!path.exists());
        fs::write(&path, "old").unwrap();
        check(&[&path]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_missing_places_and_doubles_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(&[folder.path()]).unwrap_err().to_string().contains("it is a folder"));
        let missing = folder.path().join("missing/model.keras");
        assert!(check(&[&missing]).unwrap_err().to_string().contains("no file can be made"));
        let path = folder.path().join("a");
        assert!(check(&[&path, &path]).unwrap_err().is::<Usage>());
    }

    #[test]
    fn json_keeps_the_order() {
        let text = json_object([("loss", vec![0.5, f64::NAN]), ("a\"b", vec![])].into_iter());
        assert_eq!(text, r#"{"loss": [0.5,null], "a\"b": []}"#);
    }
}
