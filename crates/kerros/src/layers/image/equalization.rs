use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::{ValueRange, value_range_method};
use crate::layers::options::layer_methods;
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// While training, `y = round((cdf(x) - least) · 255 / (count - least))`, so that all shades become
/// about as frequent; else the identity, as in Keras.
///
/// `cdf(x)` is how many pixels of the channel, in all images of the batch, are in the bin of `x` or
/// below, `count` how many there are, `least` how many are in the lowest bin that is not empty. A
/// channel of one bin stays as it is. Values are moved from `value_range` to 0 to 255 first, and
/// back afterwards.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `bins`: how many bins the values are counted in. Default: 256.
/// - `data_format`: where the channels are. Default: last.
///
/// # Gradient
/// None: the result is a step function.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 3, 1]).add(Equalization::new());
/// let x = Tensor::new([1, 1, 3, 1], [50.0f32, 100.0, 150.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [50.0, 100.0, 150.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Equalization {
    options: Options,
    value_range: ValueRange,
    bins: usize,
    data_format: DataFormat,
}

layer_methods!(Equalization);

/// More bins are taken for a mistake: there is a count for each, and each channel.
const MAX_BINS: usize = 1 << 16;

/// Divisions by one number for all pixels are products with its reciprocal, as XLA makes them of
/// Keras's: what lies half-way between two shades goes to the same one.
const PER_SHADE: f32 = 1.0 / 255.0;

impl Equalization {
    /// Images of bytes.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Equalization {
            options: Options::here(),
            value_range: ValueRange::default(),
            bins: 256,
            data_format: DataFormat::default(),
        }
    }

    value_range_method!(sorted);

    /// Sets how many bins the values are counted in.
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins;
        self
    }

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }

    /// What the images become while training.
    pub(super) fn equalized<'g>(&self, images: Node<'g>) -> Node<'g> {
        let whole = ValueRange::default();
        let values = self.data_format.to_last(scaled(images, self.value_range, whole));
        let equalized = self.data_format.restore(self.equalize(values));
        scaled(equalized, whole, self.value_range)
    }

    /// Images with channels last, of values from 0 to 255.
    fn equalize<'g>(&self, images: Node<'g>) -> Node<'g> {
        let (graph, shape) = (images.graph(), images.shape());
        let (channels, last_bin) = (shape[3], (self.bins - 1) as f32);
        // Each channel has bins of its own, one after another.
        let place = |bin: Node<'g>| {
            let bin = bin.clip(0.0, last_bin).cast(DType::I32);
            bin + graph.iota(channels) * self.bins as f32
        };
        let bins = place(images * last_bin * PER_SHADE).reshape([shape.num_elements()]);
        // Counts are exact up to 2^24 pixels.
        let ones = graph.full([shape.num_elements()], 1.0);
        let counts = graph.full([channels * self.bins], 0.0).scatter_add(bins, ones, 0);
        let counts = counts.reshape([channels, self.bins]);
        let num_used = counts.greater(0.0).cast(DType::F32).sum(&[1]);
        let cdf = counts.cumsum(1); // [channels, bins]
        let total = shape.num_elements() as f32 / channels as f32;
        let least = cdf.greater(0.0).select(cdf, total).min(&[1]).expand_dims(1);
        let others = total - least;
        let others = others.equal(0.0).select(1.0, others);
        let shades = ((cdf - least) * 255.0 * others.reciprocal()).round().clip(0.0, 255.0);
        let shades = shades.reshape([channels * self.bins]);
        let equalized = shades.gather(place(images * PER_SHADE * last_bin), 0);
        num_used.less_equal(1.0).select(images, equalized)
    }
}

impl Described for Equalization {
    fn class_name(&self) -> &'static str {
        "Equalization"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("bins".into(), json!(self.bins));
        config.insert("value_range".into(), self.value_range.value());
        config
    }
}

impl Layer for Equalization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.data_format.check()?;
        match (1..=MAX_BINS).contains(&self.bins) {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Argument, format!("{} bins", self.bins))
                .expected(format!("1 to {MAX_BINS}"))),
        }
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        expect_spatial::<2>(&inputs[0], &self.data_format)?;
        Ok(Vec::new())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let images = inputs[0];
        if !call.training {
            return Ok(vec![images]);
        }
        Ok(vec![self.equalized(images)])
    }
}

/// The values moved from one range to another, by one factor and one offset: rounded as in Keras,
/// so that values on the edge of a bin are in the same one.
fn scaled<'g>(values: Node<'g>, from: ValueRange, to: ValueRange) -> Node<'g> {
    let factor = (to.1 - to.0) / (from.1 - from.0);
    values * factor as f32 + (to.0 - from.0 * factor) as f32
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Equalization",
    names: &[],
    summary: "images whose shades are about as frequent, while training",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let mut layer = Equalization { options: Options::read(reader)?, ..Equalization::new() };
    layer.value_range = ValueRange::read(reader).sorted();
    layer.bins = reader.maybe_usize("bins").unwrap_or(layer.bins);
    layer.data_format = DataFormat::read(reader);
    layer.check()?;
    Ok(Arc::new(layer))
}
