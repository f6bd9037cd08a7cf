use kerros_core::{DType, Result};

use super::CellActivation;
use super::recurrence::{Mask, RecurrentSizes, at_step, sequence_of};
use crate::attributes::{attributes, named_attribute};
use crate::grad::through_decomposition;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, misfit};

/// Which result of a [`SimpleRnnGradient`]; a device computes both in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SimpleRnnGradientResult {
    /// `[batch, time, units]`: with respect to the projected inputs.
    Projected,
    /// `[batch, units]`: with respect to `h_0`.
    Initial,
}
named_attribute!(SimpleRnnGradientResult { Projected = "projected", Initial = "initial" });

/// The derivative of a [`SimpleRnn`](super::SimpleRnn), from the last step to the first.
///
/// With `dh` what flows into the state after step `t`: `dx_t = dh act'(h_t)` and then
/// `dh = dx_t · R^T + dstates_{t-1}`. Where a step does not count, `dx` is 0 and `dh` passes.
///
/// # Shape
/// `states` and `dstates: [batch, time + 1, units]`, `R: [units, units]`, and when masked
/// `mask: bool [batch, time]`; the result as [`SimpleRnnGradientResult`] says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SimpleRnnGradient {
    /// Which result.
    pub result: SimpleRnnGradientResult,
    /// As in [`SimpleRnn`](super::SimpleRnn).
    pub activation: CellActivation,
    /// Whether the last input is a mask.
    pub masked: bool,
}

impl SimpleRnnGradient {
    /// The sizes for inputs of these types, if they fit.
    pub fn sizes(&self, inputs: &[Type]) -> Option<RecurrentSizes> {
        let &[batch, steps, units] = &inputs.first()?.shape[..] else { return None };
        let sizes = RecurrentSizes { batch, time: steps.checked_sub(1)?, units };
        let states = sizes.sequence(steps, 1);
        let mut expected = vec![states.clone(), states, Type::f32([units, units])];
        expected.extend(self.masked.then(|| sizes.mask()));
        (expected == inputs && sizes.time >= 1).then_some(sizes)
    }
}

impl Operation for SimpleRnnGradient {
    const NAME: &'static str = "simple_rnn_gradient";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        let sizes = self.sizes(inputs).ok_or_else(|| {
            misfit(
                inputs,
                "twice [batch, time + 1, units], [units, units] and, when masked, \
                 bool [batch, time], with at least one step",
            )
        })?;
        Ok(match self.result {
            SimpleRnnGradientResult::Projected => sizes.sequence(sizes.time, 1),
            SimpleRnnGradientResult::Initial => sizes.state(),
        })
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        through_decomposition(self, context)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let &[states, dstates, recurrent_kernel, ..] = inputs else { return None };
        let mask = Mask(inputs.get(3).copied());
        let zero = states.graph().constant(0.0);
        let time = states.shape()[1] - 1;
        let mut dh = at_step(dstates, time);
        let mut projected = Vec::new();
        for step in (0..time).rev() {
            let dx = self.activation.backward(at_step(states, step + 1), dh);
            let dx = mask.select(step, dx, zero);
            projected.insert(0, dx);
            let dh_before = dx.matmul_with(recurrent_kernel, false, true);
            dh = mask.select(step, dh_before, dh) + at_step(dstates, step);
        }
        Some(match self.result {
            SimpleRnnGradientResult::Projected => sequence_of(&projected),
            SimpleRnnGradientResult::Initial => dh,
        })
    }

    attributes!(result, activation, masked);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        for result in [SimpleRnnGradientResult::Projected, SimpleRnnGradientResult::Initial] {
            for (masked, activation) in [
                (false, CellActivation::Tanh),
                (true, CellActivation::Tanh),
                (false, CellActivation::Relu),
                (true, CellActivation::Sigmoid),
            ] {
                let states = Type::f32([2, 4, 3]);
                let mut inputs = vec![states.clone(), states, Type::f32([3, 3])];
                inputs.extend(masked.then(|| Type::new(DType::Bool, [2, 3])));
                let op = SimpleRnnGradient { result, activation, masked };
                samples.push(Sample { op, inputs, range: (-1.0, 1.0) });
            }
        }
        samples
    }
}
