//! Weights files of tf.keras 2.12 to 2.15 and of older Keras 3, whose groups go by other names.

use kerros_core::Tensor;
use serde_json::Value;

use super::archive::{Attribute, WeightTree};
use super::weights::OPTIMIZER;

/// The tree with the names of today, and with the learning rate among the optimizer's variables,
/// where tf.keras had none.
pub(super) fn modern(tree: &WeightTree, config: &Value) -> WeightTree {
    let mut result = WeightTree::default();
    for (path, group) in tree.groups() {
        let to = result.group_mut(&group_name(path));
        for (name, attribute) in group.attributes() {
            let attribute: Attribute = attribute.clone();
            to.set_attribute(name, attribute);
        }
        for (key, value) in group.datasets() {
            to.set_dataset(key, value.clone());
        }
    }
    insert_rate(&mut result, config);
    result
}

/// The name of a group: layers lay in `_layer_checkpoint_dependencies` up to tf.keras 2.13, and
/// the projections of attention had an underscore.
fn group_name(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        let is_attention =
            names.last().is_some_and(|above| above.starts_with("multi_head_attention"));
        let present = match name {
            "_layer_checkpoint_dependencies" => "layers",
            "_query_dense" | "_key_dense" | "_value_dense" | "_output_dense" if is_attention => {
                &name[1..]
            }
            name => name,
        };
        names.push(present);
    }
    names.join("/")
}

/// Variable 1 is the rate, a number; in tf.keras the first slot came there.
fn insert_rate(tree: &mut WeightTree, config: &Value) {
    let optimizer = config.get("compile_config").and_then(|compile| compile.get("optimizer"));
    let rate =
        optimizer.and_then(|optimizer| optimizer.get("config")?.get("learning_rate")?.as_f64());
    let Some(rate) = rate else { return };
    let Some(group) = tree.group(OPTIMIZER) else { return };
    let states: Vec<Tensor> = group.datasets().map(|(_, state)| state.clone()).collect();
    let has_none = states.get(1).is_none_or(|state| state.shape().ndim() > 0);
    if states.is_empty() || !has_none {
        return;
    }
    let rate = Tensor::scalar(rate as f32);
    let states = [states[0].clone(), rate].into_iter().chain(states.into_iter().skip(1));
    let group = tree.group_mut(OPTIMIZER);
    for (number, state) in states.enumerate() {
        group.set_dataset(number.to_string(), state);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
