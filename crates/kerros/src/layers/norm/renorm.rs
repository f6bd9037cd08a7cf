//! Batch renormalization: batches are normalized nearly as predictions are.

use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape, Tensor};
use kerros_graph::Node;
use serde_json::{Value, json};

use super::moved;
use crate::initializers::{Draw, Initializer};
use crate::layers::Weight;
use crate::layers::options::out_of_range;
use crate::layers::trained::Trained;
use crate::object::{Config, ConfigReader, Described};

/// `(x̂ · r + d) · gamma + beta`, where `x̂` is normalized by the batch, `r = σ / σᵣ` and
/// `d = (μ - μᵣ) / σᵣ` bring it to what the slowly moving `μᵣ`, `σᵣ` would have made of it, each
/// within its bounds. No derivative goes through `r` and `d`.
///
/// Source: Ioffe, "Batch renormalization", arXiv:1702.03275.
#[derive(Clone, Debug)]
pub(super) struct Renorm {
    bounds: Vec<(String, f64)>,
    momentum: f64,
}

/// Mean and variance of each channel of a batch, and what is added to the variance.
#[derive(Clone, Copy)]
pub(super) struct Batch<'g> {
    pub(super) mean: Node<'g>,
    pub(super) variance: Node<'g>,
    pub(super) epsilon: f32,
}

impl<'g> Batch<'g> {
    fn stddev(self) -> Node<'g> {
        (self.variance + self.epsilon).sqrt()
    }
}

/// The bounds that there are: of `r` from below and above, of `d` on both sides.
const BOUNDS: [&str; 3] = ["rmin", "rmax", "dmax"];

/// What the layer keeps beside `moving_mean` and `moving_variance`, in the order of its weights.
#[derive(Clone, Copy)]
pub(super) struct Kept<'g> {
    moving_stddev: Node<'g>,
    renorm_mean: Node<'g>,
    renorm_stddev: Node<'g>,
}

impl<'g> Kept<'g> {
    /// Those of the layer's weights that follow `moving_variance`.
    pub(super) fn of(weights: &[Node<'g>]) -> Self {
        Kept { moving_stddev: weights[0], renorm_mean: weights[1], renorm_stddev: weights[2] }
    }
}

impl Renorm {
    /// Reads the settings; none without `renorm`.
    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Option<Self> {
        let is_set = reader.bool("renorm", false);
        let momentum = reader.maybe_f64("renorm_momentum").unwrap_or(0.99);
        let clipping = reader.value("renorm_clipping").and_then(Value::as_object);
        let mut bounds = Vec::new();
        for (name, bound) in clipping.into_iter().flatten() {
            match bound.as_f64() {
                Some(bound) if BOUNDS.contains(&name.as_str()) => {
                    bounds.push((name.clone(), bound));
                }
                _ => reader.refuse(format!("`{name}` of `renorm_clipping` is {bound}, expected numbers for rmin, rmax, dmax")),
            }
        }
        is_set.then_some(Renorm { bounds, momentum })
    }

    /// As [`BatchNormalization::renorm`](super::batch_normalization::BatchNormalization::renorm).
    pub(super) fn new<'a>(momentum: f64, bounds: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        let bounds = bounds.into_iter().map(|(name, bound)| (name.to_string(), bound));
        Renorm { bounds: bounds.collect(), momentum }
    }

    /// Writes the settings, as far as there are any.
    pub(super) fn write(renorm: Option<&Self>, config: &mut Config) {
        config.insert("renorm".into(), json!(renorm.is_some()));
        let clipping = renorm.map(|renorm| {
            let bounds = renorm.bounds.iter().map(|(name, bound)| (name.clone(), json!(bound)));
            Value::Object(bounds.collect())
        });
        config.insert("renorm_clipping".into(), clipping.unwrap_or(Value::Null));
        config.insert("renorm_momentum".into(), json!(renorm.map_or(0.99, |own| own.momentum)));
    }

    fn bound(&self, name: &str) -> Option<f32> {
        self.bounds.iter().find(|(known, _)| known == name).map(|&(_, bound)| bound as f32)
    }

