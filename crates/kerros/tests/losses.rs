//! Losses against real Keras: values and gradients under every reduction.

mod keras;

use std::sync::Arc;

use keras::{EPS, assert_close, assert_config, build, fixture, input, numbers, tensor, values};
use kerros::graph::{Graph, Node, grad};
use kerros::losses::{
    self, BinaryCrossentropy, CategoricalCrossentropy, CustomLoss, Dice, Huber, Loss,
    MeanSquaredError, REGISTRY, Reduction, SparseCategoricalCrossentropy, Targets, resolve,
};
use kerros::{Choice, DType, ErrorKind, Shape, Tensor};
use serde_json::{Value, json};

/// Value and gradient of a run, the value times its cotangent where it has a shape.
fn value_and_gradient(
    loss: &dyn Loss,
    y_true: &Tensor,
    y_pred: &Tensor,
    weight: Option<&Tensor>,
    cotangent: Option<&Tensor>,
) -> (Vec<f64>, Vec<f64>) {
    let graph = Graph::new();
    let truth = input(&graph, "y_true", y_true);
    let pred = input(&graph, "y_pred", y_pred);
    let weight_node = weight.map(|weight| graph.literal(weight.clone()));
    let value = losses::compute(loss, truth, pred, weight_node, None).unwrap();
    let scalar = match cotangent {
        Some(cotangent) => (value * graph.literal(cotangent.clone())).sum_all(),
        None => value,
    };
    let dy = grad(scalar, &[pred]).unwrap()[0];
    let mut results = values(&graph, &[value, dy], &[y_true.clone(), y_pred.clone()]);
    let dy = results.pop().unwrap();
    (results.pop().unwrap(), dy)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a: f64, b| a.max(b.abs()))
}

/// How many times `EPS` times the largest per-sample loss (or slope) a result may differ: the
/// functions' own 2 ULP on both sides, about ten roundings, and what the formula amplifies.
fn factors(name: &str, config: &Value, largest: f64) -> (f64, f64) {
    let gamma = config.get("gamma").and_then(Value::as_f64);
    match name {
        // gamma multiplies the exponents, so that its rounding enters relatively.
        "Circle" => (16.0 + gamma.unwrap_or(80.0), 16.0 + 2.0 * gamma.unwrap_or(80.0)),
        // Slopes are exponentials of sums as large as the loss, whose rounding enters relatively.
        "CTC" => (16.0, 16.0 + 4.0 * largest),
        _ => (16.0, 16.0),
    }
}

/// Whether an error is exactly 0, where Keras on JAX takes the positive side of `|x|`.
fn is_at_kink(name: &str, y_true: &[f64], y_pred: &[f64], i: usize) -> bool {
    matches!(name, "MeanAbsoluteError" | "MeanAbsolutePercentageError") && y_true[i] == y_pred[i]
}

#[test]
fn losses_agree_with_keras() {
    let content = fixture("losses.json");
    let mut kinks = 0;
    for case in content["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (y_true, y_pred) = (tensor(&case["y_true"]), tensor(&case["y_pred"]));
        let loss = build(&REGISTRY, name, &case["config"]).unwrap();
        // Keras 3.15 forgets these two when it writes a config.
        assert_config(name, &loss.config(), &case["get_config"], &["delta", "axis"]);
        let runs = case["runs"].as_array().unwrap();
        for run in runs {
            let mut config = case["config"].clone();
            config["reduction"] = run["reduction"].clone();
            let loss = build(&REGISTRY, name, &config).unwrap();
            let weight = (!run["sample_weight"].is_null()).then(|| tensor(&run["sample_weight"]));
            let cotangent = run.get("cotangent").map(tensor);
            let what = format!("{loss:?} weighted {}", weight.is_some());
            let (value, dy) =
                value_and_gradient(&*loss, &y_true, &y_pred, weight.as_ref(), cotangent.as_ref());
            let keras = numbers(&run["value"]);
            let scale = largest(&keras);
            let (value_factor, slope_factor) = factors(name, &case["config"], scale);
            assert_close(&what, &value, &keras, |_| value_factor * EPS * scale);
            let keras = numbers(&run["gradient"]);
            let scale = largest(&keras);
            if y_true.num_elements() == y_pred.num_elements() {
                let (y_true, y_pred) = (y_true.to_vec_f64(), y_pred.to_vec_f64());
                let at_kink = |(i, slope): &(usize, &f64)| {
                    is_at_kink(name, &y_true, &y_pred, *i) && **slope != 0.0
                };
                kinks += keras.iter().enumerate().filter(at_kink).count();
            }
            assert_close(&format!("gradient of {what}"), &dy, &keras, |_| {
                slope_factor * EPS * scale
            });
        }
    }
    assert!(kinks > 0, "the fixtures hold an error of exactly 0");
}

