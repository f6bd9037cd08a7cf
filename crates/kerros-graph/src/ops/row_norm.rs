use kerros_core::Result;

use super::argsort::expect_sortable;
use super::row_norm_gradient::RowNormGradient;
use crate::attributes::{Bits, attributes};
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, misfit};

/// Each row along the last axis brought to one size: layer and root mean square
/// normalization.
///
/// `d = x - mean(x)` when centred, else `x`; `y = d / sqrt(mean(d^2) + epsilon) * gamma +
/// beta`.
///
/// # Shape
/// `x: [.., n]`, and where there is one `gamma: [n]`, `beta: [n]` `-> [.., n]`.
///
/// # Source
/// Ba, Kiros and Hinton, Layer Normalization, arXiv:1607.06450; without centring: Zhang and
/// Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowNorm {
    /// Whether the mean is taken away first.
    pub centred: bool,
    /// Added to the mean of squares.
    pub epsilon: Bits,
    /// Whether there is a `gamma`.
    pub scaled: bool,
    /// Whether there is a `beta`.
    pub shifted: bool,
}

/// A row brought to size, and what it was multiplied by.
pub(super) struct Normalized<'g> {
    /// `[.., n]`.
    pub(super) rows: Node<'g>,
    /// `1 / sqrt(mean(d^2) + epsilon)`: `[.., 1]`.
    pub(super) inverse: Node<'g>,
}

impl<'g> Normalized<'g> {
    #[track_caller]
    pub(super) fn of(x: Node<'g>, centred: bool, epsilon: Bits) -> Self {
        let last = x.ndim() - 1;
        let d = if centred { x - x.mean(&[-1]).keep(last) } else { x };
        let inverse = ((d * d).mean(&[-1]).keep(last) + epsilon.get()).rsqrt();
        Normalized { rows: d * inverse, inverse }
    }
}

/// The rows of a tensor as one matrix: `[.., n] -> [rows, n]`.
#[track_caller]
fn flat(x: Node<'_>) -> Node<'_> {
    let n = x.shape().last();
    x.reshape([x.shape().num_elements() / n.max(1), n])
}

impl Operation for RowNorm {
    const NAME: &'static str = "row_norm";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        let vectors = usize::from(self.scaled) + usize::from(self.shifted);
        expect_sortable(&inputs[..inputs.len().min(1)])?;
        let vector = Type::f32([inputs[0].shape.last()]);
        if inputs.len() != 1 + vectors || inputs[1..].iter().any(|ty| *ty != vector) {
            return Err(misfit(inputs, "[.., n], and [n] for a scale and for a shift"));
        }
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, dy) = (context.inputs[0], context.dy);
        let RowNorm { centred, epsilon, scaled, .. } = *self;
        let mut operands = vec![x, dy];
        operands.extend(context.inputs.get(1).filter(|_| scaled));
        let graph = x.graph();
        let dx = graph.apply(RowNormGradient { centred, epsilon, scaled }, &operands);
        let mut cotangents = vec![Some(dx)];
        if scaled {
            let plain = RowNorm { centred, epsilon, scaled: false, shifted: false };
            let rows = graph.apply(plain, &[x]);
            cotangents.push(Some(flat(dy * rows).sum(&[0])));
        }
        cotangents.extend(self.shifted.then(|| Some(flat(dy).sum(&[0]))));
        Ok(cotangents)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let mut vectors = inputs[1..].iter();
        let mut y = Normalized::of(inputs[0], self.centred, self.epsilon).rows;
        if self.scaled {
            y = y * *vectors.next()?;
        }
        if self.shifted {
            y = y + *vectors.next()?;
        }
        Some(y)
    }

    attributes!(centred, epsilon, scaled, shifted);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        for (shape, centred, scaled, shifted) in [
            (&[3, 5][..], true, true, true),
            (&[2, 2, 4], true, false, true),
            (&[2, 17], true, false, false),
            (&[3, 5], false, true, false),
            (&[2, 2, 4], false, false, false),
        ] {
            let op = RowNorm { centred, epsilon: Bits::new(1e-3), scaled, shifted };
            let mut inputs = vec![Type::f32(shape)];
            let vectors = usize::from(scaled) + usize::from(shifted);
            inputs.extend(vec![Type::f32(&shape[shape.len() - 1..]); vectors]);
            samples.push(Sample { op, inputs, range: (-2.0, 2.0) });
        }
        samples
    }
}

impl<'g> Node<'g> {
    /// Layer normalization over the last axis: `(x - mean) / sqrt(variance + epsilon)`, times
    /// `gamma` and plus `beta` where these are given, each as long as the axis.
    ///
    /// # Example
    /// ```
    /// use kerros_core::{DType, Tensor};
    /// use kerros_graph::{Graph, eval::evaluate};
    /// let graph = Graph::new();
    /// let x = graph.input("x", [2], DType::F32);
    /// let y = x.layer_norm(None, None, 0.0);
    /// let found = evaluate::<f32>(&graph, &[y], &[Tensor::new([2], [3.0f32, 7.0])?], &[])?;
    /// assert_eq!(found[0].as_slice::<f32>()?, [-1.0, 1.0]);
    /// # Ok::<(), kerros_core::Error>(())
    /// ```
    #[track_caller]
    pub fn layer_norm(
        self,
        gamma: Option<Node<'g>>,
        beta: Option<Node<'g>>,
        epsilon: f32,
    ) -> Node<'g> {
        self.row_norm(true, gamma, beta, epsilon)
    }

    /// Root mean square normalization over the last axis: `x / sqrt(mean(x^2) + epsilon)`,
    /// times `gamma` where it is given, as long as the axis.
    #[track_caller]
    pub fn rms_norm(self, gamma: Option<Node<'g>>, epsilon: f32) -> Node<'g> {
        self.row_norm(false, gamma, None, epsilon)
    }

    #[track_caller]
    fn row_norm(
        self,
        centred: bool,
        gamma: Option<Node<'g>>,
        beta: Option<Node<'g>>,
        epsilon: f32,
    ) -> Node<'g> {
        let op = RowNorm {
            centred,
            epsilon: Bits::new(epsilon),
            scaled: gamma.is_some(),
            shifted: beta.is_some(),
        };
        let inputs: Vec<Node<'g>> = [self].into_iter().chain(gamma).chain(beta).collect();
        self.graph().apply(op, &inputs)
    }
}
