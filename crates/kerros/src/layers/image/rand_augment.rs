use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::json;

use super::color::expect_rgb_or_grey;
use super::policy::{LEAST, MAX_CHANGES, Policy, policy_methods};
use super::random_layer;
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `num_ops` changes of the images one after the other, each drawn from eleven;
/// else the identity.
///
/// The eleven are [`RandomShear`](crate::layers::RandomShear), `RandomTranslation`,
/// `RandomRotation`, `RandomBrightness`, `RandomColorDegeneration`, `RandomContrast`,
/// `RandomSharpness`, `RandomPosterization`, `Solarization`, `AutoContrast` and `Equalization`:
/// the same for all images of a batch, how strong for each.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same; 1 channel or 3: red, green and blue
///
/// # Parameters
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `num_ops`: how many changes, at most 64. Default: 2.
/// - `factor`: from 0 to 1: the bounds of how strong changes are. A single number is the upper
///   bound, and the lower one 0. Default: 0.5.
/// - `interpolation`: how places between pixels are read: `bilinear` or `nearest`. Default:
///   `bilinear`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 1, 3]).add(RandAugment::new());
/// let x = Tensor::new([1, 1, 1, 3], [64.0f32, 128.0, 255.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [64.0, 128.0, 255.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Cubuk and others: "RandAugment: Practical automated data augmentation with a reduced search
/// space", 2019, arXiv 1909.13719, with the changes of Keras.
#[derive(Clone, Debug)]
pub struct RandAugment {
    options: Options,
    policy: Policy,
    num_ops: usize,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(
    RandAugment,
    "changes images in ways drawn at random while training",
    expect_rgb_or_grey
);

impl RandAugment {
    /// Two changes of up to half of their strength.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RandAugment {
            options: Options::here(),
            policy: Policy::new(0.5),
            num_ops: 2,
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    policy_methods!();

    /// Sets how many changes are made.
    pub fn num_ops(mut self, num_ops: usize) -> Self {
        self.num_ops = num_ops;
        self
    }

    fn check_settings(&self) -> Result<()> {
        if self.num_ops > MAX_CHANGES {
            return Err(Error::new(ErrorKind::Argument, format!("`num_ops` is {}", self.num_ops))
                .expected(format!("at most {MAX_CHANGES}")));
        }
        self.policy.check()
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let change = |images, _| self.policy.one_change(images, key, &self.data_format, false);
        (0..self.num_ops).fold(images, change)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = RandAugment::new();
        layer.policy.read(reader);
        layer.num_ops = reader.maybe_usize("num_ops").unwrap_or(layer.num_ops);
        layer
    }
}

impl Described for RandAugment {
    fn class_name(&self) -> &'static str {
        "RandAugment"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("value_range".into(), self.policy.value_range.value());
        config.insert("num_ops".into(), json!(self.num_ops));
        config.insert("factor".into(), self.policy.factor.bounds_value(LEAST));
        config.insert("interpolation".into(), self.policy.interpolation.name().into());
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
