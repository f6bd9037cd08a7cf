//! Seeded graphs that nobody would write: for tests of passes, which must keep every bit of
//! any graph.

use kerros_core::program::{Binary, Unary};
use kerros_core::{DType, Tensor};
use kerros_graph::ops::{self, LinearActivation};
use kerros_graph::{Graph, Node, StateId, Type};

use crate::Draw;

/// The lengths of the two axes that everything is made of.
const ROWS: usize = 5;
/// See [`ROWS`].
const COLUMNS: usize = 8;

/// A graph's values for one run.
#[derive(Debug)]
pub struct Values {
    /// Of the inputs, in the order of their declaration.
    pub inputs: Vec<Tensor>,
    /// Of the states, by number.
    pub states: Vec<Tensor>,
}

/// Fills `graph` with about `num_nodes` operations of all kinds on the inputs `x` (floats),
/// `labels` and `key` (integers) and on two states, which are updated. Gives some outputs and
/// the values to run on; among these are zeros of both signs, infinity and NaN.
pub fn fill<'g>(draw: &mut Draw, graph: &'g Graph, num_nodes: usize) -> (Vec<Node<'g>>, Values) {
    let x = graph.input("x", [ROWS, COLUMNS], DType::F32);
    let labels = graph.input("labels", [ROWS], DType::I32);
    let key = graph.input("key", [4], DType::I32);
    let kernel = graph.state(StateId(0), "kernel", [COLUMNS, COLUMNS], DType::F32);
    let bias = graph.state(StateId(1), "bias", [COLUMNS], DType::F32);
    let mut pool = vec![x, x.exp(), x.sum(&[1]), bias, kernel, graph.constant(1.0)];
    for _ in 0..num_nodes {
        let found = step(draw, &pool, labels, key, (kernel, bias));
        pool.extend(found.filter(|node| node.dtype() == DType::F32));
    }
    for state in [kernel, bias] {
        let fitting: Vec<Node<'g>> =
            pool.iter().copied().filter(|node| node.ty() == state.ty()).collect();
        graph.assign(state, *draw.choose(&fitting));
    }
    let outputs = (0..3).map(|at| pool[pool.len() - 1 - at]).collect();
    let states = vec![draw.tensor(&kernel.ty(), (-1.0, 1.0)), draw.tensor(&bias.ty(), (-1.0, 1.0))];
    let mut values = draw.tensor(&x.ty(), (-2.0, 2.0));
    let floats = values.as_mut_slice::<f32>().expect("the input is of floats");
    for odd in [0.0, -0.0, f32::INFINITY, f32::NAN] {
        floats[draw.below(ROWS * COLUMNS)] = odd;
    }
    let labels = draw.tensor(&labels.ty(), (0.0, COLUMNS as f64));
    let key = draw.tensor(&key.ty(), (0.0, 1e6));
    (outputs, Values { inputs: vec![values, labels, key], states })
}

