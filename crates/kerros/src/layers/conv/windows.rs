//! The settings that all convolutions share, and what they mean.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::{Conv, ConvSpec, LinearActivation};
use serde_json::json;

use crate::activations::Activation;
use crate::layers::activation::serialize_activation;
use crate::layers::options::refuse_given;
use crate::layers::spatial::expect_spatial;
use crate::layers::trained::{Trained, write_constraints, write_initializers, write_regularizers};
use crate::layers::{DataFormat, Lengths, Padding, Weight};
use crate::object::{Choice, Config, ConfigReader};

/// How windows over `N` spatial axes slide, and what follows their sums.
#[derive(Clone, Debug)]
pub(in crate::layers) struct Windows<const N: usize> {
    pub(in crate::layers) kernel_size: Lengths<N>,
    pub(in crate::layers) strides: Lengths<N>,
    pub(in crate::layers) padding: Padding,
    pub(in crate::layers) data_format: DataFormat,
    pub(in crate::layers) dilation_rate: Lengths<N>,
    pub(in crate::layers) activation: Choice<dyn Activation>,
    pub(in crate::layers) use_bias: bool,
    pub(in crate::layers) bias: Trained,
}

impl<const N: usize> Windows<N> {
    pub(in crate::layers) fn new(kernel_size: Lengths<N>) -> Self {
        Windows {
            kernel_size,
            strides: 1.into(),
            padding: Padding::Valid,
            data_format: DataFormat::ChannelsLast,
            dilation_rate: 1.into(),
            activation: "linear".into(),
            use_bias: true,
            bias: Trained::new("zeros"),
        }
    }

    /// Checks names and ranges.
    ///
    /// # Errors
    /// The first that cannot be.
    pub(in crate::layers) fn check(&self, may_be_causal: bool) -> Result<()> {
        self.kernel_size.check("kernel_size", 1)?;
        self.strides.check("strides", 1)?;
        self.dilation_rate.check("dilation_rate", 1)?;
        self.padding.check(may_be_causal)?;
        self.data_format.check()?;
        self.activation.resolve()?;
        self.bias.check()
    }

    /// Checks that windows do not both jump and spread, which Keras refuses in some layers.
    ///
    /// # Errors
    /// Strides and dilation that are both above 1.
    pub(in crate::layers) fn check_strides_alone(&self) -> Result<()> {
        let is_above_1 = |lengths: Lengths<N>| lengths.get().iter().any(|&length| length > 1);
        match is_above_1(self.strides) && is_above_1(self.dilation_rate) {
            true => Err(Error::new(
                ErrorKind::Argument,
                format!(
                    "strides of {:?} and a dilation of {:?}",
                    self.strides.get(),
                    self.dilation_rate.get()
                ),
            )
            .expected("1 for one of them")),
            false => Ok(()),
        }
    }

    /// The number of channels of an input.
    ///
    /// # Errors
    /// Another number of axes.
    pub(in crate::layers) fn channels(&self, input: &Shape) -> Result<usize> {
        expect_spatial::<N>(input, &self.data_format)?;
        Ok(input[self.data_format.channel_axis(N + 2)])
    }

    /// How the windows slide over an input whose channels are last.
    pub(in crate::layers) fn spec(&self, input: &Shape) -> ConvSpec {
        let (taps, strides) = (self.kernel_size.get(), self.strides.get());
        let dilation = self.dilation_rate.get();
        let around =
            |at: usize| self.padding.around(input[at + 1], taps[at], strides[at], dilation[at]);
        let padding: Vec<(isize, isize)> = (0..N).map(around).collect();
        ConvSpec::new(N).strides(strides).padding(padding).dilation(dilation)
    }

    /// How windows of the same size go over a state, one by one and with zeros around it.
    pub(in crate::layers) fn same_spec(&self, state: &Shape) -> ConvSpec {
        let taps = self.kernel_size.get();
        let around = |at: usize| Padding::Same.around(state[at + 1], taps[at], 1, 1);
        ConvSpec::new(N).padding((0..N).map(around).collect::<Vec<_>>())
    }

    /// The shape of the result with this many channels, in the data format.
    ///
    /// # Errors
    /// Another number of axes; an input smaller than a window.
    pub(in crate::layers) fn result_shape(&self, input: &Shape, channels: usize) -> Result<Shape> {
        let of_input = self.channels(input)?;
        let first = self.data_format.first_spatial();
        let spatial = &input[first..first + N];
        let x: Shape = [&input[..1], spatial, &[of_input]].concat().into();
        let kernel = [&self.kernel_size.get()[..], &[of_input, channels]].concat();
        let axes = Conv { spec: self.spec(&x) }.sizes(&x, &kernel)?.window.axes;
        let spatial: Vec<usize> = axes[axes.len() - N..].iter().map(|axis| axis.output).collect();
        Ok(match self.data_format {
            DataFormat::ChannelsFirst => [&input[..1], &[channels], &spatial].concat().into(),
            _ => [&input[..1], &spatial, &[channels]].concat().into(),
        })
    }

