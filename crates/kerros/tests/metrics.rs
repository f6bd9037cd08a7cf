//! Metrics against real Keras: three updates, the result after each.

mod keras;

use std::sync::Arc;

use keras::{EPS, assert_close, assert_config, build, fixture, input, numbers, tensor};
use kerros::graph::{Graph, Node, eval::evaluate};
use kerros::losses::{Targets, align};
use kerros::metrics::{
    self, AUC, Accuracy, BinaryAccuracy, CustomMetric, F1Score, Metric, MetricValue,
    MetricVariable, Precision, R2Score, REGISTRY, Recall, Tracker, resolve,
};
use kerros::{Choice, Config, Described, ErrorKind, Result, Shape, Tensor};
use serde_json::{Value, json};

/// The results after each batch, with the variables carried along.
fn results(metric: &dyn Metric, batches: &[(Tensor, Tensor, Option<Tensor>)]) -> Vec<MetricValue> {
    let declared = metric.variables(batches[0].1.shape()).unwrap();
    let mut variables: Vec<Tensor> = declared.iter().map(MetricVariable::zeros).collect();
    let mut found = Vec::new();
    for (y_true, y_pred, weight) in batches {
        let graph = Graph::new();
        let truth = input(&graph, "y_true", y_true);
        let pred = input(&graph, "y_pred", y_pred);
        let state: Vec<Node<'_>> =
            variables.iter().zip(&declared).map(|(v, d)| input(&graph, d.name, v)).collect();
        let weight = weight.as_ref().map(|weight| graph.literal(weight.clone()));
        let (truth, pred) = align(metric.targets(), truth, pred).unwrap();
        let next = metric.update(&state, truth, pred, weight);
        graph.check().unwrap();
        let mut inputs = vec![y_true.clone(), y_pred.clone()];
        inputs.append(&mut variables);
        variables = evaluate::<f32>(&graph, &next, &inputs, &[]).unwrap();
        for (variable, declared) in variables.iter().zip(&declared) {
            assert_eq!(variable.shape(), &declared.shape, "{metric:?}");
            assert_eq!(variable.dtype(), declared.dtype, "{metric:?}");
        }
        found.push(metric.result(&variables));
    }
    found
}

fn batches(
    content: &Value,
    case: &Value,
    weights: Option<&str>,
) -> Vec<(Tensor, Tensor, Option<Tensor>)> {
    let batches = content["batches"].as_array().unwrap().iter();
    let batches = batches.map(|batch| {
        let named = |name: &str| tensor(&batch[case[name].as_str().unwrap()]);
        (named("y_true"), named("y_pred"), weights.map(|weights| tensor(&batch[weights])))
    });
    batches.collect()
}

#[track_caller]
fn assert_results(what: &str, got: &[MetricValue], keras: &Value) {
    for (step, (got, keras)) in got.iter().zip(keras.as_array().unwrap()).enumerate() {
        let is_list = !keras["shape"].as_array().unwrap().is_empty();
        assert_eq!(matches!(got, MetricValue::List(_)), is_list, "{what}, update {step}");
        let keras = numbers(keras);
        // Sums of at most 19 samples of 4 numbers, in another order than XLA's: 20 roundings.
        // Terms of both signs (Poisson, cosine) may be as large as 1 beside a small mean.
        let bound = |i: usize| 20.0 * EPS * keras[i].abs().max(0.5);
        assert_close(&format!("{what}, update {step}"), got.as_slice(), &keras, bound);
    }
}

