//! How recurrent layers walk along sequences.

use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::json;

use super::cell::{Cell, Noise, Sequence, Walk, check_states};
use crate::layers::noise::key;
use crate::layers::{Call, Layer, Weight, part};
use crate::object::{Config, ConfigReader};

/// A layer that walks along sequences: [`LSTM`](super::LSTM) and its like.
pub trait Recurrent: Layer {
    /// How it walks.
    fn recurrence(&self) -> &Recurrence;

    /// The same layer under another name, walking like this.
    fn walking(&self, recurrence: Recurrence, name: String) -> Arc<dyn Layer>;
}

/// How a recurrent layer walks along its sequences, and what it gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recurrence {
    /// Whether the outputs of all steps come out, not only the last.
    pub return_sequences: bool,
    /// Whether the last states come out, too.
    pub return_state: bool,
    /// Whether it walks from the last step to the first; outputs come in that order.
    pub go_backwards: bool,
    /// Whether the next batch begins with the states with which this one ends.
    pub stateful: bool,
    /// Kept for Keras's files; nothing depends on it.
    pub unroll: bool,
    /// Whether 0 comes out where a step is masked, instead of the step before's output.
    pub zero_output_for_mask: bool,
}

impl Recurrence {
    /// Writes the settings in Keras's order.
    pub(in crate::layers) fn write(&self, config: &mut Config) {
        for (name, value) in [
            ("return_sequences", self.return_sequences),
            ("return_state", self.return_state),
            ("go_backwards", self.go_backwards),
            ("stateful", self.stateful),
            ("unroll", self.unroll),
            ("zero_output_for_mask", self.zero_output_for_mask),
        ] {
            config.insert(name.into(), json!(value));
        }
    }

    /// Reads the settings.
    pub(in crate::layers) fn read(reader: &mut ConfigReader<'_>) -> Self {
        if reader.bool("time_major", false) {
            reader.refuse("`time_major` is true: the batch axis must come first");
        }
        Recurrence {
            return_sequences: reader.bool("return_sequences", false),
            return_state: reader.bool("return_state", false),
            go_backwards: reader.bool("go_backwards", false),
            stateful: reader.bool("stateful", false),
            unroll: reader.bool("unroll", false),
            zero_output_for_mask: reader.bool("zero_output_for_mask", false),
        }
    }

    /// The weights of the cell, then the states that are kept from batch to batch.
    pub(in crate::layers) fn weights(
        &self,
        cell: &dyn Cell,
        sequences: &Shape,
    ) -> Result<Vec<Weight>> {
        let step = step_shape(sequences)?;
        let states = cell.state_shapes(&step)?;
        let mut weights = part::weights(cell, "cell", &part::name_of(cell), &[step])?;
        if self.stateful {
            let memory = |shape: &Shape| Weight {
                is_memory: true,
                ..Weight::fixed("rnn_state", Tensor::zeros(shape.clone(), DType::F32))
            };
            weights.extend(states.iter().map(memory));
        }
        Ok(weights)
    }

