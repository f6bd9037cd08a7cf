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
use crate::trainer::{Compile, Compiled, Losses, MetricLists, PerOutput};

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
    // What words such as "crossentropy" became, once shapes were known: plain ones and weighted
    // ones, in the order given.
    let resolved = |weighted: bool| -> Vec<&dyn Metric> {
        let all = compiled.trackers.iter().flat_map(|trackers| trackers.metrics());
        all.filter(|tracked| tracked.is_weighted == weighted).map(|t| &*t.metric).collect()
    };
    let mut metrics = |lists: &MetricLists, weighted: bool| -> Value {
        let (resolved, mut at) = (resolved(weighted), 0);
        let mut list = |choices: &[Choice<dyn Metric>]| -> Value {
            let mut one = |choice: &Choice<dyn Metric>| {
                at += 1;
                metric(choice, resolved.get(at - 1).copied(), warnings)
            };
            choices.iter().map(&mut one).collect()
        };
        match lists {
            PerOutput::All(choices) if choices.is_empty() => Value::Null,
            PerOutput::All(choices) => list(choices),
            PerOutput::List(lists) => {
                lists.iter().map(|l| l.as_ref().map_or(Value::Null, |l| list(l))).collect()
            }
            PerOutput::Named(lists) => {
                Value::Object(lists.iter().map(|(name, l)| (name.clone(), list(l))).collect())
            }
        }
    };
    // The shortest decimal that means it, as the user wrote it: not the digits of the nearest f64.
    let weights = |weight: &f32| json!(weight.to_string().parse().unwrap_or(f64::from(*weight)));
    json!({
        "optimizer": serialized,
        "loss": per_output(&compiled.loss, |loss| choice(loss, Loss::name)),
        "loss_weights": compiled.loss_weights.as_ref().map(|all| per_output(all, weights)),
        "metrics": metrics(&compiled.metrics, false),
        "weighted_metrics": metrics(&compiled.weighted_metrics, true),
        "run_eagerly": false,
        "steps_per_execution": 1,
        // Keras writes what its backend made of this default; a file for every backend keeps it.
        "jit_compile": "auto",
    })
}