#[test]
fn metrics_agree_with_keras() {
    let content = fixture("metrics.json");
    let mut seen = Vec::new();
    for case in content["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let metric = build(&REGISTRY, name, &case["config"]).unwrap();
        let what = format!("{name} {}", case["config"]);
        // Keras 3.15 forgets the axis of its cosine when it writes a config.
        assert_metric_config(&what, &*metric, &case["get_config"]);
        let again = REGISTRY.deserialize(&REGISTRY.serialize(&*metric)).unwrap();
        assert_eq!(format!("{again:?}"), format!("{metric:?}"));
        let by_keras = build(&REGISTRY, name, &case["get_config"]).unwrap();
        assert_eq!(by_keras.name(), metric.name());
        for read in [metric, again] {
            let found = results(&*read, &batches(&content, case, None));
            assert_results(&what, &found, &case["results"]);
            for (weights, expected) in case["weighted_results"].as_object().unwrap() {
                // At 0 and 1 a rounding error of the weighted counts decides, unless their sums
                // are exact: Keras subtracts counts from their total, which was summed in
                // another order, and may find that a rate of 1 is a little less.
                let asked = ["specificity", "sensitivity", "recall", "precision"];
                let is_edge = |of: &&str| [0.0, 1.0].iter().any(|e| case["config"][*of] == *e);
                let is_exact = ["quarter_weights", "no_weights"].contains(&weights.as_str());
                if asked.iter().any(is_edge) && !is_exact {
                    continue;
                }
                let found = results(&*read, &batches(&content, case, Some(weights)));
                assert_results(&format!("{what} by {weights}"), &found, expected);
            }
        }
        seen.push(name);
    }
    for entry in REGISTRY.entries {
        let is_function = entry.class_name.starts_with(char::is_lowercase);
        assert!(
            seen.contains(&entry.class_name) || is_function,
            "{} is not compared",
            entry.class_name
        );
    }
}

/// Checks that a metric's config is that of Keras; what was an array there is a list here.
#[track_caller]
fn assert_metric_config(what: &str, metric: &dyn Metric, keras: &Value) {
    let mut keras = keras.clone();
    for value in keras.as_object_mut().unwrap().values_mut() {
        if value.get("class_name").is_some_and(|class| class == "__tensor__") {
            *value = value["config"]["value"].clone();
        }
        // A list of one threshold is written as the number.
        if let Some([one]) = value.as_array().map(Vec::as_slice) {
            *value = one.clone();
        }
    }
    let mut ours = metric.config();
    for value in ours.values_mut() {
        if let Some([one]) = value.as_array().map(Vec::as_slice) {
            *value = one.clone();
        }
    }
    if metric.class_name() == "MeanMetricWrapper" {
        // Arguments at their defaults, which Keras does not write.
        ours.retain(|name, _| keras.get(name).is_some());
    }
    if metric.class_name() == "BinaryAccuracy" || metric.class_name() == "TopKCategoricalAccuracy" {
        keras.as_object_mut().unwrap().shift_remove("fn");
    }
    assert_config(what, &ours, &keras, &["axis"]);
}

#[test]
fn words_are_chosen_by_the_shapes_and_keep_their_names() {
    let content = fixture("metrics.json");
    for case in content["words"].as_array().unwrap() {
        let word = case["name"].as_str().unwrap();
        let data = batches(&content, case, None);
        let metric = resolve(&Choice::from(word), data[0].0.shape(), data[0].1.shape()).unwrap();
        assert_eq!(metric.class_name(), case["resolved"], "{word}");
        assert_eq!(metric.name(), case["shown_as"], "{word}");
        assert_results(word, &results(&*metric, &data), &case["results"]);
    }
}

#[test]
fn the_bare_accuracy_is_the_word() {
    let choices: Vec<Choice<dyn Metric>> = [Accuracy].into_iter().map(Into::into).collect();
    assert!(matches!(&choices[0], Choice::Name(name) if name == "accuracy"));
    let metric = resolve(&choices[0], &[8].into(), &[8, 10].into()).unwrap();
    assert_eq!(metric.class_name(), "SparseCategoricalAccuracy");
    assert_eq!(metric.name(), "accuracy");
    // A saved object of the class `Accuracy` is the exact one.
    let saved = serde_json::json!({"class_name": "Accuracy", "config": {"name": "same"}});
    assert_eq!(REGISTRY.deserialize(&saved).unwrap().name(), "same");
}

#[test]
fn labels_go_with_the_last_axis() {
    let config = serde_json::json!({"axis": 1});
    let metric = build(&REGISTRY, "SparseCategoricalCrossentropy", &config).unwrap();
    let labels = Tensor::new([2, 4], vec![0i32; 8]).unwrap();
    let predictions = Tensor::full([2, 4, 3], 0.5f32);
    let mut tracker = Tracker::new(metric).unwrap();
    let error = tracker.update_state(&labels, &predictions, None).unwrap_err().to_string();
    let told =
        "labels of shape [2, 4] for predictions of shape [2, 4, 3] with classes along axis 1";
    assert!(error.contains(told), "{error}");
}

