//! Runs that are interrupted and taken up again end with the same bits as runs that are not.

use std::path::Path;

use kerros::callbacks::{
    BackupAndRestore, CSVLogger, EarlyStopping, LambdaCallback, LearningRateScheduler,
    ModelCheckpoint, ReduceLROnPlateau, SaveFreq, SwapEMAWeights, TensorBoard,
};
use kerros::data::{Samples, source::restartable};
use kerros::layers::{Dense, Dropout};
use kerros::losses::MeanSquaredError;
use kerros::optimizers::Adam;
use kerros::{Error, ErrorKind, Fit, History, Load, Result, Sequential, Tensor, Verbose, metrics};

/// Noise, so that every order of rows gives other weights.
fn data(rows: usize) -> (Tensor, Tensor) {
    let number = |at: usize| (at * 7919 % 1009) as f32 / 1009.0 - 0.5;
    let x: Vec<f32> = (0..rows * 3).map(number).collect();
    let y: Vec<f32> = (0..rows).map(|row| number(row * 31 + 5)).collect();
    (Tensor::new([rows, 3], x).unwrap(), Tensor::new([rows, 1], y).unwrap())
}

/// Everything that a run could forget: dropout, slots, averages, metrics.
fn model(seed: u64) -> Sequential {
    let mut model = Sequential::new()
        .input([3])
        .seed(seed)
        .add(Dense::new(6).activation("tanh"))
        .add(Dropout::new(0.3))
        .add(Dense::new(1));
    let optimizer = Adam::new(0.02).use_ema(true).ema_momentum(0.8);
    model.compile(optimizer, MeanSquaredError::new(), metrics!["mae"]).unwrap();
    model.on_warning(|_| {});
    model
}

/// All that a run leaves behind.
#[derive(Debug, PartialEq)]
struct Left {
    weights: Vec<Tensor>,
    optimizer: Vec<(String, Tensor)>,
    random_key: [i32; 4],
    history: History,
}

fn left(model: &mut Sequential, history: History) -> Result<Left> {
    Ok(Left {
        weights: model.get_weights()?,
        optimizer: model.optimizer_states()?,
        random_key: model.random_key()?,
        history,
    })
}

/// Ends a run by an error after so many batches in all, as a kill would end the process.
fn killed_after(batches: usize) -> LambdaCallback<'static> {
    let mut left = batches;
    LambdaCallback::new().on_train_batch_begin(move |_, _| {
        if left == 0 {
            return Err(Error::new(ErrorKind::Internal, "killed"));
        }
        left -= 1;
        Ok(())
    })
}

/// Runs until it ends, killed after every `every` batches; how often it was begun.
fn run_killed(
    every: usize,
    mut run: impl FnMut(Option<LambdaCallback<'static>>, usize) -> Result<Left>,
) -> (Left, usize) {
    for begun in 1..200 {
        match run(Some(killed_after(every)), begun) {
            Ok(left) => return (left, begun),
            Err(error) => assert!(error.message().contains("killed"), "{error}"),
        }
    }
    panic!("the run makes no way");
}

const EPOCHS: usize = 5;

/// A run with every callback that remembers something.
fn run(
    folder: &Path,
    freq: SaveFreq,
    fit: impl for<'a> Fn(Fit<'a>) -> Fit<'a>,
    killed: Option<LambdaCallback<'static>>,
    begun: usize,
) -> Result<Left> {
    let (x, y) = data(26);
    let (xv, yv) = data(7);
    // Nothing that a second process draws by itself may count.
    let mut model = model(if begun == 1 { 3 } else { 3 + begun as u64 });
    let mut how = Fit::epochs(EPOCHS).batch_size(4).verbose(Verbose::Silent);
    how = fit(how.validation((&xv, &yv)))
        .callback(SwapEMAWeights::new().swap_on_epoch(true))
        .callback(LearningRateScheduler::new(|_, rate| rate * 0.9))
        .callback(BackupAndRestore::new(folder.join("backup")).save_freq(freq))
        .callback(ReduceLROnPlateau::new().monitor("loss").patience(1).factor(0.5))
        .callback(CSVLogger::new(folder.join("log.csv")))
        .callback(EarlyStopping::new().patience(2).restore_best_weights(true))
        .callback(
            ModelCheckpoint::new(folder.join("best.keras").to_str().unwrap())
                .save_best_only(true)
                .monitor("val_mae"),
        )
        .callback(TensorBoard::new(folder.join("logs")));
    // Last, so that all others have seen the batch before.
    how = match killed {
        Some(kill) => how.callback(kill),
        None => how.callback(LambdaCallback::new()),
    };
    let history = model.fit((&x, &y), how)?;
    left(&mut model, history)
}

fn best(folder: &Path) -> Vec<Tensor> {
    Load::new().model(folder.join("best.keras")).unwrap().get_weights().unwrap()
}