/// One value for all outputs, a list, or a dictionary by the outputs' names.
fn per_output<T>(entries: &PerOutput<T>, write: impl Fn(&T) -> Value) -> Value {
    match entries {
        PerOutput::All(entry) => write(entry),
        PerOutput::List(entries) => {
            entries.iter().map(|entry| entry.as_ref().map_or(Value::Null, &write)).collect()
        }
        PerOutput::Named(entries) => Value::Object(
            entries.iter().map(|(name, entry)| (name.clone(), write(entry))).collect(),
        ),
    }
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

/// Reads a `compile_config`; an absent or empty one is of a model that was not compiled, and one
/// without a loss of a model that cannot be trained either.
#[track_caller]
pub(super) fn read(value: Option<&Value>, problems: &mut Problems) -> Option<Compile> {
    let config = value.and_then(Value::as_object)?;
    if config.get("loss").is_none_or(is_nothing) {
        return None;
    }
    for (key, value) in config {
        check_argument(key, value, problems);
    }
    let optimizer = optimizer(config.get("optimizer"), problems);
    let loss = losses(config, problems);
    let weights = loss_weights(config.get("loss_weights"), problems);
    let plain = metrics(config, "metrics", problems);
    let weighted = metrics(config, "weighted_metrics", problems);
    let compile = Compile::new(Choice::Object(optimizer?), loss?, plain);
    let compile = compile.weighted_metrics(weighted);
    Some(match weights {
        Some(weights) => compile.loss_weights(weights),
        None => compile,
    })
}

/// Whether a loss is none at all.
fn is_nothing(loss: &Value) -> bool {
    loss.is_null() || loss.as_object().is_some_and(Map::is_empty)
}

/// The arguments that say how Keras runs a step change no number and are accepted.
fn check_argument(key: &str, value: &Value, problems: &mut Problems) {
    const KNOWN: [&str; 9] = [
        "optimizer",
        "loss",
        "loss_weights",
        "metrics",
        "weighted_metrics",
        "run_eagerly",
        "steps_per_execution",
        "jit_compile",
        "auto_scale_loss",
    ];
    if !KNOWN.contains(&key) {
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

fn losses(config: &Map<String, Value>, problems: &mut Problems) -> Option<Losses> {
    let value = config.get("loss").unwrap_or(&Value::Null);
    match value {
        value if value.is_array() || is_nested(value) => {
            let one = |value: &Value| match value {
                Value::Null => Some(None),
                value => loss(value, problems).map(Some),
            };
            let list: Option<Vec<_>> = leaves(value).into_iter().map(one).collect();
            Some(PerOutput::List(list?))
        }
        Value::Object(entries) if objects::class_name(value).is_none() => {
            let given = entries.iter().filter(|(_, value)| !value.is_null());
            let named: Option<Vec<_>> =
                given.map(|(name, value)| Some((name.clone(), loss(value, problems)?))).collect();
            Some(PerOutput::Named(named?))
        }
        value => loss(value, problems).map(PerOutput::All),
    }
}

/// What is in a list or a dictionary of outputs, a dictionary in the order of its keys; none of a
/// single thing.
fn within(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::Array(list) => Some(list.iter().collect()),
        Value::Object(entries) if objects::class_name(value).is_none() => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Some(entries.into_iter().map(|(_, value)| value).collect())
        }
        _ => None,
    }
}

/// Whether lists or dictionaries are within a list or a dictionary.
fn is_nested(value: &Value) -> bool {
    within(value).is_some_and(|inner| inner.into_iter().any(|value| within(value).is_some()))
}

/// What is in nested lists and dictionaries: outputs in such have losses in such.
fn leaves(value: &Value) -> Vec<&Value> {
    match within(value) {
        Some(inner) => inner.into_iter().flat_map(leaves).collect(),
        None => vec![value],
    }
}

fn loss(value: &Value, problems: &mut Problems) -> Option<Choice<dyn Loss>> {
    match name_of(value) {
        Some(name) if is_crossentropy(name) => Some(Choice::Name(name.into())),
        Some(name) => {
            problems.keep("loss", <dyn Loss>::registry().find(name))?;
            Some(Choice::Name(name.into()))
        }
        None => objects::read::<dyn Loss>(value, "loss", problems).map(Choice::Object),
    }
}

fn loss_weights(value: Option<&Value>, problems: &mut Problems) -> Option<PerOutput<f32>> {
    let mut weight = |value: &Value| {
        let number = value.as_f64().map(|number| number as f32);
        if number.is_none() && !value.is_null() {
            let what = format!("the loss weight {value}");
            let error = Error::new(ErrorKind::Format, what).expected("a number");
            problems.note("compile", &error);
        }
        number
    };
    match value? {
        Value::Null => None,
        value if value.is_array() || is_nested(value) => {
            Some(PerOutput::List(leaves(value).into_iter().map(weight).collect()))
        }
        Value::Object(entries) => {
            let given = entries.iter();
            let named = given.filter_map(|(name, value)| Some((name.clone(), weight(value)?)));
            Some(PerOutput::Named(named.collect()))
        }
        value => weight(value).map(PerOutput::All),
    }
}

/// Metrics: a list for the only output; a list or a dictionary of lists for several.
fn metrics(config: &Map<String, Value>, key: &str, problems: &mut Problems) -> MetricLists {
    let value = config.get(key).unwrap_or(&Value::Null);
    let mut list = |value: &Value| -> Vec<Choice<dyn Metric>> {
        let values = match value {
            Value::Null => Vec::new(),
            Value::Array(values) => values.iter().collect(),
            one => vec![one],
        };
        values.into_iter().filter_map(|value| metric_of(value, key, problems)).collect()
    };
    match value {
        Value::Array(lists) if lists.iter().any(Value::is_array) => {
            PerOutput::List(lists.iter().map(|value| Some(list(value))).collect())
        }
        Value::Object(entries) if objects::class_name(value).is_none() => PerOutput::Named(
            entries.iter().map(|(name, value)| (name.clone(), list(value))).collect(),
        ),
        value => PerOutput::All(list(value)),
    }
}

fn metric_of(value: &Value, key: &str, problems: &mut Problems) -> Option<Choice<dyn Metric>> {
    let place = key.trim_end_matches('s').replace('_', " ");
    if let Some(function @ "cosine_similarity") = function_name(value) {
        // The function is the loss of that name, the word a metric of the other sign.
        let wrapped = json!({
            "class_name": "MeanMetricWrapper",
            "config": {"name": function, "dtype": "float32", "fn": value},
        });
        return objects::read::<dyn Metric>(&wrapped, &place, problems).map(Choice::Object);
    }
    match name_of(value) {
        Some(name) if is_accuracy(name) || is_crossentropy(name) => {
            Some(Choice::Name(name.to_string()))
        }
        Some(name) => {
            problems.keep(&place, <dyn Metric>::registry().find(name))?;
            Some(Choice::Name(name.to_string()))
        }
        None => objects::read::<dyn Metric>(value, &place, problems).map(Choice::Object),
    }
}

/// A name, or a function given by its name.
fn name_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| function_name(value).filter(|_| check_is_keras(value).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_of_nested_outputs_are_one_after_another() {
        let config = json!({"loss": {"o": ["mse", null], "b": {"d": "mae", "c": "huber"}}});
        let mut problems = Problems::default();
        let found = losses(config.as_object().unwrap(), &mut problems);
        let Some(PerOutput::List(list)) = found else { panic!("{found:?}") };
        let name = |choice: &Choice<dyn Loss>| choice.resolve().unwrap().name().to_string();
        let names: Vec<_> = list.iter().map(|loss| loss.as_ref().map(name)).collect();
        let names: Vec<&str> = names.iter().map(|name| name.as_deref().unwrap_or("")).collect();
        assert_eq!(names, ["huber_loss", "mean_absolute_error", "mean_squared_error", ""]);
    }

    #[test]
    fn the_function_cosine_similarity_is_no_metric_of_that_name() {
        let class = |value: Value| {
            let mut problems = Problems::default();
            let metric = metric_of(&value, "metrics", &mut problems).unwrap();
            metric.resolve().unwrap().class_name()
        };
        let function = json!({
            "module": "keras.losses",
            "class_name": "function",
            "config": "cosine_similarity",
            "registered_name": "cosine_similarity",
        });
        assert_eq!(class(function), "MeanMetricWrapper");
        assert_eq!(class(json!("cosine_similarity")), "CosineSimilarity");
    }
}
