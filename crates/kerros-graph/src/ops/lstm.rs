use kerros_core::{DType, Result};

use super::CellActivation;
use super::lstm_gradient::{LstmGradient, LstmGradientResult};
use super::recurrence::{Mask, RecurrentSizes, at_step, part, rows_of_sequence, sequence_of};
use crate::attributes::{attributes, named_attribute};
use crate::grad::through_decomposition;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, misfit};

/// Which result of an [`Lstm`]: an operation has one, so each is a node of its own on the
/// same inputs, and a device computes both in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LstmResult {
    /// `[batch, time + 2, units]`: `h_0, h_1, .., h_time`, then the last `c`.
    States,
    /// `[batch, time, 5 * units]`: of each step `i, f, g, o, c`, for the derivative.
    Trace,
}
named_attribute!(LstmResult { States = "states", Trace = "trace" });

/// A long short-term memory over whole sequences.
///
/// With `z_t = x_t + h_{t-1} · R` in four parts and `act`, `rec` the two activations:
///
/// ```text
/// i = rec(z_i)   f = rec(z_f)   g = act(z_g)   o = rec(z_o)
/// c_t = f c_{t-1} + i g         h_t = o act(c_t)
/// ```
///
/// Where a mask says that a step does not count, `h` and `c` stay as they were.
///
/// # Shape
/// `x: [batch, time, 4 * units]` (the input projected by its kernel, bias added; `time` at
/// least 1), `R: [units, 4 * units]`, `h_0, c_0: [batch, units]`, and when masked
/// `mask: bool [batch, time]`; the result as [`LstmResult`] says.
///
/// # Source
/// Hochreiter and Schmidhuber, Long Short-Term Memory, 1997, with forget gates; gates in the
/// order of Keras.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lstm {
    /// Which result.
    pub result: LstmResult,
    /// Of the candidate and of the state: `act`.
    pub activation: CellActivation,
    /// Of the gates: `rec`.
    pub recurrent_activation: CellActivation,
    /// Whether the last input is a mask.
    pub masked: bool,
}

impl Lstm {
    /// The sizes for inputs of these types, if they fit.
    pub fn sizes(&self, inputs: &[Type]) -> Option<RecurrentSizes> {
        let sizes = RecurrentSizes::of(inputs.first()?, inputs.get(1)?, 4)?;
        let kernel = Type::f32([sizes.units, 4 * sizes.units]);
        let mut expected =
            vec![sizes.sequence(sizes.time, 4), kernel, sizes.state(), sizes.state()];
        expected.extend(self.masked.then(|| sizes.mask()));
        (expected == inputs).then_some(sizes)
    }
}

impl Operation for Lstm {
    const NAME: &'static str = "lstm";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        let sizes = self.sizes(inputs).ok_or_else(|| {
            misfit(
                inputs,
                "[batch, time, 4 * units], [units, 4 * units], twice [batch, units] and, when \
                 masked, bool [batch, time], with at least one step",
            )
        })?;
        Ok(match self.result {
            LstmResult::States => sizes.sequence(sizes.time + 2, 1),
            LstmResult::Trace => sizes.sequence(sizes.time, 5),
        })
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        if self.result == LstmResult::Trace {
            return through_decomposition(self, context);
        }
        let (inputs, states, dstates) = (context.inputs, context.output, context.dy);
        let graph = states.graph();
        let trace = graph.apply(Lstm { result: LstmResult::Trace, ..self.clone() }, inputs);
        let mut operands = vec![trace, dstates, inputs[1], inputs[3]];
        operands.extend(inputs.get(4));
        let gradient = |result| {
            let (activation, recurrent_activation) = (self.activation, self.recurrent_activation);
            let masked = self.masked;
            let op = LstmGradient { result, activation, recurrent_activation, masked };
            graph.apply(op, &operands)
        };
        let dx = gradient(LstmGradientResult::Projected);
        let initial = gradient(LstmGradientResult::Initial);
        let time = inputs[0].shape()[1];
        // One product for all steps: the state before each step with that step's derivative.
        let before = rows_of_sequence(states.slice(1, 0, time));
        let dkernel = before.matmul_with(rows_of_sequence(dx), true, false);
        let mut cotangents =
            vec![Some(dx), Some(dkernel), Some(at_step(initial, 0)), Some(at_step(initial, 1))];
        cotangents.extend(self.masked.then_some(None));
        Ok(cotangents)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let &[x, recurrent_kernel, mut h, mut c, ..] = inputs else { return None };
        let mask = Mask(inputs.get(4).copied());
        let (time, units) = (x.shape()[1], recurrent_kernel.shape()[0]);
        let (mut states, mut trace) = (vec![h], Vec::new());
        for step in 0..time {
            let z = at_step(x, step) + h.matmul(recurrent_kernel);
            let i = self.recurrent_activation.apply(part(z, 0, units));
            let f = self.recurrent_activation.apply(part(z, 1, units));
            let g = self.activation.apply(part(z, 2, units));
            let o = self.recurrent_activation.apply(part(z, 3, units));
            let next_c = f * c + i * g;
            let next_h = o * self.activation.apply(next_c);
            h = mask.select(step, next_h, h);
            c = mask.select(step, next_c, c);
            states.push(h);
            trace.push(Node::concat(&[i, f, g, o, c], 1));
        }
        states.push(c);
        Some(match self.result {
            LstmResult::States => sequence_of(&states),
            LstmResult::Trace => sequence_of(&trace),
        })
    }

    attributes!(result, activation, recurrent_activation, masked);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        let (tanh, sigmoid) = (CellActivation::Tanh, CellActivation::Sigmoid);
        for result in [LstmResult::States, LstmResult::Trace] {
            for (masked, activation, recurrent_activation) in [
                (false, tanh, sigmoid),
                (true, tanh, sigmoid),
                (true, CellActivation::Relu, CellActivation::HardSigmoid),
                (false, sigmoid, sigmoid),
            ] {
                let op = Lstm { result, activation, recurrent_activation, masked };
                let state = Type::f32([2, 3]);
                let mut inputs =
                    vec![Type::f32([2, 3, 12]), Type::f32([3, 12]), state.clone(), state];
                inputs.extend(masked.then(|| Type::new(DType::Bool, [2, 3])));
                samples.push(Sample { op, inputs, range: (-1.0, 1.0) });
            }
        }
        samples
    }
}

