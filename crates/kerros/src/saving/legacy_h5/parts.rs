//! Which variables a layer has and where each lies in a weights file of Keras 3, by its config
//! alone. Files of Keras 2 give a layer's weights as one list: those that are trained, then the
//! others, of the layer and all layers inside it.

use serde_json::{Map, Value};

use super::super::objects::class_name;
use super::super::weights::groups_of;
use crate::layers;
use crate::layers::quantized::Mode;
use crate::object;

/// A variable of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    /// Keras's name for it.
    pub(super) name: &'static str,
    /// Whether it is one that optimizers move, unless the layer is frozen.
    pub(super) is_trained: bool,
}

/// A layer, or one inside it, that has variables of its own.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    /// Its group below that of the outer layer: `cell`, `forward_layer/cell`; empty for the
    /// outer layer itself.
    pub(super) path: String,
    pub(super) class: &'a str,
    pub(super) config: &'a Map<String, Value>,
    /// Its variables in the order of files; none for a class that is not known, which takes
    /// what there is.
    pub(super) variables: Option<Vec<Variable>>,
    /// Whether the layer, or one around it, is frozen.
    pub(super) is_frozen: bool,
}

impl Part<'_> {
    /// Where its own variables begin in that group: a layer that divides another's kernel by its
    /// norm has that kernel first, once more.
    pub(super) fn first(&self) -> usize {
        usize::from(self.class == SPECTRAL_NORMALIZATION)
    }

    /// The group of its variables below that of the outer layer.
    pub(super) fn group(&self, layer: &str) -> String {
        match self.path.as_str() {
            "" => format!("{layer}/vars"),
            path => format!("{layer}/{path}/vars"),
        }
    }
}

const SPECTRAL_NORMALIZATION: &str = "SpectralNormalization";

/// The parts of a layer that have variables.
pub(super) fn parts(layer: &Value) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    collect(layer, String::new(), false, &mut found);
    found
}

fn collect<'a>(layer: &'a Value, path: String, frozen: bool, found: &mut Vec<Part<'a>>) {
    let Some(class) = class_name(layer) else { return };
    let Some(config) = layer.get("config").and_then(Value::as_object) else { return };
    let is_frozen = frozen || config.get("trainable") == Some(&Value::Bool(false));
    let below = |name: &str| match path.as_str() {
        "" => name.to_owned(),
        path => format!("{path}/{name}"),
    };
    let mut inside = |key: &str, name: &str| {
        if let Some(inner) = config.get(key) {
            collect(inner, below(name), is_frozen, found);
        }
    };
    match class {
        "RNN" => inside("cell", "cell"),
        "TimeDistributed" | SPECTRAL_NORMALIZATION => inside("layer", "layer"),
        "Bidirectional" => {
            inside("layer", "forward_layer");
            let has_own = config.get("backward_layer").is_some_and(|inner| !inner.is_null());
            inside(if has_own { "backward_layer" } else { "layer" }, "backward_layer");
        }
        "StackedRNNCells" => several(config, "cells", &below("cells"), is_frozen, found),
        "Sequential" | "Functional" | "Pipeline" => {
            several(config, "layers", &below("layers"), is_frozen, found)
        }
        _ => {}
    }
    let mut push = |path: String, variables: Option<Vec<Variable>>| {
        if variables.as_ref().is_none_or(|variables| !variables.is_empty()) {
            found.push(Part { path, class, config, variables, is_frozen });
        }
    };
    match class {
        "SimpleRNN" | "GRU" | "LSTM" | "ConvLSTM1D" | "ConvLSTM2D" | "ConvLSTM3D" => {
            push(below("cell"), variables(class, config));
        }
        "MultiHeadAttention" | "GroupQueryAttention" | "GroupedQueryAttention" => {
            // The classes differ in how they name what they hold.
            let mark = if class == "MultiHeadAttention" { "" } else { "_" };
            let has_gate = config.get("use_gate") == Some(&Value::Bool(true));
            let roles = ["query", "key", "gate", "value", "output"];
            for role in roles.into_iter().filter(|role| has_gate || *role != "gate") {
                let mark = if role == "gate" { "_" } else { mark };
                push(below(&format!("{mark}{role}_dense")), variables("Dense", config));
            }
        }
        _ => {
            let activation = below("activation");
            push(path, variables(class, config));
            // A layer that stands for an activation has its weights after those of the layer.
            if let Some(inner) = config.get("activation")
                && inner.get("module").and_then(Value::as_str) == Some("keras.layers")
            {
                collect(inner, activation, is_frozen, found);
            }
        }
    }
}

/// Layers in a list, whose groups count their classes.
fn several<'a>(
    config: &'a Map<String, Value>,
    key: &str,
    path: &str,
    frozen: bool,
    found: &mut Vec<Part<'a>>,
) {
    for (layer, name) in named_layers(config, key) {
        collect(layer, format!("{path}/{name}"), frozen, found);
    }
}

