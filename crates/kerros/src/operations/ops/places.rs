//! Parts by index, and numbers by rank.

use serde_json::json;

use super::{Axes, Operand, apply};
use crate::model::KerasTensor;

macro_rules! segments {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(
            data: &KerasTensor,
            segment_ids: impl Operand,
            num_segments: usize,
        ) -> KerasTensor {
            let arguments = [data.into_operand(), segment_ids.into_operand()];
            apply("ops.math", $Class, &[("num_segments", json!(num_segments))], arguments)
        }
    )*};
}

segments! {
    /// The sum of all rows with a number, for each number.
    segment_sum = "SegmentSum";
    /// The largest of all rows with a number, for each number.
    segment_max = "SegmentMax";
    /// The smallest of all rows with a number, for each number.
    segment_min = "SegmentMin";
}

/// Zeros of this shape to which the values are added at the places that the rows of `indices`
/// name by their first axes.
#[track_caller]
pub fn scatter(
    indices: impl Operand,
    values: impl Operand,
    shape: impl Into<Vec<usize>>,
) -> KerasTensor {
    let arguments = [indices.into_operand(), values.into_operand()];
    apply("ops.core", "Scatter", &[("shape", json!(shape.into()))], arguments)
}

/// `x` with other values at the places that the rows of `indices` name by their first axes.
#[track_caller]
pub fn scatter_update(
    x: &KerasTensor,
    indices: impl Operand,
    updates: impl Operand,
) -> KerasTensor {
    let arguments = [x.into_operand(), indices.into_operand(), updates.into_operand()];
    apply("ops.core", "ScatterUpdate", &[], arguments)
}

/// `x` with `updates` in place of the part that begins at these places, one for each axis.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([4]).tensor();
/// let two = Tensor::new([1, 2], [7.0f32, 8.0])?;
/// let y = ops::slice_update(&x, &Tensor::new([2], [0, 1])?, &two);
/// let mut model = Model::functional([&x], [&y])?;
/// let y = model.predict(Tensor::new([1, 4], [1.0f32, 2.0, 3.0, 4.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [1.0, 7.0, 8.0, 4.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn slice_update(
    x: &KerasTensor,
    start_indices: impl Operand,
    updates: impl Operand,
) -> KerasTensor {
    let arguments = [x.into_operand(), start_indices.into_operand(), updates.into_operand()];
    apply("ops.core", "SliceUpdate", &[], arguments)
}

/// The number in the middle of the sorted ones, over axes; the mean of two where they are even.
#[track_caller]
pub fn median(x: &KerasTensor, axes: impl Into<Axes>) -> KerasTensor {
    apply("ops.numpy", "Median", &axes.into().settings(true), [x.into_operand()])
}

/// The number at a share from 0 to 1 of the sorted ones, over axes; several shares along a first
/// axis.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([5]).tensor();
/// let mut model = Model::functional([&x], [&ops::quantile(&x, 0.25, -1)])?;
/// let y = model.predict(Tensor::new([1, 5], [5.0f32, 1.0, 4.0, 2.0, 3.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn quantile(x: &KerasTensor, shares: impl Operand, axes: impl Into<Axes>) -> KerasTensor {
    let arguments = [x.into_operand(), shares.into_operand()];
    apply("ops.numpy", "Quantile", &axes.into().settings(true), arguments)
}
