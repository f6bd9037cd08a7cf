use kerros_core::Result;

use super::argsort::expect_sortable;
use super::row_norm::{Normalized, RowNorm};
use crate::attributes::{Bits, attributes};
use crate::grad::through_decomposition;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, misfit};

/// The derivative of a [`RowNorm`] with respect to `x`.
///
/// With `r` the row brought to size, `s` what it was multiplied by and `dr = dy * gamma`:
/// `dx = (dr - mean(dr) - r mean(dr r)) s`, without `mean(dr)` when the row is not centred.
/// `r` and `s` are computed again.
///
/// # Shape
/// `x, dy: [.., n]`, and where there is one `gamma: [n]` `-> [.., n]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowNormGradient {
    /// As in [`RowNorm`].
    pub centred: bool,
    /// As in [`RowNorm`].
    pub epsilon: Bits,
    /// Whether there is a `gamma`.
    pub scaled: bool,
}

impl Operation for RowNormGradient {
    const NAME: &'static str = "row_norm_gradient";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_sortable(&inputs[..inputs.len().min(1)])?;
        let mut expected = vec![inputs[0].clone(); 2];
        expected.extend(self.scaled.then(|| Type::f32([inputs[0].shape.last()])));
        if expected != inputs {
            return Err(misfit(inputs, "twice [.., n], and [n] for a scale"));
        }
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        through_decomposition(self, context)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let &[x, dy, ..] = inputs else { return None };
        let last = x.ndim() - 1;
        let Normalized { rows, inverse } = Normalized::of(x, self.centred, self.epsilon);
        let drows = inputs.get(2).map_or(dy, |&gamma| dy * gamma);
        let along = (drows * rows).mean(&[-1]).keep(last);
        let level = if self.centred { drows - drows.mean(&[-1]).keep(last) } else { drows };
        Some((level - rows * along) * inverse)
    }

    attributes!(centred, epsilon, scaled);

    fn samples() -> Vec<Sample<Self>> {
        let without_shift = RowNorm::samples().into_iter().filter(|case| !case.op.shifted);
        let with_derivative = without_shift.map(|case| {
            let RowNorm { centred, epsilon, scaled, .. } = case.op;
            let mut inputs = case.inputs;
            inputs.insert(1, inputs[0].clone());
            let op = RowNormGradient { centred, epsilon, scaled };
            Sample { op, inputs, range: case.range }
        });
        let mut samples: Vec<Sample<Self>> = with_derivative.collect();
        samples.push(Sample {
            op: RowNormGradient { centred: true, epsilon: Bits::new(1e-3), scaled: true },
            inputs: vec![Type::f32([3, 5]), Type::f32([3, 5]), Type::f32([5])],
            range: (-2.0, 2.0),
        });
        samples
    }
}
