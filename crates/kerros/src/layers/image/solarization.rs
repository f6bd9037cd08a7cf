use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::{Factor, ValueRange, for_pixels, random_layer, value_range_method};
use crate::layers::noise::uniform;
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, inverts what is bright: with `v` the clipped `x + addition`, `y = v` where
/// `v < threshold`, else `255 - v`; when not training the identity.
///
/// Values are moved from `value_range` to 0 to 255 first, and back afterwards. Addition and
/// threshold are drawn for each image anew each time.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `addition_factor`, `threshold_factor`: from 0 to 1: the bounds; the upper one is a share of
///   255, the lower one a number as it is (as in Keras). A single number is the upper bound, and
///   the lower one 0. Default: 0: everything is inverted.
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 2, 1]).add(Solarization::new());
/// let x = Tensor::new([1, 1, 2, 1], [64.0f32, 128.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [64.0, 128.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Solarization {
    options: Options,
    addition_factor: Factor,
    threshold_factor: Factor,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(Solarization, "inverts what is bright in images while training");

const LEAST: f64 = 0.0;

impl Solarization {
    /// Inverts everything.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Solarization {
            options: Options::here(),
            addition_factor: Factor::Around(0.0),
            threshold_factor: Factor::Around(0.0),
            value_range: ValueRange::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Sets the bounds of what is added first.
    pub fn addition_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.addition_factor = factor.into();
        self
    }

    /// Sets the bounds of the value below which nothing is inverted.
    pub fn threshold_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.threshold_factor = factor.into();
        self
    }

    value_range_method!(sorted);

    fn check_settings(&self) -> Result<()> {
        self.addition_factor.check("addition_factor", LEAST)?;
        self.threshold_factor.check("threshold_factor", LEAST)
    }

    pub(super) fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let draw = |factor: Factor| {
            let (lower, upper) = factor.bounds(LEAST);
            let share = for_pixels(uniform(key, [images.shape()[0]]));
            share * (upper * 255.0 - lower) as f32 + lower as f32
        };
        let (addition, threshold) = (draw(self.addition_factor), draw(self.threshold_factor));
        let whole = ValueRange::default();
        let values = whole.clip(self.value_range.rescale(images, whole) + addition);
        let values = values.less(threshold).select(values, 255.0 - values);
        whole.rescale(values, self.value_range)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = Solarization::new();
        let mut factor = |name| Factor::read(reader, name).unwrap_or(Factor::Around(0.0));
        layer.addition_factor = factor("addition_factor");
        layer.threshold_factor = factor("threshold_factor");
        layer.value_range = ValueRange::read(reader).sorted();
        layer
    }
}

impl Described for Solarization {
    fn class_name(&self) -> &'static str {
        "Solarization"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("value_range".into(), self.value_range.value());
        config.insert("addition_factor".into(), self.addition_factor.bounds_value(LEAST));
        config.insert("threshold_factor".into(), self.threshold_factor.bounds_value(LEAST));
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
