use kerros_core::{DType, Error, ErrorKind, Result};

use super::unary::float_to_int;
use crate::attributes::attributes;
use crate::eval::{Array, Real, Values};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// The same values as another element type: towards zero to `i32`, not-zero to `bool`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cast {
    /// The type to convert to.
    pub dtype: DType,
}

impl Operation for Cast {
    const NAME: &'static str = "cast";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        if !matches!(self.dtype, DType::F32 | DType::I32 | DType::Bool) {
            return Err(Error::new(ErrorKind::DType, format!("a cast to {}", self.dtype))
                .expected("float32, int32 or bool"));
        }
        Ok(Type::new(self.dtype, &inputs[0].shape))
    }

    fn backward<'g>(&self, _context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        // Only conversions between dtypes exist, and of those one side has no derivative.
        Ok(vec![None])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let truth = |value: bool| T::from_f32(f32::from(u8::from(value)));
        let values = match (&inputs[0].values, self.dtype) {
            (Values::Int(x), DType::I32) => Values::Int(x.clone()),
            (Values::Int(x), DType::Bool) => {
                Values::Float(x.iter().map(|&v| truth(v != 0)).collect())
            }
            (Values::Int(x), _) => {
                Values::Float(x.iter().map(|&v| T::from_f64(v.into())).collect())
            }
            (Values::Float(x), DType::I32) => {
                Values::Int(x.iter().map(|v| float_to_int(v.to_f64())).collect())
            }
            (Values::Float(x), DType::Bool) => {
                Values::Float(x.iter().map(|v| truth(v.to_f64() != 0.0)).collect())
            }
            (Values::Float(x), _) => Values::Float(x.clone()),
        };
        Array { shape: ty.shape.clone(), dtype: ty.dtype, values }
    }

    attributes!(dtype);

    fn samples() -> Vec<Sample<Self>> {
        let all = [DType::F32, DType::I32, DType::Bool];
        let pairs = all.into_iter().flat_map(|from| all.map(|to| (from, to)));
        pairs
            .filter(|(from, to)| from != to)
            .map(|(from, dtype)| Sample {
                op: Cast { dtype },
                inputs: vec![Type::new(from, [3, 4])],
                range: (-3.0, 3.0),
            })
            .collect()
    }
}
