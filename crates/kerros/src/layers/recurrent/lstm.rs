use std::sync::Arc;

use kerros_core::Result;
use serde_json::json;

use super::settings::{cell_methods, gate_methods};
use super::{LSTMCell, Recurrence, recurrence_methods, recurrent_layer};
use crate::layers::options::{layer_methods, serialize_regularizer};
use crate::layers::{Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `c_t = f * c_{t-1} + i * g`, `h_t = o * activation(c_t)` along a sequence: a memory `c` with
/// gates that say what is forgotten, added and shown.
///
/// See [`LSTMCell`] for the gates.
///
/// # Shape
/// `x: [batch, time, in] -> [batch, units]`, with `return_sequences` `[batch, time, units]`;
/// with `return_state` also `h` and `c: [batch, units]`. States to begin with are further
/// inputs: `layer.on(arguments([&x]).with("initial_state", [&h, &c]))`.
///
/// # Parameters
/// - `units`: how many numbers each state has, at least 1.
/// - `activation`: of the candidate and of what is shown. Default: `tanh`.
/// - `recurrent_activation`: of the gates. Default: `sigmoid`.
/// - `use_bias`: default: `true`; `unit_forget_bias`: whether the forget gates' bias starts at
///   1. Default: `true`.
/// - `kernel_initializer`: default `glorot_uniform`; `recurrent_initializer`: default
///   `orthogonal`; `bias_initializer`: default `zeros`; regularizers and constraints of the
///   three: default: none.
/// - `dropout`, `recurrent_dropout`: shares of inputs and states dropped while training, the
///   same at each step. Default: 0.
/// - `return_sequences`, `return_state`, `go_backwards`, `stateful`, `unroll`,
///   `zero_output_for_mask`: see [`Recurrence`]. Default: `false`.
///
/// A masked step leaves the states, and the output, as the step before made them.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// // Gates and candidate that are their sums: i = g = o = x, f = x + 1.
/// let layer = LSTM::new(1).activation("linear").recurrent_activation("linear");
/// let layer = layer.kernel_initializer("ones").recurrent_initializer("zeros");
/// let mut model = Sequential::new().input([2, 1]).add(layer);
/// let y = model.predict(Tensor::new([1, 2, 1], [1.0f32, 2.0])?)?;
/// // c: 1 * 1, then 3 * 1 + 2 * 2; h: 2 * 7.
/// assert_eq!(y.as_slice::<f32>()?, [14.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Hochreiter, Schmidhuber: "Long short-term memory", Neural Computation 9, 1997; with forget
/// gates: Gers, Schmidhuber, Cummins, 2000.
#[derive(Clone, Debug)]
pub struct LSTM {
    options: Options,
    recurrence: Recurrence,
    cell: LSTMCell,
}

layer_methods!(LSTM);
recurrence_methods!(LSTM);
cell_methods!(LSTM, cell.settings);
gate_methods!(LSTM, cell.settings);
recurrent_layer!(LSTM);

impl LSTM {
    /// A layer of this many units.
    #[track_caller]
    pub fn new(units: usize) -> Self {
        let (options, cell) = (Options::here(), LSTMCell::new(units));
        LSTM { options, recurrence: Recurrence::default(), cell }
    }

    /// Sets whether the forget gates' bias starts at 1. Default: `true`.
    pub fn unit_forget_bias(mut self, unit_forget_bias: bool) -> Self {
        self.cell.unit_forget_bias = unit_forget_bias;
        self
    }
}

impl Described for LSTM {
    fn class_name(&self) -> &'static str {
        "LSTM"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        self.recurrence.write(&mut config);
        self.cell.settings.write_first(&mut config);
        self.cell.settings.write_initializers(&mut config);
        config.insert("unit_forget_bias".into(), json!(self.cell.unit_forget_bias));
        let activity = serialize_regularizer(&self.options.activity_regularizer);
        self.cell.settings.write_last(&mut config, Some(activity));
        config.insert("seed".into(), json!(self.cell.settings.seed));
        config
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "LSTM",
    names: &[],
    summary: "a recurrent layer with a gated memory",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let mut layer = LSTM { options, ..LSTM::new(0) };
    layer.recurrence = Recurrence::read(reader);
    layer.cell.settings.read(reader)?;
    layer.cell.unit_forget_bias = reader.bool("unit_forget_bias", true);
    layer.check()?;
    Ok(Arc::new(layer))
}
