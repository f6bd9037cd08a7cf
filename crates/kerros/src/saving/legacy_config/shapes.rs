//! Shapes that a graph of TensorFlow asks for while it runs (`tf.shape`), as far as a config
//! tells them.
//!
//! `tf.reshape(x, [tf.shape(x)[0], 12])` is a reshape to `[-1, 12]`: one length that only the data
//! tell is what is left. Lengths that an input states are numbers. Whatever else is made of
//! shapes stays as it was.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::super::objects::class_name;
use super::operations::has_tensor;

/// A tensor: its layer, the call, and which of the results.
type Tensor = (String, u64, u64);

/// What is known of a value that was made of shapes.
#[derive(Clone, Debug)]
enum Made {
    /// The lengths of all axes of a tensor.
    Shape(Tensor),
    /// One length.
    Length(Length),
    /// Several, one after the other.
    Lengths(Vec<Length>),
}

#[derive(Clone, Debug, PartialEq)]
enum Length {
    Number(i64),
    /// That of an axis, known when data come.
    Axis(Tensor, i64),
    /// Another one known then.
    Open,
}

/// Puts numbers in the place of lengths, and takes out the layers that only made them.
pub(super) fn fold(layers: &mut Vec<Value>) {
    let function = |layer: &Value| {
        let is_function = matches!(class_name(layer), Some("TFOpLambda" | "SlicingOpLambda"));
        let name = layer.get("config")?.get("function")?.as_str()?;
        is_function.then(|| name.strip_prefix("compat.v1.").unwrap_or(name).to_owned())
    };
    if !layers.iter().any(|layer| function(layer).as_deref() == Some("shape")) {
        return;
    }
    let mut known = Known { inputs: BTreeMap::new(), made: BTreeMap::new() };
    for layer in layers.iter_mut() {
        let Some(name) = layer.get("name").and_then(Value::as_str).map(str::to_owned) else {
            continue;
        };
        if class_name(layer) == Some("InputLayer")
            && let Some(shape) = layer["config"]["batch_shape"].as_array()
        {
            known.inputs.insert(name.clone(), shape.iter().map(Value::as_i64).collect());
        }
        let Some(function) = function(layer) else { continue };
        let Some([call]) = layer["inbound_nodes"].as_array().map(Vec::as_slice) else { continue };
        let (Some(args), Some(given)) = (call["args"].as_array(), call["kwargs"].as_object())
        else {
            continue;
        };
        let results = known.results(&function, args, given);
        for (at, made) in results.unwrap_or_default().into_iter().enumerate() {
            known.made.insert((name.clone(), 0, at as u64), made);
        }
        if function == "reshape" {
            known.reshape(layer);
        }
        known.numbers(&mut layer["inbound_nodes"]);
    }
    let mut used = BTreeSet::new();
    let makers: BTreeSet<String> = known.made.keys().map(|(name, ..)| name.clone()).collect();
    // Layers come after what they are called on.
    let mut is_kept = vec![true; layers.len()];
    for (layer, is_kept) in layers.iter().zip(&mut is_kept).rev() {
        let name = layer["name"].as_str().unwrap_or_default();
        if makers.contains(name) && !used.contains(name) {
            *is_kept = false;
        } else {
            layers_in(&layer["inbound_nodes"], &mut used);
        }
    }
    let mut is_kept = is_kept.into_iter();
    layers.retain(|_| is_kept.next().unwrap_or(true));
}

/// The names of the layers whose results a value holds.
fn layers_in(value: &Value, found: &mut BTreeSet<String>) {
    if let Some((name, ..)) = tensor(value) {
        found.insert(name);
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| layers_in(value, found)),
        Value::Object(entries) => entries.values().for_each(|value| layers_in(value, found)),
        _ => {}
    }
}

fn tensor(value: &Value) -> Option<Tensor> {
    let history = match class_name(value) {
        Some("__keras_tensor__") => value["config"]["keras_history"].as_array()?,
        _ => return None,
    };
    match history.as_slice() {
        [name, node, tensor] => Some((name.as_str()?.into(), node.as_u64()?, tensor.as_u64()?)),
        _ => None,
    }
}

