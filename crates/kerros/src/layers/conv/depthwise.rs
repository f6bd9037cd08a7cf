//! Depthwise convolution: each channel for itself.

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::Convolution;
use super::windows::{Windows, check_positive};
use crate::layers::trained::Trained;
use crate::layers::{Call, Lengths, Weight};
use crate::object::{Config, ConfigReader};

/// The settings of a depthwise convolution over `N` axes.
#[derive(Clone, Debug)]
pub(super) struct Depthwise<const N: usize> {
    pub(super) windows: Windows<N>,
    pub(super) depth_multiplier: usize,
    pub(super) depthwise: Trained,
}

impl<const N: usize> Depthwise<N> {
    pub(super) fn new(kernel_size: Lengths<N>) -> Self {
        let windows = Windows::new(kernel_size);
        Depthwise { windows, depth_multiplier: 1, depthwise: Trained::new("glorot_uniform") }
    }
}

impl<const N: usize> Convolution for Depthwise<N> {
    fn check(&self) -> Result<()> {
        check_positive("depth_multiplier", self.depth_multiplier)?;
        self.depthwise.check()?;
        self.windows.check(false)
    }

    fn write(&self, config: &mut Config) {
        let multiplier = ("depth_multiplier", json!(self.depth_multiplier));
        self.windows.write(config, "kernel_size", multiplier);
        self.windows.write_weights(config, &[("depthwise", &self.depthwise)]);
    }

    fn read(reader: &mut ConfigReader<'_>) -> Result<Self> {
        let mut conv = Depthwise { windows: Windows::read(reader)?, ..Depthwise::new(1.into()) };
        conv.depth_multiplier = reader.maybe_usize("depth_multiplier").unwrap_or(1);
        conv.depthwise.read(reader, "depthwise")?;
        Ok(conv)
    }

    fn weights(&self, input: &Shape) -> Result<Vec<Weight>> {
        let channels = self.windows.channels(input)?;
        let taps = self.windows.kernel_size.get();
        let shape = [&taps[..], &[channels, self.depth_multiplier]].concat();
        let kernel = self.depthwise.weight("kernel", shape)?;
        let bias = self.windows.bias_weight(channels * self.depth_multiplier)?;
        Ok([kernel].into_iter().chain(bias).collect())
    }

    fn apply<'g>(&self, x: Node<'g>, call: &Call<'_, 'g>) -> Result<Node<'g>> {
        let x = self.windows.data_format.to_last(x);
        let shape = x.shape();
        let spec = self.windows.spec(&shape).groups(shape[N + 1]);
        let (kernel, bias) = (call.weights[0].depthwise_kernel(), call.weights.get(1).copied());
        self.windows.convolve(x, kernel, bias, spec)
    }
}
