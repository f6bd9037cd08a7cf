use kerros_graph::Node;

use crate::layers::Options;
use crate::model::Masked;

/// `y = max(x0, x1, ..)`: the larger of several tensors, element by element.
///
/// Where a step is masked in one input, the larger of the others is taken. A tie shares the
/// derivative.
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
/// let mut model = Model::functional([&a, &b], [&Maximum::new().on([&a, &b])])?;
/// let rows = vec![Tensor::new([1, 2], [1.0f32, 5.0])?, Tensor::new([1, 2], [3.0f32, 2.0])?];
/// assert_eq!(model.predict(rows)?.as_slice::<f32>()?, [3.0, 5.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Maximum {
    options: Options,
}

super::merge_layer!(Maximum, "the larger of the inputs", super::ANY_NUMBER, merged);

fn merged<'g>(inputs: &[Masked<'g>]) -> Node<'g> {
    super::selected(inputs, |a, b| a.maximum(b))
}
