use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::size::Size;
use crate::layers::options::layer_methods;
use crate::layers::reshaping::resize::{Interpolation, resize_axes};
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y[i, j] = sum over k, l of v[i, k] w[j, l] x[k, l]`: images of another size, of which each pixel
/// is a weighted mean of those around its place.
///
/// # Shape
/// `x: [batch, height_in, width_in, channels] -> [batch, height, width, channels]`; with channels
/// first `[batch, channels, height, width]`
///
/// # Parameters
/// - `height`, `width`: the new size, in pixels.
/// - `interpolation`: `bilinear` (the default), `nearest`, `bicubic`, `lanczos3` or `lanczos5`.
/// - `crop_to_aspect_ratio`: whether images of another aspect ratio are cut, and not distorted.
///   Default: `false`.
/// - `pad_to_aspect_ratio`: whether they get borders of `fill_value` (default 0) instead.
///   Default: `false`.
/// - `antialias`: whether smaller images take means over more pixels. Default: `false`.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 4, 1]).add(Resizing::new(1, 2));
/// let x = Tensor::new([1, 1, 4, 1], [1.0f32, 2.0, 3.0, 4.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.5, 3.5]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Resizing {
    options: Options,
    size: Size,
    interpolation: Interpolation,
    crop_to_aspect_ratio: bool,
    pad_to_aspect_ratio: bool,
    fill_value: f64,
    antialias: bool,
    data_format: DataFormat,
}

layer_methods!(Resizing);

impl Resizing {
    /// Makes images this high and wide.
    #[track_caller]
    pub fn new(height: usize, width: usize) -> Self {
        Resizing {
            options: Options::here(),
            size: Size { height, width },
            interpolation: Interpolation::Bilinear,
            crop_to_aspect_ratio: false,
            pad_to_aspect_ratio: false,
            fill_value: 0.0,
            antialias: false,
            data_format: DataFormat::default(),
        }
    }

    /// Sets how pixels between others are made.
    pub fn interpolation(mut self, interpolation: impl Into<Interpolation>) -> Self {
        self.interpolation = interpolation.into();
        self
    }

    /// Sets whether images are cut to the new aspect ratio.
    pub fn crop_to_aspect_ratio(mut self, crop: bool) -> Self {
        self.crop_to_aspect_ratio = crop;
        self
    }

    /// Sets whether images get borders of these values, to the new aspect ratio.
    pub fn pad_to_aspect_ratio(mut self, fill_value: f64) -> Self {
        (self.pad_to_aspect_ratio, self.fill_value) = (true, fill_value);
        self
    }

    /// Sets whether smaller images take means over more pixels.
    pub fn antialias(mut self, antialias: bool) -> Self {
        self.antialias = antialias;
        self
    }

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }
}

impl Described for Resizing {
    fn class_name(&self) -> &'static str {
        "Resizing"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("height".into(), json!(self.size.height));
        config.insert("width".into(), json!(self.size.width));
        config.insert("interpolation".into(), self.interpolation.name().into());
        config.insert("crop_to_aspect_ratio".into(), self.crop_to_aspect_ratio.into());
        config.insert("pad_to_aspect_ratio".into(), self.pad_to_aspect_ratio.into());
        config.insert("fill_mode".into(), "constant".into());
        config.insert("fill_value".into(), json!(self.fill_value));
        config.insert("antialias".into(), self.antialias.into());
        config
    }
}

impl Layer for Resizing {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.data_format.check()?;
        self.interpolation.check()?;
        if self.crop_to_aspect_ratio && self.pad_to_aspect_ratio {
            let both = "`crop_to_aspect_ratio` and `pad_to_aspect_ratio` are both true";
            return Err(Error::new(ErrorKind::Argument, both).expected("one of them at most"));
        }
        self.size.check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        expect_spatial::<2>(&inputs[0], &self.data_format)?;
        Ok(Vec::new())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let (size, format) = (self.size, &self.data_format);
        let images = match inputs[0] {
            images if self.crop_to_aspect_ratio => size.crop_to_aspect(images, format)?,
            images if self.pad_to_aspect_ratio => {
                size.pad_to_aspect(images, format, self.fill_value as f32)
            }
            images => images,
        };
        let lens = format.first_spatial()..;
        let lens = lens.zip([size.height, size.width]);
        Ok(vec![resize_axes(images, lens, &self.interpolation, self.antialias)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> =
    Entry { class_name: "Resizing", names: &[], summary: "images of another size", from_config };

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let size = Size::read(reader);
    let mut layer = Resizing { options, ..Resizing::new(size.height, size.width) };
    layer.interpolation = Interpolation::read(reader).unwrap_or(layer.interpolation);
    layer.crop_to_aspect_ratio = reader.bool("crop_to_aspect_ratio", false);
    layer.pad_to_aspect_ratio = reader.bool("pad_to_aspect_ratio", false);
    if let Some(mode) = reader.maybe_string("fill_mode").filter(|mode| mode != "constant") {
        reader.refuse(format!("`fill_mode` is {mode}, expected constant"));
    }
    layer.fill_value = reader.maybe_f64("fill_value").unwrap_or(0.0);
    layer.antialias = reader.bool("antialias", false);
    layer.data_format = DataFormat::read(reader);
    layer.check()?;
    Ok(Arc::new(layer))
}
