//! Other types, and other numbers of the same shape.

use kerros_core::DType;
use serde_json::{Value, json};

use super::{Operand, apply, number};
use crate::model::KerasTensor;

of_one! {
    /// The same value, through which no derivative flows.
    stop_gradient = "ops.core" "StopGradient";
    /// Zeros of the same shape.
    zeros_like = "ops.numpy" "ZerosLike";
    /// Ones of the same shape.
    ones_like = "ops.numpy" "OnesLike";
    /// Numbers of the same shape that do not matter: zeros.
    empty_like = "ops.numpy" "EmptyLike";
}

/// The same values as another type.
#[track_caller]
pub fn cast(x: &KerasTensor, dtype: DType) -> KerasTensor {
    apply("ops.core", "Cast", &[("dtype", json!(dtype.to_string()))], [x.into_operand()])
}

/// The same values as another type by Keras's name, such as `"uint8"`; what is outside its range
/// becomes the nearest end.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([3]).tensor();
/// let mut model = Model::functional([&x], [&ops::saturate_cast(&x, "uint8")])?;
/// let y = model.predict(Tensor::new([1, 3], [-3.0f32, 7.5, 300.0])?)?;
/// assert_eq!(y.as_slice::<i32>()?, [0, 7, 255]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn saturate_cast(x: &KerasTensor, dtype: &str) -> KerasTensor {
    apply("ops.core", "SaturateCast", &[("dtype", json!(dtype))], [x.into_operand()])
}

/// A type in a config; null for the one that is there.
fn type_of(dtype: Option<DType>) -> [(&'static str, Value); 1] {
    [("dtype", json!(dtype.map(|dtype| dtype.to_string())))]
}

/// The same values, as this type where one is given.
#[track_caller]
pub fn array(x: &KerasTensor, dtype: impl Into<Option<DType>>) -> KerasTensor {
    apply("ops.numpy", "Array", &type_of(dtype.into()), [x.into_operand()])
}

/// The same values, as this type where one is given.
#[track_caller]
pub fn convert_to_tensor(x: &KerasTensor, dtype: impl Into<Option<DType>>) -> KerasTensor {
    apply("ops.core", "ConvertToTensor", &type_of(dtype.into()), [x.into_operand()])
}

/// This shape, batch axis included, with one number everywhere.
#[track_caller]
pub fn full(shape: impl Into<Vec<usize>>, fill_value: &KerasTensor) -> KerasTensor {
    apply("ops.numpy", "Full", &[("shape", json!(shape.into()))], [fill_value.into_operand()])
}

/// The shape of `x` with one number everywhere.
#[track_caller]
pub fn full_like(x: &KerasTensor, fill_value: impl Operand) -> KerasTensor {
    apply("ops.numpy", "FullLike", &[], [x.into_operand(), fill_value.into_operand()])
}

/// `num` numbers at equal distances from `start` to `stop`, both included, along an axis of their
/// own.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([1]).tensor();
/// let mut model = Model::functional([&x], [&ops::linspace(&x, 10.0, 3, -1)])?;
/// let y = model.predict(Tensor::new([1, 1], [4.0f32])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [4.0, 7.0, 10.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn linspace(start: &KerasTensor, stop: impl Operand, num: usize, axis: isize) -> KerasTensor {
    let settings = [("num", json!(num)), ("axis", json!(axis))];
    apply("ops.numpy", "Linspace", &settings, [start.into_operand(), stop.into_operand()])
}

/// `num` numbers at equal ratios from `start` to `stop`, both included and of one sign, along an
/// axis of their own.
#[track_caller]
pub fn geomspace(start: &KerasTensor, stop: impl Operand, num: usize, axis: isize) -> KerasTensor {
    let settings = [("num", json!(num)), ("axis", json!(axis))];
    apply("ops.numpy", "Geomspace", &settings, [start.into_operand(), stop.into_operand()])
}

/// `base` to the power of each number of [`linspace`].
#[track_caller]
pub fn logspace(
    start: &KerasTensor,
    stop: impl Operand,
    num: usize,
    base: f32,
    axis: isize,
) -> KerasTensor {
    let settings = [("num", json!(num)), ("base", number(base)), ("axis", json!(axis))];
    apply("ops.numpy", "Logspace", &settings, [start.into_operand(), stop.into_operand()])
}
