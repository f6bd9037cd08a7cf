//! `Merge`, the one layer of Keras 1 for everything that joins values.

use serde_json::{Map, Value, json};

use super::set_class;

/// Turns a `Merge` whose mode is a word into the layer that does the same; a mode that is code
/// stays, to be refused by name.
pub(super) fn layer(layer: &mut Value) {
    let Some(entries) = layer.as_object_mut() else { return };
    let Some(config) = entries.get("config").and_then(Value::as_object) else { return };
    if config.get("mode_type").is_some_and(|kind| kind != "raw") {
        return;
    }
    let Some(mode) = config.get("mode").and_then(Value::as_str) else { return };
    let mut arguments = Map::new();
    arguments.insert("name".into(), config.get("name").cloned().unwrap_or(Value::Null));
    let class = match mode {
        "sum" => "Add",
        "mul" => "Multiply",
        "ave" => "Average",
        "max" => "Maximum",
        "concat" => {
            let axis = config.get("concat_axis").cloned().unwrap_or(json!(-1));
            arguments.insert("axis".into(), axis);
            "Concatenate"
        }
        "dot" | "cos" => {
            let axes = config.get("dot_axes").cloned().unwrap_or(json!(-1));
            arguments.insert("axes".into(), axes);
            arguments.insert("normalize".into(), json!(mode == "cos"));
            "Dot"
        }
        _ => return,
    };
    entries.insert("config".into(), Value::Object(arguments));
    set_class(entries, "keras.layers", class);
}