    /// Walks along sequences: `inputs` are `[batch, time, ..]` and, when given, the states to
    /// begin with.
    pub(in crate::layers) fn call<'g>(
        &self,
        cell: &dyn Cell,
        inputs: &[Node<'g>],
        call: &Call<'_, 'g>,
    ) -> Result<Vec<Node<'g>>> {
        let sequences = inputs[0];
        let step = step_shape(&sequences.shape())?;
        let shapes = cell.state_shapes(&step)?;
        let num_memories = if self.stateful { shapes.len() } else { 0 };
        let (own, memory) = call.weights.split_at(call.weights.len() - num_memories);
        let states = match (&inputs[1..], memory) {
            ([], []) => shapes.iter().map(|shape| sequences.graph().full(shape, 0.0)).collect(),
            ([], memory) => self.remembered(memory, &shapes)?,
            (given, _) => given.to_vec(),
        };
        check_states(cell, &step, &states)?;
        let inner = Call { weights: own, ..*call };
        let noise = cell.noise(&step, &inner)?;
        let reversed = |node: Node<'g>| match self.go_backwards {
            true => node.reverse(1),
            false => node,
        };
        let mask = self.step_mask(inputs, call).map(reversed);
        let x = reversed(sequences);
        let sequence = Sequence { x, states: &states, mask, noise: &noise };
        let walk = match cell.sequence(&sequence, &inner)? {
            Some(walk) => walk,
            None => step_by_step(cell, &sequence, &inner)?,
        };
        for (at, &state) in walk.states.iter().enumerate().take(num_memories) {
            call.updates.borrow_mut().push((own.len() + at, state));
        }
        let begins_at_zero = inputs.len() == 1 && memory.is_empty();
        Ok(self.results(&walk, mask, begins_at_zero))
    }

    /// What comes out.
    fn results<'g>(
        &self,
        walk: &Walk<'g>,
        mask: Option<Node<'g>>,
        begins_at_zero: bool,
    ) -> Vec<Node<'g>> {
        // Keras's unrolled steps repeat the output before, whatever this asks for, and zeros where
        // there is none before; others give the state they begin with, which most often is zero.
        let shown = match mask {
            Some(mask) if self.unroll && !begins_at_zero => {
                Some(mask.cast(DType::F32).cumsum(1).greater(0.0))
            }
            mask => mask.filter(|_| self.zero_output_for_mask && !self.unroll),
        };
        let outputs = match shown {
            Some(mask) => {
                let shape = walk.outputs.shape();
                let ones = vec![1; shape.ndim().saturating_sub(2)];
                let mask = mask.reshape([&shape[..2], &ones].concat());
                mask.select(walk.outputs, 0.0)
            }
            None => walk.outputs,
        };
        let output = match self.return_sequences {
            true => outputs,
            false => at_step(outputs, outputs.shape()[1] - 1),
        };
        let states = walk.states.iter().copied().filter(|_| self.return_state);
        [output].into_iter().chain(states).collect()
    }

    /// The masks of the results, in Keras's order.
    pub(in crate::layers) fn masks<'g>(&self, call: &Call<'_, 'g>) -> Vec<Option<Node<'g>>> {
        vec![call.masks.first().copied().flatten().filter(|_| self.return_sequences)]
    }

    /// Which steps count: `bool [batch, time]`. As in Keras, a mask that came with the
    /// sequences is not heeded when states are given; one that is an argument is.
    fn step_mask<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Option<Node<'g>> {
        let is_heeded = inputs.len() == 1 || call.argument("mask").is_some();
        let mask = call.masks.first().copied().flatten().filter(|_| is_heeded)?;
        Some(mask.cast(DType::Bool))
    }

    /// The states as the batch before left them.
    fn remembered<'g>(&self, memory: &[Node<'g>], shapes: &[Shape]) -> Result<Vec<Node<'g>>> {
        for (state, shape) in memory.iter().zip(shapes) {
            if &state.shape() != shape {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!(
                        "a stateful layer that keeps states of shape {} was given {} rows",
                        state.shape(),
                        shape.first().copied().unwrap_or(0)
                    ),
                )
                .expected("batches of one size, which the input fixes")
                .hint("give it: `Input::new([..]).batch_size(32)`"));
            }
        }
        Ok(memory.to_vec())
    }
}

/// The shape of one step of sequences of this shape.
fn step_shape(sequences: &Shape) -> Result<Shape> {
    match &sequences[..] {
        [batch, time, step @ ..] if *time > 0 => {
            Ok(std::iter::once(*batch).chain(step.iter().copied()).collect())
        }
        _ => Err(Error::new(ErrorKind::Shape, format!("sequences of shape {sequences}"))
            .expected("[batch, time, ..] with at least one step")),
    }
}

