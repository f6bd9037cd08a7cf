//! Whole trainings against real Keras: the same model, data and initial weights must give the
//! same history, weights, predictions and evaluation.
//!
//! The numbers come from `fixtures/make.py`, which trains with Keras on its JAX backend in
//! `float32`. Tolerance: 1e-5 relative, plus an absolute share of 1e-5 of the largest number
//! of an array, because elements near zero carry the rounding of the sums they come from.

mod keras;

use kerros::callbacks::{EarlyStopping, ReduceLROnPlateau};
use kerros::layers::{self, Layer};
use kerros::losses::Loss;
use kerros::metrics::Metric;
use kerros::optimizers::Optimizer;
use kerros::trainer::{Compile, Evaluate};
use kerros::{Choice, Fit, Metrics, Sequential, Tensor, Verbose};
use serde_json::Value;

use keras::{difference, fixture, numbers, tensor};

/// Metrics that Kerros does not have, with the names they report: left out of their cases.
const ABSENT_METRICS: &[(&str, &str)] = &[];

fn is_absent(reported: &str) -> bool {
    let reported = reported.strip_prefix("val_").unwrap_or(reported);
    ABSENT_METRICS.iter().any(|(_, name)| *name == reported)
}

fn choices<T: kerros::object::Family + ?Sized>(list: &Value) -> Vec<Choice<T>> {
    let choice = |value: &Value| match value.as_str() {
        Some(name) => Choice::Name(name.into()),
        None => Choice::Object(T::registry().deserialize(value).unwrap()),
    };
    let is_known = |value: &&Value| {
        let class = value["class_name"].as_str();
        !ABSENT_METRICS.iter().any(|(absent, _)| Some(*absent) == class)
    };
    list.as_array().into_iter().flatten().filter(is_known).map(choice).collect()
}

fn model(case: &Value) -> Sequential {
    let mut model = Sequential::new();
    for layer in case["model"]["config"]["layers"].as_array().unwrap() {
        let layer: std::sync::Arc<dyn Layer> = layers::REGISTRY.deserialize(layer).unwrap();
        model.push(layer);
    }
    let compile = &case["compile"];
    let one = |value: &Value| Value::Array(vec![value.clone()]);
    let optimizer = choices::<dyn Optimizer>(&one(&compile["optimizer"])).remove(0);
    let loss = choices::<dyn Loss>(&one(&compile["loss"])).remove(0);
    let compile = Compile::new(optimizer, loss, choices::<dyn Metric>(&compile["metrics"]))
        .weighted_metrics(choices::<dyn Metric>(&compile["weighted_metrics"]));
    model.compile_with(compile).unwrap();
    let initial = case["initial_weights"].as_array().unwrap();
    model.set_weights(&initial.iter().map(|w| tensor(&w["value"])).collect::<Vec<_>>()).unwrap();
    model
}

fn fit<'a>(case: &Value) -> Fit<'a> {
    let given = &case["fit"];
    let count = |name: &str| given[name].as_u64().map(|count| count as usize);
    let mut fit = Fit::epochs(count("epochs").unwrap())
        .batch_size(count("batch_size").unwrap())
        .shuffle(false)
        .verbose(Verbose::Silent);
    if let Some(data) = given["validation_data"].as_array() {
        let data: Vec<Tensor> = data.iter().map(tensor).collect();
        fit = match data.as_slice() {
            [x, y] => fit.validation((x, y)),
            [x, y, weights] => fit.validation((x, y, weights)),
            _ => unreachable!("validation data are two or three arrays"),
        };
    }
    if let Some(share) = given["validation_split"].as_f64() {
        fit = fit.validation_split(share);
    }
    if let Some(epochs) = count("validation_freq") {
        fit = fit.validation_freq(epochs);
    }
    if let Some(weights) = given["class_weight"].as_object() {
        let weight = |(class, weight): (&String, &Value)| {
            (class.parse().unwrap(), weight.as_f64().unwrap() as f32)
        };
        fit = fit.class_weight(weights.iter().map(weight));
    }
    for callback in given["callbacks"].as_array().into_iter().flatten() {
        let config = &callback["config"];
        let monitor = config["monitor"].as_str().unwrap();
        let patience = config["patience"].as_u64().unwrap() as usize;
        fit = match callback["class_name"].as_str().unwrap() {
            "EarlyStopping" => fit.callback(
                EarlyStopping::new()
                    .monitor(monitor)
                    .patience(patience)
                    .restore_best_weights(config["restore_best_weights"].as_bool().unwrap()),
            ),
            "ReduceLROnPlateau" => fit.callback(
                ReduceLROnPlateau::new()
                    .monitor(monitor)
                    .patience(patience)
                    .factor(config["factor"].as_f64().unwrap())
                    .cooldown(config["cooldown"].as_u64().unwrap() as usize),
            ),
            other => unreachable!("no case has the callback {other}"),
        };
    }
    fit
}

