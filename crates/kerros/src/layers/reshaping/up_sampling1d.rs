use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use crate::layers::options::layer_methods;
use crate::layers::spatial::expect_spatial;
use crate::layers::{Call, DataFormat, Layer, Lengths, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y[i] = x[i / size]` (rounded down): each step several times.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, steps, channels] -> [batch, steps * size, channels]`
///
/// # Parameters
/// - `size`: how many times, at least 1. Keras's default: 2.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2, 1]).add(UpSampling1D::new(3));
/// let x = Tensor::new([1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct UpSampling1D {
    options: Options,
    size: Lengths<1>,
}

layer_methods!(UpSampling1D);

impl UpSampling1D {
    /// Gives each step this many times.
    #[track_caller]
    pub fn new(size: impl Into<Lengths<1>>) -> Self {
        UpSampling1D { options: Options::here(), size: size.into() }
    }
}

impl Described for UpSampling1D {
    fn class_name(&self) -> &'static str {
        "UpSampling1D"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("size".into(), json!(self.size.get()[0]));
        config
    }
}

impl Layer for UpSampling1D {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.size.check("size", 1)
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        expect_spatial::<1>(&inputs[0], &DataFormat::ChannelsLast)?;
        Ok(Vec::new())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        Ok(vec![super::repeat_each(inputs[0], &self.size.get(), 1)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "UpSampling1D",
    names: &[],
    summary: "each step of a sequence several times",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let size = Lengths::read(reader, "size").unwrap_or(2.into());
    let layer = UpSampling1D { options, size };
    layer.check()?;
    Ok(Arc::new(layer))
}
