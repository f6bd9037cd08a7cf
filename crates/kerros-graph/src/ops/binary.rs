use kerros_core::program::Binary as Function;
use kerros_core::{DType, Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real, Values};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// A function of two values of one shape, element by element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Binary {
    /// Which.
    pub function: Function,
}

impl Operation for Binary {
    const NAME: &'static str = "binary";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        let (a, b) = (&inputs[0], &inputs[1]);
        let allowed = match self.function {
            Function::And | Function::Or => a.dtype == DType::Bool,
            Function::Div | Function::Pow => a.dtype == DType::F32,
            Function::Eq | Function::Ne => true,
            _ => a.dtype != DType::Bool,
        };
        if a != b || !allowed {
            let message = format!("{} of {a} and {b}", self.function.name());
            let kind = if a.shape == b.shape { ErrorKind::DType } else { ErrorKind::Shape };
            return Err(Error::new(kind, message)
                .expected("operands of one shape and one dtype that the function takes")
                .hint("convert one with `cast`"));
        }
        let dtype = if self.function.is_comparison() { DType::Bool } else { a.dtype };
        Ok(Type::new(dtype, &a.shape))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (a, b, y, dy) = (context.inputs[0], context.inputs[1], context.output, context.dy);
        if y.dtype() != DType::F32 {
            return Ok(vec![None, None]);
        }
        let (da, db) = match self.function {
            Function::Add => (dy, dy),
            Function::Sub => (dy, -dy),
            Function::Mul => (dy * b, dy * a),
            Function::Div => (dy / b, -(dy * y) / b),
            Function::Pow => {
                // x^0 is flat in x even at 0, where the formula would give 0 * inf.
                let da = b.equal(0.0).select(0.0, b * a.pow(b - 1.0));
                let safe = a.less_equal(0.0).select(1.0, a);
                (dy * da, dy * a.less_equal(0.0).select(0.0, y * safe.log()))
            }
            Function::Max | Function::Min => {
                // Each operand gets all, half (a tie) or nothing.
                let half = dy * 0.5;
                let (above, below) = match self.function {
                    Function::Max => (b.less(a), a.less(b)),
                    _ => (a.less(b), b.less(a)),
                };
                (
                    above.select(dy, below.select(0.0, half)),
                    below.select(dy, above.select(0.0, half)),
                )
            }
            Function::Eq
            | Function::Ne
            | Function::Lt
            | Function::Le
            | Function::And
            | Function::Or => return Ok(vec![None, None]),
        };
        Ok(vec![Some(da), Some(db)])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let values = match (&inputs[0].values, &inputs[1].values) {
            (Values::Float(a), Values::Float(b)) => {
                let pairs = a.iter().zip(b);
                Values::Float(pairs.map(|(&a, &b)| T::binary(self.function, a, b)).collect())
            }
            (Values::Int(a), Values::Int(b)) => {
                let pairs = a.iter().zip(b);
                if ty.dtype == DType::Bool {
                    let truth = |(a, b): (&i32, &i32)| match self.function {
                        Function::Eq => a == b,
                        Function::Ne => a != b,
                        Function::Lt => a < b,
                        _ => a <= b,
                    };
                    Values::Float(
                        pairs.map(|pair| T::from_f32(f32::from(u8::from(truth(pair))))).collect(),
                    )
                } else {
                    let combine = |(&a, &b): (&i32, &i32)| match self.function {
                        Function::Add => a.wrapping_add(b),
                        Function::Sub => a.wrapping_sub(b),
                        Function::Mul => a.wrapping_mul(b),
                        Function::Max => a.max(b),
                        _ => a.min(b),
                    };
                    Values::Int(pairs.map(combine).collect())
                }
            }
            _ => unreachable!("the shape rule asked for one dtype"),
        };
        Array { shape: ty.shape.clone(), dtype: ty.dtype, values }
    }

    attributes!(function);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        for function in Function::ALL {
            for dtype in [DType::F32, DType::I32, DType::Bool] {
                let ty = Type::new(dtype, [4, 3]);
                let op = Binary { function };
                let inputs = vec![ty.clone(), ty];
                if op.infer(&inputs).is_ok() {
                    samples.push(Sample { op, inputs, range: (0.3, 2.5) });
                }
            }
        }
        samples
    }
}
