//! Files that real Keras wrote, through the program: evaluated, predicted with and trained on,
//! against the numbers that Keras itself goes on to.
//!
//! Tolerances are those of `kerros/tests/saving.rs`: 1e-6 relative for one pass forward, 1e-5
//! after training, each plus as large a share of the largest number of an array.

use std::path::{Path, PathBuf};

use kerros::Tensor;
use kerros_data::npy;
use serde_json::Value;

use crate::workshop::Workshop;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models")
}

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        Some(_) => f64::NAN,
        None => value.as_f64().unwrap(),
    }
}

/// An array of a fixture, or a list of them.
fn tensors(value: &Value) -> Vec<Tensor> {
    if let Some(list) = value.as_array() {
        return list.iter().flat_map(tensors).collect();
    }
    let dims = value["shape"].as_array().unwrap();
    let dims: Vec<usize> = dims.iter().map(|dim| dim.as_u64().unwrap() as usize).collect();
    let numbers: Vec<f64> = value["data"].as_array().unwrap().iter().map(number).collect();
    vec![match value["dtype"].as_str() {
        Some("int32") => {
            Tensor::new(dims, numbers.iter().map(|&n| n as i32).collect::<Vec<_>>()).unwrap()
        }
        _ => Tensor::new(dims, numbers.iter().map(|&n| n as f32).collect::<Vec<_>>()).unwrap(),
    }]
}

fn flat(value: &Value) -> Vec<f64> {
    tensors(value).iter().flat_map(Tensor::to_vec_f64).collect()
}

/// Numbers and lists of numbers, as one list.
fn flat_json(value: &Value) -> Vec<f64> {
    match value.as_array() {
        Some(list) => list.iter().flat_map(flat_json).collect(),
        None => vec![number(value)],
    }
}

fn difference(what: &str, found: &[f64], expected: &[f64], relative: f64) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{what}: {} numbers instead of {}", found.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0f64, |largest, e| largest.max(e.abs()));
    let is_off = |(f, e): (&f64, &f64)| (f - e).abs() > relative * (e.abs() + largest);
    let at = found.iter().zip(expected).position(is_off)?;
    Some(format!("{what}[{at}]: {} instead of {}", found[at], expected[at]))
}

/// Compares reported numbers by name.
fn compare(what: &str, found: &Value, expected: &Value, problems: &mut Vec<String>) {
    let (found, expected) = (found.as_object().unwrap(), expected.as_object().unwrap());
    let mut names: Vec<&String> = expected.keys().collect();
    let mut reported: Vec<&String> = found.keys().collect();
    names.sort();
    reported.sort();
    if names != reported {
        problems.push(format!("{what}: {reported:?} instead of {names:?}"));
        return;
    }
    for name in names {
        let of = format!("{what} {name}");
        problems.extend(difference(&of, &flat_json(&found[name]), &flat(&expected[name]), 1e-5));
    }
}

/// The options that name these arrays, which are written into the folder.
fn options(shop: &Workshop, option: &str, arrays: &[Tensor]) -> Vec<String> {
    let mut line = Vec::new();
    for (at, array) in arrays.iter().enumerate() {
        let name = format!("{}_{at}.npy", option.trim_start_matches('-'));
        shop.write_array(&name, array);
        line.extend([option.to_string(), name]);
    }
    line
}

fn run(shop: &Workshop, parts: &[&[String]]) -> String {
    let line: Vec<&str> = parts.iter().flat_map(|part| part.iter().map(String::as_str)).collect();
    shop.run(&line).ok().stdout
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(String::from).collect()
}

fn check(name: &str, side: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let shop = Workshop::new();
    std::fs::copy(models().join(format!("{name}.keras")), shop.path("m.keras")).unwrap();
    let inputs = options(&shop, "--input", &tensors(&side["x"]));

    run(&shop, &[&words("predict m.keras --output p.npy"), &inputs]);
    let outputs = tensors(&side["predictions"]).len();
    let predicted: Vec<f64> = match outputs {
        1 => npy::read(shop.path("p.npy")).unwrap().to_vec_f64(),
        count => (0..count)
            .flat_map(|at| npy::read(shop.path(&format!("p_{at}.npy"))).unwrap().to_vec_f64())
            .collect(),
    };
    problems.extend(difference("predictions", &predicted, &flat(&side["predictions"]), 1e-6));
    if side["optimizer_variables"].is_null() {
        return problems;
    }

    let targets = options(&shop, "--target", &tensors(&side["y"]));
    let line = words("evaluate m.keras --json --batch-size 8");
    let found = run(&shop, &[&line, &inputs, &targets]);
    let found: Value = serde_json::from_str(&found).unwrap();
    compare("evaluate", &found, &side["evaluate"], &mut problems);

    let Some(fit) = side["fit"].as_object() else { return problems };
    let line = format!(
        "train m.keras --no-shuffle --epochs {} --batch-size {} --history h.json --output n.keras",
        fit["epochs"], fit["batch_size"]
    );
    let mut more = Vec::new();
    if let Some(weights) = fit.get("sample_weight") {
        more = options(&shop, "--sample-weight", &tensors(weights));
    }
    if let Some(classes) = fit.get("class_weight").and_then(Value::as_object) {
        let classes: Vec<String> = classes.iter().map(|(c, w)| format!("{c}={w}")).collect();
        more.extend(["--class-weight".into(), classes.join(",")]);
    }
    run(&shop, &[&words(&line), &inputs, &targets, &more]);
    let history = std::fs::read_to_string(shop.path("h.json")).unwrap();
    let history: Value = serde_json::from_str(&history).unwrap();
    compare("history", &history, &side["history_after"], &mut problems);
    let after = kerros::load_model(shop.path("n.keras")).unwrap().get_weights().unwrap();
    for (value, expected) in after.iter().zip(side["weights_after"].as_array().unwrap()) {
        let path = expected["path"].as_str().unwrap();
        let expected = flat(&expected["value"]);
        problems.extend(difference(path, &value.to_vec_f64(), &expected, 1e-5));
    }
    problems
}

#[test]
fn the_program_goes_on_where_keras_stopped() {
    let mut report = String::new();
    let mut checked = 0;
    for file in std::fs::read_dir(models()).unwrap() {
        let path = file.unwrap().path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(name) = name.strip_suffix(".keras") else { continue };
        let side = std::fs::read_to_string(models().join(format!("{name}.json"))).unwrap();
        let side: Value = serde_json::from_str(&side).unwrap();
        checked += 1;
        for problem in check(name, &side) {
            report += &format!("{name}: {problem}\n");
        }
    }
    assert!(checked >= 14, "{checked} files");
    assert!(report.is_empty(), "\n{report}");
}
