//! Model configs as Keras 1, Keras 2 and tf.keras wrote them, in the words of Keras 3.
//!
//! JSON in, JSON out: what comes out is what Keras 3 would write of the same model, so that one
//! reader serves files of every age. Whatever has no counterpart stays as it was, under its own
//! name, for the reader to report.
//!
//! # Numbers of the file's own time
//! Where a word changed its meaning, the file's meaning is kept: `hard_sigmoid` of Keras 1 and 2
//! is `x / 5 + 1 / 2` cut to `0..1` (Keras 3 has `x / 6 + 1 / 2`), a `GRU` without `reset_after`
//! resets before the product, optimizers with `decay` follow `InverseTimeDecay`, and `Adagrad`
//! without a starting value begins at 0. Keras 3 reads the same words in its own sense, so its
//! numbers differ from those the model was trained with.
//!
//! # Source
//! What Keras 1.2.2, Keras 2.0.8 to 2.3.1 and tf.keras 2.2 to 2.15 write, and the interface
//! converters of Keras 2 (`keras/legacy/interfaces.py`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::objects::class_name;

mod arguments;
mod compile;
mod formulas;
mod functions;
mod images;
mod layer;
mod merge;
mod nodes;
mod objects;
mod operations;
mod shapes;
mod tensorflow_nodes;
mod windows;

#[cfg(test)]
mod tests;

pub(super) use compile::compile_config;

/// Which Keras wrote a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Age {
    /// Keras 0.3 to 1.2.
    One,
    /// Keras 2 and tf.keras up to 2.15.
    Two,
    /// Keras 3: nothing is to be done.
    Three,
}

impl Age {
    /// The age of a file: by its version where it tells one (`"2.3.1"`, `"2.2.4-tf"`), else by
    /// the shape of its config.
    pub(super) fn of(version: Option<&str>, model: &Value) -> Self {
        let version = version.or_else(|| model.get("keras_version").and_then(Value::as_str));
        match version.and_then(|version| version.trim().chars().next()) {
            Some('0' | '1') => return Age::One,
            Some('2') => return Age::Two,
            Some(_) => return Age::Three,
            None => {}
        }
        let is_bare = |value: &Value| class_name(value).is_some() && value.get("module").is_none();
        let layers = model.get("config").and_then(|config| config.get("layers"));
        let are_bare = layers.and_then(Value::as_array).is_some_and(|all| all.iter().any(is_bare));
        match is_bare(model) || are_bare {
            true if has_words_of_keras_1(model) => Age::One,
            true => Age::Two,
            false => Age::Three,
        }
    }
}

/// Whether a config without a version is of Keras 1: a sequential model is a bare list there,
/// and sizes have other names.
fn has_words_of_keras_1(model: &Value) -> bool {
    const WORDS: [&str; 5] =
        ["nb_filter", "output_dim", "border_mode", "W_regularizer", "b_constraint"];
    let Some(config) = model.get("config") else { return false };
    let layers = config.as_array().or_else(|| config.get("layers")?.as_array());
    let is_old = |layer: &Value| {
        let words = layer.get("config").and_then(Value::as_object);
        // `Embedding` has an `output_dim` to this day.
        words.is_some_and(|words| WORDS.iter().any(|word| words.contains_key(*word)))
            && class_name(layer) != Some("Embedding")
    };
    config.is_array() || layers.is_some_and(|layers| layers.iter().any(is_old))
}

/// A config in the words of Keras 3.
#[derive(Debug)]
pub(super) struct Modern {
    /// The model.
    pub(super) config: Value,
    /// What a user should know: words that keep the meaning of their time.
    pub(super) notes: Vec<String>,
}

/// The model's config in the words of Keras 3; none when it is in them already.
///
/// `version` is what the file says besides the config.
pub(super) fn modern(model: &Value, version: Option<&str>) -> Option<Modern> {
    let age = Age::of(version, model);
    if age == Age::Three {
        return None;
    }
    let mut model = objects::plain(model);
    let mut context = Context { age, notes: Vec::new() };
    context.model(&mut model);
    if let Some(entries) = model.as_object_mut() {
        entries.shift_remove("keras_version");
        entries.shift_remove("backend");
    }
    Some(Modern { config: model, notes: context.notes })
}

/// What the translation of a part depends on, and what it finds.
struct Context {
    age: Age,
    notes: Vec<String>,
}

impl Context {
    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A serialized model: its own entries, its layers and how they call each other.
    fn model(&mut self, model: &mut Value) {
        let Some(class) = class_name(model).map(str::to_owned) else { return };
        let Some(entries) = model.as_object_mut() else { return };
        match class.as_str() {
            "Sequential" => {
                self.sequential(entries.get_mut("config"));
                set_class(entries, "keras", "Sequential");
            }
            // A class of the user's own with its layers in the file is a functional model too,
            // but its `call` may be another: the reader says so.
            "Model" | "Functional" => {
                self.functional(entries.get_mut("config"));
                set_class(entries, "keras.src.models.functional", "Functional");
                entries.insert("registered_name".into(), json!("Functional"));
            }
            _ => {}
        }
        if let Some(compile) = entries.get("compile_config").filter(|value| value.is_object()) {
            let compile = compile_config(compile.clone(), self.age);
            entries.insert("compile_config".into(), compile);
        }
    }

