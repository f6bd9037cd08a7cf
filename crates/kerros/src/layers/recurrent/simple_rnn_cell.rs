use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::cell::{Cell, Noise, Sequence, Step, Walk, call_once};
use super::recurrence::{dropout_factors, product};
use super::settings::{CellSettings, cell_methods};
use super::whole::{cell_activation, projected};
use super::{STATES, last_axis};
use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `h = activation(x · kernel + bias + h_before · recurrent_kernel)`: one step of
/// [`SimpleRNN`](super::SimpleRNN).
///
/// # Shape
/// `x: [batch, in]`, `h_before: [batch, units] -> [batch, units]`, twice: output and state.
/// `kernel: [in, units]`, `recurrent_kernel: [units, units]`, `bias: [units]`.
///
/// # Parameters
/// As [`SimpleRNN`](super::SimpleRNN).
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let cell = SimpleRNNCell::new(1).activation("linear");
/// let cell = cell.kernel_initializer("ones").recurrent_initializer("ones");
/// let mut model = Sequential::new().input([2, 1]).add(RNN::new(cell));
/// let y = model.predict(Tensor::new([1, 2, 1], [1.0f32, 2.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SimpleRNNCell {
    pub(super) options: Options,
    pub(super) settings: CellSettings,
}

layer_methods!(SimpleRNNCell);
cell_methods!(SimpleRNNCell, settings);

impl SimpleRNNCell {
    /// A cell of this many units.
    #[track_caller]
    pub fn new(units: usize) -> Self {
        SimpleRNNCell { options: Options::here(), settings: CellSettings::new(units, None) }
    }
}

impl Described for SimpleRNNCell {
    fn class_name(&self) -> &'static str {
        "SimpleRNNCell"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        self.settings.write_first(&mut config);
        self.settings.write_initializers(&mut config);
        self.settings.write_last(&mut config, None);
        config.insert("seed".into(), json!(self.settings.seed));
        config
    }
}

impl Layer for SimpleRNNCell {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.settings.check()
    }

    fn parameters(&self) -> &'static [&'static str] {
        STATES
    }

    fn num_inputs(&self) -> std::ops::RangeInclusive<usize> {
        2..=2
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let CellSettings { units, kernel, recurrent, bias, use_bias, .. } = &self.settings;
        let width = last_axis(&inputs[0])?;
        let mut weights = vec![
            kernel.weight("kernel", [width, *units])?,
            recurrent.weight("recurrent_kernel", [*units, *units])?,
        ];
        if *use_bias {
            weights.push(bias.weight("bias", [*units])?);
        }
        Ok(weights)
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        call_once(self, inputs, call)
    }

    fn as_cell(&self) -> Option<&dyn Cell> {
        Some(self)
    }
}

impl Cell for SimpleRNNCell {
    fn state_shapes(&self, input: &Shape) -> Result<Vec<Shape>> {
        last_axis(input)?;
        Ok(vec![[input[0], self.settings.units].into()])
    }

    fn noise<'g>(&self, input: &Shape, call: &Call<'_, 'g>) -> Result<Noise<'g>> {
        let CellSettings { dropout, recurrent_dropout, seed, .. } = self.settings;
        let state = &self.state_shapes(input)?[0];
        Ok(Noise {
            input: dropout_factors(call, input, dropout, seed, 1)?,
            recurrent: dropout_factors(call, state, recurrent_dropout, seed, 1)?,
            cells: Vec::new(),
        })
    }

    fn step<'g>(
        &self,
        x: Node<'g>,
        states: &[Node<'g>],
        noise: &Noise<'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Step<'g>> {
        let input = product(x, call.weights[0], &noise.input);
        let input = call.weights.get(2).map_or(input, |&bias| input + bias);
        let sums = input + product(states[0], call.weights[1], &noise.recurrent);
        let h = self.settings.activation.resolve()?.call(sums);
        Ok(Step { output: h, states: vec![h] })
    }

    fn sequence<'g>(
        &self,
        sequence: &Sequence<'_, 'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Option<Walk<'g>>> {
        let activation = cell_activation(&self.settings.activation)?;
        let x = projected(sequence, call.weights[0], call.weights.get(2).copied());
        let (Some(activation), Some(x)) = (activation, x) else { return Ok(None) };
        let states = sequence.states;
        let made = x.simple_rnn(call.weights[1], states[0], activation, sequence.mask);
        Ok(Some(Walk { outputs: made.sequence, states: vec![made.last] }))
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "SimpleRNNCell",
    names: &[],
    summary: "one step of SimpleRNN",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let mut cell = SimpleRNNCell { options: Options::read(reader)?, ..SimpleRNNCell::new(0) };
    cell.settings.read(reader)?;
    cell.check()?;
    Ok(Arc::new(cell))
}
