//! Callbacks and `fit` options against real Keras: `fixtures/callbacks.json`.

mod keras;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use keras::{EPS, assert_close, fixture, number, numbers, tensor};
use kerros::callbacks::{
    CSVLogger, Callback, EarlyStopping, LearningRateScheduler, ModelCheckpoint, ReduceLROnPlateau,
    registry,
};
use kerros::layers::Dense;
use kerros::optimizers::SGD;
use kerros::trainer::{Predict, Training, TrainingSize};
use kerros::{
    Config, Error, ErrorKind, Evaluate, Fit, Load, Metrics, Model, Result, Sequential, Tensor,
    Verbose,
};
use serde_json::Value;

/// Each number went through up to 15 steps of gradient descent on values of size 1 to 10, in
/// which every sum rounds about as often as it has terms (10): 128 roundings are not exceeded.
fn bound(keras: f64) -> f64 {
    128.0 * EPS * (1.0 + keras.abs())
}

fn new_model(file: &Value) -> Sequential {
    let mut model = Sequential::new().input([3]).add(Dense::new(2));
    model.compile(SGD::new(0.05).momentum(0.5), "mse", ["mae"]).unwrap();
    let data = &file["data"];
    model.set_weights(&[tensor(&data["kernel"]), tensor(&data["bias"])]).unwrap();
    model.on_warning(|_| {});
    model
}

fn xy(file: &Value) -> (Tensor, Tensor) {
    (tensor(&file["data"]["x"]), tensor(&file["data"]["y"]))
}

fn rows(pair: &(Tensor, Tensor), range: std::ops::Range<usize>) -> (Tensor, Tensor) {
    (pair.0.slice_rows(range.clone()).unwrap(), pair.1.slice_rows(range).unwrap())
}

type Call = (String, Option<u64>, Vec<String>);

/// Writes down every call, and acts as a fixture says.
struct Recorder<'a> {
    calls: &'a RefCell<Vec<Call>>,
    act: Option<(String, String, u64)>,
}

impl<'a> Recorder<'a> {
    fn new(calls: &'a RefCell<Vec<Call>>, act: &Value) -> Self {
        let text = |at: usize| act[at].as_str().unwrap().to_string();
        let act = act.is_array().then(|| (text(0), text(1), act[2].as_u64().unwrap()));
        Recorder { calls, act }
    }

    fn note(
        &self,
        training: &mut Training<'_>,
        method: &str,
        number: Option<usize>,
        logs: Option<&Metrics>,
    ) -> Result<()> {
        let mut names: Vec<String> = match logs {
            Some(logs) => logs.names().map(String::from).collect(),
            None => training.logs()?.names().map(String::from).collect(),
        };
        if !training.outputs()?.is_empty() {
            names.push("outputs".into());
        }
        names.sort();
        let number = number.map(|number| number as u64);
        self.calls.borrow_mut().push((method.into(), number, names));
        match &self.act {
            Some((what, at, when)) if at == method && Some(*when) == number => {
                match what.as_str() {
                    "stop" => training.stop(),
                    _ => return Err(Error::new(ErrorKind::State, "told to fail")),
                }
            }
            _ => {}
        }
        Ok(())
    }
}

macro_rules! record {
    ($($method:ident($($number:ident)?);)*) => {
        impl Callback for Recorder<'_> {
            $(
                fn $method(
                    &mut self,
                    training: &mut Training<'_>
                    $(, $number: usize)?
                ) -> Result<()> {
                    let number: &[usize] = &[$($number)?];
                    self.note(training, stringify!($method), number.first().copied(), None)
                }
            )*
            fn on_epoch_end(
                &mut self,
                training: &mut Training<'_>,
                epoch: usize,
                logs: &mut Metrics,
            ) -> Result<()> {
                self.note(training, "on_epoch_end", Some(epoch), Some(logs))
            }
        }
    };
}

record! {
    on_train_begin();
    on_train_end();
    on_epoch_begin(epoch);
    on_train_batch_begin(batch);
    on_train_batch_end(batch);
    on_test_begin();
    on_test_end();
    on_test_batch_begin(batch);
    on_test_batch_end(batch);
    on_predict_begin();
    on_predict_end();
    on_predict_batch_begin(batch);
    on_predict_batch_end(batch);
}

