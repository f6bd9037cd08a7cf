use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;

use super::{ValueRange, value_range_method};
use crate::layers::options::layer_methods;
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = (x - low) · 255 / (high - low)`, with the least and the greatest value of each channel of
/// each image: each uses the whole range.
///
/// Values are moved from `value_range` to 0 to 255 first, and back afterwards. A channel whose
/// values are all the same stays as it is. Also when not training.
///
/// # Shape
/// `x: [batch, height, width, channels] -> ` the same. With channels first, `[batch, channels,
/// height, width]`, Keras takes `low` and `high` over channels and height, and so does this.
///
/// # Parameters
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 3, 1]).add(AutoContrast::new());
/// let x = Tensor::new([1, 1, 3, 1], [50.0f32, 100.0, 150.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.0, 127.5, 255.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct AutoContrast {
    options: Options,
    value_range: ValueRange,
    data_format: DataFormat,
}

layer_methods!(AutoContrast);

impl AutoContrast {
    /// Images of bytes.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        AutoContrast {
            options: Options::here(),
            value_range: ValueRange::default(),
            data_format: DataFormat::default(),
        }
    }

    value_range_method!(sorted);

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }

    /// What the images become.
    pub(super) fn stretched<'g>(&self, images: Node<'g>) -> Node<'g> {
        let whole = ValueRange::default();
        let values = self.value_range.rescale(images, whole);
        let kept = |bound: Node<'g>| bound.expand_dims(1).expand_dims(2);
        let (low, high) = (kept(values.min(&[1, 2])), kept(values.max(&[1, 2])));
        let scale = 255.0 / (high - low);
        let stretched = whole.clip(values * scale + -low * scale);
        let result = whole.rescale(stretched, self.value_range);
        result.is_nan().select(images, result)
    }
}

impl Described for AutoContrast {
    fn class_name(&self) -> &'static str {
        "AutoContrast"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("value_range".into(), self.value_range.value());
        config
    }
}

impl Layer for AutoContrast {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.data_format.check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        expect_spatial::<2>(&inputs[0], &self.data_format)?;
        Ok(Vec::new())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(vec![self.stretched(inputs[0])])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "AutoContrast",
    names: &[],
    summary: "images that use the whole range of values",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let value_range = ValueRange::read(reader).sorted();
    let layer = AutoContrast { options, value_range, data_format: DataFormat::read(reader) };
    layer.check()?;
    Ok(Arc::new(layer))
}
