use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::{as_given, rows};
use crate::layers::options::{layer_methods, maybe_f64};
use crate::layers::trained::Trained;
use crate::layers::{Axes, Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = scale · x / sqrt(mean of x^2 + epsilon)`, with the mean of each row along the axes.
///
/// What `LayerNormalization` does, without moving the mean. A mask ends here.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`; `scale`: the lengths of the axes
///
/// # Parameters
/// - `axis`: the last axis, or the last ones taken together. Default: -1.
/// - `epsilon`: what is added to the mean. Default: 1e-6.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = RMSNormalization::new().epsilon(0.0);
/// let mut model = Sequential::new().input([2]).add(layer);
/// let x = Tensor::new([1, 2], [1.0f32, 7.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.2, 1.4]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Zhang, Sennrich: "Root mean square layer normalization", arXiv:1910.07467.
#[derive(Clone, Debug)]
pub struct RMSNormalization {
    options: Options,
    axis: Axes,
    epsilon: f64,
}

layer_methods!(RMSNormalization);

impl RMSNormalization {
    /// Normalizes along the last axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        RMSNormalization { options: Options::here(), axis: Axes::One(-1), epsilon: 1e-6 }
    }

    /// Sets the axes along which rows are normalized.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }

    /// Sets the number that is added to the mean of the squares.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl Described for RMSNormalization {
    fn class_name(&self) -> &'static str {
        "RMSNormalization"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("axis".into(), self.axis.value());
        config.insert("epsilon".into(), json!(self.epsilon));
        config
    }
}

impl Layer for RMSNormalization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.axis.check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let shape = &inputs[0];
        let mut axes = self.axis.get().to_vec();
        axes.sort_unstable();
        let axes = axes.into_iter().map(|axis| shape.axis(axis)).collect::<Result<Vec<_>>>()?;
        let first = shape.ndim() - axes.len();
        if !axes.into_iter().eq(first..shape.ndim()) {
            // Keras makes its scale for the axes, but multiplies the last ones by it.
            return Err(Error::new(
                ErrorKind::Argument,
                format!("the axes {:?} of an input of shape {shape}", self.axis.get()),
            )
            .expected("the last axis, or the last ones, all counted from the same end"));
        }
        Ok(vec![Trained::new("ones").weight("scale", &shape[first..])?])
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        as_given(inputs[0], |x| {
            let rows = rows(x, &self.axis)?.expect("weights are made for the last axes only");
            let scale = call.weights[0].reshape([rows.shape().last()]);
            Ok(rows.rms_norm(Some(scale), self.epsilon as f32).reshape(x.shape()))
        })
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "RMSNormalization",
    names: &[],
    summary: "each row with root mean square 1",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let axis = Axes::read(reader).unwrap_or(Axes::One(-1));
    let epsilon = maybe_f64(reader, "epsilon").unwrap_or(1e-6);
    let layer = RMSNormalization { options, axis, epsilon };
    layer.check()?;
    Ok(Arc::new(layer))
}