/// The layers of a model, or the cells of a stack, each with the name of its group.
/// Operations are none.
pub(super) fn named_layers<'a>(
    config: &'a Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = (&'a Value, String)> + use<'a> {
    let is_layer = |layer: &&Value| {
        let module = layer.get("module").and_then(Value::as_str).unwrap_or_default();
        class_name(layer).is_some() && !module.starts_with("keras.src.ops")
    };
    let layers = config.get(key).and_then(Value::as_array);
    let layers: Vec<&Value> = layers.into_iter().flatten().filter(is_layer).collect();
    let groups = groups_of(layers.iter().filter_map(|layer| Some((class_name(layer)?, false))));
    let name = |group: String| group.split('/').nth(1).unwrap_or_default().to_owned();
    layers.into_iter().zip(groups.into_iter().map(name))
}

/// The variables of a class with this config; none when the class is not known.
fn variables(class: &str, config: &Map<String, Value>) -> Option<Vec<Variable>> {
    let all = variables_of_floats(class, config)?;
    let mode = match class {
        "Dense" | "EinsumDense" | "Embedding" | "ReversibleEmbedding" => Mode::of_layer(config),
        _ => None,
    };
    let Some(mode) = mode else { return Some(all) };
    // What learns is not the table, which is described by what stands behind all others.
    let untrained = |name: &'static str| Variable { name, is_trained: false };
    let mut quantized = Vec::new();
    let mut ranges = Vec::new();
    for variable in all {
        match mode.ranges(variable.name) {
            [] => quantized.push(variable),
            of_table => {
                quantized.append(&mut ranges);
                quantized.push(untrained(variable.name));
                ranges = of_table.iter().map(|&name| untrained(name)).collect();
            }
        }
    }
    quantized.extend(ranges);
    Some(quantized)
}

/// The variables of a class that is not quantized.
fn variables_of_floats(class: &str, config: &Map<String, Value>) -> Option<Vec<Variable>> {
    let is_set = |name: &str, default: bool| match config.get(name) {
        Some(value) => object::truth(value).unwrap_or(default),
        None => default,
    };
    // A product of two matrices learns in the place of a kernel, which is frozen then.
    let has_factors = config.get("lora_rank").and_then(Value::as_u64).is_some_and(|rank| rank > 0);
    let mut all = Vec::new();
    let mut trained = |name: &'static str, is_there: bool| {
        if is_there {
            all.push(Variable { name, is_trained: true });
        }
    };
    let has_bias = is_set("use_bias", true);
    match class {
        "Dense" | "EinsumDense" | "Conv1D" | "Conv2D" | "Conv3D" if has_factors => {
            let has_axes = config.get("bias_axes").is_some_and(|axes| !axes.is_null());
            trained("bias", if class == "EinsumDense" { has_axes } else { has_bias });
            trained("lora_kernel_a", true);
            trained("lora_kernel_b", true);
            all.insert(0, Variable { name: "kernel", is_trained: false });
        }
        "Embedding" | "ReversibleEmbedding" if has_factors => {
            trained("lora_embeddings_a", true);
            trained("lora_embeddings_b", true);
            all.insert(0, Variable { name: "embeddings", is_trained: false });
        }
        "Dense" | "Conv1D" | "Conv2D" | "Conv3D" | "Conv1DTranspose" | "Conv2DTranspose"
        | "Conv3DTranspose" | "DepthwiseConv1D" | "DepthwiseConv2D" | "LocallyConnected1D"
        | "LocallyConnected2D" => {
            trained("kernel", true);
            trained("bias", has_bias);
        }
        "EinsumDense" => {
            trained("kernel", true);
            trained("bias", config.get("bias_axes").is_some_and(|axes| !axes.is_null()));
        }
        "SeparableConv1D" | "SeparableConv2D" => {
            trained("depthwise_kernel", true);
            trained("pointwise_kernel", true);
            trained("bias", has_bias);
        }
        "Embedding" => trained("embeddings", true),
        "ReversibleEmbedding" => {
            trained("embeddings", true);
            trained("reverse_embeddings", !is_set("tie_weights", true));
        }
        "PReLU" => trained("alpha", true),
        "RMSNormalization" => trained("scale", true),
        "SimpleRNN" | "GRU" | "LSTM" | "ConvLSTM1D" | "ConvLSTM2D" | "ConvLSTM3D"
        | "SimpleRNNCell" | "GRUCell" | "LSTMCell" => {
            trained("kernel", true);
            trained("recurrent_kernel", true);
            trained("bias", has_bias);
        }
        "LayerNormalization" | "GroupNormalization" => {
            let scales_alone = is_set("rms_scaling", false);
            trained("gamma", scales_alone || is_set("scale", true));
            trained("beta", !scales_alone && is_set("center", true));
        }
        "LayerScale" => trained("gamma", true),
        "Attention" => {
            trained("scale", is_set("use_scale", false));
            trained("concat_score_weight", config.get("score_mode") == Some(&"concat".into()));
        }
        "AdditiveAttention" => trained("scale", is_set("use_scale", true)),
        "BatchNormalization" => {
            trained("gamma", is_set("scale", true));
            trained("beta", is_set("center", true));
            let renorm: &[&str] = match is_set("renorm", false) {
                true => &["moving_stddev", "renorm_mean", "renorm_stddev"],
                false => &[],
            };
            for &name in ["moving_mean", "moving_variance"].iter().chain(renorm) {
                all.push(Variable { name, is_trained: false });
            }
        }
        SPECTRAL_NORMALIZATION => {
            all.push(Variable { name: "vector_u", is_trained: false });
        }
        "Normalization" => {
            if config.get("mean").is_none_or(Value::is_null) {
                for name in ["mean", "variance", "count"] {
                    all.push(Variable { name, is_trained: false });
                }
            }
        }
        "RNN" | "StackedRNNCells" | "Bidirectional" | "TimeDistributed" | "Sequential"
        | "Functional" | "Pipeline" => {}
        // Every other layer of Keras has none.
        class if layers::REGISTRY.entries.iter().any(|entry| entry.class_name == class) => {}
        _ => return None,
    }
    Some(all)
}

