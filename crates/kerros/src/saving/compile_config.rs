//! `compile_config`: optimizer, loss and metrics of a compiled model, in both directions.

use std::sync::Arc;

use kerros_core::{Error, ErrorKind};
use serde_json::{Map, Value, json};

use super::objects::{self, check_is_keras, function_name};
use super::problems::Problems;
use crate::losses::{Loss, is_crossentropy};
use crate::metrics::{Metric, is_accuracy};
use crate::object::{Choice, Family};
use crate::optimizers::Optimizer;
use crate::trainer::{Compile, Compiled};

/// What `compile` was given, as Keras writes it: names stay names, objects become objects.
///
/// `learning_rate` is that of the optimizer's variable, which callbacks may have changed. What
/// only Kerros will be able to read is told in `warnings`.
pub(super) fn write(
    compiled: &Compiled,
    learning_rate: Option<f32>,
    warnings: &mut Vec<String>,
) -> Value {
    let optimizer = &compiled.optimizer;
    let mut serialized = <dyn Optimizer>::registry().serialize(&**optimizer);
    if let (Some(rate), Some(config)) = (learning_rate, serialized["config"].as_object_mut()) {
        optimizer.note_learning_rate(rate, config);
    }
    let tracked = compiled.trackers.as_ref().map_or(&[][..], |trackers| &trackers.metrics);
    let mut tracked = tracked.iter();
    let mut metrics = |choices: &[Choice<dyn Metric>]| -> Value {
        if choices.is_empty() {
            return Value::Null;
        }
        let tracked = choices.iter().map(|choice| (choice, tracked.next().map(|t| &*t.metric)));
        tracked.map(|(choice, resolved)| metric(choice, resolved, warnings)).collect()
    };
    json!({
        "optimizer": serialized,
        "loss": choice(&compiled.loss, Loss::name),
        "loss_weights": null,
        "metrics": metrics(&compiled.metrics),
        "weighted_metrics": metrics(&compiled.weighted_metrics),
        "run_eagerly": false,
        "steps_per_execution": 1,
        // Keras writes what its backend made of this default; a file for every backend keeps it.
        "jit_compile": "auto",
    })
}

