//! Models whose tables of weights real Keras has quantized (`int8`, `int4`): they load, predict,
//! learn what is left to learn, and go back to Keras with the same bytes.
//!
//! Tolerance: 1e-5 relative, plus 1e-5 of the array's largest number, as for layers of floats.
//! Whole numbers are equal: products and sums of them are exact, and both sides round the same
//! inputs.

mod keras;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keras::{assert_close, fixture, numbers, shape, tensor};
use kerros::layers::{Dense, Flatten, Layer, TimeDistributed, Wrapper};
use kerros::model::IntoLayer;
use kerros::optimizers::SGD;
use kerros::saving::archive::{Archive, Group, WeightTree};
use kerros::{DType, ErrorKind, Fit, Load, Model, Sequential, Tensor, Verbose, load_model};
use serde_json::{Value, json};

const CASES: [&str; 13] = [
    "int8_dense",
    "int8_sequence",
    "int8_equations",
    "int8_inputs",
    "int8_reversible",
    "int8_factors",
    "int4_dense",
    "int4_whole",
    "int4_equations",
    "int4_embedding",
    "int4_reversible",
    "int4_reversible_blocks",
    "int4_factors",
];

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/quantized");
    folder.join(format!("{name}.keras"))
}

fn side(name: &str) -> Value {
    fixture(&format!("quantized/{name}.json"))
}

fn tensors(list: &Value) -> Vec<Tensor> {
    list.as_array().unwrap().iter().map(tensor).collect()
}

fn load(name: &str) -> Model {
    load_model(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// All numbers close to those of a list of arrays.
#[track_caller]
fn assert_all_close(name: &str, found: &[Tensor], expected: &Value) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len(), "{name}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.shape().to_vec(), shape(&expected["shape"]), "{name} {at}");
        let (found, expected) = (found.to_vec_f64(), numbers(expected));
        let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let bound = |at: usize| 1e-5 * (expected[at].abs() + largest);
        assert_close(&format!("{name} {at}"), &found, &expected, bound);
    }
}

fn values(list: &Value) -> Value {
    let all = list.as_array().unwrap().iter().map(|weight| weight["value"].clone());
    Value::Array(all.collect())
}

#[test]
fn they_predict_as_in_keras() {
    for name in CASES {
        let side = side(name);
        let mut model = load(name);
        let expected = side["weights"].as_array().unwrap();
        let weights = model.weights().unwrap();
        assert_eq!(weights.len(), expected.len(), "{name}");
        for ((path, value), expected) in weights.iter().zip(expected) {
            let last = |path: &str| path.rsplit('/').next().unwrap().to_owned();
            assert_eq!(last(path), last(expected["name"].as_str().unwrap()), "{name} {path}");
            assert_eq!(*value, tensor(&expected["value"]), "{name} {path}");
        }
        let found = model.predict_all(tensors(&side["x"])).unwrap();
        assert_all_close(name, &found, &side["predictions"]);
    }
}

#[test]
fn what_is_not_quantized_learns() {
    for name in CASES {
        let side = side(name);
        let Some(_) = side["trained"].as_array() else { continue };
        let mut model = load(name);
        model.compile(SGD::new(0.05), "mse", ()).unwrap();
        let fit = Fit::epochs(2).batch_size(4).shuffle(false).verbose(Verbose::Silent);
        model.fit((tensors(&side["x"]), tensors(&side["y"])), fit).unwrap();
        let trained = model.get_weights().unwrap();
        assert_all_close(name, &trained, &values(&side["trained"]));
        for (at, expected) in side["weights"].as_array().unwrap().iter().enumerate() {
            let is_byte = expected["dtype"] == "int8";
            let stays = trained[at] == tensor(&expected["value"]);
            assert!(stays || !is_byte, "{name}: {} has learned", expected["name"]);
        }
    }
}

