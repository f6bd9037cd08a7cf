use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::axes;
use super::size::Size;
use crate::layers::options::layer_methods;
use crate::layers::reshaping::crop;
use crate::layers::reshaping::resize::{Interpolation, resize};
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// The middle of images: `y[i, j] = x[top + i, left + j]` with equal margins, or one pixel more
/// below and at the right.
///
/// Images that are not large enough are cut to the aspect ratio and resized (bilinear).
///
/// # Shape
/// `x: [batch, height_in, width_in, channels] -> [batch, height, width, channels]`; with channels
/// first `[batch, channels, height, width]`
///
/// # Parameters
/// - `height`, `width`: the size of what is kept, in pixels.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 4, 1]).add(CenterCrop::new(1, 2));
/// let x = Tensor::new([1, 1, 4, 1], [1.0f32, 2.0, 3.0, 4.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [2.0, 3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CenterCrop {
    options: Options,
    size: Size,
    data_format: DataFormat,
}

layer_methods!(CenterCrop);

impl CenterCrop {
    /// Keeps this much of the middle.
    #[track_caller]
    pub fn new(height: usize, width: usize) -> Self {
        CenterCrop {
            options: Options::here(),
            size: Size { height, width },
            data_format: DataFormat::default(),
        }
    }

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }
}

impl Described for CenterCrop {
    fn class_name(&self) -> &'static str {
        "CenterCrop"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("height".into(), json!(self.size.height));
        config.insert("width".into(), json!(self.size.width));
        config
    }
}

impl Layer for CenterCrop {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.data_format.check()?;
        self.size.check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        expect_spatial::<2>(&inputs[0], &self.data_format)?;
        Ok(Vec::new())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let (images, size, format) = (inputs[0], self.size, &self.data_format);
        let shape = images.shape();
        let [height, width] = axes(format).map(|axis| shape[axis]);
        if height >= size.height && width >= size.width {
            let margins = [(height, size.height), (width, size.width)].map(|(len, kept)| {
                let low = (len - kept) / 2;
                (low, len - kept - low)
            });
            return Ok(vec![crop(images, &margins, format.first_spatial())?]);
        }
        let images = size.crop_to_aspect(images, format)?;
        let [vertical, horizontal] = axes(format);
        let tall = resize(images, size.height, vertical, &Interpolation::Bilinear, false);
        Ok(vec![resize(tall, size.width, horizontal, &Interpolation::Bilinear, false)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "CenterCrop", names: &[], summary: "the middle of images", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let layer =
        CenterCrop { options, size: Size::read(reader), data_format: DataFormat::read(reader) };
    layer.check()?;
    Ok(Arc::new(layer))
}
