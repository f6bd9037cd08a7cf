use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;

use crate::layers::options::layer_methods;
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Lengths, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y[i, j, k] = x[i / size0, j / size1, k / size2]` (rounded down): each entry several times.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, depth, height, width, channels]`, the spatial axes `size` times as long; with
/// channels first `[batch, channels, depth, height, width]`
///
/// # Parameters
/// - `size`: how many times, at least 1; one number for all axes, or one each. Keras's default: 2.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 1, 2, 1]).add(UpSampling3D::new([1, 1, 2]));
/// let x = Tensor::new([1, 1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 1.0, 2.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct UpSampling3D {
    options: Options,
    size: Lengths<3>,
    data_format: DataFormat,
}

layer_methods!(UpSampling3D);

impl UpSampling3D {
    /// Gives each entry this many times.
    #[track_caller]
    pub fn new(size: impl Into<Lengths<3>>) -> Self {
        UpSampling3D {
            options: Options::here(),
            size: size.into(),
            data_format: DataFormat::default(),
        }
    }

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }
}

impl Described for UpSampling3D {
    fn class_name(&self) -> &'static str {
        "UpSampling3D"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("size".into(), self.size.value());
        config.insert("data_format".into(), self.data_format.name().into());
        config
    }
}

impl Layer for UpSampling3D {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.data_format.check()?;
        self.size.check("size", 1)
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        expect_spatial::<3>(&inputs[0], &self.data_format)?;
        Ok(Vec::new())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(vec![super::repeat_each(inputs[0], &self.size.get(), self.data_format.first_spatial())])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "UpSampling3D",
    names: &[],
    summary: "each entry of a volume several times",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let size = Lengths::read(reader, "size").unwrap_or(2.into());
    let data_format = DataFormat::read(reader);
    let layer = UpSampling3D { options, size, data_format };
    layer.check()?;
    Ok(Arc::new(layer))
}
