//! Layers that are parts of others: their names, their weights, how they are written.

use kerros_core::{Result, Shape};
use serde_json::{Value, json};

use super::{Layer, Weight};
use crate::model::names::snake_case;

/// The name of a part: its own, or one made from its class.
pub(crate) fn name_of(layer: &dyn Layer) -> String {
    layer.options().name.clone().unwrap_or_else(|| snake_case(layer.class_name()))
}

/// A part as Keras writes it, under this name.
pub(crate) fn serialize(layer: &dyn Layer, name: &str) -> Value {
    let mut config = layer.config();
    config.insert("name".into(), json!(name));
    json!({
        "module": layer.module(),
        "class_name": layer.class_name(),
        "config": config,
        "registered_name": null,
    })
}

/// As [`weights`], of a part that the layer's config describes as a layer.
///
/// # Errors
/// What the layer returns.
pub(crate) fn described_weights(
    layer: &dyn Layer,
    part: &str,
    name: &str,
    inputs: &[Shape],
) -> Result<Vec<Weight>> {
    Ok(weights(layer, part, name, inputs)?.into_iter().map(Weight::described).collect())
}

/// The weights of a part: `part` is what files call it (`"cell"`), `name` what paths call it
/// (`"lstm_cell"`).
///
/// # Errors
/// What the layer returns.
pub(crate) fn weights(
    layer: &dyn Layer,
    part: &str,
    name: &str,
    inputs: &[Shape],
) -> Result<Vec<Weight>> {
    let own = layer.weights(inputs)?.into_iter();
    let is_frozen = !layer.options().trainable;
    Ok(own
        .map(|weight| {
            let mut weight = weight.within(part, name);
            weight.frozen |= is_frozen;
            weight
        })
        .collect())
}
