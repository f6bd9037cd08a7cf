//! What layers are given: types, initializers, regularizers, constraints, activations.

use serde_json::{Map, Value, json};

use super::super::objects::class_name;
use super::{Age, Context};

/// The value with Keras 2's marks for what JSON has no words for taken away: tuples, shapes and
/// arrays are lists.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let items = match (entries.get("class_name"), entries.get("type")) {
                (Some(Value::String(class)), _)
                    if class == "__tuple__" || class == "TensorShape" =>
                {
                    entries.get("items")
                }
                (_, Some(Value::String(kind))) if kind == "ndarray" => entries.get("value"),
                _ => None,
            };
            match items {
                Some(items) => plain(items),
                None => entries.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
            }
        }
        Value::Array(values) => values.iter().map(plain).collect(),
        value => value.clone(),
    }
}

/// A type, or a policy of tf.keras, as Keras 3 has it. A type that is no floating point was one
/// of the layer's input in Keras 1 and 2: layers themselves counted in `float32`.
pub(super) fn dtype_policy(dtype: &Value) -> Value {
    let name = match dtype {
        Value::Object(_) => dtype.get("config").and_then(|config| config.get("name")),
        dtype => Some(dtype),
    };
    let name = name.and_then(Value::as_str).unwrap_or("float32");
    let name = match name {
        "infer" | "_infer" | "bool" => "float32",
        name if name.starts_with("int") || name.starts_with("uint") => "float32",
        name => name,
    };
    json!({
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": name},
        "registered_name": null,
    })
}

/// Initializers of Keras 1 that have another name today.
const INITIALIZERS: &[(&str, &str)] = &[
    ("zero", "zeros"),
    ("one", "ones"),
    ("uniform", "random_uniform"),
    ("normal", "random_normal"),
];

/// An initializer, regularizer or constraint under `key` of a layer; other values stay.
pub(super) fn part(key: &str, value: &mut Value) {
    let module = match key.rsplit_once('_').map_or(key, |(_, kind)| kind) {
        "initializer" => "keras.initializers",
        "regularizer" => "keras.regularizers",
        "constraint" => "keras.constraints",
        _ => return,
    };
    match value {
        Value::String(name) if module == "keras.initializers" => {
            if let Some((_, present)) = INITIALIZERS.iter().find(|(old, _)| old == name) {
                *name = (*present).to_owned();
            }
        }
        Value::Object(entries) => {
            if !entries.contains_key("class_name") {
                object_of_keras_1(entries);
            }
            let config = entries.get_mut("config").and_then(Value::as_object_mut);
            if let Some(config) = config.filter(|_| module == "keras.initializers") {
                // The type of what is drawn, which is the weight's.
                config.shift_remove("dtype");
                if config.get("distribution") == Some(&json!("normal")) {
                    config.insert("distribution".into(), json!("truncated_normal"));
                }
            }
            let is_own = class_name(value).is_some_and(|class| class.contains('>'));
            if let Some(entries) = value.as_object_mut().filter(|_| !is_own) {
                entries.insert("module".into(), json!(module));
                entries.insert("registered_name".into(), Value::Null);
            }
        }
        _ => {}
    }
}

/// `{"name": "L1L2Regularizer", "l1": ..}`, the objects of Keras 1, as class and config.
fn object_of_keras_1(entries: &mut Map<String, Value>) {
    let mut config = std::mem::take(entries);
    let name = config.shift_remove("name");
    let class = match name.as_ref().and_then(Value::as_str).unwrap_or_default() {
        "WeightRegularizer" | "ActivityRegularizer" | "L1L2Regularizer" => "L1L2",
        class => class,
    };
    if let Some(most) = config.shift_remove("m") {
        config.insert("max_value".into(), most);
    }
    entries.insert("class_name".into(), json!(class));
    entries.insert("config".into(), Value::Object(config));
}

impl Context {
    /// An activation of a layer: a name, or a layer that does the same.
    pub(super) fn activation(&mut self, value: &mut Value) {
        if class_name(value).is_some() {
            return self.layer(value);
        }
        let Some(name) = value.as_str() else { return };
        // Names of Keras 2, and those that functions have in TensorFlow.
        let present = match name {
            "swish" => "silu",
            "hard_swish" => "hard_silu",
            "softmax_v2" => "softmax",
            "log_softmax_v2" => "log_softmax",
            "relu_v2" => "relu",
            "leaky_relu_v2" => "leaky_relu",
            "hard_sigmoid" if self.age < Age::Three => {
                self.note(
                    "`hard_sigmoid` is computed as in the Keras that wrote the file, x / 5 + 1 / 2 \
                     cut to 0..1; Keras 3 has x / 6 + 1 / 2 and other numbers",
                );
                "hard_sigmoid_keras_2"
            }
            name => name,
        };
        *value = json!(present);
    }
}
