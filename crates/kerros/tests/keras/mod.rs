//! What the tests against real Keras share: reading fixtures, and comparing numbers.
//!
//! Not every test file uses all of it.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kerros::graph::{Graph, Node, eval::evaluate};
use kerros::{Config, ConfigReader, Entry, Registry, Result, Tensor};
use serde_json::Value;

/// One unit in the last place of 1.
pub const EPS: f64 = f32::EPSILON as f64;

/// What lies below the smallest normal `f32`: XLA on the CPU may flush it to 0, the law of
/// Kerros keeps it.
pub const DENORMAL: f64 = f32::MIN_POSITIVE as f64;

/// A file of `fixtures/`.
pub fn fixture(name: &str) -> Value {
    let path = format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the fixtures are committed");
    serde_json::from_str(&text).unwrap()
}

/// A number, or the text of one that JSON lacks.
pub fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        Some("nan") => f64::NAN,
        _ => value.as_f64().unwrap(),
    }
}

/// The numbers of an array, or a plain number.
pub fn numbers(array: &Value) -> Vec<f64> {
    match array.get("data").and_then(Value::as_array) {
        Some(data) => data.iter().map(number).collect(),
        None => vec![number(array)],
    }
}

/// An array as a tensor, `i32` where it says so.
pub fn tensor(array: &Value) -> Tensor {
    let (shape, values) = (shape(&array["shape"]), numbers(array));
    match array["dtype"].as_str() {
        Some("int32") => {
            Tensor::new(shape, values.iter().map(|&v| v as i32).collect::<Vec<_>>()).unwrap()
        }
        _ => Tensor::new(shape, values.iter().map(|&v| v as f32).collect::<Vec<_>>()).unwrap(),
    }
}

/// The lengths in a list.
pub fn shape(dims: &Value) -> Vec<usize> {
    dims.as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap() as usize).collect()
}

/// Numbers that look random, multiples of 1/16 in -1.875..1.875: what `layer_case.fill` makes.
pub fn fill(shape: &[usize], salt: usize) -> Tensor {
    let number = |i: usize| ((i * i * 7 + i * 29 + salt * 17) % 61) as f32 / 16.0 - 1.875;
    let count = shape.iter().product();
    Tensor::new(shape, (0..count).map(number).collect::<Vec<f32>>()).unwrap()
}

/// The object of a registry with this class name and these arguments.
pub fn build<T: ?Sized>(registry: &Registry<T>, name: &str, config: &Value) -> Result<Arc<T>> {
    let entry: &Entry<T> = registry.find(name)?;
    let config: &Config = config.as_object().unwrap();
    let mut reader = ConfigReader::new(config);
    let built = (entry.from_config)(&mut reader);
    reader.finish()?;
    built
}

/// The values of nodes on the reference evaluator.
pub fn values(graph: &Graph, nodes: &[Node<'_>], inputs: &[Tensor]) -> Vec<Vec<f64>> {
    graph.check().unwrap();
    let outputs = evaluate::<f32>(graph, nodes, inputs, &[]).unwrap();
    outputs.iter().map(Tensor::to_vec_f64).collect()
}

/// The input that stands for a tensor.
pub fn input<'g>(graph: &'g Graph, name: &str, tensor: &Tensor) -> Node<'g> {
    graph.input(name, tensor.shape(), tensor.dtype())
}

/// Whether a number agrees with Keras's: both NaN, the same infinity, or within a bound.
pub fn agrees(got: f64, keras: f64, bound: f64) -> bool {
    if got.is_finite() && keras.is_finite() {
        return got == keras || (got - keras).abs() <= bound;
    }
    got == keras || (got.is_nan() && keras.is_nan())
}

/// Checks arrays element by element; `bound` gives the allowed difference at an index.
#[track_caller]
pub fn assert_close(what: &str, got: &[f64], keras: &[f64], bound: impl Fn(usize) -> f64) {
    assert_eq!(got.len(), keras.len(), "{what}: number of elements");
    let wrong: Vec<String> = (0..got.len())
        .filter(|&i| !agrees(got[i], keras[i], bound(i)))
        .map(|i| format!("[{i}] {:e}, Keras {:e}, allowed {:e}", got[i], keras[i], bound(i)))
        .collect();
    assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
}

/// The first number that differs by more than 1e-5 relative, plus an absolute share of 1e-5 of
/// the array's largest number, in words: elements near zero carry the rounding of the sums they
/// come from.
pub fn difference(what: &str, found: &[f64], expected: &[f64]) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{what}: {} numbers instead of {}", found.len(), expected.len()));
    }
    let largest = expected.iter().fold(0.0f64, |largest, e| largest.max(e.abs()));
    let is_off = |(f, e): (&f64, &f64)| {
        let is_close = (f - e).abs() <= 1e-5 * (e.abs() + largest);
        !(is_close || f == e || (f.is_nan() && e.is_nan()))
    };
    let at = found.iter().zip(expected).position(is_off)?;
    Some(format!("{what}[{at}]: {} instead of {}", found[at], expected[at]))
}

/// Runs a check over all cases of a family; each gives in words what differs from Keras.
#[track_caller]
pub fn check_cases(family: &Value, check: impl Fn(&Value) -> Result<Vec<String>>) {
    let cases = family["cases"].as_array().unwrap();
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|case| {
            let found = check(case).unwrap_or_else(|error| vec![error.to_string()]);
            found.into_iter().map(|what| format!("{}: {what}", case["name"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Checks that a config says what Keras's `get_config` says; numbers are compared as `f32`.
#[track_caller]
pub fn assert_config(what: &str, got: &Config, keras: &Value, beyond: &[&str]) {
    for (name, value) in keras.as_object().unwrap() {
        let same = match (got.get(name), value.as_f64()) {
            (Some(got), Some(keras)) => got.as_f64().map(|v| v as f32) == Some(keras as f32),
            (got, _) => got == Some(value),
        };
        assert!(same, "{what}: `{name}` is {:?}, Keras {value}", got.get(name));
    }
    for name in got.keys() {
        let known = keras.get(name).is_some() || beyond.contains(&name.as_str());
        assert!(known, "{what}: Keras writes no `{name}`");
    }
}

/// The folder of model files by Keras.
pub fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models")
}

/// The names of its `.keras` files, sorted.
pub fn names_of_models() -> Vec<String> {
    let files = std::fs::read_dir(models()).unwrap().map(|file| file.unwrap().path());
    let archives = files.filter(|path| path.extension().is_some_and(|e| e == "keras"));
    let mut names: Vec<String> =
        archives.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
