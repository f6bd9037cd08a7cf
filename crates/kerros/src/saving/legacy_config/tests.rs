//! The translation against what tf.keras wrote and what Keras 3 makes of it.

use serde_json::{Value, json};

use super::super::objects::class_name;
use super::{Age, modern};
use crate::layers::LEAVES_MASKS;

/// Arguments that Keras 3 writes and older versions did not have; where they are absent, Keras
/// takes these values. Those of `ANYTHING` are drawn or follow from others.
const ADDED: &[(&str, Value)] = &[
    ("data_format", Value::Null),
    ("dilation_rate", Value::Null),
    ("optional", Value::Bool(false)),
    ("ragged", Value::Bool(false)),
    ("renorm", Value::Bool(false)),
    ("rms_scaling", Value::Bool(false)),
    ("sparse", Value::Bool(false)),
    ("synchronized", Value::Bool(false)),
    ("trainable", Value::Bool(true)),
    ("use_gate", Value::Bool(false)),
    ("zero_output_for_mask", Value::Bool(false)),
];
const ANYTHING: &[&str] =
    &["backward_layer", "data_format", "dilation_rate", "name", "renorm_momentum"];

/// How what was found differs from what Keras 3 writes.
fn difference(found: &Value, keras: &Value, place: &str) -> Option<String> {
    match (found, keras) {
        (Value::Object(found), Value::Object(keras)) => {
            for (key, value) in keras {
                let at = format!("{place}.{key}");
                let Some(found) = found.get(key) else {
                    let is_added = ADDED.iter().any(|(name, added)| name == key && added == value);
                    match value.is_null() || is_added || ANYTHING.contains(&key.as_str()) {
                        true => continue,
                        false => return Some(format!("{at} is missing: {value}")),
                    }
                };
                // Layers inside others are named anew.
                if key != "name"
                    && let Some(difference) = difference(found, value, &at)
                {
                    return Some(difference);
                }
            }
            // `SpatialDropout` alone does not say whether it is trained. That attention leaves
            // masks is said to Kerros.
            let own = ["trainable", LEAVES_MASKS];
            let extra =
                found.keys().find(|key| !keras.contains_key(*key) && !own.contains(&&***key));
            extra.map(|key| format!("{place}.{key} is not in Keras 3: {}", found[key]))
        }
        (Value::Array(found), Value::Array(keras)) if found.len() == keras.len() => {
            let mut pairs = found.iter().zip(keras).enumerate();
            pairs.find_map(|(at, (found, keras))| {
                difference(found, keras, &format!("{place}[{at}]"))
            })
        }
        (Value::Number(found), Value::Number(keras)) if found.as_f64() == keras.as_f64() => None,
        (found, keras) if found == keras => None,
        // A bare type stands for the policy of that name.
        (found, keras) if keras.is_string() && keras == &found["config"]["name"] => None,
        (found, keras) => Some(format!("{place} is {found}, in Keras 3 {keras}")),
    }
}

#[test]
fn layers_become_what_keras_3_makes_of_them() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/legacy/layers.json");
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut problems = Vec::new();
    let cases = cases["layers"].as_array().unwrap();
    assert!(cases.len() > 80);
    for case in cases {
        let model =
            json!({"class_name": "Sequential", "config": {"name": "m", "layers": [case["old"]]}});
        let found = modern(&model, Some("2.15.0")).unwrap().config;
        let layers = found["config"]["layers"].as_array().unwrap();
        // `Embedding` tells the shape of its input.
        let found = layers.last().unwrap();
        problems.extend(difference(
            found,
            &case["new"],
            case["old"]["class_name"].as_str().unwrap(),
        ));
    }
    assert!(problems.is_empty(), "{} differ:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn ages_are_told_by_version_or_by_words() {
    let dense = |config: Value| json!({"class_name": "Dense", "config": config});
    let of_1 = json!({"class_name": "Sequential", "config": [dense(json!({"output_dim": 3}))]});
    let of_2 =
        json!({"class_name": "Sequential", "config": {"layers": [dense(json!({"units": 3}))]}});
    let mut of_3 = of_2.clone();
    of_3["module"] = json!("keras");
    of_3["config"]["layers"][0]["module"] = json!("keras.layers");
    assert_eq!(Age::of(None, &of_1), Age::One);
    assert_eq!(Age::of(None, &of_2), Age::Two);
    assert_eq!(Age::of(None, &of_3), Age::Three);
    assert_eq!(Age::of(Some("2.2.4-tf"), &of_3), Age::Two);
    assert_eq!(Age::of(Some("1.2.2"), &of_2), Age::One);
    assert_eq!(Age::of(Some("3.9.0"), &of_2), Age::Three);
    assert!(modern(&of_3, None).is_none());
}