#[track_caller]
fn assert_calls(what: &str, got: &[Call], keras: &Value) {
    let keras: Vec<Call> = serde_json::from_value(keras.clone()).unwrap();
    for (at, (got, keras)) in got.iter().zip(&keras).enumerate() {
        assert_eq!(got, keras, "{what}: call {at}");
    }
    assert_eq!(got.len(), keras.len(), "{what}: number of calls");
}

fn count(options: &Value, name: &str) -> Option<usize> {
    options[name].as_u64().map(|count| count as usize)
}

fn schedule(name: &str) -> fn(usize, f64) -> f64 {
    match name {
        "half" => |_, rate| rate * 0.5,
        "late" => |epoch, rate| if epoch < 3 { rate } else { rate * (-0.1f64).exp() },
        "by_epoch" => |epoch, _| 0.1 / (epoch + 1) as f64,
        other => panic!("{other}"),
    }
}

fn config(value: &Value) -> Config {
    value.as_object().unwrap().clone()
}

fn built(class_name: &str, arguments: &Value) -> Box<dyn Callback> {
    match arguments["schedule"].as_str() {
        Some(name) => Box::new(LearningRateScheduler::new(schedule(name))),
        None => registry::find(class_name).unwrap().build(&config(arguments)).unwrap(),
    }
}

#[test]
fn fit_calls_what_keras_calls_and_trains_the_same() {
    let file = fixture("callbacks.json");
    let pair = xy(&file);
    for case in file["runs"].as_array().unwrap() {
        let (name, options) = (case["name"].as_str().unwrap(), &case["fit"]);
        let calls = RefCell::new(Vec::new());
        let warned = std::sync::Arc::new(std::sync::Mutex::new(0));
        let mut model = new_model(&file);
        let count_warnings = warned.clone();
        model.on_warning(move |text| {
            *count_warnings.lock().unwrap() += usize::from(text.contains("ran out"));
        });
        let epochs = count(options, "epochs").unwrap();
        let mut how = Fit::epochs(epochs).shuffle(false).verbose(Verbose::Silent);
        let is_source = options["source"].is_string();
        match options.get("batch_size") {
            Some(size) if size.is_null() => {}
            _ if is_source => {}
            _ => how = how.batch_size(count(options, "batch_size").unwrap_or(4)),
        }
        if let Some(given) = count(options, "validation") {
            how = how.validation(rows(&pair, 0..given));
        }
        if let Some(size) = count(options, "validation_batch_size") {
            how = how.validation_batch_size(size);
        }
        if let Some(steps) = count(options, "validation_steps") {
            how = how.validation_steps(steps);
        }
        if let Some(share) = options["validation_split"].as_f64() {
            how = how.validation_split(share);
        }
        match &options["validation_freq"] {
            Value::Number(every) => how = how.validation_freq(every.as_u64().unwrap() as usize),
            Value::Array(epochs) => {
                let epochs: Vec<usize> =
                    epochs.iter().map(|epoch| epoch.as_u64().unwrap() as usize).collect();
                how = how.validation_freq(epochs);
            }
            _ => {}
        }
        if let Some(epoch) = count(options, "initial_epoch") {
            how = how.initial_epoch(epoch);
        }
        if let Some(steps) = count(options, "steps_per_epoch") {
            how = how.steps_per_epoch(steps);
        }
        if let Some(weights) = options["class_weight"].as_object() {
            how =
                how.class_weight(weights.iter().map(|(class, weight)| {
                    (class.parse().unwrap(), weight.as_f64().unwrap() as f32)
                }));
        }
        for callback in case["callbacks"].as_array().unwrap() {
            how =
                how.callback(built(callback["class_name"].as_str().unwrap(), &callback["config"]));
        }
        how = how.callback(Recorder::new(&calls, &case["act"]));
        let trained = match is_source {
            true => {
                let batches = (0usize..).map(|at| rows(&pair, at % 7..at % 7 + 3));
                model.fit_batches(batches, how)
            }
            false => model.fit((&pair.0, &pair.1), how),
        };
        assert_calls(name, &calls.borrow(), &case["calls"]);
        assert_eq!(trained.is_err(), case["failed"].as_bool().unwrap(), "{name}");
        assert_eq!(*warned.lock().unwrap() as u64, case["ran_out"].as_u64().unwrap(), "{name}");
        for (at, weight) in model.get_weights().unwrap().iter().enumerate() {
            let keras = numbers(&case["weights"][at]);
            assert_close(name, &weight.to_vec_f64(), &keras, |i| bound(keras[i]));
        }
        let rate = model.learning_rate().unwrap();
        assert_eq!(rate, case["learning_rate"].as_f64().unwrap() as f32, "{name}");
        let Ok(history) = trained else { continue };
        let epochs: Vec<f64> = history.epochs().iter().map(|&epoch| epoch as f64).collect();
        assert_eq!(epochs, numbers(&case["history"]["epochs"]), "{name}");
        let keras = case["history"]["values"].as_object().unwrap();
        assert_eq!(history.names().count(), keras.len(), "{name}: {history:?}");
        for (key, values) in keras {
            let keras = numbers(values);
            assert_close(&format!("{name} {key}"), &history[key], &keras, |i| bound(keras[i]));
        }
    }
}