/// How many results `tf.unstack` of a shape of unknown length may have.
const MAX_AXES: i64 = 8;

struct Known {
    /// The shapes of the model's inputs.
    inputs: BTreeMap<String, Vec<Option<i64>>>,
    made: BTreeMap<Tensor, Made>,
}

impl Known {
    fn shape(&self, tensor: &Tensor) -> Option<&Vec<Option<i64>>> {
        self.inputs.get(&tensor.0)
    }

    /// The length of an axis, which counts from the end where it is negative.
    fn length(&self, tensor: &Tensor, axis: i64) -> Length {
        let Some(shape) = self.shape(tensor) else { return Length::Axis(tensor.clone(), axis) };
        let at = if axis < 0 { axis + shape.len() as i64 } else { axis };
        match usize::try_from(at).ok().and_then(|at| shape.get(at)) {
            Some(Some(length)) => Length::Number(*length),
            _ => Length::Axis(tensor.clone(), at),
        }
    }

    /// What a value is that was made of shapes: a tensor, or a list of lengths.
    fn value(&self, value: &Value) -> Option<Made> {
        if let Some(number) = value.as_i64() {
            return Some(Made::Length(Length::Number(number)));
        }
        if let Some(tensor) = tensor(value) {
            return self.made.get(&tensor).cloned();
        }
        let mut lengths = Vec::new();
        for part in value.as_array()? {
            match self.value(part)? {
                Made::Length(length) => lengths.push(length),
                _ => return None,
            }
        }
        Some(Made::Lengths(lengths))
    }

    fn lengths(&self, value: &Value) -> Option<Vec<Length>> {
        match self.value(value)? {
            Made::Lengths(lengths) => Some(lengths),
            Made::Shape(of) => {
                let axes = 0..self.shape(&of)?.len() as i64;
                Some(axes.map(|axis| self.length(&of, axis)).collect())
            }
            Made::Length(_) => None,
        }
    }

    /// What a function makes of shapes; none where it makes something else.
    fn results(
        &self,
        function: &str,
        args: &[Value],
        given: &Map<String, Value>,
    ) -> Option<Vec<Made>> {
        let first = args.first()?;
        let made = match function {
            "shape" => Made::Shape(tensor(first)?),
            "__operators__.getitem" => self.part(first, given.get("slice_spec")?)?,
            "unstack" => return self.apart(first),
            "stack" => Made::Lengths(self.lengths(first)?),
            "concat" => {
                let parts: Option<Vec<_>> =
                    first.as_array()?.iter().map(|part| self.lengths(part)).collect();
                Made::Lengths(parts?.concat())
            }
            "cast" => match self.value(first)? {
                Made::Length(length) if tensor(first).is_some() => Made::Length(length),
                _ => return None,
            },
            _ => {
                let (Made::Length(a), Made::Length(b)) =
                    (self.value(first)?, self.value(given.get("y")?)?)
                else {
                    return None;
                };
                Made::Length(calculated(function, a, b)?)
            }
        };
        Some(vec![made])
    }

    /// `shape[i]`, or `shape[i:j]`.
    fn part(&self, shape: &Value, key: &Value) -> Option<Made> {
        let key = match key {
            Value::Array(parts) if parts.len() == 1 => &parts[0],
            key => key,
        };
        let made = self.value(shape)?;
        if let Some(at) = key.as_i64() {
            return match made {
                Made::Shape(of) => Some(Made::Length(self.length(&of, at))),
                Made::Lengths(list) => {
                    let at = if at < 0 { at + list.len() as i64 } else { at };
                    Some(Made::Length(list.get(usize::try_from(at).ok()?)?.clone()))
                }
                Made::Length(_) => None,
            };
        }
        let end = |name: &str| match key.get(name)? {
            Value::Null => Some(None),
            end => end.as_i64().map(Some),
        };
        let (start, stop) = (end("start")?.unwrap_or(0), end("stop")?);
        if end("step")?.unwrap_or(1) != 1 {
            return None;
        }
        if let (Made::Shape(of), Some(stop)) = (&made, stop)
            && start >= 0
            && (start..=start.saturating_add(MAX_AXES)).contains(&stop)
        {
            return Some(Made::Lengths((start..stop).map(|at| self.length(of, at)).collect()));
        }
        let list = self.lengths(shape)?;
        let place = |at: i64| {
            let at = if at < 0 { at + list.len() as i64 } else { at };
            at.clamp(0, list.len() as i64) as usize
        };
        let (start, stop) = (place(start), stop.map_or(list.len(), place));
        Some(Made::Lengths(list.get(start..stop)?.to_vec()))
    }

