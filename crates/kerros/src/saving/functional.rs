//! Functional models that are a chain of layers: what `Sequential` is too.

use kerros_core::{Error, ErrorKind};
use serde_json::Value;

use super::problems::Problems;
use crate::object::Config;

/// The layers of a functional model in the order in which values flow, the input first.
///
/// Notes in `problems` what makes the model more than a chain: several inputs or outputs,
/// layers that are called more than once or on several values. The layers come back as they
/// are then, so that what else is wrong with them is found too.
pub(super) fn chain(config: &Config, layers: &[Value], problems: &mut Problems) -> Vec<Value> {
    let mut refuse = |what: String| {
        let error = Error::new(ErrorKind::Unsupported, what)
            .expected("one input, one output, and layers that each take what the one before gives");
        problems.note("functional model", &error);
    };
    for (key, what) in [("input_layers", "inputs"), ("output_layers", "outputs")] {
        let names = ends(config.get(key));
        if names.len() != 1 {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            refuse(format!("{} {what}: {}", names.len(), names.join(", ")));
        }
    }
    let mut before: Option<&str> = None;
    for layer in layers {
        let name = layer.get("name").and_then(Value::as_str).unwrap_or_default();
        let calls = layer.get("inbound_nodes").and_then(Value::as_array);
        let calls = calls.map_or(&[][..], Vec::as_slice);
        match (before, calls) {
            (None, []) => {}
            (Some(before), [call]) => {
                if source(call) != Some(before) {
                    refuse(format!("layer `{name}` does not take what `{before}` gives, alone"));
                }
                if let Some(argument) = given_argument(call) {
                    refuse(format!("layer `{name}` is called with `{argument}`"));
                }
            }
            (_, calls) => refuse(format!("layer `{name}` is called {} times", calls.len())),
        }
        before = Some(name);
    }
    if let [output] = ends(config.get("output_layers")).as_slice()
        && before != Some(output)
    {
        refuse(format!("the output is that of `{output}`, which is not the last layer"));
    }
    layers.to_vec()
}

/// The layer names of `["output", 0, 0]` or of a list of such triples.
fn ends(value: Option<&Value>) -> Vec<&str> {
    let Some(list) = value.and_then(Value::as_array) else { return Vec::new() };
    match list.first().and_then(Value::as_str) {
        Some(name) => vec![name],
        None => list.iter().filter_map(|end| end.get(0)?.as_str()).collect(),
    }
}

/// The layer whose result is the only value that goes into a call.
fn source(call: &Value) -> Option<&str> {
    let [tensor] = call.get("args")?.as_array()?.as_slice() else { return None };
    let history = tensor.get("config")?.get("keras_history")?.as_array()?;
    let [name, node, index] = history.as_slice() else { return None };
    (node == 0 && index == 0).then_some(name.as_str()?)
}

/// An argument of a call that makes it another than the layer's own.
fn given_argument(call: &Value) -> Option<&str> {
    let arguments = call.get("kwargs")?.as_object()?;
    let changes = |(key, value): (&String, &Value)| match key.as_str() {
        // What Keras writes when the user gave nothing.
        "training" => value != &Value::Bool(false) && !value.is_null(),
        _ => !value.is_null(),
    };
    arguments.iter().find(|&entry| changes(entry)).map(|(key, _)| key.as_str())
}
