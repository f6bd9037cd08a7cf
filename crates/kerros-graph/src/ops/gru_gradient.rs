use kerros_core::{DType, Result};

use super::CellActivation;
use super::recurrence::{Mask, RecurrentSizes, at_step, part, sequence_of};
use crate::attributes::{attributes, named_attribute};
use crate::grad::through_decomposition;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, misfit};

/// Which result of a [`GruGradient`]; a device computes all in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GruGradientResult {
    /// `[batch, time, 3 * units]`: with respect to the projected inputs.
    Projected,
    /// `[batch, time, 3 * units]`: with respect to the recurrent product and its bias; only
    /// where the reset gate comes after it.
    Recurrent,
    /// `[batch, units]`: with respect to `h_0`.
    Initial,
}
named_attribute!(GruGradientResult {
    Projected = "projected",
    Recurrent = "recurrent",
    Initial = "initial",
});

/// The derivative of a [`Gru`](super::Gru), from the last step to the first.
///
/// With `dh` what flows into the state after step `t`, and `h` the state before it:
///
/// ```text
/// dx_z = dh (h - n) rec'(z)     dx_n = dh (1 - z) act'(n)
/// reset after:   dx_r = dx_n s rec'(r)     dp = dx_z, dx_r, dx_n r
///                dh = dh z + dp · R^T + dstates_{t-1}
/// reset before:  ds = dx_n · R_n^T         dx_r = ds h rec'(r)
///                dh = dh z + ds r + (dx_z, dx_r) · (R_z, R_r)^T + dstates_{t-1}
/// ```
///
/// Where a step does not count, `dx` and `dp` are 0 and `dh` passes.
///
/// # Shape
/// `trace: [batch, time, 4 * units]`, `states` and `dstates: [batch, time + 1, units]`,
/// `R: [units, 3 * units]`, and when masked `mask: bool [batch, time]`; the result as
/// [`GruGradientResult`] says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GruGradient {
    /// Which result.
    pub result: GruGradientResult,
    /// As in [`Gru`](super::Gru).
    pub activation: CellActivation,
    /// As in [`Gru`](super::Gru).
    pub recurrent_activation: CellActivation,
    /// As in [`Gru`](super::Gru).
    pub reset_after: bool,
    /// Whether the last input is a mask.
    pub masked: bool,
}

impl GruGradient {
    /// The sizes for inputs of these types, if they fit.
    pub fn sizes(&self, inputs: &[Type]) -> Option<RecurrentSizes> {
        let &[batch, time, _] = &inputs.first()?.shape[..] else { return None };
        let &[units, _] = &inputs.get(3)?.shape[..] else { return None };
        let sizes = RecurrentSizes { batch, time, units };
        let states = sizes.sequence(time + 1, 1);
        let kernel = Type::f32([units, 3 * units]);
        let mut expected = vec![sizes.sequence(time, 4), states.clone(), states, kernel];
        expected.extend(self.masked.then(|| sizes.mask()));
        let has_result = self.reset_after || self.result != GruGradientResult::Recurrent;
        (expected == inputs && time >= 1 && has_result).then_some(sizes)
    }
}

impl Operation for GruGradient {
    const NAME: &'static str = "gru_gradient";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        let sizes = self.sizes(inputs).ok_or_else(|| {
            misfit(
                inputs,
                "[batch, time, 4 * units], twice [batch, time + 1, units], \
                 [units, 3 * units] and, when masked, bool [batch, time], with at least one step; \
                 a recurrent product that is reset after",
            )
        })?;
        Ok(match self.result {
            GruGradientResult::Projected | GruGradientResult::Recurrent => {
                sizes.sequence(sizes.time, 3)
            }
            GruGradientResult::Initial => sizes.state(),
        })
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        through_decomposition(self, context)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let &[trace, states, dstates, recurrent_kernel, ..] = inputs else { return None };
        let mask = Mask(inputs.get(4).copied());
        let (time, units) = (trace.shape()[1], recurrent_kernel.shape()[0]);
        let zero = trace.graph().constant(0.0);
        let (act, rec) = (self.activation, self.recurrent_activation);
        let gates_kernel = recurrent_kernel.slice(1, 0, 2 * units);
        let candidate_kernel = part(recurrent_kernel, 2, units);
        let mut dh = at_step(dstates, time);
        let (mut projected, mut recurrent) = (Vec::new(), Vec::new());
        for step in (0..time).rev() {
            let kept = at_step(trace, step);
            let [z, r, n, s] = [0, 1, 2, 3].map(|at| part(kept, at, units));
            let h = at_step(states, step);
            let dz = rec.backward(z, dh * (h - n));
            let dn = act.backward(n, dh * (1.0 - z));
            let (dx, dp, dh_before) = if self.reset_after {
                let dr = rec.backward(r, dn * s);
                let dp = Node::concat(&[dz, dr, dn * r], 1);
                let dp = mask.select(step, dp, zero);
                let dh_before = dh * z + dp.matmul_with(recurrent_kernel, false, true);
                let dx = Node::concat(&[dz, dr, dn], 1);
                (mask.select(step, dx, zero), dp, dh_before)
            } else {
                let dn = mask.select(step, dn, zero);
                let ds = dn.matmul_with(candidate_kernel, false, true);
                let gates = Node::concat(&[dz, rec.backward(r, ds * h)], 1);
                let gates = mask.select(step, gates, zero);
                let product = gates.matmul_with(gates_kernel, false, true);
                let dx = Node::concat(&[gates, dn], 1);
                (dx, dx, dh * z + ds * r + product)
            };
            projected.insert(0, dx);
            recurrent.insert(0, dp);
            dh = mask.select(step, dh_before, dh) + at_step(dstates, step);
        }
        Some(match self.result {
            GruGradientResult::Projected => sequence_of(&projected),
            GruGradientResult::Recurrent => sequence_of(&recurrent),
            GruGradientResult::Initial => dh,
        })
    }

    attributes!(result, activation, recurrent_activation, reset_after, masked);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        let (tanh, sigmoid) = (CellActivation::Tanh, CellActivation::Sigmoid);
        for result in
            [GruGradientResult::Projected, GruGradientResult::Recurrent, GruGradientResult::Initial]
        {
            for (reset_after, masked, activation, recurrent_activation) in [
                (true, false, tanh, sigmoid),
                (true, true, tanh, sigmoid),
                (true, true, CellActivation::Relu, CellActivation::HardSigmoid),
                (false, false, tanh, sigmoid),
                (false, true, tanh, sigmoid),
            ] {
                if !reset_after && result == GruGradientResult::Recurrent {
                    continue;
                }
                let op =
                    GruGradient { result, activation, recurrent_activation, reset_after, masked };
                let states = Type::f32([2, 4, 3]);
                let mut inputs =
                    vec![Type::f32([2, 3, 12]), states.clone(), states, Type::f32([3, 9])];
                inputs.extend(masked.then(|| Type::new(DType::Bool, [2, 3])));
                samples.push(Sample { op, inputs, range: (-1.0, 1.0) });
            }
        }
        samples
    }
}
