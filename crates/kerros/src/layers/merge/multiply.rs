use kerros_graph::Node;

use crate::layers::Options;
use crate::model::Masked;

/// `y = x0 · x1 · ..`: the product of several tensors, element by element.
///
/// A masked step of an input counts as 1, so that it leaves the others as they are. When every
/// input has a mask, steps that count in none of them give 0.
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
/// let mut model = Model::functional([&a, &b], [&Multiply::new().on([&a, &b])])?;
/// let rows = vec![Tensor::new([1, 2], [1.0f32, 2.0])?, Tensor::new([1, 2], [3.0f32, 5.0])?];
/// assert_eq!(model.predict(rows)?.as_slice::<f32>()?, [3.0, 10.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Multiply {
    options: Options,
}

super::merge_layer!(Multiply, "x0 · x1 · ..", super::ANY_NUMBER, merged);

fn merged<'g>(inputs: &[Masked<'g>]) -> Node<'g> {
    let factor = |input: &Masked<'g>| match super::over(input) {
        Some(mask) => mask.select(input.node, 1.0),
        None => input.node,
    };
    let product = inputs[1..].iter().fold(factor(&inputs[0]), |product, x| product * factor(x));
    let masks: Option<Vec<Node<'g>>> = inputs.iter().map(super::over).collect();
    match masks.and_then(|masks| masks.into_iter().reduce(|a, b| a.logical_or(b))) {
        Some(any) => any.select(product, 0.0),
        None => product,
    }
}
