//! The two working precisions of the evaluator.

use std::fmt::Debug;

use kerros_core::program::{Binary, Unary};
use kerros_core::{DType, Result, Shape, Tensor, law};

/// A working precision: `f32` by the law, or `f64` as the oracle.
pub trait Real: Copy + Debug + PartialOrd + 'static {
    /// The dtype of results.
    const DTYPE: DType;
    /// Rounds from `f32` (exact).
    fn from_f32(value: f32) -> Self;
    /// Rounds from `f64`.
    fn from_f64(value: f64) -> Self;
    /// Widens to `f64`.
    fn to_f64(self) -> f64;
    /// A host tensor of these numbers.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    fn tensor(shape: &Shape, values: &[Self]) -> Result<Tensor>;
    /// A unary function of floats.
    fn unary(function: Unary, x: Self) -> Self;
    /// A binary function of floats or truth values; truth values are 0 and 1.
    fn binary(function: Binary, a: Self, b: Self) -> Self;
    /// One element of a matrix product.
    fn dot(len: usize, a: impl Fn(usize) -> Self, b: impl Fn(usize) -> Self) -> Self;
}

impl Real for f32 {
    const DTYPE: DType = DType::F32;

    fn from_f32(value: f32) -> Self {
        value
    }
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn to_f64(self) -> f64 {
        self.into()
    }
    fn tensor(shape: &Shape, values: &[f32]) -> Result<Tensor> {
        Tensor::new(shape, values)
    }
    fn unary(function: Unary, x: f32) -> f32 {
        function.apply(x)
    }
    fn binary(function: Binary, a: f32, b: f32) -> f32 {
        function.apply(a, b)
    }
    fn dot(len: usize, a: impl Fn(usize) -> f32, b: impl Fn(usize) -> f32) -> f32 {
        law::dot_chain(len, a, b)
    }
}

impl Real for f64 {
    const DTYPE: DType = DType::F64;

    fn from_f32(value: f32) -> Self {
        value.into()
    }
    fn from_f64(value: f64) -> Self {
        value
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn tensor(shape: &Shape, values: &[f64]) -> Result<Tensor> {
        Tensor::new(shape, values)
    }

    fn unary(function: Unary, x: f64) -> f64 {
        match function {
            Unary::Neg => -x,
            Unary::Abs => x.abs(),
            Unary::Sign => {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    x
                }
            }
            Unary::Exp => x.exp(),
            Unary::Expm1 => x.exp_m1(),
            Unary::Log => x.ln(),
            Unary::Log1p => x.ln_1p(),
            Unary::Sqrt => x.sqrt(),
            Unary::Rsqrt => 1.0 / x.sqrt(),
            Unary::Sin => x.sin(),
            Unary::Cos => x.cos(),
            Unary::Tanh => x.tanh(),
            Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Unary::Erf => libm::erf(x),
            Unary::Floor => x.floor(),
            Unary::Ceil => x.ceil(),
            Unary::Round => x.round_ties_even(),
            Unary::IsNan => x.is_nan().into(),
            Unary::IsFinite => x.is_finite().into(),
            Unary::Not => 1.0 - x,
            Unary::Flush => {
                if x.abs() < f64::from(law::FLUSH_BELOW) {
                    0.0
                } else {
                    x
                }
            }
            Unary::UnitFloat | Unary::IntToFloat | Unary::FloatToInt => {
                unreachable!("conversions are evaluated by their operation")
            }
        }
    }

    fn binary(function: Binary, a: f64, b: f64) -> f64 {
        match function {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul | Binary::And => a * b,
            Binary::Div => a / b,
            Binary::Pow => a.powf(b),
            Binary::Max => {
                if a.is_nan() || a > b {
                    a
                } else {
                    b
                }
            }
            Binary::Min => {
                if a.is_nan() || a < b {
                    a
                } else {
                    b
                }
            }
            Binary::Eq => (a == b).into(),
            Binary::Ne => (a != b).into(),
            Binary::Lt => (a < b).into(),
            Binary::Le => (a <= b).into(),
            Binary::Or => a.max(b),
        }
    }

    fn dot(len: usize, a: impl Fn(usize) -> f64, b: impl Fn(usize) -> f64) -> f64 {
        (0..len).map(|k| a(k) * b(k)).sum()
    }
}
