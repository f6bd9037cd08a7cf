use kerros_core::{DType, Result};
use kerros_graph::Node;
use serde_json::json;

use super::size::Size;
use super::{axes, random_layer};
use crate::layers::noise::uniform;
use crate::layers::reshaping::resize::{Interpolation, resize};
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, a part of the images: `y[i, j] = x[top + i, left + j]`, with a place drawn for
/// the whole batch anew each time; else the identity, as in Keras 3.15.
///
/// Images that are not larger in both directions are cut where their part of the same aspect ratio
/// begins, and resized (bilinear). What is not training keeps its size: layers behind this one
/// whose weights depend on it need images of the size that is kept.
///
/// # Shape
/// `x: [batch, height_in, width_in, channels] -> [batch, height, width, channels]` while training,
/// else the same; with channels first `[batch, channels, ..]`
///
/// # Parameters
/// - `height`, `width`: the size of what is kept, in pixels.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 4, 1]).add(RandomCrop::new(1, 2));
/// let x = Tensor::new([1, 1, 4, 1], [1.0f32, 2.0, 3.0, 4.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomCrop {
    options: Options,
    size: Size,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(RandomCrop, "a part of the images at random while training");

impl RandomCrop {
    /// Keeps this much of the images.
    #[track_caller]
    pub fn new(height: usize, width: usize) -> Self {
        RandomCrop {
            options: Options::here(),
            size: Size { height, width },
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    fn check_settings(&self) -> Result<()> {
        self.size.check()
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let shape = images.shape();
        let axes = axes(&self.data_format);
        let have = axes.map(|axis| shape[axis]);
        let kept = [self.size.height, self.size.width];
        let is_larger = have[0] > kept[0] && have[1] > kept[1];
        (0..2).fold(images, |images, at| {
            let (axis, have, kept) = (axes[at], have[at], kept[at]);
            if is_larger {
                let start = uniform(key, []) * (have - kept + 1) as f32;
                return images.dynamic_slice(axis, start.cast(DType::I32), kept);
            }
            let start = self.first_of_ratio(at, [shape[axes[0]], shape[axes[1]]]);
            let part = images.slice(axis, start, (start + kept).min(have));
            resize(part, kept, axis, &Interpolation::Bilinear, false)
        })
    }

    /// Where the middle part begins that has the aspect ratio of the size.
    fn first_of_ratio(&self, at: usize, have: [usize; 2]) -> usize {
        let kept = [self.size.height, self.size.width];
        let length = have[1 - at].saturating_mul(kept[at]) / kept[1 - at];
        (have[at] - length.min(have[at]).max(1)) / 2
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let Size { height, width } = Size::read(reader);
        RandomCrop::new(height, width)
    }
}

impl Described for RandomCrop {
    fn class_name(&self) -> &'static str {
        "RandomCrop"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("height".into(), json!(self.size.height));
        config.insert("width".into(), json!(self.size.width));
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
