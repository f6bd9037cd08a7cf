use std::sync::Arc;

use kerros_core::{Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::json;

use super::cell::{Cell, Noise, Sequence, Step, Walk, call_once};
use super::recurrence::{gate_noise, product};
use super::settings::{CellSettings, cell_methods, gate_methods};
use super::whole::{gate_activations, projected};
use super::{STATES, last_axis};
use crate::initializers::{Draw, Initializer};
use crate::layers::options::layer_methods;
use crate::layers::trained::Trained;
use crate::layers::{Call, Layer, Options, Start, Weight};
use crate::object::{Choice, Config, ConfigReader, Described, Entry};

/// `c = f * c_before + i * g`, `h = o * activation(c)`: one step of [`LSTM`](super::LSTM).
///
/// The gates `i`, `f`, `o` and the candidate `g` are
/// `act(x · kernel + bias + h_before · recurrent_kernel)`, each with its quarter of the weights'
/// columns, in the order `i, f, g, o`; `act` is `recurrent_activation`, for `g` `activation`.
///
/// # Shape
/// `x: [batch, in]`, `h_before`, `c_before: [batch, units] -> [batch, units]`, three times:
/// output, `h` and `c`. `kernel: [in, 4 * units]`, `recurrent_kernel: [units, 4 * units]`,
/// `bias: [4 * units]`.
///
/// # Parameters
/// As [`LSTM`](super::LSTM).
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3, 2]).add(RNN::new(LSTMCell::new(4)));
/// assert_eq!(model.count_params()?, 2 * 16 + 4 * 16 + 16);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LSTMCell {
    pub(super) options: Options,
    pub(super) settings: CellSettings,
    pub(super) unit_forget_bias: bool,
}

layer_methods!(LSTMCell);
cell_methods!(LSTMCell, settings);
gate_methods!(LSTMCell, settings);

impl LSTMCell {
    /// A cell of this many units.
    #[track_caller]
    pub fn new(units: usize) -> Self {
        LSTMCell {
            options: Options::here(),
            settings: CellSettings::new(units, Some("sigmoid")),
            unit_forget_bias: true,
        }
    }

    /// Sets whether the forget gates' bias starts at 1. Default: `true`.
    pub fn unit_forget_bias(mut self, unit_forget_bias: bool) -> Self {
        self.unit_forget_bias = unit_forget_bias;
        self
    }
}

/// A bias that starts at 1 for the second quarter, the forget gates.
#[derive(Debug)]
struct UnitForgetBias {
    others: Arc<dyn Initializer>,
}

impl Described for UnitForgetBias {
    fn class_name(&self) -> &'static str {
        "UnitForgetBias"
    }

    fn config(&self) -> Config {
        self.others.config()
    }
}

impl Initializer for UnitForgetBias {
    fn initialize(&self, shape: &Shape, draw: Draw) -> Result<Tensor> {
        let units = shape.num_elements() / 4;
        let first = self.others.initialize(&[units].into(), draw)?;
        let last = self.others.initialize(&[2 * units].into(), draw)?;
        let parts = [first.as_slice::<f32>()?, &vec![1.0; units], last.as_slice::<f32>()?];
        Tensor::new(shape.clone(), parts.concat())
    }
}

/// The bias of an LSTM's four parts of `units` each.
pub(in crate::layers) fn forget_bias(
    bias: &Trained,
    units: usize,
    unit_forget_bias: bool,
) -> Result<Weight> {
    let mut weight = bias.weight("bias", [4 * units])?;
    if let Start::Initializer(others) = &weight.start
        && unit_forget_bias
    {
        weight.start = Start::Initializer(Arc::new(UnitForgetBias { others: others.clone() }));
    }
    Ok(weight)
}

impl Described for LSTMCell {
    fn class_name(&self) -> &'static str {
        "LSTMCell"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        self.settings.write_first(&mut config);
        config.insert("unit_forget_bias".into(), json!(self.unit_forget_bias));
        self.settings.write_initializers(&mut config);
        self.settings.write_last(&mut config, None);
        config.insert("seed".into(), json!(self.settings.seed));
        config
    }
}

impl Layer for LSTMCell {
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
        3..=3
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let CellSettings { units, kernel, recurrent, bias, use_bias, .. } = &self.settings;
        let width = last_axis(&inputs[0])?;
        let mut weights = vec![
            kernel.weight("kernel", [width, 4 * units])?,
            recurrent.weight("recurrent_kernel", [*units, 4 * units])?,
        ];
        if *use_bias {
            weights.push(forget_bias(bias, *units, self.unit_forget_bias)?);
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

impl Cell for LSTMCell {
    fn state_shapes(&self, input: &Shape) -> Result<Vec<Shape>> {
        last_axis(input)?;
        let state = Shape::from([input[0], self.settings.units]);
        Ok(vec![state.clone(), state])
    }

    fn num_states(&self) -> usize {
        2
    }

    fn noise<'g>(&self, input: &Shape, call: &Call<'_, 'g>) -> Result<Noise<'g>> {
        let CellSettings { dropout, recurrent_dropout, seed, .. } = self.settings;
        let state = &self.state_shapes(input)?[0];
        gate_noise(call, (input, state), (dropout, recurrent_dropout), seed, 4)
    }

    fn step<'g>(
        &self,
        x: Node<'g>,
        states: &[Node<'g>],
        noise: &Noise<'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Step<'g>> {
        let (h_before, c_before) = (states[0], states[1]);
        let input = product(x, call.weights[0], &noise.input);
        let input = call.weights.get(2).map_or(input, |&bias| input + bias);
        // [batch, 4 * units]
        let sums = input + product(h_before, call.weights[1], &noise.recurrent);
        let units = self.settings.units;
        let part = |at: usize| sums.slice(1, at * units, (at + 1) * units);
        let activation = self.settings.activation.resolve()?;
        let gate = self.settings.recurrent_activation.as_ref().map(Choice::resolve).transpose()?;
        let gate = |sums| gate.as_ref().map_or(sums, |gate| gate.call(sums));
        let (i, f, o) = (gate(part(0)), gate(part(1)), gate(part(3)));
        let c = f * c_before + i * activation.call(part(2));
        let h = o * activation.call(c);
        Ok(Step { output: h, states: vec![h, c] })
    }

    fn sequence<'g>(
        &self,
        sequence: &Sequence<'_, 'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Option<Walk<'g>>> {
        let CellSettings { activation, recurrent_activation, .. } = &self.settings;
        let activations = gate_activations(activation, recurrent_activation.as_ref())?;
        let x = projected(sequence, call.weights[0], call.weights.get(2).copied());
        let (Some(activations), Some(x)) = (activations, x) else { return Ok(None) };
        let initial = (sequence.states[0], sequence.states[1]);
        let made = x.lstm(call.weights[1], initial, activations, sequence.mask);
        Ok(Some(Walk { outputs: made.sequence, states: vec![made.last_h, made.last_c] }))
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "LSTMCell", names: &[], summary: "one step of LSTM", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let mut cell = LSTMCell { options: Options::read(reader)?, ..LSTMCell::new(0) };
    cell.settings.read(reader)?;
    cell.unit_forget_bias = reader.bool("unit_forget_bias", true);
    cell.check()?;
    Ok(Arc::new(cell))
}
