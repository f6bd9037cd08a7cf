use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::low_rank::low_rank_methods;
use super::options::{layer_methods, maybe_f64, refuse_given};
use super::quantized::{Mode, Product, Table};
use super::trained::trained_methods;
use super::{Call, Embedding, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry};

/// `y = embeddings[x]`, and reversed `y = x · embeddingsᵀ`: from entries to vectors and back.
///
/// Language models look words up with it at their beginning and score all words with it at
/// their end: call the shared layer a second time with `reverse`.
///
/// # Shape
/// `x: [batch, ..] -> [batch, .., output_dim]`; reversed
/// `x: [batch, .., output_dim] -> [batch, .., input_dim]`. `embeddings: [input_dim,
/// output_dim]`, and when not tied `reverse_embeddings: [output_dim, input_dim]`.
///
/// # Parameters
/// - `input_dim`, `output_dim`, `mask_zero`, `embeddings_initializer`,
///   `embeddings_regularizer`, `embeddings_constraint`, `lora_rank`: as in [`Embedding`].
/// - `tie_weights`: whether the way back uses the same vectors. Default: `true`.
/// - `logit_soft_cap`: what scores are kept below, smoothly: `cap * tanh(y / cap)`. Default:
///   none.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let words = Input::new([2]).dtype(DType::I32).tensor();
/// let embedding = ReversibleEmbedding::new(2, 1).shared();
/// let vectors = embedding.on(&words);
/// let scores = embedding.on(arguments([&vectors]).with("reverse", true));
/// let mut model = Model::functional([&words], [&scores])?;
/// model.set_weights(&[Tensor::new([2, 1], [2.0f32, 3.0])?])?;
/// let y = model.predict(Tensor::new([1, 2], [0i32, 1])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [4.0, 6.0, 6.0, 9.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Press, Wolf: "Using the output embedding to improve language models", arXiv 1608.05859.
#[derive(Clone, Debug)]
pub struct ReversibleEmbedding {
    embedding: Embedding,
    tie_weights: bool,
    logit_soft_cap: Option<f64>,
}

trained_methods!(
    ReversibleEmbedding,
    embedding.embeddings,
    "the vectors",
    embeddings_initializer,
    embeddings_regularizer,
    embeddings_constraint
);
layer_methods!(ReversibleEmbedding, embedding.options);
low_rank_methods!(ReversibleEmbedding, embedding.low_rank);

impl ReversibleEmbedding {
    /// A vector of length `output_dim` for each of `input_dim` entries.
    #[track_caller]
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        ReversibleEmbedding {
            embedding: Embedding::new(input_dim, output_dim),
            tie_weights: true,
            logit_soft_cap: None,
        }
    }

    /// Sets whether the way back uses the same vectors.
    pub fn tie_weights(mut self, tie_weights: bool) -> Self {
        self.tie_weights = tie_weights;
        self
    }

    /// Sets whether entry 0 is masked.
    pub fn mask_zero(mut self, mask_zero: bool) -> Self {
        self.embedding.mask_zero = mask_zero;
        self
    }

    /// Sets what scores are kept below.
    pub fn logit_soft_cap(mut self, cap: f64) -> Self {
        self.logit_soft_cap = Some(cap);
        self
    }

    /// The table of the way back, where it is one of its own.
    fn reversed_table(&self) -> Table {
        Table::reversed(self.embedding.input_dim, self.embedding.output_dim)
    }

    /// The way back.
    fn scores<'g>(&self, x: Node<'g>, weights: &[Node<'g>]) -> Result<Node<'g>> {
        let scores = match self.quantized_scores(x, weights)? {
            Some(scores) => scores,
            None if self.tie_weights => self.product(x, self.embedding.low_rank.kernel(weights)),
            None => self.product(x, weights[1]),
        };
        Ok(match self.logit_soft_cap {
            Some(cap) => (scores / cap as f32).tanh() * cap as f32,
            None => scores,
        })
    }

    /// Inputs times the vectors, or the way back's own table.
    fn product<'g>(&self, x: Node<'g>, table: Node<'g>) -> Node<'g> {
        if !self.tie_weights {
            return x.linear(table, None, kerros_graph::ops::LinearActivation::Identity);
        }
        let shape = x.shape();
        let width = self.embedding.output_dim;
        let rows = x.reshape([shape.num_elements() / width.max(1), width]);
        let dims = [&shape[..shape.ndim().saturating_sub(1)], &[self.embedding.input_dim]];
        rows.matmul_with(table, false, true).reshape(dims.concat())
    }

    /// The way back with a quantized table, if it is one. As in Keras LoRA does not count here.
    fn quantized_scores<'g>(&self, x: Node<'g>, weights: &[Node<'g>]) -> Result<Option<Node<'g>>> {
        let quantized = &self.embedding.quantized;
        let Some(vectors) = quantized.held(|| Ok(self.embedding.table()))? else {
            return Ok(None);
        };
        let of_vectors = vectors.of(weights, 1);
        let (held, own) = match quantized.held(|| Ok(self.reversed_table()))? {
            Some(reversed) if !self.tie_weights => {
                // Behind the vectors; the blocks are theirs.
                let own = &weights[of_vectors.len()..];
                let own = reversed.of(own, 1).into_iter().chain(of_vectors.get(3).copied());
                (reversed, own.collect())
            }
            _ => (vectors, of_vectors),
        };
        let product = Product {
            axes: &[x.ndim() - 1],
            multiply: &|x, table| Ok(self.product(x, table)),
            arrange: &|scale| scale,
            rounds_for_int4: true,
            added: None,
            has_gradient: false,
        };
        quantized.product(x, &held, &own, &product).map(Some)
    }
}

impl Described for ReversibleEmbedding {
    fn class_name(&self) -> &'static str {
        "ReversibleEmbedding"
    }

    fn config(&self) -> Config {
        let mut config = self.embedding.config();
        config.insert("tie_weights".into(), json!(self.tie_weights));
        config.insert("reverse_dtype".into(), json!(null));
        config.insert("logit_soft_cap".into(), json!(self.logit_soft_cap));
        config
    }
}

