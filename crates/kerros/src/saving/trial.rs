//! A dry run over a file: do its weights fit its layers? Nothing is allocated before that is
//! known, so that a config asking for a huge model costs no more than the file's own size.

use std::cell::RefCell;
use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::{Graph, Node, StateId};

use super::archive::{Group, WeightTree};
use super::problems::Problems;
use super::weights::{check_all_used, check_layer, layer_groups};
use crate::layers::{Call, Layer, Weight};

/// The rows that go through; any number but 1, which broadcasts.
const ROWS: usize = 3;

/// Elements of one row of a value, at most: a row of 16 GiB is a mistake, and shapes below it
/// multiply without overflow.
const MAX_ROW_ELEMENTS: usize = 1 << 32;

/// Checks layers against the weights of a file; the first layer is the input.
///
/// # Errors
/// Weights that are missing, too many or of other shapes, of all layers; a layer that cannot
/// take what the one before it gives.
pub(super) fn check(layers: &[Arc<dyn Layer>], tree: &WeightTree) -> Result<()> {
    let Some((input, layers)) = layers.split_first() else { return Ok(()) };
    let Some(row) = input.input_shape() else { return Ok(()) };
    check_size(row, "the input")?;
    let mut problems = Problems::default();
    let graph = Graph::new();
    let dims: Shape = std::iter::once(ROWS).chain(row.iter().copied()).collect();
    let mut x = graph.input("input", dims, DType::F32);
    let groups = layer_groups(layers.iter().map(|layer| layer.class_name()));
    let mut next_state = 0;
    for (layer, group) in layers.iter().zip(&groups) {
        let name = layer.options().name.clone().unwrap_or_else(|| layer.class_name().into());
        let in_layer = |error: Error| error.context(format!("layer `{name}`"));
        let group = tree.group(group);
        let row = Shape::from(&x.shape()[1..]);
        guard_statistics(&**layer, &row, group).map_err(in_layer)?;
        let weights = layer.weights(&row).map_err(in_layer)?;
        let all: Vec<&Weight> = weights.iter().collect();
        check_layer(&name, &all, group, &mut problems);
        let nodes: Vec<Node<'_>> = weights
            .iter()
            .map(|weight| {
                next_state += 1;
                graph.state(StateId(next_state - 1), weight.name, &weight.shape, weight.dtype())
            })
            .collect();
        let (losses, updates) = (RefCell::default(), RefCell::default());
        let call = Call {
            weights: &nodes,
            training: false,
            key: None,
            losses: &losses,
            updates: &updates,
        };
        x = layer.call(x, &call).map_err(in_layer)?;
        graph.check().map_err(in_layer)?;
        let shape = x.shape();
        check_size(&Shape::from(&shape[shape.ndim().min(1)..]), &format!("layer `{name}`"))?;
    }
    check_all_used(tree, &groups, &mut problems);
    problems.finish("weights do not fit the model")
}

fn check_size(row: &Shape, place: &str) -> Result<()> {
    let known = row.iter().filter(|&&dim| dim > 0);
    let size = known.copied().try_fold(1usize, |size, dim| size.checked_mul(dim));
    match size.is_some_and(|size| size <= MAX_ROW_ELEMENTS) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Format, format!("{place} gives rows of shape {row}"))
            .expected(format!("at most {MAX_ROW_ELEMENTS} elements in a row"))),
    }
}

/// A layer of given starting values makes them as it is asked for its weights: of
/// `Normalization` the file must have as many.
fn guard_statistics(layer: &dyn Layer, row: &Shape, group: Option<&Group>) -> Result<()> {
    let config = layer.config();
    if layer.class_name() != "Normalization" || !config["mean"].is_null() {
        return Ok(());
    }
    let axes = config["axis"].as_array().cloned().unwrap_or_default();
    let with_batch: Shape = std::iter::once(1).chain(row.iter().copied()).collect();
    let mut kept: Vec<usize> =
        axes.iter().filter_map(|axis| with_batch.axis(axis.as_i64()? as isize).ok()).collect();
    kept.sort_unstable();
    kept.dedup();
    let expected: Shape = kept.iter().map(|&axis| with_batch[axis]).collect();
    let found = group.and_then(|group| group.dataset("0"));
    match found.is_some_and(|mean| mean.shape() == &expected) {
        true => Ok(()),
        false => {
            let found = found.map_or("missing".into(), |mean| format!("of shape {}", mean.shape()));
            Err(Error::new(ErrorKind::Shape, format!("`mean` is {found} in the file"))
                .expected(expected.to_string()))
        }
    }
}
