use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::scores::{check_inputs, pairs, query_mask, take};
use crate::initializers::Initializer;
use crate::layers::options::{check_share, layer_methods, maybe_f64};
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Choice, Config, ConfigReader, Described, Entry};

/// `y = softmax(sum(scale * tanh(query + key))) · value`: attention with sums for scores.
///
/// # Shape
/// Inputs `[query, value]` or `[query, value, key]`: `query: [batch, T, dim]`, `value: [batch,
/// S, width]`, `key: [batch, S, dim]` (default: the value) `-> [batch, T, width]`; with the
/// keyword `return_attention_scores` also the weights `[batch, T, S]`. `scale: [dim]`. Further
/// keywords as in [`Attention`](super::Attention).
///
/// # Parameters
/// - `use_scale`: whether the terms of a score are multiplied by learned numbers. Default:
///   `true`.
/// - `dropout`: the share of the weights that is dropped while training. Default: 0.
/// - `seed`: default: the model's.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let query = Input::new([1, 1]).tensor();
/// let value = Input::new([2, 1]).tensor();
/// let layer = AdditiveAttention::new().use_scale(false);
/// let mut model = Model::functional([&query, &value], [&layer.on([&query, &value])])?;
/// // Scores tanh(1) and tanh(-1); their difference as a logit: 0.82.
/// let x = vec![Tensor::zeros([1, 1, 1], DType::F32), Tensor::new([1, 2, 1], [1.0f32, -1.0])?];
/// assert!((model.predict(x)?.as_slice::<f32>()?[0] - 0.6420).abs() < 1e-4);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Bahdanau, Cho, Bengio: "Neural machine translation by jointly learning to align and
/// translate", arXiv 1409.0473.
#[derive(Clone, Debug)]
pub struct AdditiveAttention {
    options: Options,
    use_scale: bool,
    dropout: f64,
    seed: Option<u64>,
}

layer_methods!(AdditiveAttention);

impl AdditiveAttention {
    /// With learned numbers for the terms of a score.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        AdditiveAttention { options: Options::here(), use_scale: true, dropout: 0.0, seed: None }
    }

    /// Sets whether the terms of a score are multiplied by learned numbers.
    pub fn use_scale(mut self, use_scale: bool) -> Self {
        self.use_scale = use_scale;
        self
    }

    /// Sets the share of the weights that is dropped while training.
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = rate;
        self
    }

    /// Sets the layer's own seed. Default: the model's.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

impl Described for AdditiveAttention {
    fn class_name(&self) -> &'static str {
        "AdditiveAttention"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("use_scale".into(), json!(self.use_scale));
        config.insert("dropout".into(), json!(self.dropout));
        config.insert("seed".into(), json!(self.seed));
        config
    }
}

impl Layer for AdditiveAttention {
    fn options(&self) -> &Options {
        &self.options
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "mask"]
    }

    fn check(&self) -> Result<()> {
        check_share("`dropout`", self.dropout)
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        2..=3
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        check_inputs(inputs)?;
        let start = Choice::<dyn Initializer>::from("glorot_uniform").resolve()?;
        let scale = self.use_scale.then(|| Weight::new("scale", [inputs[0].last()], start));
        Ok(scale.into_iter().collect())
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let (query, value) = (inputs[0], inputs[1]);
        let (query, key) = pairs(query, inputs.get(2).copied().unwrap_or(value));
        let terms = (query + key).tanh();
        let terms = call.weights.first().map_or(terms, |&scale| scale * terms);
        take(terms.sum(&[-1]), value, (self.dropout, self.seed), call)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn compute_mask<'g>(
        &self,
        _inputs: &[Node<'g>],
        call: &Call<'_, 'g>,
    ) -> Result<Vec<Option<Node<'g>>>> {
        Ok(vec![query_mask(call)])
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "AdditiveAttention",
    names: &[],
    summary: "attention with sums for scores",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let layer = AdditiveAttention {
        options: Options::read(reader)?,
        use_scale: reader.bool("use_scale", true),
        dropout: maybe_f64(reader, "dropout").unwrap_or(0.0),
        seed: reader.maybe_seed("seed"),
    };
    layer.check()?;
    Ok(Arc::new(layer))
}