#[test]
fn keras_1_speaks_its_own_words() {
    let layer = |class: &str, config: Value| json!({"class_name": class, "config": config});
    let model = json!({
        "class_name": "Sequential",
        "keras_version": "1.2.2",
        "config": [
            layer("Convolution2D", json!({
                "name": "c", "trainable": true, "batch_input_shape": [null, 1, 8, 8],
                "input_dtype": "float32", "nb_filter": 4, "nb_row": 3, "nb_col": 2,
                "init": "uniform", "activation": "relu", "border_mode": "valid",
                "subsample": [2, 1], "dim_ordering": "th", "bias": true,
                "W_regularizer": {"name": "L1L2Regularizer", "l1": 0.0, "l2": 0.5},
                "b_regularizer": null, "activity_regularizer": null,
                "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0}, "b_constraint": null,
            })),
            layer("MaxPooling2D", json!({
                "name": "p", "pool_size": [2, 2], "strides": [2, 2], "border_mode": "same",
                "dim_ordering": "th",
            })),
            layer("LSTM", json!({
                "name": "l", "output_dim": 3, "init": "glorot_uniform", "inner_init": "orthogonal",
                "forget_bias_init": "one", "activation": "tanh",
                "inner_activation": "hard_sigmoid", "dropout_W": 0.25, "dropout_U": 0.5,
                "consume_less": "cpu", "input_dim": 5, "input_length": null,
            })),
            layer("Dropout", json!({"name": "d", "p": 0.5})),
        ],
    });
    let found = modern(&model, None).unwrap();
    let layers = found.config["config"]["layers"].as_array().unwrap();
    assert_eq!(layers[0]["config"]["batch_shape"], json!([null, 1, 8, 8]));
    let class = |at: usize| class_name(&layers[at]).unwrap();
    assert_eq!(
        [class(0), class(1), class(2), class(3)],
        ["InputLayer", "Conv2D", "MaxPooling2D", "LSTM"]
    );
    assert_eq!(
        layers[1]["config"],
        json!({
            "name": "c", "trainable": true, "activation": "relu", "kernel_size": [3, 2],
            "filters": 4, "kernel_initializer": "random_uniform", "use_bias": true,
            "padding": "valid", "strides": [2, 1], "data_format": "channels_first",
            "kernel_regularizer": {
                "module": "keras.regularizers", "class_name": "L1L2",
                "config": {"l1": 0.0, "l2": 0.5}, "registered_name": null,
            },
            "bias_regularizer": null,
            "kernel_constraint": {
                "module": "keras.constraints", "class_name": "MaxNorm",
                "config": {"max_value": 2, "axis": 0}, "registered_name": null,
            },
            "bias_constraint": null,
        })
    );
    assert_eq!(
        layers[3]["config"],
        json!({
            "name": "l", "activation": "tanh", "units": 3, "kernel_initializer": "glorot_uniform",
            "recurrent_initializer": "orthogonal", "unit_forget_bias": true,
            "recurrent_activation": "hard_sigmoid_keras_2", "dropout": 0.25,
            "recurrent_dropout": 0.5,
        })
    );
    assert_eq!(layers[4]["config"], json!({"name": "d", "rate": 0.5}));
    assert!(found.notes[0].contains("hard_sigmoid"), "{:?}", found.notes);
}

#[test]
fn merges_become_the_layers_they_were() {
    let merge = |mode: &str| {
        json!({"class_name": "Merge", "config": {
            "name": "m", "mode": mode, "mode_type": "raw", "concat_axis": 1, "dot_axes": -1,
            "output_shape": null, "output_shape_type": "raw", "output_mask": null,
            "output_mask_type": "raw", "arguments": {},
        }})
    };
    for (mode, class) in [
        ("sum", "Add"),
        ("mul", "Multiply"),
        ("ave", "Average"),
        ("max", "Maximum"),
        ("concat", "Concatenate"),
        ("dot", "Dot"),
        ("cos", "Dot"),
    ] {
        let mut layer = merge(mode);
        super::merge::layer(&mut layer);
        assert_eq!(class_name(&layer), Some(class));
    }
    let mut code = merge("sum");
    code["config"]["mode_type"] = json!("lambda");
    let before = code.clone();
    super::merge::layer(&mut code);
    assert_eq!(code, before);
}

/// Calls of a functional model, with the tensors as `layer/node/tensor`.
fn calls(layer: &Value) -> Value {
    fn short(value: &Value) -> Value {
        if class_name(value) == Some("__keras_tensor__") {
            let history = value["config"]["keras_history"].as_array().unwrap();
            return json!(format!(
                "{}/{}/{}",
                history[0].as_str().unwrap(),
                history[1],
                history[2]
            ));
        }
        match value {
            Value::Array(values) => values.iter().map(short).collect(),
            Value::Object(entries) => {
                entries.iter().map(|(key, value)| (key.clone(), short(value))).collect()
            }
            value => value.clone(),
        }
    }
    let calls = layer["inbound_nodes"].as_array().unwrap().iter();
    calls.map(|call| json!([short(&call["args"]), short(&call["kwargs"])])).collect()
}

