//! The same numbers in other places: other shapes, other orders, put together.

use serde_json::{Value, json};

use super::{Axes, Operand, Sizes, apply, listed};
use crate::model::{Argument, KerasTensor};

of_one! {
    /// All elements along one axis, those of the batch axis too.
    ravel = "ops.numpy" "Ravel";
    /// Axis 1 from its end to its beginning.
    fliplr = "ops.numpy" "Fliplr";
    /// Axis 0 from its end to its beginning.
    flipud = "ops.numpy" "Flipud";
}

/// The same elements under another shape, batch axis included; -1 for what is left.
#[track_caller]
pub fn reshape(x: &KerasTensor, shape: impl Into<Vec<i64>>) -> KerasTensor {
    apply("ops.numpy", "Reshape", &[("newshape", json!(shape.into()))], [x.into_operand()])
}

/// The axes in this order, batch axis included.
#[track_caller]
pub fn transpose(x: &KerasTensor, axes: impl Into<Vec<usize>>) -> KerasTensor {
    apply("ops.numpy", "Transpose", &[("axes", json!(axes.into()))], [x.into_operand()])
}

/// Two axes in each other's place.
#[track_caller]
pub fn swapaxes(x: &KerasTensor, axis1: isize, axis2: isize) -> KerasTensor {
    let settings = [("axis1", json!(axis1)), ("axis2", json!(axis2))];
    apply("ops.numpy", "Swapaxes", &settings, [x.into_operand()])
}

/// The axes `source` at the places `destination`; the others keep their order.
#[track_caller]
pub fn moveaxis<const N: usize>(
    x: &KerasTensor,
    source: [isize; N],
    destination: [isize; N],
) -> KerasTensor {
    let (source, destination) = (source.to_vec(), destination.to_vec());
    let settings = [("source", json!(source)), ("destination", json!(destination))];
    apply("ops.numpy", "Moveaxis", &settings, [x.into_operand()])
}

/// An axis of length 1 at this place.
#[track_caller]
pub fn expand_dims(x: &KerasTensor, axis: isize) -> KerasTensor {
    apply("ops.numpy", "ExpandDims", &[("axis", json!(axis))], [x.into_operand()])
}

/// Without an axis of length 1.
#[track_caller]
pub fn squeeze(x: &KerasTensor, axis: isize) -> KerasTensor {
    apply("ops.numpy", "Squeeze", &[("axis", json!(axis))], [x.into_operand()])
}

/// The same numbers again along axes of length 1 and in front, up to this shape, batch axis
/// included.
#[track_caller]
pub fn broadcast_to(x: &KerasTensor, shape: impl Into<Vec<usize>>) -> KerasTensor {
    apply("ops.numpy", "BroadcastTo", &[("shape", json!(shape.into()))], [x.into_operand()])
}

/// Axes from their ends to their beginnings.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([3]).tensor();
/// let y = ops::roll(&ops::flip(&x, -1), 1, -1);
/// let mut model = Model::functional([&x], [&y])?;
/// let y = model.predict(Tensor::new([1, 3], [1.0f32, 2.0, 3.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [1.0, 3.0, 2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn flip(x: &KerasTensor, axes: impl Into<Axes>) -> KerasTensor {
    apply("ops.numpy", "Flip", &axes.into().settings(false), [x.into_operand()])
}

/// Entries `shift` places further along an axis; those pushed out come in at the beginning.
#[track_caller]
pub fn roll(x: &KerasTensor, shift: isize, axes: impl Into<Axes>) -> KerasTensor {
    let settings = [("shift", json!(shift)), ("axis", axes.into().value())];
    apply("ops.numpy", "Roll", &settings, [x.into_operand()])
}

/// Turned by `k` quarters of a circle, from the first of two axes towards the second.
#[track_caller]
pub fn rot90(x: &KerasTensor, k: isize, axes: [isize; 2]) -> KerasTensor {
    apply("ops.numpy", "Rot90", &[("k", json!(k)), ("axes", json!(axes))], [x.into_operand()])
}

