use kerros_core::{DType, Result};
use kerros_graph::Node;
use serde_json::json;

use super::affine::{FillMode, Sampling};
use super::blur::{filter, gaussian};
use super::{Factor, ValueRange, axes, random_layer, value_range_method};
use crate::layers::noise::{normal, uniform};
use crate::layers::{DataFormat, Interpolation, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, distorts a share of the images, drawn anew each time: the pixel `(x, y)` is
/// read at `(x + d, y + d)` with a smooth random `d` of its own; else the identity.
///
/// With an `s` drawn from `scale` for all images, `sigma = 0.05 s · min(height, width)` and
/// `alpha = 0.1 s · max(height, width)`, `d` is `alpha` times normal noise of deviation `sigma`
/// that was blurred as with `sigma` in [`RandomGaussianBlur`](crate::layers::RandomGaussianBlur), over
/// `6 sigma` pixels. As in Keras 3.15, what is added to `x` is added to `y`. All images are clipped
/// to `value_range`.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: from 0 to 1: the bounds between which the probability is drawn with which an
///   image is distorted. A single number is the upper bound, and the lower one 0. Default: 1.
/// - `scale`: from 0 to 1: the bounds of `s`; a single number is the upper bound, and the lower
///   one 0. Default: 1.
/// - `interpolation`: `bilinear` (the default) or `nearest`.
/// - `fill_mode`: what lies outside: `reflect` (the default), `wrap`, `nearest` or `constant`
///   (with `fill_value`, default 0).
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = RandomElasticTransform::new().scale(0.5);
/// let mut model = Sequential::new().input([1, 2, 1]).add(layer);
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Simard, Steinkraus, Platt: "Best Practices for Convolutional Neural Networks Applied to Visual
/// Document Analysis", 2003.
#[derive(Clone, Debug)]
pub struct RandomElasticTransform {
    options: Options,
    factor: Factor,
    scale: Factor,
    sampling: Sampling,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomElasticTransform, "distorts images at random while training");

const LEAST: f64 = 0.0;

impl RandomElasticTransform {
    /// Distorts images.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RandomElasticTransform {
            options: Options::here(),
            factor: Factor::Around(1.0),
            scale: Factor::Around(1.0),
            sampling: Sampling::default(),
            value_range: ValueRange::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Sets the bounds of the probability that an image is distorted.
    pub fn factor(mut self, factor: impl Into<Factor>) -> Self {
        self.factor = factor.into();
        self
    }

    /// Sets the bounds of how strongly images are distorted.
    pub fn scale(mut self, scale: impl Into<Factor>) -> Self {
        self.scale = scale.into();
        self
    }

    super::affine::sampling_methods!();
    value_range_method!();

    fn check_settings(&self) -> Result<()> {
        self.factor.check("factor", LEAST)?;
        self.scale.check("scale", LEAST)?;
        self.sampling.check()
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let (lower, upper) = self.scale.bounds(LEAST);
        if upper == 0.0 || self.factor.bounds(LEAST).1 == 0.0 {
            return images;
        }
        let shape = images.shape();
        let is_distorted = self.factor.happens(images, key);
        let scale = uniform(key, []) * (upper - lower) as f32 + lower as f32;
        let [height, width] = axes(&self.data_format).map(|axis| shape[axis]);
        let alpha = scale * 0.1 * height.max(width) as f32;
        let per_scale = 0.05 * height.min(width) as f32;
        // No deviation at all would make the blur 0 / 0.
        let sigma = (scale * per_scale).maximum(f32::MIN_POSITIVE.sqrt());
        let taps = (6.0 * upper as f32 * per_scale) as usize | 1;
        let reach = ((sigma * 6.0).floor() * 0.5).floor();
        let bell = gaussian(taps, sigma, Some(reach));
        let noise = normal(key, [shape[0], height, width, 1].into()) * sigma;
        let last = DataFormat::ChannelsLast;
        let noise = filter(noise, bell.reshape([taps, 1]), &last);
        let noise = filter(noise, bell.reshape([1, taps]), &last);
        let added = noise.reshape([shape[0], height, width]) * alpha;
        let numbers = |len: usize| images.graph().iota(len).cast(DType::F32);
        let (x, y) = (added + numbers(width), added + numbers(height).reshape([height, 1]));
        let distorted = self.sampling.apply_at(images, &self.data_format, [y, x]);
        self.value_range.clip(is_distorted.select(distorted, images))
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = RandomElasticTransform::new();
        layer.factor = Factor::read(reader, "factor").unwrap_or(layer.factor);
        layer.scale = Factor::read(reader, "scale").unwrap_or(layer.scale);
        layer.sampling = Sampling::read(reader);
        layer.value_range = ValueRange::read(reader);
        layer
    }
}

impl Described for RandomElasticTransform {
    fn class_name(&self) -> &'static str {
        "RandomElasticTransform"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("factor".into(), self.factor.bounds_value(LEAST));
        config.insert("scale".into(), self.scale.bounds_value(LEAST));
        config.insert("interpolation".into(), self.sampling.interpolation.name().into());
        config.insert("fill_mode".into(), self.sampling.fill_mode.name().into());
        config.insert("fill_value".into(), self.sampling.fill_value.into());
        config.insert("value_range".into(), self.value_range.value());
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
