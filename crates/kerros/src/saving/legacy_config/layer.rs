//! One layer: its class, its arguments, the layers inside it.

use serde_json::{Map, Value, json};

use super::super::objects::class_name;
use super::arguments::{CLASSES, DROPPED, Drop, RENAMED_IN_2, RENAMED_IN_3, is_for};
use super::{Age, Context, layer_name_of, merge, objects, set_class};
use crate::layers::LEAVES_MASKS;
use crate::operations::is_operation;

/// Whether an attention layer hides later positions: an argument of the layer in Keras 2, of
/// its call in Keras 3.
pub(super) fn is_causal(layer: &Value) -> bool {
    layer.get("config").and_then(|config| config.get("causal")) == Some(&Value::Bool(true))
}

impl Context {
    /// A serialized layer, in place.
    pub(super) fn layer(&mut self, layer: &mut Value) {
        let Some(old) = class_name(layer).map(str::to_owned) else { return };
        if matches!(old.as_str(), "Sequential" | "Model" | "Functional") {
            return self.model(layer);
        }
        let module = layer.get("module").and_then(Value::as_str);
        if !is_of_keras(layer) || module.is_some_and(is_operation) {
            return;
        }
        match old.as_str() {
            // Their arguments stand in their calls.
            "TFOpLambda" | "SlicingOpLambda" | "TensorFlowOpLayer" => return,
            "Merge" => return merge::layer(layer),
            _ => {}
        }
        let class = CLASSES.iter().find(|(name, _)| *name == old).map_or(&*old, |(_, new)| *new);
        let Some(entries) = layer.as_object_mut() else { return };
        if let Some(config) = entries.get_mut("config").and_then(Value::as_object_mut) {
            self.arguments(&old, class, config);
        }
        set_class(entries, "keras.layers", class);
    }

    fn arguments(&mut self, old: &str, class: &str, config: &mut Map<String, Value>) {
        if self.age == Age::One {
            arguments_of_keras_1(class, config);
        }
        rename(RENAMED_IN_3, class, config);
        defaults(old, class, config, self.age);
        for (classes, name, drop) in DROPPED {
            let is_dropped = config.get(*name).is_some_and(|value| match drop {
                Drop::Always => true,
                Drop::When(is_neutral) => is_neutral(value),
            });
            if is_dropped && is_for(classes, class) {
                config.shift_remove(*name);
            }
        }
        axis(class, config);
        if let Some(name) = config.get("name").and_then(Value::as_str) {
            let name = layer_name_of(name);
            config.insert("name".into(), json!(name));
        }
        if let Some(dtype) = config.get("dtype").filter(|_| class != "InputLayer") {
            let policy = objects::dtype_policy(dtype);
            config.insert("dtype".into(), policy);
        }
        for (key, value) in config.iter_mut() {
            match key.as_str() {
                "activation" | "recurrent_activation" => self.activation(value),
                "layer" | "backward_layer" | "cell" => self.layer(value),
                "cells" => {
                    value.as_array_mut().into_iter().flatten().for_each(|cell| self.layer(cell));
                }
                key => objects::part(key, value),
            }
        }
        // A list of cells stood for their stack.
        if class == "RNN"
            && let Some(cell) = config.get_mut("cell")
            && let Some(cells) = cell.as_array_mut().map(std::mem::take)
        {
            let mut stack = json!({"class_name": "StackedRNNCells", "config": {"cells": cells}});
            self.layer(&mut stack);
            *cell = stack;
        }
    }
}

/// Whether a class is Keras's, by what Keras 2 says of it. tf.keras registered some of its own
/// classes by name alone.
fn is_of_keras(layer: &Value) -> bool {
    let class = class_name(layer).unwrap_or_default();
    let module = layer.get("module").and_then(Value::as_str).unwrap_or("keras");
    let registered = layer.get("registered_name").and_then(Value::as_str).unwrap_or(class);
    let root = module.split('.').next().unwrap_or_default();
    let is_root = ["keras", "tf_keras", "keras_core", "tensorflow"].contains(&root);
    !class.contains('>') && !registered.contains('>') && is_root
}

