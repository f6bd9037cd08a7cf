use std::sync::Arc;

use kerros_core::Result;

use super::settings::cell_methods;
use super::{Recurrence, SimpleRNNCell, recurrence_methods, recurrent_layer};
use crate::layers::options::{layer_methods, serialize_regularizer};
use crate::layers::{Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `h_t = activation(x_t · kernel + bias + h_{t-1} · recurrent_kernel)` along a sequence.
///
/// The plainest recurrent layer; it forgets what is many steps back. [`LSTM`](super::LSTM) and
/// [`GRU`](super::GRU) keep it longer.
///
/// # Shape
/// `x: [batch, time, in] -> [batch, units]`, with `return_sequences` `[batch, time, units]`;
/// with `return_state` also `h: [batch, units]`. States to begin with are a second input:
/// `layer.on(arguments([&x]).with("initial_state", &h))`.
///
/// # Parameters
/// - `units`: how many numbers the state has, at least 1.
/// - `activation`: default: `tanh`.
/// - `use_bias`: default: `true`.
/// - `kernel_initializer`: default `glorot_uniform`; `recurrent_initializer`: default
///   `orthogonal`; `bias_initializer`: default `zeros`; regularizers and constraints of the
///   three: default: none.
/// - `dropout`, `recurrent_dropout`: shares of inputs and states dropped while training, the
///   same at each step. Default: 0.
/// - `return_sequences`, `return_state`, `go_backwards`, `stateful`, `unroll`,
///   `zero_output_for_mask`: see [`Recurrence`]. Default: `false`.
///
/// A masked step leaves the state, and the output, as the step before made them.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = SimpleRNN::new(1).activation("linear").return_sequences(true);
/// let layer = layer.kernel_initializer("ones").recurrent_initializer("ones");
/// let mut model = Sequential::new().input([3, 1]).add(layer);
/// let y = model.predict(Tensor::new([1, 3, 1], [1.0f32, 2.0, 3.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [1.0, 3.0, 6.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Elman: "Finding structure in time", Cognitive Science 14, 1990.
#[derive(Clone, Debug)]
pub struct SimpleRNN {
    options: Options,
    recurrence: Recurrence,
    cell: SimpleRNNCell,
}

layer_methods!(SimpleRNN);
recurrence_methods!(SimpleRNN);
cell_methods!(SimpleRNN, cell.settings);
recurrent_layer!(SimpleRNN);

impl SimpleRNN {
    /// A layer of this many units.
    #[track_caller]
    pub fn new(units: usize) -> Self {
        let (options, cell) = (Options::here(), SimpleRNNCell::new(units));
        SimpleRNN { options, recurrence: Recurrence::default(), cell }
    }
}

impl Described for SimpleRNN {
    fn class_name(&self) -> &'static str {
        "SimpleRNN"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        self.recurrence.write(&mut config);
        self.cell.settings.write_first(&mut config);
        self.cell.settings.write_initializers(&mut config);
        let activity = serialize_regularizer(&self.options.activity_regularizer);
        self.cell.settings.write_last(&mut config, Some(activity));
        config
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "SimpleRNN", names: &[], summary: "a plain recurrent layer", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let mut layer = SimpleRNN { options, ..SimpleRNN::new(0) };
    layer.recurrence = Recurrence::read(reader);
    layer.cell.settings.read(reader)?;
    layer.check()?;
    Ok(Arc::new(layer))
}
