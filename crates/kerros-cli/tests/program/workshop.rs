//! A folder to run the program in, and arrays to feed it with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kerros::Tensor;
use kerros_data::npy;
use tempfile::TempDir;

/// A folder of its own for a test.
pub struct Workshop {
    folder: TempDir,
}

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The run, if it went well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// What stderr says as an error: progress before it left out.
    pub fn complaint(&self) -> String {
        let at = self.stderr.find("error:").unwrap_or(0);
        let lines = self.stderr[at..].lines().map(without_count);
        format!("status {}\n{}", self.status, lines.collect::<Vec<_>>().join("\n"))
    }
}

/// The line without the number of names there are, and with the nearest of them alone: the others
/// change with every layer, loss or optimizer that is added.
fn without_count(line: &str) -> String {
    let Some((before, names)) = line.split_once(" names, the nearest being ") else {
        return line.into();
    };
    let before = before.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let nearest = names.split(',').next().unwrap_or_default();
    format!("{before}all names, the nearest being {nearest}")
}

impl Workshop {
    pub fn new() -> Self {
        Workshop { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program in the folder.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, &[])
    }

    /// Runs the program in the folder with these variables in its environment.
    pub fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_kerros"))
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("KERROS_THREADS")
            .env_remove("KERROS_ISA")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        Ran {
            status: status.code().unwrap(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn write_array(&self, name: &str, array: &Tensor) {
        npy::write(self.path(name), array).unwrap();
    }

    /// Every file with its bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(self.folder.path(), &mut files);
        files
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false => {
                files.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
    }
}

/// `rows` rows of `width` numbers from 0 to 1, without a pattern.
pub fn numbers(rows: usize, width: usize) -> Tensor {
    let values: Vec<f32> = (0..rows * width).map(|at| (at * 7919 % 1009) as f32 / 1009.0).collect();
    Tensor::new([rows, width], values).unwrap()
}

/// `rows` labels 0, 1, .. `classes` - 1, 0, 1 ..
pub fn labels(rows: usize, classes: usize) -> Tensor {
    let values: Vec<i32> = (0..rows).map(|row| (row % classes) as i32).collect();
    Tensor::new([rows], values).unwrap()
}
