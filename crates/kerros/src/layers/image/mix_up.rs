use kerros_core::Result;
use kerros_graph::Node;
use serde_json::json;

use super::{for_pixels, random_layer, shuffled};
use crate::layers::noise::distributions::symmetric_beta;
use crate::layers::options::out_of_range;
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y = w x + (1 - w) z`, where `z` is another image of the batch; else the
/// identity.
///
/// The layer mixes images alone: labels are not its input. Mix them outside, or use it where the
/// images are the targets too.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `alpha`: above 0: `w` is drawn for each image from the beta distribution with `alpha` twice;
///   the smaller, the nearer to 0 or 1. Default: 0.2.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 2, 1]).add(MixUp::new());
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Zhang and others: "mixup: Beyond Empirical Risk Minimization", 2017, arXiv 1710.09412; a `w`
/// for each image, as in Keras.
#[derive(Clone, Debug)]
pub struct MixUp {
    options: Options,
    alpha: f64,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(MixUp, "mixes images with others of the batch while training");

impl MixUp {
    /// Mixes with an `alpha` of 0.2.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        MixUp {
            options: Options::here(),
            alpha: 0.2,
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    /// Sets both parameters of the beta distribution.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    fn check_settings(&self) -> Result<()> {
        match self.alpha > 0.0 && self.alpha.is_finite() {
            true => Ok(()),
            false => Err(out_of_range("`alpha`", self.alpha, "a number above 0")),
        }
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let alpha = images.graph().constant(self.alpha as f32);
        let others = shuffled(images, key);
        let weight = for_pixels(symmetric_beta(key, [images.shape()[0]], alpha));
        weight * images + (1.0 - weight) * others
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = MixUp::new();
        layer.alpha = reader.maybe_f64("alpha").unwrap_or(layer.alpha);
        layer
    }
}

impl Described for MixUp {
    fn class_name(&self) -> &'static str {
        "MixUp"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("alpha".into(), json!(self.alpha));
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
