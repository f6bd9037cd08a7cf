//! Normalizations, losses, attention and sequences of classes.

use serde_json::json;

use super::{Axes, Operand, apply, number};
use crate::model::KerasTensor;

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta`, mean and variance over the axes;
/// `()` for no `gamma` or no `beta`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([4]).tensor();
/// let y = ops::layer_normalization(&x, (), (), -1, 1e-3);
/// let mut model = Model::functional([&x], [&y])?;
/// let y = model.predict(Tensor::new([1, 4], [1.0f32, 1.0, 3.0, 3.0])?)?;
/// assert!((y.as_slice::<f32>()?[0] + 0.9995).abs() < 1e-4);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn layer_normalization(
    x: &KerasTensor,
    gamma: impl Operand,
    beta: impl Operand,
    axes: impl Into<Axes>,
    epsilon: f32,
) -> KerasTensor {
    let mut settings = axes.into().settings(false);
    settings.push(("epsilon", number(epsilon)));
    let arguments = [x.into_operand(), gamma.into_operand(), beta.into_operand()];
    apply("ops.nn", "LayerNorm", &settings, arguments)
}

/// `x / sqrt(mean(x^2) + epsilon) * scale`, the mean over the axes; `()` for no `scale`.
#[track_caller]
pub fn rms_normalization(
    x: &KerasTensor,
    scale: impl Operand,
    axes: impl Into<Axes>,
    epsilon: f32,
) -> KerasTensor {
    let mut settings = axes.into().settings(false);
    settings.push(("epsilon", number(epsilon)));
    apply("ops.nn", "RMSNorm", &settings, [x.into_operand(), scale.into_operand()])
}

/// `(x - mean) / sqrt(variance + epsilon) * scale + offset`, one number of each for every place
/// of an axis; `()` for no `offset` or no `scale`.
#[track_caller]
pub fn batch_normalization(
    x: &KerasTensor,
    (mean, variance): (impl Operand, impl Operand),
    axis: isize,
    (offset, scale): (impl Operand, impl Operand),
    epsilon: f32,
) -> KerasTensor {
    let settings = [("axis", json!(axis)), ("epsilon", number(epsilon))];
    let arguments = [
        x.into_operand(),
        mean.into_operand(),
        variance.into_operand(),
        offset.into_operand(),
        scale.into_operand(),
    ];
    apply("ops.nn", "BatchNorm", &settings, arguments)
}

macro_rules! crossentropies {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(
            target: impl Operand,
            output: impl Operand,
            from_logits: bool,
        ) -> KerasTensor {
            let arguments = [target.into_operand(), output.into_operand()];
            apply("ops.nn", $Class, &[("from_logits", json!(from_logits))], arguments)
        }
    )*};
}

crossentropies! {
    /// Cross-entropy of yes and no, for each element.
    binary_crossentropy = "BinaryCrossentropy";
    /// Cross-entropy of distributions along the last axis.
    categorical_crossentropy = "CategoricalCrossentropy";
    /// Cross-entropy of classes as numbers; predictions along the last axis.
    sparse_categorical_crossentropy = "SparseCategoricalCrossentropy";
}

/// `softmax(query · keyᵀ / sqrt(dim) + bias) · value` for each head, of the keys that `mask` lets
/// a query see and, with `is_causal`, that come no later than it; `()` for no bias or no mask.
///
/// # Shape
/// `query: [batch, query, heads, dim]`, `key` and `value: [batch, key, heads, dim]`, bias and mask
/// of `[batch, heads, query, key]` in which any axis may be 1 `-> [batch, query, heads, dim]`.
#[track_caller]
pub fn dot_product_attention(
    [query, key, value]: [&KerasTensor; 3],
    bias: impl Operand,
    mask: impl Operand,
    is_causal: bool,
) -> KerasTensor {
    let arguments = [
        query.into_operand(),
        key.into_operand(),
        value.into_operand(),
        bias.into_operand(),
        mask.into_operand(),
    ];
    apply("ops.nn", "DotProductAttention", &[("is_causal", json!(is_causal))], arguments)
}

/// `x` divided by its length along an axis: `x / sum(|x|^order)^(1 / order)`.
#[track_caller]
pub fn normalize(x: &KerasTensor, axis: isize, order: usize) -> KerasTensor {
    let settings = [("axis", json!(axis)), ("order", json!(order))];
    apply("ops.nn", "Normalize", &settings, [x.into_operand()])
}

/// How unlikely sequences of classes are, of which class 0 stands for none of them: one number for
/// each sequence (CTC; Graves et al., 2006).
///
/// # Shape
/// `target: [batch, labels]`, `output: [batch, steps, classes]` as logits, the lengths of both
/// `[batch] -> [batch]`.
#[track_caller]
pub fn ctc_loss(
    target: impl Operand,
    output: impl Operand,
    target_length: impl Operand,
    output_length: impl Operand,
) -> KerasTensor {
    let arguments = [
        target.into_operand(),
        output.into_operand(),
        target_length.into_operand(),
        output_length.into_operand(),
    ];
    apply("ops.nn", "CTCLoss", &[], arguments)
}

/// The likeliest class of each step, without repetitions and without class 0, which stands for
/// none, as far as the sequences are long; and the sum of their logits, with the other sign. After
/// the end comes -1.
///
/// # Shape
/// `inputs: [batch, steps, classes]`, lengths of `[batch] -> [1, batch, steps]` and `[batch, 1]`.
#[track_caller]
pub fn ctc_decode(
    inputs: impl Operand,
    sequence_lengths: impl Operand,
) -> (KerasTensor, KerasTensor) {
    let arguments = [inputs.into_operand(), sequence_lengths.into_operand()];
    let made = apply("ops.nn", "CTCDecode", &[], arguments);
    (made.output(0), made.output(1))
}
