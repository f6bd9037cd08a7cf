use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::{Factor, ValueRange, axes, random_layer, value_range_method};
use crate::layers::noise::{normal, uniform};
use crate::layers::{DataFormat, Numbers, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y = fill` within a rectangle of a share of the images, drawn anew each time;
/// else the identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `factor`: from 0 to 1: the bounds between which the probability is drawn with which a
///   rectangle of an image is erased. A single number is the upper bound, and the lower one 0.
///   Default: 1.
/// - `scale`: from 0 to 1: the bounds of the square of the rectangle's height, as a share of the
///   image's, and of that of its width, drawn for each. Default: `(0.02, 0.33)`.
/// - `fill_value`: what is in the rectangle: a number, or one per channel. Default: normal noise
///   times the greatest value.
/// - `value_range`: the least and the greatest value of a pixel, to which the fill is clipped.
///   Default: `(0, 255)`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 2, 1]).add(RandomErasing::new().fill_value(0.0));
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Zhong and others: "Random Erasing Data Augmentation", 2017, arXiv 1708.04896; here height and
/// width are drawn for themselves.
#[derive(Clone, Debug)]
pub struct RandomErasing {
    options: Options,
    factor: Factor,
    scale: Factor,
    fill_value: Option<Numbers>,
    value_range: ValueRange,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomErasing, "erases rectangles of images at random while training");

const LEAST: f64 = 0.0;

impl RandomErasing {
    /// Puts noise into rectangles of up to a third of the image.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RandomErasing {
            options: Options::here(),
            factor: Factor::Around(1.0),
            scale: Factor::Between(0.02, 0.33),
            fill_value: None,
            value_range: ValueRange::default(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Sets the bounds of the probability that something is erased.
    pub fn factor(mut self, factor: impl Into<Factor>) -> Self {
        self.factor = factor.into();
        self
    }

    /// Sets the bounds of the squares of the rectangle's shares of height and width.
    pub fn scale(mut self, scale: impl Into<Factor>) -> Self {
        self.scale = scale.into();
        self
    }

    /// Sets what is in the rectangle: a number, or one per channel.
    pub fn fill_value(mut self, fill_value: impl Into<Numbers>) -> Self {
        self.fill_value = Some(fill_value.into());
        self
    }

    value_range_method!();

    fn check_settings(&self) -> Result<()> {
        match &self.fill_value {
            Some(Numbers::Each(numbers)) if numbers.len() != 3 => {
                let found = format!("`fill_value` is {} numbers", numbers.len());
                return Err(Error::new(ErrorKind::Argument, found)
                    .expected("one number, or three: red, green and blue"));
            }
            _ => {}
        }
        self.factor.check("factor", LEAST)?;
        self.scale.check("scale", LEAST)
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let shape = images.shape();
        let [vertical, horizontal] = axes(&self.data_format);
        let columns = self.span(images, key, horizontal);
        let rows = self.span(images, key, vertical);
        let is_erased = self.factor.happens(images, key);
        let fill = match &self.fill_value {
            None => normal(key, shape.clone()) * self.value_range.1 as f32,
            Some(fill) => {
                let fill = images.graph().literal(fill.tensor().expect("as many as there are"));
                let mut dims = vec![1; 4];
                dims[self.data_format.channel_axis(4)] = fill.shape().num_elements();
                fill.reshape(dims)
            }
        };
        let fill = self.value_range.clip(fill).broadcast_to(&shape);
        rows.logical_and(columns).logical_and(is_erased).select(fill, images)
    }

    /// Which rows or columns of each image are in its rectangle.
    fn span<'g>(&self, images: Node<'g>, key: Node<'g>, axis: usize) -> Node<'g> {
        let (batch, len) = (images.shape()[0], images.shape()[axis]);
        let extent = self.scale.draw(LEAST, images, key).sqrt() * len as f32;
        let start = uniform(key, [batch]) * (len as f32 - extent);
        let end = super::for_pixels(start + extent);
        let mut dims = vec![1; 4];
        dims[axis] = len;
        let place = images.graph().iota(len).cast(DType::F32).reshape(dims);
        place.greater_equal(super::for_pixels(start)).logical_and(place.less(end))
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = RandomErasing::new();
        layer.factor = Factor::read(reader, "factor").unwrap_or(layer.factor);
        layer.scale = Factor::read(reader, "scale").unwrap_or(layer.scale);
        if let Some(value) = reader.value("fill_value") {
            layer.fill_value = Numbers::read(value);
            if layer.fill_value.is_none() {
                reader.refuse(format!("`fill_value` is {value}, expected a number or three"));
            }
        }
        layer.value_range = ValueRange::read(reader);
        layer
    }
}

impl Described for RandomErasing {
    fn class_name(&self) -> &'static str {
        "RandomErasing"
    }

    fn config(&self) -> Config {
        let fill_value = self.fill_value.as_ref().map_or(Value::Null, Numbers::value);
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("factor".into(), self.factor.bounds_value(LEAST));
        config.insert("scale".into(), self.scale.bounds_value(LEAST));
        config.insert("fill_value".into(), fill_value);
        config.insert("value_range".into(), self.value_range.value());
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