/// One more value made of those in the pool; nothing when what was drawn does not fit.
fn step<'g>(
    draw: &mut Draw,
    pool: &[Node<'g>],
    labels: Node<'g>,
    key: Node<'g>,
    (kernel, bias): (Node<'g>, Node<'g>),
) -> Option<Node<'g>> {
    let graph = labels.graph();
    let a = *draw.choose(pool);
    let shape = a.shape();
    let ndim = shape.ndim();
    let axis = draw.below(ndim.max(1));
    Some(match draw.below(23) {
        0..3 => {
            let function = *draw.choose(&Unary::ALL);
            let op = ops::Unary { function };
            op_result(graph, op, &[a])?.cast(DType::F32)
        }
        3..7 => {
            let b = *draw.choose(pool);
            shape.broadcast(&b.shape())?;
            let (a, b) = a.broadcast_together(b);
            op_result(graph, ops::Binary { function: *draw.choose(&Binary::ALL) }, &[a, b])?
                .cast(DType::F32)
        }
        7 => {
            let b = *draw.choose(pool);
            (shape.broadcast(&b.shape())? == shape).then(|| a.less(b).select(a, b))?
        }
        // What a pass may take out.
        8 => a * 1.0,
        9 => match draw.below(2) {
            0 => a / 1.0 + graph.full(shape, 2.0).log(),
            _ => a.reshape(shape.iter().rev().copied().collect::<Vec<_>>()),
        },
        10 => a.stop_gradient().replace_gradient(a),
        11 => a.reshape([shape.num_elements()]).reshape([1, shape.num_elements()]).reshape(shape),
        12 => match ndim {
            1 => {
                a.reshape([1, shape[0]]).broadcast_to([3, shape[0]]).broadcast_to([2, 3, shape[0]])
            }
            2 => a.transpose(&[1, 0]),
            0 => a.broadcast_to([ROWS, COLUMNS]),
            _ => return None,
        },
        13 if ndim > 0 => {
            let (start, end) = (draw.below(2), shape[axis].max(1));
            a.slice_step(axis, start.min(end - 1), end, 1 + draw.below(2))
        }
        14 if ndim > 0 && shape[axis] < 2 * COLUMNS => match draw.below(3) {
            0 => a.pad(axis, draw.below(2), draw.below(2), 1),
            1 => Node::concat(&[a, a * 2.0], axis),
            _ => a.reverse(axis),
        },
        15 if ndim > 0 => match draw.below(3) {
            0 => a.sum(&[axis as isize]),
            1 => a.max(&[axis as isize]),
            _ => a.sum(&[axis as isize]).keep(axis).broadcast_to(shape) * a,
        },
        16 if ndim > 0 => match draw.below(3) {
            0 => a.cumsum(axis),
            1 => a.sort(draw.below(2) == 1),
            _ => a.argmax(axis as isize).cast(DType::F32),
        },
        22 if ndim > 0 && shape[axis] > 0 => match draw.below(3) {
            0 if ndim < 3 => a.gather_or_zero(labels, axis),
            1 => a.take_along_axis(a.argsort(draw.below(2) == 1), ndim - 1),
            _ => a.scatter_add(labels, a.gather_or_zero(labels, axis) * 0.5, axis),
        },
        17 if ndim == 2 => a.matmul_with(a, false, true),
        18 if ndim == 2 && shape[1] == COLUMNS => {
            let relu = draw.below(2) == 1;
            let activation = if relu { LinearActivation::Relu } else { LinearActivation::Identity };
            a.linear(kernel, (draw.below(2) == 1).then_some(bias), activation)
        }
        19 if ndim > 0 => match draw.below(2) {
            0 => a.softmax(),
            _ => a.log_softmax(),
        },
        20 if shape[..] == [ROWS, COLUMNS] => a.softmax_cross_entropy(labels),
        21 => match draw.below(2) {
            0 => a.dropout(key, 0.5),
            _ => Node::global_norm(&[a, bias]),
        },
        _ => return None,
    })
}

/// The operation's result, unless its shape rule refuses the operands.
fn op_result<'g>(graph: &'g Graph, op: impl Into<ops::Op>, on: &[Node<'g>]) -> Option<Node<'g>> {
    let op = op.into();
    let types: Vec<Type> = on.iter().map(|node| node.ty()).collect();
    op.infer(&types).is_ok().then(|| graph.apply(op, on))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphs_are_sound_of_many_kinds_and_the_same_for_the_same_seed() {
        let mut names: Vec<&str> = Vec::new();
        for seed in 0..20 {
            let text = |graph: &Graph| kerros_graph::text::print(graph);
            let (graph, again) = (Graph::new(), Graph::new());
            fill(&mut Draw::new(seed), &graph, 60);
            kerros_graph::verify::verify(&graph).unwrap();
            fill(&mut Draw::new(seed), &again, 60);
            assert_eq!(text(&graph), text(&again));
            names.extend(graph.nodes().iter().map(|node| node.op.name()));
        }
        names.sort_unstable();
        names.dedup();
        assert!(names.len() >= 25, "{names:?}");
    }
}
