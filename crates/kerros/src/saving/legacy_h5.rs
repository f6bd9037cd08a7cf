//! Whole models in one HDF5 file (`.h5`), the format of Keras up to version 2 that Keras 3 still
//! writes: turned into the content of a `.keras` file.
//!
//! # Source
//! Keras 3, `keras/src/legacy/saving/legacy_h5_format.py`.

use kerros_core::{Error, ErrorKind, Result, Tensor};
use serde_json::{Value, json};

use super::archive::{Archive, Attribute, Group, WeightTree};
use super::objects::class_name;
use super::weights::{OPTIMIZER, groups_of};

/// The content of a `.keras` file with what this tree holds.
///
/// The state of an optimizer of Keras 2 is left out: it is laid out otherwise.
///
/// # Errors
/// [`ErrorKind::Format`] where an entry of the format is missing or is not JSON.
pub(super) fn archive(tree: &WeightTree) -> Result<Archive> {
    let root = tree.group("").ok_or_else(|| missing("the root group"))?;
    let mut config = json_attribute(root, "model_config")?
        .ok_or_else(|| missing("the attribute `model_config`"))?;
    let mut weights = WeightTree::default();
    let layers = config["config"]["layers"].as_array().cloned().unwrap_or_default();
    let named: Vec<(&str, &str)> = layers
        .iter()
        .filter_map(|layer| Some((class_name(layer)?, layer["config"]["name"].as_str()?)))
        .filter(|(class, _)| *class != "InputLayer")
        .collect();
    let groups = groups_of(named.iter().map(|(class, _)| (*class, false)));
    for ((_, name), path) in named.iter().zip(groups) {
        let found = named_weights(tree, &format!("model_weights/{name}"))?;
        let group = weights.group_mut(&format!("{path}/vars"));
        group.set_text("name", *name);
        found.into_iter().for_each(|value| group.push(value));
    }
    if let Some(training) = json_attribute(root, "training_config")? {
        config["compile_config"] = compile_config(training);
        if root.text("keras_version").is_some_and(|version| version.starts_with("3.")) {
            let group = weights.group_mut(OPTIMIZER);
            for value in named_weights(tree, "optimizer_weights")? {
                group.push(value);
            }
        }
    }
    Ok(Archive { config, metadata: Value::Null, weights })
}

/// The datasets of a group in the order of its attribute `weight_names`.
fn named_weights(tree: &WeightTree, path: &str) -> Result<Vec<Tensor>> {
    let Some(group) = tree.group(path) else { return Ok(Vec::new()) };
    let Some(Attribute::Texts(names)) = group.attribute("weight_names") else {
        return Ok(Vec::new());
    };
    let weight = |name: &String| {
        let full = format!("{path}/{name}");
        let (parent, key) = full.rsplit_once('/').unwrap_or(("", &full));
        let found = tree.tensor(parent, key);
        found.cloned().ok_or_else(|| missing(&format!("the weight `{full}`")))
    };
    names.iter().map(weight).collect()
}

/// A JSON text in an attribute; none when the attribute is absent.
fn json_attribute(group: &Group, name: &str) -> Result<Option<Value>> {
    let Some(text) = group.text(name) else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|error| {
        Error::new(ErrorKind::Format, format!("`{name}` is not JSON")).caused_by(error)
    })
}

/// `training_config` as a `compile_config`.
fn compile_config(mut training: Value) -> Value {
    let Some(entries) = training.as_object_mut() else { return json!({}) };
    let optimizer = entries.shift_remove("optimizer_config").unwrap_or(Value::Null);
    // What Keras 2 wrote beside: its saved form of `sample_weight_mode`.
    entries.retain(|key, value| !(key == "sample_weight_mode" && value.is_null()));
    entries.insert("optimizer".into(), optimizer);
    training
}

fn missing(what: &str) -> Error {
    Error::new(ErrorKind::Format, format!("{what} is missing"))
        .expected("a whole model as Keras's `model.save(\"x.h5\")` writes it")
}
