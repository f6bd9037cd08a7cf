//! Layers that Keras trains again once it has loaded them, though the file says they are frozen.

use serde_json::{Value, json};

use super::families::{CONV_LSTM, all_of};
use super::objects::class_name;

/// Layers that make their parts themselves, and hand `trainable` on only when it is set later:
/// `trainable=False` in a config freezes none of their weights in Keras 3.
pub(super) const FORGETFUL: &[&str] =
    all_of![&["MultiHeadAttention", "GroupQueryAttention"], CONV_LSTM];

/// Layers that ask the layers inside whether they are frozen.
pub(super) const WRAPPERS: &[&str] = &["Bidirectional", "TimeDistributed"];

/// The wrapper in which only the layer inside says whether it is frozen.
pub(super) const ASKS_INSIDE: &str = "SpectralNormalization";

/// Lets learn what learns in Keras once this config of a model is loaded, and gives the names of
/// these layers.
pub(super) fn thaw(model: &mut Value) -> Vec<String> {
    let mut names = Vec::new();
    // A functional model that is frozen as a whole has nothing to train, whatever its layers say.
    let is_frozen = model.pointer("/config/trainable") == Some(&Value::Bool(false));
    if !is_frozen || class_name(model) == Some("Sequential") {
        thaw_in(model, &mut names);
    }
    names
}

/// What a user should know of such a layer.
pub(super) fn note(layer: &str) -> String {
    format!(
        "the layer `{layer}` is frozen in the file; Keras trains it nevertheless once it is \
         loaded, and so does Kerros, until it is frozen again"
    )
}

fn thaw_in(value: &mut Value, names: &mut Vec<String>) {
    let known = names.len();
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| thaw_in(item, names)),
        Value::Object(entries) => entries.values_mut().for_each(|item| thaw_in(item, names)),
        _ => return,
    }
    let holds_one = names.len() > known;
    let is_inside_frozen = value.pointer("/config/layer/config/trainable") == Some(&json!(false));
    let thaws = |class: &str| {
        FORGETFUL.contains(&class)
            || (holds_one && WRAPPERS.contains(&class))
            || (class == ASKS_INSIDE && !is_inside_frozen)
    };
    if !class_name(value).is_some_and(thaws) {
        return;
    }
    let Some(config) = value.get_mut("config").and_then(Value::as_object_mut) else { return };
    if config.get("trainable") != Some(&Value::Bool(false)) {
        return;
    }
    config.insert("trainable".into(), json!(true));
    // A wrapper is told by the layer in it.
    if !holds_one && let Some(name) = config.get("name").and_then(Value::as_str) {
        names.push(name.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_forgets_is_thawed() {
        let layer = |class: &str, layer: Value| {
            let config = json!({"name": class, "trainable": false, "layer": layer});
            json!({"class_name": class, "config": config})
        };
        let mut model = json!([
            layer("Dense", Value::Null),
            layer("Bidirectional", layer("ConvLSTM1D", Value::Null)),
            layer("Bidirectional", layer("LSTM", Value::Null)),
            layer("MultiHeadAttention", Value::Null),
            layer("SpectralNormalization", layer("Dense", Value::Null)),
            layer("SpectralNormalization", Value::Null),
        ]);
        let names = ["ConvLSTM1D", "MultiHeadAttention", "SpectralNormalization"];
        assert_eq!(thaw(&mut model), names);
        let trained = |value: &Value| value["config"]["trainable"].as_bool().unwrap();
        let all: Vec<bool> = model.as_array().unwrap().iter().map(trained).collect();
        assert_eq!(all, [false, true, false, true, false, true]);
        assert!(trained(&model[1]["config"]["layer"]) && !trained(&model[2]["config"]["layer"]));
    }
}
