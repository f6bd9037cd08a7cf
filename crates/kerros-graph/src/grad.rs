//! Reverse-mode differentiation: from a loss back to what it depends on.

use kerros_core::{DType, Error, ErrorKind, Result};

use crate::graph::NodeId;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation};

/// d(loss)/d(x) for each `x` of `wrt`, as more nodes of the same graph.
///
/// `loss` is a single `f32`. The results are ordinary nodes, so they can be differentiated
/// again.
///
/// # Errors
/// [`ErrorKind::Gradient`] when an operation on the way has no derivative, or when the loss
/// does not depend on an `x` (so that a weight can never be left unmoved without a word);
/// see [`grad_where_connected`] to allow that.
///
/// # Example
/// ```
/// use kerros_graph::{Graph, eval::evaluate, grad};
/// use kerros_core::{DType, Tensor};
/// let graph = Graph::new();
/// let x = graph.input("x", [], DType::F32);
/// let dy = grad(x * x * x, &[x])?[0]; // 3 x^2
/// let ddy = grad(dy, &[x])?[0]; // 6 x
/// let out = evaluate::<f32>(&graph, &[dy, ddy], &[Tensor::scalar(2.0f32)], &[])?;
/// assert_eq!(out[0].as_slice::<f32>()?, [12.0]);
/// assert_eq!(out[1].as_slice::<f32>()?, [12.0]);
/// # Ok::<(), kerros_core::Error>(())
/// ```
#[track_caller]
pub fn grad<'g>(loss: Node<'g>, wrt: &[Node<'g>]) -> Result<Vec<Node<'g>>> {
    let found = grad_where_connected(loss, wrt)?;
    let nodes = found.into_iter().zip(wrt).map(|(dx, x)| {
        dx.ok_or_else(|| {
            Error::new(ErrorKind::Gradient, format!("the loss does not depend on {x:?}"))
                .expected("a differentiable path from each variable to the loss")
                .at(&x.graph().nodes()[x.id().index()].origin)
                .hint("freeze the variable, or use it in the loss")
        })
    });
    nodes.collect()
}

/// As [`grad`], with `None` where the loss does not depend on an `x`.
///
/// # Errors
/// [`ErrorKind::Gradient`] when an operation on the way has no derivative.
#[track_caller]
pub fn grad_where_connected<'g>(loss: Node<'g>, wrt: &[Node<'g>]) -> Result<Vec<Option<Node<'g>>>> {
    let graph = loss.graph();
    graph.check()?;
    if loss.dtype() != DType::F32 || loss.ndim() != 0 {
        return Err(Error::new(ErrorKind::Gradient, format!("the loss is {}", loss.ty()))
            .expected("a single float32")
            .hint("reduce it with `mean_all` or `sum_all`"));
    }
    flow(loss, graph.constant(1.0), wrt, Beyond::Flows)
}

/// Whether derivatives flow on, from one of the nodes asked for to what it is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// They do: the derivatives are total.
    Flows,
    /// They end there: the derivatives are partial.
    Ends,
}

/// What flows from `dy`, the derivative with respect to `y`, to each of `wrt`.
#[track_caller]
fn flow<'g>(
    y: Node<'g>,
    dy: Node<'g>,
    wrt: &[Node<'g>],
    beyond: Beyond,
) -> Result<Vec<Option<Node<'g>>>> {
    let graph = y.graph();
    let count = y.id().index() + 1;
    let mut asked = vec![false; count];
    for x in wrt.iter().filter(|x| x.id().index() < count) {
        asked[x.id().index()] = true;
    }
    // Only what depends on some `x` needs a derivative.
    let mut depends = asked.clone();
    for at in 0..count {
        depends[at] |= graph.nodes()[at].inputs.iter().any(|input| depends[input.index()]);
    }
    let mut cotangents: Vec<Option<Node<'g>>> = vec![None; count];
    cotangents[y.id().index()] = Some(dy);
    for at in (0..count).rev() {
        let ends = asked[at] && beyond == Beyond::Ends;
        let Some(dy) = cotangents[at].filter(|_| depends[at] && !ends) else { continue };
        let data = graph.nodes()[at].clone();
        let inputs: Vec<Node<'g>> = data.inputs.iter().map(|&id| graph.node(id)).collect();
        let output = graph.node(NodeId(at as u32));
        let context = Backward { inputs: &inputs, output, dy };
        let flowing = graph.scope(data.origin.clone(), || data.op.backward(&context));
        for (input, dx) in inputs.iter().zip(flowing.map_err(|error| error.at(&data.origin))?) {
            let place = &mut cotangents[input.id().index()];
            if let Some(dx) = dx.filter(|_| depends[input.id().index()]) {
                *place = Some(match *place {
                    Some(sum) => graph.scope(data.origin.clone(), || sum + dx),
                    None => dx,
                });
            }
        }
    }
    graph.check()?;
    Ok(wrt.iter().map(|x| cotangents.get(x.id().index()).copied().flatten()).collect())
}

