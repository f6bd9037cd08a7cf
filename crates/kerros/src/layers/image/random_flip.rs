use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::json;

use super::{axes, for_pixels, random_layer};
use crate::layers::noise::uniform;
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y[i, j] = x[i, width - 1 - j]` for half of the images, drawn anew each time;
/// else the identity.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same
///
/// # Parameters
/// - `mode`: `horizontal` (left and right change places), `vertical`, or
///   `horizontal_and_vertical` (both, which is half a turn). Default: the last.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 2, 1]).add(RandomFlip::new("horizontal"));
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomFlip {
    options: Options,
    mode: String,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomFlip, "mirrors images at random while training");

const HORIZONTAL: &str = "horizontal";
const VERTICAL: &str = "vertical";
const BOTH: &str = "horizontal_and_vertical";

impl RandomFlip {
    /// Mirrors images in this way.
    #[track_caller]
    pub fn new(mode: impl Into<String>) -> Self {
        RandomFlip {
            options: Options::here(),
            mode: mode.into(),
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    fn check_settings(&self) -> Result<()> {
        match self.mode.as_str() {
            HORIZONTAL | VERTICAL | BOTH => Ok(()),
            mode => Err(Error::new(ErrorKind::UnknownName, format!("unknown mode `{mode}`"))
                .expected(format!("{HORIZONTAL}, {VERTICAL} or {BOTH}"))),
        }
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let is_flipped = for_pixels(uniform(key, [images.shape()[0]])).less_equal(0.5);
        let [vertical, horizontal] = axes(&self.data_format);
        let mut flipped = images;
        if self.mode != VERTICAL {
            flipped = flipped.reverse(horizontal);
        }
        if self.mode != HORIZONTAL {
            flipped = flipped.reverse(vertical);
        }
        is_flipped.select(flipped, images)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        RandomFlip::new(reader.maybe_string("mode").unwrap_or_else(|| BOTH.into()))
    }
}

impl Described for RandomFlip {
    fn class_name(&self) -> &'static str {
        "RandomFlip"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("seed".into(), json!(self.seed));
        config.insert("mode".into(), json!(self.mode));
        config
    }
}
