//! One step of a convolutional LSTM.

use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::ConvSpec;
use serde_json::json;

use crate::layers::conv::windows::{Windows, check_positive};
use crate::layers::options::serialize_regularizer;
use crate::layers::recurrent::STATES;
use crate::layers::recurrent::cell::{Cell, Noise, Step, call_once};
use crate::layers::recurrent::lstm_cell::forget_bias;
use crate::layers::recurrent::recurrence::dropout_factors;
use crate::layers::recurrent::settings::CellSettings;
use crate::layers::{Call, Layer, Lengths, Options, Weight};
use crate::object::{Choice, Config, ConfigReader, Described};

/// An LSTM's step whose products are convolutions over `N` axes: those of the input as
/// `windows` say, those of the state one by one and with what is around it.
///
/// `settings.units` are the filters. Of `windows` only the geometry counts.
#[derive(Clone, Debug)]
pub struct ConvLstmCell<const N: usize> {
    options: Options,
    pub(super) windows: Windows<N>,
    pub(super) settings: CellSettings,
    pub(super) unit_forget_bias: bool,
}

impl<const N: usize> ConvLstmCell<N> {
    #[track_caller]
    pub(super) fn new(filters: usize, kernel_size: Lengths<N>) -> Self {
        ConvLstmCell {
            options: Options::here(),
            windows: Windows::new(kernel_size),
            settings: CellSettings::new(filters, Some("sigmoid")),
            unit_forget_bias: true,
        }
    }

    /// Writes the settings as the layer has them in Keras.
    pub(super) fn write(&self, config: &mut Config, layer: Option<&Options>) {
        config.insert("filters".into(), json!(self.settings.units));
        for (name, value) in self.windows.geometry() {
            config.insert(name.into(), value);
        }
        self.settings.write_activations(config);
        self.settings.write_initializers(config);
        config.insert("unit_forget_bias".into(), json!(self.unit_forget_bias));
        let activity = layer.map(|options| serialize_regularizer(&options.activity_regularizer));
        self.settings.write_last(config, activity);
        config.insert("seed".into(), json!(self.settings.seed));
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// An unknown class, or a wrong argument of one.
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Result<Self> {
        let windows = Windows::read(reader)?;
        let filters = reader.maybe_usize("filters").unwrap_or_else(|| {
            reader.refuse("`filters` is missing");
            1
        });
        let mut cell = ConvLstmCell { windows, ..ConvLstmCell::new(filters, 1.into()) };
        cell.settings.read_but_units(reader)?;
        cell.unit_forget_bias = reader.bool("unit_forget_bias", true);
        Ok(cell)
    }

    /// The four parts of a sum along the channels, which are last.
    fn parts<'g>(&self, sums: Node<'g>) -> [Node<'g>; 4] {
        let units = self.settings.units;
        [0, 1, 2, 3].map(|part| sums.slice(N + 1, part * units, (part + 1) * units))
    }

    /// Convolutions of `x`, whose channels are last: of all of it, or of each gate's share.
    fn convolved<'g>(
        &self,
        x: Node<'g>,
        kernel: Node<'g>,
        spec: &ConvSpec,
        factors: &[Node<'g>],
    ) -> Node<'g> {
        if factors.is_empty() {
            return x.conv(kernel, spec.clone());
        }
        let units = self.settings.units;
        let part = |(at, &factor): (usize, &Node<'g>)| {
            let kernel = kernel.slice(N + 1, at * units, (at + 1) * units);
            (x * self.windows.data_format.to_last(factor)).conv(kernel, spec.clone())
        };
        let parts: Vec<Node<'g>> = factors.iter().enumerate().map(part).collect();
        Node::concat(&parts, N + 1)
    }
}

impl<const N: usize> Described for ConvLstmCell<N> {
    fn class_name(&self) -> &'static str {
        "ConvLSTMCell"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        self.write(&mut config, None);
        config
    }
}

impl<const N: usize> Layer for ConvLstmCell<N> {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        check_positive("filters", self.settings.units)?;
        self.windows.check(false)?;
        self.windows.check_strides_alone()?;
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
        let taps = self.windows.kernel_size.get();
        let shape = |channels: usize| [&taps[..], &[channels, 4 * units]].concat();
        let mut weights = vec![
            kernel.weight("kernel", shape(self.windows.channels(&inputs[0])?))?,
            recurrent.weight("recurrent_kernel", shape(*units))?,
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

impl<const N: usize> Cell for ConvLstmCell<N> {
    fn state_shapes(&self, input: &Shape) -> Result<Vec<Shape>> {
        let state = self.windows.result_shape(input, self.settings.units)?;
        Ok(vec![state.clone(), state])
    }

    fn num_states(&self) -> usize {
        2
    }

    fn noise<'g>(&self, input: &Shape, call: &Call<'_, 'g>) -> Result<Noise<'g>> {
        let CellSettings { dropout, recurrent_dropout, seed, .. } = self.settings;
        // A rate of 1 drops nothing, as in Keras.
        let rate = |rate: f64| if rate < 1.0 { rate } else { 0.0 };
        let state = &self.state_shapes(input)?[0];
        Ok(Noise {
            input: dropout_factors(call, input, rate(dropout), seed, 4)?,
            recurrent: dropout_factors(call, state, rate(recurrent_dropout), seed, 4)?,
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
        let format = &self.windows.data_format;
        let [x, h_before, c_before] = [x, states[0], states[1]].map(|node| format.to_last(node));
        let input = self.windows.spec(&x.shape());
        let input = self.convolved(x, call.weights[0], &input, &noise.input);
        let input = call.weights.get(2).map_or(input, |&bias| input + bias);
        let around = self.windows.same_spec(&h_before.shape());
        let state = self.convolved(h_before, call.weights[1], &around, &noise.recurrent);
        let activation = self.settings.activation.resolve()?;
        let gate = self.settings.recurrent_activation.as_ref().map(Choice::resolve).transpose()?;
        let gate = |sums| gate.as_ref().map_or(sums, |gate: &Arc<_>| gate.call(sums));
        let [i, f, g, o] = self.parts(input + state);
        let c = gate(f) * c_before + gate(i) * activation.call(g);
        let h = gate(o) * activation.call(c);
        let (h, c) = (format.restore(h), format.restore(c));
        Ok(Step { output: h, states: vec![h, c] })
    }
}