impl Layer for ReversibleEmbedding {
    fn options(&self) -> &Options {
        &self.embedding.options
    }

    fn check(&self) -> Result<()> {
        if self.logit_soft_cap == Some(0.0) {
            return Err(Error::new(ErrorKind::Argument, "`logit_soft_cap` is 0")
                .expected("a number above 0, or none"));
        }
        if self.embedding.low_rank.rank.is_some() && !self.tie_weights {
            return Err(Error::new(
                ErrorKind::Argument,
                "`lora_rank` with weights that are not tied",
            )
            .expected("`tie_weights` where `lora_rank` is set")
            .hint("Keras cannot build such a layer either"));
        }
        self.embedding.check()
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let mut weights = self.embedding.weights(inputs)?;
        if !self.tie_weights {
            let shape = [self.embedding.output_dim, self.embedding.input_dim];
            let start = self.embedding.embeddings.initializer.resolve()?;
            let table = Weight::new("reverse_embeddings", shape, start);
            let (table, ranges) =
                self.embedding.quantized.weights(table, || Ok(self.reversed_table()))?;
            weights.extend([table].into_iter().chain(ranges));
        }
        Ok(weights)
    }

    fn keeps_whole_numbers(&self) -> bool {
        true
    }

    fn quantized(&self, mode: &Mode) -> Result<Option<Arc<dyn Layer>>> {
        let mut layer = self.clone();
        layer.embedding.quantized = layer.embedding.quantized.to(mode, self.options().dtype)?;
        Ok(Some(Arc::new(layer)))
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let x = inputs[0];
        if !call.flag("reverse") {
            return Ok(vec![self.embedding.vectors(x, call.weights)?]);
        }
        let shape = x.shape();
        if shape.ndim() < 2 || shape.last() != self.embedding.output_dim {
            return Err(Error::new(ErrorKind::Shape, format!("an input of shape {shape}"))
                .expected(format!("[batch, .., {}]", self.embedding.output_dim)));
        }
        Ok(vec![self.scores(x, call.weights)?])
    }

    fn supports_masking(&self) -> bool {
        self.embedding.mask_zero
    }

    fn compute_mask<'g>(
        &self,
        inputs: &[Node<'g>],
        call: &Call<'_, 'g>,
    ) -> Result<Vec<Option<Node<'g>>>> {
        // As in Keras the mask ends at the way back.
        Ok(vec![self.embedding.mask(inputs[0]).filter(|_| !call.flag("reverse"))])
    }
}

pub(super) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "ReversibleEmbedding",
    names: &[],
    summary: "an embedding that also scores all entries",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let layer = ReversibleEmbedding {
        embedding: Embedding::read(reader)?,
        tie_weights: reader.bool("tie_weights", true),
        logit_soft_cap: maybe_f64(reader, "logit_soft_cap"),
    };
    refuse_given(reader, &["reverse_dtype"]);
    layer.check()?;
    Ok(Arc::new(layer))
}
