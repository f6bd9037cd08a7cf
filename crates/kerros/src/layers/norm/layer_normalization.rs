use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::{Affine, affine_methods, as_given, moments, rows, standardized};
use crate::layers::options::{layer_methods, maybe_f64};
use crate::layers::{Axes, Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = gamma · (x - mean) / sqrt(variance + epsilon) + beta`, with mean and variance of each
/// row along the axes.
///
/// Each row is normalized for itself, so that training and prediction compute the same, for
/// any batch size.
///
/// # Shape
/// `x: [batch, ..] -> [batch, ..]`; `gamma`, `beta`: the lengths of the axes
///
/// # Parameters
/// - `axis`: one axis, or several taken together. Default: -1.
/// - `epsilon`: what is added to the variance. Default: 0.001.
/// - `center`, `scale`: whether to add a beta, to multiply by a gamma. Default: `true`.
/// - `rms_scaling`: whether to leave the mean where it is: `y = gamma · x / sqrt(variance +
///   epsilon)`. Default: `false`.
/// - `beta_initializer`: default `zeros`; `gamma_initializer`: default `ones`.
/// - `beta_regularizer`, `gamma_regularizer`, `beta_constraint`, `gamma_constraint`: default
///   none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let layer = LayerNormalization::new().epsilon(0.0);
/// let mut model = Sequential::new().input([2]).add(layer);
/// let x = Tensor::new([1, 2], [1.0f32, 5.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [-1.0, 1.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Ba, Kiros, Hinton: "Layer normalization", arXiv:1607.06450.
#[derive(Clone, Debug)]
pub struct LayerNormalization {
    options: Options,
    axis: Axes,
    epsilon: f64,
    affine: Affine,
    rms_scaling: bool,
}

layer_methods!(LayerNormalization);
affine_methods!(LayerNormalization);

impl LayerNormalization {
    /// Normalizes along the last axis.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        LayerNormalization {
            options: Options::here(),
            axis: Axes::One(-1),
            epsilon: 1e-3,
            affine: Affine::new(),
            rms_scaling: false,
        }
    }

    /// Sets the axes along which rows are normalized.
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }

    /// Sets whether to leave the mean where it is.
    pub fn rms_scaling(mut self, rms_scaling: bool) -> Self {
        self.rms_scaling = rms_scaling;
        self
    }

    /// One input of floats, normalized.
    fn normalized<'g>(&self, x: Node<'g>, call: &Call<'_, 'g>) -> Result<Node<'g>> {
        let shape = x.shape();
        let (kept, reduced) = (self.axis.kept(&shape)?, self.axis.reduced(&shape)?);
        if let Some(rows) = rows(x, &self.axis)?.filter(|_| !self.rms_scaling) {
            let (gamma, beta) = self.affine.nodes(call, &[rows.shape().last()]);
            return Ok(rows.layer_norm(gamma, beta, self.epsilon as f32).reshape(shape));
        }
        let (mean, variance) = moments(x, self.axis.get(), &reduced);
        let (gamma, beta) = self.affine().nodes(call, &kept);
        if self.rms_scaling {
            let scaled = x * (variance + self.epsilon as f32).rsqrt();
            return Ok(gamma.map_or(scaled, |gamma| scaled * gamma));
        }
        Ok(standardized(x, (mean, variance), self.epsilon, (gamma, beta)))
    }

    /// Which of gamma and beta there are: `rms_scaling` always has the one, never the other.
    fn affine(&self) -> Affine {
        match self.rms_scaling {
            true => Affine { scale: true, center: false, ..self.affine.clone() },
            false => self.affine.clone(),
        }
    }
}

impl Described for LayerNormalization {
    fn class_name(&self) -> &'static str {
        "LayerNormalization"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("axis".into(), self.axis.value());
        config.insert("epsilon".into(), json!(self.epsilon));
        config.insert("center".into(), json!(self.affine.center));
        config.insert("scale".into(), json!(self.affine.scale));
        config.insert("rms_scaling".into(), json!(self.rms_scaling));
        self.affine.write(&mut config, &[]);
        config
    }
}

impl Layer for LayerNormalization {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        self.axis.check()?;
        self.affine.check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let mut axes = self.axis.get().to_vec();
        axes.sort_unstable();
        let dims = axes.into_iter().map(|axis| Ok(inputs[0][inputs[0].axis(axis)?]));
        self.affine().weights(&dims.collect::<Result<Shape>>()?)
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        as_given(inputs[0], |x| self.normalized(x, call))
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "LayerNormalization",
    names: &[],
    summary: "each row with mean 0 and variance 1",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let options = Options::read(reader)?;
    let mut layer = LayerNormalization { options, ..LayerNormalization::new() };
    if let Some(axis) = Axes::read(reader) {
        layer.axis = axis;
    }
    if let Some(epsilon) = maybe_f64(reader, "epsilon") {
        layer.epsilon = epsilon;
    }
    layer.affine.read(reader)?;
    layer.rms_scaling = reader.bool("rms_scaling", false);
    layer.check()?;
    Ok(Arc::new(layer))
}
