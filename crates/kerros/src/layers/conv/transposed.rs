//! Transposed convolution: each input is spread over a window of results.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::ConvSpec;
use serde_json::json;

use super::Convolution;
use super::windows::{Windows, check_positive, required};
use crate::layers::trained::Trained;
use crate::layers::{Call, Lengths, Padding, Weight};
use crate::object::{Config, ConfigReader};

/// The settings of a transposed convolution over `N` axes.
#[derive(Clone, Debug)]
pub(super) struct Transposed<const N: usize> {
    pub(super) windows: Windows<N>,
    pub(super) filters: usize,
    pub(super) output_padding: Option<Lengths<N>>,
    pub(super) kernel: Trained,
}

impl<const N: usize> Transposed<N> {
    pub(super) fn new(filters: usize, kernel_size: Lengths<N>) -> Self {
        let windows = Windows::new(kernel_size);
        let kernel = Trained::new("glorot_uniform");
        Transposed { windows, filters, output_padding: None, kernel }
    }

    fn around(&self, at: usize) -> (isize, isize) {
        let windows = &self.windows;
        around_spread(
            windows.kernel_size.get()[at],
            windows.strides.get()[at],
            windows.dilation_rate.get()[at],
            &windows.padding,
            self.output_padding.map(|padding| padding.get()[at]),
        )
    }
}

/// Zeros around the spread-out input along an axis, for the lengths of results that Keras gives:
/// `valid` `(n - 1) · stride + max(span, stride)`, `same` `n · stride`; with an output padding
/// `(n - 1) · stride + span + it` and `(n - 1) · stride + span % 2 + it`.
pub(crate) fn around_spread(
    taps: usize,
    stride: usize,
    dilation: usize,
    padding: &Padding,
    extra: Option<usize>,
) -> (isize, isize) {
    let span = (taps - 1) * dilation + 1;
    let (low, high) = match padding {
        Padding::Same => {
            let total = match extra {
                None => stride + span - 2,
                Some(extra) => span + span % 2 + extra - 2,
            };
            let low = total.div_ceil(2).min(span - 1);
            (low, total - low)
        }
        _ => (span - 1, span - 1 + extra.unwrap_or(stride.saturating_sub(span))),
    };
    (low as isize, high as isize)
}

impl<const N: usize> Convolution for Transposed<N> {
    fn check(&self) -> Result<()> {
        check_positive("filters", self.filters)?;
        self.kernel.check()?;
        self.windows.check(false)?;
        self.windows.check_strides_alone()?;
        let Some(padding) = self.output_padding else { return Ok(()) };
        let strides = self.windows.strides.get();
        match padding.get().iter().zip(&strides).all(|(padding, stride)| padding < stride) {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::Argument,
                format!("`output_padding` is {:?}, `strides` {strides:?}", padding.get()),
            )
            .expected("an output padding below the stride on each axis")),
        }
    }

    fn write(&self, config: &mut Config) {
        config.insert("filters".into(), json!(self.filters));
        let padding = self.output_padding.map(|padding| padding.value());
        self.windows.write(config, "data_format", ("output_padding", json!(padding)));
        self.windows.write_weights(config, &[("kernel", &self.kernel)]);
    }

    fn read(reader: &mut ConfigReader<'_>) -> Result<Self> {
        let filters = required(reader, "filters");
        let windows = Windows::read(reader)?;
        let mut conv = Transposed { windows, ..Transposed::new(filters, 1.into()) };
        conv.output_padding = Lengths::read(reader, "output_padding");
        conv.kernel.read(reader, "kernel")?;
        Ok(conv)
    }

    fn weights(&self, input: &Shape) -> Result<Vec<Weight>> {
        let channels = self.windows.channels(input)?;
        let taps = self.windows.kernel_size.get();
        let shape = [&taps[..], &[self.filters, channels]].concat();
        let kernel = self.kernel.weight("kernel", shape)?;
        Ok([kernel].into_iter().chain(self.windows.bias_weight(self.filters)?).collect())
    }

    fn apply<'g>(&self, x: Node<'g>, call: &Call<'_, 'g>) -> Result<Node<'g>> {
        let padding: Vec<(isize, isize)> = (0..N).map(|at| self.around(at)).collect();
        let spec = ConvSpec::new(N)
            .strides(self.windows.strides.get())
            .padding(padding)
            .dilation(self.windows.dilation_rate.get());
        let y = self.windows.data_format.to_last(x).conv_transpose(call.weights[0], spec);
        self.windows.activate(call.weights.get(1).map_or(y, |&bias| y + bias))
    }
}