#[test]
fn evaluate_and_predict_call_what_keras_calls() {
    let file = fixture("callbacks.json");
    let (x, y) = xy(&file);
    for case in file["evaluate"].as_array().unwrap() {
        let (calls, arguments) = (RefCell::new(Vec::new()), &case["arguments"]);
        let mut how = Evaluate::new().callback(Recorder::new(&calls, &Value::Null));
        if let Some(size) = count(arguments, "batch_size") {
            how = how.batch_size(size);
        }
        if let Some(steps) = count(arguments, "steps") {
            how = how.steps(steps);
        }
        let found = new_model(&file).evaluate_with((&x, &y), how).unwrap();
        assert_calls(&arguments.to_string(), &calls.borrow(), &case["calls"]);
        for (name, value) in case["found"].as_object().unwrap() {
            let keras = number(value);
            assert!((found[name] - keras).abs() <= bound(keras), "{arguments} {name}");
        }
    }
    for case in file["predict"].as_array().unwrap() {
        let (calls, arguments) = (RefCell::new(Vec::new()), &case["arguments"]);
        let mut how = Predict::new()
            .batch_size(count(arguments, "batch_size").unwrap())
            .callback(Recorder::new(&calls, &Value::Null));
        if let Some(steps) = count(arguments, "steps") {
            how = how.steps(steps);
        }
        let outputs = new_model(&file).predict_with(&x, how).unwrap().remove(0);
        assert_calls(&arguments.to_string(), &calls.borrow(), &case["calls"]);
        let keras = tensor(&case["outputs"]);
        assert_eq!(outputs.shape(), keras.shape());
        let keras = keras.to_vec_f64();
        assert_close("outputs", &outputs.to_vec_f64(), &keras, |i| bound(keras[i]));
    }
}

#[test]
fn single_batches_report_themselves() {
    let file = fixture("callbacks.json");
    let pair = xy(&file);
    let mut model = new_model(&file);
    for step in file["on_batch"]["steps"].as_array().unwrap() {
        let batch = rows(&pair, 0..step[1].as_u64().unwrap() as usize);
        let found = match step[0].as_str().unwrap() {
            "train" => model.train_on_batch(batch).unwrap(),
            _ => model.test_on_batch(batch).unwrap(),
        };
        for (name, value) in step[2].as_object().unwrap() {
            let keras = number(value);
            assert!((found[name] - keras).abs() <= bound(keras), "{step} {name}: {}", found[name]);
        }
    }
    let keras = numbers(&file["on_batch"]["predictions"]);
    let found = model.predict_on_batch(&rows(&pair, 0..2).0).unwrap();
    assert_close("predict_on_batch", &found.to_vec_f64(), &keras, |i| bound(keras[i]));
}

fn training(model: &mut Sequential) -> Training<'_> {
    Training::new(model, TrainingSize { epochs: 99, steps: None, batch_size: None })
}

/// Sets every weight to a number, to tell later when they were saved.
fn hold(training: &mut Training<'_>, number: usize) {
    let number = number as f32;
    let weights = [Tensor::full([3, 2], number), Tensor::full([2], number)];
    training.set_weights(&weights).unwrap();
}

fn held(model: &mut Model) -> f64 {
    model.get_weights().unwrap()[0].to_vec_f64()[0]
}

/// A model that has made a step, so that its metrics are known.
fn begun_model(file: &Value) -> Sequential {
    let mut model = new_model(file);
    model.train_on_batch(rows(&xy(file), 0..2)).unwrap();
    model
}

