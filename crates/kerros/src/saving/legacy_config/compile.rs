//! How a model was compiled: `training_config` of `.h5` files and `compile_config` of tf.keras.

use serde_json::{Map, Value, json};

use super::super::objects::class_name;
use super::Age;

/// Optimizers of Keras, which tf.keras 2.11 and later registered as if they were the user's own
/// (`Custom>Adam`).
const OPTIMIZERS: &[&str] = &[
    "SGD",
    "RMSprop",
    "Adam",
    "AdamW",
    "Adadelta",
    "Adagrad",
    "Adamax",
    "Adafactor",
    "Nadam",
    "Ftrl",
    "Lion",
    "LossScaleOptimizer",
];

/// The metric that a function of metrics is the mean of.
const METRICS: &[(&str, &str)] = &[
    ("binary_accuracy", "BinaryAccuracy"),
    ("categorical_accuracy", "CategoricalAccuracy"),
    ("sparse_categorical_accuracy", "SparseCategoricalAccuracy"),
    ("top_k_categorical_accuracy", "TopKCategoricalAccuracy"),
    ("sparse_top_k_categorical_accuracy", "SparseTopKCategoricalAccuracy"),
    ("mean_squared_error", "MeanSquaredError"),
    ("mean_absolute_error", "MeanAbsoluteError"),
    ("mean_absolute_percentage_error", "MeanAbsolutePercentageError"),
    ("mean_squared_logarithmic_error", "MeanSquaredLogarithmicError"),
    ("binary_crossentropy", "BinaryCrossentropy"),
    ("categorical_crossentropy", "CategoricalCrossentropy"),
    ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"),
    ("kl_divergence", "KLDivergence"),
    ("kullback_leibler_divergence", "KLDivergence"),
    ("poisson", "Poisson"),
    ("hinge", "Hinge"),
    ("squared_hinge", "SquaredHinge"),
    ("categorical_hinge", "CategoricalHinge"),
    ("cosine_similarity", "CosineSimilarity"),
    ("cosine_proximity", "CosineSimilarity"),
    ("log_cosh", "LogCoshError"),
    ("logcosh", "LogCoshError"),
];

/// Names of losses and metrics that are spelled otherwise today.
const WORDS: &[(&str, &str)] = &[
    ("kullback_leibler_divergence", "kl_divergence"),
    ("logcosh", "log_cosh"),
    ("cosine", "cosine_similarity"),
    ("cosine_proximity", "cosine_similarity"),
];

/// The class of an optimizer without the mark that tf.keras gave it.
fn optimizer_class(class: &str) -> &str {
    let bare = class.strip_prefix("Custom>").unwrap_or(class);
    let known = OPTIMIZERS.iter().find(|known| known.eq_ignore_ascii_case(bare));
    known.copied().unwrap_or(class)
}

/// A `compile_config` in the words of Keras 3.
pub(in crate::saving) fn compile_config(mut compile: Value, age: Age) -> Value {
    let Some(entries) = compile.as_object_mut() else { return compile };
    if let Some(optimizer) = entries.shift_remove("optimizer_config") {
        entries.insert("optimizer".into(), optimizer);
    }
    if age == Age::Three {
        return compile;
    }
    // How rows were weighted by time step: an argument of `fit` since.
    let weights = entries.get("sample_weight_mode").is_some_and(is_empty);
    if weights {
        entries.shift_remove("sample_weight_mode");
    }
    if let Some(optimizer) = entries.get_mut("optimizer") {
        self::optimizer(optimizer);
    }
    if let Some(loss) = entries.get_mut("loss") {
        each(loss, &mut self::loss);
    }
    for key in ["metrics", "weighted_metrics"] {
        if let Some(metrics) = entries.get_mut(key) {
            each(metrics, &mut self::metric);
        }
    }
    compile
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().all(is_empty),
        Value::Object(entries) => entries.values().all(is_empty),
        _ => false,
    }
}

/// Applies `change` to every name and object in lists and maps of them.
fn each(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| each(value, change)),
        Value::Object(entries) if !entries.contains_key("class_name") => {
            entries.values_mut().for_each(|value| each(value, change));
        }
        Value::Null => {}
        value => change(value),
    }
}

