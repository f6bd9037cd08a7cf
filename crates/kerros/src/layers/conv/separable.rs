//! Separable convolution: each channel for itself, then all channels of each position.

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::ConvSpec;
use serde_json::json;

use super::Convolution;
use super::windows::{Windows, check_positive, required};
use crate::layers::trained::Trained;
use crate::layers::{Call, Lengths, Weight};
use crate::object::{Config, ConfigReader};

/// The settings of a separable convolution over `N` axes.
#[derive(Clone, Debug)]
pub(super) struct Separable<const N: usize> {
    pub(super) windows: Windows<N>,
    pub(super) filters: usize,
    pub(super) depth_multiplier: usize,
    pub(super) depthwise: Trained,
    pub(super) pointwise: Trained,
}

impl<const N: usize> Separable<N> {
    pub(super) fn new(filters: usize, kernel_size: Lengths<N>) -> Self {
        Separable {
            windows: Windows::new(kernel_size),
            filters,
            depth_multiplier: 1,
            depthwise: Trained::new("glorot_uniform"),
            pointwise: Trained::new("glorot_uniform"),
        }
    }
}

impl<const N: usize> Convolution for Separable<N> {
    fn check(&self) -> Result<()> {
        check_positive("filters", self.filters)?;
        check_positive("depth_multiplier", self.depth_multiplier)?;
        self.depthwise.check()?;
        self.pointwise.check()?;
        self.windows.check(false)
    }

    fn write(&self, config: &mut Config) {
        config.insert("depth_multiplier".into(), json!(self.depth_multiplier));
        self.windows.write(config, "kernel_size", ("filters", json!(self.filters)));
        let kernels = [("depthwise", &self.depthwise), ("pointwise", &self.pointwise)];
        self.windows.write_weights(config, &kernels);
    }

    fn read(reader: &mut ConfigReader<'_>) -> Result<Self> {
        let filters = required(reader, "filters");
        let windows = Windows::read(reader)?;
        let mut conv = Separable { windows, ..Separable::new(filters, 1.into()) };
        conv.depth_multiplier = reader.maybe_usize("depth_multiplier").unwrap_or(1);
        conv.depthwise.read(reader, "depthwise")?;
        conv.pointwise.read(reader, "pointwise")?;
        Ok(conv)
    }

    fn weights(&self, input: &Shape) -> Result<Vec<Weight>> {
        let channels = self.windows.channels(input)?;
        let taps = self.windows.kernel_size.get();
        let depthwise = [&taps[..], &[channels, self.depth_multiplier]].concat();
        let pointwise = [&[1; N][..], &[channels * self.depth_multiplier, self.filters]].concat();
        let kernels = [
            self.depthwise.weight("depthwise_kernel", depthwise)?,
            self.pointwise.weight("pointwise_kernel", pointwise)?,
        ];
        Ok(kernels.into_iter().chain(self.windows.bias_weight(self.filters)?).collect())
    }

    fn apply<'g>(&self, x: Node<'g>, call: &Call<'_, 'g>) -> Result<Node<'g>> {
        let x = self.windows.data_format.to_last(x);
        let each = x.depthwise_conv(call.weights[0], self.windows.spec(&x.shape()));
        let bias = call.weights.get(2).copied();
        self.windows.convolve(each, call.weights[1], bias, ConvSpec::new(N))
    }
}
