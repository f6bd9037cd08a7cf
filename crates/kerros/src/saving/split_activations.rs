//! Activations of layers that are layers with weights, such as `Dense(8, activation=PReLU())`.
//!
//! An activation has no weights in Kerros, so that such a layer becomes two: itself with a linear
//! activation, and the other after it, by the name of the first with `_activation`. What they
//! compute and learn is the same; saved again, there are two layers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::archive::WeightTree;
use super::families::{DEPTHWISE, PLAIN_CONV, SEPARABLE, TRANSPOSED, all_of};
use super::objects::class_name;
use super::regroup;

/// Layers whose result is what the activation makes.
pub(super) const OUTER: &[&str] =
    all_of![&["Dense", "EinsumDense", "Activation"], PLAIN_CONV, TRANSPOSED, DEPTHWISE, SEPARABLE,];

/// Layers that an activation may be. One that heeds masks would be told of them as a layer only.
pub(super) const INNER: &[&str] =
    &["PReLU", "LayerNormalization", "RMSNormalization", "GroupNormalization", "UnitNormalization"];

/// The name of the second layer.
pub(super) fn name_of(outer: &str) -> String {
    format!("{outer}_activation")
}

/// The model and its weights with such layers in two; none where it has none.
pub(super) fn split(model: &Value, weights: &WeightTree) -> Option<(Value, WeightTree)> {
    let mut split = model.clone();
    split_model(&mut split).then(|| {
        let weights = regroup::regrouped(weights, model, &split);
        (split, weights)
    })
}

/// Weights from a file that has such layers in one, for this model, which has them in two.
pub(super) fn weights_for(model: &Value, weights: WeightTree) -> WeightTree {
    if !weights.groups().any(|(path, _)| path.ends_with("/activation/vars")) {
        return weights;
    }
    let mut joined = model.clone();
    join(&mut joined);
    regroup::regrouped(&weights, &joined, model)
}

/// Takes the second layers out again.
fn join(model: &mut Value) {
    let Some(config) = model.get_mut("config") else { return };
    let Some(layers) = config.get_mut("layers").and_then(Value::as_array_mut) else { return };
    let seconds: BTreeSet<String> = layers.iter().filter_map(name).map(name_of).collect();
    layers.retain(|layer| !name(layer).is_some_and(|name| seconds.contains(name)));
    layers.iter_mut().for_each(join);
}

/// Splits the layers of a model, and of the models inside; whether there were any.
pub(super) fn split_model(model: &mut Value) -> bool {
    let Some(config) = model.get_mut("config").and_then(Value::as_object_mut) else { return false };
    let Some(layers) = config.get_mut("layers").and_then(Value::as_array_mut) else { return false };
    let taken: BTreeSet<String> = layers.iter().filter_map(name).map(str::to_owned).collect();
    let mut is_any = false;
    let (mut outer, mut inner) = (BTreeSet::new(), BTreeSet::new());
    let mut all = Vec::with_capacity(layers.len());
    for mut layer in std::mem::take(layers) {
        is_any |= split_model(&mut layer);
        let second = second(&mut layer, &taken);
        if let (Some(second), Some(name)) = (&second, name(&layer)) {
            outer.insert(name.to_owned());
            inner.extend(self::name(second).map(str::to_owned));
        }
        all.push(layer);
        all.extend(second);
    }
    *layers = all;
    let is_inner = |layer: &Value| name(layer).is_some_and(|name| inner.contains(name));
    for layer in layers.iter_mut().filter(|layer| !is_inner(layer)) {
        if let Some(calls) = layer.get_mut("inbound_nodes") {
            rename(calls, &outer);
        }
    }
    if let Some(ends) = config.get_mut("output_layers") {
        rename(ends, &outer);
    }
    is_any || !outer.is_empty()
}

fn name(layer: &Value) -> Option<&str> {
    layer.get("config")?.get("name")?.as_str()
}