fn node<'g>(graph: &'g Graph, shape: &[usize], values: &[f32]) -> Node<'g> {
    graph.literal(Tensor::new(shape, values).unwrap())
}

/// Losses and slopes stay finite at saturated and huge predictions.
#[test]
fn crossentropies_are_finite_at_extremes() {
    let far = [0.0f32, 1.0, 89.0, -89.0, 1e4, -1e4];
    let logits: [Arc<dyn Loss>; 3] = [
        Arc::new(BinaryCrossentropy::new().from_logits(true)),
        Arc::new(CategoricalCrossentropy::new().from_logits(true)),
        Arc::new(SparseCategoricalCrossentropy::new().from_logits(true)),
    ];
    for loss in logits {
        for place in 0..6 {
            let y_pred = Tensor::new([1, 6], far).unwrap();
            let mut hot = [0.0f32; 6];
            hot[place] = 1.0;
            let y_true = match loss.targets() {
                Targets::Values | Targets::Any => Tensor::new([1, 6], hot).unwrap(),
                Targets::Labels => Tensor::new([1], [place as i32]).unwrap(),
            };
            let (value, dy) = value_and_gradient(&*loss, &y_true, &y_pred, None, None);
            assert!(value[0].is_finite() && dy.iter().all(|slope| slope.is_finite()), "{loss:?}");
        }
    }
    let one = Tensor::new([1, 1], [1.0f32]).unwrap();
    let zero = Tensor::new([1, 1], [0.0f32]).unwrap();
    let (value, dy) = value_and_gradient(&BinaryCrossentropy::new(), &one, &zero, None, None);
    // -log(1e-7), and no slope outside the clipping range.
    assert!((value[0] - 16.118_095).abs() < 1e-5 && dy == [0.0], "{value:?} {dy:?}");
}

#[test]
fn an_ignored_class_counts_nowhere() {
    let loss = SparseCategoricalCrossentropy::new().from_logits(true).ignore_class(-1);
    let y_pred = Tensor::new([3, 2], [1.0f32, 2.0, 3.0, 4.0, 5.0, 9.0]).unwrap();
    let y_true = Tensor::new([3], [0, -1, 1]).unwrap();
    let (all, dy) = value_and_gradient(&loss, &y_true, &y_pred, None, None);
    let rows = Tensor::new([2, 2], [1.0f32, 2.0, 5.0, 9.0]).unwrap();
    let labels = Tensor::new([2], [0, 1]).unwrap();
    let (kept, _) = value_and_gradient(&loss, &labels, &rows, None, None);
    assert!((all[0] - kept[0]).abs() < 1e-6, "{all:?} {kept:?}");
    assert_eq!(dy[2..4], [0.0, 0.0]);
    let none = Tensor::new([3], [-1, -1, -1]).unwrap();
    let (value, dy) = value_and_gradient(&loss, &none, &y_pred, None, None);
    assert!(value == [0.0] && dy.iter().all(|&slope| slope == 0.0));
}

