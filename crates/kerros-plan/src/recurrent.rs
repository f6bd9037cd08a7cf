//! The kernel of recurrent layers.

use std::fmt;

/// A recurrent layer over whole sequences, or its derivative: reads are the inputs of its
/// operation in order, divided by sequences but for the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrent {
    /// Which layer.
    pub cell: Cell,
    /// Whether it is the derivative. Forward, the writes are the states and then maybe the
    /// trace; backward, the derivatives with respect to the projected inputs, to the recurrent
    /// product (when a reset gate comes after it), and to the initial states.
    pub backward: bool,
    /// Whether the last read is a mask.
    pub masked: bool,
    /// Sequences side by side.
    pub batch: usize,
    /// Steps of each.
    pub time: usize,
    /// Numbers in the state of each.
    pub units: usize,
}

/// Which recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Long short-term memory: tanh, and sigmoid gates.
    Lstm,
    /// Gated recurrent unit: tanh, and sigmoid gates.
    Gru {
        /// Whether the reset gate comes after the recurrent product.
        reset_after: bool,
        /// Whether the fourth read is a bias of that product.
        bias: bool,
    },
    /// Simple: tanh.
    SimpleRnn,
}

impl Cell {
    /// Parts of the projected inputs.
    pub fn gates(self) -> usize {
        match self {
            Cell::Lstm => 4,
            Cell::Gru { .. } => 3,
            Cell::SimpleRnn => 1,
        }
    }
}

impl fmt::Display for Recurrent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recurrent { cell, backward, masked, batch, time, units } = self;
        let name = match cell {
            Cell::Lstm => "lstm",
            Cell::Gru { .. } => "gru",
            Cell::SimpleRnn => "simple_rnn",
        };
        let gradient = if *backward { "_gradient" } else { "" };
        let reset = match cell {
            Cell::Gru { reset_after: false, .. } => ", reset before",
            _ => "",
        };
        let mask = if *masked { ", masked" } else { "" };
        write!(f, "{name}{gradient}{{{batch} x {time} x {units}{reset}{mask}}}")
    }
}