/// The same groups with the same tensors, bytes where Keras has bytes; the same settings.
#[test]
fn files_are_those_of_keras() {
    for name in CASES {
        let read = Archive::read(file(name)).unwrap();
        let written = load(name).to_archive().unwrap();
        for (path, group) in with_values(&read) {
            let found = written.weights.group(path).unwrap_or_else(|| panic!("{name} {path}"));
            assert!(found.datasets().eq(group.datasets()), "{name} {path}");
        }
        let settings = |archive: &Archive| {
            let mut found = Vec::new();
            collect(&archive.config, &mut found);
            found
        };
        assert_eq!(settings(&written), settings(&read), "{name}");
    }
}

/// The groups that hold tensors.
fn with_values(archive: &Archive) -> impl Iterator<Item = (&str, &Group)> {
    archive.weights.groups().filter(|(_, group)| group.datasets().len() > 0)
}

/// What configs say of quantization, from top to bottom.
fn collect(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
        Value::Object(entries) => {
            for (key, value) in entries {
                let is_setting = key == "quantization_config" || key == "dtype";
                match is_setting && value["module"] != "keras" && value.is_object() {
                    true => found.push(anonymous(value)),
                    false => collect(value, found),
                }
            }
        }
        _ => {}
    }
}

fn anonymous(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let kept = entries.iter().filter(|(key, _)| *key != "shared_object_id");
            kept.map(|(key, value)| (key.clone(), anonymous(value))).collect()
        }
        value => value.clone(),
    }
}

#[test]
fn totals_count_bytes() {
    for name in CASES {
        let summary = load(name).summary();
        let found = summary.lines().filter(|line| line.contains("params"));
        let found: Vec<&str> = found.map(str::trim).collect();
        let side = side(name);
        let expected: Vec<&str> =
            side["summary"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        assert_eq!(found, expected, "{name}");
    }
}

/// Also tables beside which a product has not begun to learn.
#[test]
fn every_format_holds_them() {
    let folder = tempfile::tempdir().unwrap();
    for name in CASES {
        let x = tensors(&side(name)["x"]);
        let mut model = load(name);
        let expected = model.predict_all(x.clone()).unwrap();
        for ending in ["keras", "h5"] {
            let path = folder.path().join(format!("{name}.{ending}"));
            model.save(&path).unwrap();
            let mut again = load_model(&path).unwrap();
            assert_eq!(again.get_weights().unwrap(), model.get_weights().unwrap(), "{path:?}");
            assert_eq!(again.predict_all(x.clone()).unwrap(), expected, "{path:?}");
        }
        for ending in ["weights.h5", "weights.json", "safetensors", "old.h5"] {
            let path = folder.path().join(format!("{name}.{ending}"));
            model.save_weights(&path).unwrap();
            let mut again = Model::from_json(&model.to_json().unwrap()).unwrap();
            again.load_weights(&path).unwrap();
            assert_eq!(again.get_weights().unwrap(), model.get_weights().unwrap(), "{path:?}");
        }
    }
}

/// A config without what it says of quantization.
fn of_floats(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(of_floats),
        Value::Object(entries) => {
            for (key, value) in entries {
                match key.as_str() {
                    "quantization_config" => *value = Value::Null,
                    "dtype" => *value = json!("float32"),
                    _ => of_floats(value),
                }
            }
        }
        _ => {}
    }
}