#[test]
fn nothing_seen_is_zero() {
    let content = fixture("metrics.json");
    for case in content["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let metric = build(&REGISTRY, name, &case["config"]).unwrap();
        let y_pred = tensor(&content["batches"][0][case["y_pred"].as_str().unwrap()]);
        let declared = metric.variables(y_pred.shape()).unwrap();
        let zeros: Vec<Tensor> = declared.iter().map(MetricVariable::zeros).collect();
        let result = metric.result(&zeros);
        // The variance of nothing is none: in Keras as here.
        let is_fine = |value: &f64| *value == 0.0 || (name == "R2Score" && value.is_nan());
        assert!(result.as_slice().iter().all(is_fine), "{metric:?}: {result}");
    }
}

#[test]
fn a_metric_of_your_own() {
    let bias = CustomMetric::new("bias", |y_true, y_pred| y_pred - y_true);
    let y_true = Tensor::new([2, 1], [1.0f32, 0.0]).unwrap();
    let y_pred = Tensor::new([2, 1], [3.0f32, 1.0]).unwrap();
    let weight = Tensor::new([2], [3.0f32, 1.0]).unwrap();
    let batch = |weight| [(y_true.clone(), y_pred.clone(), weight)];
    assert_eq!(results(&bias, &batch(None)), [1.5.into()]);
    assert_eq!(results(&bias, &batch(Some(weight))), [1.75.into()]);
}

/// What is no mean implements the whole trait.
#[derive(Debug)]
struct Largest;

impl Described for Largest {
    fn class_name(&self) -> &'static str {
        "Largest"
    }
    fn config(&self) -> Config {
        Config::new()
    }
}

impl Metric for Largest {
    fn name(&self) -> &str {
        "largest"
    }
    fn targets(&self) -> Targets {
        Targets::Values
    }
    fn variables(&self, _y_pred: &Shape) -> Result<Vec<MetricVariable>> {
        Ok(vec![MetricVariable::new("largest", [])])
    }
    fn update<'g>(
        &self,
        variables: &[Node<'g>],
        _y_true: Node<'g>,
        y_pred: Node<'g>,
        _sample_weight: Option<Node<'g>>,
    ) -> Vec<Node<'g>> {
        vec![variables[0].maximum(y_pred.max_all())]
    }
    fn result(&self, variables: &[Tensor]) -> MetricValue {
        variables[0].to_vec_f64()[0].into()
    }
}

#[test]
fn a_metric_that_is_no_mean() {
    let y = Tensor::new([2], [1.0f32, 5.0]).unwrap();
    assert_eq!(results(&Largest, &[(y.clone(), y, None)]), [5.0.into()]);
    let choice: Choice<dyn Metric> = Largest.into();
    assert_eq!(choice.resolve().unwrap().name(), "largest");
}

#[test]
fn weights_of_a_wrong_shape_are_reported() {
    let graph = Graph::new();
    let metric: Arc<dyn Metric> = Arc::new(BinaryAccuracy::new());
    let y = graph.full([4, 1], 1.0);
    let zero = graph.constant(0.0);
    metric.update(&[zero, zero], y, y, Some(graph.full([3], 1.0)));
    assert!(graph.check().unwrap_err().to_string().contains("sample weights of shape [3]"));
    let wrong: Result<_> = metrics::REGISTRY.named("acuracy");
    assert!(wrong.unwrap_err().to_string().contains("Accuracy"));
}