/// Several tensors one after the other, along an axis.
#[track_caller]
pub fn concatenate<'a>(
    parts: impl IntoIterator<Item = &'a KerasTensor>,
    axis: isize,
) -> KerasTensor {
    apply("ops.numpy", "Concatenate", &[("axis", json!(axis))], [listed(parts)])
}

/// Several tensors side by side, along an axis of their own.
#[track_caller]
pub fn stack<'a>(parts: impl IntoIterator<Item = &'a KerasTensor>, axis: isize) -> KerasTensor {
    apply("ops.numpy", "Stack", &[("axis", json!(axis))], [listed(parts)])
}

macro_rules! stacks {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function<'a>(parts: impl IntoIterator<Item = &'a KerasTensor>) -> KerasTensor {
            apply("ops.numpy", $Class, &[], [listed(parts)])
        }
    )*};
}

stacks! {
    /// Several tensors one after the other along axis 1, or the only one.
    hstack = "Hstack";
    /// Several tensors one after the other along axis 0.
    vstack = "Vstack";
    /// Several tensors one after the other along axis 2, which those with fewer get.
    dstack = "Dstack";
}

/// `b` after `a` along an axis.
#[track_caller]
pub fn append(a: impl Operand, b: impl Operand, axis: isize) -> KerasTensor {
    let arguments = [a.into_operand(), b.into_operand()];
    apply("ops.numpy", "Append", &[("axis", json!(axis))], arguments)
}

/// The parts that an operation makes.
fn parts(made: &KerasTensor, count: usize) -> Vec<KerasTensor> {
    (0..count).map(|part| made.output(part)).collect()
}

macro_rules! splits {
    ($($(#[$doc:meta])* $function:ident($($axis:ident)?) = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(
            x: &KerasTensor,
            sections: impl Into<Sizes>,
            $($axis: isize,)?
        ) -> Vec<KerasTensor> {
            let sections = sections.into();
            let settings = [
                ("indices_or_sections", sections.0.clone()),
                $((stringify!($axis), json!($axis)),)?
            ];
            let made = apply("ops.numpy", $Class, &settings, [x.into_operand()]);
            parts(&made, sections.num_parts())
        }
    )*};
}

splits! {
    /// Equal parts along an axis, so many; or those between places of a list.
    ///
    /// ```
    /// use kerros::prelude::*;
    /// use kerros::ops;
    /// let x = Input::new([4]).tensor();
    /// let halves = ops::split(&x, 2, -1);
    /// let swapped = ops::concatenate([&halves[1], &halves[0]], -1);
    /// let mut model = Model::functional([&x], [&swapped])?;
    /// let y = model.predict(Tensor::new([1, 4], [1.0f32, 2.0, 3.0, 4.0])?)?;
    /// assert_eq!(y.as_slice::<f32>()?, [3.0, 4.0, 1.0, 2.0]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    split(axis) = "Split";
    /// [`split`] into parts of which the first may be longer by one.
    array_split(axis) = "ArraySplit";
    /// [`split`] along axis 1, or the only one.
    hsplit() = "Hsplit";
    /// [`split`] along axis 0.
    vsplit() = "Vsplit";
    /// [`split`] along axis 2.
    dsplit() = "Dsplit";
}

/// The `num` entries of an axis, which vanishes.
#[track_caller]
pub fn unstack(x: &KerasTensor, num: usize, axis: isize) -> Vec<KerasTensor> {
    let settings = [("num", json!(num)), ("axis", json!(axis))];
    parts(&apply("ops.core", "Unstack", &settings, [x.into_operand()]), num)
}