#[test]
fn early_stopping_stops_where_keras_stops() {
    let file = fixture("callbacks.json");
    let mut stopped = 0;
    for case in file["early_stopping"].as_array().unwrap() {
        let what = case["config"].to_string();
        let arguments = config(&case["config"]);
        let entry = registry::find("EarlyStopping").unwrap();
        entry.build(&arguments).unwrap();
        let text = |name: &str| arguments[name].as_str().unwrap().to_string();
        let mut stop = EarlyStopping::new()
            .monitor(text("monitor"))
            .min_delta(arguments["min_delta"].as_f64().unwrap())
            .patience(arguments["patience"].as_u64().unwrap() as usize)
            .restore_best_weights(arguments["restore_best_weights"].as_bool().unwrap())
            .start_from_epoch(arguments["start_from_epoch"].as_u64().unwrap() as usize)
            .direction(match text("mode").as_str() {
                "min" => kerros::callbacks::Direction::Min,
                "max" => kerros::callbacks::Direction::Max,
                _ => kerros::callbacks::Direction::Auto,
            });
        if let Some(baseline) = arguments["baseline"].as_f64() {
            stop = stop.baseline(baseline);
        }
        let mut model = begun_model(&file);
        let mut training = training(&mut model);
        stop.on_train_begin(&mut training).unwrap();
        let values = numbers(&case["values"]);
        for (epoch, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            hold(&mut training, epoch);
            let mut logs = Metrics::default();
            logs.set("val_loss", values[epoch]);
            stop.on_epoch_end(&mut training, epoch, &mut logs).unwrap();
            assert_eq!(training.is_stopped(), step[0].as_bool().unwrap(), "{what} {epoch}");
            let wait = stop.state().count("wait").unwrap() as u64;
            assert_eq!(wait, step[1].as_u64().unwrap(), "{what} {epoch}");
            let best = stop.best().map(|best| best as f32);
            let keras = (!step[2].is_null()).then(|| number(&step[2]) as f32);
            assert!(best == keras || best.is_some_and(f32::is_nan), "{what} {epoch}: {best:?}");
        }
        stop.on_train_end(&mut training).unwrap();
        assert_eq!(stop.best_epoch() as u64, case["best_epoch"].as_u64().unwrap(), "{what}");
        let stopped_epoch = stop.stopped_epoch().unwrap_or(0) as u64;
        assert_eq!(stopped_epoch, case["stopped_epoch"].as_u64().unwrap(), "{what}");
        assert_eq!(held(&mut model), case["weights_hold"].as_f64().unwrap(), "{what}");
        stopped += usize::from(stopped_epoch > 0);
    }
    assert!(stopped > 20, "{stopped} cases stop");
}

#[test]
fn rates_are_reduced_where_keras_reduces_them() {
    let file = fixture("callbacks.json");
    for case in file["reduce_lr_on_plateau"].as_array().unwrap() {
        let what = case["config"].to_string();
        let arguments = config(&case["config"]);
        let monitor = arguments["monitor"].as_str().unwrap();
        let mut reduce = registry::find("ReduceLROnPlateau").unwrap().build(&arguments).unwrap();
        let mut model = begun_model(&file);
        let mut training = training(&mut model);
        reduce.on_train_begin(&mut training).unwrap();
        let (logged, rates) = (numbers(&case["logged"]), numbers(&case["rates"]));
        for (epoch, value) in numbers(&case["values"]).into_iter().enumerate() {
            let mut logs = Metrics::default();
            logs.set(monitor, value);
            reduce.on_epoch_end(&mut training, epoch, &mut logs).unwrap();
            assert_eq!(logs["learning_rate"] as f32, logged[epoch] as f32, "{what} {epoch}");
            let rate = training.learning_rate().unwrap();
            assert_eq!(rate, rates[epoch] as f32, "{what} {epoch}");
        }
    }
    let error = ReduceLROnPlateau::new()
        .factor(1.0)
        .on_train_begin(&mut training(&mut new_model(&file)))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument);
}

#[test]
fn rates_are_scheduled_as_keras_schedules_them() {
    let file = fixture("callbacks.json");
    for case in file["learning_rate_scheduler"].as_array().unwrap() {
        let name = case["schedule"].as_str().unwrap();
        let mut scheduler = LearningRateScheduler::new(schedule(name));
        let mut model = new_model(&file);
        let mut training = training(&mut model);
        for (epoch, keras) in numbers(&case["rates"]).into_iter().enumerate() {
            scheduler.on_epoch_begin(&mut training, epoch).unwrap();
            assert_eq!(training.learning_rate().unwrap(), keras as f32, "{name} {epoch}");
            let mut logs = Metrics::default();
            scheduler.on_epoch_end(&mut training, epoch, &mut logs).unwrap();
            assert_eq!(logs["learning_rate"] as f32, numbers(&case["logged"])[epoch] as f32);
        }
    }
}

