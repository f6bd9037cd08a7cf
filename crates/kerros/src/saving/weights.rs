//! The weights of layers and the state of the optimizer, in and out of a weights file.

use std::collections::BTreeMap;

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};

use super::archive::{Group, WeightTree};
use super::problems::Problems;
use crate::layers::Weight;
use crate::model::{LayerEntry, Model, names::snake_case};

/// The group of the optimizer's variables.
pub(super) const OPTIMIZER: &str = "optimizer/vars";

/// The groups of layers in a weights file, in the order of the layers.
///
/// Keras goes by the class, counted within the model (`layers/dense`, `layers/dense_1`), not by
/// the layers' names.
pub(super) fn layer_groups<'a>(classes: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let group = |class: &str| {
        let base = snake_case(class);
        let count = counts.entry(base.clone()).or_default();
        *count += 1;
        match *count {
            1 => format!("layers/{base}/vars"),
            count => format!("layers/{base}_{}/vars", count - 1),
        }
    };
    classes.map(group).collect()
}

/// All weights, and the optimizer's state when the model is compiled.
pub(super) fn write(model: &mut Model) -> Result<WeightTree> {
    let values = model.get_weights()?;
    let optimizer = match model.is_compiled() {
        true => Some(model.optimizer_states()?),
        false => None,
    };
    let mut tree = WeightTree::default();
    tree.group_mut("vars").set_text("name", model.name());
    let classes = model.layers().iter().map(|entry| entry.layer.class_name());
    for (entry, group) in model.layers().iter().zip(layer_groups(classes)) {
        let group = tree.group_mut(&group);
        group.set_text("name", &*entry.name);
        for place in file_order(entry) {
            group.push(values[place].clone());
        }
    }
    if let (Some(states), Some(compiled)) = (optimizer, &model.compiled) {
        let group = tree.group_mut(OPTIMIZER);
        group.set_text("name", compiled.optimizer.name());
        let values: Vec<Tensor> = states.into_iter().map(|(_, value)| value).collect();
        values.iter().for_each(|value| group.push(value.clone()));
        // Keras writes the states of optimizers inside a second time, and wants to find them.
        let updater = compiled.optimizer_states.as_ref().map(|own| &own.updater);
        for inside in updater.iter().flat_map(|updater| updater.groups()) {
            let group = tree.group_mut(&format!("optimizer/{}/vars", inside.path));
            group.set_text("name", inside.name);
            values[inside.states].iter().for_each(|value| group.push(value.clone()));
        }
    }
    Ok(tree)
}

/// The places of a layer's weights in the order of files: the trained ones first.
fn file_order(entry: &LayerEntry) -> Vec<usize> {
    let mut places = entry.weights.clone();
    places.sort_unstable();
    places
}

/// The weights for a model that is built, in the order of [`Model::get_weights`].
///
/// # Errors
/// What [`check_layer`] finds, of all layers; weights of layers that the model does not have.
pub(super) fn read(model: &Model, tree: &WeightTree) -> Result<Vec<Tensor>> {
    let network = model.network();
    let mut problems = Problems::default();
    let mut values: Vec<Option<Tensor>> = vec![None; network.weights.len()];
    let classes = network.layers.iter().map(|entry| entry.layer.class_name());
    let groups = layer_groups(classes);
    for (entry, group) in network.layers.iter().zip(&groups) {
        let weights: Vec<&Weight> =
            entry.weights.iter().map(|&place| &network.weights[place].weight).collect();
        let found = check_layer(&entry.name, &weights, tree.group(group), &mut problems);
        for (place, value) in file_order(entry).into_iter().zip(found) {
            values[place] = Some(value);
        }
    }
    check_all_used(tree, &groups, &mut problems);
    problems.finish("weights do not fit the model")?;
    let missing = || Error::new(ErrorKind::Internal, "a weight was not read");
    values.into_iter().map(|value| value.ok_or_else(missing)).collect()
}

