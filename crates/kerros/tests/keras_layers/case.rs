//! One layer beside Keras.
//!
//! Tolerances, relative to the largest number of an array (and to 1): outputs and derivatives
//! are sums of up to some 50 products in another order, in several steps: 64 units in the last
//! place. Weights after four training steps have gone through four such sums and four
//! derivatives of them: 512.

use std::sync::Arc;

use kerros::graph::{Node, grad_where_connected};
use kerros::layers::{Layer, Masking, REGISTRY};
use kerros::model::{Input, IntoLayer, KerasTensor};
use kerros::optimizers::SGD;
use kerros::{Fit, Model, Result, Shape, Tensor, Verbose};
use serde_json::Value;

use crate::keras::{EPS, check_cases, fill, fixture, numbers, shape as shape_of};

const ONE_PASS: f64 = 64.0 * EPS;
const FOUR_STEPS: f64 = 512.0 * EPS;

const ROWS: usize = 3;
const MASKED: f32 = 9.0;
const SALT_TARGET: usize = 50;
const SALT_COTANGENT: usize = 60;
const SALT_WEIGHTS: usize = 70;

/// Runs all cases of a file.
#[track_caller]
pub fn check_family(file: &str) {
    let family = fixture(file);
    check_cases(&family, |case| check(&family, case));
}

/// Every third step holds what `Masking` looks for.
fn masked_input(x: &Tensor) -> Tensor {
    let (shape, mut values) = (x.shape().clone(), x.as_slice::<f32>().unwrap().to_vec());
    let width: usize = shape[2..].iter().product();
    for (at, step) in values.chunks_mut(width).enumerate() {
        if (at / shape[1] + at % shape[1]) % 3 == 0 {
            step.fill(MASKED);
        }
    }
    Tensor::new(shape, values).unwrap()
}

/// What differs from Keras in a case.
fn check(family: &Value, case: &Value) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let layer = REGISTRY.deserialize(&case["layer"])?;
    let (config, keras) = (Value::from(layer.config()), &case["layer"]["config"]);
    if !is_same(&config, keras) {
        wrong.push(format!("config\n  {config}\nKeras's\n  {keras}"));
    }
    let (mut model, xs) = model(case, layer)?;
    let weights = weights(&mut model, case, &mut wrong)?;
    model.set_weights(&weights)?;
    check_pass(&mut model, case, &xs, &mut wrong)?;
    if !case["trained_weights"].is_null() {
        check_training(&mut model, family, case, &xs, &mut wrong)?;
    }
    Ok(wrong)
}

/// Whether two configs say the same in the same order; `2` and `2.0` are the same number.
pub fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((x, v), (y, w))| x == y && is_same(v, w))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(v, w)| is_same(v, w))
        }
        _ => a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a == b),
    }
}

/// The model around the layer, and its inputs.
fn model(case: &Value, layer: Arc<dyn Layer>) -> Result<(Model, Vec<Tensor>)> {
    let masked = case["masked"].as_array().unwrap();
    let (mut inputs, mut entering, mut xs) = (Vec::new(), Vec::new(), Vec::new());
    for (at, row) in case["rows"].as_array().unwrap().iter().enumerate() {
        let row = shape_of(row);
        let x = fill(&[&[ROWS], &row[..]].concat(), at);
        let input = Input::new(&row[..]).tensor();
        match masked[at].as_u64() {
            Some(0) => {
                entering.push(input.clone());
                xs.push(x);
            }
            _ => {
                entering.push(Masking::new().mask_value(MASKED.into()).on(&input));
                xs.push(masked_input(&x));
            }
        }
        inputs.push(input);
    }
    let output: KerasTensor = layer.on(&entering[..]);
    Ok((Model::functional(&inputs, [&output])?, xs))
}

/// The weights to begin with; their names and shapes are compared.
fn weights(model: &mut Model, case: &Value, wrong: &mut Vec<String>) -> Result<Vec<Tensor>> {
    let found: Vec<(String, Vec<usize>)> = model
        .weights()?
        .into_iter()
        .map(|(path, value)| {
            (path.rsplit('/').next().unwrap_or_default().into(), value.shape().to_vec())
        })
        .collect();
    let keras: Vec<(String, Vec<usize>)> = case["weights"]
        .as_array()
        .unwrap()
        .iter()
        .map(|weight| (weight["name"].as_str().unwrap().into(), shape_of(&weight["shape"])))
        .collect();
    if found != keras {
        wrong.push(format!("weights {found:?}, Keras's {keras:?}"));
    }
    let start = |(at, (name, shape)): (usize, &(String, Vec<usize>))| {
        let around = if name.contains("variance") { 1.0 } else { 0.0 };
        let values = fill(shape, SALT_WEIGHTS + at);
        let values: Vec<f32> =
            values.as_slice::<f32>().unwrap().iter().map(|value| value / 4.0 + around).collect();
        Tensor::new(&shape[..], values)
    };
    found.iter().enumerate().map(start).collect()
}