    pub(super) fn check(&self) -> Result<()> {
        if let Some((name, _)) =
            self.bounds.iter().find(|(name, _)| !BOUNDS.contains(&name.as_str()))
        {
            return Err(Error::new(ErrorKind::Argument, format!("the bound `{name}`"))
                .expected("rmin, rmax or dmax"));
        }
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(out_of_range("`renorm_momentum`", self.momentum, "a number in 0..=1"));
        }
        if self.bound("rmin").zip(self.bound("rmax")).is_some_and(|(rmin, rmax)| rmin > rmax) {
            return Err(Error::new(ErrorKind::Argument, "`rmin` is larger than `rmax`")
                .expected("rmin <= rmax"));
        }
        match self.bound("dmax").filter(|&dmax| dmax < 0.0) {
            Some(dmax) => Err(out_of_range("`dmax`", dmax.into(), "a number from 0 on")),
            None => Ok(()),
        }
    }

    /// `moving_stddev`, `renorm_mean`, `renorm_stddev`.
    pub(super) fn weights(
        mean: &Trained,
        variance: &Trained,
        shape: &Shape,
    ) -> Result<[Weight; 3]> {
        let stddev: Arc<dyn Initializer> = Arc::new(SquareRoot(variance.initializer.resolve()?));
        Ok([
            Weight::new("moving_stddev", shape.clone(), stddev.clone()),
            mean.weight("renorm_mean", shape)?,
            Weight::new("renorm_stddev", shape.clone(), stddev),
        ]
        .map(|weight| Weight { trainable: false, ..weight }))
    }

    /// Gamma and beta of this batch.
    pub(super) fn corrected<'g>(
        &self,
        batch: Batch<'g>,
        kept: Kept<'g>,
        (gamma, beta): (Option<Node<'g>>, Option<Node<'g>>),
    ) -> (Option<Node<'g>>, Option<Node<'g>>) {
        let place = |node: Node<'g>| node.reshape(batch.mean.shape());
        let spread = place(kept.renorm_stddev).maximum(batch.epsilon.sqrt());
        let mut r = batch.stddev() / spread;
        if let Some(rmin) = self.bound("rmin") {
            r = r.maximum(rmin);
        }
        if let Some(rmax) = self.bound("rmax") {
            r = r.minimum(rmax);
        }
        let mut d = (batch.mean - place(kept.renorm_mean)) / spread;
        if let Some(dmax) = self.bound("dmax") {
            d = d.maximum(-dmax).minimum(dmax);
        }
        let (r, d) = (r.stop_gradient(), d.stop_gradient());
        let (r, d) = gamma.map_or((r, d), |gamma| (r * gamma, d * gamma));
        (Some(r), Some(beta.map_or(d, |beta| d + beta)))
    }

    /// The next values of all that the layer keeps, from `moving_mean` on.
    pub(super) fn next<'g>(
        &self,
        batch: Batch<'g>,
        moving_mean: Node<'g>,
        kept: Kept<'g>,
        momentum: f64,
    ) -> [Node<'g>; 5] {
        let stddev = moved(kept.moving_stddev, batch.stddev(), momentum);
        [
            moved(moving_mean, batch.mean, momentum),
            // Rounding may lead below 0.
            (stddev * stddev - batch.epsilon).maximum(0.0),
            stddev,
            moved(kept.renorm_mean, batch.mean, self.momentum),
            moved(kept.renorm_stddev, batch.stddev(), self.momentum),
        ]
    }
}

/// The square roots of what another initializer gives.
#[derive(Debug)]
struct SquareRoot(Arc<dyn Initializer>);

impl Described for SquareRoot {
    fn class_name(&self) -> &'static str {
        self.0.class_name()
    }

    fn config(&self) -> Config {
        self.0.config()
    }
}

impl Initializer for SquareRoot {
    fn initialize(&self, shape: &Shape, draw: Draw) -> Result<Tensor> {
        let values = self.0.initialize(shape, draw)?;
        let roots: Vec<f32> = values.as_slice::<f32>()?.iter().map(|value| value.sqrt()).collect();
        Tensor::new(shape.clone(), roots)
    }
}
