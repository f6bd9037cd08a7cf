//! Files of older Kerases: what tf.keras 2.13, 2.15 and 2.21 wrote themselves, and the formats of Keras 1,
//! of Keras 2 with Theano and of cuDNN's layers. They load, predict what tf.keras predicts and train on.
//!
//! The files come from `fixtures/legacy/make.py`. Tolerances: predictions to 2e-6 of the largest
//! number (a few hundred roundings), trained weights and losses to 1e-5 of it after two epochs.

mod keras;

use std::path::{Path, PathBuf};

use keras::{numbers, tensor};
use kerros::{ErrorKind, Fit, Load, Model, Tensor, Verbose};
use serde_json::Value;

/// Files that must load. Those with layers or graphs that Kerros does not have yet say so.
const LOADED: [&str; 16] = [
    "activations_221",
    "adam_211",
    "adam_221",
    "adam_v2",
    "average_213",
    "formulas_221",
    "local_221",
    "masks_221",
    "nadam_213",
    "nested_213",
    "rmsprop_v2",
    "sgd_221",
    "sgd_average_221",
    "sgd_v2",
    "shapes_221",
    "windows_221",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/legacy")
}

fn side(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let is_model = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let mut names: Vec<String> = files
        .filter(is_model)
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "layers")
        .collect();
    names.sort();
    names
}

/// The largest difference, in tolerances: shares of the largest number expected.
fn difference(found: &[f64], expected: &[f64], relative: f64) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    match differences.fold(0.0, f64::max) {
        0.0 => 0.0,
        most => most / (relative * largest),
    }
}

fn check_all(what: &str, found: &[Tensor], expected: &Value, relative: f64) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let expected = tensor(expected);
        assert_eq!(found.shape(), expected.shape(), "{what} {at}");
        let off = difference(&found.to_vec_f64(), &expected.to_vec_f64(), relative);
        assert!(off <= 1.0, "{what} {at}: {off} tolerances off");
    }
}

#[test]
fn files_load_and_predict_as_they_did() {
    let mut loaded = Vec::new();
    for name in names() {
        let side = side(&name);
        for end in ["h5", "keras"] {
            let path = folder().join(format!("{name}.{end}"));
            if !path.exists() {
                continue;
            }
            let mut model = match Load::new().model(&path) {
                Ok(model) => model,
                Err(error) => {
                    let is_missing =
                        matches!(error.kind(), ErrorKind::UnknownName | ErrorKind::Unsupported);
                    assert!(is_missing && !LOADED.contains(&&*name), "{name}: {error}");
                    continue;
                }
            };
            let inputs: Vec<Tensor> = side["x"].as_array().unwrap().iter().map(tensor).collect();
            let found = model.predict_all(inputs).unwrap();
            check_all(&format!("{name}.{end}"), &found, &side["predictions"], 2e-6);
            loaded.push(name.clone());
        }
    }
    for name in LOADED {
        assert!(loaded.iter().any(|loaded| loaded == name), "{name}");
    }
}

