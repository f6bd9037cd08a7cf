//! Functional models of Keras: which layer takes what, in both directions.

use std::collections::HashMap;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

use super::problems::Problems;
use crate::layers::Layer;
use crate::model::{Argument, Arguments, KerasTensor, LayerCall, Network, Source};
use crate::object::Config;

/// A layer of a file, its calls still to be made.
struct Pending<'a> {
    layer: Arc<dyn Layer>,
    calls: Vec<&'a Value>,
    /// The tensors of the calls made so far.
    made: Vec<KerasTensor>,
}

/// The network that a functional config describes, unbuilt; none when something is wrong, which
/// `problems` then says.
///
/// `layers` are the layers of the config, in its order, with their serialized forms.
pub(super) fn network(
    config: &Config,
    layers: Vec<(Arc<dyn Layer>, &Value)>,
    problems: &mut Problems,
) -> Option<Network> {
    let refuse = |problems: &mut Problems, what: String, expected: &str| {
        let error = Error::new(ErrorKind::Format, what).expected(expected);
        problems.note("functional model", &error);
    };
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut pending: Vec<Pending<'_>> = Vec::new();
    for (at, (layer, value)) in layers.into_iter().enumerate() {
        let inner = value.get("config").and_then(|config| config.get("name"));
        let name = value.get("name").or(inner).and_then(Value::as_str).unwrap_or_default();
        if names.insert(name, at).is_some() {
            refuse(problems, format!("two layers are named `{name}`"), "a name for each layer");
            return None;
        }
        let calls = value.get("inbound_nodes").and_then(Value::as_array);
        let calls = calls.map_or(Vec::new(), |calls| calls.iter().collect());
        let made = match layer.input_spec() {
            Some(spec) => vec![KerasTensor::of_input(spec)],
            None => Vec::new(),
        };
        pending.push(Pending { layer, calls, made });
    }
    // As Keras does: again and again through all layers, until every call has what it takes.
    loop {
        let (mut progress, mut missing) = (false, None);
        for at in 0..pending.len() {
            let done = pending[at].made.len();
            if pending[at].layer.input_spec().is_some() {
                continue;
            }
            for call in done..pending[at].calls.len() {
                let node = pending[at].calls[call];
                let arguments = match read_call(node, &names, &pending) {
                    Ok(Some(arguments)) => arguments,
                    Ok(None) => {
                        missing = Some(at);
                        break;
                    }
                    Err(error) => {
                        problems.note("functional model", &error);
                        return None;
                    }
                };
                let tensor = KerasTensor::of(pending[at].layer.clone(), arguments);
                pending[at].made.push(tensor);
                progress = true;
            }
        }
        match (missing, progress) {
            (None, _) => break,
            (Some(at), false) => {
                let name = names.iter().find(|(_, place)| **place == at).map_or("", |(n, _)| n);
                let what = format!("layer `{name}` takes what is never made");
                refuse(problems, what, "a graph without cycles or loose ends");
                return None;
            }
            _ => {}
        }
    }
    let ends = |key: &str, problems: &mut Problems| -> Option<Vec<KerasTensor>> {
        let mut found = Vec::new();
        for end in ends(config.get(key)) {
            let tensor = history(end).and_then(|(name, call, output)| {
                let first = first_call(&*pending[*names.get(name)?].layer);
                tensor_of((name, call.checked_sub(first)?, output), &names, &pending)
            });
            match tensor {
                Some(tensor) => found.push(tensor),
                None => {
                    refuse(problems, format!("`{key}` names {end}"), "a tensor of the model");
                    return None;
                }
            }
        }
        Some(found)
    };
    let inputs = ends("input_layers", problems)?;
    let outputs = ends("output_layers", problems)?;
    let network = Network::functional("functional", &inputs, &outputs);
    let mut network = problems.keep("functional model", network)?;
    network.input_keys = keys(config.get("input_layers"));
    network.output_keys = keys(config.get("output_layers"));
    Some(network)
}

/// The keys of inputs or outputs that are a dictionary of single tensors, in Keras's order.
fn keys(ends: Option<&Value>) -> Vec<String> {
    let Some(entries) = ends.and_then(Value::as_object) else { return Vec::new() };
    if !entries.values().all(|end| history(end).is_some()) {
        return Vec::new();
    }
    let mut keys: Vec<String> = entries.keys().cloned().collect();
    keys.sort();
    keys
}

