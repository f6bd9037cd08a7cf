//! Groups of a weights file in the order in which a model has its layers.
//!
//! Groups are named by class and number (`layers/dense_1`), so that they mean a layer only
//! together with the order of the config they were written with. A model puts its layers in
//! Keras 3's order; configs of other versions may have another.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::archive::WeightTree;
use super::objects::class_name;
use super::split_activations;
use super::weights::groups_of;

/// The tree with each layer's group named as in `to`, where `from` is the config it was written
/// with. Layers are the same by name; what `to` does not have stays where it is.
pub(super) fn regrouped(tree: &WeightTree, from: &Value, to: &Value) -> WeightTree {
    let mut places = BTreeMap::new();
    collect(from, to, String::new(), String::new(), &mut places);
    places.retain(|from, to| from != to);
    if places.is_empty() {
        return tree.clone();
    }
    let mut result = WeightTree::default();
    for (path, group) in tree.groups() {
        let place = place(path, &places);
        let target = result.group_mut(&place);
        for (name, attribute) in group.attributes() {
            target.set_attribute(name, attribute.clone());
        }
        for (key, value) in group.datasets() {
            target.set_dataset(key, value.clone());
        }
    }
    result
}

/// The path with the longest known beginning replaced.
fn place(path: &str, places: &BTreeMap<String, String>) -> String {
    let mut end = path.len();
    loop {
        if let Some(to) = places.get(&path[..end]) {
            return format!("{to}{}", &path[end..]);
        }
        match path[..end].rfind('/') {
            Some(slash) => end = slash,
            None => return path.to_owned(),
        }
    }
}

/// Notes where the groups of a model's layers go, and those of the layers inside them.
fn collect(
    from: &Value,
    to: &Value,
    from_path: String,
    to_path: String,
    places: &mut BTreeMap<String, String>,
) {
    let (Some(from), Some(to)) = (config(from), config(to)) else { return };
    let below = |path: &str, name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}/{name}"),
    };
    // What a wrapper wraps.
    for (key, name) in
        [("layer", "layer"), ("layer", "forward_layer"), ("backward_layer", "backward_layer")]
    {
        if let (Some(from), Some(to)) = (from.get(key), to.get(key)) {
            collect(from, to, below(&from_path, name), below(&to_path, name), places);
        }
    }
    let targets: BTreeMap<&str, (&Value, String)> = named(to).collect();
    let names: BTreeSet<&str> = named(from).map(|(name, _)| name).collect();
    for (name, (layer, group)) in named(from) {
        // An activation with weights that became a layer of its own.
        let second = split_activations::name_of(name);
        if let Some((_, place)) = targets.get(&*second)
            && !names.contains(&*second)
        {
            let activation = below(&below(&from_path, &group), "activation");
            places.insert(activation, below(&to_path, place));
        }
        let Some((target, target_group)) = targets.get(name) else { continue };
        let (from_path, to_path) = (below(&from_path, &group), below(&to_path, target_group));
        places.insert(from_path.clone(), to_path.clone());
        collect(layer, target, from_path, to_path, places);
    }
}

fn config(layer: &Value) -> Option<&Map<String, Value>> {
    layer.get("config")?.as_object()
}

/// The layers of a model by name, each with its group.
fn named(config: &Map<String, Value>) -> impl Iterator<Item = (&str, (&Value, String))> {
    let layers = config.get("layers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let groups = groups_of(layers.iter().map(|layer| {
        let module = layer.get("module").and_then(Value::as_str).unwrap_or_default();
        (class_name(layer).unwrap_or_default(), module.starts_with("keras.src.ops"))
    }));
    layers.iter().zip(groups).filter_map(|(layer, group)| {
        let name = layer.get("config")?.get("name")?.as_str()?;
        (!group.is_empty()).then_some((name, (layer, group)))
    })
}

#[cfg(test)]
mod tests {
    use kerros_core::Tensor;
    use serde_json::json;

    use super::*;

    #[test]
    fn weights_follow_their_layers() {
        let dense = |name: &str| json!({"class_name": "Dense", "config": {"name": name}});
        let model = |name: &str, layers: &[Value]| json!({"class_name": "Sequential", "config": {"name": name, "layers": layers}});
        let inner = |first: &str, second: &str| model("inner", &[dense(first), dense(second)]);
        let from = model("m", &[dense("a"), dense("b"), inner("c", "d")]);
        let to = model("m", &[dense("b"), dense("a"), inner("d", "c")]);
        let mut tree = WeightTree::default();
        for (path, value) in [
            ("layers/dense/vars", 1.0),
            ("layers/dense_1/vars", 2.0),
            ("layers/sequential/layers/dense/vars", 3.0),
            ("layers/sequential/layers/dense_1/vars", 4.0),
            ("optimizer/vars", 5.0),
        ] {
            tree.group_mut(path).push(Tensor::scalar(value as f32));
        }
        let found = regrouped(&tree, &from, &to);
        let value = |path: &str| found.tensor(path, "0").unwrap().to_vec_f64()[0];
        assert_eq!(value("layers/dense/vars"), 2.0);
        assert_eq!(value("layers/dense_1/vars"), 1.0);
        assert_eq!(value("layers/sequential/layers/dense/vars"), 4.0);
        assert_eq!(value("layers/sequential/layers/dense_1/vars"), 3.0);
        assert_eq!(value("optimizer/vars"), 5.0);
        assert_eq!(regrouped(&tree, &from, &from), tree);
    }
}
