use kerros_graph::Node;

use crate::layers::Options;
use crate::model::Masked;

/// `y = x0 + x1 + ..`: the sum of several tensors, as at the end of a residual block.
///
/// A step counts in the result when it counts in any input; where an input has no mask,
/// all do.
///
/// # Shape
/// `x0, x1 ..: [batch, ..] -> [batch, ..]`: axes of length 1 stretch, and inputs with fewer axes
/// get axes of length 1 after the batch axis.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let a = Input::new([2]).tensor();
/// let b = Input::new([2]).tensor();
/// let mut model = Model::functional([&a, &b], [&Add::new().on([&a, &b])])?;
/// let rows = vec![Tensor::new([1, 2], [1.0f32, 2.0])?, Tensor::new([1, 2], [3.0f32, 5.0])?];
/// assert_eq!(model.predict(rows)?.as_slice::<f32>()?, [4.0, 7.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Add {
    options: Options,
}

super::merge_layer!(Add, "x0 + x1 + ..", super::ANY_NUMBER, merged);

/// The sum, from the first to the last.
pub(super) fn merged<'g>(inputs: &[Masked<'g>]) -> Node<'g> {
    inputs[1..].iter().fold(inputs[0].node, |sum, x| sum + x.node)
}
