//! Learning-rate schedules against numbers from real Keras (`fixtures/schedules.json`), on the
//! reference evaluator.

use kerros::graph::{Graph, eval::evaluate};
use kerros::schedules::{self, *};
use kerros::{Described, ErrorKind, Tensor};
use serde_json::{Value, json};

fn fixture() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/schedules.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(array: &Value) -> Vec<f64> {
    array["data"].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn rate_at(schedule: &dyn Schedule, step: f64) -> f64 {
    let graph = Graph::new();
    let rate = schedule.at(graph.constant(step as f32));
    evaluate::<f32>(&graph, &[rate], &[], &[]).unwrap()[0].to_vec_f64()[0]
}

#[test]
fn rates_agree_with_keras() {
    let fixture = fixture();
    for case in fixture["cases"].as_array().unwrap() {
        let serialized = json!({"class_name": case["name"], "config": case["config"]});
        let schedule = schedules::REGISTRY.deserialize(&serialized).unwrap();
        let theirs = numbers(&case["learning_rates"]);
        let largest = theirs.iter().copied().fold(0.0, f64::max);
        let name = case["name"].as_str().unwrap();
        // Where the formula takes differences, what is left near 0 has the roundings of the
        // largest rate: a few units of 2^-24 of that. Powers go up to the exponent 100, which
        // multiplies the roundings of the base.
        let (relative, of_largest) = match name {
            "PiecewiseConstantDecay" | "InverseTimeDecay" => (2.5e-7, 0.0),
            "ExponentialDecay" => (1e-5, 0.0),
            "CosineDecayRestarts" => (1e-6, 4e-7),
            _ => (1e-6, 1.2e-7),
        };
        for (step, theirs) in numbers(&fixture["steps"]).into_iter().zip(theirs) {
            let ours = rate_at(&*schedule, step);
            let allowed = relative * theirs + of_largest * largest;
            assert!(
                (ours - theirs).abs() <= allowed,
                "{name} {} at step {step}: {ours}, in Keras {theirs}",
                case["config"]
            );
        }
    }
}

#[test]
fn configs_are_those_of_keras_and_are_read_back() {
    for case in fixture()["cases"].as_array().unwrap() {
        let serialized = json!({"class_name": case["name"], "config": case["config"]});
        let schedule = schedules::REGISTRY.deserialize(&serialized).unwrap();
        let written = schedules::REGISTRY.serialize(&*schedule);
        // As text, because the order counts.
        assert_eq!(written["config"].to_string(), case["get_config"].to_string());
        let again = schedules::REGISTRY.deserialize(&written).unwrap();
        assert_eq!(again.config(), schedule.config());
    }
}

#[test]
fn a_schedule_of_ones_own() {
    let halves = CustomSchedule::new("halves", |step| 1.0 / (step + 1.0));
    assert_eq!(rate_at(&halves, 3.0), 0.25);
    assert_eq!(halves.config()["name"], "halves");
    assert!(LearningRate::from(halves).check().is_ok());
}

#[test]
fn a_long_run_stays_exact() {
    // Every step up to 2^24 is a number of its own.
    let steps = PiecewiseConstantDecay::new(vec![16_777_214], vec![1.0, 0.5]);
    assert_eq!(rate_at(&steps, 16_777_214.0), 1.0);
    assert_eq!(rate_at(&steps, 16_777_215.0), 0.5);
}

#[test]
fn bad_arguments_are_refused() {
    let message = |rate: LearningRate| rate.check().unwrap_err().to_string();
    let cases = [
        (
            message(ExponentialDecay::new(0.1, 0, 0.5).into()),
            "schedule ExponentialDecay: decay_steps=0\n  expected: 1 or more",
        ),
        (
            message(CosineDecayRestarts::new(0.1, 10).t_mul(0.5).into()),
            "schedule CosineDecayRestarts: t_mul=0.5\n  expected: 1 or more",
        ),
        (
            message(CosineDecay::new(0.1, 0).into()),
            "schedule CosineDecay: decay_steps=0\n  expected: 1 or more",
        ),
        (
            message(PiecewiseConstantDecay::new(vec![10, 5], vec![1.0, 0.5, 0.1]).into()),
            "schedule PiecewiseConstantDecay: boundaries=[10, 5]\n  expected: ascending steps",
        ),
        (
            message(PiecewiseConstantDecay::new(vec![10], vec![1.0]).into()),
            "schedule PiecewiseConstantDecay: 1 boundaries and 1 values\n  expected: at least \
             one boundary, and one value more than boundaries",
        ),
    ];
    for (ours, expected) in cases {
        assert_eq!(ours, expected);
    }
    let incomplete = json!({"class_name": "PolynomialDecay", "config": {"decay_steps": 1.5}});
    let error = schedules::REGISTRY.deserialize(&incomplete).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let missing = "`initial_learning_rate` is missing, expected a number";
    assert!(error.to_string().contains(missing), "{error}");
    assert!(error.to_string().contains("`decay_steps` is 1.5"), "{error}");
}

#[test]
fn rates_do_not_depend_on_the_batch() {
    // One graph, evaluated at many steps: the step is an ordinary input.
    let graph = Graph::new();
    let step = graph.input("step", [], kerros::DType::F32);
    let rate = CosineDecay::new(0.1, 30).at(step);
    for at in [0.0, 7.0, 30.0] {
        let inputs = [Tensor::scalar(at as f32)];
        let value = evaluate::<f32>(&graph, &[rate], &inputs, &[]).unwrap();
        assert_eq!(value[0].to_vec_f64()[0], rate_at(&CosineDecay::new(0.1, 30), at));
    }
}
