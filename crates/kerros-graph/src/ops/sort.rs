use kerros_core::Result;

use super::argsort::{expect_sortable, sorting_indices};
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample};

/// The elements in order along the last axis; NaN is last either way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sort {
    /// Largest first.
    pub descending: bool,
}

impl Operation for Sort {
    const NAME: &'static str = "sort";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_sortable(inputs)?;
        Ok(inputs[0].clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        // Sorting is a permutation: each derivative goes back to where its element came from.
        let (x, dy) = (context.inputs[0], context.dy);
        let places = x.argsort(self.descending);
        let zeros = x.graph().full(x.shape(), 0.0);
        Ok(vec![Some(zeros.scatter_add_along_axis(places, dy, x.ndim() - 1))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let rows = inputs[0].as_floats().chunks(ty.shape.last().max(1));
        let sorted = rows.flat_map(|row| {
            sorting_indices(row, self.descending).into_iter().map(|index| row[index as usize])
        });
        Array::floats(&ty.shape, sorted.collect())
    }

    attributes!(descending);

    fn samples() -> Vec<Sample<Self>> {
        [false, true]
            .map(|descending| Sample {
                op: Sort { descending },
                inputs: vec![Type::f32([3, 5])],
                range: (-2.0, 2.0),
            })
            .to_vec()
    }
}