/// The `[layer, call, output]` triples of a single one, a list, or a dictionary: Keras takes the
/// entries of a dictionary in the order of their keys, not in that in which they are written.
fn ends(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(one) if history(one).is_some() => vec![one],
        Some(Value::Array(list)) => list.iter().flat_map(|end| ends(Some(end))).collect(),
        Some(Value::Object(entries)) => match entries.get("items") {
            Some(items) => ends(Some(items)),
            None => {
                let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                entries.into_iter().flat_map(|(_, end)| ends(Some(end))).collect()
            }
        },
        _ => Vec::new(),
    }
}

/// `[layer, call, output]`.
fn history(value: &Value) -> Option<(&str, usize, usize)> {
    match value.as_array()?.as_slice() {
        [name, call, output] => {
            let number = |value: &Value| value.as_u64().map(|number| number as usize);
            Some((name.as_str()?, number(call)?, number(output)?))
        }
        _ => None,
    }
}

/// The tensor of a history, once it is made.
fn tensor_of(
    (name, call, output): (&str, usize, usize),
    names: &HashMap<&str, usize>,
    pending: &[Pending<'_>],
) -> Option<KerasTensor> {
    let maker = &pending[*names.get(name)?];
    maker.made.get(call).map(|tensor| tensor.output(output))
}

/// The number that the first call of a layer has among the ends of a model. Functional models
/// count their own making as call 0 there, though not where they are an argument.
fn first_call(layer: &dyn Layer) -> usize {
    usize::from(layer.is_model() && layer.class_name() == "Functional")
}

/// The arguments of a call; none while some of its tensors are not made.
///
/// # Errors
/// A tensor of a layer that there is not.
fn read_call(
    node: &Value,
    names: &HashMap<&str, usize>,
    pending: &[Pending<'_>],
) -> Result<Option<Arguments<KerasTensor>>> {
    let bad = |what: String| {
        Error::new(ErrorKind::Format, what).expected("`args` and `kwargs`, as Keras 3 writes them")
    };
    let node = node.as_object().ok_or_else(|| bad(format!("the call {node}")))?;
    let mut is_whole = true;
    let mut tensor = |value: &Value| -> Result<Option<KerasTensor>> {
        let history = value.get("config").and_then(|config| config.get("keras_history"));
        let found = history.and_then(self::history);
        let found = found.ok_or_else(|| bad(format!("the tensor {value}")))?;
        if !names.contains_key(found.0) {
            return Err(bad(format!("a tensor of the layer `{}`, which is not there", found.0)));
        }
        let made = tensor_of(found, names, pending);
        is_whole &= made.is_some();
        Ok(made)
    };
    let mut arguments = Arguments::default();
    for value in node.get("args").and_then(Value::as_array).into_iter().flatten() {
        arguments.positional.extend(argument(value, &mut tensor)?);
    }
    for (name, value) in node.get("kwargs").and_then(Value::as_object).into_iter().flatten() {
        // Whether a step trains is the model's to say: Keras overrides what is written here.
        if value.is_null() || name == "training" {
            continue;
        }
        if let Some(value) = argument(value, &mut tensor)? {
            arguments.keyword.push((name.clone(), value));
        }
    }
    Ok(is_whole.then_some(arguments))
}

/// One argument; none for a tensor that is not made.
fn argument(
    value: &Value,
    tensor: &mut impl FnMut(&Value) -> Result<Option<KerasTensor>>,
) -> Result<Option<Argument<KerasTensor>>> {
    let class = super::objects::class_name(value);
    if class == Some("__keras_tensor__") {
        return Ok(tensor(value)?.map(Argument::Tensor));
    }
    let items = match value {
        Value::Array(items) => items,
        Value::Object(entries) if class.is_none() && holds_tensor(value) => {
            let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let mut dictionary = Vec::new();
            for (key, item) in entries {
                let item = argument(item, tensor)?;
                dictionary.extend(item.map(|item| (key.clone(), item)));
            }
            return Ok(Some(Argument::Dictionary(dictionary)));
        }
        value if class == Some("__tuple__") => {
            match value.get("items").or_else(|| value.get("config")?.get("items")) {
                Some(Value::Array(items)) => items,
                _ => return Ok(Some(Argument::Value(value.clone()))),
            }
        }
        value => return Ok(Some(Argument::Value(value.clone()))),
    };
    if !items.iter().any(holds_tensor) {
        return Ok(Some(Argument::Value(Value::Array(items.clone()))));
    }
    let mut list = Vec::new();
    for item in items {
        list.extend(argument(item, tensor)?);
    }
    Ok(Some(Argument::List(list)))
}

fn holds_tensor(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_tensor),
        Value::Object(entries) => {
            super::objects::class_name(value) == Some("__keras_tensor__")
                || entries.values().any(holds_tensor)
        }
        _ => false,
    }
}