/// Takes the activation out of a layer, as the layer after it.
fn second(layer: &mut Value, taken: &BTreeSet<String>) -> Option<Value> {
    class_name(layer).filter(|class| OUTER.contains(class))?;
    let config = layer.get("config")?;
    let activation = config.get("activation")?;
    class_name(activation).filter(|class| INNER.contains(class))?;
    let is_layer = activation.get("module").and_then(Value::as_str) == Some("keras.layers");
    // What is added to the loss is of the result of both.
    let is_watched = config.get("activity_regularizer").is_some_and(|value| !value.is_null());
    let name = name_of(name(layer)?);
    if !is_layer || is_watched || taken.contains(&name) {
        return None;
    }
    let mut second = activation.clone();
    let own = second.get_mut("config")?.as_object_mut()?;
    own.insert("name".into(), json!(name));
    // A layer that is frozen has nothing inside that learns.
    if config.get("trainable") == Some(&Value::Bool(false)) {
        own.insert("trainable".into(), json!(false));
    }
    if let Some(calls) = layer.get("inbound_nodes").and_then(Value::as_array) {
        let outer = layer.get("name")?;
        let tensor = |call| {
            let config = json!({"keras_history": [outer, call, 0]});
            json!({"class_name": "__keras_tensor__", "config": config})
        };
        let calls = (0..calls.len()).map(|call| json!({"args": [tensor(call)], "kwargs": {}}));
        second["inbound_nodes"] = calls.collect();
        second["name"] = json!(name);
    }
    layer["config"]["activation"] = json!("linear");
    Some(second)
}

/// Puts the second layer in the place of the first wherever a result is asked for: `["dense", 0,
/// 0]`.
fn rename(value: &mut Value, outer: &BTreeSet<String>) {
    match value {
        Value::Array(parts) => match parts.as_mut_slice() {
            [Value::String(name), Value::Number(_), Value::Number(_)] if outer.contains(name) => {
                *name = name_of(name);
            }
            parts => parts.iter_mut().for_each(|part| rename(part, outer)),
        },
        Value::Object(entries) => entries.values_mut().for_each(|part| rename(part, outer)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::Tensor;

    use super::*;

    #[test]
    fn a_layer_with_a_layer_inside_becomes_two() {
        let prelu = json!({"module": "keras.layers", "class_name": "PReLU",
                           "config": {"name": "p", "trainable": true}});
        let tensor = |name: &str| json!({"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}});
        let layer = |class: &str, name: &str, from: &str, activation: &Value| {
            json!({"class_name": class, "name": name,
                   "config": {"name": name, "activation": activation, "trainable": false},
                   "inbound_nodes": [{"args": [tensor(from)], "kwargs": {}}]})
        };
        let model = json!({"class_name": "Functional", "config": {
            "layers": [
                layer("Dense", "a", "x", &prelu),
                layer("PReLU", "b", "a", &Value::Null),
                layer("Dense", "c", "a", &json!("relu")),
            ],
            "output_layers": [["a", 0, 0], ["c", 0, 0]],
        }});
        let mut tree = WeightTree::default();
        for (number, group) in
            ["layers/dense/vars", "layers/dense/activation/vars", "layers/p_re_lu/vars"]
                .into_iter()
                .enumerate()
        {
            tree.group_mut(group).push(Tensor::scalar(number as f32));
        }
        let (split, tree) = split(&model, &tree).unwrap();
        let layers = split["config"]["layers"].as_array().unwrap();
        let names: Vec<&str> = layers.iter().filter_map(name).collect();
        assert_eq!(names, ["a", "a_activation", "b", "c"]);
        assert_eq!(layers[0]["config"]["activation"], "linear");
        assert_eq!(layers[1]["config"]["trainable"], false);
        assert_eq!(layers[1]["inbound_nodes"][0]["args"][0], tensor("a"));
        assert_eq!(layers[3]["inbound_nodes"][0]["args"][0], tensor("a_activation"));
        assert_eq!(split["config"]["output_layers"], json!([["a_activation", 0, 0], ["c", 0, 0]]));
        let value = |path: &str| tree.tensor(path, "0").map(|value| value.to_vec_f64()[0]);
        assert_eq!(value("layers/dense/vars"), Some(0.0));
        assert_eq!(value("layers/p_re_lu/vars"), Some(1.0));
        assert_eq!(value("layers/p_re_lu_1/vars"), Some(2.0));
        assert!(!split_model(&mut split.clone()));
    }
}
