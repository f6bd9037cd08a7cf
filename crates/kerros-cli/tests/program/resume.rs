//! Runs that are killed go on when the same command is given again, and end with the same bits.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kerros::saving::archive::Archive;
use kerros::{Tensor, load_model};

use crate::workshop::Workshop;

/// A run that takes about a second here, with everything that a run could forget.
const JOB: &str = r#"
[data]
dataset = "digits"
test_fraction = 0.2
validation_fraction = 0.2

[[layers]]
type = "Dense"
units = 48
activation = "relu"

[[layers]]
type = "Dropout"
rate = 0.3

[[layers]]
type = "Dense"
units = 10
activation = "softmax"

[compile]
optimizer = { type = "Adam", use_ema = true }
loss = "sparse_categorical_crossentropy"
metrics = ["accuracy"]

[fit]
epochs = 12
batch_size = 8
seed = 7
verbose = "silent"

[[fit.callbacks]]
type = "EarlyStopping"
patience = 50
restore_best_weights = true

[[fit.callbacks]]
type = "ReduceLROnPlateau"
patience = 2
factor = 0.5

[[fit.callbacks]]
type = "CSVLogger"
filename = "log.csv"

[[fit.callbacks]]
type = "ModelCheckpoint"
filepath = "best.keras"
save_best_only = true

[[callbacks]]
type = "BackupAndRestore"
backup_dir = "backup"
save_freq = FREQ

[output]
model = "out.keras"
history = "history.json"
plot = "curves.svg"
"#;

/// What a run leaves: all that does not tell the time.
#[derive(Debug, PartialEq)]
struct Left {
    weights: Vec<Tensor>,
    optimizer: Vec<(String, Tensor)>,
    random_key: [i32; 4],
    best: Vec<Tensor>,
    texts: Vec<String>,
}

fn left(shop: &Workshop) -> Left {
    let mut model = load_model(shop.path("out.keras")).unwrap();
    let text = |name: &str| std::fs::read_to_string(shop.path(name)).unwrap();
    assert!(!shop.path("backup").exists(), "the backup is removed at the end");
    Left {
        weights: model.get_weights().unwrap(),
        optimizer: model.optimizer_states().unwrap(),
        random_key: model.random_key().unwrap(),
        best: load_model(shop.path("best.keras")).unwrap().get_weights().unwrap(),
        texts: ["history.json", "log.csv", "curves.svg"].map(text).to_vec(),
    }
}

/// Kills the program after a while; whether it had ended by itself.
fn killed_after(shop: &Workshop, while_: Duration) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kerros"))
        .args(["train", "job.toml", "--threads", "1"])
        .current_dir(shop.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while began.elapsed() < while_ {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return true;
        }
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap().success()
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_bits() {
    let shop = Workshop::new();
    shop.write("job.toml", JOB.replace("FREQ", "\"epoch\""));
    let began = Instant::now();
    shop.run(&["train", "job.toml", "--threads", "1"]).ok();
    let whole_run = began.elapsed();
    let whole = left(&shop);
    // Instants spread over the run by the golden ratio: the start, the data, steps, validations,
    // backups and the writing of results are all hit in the end.
    let mut share = 0.5f64;
    let mut kills = 0;
    for freq in ["\"epoch\"", "1", "37"] {
        let shop = Workshop::new();
        shop.write("job.toml", JOB.replace("FREQ", freq));
        loop {
            share = (share + 0.618_034).fract();
            // Longer with each kill: a machine that became busier must not keep a run from
            // ever reaching its next backup.
            let patience = 1.0 + 0.05 * f64::from(kills);
            if killed_after(&shop, whole_run.mul_f64((0.05 + 0.5 * share) * patience)) {
                break;
            }
            kills += 1;
            let latest = shop.path("backup/latest.keras");
            assert!(!latest.exists() || Archive::read(&latest).is_ok(), "a backup is whole");
            assert!(kills < 100, "the run makes no way");
        }
        assert!(left(&shop) == whole, "save_freq = {freq}, after {kills} kills");
    }
    assert!(kills >= 4, "{kills} kills");
}

/// Kills a run once it has a backup in the folder `b`.
fn killed_with_a_backup(shop: &Workshop, line: &[&str]) {
    for _ in 0..20 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kerros"))
            .args(line)
            .current_dir(shop.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let latest = shop.path("b/latest.keras");
        while !latest.exists() && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if latest.exists() {
            return;
        }
    }
    panic!("every run ended before it could be killed");
}

#[test]
fn a_saved_model_goes_on_with_a_backup_from_the_command_line() {
    let shop = Workshop::new();
    shop.write("job.toml", JOB.replace("FREQ", "1").replace("epochs = 12", "epochs = 1"));
    shop.run(&["train", "job.toml", "--no-plot", "--output", "start.keras"]).ok();
    let train = |output| {
        let line = ["train", "start.keras", "--data", "digits", "--epochs", "9", "--no-plot"];
        [&line[..], &["--seed", "3", "--backup", "b", "--verbose", "line", "--output", output]]
            .concat()
    };
    let weights = |name| load_model(shop.path(name)).unwrap().get_weights().unwrap();
    shop.run(&train("whole.keras")).ok();
    killed_with_a_backup(&shop, &train("end.keras"));
    let ran = shop.run(&train("end.keras")).ok();
    assert!(ran.stderr.contains("Going on after epoch"), "{}", ran.stderr);
    assert_eq!(weights("end.keras"), weights("whole.keras"));
    assert!(!shop.path("b").exists());

    killed_with_a_backup(&shop, &train("end.keras"));
    let other = [&train("end.keras")[..], &["--batch-size", "16"]].concat();
    let ran = shop.run(&other);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("batch_size 32, this run has 16"), "{}", ran.stderr);
    assert!(ran.stderr.contains("remove the folder `b` to begin anew"), "{}", ran.stderr);
    assert!(shop.path("b/latest.keras").exists());
}