/// [`Model::quantize`] gives the bytes that Keras's gives, and its scales.
#[test]
fn models_are_quantized_as_by_keras() {
    for (name, mode) in [("int8_dense", "int8"), ("int8_sequence", "int8"), ("int4_whole", "int4")]
    {
        let read = Archive::read(file(name)).unwrap();
        let mut config = read.config.clone();
        config["config"]["layers"].as_array_mut().unwrap().iter_mut().skip(1).for_each(of_floats);
        let mut model = Model::from_json(&config.to_string()).unwrap();
        model.set_weights(&tensors(&values(&side(name)["floats"]))).unwrap();
        model.compile(SGD::new(0.01).momentum(0.5), "mse", ()).unwrap();
        let (x, y) = (tensors(&side(name)["x"]), tensors(&side(name)["y"]));
        let fit = || Fit::epochs(1).batch_size(4).verbose(Verbose::Silent);
        let states = model.optimizer_states().unwrap().len();
        model.quantize(mode).unwrap();
        let written = model.to_archive().unwrap();
        for (path, group) in with_values(&read) {
            let found = written.weights.group(path).unwrap_or_else(|| panic!("{name} {path}"));
            assert!(found.datasets().eq(group.datasets()), "{name} {path}");
        }
        let found = model.predict_all(x.clone()).unwrap();
        assert_all_close(name, &found, &side(name)["predictions"]);
        model.fit((x, y), fit()).unwrap();
        assert!(model.optimizer_states().unwrap().len() < states, "{name}");
        let error = model.quantize(mode).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::State);
        assert!(error.to_string().contains("already"), "{error}");
    }
}

/// A layer in a wrapper gives what it gives alone.
#[test]
fn wrapped_layers_are_quantized() {
    let model = |layer: Arc<dyn Layer>| {
        let mut model = Sequential::new().input([2, 3]).add(layer);
        model.set_weights(&[keras::fill(&[3, 2], 1), keras::fill(&[2], 2)]).unwrap();
        model.quantize("int8").unwrap();
        model.predict(keras::fill(&[4, 2, 3], 3)).unwrap()
    };
    let alone = model(Dense::new(2).into_layer());
    assert_eq!(model(TimeDistributed::new(Dense::new(2)).into_layer()), alone);
    assert_eq!(model(Wrapper::new(Dense::new(2)).into_layer()), alone);
}

#[test]
fn what_cannot_be_quantized_is_told() {
    let mut model = Sequential::new().input([2]).add(Dense::new(2));
    for mode in ["float8", "int4/0", "int2"] {
        let error = model.quantize(mode).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Argument);
        assert!(error.to_string().contains(mode), "{error}");
    }
    let mut model = Sequential::new().input([2]).add(Flatten::new());
    let error = model.quantize("int8").unwrap_err();
    assert!(error.to_string().contains("no layer has a table"), "{error}");
    let mut model = Sequential::new().add(Dense::new(2));
    assert_eq!(model.quantize("int8").unwrap_err().kind(), ErrorKind::State);
}

/// As in Keras a file holds the table with LoRA's product added, quantized again.
#[test]
fn files_hold_the_sum_quantized_again() {
    for name in ["int8_factors", "int4_factors"] {
        let side = side(name);
        let mut model = load(name);
        model.set_weights(&tensors(&side["factors"])).unwrap();
        let found = model.predict_all(tensors(&side["x"])).unwrap();
        assert_all_close(name, &found, &side["before"]);
        let read = Archive::read(file(name)).unwrap();
        let written = model.to_archive().unwrap();
        for (path, group) in with_values(&read) {
            let found = written.weights.group(path).unwrap();
            assert_eq!(found.datasets().len(), group.datasets().len(), "{name} {path}");
            for ((key, found), (_, expected)) in found.datasets().zip(group.datasets()) {
                let place = format!("{name} {path} {key}");
                assert_eq!(found.dtype(), expected.dtype(), "{place}");
                let (found, expected) = (found.to_vec_f64(), expected.to_vec_f64());
                // A few roundings apart in what is of floats; bytes are equal.
                assert_close(&place, &found, &expected, |at| 1e-6 * expected[at].abs());
            }
        }
    }
}