fn check_metrics(what: &str, found: &Metrics, expected: &Value, problems: &mut Vec<String>) {
    let names = expected.as_object().unwrap().keys().map(String::as_str);
    let names: Vec<&str> = names.filter(|name| !is_absent(name)).collect();
    let mut found_names: Vec<&str> = found.names().collect();
    found_names.sort_unstable();
    if found_names != names {
        problems.push(format!("{what}: {found_names:?} instead of {names:?}"));
        return;
    }
    for name in names {
        let expected = numbers(&expected[name]);
        let found = found.get(name).into_iter().collect::<Vec<_>>();
        problems.extend(difference(&format!("{what} {name}"), &found, &expected));
    }
}

fn check(case: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut model = model(case);
    let (x, y) = (tensor(&case["x"]), tensor(&case["y"]));
    let weights = case["fit"].get("sample_weight").map(tensor);
    let batch_size = case["fit"]["batch_size"].as_u64().unwrap() as usize;
    let how = || Evaluate::new().batch_size(batch_size);

    let before = model.evaluate_with((&x, &y), how()).unwrap();
    check_metrics("evaluate before", &before, &case["evaluate_before"], &mut problems);
    let history = match &weights {
        Some(weights) => model.fit((&x, &y, weights), fit(case)),
        None => model.fit((&x, &y), fit(case)),
    };
    let history = history.unwrap();
    let expected = case["history"].as_object().unwrap();
    let mut names: Vec<&str> = history.names().collect();
    names.sort_unstable();
    let expected_names = expected.keys().map(String::as_str);
    let mut expected_names: Vec<&str> = expected_names.filter(|name| !is_absent(name)).collect();
    expected_names.sort_unstable();
    if names != expected_names {
        problems.push(format!("history: {names:?} instead of {expected_names:?}"));
    }
    for (name, values) in expected.iter().filter(|(name, _)| !is_absent(name)) {
        let values: Vec<f64> =
            values.as_array().unwrap().iter().map(|value| numbers(value)[0]).collect();
        let found = history.get(name).unwrap_or_default();
        problems.extend(difference(&format!("history {name}"), found, &values));
    }
    for (what, found) in [
        ("final_weights", model.get_weights().unwrap()),
        (
            "optimizer_variables",
            model.optimizer_states().unwrap().into_iter().map(|(_, value)| value).collect(),
        ),
    ] {
        let expected = case[what].as_array().unwrap();
        if found.len() != expected.len() {
            problems.push(format!("{what}: {} instead of {}", found.len(), expected.len()));
        }
        for (found, expected) in found.iter().zip(expected) {
            let path = expected["path"].as_str().unwrap();
            let expected = numbers(&expected["value"]);
            problems.extend(difference(path, &found.to_vec_f64(), &expected));
        }
    }
    let predictions = model.predict(&x).unwrap();
    let expected = numbers(&case["predictions"]);
    problems.extend(difference("predictions", &predictions.to_vec_f64(), &expected));
    let after = model.evaluate_with((&x, &y), how()).unwrap();
    check_metrics("evaluate", &after, &case["evaluate"], &mut problems);
    if let Some(weights) = &weights {
        let after = model.evaluate_with((&x, &y, weights), how()).unwrap();
        check_metrics("weighted", &after, &case["evaluate_weighted"], &mut problems);
    }
    problems
}

#[test]
fn trainings_agree_with_keras() {
    for (class, _) in ABSENT_METRICS {
        assert!(kerros::metrics::REGISTRY.find(class).is_err(), "{class} need not be left out");
    }
    let fixture = fixture("training.json");
    let mut report = String::new();
    let mut checked = 0;
    for case in fixture["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        checked += 1;
        for problem in check(case) {
            report += &format!("{name}: {problem}\n");
        }
    }
    assert_eq!(checked, fixture["cases"].as_array().unwrap().len());
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn histories_are_in_keras_order() {
    // Alphabetical within an epoch's own numbers; what a callback adds comes last.
    let fixture = fixture("training.json");
    let case = fixture["cases"].as_array().unwrap();
    let case = case.iter().find(|case| case["name"] == "sample_weights").unwrap();
    let (x, y) = (tensor(&case["x"]), tensor(&case["y"]));
    let history = model(case).fit((&x, &y), fit(case)).unwrap();
    let names: Vec<&str> = history.names().collect();
    let expected = [
        "accuracy",
        "auc",
        "loss",
        "val_accuracy",
        "val_auc",
        "val_loss",
        "val_weighted_accuracy",
        "weighted_accuracy",
    ];
    assert_eq!(names, expected);
}
