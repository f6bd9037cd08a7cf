//! Absurd numbers in the configs of layers, one at a time in every place that has a number: each
//! model is refused or built, without a panic. Sizes that a layer would have to hold in memory to be
//! built must be bounded: an abort ends this test too.
//!
//! The configs are those of `fixtures/layers_*.json`, made by Keras.

use std::collections::HashSet;
use std::panic::catch_unwind;
use std::path::Path;

use kerros::Model;
use serde_json::{Value, json};

/// What stands in the place of each number in turn.
fn absurd() -> [Value; 8] {
    let powers = [1u64 << 31, (1 << 32) + 1, 1 << 62, 1 << 63, u64::MAX];
    let [a, b, c, d, e] = powers.map(Value::from);
    [json!(0), json!(-1), a, b, c, d, e, json!(1e300)]
}

/// The paths of all numbers, and of all nulls, which a number may stand in for.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) | Value::Null => found.push(path.into()),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                places(item, &format!("{path}/{at}"), found);
            }
        }
        Value::Object(entries) => {
            for (key, entry) in entries {
                places(entry, &format!("{path}/{key}"), found);
            }
        }
        _ => {}
    }
}

/// A chain of one layer, as Keras writes it.
fn chain(layer: &Value, row: &Value) -> Value {
    let shape: Vec<Value> =
        std::iter::once(Value::Null).chain(row.as_array().unwrap().iter().cloned()).collect();
    let mut layer = layer.clone();
    layer["module"] = json!("keras.layers");
    layer["registered_name"] = Value::Null;
    let input = json!({
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": shape, "name": "start"},
        "registered_name": null,
    });
    json!({
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "chain", "layers": [input, layer]},
        "registered_name": null,
    })
}

#[test]
fn no_number_of_a_config_brings_a_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let (mut seen, mut tried, mut built, mut panicked) = (HashSet::new(), 0, 0, Vec::new());
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("layers_") {
            continue;
        }
        let content: Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for case in content["cases"].as_array().unwrap() {
            let (Some(layer), Some([row])) =
                (case.get("layer"), case.get("rows").and_then(Value::as_array).map(Vec::as_slice))
            else {
                continue;
            };
            let mut paths = Vec::new();
            places(&layer["config"], "", &mut paths);
            for path in paths {
                // One case for each setting of a class: its places in a list are alike.
                let setting = path.replace(|c: char| c.is_ascii_digit(), "");
                if !seen.insert(format!("{}{setting}", layer["class_name"])) {
                    continue;
                }
                for number in absurd() {
                    let mut layer = layer.clone();
                    *layer["config"].pointer_mut(&path).unwrap() = number.clone();
                    let text = chain(&layer, row).to_string();
                    tried += 1;
                    match catch_unwind(|| Model::from_json(&text).is_ok()) {
                        Ok(is_built) => built += usize::from(is_built),
                        Err(_) => {
                            panicked.push(format!("{}{path} = {number}", layer["class_name"]));
                        }
                    }
                }
            }
        }
    }

    assert!(tried > 2000 && built > 300, "{built} built of {tried}");
    assert!(panicked.is_empty(), "{} panics: {panicked:#?}", panicked.len());
}
