//! What [`Attention`](super::Attention) and [`AdditiveAttention`](super::AdditiveAttention) do
//! once they have scores.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::ops::ScoreBias;
use kerros_graph::{Graph, Node};
use serde_json::Value;

use super::dot_product::dropped;
use super::masks::causal;
use crate::layers::Call;
use crate::model::Argument;

/// What is taken from scores that do not count.
const FAR_BELOW: f32 = 1e9;

/// Checks that inputs are a query, a value and perhaps a key.
pub(super) fn check_inputs(inputs: &[Shape]) -> Result<()> {
    let ndim = inputs[0].ndim();
    let fits = ndim >= 2 && inputs.iter().all(|shape| shape.ndim() == ndim);
    let key = inputs.get(2).unwrap_or(&inputs[1]);
    if fits && key.last() == inputs[0].last() && key[..ndim - 1] == inputs[1][..ndim - 1] {
        return Ok(());
    }
    let shapes: Vec<String> = inputs.iter().map(Shape::to_string).collect();
    Err(Error::new(ErrorKind::Shape, format!("inputs of shapes {}", shapes.join(", ")))
        .expected("[batch, T, dim], [batch, S, width] and perhaps [batch, S, dim]")
        .hint("without a key, query and value must be equally wide"))
}

/// The masks of query and value: given by keyword, as a list in which one may be null, or those
/// that came with the tensors.
fn masks<'g>(call: &Call<'_, 'g>) -> [Option<Node<'g>>; 2] {
    let came = |at: usize| call.masks.get(at).copied().flatten();
    match call.argument("mask") {
        Some(Argument::List(items)) => [0, 1].map(|at| match items.get(at) {
            Some(Argument::Tensor(mask)) => Some(*mask),
            Some(Argument::Value(Value::Null)) | None => None,
            Some(_) => came(at),
        }),
        _ => [came(0), came(1)],
    }
}

/// The mask of the query, which is that of the result.
pub(super) fn query_mask<'g>(call: &Call<'_, 'g>) -> Option<Node<'g>> {
    masks(call)[0]
}

/// Which keys a value's mask lets be seen, `[.., 1, S]`, and whether later ones are not.
fn counts<'g>(call: &Call<'_, 'g>) -> (Option<Node<'g>>, bool) {
    let mask = masks(call)[1].map(|mask| mask.cast(DType::Bool).expand_dims(mask.ndim() - 1));
    (mask, call.flag("use_causal_mask"))
}

/// The same as one mask, for scores `[.., T, S]`.
fn mask_of<'g>(graph: &'g Graph, call: &Call<'_, 'g>, sizes: (usize, usize)) -> Option<Node<'g>> {
    let (mask, is_causal) = counts(call);
    let causal = is_causal.then(|| causal(graph, sizes));
    mask.into_iter().chain(causal).reduce(|a, b| a.logical_and(b))
}

/// Zeros for the queries that do not count.
fn of_queries<'g>(made: Node<'g>, call: &Call<'_, 'g>) -> Node<'g> {
    match query_mask(call) {
        Some(mask) => mask.cast(DType::Bool).expand_dims(mask.ndim()).select(made, 0.0),
        None => made,
    }
}

/// Takes from the value what scores say: `scores: [batch, T, S]`, `value: [batch, S, width] ->
/// [batch, T, width]`, and the weights `[batch, T, S]` where they are asked for.
///
/// # Errors
/// None but those of making random numbers.
pub(super) fn take<'g>(
    scores: Node<'g>,
    value: Node<'g>,
    (dropout, seed): (f64, Option<u64>),
    call: &Call<'_, 'g>,
) -> Result<Vec<Node<'g>>> {
    let shape = scores.shape();
    let counts = mask_of(scores.graph(), call, (shape[shape.ndim() - 2], shape.last()));
    let scores = counts.map_or(scores, |counts| counts.select(scores, scores - FAR_BELOW));
    let weights = dropped(scores.softmax(), dropout, seed, call)?;
    let made = of_queries(weights.matmul(value), call);
    let weights = call.flag("return_attention_scores").then_some(weights);
    Ok([made].into_iter().chain(weights).collect())
}

/// The same for the scores `query · keyᵀ` as one operation, which never has them all in memory.
/// `None` where it does not fit: weights that are dropped or asked for, other axes.
pub(super) fn taken_by_products<'g>(
    [query, key, value]: [Node<'g>; 3],
    dropout: f64,
    call: &Call<'_, 'g>,
) -> Option<Node<'g>> {
    let drops = call.training && dropout > 0.0;
    let is_row = query.ndim() == 3 && key.shape()[1] > 0;
    if !is_row || drops || call.flag("return_attention_scores") {
        return None;
    }
    let (is_causal, bias) = match counts(call) {
        (None, is_causal) => (is_causal, ScoreBias::None),
        (Some(_), _) => {
            let graph = query.graph();
            let counts = mask_of(graph, call, (query.shape()[1], key.shape()[1]))?;
            // Taken away as above, for queries that see nothing.
            let bias = counts.select(graph.full(counts.shape(), 0.0), -FAR_BELOW);
            (false, ScoreBias::Add(bias.expand_dims(1)))
        }
    };
    // [batch, T or S, 1, width]: a single head.
    let [query, key, value] = [query, key, value].map(|x| x.expand_dims(2));
    let made = query.attention(key, value, 1.0, is_causal, bias);
    let shape = made.shape();
    Some(of_queries(made.reshape([shape[0], shape[1], shape[3]]), call))
}

/// Each query beside each key: `[batch, T, 1, dim]` and `[batch, 1, S, dim]`.
pub(super) fn pairs<'g>(query: Node<'g>, key: Node<'g>) -> (Node<'g>, Node<'g>) {
    (query.expand_dims(query.ndim() - 1), key.expand_dims(key.ndim() - 2))
}
