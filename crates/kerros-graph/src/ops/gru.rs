use kerros_core::{DType, Result};

use super::CellActivation;
use super::gru_gradient::{GruGradient, GruGradientResult};
use super::recurrence::{Mask, RecurrentSizes, at_step, part, rows_of_sequence, sequence_of};
use crate::attributes::{attributes, named_attribute};
use crate::grad::through_decomposition;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, misfit};

/// Which result of a [`Gru`]: an operation has one, so each is a node of its own on the same
/// inputs, and a device computes both in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GruResult {
    /// `[batch, time + 1, units]`: `h_0, h_1, .., h_time`.
    States,
    /// `[batch, time, 4 * units]`: of each step `z, r, n, s`, for the derivative.
    Trace,
}
named_attribute!(GruResult { States = "states", Trace = "trace" });

/// A gated recurrent unit over whole sequences.
///
/// `act` and `rec` are the two activations, and the kernel's parts `R_z, R_r, R_n`. With the
/// reset gate after the product:
///
/// ```text
/// p = h_{t-1} · R + bias        s = p_n
/// z = rec(x_z + p_z)            r = rec(x_r + p_r)            n = act(x_n + r s)
/// h_t = z h_{t-1} + (1 - z) n
/// ```
///
/// and before it:
///
/// ```text
/// z = rec(x_z + h_{t-1} · R_z)  r = rec(x_r + h_{t-1} · R_r)
/// s = r h_{t-1}                 n = act(x_n + s · R_n)
/// h_t = z h_{t-1} + (1 - z) n
/// ```
///
/// Where a mask says that a step does not count, `h` stays as it was.
///
/// # Shape
/// `x: [batch, time, 3 * units]` (the input projected by its kernel, its bias added; `time`
/// at least 1), `R: [units, 3 * units]`, `h_0: [batch, units]`, with a bias
/// `bias: [3 * units]`, and when masked `mask: bool [batch, time]`; the result as
/// [`GruResult`] says.
///
/// # Source
/// Cho et al., arXiv:1406.1078 (reset before the product: version 1; after: version 3, as
/// cuDNN); gates in the order of Keras.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gru {
    /// Which result.
    pub result: GruResult,
    /// Of the candidate: `act`.
    pub activation: CellActivation,
    /// Of the gates: `rec`.
    pub recurrent_activation: CellActivation,
    /// Whether the reset gate is applied after the recurrent product.
    pub reset_after: bool,
    /// Whether there is a recurrent bias: only with `reset_after`.
    pub bias: bool,
    /// Whether the last input is a mask.
    pub masked: bool,
}

impl Gru {
    /// The sizes for inputs of these types, if they fit.
    pub fn sizes(&self, inputs: &[Type]) -> Option<RecurrentSizes> {
        let sizes = RecurrentSizes::of(inputs.first()?, inputs.get(1)?, 3)?;
        let kernel = Type::f32([sizes.units, 3 * sizes.units]);
        let mut expected = vec![sizes.sequence(sizes.time, 3), kernel, sizes.state()];
        expected.extend(self.bias.then(|| Type::f32([3 * sizes.units])));
        expected.extend(self.masked.then(|| sizes.mask()));
        (expected == inputs && (self.reset_after || !self.bias)).then_some(sizes)
    }

    /// The recurrent bias and the mask among the inputs.
    fn options<'g>(&self, inputs: &[Node<'g>]) -> (Option<Node<'g>>, Option<Node<'g>>) {
        let bias = inputs.get(3).copied().filter(|_| self.bias);
        let mask = inputs.last().copied().filter(|_| self.masked);
        (bias, mask)
    }
}

