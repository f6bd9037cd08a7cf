//! How layers of a functional model call each other.
//!
//! Keras 2 lists, for each call, the tensors that go in, `["conv", 0, 0, {arguments}]` each;
//! Keras 3 writes the arguments of the call itself, with tensors among them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::objects::class_name;

/// The nested models of a functional model, by name.
pub(super) type Nested = BTreeMap<String, Counting>;

/// How the calls of a nested model are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counting {
    /// The number of its first call in the file: Keras 2 counts the making of a model as 0.
    first: u64,
    is_sequential: bool,
}

/// The nested models of a functional model and how their calls are counted.
///
/// Sequential models without an input have no call of their own making; where references leave
/// it open, a model has one.
pub(super) fn nested(config: &Map<String, Value>) -> Nested {
    let layers = config.get("layers").and_then(Value::as_array);
    let layers = layers.map_or(&[][..], Vec::as_slice);
    let mut nested = Nested::new();
    for layer in layers {
        let is_sequential = match class_name(layer) {
            Some("Sequential") => true,
            Some("Model" | "Functional") => false,
            _ => continue,
        };
        if let Some(name) = layer.get("name").and_then(Value::as_str) {
            nested.insert(name.to_owned(), Counting { first: 1, is_sequential });
        }
    }
    let mut zero_based = |name: &str, node: u64| {
        if let Some(counting) = nested.get_mut(name).filter(|_| node == 0) {
            counting.first = 0;
        }
    };
    for layer in layers {
        let calls = layer.get("inbound_nodes").and_then(Value::as_array);
        calls.into_iter().flatten().for_each(|call| references(call, &mut zero_based));
    }
    if let Some(outputs) = config.get("output_layers") {
        references(outputs, &mut zero_based);
    }
    nested
}

/// Takes `/` out of the names of layers, wherever a functional model tells them.
pub(super) fn rename(config: &mut Map<String, Value>) {
    let layers = config.get("layers").and_then(Value::as_array);
    let names = layers.into_iter().flatten().filter_map(|layer| layer.get("name")?.as_str());
    let names: BTreeMap<String, String> = names
        .filter(|name| name.contains('/'))
        .map(|name| (name.to_owned(), super::layer_name_of(name)))
        .collect();
    if names.is_empty() {
        return;
    }
    for layer in config.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(name) = layer.get_mut("name") {
            renamed(name, &names);
        }
        if let Some(calls) = layer.get_mut("inbound_nodes") {
            renamed_in_references(calls, &names);
        }
    }
    for ends in ["input_layers", "output_layers"] {
        if let Some(ends) = config.get_mut(ends) {
            renamed_in_references(ends, &names);
        }
    }
}

fn renamed(name: &mut Value, names: &BTreeMap<String, String>) {
    if let Some(present) = name.as_str().and_then(|old| names.get(old)) {
        *name = json!(present);
    }
}

fn renamed_in_references(value: &mut Value, names: &BTreeMap<String, String>) {
    if reference(value).is_some() {
        renamed(&mut value[0], names);
    }
    match value {
        Value::Array(values) => {
            values.iter_mut().for_each(|value| renamed_in_references(value, names));
        }
        Value::Object(entries) => {
            entries.values_mut().for_each(|value| renamed_in_references(value, names));
        }
        _ => {}
    }
}

