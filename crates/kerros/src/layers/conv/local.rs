//! Windows with a kernel of their own at each place.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::Convolution;
use super::windows::{Windows, check_positive, required};
use crate::layers::activation::serialize_activation;
use crate::layers::trained::Trained;
use crate::layers::{Call, DataFormat, Lengths, Weight};
use crate::object::{Config, ConfigReader};

/// The settings of local windows over `N` axes.
#[derive(Clone, Debug)]
pub(super) struct Local<const N: usize> {
    pub(super) windows: Windows<N>,
    pub(super) filters: usize,
    pub(super) kernel: Trained,
    /// How Keras 2 kept the kernels.
    implementation: usize,
}

/// How many places a window may have: each is a step of its own.
const MAX_TAPS: usize = 4096;

impl<const N: usize> Local<N> {
    pub(super) fn new(filters: usize, kernel_size: Lengths<N>) -> Self {
        let windows = Windows::new(kernel_size);
        Local { windows, filters, kernel: Trained::new("glorot_uniform"), implementation: 1 }
    }

    /// How many windows there are along each axis.
    fn places(&self, input: &Shape) -> Result<[usize; N]> {
        let shape = self.windows.result_shape(input, self.filters)?;
        let first = self.windows.data_format.first_spatial();
        Ok(std::array::from_fn(|at| shape[first + at]))
    }

    /// What each window sees, in the order in which its kernel has it:
    /// `[batch, channels, spatial..]` or the other way around `-> [batch, places, taps channels]`.
    fn seen<'g>(&self, x: Node<'g>, places: [usize; N]) -> Node<'g> {
        let format = &self.windows.data_format;
        let (first, channels) = (format.first_spatial(), format.channel_axis(N + 2));
        let (taps, strides) = (self.windows.kernel_size.get(), self.windows.strides.get());
        let mut parts = vec![x];
        for side in 0..N {
            let end = |tap: usize| tap + (places[side] - 1) * strides[side] + 1;
            let taken = |x: Node<'g>, tap| x.slice_step(first + side, tap, end(tap), strides[side]);
            let of_each = |x| (0..taps[side]).map(move |tap| (x, tap));
            parts = parts.into_iter().flat_map(of_each).map(|(x, tap)| taken(x, tap)).collect();
        }
        let (batch, count) = (x.shape()[0], x.shape()[channels]);
        let places = places.iter().product::<usize>();
        // Each part as [batch, places, channels, 1]: Keras 2 flattened windows as they lie.
        let apart = |part: Node<'g>| format.to_last(part).reshape([batch, places, count, 1]);
        let parts: Vec<Node<'g>> = parts.into_iter().map(apart).collect();
        let axis = if *format == DataFormat::ChannelsFirst { 3 } else { 2 };
        let taps = taps.iter().product::<usize>();
        Node::concat(&parts, axis).reshape([batch, places, taps * count])
    }
}

impl<const N: usize> Convolution for Local<N> {
    const IS_IN_KERAS_3: bool = false;

    fn check(&self) -> Result<()> {
        check_positive("filters", self.filters)?;
        self.kernel.check()?;
        self.windows.check(false)?;
        if self.implementation != 1 {
            let given = format!("`implementation` is {}", self.implementation);
            return Err(Error::new(ErrorKind::Unsupported, given)
                .expected("1, which keeps a kernel for each place")
                .hint(
                    "give the weights to a layer of `implementation=1` in tf.keras, and save that",
                ));
        }
        if self.windows.padding.name() != "valid" {
            let given = format!("`padding` is {}", self.windows.padding.name());
            return Err(Error::new(ErrorKind::Argument, given).expected("valid"));
        }
        if self.windows.dilation_rate != 1.into() {
            return Err(Error::new(ErrorKind::Argument, "a `dilation_rate` above 1").expected("1"));
        }
        let taps = self.windows.kernel_size.get();
        match taps.iter().try_fold(1usize, |all, &one| all.checked_mul(one)) {
            Some(taps) if taps <= MAX_TAPS => Ok(()),
            _ => Err(Error::new(ErrorKind::Argument, format!("a window of {taps:?}"))
                .expected(format!("at most {MAX_TAPS} places"))),
        }
    }

    fn write(&self, config: &mut Config) {
        config.insert("filters".into(), json!(self.filters));
        for (name, value) in self.windows.geometry() {
            if name != "dilation_rate" {
                config.insert(name.into(), value);
            }
        }
        config.insert("activation".into(), serialize_activation(&self.windows.activation));
        config.insert("use_bias".into(), json!(self.windows.use_bias));
        self.windows.write_weights(config, &[("kernel", &self.kernel)]);
        config.insert("implementation".into(), json!(self.implementation));
    }

    fn read(reader: &mut ConfigReader<'_>) -> Result<Self> {
        let filters = required(reader, "filters");
        let mut local = Local { windows: Windows::read(reader)?, ..Local::new(filters, 1.into()) };
        local.kernel.read(reader, "kernel")?;
        local.implementation = reader.maybe_usize("implementation").unwrap_or(1);
        Ok(local)
    }

    fn weights(&self, input: &Shape) -> Result<Vec<Weight>> {
        let channels = self.windows.channels(input)?;
        let places = self.places(input)?;
        let count = |lengths: [usize; N]| lengths.iter().product::<usize>();
        let seen = count(self.windows.kernel_size.get()) * channels;
        let kernel = self.kernel.weight("kernel", [count(places), seen, self.filters])?;
        // Keras 2 has the filters last in either format.
        let bias = [&places[..], &[self.filters]].concat();
        let bias = self.windows.use_bias.then(|| self.windows.bias.weight("bias", bias));
        Ok([kernel].into_iter().chain(bias.transpose()?).collect())
    }

    fn apply<'g>(&self, x: Node<'g>, call: &Call<'_, 'g>) -> Result<Node<'g>> {
        let places = self.places(&x.shape())?;
        // [places, batch, taps channels] · [places, taps channels, filters]
        let y = self.seen(x, places).transpose(&[1, 0, 2]).matmul(call.weights[0]);
        let shape = [&[x.shape()[0]], &places[..], &[self.filters]].concat();
        let y = y.transpose(&[1, 0, 2]).reshape(shape);
        if !self.windows.use_bias {
            return self.windows.activate(y);
        }
        let format = &self.windows.data_format;
        let y = format.restore(y);
        // With channels first, Keras 2 takes the numbers as they lie for those of [filters,
        // places..].
        let bias = call.weights[1].reshape(&y.shape()[1..]).expand_dims(0);
        self.windows.activate(format.to_last(y + bias))
    }
}
