use kerros_core::law::attention::{MASKED_SCORE, QUERY_BLOCK, keys_of_block};
use kerros_core::{DType, Result, Shape};

use super::attention_gradient::{AttentionGradient, AttentionOperand};
use crate::attributes::{Bits, attributes, named_attribute};
use crate::grad::through_decomposition;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, misfit};

/// What the fourth input of an [`Attention`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScoreInput {
    /// There is none.
    None,
    /// Numbers that are added to the scores.
    Bias,
    /// Truth values: which keys a query may see.
    Mask,
}
named_attribute!(ScoreInput { None = "none", Bias = "bias", Mask = "mask" });

/// Scaled dot-product attention: `y = softmax(scale q · k^T + bias) · v` for each head.
///
/// A key that a query must not see, by the mask or because it comes later in a causal
/// attention, has the finite score [`MASKED_SCORE`]; a query that sees nothing takes the mean
/// of what it was not to see. The order of roundings is that of
/// [`kerros_core::law::attention`].
///
/// # Shape
/// `q: [batch, query, heads, dim]`, `k: [batch, key, heads, dim]`,
/// `v: [batch, key, heads, value_dim]` with at least one key, and a bias or mask of
/// `[batch, heads, query, key]` in which any axis may be 1
/// `-> [batch, query, heads, value_dim]`: as the projections of a transformer give and take
/// it, so that nothing is transposed in memory.
///
/// # Source
/// Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attention {
    /// What the products are multiplied by.
    pub scale: Bits,
    /// Whether query `i` sees the keys `0..=i` only.
    pub causal: bool,
    /// What the fourth input is.
    pub input: ScoreInput,
}

/// The sizes of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionSizes {
    /// Sequences side by side.
    pub batch: usize,
    /// Queries of each.
    pub queries: usize,
    /// Keys of each; at least 1.
    pub keys: usize,
    /// Heads side by side.
    pub heads: usize,
    /// Length of queries and keys.
    pub dim: usize,
    /// Length of values.
    pub value_dim: usize,
}

impl AttentionSizes {
    /// The sizes for queries, keys and values of these types, if they fit.
    pub(super) fn of(q: &Type, k: &Type, v: &Type) -> Option<Self> {
        let &[batch, queries, heads, dim] = &q.shape[..] else { return None };
        let &[_, keys, ..] = &k.shape[..] else { return None };
        let sizes =
            AttentionSizes { batch, queries, keys, heads, dim, value_dim: *v.shape.get(3)? };
        let expected = [q.shape.clone(), sizes.key_shape(), sizes.value_shape()].map(Type::f32);
        (expected.iter().eq([q, k, v]) && keys >= 1).then_some(sizes)
    }

    fn key_shape(self) -> Shape {
        [self.batch, self.keys, self.heads, self.dim].into()
    }

    fn value_shape(self) -> Shape {
        [self.batch, self.keys, self.heads, self.value_dim].into()
    }

    /// `[batch, query, heads, value_dim]`.
    pub(super) fn result(self) -> Type {
        Type::f32([self.batch, self.queries, self.heads, self.value_dim])
    }

    /// Whether a bias or mask has a type that fits.
    pub(super) fn accepts(self, input: ScoreInput, given: &[Type]) -> bool {
        let dtype = match (input, given.len()) {
            (ScoreInput::None, 0) => return true,
            (ScoreInput::Bias, 1) => DType::F32,
            (ScoreInput::Mask, 1) => DType::Bool,
            _ => return false,
        };
        let full = [self.batch, self.heads, self.queries, self.keys];
        let shape = &given[0].shape;
        let fits = shape.iter().zip(full).all(|(&len, full)| len == 1 || len == full);
        given[0].dtype == dtype && shape.ndim() == 4 && fits
    }
}

impl Attention {
    /// The sizes for inputs of these types, if they fit.
    pub fn sizes(&self, inputs: &[Type]) -> Option<AttentionSizes> {
        let [q, k, v, rest @ ..] = inputs else { return None };
        let sizes = AttentionSizes::of(q, k, v)?;
        sizes.accepts(self.input, rest).then_some(sizes)
    }
}

/// Queries, keys and values with the heads in front: `[batch, heads, .., ..]`.
#[track_caller]
pub(super) fn heads_first(x: Node<'_>) -> Node<'_> {
    x.transpose(&[0, 2, 1, 3])
}

/// What a block of queries sees.
pub(super) struct Block<'g> {
    /// `[batch, heads, block, key]`: the weights of the keys, as many as it reaches.
    pub(super) weights: Node<'g>,
    /// Which of these keys each query may see; `None` when all.
    pub(super) allowed: Option<Node<'g>>,
    /// How many keys it reaches.
    pub(super) keys: usize,
}

