//! Models that fit: what a run does, beyond agreeing with Keras (see `training.rs`).

use kerros::callbacks::{EarlyStopping, LambdaCallback, StopAtLoss, TerminateOnNaN};
use kerros::data::Samples;
use kerros::layers::{Dense, Dropout};
use kerros::losses::{MeanSquaredError, Reduction};
use kerros::model::{Input, IntoLayer};
use kerros::ops;
use kerros::optimizers::{Adam, Muon, SGD};
use kerros::trainer::{PerOutput, Predict};
use kerros::{Choice, DType, Fit, Model, Result, Sequential, Tensor, Verbose};

/// `y = 2 x + 1` on a grid.
fn line(rows: usize) -> (Tensor, Tensor) {
    let x: Vec<f32> = (0..rows).map(|row| row as f32 / rows as f32 * 4.0 - 2.0).collect();
    let y: Vec<f32> = x.iter().map(|x| 2.0 * x + 1.0).collect();
    (Tensor::new([rows, 1], x).unwrap(), Tensor::new([rows, 1], y).unwrap())
}

fn quiet<'a>(epochs: usize) -> Fit<'a> {
    Fit::epochs(epochs).verbose(Verbose::Silent)
}

fn linear(rate: f64) -> Sequential {
    let mut model = Sequential::new().input([1]).seed(3).add(Dense::new(1));
    model.compile(SGD::new(rate), MeanSquaredError::new(), ()).unwrap();
    model
}

/// What only an output without a loss reads stays as it is; the rest learns.
#[test]
fn an_output_without_a_loss_learns_nothing() -> Result<()> {
    let (x, y) = line(20);
    let input = Input::new([1]).tensor();
    let outputs = [Dense::new(1).on(&input), Dense::new(1).on(&input)];
    let mut model = Model::functional([&input], [&outputs[0], &outputs[1]])?;
    let losses = PerOutput::List(vec![Some(Choice::from("mse")), None]);
    model.compile(SGD::new(0.1), losses, ())?;
    let before = model.get_weights()?;
    model.fit(Samples::new(vec![x], vec![y.clone(), y]), quiet(60))?;
    let after = model.get_weights()?;
    assert!((after[0].as_slice::<f32>()?[0] - 2.0).abs() < 1e-3);
    assert_eq!(after[2..], before[2..]);
    Ok(())
}

#[test]
fn a_line_is_learned() -> Result<()> {
    let (x, y) = line(20);
    let mut model = linear(0.1);
    let history = model.fit((&x, &y), quiet(60).batch_size(8))?;
    assert_eq!(history["loss"].len(), 60);
    assert!(history.last("loss").unwrap() < 1e-8, "{:?}", history.last("loss"));
    let weights = model.get_weights()?;
    assert!((weights[0].as_slice::<f32>()?[0] - 2.0).abs() < 1e-4);
    assert!((weights[1].as_slice::<f32>()?[0] - 1.0).abs() < 1e-4);
    let prediction = model.predict(&Tensor::new([1, 1], [10.0f32])?)?;
    assert!((prediction.as_slice::<f32>()?[0] - 21.0).abs() < 1e-3);
    Ok(())
}

#[test]
fn fit_is_its_steps_by_hand() -> Result<()> {
    let (x, y) = line(10);
    let (mut by_fit, mut by_hand) = (linear(0.05), linear(0.05));
    by_hand.set_weights(&by_fit.get_weights()?)?;
    by_fit.fit((&x, &y), quiet(3).batch_size(4).shuffle(false))?;
    for _ in 0..3 {
        for rows in [0..4, 4..8, 8..10] {
            by_hand.train_on_batch((x.slice_rows(rows.clone())?, y.slice_rows(rows)?))?;
        }
    }
    assert_eq!(by_fit.get_weights()?, by_hand.get_weights()?);
    Ok(())
}