    fn sequential(&mut self, config: Option<&mut Value>) {
        let Some(config) = config else { return };
        if let Some(layers) = config.as_array_mut().map(std::mem::take) {
            *config = json!({"name": "sequential", "layers": layers});
        }
        let Some(config) = config.as_object_mut() else { return };
        if let Some(shape) = config.shift_remove("batch_input_shape") {
            config.entry("build_input_shape").or_insert(shape);
        }
        self.model_options(config);
        let Some(layers) = config.get_mut("layers").and_then(Value::as_array_mut) else { return };
        let input = layers.first().and_then(|first| self.input_of(first));
        layers.iter_mut().for_each(|layer| self.layer(layer));
        if let Some(input) = input {
            layers.insert(0, input);
        }
    }

    /// The input that the first layer of a sequential model was given as an argument.
    fn input_of(&self, first: &Value) -> Option<Value> {
        let config = first.get("config")?.as_object()?;
        if matches!(class_name(first), Some("InputLayer" | "Sequential" | "Model" | "Functional")) {
            return None;
        }
        // Keras 3 keeps the batch axis of `Input(batch_shape=...)` just so.
        let shape = match config.get("batch_input_shape") {
            Some(shape) => shape.as_array()?.clone(),
            None => {
                let row = config.get("input_shape")?.as_array()?.clone();
                std::iter::once(Value::Null).chain(row).collect()
            }
        };
        let name = config.get("name").and_then(Value::as_str).unwrap_or("input");
        let dtype = config.get("input_dtype").or_else(|| config.get("dtype"));
        let dtype = dtype.and_then(Value::as_str).unwrap_or("float32");
        Some(json!({
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": {"batch_shape": shape, "dtype": dtype, "name": format!("{name}_input")},
            "registered_name": null,
        }))
    }

    fn functional(&mut self, config: Option<&mut Value>) {
        let Some(config) = config.and_then(Value::as_object_mut) else { return };
        self.model_options(config);
        let Some(layers) = config.get_mut("layers").and_then(Value::as_array_mut) else { return };
        for layer in layers.iter_mut() {
            if layer.get("name").is_none()
                && let Some(name) = layer.get("config").and_then(|config| config.get("name"))
            {
                let name = name.clone();
                layer["name"] = name;
            }
        }
        nodes::rename(config);
        // Counted from the file's own words, before they change.
        let nested = nodes::nested(config);
        let mut causal = BTreeMap::new();
        if let Some(layers) = config.get_mut("layers").and_then(Value::as_array_mut) {
            for layer in layers.iter_mut() {
                if let Some(name) = layer.get("name").and_then(Value::as_str).map(str::to_owned) {
                    causal.insert(name, layer::is_causal(layer));
                }
                self.layer(layer);
            }
            for layer in layers.iter_mut() {
                nodes::modern(layer, &nested, &causal);
            }
            shapes::fold(layers);
            let all = std::mem::take(layers);
            layers.extend(all.into_iter().flat_map(|mut layer| {
                let mut steps = match class_name(&layer) {
                    Some("TFOpLambda" | "SlicingOpLambda") => operations::modern(&mut layer),
                    Some("TensorFlowOpLayer") => {
                        tensorflow_nodes::modern(&mut layer);
                        Vec::new()
                    }
                    _ => Vec::new(),
                };
                steps.push(layer);
                steps
            }));
        }
        for ends in ["input_layers", "output_layers"] {
            if let Some(ends) = config.get_mut(ends) {
                nodes::ends(ends, &nested);
            }
        }
    }

    /// Name, trainability and type of a model.
    fn model_options(&mut self, config: &mut Map<String, Value>) {
        if let Some(dtype) = config.get("dtype") {
            let policy = objects::dtype_policy(dtype);
            config.insert("dtype".into(), policy);
        }
    }
}

/// The name of a layer without `/`, which Keras 3 does not allow and Keras 2 did
/// (`conv1/bn`).
pub(super) fn layer_name_of(name: &str) -> String {
    name.replace('/', "_")
}

/// Names a class as Keras 3 does, its module first.
fn set_class(entries: &mut Map<String, Value>, module: &str, class: &str) {
    let mut named = Map::new();
    named.insert("module".into(), json!(module));
    named.insert("class_name".into(), json!(class));
    for (key, value) in std::mem::take(entries) {
        if key != "module" && key != "class_name" {
            named.insert(key, value);
        }
    }
    named.insert("registered_name".into(), Value::Null);
    *entries = named;
}
