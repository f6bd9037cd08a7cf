use std::cmp::Ordering;

use kerros_core::{DType, Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// The indices that sort along the last axis. Equal elements keep their order; NaN is last
/// either way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArgSort {
    /// Largest first.
    pub descending: bool,
}

impl Operation for ArgSort {
    const NAME: &'static str = "argsort";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_sortable(inputs)?;
        Ok(Type::new(DType::I32, &inputs[0].shape))
    }

    fn backward<'g>(&self, _context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(vec![None])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let len = ty.shape.last();
        let rows = inputs[0].as_floats().chunks(len.max(1));
        let indices = rows.flat_map(|row| sorting_indices(row, self.descending));
        Array::ints(&ty.shape, indices.collect())
    }

    attributes!(descending);

    fn samples() -> Vec<Sample<Self>> {
        [false, true]
            .map(|descending| Sample {
                op: ArgSort { descending },
                inputs: vec![Type::f32([3, 5])],
                range: (-2.0, 2.0),
            })
            .to_vec()
    }
}

/// One float operand with a last axis.
pub(super) fn expect_sortable(inputs: &[Type]) -> Result<()> {
    expect_inputs(inputs, 1)?;
    expect_float(&inputs[0])?;
    if inputs[0].shape.ndim() == 0 {
        return Err(Error::new(ErrorKind::Shape, "a scalar has no axis to sort along"));
    }
    Ok(())
}

/// The indices that sort a row.
pub(super) fn sorting_indices<T: Real>(row: &[T], descending: bool) -> Vec<i32> {
    let mut indices: Vec<i32> = (0..row.len() as i32).collect();
    indices.sort_by(|&a, &b| {
        let (a, b) = (row[a as usize].to_f64(), row[b as usize].to_f64());
        let by_value =
            a.partial_cmp(&b).map(|order| if descending { order.reverse() } else { order });
        by_value.unwrap_or_else(|| match (a.is_nan(), b.is_nan()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => Ordering::Equal,
        })
    });
    indices
}
