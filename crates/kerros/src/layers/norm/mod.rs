//! Layers that bring numbers to mean 0 and variance 1, or to length 1.

use kerros_core::{DType, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::trained::{Trained, write_constraints, write_initializers, write_regularizers};
use super::{Axes, Call, Weight};
use crate::object::{Config, ConfigReader};

pub(super) mod batch_normalization;
pub(super) mod group_normalization;
pub(super) mod layer_normalization;
mod renorm;
pub(super) mod rms_normalization;
pub(super) mod spectral_normalization;
pub(super) mod unit_normalization;

/// What follows a normalization: `gamma · x + beta`.
#[derive(Clone, Debug)]
struct Affine {
    /// Whether there is a beta.
    center: bool,
    /// Whether there is a gamma.
    scale: bool,
    beta: Trained,
    gamma: Trained,
}

impl Affine {
    fn new() -> Self {
        let (beta, gamma) = (Trained::new("zeros"), Trained::new("ones"));
        Affine { center: true, scale: true, beta, gamma }
    }

    fn check(&self) -> Result<()> {
        self.beta.check()?;
        self.gamma.check()
    }

    /// The weights, each of this shape: gamma, beta.
    fn weights(&self, shape: &Shape) -> Result<Vec<Weight>> {
        let gamma = self.scale.then(|| self.gamma.weight("gamma", shape));
        let beta = self.center.then(|| self.beta.weight("beta", shape));
        gamma.into_iter().chain(beta).collect()
    }

    /// Gamma and beta under another shape.
    fn nodes<'g>(
        &self,
        call: &Call<'_, 'g>,
        dims: &[usize],
    ) -> (Option<Node<'g>>, Option<Node<'g>>) {
        let place = |at: usize| call.weights[at].reshape(dims);
        (self.scale.then(|| place(0)), self.center.then(|| place(usize::from(self.scale))))
    }

    /// Writes all settings; `others` are initializers that follow those of beta and gamma.
    fn write(&self, config: &mut Config, others: &[(&str, &Trained)]) {
        let both = [("beta", &self.beta), ("gamma", &self.gamma)];
        config.insert("center".into(), json!(self.center));
        config.insert("scale".into(), json!(self.scale));
        write_initializers(config, &both);
        write_initializers(config, others);
        write_regularizers(config, &both);
        write_constraints(config, &both);
    }

    fn read(&mut self, reader: &mut ConfigReader<'_>) -> Result<()> {
        self.center = reader.bool("center", true);
        self.scale = reader.bool("scale", true);
        self.beta.read(reader, "beta")?;
        self.gamma.read(reader, "gamma")
    }
}

/// What `normalized` makes of `x` as floats, in the type of `x`: Keras cuts whole numbers that have
/// been normalized to whole numbers again.
fn as_given<'g>(
    x: Node<'g>,
    normalized: impl FnOnce(Node<'g>) -> Result<Node<'g>>,
) -> Result<Vec<Node<'g>>> {
    Ok(vec![normalized(x.cast(DType::F32))?.cast(x.dtype())])
}

/// What is kept, after a batch: `momentum · old + (1 - momentum) · new`.
fn moved<'g>(old: Node<'g>, new: Node<'g>, momentum: f64) -> Node<'g> {
    let new = new.reshape(old.shape()).stop_gradient();
    old * momentum as f32 + new * (1.0 - momentum) as f32
}

/// Mean and variance over some axes, which stay with length 1: `dims`.
fn moments<'g>(x: Node<'g>, axes: &[isize], dims: &[usize]) -> (Node<'g>, Node<'g>) {
    let mean = x.mean(axes).reshape(dims);
    let variance = (x - mean).square().mean(axes).reshape(dims);
    (mean, variance)
}

/// A tensor with its last axes as one, `[.., n]`, when these are the axes.
///
/// # Errors
/// An axis that it does not have.
fn rows<'g>(x: Node<'g>, axes: &Axes) -> Result<Option<Node<'g>>> {
    let shape = x.shape();
    let first = shape.ndim().saturating_sub(axes.get().len());
    let axes = axes.get().iter().map(|&axis| shape.axis(axis)).collect::<Result<Vec<_>>>()?;
    if axes.iter().any(|&axis| axis < first) {
        return Ok(None);
    }
    let len = shape[first..].iter().product();
    Ok(Some(x.reshape([&shape[..first], &[len]].concat())))
}

/// `gamma · (x - mean) / sqrt(variance + epsilon) + beta`, as one factor and one summand.
fn standardized<'g>(
    x: Node<'g>,
    (mean, variance): (Node<'g>, Node<'g>),
    epsilon: f64,
    (gamma, beta): (Option<Node<'g>>, Option<Node<'g>>),
) -> Node<'g> {
    let inverse = (variance + epsilon as f32).rsqrt();
    let factor = gamma.map_or(inverse, |gamma| inverse * gamma);
    let summand = -mean * factor;
    x * factor + beta.map_or(summand, |beta| summand + beta)
}

/// The builder methods of a layer that keeps its [`Affine`] in `affine`.
macro_rules! affine_methods {
    ($Layer:ident) => {
        impl $Layer {
            /// Sets whether to add a beta. Default: `true`.
            pub fn center(mut self, center: bool) -> Self {
                self.affine.center = center;
                self
            }

            /// Sets whether to multiply by a gamma. Default: `true`.
            pub fn scale(mut self, scale: bool) -> Self {
                self.affine.scale = scale;
                self
            }

            /// Sets the number that is added to the variance.
            pub fn epsilon(mut self, epsilon: f64) -> Self {
                self.epsilon = epsilon;
                self
            }
        }
        $crate::layers::trained::trained_methods!(
            $Layer,
            affine.beta,
            "beta",
            beta_initializer,
            beta_regularizer,
            beta_constraint
        );
        $crate::layers::trained::trained_methods!(
            $Layer,
            affine.gamma,
            "gamma",
            gamma_initializer,
            gamma_regularizer,
            gamma_constraint
        );
    };
}
use affine_methods;