/// A metric; where its word is one that Keras knows for losses alone (`"crossentropy"`), what
/// the shapes made of it, once there were any.
fn metric(
    metric: &Choice<dyn Metric>,
    resolved: Option<&(dyn Metric + 'static)>,
    warnings: &mut Vec<String>,
) -> Value {
    match (metric, resolved) {
        (Choice::Name(word), Some(resolved)) if is_crossentropy(word) => {
            <dyn Metric>::registry().serialize(resolved)
        }
        (Choice::Name(word), None) if is_crossentropy(word) => {
            warnings.push(format!("Keras does not know the metric `{word}`"));
            json!(word)
        }
        _ => choice(metric, Metric::name),
    }
}

/// A name as it is; an object serialized. An object of the user's own is named as Keras names
/// a function.
fn choice<T: Family + ?Sized>(choice: &Choice<T>, name: impl Fn(&T) -> &str) -> Value {
    match choice {
        Choice::Name(name) => json!(name),
        Choice::Object(object) => match T::registry().find(object.class_name()) {
            Ok(_) => T::registry().serialize(&**object),
            Err(_) => json!({
                "module": "builtins",
                "class_name": "function",
                "config": name(&**object),
                "registered_name": "function",
            }),
        },
    }
}

/// Reads a `compile_config`; an absent or empty one is of a model that was not compiled.
#[track_caller]
pub(super) fn read(value: Option<&Value>, problems: &mut Problems) -> Option<Compile> {
    let config = value.and_then(Value::as_object).filter(|config| !config.is_empty())?;
    for (key, value) in config {
        check_argument(key, value, problems);
    }
    let optimizer = optimizer(config.get("optimizer"), problems);
    let loss = loss(config, problems);
    let plain = metrics(config, "metrics", problems);
    let weighted = metrics(config, "weighted_metrics", problems);
    let compile = Compile::new(Choice::Object(optimizer?), loss?, plain);
    Some(compile.weighted_metrics(weighted))
}

/// The arguments that say how Keras runs a step change no number and are accepted.
fn check_argument(key: &str, value: &Value, problems: &mut Problems) {
    let is_fine = match key {
        "optimizer" | "loss" | "metrics" | "weighted_metrics" => true,
        "run_eagerly" | "steps_per_execution" | "jit_compile" | "auto_scale_loss" => true,
        "loss_weights" => match value {
            Value::Null => true,
            // The one loss, times 1.
            Value::Array(weights) => weights.iter().all(|weight| weight.as_f64() == Some(1.0)),
            Value::Object(weights) => weights.values().all(|weight| weight.as_f64() == Some(1.0)),
            weight => weight.as_f64() == Some(1.0),
        },
        _ => false,
    };
    if !is_fine {
        let error =
            Error::new(ErrorKind::Unsupported, format!("the argument `{key}` with {value}"));
        problems.note("compile", &error);
    }
}

fn optimizer(value: Option<&Value>, problems: &mut Problems) -> Option<Arc<dyn Optimizer>> {
    let mut value = value.cloned().unwrap_or(Value::Null);
    if let Some(config) = value.get_mut("config").and_then(Value::as_object_mut) {
        // How TensorFlow ran the optimizer, in files of Keras 2: no number depends on it.
        for key in ["jit_compile", "is_legacy_optimizer"] {
            config.shift_remove(key);
        }
    }
    if value.is_null() {
        let error = Error::new(ErrorKind::Unsupported, "a compiled model without optimizer");
        problems.note("compile", &error);
        return None;
    }
    objects::read::<dyn Optimizer>(&value, "optimizer", problems)
}

fn loss(config: &Map<String, Value>, problems: &mut Problems) -> Option<Choice<dyn Loss>> {
    let value = one_output(config.get("loss").unwrap_or(&Value::Null));
    if value.is_null() {
        let error = Error::new(ErrorKind::Unsupported, "a compiled model without loss");
        problems.note("compile", &error);
        return None;
    }
    match name_of(value) {
        Some(name) if is_crossentropy(name) => Some(Choice::Name(name.into())),
        Some(name) => {
            problems.keep("loss", <dyn Loss>::registry().find(name))?;
            Some(Choice::Name(name.into()))
        }
        None => objects::read::<dyn Loss>(value, "loss", problems).map(Choice::Object),
    }
}

fn metrics(
    config: &Map<String, Value>,
    key: &str,
    problems: &mut Problems,
) -> Vec<Choice<dyn Metric>> {
    let mut value = config.get(key).unwrap_or(&Value::Null);
    if value.is_object() && objects::class_name(value).is_none() {
        value = one_output(value);
    }
    let mut list = match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    // One list per output, of the one output there is.
    if let [Value::Array(inner)] = list.as_slice() {
        list = inner.iter().collect();
    }
    let place = key.trim_end_matches('s').replace('_', " ");
    let read = |value: &Value| match name_of(value) {
        Some(name) if is_accuracy(name) || is_crossentropy(name) => {
            Some(Choice::Name(name.to_string()))
        }
        Some(name) => {
            problems.keep(&place, <dyn Metric>::registry().find(name))?;
            Some(Choice::Name(name.to_string()))
        }
        None => objects::read::<dyn Metric>(value, &place, problems).map(Choice::Object),
    };
    list.into_iter().filter_map(read).collect()
}

/// A name, or a function given by its name.
fn name_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| function_name(value).filter(|_| check_is_keras(value).is_ok()))
}

/// What stands for the only output: `["mse"]` and `{"dense": "mse"}` are `"mse"`.
fn one_output(value: &Value) -> &Value {
    match value {
        Value::Array(values) if values.len() == 1 => &values[0],
        Value::Object(entries) if entries.len() == 1 && objects::class_name(value).is_none() => {
            entries.values().next().unwrap_or(value)
        }
        _ => value,
    }
}
