use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::scores::{check_inputs, pairs, query_mask, take, taken_by_products};
use crate::initializers::Initializer;
use crate::layers::options::{check_share, layer_methods, maybe_f64};
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Choice, Config, ConfigReader, Described, Entry};

/// `y = softmax(query · keyᵀ) · value`: attention without projections.
///
/// # Shape
/// Inputs `[query, value]` or `[query, value, key]`: `query: [batch, T, dim]`, `value: [batch,
/// S, width]`, `key: [batch, S, dim]` (default: the value) `-> [batch, T, width]`; with the
/// keyword `return_attention_scores` also the weights `[batch, T, S]`. Weights: `scale: []` and
/// `concat_score_weight: []`, where they are used. Further keywords: `use_causal_mask`, `mask`
/// (those of query and value, `[batch, T]` and `[batch, S]`; by default what came with them).
///
/// # Parameters
/// - `use_scale`: whether scores are multiplied by a learned number. Default: `false`.
/// - `score_mode`: `"dot"`, or `"concat"` for scores `weight * sum(tanh(scale * (query +
///   key)))` with a learned weight. Default: `"dot"`.
/// - `dropout`: the share of the weights that is dropped while training. Default: 0.
/// - `seed`: default: the model's.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let query = Input::new([1, 1]).tensor();
/// let value = Input::new([2, 1]).tensor();
/// let mut model = Model::functional([&query, &value], [&Attention::new().on([&query, &value])])?;
/// // Both scores are 0: the mean of the values.
/// let x = vec![Tensor::zeros([1, 1, 1], DType::F32), Tensor::new([1, 2, 1], [2.0f32, 4.0])?];
/// assert_eq!(model.predict(x)?.as_slice::<f32>()?, [3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Luong, Pham, Manning: "Effective approaches to attention-based neural machine translation",
/// arXiv 1508.04025.
#[derive(Clone, Debug)]
pub struct Attention {
    options: Options,
    use_scale: bool,
    score_mode: String,
    dropout: f64,
    seed: Option<u64>,
}

layer_methods!(Attention);

impl Attention {
    /// Scores that are dot products.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Attention {
            options: Options::here(),
            use_scale: false,
            score_mode: "dot".into(),
            dropout: 0.0,
            seed: None,
        }
    }

    /// Sets whether scores are multiplied by a learned number.
    pub fn use_scale(mut self, use_scale: bool) -> Self {
        self.use_scale = use_scale;
        self
    }

    /// Sets how scores are made: `"dot"` or `"concat"`.
    pub fn score_mode(mut self, mode: impl Into<String>) -> Self {
        self.score_mode = mode.into();
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

impl Described for Attention {
    fn class_name(&self) -> &'static str {
        "Attention"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("use_scale".into(), json!(self.use_scale));
        config.insert("score_mode".into(), json!(self.score_mode));
        config.insert("dropout".into(), json!(self.dropout));
        config.insert("seed".into(), json!(self.seed));
        config
    }
}

impl Layer for Attention {
    fn options(&self) -> &Options {
        &self.options
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "mask"]
    }

    fn check(&self) -> Result<()> {
        if !matches!(self.score_mode.as_str(), "dot" | "concat") {
            let mode = &self.score_mode;
            return Err(Error::new(ErrorKind::UnknownName, format!("the score mode `{mode}`"))
                .expected("dot or concat"));
        }
        check_share("`dropout`", self.dropout)
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        2..=3
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        check_inputs(inputs)?;
        let one = || Choice::<dyn Initializer>::from("ones").resolve();
        let scale = self.use_scale.then_some("scale");
        let weight = (self.score_mode == "concat").then_some("concat_score_weight");
        scale.into_iter().chain(weight).map(|name| Ok(Weight::new(name, [], one()?))).collect()
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let (query, value) = (inputs[0], inputs[1]);
        let key = inputs.get(2).copied().unwrap_or(value);
        let scale = self.use_scale.then(|| call.weights[0]);
        let scores = match self.score_mode.as_str() {
            "concat" => {
                let (query, key) = pairs(query, key);
                let sums = query + key;
                let sums = scale.map_or(sums, |scale| scale * sums);
                call.weights[call.weights.len() - 1] * sums.tanh().sum(&[-1])
            }
            _ => {
                let scaled = scale.map_or(query, |scale| query * scale);
                if let Some(made) = taken_by_products([scaled, key, value], self.dropout, call) {
                    return Ok(vec![made]);
                }
                let scores = query.matmul_with(key, false, true);
                scale.map_or(scores, |scale| scores * scale)
            }
        };
        take(scores, value, (self.dropout, self.seed), call)
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
    class_name: "Attention",
    names: &[],
    summary: "attention without projections",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let layer = Attention {
        options: Options::read(reader)?,
        use_scale: reader.bool("use_scale", false),
        score_mode: reader.maybe_string("score_mode").unwrap_or_else(|| "dot".into()),
        dropout: maybe_f64(reader, "dropout").unwrap_or(0.0),
        seed: reader.maybe_seed("seed"),
    };
    layer.check()?;
    Ok(Arc::new(layer))
}