/// What a long short-term memory gives.
#[derive(Clone, Copy, Debug)]
pub struct LstmOutputs<'g> {
    /// `h` after each step: `[batch, time, units]`.
    pub sequence: Node<'g>,
    /// `h` after the last step: `[batch, units]`.
    pub last_h: Node<'g>,
    /// `c` after the last step: `[batch, units]`.
    pub last_c: Node<'g>,
}

impl<'g> Node<'g> {
    /// A long short-term memory over sequences whose inputs are projected already: see
    /// [`Lstm`] for the formula.
    ///
    /// Project all steps at once (`x.linear(kernel, Some(bias), ..)`); what is left for each
    /// step is the recurrent part. For the other direction, [`Node::reverse`] the inputs
    /// (and the mask) along the axis of time, and the resulting sequence.
    ///
    /// # Shape
    /// `self: [batch, time, 4 * units]`, `recurrent_kernel: [units, 4 * units]`, each of
    /// `initial`, that is `h` and `c`: `[batch, units]`, `mask: bool [batch, time]`.
    ///
    /// # Parameters
    /// - `activations`: of candidate and state, and of the gates; Keras's default is
    ///   `(Tanh, Sigmoid)`, for which devices have kernels.
    /// - `mask`: where false, the state is carried over.
    ///
    /// # Example
    /// ```
    /// use kerros_core::{DType, Tensor};
    /// use kerros_graph::{Graph, eval::evaluate, ops::CellActivation};
    /// let graph = Graph::new();
    /// let x = graph.input("x", [1, 2, 4], DType::F32);
    /// let kernel = graph.full([1, 4], 0.0);
    /// let zero = graph.full([1, 1], 0.0);
    /// let identity = CellActivation::Identity;
    /// let y = x.lstm(kernel, (zero, zero), (identity, identity), None);
    /// // Gates i, f, g, o of each step: c = 1 * 2, then 3 * 2 + 1 * 1; h = o * c.
    /// let values = [Tensor::new([1, 2, 4], [1.0f32, 5.0, 2.0, 1.0, 1.0, 3.0, 1.0, 0.5])?];
    /// let found = evaluate::<f32>(&graph, &[y.sequence, y.last_c], &values, &[])?;
    /// assert_eq!(found[0].as_slice::<f32>()?, [2.0, 3.5]);
    /// assert_eq!(found[1].as_slice::<f32>()?, [7.0]);
    /// # Ok::<(), kerros_core::Error>(())
    /// ```
    #[track_caller]
    pub fn lstm(
        self,
        recurrent_kernel: Node<'g>,
        initial: (Node<'g>, Node<'g>),
        activations: (CellActivation, CellActivation),
        mask: Option<Node<'g>>,
    ) -> LstmOutputs<'g> {
        let (activation, recurrent_activation) = activations;
        let op = Lstm {
            result: LstmResult::States,
            activation,
            recurrent_activation,
            masked: mask.is_some(),
        };
        let mut inputs = vec![self, recurrent_kernel, initial.0, initial.1];
        inputs.extend(mask);
        let types: Vec<Type> = inputs.iter().map(|input| input.ty()).collect();
        let states = self.graph().apply(op.clone(), &inputs);
        let Some(sizes) = op.sizes(&types) else {
            return LstmOutputs { sequence: states, last_h: states, last_c: states };
        };
        LstmOutputs {
            sequence: states.slice(1, 1, sizes.time + 1),
            last_h: at_step(states, sizes.time),
            last_c: at_step(states, sizes.time + 1),
        }
    }
}
