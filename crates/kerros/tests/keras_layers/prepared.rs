//! Layers that prepare data beside Keras: their configs, and what they make of arrays.
//!
//! Tolerances, relative to the largest number of an array (and to 1): whole numbers are the same;
//! colours and places are some dozen roundings, spectrograms sums of up to some 50 products and
//! their logarithm: 64 units in the last place.

use kerros::graph::Node;
use kerros::layers::{Discretization, REGISTRY};
use kerros::model::{Arguments, Input, IntoLayer, KerasTensor, arguments};
use kerros::{DType, Model, Result, Tensor};
use serde_json::Value;

use crate::keras::{EPS, agrees, check_cases, fixture, numbers, shape as shape_of, tensor};

const BOUND: f64 = 64.0 * EPS;

/// Runs all cases of a file.
#[track_caller]
pub fn check_family(file: &str) {
    check_cases(&fixture(file), check);
}

/// What differs from Keras in a case.
fn check(case: &Value) -> Result<Vec<String>> {
    let layer = REGISTRY.deserialize(&case["layer"])?;
    let (config, keras) = (Value::from(layer.config()), &case["layer"]["config"]);
    let mut wrong = Vec::new();
    if !super::case::is_same(&config, keras) {
        wrong.push(format!("config\n  {config}\nKeras's\n  {keras}"));
    }
    let given: Vec<Tensor> = case["inputs"].as_array().unwrap().iter().map(tensor).collect();
    let input = |x: &Tensor| Input::new(&x.shape()[1..]).dtype(x.dtype()).tensor();
    let inputs: Vec<KerasTensor> = given.iter().map(input).collect();
    let mut call: Arguments<KerasTensor> = arguments([&inputs[0]]);
    for (name, input) in case["keywords"].as_array().unwrap().iter().zip(&inputs[1..]) {
        call = call.with(name.as_str().unwrap(), input);
    }
    let mut model = Model::functional(&inputs, [&layer.on(call)])?;
    let training = case["training"].as_bool().unwrap();
    let mut pass = model.function(|graph| {
        let input =
            |(at, x): (usize, &Tensor)| graph.input(&format!("x{at}"), x.shape(), x.dtype());
        let inputs: Vec<Node<'_>> = given.iter().enumerate().map(input).collect();
        let key = training.then(|| graph.literal(Tensor::new([4], [1, 2, 3, 4]).unwrap()));
        Ok(model.call(&inputs, training, key)?.0.outputs)
    })?;
    let given: Vec<&Tensor> = given.iter().collect();
    pass.run_on(&mut model, &given)?;
    let found = pass.output(0)?;
    let outputs = case["outputs"].as_array().unwrap();
    let (expected, is_whole) = (&outputs[0], outputs[0]["dtype"] == "int32");
    if found.shape().dims() != shape_of(&expected["shape"]) {
        wrong.push(format!("a result of {}, Keras's {}", found.shape(), expected["shape"]));
    } else if is_whole != (found.dtype() == DType::I32) {
        wrong.push(format!("a result of {}", found.dtype()));
    } else {
        let bound = if is_whole { 0.0 } else { BOUND };
        let outputs: Vec<Vec<f64>> = outputs.iter().map(numbers).collect();
        wrong.extend(difference(&found, &outputs, bound));
    }
    Ok(wrong)
}

/// Each row is that of one of Keras's outputs.
fn difference(found: &Tensor, outputs: &[Vec<f64>], bound: f64) -> Option<String> {
    let found_numbers = found.to_vec_f64();
    let per_row = found_numbers.len() / found.shape()[0];
    let largest = outputs[0].iter().fold(1.0f64, |largest, number| largest.max(number.abs()));
    for (at, row) in found_numbers.chunks(per_row).enumerate() {
        let is_close = |output: &Vec<f64>| {
            let keras = &output[at * per_row..][..per_row];
            row.iter().zip(keras).all(|(&got, &keras)| agrees(got, keras, bound * largest))
        };
        if !outputs.iter().any(is_close) {
            let keras: Vec<&[f64]> =
                outputs.iter().map(|output| &output[at * per_row..][..per_row]).collect();
            return Some(format!("row {at}: {row:?}\n  Keras's {keras:?}"));
        }
    }
    None
}

/// Boundaries of bins that were found are Keras's own numbers.
#[track_caller]
pub fn check_adapted(file: &str) {
    for case in fixture(file)["adapted"].as_array().unwrap() {
        let keras = &case["config"];
        let num_bins = keras["num_bins"].as_u64().unwrap() as usize;
        let layer = Discretization::with_num_bins(num_bins).name(keras["name"].as_str().unwrap());
        let mut layer = layer.epsilon(keras["epsilon"].as_f64().unwrap());
        layer.adapt(&tensor(&case["data"])).unwrap();
        let config = Value::from(kerros::Described::config(&layer));
        assert!(super::case::is_same(&config, keras), "{config}\nKeras's\n{keras}");
        let again = REGISTRY
            .deserialize(&serde_json::json!({"class_name": "Discretization", "config": keras}));
        assert_eq!(Value::from(again.unwrap().config()), config);
    }
}
