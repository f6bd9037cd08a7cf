//! Weights files of tf.keras 2.12 to 2.15 and of older Keras 3, whose groups go by other names.

use std::collections::BTreeMap;

use kerros_core::Tensor;
use serde_json::{Map, Value};

use super::archive::{Attribute, WeightTree};
use super::legacy_h5::{momentum, momentum_product};
use super::objects::class_name;
use super::weights::OPTIMIZER;
use crate::object::truth;
use crate::optimizers;
use crate::schedules::LearningRate;

/// The tree with the names and numbers of today, and with all variables of the optimizer.
pub(super) fn modern(tree: &WeightTree, config: &Value) -> WeightTree {
    let mut result = WeightTree::default();
    let counted = counted_once(tree);
    for (path, group) in tree.groups() {
        let to = result.group_mut(&group_name(path, &counted, tree));
        for (name, attribute) in group.attributes() {
            let attribute: Attribute = attribute.clone();
            to.set_attribute(name, attribute);
        }
        for (key, value) in group.datasets() {
            to.set_dataset(key, value.clone());
        }
    }
    complete_optimizer(&mut result, config);
    result
}

/// Where the layers of a model lay up to tf.keras 2.13.
const LAYERS: &str = "_layer_checkpoint_dependencies";

/// The class that `BatchNormalization(synchronized=True)` was, and the one that it is.
const SYNCHRONIZED: [&str; 2] = ["sync_batch_normalization", "batch_normalization"];

/// Whether a group is of a layer of that class beside which there is none of the other, whose
/// numbers it could have.
fn is_synchronized(name: &str, above: &str, tree: &WeightTree) -> bool {
    let other = format!("{above}{}", SYNCHRONIZED[1]);
    numbered(name).0 == SYNCHRONIZED[0] && !tree.groups().any(|(path, _)| path.starts_with(&other))
}

/// The name of a group: layers had another name and other numbers, and the projections of
/// attention had an underscore.
fn group_name(path: &str, counted: &BTreeMap<&str, String>, tree: &WeightTree) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut end = 0;
    for name in path.split('/') {
        end += name.len();
        let is_attention =
            names.last().is_some_and(|above| above.starts_with("multi_head_attention"));
        let present = match name {
            LAYERS => "layers",
            "_query_dense" | "_key_dense" | "_value_dense" | "_output_dense" if is_attention => {
                &name[1..]
            }
            name => counted.get(&path[..end]).map_or(name, String::as_str),
        };
        let is_synchronized = is_synchronized(present, &path[..end - name.len()], tree);
        let present = if is_synchronized { &present["sync_".len()..] } else { present };
        names.push(present);
        end += 1;
    }
    names.join("/")
}

/// The names of layers that are counted as Keras 3 counts them, by their old paths. Up to
/// tf.keras 2.13 a model listed its layers with weights twice, so that `dense_4` is the third.
///
/// A number that is missing is that of a layer whose weights lie elsewhere, as it is in another
/// model too. Where layers of the class have none and such gaps could be theirs, the names stay,
/// and the reader finds that they do not fit.
fn counted_once(tree: &WeightTree) -> BTreeMap<&str, String> {
    let mut classes: BTreeMap<(&str, &str), BTreeMap<usize, Group<'_>>> = BTreeMap::new();
    for (path, group) in tree.groups() {
        for (at, _) in path.match_indices(LAYERS) {
            let begin = at + LAYERS.len() + 1;
            let Some(rest) = path.get(begin..).filter(|rest| !rest.is_empty()) else { continue };
            let name = rest.split('/').next().unwrap_or(rest);
            let (class, number) = numbered(name);
            let of_class = classes.entry((&path[..begin], class)).or_default();
            let found = of_class.entry(number).or_insert(Group { path: "", has_weights: false });
            found.path = &path[..begin + name.len()];
            found.has_weights |= group.datasets().len() > 0;
        }
    }
    let mut names = BTreeMap::new();
    for ((_, class), groups) in &classes {
        if let Some(places) = places(groups) {
            for (group, place) in groups.values().zip(places) {
                let name = if place == 0 { class.to_string() } else { format!("{class}_{place}") };
                names.insert(group.path, name);
            }
        }
    }
    names
}