/// The files below a folder, by their paths in it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_string());
                }
            }
        }
    }
    found.sort();
    found
}

#[test]
fn checkpoints_are_those_of_keras() {
    let file = fixture("callbacks.json");
    for case in file["model_checkpoint"].as_array().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = config(&case["config"]);
        let path = folder.path().join(arguments["filepath"].as_str().unwrap());
        arguments.insert("filepath".into(), path.to_str().unwrap().into());
        let mut checkpoint = registry::find("ModelCheckpoint").unwrap().build(&arguments).unwrap();
        let losses = numbers(&case["losses"]);
        let mut model = begun_model(&file);
        let mut training = training(&mut model);
        checkpoint.on_train_begin(&mut training).unwrap();
        for epoch in 0..6 {
            checkpoint.on_epoch_begin(&mut training, epoch).unwrap();
            for batch in 0..5 {
                hold(&mut training, 5 * epoch + batch);
                let mut logs = Metrics::default();
                logs.set("loss", losses[5 * epoch + batch]);
                logs.set("mae", 1.0);
                training.set_place(epoch, batch);
                training.set_logs(logs);
                checkpoint.on_train_batch_end(&mut training, batch).unwrap();
            }
            let mut logs = Metrics::default();
            for name in ["loss", "mae", "val_loss", "val_mae"] {
                logs.set(name, losses[5 * epoch + 4]);
            }
            checkpoint.on_epoch_end(&mut training, epoch, &mut logs).unwrap();
        }
        let keras: BTreeMap<String, f64> = serde_json::from_value(case["files"].clone()).unwrap();
        let names: Vec<&String> = keras.keys().collect();
        assert_eq!(files(folder.path()).iter().collect::<Vec<_>>(), names, "{}", case["config"]);
        for (name, held_there) in &keras {
            let path = folder.path().join(name);
            let found = match name.ends_with(".keras") {
                true => held(&mut Load::new().model(&path).unwrap()),
                false => {
                    let mut saved = new_model(&file);
                    saved.load_weights(&path).unwrap();
                    held(&mut saved)
                }
            };
            assert_eq!(found, *held_there, "{name} of {}", case["config"]);
        }
    }
}

#[test]
fn csv_files_are_those_of_keras() {
    let file = fixture("callbacks.json");
    for case in file["csv_logger"].as_array().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let mut model = new_model(&file);
        let mut training = training(&mut model);
        for run in case["runs"].as_array().unwrap() {
            let mut logger = CSVLogger::new(&path);
            if let Some(separator) = case["config"]["separator"].as_str() {
                logger = logger.separator(separator.chars().next().unwrap());
            }
            logger = logger.append(case["config"]["append"].as_bool().unwrap_or(false));
            logger.on_train_begin(&mut training).unwrap();
            for (epoch, numbers_of_epoch) in run.as_array().unwrap().iter().enumerate() {
                let mut logs = Metrics::default();
                for (name, value) in numbers_of_epoch.as_object().unwrap() {
                    match value.is_object() {
                        true => logs.set(name, numbers(value)),
                        false => logs.set(name, number(value)),
                    }
                }
                logger.on_epoch_end(&mut training, epoch, &mut logs).unwrap();
            }
            logger.on_train_end(&mut training).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, case["text"].as_str().unwrap(), "{}", case["config"]);
    }
}

#[test]
fn checkpoints_that_cannot_be_named_are_refused() {
    let file = fixture("callbacks.json");
    let mut model = new_model(&file);
    let mut training = training(&mut model);
    let mut refused = |mut checkpoint: ModelCheckpoint| {
        let mut logs = Metrics::default();
        logs.set("loss", 1.0);
        let done = checkpoint
            .on_train_begin(&mut training)
            .and_then(|()| checkpoint.on_epoch_end(&mut training, 0, &mut logs));
        done.unwrap_err().to_string()
    };
    assert!(refused(ModelCheckpoint::new("a.h5")).contains("ends in `.keras`"));
    let weights = ModelCheckpoint::new("a.keras").save_weights_only(true);
    assert!(refused(weights).contains("ends in `.weights.h5`"));
    let text = refused(ModelCheckpoint::new("{acc}.keras"));
    assert!(text.contains("there is no number `acc`") && text.contains("epoch, loss"), "{text}");
    assert!(refused(ModelCheckpoint::new("a.keras").save_freq(0)).contains("every 0 batches"));
}