#[test]
fn a_step_is_the_textbook_formula() -> Result<()> {
    let (x, y) = line(7);
    let mut model = linear(0.1);
    let before = model.get_weights()?;
    let (w, b) = (before[0].as_slice::<f32>()?[0], before[1].as_slice::<f32>()?[0]);
    model.train_on_batch((&x, &y))?;
    let after = model.get_weights()?;
    let (mut dw, mut db) = (0.0f64, 0.0f64);
    for (&x, &y) in x.as_slice::<f32>()?.iter().zip(y.as_slice::<f32>()?) {
        let error = f64::from(w * x + b - y);
        dw += 2.0 * error * f64::from(x) / 7.0;
        db += 2.0 * error / 7.0;
    }
    let close = |found: &Tensor, expected: f64| {
        (f64::from(found.as_slice::<f32>().unwrap()[0]) - expected).abs() < 1e-6
    };
    assert!(close(&after[0], f64::from(w) - 0.1 * dw));
    assert!(close(&after[1], f64::from(b) - 0.1 * db));
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_bits() -> Result<()> {
    let (x, y) = line(50);
    let run = |seed: u64| -> Result<Vec<Tensor>> {
        let mut model = Sequential::new()
            .input([1])
            .seed(seed)
            .add(Dense::new(8).activation("relu"))
            .add(Dropout::new(0.3))
            .add(Dense::new(1));
        model.compile(Adam::new(0.01), MeanSquaredError::new(), ())?;
        model.fit((&x, &y), quiet(2).batch_size(16))?;
        model.get_weights()
    };
    assert_eq!(run(7)?, run(7)?);
    assert_ne!(run(7)?, run(8)?);
    Ok(())
}

#[test]
fn dropout_draws_anew_each_step_and_rests_when_predicting() -> Result<()> {
    let x = Tensor::full([64, 4], 1.0f32);
    let mut model = Sequential::new().input([4]).seed(1).add(Dropout::new(0.5)).add(Dense::new(1));
    model.compile(SGD::new(0.0), MeanSquaredError::new(), ())?;
    let y = Tensor::full([64, 1], 0.0f32);
    let mut losses = Vec::new();
    for _ in 0..3 {
        model.reset_metrics()?;
        losses.push(model.train_on_batch((&x, &y))?["loss"]);
    }
    assert!(losses[0] != losses[1] && losses[1] != losses[2], "{losses:?}");
    assert_eq!(model.random_key()?[2..], [3, 0]);
    let first = model.predict(&x)?;
    let predictions = first.as_slice::<f32>()?;
    assert!(predictions.iter().all(|p| *p == predictions[0]));
    Ok(())
}

#[test]
fn a_run_goes_on_from_its_states() -> Result<()> {
    let (x, y) = line(30);
    let new = || -> Result<Sequential> {
        let mut model = Sequential::new()
            .input([1])
            .seed(5)
            .add(Dense::new(6).activation("tanh"))
            .add(Dropout::new(0.2))
            .add(Dense::new(1));
        model.compile(Adam::new(0.01), MeanSquaredError::new(), ())?;
        Ok(model)
    };
    let mut whole = new()?;
    whole.fit((&x, &y), quiet(4).batch_size(8))?;
    let mut first = new()?;
    first.fit((&x, &y), quiet(2).batch_size(8))?;
    let mut second = new()?;
    second.set_weights(&first.get_weights()?)?;
    let states: Vec<Tensor> = first.optimizer_states()?.into_iter().map(|(_, v)| v).collect();
    second.set_optimizer_states(&states)?;
    second.set_random_key(first.random_key()?)?;
    second.fit((&x, &y), quiet(4).initial_epoch(2).batch_size(8))?;
    assert_eq!(whole.get_weights()?, second.get_weights()?);
    Ok(())
}

#[test]
fn weights_of_rows_and_classes_count() -> Result<()> {
    let (x, y) = line(6);
    let weights = Tensor::new([6], [1.0f32, 0.0, 2.0, 0.5, 0.0, 3.0])?;
    let (mut weighted, mut repeated) = (linear(0.1), linear(0.1));
    repeated.set_weights(&weighted.get_weights()?)?;
    // A weight of 2 is a row that stands twice, when the sum is divided by the same number.
    let found = weighted.evaluate((&x, &y, &weights))?["loss"];
    let mut sum = 0.0;
    for row in 0..6 {
        let one = (x.slice_rows(row..row + 1)?, y.slice_rows(row..row + 1)?);
        sum += repeated.evaluate(one)?["loss"] * f64::from(weights.as_slice::<f32>()?[row]);
    }
    assert!((found - sum / 6.0).abs() < 1e-6, "{found} {}", sum / 6.0);

    let labels = Tensor::new([6, 1], [0.0f32, 1.0, 1.0, 0.0, 1.0, 0.0])?;
    let by_class = Tensor::new([6], [1.0f32, 3.0, 3.0, 1.0, 3.0, 1.0])?;
    let (mut a, mut b) = (linear(0.1), linear(0.1));
    a.fit((&x, &labels), quiet(2).shuffle(false).class_weight([(1, 3.0)]))?;
    b.fit((&x, &labels, &by_class), quiet(2).shuffle(false))?;
    assert_eq!(a.get_weights()?, b.get_weights()?);
    Ok(())
}

#[test]
fn the_best_weights_come_back_however_training_ended() -> Result<()> {
    let (x, y) = line(20);
    for ending in ["the last epoch", "another callback", "an error"] {
        let mut model = linear(1.2); // Diverges: the first epoch is the best.
        let mut best = Vec::new();
        let mut stop =
            EarlyStopping::new().monitor("loss").patience(100).restore_best_weights(true);
        let keep = LambdaCallback::new().on_epoch_end(|training, epoch, _| {
            if epoch == 0 {
                best = training.get_weights()?;
            }
            match (ending, epoch) {
                ("another callback", 2) => training.stop(),
                ("an error", 2) => training.set_learning_rate(f32::NAN)?,
                _ => {}
            }
            Ok(())
        });
        let trained = model.fit((&x, &y), quiet(4).callback(keep).callback(&mut stop));
        assert_eq!(trained.is_err(), ending == "an error");
        assert_eq!(stop.best_epoch(), 0);
        assert_eq!(model.get_weights()?, best, "{ending}");
    }
    Ok(())
}

#[test]
fn runs_stop_when_asked() -> Result<()> {
    let (x, y) = line(20);
    let mut stop = StopAtLoss::new(0.01);
    let history = linear(0.1).fit((&x, &y), quiet(500).callback(&mut stop))?;
    assert_eq!(history.epochs().len(), stop.stopped_epoch().unwrap() + 1);
    assert!(history.last("loss").unwrap() <= 0.01);

    let mut nan = TerminateOnNaN::new();
    let mut model = linear(1e30);
    model.on_warning(|_| {});
    let history = model.fit((&x, &y), quiet(10).batch_size(5).callback(&mut nan))?;
    assert_eq!(history.epochs().len(), 1);
    let (epoch, batch) = nan.found().unwrap();
    assert!(epoch == 0 && (1..4).contains(&batch), "{epoch} {batch}");
    Ok(())
}

#[test]
fn frozen_layers_stay() -> Result<()> {
    let (x, y) = line(20);
    let mut model = Sequential::new()
        .input([1])
        .add(Dense::new(4).name("frozen").trainable(false))
        .add(Dense::new(1).name("free"));
    model.compile("sgd", "mse", ())?;
    let before = model.get_weights()?;
    model.fit((&x, &y), quiet(1))?;
    let after = model.get_weights()?;
    assert_eq!(before[..2], after[..2]);
    assert_ne!(before[2..], after[2..]);
    model.set_trainable("frozen", true)?;
    model.compile("sgd", "mse", ())?;
    model.fit((&x, &y), quiet(1))?;
    assert_ne!(after[0], model.get_weights()?[0]);
    Ok(())
}

#[test]
fn a_model_without_input_is_built_from_the_data() -> Result<()> {
    let (x, y) = line(12);
    let mut model = Sequential::new().add(Dense::new(3)).add(Dense::new(1));
    model.compile("sgd", "mse", ())?;
    assert!(!model.is_built());
    // Single numbers as inputs and as targets are columns.
    model.fit((x.reshape([12])?, y.reshape([12])?), quiet(1))?;
    assert_eq!(model.count_params()?, 10);
    assert_eq!(model.predict(&x)?.shape().dims(), [12, 1]);
    Ok(())
}

#[test]
fn orders_of_rows_go_on_from_fit_to_fit() -> Result<()> {
    let (x, y) = line(40);
    let (mut once, mut twice) = (linear(0.01), linear(0.01));
    once.fit((&x, &y), quiet(2))?;
    twice.fit((&x, &y), quiet(1))?;
    twice.fit((&x, &y), quiet(1))?;
    assert_eq!(once.get_weights()?, twice.get_weights()?);
    Ok(())
}

#[test]
fn predictions_do_not_depend_on_how_many_are_made() -> Result<()> {
    let rows = 600;
    let x: Vec<f32> = (0..rows * 3).map(|at| (at % 17) as f32 * 0.1).collect();
    let x = Tensor::new([rows, 3], x)?;
    let mut model = Sequential::new()
        .input([3])
        .seed(2)
        .add(Dense::new(5).activation("relu"))
        .add(Dense::new(2).activation("softmax"));
    let all = model.predict(&x)?;
    assert_eq!(all.shape().dims(), [rows, 2]);
    for row in [0, 255, 256, 599] {
        let one = model.predict_on_batch(&x.slice_rows(row..row + 1)?)?;
        assert_eq!(one, all.slice_rows(row..row + 1)?);
    }
    Ok(())
}

/// The layers of a functional model are not named after the model, so that no pattern finds its name
/// in their paths.
#[test]
fn the_name_of_a_functional_model_is_in_no_path() -> Result<()> {
    let trained = |pattern: &str| -> Result<Vec<Tensor>> {
        let input = Input::new([2]).tensor();
        let output = Dense::new(3).kernel_initializer("ones").name("dense").on(&input);
        let mut model = Model::functional([&input], [&output])?;
        let muon = Muon::new(0.1).exclude_layers(vec![pattern.into()]);
        model.compile(muon, MeanSquaredError::new(), ())?;
        let x = Tensor::new([2, 2], [1.0f32, 2.0, 3.0, 5.0])?;
        model.fit((x, Tensor::zeros([2, 3], DType::F32)), quiet(1))?;
        model.get_weights()
    };
    let alone = trained("no such layer")?;
    assert_eq!(trained("^functional")?[0].to_vec_f64(), alone[0].to_vec_f64());
    assert_ne!(trained("^den[r-t]e/")?[0].to_vec_f64(), alone[0].to_vec_f64());
    Ok(())
}

/// Outputs keep their type and their rows however many batches there are.
#[test]
fn whole_numbers_are_predicted_in_batches() -> Result<()> {
    let input = Input::new([3]).tensor();
    let mut model = Model::functional([&input], [&ops::argmax(&input, -1)])?;
    let rows = 70;
    let x: Vec<f32> =
        (0..rows * 3).map(|at| if at % 3 == at / 3 % 3 { 1.0 } else { 0.0 }).collect();
    let places = model.predict(Tensor::new([rows, 3], x)?)?;
    let expected: Vec<i32> = (0..rows as i32).map(|row| row % 3).collect();
    assert_eq!(places.as_slice::<i32>()?, expected);
    Ok(())
}

/// As in Keras: a loss for each row is reported as their mean, and has no derivative.
#[test]
fn a_loss_that_is_not_reduced_is_evaluated_but_not_trained_with() -> Result<()> {
    let (x, y) = line(7);
    let model = |reduction| -> Result<Sequential> {
        let mut model = Sequential::new().input([1]).seed(3).add(Dense::new(1));
        model.compile(SGD::new(0.1), MeanSquaredError::new().reduction(reduction), ["mse"])?;
        Ok(model)
    };
    let found = model(Reduction::None)?.evaluate((&x, &y))?["loss"];
    let expected = model(Reduction::Mean)?.evaluate((&x, &y))?["loss"];
    assert!((found - expected).abs() <= 1e-6 * expected, "{found} instead of {expected}");
    let error = model(Reduction::None)?.fit((&x, &y), quiet(1)).unwrap_err().to_string();
    assert!(error.contains("the loss is no single number, but of shape [7]"), "{error}");
    assert!(error.contains("sum_over_batch_size"), "{error}");
    Ok(())
}

/// Batches of ever other shapes leave no more than a few plans behind, and what they computed stays
/// right.
#[test]
fn plans_of_old_shapes_are_let_go() {
    let mut model = Sequential::new().input([3]).seed(1).add(Dense::new(2));
    let x = Tensor::new([60, 3], (0..180).map(|at| at as f32 / 7.0).collect::<Vec<_>>()).unwrap();
    let all = model.predict(&x).unwrap();
    for rows in (1..=50).chain([1, 60]) {
        let part = model.predict(x.slice_rows(0..rows).unwrap()).unwrap();
        assert_eq!(part.bytes(), all.slice_rows(0..rows).unwrap().bytes(), "{rows}");
    }
    let plans = model.explain().matches("plan predict").count();
    assert!((2..=32).contains(&plans), "{plans}");
}

/// Batches from a source are predicted one after the other, and no more than are asked for.
#[test]
fn predictions_of_batches_are_joined() {
    let mut model = linear(0.1);
    let (x, _) = line(6);
    let numbers = x.as_slice::<f32>().unwrap();
    let batches = || numbers.chunks(2).map(|rows| Tensor::new([2, 1], rows).unwrap());
    let whole = model.predict(&x).unwrap();
    let joined = model.predict_batches(batches(), Predict::new()).unwrap();
    assert_eq!(joined, std::slice::from_ref(&whole));
    let first = model.predict_batches(batches(), Predict::new().steps(2)).unwrap();
    assert_eq!(first[0].as_slice::<f32>().unwrap(), &whole.as_slice::<f32>().unwrap()[..4]);
}