/// One step of a sequence, without the axis of time.
pub(in crate::layers) fn at_step(sequence: Node<'_>, step: usize) -> Node<'_> {
    let shape = sequence.shape();
    let dims: Shape = shape[..1].iter().chain(&shape[2..]).copied().collect();
    sequence.slice(1, step, step + 1).reshape(dims)
}

/// The walk as a graph that has each step: right for every cell.
fn step_by_step<'g>(
    cell: &dyn Cell,
    sequence: &Sequence<'_, 'g>,
    call: &Call<'_, 'g>,
) -> Result<Walk<'g>> {
    let time = sequence.x.shape()[1];
    let mut states = sequence.states.to_vec();
    let mut outputs = Vec::with_capacity(time);
    for at in 0..time {
        let step = cell.step(at_step(sequence.x, at), &states, sequence.noise, call)?;
        let (mut output, mut next) = (step.output, step.states);
        if let Some(mask) = sequence.mask {
            let counts = at_step(mask, at);
            output = where_row(counts, output, states[cell.output_state()]);
            next = next.iter().zip(&states).map(|(&a, &b)| where_row(counts, a, b)).collect();
        }
        outputs.push(output.expand_dims(1));
        states = next;
    }
    Ok(Walk { outputs: Node::concat(&outputs, 1), states })
}

/// `a` for the rows that count, `b` for the others; `counts: bool [batch]`.
fn where_row<'g>(counts: Node<'g>, a: Node<'g>, b: Node<'g>) -> Node<'g> {
    let dims: Vec<usize> =
        counts.shape().iter().copied().chain(std::iter::repeat_n(1, a.ndim() - 1)).collect();
    counts.reshape(dims).select(a, b)
}

/// Factors that drop a share of the elements: `num` of them, each of this shape. None when
/// nothing is dropped.
pub(super) fn dropout_factors<'g>(
    call: &Call<'_, 'g>,
    shape: &Shape,
    rate: f64,
    seed: Option<u64>,
    num: usize,
) -> Result<Vec<Node<'g>>> {
    let Some(key) = key(call, seed)?.filter(|_| rate > 0.0) else {
        return Ok(Vec::new());
    };
    let ones = key.graph().full(shape, 1.0);
    Ok((0..num).map(|_| ones.dropout(key, rate as f32)).collect())
}

/// The product of `x`, times factors, with a kernel: one factor for all of it, or one for each
/// of the parts into which the kernel's columns fall.
pub(super) fn product<'g>(x: Node<'g>, kernel: Node<'g>, factors: &[Node<'g>]) -> Node<'g> {
    match factors {
        [] => x.matmul(kernel),
        [factor] => (x * *factor).matmul(kernel),
        factors => {
            let width = kernel.shape()[1] / factors.len();
            let part = |(at, &factor): (usize, &Node<'g>)| {
                (x * factor).matmul(kernel.slice(1, at * width, (at + 1) * width))
            };
            let parts: Vec<Node<'g>> = factors.iter().enumerate().map(part).collect();
            Node::concat(&parts, 1)
        }
    }
}

/// The noise of a cell whose gates have `gates` parts, as Keras draws it: a factor for each
/// part when states are dropped too, else one for all.
pub(super) fn gate_noise<'g>(
    call: &Call<'_, 'g>,
    (input, state): (&Shape, &Shape),
    (dropout, recurrent_dropout): (f64, f64),
    seed: Option<u64>,
    gates: usize,
) -> Result<Noise<'g>> {
    // A rate of 1 drops nothing: Keras's cells with gates have it so.
    let rate = |rate: f64| if rate < 1.0 { rate } else { 0.0 };
    let parts = if recurrent_dropout > 0.0 { gates } else { 1 };
    Ok(Noise {
        input: dropout_factors(call, input, rate(dropout), seed, parts)?,
        recurrent: dropout_factors(call, state, rate(recurrent_dropout), seed, gates)?,
        cells: Vec::new(),
    })
}