/// The places of a layer's variables in the list of Keras 2: part and variable, the trained ones
/// of all parts first. None when a part's class is not known.
pub(super) fn flat_order(parts: &[Part<'_>]) -> Option<Vec<(usize, usize)>> {
    let mut first = Vec::new();
    let mut last = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        for (number, variable) in part.variables.as_ref()?.iter().enumerate() {
            match variable.is_trained && !part.is_frozen {
                true => first.push((at, number)),
                false => last.push((at, number)),
            }
        }
    }
    first.extend(last);
    Some(first)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn trained_weights_of_all_parts_come_first() {
        let norm = json!({"class_name": "BatchNormalization", "config": {"name": "n"}});
        let dense = json!({"class_name": "Dense", "config": {"name": "d", "use_bias": false}});
        let model = json!({"class_name": "Sequential", "config": {"layers": [norm, dense, norm]}});
        let parts = parts(&model);
        let groups: Vec<String> =
            parts.iter().map(|part| part.group("layers/sequential")).collect();
        assert_eq!(
            groups,
            [
                "layers/sequential/layers/batch_normalization/vars",
                "layers/sequential/layers/dense/vars",
                "layers/sequential/layers/batch_normalization_1/vars",
            ]
        );
        let order = flat_order(&parts).unwrap();
        assert_eq!(order, [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (0, 2), (0, 3), (2, 2), (2, 3)]);
        let mut frozen = model.clone();
        frozen["config"]["trainable"] = json!(false);
        let order = flat_order(&super::parts(&frozen)).unwrap();
        assert_eq!(order[..5], [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]);
    }

    #[test]
    fn tables_of_quantized_layers_do_not_learn() {
        let names = |class: &str, config: Value| -> Vec<(&str, bool)> {
            let found = variables(class, config.as_object().unwrap()).unwrap();
            found.into_iter().map(|variable| (variable.name, variable.is_trained)).collect()
        };
        let int8 = json!({"dtype": "int8_from_float32", "lora_rank": 2});
        let (bias, a, b) = (("bias", true), ("lora_kernel_a", true), ("lora_kernel_b", true));
        let scale = ("kernel_scale", false);
        assert_eq!(names("Dense", int8), [("kernel", false), bias, a, b, scale]);
        let int4 = json!({"dtype": "int4/4_from_float32", "tie_weights": false});
        let expected = [
            "embeddings",
            "embeddings_scale",
            "embeddings_zero",
            "g_idx",
            "reverse_embeddings",
            "reverse_embeddings_scale",
            "reverse_embeddings_zero",
        ];
        assert_eq!(names("ReversibleEmbedding", int4), expected.map(|name| (name, false)));
    }

    #[test]
    fn wrapped_layers_lie_below_their_wrappers() {
        let gru = json!({"class_name": "GRU", "config": {"units": 2}});
        let both = json!({"class_name": "Bidirectional", "config": {"layer": gru}});
        let layer = json!({"class_name": "TimeDistributed", "config": {"layer": both}});
        let paths = |layer: &Value| -> Vec<String> {
            parts(layer).into_iter().map(|part| part.path).collect()
        };
        assert_eq!(paths(&layer), ["layer/forward_layer/cell", "layer/backward_layer/cell"]);
        let attention = json!({"class_name": "MultiHeadAttention", "config": {"use_gate": true}});
        assert_eq!(
            paths(&attention),
            ["query_dense", "key_dense", "_gate_dense", "value_dense", "output_dense"]
        );
        let prelu = json!({"module": "keras.layers", "class_name": "PReLU", "config": {}});
        let dense = json!({"class_name": "Dense", "config": {"activation": prelu}});
        assert_eq!(paths(&dense), ["", "activation"]);
    }
}
