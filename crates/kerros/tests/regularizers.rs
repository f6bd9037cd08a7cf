//! Regularizers against real Keras: penalties, gradients, configs.

mod keras;

use keras::{EPS, assert_close, assert_config, build, fixture, input, numbers, tensor, values};
use kerros::graph::{Graph, grad};
use kerros::regularizers::{L1, L2, OrthogonalRegularizer, REGISTRY, Regularizer};
use kerros::{Error, ErrorKind, Tensor};

fn penalty_and_gradient(regularizer: &dyn Regularizer, weights: &Tensor) -> (f64, Vec<f64>) {
    let graph = Graph::new();
    let w = input(&graph, "w", weights);
    let penalty = regularizer.penalty(w);
    let dw = grad(penalty, &[w]).unwrap()[0];
    let results = values(&graph, &[penalty, dw], std::slice::from_ref(weights));
    (results[0][0], results[1].clone())
}

#[test]
fn penalties_agree_with_keras() {
    let content = fixture("regularizers.json");
    for case in content["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let regularizer = build(&REGISTRY, name, &case["config"]).unwrap();
        let what = format!("{regularizer:?}");
        assert_config(&what, &regularizer.config(), &case["get_config"], &[]);
        let weights = tensor(&case["input"]);
        let (penalty, slopes) = penalty_and_gradient(&*regularizer, &weights);
        let keras = numbers(&case["value"])[0];
        // A sum of up to 36 positive terms: half a unit each, and the terms' own rounding.
        assert_close(&what, &[penalty], &[keras], |_| 20.0 * EPS * keras);
        let keras = numbers(&case["gradient"]);
        // Orthogonality: differences of sums of 5 terms as large as the largest slope.
        let largest = keras.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        let terms = if name == "OrthogonalRegularizer" { 5.0 * largest } else { 0.0 };
        assert_close(&what, &slopes, &keras, |i| 4.0 * EPS * (keras[i].abs() + terms));
    }
}

#[test]
fn a_factor_below_zero_is_refused() {
    let refused = |error: Error| assert_eq!(error.kind(), ErrorKind::Argument);
    refused(L1::new(-1.0).check().unwrap_err());
    refused(L2::new(f64::NAN).check().unwrap_err());
    refused(
        REGISTRY
            .deserialize(&serde_json::json!({"class_name": "L2", "config": {"l2": -1}}))
            .unwrap_err(),
    );
}

#[test]
fn orthogonality_is_of_matrices() {
    let graph = Graph::new();
    let kernel = graph.full([3, 3, 2], 1.0);
    OrthogonalRegularizer::new(0.1).penalty(kernel);
    assert_eq!(graph.check().unwrap_err().kind(), ErrorKind::Shape);
}

#[test]
fn words() {
    for name in ["l1", "L2", "l1_l2", "L1L2", "orthogonal_regularizer"] {
        REGISTRY.named(name).unwrap();
    }
    let none = REGISTRY.named("l1_l2").unwrap();
    let weights = Tensor::new([2], [3.0f32, -4.0]).unwrap();
    assert_eq!(penalty_and_gradient(&*none, &weights), (0.0, vec![0.0, 0.0]));
}
