use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;

use super::resize::{Interpolation, resize_axes};
use crate::layers::options::layer_methods;
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Lengths, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y[i, j] = x[i / size0, j / size1]` (rounded down), or interpolated between neighbours: an
/// image several times as large.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, height, width, channels] -> [batch, height * size0, width * size1, channels]`;
/// with channels first `[batch, channels, height, width]`
///
/// # Parameters
/// - `size`: how many times, at least 1; one number for both axes, or one each. Keras's
///   default: 2.
/// - `interpolation`: `nearest` (the default), `bilinear`, `bicubic`, `lanczos3` or `lanczos5`.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let grow = UpSampling2D::new([1, 2]).interpolation("bilinear");
/// let mut model = Sequential::new().input([1, 2, 1]).add(grow);
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 1.25, 1.75, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct UpSampling2D {
    options: Options,
    size: Lengths<2>,
    data_format: DataFormat,
    interpolation: Interpolation,
}

layer_methods!(UpSampling2D);

impl UpSampling2D {
    /// Makes images this many times as large.
    #[track_caller]
    pub fn new(size: impl Into<Lengths<2>>) -> Self {
        UpSampling2D {
            options: Options::here(),
            size: size.into(),
            data_format: DataFormat::default(),
            interpolation: Interpolation::default(),
        }
    }

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }

    /// Sets how pixels between others are made.
    pub fn interpolation(mut self, interpolation: impl Into<Interpolation>) -> Self {
        self.interpolation = interpolation.into();
        self
    }
}

impl Described for UpSampling2D {
    fn class_name(&self) -> &'static str {
        "UpSampling2D"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("size".into(), self.size.value());
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("interpolation".into(), self.interpolation.name().into());
        config
    }
}

impl Layer for UpSampling2D {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.data_format.check()?;
        self.interpolation.check()?;
        self.size.check("size", 1)
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        expect_spatial::<2>(&inputs[0], &self.data_format)?;
        Ok(Vec::new())
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let first = self.data_format.first_spatial();
        let shape = inputs[0].shape();
        let lens = (first..).zip(self.size.get()).map(|(axis, size)| (axis, shape[axis] * size));
        Ok(vec![resize_axes(inputs[0], lens, &self.interpolation, false)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "UpSampling2D",
    names: &[],
    summary: "images several times as large",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let mut layer = UpSampling2D { options: Options::read(reader)?, ..UpSampling2D::new(2) };
    if let Some(size) = Lengths::read(reader, "size") {
        layer.size = size;
    }
    layer.data_format = DataFormat::read(reader);
    layer.interpolation = Interpolation::read(reader).unwrap_or(layer.interpolation);
    layer.check()?;
    Ok(Arc::new(layer))
}