impl Operation for Gru {
    const NAME: &'static str = "gru";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        let sizes = self.sizes(inputs).ok_or_else(|| {
            misfit(
                inputs,
                "[batch, time, 3 * units], [units, 3 * units], [batch, units], with a bias \
                 (only when the reset gate comes after the product) [3 * units] and, when \
                 masked, bool [batch, time], with at least one step",
            )
        })?;
        Ok(match self.result {
            GruResult::States => sizes.sequence(sizes.time + 1, 1),
            GruResult::Trace => sizes.sequence(sizes.time, 4),
        })
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        if self.result == GruResult::Trace {
            return through_decomposition(self, context);
        }
        let (inputs, states, dstates) = (context.inputs, context.output, context.dy);
        let graph = states.graph();
        let (_, mask) = self.options(inputs);
        let trace = graph.apply(Gru { result: GruResult::Trace, ..self.clone() }, inputs);
        let mut operands = vec![trace, states, dstates, inputs[1]];
        operands.extend(mask);
        let gradient = |result| {
            let op = GruGradient {
                result,
                activation: self.activation,
                recurrent_activation: self.recurrent_activation,
                reset_after: self.reset_after,
                masked: self.masked,
            };
            graph.apply(op, &operands)
        };
        let dx = gradient(GruGradientResult::Projected);
        let (time, units) = (inputs[0].shape()[1], inputs[1].shape()[0]);
        // One product for all steps: the state before each step with that step's derivative.
        let before = rows_of_sequence(states.slice(1, 0, time));
        let mut cotangents = vec![Some(dx)];
        if self.reset_after {
            let inner = rows_of_sequence(gradient(GruGradientResult::Recurrent));
            cotangents.push(Some(before.matmul_with(inner, true, false)));
            cotangents.push(Some(gradient(GruGradientResult::Initial)));
            cotangents.extend(self.bias.then(|| Some(inner.sum(&[0]))));
        } else {
            let rows = rows_of_sequence(dx);
            let reset = rows_of_sequence(part(trace, 3, units));
            let gates = before.matmul_with(rows.slice(1, 0, 2 * units), true, false);
            let candidate = reset.matmul_with(part(rows, 2, units), true, false);
            cotangents.push(Some(Node::concat(&[gates, candidate], 1)));
            cotangents.push(Some(gradient(GruGradientResult::Initial)));
        }
        cotangents.extend(self.masked.then_some(None));
        Ok(cotangents)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let &[x, recurrent_kernel, mut h, ..] = inputs else { return None };
        let (bias, mask) = self.options(inputs);
        let mask = Mask(mask);
        let (time, units) = (x.shape()[1], recurrent_kernel.shape()[0]);
        let (act, rec) = (self.activation, self.recurrent_activation);
        let gates_kernel = recurrent_kernel.slice(1, 0, 2 * units);
        let candidate_kernel = part(recurrent_kernel, 2, units);
        let (mut states, mut trace) = (vec![h], Vec::new());
        for step in 0..time {
            let row = at_step(x, step);
            let [x_z, x_r, x_n] = [0, 1, 2].map(|at| part(row, at, units));
            let product = h.matmul(if self.reset_after { recurrent_kernel } else { gates_kernel });
            let product = bias.map_or(product, |bias| product + bias);
            let z = rec.apply(x_z + part(product, 0, units));
            let r = rec.apply(x_r + part(product, 1, units));
            let (s, n) = if self.reset_after {
                let s = part(product, 2, units);
                (s, act.apply(x_n + r * s))
            } else {
                let s = r * h;
                (s, act.apply(x_n + s.matmul(candidate_kernel)))
            };
            let next_h = z * h + (1.0 - z) * n;
            h = mask.select(step, next_h, h);
            states.push(h);
            trace.push(Node::concat(&[z, r, n, s], 1));
        }
        Some(match self.result {
            GruResult::States => sequence_of(&states),
            GruResult::Trace => sequence_of(&trace),
        })
    }

    attributes!(result, activation, recurrent_activation, reset_after, bias, masked);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        let (tanh, sigmoid) = (CellActivation::Tanh, CellActivation::Sigmoid);
        for result in [GruResult::States, GruResult::Trace] {
            for (reset_after, bias, masked, activation, recurrent_activation) in [
                (true, true, false, tanh, sigmoid),
                (true, false, true, tanh, sigmoid),
                (true, true, true, CellActivation::Relu, CellActivation::HardSigmoid),
                (false, false, false, tanh, sigmoid),
                (false, false, true, tanh, sigmoid),
            ] {
                let op =
                    Gru { result, activation, recurrent_activation, reset_after, bias, masked };
                let mut inputs = vec![Type::f32([2, 3, 9]), Type::f32([3, 9]), Type::f32([2, 3])];
                inputs.extend(bias.then(|| Type::f32([9])));
                inputs.extend(masked.then(|| Type::new(DType::Bool, [2, 3])));
                samples.push(Sample { op, inputs, range: (-1.0, 1.0) });
            }
        }
        samples
    }
}