    /// The lengths as results of their own.
    fn apart(&self, shape: &Value) -> Option<Vec<Made>> {
        let lengths = match (self.lengths(shape), self.value(shape)?) {
            (Some(lengths), _) => lengths,
            (None, Made::Shape(of)) => (0..MAX_AXES).map(|at| self.length(&of, at)).collect(),
            _ => return None,
        };
        Some(lengths.into_iter().map(Made::Length).collect())
    }

    /// A reshape to lengths that are known but for one.
    fn reshape(&self, layer: &mut Value) {
        let call = &layer["inbound_nodes"][0];
        let (x, shape) = (call["args"][0].clone(), &call["kwargs"]["shape"]);
        if !has_tensor(shape) {
            return;
        }
        let Some(lengths) = self.lengths(shape) else { return };
        let open = lengths.iter().filter(|length| !matches!(length, Length::Number(0..))).count();
        let number = |length: &Length| match length {
            Length::Number(number) => json!(number),
            _ => json!(-1),
        };
        let batch = tensor(&x).map(|x| Length::Axis(x, 0));
        if open <= 1 {
            let dims: Value = lengths.iter().map(number).collect();
            layer["inbound_nodes"][0]["kwargs"]["shape"] = dims;
        } else if open == 2 && lengths.first() == batch.as_ref() {
            // The batch axis stays what it is: that is the layer.
            let dims: Value = lengths.iter().skip(1).map(number).collect();
            *layer = json!({
                "module": "keras.layers",
                "class_name": "Reshape",
                "config": {"name": layer["name"], "target_shape": dims},
                "registered_name": null,
                "name": layer["name"],
                "inbound_nodes": [{"args": [x], "kwargs": {}}],
            });
        }
    }

    /// Lengths that are numbers, in the place of the tensors that they are results of.
    fn numbers(&self, value: &mut Value) {
        if let Some(tensor) = tensor(value) {
            if let Some(Made::Length(Length::Number(number))) = self.made.get(&tensor) {
                *value = json!(number);
            } else if let Some(Made::Lengths(lengths)) = self.made.get(&tensor) {
                let all = lengths.iter().map(|length| match length {
                    Length::Number(number) => Some(json!(number)),
                    _ => None,
                });
                if let Some(all) = all.collect::<Option<Value>>() {
                    *value = all;
                }
            }
            return;
        }
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| self.numbers(value)),
            Value::Object(entries) => entries.values_mut().for_each(|value| self.numbers(value)),
            _ => {}
        }
    }
}

/// A length calculated from two.
fn calculated(function: &str, a: Length, b: Length) -> Option<Length> {
    let is_known = |name: &&str| ["add", "sub", "mul", "floordiv"].contains(name);
    let name = match function.rsplit('.').next()? {
        "subtract" => "sub",
        "multiply" => "mul",
        name => name,
    };
    if !is_known(&name) {
        return None;
    }
    let (Length::Number(a), Length::Number(b)) = (a, b) else { return Some(Length::Open) };
    let number = match name {
        "add" => a.checked_add(b),
        "sub" => a.checked_sub(b),
        "mul" => a.checked_mul(b),
        _ => a.checked_div_euclid(b).filter(|_| b > 0),
    };
    number.map(Length::Number)
}
