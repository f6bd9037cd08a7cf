//! Models of other dtype policies than `float32`, saved by real Keras: they load and compute in
//! `float32`, train on with the optimizer's state, and keep their policies for Keras.
//!
//! Tolerance of predictions: Keras rounds every value on the way to 11 significant bits
//! (`float16`) or 8 (`bfloat16`); eight such roundings of numbers up to the largest that comes
//! out.

mod keras;

use std::path::{Path, PathBuf};

use keras::{assert_close, fixture, tensor};
use kerros::saving::archive::Archive;
use kerros::{Fit, Load, Verbose, load_model};
use serde_json::{Value, json};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/precision").join(name)
}

#[test]
fn they_compute_in_float32_and_train_on() {
    for (name, bits) in [("mixed_float16", 11), ("mixed_bfloat16", 8), ("float16", 11)] {
        let side = fixture(&format!("precision/{name}.json"));
        let mut model = load_model(file(&format!("{name}.keras"))).unwrap();
        let expected = side["weights"].as_array().unwrap().iter().map(|v| tensor(&v["value"]));
        assert_eq!(model.get_weights().unwrap(), expected.collect::<Vec<_>>(), "{name}");

        let (x, y) = (tensor(&side["x"]), tensor(&side["y"]));
        let found = model.predict(&x).unwrap().to_vec_f64();
        let expected = tensor(&side["predictions"]).to_vec_f64();
        let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let bound = 8.0 * largest * 0.5f64.powi(bits);
        assert_close(name, &found, &expected, |_| bound);

        // The steps so far are counted by what moves the weights, which another may wrap.
        let iterations = |model: &mut kerros::Model| {
            let states = model.optimizer_states().unwrap();
            let counter = states.iter().rfind(|(path, _)| path.ends_with("/iteration"));
            counter.unwrap().1.to_vec_f64()[0] as u64
        };
        assert_eq!(iterations(&mut model), side["iterations"].as_u64().unwrap(), "{name}");
        let fit = Fit::epochs(1).batch_size(x.shape()[0]).verbose(Verbose::Silent);
        model.fit((&x, &y), fit).unwrap();
        assert_eq!(iterations(&mut model), side["iterations"].as_u64().unwrap() + 1, "{name}");
    }
}

/// The dtype policies in a config, from top to bottom.
fn policies(value: &Value, found: &mut Vec<String>) {
    if value["class_name"] == "DTypePolicy" {
        found.push(value["config"]["name"].as_str().unwrap().into());
    }
    match value {
        Value::Array(list) => list.iter().for_each(|value| policies(value, found)),
        Value::Object(entries) => entries.values().for_each(|value| policies(value, found)),
        _ => {}
    }
}

#[test]
fn policies_go_back_to_keras() {
    for name in ["mixed_float16", "mixed_bfloat16", "float16"] {
        let path = file(&format!("{name}.keras"));
        let [mut read, mut written] = [vec![], vec![]];
        policies(&Archive::read(&path).unwrap().config["config"], &mut read);
        let config = load_model(&path).unwrap().to_archive().unwrap().config;
        policies(&config["config"], &mut written);
        assert!(read.iter().any(|policy| policy == name), "{name}: {read:?}");
        assert_eq!(written, read, "{name}");
        // What Keras wraps without a word is named here, so that its state is not lost.
        let scaled = config["compile_config"]["optimizer"]["class_name"] == "LossScaleOptimizer";
        assert_eq!(scaled, name == "mixed_float16");
    }
}

/// In the `.h5` files of Keras 3 no class tells its module; `Multiply` is a layer and an operation.
#[test]
fn an_operation_is_no_layer_of_its_name() {
    let path = file("mixed_bfloat16.keras");
    let x = tensor(&fixture("precision/mixed_bfloat16.json")["x"]);
    let mut archive = Archive::read(&path).unwrap();
    for layer in archive.config["config"]["layers"].as_array_mut().unwrap() {
        layer.as_object_mut().unwrap().shift_remove("module");
    }
    let bare = Load::new().archive(&archive).unwrap().predict(&x).unwrap();
    assert_eq!(bare, load_model(&path).unwrap().predict(&x).unwrap());
}

#[test]
fn what_a_layer_would_not_heed_is_refused() {
    let dense = |change: fn(&mut Value)| {
        let mut archive = Archive::read(file("mixed_bfloat16.keras")).unwrap();
        change(&mut archive.config["config"]["layers"][1]["inbound_nodes"][0]);
        Load::new().archive(&archive).unwrap_err().to_string()
    };
    let error = dense(|call| call["args"].as_array_mut().unwrap().push(json!(1.5)));
    assert!(error.contains("layer `dense` was called with 1.5 for a tensor"), "{error}");
    let error = dense(|call| call["kwargs"] = json!({"constants": 3}));
    assert!(error.contains("layer `dense` was called with the argument `constants`"), "{error}");
}

#[test]
fn an_unknown_policy_is_refused_by_name() {
    let mut archive = Archive::read(file("float16.keras")).unwrap();
    let dtype = &mut archive.config["config"]["layers"][1]["config"]["dtype"];
    dtype["config"]["name"] = json!("int8_from_float32");
    let error = Load::new().archive(&archive).unwrap_err().to_string();
    assert!(error.contains("`dtype` is \"int8_from_float32\", expected one of float32"), "{error}");
}