/// The group of a layer.
struct Group<'a> {
    path: &'a str,
    has_weights: bool,
}

/// Which layer of its class each group is, from the numbers in their names.
fn places(groups: &BTreeMap<usize, Group<'_>>) -> Option<Vec<usize>> {
    let are_all_alike = groups.values().all(|group| group.has_weights);
    let (mut place, mut next) = (0, 0);
    let mut places = Vec::new();
    for (&number, group) in groups {
        let elsewhere = number.checked_sub(next)?;
        if elsewhere > 0 && (!are_all_alike || elsewhere % 2 != 0) {
            return None;
        }
        place += elsewhere / 2;
        places.push(place);
        place += 1;
        next = number.checked_add(if group.has_weights { 2 } else { 1 })?;
    }
    Some(places)
}

/// `conv2d_4` is number 4 of the class `conv2d`, which is number 0 itself.
fn numbered(name: &str) -> (&str, usize) {
    let parted = name.rsplit_once('_');
    let number = parted.and_then(|(class, number)| Some((class, number.parse().ok()?)));
    number.unwrap_or((name, 0))
}

/// Adds what the optimizers of tf.keras did not keep: variable 1 is the rate, a number, where
/// the first slot came; the last of `Nadam` is the product of its momenta.
fn complete_optimizer(tree: &mut WeightTree, config: &Value) {
    let optimizer = config.get("compile_config").and_then(|compile| compile.get("optimizer"));
    let (Some(optimizer), Some(group)) = (optimizer, tree.group(OPTIMIZER)) else { return };
    let mut states: Vec<Tensor> = group.datasets().map(|(_, state)| state.clone()).collect();
    let is_number = |state: &Tensor| state.shape().ndim() == 0;
    let class = optimizer.as_str().or(class_name(optimizer)).unwrap_or_default();
    let is = |name: &str| class.eq_ignore_ascii_case(name);
    if is("sgd") {
        forget_unused_momenta(&mut states, optimizer.get("config").and_then(Value::as_object));
    }
    let has_rate = states.get(1).is_some_and(is_number);
    if states.is_empty() || has_rate && states.len() == group.datasets().len() {
        return;
    }
    if is("nadam") && !states.last().is_some_and(is_number) {
        let steps = states[0].to_vec_f64().first().copied().unwrap_or(0.0);
        let beta = optimizer.get("config").and_then(|config| config.get("beta_1"));
        states.push(Tensor::scalar(momentum_product(beta, 1.0, steps) as f32));
    }
    if let Some(rate) = rate(optimizer).filter(|_| !has_rate) {
        states.insert(1, Tensor::scalar(rate));
    }
    let group = tree.group_mut(OPTIMIZER);
    group.clear_datasets();
    for (number, state) in states.into_iter().enumerate() {
        group.set_dataset(number.to_string(), state);
    }
}

/// Leaves away the momenta that tf.keras saves, one for each variable after what else there is, of
/// an SGD that does not use them.
fn forget_unused_momenta(states: &mut Vec<Tensor>, options: Option<&Map<String, Value>>) {
    if options.is_some_and(|options| momentum(options) != 0.0) {
        return;
    }
    // The step, and perhaps the rate.
    let first = 1 + usize::from(states.get(1).is_some_and(|state| state.shape().ndim() == 0));
    let has_averages = options.and_then(|options| options.get("use_ema")).and_then(truth);
    let rounds = 1 + usize::from(has_averages.unwrap_or(false));
    let num_unused = states.len().saturating_sub(first) / rounds;
    states.truncate(states.len() - num_unused);
}

