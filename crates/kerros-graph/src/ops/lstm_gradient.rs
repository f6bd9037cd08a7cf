use kerros_core::{DType, Result};

use super::CellActivation;
use super::recurrence::{Mask, RecurrentSizes, at_step, part, sequence_of};
use crate::attributes::{attributes, named_attribute};
use crate::grad::through_decomposition;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, misfit};

/// Which result of an [`LstmGradient`]; a device computes both in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LstmGradientResult {
    /// `[batch, time, 4 * units]`: with respect to the projected inputs.
    Projected,
    /// `[batch, 2, units]`: with respect to `h_0` and to `c_0`.
    Initial,
}
named_attribute!(LstmGradientResult { Projected = "projected", Initial = "initial" });

/// The derivative of an [`Lstm`](super::Lstm), from the last step to the first.
///
/// With `dh` and `dc` what flows into the state after step `t`:
///
/// ```text
/// dc += dh o act'(c_t)
/// dz_i = dc g rec'(i)   dz_f = dc c_{t-1} rec'(f)   dz_g = dc i act'(g)
/// dz_o = dh act(c_t) rec'(o)
/// dh = dz · R^T + dstates_{t-1}   dc = dc f
/// ```
///
/// Where a step does not count, `dz` is 0 and `dh`, `dc` pass.
///
/// # Shape
/// `trace: [batch, time, 5 * units]`, `dstates: [batch, time + 2, units]`,
/// `R: [units, 4 * units]`, `c_0: [batch, units]`, and when masked
/// `mask: bool [batch, time]`; the result as [`LstmGradientResult`] says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LstmGradient {
    /// Which result.
    pub result: LstmGradientResult,
    /// As in [`Lstm`](super::Lstm).
    pub activation: CellActivation,
    /// As in [`Lstm`](super::Lstm).
    pub recurrent_activation: CellActivation,
    /// Whether the last input is a mask.
    pub masked: bool,
}

impl LstmGradient {
    /// The sizes for inputs of these types, if they fit.
    pub fn sizes(&self, inputs: &[Type]) -> Option<RecurrentSizes> {
        let &[batch, time, _] = &inputs.first()?.shape[..] else { return None };
        let &[units, _] = &inputs.get(2)?.shape[..] else { return None };
        let sizes = RecurrentSizes { batch, time, units };
        let mut expected = vec![
            sizes.sequence(time, 5),
            sizes.sequence(time + 2, 1),
            Type::f32([units, 4 * units]),
            sizes.state(),
        ];
        expected.extend(self.masked.then(|| sizes.mask()));
        (expected == inputs && time >= 1).then_some(sizes)
    }
}

impl Operation for LstmGradient {
    const NAME: &'static str = "lstm_gradient";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        let sizes = self.sizes(inputs).ok_or_else(|| {
            misfit(
                inputs,
                "[batch, time, 5 * units], [batch, time + 2, units], [units, 4 * units], \
                 [batch, units] and, when masked, bool [batch, time], with at least one step",
            )
        })?;
        Ok(match self.result {
            LstmGradientResult::Projected => sizes.sequence(sizes.time, 4),
            LstmGradientResult::Initial => sizes.sequence(2, 1),
        })
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        through_decomposition(self, context)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let &[trace, dstates, recurrent_kernel, initial_c, ..] = inputs else { return None };
        let mask = Mask(inputs.get(4).copied());
        let (time, units) = (trace.shape()[1], recurrent_kernel.shape()[0]);
        let zero = trace.graph().constant(0.0);
        let (act, rec) = (self.activation, self.recurrent_activation);
        let (mut dh, mut dc) = (at_step(dstates, time), at_step(dstates, time + 1));
        let mut dx = Vec::new();
        for step in (0..time).rev() {
            let kept = at_step(trace, step);
            let [i, f, g, o, c] = [0, 1, 2, 3, 4].map(|at| part(kept, at, units));
            let c_before = match step {
                0 => initial_c,
                _ => part(at_step(trace, step - 1), 4, units),
            };
            let squashed = act.apply(c);
            let dc_inside = dc + act.backward(squashed, dh * o);
            let dz = Node::concat(
                &[
                    rec.backward(i, dc_inside * g),
                    rec.backward(f, dc_inside * c_before),
                    act.backward(g, dc_inside * i),
                    rec.backward(o, dh * squashed),
                ],
                1,
            );
            let dz = mask.select(step, dz, zero);
            dx.insert(0, dz);
            let dh_before = dz.matmul_with(recurrent_kernel, false, true);
            dh = mask.select(step, dh_before, dh) + at_step(dstates, step);
            dc = mask.select(step, dc_inside * f, dc);
        }
        Some(match self.result {
            LstmGradientResult::Projected => sequence_of(&dx),
            LstmGradientResult::Initial => sequence_of(&[dh, dc]),
        })
    }

    attributes!(result, activation, recurrent_activation, masked);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        let (tanh, sigmoid) = (CellActivation::Tanh, CellActivation::Sigmoid);
        for result in [LstmGradientResult::Projected, LstmGradientResult::Initial] {
            for (masked, activation, recurrent_activation) in [
                (false, tanh, sigmoid),
                (true, tanh, sigmoid),
                (true, CellActivation::Relu, CellActivation::HardSigmoid),
                (false, sigmoid, sigmoid),
            ] {
                let op = LstmGradient { result, activation, recurrent_activation, masked };
                let mut inputs = vec![
                    Type::f32([2, 3, 15]),
                    Type::f32([2, 5, 3]),
                    Type::f32([3, 12]),
                    Type::f32([2, 3]),
                ];
                inputs.extend(masked.then(|| Type::new(DType::Bool, [2, 3])));
                samples.push(Sample { op, inputs, range: (-1.0, 1.0) });
            }
        }
        samples
    }
}
