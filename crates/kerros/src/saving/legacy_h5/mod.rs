//! The HDF5 format of Keras 1 and 2 that Keras 3 still reads and writes: whole models (`.h5`)
//! and weights alone, turned into the content of a `.keras` file and back.
//!
//! A whole model has its config and how it was compiled in the attributes `model_config` and
//! `training_config`, and a group `model_weights`; a file of weights is that group alone. There,
//! the attribute `layer_names` lists a group per layer, and its attribute `weight_names` the
//! layer's arrays in order. Names mean little: Keras goes by order.
//!
//! # Source
//! Keras 3, `keras/src/legacy/saving/legacy_h5_format.py`; Keras 2.2.4,
//! `keras/engine/saving.py`.

use kerros_core::{Error, ErrorKind, Result, Tensor};
use serde_json::{Map, Value, json};

use super::archive::{Archive, Group, WeightTree};
use super::legacy_config::{self, Age, layer_name_of};
use super::objects::class_name;
use super::python_json;
use super::rebuild::check_model_class;
use super::weights::OPTIMIZER;
use conversion::Maker;
use parts::{Part, flat_order, named_layers, parts};

/// The attribute by which a file tells that Kerros wrote it.
const KERROS_VERSION: &str = "kerros_version";

mod attributes;
mod conversion;
mod optimizer;
mod parts;
mod write;

pub(super) use optimizer::{momentum, momentum_product};
pub(super) use write::{model, weights};

/// The content of a `.keras` file with what this tree holds, and what a user should know of it.
///
/// # Errors
/// [`ErrorKind::Format`] where an entry of the format is missing or is not JSON;
/// [`ErrorKind::Shape`] where the arrays of a layer are not as many as it has weights.
pub(super) fn archive(tree: &WeightTree) -> Result<(Archive, Vec<String>)> {
    let root = tree.group("").ok_or_else(|| missing("the root group"))?;
    let config = json_attribute(root, "model_config")?.ok_or_else(|| {
        let is_weights = root.attribute("layer_names").or(root.attribute("layer_names0")).is_some();
        let error = missing("the attribute `model_config`");
        match is_weights {
            true => error.hint("it holds weights alone: build the model, then `load_weights`"),
            false => error,
        }
    })?;
    let version = root.text("keras_version");
    let age = Age::of(version, &config);
    let (mut config, mut notes) = match legacy_config::modern(&config, version) {
        Some(modern) => (modern.config, modern.notes),
        None => (config, Vec::new()),
    };
    // Classes of Keras 3 tell no module here either, as those of Keras 2 do.
    if let (Age::Three, Some(version), Some(entries)) = (age, version, config.as_object_mut()) {
        entries.insert("keras_version".into(), version.into());
    }
    if let Some(class) = class_name(&config) {
        check_model_class(class)?;
    }
    let mut weights = layer_weights(&config, tree, "model_weights", age)?;
    if let Some(training) = json_attribute(root, "training_config")? {
        let states = named_arrays(tree, "optimizer_weights");
        config["compile_config"] = legacy_config::compile_config(training, age);
        let known = match states {
            Ok(states) if states.is_empty() => Some(Vec::new()),
            Ok(states) => optimizer::states(&config, states, age),
            Err(_) => None,
        };
        match known {
            Some(states) if states.is_empty() => {}
            Some(states) => {
                let group = weights.group_mut(OPTIMIZER);
                states.into_iter().for_each(|state| group.push(state));
            }
            None => notes.push(
                "the optimizer begins anew: its state in the file is of a layout that is not known"
                    .into(),
            ),
        }
    }
    // What Kerros wrote says so, as its `metadata.json` does.
    let own = tree.group("").and_then(|root| root.text(KERROS_VERSION));
    let metadata = own.map_or(Value::Null, |version| json!({"kerros": {"version": version}}));
    let vocabularies = Default::default();
    Ok((Archive { config, metadata, weights, vocabularies }, notes))
}

/// Whether a tree is of the old format rather than one of Keras 3's `.weights.h5`.
pub(super) fn is_legacy(tree: &WeightTree) -> bool {
    let has_names = |path: &str| {
        tree.group(path).is_some_and(|group| {
            group.attribute("layer_names").or(group.attribute("layer_names0")).is_some()
        })
    };
    has_names("") || has_names("model_weights")
}

