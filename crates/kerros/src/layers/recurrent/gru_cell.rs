use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::Reset;
use serde_json::json;

use super::cell::{Cell, Noise, Sequence, Step, Walk, call_once};
use super::recurrence::{gate_noise, product};
use super::settings::{CellSettings, cell_methods, gate_methods};
use super::whole::{gate_activations, projected};
use super::{STATES, last_axis};
use crate::layers::options::layer_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Choice, Config, ConfigReader, Described, Entry};

/// `h = z * h_before + (1 - z) * n`: one step of [`GRU`](super::GRU).
///
/// The gates `z` and `r` are `recurrent_activation(x · kernel + bias + h_before ·
/// recurrent_kernel)`, each with its third of the weights' columns, in the order `z, r, n`. The
/// candidate is `n = activation(x · kernel + bias + r * (h_before · recurrent_kernel +
/// recurrent_bias))`, or with `reset_after` false
/// `n = activation(x · kernel + bias + (r * h_before) · recurrent_kernel)`.
///
/// # Shape
/// `x: [batch, in]`, `h_before: [batch, units] -> [batch, units]`, twice: output and state.
/// `kernel: [in, 3 * units]`, `recurrent_kernel: [units, 3 * units]`, `bias: [2, 3 * units]`,
/// that of the inputs and that of the states, or with `reset_after` false `[3 * units]`.
///
/// # Parameters
/// As [`GRU`](super::GRU).
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([3, 2]).add(RNN::new(GRUCell::new(4)));
/// assert_eq!(model.count_params()?, 2 * 12 + 4 * 12 + 2 * 12);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GRUCell {
    pub(super) options: Options,
    pub(super) settings: CellSettings,
    pub(super) reset_after: bool,
}

layer_methods!(GRUCell);
cell_methods!(GRUCell, settings);
gate_methods!(GRUCell, settings);

impl GRUCell {
    /// A cell of this many units.
    #[track_caller]
    pub fn new(units: usize) -> Self {
        GRUCell {
            options: Options::here(),
            settings: CellSettings::new(units, Some("sigmoid")),
            reset_after: true,
        }
    }

    /// Sets whether the reset gate comes after the product with the recurrent kernel. Default:
    /// `true`.
    pub fn reset_after(mut self, reset_after: bool) -> Self {
        self.reset_after = reset_after;
        self
    }

    /// The bias of the inputs, and that of the states.
    pub(super) fn biases<'g>(&self, weights: &[Node<'g>]) -> (Option<Node<'g>>, Option<Node<'g>>) {
        let Some(&bias) = weights.get(2) else { return (None, None) };
        let row = |row: usize| bias.slice(0, row, row + 1).reshape([3 * self.settings.units]);
        match self.reset_after {
            true => (Some(row(0)), Some(row(1))),
            false => (Some(bias), None),
        }
    }
}

impl Described for GRUCell {
    fn class_name(&self) -> &'static str {
        "GRUCell"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        self.settings.write_first(&mut config);
        self.settings.write_initializers(&mut config);
        self.settings.write_last(&mut config, None);
        config.insert("reset_after".into(), json!(self.reset_after));
        config.insert("seed".into(), json!(self.settings.seed));
        config
    }
}

impl Layer for GRUCell {
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
            kernel.weight("kernel", [width, 3 * units])?,
            recurrent.weight("recurrent_kernel", [*units, 3 * units])?,
        ];
        if *use_bias {
            weights.push(match self.reset_after {
                true => bias.weight("bias", [2, 3 * units])?,
                false => bias.weight("bias", [3 * units])?,
            });
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

impl Cell for GRUCell {
    fn state_shapes(&self, input: &Shape) -> Result<Vec<Shape>> {
        last_axis(input)?;
        Ok(vec![[input[0], self.settings.units].into()])
    }

    fn noise<'g>(&self, input: &Shape, call: &Call<'_, 'g>) -> Result<Noise<'g>> {
        let CellSettings { dropout, recurrent_dropout, seed, .. } = self.settings;
        let state = &self.state_shapes(input)?[0];
        gate_noise(call, (input, state), (dropout, recurrent_dropout), seed, 3)
    }

    fn step<'g>(
        &self,
        x: Node<'g>,
        states: &[Node<'g>],
        noise: &Noise<'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Step<'g>> {
        let (h, recurrent_kernel) = (states[0], call.weights[1]);
        let units = self.settings.units;
        let (bias, recurrent_bias) = self.biases(call.weights);
        let input = product(x, call.weights[0], &noise.input);
        // [batch, 3 * units]
        let input = bias.map_or(input, |bias| input + bias);
        let part = |sums: Node<'g>, at: usize| sums.slice(1, at * units, (at + 1) * units);
        let activation = self.settings.activation.resolve()?;
        let gate = self.settings.recurrent_activation.as_ref().map(Choice::resolve).transpose()?;
        let gate = |sums| gate.as_ref().map_or(sums, |gate| gate.call(sums));
        let (z, candidate) = match self.reset_after {
            true => {
                let inner = product(h, recurrent_kernel, &noise.recurrent);
                let inner = recurrent_bias.map_or(inner, |bias| inner + bias);
                let z = gate(part(input, 0) + part(inner, 0));
                let r = gate(part(input, 1) + part(inner, 1));
                (z, part(input, 2) + r * part(inner, 2))
            }
            false => {
                let (of_gates, of_candidate) = match noise.recurrent.as_slice() {
                    [z, r, n] => (vec![*z, *r], h * *n),
                    _ => (Vec::new(), h),
                };
                let inner = product(h, recurrent_kernel.slice(1, 0, 2 * units), &of_gates);
                let z = gate(part(input, 0) + part(inner, 0));
                let r = gate(part(input, 1) + part(inner, 1));
                let last = recurrent_kernel.slice(1, 2 * units, 3 * units);
                (z, part(input, 2) + (r * of_candidate).matmul(last))
            }
        };
        let h = z * h + (1.0 - z) * activation.call(candidate);
        Ok(Step { output: h, states: vec![h] })
    }

    fn sequence<'g>(
        &self,
        sequence: &Sequence<'_, 'g>,
        call: &Call<'_, 'g>,
    ) -> Result<Option<Walk<'g>>> {
        let CellSettings { activation, recurrent_activation, .. } = &self.settings;
        let activations = gate_activations(activation, recurrent_activation.as_ref())?;
        let (bias, recurrent_bias) = self.biases(call.weights);
        let x = projected(sequence, call.weights[0], bias);
        let (Some(activations), Some(x)) = (activations, x) else { return Ok(None) };
        let reset = match self.reset_after {
            true => Reset::After(recurrent_bias),
            false => Reset::Before,
        };
        let made = x.gru(call.weights[1], sequence.states[0], activations, reset, sequence.mask);
        Ok(Some(Walk { outputs: made.sequence, states: vec![made.last] }))
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "GRUCell", names: &[], summary: "one step of GRU", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let mut cell = GRUCell { options: Options::read(reader)?, ..GRUCell::new(0) };
    cell.settings.read(reader)?;
    cell.reset_after = reader.bool("reset_after", true);
    cell.check()?;
    Ok(Arc::new(cell))
}
