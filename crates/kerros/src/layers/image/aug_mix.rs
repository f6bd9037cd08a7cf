use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::json;

use super::color::expect_rgb_or_grey;
use super::policy::{LEAST, MAX_CHANGES, Policy, policy_methods};
use super::random_layer;
use crate::layers::noise::distributions::{symmetric_beta, symmetric_dirichlet};
use crate::layers::options::out_of_range;
use crate::layers::{DataFormat, Options};
use crate::object::{Config, ConfigReader, Described};

/// While training, `y = w x + (1 - w) sum over c of v[c] chain[c](x)`, clipped to the range of
/// values; else the identity.
///
/// A chain changes the images `chain_depth` times, each time in a way that is drawn from those of
/// [`RandAugment`](crate::layers::RandAugment), or not at all as one way more: the same for all
/// images of a batch, as the weights `w` and `v` are. Ways are drawn anew in each step; Keras
/// draws them once where it compiles its steps.
///
/// # Shape
/// `x: [batch, height, width, channels]`, or with channels first `[batch, channels, height,
/// width]`, `-> ` the same; 1 channel or 3: red, green and blue
///
/// # Parameters
/// - `value_range`: the least and the greatest value of a pixel. Default: `(0, 255)`.
/// - `num_chains`: how many chains. Default: 3.
/// - `chain_depth`: how many changes each has; no more than 64 in all chains. Default: 3.
/// - `factor`: from 0 to 1: the bounds of how strong changes are. A single number is the upper
///   bound, and the lower one 0. Default: 0.3.
/// - `alpha`: above 0: all parameters of the beta distribution of `w` and of the Dirichlet
///   distribution of `v`. Default: 1.
/// - `all_ops`: whether brightness, colour, contrast and sharpness are changed too. Default:
///   `true`.
/// - `interpolation`: how places between pixels are read: `bilinear` or `nearest`. Default:
///   `bilinear`.
/// - `seed`: random numbers of this layer's own; default: those of the model.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([1, 1, 3]).add(AugMix::new());
/// let x = Tensor::new([1, 1, 1, 3], [64.0f32, 128.0, 255.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [64.0, 128.0, 255.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Hendrycks and others: "AugMix: A Simple Data Processing Method to Improve Robustness and
/// Uncertainty", 2019, arXiv 1912.02781, with the changes of Keras and without its loss.
#[derive(Clone, Debug)]
pub struct AugMix {
    options: Options,
    policy: Policy,
    num_chains: usize,
    chain_depth: usize,
    alpha: f64,
    seed: Option<u64>,
    data_format: DataFormat,
}

random_layer!(
    AugMix,
    "mixes images with what chains of random changes make of them while training",
    expect_rgb_or_grey
);

impl AugMix {
    /// Three chains of up to three changes.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        AugMix {
            options: Options::here(),
            policy: Policy::new(0.3),
            num_chains: 3,
            chain_depth: 3,
            alpha: 1.0,
            seed: None,
            data_format: DataFormat::default(),
        }
    }

    policy_methods!();

    /// Sets how many chains there are.
    pub fn num_chains(mut self, num_chains: usize) -> Self {
        self.num_chains = num_chains;
        self
    }

    /// Sets how many changes each chain has.
    pub fn chain_depth(mut self, chain_depth: usize) -> Self {
        self.chain_depth = chain_depth;
        self
    }

    /// Sets the parameters of the distributions of weights.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Sets whether brightness, colour, contrast and sharpness are changed too.
    pub fn all_ops(mut self, all_ops: bool) -> Self {
        self.policy.has_all = all_ops;
        self
    }

    fn check_settings(&self) -> Result<()> {
        let changes = self.num_chains.checked_mul(self.chain_depth);
        let is_small =
            self.num_chains <= MAX_CHANGES && changes.is_some_and(|changes| changes <= MAX_CHANGES);
        if self.num_chains == 0 || !is_small {
            let found = format!("{} chains of {} changes", self.num_chains, self.chain_depth);
            return Err(Error::new(ErrorKind::Argument, found).expected(format!(
                "at least 1 chain, and at most {MAX_CHANGES} changes in all chains"
            )));
        }
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return Err(out_of_range("`alpha`", self.alpha, "a number above 0"));
        }
        self.policy.check()
    }

    fn change<'g>(&self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let alpha = images.graph().constant(self.alpha as f32);
        let weights = symmetric_dirichlet(key, self.num_chains, alpha);
        let own = symmetric_beta(key, [1], alpha).reshape([1, 1, 1, 1]);
        let chain = |at: usize| {
            let change = |images, _| self.policy.one_change(images, key, &self.data_format, true);
            let weight = weights.slice(0, at, at + 1).reshape([1, 1, 1, 1]);
            (0..self.chain_depth).fold(images, change) * weight
        };
        let first = chain(0);
        let mixed = (1..self.num_chains).fold(first, |sum, at| sum + chain(at));
        self.policy.value_range.clip(own * images + (1.0 - own) * mixed)
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut layer = AugMix::new();
        layer.policy.read(reader);
        layer.num_chains = reader.maybe_usize("num_chains").unwrap_or(layer.num_chains);
        layer.chain_depth = reader.maybe_usize("chain_depth").unwrap_or(layer.chain_depth);
        layer.alpha = reader.maybe_f64("alpha").unwrap_or(layer.alpha);
        layer.policy.has_all = reader.bool("all_ops", true);
        layer
    }
}

impl Described for AugMix {
    fn class_name(&self) -> &'static str {
        "AugMix"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("data_format".into(), self.data_format.name().into());
        config.insert("value_range".into(), self.policy.value_range.value());
        config.insert("num_chains".into(), json!(self.num_chains));
        config.insert("chain_depth".into(), json!(self.chain_depth));
        config.insert("factor".into(), self.policy.factor.bounds_value(LEAST));
        config.insert("alpha".into(), json!(self.alpha));
        config.insert("all_ops".into(), json!(self.policy.has_all));
        config.insert("interpolation".into(), self.policy.interpolation.name().into());
        config.insert("seed".into(), json!(self.seed));
        config
    }
}