/// The weights of a file of the old format for a model with this config, in the tree of Keras 3.
///
/// # Errors
/// [`ErrorKind::Shape`] where layers or their arrays are not as many as the model has.
pub(super) fn weights_for(config: &Value, tree: &WeightTree) -> Result<WeightTree> {
    let at = if tree.group("model_weights").is_some() { "model_weights" } else { "" };
    let version = tree.group(at).and_then(|group| group.text("keras_version"));
    let version = version.or_else(|| tree.group("").and_then(|group| group.text("keras_version")));
    // Keras 1 wrote no version beside weights alone.
    let age = match version {
        Some(version) => Age::of(Some(version), config),
        None => Age::One,
    };
    layer_weights(config, tree, at, age)
}

/// The weights of all layers below the group at `path`, in the tree of Keras 3.
fn layer_weights(config: &Value, tree: &WeightTree, path: &str, age: Age) -> Result<WeightTree> {
    let group = tree.group(path).ok_or_else(|| missing(&format!("the group `{path}`")))?;
    let root = tree.group("");
    let backend = group.text("backend").or_else(|| root.and_then(|root| root.text("backend")));
    let maker = Maker { age, is_theano: conversion::is_theano(backend) };
    let empty = Map::new();
    let model = config.get("config").and_then(Value::as_object).unwrap_or(&empty);
    let layers: Vec<(&Value, String)> =
        named_layers(model, "layers").filter(|(layer, _)| !parts(layer).is_empty()).collect();
    let mut saved = Vec::new();
    for name in attributes::names(group, "layer_names") {
        let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let arrays = named_arrays(tree, &below)?;
        if !arrays.is_empty() {
            saved.push((layer_name_of(&name), arrays));
        }
    }
    let mut result = WeightTree::default();
    for (layer, group, arrays) in matched(layers, saved)? {
        let name = layer_name(layer);
        let place = |error: Error| error.context(format!("layer `{name}`"));
        let parts = parts(layer);
        let values = distributed(&parts, arrays, maker).map_err(place)?;
        let kernels: Vec<Option<Tensor>> =
            values.iter().map(|values| values.first().cloned()).collect();
        for (at, (part, values)) in parts.iter().zip(values).enumerate() {
            let again = at.checked_sub(1).filter(|_| part.first() > 0);
            let again = again.and_then(|inner| kernels[inner].clone());
            let to = result.group_mut(&part.group(&format!("layers/{group}")));
            to.set_text("name", name);
            again.into_iter().chain(values).for_each(|value| to.push(value));
        }
    }
    Ok(result)
}

fn layer_name(layer: &Value) -> &str {
    layer.get("config").and_then(|config| config.get("name")?.as_str()).unwrap_or("layer")
}

/// Layers with the arrays that are theirs: by name where every name is that of a layer, else by
/// order, as Keras does.
#[allow(clippy::type_complexity)]
fn matched(
    layers: Vec<(&Value, String)>,
    mut saved: Vec<(String, Vec<(String, Tensor)>)>,
) -> Result<Vec<(&Value, String, Vec<(String, Tensor)>)>> {
    let is_known = |layer: &Value| parts(layer).iter().all(|part| part.variables.is_some());
    let has_name = |name: &str| layers.iter().any(|(layer, _)| layer_name(layer) == name);
    let by_name = saved.iter().all(|(name, _)| has_name(name))
        && layers.iter().all(|(layer, _)| {
            !is_known(layer) || saved.iter().any(|(name, _)| name == layer_name(layer))
        });
    let mut found = Vec::new();
    if by_name {
        for (layer, group) in layers {
            let at = saved.iter().position(|(name, _)| name == layer_name(layer));
            if let Some(at) = at {
                found.push((layer, group, saved.swap_remove(at).1));
            }
        }
        return Ok(found);
    }
    if saved.is_empty() && !layers.is_empty() {
        return Err(Error::new(ErrorKind::Shape, "no weights in the file, of any layer")
            .expected(format!(
                "those of {}",
                listed(layers.iter().map(|(layer, _)| layer_name(layer)))
            ))
            .hint("a model that was saved before it was built has none: build it, then save it"));
    }
    if layers.len() != saved.len() {
        let names = saved.iter().map(|(name, _)| name.as_str());
        let expected = layers.iter().map(|(layer, _)| layer_name(layer));
        return Err(Error::new(
            ErrorKind::Shape,
            format!("weights of {} layers in the file: {}", saved.len(), listed(names)),
        )
        .expected(format!("those of {}: {}", layers.len(), listed(expected))));
    }
    for ((layer, group), (_, arrays)) in layers.into_iter().zip(saved) {
        found.push((layer, group, arrays));
    }
    Ok(found)
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const TOLD: usize = 20;
    let names: Vec<&str> = names.collect();
    match names.len().checked_sub(TOLD) {
        Some(more @ 1..) => format!("{} and {more} more", names[..TOLD].join(", ")),
        _ if names.is_empty() => "none".into(),
        _ => names.join(", "),
    }
}

