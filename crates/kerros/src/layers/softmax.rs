use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::options::layer_methods;
use super::{Call, Layer, Options};
use crate::activations::axes::along;
use crate::object::{Config, ConfigReader, Described, Entry};

/// What takes the place of elements that are masked, whose exponential is 0.
const MASKED: f32 = -1e9;

/// `e^x / sum(e^x)` along an axis: numbers that are positive and add up to 1.
///
/// Elements that a mask excludes give 0 and take no part in the sum. The mask is the argument
/// `mask`, or that of the input, and must broadcast to the input.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`
///
/// # Parameters
/// - `axis`: along which the sum is 1; negative counts from the end, 0 is the batch axis.
///   Default: -1. Several axes are taken together.
///
/// # Example
/// ```
/// use kerros::layers::Softmax;
/// use kerros::{Sequential, Tensor};
/// let mut model = Sequential::new().input([2]).add(Softmax::new());
/// let y = model.predict(Tensor::new([1, 2], [5.0f32, 5.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [0.5, 0.5]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Softmax {
    options: Options,
    axes: Vec<isize>,
}

layer_methods!(Softmax);

impl Softmax {
    /// Along the last axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Softmax { options: Options::here(), axes: vec![-1] }
    }

    /// Sets the axis.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axes = vec![axis];
        self
    }

    /// Sets several axes, over which together the sum is 1.
    pub fn axes(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.axes = axes.into();
        self
    }
}

impl Described for Softmax {
    fn class_name(&self) -> &'static str {
        "Softmax"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        let axis = match self.axes.as_slice() {
            [axis] => json!(axis),
            axes => json!(axes),
        };
        config.insert("axis".into(), axis);
        config
    }
}

impl Layer for Softmax {
    fn options(&self) -> &Options {
        &self.options
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "mask"]
    }

    fn check(&self) -> Result<()> {
        match self.axes.is_empty() {
            true => Err(Error::new(ErrorKind::Argument, "a softmax over no axis")
                .expected("at least one axis")),
            false => Ok(()),
        }
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        let Some(mask) = call.masks.first().copied().flatten() else {
            return Ok(vec![along(x, &self.axes, Node::softmax)]);
        };
        if mask.shape().broadcast(&x.shape()) != Some(x.shape()) {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("a mask of shape {} for an input of shape {}", mask.shape(), x.shape()),
            )
            .expected("a mask that broadcasts to the input"));
        }
        let mask = if mask.dtype() == DType::Bool { mask } else { mask.greater(0.5) };
        let y = along(mask.select(x, MASKED), &self.axes, Node::softmax);
        Ok(vec![mask.select(y, 0.0)])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "Softmax",
    names: &[],
    summary: "e^x / sum(e^x) along an axis",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let axis = |value: &Value| value.as_i64().map(|axis| axis as isize);
    let axes = match reader.value("axis") {
        None => vec![-1],
        Some(value) => {
            let axes = match value.as_array() {
                Some(axes) => axes.iter().map(axis).collect(),
                None => axis(value).map(|axis| vec![axis]),
            };
            axes.unwrap_or_else(|| {
                reader.refuse(format!("`axis` is {value}, expected a whole number or a list"));
                vec![-1]
            })
        }
    };
    let layer = Softmax { options, axes };
    layer.check()?;
    Ok(Arc::new(layer))
}
