use kerros_core::Result;
use kerros_graph::Node;
use serde_json::{Value, json};

use super::color::expect_rgb;
use super::{Factor, ValueRange, random_layer, value_range_method};
use crate::layers::{
    DataFormat, Options, RandomBrightness, RandomContrast, RandomHue, RandomSaturation,
};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y = hue(saturation(contrast(brightness(x))))`, each changed at random as
/// [`RandomBrightness`], [`RandomContrast`], [`RandomSaturation`] and [`RandomHue`] do; else the
/// identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same; 3 channels: red, green and blue
///
/// # Parameters
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `brightness_factor`, `contrast_factor`, `saturation_factor`, `hue_factor`: the factors of the
///   four layers. Default: none, which leaves that change out.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are, for all four changes; Keras 3.15 makes them as if
///   the channels were last. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let jitter = RandomColorJitter::new().brightness_factor(0.2).hue_factor(0.1);
/// let mut model = Sequential::new().input([1, 1, 3]).add(jitter);
/// let x = Tensor::new([1, 1, 1, 3], [64.0f32, 128.0, 255.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [64.0, 128.0, 255.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomColorJitter {
    options: Options,
    value_range: ValueRange,
    brightness_factor: Option<Factor>,
    contrast_factor: Option<Factor>,
    saturation_factor: Option<Factor>,
    hue_factor: Option<Factor>,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(
    RandomColorJitter,
    "changes brightness, contrast, saturation and hue at random while training",
    expect_rgb
);

/// The layer of a change, if it has a factor, with the range of values and the data format of
/// the layer around it.
macro_rules! part {
    ($layer:ident, $Part:ident, $factor:ident) => {
        $layer.$factor.map(|factor| {
            let ValueRange(least, greatest) = $layer.value_range;
            let format = $layer.data_format.clone();
            $Part::new(factor).value_range(least, greatest).data_format(format)
        })
    };
}

impl RandomColorJitter {
    /// Changes nothing: each change takes place once its factor is set.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RandomColorJitter {
            options: Options::here(),
            value_range: ValueRange::default(),
            brightness_factor: None,
            contrast_factor: None,
            saturation_factor: None,
            hue_factor: None,
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    value_range_method!();

    /// Makes images darker or lighter, by up to this share of the range of values.
    pub fn brightness_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.brightness_factor = Some(factor.into());
        self
    }

    /// Changes the contrast by up to this factor.
    pub fn contrast_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.contrast_factor = Some(factor.into());
        self
    }

    /// Multiplies the saturation by `f / (1 - f)`.
    pub fn saturation_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.saturation_factor = Some(factor.into());
        self
    }

    /// Turns the circle of colours by up to this share of half a turn.
    pub fn hue_factor(mut self, factor: impl Into<Factor>) -> Self {
        self.hue_factor = Some(factor.into());
        self
    }

    fn check_settings(&self) -> Result<()> {
        let brightness = part!(self, RandomBrightness, brightness_factor);
        let contrast = part!(self, RandomContrast, contrast_factor);
        let saturation = part!(self, RandomSaturation, saturation_factor);
        let hue = part!(self, RandomHue, hue_factor);
        brightness.map_or(Ok(()), |part| part.check_settings())?;
        contrast.map_or(Ok(()), |part| part.check_settings())?;
        saturation.map_or(Ok(()), |part| part.check_settings())?;
        hue.map_or(Ok(()), |part| part.check_settings())
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let part = part!(self, RandomBrightness, brightness_factor);
        let images = part.map_or(images, |part| part.change(images, key));
        let part = part!(self, RandomContrast, contrast_factor);
        let images = part.map_or(images, |part| part.change(images, key));
        let part = part!(self, RandomSaturation, saturation_factor);
        let images = part.map_or(images, |part| part.change(images, key));
        let part = part!(self, RandomHue, hue_factor);
        part.map_or(images, |part| part.change(images, key))
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        RandomColorJitter {
            value_range: ValueRange::read(reader),
            brightness_factor: Factor::read(reader, "brightness_factor"),
            contrast_factor: Factor::read(reader, "contrast_factor"),
            saturation_factor: Factor::read(reader, "saturation_factor"),
            hue_factor: Factor::read(reader, "hue_factor"),
            ..RandomColorJitter::new()
        }
    }
}

impl Described for RandomColorJitter {
    fn class_name(&self) -> &'static str {
        "RandomColorJitter"
    }

    fn config(&self) -> Config {
        let given = |factor: Option<Factor>| factor.map_or(Value::Null, Factor::value);
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("value_range".into(), self.value_range.value());
        config.insert("brightness_factor".into(), given(self.brightness_factor));
        config.insert("contrast_factor".into(), given(self.contrast_factor));
        config.insert("saturation_factor".into(), given(self.saturation_factor));
        config.insert("hue_factor".into(), given(self.hue_factor));
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
