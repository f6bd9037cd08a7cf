//! Model files by real Keras are written again as Keras wrote them.

mod keras;

use keras::{models, names_of_models};
use kerros::load_model;
use kerros::saving::archive::{Archive, Group, WeightTree};
use serde_json::{Value, json};

/// The groups of a tree that hold something, and those of the layers of the model itself, but for
/// inputs: nobody reads the empty ones of layers inside others.
fn filled(tree: &WeightTree) -> Vec<(&str, &Group)> {
    let is_own = |path: &str| {
        !path.contains("input_layer") && path.ends_with("vars") && path.split('/').count() <= 3
    };
    let is_filled = |group: &Group| group.datasets().next().is_some();
    tree.groups().filter(|(path, group)| is_own(path) || is_filled(group)).collect()
}

/// What is written equals what was read: of every fixture the config, but for what depends on
/// the process that wrote it and on the backend, and all weights.
#[test]
fn a_loaded_file_is_written_as_keras_wrote_it() {
    for name in names_of_models() {
        let original = Archive::read(models().join(format!("{name}.keras"))).unwrap();
        let written = load_model(models().join(format!("{name}.keras"))).unwrap().to_archive();
        let written = written.unwrap();
        assert_eq!(filled(&written.weights), filled(&original.weights), "{name}");
        let (mut found, mut expected) = (written.config, original.config);
        without_addresses(&mut expected);
        inputs_first(&mut expected);
        inputs_first(&mut found);
        without_absent_arguments(&mut expected);
        without_shapes_of_wrapped_layers(&mut expected);
        // Keras forgets some arguments of losses, which are written here.
        for forgotten in ["axis", "delta"] {
            for config in [&mut found, &mut expected] {
                without_argument_of_losses(&mut config["compile_config"], forgotten);
            }
        }
        if let Some(jit) = expected["compile_config"].get_mut("jit_compile") {
            *jit = json!("auto");
        }
        if name == "normalized_regression" {
            // `adapt` records the rows it saw.
            let shape = &mut expected["config"]["layers"][1]["build_config"]["input_shape"][0];
            assert_eq!(shape.take(), json!(20));
        }
        dictionaries_by_key(&mut expected);
        dictionaries_by_key(&mut found);
        let texts = [&found, &expected].map(|v| serde_json::to_string_pretty(v).unwrap());
        let lines = texts[0].lines().zip(texts[1].lines()).enumerate();
        for (at, (found, expected)) in lines {
            assert_eq!(found, expected, "{name}, line {at}");
        }
        assert_eq!(texts[0].lines().count(), texts[1].lines().count(), "{name}");
    }
}

/// Moves inputs before all other layers, in the order of their names: Keras writes an input where
/// it is first needed, which means the same.
fn inputs_first(model: &mut Value) {
    let layers = model["config"].get_mut("layers").and_then(Value::as_array_mut);
    let Some(layers) = layers else { return };
    layers.sort_by_key(|layer| match layer["class_name"] == "InputLayer" {
        true => (0, layer["config"]["name"].to_string()),
        false => (1, String::new()),
    });
    layers.iter_mut().for_each(inputs_first);
}

/// Sorts dictionaries of tensors by their keys, as Kerros has them: their order means nothing.
fn dictionaries_by_key(model: &mut Value) {
    let Some(config) = model.get_mut("config") else { return };
    for ends in ["input_layers", "output_layers"] {
        config.get_mut(ends).into_iter().for_each(Value::sort_all_objects);
    }
    for layer in config.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten() {
        layer.get_mut("inbound_nodes").into_iter().for_each(Value::sort_all_objects);
        dictionaries_by_key(layer);
    }
}

/// Removes arguments of calls that were not given, which Keras writes for models only.
fn without_absent_arguments(value: &mut Value) {
    if let Some(given) = value.get_mut("kwargs").and_then(Value::as_object_mut) {
        given.retain(|_, argument| !argument.is_null());
    }
    match value {
        Value::Object(entries) => entries.values_mut().for_each(without_absent_arguments),
        Value::Array(values) => values.iter_mut().for_each(without_absent_arguments),
        _ => {}
    }
}

/// Removes the shapes from which the layers in a wrapper were built: the wrapper builds them from
/// its own.
fn without_shapes_of_wrapped_layers(model: &mut Value) {
    let layers = model["config"].get_mut("layers").and_then(Value::as_array_mut);
    for layer in layers.into_iter().flatten() {
        for wrapped in ["layer", "backward_layer"] {
            let wrapped = layer["config"].get_mut(wrapped).and_then(Value::as_object_mut);
            wrapped.map(|layer| layer.shift_remove("build_config"));
        }
        without_shapes_of_wrapped_layers(layer);
    }
}

fn without_argument_of_losses(value: &mut Value, argument: &str) {
    if value["module"] == "keras.losses" {
        value["config"].as_object_mut().unwrap().shift_remove(argument);
    }
    match value {
        Value::Object(entries) => {
            entries.values_mut().for_each(|v| without_argument_of_losses(v, argument));
        }
        Value::Array(values) => {
            values.iter_mut().for_each(|v| without_argument_of_losses(v, argument));
        }
        _ => {}
    }
}

/// Removes the addresses of objects, which differ from process to process.
fn without_addresses(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.shift_remove("shared_object_id");
            entries.values_mut().for_each(without_addresses);
        }
        Value::Array(values) => values.iter_mut().for_each(without_addresses),
        _ => {}
    }
}
