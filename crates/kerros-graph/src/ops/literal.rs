use std::hash::{Hash, Hasher};

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// An array, the same at every run.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// The array: `f32`, `i32` or `bool`.
    pub value: Tensor,
}

impl Literal {
    /// The literal of an array.
    pub fn new(value: Tensor) -> Self {
        Literal { value }
    }
}

// `Tensor` compares by its bytes, so equality is reflexive for NaN too.
impl Eq for Literal {}

impl Hash for Literal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.dtype().hash(state);
        self.value.shape().hash(state);
        self.value.bytes().hash(state);
    }
}

impl Operation for Literal {
    const NAME: &'static str = "literal";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 0)?;
        match self.value.dtype() {
            dtype @ (DType::F32 | DType::I32 | DType::Bool) => {
                Ok(Type::new(dtype, self.value.shape()))
            }
            other => Err(Error::new(ErrorKind::DType, format!("the array is {other}"))
                .expected("float32, int32 or bool")
                .hint("convert it with `to_f32` or `to_i32`")),
        }
    }

    fn backward<'g>(&self, _context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(Vec::new())
    }

    fn eval<T: Real>(&self, _inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        Array::from_tensor(&self.value, ty.dtype).expect("the shape rule allows only these dtypes")
    }

    attributes!(value);

    fn samples() -> Vec<Sample<Self>> {
        let value = Tensor::new([2, 2], [1.0f32, -0.0, f32::NAN, 1e-40]).expect("four elements");
        vec![Sample { op: Literal { value }, inputs: vec![], range: (0.0, 1.0) }]
    }
}
