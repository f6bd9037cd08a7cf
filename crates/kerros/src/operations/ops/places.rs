//! Parts by index, order by size, and rows by number.

use serde_json::{Value, json};

use super::{Operand, apply};
use crate::model::{Argument, KerasTensor};

/// One entry of an index, as in `x[0, 1:3, None, ...]`: see [`get_item`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// One place, from the end where it is negative; the axis vanishes.
    At(i64),
    /// Places from `start` up to `stop`, without it, by `step`; negative ones count from the end.
    Range {
        /// The first; of all where there is none.
        start: Option<i64>,
        /// The one after the last; that after all where there is none.
        stop: Option<i64>,
        /// How far it is to the next; 1 where there is none, backwards where it is negative.
        step: Option<i64>,
    },
    /// An axis of length 1.
    NewAxis,
    /// All of the axes that are not named.
    Rest,
}

impl Index {
    /// All places of an axis: `:`.
    pub const ALL: Index = Index::Range { start: None, stop: None, step: None };

    /// As Keras writes it.
    fn value(self) -> Value {
        match self {
            Index::At(place) => json!(place),
            Index::Range { start, stop, step } => {
                let config = json!({"start": start, "stop": stop, "step": step});
                json!({"class_name": "__slice__", "config": config})
            }
            Index::NewAxis => Value::Null,
            Index::Rest => json!({"class_name": "__ellipsis__", "config": {}}),
        }
    }
}

impl From<i64> for Index {
    fn from(place: i64) -> Self {
        Index::At(place)
    }
}

impl From<std::ops::Range<i64>> for Index {
    fn from(range: std::ops::Range<i64>) -> Self {
        Index::Range { start: Some(range.start), stop: Some(range.end), step: None }
    }
}

impl From<std::ops::RangeFrom<i64>> for Index {
    fn from(range: std::ops::RangeFrom<i64>) -> Self {
        Index::Range { start: Some(range.start), stop: None, step: None }
    }
}

impl From<std::ops::RangeTo<i64>> for Index {
    fn from(range: std::ops::RangeTo<i64>) -> Self {
        Index::Range { start: None, stop: Some(range.end), step: None }
    }
}

/// A part by an index, of which the first entry is for the batch axis.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops::{self, Index};
/// let x = Input::new([2, 3]).tensor();
/// // x[:, 0, 1:]
/// let y = ops::get_item(&x, [Index::ALL, Index::At(0), Index::from(1..)]);
/// let mut model = Model::functional([&x], [&y])?;
/// let y = model.predict(Tensor::new([1, 2, 3], [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [2.0, 3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn get_item(x: &KerasTensor, key: impl IntoIterator<Item = Index>) -> KerasTensor {
    let key: Value = key.into_iter().map(Index::value).collect();
    apply("ops.numpy", "GetItem", &[], [x.into_operand(), Argument::Value(key)])
}

/// One entry along an axis, which vanishes, as in `x[:, place]`.
#[track_caller]
pub fn at(x: &KerasTensor, axis: usize, place: i64) -> KerasTensor {
    along(x, axis, Index::At(place))
}

/// All of the axes before, then this entry.
#[track_caller]
pub(in crate::operations) fn along(x: &KerasTensor, axis: usize, entry: Index) -> KerasTensor {
    get_item(x, std::iter::repeat_n(Index::ALL, axis).chain([entry]))
}