#[test]
fn wrong_shapes_name_the_loss_that_fits() {
    let graph = Graph::new();
    let y_pred = graph.full([32, 10], 0.1);
    let labels = graph.input("labels", [32], DType::I32);
    let refused = |loss: &dyn Loss, y_true| {
        losses::compute(loss, y_true, y_pred, None, None).unwrap_err().to_string()
    };
    let text = refused(&CategoricalCrossentropy::new(), labels);
    assert_eq!(
        text,
        "loss categorical_crossentropy: the targets have shape [32], the predictions [32, 10]\n  \
         expected: targets of the predictions' shape\n  \
         try: for class labels use SparseCategoricalCrossentropy; for one number per sample give \
         the last layer 1 unit instead of 10"
    );
    let text = refused(&SparseCategoricalCrossentropy::new(), graph.full([32, 10], 0.0));
    assert!(text.contains("for one-hot targets use CategoricalCrossentropy"), "{text}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let argument = |config: Value| {
        let error = REGISTRY.deserialize(&config).unwrap_err();
        (error.kind(), error.to_string())
    };
    let smoothed = json!({"class_name": "BinaryCrossentropy", "config": {"label_smoothing": 2}});
    assert_eq!(argument(smoothed).0, ErrorKind::Argument);
    let wrong = json!({"class_name": "Huber", "config": {"delta": "far", "dleta": 1}});
    let text = argument(wrong).1;
    assert!(text.contains("`delta` is \"far\", expected a number"), "{text}");
    assert!(text.contains("unknown argument `dleta`"), "{text}");
    let error = CategoricalCrossentropy::new().label_smoothing(-0.1).check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument);
}

#[test]
fn every_loss_survives_its_config() {
    for entry in REGISTRY.entries {
        let loss = REGISTRY.named(entry.class_name).unwrap();
        let read = REGISTRY.deserialize(&REGISTRY.serialize(&*loss)).unwrap();
        assert_eq!(format!("{loss:?}"), format!("{read:?}"));
        for name in entry.names {
            assert_eq!(REGISTRY.named(name).unwrap().class_name(), entry.class_name);
        }
    }
    let huber = Huber::new().delta(0.5).name("robust").reduction(Reduction::Sum);
    let read = REGISTRY.deserialize(&REGISTRY.serialize(&huber)).unwrap();
    assert_eq!(format!("{read:?}"), format!("{huber:?}"));
}

#[test]
fn crossentropy_is_chosen_by_the_shapes() {
    let content = fixture("metrics.json");
    let batch = &content["batches"][0];
    let shape = |name: &Value| tensor(&batch[name.as_str().unwrap()]).shape().clone();
    for word in content["loss_words"].as_array().unwrap() {
        let choice = Choice::from(word["name"].as_str().unwrap());
        let loss = resolve(&choice, &shape(&word["y_true"]), &shape(&word["y_pred"])).unwrap();
        let named = REGISTRY.named(word["resolved"].as_str().unwrap()).unwrap();
        assert_eq!(loss.class_name(), named.class_name());
        assert_eq!(loss.name(), word["name"]);
    }
    let scalar = Shape::scalar();
    let mse = resolve(&Choice::from(MeanSquaredError::new()), &scalar, &scalar).unwrap();
    assert_eq!(mse.class_name(), "MeanSquaredError");
    assert!(resolve(&Choice::from("nonsense"), &scalar, &scalar).is_err());
}

#[test]
fn a_loss_of_your_own() {
    let cubic = CustomLoss::new("cubic", |y_true, y_pred| {
        let size = (y_true - y_pred).abs();
        (size * size * size).mean(&[-1])
    });
    let y_true = Tensor::new([2], [1.0f32, 0.0]).unwrap();
    let y_pred = Tensor::new([2, 1], [3.0f32, -1.0]).unwrap();
    let (value, dy) = value_and_gradient(&cubic, &y_true, &y_pred, None, None);
    assert_eq!((value, dy), (vec![4.5], vec![6.0, -1.5]));
}

#[test]
fn a_loss_of_the_whole_batch_takes_weights() {
    let graph = Graph::new();
    let (y_true, y_pred) = (node(&graph, &[2, 1], &[1.0, 0.0]), node(&graph, &[2, 1], &[0.5, 0.5]));
    let weight = node(&graph, &[2], &[1.0, 3.0]);
    let plain = losses::compute(&Dice::new(), y_true, y_pred, None, None).unwrap();
    let weighted = losses::compute(&Dice::new(), y_true, y_pred, Some(weight), None).unwrap();
    let results = values(&graph, &[plain, weighted], &[]);
    assert!((results[1][0] - 2.0 * results[0][0]).abs() < 1e-6, "{results:?}");
}