/// A layer's list of arrays, part by part, in the layout of Keras 3.
fn distributed(
    parts: &[Part<'_>],
    arrays: Vec<(String, Tensor)>,
    maker: Maker,
) -> Result<Vec<Vec<Tensor>>> {
    let Some(order) = flat_order(parts) else {
        let mut all: Vec<Vec<Tensor>> = vec![Vec::new(); parts.len()];
        // A layer that is not known keeps what it has; the reader says what it is.
        if let Some(first) = all.first_mut() {
            *first = arrays.into_iter().map(|(_, array)| array).collect();
        }
        return Ok(all);
    };
    // Variables that Keras 1 kept in more pieces than one are all trained, so that their pieces
    // stand where the first of them would.
    let mut places = Vec::new();
    for &(at, number) in &order {
        let count = parts[at].variables.as_ref().map_or(0, Vec::len);
        let pieces = maker.count(&parts[at], count);
        match pieces == count {
            true => places.push((at, number)),
            false if number == 0 => places.extend(std::iter::repeat_n((at, 0), pieces)),
            false => {}
        }
    }
    // Files that Keras 2 made of those of Keras 1 are in one piece all the same.
    if arrays.len() == order.len() {
        places.clone_from(&order);
    }
    if arrays.len() != places.len() {
        let found = arrays.iter().map(|(name, _)| name.as_str());
        let names = order.iter().filter_map(|&(at, number)| {
            parts[at].variables.as_ref()?.get(number).map(|variable| variable.name)
        });
        return Err(Error::new(
            ErrorKind::Shape,
            format!("{} weights in the file: {}", arrays.len(), listed(found)),
        )
        .expected(format!("{}: {}", order.len(), listed(names))));
    }
    let mut all: Vec<Vec<(usize, Tensor)>> = vec![Vec::new(); parts.len()];
    for ((at, number), (_, array)) in places.into_iter().zip(arrays) {
        all[at].push((number, array));
    }
    let convert = |(part, mut arrays): (&Part<'_>, Vec<(usize, Tensor)>)| {
        // A kernel that does not learn comes last in these files and first in those of Keras 3.
        arrays.sort_by_key(|(number, _)| *number);
        maker.convert(part, arrays.into_iter().map(|(_, array)| array).collect())
    };
    parts.iter().zip(all).map(convert).collect()
}

/// The datasets of a group with their names, in the order of its attribute `weight_names`.
fn named_arrays(tree: &WeightTree, path: &str) -> Result<Vec<(String, Tensor)>> {
    let Some(group) = tree.group(path) else { return Ok(Vec::new()) };
    let array = |name: String| {
        let find = |full: &str| {
            // HDF5 has no empty names.
            let parts: Vec<&str> = full.split('/').filter(|part| !part.is_empty()).collect();
            let (key, parent) = parts.split_last()?;
            tree.tensor(&parent.join("/"), key).cloned()
        };
        let full = format!("{path}/{name}");
        // To HDF5 a name that begins with `/` is a path from the root.
        let found = find(&full).or_else(|| find(name.strip_prefix('/')?));
        found.map(|array| (name, array)).ok_or_else(|| missing(&format!("the weight `{full}`")))
    };
    attributes::names(group, "weight_names").into_iter().map(array).collect()
}

/// A JSON text in an attribute; none when the attribute is absent.
fn json_attribute(group: &Group, name: &str) -> Result<Option<Value>> {
    let Some(text) = group.text(name) else { return Ok(None) };
    python_json::from_bytes(text.as_bytes()).map(Some).map_err(|error| {
        Error::new(ErrorKind::Format, format!("`{name}` is not JSON")).caused_by(error)
    })
}

fn missing(what: &str) -> Error {
    Error::new(ErrorKind::Format, format!("{what} is missing"))
        .expected("a whole model as Keras's `model.save(\"x.h5\")` writes it")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keras 2.0 named the steps of an optimizer without a scope, so they lie at the root.
    #[test]
    fn names_that_begin_with_a_slash_are_paths_from_the_root() {
        let steps = Tensor::new([1], [3.0f32]).unwrap();
        let mut tree = WeightTree::default();
        let group = tree.group_mut("optimizer_weights");
        attributes::set_names(group, "weight_names", vec!["/steps".into()]);
        assert!(named_arrays(&tree, "optimizer_weights").is_err());
        tree.group_mut("").set_dataset("steps", steps.clone());
        let found = named_arrays(&tree, "optimizer_weights").unwrap();
        assert_eq!(found, [("/steps".to_string(), steps)]);
    }
}
