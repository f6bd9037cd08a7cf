use std::ops::RangeInclusive;
use std::sync::Arc;

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::json;

use super::dot_product::DotProduct;
use super::masks::{BUILT_FROM, HeadInputs, PARAMETERS};
use super::projections::{MAX_AXES, Parts, Projections, numbers, projection_methods};
use crate::layers::options::activity_methods;
use crate::layers::{Call, Layer, Options, Weight};
use crate::object::{Config, ConfigReader, Described, Entry, length};

/// `y = output(softmax(q · kᵀ / sqrt(key_dim)) · v)` in several heads, with `q`, `k` and `v`
/// projected from query, key and value.
///
/// Each place of the query takes from the places of the value whose keys fit it. With query and
/// value the same it is self-attention, the heart of transformers.
///
/// # Shape
/// `query: [batch, T, ..]`, `value: [batch, S, ..]`, `key: [batch, S, ..]` (default: the value)
/// `-> [batch, T, out]`, `out` as wide as the query or as `output_shape` says; with
/// `return_attention_scores` also `[batch, num_heads, T, S]`. Kernels: query and key `[in,
/// num_heads, key_dim]`, value `[in, num_heads, value_dim]`, output `[num_heads, value_dim,
/// out]`.
///
/// Called as `layer.on(arguments([&query, &value]).with("use_causal_mask", true))`; further
/// keywords: `key`, `attention_mask` (where 0, nothing is taken: `[batch, T, S]`),
/// `value_mask`, `key_mask` (`[batch, S]`; by default the masks that came with the tensors),
/// `return_attention_scores`. As in Keras, the argument `query_mask` says nothing: the mask that
/// came with the query is taken.
///
/// # Parameters
/// - `num_heads`, `key_dim`: how many heads, and how wide query and key are in each; at least 1.
/// - `value_dim`: how wide values are in each head. Default: `key_dim`.
/// - `dropout`: the share of the scores that is dropped while training. Default: 0.
/// - `use_bias`: default: `true`.
/// - `output_shape`: the last axes of the result. Default: the query's last.
/// - `attention_axes`: the axes that are attended over. Default: all but the batch axis and the
///   last.
/// - `sliding_window`: how near a place must be to be looked at. Default: any.
/// - `use_gate`: whether a gate made of the query multiplies what the heads give. Default:
///   `false`.
/// - `kernel_initializer`: default `glorot_uniform`; `bias_initializer`: default `zeros`;
///   regularizers and constraints: default: none; `seed`: default: the model's.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let x = Input::new([3, 4]).tensor();
/// let y = MultiHeadAttention::new(2, 5).on(arguments([&x, &x]).with("use_causal_mask", true));
/// let mut model = Model::functional([&x], [&y])?;
/// assert_eq!(model.count_params()?, 3 * (4 * 10 + 10) + 10 * 4 + 4);
/// assert_eq!(model.predict(Tensor::full([1, 3, 4], 1.0f32))?.shape().dims(), [1, 3, 4]);
/// # Ok::<(), kerros::Error>(())
/// ```
///
/// As in Keras 3 from 3.7 on, layers that are called after it find no masks with its inputs any
/// more; in a model from a file before Keras 3 they do.
///
/// # Source
/// Vaswani et al.: "Attention is all you need", arXiv 1706.03762.
#[derive(Clone, Debug)]
pub struct MultiHeadAttention {
    options: Options,
    num_heads: usize,
    key_dim: usize,
    value_dim: Option<usize>,
    output_shape: Option<Vec<usize>>,
    attention_axes: Option<Vec<isize>>,
    settings: Projections,
    /// Whether the layers after it see the masks of its inputs, as they did before Keras 3.
    leaves_masks: bool,
}

projection_methods!(MultiHeadAttention);
activity_methods!(MultiHeadAttention, settings.activity);

impl MultiHeadAttention {
    /// So many heads, in each of which query and key are `key_dim` wide.
    #[track_caller]
    pub fn new(num_heads: usize, key_dim: usize) -> Self {
        MultiHeadAttention {
            options: Options::here(),
            num_heads,
            key_dim,
            value_dim: None,
            output_shape: None,
            attention_axes: None,
            settings: Projections::default(),
            leaves_masks: false,
        }
    }

    /// Sets how wide values are in each head.
    pub fn value_dim(mut self, value_dim: usize) -> Self {
        self.value_dim = Some(value_dim);
        self
    }

    /// Sets the last axes of the result.
    pub fn output_shape(mut self, shape: impl Into<Vec<usize>>) -> Self {
        self.output_shape = Some(shape.into());
        self
    }

    /// Sets the axes that are attended over; negative ones count from the last of the query.
    pub fn attention_axes(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.attention_axes = Some(axes.into());
        self
    }

    /// The attended axes of a query with so many axes, ascending.
    fn axes(&self, ndim: usize) -> Result<Vec<usize>> {
        let Some(axes) = &self.attention_axes else { return Ok((1..ndim - 1).collect()) };
        let axis = |&axis: &isize| {
            let at = if axis < 0 { axis + ndim as isize } else { axis };
            let valid = usize::try_from(at).ok().filter(|at| (1..ndim - 1).contains(at));
            valid.ok_or_else(|| {
                Error::new(ErrorKind::Argument, format!("the attention axis {axis}"))
                    .expected(format!("axes from 1 to {}", ndim.saturating_sub(2)))
            })
        };
        let mut axes = axes.iter().map(axis).collect::<Result<Vec<_>>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }

    /// The projections for inputs of these shapes.
    fn parts(&self, query: &Shape, value: &Shape, key: &Shape) -> Result<Parts> {
        let ndim = query.ndim();
        let fits = (3..=MAX_AXES).contains(&ndim) && value.ndim() == ndim && key.ndim() == ndim;
        if !fits || value[1..ndim - 1] != key[1..ndim - 1] || query[0] != value[0] {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("a query of shape {query}, a value of {value} and a key of {key}"),
            )
            .expected("[batch, T, width], [batch, S, width] and [batch, S, width]"));
        }
        let value_dim = self.value_dim.unwrap_or(self.key_dim);
        let to_heads =
            |name: &str, width: usize| self.settings.dense(name, ndim, 1, &[self.num_heads, width]);
        let mut parts = Parts::default();
        parts.push("query_dense", to_heads("query", self.key_dim), query.clone())?;
        parts.push("key_dense", to_heads("key", self.key_dim), key.clone())?;
        if self.settings.use_gate {
            parts.push(
                "_gate_dense",
                to_heads("gate", value_dim).activation("sigmoid"),
                query.clone(),
            )?;
        }
        parts.push("value_dense", to_heads("value", value_dim), value.clone())?;
        let out = self.output_shape.clone().unwrap_or_else(|| vec![query.last()]);
        let output = self.settings.dense("attention_output", ndim + 1, 2, &out);
        let heads = [&query[..ndim - 1], &[self.num_heads, value_dim]].concat();
        parts.push("output_dense", output, heads.into())?;
        Ok(parts)
    }
}

impl Described for MultiHeadAttention {
    fn class_name(&self) -> &'static str {
        "MultiHeadAttention"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        for (name, value) in [
            ("num_heads", json!(self.num_heads)),
            ("key_dim", json!(self.key_dim)),
            ("value_dim", json!(self.value_dim.unwrap_or(self.key_dim))),
            ("dropout", json!(self.settings.dropout)),
            ("use_bias", json!(self.settings.use_bias)),
            ("use_gate", json!(self.settings.use_gate)),
            ("output_shape", json!(self.output_shape)),
            ("attention_axes", json!(self.attention_axes)),
            ("sliding_window", json!(self.settings.sliding_window)),
        ] {
            config.insert(name.into(), value);
        }
        self.settings.write_last(&mut config);
        config
    }
}

impl Layer for MultiHeadAttention {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<()> {
        let sizes = [
            ("num_heads", self.num_heads),
            ("key_dim", self.key_dim),
            ("value_dim", self.value_dim.unwrap_or(1)),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(
                Error::new(ErrorKind::Argument, format!("`{name}` is 0")).expected("at least 1")
            );
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
        let given = HeadInputs::of(call, false)?;
        let shapes = [given.query, given.value, given.key].map(|node| node.shape());
        let parts = self.parts(&shapes[0], &shapes[1], &shapes[2])?;
        let query = parts.apply("query", given.query, call)?;
        let key = parts.apply("key", given.key, call)?;
        let value = parts.apply("value", given.value, call)?;
        let with_scores = call.flag("return_attention_scores");
        let attention = DotProduct {
            scale: (1.0 / (self.key_dim as f64).sqrt()) as f32,
            axes: &self.axes(shapes[0].ndim())?,
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

    fn takes_masks_away(&self) -> bool {
        !self.leaves_masks
    }
}

pub(in crate::layers) const ENTRY: Entry<dyn Layer> = Entry {
    class_name: "MultiHeadAttention",
    names: &[],
    summary: "dot-product attention in several heads",
    from_config,
};

/// Says in the config of a layer from a file before Keras 3 that its inputs keep their masks. It is
/// never written: Keras would not know it.
pub(crate) const LEAVES_MASKS: &str = "leaves_masks";

fn from_config(reader: &mut ConfigReader<'_>) -> Result<Arc<dyn Layer>> {
    let mut options = Options::read(reader)?;
    let settings = Projections::read(reader, &mut options)?;
    let (num_heads, key_dim) = (reader.maybe_usize("num_heads"), reader.maybe_usize("key_dim"));
    if num_heads.is_none() || key_dim.is_none() {
        reader.refuse("`num_heads` and `key_dim` are not both given");
    }
    let layer = MultiHeadAttention::new(num_heads.unwrap_or(1), key_dim.unwrap_or(1));
    let mut layer = MultiHeadAttention { options, settings, ..layer };
    layer.value_dim = reader.maybe_usize("value_dim");
    layer.output_shape = numbers(reader, "output_shape", length);
    layer.attention_axes =
        numbers(reader, "attention_axes", |value| value.as_i64().map(|n| n as isize));
    layer.leaves_masks = reader.bool(LEAVES_MASKS, false);
    layer.check()?;
    Ok(Arc::new(layer))
}