impl<'g> Block<'g> {
    /// The block of the queries `first..end`; `q` and `k` have their heads in front.
    #[track_caller]
    pub(super) fn new(
        op: &Attention,
        q: Node<'g>,
        k: Node<'g>,
        input: Option<Node<'g>>,
        (first, end): (usize, usize),
    ) -> Self {
        let keys = keys_of_block(op.causal, end, k.shape()[2]);
        // The part of a bias or mask that belongs to these queries and keys.
        let part = |input: Node<'g>| {
            let shape = input.shape();
            let input = if shape[2] == 1 { input } else { input.slice(2, first, end) };
            if shape[3] == 1 { input } else { input.slice(3, 0, keys) }
        };
        let products = q.slice(2, first, end).matmul_with(k.slice(2, 0, keys), false, true);
        let mut scores = products * op.scale.get();
        let mut allowed = None;
        match (op.input, input) {
            (ScoreInput::Bias, Some(bias)) => scores = scores + part(bias),
            (ScoreInput::Mask, Some(mask)) => allowed = Some(part(mask)),
            _ => {}
        }
        if op.causal {
            let graph = q.graph();
            let queries = graph.iota(end).slice(0, first, end).expand_dims(1);
            let before = graph.iota(keys).less_equal(queries);
            allowed = Some(allowed.map_or(before, |mask| mask.logical_and(before)));
        }
        let scores = allowed.map_or(scores, |allowed| allowed.select(scores, MASKED_SCORE));
        Block { weights: scores.softmax(), allowed, keys }
    }

    /// The blocks of `queries` queries, as `(first, end)`; at least one, perhaps empty.
    pub(super) fn cut(queries: usize) -> Vec<(usize, usize)> {
        let starts = (0..queries.max(1)).step_by(QUERY_BLOCK);
        starts.map(|first| (first, queries.min(first + QUERY_BLOCK))).collect()
    }
}

impl Operation for Attention {
    const NAME: &'static str = "attention";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        self.sizes(inputs).map(AttentionSizes::result).ok_or_else(|| {
            misfit(
                inputs,
                "[batch, query, heads, dim], [batch, key, heads, dim], \
                 [batch, key, heads, value_dim] with at least one key and, where asked for, a \
                 bias (float32) or mask (bool) of [batch, heads, query, key], any of these 1",
            )
        })
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let mut operands = context.inputs[..3].to_vec();
        operands.push(context.dy);
        operands.extend(context.inputs.get(3));
        let gradient = |of| {
            let Attention { scale, causal, input } = *self;
            let op = AttentionGradient { of, scale, causal, input };
            Some(context.dy.graph().apply(op, &operands))
        };
        let mut cotangents =
            [AttentionOperand::Query, AttentionOperand::Key, AttentionOperand::Value]
                .map(gradient)
                .to_vec();
        match self.input {
            ScoreInput::None => {}
            ScoreInput::Mask => cotangents.push(None),
            // Summed over every axis along which the bias is shared: there is no kernel.
            ScoreInput::Bias => cotangents.push(through_decomposition(self, context)?[3]),
        }
        Ok(cotangents)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let &[q, k, v, ..] = inputs else { return None };
        let queries = q.shape()[1];
        let (q, k, v) = (heads_first(q), heads_first(k), heads_first(v));
        // Rows of queries do not depend on blocks when every row reaches all keys.
        let blocks = if self.causal { Block::cut(queries) } else { vec![(0, queries)] };
        let parts: Vec<Node<'g>> = blocks
            .into_iter()
            .map(|range| {
                let block = Block::new(self, q, k, inputs.get(3).copied(), range);
                block.weights.matmul(v.slice(2, 0, block.keys))
            })
            .collect();
        let y = if parts.len() == 1 { parts[0] } else { Node::concat(&parts, 2) };
        Some(heads_first(y))
    }

    attributes!(scale, causal, input);

    fn samples() -> Vec<Sample<Self>> {
        let sample = |[batch, queries, keys, heads]: [usize; 4], causal, extra: Option<Type>| {
            let input = match extra.as_ref().map(|ty| ty.dtype) {
                None => ScoreInput::None,
                Some(DType::Bool) => ScoreInput::Mask,
                Some(_) => ScoreInput::Bias,
            };
            let mut inputs = vec![
                Type::f32([batch, queries, heads, 3]),
                Type::f32([batch, keys, heads, 3]),
                Type::f32([batch, keys, heads, 2]),
            ];
            inputs.extend(extra);
            let op = Attention { scale: Bits::new(0.5), causal, input };
            Sample { op, inputs, range: (-1.0, 1.0) }
        };
        vec![
            sample([2, 3, 4, 2], false, None),
            sample([2, 3, 4, 2], true, Some(Type::f32([1, 2, 3, 4]))),
            sample([2, 4, 3, 2], false, Some(Type::f32([2, 2, 1, 3]))),
            // Queries that see all keys or none.
            sample([2, 4, 3, 2], false, Some(Type::new(DType::Bool, [1, 2, 4, 1]))),
            sample([2, 3, 7, 2], false, Some(Type::new(DType::Bool, [2, 1, 1, 7]))),
            sample([1, 5, 5, 1], true, Some(Type::new(DType::Bool, [1, 1, 5, 5]))),
            // More queries than a block.
            sample([1, QUERY_BLOCK + 3, QUERY_BLOCK + 2, 1], true, None),
            sample([1, QUERY_BLOCK + 2, 3, 1], false, None),
        ]
    }
}