/// A loaded model has the weights, and goes on as tf.keras does from the same state.
#[test]
fn training_goes_on_from_the_state_in_the_file() {
    // RMSprop of Keras 3 adds epsilon under the root, that of Keras 2 outside, and Nadam of
    // tf.keras multiplied its product once per variable instead of once per step: only their
    // states are compared.
    for (file, goes_on) in [
        ("adam_211.h5", true),
        ("adam_v2.h5", true),
        ("sgd_v2.h5", true),
        ("rmsprop_v2.h5", false),
        ("adam_211.keras", true),
        ("nested_213.h5", true),
        ("nested_213.keras", true),
        ("nadam_213.h5", false),
        ("nadam_213.keras", false),
        ("average_213.h5", true),
        ("average_213.keras", true),
        ("adam_221.h5", true),
        ("adam_221.keras", true),
        ("sgd_221.h5", true),
        ("sgd_221.keras", true),
        ("sgd_average_221.h5", true),
        ("sgd_average_221.keras", true),
    ] {
        let (name, _) = file.split_once('.').unwrap();
        let side = side(name);
        let mut model = Load::new().model(folder().join(file)).unwrap();
        check_all(file, &model.get_weights().unwrap(), &side["weights"], 0.0);
        let states = model.optimizer_states().unwrap();
        // Three epochs of three batches.
        assert_eq!(states[0].1.to_vec_f64(), [9.0], "{file}");
        let moved = |(_, state): &(String, Tensor)| state.to_vec_f64().iter().any(|&v| v != 0.0);
        assert!(states.iter().filter(|state| state.1.shape().ndim() > 0).all(moved), "{file}");
        if !goes_on {
            continue;
        }
        let (x, y) = (tensor(&side["x"][0]), tensor(&side["y"]));
        let options = Fit::epochs(2).batch_size(8).shuffle(false).verbose(Verbose::Silent);
        let history = model.fit((&x, &y), options).unwrap();
        for (key, expected) in side["history_after"].as_object().unwrap() {
            let found: Vec<f64> = history.get(key).unwrap().to_vec();
            assert!(difference(&found, &numbers_of(expected), 1e-5) <= 1.0, "{file} {key}");
        }
        check_all(file, &model.get_weights().unwrap(), &side["weights_after"], 1e-5);
    }
}

fn numbers_of(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().flat_map(numbers).collect()
}

/// The same weights come from each kind of file, by name and in order.
#[test]
fn weights_alone_are_read_from_files_of_every_kind() {
    let side = side("adam_211");
    let json = Load::new().compile(false).model(folder().join("adam_211.h5")).unwrap().to_json();
    let json = json.unwrap();
    for file in ["adam_211.h5", "adam_211.keras", "adam_211.weights.h5"] {
        let mut model = Model::from_json(&json).unwrap();
        model.load_weights(folder().join(file)).unwrap();
        check_all(file, &model.get_weights().unwrap(), &side["weights"], 0.0);
    }
    // Other names: the layers' order decides.
    let mut renamed = Model::from_json(&json.replace("dense", "other")).unwrap();
    renamed.load_weights(folder().join("adam_211.h5")).unwrap();
    check_all("renamed", &renamed.get_weights().unwrap(), &side["weights"], 0.0);
    // Too few layers: both sides are told.
    let mut short = Model::from_json(&json).unwrap();
    let mut config: Value = serde_json::from_str(&json).unwrap();
    config["config"]["layers"].as_array_mut().unwrap().pop();
    let mut shorter = Model::from_json(&config.to_string()).unwrap();
    let error = shorter.load_weights(folder().join("adam_211.h5")).unwrap_err().to_string();
    assert!(error.contains("weights of 3 layers"), "{error}");
    assert!(short.load_weights(folder().join("adam_211.h5")).is_ok());
}

/// What is written in the old format comes back, with the optimizer's state.
#[test]
fn the_old_format_goes_through() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = Load::new().model(self::folder().join("adam_211.h5")).unwrap();
    let (x, y) = {
        let side = side("adam_211");
        (tensor(&side["x"][0]), tensor(&side["y"]))
    };
    let path = folder.path().join("again.h5");
    model.save(&path).unwrap();
    let mut again = Load::new().model(&path).unwrap();
    assert_eq!(again.get_weights().unwrap(), model.get_weights().unwrap());
    let states = |model: &mut Model| -> Vec<Tensor> {
        model.optimizer_states().unwrap().into_iter().map(|(_, state)| state).collect()
    };
    assert_eq!(states(&mut again), states(&mut model));
    let evaluated = |model: &mut Model| model.evaluate((&x, &y)).unwrap().to_string();
    assert_eq!(evaluated(&mut again), evaluated(&mut model));
    let weights = folder.path().join("weights_only.h5");
    model.save_weights(&weights).unwrap();
    let mut fresh = Model::from_json(&model.to_json().unwrap()).unwrap();
    fresh.load_weights(&weights).unwrap();
    assert_eq!(fresh.get_weights().unwrap(), model.get_weights().unwrap());
    let error = Load::new().model(&weights).unwrap_err().to_string();
    assert!(error.contains("weights alone"), "{error}");
}