fn same_however_killed(name: &str, fit: impl for<'a> Fn(Fit<'a>) -> Fit<'a>) {
    let whole_folder = tempfile::tempdir().unwrap();
    let whole = run(whole_folder.path(), SaveFreq::Epoch, &fit, None, 1).unwrap();
    let csv = std::fs::read_to_string(whole_folder.path().join("log.csv")).unwrap();
    assert!(!whole_folder.path().join("backup").exists(), "a backup is removed at the end");
    for (freq, every) in [
        (SaveFreq::Epoch, 7),
        (SaveFreq::Epoch, 9),
        (SaveFreq::Batches(1), 1),
        (SaveFreq::Batches(1), 3),
        (SaveFreq::Batches(2), 5),
        (SaveFreq::Batches(3), 4),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (taken_up, begun) =
            run_killed(every, |killed, begun| run(folder.path(), freq, &fit, killed, begun));
        assert!(begun > 2, "{name}, {freq:?}, killed after {every}");
        assert_eq!(taken_up, whole, "{name}, {freq:?}, killed after {every}");
        let again = std::fs::read_to_string(folder.path().join("log.csv")).unwrap();
        assert_eq!(again, csv, "{name}, {freq:?}, killed after {every}");
        assert_eq!(best(folder.path()), best(whole_folder.path()), "{name}");
        assert!(!folder.path().join("backup").exists());
    }
}

#[test]
fn a_run_ends_with_the_same_bits_however_often_it_is_killed() {
    same_however_killed("plain", |fit| fit);
}

#[test]
fn in_order_and_with_steps_that_do_not_divide_the_data() {
    same_however_killed("in order", |fit| fit.shuffle(false));
    same_however_killed("steps", |fit| fit.steps_per_epoch(5).validation_steps(1));
}

#[test]
fn validations_and_first_epochs_of_ones_own() {
    same_however_killed("validation", |fit| fit.validation_freq([2, 3, 5]));
    same_however_killed("first epoch", |fit| fit.initial_epoch(2));
}

/// Batches from a source that can begin again, and from an iterator that cannot.
#[test]
fn sources_are_taken_up_where_they_were() {
    let batch = |at: usize| -> Samples {
        let (x, y) = data(40);
        let rows = (at * 4) % 36..(at * 4) % 36 + 4;
        (x.slice_rows(rows.clone()).unwrap(), y.slice_rows(rows).unwrap()).into()
    };
    let run = |folder: &Path, (goes_on, runs_out): (bool, bool), killed| {
        let mut model = model(3);
        let mut how = Fit::epochs(4)
            .verbose(Verbose::Silent)
            .callback(BackupAndRestore::new(folder).save_freq(SaveFreq::Batches(2)));
        if let Some(kill) = killed {
            let kill: LambdaCallback<'static> = kill;
            how = how.callback(kill);
        }
        let history = match goes_on {
            true => model.fit_batches((0..).map(batch), how.steps_per_epoch(5))?,
            // Passes of five batches, epochs of three: the second of each two runs out.
            false if runs_out => {
                let source = restartable(|pass| (0..5).map(move |at| batch(at + pass as usize)));
                model.fit_batches(source, how.steps_per_epoch(3))?
            }
            false => {
                let source =
                    restartable(|pass| (0..5).map(move |at| batch(at * 7 % 5 + 3 * pass as usize)));
                model.fit_batches(source, how)?
            }
        };
        left(&mut model, history)
    };
    for kind in [(true, false), (false, true), (false, false)] {
        let folder = tempfile::tempdir().unwrap();
        let whole = run(folder.path(), kind, None).unwrap();
        assert_eq!(whole.history.epochs(), [0, 1, 2, 3]);
        for every in [2, 3, 4, 7] {
            let folder = tempfile::tempdir().unwrap();
            let (taken_up, _) = run_killed(every, |kill, _| run(folder.path(), kind, kill));
            assert_eq!(taken_up, whole, "{kind:?}, killed after {every}");
        }
    }
}

/// The seed of a run that was given none is random: the second process takes the first one's.
#[test]
fn a_run_without_a_seed_goes_on_with_the_one_it_had() -> Result<()> {
    let (x, y) = data(20);
    let folder = tempfile::tempdir().unwrap();
    let new = || -> Result<Sequential> {
        let mut model = Sequential::new().input([3]).add(Dense::new(4)).add(Dense::new(1));
        model.compile("adam", "mse", ())?;
        Ok(model)
    };
    let how = |epochs| {
        Fit::epochs(epochs)
            .batch_size(3)
            .verbose(Verbose::Silent)
            .callback(BackupAndRestore::new(folder.path().join("b")).delete_checkpoint(false))
    };
    let mut whole = new()?;
    whole.fit((&x, &y), how(2))?;
    let mut second = new()?;
    second.fit((&x, &y), how(4))?;
    whole.fit((&x, &y), Fit::epochs(2).batch_size(3).verbose(Verbose::Silent))?;
    assert_eq!(second.get_weights()?, whole.get_weights()?);
    Ok(())
}