/// The rate of an optimizer's config, or of Keras's default where there is only its name; none
/// where it follows a schedule.
fn rate(optimizer: &Value) -> Option<f32> {
    let Some(name) = optimizer.as_str() else {
        return optimizer.get("config")?.get("learning_rate")?.as_f64().map(|rate| rate as f32);
    };
    match optimizers::REGISTRY.named(name).ok()?.options().learning_rate {
        LearningRate::Constant(rate) => Some(rate),
        LearningRate::Schedule(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `(group, whether it has weights)` in a model's list of layers, and the names of today.
    #[track_caller]
    fn assert_names(groups: &[(&str, bool)], expected: &[&str]) {
        let mut tree = WeightTree::default();
        for (name, has_weights) in groups {
            let group = tree.group_mut(&format!("a/{LAYERS}/{name}/vars"));
            if *has_weights {
                group.push(Tensor::scalar(1.0f32));
            }
        }
        let modern = modern(&tree, &json!({}));
        let mut found: Vec<&str> = modern.groups().map(|(path, _)| path).collect();
        found.retain(|path| path.ends_with("vars"));
        let mut expected: Vec<String> =
            expected.iter().map(|name| format!("a/layers/{name}/vars")).collect();
        expected.sort();
        found.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn layers_with_weights_were_counted_twice() {
        assert_names(
            &[("conv2d", true), ("conv2d_2", true), ("conv2d_4", true), ("dropout", false)],
            &["conv2d", "conv2d_1", "conv2d_2", "dropout"],
        );
        assert_names(&[("dropout", false), ("dropout_1", false)], &["dropout", "dropout_1"]);
        // The first and the third lie in another model.
        assert_names(&[("dense_2", true), ("dense_6", true)], &["dense_1", "dense_3"]);
        assert_names(
            &[("sequential", false), ("sequential_1", true), ("sequential_3", true)],
            &["sequential", "sequential_1", "sequential_2"],
        );
        // What lies elsewhere may be one with weights or two without.
        assert_names(
            &[("sequential", false), ("sequential_3", true)],
            &["sequential", "sequential_3"],
        );
    }

    #[test]
    fn synchronized_normalization_is_a_setting() {
        let names = |groups: &[&str]| -> Vec<String> {
            let mut tree = WeightTree::default();
            for name in groups {
                tree.group_mut(&format!("layers/{name}/vars")).push(Tensor::scalar(1.0f32));
            }
            let modern = modern(&tree, &json!({}));
            let names = modern.groups().map(|(path, _)| path.to_owned());
            names.filter(|path| path.ends_with("vars")).collect()
        };
        assert_eq!(
            names(&["sync_batch_normalization", "sync_batch_normalization_1"]),
            ["layers/batch_normalization/vars", "layers/batch_normalization_1/vars"]
        );
        // Which of them comes first nothing says.
        let both = ["layers/batch_normalization/vars", "layers/sync_batch_normalization/vars"];
        assert_eq!(names(&["sync_batch_normalization", "batch_normalization"]), both);
    }

    #[test]
    fn groups_of_tf_keras_get_their_present_names() {
        let mut tree = WeightTree::default();
        for path in [
            "_layer_checkpoint_dependencies/dense/vars",
            "layers/multi_head_attention_1/_query_dense/vars",
            "layers/grouped_query_attention/_query_dense/vars",
        ] {
            tree.group_mut(path).push(Tensor::scalar(1.0f32));
        }
        tree.group_mut(OPTIMIZER).push(Tensor::scalar(7i64));
        tree.group_mut(OPTIMIZER).push(Tensor::full([2], 0.5f32));
        let config = json!({"compile_config": {"optimizer": {"config": {"learning_rate": 0.25}}}});
        let tree = modern(&tree, &config);
        for path in [
            "layers/dense/vars",
            "layers/multi_head_attention_1/query_dense/vars",
            "layers/grouped_query_attention/_query_dense/vars",
        ] {
            assert_eq!(tree.group(path).map(|group| group.datasets().len()), Some(1), "{path}");
        }
        let states: Vec<&Tensor> =
            tree.group(OPTIMIZER).unwrap().datasets().map(|(_, state)| state).collect();
        assert_eq!(states[1].to_vec_f64(), [0.25]);
        assert_eq!(states[2].shape().dims(), [2]);
    }
}
