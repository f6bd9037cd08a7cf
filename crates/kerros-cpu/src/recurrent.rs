//! Recurrent layers: from a step to the kernel that computes its sequences.

use kerros_graph::Op;
use kerros_graph::ops::CellActivation::{Sigmoid, Tanh};
use kerros_kernels::recurrent::{
    Gru, GruGradient, Lstm, LstmGradient, Scratch, SimpleRnn, SimpleRnnGradient, Sizes,
};
use kerros_plan::recurrent::{Cell, Recurrent};

use crate::work::Work;

/// Whether the kernels compute this recurrent operation: those with Keras's activations.
pub(crate) fn has_kernel(op: &Op) -> bool {
    match op {
        Op::Lstm(op) => (op.activation, op.recurrent_activation) == (Tanh, Sigmoid),
        Op::LstmGradient(op) => (op.activation, op.recurrent_activation) == (Tanh, Sigmoid),
        Op::Gru(op) => (op.activation, op.recurrent_activation) == (Tanh, Sigmoid),
        Op::GruGradient(op) => (op.activation, op.recurrent_activation) == (Tanh, Sigmoid),
        Op::SimpleRnn(op) => op.activation == Tanh,
        Op::SimpleRnnGradient(op) => op.activation == Tanh,
        _ => false,
    }
}

/// Takes the sequences of one thread through time.
pub(crate) fn run(work: &Work<'_>, kernel: &Recurrent, scratch: &mut Scratch) {
    let &Recurrent { cell, backward, masked, batch, time, units } = kernel;
    let sequences = work.units(batch).len();
    let sizes = Sizes { sequences, time, units };
    let mask = masked.then(|| work.read(work.step.reads.len() - 1));
    let written = work.step.writes.len();
    match (cell, backward) {
        (Cell::Lstm, false) => {
            let call = Lstm {
                sizes,
                x: work.read(0),
                kernel: work.read(1),
                initial_h: work.read(2),
                initial_c: work.read(3),
                mask,
                states: work.write(0),
                trace: (written > 1).then(|| work.write(1)),
            };
            call.run(work.isa, scratch);
        }
        (Cell::Lstm, true) => {
            let call = LstmGradient {
                sizes,
                trace: work.read(0),
                dstates: work.read(1),
                kernel: work.read(2),
                initial_c: work.read(3),
                mask,
                dx: work.write(0),
                dinitial: work.write(1),
            };
            call.run(work.isa, scratch);
        }
        (Cell::Gru { reset_after, bias }, false) => {
            let call = Gru {
                sizes,
                reset_after,
                x: work.read(0),
                kernel: work.read(1),
                initial_h: work.read(2),
                bias: bias.then(|| work.read(3)),
                mask,
                states: work.write(0),
                trace: (written > 1).then(|| work.write(1)),
            };
            call.run(work.isa, scratch);
        }
        (Cell::Gru { reset_after, .. }, true) => {
            let call = GruGradient {
                sizes,
                trace: work.read(0),
                states: work.read(1),
                dstates: work.read(2),
                kernel: work.read(3),
                mask,
                dx: work.write(0),
                dproduct: reset_after.then(|| work.write(1)),
                dinitial: work.write(written - 1),
            };
            call.run(work.isa, scratch);
        }
        (Cell::SimpleRnn, false) => {
            let call = SimpleRnn {
                sizes,
                x: work.read(0),
                kernel: work.read(1),
                initial_h: work.read(2),
                mask,
                states: work.write(0),
            };
            call.run(work.isa, scratch);
        }
        (Cell::SimpleRnn, true) => {
            let call = SimpleRnnGradient {
                sizes,
                states: work.read(0),
                dstates: work.read(1),
                kernel: work.read(2),
                mask,
                dx: work.write(0),
                dinitial: work.write(1),
            };
            call.run(work.isa, scratch);
        }
    }
}
