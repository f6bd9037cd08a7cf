use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::dot_product::DotProduct;
use super::masks::{BUILT_FROM, HeadInputs, PARAMETERS};
use super::projections::{Parts, Projections, projection_methods};
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Choice, Config, ConfigReader, Described, Entry};
use crate::regularizers::Regularizer;

/// `y = output(softmax(q · kᵀ / sqrt(head_dim)) · v)`, several heads of the query sharing one of
/// key and value.
///
/// [`MultiHeadAttention`](super::MultiHeadAttention) with fewer weights, and less to keep in
/// memory where text is written word by word.
///
/// # Shape
/// `query: [batch, T, in]`, `value: [batch, S, ..]`, `key: [batch, S, ..]` (default: the value)
/// `-> [batch, T, in]`; with `return_attention_scores` also `[batch, num_query_heads, T, S]`.
/// Kernels: query `[in, num_query_heads, head_dim]`, key and value `[.., num_key_value_heads,
/// head_dim]`, output `[num_query_heads, head_dim, in]`. Called as
/// [`MultiHeadAttention`](super::MultiHeadAttention) is.
///
/// # Parameters
/// - `head_dim`, `num_query_heads`, `num_key_value_heads`: at least 1; the first number of heads
///   is a multiple of the second.
/// - `dropout`, `use_bias`, `use_gate`, `sliding_window`, `kernel_initializer` and its like,
///   `seed`: as in [`MultiHeadAttention`](super::MultiHeadAttention).
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let x = Input::new([3, 4]).tensor();
/// let y = GroupQueryAttention::new(5, 6, 2).on(arguments([&x, &x]));
/// let mut model = Model::functional([&x], [&y])?;
/// assert_eq!(model.count_params()?, (4 + 1) * 30 + 2 * (4 + 1) * 10 + 30 * 4 + 4);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// # Source
/// Ainslie et al.: "GQA: training generalized multi-query transformer models from multi-head
/// checkpoints", arXiv 2305.13245.
#[derive(Clone, Debug)]
pub struct GroupQueryAttention {
    options: Options,
    head_dim: usize,
    num_query_heads: usize,
    num_key_value_heads: usize,
    settings: Projections,
}

projection_methods!(GroupQueryAttention);

impl GroupQueryAttention {
    /// Heads of this width; those of the query, and those of key and value.
    #[track_caller]
    pub fn new(head_dim: usize, num_query_heads: usize, num_key_value_heads: usize) -> Self {
        GroupQueryAttention {
            options: Options::here(),
            head_dim,
            num_query_heads,
            num_key_value_heads,
            settings: Projections::default(),
        }
    }

    /// Adds a penalty to the loss: on the output of each projection and, as Keras has it here
    /// but not in [`MultiHeadAttention`](super::MultiHeadAttention), once more on the layer's
    /// own, each divided by the batch size.
    pub fn activity_regularizer(mut self, regularizer: impl Into<Choice<dyn Regularizer>>) -> Self {
        let regularizer = Some(regularizer.into());
        self.settings.activity.clone_from(&regularizer);
        self.options.activity_regularizer = regularizer;
        self
    }

    /// The projections for inputs of these shapes.
    fn parts(&self, query: &Shape, value: &Shape, key: &Shape) -> Result<Parts> {
        let is_sequence = |shape: &&Shape| shape.ndim() == 3 && shape[0] == query[0];
        if ![query, value, key].iter().all(is_sequence) || value[1] != key[1] {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("a query of shape {query}, a value of {value} and a key of {key}"),
            )
            .expected("[batch, T, width], [batch, S, width] and [batch, S, width]"));
        }
        let to_heads =
            |name: &str, heads: usize| self.settings.dense(name, 3, 1, &[heads, self.head_dim]);
        let (query_heads, heads) = (self.num_query_heads, self.num_key_value_heads);
        let mut parts = Parts::default();
        parts.push("_query_dense", to_heads("query", query_heads), query.clone())?;
        parts.push("_key_dense", to_heads("key", heads), key.clone())?;
        if self.settings.use_gate {
            parts.push(
                "_gate_dense",
                to_heads("gate", query_heads).activation("sigmoid"),
                query.clone(),
            )?;
        }
        parts.push("_value_dense", to_heads("value", heads), value.clone())?;
        let output = self.settings.dense("attention_output", 4, 2, &[query[2]]);
        parts.push(
            "_output_dense",
            output,
            [query[0], query[1], query_heads, self.head_dim].into(),
        )?;
        Ok(parts)
    }

    /// Each head as often as heads of the query share it: `[batch, S, heads, depth]`.
    fn repeated<'g>(&self, x: Node<'g>) -> Node<'g> {
        let shape = x.shape();
        let repeats = self.num_query_heads / self.num_key_value_heads;
        let [batch, steps, heads, depth] = [0, 1, 2, 3].map(|axis| shape[axis]);
        x.reshape([batch, steps, heads, 1, depth])
            .broadcast_to([batch, steps, heads, repeats, depth])
            .reshape([batch, steps, heads * repeats, depth])
    }
}

