//! Activations against real Keras: values and gradients, ordinary and extreme.

mod keras;

use keras::{DENORMAL, EPS, assert_close, build, fixture, input, numbers, tensor, values};
use kerros::activations::{self, Activation, REGISTRY, Relu, Sparsemax, Step};
use kerros::graph::{Graph, grad};
use kerros::{Described, Tensor};
use serde_json::Value;

/// Differences allowed from Keras, in units of `f32::EPSILON` times the result: both sides
/// round two to five times, and both have elementary functions of about two ULP.
const ULPS: f64 = 8.0;

/// Bends at which Kerros takes another slope than JAX: `relu` is flat at every `max_value`,
/// where JAX is flat at 6 and takes the mean of both sides at others.
const OTHER_SLOPES: [(&str, f64); 1] = [("relu", 3.0)];

/// What is rounded on the way besides the result, where terms cancel: the allowed difference
/// is `ULPS * EPS` times this too.
fn cancelling(name: &str, x: f64) -> f64 {
    match name {
        // 1 + erf(x / sqrt 2) and 1 + tanh(..) near -1 (JAX takes erfc).
        "gelu" => x.abs().min(6.0),
        // x - tanh(x); x + sqrt(x^2 + b).
        "tanh_shrink" | "squareplus" => x.abs(),
        // x + 3 and x + 1 before the clip.
        "hard_sigmoid" | "hard_silu" | "hard_swish" | "sparse_sigmoid" => x.abs().min(3.0),
        _ => 0.0,
    }
}

/// The same for the derivative.
fn cancelling_slope(name: &str, x: f64) -> f64 {
    match name {
        // Sums of terms of the size of 1: s + x * s * (1 - s).
        "silu" | "swish" | "hard_silu" | "hard_swish" => 1.0,
        // x * (1 - tanh^2), where tanh is nearly 1 (it is 1 from 10 on).
        "mish" => 1.0 + x.abs().min(10.0),
        // cdf + x * density, and x * inner' * (1 - tanh^2) where tanh is nearly 1 (it is 1 from 6 on).
        "gelu" => {
            let x = x.abs().min(6.0);
            1.0 + 0.4 * x + 0.054 * x.powi(3)
        }
        // 1 - y^2 with y near 1; 1/(1 + |x|) - |x|/(1 + |x|)^2; 1 - tanh'.
        "tanh" | "tanh_shrink" | "squareplus" => 1.0,
        "softsign" => 1.0 / (1.0 + x.abs()),
        // (e^x - 1) + 1 instead of a second exponential; selu's factors are 1.76.
        "elu" | "celu" | "selu" => 2.0,
        // y (1 - y) where y rounds to 1, and log's chain through it.
        "sigmoid" | "softplus" | "log_sigmoid" => 1.0,
        _ => 0.0,
    }
}

/// How much larger than a denormal `e^-|x|`, which is one from 87 to 104, `silu` and its kin
/// make it by multiplying with `x`.
fn reach(x: f64) -> f64 {
    if x.is_nan() { 1.0 } else { x.abs().clamp(1.0, 104.0) }
}

struct Case {
    name: String,
    activation: std::sync::Arc<dyn Activation>,
    elementwise: bool,
    runs: serde_json::Map<String, Value>,
}

fn cases(content: &Value) -> Vec<Case> {
    let cases = content["cases"].as_array().unwrap().iter();
    let cases = cases.map(|case| {
        let name = case["name"].as_str().unwrap();
        Case {
            name: name.into(),
            activation: build(&REGISTRY, name, &case["arguments"]).unwrap(),
            elementwise: case["elementwise"].as_bool().unwrap(),
            runs: case["runs"].as_object().unwrap().clone(),
        }
    });
    cases.collect()
}

