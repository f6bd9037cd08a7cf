use std::sync::Arc;

use kerros_core::Result;
use kerros_graph::Node;

use crate::layers::options::layer_methods;
use crate::layers::{Axes, Call, Layer, Options};
use crate::object::{Config, ConfigReader, Described, Entry};

/// The smallest square of a length that is divided by.
const SMALLEST_SQUARE: f32 = 1e-24;

/// `y = x / sqrt(sum of x^2)`, with the sum of each row along the axes: vectors of length 1.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `axis`: one axis, or several taken together. Default: -1.
///
/// # Gradient
/// 0 through the length of vectors shorter than 1e-12, which are multiplied by 1e12.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2]).add(UnitNormalization::new());
/// let x = Tensor::new([1, 2], [3.0f32, -4.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.6, -0.8]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct UnitNormalization {
    options: Options,
    axis: Axes,
}

layer_methods!(UnitNormalization);

impl UnitNormalization {
    /// Normalizes along the last axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        UnitNormalization { options: Options::here(), axis: Axes::One(-1) }
    }

    /// Sets the axes along which the length is taken.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl Described for UnitNormalization {
    fn class_name(&self) -> &'static str {
        "UnitNormalization"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("axis".into(), self.axis.value());
        config
    }
}

impl Layer for UnitNormalization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.axis.check()
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], _call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let dims = self.axis.reduced(&x.shape())?;
        let squares = x.square().sum(self.axis.get()).reshape(dims);
        Ok(vec![x * squares.maximum(SMALLEST_SQUARE).rsqrt()])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "UnitNormalization",
    names: &[],
    summary: "each row with length 1",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let axis = Axes::read(reader).unwrap_or(Axes::One(-1));
    let layer = UnitNormalization { options, axis };
    layer.check()?;
    Ok(Arc::new(layer))
}