/// What bears on the scores of an attention besides the products.
#[derive(Clone, Copy, Debug, Default)]
pub enum ScoreBias<'g> {
    /// Nothing.
    #[default]
    None,
    /// Numbers that are added to the scaled products.
    Add(Node<'g>),
    /// Truth values: which keys each query may see.
    Mask(Node<'g>),
}

impl<'g> Node<'g> {
    /// `softmax(scale self · key^T + bias) · value` for each head: see [`Attention`].
    ///
    /// Devices compute it a block of queries at a time, derivatives included, without a matrix
    /// of all queries by all keys. Dropout of the weights is not part of it: whoever wants it
    /// writes the formula out, with [`Node::matmul`], [`Node::softmax`] and
    /// [`Node::dropout`].
    ///
    /// # Shape
    /// `self: [batch, query, heads, dim]`, `key: [batch, key, heads, dim]`,
    /// `value: [batch, key, heads, value_dim]` `-> [batch, query, heads, value_dim]`; a bias or
    /// mask broadcasts to `[batch, heads, query, key]`.
    ///
    /// # Parameters
    /// - `scale`: usually `1 / sqrt(dim)`.
    /// - `causal`: whether query `i` sees the keys `0..=i` only.
    /// - `bias`: added to the scores, or which keys may be seen. To have both, make the mask
    ///   part of the bias: `mask.select(bias, MASKED_SCORE)`.
    ///
    /// # Example
    /// ```
    /// use kerros_core::{DType, Tensor};
    /// use kerros_graph::{Graph, eval::evaluate, ops::ScoreBias};
    /// let graph = Graph::new();
    /// let q = graph.full([1, 2, 1, 1], 0.0);
    /// let v = graph.input("v", [1, 2, 1, 1], DType::F32);
    /// // Equal scores: the first query sees the first value, the second the mean of both.
    /// let y = q.attention(q, v, 1.0, true, ScoreBias::None);
    /// let found = evaluate::<f32>(&graph, &[y], &[Tensor::new([1, 2, 1, 1], [2.0f32, 4.0])?], &[])?;
    /// assert_eq!(found[0].as_slice::<f32>()?, [2.0, 3.0]);
    /// # Ok::<(), kerros_core::Error>(())
    /// ```
    #[track_caller]
    pub fn attention(
        self,
        key: Node<'g>,
        value: Node<'g>,
        scale: f32,
        causal: bool,
        bias: ScoreBias<'g>,
    ) -> Node<'g> {
        let (input, extra) = match bias {
            ScoreBias::None => (ScoreInput::None, None),
            ScoreBias::Add(bias) => (ScoreInput::Bias, Some(bias)),
            ScoreBias::Mask(mask) => (ScoreInput::Mask, Some(mask)),
        };
        // Axes of length 1 in front, as for every broadcast.
        let extra = extra.map(|extra| {
            let mut dims = extra.shape().to_vec();
            while dims.len() < 4 {
                dims.insert(0, 1);
            }
            extra.reshape(dims)
        });
        let inputs: Vec<Node<'g>> = [self, key, value].into_iter().chain(extra).collect();
        self.graph().apply(Attention { scale: Bits::new(scale), causal, input }, &inputs)
    }
}
