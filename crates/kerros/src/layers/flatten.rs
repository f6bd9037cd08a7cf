use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;

use super::options::layer_methods;
use super::{Call, DataFormat, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// All axes but the batch axis as one: `y[i · width + j] = x[i, j]`.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, a, b, ..] -> [batch, a * b * ..]`; `[batch] -> [batch, 1]`
///
/// # Parameters
/// - `data_format`: where the channels are; channels that come first are moved to the end
///   before, so that the results are the same for both formats. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let flatten = Flatten::new().data_format("channels_first");
/// let mut model = Sequential::new().input([2, 2]).add(flatten);
/// let x = Tensor::new([1, 2, 2], [1.0f32, 2.0, 3.0, 4.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [1.0, 3.0, 2.0, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Flatten {
    options: Options,
    data_format: DataFormat,
}

layer_methods!(Flatten);

impl Flatten {
    /// One axis beside the batch axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Flatten { options: Options::here(), data_format: DataFormat::default() }
    }

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }
}

impl Described for Flatten {
    fn class_name(&self) -> &'static str {
        "Flatten"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config
    }
}

impl Layer for Flatten {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.data_format.check()
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = self.data_format.to_last(inputs[0]);
        let shape = x.shape();
        Ok(vec![x.reshape([shape[0], shape[1..].iter().product()])])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Flatten",
    names: &[],
    summary: "all axes but the batch axis as one",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let layer = Flatten { options, data_format: DataFormat::read(reader) };
    layer.check()?;
    Ok(Arc::new(layer))
}