/// The values of a layer's weights, in the order of files, when they are all there and fit.
/// What is missing, too much or of another shape or type is noted.
pub(super) fn check_layer(
    name: &str,
    weights: &[&Weight],
    group: Option<&Group>,
    problems: &mut Problems,
) -> Vec<Tensor> {
    let place = format!("layer `{name}`");
    let mut wanted = weights.to_vec();
    wanted.sort_by_key(|weight| !weight.trainable);
    let found: Vec<&Tensor> = group.into_iter().flat_map(Group::datasets).map(|(_, t)| t).collect();
    let are_numbered = group
        .into_iter()
        .flat_map(Group::datasets)
        .enumerate()
        .all(|(at, (key, _))| key == at.to_string());
    if found.len() != wanted.len() || !are_numbered {
        let shapes = found.iter().map(|value| value.shape().to_string());
        let expected = wanted.iter().map(|weight| format!("{} {}", weight.name, weight.shape));
        let error = Error::new(
            ErrorKind::Shape,
            format!("{} weights in the file: {}", found.len(), listed(shapes)),
        )
        .expected(format!("{}: {}", wanted.len(), listed(expected)));
        problems.note(&place, &error);
        return Vec::new();
    }
    let mut values = Vec::new();
    for (weight, value) in wanted.iter().zip(found) {
        if value.shape() != &weight.shape {
            let error = Error::new(
                ErrorKind::Shape,
                format!("`{}` has shape {} in the file", weight.name, value.shape()),
            )
            .expected(weight.shape.to_string());
            problems.note(&place, &error);
            continue;
        }
        let of = format!("{place}, `{}`", weight.name);
        values.extend(problems.keep(&of, typed(value, weight.dtype())));
    }
    values
}

/// Notes weights in the file that nothing takes.
pub(super) fn check_all_used(tree: &WeightTree, groups: &[String], problems: &mut Problems) {
    for (path, group) in tree.groups() {
        let is_used = groups.iter().any(|used| used == path);
        // Random numbers of Dropout are Keras's own; totals of metrics begin anew anyway.
        let is_passing = path.ends_with("/seed_generator/vars") || path.starts_with("metrics/");
        let is_optimizer = path.starts_with("optimizer/");
        if group.datasets().len() > 0 && !is_used && !is_passing && !is_optimizer {
            let error = Error::new(
                ErrorKind::Shape,
                format!("the file has {} weights in `{path}`", group.datasets().len()),
            )
            .expected("no weights but those of the model's layers");
            problems.note("", &error);
        }
    }
}

/// What a file says of the optimizer.
#[derive(Debug)]
pub(super) enum OptimizerState {
    /// Nothing.
    Absent,
    /// All states, in the order of [`Model::optimizer_states`].
    Whole(Vec<Tensor>),
    /// So many variables as no state of this optimizer has.
    Other {
        /// In the file.
        found: usize,
        /// In the model.
        expected: usize,
    },
}

/// The state of the optimizer of a model that is built and compiled, and has its weights.
///
/// An optimizer that had not begun when Keras saved it has no slots in the file: they come
/// from the model as they start.
///
/// # Errors
/// A state of another shape or type than the optimizer's, each by name.
pub(super) fn read_optimizer(model: &mut Model, tree: &WeightTree) -> Result<OptimizerState> {
    let found: Vec<Tensor> = match tree.group(OPTIMIZER) {
        Some(group) => group.datasets().map(|(_, value)| value.clone()).collect(),
        None => Vec::new(),
    };
    if found.is_empty() {
        return Ok(OptimizerState::Absent);
    }
    let states = model.optimizer_states()?;
    // The iteration, and the learning rate unless it is a schedule.
    let is_rate = |(path, _): &&(String, Tensor)| path.ends_with("/learning_rate");
    let unbegun = 1 + states.get(1).iter().filter(|state| is_rate(state)).count();
    if found.len() != states.len() && found.len() != unbegun {
        return Ok(OptimizerState::Other { found: found.len(), expected: states.len() });
    }
    let mut problems = Problems::default();
    let mut values = Vec::new();
    for (at, (path, start)) in states.into_iter().enumerate() {
        let Some(value) = found.get(at) else {
            values.push(start);
            continue;
        };
        if value.shape() != start.shape() {
            let error = Error::new(
                ErrorKind::Shape,
                format!("`{path}` has shape {} in the file", value.shape()),
            )
            .expected(start.shape().to_string());
            problems.note("optimizer", &error);
            continue;
        }
        let of = format!("optimizer, `{path}`");
        values.extend(problems.keep(&of, typed(value, start.dtype())));
    }
    problems.finish("states do not fit the optimizer")?;
    Ok(OptimizerState::Whole(values))
}

/// A value of the file in the type in which the model keeps it.
fn typed(value: &Tensor, dtype: DType) -> Result<Tensor> {
    match dtype {
        DType::I32 => value.to_i32(),
        _ => Ok(value.to_f32()),
    }
}

fn listed(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_count_classes_not_names() {
        let classes = ["Dense", "PReLU", "Dense", "LeakyReLU", "Dense"];
        let groups = layer_groups(classes.into_iter());
        let names: Vec<&str> =
            groups.iter().map(|group| group.split('/').nth(1).unwrap()).collect();
        assert_eq!(names, ["dense", "p_re_lu", "dense_1", "leaky_re_lu", "dense_2"]);
    }
}
