//! What [`Attention`](super::Attention) and [`AdditiveAttention`](super::AdditiveAttention) do
//! once they have scores.

use kerros_core::{DType, Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
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
    let [query_mask, value_mask] = masks(call).map(|mask| mask.map(|m| m.cast(DType::Bool)));
    let value_mask = value_mask.map(|mask| mask.expand_dims(mask.ndim() - 1));
    let sizes = (shape[shape.ndim() - 2], shape.last());
    let causal = call.flag("use_causal_mask").then(|| causal(scores.graph(), sizes));
    let counts = value_mask.into_iter().chain(causal).reduce(|a, b| a.logical_and(b));
    let scores = counts.map_or(scores, |counts| counts.select(scores, scores - FAR_BELOW));
    let weights = dropped(scores.softmax(), dropout, seed, call)?;
    let made = weights.matmul(value);
    let made = match query_mask {
        Some(mask) => mask.expand_dims(mask.ndim()).select(made, 0.0),
        None => made,
    };
    let weights = call.flag("return_attention_scores").then_some(weights);
    Ok([made].into_iter().chain(weights).collect())
}

/// Each query beside each key: `[batch, T, 1, dim]` and `[batch, 1, S, dim]`.
pub(super) fn pairs<'g>(query: Node<'g>, key: Node<'g>) -> (Node<'g>, Node<'g>) {
    (query.expand_dims(query.ndim() - 1), key.expand_dims(key.ndim() - 2))
}