/// What a gated recurrent unit or a simple recurrent layer gives.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentOutputs<'g> {
    /// `h` after each step: `[batch, time, units]`.
    pub sequence: Node<'g>,
    /// `h` after the last step: `[batch, units]`.
    pub last: Node<'g>,
}

impl<'g> RecurrentOutputs<'g> {
    /// The parts of `[batch, time + 1, units]`; the node itself when the operation was
    /// refused.
    #[track_caller]
    pub(super) fn of(states: Node<'g>, sizes: Option<RecurrentSizes>) -> Self {
        match sizes {
            Some(sizes) => RecurrentOutputs {
                sequence: states.slice(1, 1, sizes.time + 1),
                last: at_step(states, sizes.time),
            },
            None => RecurrentOutputs { sequence: states, last: states },
        }
    }
}

impl<'g> Node<'g> {
    /// A gated recurrent unit over sequences whose inputs are projected already: see [`Gru`]
    /// for the formula.
    ///
    /// Project all steps at once (`x.linear(kernel, Some(bias), ..)`); what is left for each
    /// step is the recurrent part. For the other direction, [`Node::reverse`] the inputs
    /// (and the mask) along the axis of time, and the resulting sequence.
    ///
    /// # Shape
    /// `self: [batch, time, 3 * units]`, `recurrent_kernel: [units, 3 * units]`,
    /// `initial: [batch, units]`, `recurrent_bias: [3 * units]`, `mask: bool [batch, time]`.
    ///
    /// # Parameters
    /// - `activations`: of the candidate, and of the gates; Keras's default is
    ///   `(Tanh, Sigmoid)`, for which devices have kernels.
    /// - `reset`: where the reset gate is applied, and the recurrent bias if there is one.
    /// - `mask`: where false, the state is carried over.
    ///
    /// # Example
    /// ```
    /// use kerros_core::{DType, Tensor};
    /// use kerros_graph::{Graph, eval::evaluate, ops::CellActivation, ops::Reset};
    /// let graph = Graph::new();
    /// let x = graph.input("x", [1, 1, 3], DType::F32);
    /// let kernel = graph.full([1, 3], 0.0);
    /// let identity = CellActivation::Identity;
    /// let one = graph.full([1, 1], 1.0);
    /// let y = x.gru(kernel, one, (identity, identity), Reset::After(None), None);
    /// // Gates z, r, n: h = 0.75 * 1 + 0.25 * 3.
    /// let values = [Tensor::new([1, 1, 3], [0.75f32, 9.0, 3.0])?];
    /// let found = evaluate::<f32>(&graph, &[y.last], &values, &[])?;
    /// assert_eq!(found[0].as_slice::<f32>()?, [1.5]);
    /// # Ok::<(), kerros_core::Error>(())
    /// ```
    #[track_caller]
    pub fn gru(
        self,
        recurrent_kernel: Node<'g>,
        initial: Node<'g>,
        activations: (CellActivation, CellActivation),
        reset: Reset<'g>,
        mask: Option<Node<'g>>,
    ) -> RecurrentOutputs<'g> {
        let (activation, recurrent_activation) = activations;
        let (reset_after, bias) = match reset {
            Reset::After(bias) => (true, bias),
            Reset::Before => (false, None),
        };
        let op = Gru {
            result: GruResult::States,
            activation,
            recurrent_activation,
            reset_after,
            bias: bias.is_some(),
            masked: mask.is_some(),
        };
        let inputs: Vec<Node<'g>> =
            [self, recurrent_kernel, initial].into_iter().chain(bias).chain(mask).collect();
        let types: Vec<Type> = inputs.iter().map(|input| input.ty()).collect();
        let sizes = op.sizes(&types);
        RecurrentOutputs::of(self.graph().apply(op, &inputs), sizes)
    }
}

/// Where a gated recurrent unit applies its reset gate.
#[derive(Clone, Copy, Debug)]
pub enum Reset<'g> {
    /// To the state, before the recurrent product.
    Before,
    /// To the recurrent product, its bias `[3 * units]` (if any) included.
    After(Option<Node<'g>>),
}
