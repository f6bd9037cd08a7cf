//! Numbers over axes: sums, means, the largest, and running ones.

use serde_json::json;

use super::{Axes, Operand, apply, number};
use crate::model::KerasTensor;

macro_rules! reductions {
    ($($(#[$doc:meta])* $function:ident = $module:literal $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: &KerasTensor, axes: impl Into<Axes>) -> KerasTensor {
            apply($module, $Class, &axes.into().settings(true), [x.into_operand()])
        }
    )*};
}

reductions! {
    /// The sum over axes.
    sum = "ops.numpy" "Sum";
    /// The mean over axes.
    mean = "ops.numpy" "Mean";
    /// The largest over axes.
    max = "ops.numpy" "Max";
    /// The smallest over axes.
    min = "ops.numpy" "Min";
    /// [`max`] under its other name.
    amax = "ops.numpy" "Amax";
    /// [`min`] under its other name.
    amin = "ops.numpy" "Amin";
    /// The largest less the smallest, over axes.
    ptp = "ops.numpy" "Ptp";
    /// The product over axes.
    prod = "ops.numpy" "Prod";
    /// The mean squared distance from the mean, over axes.
    var = "ops.numpy" "Var";
    /// The square root of [`var`].
    std = "ops.numpy" "Std";
    /// The number in the middle of the sorted ones, over axes; the mean of two where they are even.
    median = "ops.numpy" "Median";
    /// Whether any is true, over axes.
    any = "ops.numpy" "Any";
    /// Whether all are true, over axes.
    all = "ops.numpy" "All";
    /// `log(sum(e^x))` over axes.
    logsumexp = "ops.math" "Logsumexp";
    /// The place of the largest along an axis.
    argmax = "ops.numpy" "Argmax";
    /// The place of the smallest along an axis.
    argmin = "ops.numpy" "Argmin";
    /// [`sum`] of what is not NaN.
    nansum = "ops.numpy" "Nansum";
    /// [`mean`] of what is not NaN.
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// use kerros::ops;
    /// let x = Input::new([3]).tensor();
    /// let mut model = Model::functional([&x], [&ops::nanmean(&x, -1)])?;
    /// let y = model.predict(Tensor::new([1, 3], [1.0, f32::NAN, 3.0])?)?;
    /// assert_eq!(y.as_slice::<f32>()?, [2.0]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    nanmean = "ops.numpy" "Nanmean";
    /// [`max`] of what is not NaN.
    nanmax = "ops.numpy" "Nanmax";
    /// [`min`] of what is not NaN.
    nanmin = "ops.numpy" "Nanmin";
    /// [`prod`] of what is not NaN.
    nanprod = "ops.numpy" "Nanprod";
    /// [`var`] of what is not NaN.
    nanvar = "ops.numpy" "Nanvar";
    /// [`std()`] of what is not NaN.
    nanstd = "ops.numpy" "Nanstd";
    /// [`median`] of what is not NaN.
    nanmedian = "ops.numpy" "Nanmedian";
    /// [`argmax`] of what is not NaN; -1 where all is.
    nanargmax = "ops.numpy" "Nanargmax";
    /// [`argmin`] of what is not NaN; -1 where all is.
    nanargmin = "ops.numpy" "Nanargmin";
}

/// How many are not 0, over axes, which do not stay.
#[track_caller]
pub fn count_nonzero(x: &KerasTensor, axes: impl Into<Axes>) -> KerasTensor {
    apply("ops.numpy", "CountNonzero", &axes.into().settings(false), [x.into_operand()])
}

/// The mean over axes, which do not stay, each number as often as its weight says:
/// `sum(x * weights) / sum(weights)`; `()` for equal weights.
#[track_caller]
pub fn average(x: &KerasTensor, axes: impl Into<Axes>, weights: impl Operand) -> KerasTensor {
    let arguments = [x.into_operand(), weights.into_operand()];
    apply("ops.numpy", "Average", &axes.into().settings(false), arguments)
}

/// Mean and variance over axes, which stay with length 1 where `keepdims` says so.
#[track_caller]
pub fn moments(
    x: &KerasTensor,
    axes: impl Into<Vec<isize>>,
    keepdims: bool,
) -> (KerasTensor, KerasTensor) {
    let settings = [("axes", json!(axes.into())), ("keepdims", json!(keepdims))];
    let made = apply("ops.nn", "Moments", &settings, [x.into_operand()]);
    (made.output(0), made.output(1))
}

/// The length of vectors along one axis, `sum(|x|^order)^(1 / order)`, or of matrices over two;
/// `None` for the root of the squares' sum.
#[track_caller]
pub fn norm(x: &KerasTensor, order: impl Into<Option<f32>>, axes: impl Into<Axes>) -> KerasTensor {
    let mut settings = axes.into().settings(true);
    settings.push(("ord", json!(order.into().map(number))));
    apply("ops.linalg", "Norm", &settings, [x.into_operand()])
}

/// `10 log10(max_val² / mean((a - b)²))`, in decibels, as one number for all.
#[track_caller]
pub fn psnr(a: impl Operand, b: impl Operand, max_val: f32) -> KerasTensor {
    let settings = [("max_val", number(max_val))];
    apply("ops.nn", "PSNR", &settings, [a.into_operand(), b.into_operand()])
}

macro_rules! quantiles {
    ($($(#[$doc:meta])* $function:ident($q:ident) = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(
            x: &KerasTensor,
            $q: impl Operand,
            axes: impl Into<Axes>,
        ) -> KerasTensor {
            let arguments = [x.into_operand(), $q.into_operand()];
            apply("ops.numpy", $Class, &axes.into().settings(true), arguments)
        }
    )*};
}

quantiles! {
    /// The number at a share from 0 to 1 of the sorted ones, over axes; several shares along a
    /// first axis. Between two numbers it is in proportion.
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
    quantile(shares) = "Quantile";
    /// [`quantile`] with shares of 100.
    percentile(percents) = "Percentile";
    /// [`quantile`] of what is not NaN.
    nanquantile(shares) = "Nanquantile";
    /// [`percentile`] of what is not NaN.
    nanpercentile(percents) = "Nanpercentile";
}

along_axis! {
    /// Running sums along an axis.
    cumsum = "Cumsum";
    /// Running products along an axis.
    cumprod = "Cumprod";
    /// Running sums along an axis, NaN as 0.
    nancumsum = "Nancumsum";
    /// Running products along an axis, NaN as 1.
    nancumprod = "Nancumprod";
}

/// Each number less the one before it along an axis, `n` times over: the axis is shorter by `n`.
#[track_caller]
pub fn diff(x: &KerasTensor, n: usize, axis: isize) -> KerasTensor {
    apply("ops.numpy", "Diff", &[("n", json!(n)), ("axis", json!(axis))], [x.into_operand()])
}

/// The area below the points `y`, which are `dx` apart along an axis, by trapezoids.
#[track_caller]
pub fn trapezoid(y: &KerasTensor, dx: f32, axis: isize) -> KerasTensor {
    let settings = [("dx", number(dx)), ("axis", json!(axis))];
    apply("ops.numpy", "Trapezoid", &settings, [y.into_operand()])
}