/// Output and gradient of `sum(output * weights)`.
fn output_and_gradient(
    activation: &dyn Activation,
    x: &Tensor,
    weights: &Tensor,
) -> (Vec<f64>, Vec<f64>) {
    let graph = Graph::new();
    let node = input(&graph, "x", x);
    let y = activation.call(node);
    let count = y.shape().num_elements();
    let w = graph.literal(weights.clone());
    let w = w.reshape([weights.num_elements()]).slice(0, 0, count).reshape(y.shape());
    let dx = grad((y * w).sum_all(), &[node]).unwrap()[0];
    let mut results = values(&graph, &[y, dx], std::slice::from_ref(x));
    let dx = results.pop().unwrap();
    (results.pop().unwrap(), dx)
}

#[test]
fn every_function_is_compared() {
    let content = fixture("activations.json");
    let compared: Vec<_> = cases(&content).iter().map(|case| case.activation.name()).collect();
    for entry in REGISTRY.entries {
        let name = entry.class_name;
        // Keras has no step function, and Keras 3 another `hard_sigmoid` than Keras 2.
        let is_alone = ["step", "hard_sigmoid_keras_2"].contains(&name);
        assert!(compared.contains(&name) != is_alone, "{name}");
    }
}

#[test]
fn elementwise_functions_agree_with_keras() {
    let content = fixture("activations.json");
    for case in cases(&content).iter().filter(|case| case.elementwise) {
        for (key, run) in &case.runs {
            let what = format!("{} {:?} on {key}", case.name, case.activation);
            let x = tensor(&content["inputs"][key]);
            let at = numbers(&content["inputs"][key]);
            let weights = &content["gradient_weights"][key];
            let (y, dx) = output_and_gradient(&*case.activation, &x, &tensor(weights));
            let keras = numbers(&run["output"]);
            assert_close(&what, &y, &keras, |i| {
                let flushed = DENORMAL * reach(at[i]);
                ULPS * EPS * (keras[i].abs() + cancelling(&case.name, at[i])) + flushed
            });
            if key == "special" {
                continue;
            }
            let weights = numbers(weights);
            let mut keras = numbers(&run["gradient"]);
            for bend in run["kinks"].as_array().unwrap() {
                let i = bend.as_u64().unwrap() as usize;
                if OTHER_SLOPES.contains(&(case.name.as_str(), at[i])) {
                    keras[i] = 0.0;
                }
            }
            assert_close(&format!("gradient of {what}"), &dx, &keras, |i| {
                let scale = weights[i].abs() * cancelling_slope(&case.name, at[i]);
                let flushed = DENORMAL * reach(at[i]);
                ULPS * EPS * (keras[i].abs() + scale) + flushed
            });
        }
    }
}

#[test]
fn functions_of_rows_agree_with_keras() {
    let content = fixture("activations.json");
    let rows = |case: &&Case| !case.elementwise;
    for case in cases(&content).iter().filter(rows) {
        for (key, run) in &case.runs {
            let what = format!("{} {:?} on {key}", case.name, case.activation);
            let x = tensor(&content["inputs"][key]);
            let at = numbers(&content["inputs"][key]);
            let weights = tensor(&content["gradient_weights"][key]);
            let (y, dx) = output_and_gradient(&*case.activation, &x, &weights);
            // Sums of at most 40 positive terms: the result carries their rounding relatively.
            // log_softmax subtracts log(sum) from x - max, sparsemax tau from x: as large as the
            // operands, the running sums of which go into tau.
            // A gate of e^-89 is denormal, times what it gates.
            let keras = numbers(&run["output"]);
            let largest = at.iter().fold(0.0f64, |a, b| a.max(b.abs()));
            let operands = match case.name.as_str() {
                "log_softmax" => largest,
                "sparsemax" => 10.0 * largest,
                _ => 0.0,
            };
            assert_close(&what, &y, &keras, |i| {
                ULPS * EPS * (keras[i].abs() + operands) + DENORMAL * largest.clamp(1.0, 104.0)
            });
            // dy - sum(dy * y): terms up to 1 (softmax), up to the sum of dy (log_softmax, 10
            // at most), or up to x / 4 (glu).
            let terms = match case.name.as_str() {
                "softmax" => 1.0,
                "log_softmax" => 10.0,
                _ => largest.min(20.0),
            };
            let keras = numbers(&run["gradient"]);
            assert_close(&format!("gradient of {what}"), &dx, &keras, |i| {
                ULPS * EPS * (keras[i].abs() + terms) + DENORMAL
            });
        }
    }
}

