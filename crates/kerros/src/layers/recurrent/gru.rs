use std::sync::Arc;

use kerros_core::Result;
use serde_json::json;

use super::settings::{cell_methods, gate_methods};
use super::{GRUCell, Recurrence, recurrence_methods, recurrent_layer};
use crate::layers::options::{layer_methods, serialize_regularizer};
use crate::layers::{Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `h_t = z * h_{t-1} + (1 - z) * n` along a sequence: a gate `z` mixes the state with a
/// candidate `n`.
///
/// See [`GRUCell`] for the gates. Smaller than [`LSTM`](super::LSTM), and often as good.
///
/// # Shape
/// `x: [batch, time, in] -> [batch, units]`, with `return_sequences` `[batch, time, units]`;
/// with `return_state` also `h: [batch, units]`. States to begin with are a second input:
/// `layer.on(arguments([&x]).with("initial_state", &h))`.
///
/// # Parameters
/// - `units`: how many numbers the state has, at least 1.
/// - `activation`: of the candidate. Default: `tanh`.
/// - `recurrent_activation`: of the gates. Default: `sigmoid`.
/// - `use_bias`: default: `true`.
/// - `kernel_initializer`: default `glorot_uniform`; `recurrent_initializer`: default
///   `orthogonal`; `bias_initializer`: default `zeros`; regularizers and constraints of the
///   three: default: none.
/// - `dropout`, `recurrent_dropout`: shares of inputs and states dropped while training, the
///   same at each step. Default: 0.
/// - `reset_after`: whether the reset gate comes after the product with the recurrent kernel.
///   Default: `true`.
/// - `return_sequences`, `return_state`, `go_backwards`, `stateful`, `unroll`,
///   `zero_output_for_mask`: see [`Recurrence`]. Default: `false`.
///
/// A masked step leaves the state, and the output, as the step before made them.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// // All sums are x: z = 0.5, so h = 0.5 * h + 0.5 * x.
/// let layer = GRU::new(1).activation("linear").recurrent_activation("linear");
/// let layer = layer.kernel_initializer("ones").recurrent_initializer("zeros");
/// let mut model = Sequential::new().input([2, 1]).add(layer.return_sequences(true));
/// let y = model.predict(Tensor::new([1, 2, 1], [0.5f32, 0.5])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [0.25, 0.375]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Cho et al.: "Learning phrase representations using RNN encoder-decoder", arXiv 1406.1078;
/// `reset_after` as in cuDNN.
#[derive(Clone, Debug)]
pub struct GRU {
    options: Options,
    recurrence: Recurrence,
    cell: GRUCell,
}

layer_methods!(GRU);
recurrence_methods!(GRU);
cell_methods!(GRU, cell.settings);
gate_methods!(GRU, cell.settings);
recurrent_layer!(GRU);

impl GRU {
    /// A layer of this many units.
    #[track_caller]
    pub fn new(units: usize) -> Self {
        let (options, cell) = (Options::here(), GRUCell::new(units));
        GRU { options, recurrence: Recurrence::default(), cell }
    }

    /// Sets whether the reset gate comes after the product with the recurrent kernel. Default:
    /// `true`.
    pub fn reset_after(mut self, reset_after: bool) -> Self {
        self.cell.reset_after = reset_after;
        self
    }
}

impl Described for GRU {
    fn class_name(&self) -> &'static str {
        "GRU"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        self.recurrence.write(&mut config);
        self.cell.settings.write_first(&mut config);
        self.cell.settings.write_initializers(&mut config);
        let activity = serialize_regularizer(&self.options.activity_regularizer);
        self.cell.settings.write_last(&mut config, Some(activity));
        config.insert("reset_after".into(), json!(self.cell.reset_after));
        config.insert("seed".into(), json!(self.cell.settings.seed));
        config
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "GRU", names: &[], summary: "a recurrent layer with gates", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let mut layer = GRU { options, ..GRU::new(0) };
    layer.recurrence = Recurrence::read(reader);
    layer.cell.settings.read(reader)?;
    layer.cell.reset_after = reader.bool("reset_after", true);
    layer.check()?;
    Ok(Arc::new(layer))
}
