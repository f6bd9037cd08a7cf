//! From per-sample losses to one number.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::{Loss, Reduction, align};

/// The loss of a batch: aligned, computed, weighted, reduced.
///
/// # Shape
/// `y_true`, `y_pred` as the data and the model give them; `sample_weight: [batch]` or like
/// the per-sample losses; `mask: bool [batch, ..]`, the steps of the predictions that count. A
/// scalar, except under [`Reduction::None`].
///
/// # Errors
/// Shapes that do not fit: see [`align`] and [`reduce_weighted`].
pub fn compute<'g>(
    loss: &dyn Loss,
    y_true: Node<'g>,
    y_pred: Node<'g>,
    sample_weight: Option<Node<'g>>,
    mask: Option<Node<'g>>,
) -> Result<Node<'g>> {
    let (y_true, y_pred) = align(loss.targets(), y_true, y_pred)
        .map_err(|error| error.context(format!("loss {}", loss.name())))?;
    let losses = loss.call(y_true, y_pred);
    let own = loss.mask(y_true, losses);
    let steps = mask.map(|mask| fit_weight(mask, &losses.shape())).transpose()?;
    let mask = match (own, steps) {
        (Some(own), Some(steps)) => Some(own * steps),
        (own, steps) => own.or(steps),
    };
    reduce_weighted(losses, sample_weight, mask, loss.reduction())
}

/// `sum(losses * weight) / divisor`.
///
/// The divisor is the number of losses, or the sum of the weights under
/// [`Reduction::MeanWithSampleWeight`]; 0 divided by 0 is 0. A mask (1 or 0 per loss) leaves
/// losses out of sum and divisor alike.
///
/// # Errors
/// [`ErrorKind::Shape`] when the weights are neither one per sample nor one per loss.
pub fn reduce_weighted<'g>(
    losses: Node<'g>,
    sample_weight: Option<Node<'g>>,
    mask: Option<Node<'g>>,
    reduction: Reduction,
) -> Result<Node<'g>> {
    let mut weight = match sample_weight {
        Some(weight) => Some(fit_weight(weight, &losses.shape())?),
        None => None,
    };
    if let Some(mask) = mask {
        // Under a mean, valid losses weigh total / valid, so that dividing by all of them
        // afterwards gives the mean of the valid ones.
        let factor = match reduction {
            Reduction::SumOverBatchSize | Reduction::Mean => {
                let total = losses.graph().constant(mask.shape().num_elements() as f32);
                mask * divide_no_nan(total, mask.sum_all())
            }
            _ => mask,
        };
        weight = Some(weight.map_or(factor, |weight| weight * factor));
    }
    let weighted = weight.map_or(losses, |weight| losses * weight);
    if reduction == Reduction::None || weighted.ndim() == 0 {
        return Ok(weighted);
    }
    let sum = weighted.sum_all();
    let count = weighted.shape().num_elements() as f32;
    Ok(match (reduction, weight) {
        (Reduction::Sum, _) => sum,
        (Reduction::MeanWithSampleWeight, Some(weight)) => divide_no_nan(sum, weight.sum_all()),
        _ => sum / count.max(1.0),
    })
}