/// Slopes at places where the function bends or its terms overflow.
#[test]
fn derivatives_are_finite_everywhere() {
    let places = [0.0f32, -0.0, 1.0, -1.0, 89.0, -89.0, 1e4, -1e4, 1e30, -1e30, f32::MAX, f32::MIN];
    let x = Tensor::new([1, places.len()], places).unwrap();
    let weights = Tensor::full([1, places.len()], 1.0f32);
    for entry in REGISTRY.entries {
        let arguments = match entry.class_name {
            "threshold" => serde_json::json!({"threshold": 0.5, "default_value": -1.0}),
            _ => serde_json::json!({}),
        };
        let activation = build(&REGISTRY, entry.class_name, &arguments).unwrap();
        let (_, dx) = output_and_gradient(&*activation, &x, &weights);
        for (slope, place) in dx.iter().zip(places) {
            // e^x is its own derivative: it overflows where the function does.
            let overflows = entry.class_name == "exponential" && place > 88.7;
            assert!(slope.is_finite() || overflows, "{}: {slope} at {place}", entry.class_name);
        }
    }
}

#[test]
fn slopes_at_zero_are_the_limits() {
    for (name, slope) in [("softplus", 0.5), ("log_sigmoid", 0.5), ("mish", 0.6), ("gelu", 0.5)] {
        let activation = REGISTRY.named(name).unwrap();
        let zero = Tensor::new([1], [0.0f32]).unwrap();
        let (_, dx) = output_and_gradient(&*activation, &zero, &Tensor::full([1], 1.0f32));
        assert!((dx[0] - slope).abs() < 2.0 * EPS, "{name}: {}", dx[0]);
    }
}

#[test]
fn a_step_is_flat_or_straight_through() {
    let x = Tensor::new([4], [-1.0f32, 0.0, 0.5, f32::NAN]).unwrap();
    let weights = Tensor::full([4], 3.0f32);
    let (y, dx) = output_and_gradient(&Step, &x, &weights);
    assert_eq!(y[..3], [0.0, 0.0, 1.0]);
    assert!(y[3].is_nan());
    assert_eq!(dx[..3], [0.0; 3]);
    let (y, dx) = output_and_gradient(&Step.threshold(-2.0).straight_through(true), &x, &weights);
    assert_eq!(y[..3], [1.0; 3]);
    assert_eq!(dx, [3.0; 4]);
}

#[test]
fn words_configs_and_files() {
    assert_eq!(REGISTRY.named("swish").unwrap().name(), "silu");
    assert_eq!(REGISTRY.named("hard_swish").unwrap().name(), "hard_silu");
    assert!(REGISTRY.named("relu").unwrap().is_relu());
    assert!(!Relu.max_value(6.0).is_relu());
    assert!(REGISTRY.named("linear").unwrap().is_linear());
    assert!(Relu.config().is_empty());
    assert!(REGISTRY.named("threshold").unwrap_err().to_string().contains("missing"));
    let spelled = activations::REGISTRY.named("rleu").unwrap_err().to_string();
    assert!(spelled.contains("relu"), "{spelled}");
    let written = REGISTRY.serialize(&Relu.max_value(6.0).negative_slope(0.1));
    let read = REGISTRY.deserialize(&written).unwrap();
    assert_eq!(read.config(), Relu.max_value(6.0).negative_slope(0.1).config());
    assert_eq!(read.config()["max_value"], 6.0);
    assert_eq!(Sparsemax.axis(0).config()["axis"], 0);
}
