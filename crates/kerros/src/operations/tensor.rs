//! Mathematics on [`KerasTensor`]: operators, and methods for what is used most.

use kerros_core::Tensor;
use serde_json::{Value, json};

use super::{Operation, constants, ops};
use crate::model::{Argument, Arguments, IntoLayer, KerasTensor};
use crate::object::{self, Config};

/// What can stand beside a tensor: another, a number, or an array.
pub trait Operand {
    /// It, as an argument of a call.
    fn into_operand(self) -> Argument<KerasTensor>;
}

impl Operand for &KerasTensor {
    fn into_operand(self) -> Argument<KerasTensor> {
        Argument::from(self)
    }
}

impl Operand for KerasTensor {
    fn into_operand(self) -> Argument<KerasTensor> {
        Argument::from(&self)
    }
}

impl Operand for f32 {
    fn into_operand(self) -> Argument<KerasTensor> {
        Argument::Value(number(self))
    }
}

impl Operand for i32 {
    fn into_operand(self) -> Argument<KerasTensor> {
        Argument::Value(json!(self))
    }
}

/// Nothing, for an argument that may be left out.
impl Operand for () {
    fn into_operand(self) -> Argument<KerasTensor> {
        Argument::Value(Value::Null)
    }
}

impl Operand for &Tensor {
    fn into_operand(self) -> Argument<KerasTensor> {
        Argument::Value(constants::value(self))
    }
}

/// A number as its shortest decimal, not with the digits of the nearest `f64`.
pub(super) fn number(number: f32) -> Value {
    object::number_value(number.to_string().parse().unwrap_or(f64::from(number)))
}

/// Applies an operation that is known to exist with these settings.
#[track_caller]
pub(super) fn apply(
    module: &str,
    class_name: &str,
    settings: &[(&str, Value)],
    positional: impl IntoIterator<Item = Argument<KerasTensor>>,
) -> KerasTensor {
    let settings = settings.iter().map(|(name, value)| (name.to_string(), value.clone()));
    let operation = Operation::new(module, class_name, &settings.collect::<Config>());
    let operation = operation.expect("operations of this crate are in the list, and whole");
    let positional = positional.into_iter().collect();
    operation.on(Arguments { positional, keyword: Vec::new() })
}

macro_rules! operators {
    ($($Trait:ident $method:ident $Class:literal),*) => {$(
        impl<T: Operand> std::ops::$Trait<T> for &KerasTensor {
            type Output = KerasTensor;

            #[track_caller]
            fn $method(self, other: T) -> KerasTensor {
                apply("ops.numpy", $Class, &[], [self.into_operand(), other.into_operand()])
            }
        }

        impl<T: Operand> std::ops::$Trait<T> for KerasTensor {
            type Output = KerasTensor;

            #[track_caller]
            fn $method(self, other: T) -> KerasTensor {
                apply("ops.numpy", $Class, &[], [self.into_operand(), other.into_operand()])
            }
        }

        impl std::ops::$Trait<&KerasTensor> for f32 {
            type Output = KerasTensor;

            #[track_caller]
            fn $method(self, other: &KerasTensor) -> KerasTensor {
                apply("ops.numpy", $Class, &[], [self.into_operand(), other.into_operand()])
            }
        }

        impl std::ops::$Trait<KerasTensor> for f32 {
            type Output = KerasTensor;

            #[track_caller]
            fn $method(self, other: KerasTensor) -> KerasTensor {
                apply("ops.numpy", $Class, &[], [self.into_operand(), other.into_operand()])
            }
        }
    )*};
}
operators!(Add add "Add", Sub sub "Subtract", Mul mul "Multiply", Div div "TrueDivide");

impl std::ops::Neg for &KerasTensor {
    type Output = KerasTensor;

    #[track_caller]
    fn neg(self) -> KerasTensor {
        apply("ops.numpy", "Negative", &[], [self.into_operand()])
    }
}

impl std::ops::Neg for KerasTensor {
    type Output = KerasTensor;

    #[track_caller]
    fn neg(self) -> KerasTensor {
        -&self
    }
}

/// The operations that are used most, as methods; all are functions of [`ops`].
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let x = Input::new([2, 3]).tensor();
/// let y = (&x * 2.0 + 1.0).reshape([-1, 6]);
/// let mut model = Model::functional([&x], [&y])?;
/// let ones = Tensor::full([1, 2, 3], 1.0f32);
/// assert_eq!(model.predict(&ones)?.as_slice::<f32>()?, [3.0; 6]);
/// # Ok::<(), kerros::Error>(())
/// ```
impl KerasTensor {
    /// The same elements under another shape, batch axis included; -1 for what is left.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Vec<i64>>) -> KerasTensor {
        ops::reshape(self, shape)
    }

    /// The axes in this order, batch axis included.
    #[track_caller]
    pub fn transpose(&self, axes: impl Into<Vec<usize>>) -> KerasTensor {
        ops::transpose(self, axes)
    }

    /// The matrix product with another tensor, or array, over the last two axes.
    #[track_caller]
    pub fn matmul(&self, other: impl Operand) -> KerasTensor {
        ops::matmul(self, other)
    }

    /// Entries `start..end` along an axis, as in `x[:, start:end]`.
    #[track_caller]
    pub fn slice(&self, axis: usize, start: i64, end: i64) -> KerasTensor {
        ops::along(self, axis, ops::Index::from(start..end))
    }

    /// One entry along an axis, which vanishes, as in `x[:, place]`; negative places count from
    /// the end.
    #[track_caller]
    pub fn at(&self, axis: usize, place: i64) -> KerasTensor {
        ops::at(self, axis, place)
    }
}