fn rename(table: &[(&[&str], &str, &str)], class: &str, config: &mut Map<String, Value>) {
    for (classes, old, new) in table {
        if is_for(classes, class)
            && !config.contains_key(*new)
            && let Some(value) = config.shift_remove(*old)
        {
            config.insert((*new).to_owned(), value);
        }
    }
}

/// Arguments whose default changed, where the file leaves them out or the class had none.
fn defaults(old: &str, class: &str, config: &mut Map<String, Value>, age: Age) {
    let mut default = |name: &str, value: Value| {
        config.entry(name).or_insert(value);
    };
    match old {
        "CuDNNLSTM" | "CuDNNGRU" => {
            default("activation", json!("tanh"));
            default("recurrent_activation", json!("sigmoid"));
            default("use_bias", json!(true));
        }
        "LSTM" | "GRU" | "LSTMCell" | "GRUCell" if age < Age::Three => {
            default("recurrent_activation", json!("hard_sigmoid"));
        }
        "MultiHeadAttention" if age < Age::Three => default(LEAVES_MASKS, json!(true)),
        "SyncBatchNormalization" => default("synchronized", json!(true)),
        "ThresholdedReLU" => {
            let threshold = config.shift_remove("theta").unwrap_or(json!(1.0));
            config.insert("threshold".into(), threshold);
        }
        _ => {}
    }
    // Keras 2 before 2.1.3 had no other way than before the product; cuDNN has none but after.
    if matches!(class, "GRU" | "GRUCell") {
        let is_after = old == "CuDNNGRU" || old == "GRUV2";
        config.entry("reset_after").or_insert(json!(is_after));
    }
}

/// tf.keras kept the axes of normalization layers as a list.
fn axis(class: &str, config: &mut Map<String, Value>) {
    if class == "Normalization" {
        return;
    }
    let Some(axis) = config.get_mut("axis") else { return };
    if let Some([one]) = axis.as_array().map(Vec::as_slice) {
        *axis = one.clone();
    }
    if let Some(number) = axis.as_f64().filter(|_| axis.is_f64()) {
        *axis = json!(number as i64);
    }
}

fn arguments_of_keras_1(class: &str, config: &mut Map<String, Value>) {
    if class == "SeparableConv2D"
        && let Some(init) = config.shift_remove("init")
    {
        config.insert("depthwise_initializer".into(), init.clone());
        config.insert("pointwise_initializer".into(), init);
    }
    for sides in [&["nb_row", "nb_col"][..], &["kernel_dim1", "kernel_dim2", "kernel_dim3"]] {
        let size: Vec<Value> = sides.iter().filter_map(|side| config.get(*side).cloned()).collect();
        if size.len() == sides.len() {
            sides.iter().for_each(|side| drop(config.shift_remove(*side)));
            config.insert("kernel_size".into(), Value::Array(size));
        }
    }
    if let Some(start) = config.shift_remove("forget_bias_init") {
        config.insert("unit_forget_bias".into(), json!(start == "one"));
    }
    if class == "ZeroPadding2D" {
        padding(config);
    }
    rename(RENAMED_IN_2, class, config);
    if let Some(format) = config.get_mut("data_format") {
        match format.as_str() {
            Some("tf") => *format = json!("channels_last"),
            Some("th") => *format = json!("channels_first"),
            _ => {
                config.shift_remove("data_format");
            }
        }
    }
}

/// `[top, bottom, left, right]` and its spelling with names, as pairs.
fn padding(config: &mut Map<String, Value>) {
    let Some(padding) = config.get_mut("padding") else { return };
    let sides: Vec<Value> = match padding {
        Value::Object(named) => ["top_pad", "bottom_pad", "left_pad", "right_pad"]
            .iter()
            .map(|side| named.get(*side).cloned().unwrap_or(json!(0)))
            .collect(),
        Value::Array(sides) if sides.len() == 4 => sides.clone(),
        _ => return,
    };
    *padding = json!([[sides[0], sides[1]], [sides[2], sides[3]]]);
}
