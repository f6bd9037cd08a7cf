//! A model as Keras's config: `config.json`, `to_json`.

use kerros_core::Shape;
use serde_json::{Value, json};

use super::{activation_layers, compile_config};
use crate::layers::{self, InputLayer, options::dtype_policy};
use crate::model::{LayerEntry, Network};
use crate::object::{Config, Described};
use crate::trainer::Compiled;

/// Layers that Keras has ready as soon as they are made: their configs have no `build_config`.
const BUILT_WHEN_MADE: [&str; 8] =
    ["Activation", "Dropout", "ELU", "Identity", "LeakyReLU", "ReLU", "Reshape", "Softmax"];

/// The model as Keras serializes it.
///
/// `learning_rate` is the present one of a compiled model, where that is a number. What only
/// Kerros will be able to read is told in `warnings`.
pub(super) fn model(
    network: &Network,
    compiled: Option<&Compiled>,
    learning_rate: Option<f32>,
    warnings: &mut Vec<String>,
) -> Value {
    let input = network.inputs.first();
    let mut layers = Vec::new();
    if let Some(input) = input {
        let layer = InputLayer::new(&input.shape).name(&input.name);
        layers.push(serialized(layers::REGISTRY.module.into(), "InputLayer", layer.config()));
    }
    for (at, entry) in network.layers.iter().enumerate() {
        layers.push(layer(network, at, entry, warnings));
    }
    let mut config = Config::new();
    config.insert("name".into(), json!(network.name));
    config.insert("trainable".into(), json!(true));
    config.insert("dtype".into(), dtype_policy());
    config.insert("layers".into(), Value::Array(layers));
    let build_shape = input.map(|input| with_batch_axis(&input.shape));
    if let Some(shape) = &build_shape {
        config.insert("build_input_shape".into(), shape.clone());
    }
    let mut model = serialized("keras".into(), "Sequential", config);
    if let Some(shape) = build_shape {
        model["build_config"] = json!({"input_shape": shape});
    }
    model["compile_config"] = match compiled {
        Some(compiled) => compile_config::write(compiled, learning_rate, warnings),
        None => json!({}),
    };
    model
}

fn layer(network: &Network, at: usize, entry: &LayerEntry, warnings: &mut Vec<String>) -> Value {
    let class = entry.layer.class_name();
    let mut config = entry.layer.config();
    // What the model made of the options: a name of its own, frozen or not.
    config.insert("name".into(), json!(&*entry.name));
    config.insert("trainable".into(), json!(entry.trainable));
    if let Some(activation) = activation_layers::write(&mut config) {
        warnings.push(format!(
            "layer `{}`: Keras cannot read the activation `{activation}` as it is here",
            entry.name
        ));
    }
    let is_known = layers::REGISTRY.find(class).is_ok();
    let module = if is_known { json!(layers::REGISTRY.module) } else { Value::Null };
    let mut layer = serialized(module, class, config);
    if !is_known {
        layer["registered_name"] = json!(class);
    }
    let call = network.calls.iter().find(|call| call.layer == at);
    let input = call.and_then(|call| call.inputs.first());
    if let Some(&input) = input.filter(|_| !BUILT_WHEN_MADE.contains(&class)) {
        let shape = match input.checked_sub(network.inputs.len()) {
            None => &network.inputs[input].shape,
            Some(earlier) => &network.calls[earlier].shape,
        };
        layer["build_config"] = json!({"input_shape": with_batch_axis(shape)});
    }
    layer
}

fn serialized(module: Value, class_name: &str, config: Config) -> Value {
    json!({
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": null,
    })
}

/// The shape of a row with the batch axis before it, whose length is not fixed.
fn with_batch_axis(row: &Shape) -> Value {
    std::iter::once(Value::Null).chain(row.iter().map(|&dim| json!(dim))).collect()
}
