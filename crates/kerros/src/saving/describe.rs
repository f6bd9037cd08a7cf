//! A model as Keras's config: `config.json`, `to_json`.

use serde_json::{Value, json};

use super::families::{GLOBAL_POOLING, POOLING, SPATIAL_DROPOUT, all_of};
use super::{activation_layers, compile_config, functional};
use crate::layers::{self, InputLayer, Layer};
use crate::model::{Argument, LayerEntry, Network, Source};
use crate::object::{Config, Described, Entry, registered_name};
use crate::operations;
use crate::trainer::Compiled;

/// Layers that Keras has ready as soon as they are made: their configs have no `build_config`.
pub(super) const BUILT_WHEN_MADE: &[&str] = all_of![
    &[
        "Activation",
        "ActivityRegularization",
        "AlphaDropout",
        "Dropout",
        "ELU",
        "GaussianDropout",
        "GaussianNoise",
        "Identity",
        "LeakyReLU",
        "Masking",
        "ReLU",
        "Reshape",
        "Softmax",
        "UnitNormalization",
    ],
    POOLING,
    GLOBAL_POOLING,
    SPATIAL_DROPOUT,
];

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
    let mut model = match network.is_functional {
        true => {
            let module = "keras.src.models.functional";
            let mut model =
                serialized(module.into(), "Functional", config(network, true, warnings));
            model["registered_name"] = json!("Functional");
            model["build_config"] = json!({"input_shape": null});
            model
        }
        false => serialized("keras".into(), "Sequential", config(network, true, warnings)),
    };
    if let Some(input) = network.inputs.first().filter(|_| !network.is_functional) {
        model["build_config"] = json!({"input_shape": input.shape.with_batch_axis(input.batch)});
    }
    model["compile_config"] = match compiled {
        Some(compiled) => compile_config::write(compiled, learning_rate, warnings),
        None => json!({}),
    };
    model
}

/// The config of a model: layers, and how values flow.
pub(super) fn config(network: &Network, trainable: bool, warnings: &mut Vec<String>) -> Config {
    let mut layers = Vec::new();
    for input in &network.inputs {
        let layer = InputLayer::of(input);
        let mut value = serialized(layer.module().into(), "InputLayer", layer.config());
        if network.is_functional {
            value["name"] = json!(input.name);
            value["inbound_nodes"] = json!([]);
        }
        layers.push(value);
    }
    for (at, entry) in network.layers.iter().enumerate() {
        let mut value = layer(network, at, entry, warnings);
        if network.is_functional {
            value["name"] = json!(&*entry.name);
            value["inbound_nodes"] = functional::inbound_nodes(network, at);
        }
        layers.push(value);
    }
    let mut config = Config::new();
    config.insert("name".into(), json!(network.name));
    config.insert("trainable".into(), json!(trainable));
    if network.is_functional {
        config.insert("layers".into(), Value::Array(layers));
        let inputs = (0..network.inputs.len()).map(Source::Input);
        config.insert(
            "input_layers".into(),
            functional::write_ends(network, inputs, &network.input_keys),
        );
        let outputs = network.outputs.iter().copied();
        config.insert(
            "output_layers".into(),
            functional::write_ends(network, outputs, &network.output_keys),
        );
        return config;
    }
    config.insert("dtype".into(), network.dtype.serialize());
    config.insert("layers".into(), Value::Array(layers));
    if let Some(input) = network.inputs.first() {
        config.insert("build_input_shape".into(), input.shape.with_batch_axis(input.batch));
    }
    config
}

fn layer(network: &Network, at: usize, entry: &LayerEntry, warnings: &mut Vec<String>) -> Value {
    let class = entry.layer.class_name();
    let mut config = entry.layer.config();
    // What the model made of the options: a name of its own, frozen or not.
    config.insert("name".into(), json!(&*entry.name));
    if config.contains_key("trainable") {
        config.insert("trainable".into(), json!(entry.trainable));
    }
    if let Some(activation) = activation_layers::write(&mut config) {
        warnings.push(format!(
            "layer `{}`: Keras cannot read the activation `{activation}` as it is here",
            entry.name
        ));
    }
    if !entry.layer.is_in_keras_3() {
        warnings.push(format!("layer `{}`: Keras 3 has no `{class}` any more", entry.name));
    }
    let is_own = |known: &Entry<_>| known.class_name == class;
    let is_known = entry.layer.is_operation() || layers::REGISTRY.entries.iter().any(is_own);
    let module = if is_known { json!(entry.layer.module()) } else { Value::Null };
    let mut layer = serialized(module, class, config);
    let is_functional = entry.layer.is_model() && class == "Functional";
    if !is_known {
        layer["registered_name"] = json!(registered_name(class));
    } else if entry.layer.is_operation() || is_functional {
        layer["registered_name"] = json!(class);
    }
    let call = network.calls.iter().find(|call| call.layer == at);
    let arguments = call.map(|call| (&call.arguments.positional[..], &call.arguments.keyword[..]));
    let shape = |source: &Source| network.shape_of(*source).with_batch_axis(network.batch());
    // Layers with several arguments are built by the call that Keras makes anyway.
    let shape = match arguments {
        Some(([Argument::Tensor(source)], [])) => Some(shape(source)),
        Some(([Argument::List(items)], [])) => {
            let of_item = |item: &Argument<Source>| -> Vec<Value> {
                match item {
                    Argument::Value(array) => array_shape(array).into_iter().collect(),
                    item => item.tensors().into_iter().map(shape).collect(),
                }
            };
            Some(items.iter().flat_map(of_item).collect())
        }
        _ => None,
    };
    let is_bare = BUILT_WHEN_MADE.contains(&class) || entry.layer.is_operation();
    if let Some(shape) = shape.filter(|_| !is_bare && network.is_built()) {
        layer["build_config"] = json!({"input_shape": shape});
    }
    if is_functional {
        // Its shapes are those of its own inputs.
        layer["build_config"] = json!({"input_shape": null});
    }
    if entry.layer.is_model() {
        layer["compile_config"] = json!({});
    }
    layer
}

/// The shape of an array among the arguments of a call.
fn array_shape(value: &Value) -> Option<Value> {
    let array = operations::is_array(value).then(|| operations::constant(value).ok())??;
    Some(json!(array.shape().to_vec()))
}

fn serialized(module: Value, class_name: &str, config: Config) -> Value {
    json!({
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": null,
    })
}