/// The calls of a layer, as Keras writes them: `inbound_nodes`.
pub(super) fn inbound_nodes(network: &Network, layer: usize) -> Value {
    let calls = network.calls.iter().filter(|call| call.layer == layer);
    calls.map(|call| write_call(network, call)).collect()
}

fn write_call(network: &Network, call: &LayerCall) -> Value {
    let keyword = call.arguments.keyword.iter();
    let keyword: Map<String, Value> =
        keyword.map(|(name, value)| (name.clone(), write_argument(network, value))).collect();
    let positional = call.arguments.positional.iter();
    let positional: Vec<Value> = positional.map(|value| write_argument(network, value)).collect();
    json!({"args": positional, "kwargs": keyword})
}

fn write_argument(network: &Network, argument: &Argument<Source>) -> Value {
    match argument {
        Argument::Value(value) => value.clone(),
        Argument::List(items) => items.iter().map(|item| write_argument(network, item)).collect(),
        Argument::Dictionary(entries) => {
            let entry = |(key, item): &(String, Argument<Source>)| {
                (key.clone(), write_argument(network, item))
            };
            Value::Object(entries.iter().map(entry).collect())
        }
        &Argument::Tensor(source) => {
            let dtype = match source {
                Source::Input(input) => network.inputs[input].dtype.to_string(),
                Source::Call { .. } => "float32".into(),
            };
            json!({
                "class_name": "__keras_tensor__",
                "config": {
                    "shape": network.shape_of(source).with_batch_axis(network.batch()),
                    "dtype": dtype,
                    "keras_history": write_history(network, source),
                },
            })
        }
    }
}

/// `[layer, call, output]`, calls counted from 0.
fn write_history(network: &Network, source: Source) -> (&str, usize, usize) {
    match source {
        Source::Input(input) => (&network.inputs[input].name, 0, 0),
        Source::Call { call, output } => {
            let layer = network.calls[call].layer;
            let same = |other: &&LayerCall| other.layer == layer;
            let earlier = network.calls[..call].iter().filter(same).count();
            (&network.layers[layer].name, earlier, output)
        }
    }
}

/// The inputs or outputs: one triple, a list of them, or a dictionary where there are keys.
pub(super) fn write_ends(
    network: &Network,
    sources: impl Iterator<Item = Source>,
    keys: &[String],
) -> Value {
    let end = |source: Source| {
        let (name, call, output) = write_history(network, source);
        let first = match source {
            Source::Input(_) => 0,
            Source::Call { call, .. } => {
                first_call(&*network.layers[network.calls[call].layer].layer)
            }
        };
        json!([name, first + call, output])
    };
    let mut ends: Vec<Value> = sources.map(end).collect();
    if !keys.is_empty() {
        return Value::Object(keys.iter().cloned().zip(ends).collect());
    }
    match ends.len() {
        1 => ends.remove(0),
        _ => Value::Array(ends),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_of_ends_are_sorted() {
        let value = json!({"q": ["second", 0, 0], "p": [["first", 0, 0], ["again", 1, 0]]});
        let names: Vec<&str> =
            ends(Some(&value)).into_iter().map(|end| history(end).unwrap().0).collect();
        assert_eq!(names, ["first", "again", "second"]);
        let tuple = json!({"class_name": "__tuple__", "items": [["b", 0, 0], ["a", 0, 0]]});
        assert_eq!(ends(Some(&tuple)).len(), 2);
    }
}
