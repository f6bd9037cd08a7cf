//! The weights of layers and the state of the optimizer, in and out of a weights file.

use std::collections::BTreeMap;

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};

use super::archive::{Group, WeightTree};
use super::problems::Problems;
use crate::layers::{Weight, low_rank, quantized};
use crate::model::{Model, Network, WeightEntry, names::snake_case};

/// The group of the optimizer's variables.
pub(super) const OPTIMIZER: &str = "optimizer/vars";

/// The groups of layers in a weights file, in the order of the layers; none for operations.
///
/// Keras goes by the class, counted within the model (`layers/dense`, `layers/dense_1`), not by
/// the layers' names.
pub(crate) fn layer_groups(network: &Network) -> Vec<String> {
    let layers = network.layers.iter();
    groups_of(layers.map(|entry| (entry.layer.class_name(), entry.layer.is_operation())))
}

/// The groups of layers of these classes; the flags say which are operations.
pub(super) fn groups_of<'a>(classes: impl Iterator<Item = (&'a str, bool)>) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let group = |(class, is_operation): (&str, bool)| {
        if is_operation {
            return String::new();
        }
        let base = snake_case(class);
        let count = counts.entry(base.clone()).or_default();
        *count += 1;
        match *count {
            1 => format!("layers/{base}"),
            count => format!("layers/{base}_{}", count - 1),
        }
    };
    classes.map(group).collect()
}

/// The group of a weight, below that of its layer.
fn vars(layer: &str, part: &str) -> String {
    if part.is_empty() { format!("{layer}/vars") } else { format!("{layer}/{part}/vars") }
}

/// The parts of its layer in whose groups a weight is.
fn parts(weight: &Weight) -> impl Iterator<Item = &str> {
    let twin = Some(&*weight.twin).filter(|twin| !twin.is_empty());
    std::iter::once(&*weight.part).chain(twin)
}

/// How a file holds kernels in whose place a product of two matrices learns (`lora_rank`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernels {
    /// With the product added, and without the matrices: as Keras 3.
    Merged,
    /// As they are, with the matrices beside them: as in Keras's old format.
    Apart,
}

