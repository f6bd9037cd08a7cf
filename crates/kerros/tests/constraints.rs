//! Constraints against real Keras.

mod keras;

use keras::{EPS, assert_close, assert_config, build, fixture, input, numbers, tensor, values};
use kerros::constraints::{Constraint, MaxNorm, MinMaxNorm, REGISTRY};
use kerros::graph::Graph;

#[test]
fn constraints_agree_with_keras() {
    let content = fixture("constraints.json");
    for case in content["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let constraint = build(&REGISTRY, name, &case["config"]).unwrap();
        let what = format!("{constraint:?}");
        assert_config(&what, &constraint.config(), &case["get_config"], &[]);
        let weights = tensor(&content["inputs"][case["input"].as_str().unwrap()]);
        let graph = Graph::new();
        let obeying = constraint.call(input(&graph, "w", &weights));
        let found = &values(&graph, &[obeying], std::slice::from_ref(&weights))[0];
        let expected = numbers(&case["output"]);
        // A norm of up to 20 squares (half a unit each, halved by the root) and four more
        // roundings.
        assert_close(&what, found, &expected, |i| 14.0 * EPS * expected[i].abs());
    }
}

#[test]
fn impossible_bounds_are_refused() {
    assert!(MaxNorm::new(-1.0).check().is_err());
    assert!(MinMaxNorm::new(2.0, 1.0).check().is_err());
}
