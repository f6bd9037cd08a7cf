use kerros_core::{DType, Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// `0, 1, .., len - 1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Iota {
    /// How many.
    pub len: usize,
}

impl Operation for Iota {
    const NAME: &'static str = "iota";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 0)?;
        if i32::try_from(self.len).is_err() {
            let what = format!("{} whole numbers in turn", self.len);
            return Err(Error::new(ErrorKind::Shape, what).expected("what an `i32` can count"));
        }
        Ok(Type::new(DType::I32, [self.len]))
    }

    fn backward<'g>(&self, _context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(Vec::new())
    }

    fn eval<T: Real>(&self, _inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        Array::ints(&ty.shape, (0..self.len as i32).collect())
    }

    attributes!(len);

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample { op: Iota { len: 5 }, inputs: vec![], range: (0.0, 1.0) }]
    }
}
