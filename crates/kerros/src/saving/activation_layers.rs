//! Activation functions with settings. Keras has no way to write those into a file but as
//! layers: `Dense(8, activation=layers.LeakyReLU(0.1))`.

use serde_json::{Value, json};

use super::objects::class_name;
use crate::layers::DTypePolicy;
use crate::object::Config;

/// Activation functions and the layers that do the same.
const PAIRS: [(&str, &str, &str); 4] = [
    ("relu", "ReLU", "re_lu"),
    ("leaky_relu", "LeakyReLU", "leaky_re_lu"),
    ("elu", "ELU", "elu"),
    ("softmax", "Softmax", "softmax"),
];

/// Activations that Keras does not have, or that its layers cannot be told the shape of.
const KERROS_ALONE: [&str; 3] = ["step", "glu", "hard_sigmoid_keras_2"];

/// The activation for a serialized layer, if the value is one of those.
pub(super) fn read(value: &Value) -> Option<Value> {
    let is_layer = value.get("module").and_then(Value::as_str) == Some("keras.layers");
    let class = class_name(value).filter(|_| is_layer)?;
    match class {
        "Activation" => return value.get("config")?.get("activation").cloned(),
        "Identity" => return Some(json!("linear")),
        _ => {}
    }
    let (function, ..) = PAIRS.iter().find(|(_, layer, _)| *layer == class)?;
    let mut config = value.get("config")?.as_object()?.clone();
    for name in ["name", "trainable", "dtype"] {
        config.shift_remove(name);
    }
    Some(json!({"module": "keras.activations", "class_name": function, "config": config}))
}

/// The settings of layers that are activations.
pub(super) const SETTINGS: [&str; 2] = ["activation", "recurrent_activation"];

/// Puts layers in place of activations with settings in the config of a layer, and of the layers
/// within it. An activation that Keras cannot be told of stays as it is: Kerros alone reads such
/// a file, and its name is returned.
pub(super) fn write(config: &mut Config) -> Option<String> {
    let mut untold = None;
    for (name, value) in config.iter_mut() {
        let found = match SETTINGS.contains(&name.as_str()) {
            true => write_activation(value),
            false => write_within(value),
        };
        untold = untold.or(found);
    }
    untold
}

/// As [`write`], for layers in a setting: one, or a list.
fn write_within(value: &mut Value) -> Option<String> {
    if let Value::Array(values) = value {
        return values.iter_mut().fold(None, |untold, value| untold.or(write_within(value)));
    }
    class_name(value)?;
    write(value.get_mut("config")?.as_object_mut()?)
}

fn write_activation(activation: &mut Value) -> Option<String> {
    if let Some(name) = activation.as_str() {
        return KERROS_ALONE.contains(&name).then(|| name.into());
    }
    let class = class_name(activation)?;
    let Some((_, layer, name)) = PAIRS.iter().find(|(function, ..)| *function == class) else {
        return Some(class.into());
    };
    let mut all = Config::new();
    all.insert("name".into(), json!(name));
    all.insert("trainable".into(), json!(true));
    all.insert("dtype".into(), DTypePolicy::Float32.serialize());
    for (key, value) in activation.get("config").and_then(Value::as_object).into_iter().flatten() {
        all.insert(key.clone(), value.clone());
    }
    *activation = json!({
        "module": "keras.layers",
        "class_name": layer,
        "config": all,
        "registered_name": null,
    });
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_go_through_a_layer_and_back() {
        let activation = json!({
            "module": "keras.activations",
            "class_name": "leaky_relu",
            "config": {"negative_slope": 0.1},
            "registered_name": null,
        });
        let mut config = Config::from_iter([("activation".to_string(), activation)]);
        assert_eq!(write(&mut config), None);
        let layer = &config["activation"];
        assert_eq!(layer["class_name"], "LeakyReLU");
        assert_eq!(layer["config"]["trainable"], true);
        let again = read(layer).unwrap();
        assert_eq!(again["class_name"], "leaky_relu");
        assert_eq!(again["config"], json!({"negative_slope": 0.1}));
    }

    #[test]
    fn what_keras_has_no_layer_for_stays() {
        let activation = json!({"class_name": "gelu", "config": {"approximate": true}});
        let mut config = Config::from_iter([("activation".to_string(), activation)]);
        assert_eq!(write(&mut config).as_deref(), Some("gelu"));
        assert_eq!(config["activation"]["class_name"], "gelu");
        assert!(read(&json!("relu")).is_none());
        for (name, told) in [("relu", None), ("step", Some("step"))] {
            let mut config = Config::from_iter([("activation".to_string(), json!(name))]);
            assert_eq!(write(&mut config).as_deref(), told);
        }
    }

    #[test]
    fn layers_within_layers_are_written_too() {
        let cell = json!({"class_name": "LSTMCell", "config": {"recurrent_activation": {
            "class_name": "relu", "config": {"max_value": 1.0},
        }}});
        let within = json!({"class_name": "StackedRNNCells", "config": {"cells": [cell]}});
        let mut config = Config::from_iter([("cell".to_string(), within)]);
        assert_eq!(write(&mut config), None);
        let cell = &config["cell"]["config"]["cells"][0]["config"];
        assert_eq!(cell["recurrent_activation"]["class_name"], "ReLU");
        assert_eq!(cell["recurrent_activation"]["config"]["max_value"], 1.0);
    }
}