#[test]
fn calls_are_those_of_keras_3() {
    let layer = |class: &str, name: &str, calls: Value| json!({"class_name": class, "config": {"name": name}, "name": name, "inbound_nodes": calls});
    let inner = |class: &str, name: &str, calls: Value| {
        json!({"class_name": class, "config": {"name": name, "layers": []}, "name": name,
               "inbound_nodes": calls})
    };
    let model = json!({"class_name": "Model", "config": {
        "name": "m",
        "layers": [
            layer("InputLayer", "x", json!([])),
            inner("Model", "f", json!([[["x", 0, 0, {}]], [["s", 1, 0, {}]]])),
            inner("Sequential", "s", json!([[["f", 1, 0]]])),
            layer("Add", "a", json!([[["x", 0, 0, {}], ["f", 2, 0, {}]]])),
            layer("LSTM", "l", json!([[["x", 0, 0, {}], ["a", 0, 0, {}], ["a", 0, 0, {}]]])),
            layer("MultiHeadAttention", "h", json!([[["x", 0, 0, {"value": ["a", 0, 0], "mask": null}]]])),
            layer("Dense", "d", json!([[["x", 0, 0, {"training": null}]], [["a", 0, 0, {}]]])),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["f", 2, 0], ["s", 1, 0], ["d", 1, 0]],
    }});
    let found = modern(&model, Some("2.4.0")).unwrap().config;
    assert_eq!(class_name(&found), Some("Functional"));
    let config = &found["config"];
    assert_eq!(config["input_layers"], json!(["x", 0, 0]));
    // Keras 3 counts calls of functional models from 1 here, of sequential ones from 0.
    assert_eq!(config["output_layers"], json!([["f", 2, 0], ["s", 0, 0], ["d", 1, 0]]));
    let layers = config["layers"].as_array().unwrap();
    let found: Vec<Value> = layers[1..].iter().map(calls).collect();
    assert_eq!(
        json!(found),
        json!([
            [[["x/0/0"], {}], [["s/0/0"], {}]],
            [[["f/0/0"], {}]],
            [[[["x/0/0", "f/1/0"]], {}]],
            [[["x/0/0"], {"initial_state": ["a/0/0", "a/0/0"], "mask": true}]],
            [[["x/0/0", "a/0/0"], {}]],
            [[["x/0/0"], {}], [["a/0/0"], {}]],
        ])
    );
}