/// Predictions and settings that do not fit are found before anything is counted.
#[test]
fn predictions_that_cannot_be_measured_are_refused() {
    let refused = |metric: &dyn Metric, y_pred: &[usize]| {
        metric.variables(&Shape::from(y_pred)).unwrap_err().to_string()
    };
    let cases: [(Box<dyn Metric>, &[usize], &str); 7] = [
        (Box::new(Precision::new().class_id(3)), &[8, 3], "[batch, .., classes] with a class 3"),
        (Box::new(Recall::new().top_k(4)), &[8, 3], "[batch, .., classes] with at least 4 classes"),
        (Box::new(AUC::new().multi_label(true)), &[8, 3, 2], "[batch, labels]"),
        (
            Box::new(AUC::new().multi_label(true).num_labels(2)),
            &[8, 3],
            "[batch, 2], by the metric's settings",
        ),
        (
            Box::new(AUC::new().label_weights([1.0, 2.0])),
            &[8, 3],
            "[batch, 2], by the metric's settings",
        ),
        (Box::new(F1Score::new()), &[8], "[batch, classes]"),
        (Box::new(R2Score::new()), &[8, 2, 2], "[batch, outputs]"),
    ];
    for (metric, y_pred, expected) in cases {
        let text = refused(&*metric, y_pred);
        let shape = Shape::from(y_pred);
        let whole = format!("the predictions have shape {shape}\n  expected: {expected}");
        assert_eq!(text, whole, "{metric:?}");
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let read = |class: &str, config: Value| {
        let error = REGISTRY.deserialize(&json!({"class_name": class, "config": config}));
        error.map(|metric| format!("{metric:?}")).unwrap_err().to_string()
    };
    let cases = [
        ("Precision", json!({"thresholds": [0.5, 1.5]}), "`thresholds` contains 1.5"),
        ("TruePositives", json!({"thresholds": []}), "`thresholds` is empty"),
        ("AUC", json!({"num_thresholds": 1}), "`num_thresholds` is 1"),
        ("AUC", json!({"num_labels": 3}), "`num_labels` is 3 without `multi_label`"),
        ("AUC", json!({"curve": "RCO"}), "`curve` is \"RCO\", expected ROC, PR or PRGAIN"),
        ("RecallAtPrecision", json!({"precision": 2}), "`precision` is 2"),
        ("RecallAtPrecision", json!({}), "`precision` is missing, expected a number"),
        ("PrecisionAtRecall", json!({"recall": 0.5, "num_thresholds": 0}), "`num_thresholds` is 0"),
        ("FBetaScore", json!({"beta": 0.0}), "`beta` is 0"),
        ("F1Score", json!({"threshold": 0.0}), "`threshold` is 0"),
        ("F1Score", json!({"beta": 2.0}), "unknown argument `beta`"),
        ("MeanIoU", json!({}), "`num_classes` is missing"),
        (
            "IoU",
            json!({"num_classes": 2, "target_class_ids": [0, 2]}),
            "`target_class_ids` holds 2",
        ),
        ("MeanSquaredError", json!({"dtype": "float16"}), "`dtype` is \"float16\""),
        ("MeanMetricWrapper", json!({}), "`fn` is missing"),
        ("MeanMetricWrapper", json!({"fn": "nonsense"}), "unknown metric `nonsense`"),
        ("MeanMetricWrapper", json!({"fn": "huber", "gamma": 1}), "unknown argument `gamma`"),
    ];
    for (class, config, expected) in cases {
        let text = read(class, config);
        assert!(text.starts_with(&format!("metric {class}: ")), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

/// The device gives what the evaluator gives, bit for bit, over batches of several shapes.
#[test]
fn a_tracker_counts_like_the_evaluator() {
    let content = fixture("metrics.json");
    for case in content["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let metric = build(&REGISTRY, name, &case["config"]).unwrap();
        let data = batches(&content, case, None);
        let expected = results(&*metric, &data);
        let mut tracker = Tracker::new(metric).unwrap();
        for ((y_true, y_pred, weight), expected) in data.iter().zip(&expected) {
            tracker.update_state(y_true, y_pred, weight.as_ref()).unwrap();
            let (found, expected) = (tracker.result().unwrap(), expected);
            assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{name} {}", case["config"]);
        }
        tracker.reset_state().unwrap();
        let (y_true, y_pred, _) = &data[0];
        tracker.update_state(y_true, y_pred, None).unwrap();
        assert_eq!(format!("{:?}", tracker.result().unwrap()), format!("{:?}", expected[0]));
    }
}

#[test]
fn a_tracker_keeps_to_its_classes() {
    let mut tracker = Tracker::new(F1Score::new()).unwrap();
    assert_eq!(tracker.result().unwrap_err().kind(), ErrorKind::State);
    let rows = |classes: usize| Tensor::full([2, classes], 1.0f32);
    tracker.update_state(&rows(3), &rows(3), None).unwrap();
    let error = tracker.update_state(&rows(2), &rows(2), None).unwrap_err().to_string();
    assert!(
        error.contains("metric `f1_score`: predictions of shape [2, 2] after others"),
        "{error}"
    );
    let wrong = Tracker::new("mse").unwrap().update_state(&rows(2), &rows(3), None);
    assert!(wrong.unwrap_err().to_string().contains("metric `mean_squared_error`: the targets"));
}
