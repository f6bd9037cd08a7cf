//! Operations that do what a layer does: pooling, resizing.

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::{Value, json};

use super::kind::{Operands, kinds};
use crate::layers::REGISTRY;

/// What the layer of this class and config makes of `x`.
fn as_layer<'g>(
    operands: &Operands<'_, 'g>,
    x: Node<'g>,
    class_name: &str,
    config: Value,
) -> Result<Vec<Node<'g>>> {
    let layer = REGISTRY.deserialize(&json!({"class_name": class_name, "config": config}))?;
    layer.weights(&[x.shape()])?;
    layer.call(&[x], operands.call)
}

/// Pooling over as many axes as there are between batch and channels, with these settings.
fn pool<'g>(
    operands: &Operands<'_, 'g>,
    class_name: &str,
    settings: &[&str],
) -> Result<Vec<Node<'g>>> {
    let x = operands.float("inputs")?;
    let class_name = format!("{class_name}{}D", x.ndim().saturating_sub(2));
    let config: Value =
        settings.iter().map(|&name| (name.to_string(), operands.value(name).clone())).collect();
    as_layer(operands, x, &class_name, config)
}

fn resize<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let mut config: Value = operands.config.clone().into();
    let size = operands.value("size");
    for (at, name) in ["height", "width"].into_iter().enumerate() {
        config[name] = size.get(at).cloned().unwrap_or_default();
    }
    if let Some(config) = config.as_object_mut() {
        config.remove("size");
    }
    as_layer(operands, operands.node("images")?, "Resizing", config)
}

const BY_SIZE: &[&str] = &["pool_size", "strides", "padding", "data_format"];
const BY_NUMBER: &[&str] = &["output_size", "data_format"];

kinds! { "ops.nn";
    MaxPool(inputs) [pool_size = "!", strides = "null", padding = "\"valid\"", data_format = "null"]
        => |o| pool(o, "MaxPooling", BY_SIZE);
    AveragePool(inputs) [pool_size = "!", strides = "null", padding = "\"valid\"", data_format = "null"]
        => |o| pool(o, "AveragePooling", BY_SIZE);
    AdaptiveMaxPool(inputs) [output_size = "!", data_format = "null"]
        => |o| pool(o, "AdaptiveMaxPooling", BY_NUMBER);
    AdaptiveAveragePool(inputs) [output_size = "!", data_format = "null"]
        => |o| pool(o, "AdaptiveAveragePooling", BY_NUMBER);
}

/// Those of another module.
pub(super) mod image {
    use super::{kinds, resize};

    kinds! { "ops.image";
        Resize(images) [
            size = "!", interpolation = "\"bilinear\"", antialias = "false",
            crop_to_aspect_ratio = "false", pad_to_aspect_ratio = "false",
            fill_mode = "\"constant\"", fill_value = "0.0", data_format = "null"
        ] => resize;
    }
}
