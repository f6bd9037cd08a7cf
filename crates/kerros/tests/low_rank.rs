//! Kernels in whose place a product of two matrices learns (`lora_rank`): what files hold of them,
//! and how runs go on. That they compute and learn as in Keras is in `keras_layers`.

use kerros::callbacks::BackupAndRestore;
use kerros::layers::{Conv1D, Dense, Embedding, Flatten, ReversibleEmbedding};
use kerros::losses::MeanSquaredError;
use kerros::optimizers::Adam;
use kerros::{DType, ErrorKind, Fit, Load, Result, Sequential, Tensor, Verbose, load_model};

fn numbers(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let number = |at: usize| (at * 7919 % 1009) as f32 / 1009.0 - 0.5;
    Tensor::new(shape, (0..count).map(number).collect::<Vec<f32>>()).unwrap()
}

/// A convolution and a dense layer, in each of which a product learns.
fn model() -> Sequential {
    let mut model = Sequential::new()
        .input([4, 2])
        .seed(3)
        .add(Conv1D::new(3, 2).lora_rank(2).lora_alpha(6).name("conv"))
        .add(Flatten::new())
        .add(Dense::new(2).lora_rank(2).name("dense"));
    model.compile(Adam::new(0.02), MeanSquaredError::new(), ()).unwrap();
    model.on_warning(|_| {});
    model
}

fn fit(model: &mut Sequential, epochs: usize) -> Result<()> {
    let fit = Fit::epochs(epochs).batch_size(2).verbose(Verbose::Silent);
    model.fit((numbers(&[6, 4, 2]), numbers(&[6, 2])), fit).map(|_| ())
}

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.to_vec_f64(), b.to_vec_f64());
    a.iter().zip(b).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

#[test]
fn kernels_stay_and_factors_learn() -> Result<()> {
    let mut model = model();
    let before = model.weights()?;
    let names: Vec<&str> = before.iter().map(|(path, _)| path.split_once('/').unwrap().1).collect();
    let conv = ["conv/kernel", "conv/bias", "conv/lora_kernel_a", "conv/lora_kernel_b"];
    let dense = ["dense/kernel", "dense/bias", "dense/lora_kernel_a", "dense/lora_kernel_b"];
    assert_eq!(names, [conv, dense].concat());
    fit(&mut model, 2)?;
    for ((path, before), after) in before.iter().zip(model.get_weights()?) {
        assert_eq!(path.ends_with("/kernel"), *before == after, "{path}");
    }
    Ok(())
}

/// As in Keras: the kernel of a file is the sum, and the product begins at 0 again.
#[test]
fn files_hold_the_sum() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let x = numbers(&[3, 4, 2]);
    let mut model = model();
    fit(&mut model, 2)?;
    let expected = model.predict(&x)?;
    let path = folder.path().join("model.keras");
    model.save(&path)?;
    let mut again = load_model(&path)?;
    assert!(difference(&again.predict(&x)?, &expected) < 1e-6);
    for (path, value) in again.weights()? {
        let is_zero = value.to_vec_f64().iter().all(|&value| value == 0.0);
        assert_eq!(path.contains("lora_"), is_zero, "{path}");
    }
    // The optimizer goes on with the slots that it had.
    let values = |states: Vec<(String, Tensor)>| states.into_iter().map(|(_, value)| value);
    assert!(values(again.optimizer_states()?).eq(values(model.optimizer_states()?)));
    let path = folder.path().join("model.weights.h5");
    model.save_weights(&path)?;
    again.load_weights(&path)?;
    assert!(difference(&again.predict(&x)?, &expected) < 1e-6);
    Ok(())
}

#[test]
fn files_of_the_old_format_and_of_paths_hold_the_factors() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let mut model = model();
    fit(&mut model, 2)?;
    let path = folder.path().join("model.h5");
    model.save(&path)?;
    assert_eq!(load_model(&path)?.get_weights()?, model.get_weights()?);
    for name in ["old.h5", "weights.safetensors"] {
        let path = folder.path().join(name);
        model.save_weights(&path)?;
        let mut other = self::model();
        other.load_weights(&path)?;
        assert_eq!(other.get_weights()?, model.get_weights()?, "{name}");
    }
    Ok(())
}

#[test]
fn a_backup_holds_the_factors() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let data = || (numbers(&[6, 4, 2]), numbers(&[6, 2]));
    let run = |epochs| Fit::epochs(epochs).batch_size(2).verbose(Verbose::Silent);
    let backup = || BackupAndRestore::new(folder.path()).delete_checkpoint(false);
    let mut whole = model();
    whole.fit(data(), run(4))?;
    model().fit(data(), run(2).callback(backup()))?;
    let mut rest = model();
    rest.fit(data(), run(4).callback(backup()))?;
    assert_eq!(rest.get_weights()?, whole.get_weights()?);
    Ok(())
}

#[test]
fn what_cannot_be_is_told() {
    let layer = Dense::new(2).lora_rank(1).kernel_constraint("max_norm");
    let error = Sequential::new().input([2]).add(layer).predict(numbers(&[1, 2])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument);
    assert!(error.to_string().contains("`lora_rank` 1 with a constraint"), "{error}");
    let layer = ReversibleEmbedding::new(4, 2).lora_rank(1).tie_weights(false);
    let words = Tensor::zeros([1, 2], DType::I32);
    let error = Sequential::new().input([2]).add(layer).predict(&words).unwrap_err();
    assert!(error.to_string().contains("not tied"), "{error}");
}

/// The factors are in no file, so that nothing but a bound stands against their size.
#[test]
fn a_rank_beyond_all_bounds_is_refused() -> Result<()> {
    let mut model = Sequential::new().input([2]).add(Embedding::new(4, 2).lora_rank(1));
    model.predict(Tensor::zeros([1, 2], DType::I32))?;
    let mut archive = model.to_archive()?;
    for rank in [1u64 << 30, i32::MAX as u64] {
        let layers = archive.config["config"]["layers"].as_array_mut().unwrap();
        layers.last_mut().unwrap()["config"]["lora_rank"] = rank.into();
        let error = Load::new().archive(&archive).unwrap_err();
        assert!(error.to_string().contains("too many"), "{error}");
    }
    Ok(())
}
