//! Recurrent layers: one step for all results that the graph asks of the same inputs.

use kerros_graph::ops::{
    GruGradientResult, GruResult, LstmGradientResult, LstmResult, RecurrentSizes,
    SimpleRnnGradientResult,
};
use kerros_graph::{Op, Type, ops};

use super::Lowering;
use super::heavy::Call;
use crate::plan::{Access, Kernel, Operand, Split, Step};
use crate::recurrent::{Cell, Recurrent};

/// A result of a kernel with several.
struct Outcome {
    /// The operation that gives it.
    op: Op,
    /// Whether the kernel can leave it out.
    optional: bool,
}

impl Outcome {
    fn always(op: impl Into<Op>) -> Self {
        Outcome { op: op.into(), optional: false }
    }

    fn if_asked(op: impl Into<Op>) -> Self {
        Outcome { op: op.into(), optional: true }
    }
}

/// How a recurrent operation is computed.
struct Recipe {
    kernel: Recurrent,
    /// The operands that every sequence needs: the recurrent kernel and a bias.
    weights: Vec<usize>,
    /// In the order in which the kernel writes them.
    results: Vec<Outcome>,
}

impl Recipe {
    fn new(op: &Op, inputs: &[Type]) -> Option<Recipe> {
        let (cell, masked, sizes) = match op {
            Op::Lstm(op) => (Cell::Lstm, op.masked, op.sizes(inputs)),
            Op::LstmGradient(op) => (Cell::Lstm, op.masked, op.sizes(inputs)),
            Op::Gru(op) => {
                let cell = Cell::Gru { reset_after: op.reset_after, bias: op.bias };
                (cell, op.masked, op.sizes(inputs))
            }
            Op::GruGradient(op) => {
                let cell = Cell::Gru { reset_after: op.reset_after, bias: false };
                (cell, op.masked, op.sizes(inputs))
            }
            Op::SimpleRnn(op) => (Cell::SimpleRnn, op.masked, op.sizes(inputs)),
            Op::SimpleRnnGradient(op) => (Cell::SimpleRnn, op.masked, op.sizes(inputs)),
            _ => return None,
        };
        let RecurrentSizes { batch, time, units } = sizes?;
        let (backward, weights, results) = match op {
            Op::Lstm(op) => {
                let of = |result| ops::Lstm { result, ..op.clone() };
                let trace = Outcome::if_asked(of(LstmResult::Trace));
                (false, vec![1], vec![Outcome::always(of(LstmResult::States)), trace])
            }
            Op::LstmGradient(op) => {
                let of = |result| Outcome::always(ops::LstmGradient { result, ..op.clone() });
                let results = [LstmGradientResult::Projected, LstmGradientResult::Initial];
                (true, vec![2], results.map(of).into())
            }
            Op::Gru(op) => {
                let of = |result| ops::Gru { result, ..op.clone() };
                let trace = Outcome::if_asked(of(GruResult::Trace));
                let weights = if op.bias { vec![1, 3] } else { vec![1] };
                (false, weights, vec![Outcome::always(of(GruResult::States)), trace])
            }
            Op::GruGradient(op) => {
                let of = |result| Outcome::always(ops::GruGradient { result, ..op.clone() });
                let mut results = vec![of(GruGradientResult::Projected)];
                results.extend(op.reset_after.then(|| of(GruGradientResult::Recurrent)));
                results.push(of(GruGradientResult::Initial));
                (true, vec![3], results)
            }
            Op::SimpleRnnGradient(op) => {
                let of = |result| Outcome::always(ops::SimpleRnnGradient { result, ..op.clone() });
                let results =
                    [SimpleRnnGradientResult::Projected, SimpleRnnGradientResult::Initial];
                (true, vec![2], results.map(of).into())
            }
            op => (false, vec![1], vec![Outcome::always(op.clone())]),
        };
        let kernel = Recurrent { cell, backward, masked, batch, time, units };
        Some(Recipe { kernel, weights, results })
    }
}

impl Lowering<'_> {
    /// The step of a recurrent operation, with the results of all its siblings.
    pub(super) fn recurrent(&mut self, call: &Call<'_>) {
        let inputs: Vec<Type> = call.inputs.iter().map(|&ty| ty.clone()).collect();
        let Recipe { kernel, weights, results } =
            Recipe::new(&call.node.op, &inputs).expect("a recurrent operation of fitting types");
        let mut writes = Vec::with_capacity(results.len());
        for result in results {
            if result.optional && self.sibling(call, &result.op).is_none() {
                continue;
            }
            let buffer = self.result(call, &result.op, &inputs);
            writes.push(Operand { buffer, access: Access::Part });
        }
        let Recurrent { cell, batch, time, units, .. } = kernel;
        let read = |at| if weights.contains(&at) { call.whole(at) } else { call.part(at) };
        let reads = (0..call.reads.len()).map(read).collect();
        let products = 2 * batch * time * units * cell.gates() * units;
        self.plan.steps.push(Step {
            kernel: Kernel::Recurrent(kernel),
            reads,
            writes,
            split: if batch > 1 { Split::Rows(batch) } else { Split::Single },
            cost: products + 60 * batch * time * cell.gates() * units,
            origin: call.node.origin.clone(),
        });
    }
}