/// Output, mask and derivatives.
fn check_pass(
    model: &mut Model,
    case: &Value,
    xs: &[Tensor],
    wrong: &mut Vec<String>,
) -> Result<()> {
    let training = case["training"].as_bool().unwrap();
    let (mut has_mask, mut places) = (false, Vec::new());
    let mut pass = model.function(|graph| {
        let input =
            |(at, x): (usize, &Tensor)| graph.input(&format!("x{at}"), x.shape(), x.dtype());
        let inputs: Vec<Node<'_>> = xs.iter().enumerate().map(input).collect();
        // Cases that train draw nothing that two seeds would draw differently.
        let key = training.then(|| graph.literal(Tensor::new([4], [1, 2, 3, 4]).unwrap()));
        let (forward, weights) = model.call(&inputs, training, key)?;
        let trained = (0..weights.len()).filter(|&at| model.network().is_trained(at));
        let wrt: Vec<Node<'_>> =
            inputs.iter().copied().chain(trained.map(|at| weights[at])).collect();
        let y = forward.outputs[0];
        let cotangent = graph.literal(fill(&y.shape(), SALT_COTANGENT));
        let gradients = grad_where_connected((y * cotangent).sum_all(), &wrt)?;
        has_mask = forward.masks[0].is_some();
        let mut results = vec![y];
        results.extend(forward.masks[0].map(|mask| mask.cast(kerros::DType::F32)));
        for gradient in gradients {
            places.push(gradient.map(|_| results.len()));
            results.extend(gradient);
        }
        Ok(results)
    })?;
    let inputs: Vec<&Tensor> = xs.iter().collect();
    pass.run_on(model, &inputs)?;
    compare("output", &pass.output(0)?, &case["output"], ONE_PASS, wrong);
    match (has_mask, case["mask"].is_null()) {
        (true, false) => compare("mask", &pass.output(1)?, &case["mask"], 0.0, wrong),
        (false, true) => {}
        (found, _) => wrong.push(format!("has a mask: {found}, Keras's: {}", !found)),
    }
    let gradients = ["input_gradients", "weight_gradients"].map(|key| case[key].as_array());
    let keras: Vec<&Value> = gradients.into_iter().flatten().flatten().collect();
    if keras.len() != places.len() {
        wrong.push(format!("{} derivatives, Keras's {}", places.len(), keras.len()));
    }
    for (at, (place, keras)) in places.into_iter().zip(keras).enumerate() {
        let zero = || Tensor::zeros(Shape::from(shape_of(&keras["shape"])), kerros::DType::F32);
        let found = place.map_or_else(|| Ok(zero()), |place| pass.output(place))?;
        compare(&format!("derivative {at}"), &found, keras, ONE_PASS, wrong);
    }
    Ok(())
}

/// Weights and losses after training.
fn check_training(
    model: &mut Model,
    family: &Value,
    case: &Value,
    xs: &[Tensor],
    wrong: &mut Vec<String>,
) -> Result<()> {
    model.compile(SGD::new(family["learning_rate"].as_f64().unwrap() as f32), "mse", ())?;
    let number = |key: &str| family[key].as_u64().unwrap() as usize;
    let fit = Fit::epochs(number("epochs"))
        .batch_size(number("batch_size"))
        .shuffle(false)
        .verbose(Verbose::Silent);
    let y = fill(&shape_of(&case["output"]["shape"]), SALT_TARGET);
    let history = model.fit((xs.to_vec(), vec![y]), fit)?;
    let losses = history.get("loss").unwrap_or_default();
    let keras: Vec<f64> =
        case["losses"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect();
    let losses = Tensor::new([losses.len()], losses.iter().map(|&l| l as f32).collect::<Vec<_>>())?;
    differences("losses", &losses.to_vec_f64(), &keras, FOUR_STEPS, wrong);
    for (at, (found, keras)) in
        model.get_weights()?.iter().zip(case["trained_weights"].as_array().unwrap()).enumerate()
    {
        compare(&format!("trained weight {at}"), found, keras, FOUR_STEPS, wrong);
    }
    Ok(())
}

fn compare(what: &str, found: &Tensor, keras: &Value, bound: f64, wrong: &mut Vec<String>) {
    let shape = shape_of(&keras["shape"]);
    if found.shape().dims() != shape {
        wrong.push(format!("{what} of shape {}, Keras's {shape:?}", found.shape()));
        return;
    }
    differences(what, &found.to_vec_f64(), &numbers(keras), bound, wrong);
}

/// Notes the largest difference, if it is too large.
fn differences(what: &str, found: &[f64], keras: &[f64], bound: f64, wrong: &mut Vec<String>) {
    let largest = keras.iter().fold(1.0f64, |largest, k| largest.max(k.abs()));
    let differences = found.iter().zip(keras).map(|(f, k)| (f - k).abs() / largest);
    let is_worse = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
    if let Some((at, off)) = differences.enumerate().max_by(is_worse)
        && (off > bound || off.is_nan())
    {
        let units = off / EPS;
        wrong.push(format!("{what}[{at}]: {} instead of {}, {units:.1} eps", found[at], keras[at]));
    }
}