    /// The bias as a weight, if there is one.
    ///
    /// # Errors
    /// A setting of the bias that cannot be.
    pub(in crate::layers) fn bias_weight(&self, channels: usize) -> Result<Option<Weight>> {
        self.use_bias.then(|| self.bias.weight("bias", [channels])).transpose()
    }

    /// `activation(conv(x, kernel) + bias)` of an input whose channels are last; the result is
    /// in the layer's data format.
    ///
    /// # Errors
    /// An unknown activation.
    pub(in crate::layers) fn convolve<'g>(
        &self,
        x: Node<'g>,
        kernel: Node<'g>,
        bias: Option<Node<'g>>,
        spec: ConvSpec,
    ) -> Result<Node<'g>> {
        let activation = self.activation.resolve()?;
        // ReLU joins the kernel of the convolution; its derivative needs only the output.
        let (y, is_done) = match bias {
            Some(bias) if activation.is_relu() => {
                (x.conv_linear(kernel, bias, LinearActivation::Relu, spec), true)
            }
            Some(bias) => (x.conv_linear(kernel, bias, LinearActivation::Identity, spec), false),
            None => (x.conv(kernel, spec), false),
        };
        match is_done {
            true => Ok(self.data_format.restore(y)),
            false => self.activate(y),
        }
    }

    /// The activation of a result whose channels are last, in the layer's data format: an
    /// activation along an axis goes along the one that is last there.
    ///
    /// # Errors
    /// An unknown activation.
    pub(in crate::layers) fn activate<'g>(&self, y: Node<'g>) -> Result<Node<'g>> {
        let (y, activation) = (self.data_format.restore(y), self.activation.resolve()?);
        Ok(if activation.is_linear() { y } else { activation.call(y) })
    }

    /// Writes the settings between the number of filters and those of the weights; `extra` is
    /// put before the setting that it names.
    pub(in crate::layers) fn write(
        &self,
        config: &mut Config,
        before: &str,
        extra: (&str, serde_json::Value),
    ) {
        let sums = [
            ("activation", serialize_activation(&self.activation)),
            ("use_bias", json!(self.use_bias)),
        ];
        for (name, value) in self.geometry().into_iter().chain(sums) {
            if name == before {
                config.insert(extra.0.into(), extra.1.clone());
            }
            config.insert(name.into(), value);
        }
    }

    /// How the windows slide, as settings in Keras's order.
    pub(in crate::layers) fn geometry(&self) -> [(&'static str, serde_json::Value); 5] {
        [
            ("kernel_size", self.kernel_size.value()),
            ("strides", self.strides.value()),
            ("padding", json!(self.padding.name())),
            ("data_format", json!(self.data_format.name())),
            ("dilation_rate", self.dilation_rate.value()),
        ]
    }

    /// Writes the settings of the kernels and the bias, in Keras's order.
    pub(in crate::layers) fn write_weights(
        &self,
        config: &mut Config,
        kernels: &[(&str, &Trained)],
    ) {
        let weights: Vec<(&str, &Trained)> =
            kernels.iter().copied().chain([("bias", &self.bias)]).collect();
        write_initializers(config, &weights);
        write_regularizers(config, &weights);
        if !config.contains_key("activity_regularizer") {
            config.insert("activity_regularizer".into(), json!(null));
        }
        write_constraints(config, &weights);
    }

    /// Reads all settings.
    ///
    /// # Errors
    /// An unknown class, or a wrong argument of an object.
    pub(in crate::layers) fn read(reader: &mut ConfigReader<'_>) -> Result<Self> {
        let kernel_size = Lengths::read(reader, "kernel_size").unwrap_or_else(|| {
            reader.refuse("`kernel_size` is missing");
            1.into()
        });
        let mut windows = Windows::new(kernel_size);
        windows.strides = Lengths::read(reader, "strides").unwrap_or(1.into());
        windows.padding = Padding::read(reader);
        windows.data_format = DataFormat::read(reader);
        windows.dilation_rate = Lengths::read(reader, "dilation_rate").unwrap_or(1.into());
        if let Some(activation) = reader.object::<dyn Activation>("activation")? {
            windows.activation = activation.into();
        }
        windows.use_bias = reader.bool("use_bias", true);
        windows.bias.read(reader, "bias")?;
        refuse_given(reader, &["quantization_config"]);
        Ok(windows)
    }
}

/// Reads a whole number that must be there.
pub(in crate::layers) fn required(reader: &mut ConfigReader<'_>, name: &str) -> usize {
    reader.maybe_usize(name).unwrap_or_else(|| {
        reader.refuse(format!("`{name}` is missing"));
        1
    })
}

/// Checks a number of channels.
///
/// # Errors
/// Zero.
pub(in crate::layers) fn check_positive(what: &str, number: usize) -> Result<()> {
    match number {
        0 => Err(Error::new(ErrorKind::Argument, format!("`{what}` is 0")).expected("at least 1")),
        _ => Ok(()),
    }
}
