use kerros_core::{DType, Result};

use super::CellActivation;
use super::gru::RecurrentOutputs;
use super::recurrence::{Mask, RecurrentSizes, at_step, rows_of_sequence, sequence_of};
use super::simple_rnn_gradient::{SimpleRnnGradient, SimpleRnnGradientResult};
use crate::attributes::attributes;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, misfit};

/// `h_t = act(x_t + h_{t-1} · R)` over whole sequences: `h_0, h_1, .., h_time`.
///
/// Where a mask says that a step does not count, `h` stays as it was.
///
/// # Shape
/// `x: [batch, time, units]` (the input projected by its kernel, bias added; `time` at least
/// 1), `R: [units, units]`, `h_0: [batch, units]`, and when masked
/// `mask: bool [batch, time]` `-> [batch, time + 1, units]`.
///
/// # Source
/// Elman, Finding Structure in Time, 1990.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SimpleRnn {
    /// What follows the sum: `act`.
    pub activation: CellActivation,
    /// Whether the last input is a mask.
    pub masked: bool,
}

impl SimpleRnn {
    /// The sizes for inputs of these types, if they fit.
    pub fn sizes(&self, inputs: &[Type]) -> Option<RecurrentSizes> {
        let sizes = RecurrentSizes::of(inputs.first()?, inputs.get(1)?, 1)?;
        let kernel = Type::f32([sizes.units, sizes.units]);
        let mut expected = vec![sizes.sequence(sizes.time, 1), kernel, sizes.state()];
        expected.extend(self.masked.then(|| sizes.mask()));
        (expected == inputs).then_some(sizes)
    }
}

impl Operation for SimpleRnn {
    const NAME: &'static str = "simple_rnn";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        let sizes = self.sizes(inputs).ok_or_else(|| {
            misfit(
                inputs,
                "[batch, time, units], [units, units], [batch, units] and, when masked, \
                 bool [batch, time], with at least one step",
            )
        })?;
        Ok(sizes.sequence(sizes.time + 1, 1))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (inputs, states, dstates) = (context.inputs, context.output, context.dy);
        let mut operands = vec![states, dstates, inputs[1]];
        operands.extend(inputs.get(3));
        let gradient = |result| {
            let SimpleRnn { activation, masked } = *self;
            states.graph().apply(SimpleRnnGradient { result, activation, masked }, &operands)
        };
        let dx = gradient(SimpleRnnGradientResult::Projected);
        // One product for all steps: the state before each step with that step's derivative.
        let before = rows_of_sequence(states.slice(1, 0, inputs[0].shape()[1]));
        let dkernel = before.matmul_with(rows_of_sequence(dx), true, false);
        let initial = gradient(SimpleRnnGradientResult::Initial);
        let mut cotangents = vec![Some(dx), Some(dkernel), Some(initial)];
        cotangents.extend(self.masked.then_some(None));
        Ok(cotangents)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let &[x, recurrent_kernel, mut h, ..] = inputs else { return None };
        let mask = Mask(inputs.get(3).copied());
        let mut states = vec![h];
        for step in 0..x.shape()[1] {
            let next_h = self.activation.apply(at_step(x, step) + h.matmul(recurrent_kernel));
            h = mask.select(step, next_h, h);
            states.push(h);
        }
        Some(sequence_of(&states))
    }

    attributes!(activation, masked);

    fn samples() -> Vec<Sample<Self>> {
        let tanh = CellActivation::Tanh;
        [
            (false, tanh),
            (true, tanh),
            (false, CellActivation::Relu),
            (true, CellActivation::Sigmoid),
        ]
        .map(|(masked, activation)| {
            let mut inputs = vec![Type::f32([2, 3, 4]), Type::f32([4, 4]), Type::f32([2, 4])];
            inputs.extend(masked.then(|| Type::new(DType::Bool, [2, 3])));
            Sample { op: SimpleRnn { activation, masked }, inputs, range: (-1.0, 1.0) }
        })
        .to_vec()
    }
}

impl<'g> Node<'g> {
    /// `h_t = act(self_t + h_{t-1} · recurrent_kernel)` over sequences whose inputs are
    /// projected already.
    ///
    /// Project all steps at once (`x.linear(kernel, Some(bias), ..)`); what is left for each
    /// step is the recurrent part. For the other direction, [`Node::reverse`] the inputs
    /// (and the mask) along the axis of time, and the resulting sequence.
    ///
    /// # Shape
    /// `self: [batch, time, units]`, `recurrent_kernel: [units, units]`,
    /// `initial: [batch, units]`, `mask: bool [batch, time]`.
    ///
    /// # Parameters
    /// - `activation`: Keras's default is `Tanh`, for which devices have kernels.
    /// - `mask`: where false, the state is carried over.
    ///
    /// # Example
    /// ```
    /// use kerros_core::{DType, Tensor};
    /// use kerros_graph::{Graph, eval::evaluate, ops::CellActivation};
    /// let graph = Graph::new();
    /// let x = graph.input("x", [1, 3, 1], DType::F32);
    /// let double = graph.full([1, 1], 2.0);
    /// let y = x.simple_rnn(double, graph.full([1, 1], 1.0), CellActivation::Identity, None);
    /// let values = [Tensor::new([1, 3, 1], [1.0f32, 10.0, 100.0])?];
    /// let found = evaluate::<f32>(&graph, &[y.sequence, y.last], &values, &[])?;
    /// assert_eq!(found[0].as_slice::<f32>()?, [3.0, 16.0, 132.0]);
    /// assert_eq!(found[1].as_slice::<f32>()?, [132.0]);
    /// # Ok::<(), kerros_core::Error>(())
    /// ```
    #[track_caller]
    pub fn simple_rnn(
        self,
        recurrent_kernel: Node<'g>,
        initial: Node<'g>,
        activation: CellActivation,
        mask: Option<Node<'g>>,
    ) -> RecurrentOutputs<'g> {
        let op = SimpleRnn { activation, masked: mask.is_some() };
        let inputs: Vec<Node<'g>> =
            [self, recurrent_kernel, initial].into_iter().chain(mask).collect();
        let types: Vec<Type> = inputs.iter().map(|input| input.ty()).collect();
        let sizes = op.sizes(&types);
        RecurrentOutputs::of(self.graph().apply(op, &inputs), sizes)
    }
}