/// Weights as `f32`, one per loss.
///
/// # Errors
/// [`ErrorKind::Shape`] when there is neither one per sample nor one per loss.
pub fn fit_weight<'g>(weight: Node<'g>, losses: &Shape) -> Result<Node<'g>> {
    let shape = weight.shape();
    let mut dims = shape.to_vec();
    // [batch, 1] weighs samples as [batch] does.
    while dims.len() > losses.ndim() && dims.len() > 1 && dims.last() == Some(&1) {
        dims.pop();
    }
    // Those with an axis for each of the losses broadcast: [batch, 1] weighs all steps of a sample.
    let broadcasts = dims.len() == losses.ndim()
        && dims.first() == losses.first()
        && dims.iter().zip(losses.iter()).all(|(dim, len)| dim == len || *dim == 1);
    let per_sample =
        broadcasts || (dims.len() <= losses.ndim() && dims[..] == losses[..dims.len()]);
    // A loss of the whole batch, such as Dice, is weighed by each sample's weight.
    if losses.ndim() > 0 && !per_sample {
        return Err(Error::new(
            ErrorKind::Shape,
            format!("sample weights of shape {shape} for losses of shape {losses}"),
        )
        .expected("one weight per sample, [batch], or one per loss"));
    }
    let weight = weight.cast(DType::F32);
    if losses.ndim() == 0 {
        return Ok(weight);
    }
    dims.resize(losses.ndim(), 1);
    Ok(weight.reshape(dims).broadcast_to(losses))
}

/// `a / b`, and 0 where `b` is 0.
pub(crate) fn divide_no_nan<'g>(a: Node<'g>, b: Node<'g>) -> Node<'g> {
    let is_zero = b.equal(0.0);
    // The denominator is made 1 first: the derivative of the unused branch must be finite.
    is_zero.select(0.0, a / is_zero.select(1.0, b))
}

#[cfg(test)]
mod tests {
    use kerros_core::Tensor;
    use kerros_graph::Graph;
    use kerros_graph::eval::evaluate;

    use super::*;

    fn reduced(weight: Option<&[f32]>, mask: Option<&[f32]>, reduction: Reduction) -> f32 {
        let graph = Graph::new();
        let constant = |values: &[f32]| {
            let shape = if values.len() == 4 { vec![2, 2] } else { vec![values.len()] };
            graph.literal(Tensor::new(shape, values).unwrap())
        };
        let losses = constant(&[1.0, 2.0, 3.0, 4.0]);
        let result =
            reduce_weighted(losses, weight.map(constant), mask.map(constant), reduction).unwrap();
        evaluate::<f32>(&graph, &[result], &[], &[]).unwrap()[0].as_slice::<f32>().unwrap()[0]
    }

    #[test]
    fn weights_and_masks() {
        use Reduction::{MeanWithSampleWeight, Sum, SumOverBatchSize};
        assert_eq!(reduced(None, None, SumOverBatchSize), 2.5);
        assert_eq!(reduced(Some(&[1.0, 0.0]), None, SumOverBatchSize), 0.75);
        assert_eq!(reduced(Some(&[1.0, 0.0]), None, MeanWithSampleWeight), 1.5);
        assert_eq!(reduced(Some(&[0.0, 0.0]), None, MeanWithSampleWeight), 0.0);
        let mask = [1.0, 0.0, 0.0, 1.0];
        assert_eq!(reduced(None, Some(&mask), SumOverBatchSize), 2.5);
        assert_eq!(reduced(Some(&[2.0, 1.0]), Some(&mask), SumOverBatchSize), 3.0);
        assert_eq!(reduced(None, Some(&mask), Sum), 5.0);
        assert_eq!(reduced(None, Some(&[0.0; 4]), SumOverBatchSize), 0.0);
    }

    #[test]
    fn one_weight_for_all_losses_of_a_sample() {
        let graph = Graph::new();
        let losses = graph.literal(Tensor::new([2, 3], [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap());
        let weight = graph.literal(Tensor::new([2, 1], [1.0f32, 2.0]).unwrap());
        let sum = reduce_weighted(losses, Some(weight), None, Reduction::Sum).unwrap();
        let sum = &evaluate::<f32>(&graph, &[sum], &[], &[]).unwrap()[0];
        assert_eq!(sum.as_slice::<f32>().unwrap(), [36.0]);
    }

    #[test]
    fn other_weights_are_refused() {
        let graph = Graph::new();
        let losses = graph.full([3, 5], 1.0);
        let weight = graph.full([5], 1.0);
        let error = reduce_weighted(losses, Some(weight), None, Reduction::Sum).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Shape);
    }
}