impl Described for GroupQueryAttention {
    fn class_name(&self) -> &'static str {
        "GroupQueryAttention"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        for (name, value) in [
            ("head_dim", json!(self.head_dim)),
            ("num_query_heads", json!(self.num_query_heads)),
            ("num_key_value_heads", json!(self.num_key_value_heads)),
            ("use_bias", json!(self.settings.use_bias)),
            ("use_gate", json!(self.settings.use_gate)),
            ("sliding_window", json!(self.settings.sliding_window)),
            ("dropout", json!(self.settings.dropout)),
        ] {
            config.insert(name.into(), value);
        }
        self.settings.write_last(&mut config);
        config
    }
}

impl Layer for GroupQueryAttention {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let (queries, heads) = (self.num_query_heads, self.num_key_value_heads);
        if self.head_dim == 0 || heads == 0 || queries == 0 || queries % heads != 0 {
            return Err(Error::new(
                ErrorKind::Argument,
                format!(
                    "{queries} heads of the query, {heads} of key and value, of width {}",
                    self.head_dim
                ),
            )
            .expected("at least 1 of each, the first a multiple of the second"));
        }
        self.settings.check()
    }

    fn parameters(&self) -> &'static [&'static str] {
        PARAMETERS
    }

    fn num_inputs(&self) -> RangeInclusive<usize> {
        2..=PARAMETERS.len()
    }

    fn built_from(&self) -> &'static [&'static str] {
        BUILT_FROM
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        self.parts(&inputs[0], &inputs[1], inputs.get(2).unwrap_or(&inputs[1]))?.weights()
    }

    fn call<'g>(&self, _inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let given = HeadInputs::of(call, true)?;
        let shapes = [given.query, given.value, given.key].map(|node| node.shape());
        let parts = self.parts(&shapes[0], &shapes[1], &shapes[2])?;
        let query = parts.apply("query", given.query, call)?;
        let key = self.repeated(parts.apply("key", given.key, call)?);
        let value = self.repeated(parts.apply("value", given.value, call)?);
        let with_scores = call.flag("return_attention_scores");
        let attention = DotProduct {
            scale: (1.0 / (self.head_dim as f64).sqrt()) as f32,
            axes: &[1],
            dropout: self.settings.dropout,
            seed: self.settings.seed,
        };
        let seen = given.seen(call, self.settings.sliding_window);
        let (made, weights) = attention.apply([query, key, value], seen, with_scores, call)?;
        let made = match self.settings.use_gate {
            true => made * parts.apply("gate", given.query, call)?,
            false => made,
        };
        let output = parts.apply("attention_output", made, call)?;
        Ok([output].into_iter().chain(weights).collect())
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "GroupQueryAttention",
    names: &["GroupedQueryAttention"],
    summary: "attention whose query heads share keys and values",
    from_config,
};

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let mut options = Options::read(reader)?;
    let settings = Projections::read(reader, &mut options)?;
    options.activity_regularizer.clone_from(&settings.activity);
    let mut size = |name: &str| {
        reader.maybe_usize(name).unwrap_or_else(|| {
            reader.refuse(format!("`{name}` is missing"));
            1
        })
    };
    let sizes = (size("head_dim"), size("num_query_heads"), size("num_key_value_heads"));
    let layer = GroupQueryAttention::new(sizes.0, sizes.1, sizes.2);
    let layer = GroupQueryAttention { options, settings, ..layer };
    layer.check()?;
    Ok(Arc::new(layer))
}