fn optimizer(optimizer: &mut Value) {
    let Some(old) = class_name(optimizer).map(str::to_owned) else { return };
    let class = optimizer_class(&old).to_owned();
    let Some(entries) = optimizer.as_object_mut() else { return };
    if class != old || OPTIMIZERS.contains(&&*class) {
        entries.insert("module".into(), json!("keras.optimizers"));
        entries.insert("class_name".into(), json!(class));
        entries.insert("registered_name".into(), Value::Null);
    }
    let Some(config) = entries.get_mut("config").and_then(Value::as_object_mut) else { return };
    for ran in ["jit_compile", "is_legacy_optimizer"] {
        config.shift_remove(ran);
    }
    if let Some(rate) = config.shift_remove("lr") {
        config.entry("learning_rate").or_insert(rate);
    }
    let none = config.get("epsilon").is_some_and(Value::is_null);
    if none {
        config.shift_remove("epsilon");
    }
    if let Some(inner) = config.get_mut("inner_optimizer") {
        self::optimizer(inner);
    }
    if let Some(rate) = config.get_mut("learning_rate").filter(|rate| class_name(rate).is_some()) {
        rate["module"] = json!("keras.optimizers.schedules");
        rate["registered_name"] = Value::Null;
    }
    match &*class {
        // Its schedule of momenta, whose one setting nobody changed: 0.004.
        "Nadam" => {
            for name in ["decay", "schedule_decay"] {
                let decay = config.get(name).and_then(Value::as_f64);
                if decay.is_some_and(|decay| decay == 0.0 || (decay - 0.004).abs() < 1e-9) {
                    config.shift_remove(name);
                }
            }
        }
        _ => decay(config),
    }
    // Before tf.keras, sums began at 0.
    if class == "Adagrad" {
        config.entry("initial_accumulator_value").or_insert(json!(0.0));
    }
}

/// `decay`, by which the rate fell with each step: `rate / (1 + decay * step)`.
fn decay(config: &mut Map<String, Value>) {
    let decay = config.get("decay").and_then(Value::as_f64);
    let Some(decay) = decay else {
        return;
    };
    if decay != 0.0 {
        let Some(rate) = config.get("learning_rate").and_then(Value::as_f64) else { return };
        let schedule = json!({
            "module": "keras.optimizers.schedules",
            "class_name": "InverseTimeDecay",
            "config": {
                "initial_learning_rate": rate,
                "decay_steps": 1,
                "decay_rate": decay,
                "staircase": false,
                "name": "InverseTimeDecay",
            },
            "registered_name": null,
        });
        config.insert("learning_rate".into(), schedule);
    }
    config.shift_remove("decay");
}

fn loss(loss: &mut Value) {
    match loss {
        Value::String(name) => word(name),
        Value::Object(entries) => {
            let is_own = entries["class_name"].as_str().is_some_and(|class| class.contains('>'));
            if is_own {
                return;
            }
            entries.insert("module".into(), json!("keras.losses"));
            entries.insert("registered_name".into(), Value::Null);
            if entries["class_name"] == "LossFunctionWrapper"
                && let Some(function) = entries.get("config").and_then(|config| config.get("fn"))
                && let Some(function) = function.as_str()
            {
                let mut function = function.to_owned();
                word(&mut function);
                *loss = json!(function);
                return;
            }
            if let Some(config) = entries.get_mut("config").and_then(Value::as_object_mut) {
                config.shift_remove("fn");
                if config.get("reduction") == Some(&json!("auto")) {
                    config.insert("reduction".into(), json!("sum_over_batch_size"));
                }
            }
        }
        _ => {}
    }
}

fn metric(metric: &mut Value) {
    match metric {
        Value::String(name) => word(name),
        Value::Object(entries) => {
            let is_own = entries["class_name"].as_str().is_some_and(|class| class.contains('>'));
            if is_own {
                return;
            }
            entries.insert("module".into(), json!("keras.metrics"));
            entries.insert("registered_name".into(), Value::Null);
            let function = entries.get("config").and_then(|config| config.get("fn"));
            let function = function.and_then(Value::as_str);
            let class = function.and_then(|function| {
                METRICS.iter().find(|(name, _)| *name == function).map(|(_, class)| *class)
            });
            let is_wrapper = ["MeanMetricWrapper", "SumOverBatchSizeMetricWrapper"]
                .iter()
                .any(|wrapper| entries["class_name"] == *wrapper);
            if let Some(class) = class.filter(|_| is_wrapper) {
                entries.insert("class_name".into(), json!(class));
                if let Some(config) = entries.get_mut("config").and_then(Value::as_object_mut) {
                    config.shift_remove("fn");
                }
            }
        }
        _ => {}
    }
}

fn word(name: &mut String) {
    if let Some((_, present)) = WORDS.iter().find(|(old, _)| old.eq_ignore_ascii_case(name)) {
        *name = (*present).to_owned();
    }
}
