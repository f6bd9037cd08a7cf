use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use super::cell::as_cell;
use super::{Cell, Recurrence, Recurrent, SEQUENCES, recurrence_methods};
use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight, part};
use crate::model::IntoLayer;
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y_t, states_t = cell(x_t, states_{t-1})` along a sequence, with any cell.
///
/// # Shape
/// `x: [batch, time, ..] -> [batch, ..]`, the cell's last output; with `return_sequences` all
/// outputs `[batch, time, ..]`; with `return_state` also the cell's states. States to begin
/// with are further inputs: `layer.on(arguments([&x]).with("initial_state", [&h, &c]))`.
///
/// # Parameters
/// - `cell`: [`LSTMCell`](super::LSTMCell) and its like, several as
///   [`StackedRNNCells`](super::StackedRNNCells), or one of your own ([`Cell`]).
/// - `return_sequences`, `return_state`, `go_backwards`, `stateful`, `unroll`,
///   `zero_output_for_mask`: see [`Recurrence`]. Default: `false`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let cells = [LSTMCell::new(4).into_layer(), GRUCell::new(3).into_layer()];
/// let rnn = RNN::new(StackedRNNCells::new(cells)).return_sequences(true);
/// let mut model = Sequential::new().input([5, 2]).add(rnn);
/// let y = model.predict(Tensor::full([1, 5, 2], 1.0f32))?;
/// assert_eq!(y.shape().dims(), [1, 5, 3]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RNN {
    options: Options,
    recurrence: Recurrence,
    cell: Arc<dyn Layer>,
}

layer_methods!(RNN);
recurrence_methods!(RNN);

impl RNN {
    /// Walks with this cell.
    #[track_caller]
    pub fn new(cell: impl IntoLayer) -> Self {
        RNN { options: Options::here(), recurrence: Recurrence::default(), cell: cell.into_layer() }
    }

    fn cell(&self) -> Result<&dyn Cell> {
        as_cell(&*self.cell)
    }
}

impl Described for RNN {
    fn class_name(&self) -> &'static str {
        "RNN"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        self.recurrence.write(&mut config);
        let name = part::name_of(&*self.cell);
        config.insert("cell".into(), part::serialize(&*self.cell, &name));
        config
    }
}

impl Layer for RNN {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.cell()?.check()
    }

    fn parameters(&self) -> &'static [&'static str] {
        SEQUENCES
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        1..=usize::MAX
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let weights = self.recurrence.weights(self.cell()?, &inputs[0])?;
        Ok(weights.into_iter().map(Weight::described).collect())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        self.recurrence.call(self.cell()?, inputs, call)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask<'g>(
        &self,
        _inputs: &[Node<'g>],
        call: &Call<'_, 'g>,
    ) -> Result<Vec<Option<Node<'g>>>> {
        Ok(self.recurrence.masks(call))
    }

    fn as_recurrent(&self) -> Option<&dyn Recurrent> {
        Some(self)
    }
}

impl Recurrent for RNN {
    fn recurrence(&self) -> &Recurrence {
        &self.recurrence
    }

    fn walking(&self, recurrence: Recurrence, name: String) -> Arc<dyn Layer> {
        Arc::new(RNN { recurrence, ..self.clone() }.name(name))
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "RNN",
    names: &[],
    summary: "walks along sequences with any cell",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let recurrence = Recurrence::read(reader);
    let cell = reader.object::<dyn Layer>("cell")?.ok_or_else(|| {
        Error::new(ErrorKind::Format, "`cell` is missing").expected("a serialized cell")
    })?;
    let layer = RNN { options, recurrence, cell };
    layer.check()?;
    Ok(Arc::new(layer))
}