/// The derivative of a composite as that of its decomposition: for operations that have no
/// shorter rule.
#[track_caller]
pub(crate) fn through_decomposition<'g>(
    op: &impl Operation,
    context: &Backward<'_, 'g>,
) -> Result<Cotangents<'g>> {
    let y = op.decompose(context.inputs).ok_or_else(|| {
        Error::new(ErrorKind::Internal, "an operation without a decomposition")
            .expected("a composite")
    })?;
    let mut cotangents = flow(y, context.dy, context.inputs, Beyond::Ends)?;
    // A node that is an input twice has got the derivatives of both places at the first.
    for (at, dx) in cotangents.iter_mut().enumerate() {
        let (earlier, own) = (&context.inputs[..at], context.inputs[at].id());
        if earlier.iter().any(|input| input.id() == own) {
            *dx = None;
        }
    }
    Ok(cotangents)
}

#[cfg(test)]
mod tests {
    use kerros_core::Tensor;

    use super::*;
    use crate::eval::evaluate;
    use crate::graph::Graph;

    #[test]
    fn a_weight_without_a_path_is_an_error() {
        let graph = Graph::new();
        let x = graph.input("x", [2], DType::F32);
        let w = graph.input("w", [2], DType::F32);
        let error = grad(x.sum_all(), &[w]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Gradient);
        let error = grad(w.stop_gradient().sum_all(), &[w]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Gradient);
    }

    #[test]
    fn second_derivatives_of_a_small_network() {
        // d/dx of |d loss / d x|^2 for loss = sum(tanh(x w)): checked against differences.
        let graph = Graph::new();
        let x = graph.input("x", [1, 3], DType::F32);
        let w = graph.input("w", [3, 2], DType::F32);
        let loss = x.linear(w, None, crate::ops::LinearActivation::Identity).tanh().sum_all();
        let dx = grad(loss, &[x]).unwrap()[0];
        let penalty = dx.square().sum_all();
        let ddw = grad(penalty, &[w]).unwrap()[0];
        let wv = [0.3f64, -0.2, 0.5, 0.7, -0.4, 0.1];
        let xv = Tensor::new([1, 3], [0.5f64, -1.0, 0.25]).unwrap();
        let at = |w: &[f64]| {
            let inputs = [xv.clone(), Tensor::new([3, 2], w).unwrap()];
            let out = evaluate::<f64>(&graph, &[penalty, ddw], &inputs, &[]).unwrap();
            (out[0].to_vec_f64()[0], out[1].to_vec_f64())
        };
        let exact = at(&wv).1;
        for i in 0..6 {
            let step = 1e-5;
            let (mut up, mut down) = (wv, wv);
            up[i] += step;
            down[i] -= step;
            let difference = (at(&up).0 - at(&down).0) / (2.0 * step);
            assert!((difference - exact[i]).abs() < 1e-8, "{difference} {}", exact[i]);
        }
    }

    #[test]
    fn a_replaced_derivative_goes_straight_through() {
        let graph = Graph::new();
        let x = graph.input("x", [3], DType::F32);
        let step = x.greater(0.0).cast(DType::F32).replace_gradient(x);
        let dx = grad((step * 2.0).sum_all(), &[x]).unwrap()[0];
        let values = [Tensor::new([3], [-1.0f32, 0.5, 2.0]).unwrap()];
        let out = evaluate::<f32>(&graph, &[step, dx], &values, &[]).unwrap();
        assert_eq!(out[0].as_slice::<f32>().unwrap(), [0.0, 1.0, 1.0]);
        assert_eq!(out[1].as_slice::<f32>().unwrap(), [2.0, 2.0, 2.0]);
    }
}