#[test]
fn a_table_of_floats_is_no_table_of_bytes() {
    let mut archive = Archive::read(file("int8_dense")).unwrap();
    let floats = archive.weights.tensor("layers/dense/vars", "0").unwrap().to_f32();
    let rest: Vec<Tensor> = archive
        .weights
        .group("layers/dense/vars")
        .unwrap()
        .datasets()
        .skip(1)
        .map(|(_, value)| value.clone())
        .collect();
    let mut weights = WeightTree::default();
    for (path, group) in archive.weights.groups() {
        let values: Vec<Tensor> = match path {
            "layers/dense/vars" => std::iter::once(floats.clone()).chain(rest.clone()).collect(),
            _ => group.datasets().map(|(_, value)| value.clone()).collect(),
        };
        values.into_iter().for_each(|value| weights.group_mut(path).push(value));
    }
    archive.weights = weights;
    let error = Load::new().archive(&archive).unwrap_err().to_string();
    assert!(error.contains("it is float32 in the file") && error.contains("int8"), "{error}");
}

#[test]
fn a_table_takes_bytes_alone() {
    let mut model = load("int8_dense");
    let mut weights = model.get_weights().unwrap();
    let table = weights.iter_mut().find(|value| value.shape().to_vec() == [8, 6]).unwrap();
    table.as_mut_slice::<f32>().unwrap()[3] = 128.0;
    let error = model.set_weights(&weights).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("element 3 is 128"), "{error}");
}

#[test]
fn what_is_not_supported_is_told() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut archive = Archive::read(file("int8_dense")).unwrap();
        change(&mut archive.config["config"]["layers"][1]["config"]);
        Load::new().archive(&archive).unwrap_err().to_string()
    };
    let mode = |mode: &str| refused(&|config| config["dtype"]["config"]["mode"] = json!(mode));
    for bad in ["float8", "gptq/4/128", "awq/4/-1", "int4/0", "int3"] {
        let error = mode(bad);
        assert!(error.contains(bad) && error.contains("expected int8"), "{error}");
    }
    let error = refused(&|config| config["dtype"]["config"]["source_name"] = json!("float16"));
    assert!(error.contains("int8 does not go with float16"), "{error}");
    let inputs = |change: &dyn Fn(&mut Value)| {
        refused(&|config| {
            change(&mut config["quantization_config"]["config"]["activation_quantizer"])
        })
    };
    let error = inputs(&|inputs| inputs["class_name"] = json!("GPTQQuantizer"));
    assert!(error.contains("expected an AbsMaxQuantizer"), "{error}");
    let error = inputs(&|inputs| inputs["config"]["value_range"] = json!([-1000, 1000]));
    assert!(error.contains("expected two numbers of -128..=127"), "{error}");
    let error = inputs(&|inputs| inputs["config"]["axis"] = json!([0]));
    assert!(error.contains("along another axis"), "{error}");
    // A layer that cannot be quantized.
    let mut archive = Archive::read(file("int8_dense")).unwrap();
    let dtype = archive.config["config"]["layers"][1]["config"]["dtype"].clone();
    archive.config["config"]["layers"][2]["config"]["dtype"] = dtype;
    let error = Load::new().archive(&archive).unwrap_err().to_string();
    assert!(error.contains("`dtype` is") && error.contains("expected one of float32"), "{error}");
}

/// Blocks of absurd lengths, and blocks that are not there.
#[test]
fn hostile_blocks_do_no_harm() {
    let mut archive = Archive::read(file("int4_embedding")).unwrap();
    let layers = archive.config["config"]["layers"].as_array_mut().unwrap();
    let layer = layers.iter_mut().find(|layer| layer["class_name"] == "Embedding").unwrap();
    layer["config"]["output_dim"] = json!(1u64 << 62);
    assert!(Load::new().archive(&archive).is_err());
    let mut model = load("int4_embedding");
    let mut weights = model.get_weights().unwrap();
    let paths: Vec<String> = model.weights().unwrap().into_iter().map(|(path, _)| path).collect();
    let blocks = paths.iter().position(|path| path.ends_with("g_idx")).unwrap();
    weights[blocks] = Tensor::full(weights[blocks].shape().clone(), 1e30f32);
    model.set_weights(&weights).unwrap();
    let words = Tensor::zeros([1, 4], DType::I32);
    let found = model.predict(&words).unwrap().to_vec_f64();
    assert!(found.iter().any(|value| value.is_nan()));
}