/// Every `["layer", node, tensor, ..]` inside a value.
fn references(value: &Value, found: &mut impl FnMut(&str, u64)) {
    if let Some((name, node, _)) = reference(value) {
        found(name, node);
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        Value::Object(entries) => entries.values().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// Layer, node and tensor of `["layer", node, tensor]` or of one with arguments after it.
fn reference(value: &Value) -> Option<(&str, u64, u64)> {
    match value.as_array()?.as_slice() {
        [name, node, tensor] | [name, node, tensor, Value::Object(_)] => {
            Some((name.as_str()?, node.as_u64()?, tensor.as_u64()?))
        }
        _ => None,
    }
}

/// The ends of a model, `input_layers` or `output_layers`: one stands alone, and calls of
/// sequential models are counted from 0. Those of functional models stay: Keras 3 counts them
/// from 1, here and nowhere else.
pub(super) fn ends(ends: &mut Value, nested: &Nested) {
    if let Some([one]) = ends.as_array().map(Vec::as_slice)
        && reference(one).is_some()
    {
        *ends = one.clone();
    }
    if let Some((name, node, _)) = reference(ends) {
        let sequential = nested.get(name).filter(|counting| counting.is_sequential);
        ends[1] = json!(node.saturating_sub(sequential.map_or(0, |counting| counting.first)));
        return;
    }
    match ends {
        Value::Array(all) => all.iter_mut().for_each(|end| self::ends(end, nested)),
        Value::Object(named) => named.values_mut().for_each(|end| self::ends(end, nested)),
        _ => {}
    }
}

/// The calls of a layer as Keras 3 writes them.
pub(super) fn modern(layer: &mut Value, nested: &Nested, causal: &BTreeMap<String, bool>) {
    let class = class_name(layer).unwrap_or_default().to_owned();
    let name = layer.get("name").and_then(Value::as_str).unwrap_or_default();
    let is_causal = causal.get(name).copied().unwrap_or_default();
    let Some(calls) = layer.get_mut("inbound_nodes").and_then(Value::as_array_mut) else { return };
    for call in calls {
        if call.is_object() && call.get("args").is_some() {
            continue;
        }
        let mut given = Map::new();
        let input = structure(call, nested, &mut given);
        // A list of one tensor stands for that tensor.
        let input = match input {
            Value::Array(mut values) if values.len() == 1 => values.swap_remove(0),
            input => input,
        };
        if is_causal {
            given.insert("use_causal_mask".into(), json!(true));
        }
        *call = arguments(&class, input, given, nested);
    }
}

/// Tensors in the structure in which they go in; `given` takes the other arguments, which
/// Keras 2 repeats with each tensor.
fn structure(value: &Value, nested: &Nested, given: &mut Map<String, Value>) -> Value {
    match value {
        Value::Array(parts) => {
            if let [Value::String(mark), _, constant, rest @ ..] = parts.as_slice()
                && mark == "_CONSTANT_VALUE"
            {
                take_arguments(rest, given);
                return constant.clone();
            }
            if let Some((name, node, tensor)) = reference(value) {
                take_arguments(&parts[3..], given);
                return tensor_of(name, node, tensor, nested);
            }
            parts.iter().map(|part| structure(part, nested, given)).collect()
        }
        Value::Object(entries) => entries
            .iter()
            .map(|(key, part)| (key.clone(), structure(part, nested, given)))
            .collect(),
        value => value.clone(),
    }
}

fn take_arguments(rest: &[Value], given: &mut Map<String, Value>) {
    if let [Value::Object(arguments)] = rest {
        given.extend(arguments.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}

/// A tensor as Keras 3 writes it, but for shape and type, which Keras 2 does not tell and no
/// reader needs.
fn tensor_of(name: &str, node: u64, tensor: u64, nested: &Nested) -> Value {
    let node = node.saturating_sub(nested.get(name).map_or(0, |counting| counting.first));
    json!({
        "class_name": "__keras_tensor__",
        "config": {"keras_history": [name, node, tensor]},
    })
}

/// Tensors inside an argument's value.
fn with_tensors(value: &Value, nested: &Nested) -> Value {
    match value {
        Value::Array(parts) => match reference(value) {
            Some((name, node, tensor)) => tensor_of(name, node, tensor, nested),
            None => parts.iter().map(|part| with_tensors(part, nested)).collect(),
        },
        Value::Object(entries) => {
            entries.iter().map(|(key, part)| (key.clone(), with_tensors(part, nested))).collect()
        }
        value => value.clone(),
    }
}

/// The call of a layer: Keras 2 passed all tensors as one list where Keras 3 has arguments.
fn arguments(class: &str, input: Value, given: Map<String, Value>, nested: &Nested) -> Value {
    // What was not given is not said.
    let given = given.into_iter().filter(|(_, value)| !value.is_null());
    let mut given: Map<String, Value> =
        given.map(|(key, value)| (key, with_tensors(&value, nested))).collect();
    let mut args = vec![input];
    match class {
        "SimpleRNN" | "GRU" | "LSTM" | "ConvLSTM1D" | "ConvLSTM2D" | "ConvLSTM3D" | "RNN"
        | "Bidirectional" => {
            if let Some(tensors) = args[0].as_array_mut().filter(|tensors| tensors.len() > 1) {
                let state = tensors.split_off(1);
                args[0] = args[0][0].take();
                given.insert("initial_state".into(), Value::Array(state));
                // Keras 2 heeds the mask of sequences beside states, too; Keras 3 does not.
                given.entry("mask").or_insert(json!(true));
            }
        }
        "MultiHeadAttention" => {
            for name in ["value", "key"] {
                match given.shift_remove(name) {
                    Some(tensor) => args.push(tensor),
                    None => break,
                }
            }
        }
        _ => {}
    }
    json!({"args": args, "kwargs": given})
}
