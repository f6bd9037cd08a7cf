//! `keras.ops.dot_product_attention`.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;
use kerros_graph::ops::ScoreBias;

use super::kind::{Operands, kinds};
use crate::object::number;

/// What Keras puts in place of the scores of keys that are not seen.
const MASKED: f32 = -0.7 * f32::MAX;

/// `softmax(query · keyᵀ * scale + bias) · value` for each head, over the keys that are seen.
///
/// `query: [batch, query, heads, dim]`, `key: [batch, key, groups, dim]`,
/// `value: [batch, key, groups, width]`; heads that follow each other share the keys of a group.
fn dot_product<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let [query, key, value] =
        [operands.float("query")?, operands.float("key")?, operands.float("value")?];
    let shapes = [query.shape(), key.shape(), value.shape()];
    let misfit = || {
        let [query, key, value] = &shapes;
        let shapes = format!("a query of shape {query}, a key of {key}, a value of {value}");
        Error::new(ErrorKind::Shape, shapes).expected("[batch, places, heads, width] of each")
    };
    let ([_, _, heads, dim], [_, keys, groups, _]) = (&shapes[0][..], &shapes[1][..]) else {
        return Err(misfit());
    };
    let fits = *keys > 0 && *groups > 0 && heads.is_multiple_of(*groups);
    if !fits || shapes[2].ndim() != 4 || shapes[2][2] != *groups {
        return Err(misfit());
    }
    if !operands.value("attn_logits_soft_cap").is_null() {
        let error = Error::new(ErrorKind::Unsupported, "`attn_logits_soft_cap` is given");
        return Err(error.expected("null: Keras heeds it on TPUs only"));
    }
    let for_each_head = |x: Node<'g>| {
        let [batch, places, _, width] = x.shape()[..] else { return x };
        let wide = [batch, places, *groups, heads / groups, width];
        x.expand_dims(3).broadcast_to(wide).reshape([batch, places, *heads, width])
    };
    let (key, value) = (for_each_head(key), for_each_head(value));
    let scale = match operands.maybe("scale")? {
        None => (1.0 / (*dim as f64).sqrt()) as f32,
        Some(_) => {
            let scale = number(operands.value("scale"));
            scale.ok_or_else(|| operands.wrong("scale", "a number"))? as f32
        }
    };
    let is_causal = operands.flag("is_causal");
    let bias = operands.maybe("bias")?.map(|bias| bias.cast(DType::F32));
    let mask = operands.maybe("mask")?.map(|mask| mask.cast(DType::Bool));
    Ok(vec![match (bias, mask) {
        (None, None) => query.attention(key, value, scale, is_causal, ScoreBias::None),
        (Some(bias), None) => query.attention(key, value, scale, is_causal, ScoreBias::Add(bias)),
        (None, Some(mask)) => query.attention(key, value, scale, is_causal, ScoreBias::Mask(mask)),
        (Some(bias), Some(mask)) => {
            // [batch, heads, query, key]
            let heads_first = |x: Node<'g>| x.transpose(&[0, 2, 1, 3]);
            let scores =
                heads_first(query * scale).matmul_with(heads_first(key), false, true) + bias;
            let seen = match is_causal {
                true => mask.logical_and(before(query, key)),
                false => mask,
            };
            let weights = seen.select(scores, MASKED).softmax();
            heads_first(weights.matmul(heads_first(value)))
        }
    }])
}

/// Whether a key comes no later than a query: `[query, key]`.
fn before<'g>(query: Node<'g>, key: Node<'g>) -> Node<'g> {
    let (queries, keys) = (query.shape()[1], key.shape()[1]);
    let graph = query.graph();
    graph.iota(keys).reshape([1, keys]).less_equal(graph.iota(queries).reshape([queries, 1]))
}

kinds! { "ops.nn";
    DotProductAttention(query, key, value, bias, mask, scale) [
        is_causal = "false", flash_attention = "null", attn_logits_soft_cap = "null"
    ] => dot_product;
}