#[test]
fn a_run_that_was_stopped_stays_stopped() -> Result<()> {
    let (x, y) = data(20);
    let folder = tempfile::tempdir().unwrap();
    let run = |is_killed: bool| {
        let mut model = model(3);
        // The error comes after the backup of the epoch in which the run was stopped.
        let kill = LambdaCallback::new().on_train_end(move |_| match is_killed {
            true => Err(Error::new(ErrorKind::Internal, "killed")),
            false => Ok(()),
        });
        let stop = LambdaCallback::new().on_epoch_end(|training, epoch, _| {
            if epoch == 1 {
                training.stop();
            }
            Ok(())
        });
        let how = Fit::epochs(9)
            .verbose(Verbose::Silent)
            .callback(stop)
            .callback(kill)
            .callback(BackupAndRestore::new(folder.path().join("b")));
        let history = model.fit((&x, &y), how)?;
        left(&mut model, history)
    };
    assert!(run(true).is_err());
    assert!(folder.path().join("b/latest.keras").exists());
    assert_eq!(run(false)?.history.epochs(), [0, 1]);
    Ok(())
}

fn with_backup<'a>(folder: &Path) -> Fit<'a> {
    Fit::epochs(2)
        .verbose(Verbose::Silent)
        .callback(BackupAndRestore::new(folder).delete_checkpoint(false))
}

#[test]
fn backups_of_other_runs_are_refused() -> Result<()> {
    let (x, y) = data(20);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("b");
    model(1).fit((&x, &y), with_backup(&at))?;
    let message = |error: Error| error.to_string();
    let other_size = model(1).fit((&x, &y), with_backup(&at).batch_size(5)).unwrap_err();
    assert_eq!(other_size.kind(), ErrorKind::State);
    assert!(message(other_size).contains("batch_size 20, this run has 5"), "");
    let (x2, y2) = data(19);
    let other_data = model(1).fit((&x2, &y2), with_backup(&at).batch_size(20)).unwrap_err();
    assert!(message(other_data).contains("batch_size 20, this run has 19"));
    let mut z = x.clone();
    z.as_mut_slice::<f32>()?[59] += 1.0;
    let other_data = model(1).fit((&z, &y), with_backup(&at)).unwrap_err();
    assert!(message(other_data).contains("the data are not those"));
    let other_callbacks = with_backup(&at).callback(EarlyStopping::new().monitor("loss"));
    let error = model(1).fit((&x, &y), other_callbacks).unwrap_err();
    assert!(message(error).contains("this run has [\"BackupAndRestore\",\"EarlyStopping\""));
    let mut other = Sequential::new().input([3]).add(Dense::new(1));
    other.compile("adam", "mse", metrics!["mae"])?;
    let error = other.fit((&x, &y), with_backup(&at)).unwrap_err();
    assert!(message(error).contains("the layers are not those"));
    Ok(())
}

#[test]
fn damaged_backups_are_told_and_the_one_before_helps() -> Result<()> {
    let (x, y) = data(20);
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("b");
    let run = |epochs, double| {
        let mut model = model(1);
        let how = Fit::epochs(epochs).verbose(Verbose::Silent).callback(
            BackupAndRestore::new(&at).double_checkpoint(double).delete_checkpoint(false),
        );
        model.fit((&x, &y), how)?;
        model.get_weights()
    };
    run(2, false)?;
    let bytes = std::fs::read(at.join("latest.keras")).unwrap();
    std::fs::write(at.join("latest.keras"), &bytes[..bytes.len() / 2]).unwrap();
    let error = run(3, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format, "{error}");
    assert!(error.to_string().contains("to begin anew"), "{error}");

    std::fs::remove_dir_all(&at).unwrap();
    let whole = run(4, true)?;
    assert!(at.join("latest.keras.bkp").exists());
    for damage in ["cut", "gone"] {
        let latest = at.join("latest.keras");
        match damage {
            "cut" => std::fs::write(&latest, &bytes[..100]).unwrap(),
            _ => std::fs::remove_file(&latest).unwrap(),
        }
        // What a process left that was killed while it wrote.
        std::fs::write(at.join(".latest.keras.1-1.tmp"), "half").unwrap();
        assert_eq!(run(4, true)?, whole, "{damage}");
        assert!(!at.join(".latest.keras.1-1.tmp").exists());
    }
    // A model file that is no backup.
    model(1).save(at.join("latest.keras"))?;
    assert!(run(4, false).unwrap_err().to_string().contains("is no backup"));
    Ok(())
}

#[test]
fn a_backup_is_a_model_file() -> Result<()> {
    let (x, y) = data(20);
    let folder = tempfile::tempdir().unwrap();
    let mut trained = model(1);
    trained.fit((&x, &y), with_backup(folder.path()))?;
    let mut loaded = kerros::load_model(folder.path().join("latest.keras"))?;
    assert_eq!(loaded.predict(&x)?.shape().dims(), [20, 1]);
    let states: Vec<Tensor> = loaded.optimizer_states()?.into_iter().map(|(_, v)| v).collect();
    let kept: Vec<Tensor> = trained.optimizer_states()?.into_iter().map(|(_, v)| v).collect();
    assert_eq!(states, kept);
    Ok(())
}
