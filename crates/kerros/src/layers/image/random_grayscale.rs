use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::color::{expect_rgb_or_grey, grey};
use super::{Factor, for_pixels, random_layer};
use crate::layers::noise::uniform;
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, a share of the images, drawn anew each time, becomes grey: `y = 0.2989 · red +
/// 0.587 · green + 0.114 · blue` in all channels; else the identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same; 3 channels, or 1, which is grey
///
/// # Parameters
/// - `factor`: the probability that an image becomes grey, from 0 to 1. Default: 0.5.
/// - `seed`: random numbers of this layer's own; default: those of the model. Keras does not
///   write it into files.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 1, 3]).add(RandomGrayscale::new().factor(0.1));
/// let x = Tensor::new([1, 1, 1, 3], [1.0f32, 2.0, 3.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomGrayscale {
    options: Options,
    factor: f64,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(
    RandomGrayscale,
    "takes the colours away from images at random while training",
    expect_rgb_or_grey
);

impl RandomGrayscale {
    /// Makes half of the images grey.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RandomGrayscale {
            options: Options::here(),
            factor: 0.5,
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Sets the probability that an image becomes grey.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    fn check_settings(&self) -> Result<()> {
        Factor::Around(self.factor).check("factor", 0.0)
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let is_grey = for_pixels(uniform(key, [images.shape()[0]])).less(self.factor as f32);
        is_grey.select(grey(images, &self.data_format), images)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = RandomGrayscale::new();
        layer.factor = reader.maybe_f64("factor").unwrap_or(layer.factor);
        layer
    }
}

impl Described for RandomGrayscale {
    fn class_name(&self) -> &'static str {
        "RandomGrayscale"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("factor".into(), json!(self.factor));
        config
    }
}
