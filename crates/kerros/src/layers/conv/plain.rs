//! Convolution: each result sees all channels of its window, or those of its group.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::Convolution;
use super::windows::{Windows, check_positive, required};
use crate::layers::low_rank::LowRank;
use crate::layers::trained::Trained;
use crate::layers::{Call, Lengths, Weight};
use crate::object::{Config, ConfigReader};

/// The settings of a convolution over `N` axes.
#[derive(Clone, Debug)]
pub(super) struct Plain<const N: usize> {
    pub(super) windows: Windows<N>,
    pub(super) filters: usize,
    pub(super) groups: usize,
    pub(super) kernel: Trained,
    pub(super) low_rank: LowRank,
}

impl<const N: usize> Plain<N> {
    pub(super) fn new(filters: usize, kernel_size: Lengths<N>) -> Self {
        let windows = Windows::new(kernel_size);
        let kernel = Trained::new("glorot_uniform");
        Plain { windows, filters, groups: 1, kernel, low_rank: LowRank::default() }
    }
}

impl<const N: usize> Convolution for Plain<N> {
    fn check(&self) -> Result<()> {
        check_positive("filters", self.filters)?;
        check_positive("groups", self.groups)?;
        if !self.filters.is_multiple_of(self.groups) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("{} filters in {} groups", self.filters, self.groups),
            )
            .expected("as many filters in each group"));
        }
        self.kernel.check()?;
        self.low_rank.check(&self.kernel.constraint)?;
        // Only a sequence has an order in which a result could look ahead.
        self.windows.check(N == 1)?;
        self.windows.check_strides_alone()
    }

    fn write(&self, config: &mut Config) {
        config.insert("filters".into(), json!(self.filters));
        self.windows.write(config, "activation", ("groups", json!(self.groups)));
        self.windows.write_weights(config, &[("kernel", &self.kernel)]);
        self.low_rank.write(config);
    }

    fn read(reader: &mut ConfigReader<'_>) -> Result<Self> {
        let filters = required(reader, "filters");
        let mut conv = Plain { windows: Windows::read(reader)?, ..Plain::new(filters, 1.into()) };
        conv.groups = reader.maybe_usize("groups").unwrap_or(1);
        conv.kernel.read(reader, "kernel")?;
        conv.low_rank = LowRank::read(reader);
        Ok(conv)
    }

    fn weights(&self, input: &Shape) -> Result<Vec<Weight>> {
        let channels = self.windows.channels(input)?;
        if !channels.is_multiple_of(self.groups) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("an input of shape {input} with {channels} channels"),
            )
            .expected(format!("a number of channels that the {} groups divide", self.groups)));
        }
        let taps = self.windows.kernel_size.get();
        let shape = [&taps[..], &[channels / self.groups, self.filters]].concat();
        let mut kernel = self.kernel.weight("kernel", shape)?;
        let factors = self.low_rank.factors(&mut kernel, ["lora_kernel_a", "lora_kernel_b"])?;
        let bias = self.windows.bias_weight(self.filters)?;
        Ok([kernel].into_iter().chain(bias).chain(factors).collect())
    }

    fn apply<'g>(&self, x: Node<'g>, call: &Call<'_, 'g>) -> Result<Node<'g>> {
        let x = self.windows.data_format.to_last(x);
        let spec = self.windows.spec(&x.shape()).groups(self.groups);
        let bias = self.windows.use_bias.then(|| call.weights[1]);
        self.windows.convolve(x, self.low_rank.kernel(call.weights), bias, spec)
    }
}
