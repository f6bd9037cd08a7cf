//! Model files by real Keras are loaded, agree with what Keras computes from them, and train on
//! as Keras does; models go through files and texts unchanged; what cannot be loaded says why.
//!
//! The files and numbers come from `fixtures/make.py`. Tolerances: what a file holds is compared
//! bit for bit; predictions to 1e-6 (a few dozen roundings of numbers up to 1, relative to the
//! largest beyond 1); what two epochs of training make of it to 1e-5 relative, plus an absolute
//! share of 1e-5 of an array's largest number, because elements near zero carry the rounding
//! of the sums they come from.

mod keras;

use std::path::{Path, PathBuf};

use keras::{fixture, numbers, tensor};
use kerros::layers::{Activation, Dense, Dropout, Flatten, LeakyReLU, Normalization, PReLU};
use kerros::losses::CustomLoss;
use kerros::optimizers::{Adam, SGD};
use kerros::saving::archive::{Archive, WeightTree};
use kerros::schedules::ExponentialDecay;
use kerros::trainer::Evaluate;
use kerros::{ErrorKind, Fit, Load, Sequential, Tensor, Verbose, load_model};
use serde_json::{Value, json};

/// Files with layers that Kerros does not have, and what the message must name.
const UNSUPPORTED: &[(&str, &[&str])] = &[
    ("advanced_activations", &["batch_normalization", "BatchNormalization"]),
    ("functional_two_inputs", &["`left`", "`right`", "`join`", "Concatenate"]),
];

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models")
}

fn names() -> Vec<String> {
    let files = std::fs::read_dir(models()).unwrap().map(|file| file.unwrap().path());
    let archives = files.filter(|path| path.extension().is_some_and(|e| e == "keras"));
    let mut names: Vec<String> =
        archives.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The numbers that differ by more than `relative`, in words.
fn difference(what: &str, found: &[f64], expected: &[f64], relative: f64) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{what}: {} numbers instead of {}", found.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0f64, |largest, e| largest.max(e.abs()));
    let is_off =
        |(f, e): (&f64, &f64)| f != e && !((f - e).abs() <= relative * (e.abs() + largest));
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

fn optimizer_states(model: &mut Sequential) -> Vec<Tensor> {
    model.optimizer_states().unwrap().into_iter().map(|(_, value)| value).collect()
}

/// Compares a model with the side file of the file it was loaded from, and trains it on.
fn check(model: &mut Sequential, side: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    check_tensors("weights", &model.get_weights().unwrap(), &side["weights"], 0.0, &mut problems);
    let x = tensor(&side["x"]);
    let predicted = |model: &mut Sequential| model.predict(&x).unwrap().to_vec_f64();
    let expected = numbers(&side["predictions"]);
    problems.extend(difference("predictions", &predicted(model), &expected, 1e-6));
    if side["optimizer_variables"].is_null() {
        assert!(!model.is_compiled());
        return problems;
    }
    let expected = &side["optimizer_variables"];
    check_tensors("optimizer", &optimizer_states(model), expected, 0.0, &mut problems);
    let y = tensor(&side["y"]);
    let found = model.evaluate_with((&x, &y), Evaluate::new().batch_size(8)).unwrap();
    let found = found.iter().map(|(name, value)| (name, vec![value]));
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
    let history = model.fit((&x, &y), fit).unwrap();
    let found = history.names().map(|name| (name, history.get(name).unwrap().to_vec()));
    check_named("history", found, &side["history_after"], &mut problems);
    let weights = model.get_weights().unwrap();
    check_tensors("weights after", &weights, &side["weights_after"], 1e-5, &mut problems);
    let states = optimizer_states(model);
    let expected = &side["optimizer_variables_after"];
    check_tensors("optimizer after", &states, expected, 1e-5, &mut problems);
    let expected = numbers(&side["predictions_after"]);
    problems.extend(difference("predictions after", &predicted(model), &expected, 1e-5));
    problems
}

#[test]
fn files_by_keras_load_and_train_on() {
    let mut report = String::new();
    let mut checked = 0;
    for name in names() {
        if UNSUPPORTED.iter().any(|(unsupported, _)| *unsupported == name) {
            continue;
        }
        checked += 1;
        let side = fixture(&format!("models/{name}.json"));
        let mut model = load_model(models().join(format!("{name}.keras"))).unwrap();
        for problem in check(&mut model, &side) {
            report += &format!("{name}: {problem}\n");
        }
    }
    assert_eq!(checked + UNSUPPORTED.len(), 11);
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn files_with_unknown_parts_say_which() {
    for (name, told) in UNSUPPORTED {
        let error = load_model(models().join(format!("{name}.keras"))).unwrap_err();
        for part in *told {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
    }
}

/// What is written equals what was read: of every fixture the config, but for what depends on
/// the process that wrote it and on the backend, and all weights.
#[test]
fn a_loaded_file_is_written_as_keras_wrote_it() {
    for name in names() {
        if UNSUPPORTED.iter().any(|(unsupported, _)| *unsupported == name) {
            continue;
        }
        let original = Archive::read(models().join(format!("{name}.keras"))).unwrap();
        let written = load_model(models().join(format!("{name}.keras"))).unwrap().to_archive();
        let written = written.unwrap();
        assert_eq!(written.weights, original.weights, "{name}");
        let mut expected = original.config;
        without_addresses(&mut expected);
        if let Some(jit) = expected["compile_config"].get_mut("jit_compile") {
            *jit = json!("auto");
        }
        if name == "normalized_regression" {
            // `adapt` records the rows it saw.
            let shape = &mut expected["config"]["layers"][1]["build_config"]["input_shape"][0];
            assert_eq!(shape.take(), json!(20));
        }
        let texts = [&written.config, &expected].map(|v| serde_json::to_string_pretty(v).unwrap());
        let lines = texts[0].lines().zip(texts[1].lines()).enumerate();
        for (at, (found, expected)) in lines {
            assert_eq!(found, expected, "{name}, line {at}");
        }
        assert_eq!(texts[0].lines().count(), texts[1].lines().count(), "{name}");
    }
}

/// Removes the addresses of objects, which differ from process to process.
fn without_addresses(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.shift_remove("shared_object_id");
            entries.values_mut().for_each(without_addresses);
        }
        Value::Array(values) => values.iter_mut().for_each(without_addresses),
        _ => {}
    }
}