#[test]
fn functions_of_tensorflow_become_operations() {
    let function = |name: &str, function: &str, call: Value| {
        json!({"class_name": "TFOpLambda", "config": {"name": name, "function": function},
               "name": name, "inbound_nodes": [call]})
    };
    let node = |kind: &str, inputs: Value, constants: Value, attributes: Value| {
        json!({"class_name": "TensorFlowOpLayer", "name": kind, "inbound_nodes": [[["x", 0, 0, {}]]],
               "config": {"name": kind, "constants": constants,
                          "node_def": {"op": kind, "input": inputs, "attr": attributes}}})
    };
    let model = json!({"class_name": "Functional", "config": {
        "name": "m", "input_layers": [["x", 0, 0]], "output_layers": [["x", 0, 0]],
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "x"}, "name": "x", "inbound_nodes": []},
            function("a", "math.multiply", json!(["x", 0, 0, {"y": 2.0, "name": null}])),
            function("b", "__operators__.add", json!(["_CONSTANT_VALUE", -1, 3.0, {"y": ["x", 0, 0]}])),
            function("c", "math.reduce_mean", json!(["x", 0, 0, {"axis": [1, 2], "keepdims": true}])),
            function("d", "concat", json!([["x", 0, 0, {"axis": -1}], ["a", 0, 0, {"axis": -1}]])),
            function("e", "__operators__.getitem", json!(["x", 0, 0, {"slice_spec": {
                "class_name": "__tuple__",
                "items": [{"start": null, "stop": null, "step": null}, 0]}}])),
            function("f", "linalg.matmul", json!(["x", 0, 0, {"b": ["a", 0, 0], "transpose_b": true}])),
            function("g", "nn.l2_normalize", json!(["x", 0, 0, {"axis": -1}])),
            function("h", "strings.lower", json!(["x", 0, 0, {}])),
            function("i", "math.reduce_sum", json!(["x", 0, 0, {"axis": 1, "surprise": 1}])),
            function("j", "split", json!(["x", 0, 0, {"num_or_size_splits": [1, 2, 3], "axis": 1}])),
            function("k", "math.add_n", json!([["x", 0, 0, {}], ["a", 0, 0, {}]])),
            function("l", "nn.bias_add", json!(["x", 0, 0, {"bias": [1.0, 2.0]}])),
            function("m", "compat.v1.gather", json!(["x", 0, 0, {
                "indices": [0, 2], "validate_indices": null, "axis": 1, "batch_dims": 0}])),
            node("Transpose", json!(["x", "perm"]), json!({"1": [0, 2, 1]}), json!({})),
            node("Mul", json!(["Mul/x", "x"]), json!({"0": 0.5}), json!({})),
            node("Mean", json!(["x", "axes"]), json!({"1": [1]}), json!({"keep_dims": {"b": true}})),
        ],
    }});
    let found = modern(&model, Some("2.4.0")).unwrap().config;
    let layers = found["config"]["layers"].as_array().unwrap();
    let short = |layer: &Value| {
        let mut config = layer["config"].clone();
        config.as_object_mut().unwrap().shift_remove("name");
        json!([layer["class_name"], config, calls(layer)[0][0]])
    };
    let ops: Vec<Value> = layers[1..].iter().map(short).collect();
    let slice =
        json!({"class_name": "__slice__", "config": {"start": null, "stop": null, "step": null}});
    assert_eq!(
        json!(ops),
        json!([
            ["Multiply", {}, ["x/0/0", 2.0]],
            ["Add", {}, [3.0, "x/0/0"]],
            ["Mean", {"axis": [1, 2], "keepdims": true}, ["x/0/0"]],
            ["Concatenate", {"axis": -1}, [["x/0/0", "a/0/0"]]],
            ["GetItem", {}, ["x/0/0", [slice, 0]]],
            ["Einsum", {"subscripts": "...ij,...kj->...ik"}, ["x/0/0", "a/0/0"]],
            ["Normalize", {"axis": -1, "order": 2, "epsilon": 1e-6}, ["x/0/0"]],
            ["TFOpLambda", {"function": "strings.lower"}, ["x/0/0"]],
            ["TFOpLambda", {"function": "math.reduce_sum"}, ["x/0/0"]],
            ["Split", {"indices_or_sections": [1, 3], "axis": 1}, ["x/0/0"]],
            ["Add", {}, ["x/0/0", "a/0/0"]],
            ["Add", {}, ["x/0/0", [1.0, 2.0]]],
            ["Take", {"axis": 1}, ["x/0/0", [0, 2]]],
            ["Transpose", {"axes": [0, 2, 1]}, ["x/0/0"]],
            ["Multiply", {}, [0.5, "x/0/0"]],
            ["Mean", {"axis": [1], "keepdims": true}, ["x/0/0"]],
        ])
    );
    assert_eq!(layers[1]["module"], "keras.src.ops.numpy");
}

#[test]
fn compile_settings_keep_their_meaning() {
    let training = json!({
        "optimizer_config": {"class_name": "Adam", "config": {
            "lr": 0.5, "beta_1": 0.9, "decay": 0.25, "epsilon": null, "amsgrad": false}},
        "loss": {"class_name": "CategoricalCrossentropy", "config": {
            "reduction": "auto", "name": "c", "from_logits": true}},
        "metrics": [[{"class_name": "MeanMetricWrapper", "config": {
            "name": "acc", "dtype": "float32", "fn": "categorical_accuracy"}}, "cosine_proximity"]],
        "sample_weight_mode": null,
        "loss_weights": null,
    });
    let found = super::compile_config(training, Age::Two);
    let optimizer = &found["optimizer"];
    let rate = &optimizer["config"]["learning_rate"];
    assert_eq!(rate["class_name"], "InverseTimeDecay");
    assert_eq!(rate["config"]["initial_learning_rate"], 0.5);
    assert_eq!(rate["config"]["decay_rate"], 0.25);
    let names: Vec<&str> =
        optimizer["config"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["beta_1", "amsgrad", "learning_rate"]);
    assert_eq!(found["loss"]["config"]["reduction"], "sum_over_batch_size");
    assert_eq!(found["metrics"][0][0]["class_name"], "CategoricalAccuracy");
    assert_eq!(found["metrics"][0][0]["config"], json!({"name": "acc", "dtype": "float32"}));
    assert_eq!(found["metrics"][0][1], "cosine_similarity");
    assert!(found.get("sample_weight_mode").is_none());
    let custom = json!({"optimizer_config": {"class_name": "Custom>Mine", "config": {}}});
    let found = super::compile_config(custom, Age::Two);
    assert_eq!(found["optimizer"]["class_name"], "Custom>Mine");
    let adagrad =
        json!({"optimizer_config": {"class_name": "Custom>Adagrad", "config": {"lr": 0.5}}});
    let found = super::compile_config(adagrad, Age::Two);
    assert_eq!(found["optimizer"]["class_name"], "Adagrad");
    assert_eq!(found["optimizer"]["config"]["initial_accumulator_value"], 0.0);
}
