//! Functions along axes other than the last.

use kerros_graph::Node;

/// The tensor with an axis moved to the end.
pub(crate) fn to_last(x: Node<'_>, axis: isize) -> Node<'_> {
    let Some(axis) = resolved(x, axis) else { return x };
    let order: Vec<usize> = (0..x.ndim()).filter(|&other| other != axis).chain([axis]).collect();
    permuted(x, &order)
}

/// Applies a function of rows (one that keeps the shape) along some axes, taken together as
/// one.
pub(crate) fn along<'g>(
    x: Node<'g>,
    axes: &[isize],
    function: impl FnOnce(Node<'g>) -> Node<'g>,
) -> Node<'g> {
    let mut chosen = Vec::with_capacity(axes.len());
    for &axis in axes {
        match resolved(x, axis) {
            Some(axis) => chosen.push(axis),
            None => return x,
        }
    }
    let shape = x.shape();
    let mut order: Vec<usize> = (0..x.ndim()).filter(|axis| !chosen.contains(axis)).collect();
    let rows: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    chosen.sort_unstable();
    chosen.dedup();
    let len: usize = chosen.iter().map(|&axis| shape[axis]).product();
    order.extend(&chosen);
    let moved = permuted(x, &order);
    let merged: Vec<usize> = rows.into_iter().chain([len]).collect();
    let result = function(moved.reshape(merged)).reshape(moved.shape());
    let mut back = vec![0; order.len()];
    for (place, &axis) in order.iter().enumerate() {
        back[axis] = place;
    }
    permuted(result, &back)
}

/// The axis counted from the front; a wrong one is reported by the graph.
fn resolved(x: Node<'_>, axis: isize) -> Option<usize> {
    match x.shape().axis(axis) {
        Ok(axis) => Some(axis),
        Err(error) => {
            x.graph().fail(error, x.ty());
            None
        }
    }
}

fn permuted<'g>(x: Node<'g>, order: &[usize]) -> Node<'g> {
    let is_identity = order.iter().enumerate().all(|(place, &axis)| place == axis);
    if is_identity { x } else { x.transpose(order) }
}
