use kerros_core::DType;
use kerros_graph::Node;

use crate::layers::Options;
use crate::model::Masked;

/// `y = (x0 + x1 + ..) / n`: the mean of `n` tensors, element by element.
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
/// let mut model = Model::functional([&a, &b], [&Average::new().on([&a, &b])])?;
/// let rows = vec![Tensor::new([1, 2], [1.0f32, 2.0])?, Tensor::new([1, 2], [3.0f32, 5.0])?];
/// assert_eq!(model.predict(rows)?.as_slice::<f32>()?, [2.0, 3.5]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Average {
    options: Options,
}

super::merge_layer!(Average, "the mean of the inputs", super::ANY_NUMBER, merged);

fn merged<'g>(inputs: &[Masked<'g>]) -> Node<'g> {
    super::add::merged(inputs).cast(DType::F32) / inputs.len() as f32
}