/// All weights, and the optimizer's state when the model is compiled.
pub(super) fn write(model: &mut Model, kernels: Kernels) -> Result<WeightTree> {
    let values = model.get_weights()?;
    let optimizer = match model.is_compiled() {
        true => Some(model.optimizer_states()?),
        false => None,
    };
    let mut tree = WeightTree::default();
    tree.group_mut("vars").set_text("name", model.name());
    let network = model.network();
    let groups = layer_groups(network);
    for (entry, group) in network.layers.iter().zip(&groups) {
        if !entry.layer.is_operation() {
            tree.group_mut(&vars(group, "")).set_text("name", &*entry.name);
        }
    }
    let entries = || network.weights.iter().filter(|entry| !entry.weight.is_memory);
    let values = match kernels {
        Kernels::Merged => low_rank::merged(entries().map(|entry| &entry.weight), values)?,
        Kernels::Apart => values,
    };
    let mut ordered: Vec<(&WeightEntry, Tensor)> = entries().zip(values).collect();
    ordered.sort_by_key(|(entry, _)| is_late(&entry.weight));
    for (entry, value) in ordered {
        let value = match entry.weight.is_byte() {
            true => value.to_i8().map_err(|error| error.context(format!("`{}`", entry.path)))?,
            false => value,
        };
        if kernels == Kernels::Merged && is_factor(&entry.weight) {
            continue;
        }
        for part in parts(&entry.weight) {
            let group = tree.group_mut(&vars(&groups[entry.layer], part));
            if !part.is_empty() {
                let mut names = entry.weight.name.rsplit('/').skip(1);
                group.set_text("name", names.next().unwrap_or_default());
            }
            group.push(value.clone());
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

/// Within each part files have weights in the order of their places, but for a table that is
/// quantized: the first one.
fn is_late(weight: &Weight) -> bool {
    !weight.quantized.as_ref().is_some_and(quantized::Role::comes_first)
}

/// Whether a weight is one of two matrices whose product learns in a kernel's place.
pub(super) fn is_factor(weight: &Weight) -> bool {
    weight.low_rank.is_some_and(low_rank::Role::is_factor)
}

/// The weights for a network that is built, in the order of [`Model::get_weights`]. The matrices
/// whose product learns in a kernel's place are zeros where the file does not have them, both of
/// them, as in Keras.
///
/// # Errors
/// What is missing, too much or of another shape or type, of all layers.
pub(super) fn read(network: &Network, tree: &WeightTree) -> Result<Vec<Tensor>> {
    let mut problems = Problems::default();
    let groups = layer_groups(network);
    // The places of the weights of each group, in the order of the file.
    let mut wanted: Vec<(String, usize, Vec<usize>)> = Vec::new();
    for (layer, group) in groups.iter().enumerate() {
        wanted.push((vars(group, ""), layer, Vec::new()));
    }
    let mut ordered: Vec<(usize, &WeightEntry)> = network.weights.iter().enumerate().collect();
    ordered.sort_by_key(|(_, entry)| is_late(&entry.weight));
    for (place, entry) in ordered {
        if entry.weight.is_memory {
            continue;
        }
        for part in parts(&entry.weight) {
            let path = vars(&groups[entry.layer], part);
            let is_group = |(known, layer, _): &&mut (String, usize, Vec<usize>)| {
                *layer == entry.layer && *known == path
            };
            match wanted.iter_mut().find(is_group) {
                Some((.., places)) => places.push(place),
                None => wanted.push((path, entry.layer, vec![place])),
            }
        }
    }
    let mut values: Vec<Option<Tensor>> = vec![None; network.weights.len()];
    for (path, layer, places) in &wanted {
        let group = tree.group(path);
        let weight = |at: usize| &network.weights[at].weight;
        let (factors, kept): (Vec<usize>, _) =
            places.iter().partition(|&&at| is_factor(weight(at)));
        let has_factors = group.is_some_and(|group| group.datasets().len() == places.len());
        let kept = if has_factors { places } else { &kept };
        if !has_factors {
            let zeros = |at: usize| Tensor::zeros(weight(at).shape.clone(), weight(at).dtype());
            factors.into_iter().for_each(|at| values[at] = Some(zeros(at)));
        }
        let weights: Vec<&Weight> = kept.iter().map(|&at| weight(at)).collect();
        let name = &network.layers[*layer].name;
        let found = check_group(name, &weights, group, &mut problems);
        for (&place, value) in kept.iter().zip(found) {
            values[place] = Some(value);
        }
    }
    let paths: Vec<&str> = wanted.iter().map(|(path, ..)| path.as_str()).collect();
    check_all_used(tree, &paths, &mut problems);
    problems.finish("weights do not fit the model")?;
    let missing = || Error::new(ErrorKind::Internal, "a weight was not read");
    let values = values.into_iter().zip(&network.weights);
    let lasting = values.filter(|(_, entry)| !entry.weight.is_memory);
    lasting.map(|(value, _)| value.ok_or_else(missing)).collect()
}

/// The values of a group's weights when they are all there and fit. What is missing, too much
/// or of another shape or type is noted.
fn check_group(
    name: &str,
    wanted: &[&Weight],
    group: Option<&Group>,
    problems: &mut Problems,
) -> Vec<Tensor> {
    let place = format!("layer `{name}`");
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
        values.extend(problems.keep(&of, held(value, weight)));
    }
    values
}

/// A value of the file as the model keeps it.
fn held(value: &Tensor, weight: &Weight) -> Result<Tensor> {
    match weight.is_byte() && value.dtype() != DType::I8 {
        true => Err(Error::new(ErrorKind::DType, format!("it is {} in the file", value.dtype()))
            .expected("int8: the layer is quantized")
            .hint("quantize the model in Keras, and save it again")),
        false => weight.held(value),
    }
}

/// Notes weights in the file that nothing takes.
fn check_all_used(tree: &WeightTree, groups: &[&str], problems: &mut Problems) {
    for (path, group) in tree.groups() {
        let is_used = groups.contains(&path);
        // Random numbers of Dropout are Keras's own; totals of metrics begin anew anyway.
        // What a backup of a run holds beside the model is not the model's.
        let is_passing = path.ends_with("seed_generator/vars")
            || path.starts_with("metrics/")
            || path.starts_with("kerros/");
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
        let groups = groups_of(classes.into_iter().map(|class| (class, false)));
        let names: Vec<&str> =
            groups.iter().map(|group| group.split('/').nth(1).unwrap()).collect();
        assert_eq!(names, ["dense", "p_re_lu", "dense_1", "leaky_re_lu", "dense_2"]);
    }
}
