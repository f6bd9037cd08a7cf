use kerros_core::program::Unary as Function;
use kerros_core::{DType, Error, ErrorKind, Result, philox};

use crate::attributes::attributes;
use crate::eval::{Array, Real, Values};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// A function of one value, element by element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unary {
    /// Which.
    pub function: Function,
}

/// What a function takes and gives.
fn signature(function: Function, dtype: DType) -> Option<DType> {
    match (function, dtype) {
        (Function::UnitFloat | Function::IntToFloat, DType::I32) => Some(DType::F32),
        (Function::FloatToInt, DType::F32) => Some(DType::I32),
        (Function::IsNan | Function::IsFinite, DType::F32) => Some(DType::Bool),
        (Function::Not, DType::Bool) => Some(DType::Bool),
        (Function::Neg | Function::Abs | Function::Sign, DType::I32) => Some(DType::I32),
        (
            Function::UnitFloat
            | Function::IntToFloat
            | Function::FloatToInt
            | Function::IsNan
            | Function::IsFinite
            | Function::Not,
            _,
        ) => None,
        (_, DType::F32) => Some(DType::F32),
        _ => None,
    }
}

impl Operation for Unary {
    const NAME: &'static str = "unary";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        let dtype = signature(self.function, inputs[0].dtype).ok_or_else(|| {
            let name = self.function.name();
            Error::new(ErrorKind::DType, format!("{name} of {}", inputs[0]))
                .expected("an operand of another dtype")
                .hint("convert it with `cast`")
        })?;
        Ok(Type::new(dtype, &inputs[0].shape))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, y, dy) = (context.inputs[0], context.output, context.dy);
        let dx = match self.function {
            Function::Neg => -dy,
            Function::Abs => x.greater_equal(0.0).select(dy, -dy),
            Function::Exp => dy * y,
            Function::Expm1 => dy * (y + 1.0),
            Function::Log => dy / x,
            Function::Log1p => dy / (x + 1.0),
            Function::Sqrt => dy * 0.5 / y,
            Function::Rsqrt => dy * -0.5 * (y / x),
            Function::Sin => dy * x.cos(),
            Function::Cos => -(dy * x.sin()),
            Function::Tanh => dy * (1.0 - y * y),
            Function::Sigmoid => dy * (y * (1.0 - y)),
            Function::Erf => dy * ((-(x * x)).exp() * std::f32::consts::FRAC_2_SQRT_PI),
            Function::Flush => y.not_equal(0.0).select(dy, 0.0),
            // Flat wherever they are smooth.
            Function::Sign
            | Function::Floor
            | Function::Ceil
            | Function::Round
            | Function::IsNan
            | Function::IsFinite
            | Function::Not
            | Function::UnitFloat
            | Function::IntToFloat
            | Function::FloatToInt => return Ok(vec![None]),
        };
        Ok(vec![Some(dx)])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let values = match (self.function, &inputs[0].values) {
            (Function::UnitFloat, Values::Int(x)) => Values::Float(
                x.iter().map(|&word| T::from_f32(philox::unit_f32(word as u32))).collect(),
            ),
            (Function::IntToFloat, Values::Int(x)) => {
                Values::Float(x.iter().map(|&v| T::from_f64(v.into())).collect())
            }
            (Function::FloatToInt, Values::Float(x)) => {
                Values::Int(x.iter().map(|v| float_to_int(v.to_f64())).collect())
            }
            (Function::Neg, Values::Int(x)) => {
                Values::Int(x.iter().map(|v| v.wrapping_neg()).collect())
            }
            (Function::Abs, Values::Int(x)) => {
                Values::Int(x.iter().map(|v| v.wrapping_abs()).collect())
            }
            (_, Values::Int(x)) => Values::Int(x.iter().map(|v| v.signum()).collect()),
            (function, Values::Float(x)) => {
                Values::Float(x.iter().map(|&v| T::unary(function, v)).collect())
            }
        };
        Array { shape: ty.shape.clone(), dtype: ty.dtype, values }
    }

    attributes!(function);

    fn samples() -> Vec<Sample<Self>> {
        Function::ALL
            .into_iter()
            .map(|function| {
                let dtype = [DType::F32, DType::I32, DType::Bool]
                    .into_iter()
                    .find(|&dtype| signature(function, dtype).is_some())
                    .expect("every function takes some dtype");
                let range = match function {
                    Function::Log | Function::Sqrt | Function::Rsqrt => (0.2, 4.0),
                    Function::Abs | Function::Sign | Function::Log1p => (0.1, 3.0),
                    _ => (-2.0, 2.0),
                };
                Sample { op: Unary { function }, inputs: vec![Type::new(dtype, [3, 5])], range }
            })
            .collect()
    }
}

/// `f32` to `i32` as the law has it: towards zero, `i32::MIN` when it does not fit.
pub(super) fn float_to_int(value: f64) -> i32 {
    if (-2_147_483_648.0..2_147_483_648.0).contains(&value) { value as i32 } else { i32::MIN }
}
