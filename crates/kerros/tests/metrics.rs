//! Metrics against real Keras: three updates, the result after each.

mod keras;

use std::sync::Arc;

use keras::{EPS, assert_close, assert_config, build, fixture, input, numbers, tensor};
use kerros::graph::{Graph, Node, eval::evaluate};
use kerros::losses::{Targets, align};
use kerros::metrics::{
    self, Accuracy, BinaryAccuracy, CustomMetric, Metric, MetricValue, MetricVariable, REGISTRY,
    resolve,
};
use kerros::{Choice, Config, Described, Result, Shape, Tensor};
use serde_json::Value;

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

fn batches(content: &Value, case: &Value, weighted: bool) -> Vec<(Tensor, Tensor, Option<Tensor>)> {
    let batches = content["batches"].as_array().unwrap().iter();
    let batches = batches.map(|batch| {
        let named = |name: &str| tensor(&batch[case[name].as_str().unwrap()]);
        (named("y_true"), named("y_pred"), weighted.then(|| tensor(&batch["weights"])))
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

/// Metrics of the fixtures that Kerros does not have.
const ABSENT: [&str; 22] = [
    "R2Score",
    "PearsonCorrelation",
    "ConcordanceCorrelation",
    "TruePositives",
    "TrueNegatives",
    "FalsePositives",
    "FalseNegatives",
    "Precision",
    "Recall",
    "AUC",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "F1Score",
    "FBetaScore",
    "MeanIoU",
    "IoU",
    "BinaryIoU",
    "OneHotMeanIoU",
    "OneHotIoU",
    "MeanMetricWrapper",
];

#[test]
fn metrics_agree_with_keras() {
    let content = fixture("metrics.json");
    let mut seen = Vec::new();
    for case in content["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        if ABSENT.contains(&name) {
            assert!(REGISTRY.find(name).is_err(), "{name} is here: compare it");
            continue;
        }
        let metric = build(&REGISTRY, name, &case["config"]).unwrap();
        assert_config(name, &metric.config(), &case["get_config"], &["axis"]);
        let what = format!("{metric:?}");
        assert_results(
            &what,
            &results(&*metric, &batches(&content, case, false)),
            &case["results"],
        );
        if !case["weighted_results"].is_null() {
            let weighted = results(&*metric, &batches(&content, case, true));
            assert_results(&format!("weighted {what}"), &weighted, &case["weighted_results"]);
        }
        seen.push(metric.class_name());
    }
    for entry in REGISTRY.entries {
        assert!(seen.contains(&entry.class_name), "{} is not compared", entry.class_name);
    }
}

#[test]
fn words_are_chosen_by_the_shapes_and_keep_their_names() {
    let content = fixture("metrics.json");
    for case in content["words"].as_array().unwrap() {
        let word = case["name"].as_str().unwrap();
        if ABSENT.contains(&word) {
            continue;
        }
        let data = batches(&content, case, false);
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
    let error = build(&REGISTRY, "SparseCategoricalCrossentropy", &config).unwrap_err();
    assert!(error.to_string().contains("`axis` is 1, expected -1"), "{error}");
}

#[test]
fn nothing_seen_is_zero() {
    for entry in REGISTRY.entries {
        let metric = REGISTRY.named(entry.class_name).unwrap();
        let declared = metric.variables(&[1, 2].into()).unwrap();
        let zeros: Vec<Tensor> = declared.iter().map(MetricVariable::zeros).collect();
        assert_eq!(metric.result(&zeros), 0.0.into(), "{}", entry.class_name);
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