/// Each of several vectors along an axis of its own, spread over the axes of the others; with
/// `indexing` `"xy"` the first two axes are in each other's place, with `"ij"` they are not.
#[track_caller]
pub fn meshgrid<'a>(
    vectors: impl IntoIterator<Item = &'a KerasTensor>,
    indexing: &str,
) -> Vec<KerasTensor> {
    let vectors: Vec<Argument<KerasTensor>> = vectors.into_iter().map(Argument::from).collect();
    let count = vectors.len();
    let settings = [("indexing", json!(indexing))];
    parts(&apply("ops.numpy", "Meshgrid", &settings, vectors), count)
}

/// The whole several times along each axis, batch axis included.
#[track_caller]
pub fn tile(x: &KerasTensor, repeats: impl Into<Vec<usize>>) -> KerasTensor {
    apply("ops.numpy", "Tile", &[("repeats", json!(repeats.into()))], [x.into_operand()])
}

/// Each entry of an axis several times: all as often, or each as its own number says.
#[track_caller]
pub fn repeat(x: &KerasTensor, repeats: impl Into<Sizes>, axis: isize) -> KerasTensor {
    let settings = [("repeats", repeats.into().0), ("axis", json!(axis))];
    apply("ops.numpy", "Repeat", &settings, [x.into_operand()])
}

/// So many entries more before and after each axis, batch axis included. `mode` says which:
/// `"constant"` for zeros, `"edge"`, `"reflect"`, `"symmetric"`, `"wrap"`, `"linear_ramp"`,
/// `"maximum"`, `"mean"`, `"median"` or `"minimum"`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([3]).tensor();
/// let y = ops::pad(&x, [[0, 0], [1, 2]], "reflect");
/// let mut model = Model::functional([&x], [&y])?;
/// let y = model.predict(Tensor::new([1, 3], [1.0f32, 2.0, 3.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn pad(x: &KerasTensor, pad_width: impl Into<Vec<[usize; 2]>>, mode: &str) -> KerasTensor {
    let settings = [("pad_width", json!(pad_width.into())), ("mode", json!(mode))];
    apply("ops.numpy", "Pad", &settings, [x.into_operand()])
}

macro_rules! diagonals {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor, k: isize) -> KerasTensor {
            apply("ops.numpy", $Class, &[("k", json!(k))], [x.into_operand()])
        }
    )*};
}

diagonals! {
    /// Zeros above diagonal `k` of the matrices of the last two axes; 0 is the main one, positive
    /// numbers are above it.
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// use kerros::ops;
    /// let x = Input::new([2, 2]).tensor();
    /// let mut model = Model::functional([&x], [&ops::tril(&x, 0)])?;
    /// let y = model.predict(Tensor::new([1, 2, 2], [1.0f32, 2.0, 3.0, 4.0])?)?;
    /// assert_eq!(y.as_slice::<f32>()?, [1.0, 0.0, 3.0, 4.0]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    tril = "Tril";
    /// Zeros below diagonal `k` of the matrices of the last two axes.
    triu = "Triu";
    /// Diagonal `k` of a matrix, or a matrix with this diagonal.
    diag = "Diag";
    /// A matrix with all elements on diagonal `k`.
    diagflat = "Diagflat";
}

fn of_two_axes(offset: isize, [axis1, axis2]: [isize; 2]) -> [(&'static str, Value); 3] {
    [("offset", json!(offset)), ("axis1", json!(axis1)), ("axis2", json!(axis2))]
}

/// The diagonal of the matrices of two axes, along a last axis.
#[track_caller]
pub fn diagonal(x: &KerasTensor, offset: isize, axes: [isize; 2]) -> KerasTensor {
    apply("ops.numpy", "Diagonal", &of_two_axes(offset, axes), [x.into_operand()])
}

/// The sum of [`diagonal`].
#[track_caller]
pub fn trace(x: &KerasTensor, offset: isize, axes: [isize; 2]) -> KerasTensor {
    apply("ops.numpy", "Trace", &of_two_axes(offset, axes), [x.into_operand()])
}
