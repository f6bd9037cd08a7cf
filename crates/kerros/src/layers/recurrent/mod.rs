//! Recurrent layers: a cell makes one step, [`RNN`] and its like walk along sequences with it.

use kerros_core::{Error, ErrorKind, Result, Shape};

pub(super) mod bidirectional;
pub mod cell;
pub(super) mod conv_lstm;
pub(super) mod gru;
pub(super) mod gru_cell;
pub(super) mod lstm;
pub(super) mod lstm_cell;
mod merge_mode;
pub mod recurrence;
pub(super) mod rnn;
mod settings;
pub(super) mod simple_rnn;
pub(super) mod simple_rnn_cell;
pub(super) mod stacked_rnn_cells;
mod whole;

pub use bidirectional::Bidirectional;
pub use cell::Cell;
pub use conv_lstm::{ConvLSTM1D, ConvLSTM2D, ConvLSTM3D};
pub use gru::GRU;
pub use gru_cell::GRUCell;
pub use lstm::LSTM;
pub use lstm_cell::LSTMCell;
pub use merge_mode::MergeMode;
pub use recurrence::{Recurrence, Recurrent};
pub use rnn::RNN;
pub use simple_rnn::SimpleRNN;
pub use simple_rnn_cell::SimpleRNNCell;
pub use stacked_rnn_cells::StackedRNNCells;

/// The parameters of a cell's call.
const STATES: &[&str] = &["inputs", "states"];

/// The parameters of a recurrent layer's call that are tensors.
const SEQUENCES: &[&str] = &["sequences", "initial_state", "mask"];

/// The length of the features of a step `[batch, features]`.
fn last_axis(step: &Shape) -> Result<usize> {
    match &step[..] {
        [_, features] => Ok(*features),
        _ => Err(Error::new(ErrorKind::Shape, format!("a step of shape {step}"))
            .expected("[batch, features], of sequences [batch, time, features]")),
    }
}

/// The builder methods of a layer that walks along sequences; `recurrence` is where it keeps
/// its [`Recurrence`].
macro_rules! recurrence_methods {
    ($Layer:ty) => {
        impl $Layer {
            /// Sets whether the outputs of all steps come out, not only the last. Default:
            /// `false`.
            pub fn return_sequences(mut self, return_sequences: bool) -> Self {
                self.recurrence.return_sequences = return_sequences;
                self
            }

            /// Sets whether the last states come out, too, as further outputs. Default: `false`.
            pub fn return_state(mut self, return_state: bool) -> Self {
                self.recurrence.return_state = return_state;
                self
            }

            /// Sets whether it walks from the last step to the first; its outputs come in that
            /// order. Default: `false`.
            pub fn go_backwards(mut self, go_backwards: bool) -> Self {
                self.recurrence.go_backwards = go_backwards;
                self
            }

            /// Sets whether each batch begins with the states with which the one before ended:
            /// row by row, in batches of one size, which the input must fix. See
            /// [`Model::reset_states`](crate::Model::reset_states). Default: `false`.
            pub fn stateful(mut self, stateful: bool) -> Self {
                self.recurrence.stateful = stateful;
                self
            }

            /// Kept for Keras's files: the steps are unrolled wherever that is the way to
            /// compute them. Default: `false`.
            pub fn unroll(mut self, unroll: bool) -> Self {
                self.recurrence.unroll = unroll;
                self
            }

            /// Sets whether 0 comes out where a step is masked, instead of the output of the
            /// step before. Default: `false`.
            pub fn zero_output_for_mask(mut self, zero: bool) -> Self {
                self.recurrence.zero_output_for_mask = zero;
                self
            }
        }
    };
}
pub(super) use recurrence_methods;

/// A layer around a cell of its own: what it does follows from `cell` and `recurrence`, and
/// `options`.
macro_rules! recurrent_layer {
    ($Layer:ty $(, $N:ident)?) => {
        impl$(<const $N: usize>)? $crate::layers::Layer for $Layer {
            fn options(&self) -> &$crate::layers::Options {
                &self.options
            }

            fn check(&self) -> kerros_core::Result<()> {
                self.cell.check()
            }

            fn parameters(&self) -> &'static [&'static str] {
                $crate::layers::recurrent::SEQUENCES
            }

            fn num_inputs(&self) -> std::ops::RangeInclusive<usize> {
                1..=3
            }

            fn weights(
                &self,
                inputs: &[kerros_core::Shape],
            ) -> kerros_core::Result<Vec<$crate::layers::Weight>> {
                self.recurrence.weights(&self.cell, &inputs[0])
            }

            fn call<'g>(
                &self,
                inputs: &[kerros_graph::Node<'g>],
                call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<kerros_graph::Node<'g>>> {
                self.recurrence.call(&self.cell, inputs, call)
            }

            fn supports_masking(&self) -> bool {
                true
            }

            fn compute_mask<'g>(
                &self,
                _inputs: &[kerros_graph::Node<'g>],
                call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<Option<kerros_graph::Node<'g>>>> {
                Ok(self.recurrence.masks(call))
            }

            fn as_recurrent(&self) -> Option<&dyn $crate::layers::recurrent::Recurrent> {
                Some(self)
            }
        }

        impl$(<const $N: usize>)? $crate::layers::recurrent::Recurrent for $Layer {
            fn recurrence(&self) -> &$crate::layers::recurrent::Recurrence {
                &self.recurrence
            }

            fn walking(
                &self,
                recurrence: $crate::layers::recurrent::Recurrence,
                name: String,
            ) -> std::sync::Arc<dyn $crate::layers::Layer> {
                let mut layer = self.clone();
                layer.recurrence = recurrence;
                layer.options.name = Some(name);
                std::sync::Arc::new(layer)
            }
        }
    };
}
pub(super) use recurrent_layer;