/// The part of this shape that begins at these places, one for each axis, batch axis included; a
/// length of -1 is all that is left. Beside an axis alone, `x.slice(axis, start, end)` is shorter.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([4]).tensor();
/// let y = ops::slice(&x, &Tensor::new([2], [0, 1])?, [-1, 2]);
/// let mut model = Model::functional([&x], [&y])?;
/// let y = model.predict(Tensor::new([1, 4], [1.0f32, 2.0, 3.0, 4.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [2.0, 3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn slice(
    x: &KerasTensor,
    start_indices: impl Operand,
    shape: impl Into<Vec<i64>>,
) -> KerasTensor {
    let arguments = [x.into_operand(), start_indices.into_operand()];
    apply("ops.core", "Slice", &[("shape", json!(shape.into()))], arguments)
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

/// Entries by index along an axis.
#[track_caller]
pub fn take(x: &KerasTensor, indices: impl Operand, axis: isize) -> KerasTensor {
    let arguments = [x.into_operand(), indices.into_operand()];
    apply("ops.numpy", "Take", &[("axis", json!(axis))], arguments)
}

/// Along an axis the entries that `indices` names for each place of the others, as [`argsort`]
/// gives them.
#[track_caller]
pub fn take_along_axis(x: &KerasTensor, indices: impl Operand, axis: isize) -> KerasTensor {
    let arguments = [x.into_operand(), indices.into_operand()];
    apply("ops.numpy", "TakeAlongAxis", &[("axis", json!(axis))], arguments)
}

/// Labels as rows of 0 and 1, along a last axis.
#[track_caller]
pub fn one_hot(x: &KerasTensor, num_classes: usize) -> KerasTensor {
    apply("ops.nn", "OneHot", &classes(num_classes), [x.into_operand()])
}

/// So many classes; Keras writes which numbers they become.
fn classes(num_classes: usize) -> [(&'static str, Value); 2] {
    [("num_classes", json!(num_classes)), ("dtype", json!("float32"))]
}

/// 1 for each class that is among the labels of the last axis, 0 for the others.
#[track_caller]
pub fn multi_hot(x: &KerasTensor, num_classes: usize) -> KerasTensor {
    apply("ops.nn", "MultiHot", &classes(num_classes), [x.into_operand()])
}

along_axis! {
    /// From the smallest to the largest along an axis.
    sort = "Sort";
    /// The places of the smallest to the largest along an axis; of equals the first first.
    argsort = "Argsort";
}

/// Places along an axis, of which number `kth` is where it would be in order: those before it are
/// of no larger numbers, those after it of no smaller ones.
#[track_caller]
pub fn argpartition(x: &KerasTensor, kth: usize, axis: isize) -> KerasTensor {
    let settings = [("kth", json!(kth)), ("axis", json!(axis))];
    apply("ops.numpy", "Argpartition", &settings, [x.into_operand()])
}

/// The `k` largest of the last axis, from the largest on, and their places.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([4]).tensor();
/// let (values, places) = ops::top_k(&x, 2);
/// let mut model = Model::functional([&x], [&values, &places])?;
/// let y = model.predict_all(Tensor::new([1, 4], [1.0f32, 7.0, 3.0, 5.0])?)?;
/// assert_eq!(y[0].as_slice::<f32>()?, [7.0, 5.0]);
/// assert_eq!(y[1].as_slice::<i32>()?, [1, 3]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn top_k(x: &KerasTensor, k: usize) -> (KerasTensor, KerasTensor) {
    let made = apply("ops.math", "TopK", &[("k", json!(k))], [x.into_operand()]);
    (made.output(0), made.output(1))
}

/// The places in a rising sequence where values belong: with `side` `"left"` before those that
/// are equal, with `"right"` behind them.
#[track_caller]
pub fn searchsorted(
    sorted_sequence: impl Operand,
    values: &KerasTensor,
    side: &str,
) -> KerasTensor {
    let arguments = [sorted_sequence.into_operand(), values.into_operand()];
    apply("ops.numpy", "SearchSorted", &[("side", json!(side))], arguments)
}

/// The number of the range between rising or falling bounds that each number is in; 0 before the
/// first.
#[track_caller]
pub fn digitize(x: &KerasTensor, bins: impl Operand) -> KerasTensor {
    apply("ops.numpy", "Digitize", &[], [x.into_operand(), bins.into_operand()])
}

/// The place along each axis of an array of this shape, for places in a row; one tensor for each
/// axis.
#[track_caller]
pub fn unravel_index(indices: &KerasTensor, shape: impl Into<Vec<usize>>) -> Vec<KerasTensor> {
    let shape = shape.into();
    let made =
        apply("ops.numpy", "UnravelIndex", &[("shape", json!(shape))], [indices.into_operand()]);
    (0..shape.len()).map(|axis| made.output(axis)).collect()
}

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
    /// The product of all rows with a number, for each number.
    segment_prod = "SegmentProd";
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
