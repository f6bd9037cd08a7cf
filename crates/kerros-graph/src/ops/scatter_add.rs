use kerros_core::program::Binary;
use kerros_core::{DType, Error, ErrorKind, Result, Shape};

use super::gather::{expect_indices, picked_shape, position};
use crate::attributes::attributes;
use crate::eval::{Array, Real, Values};
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// Entries added where indices say: `y = base`, then
/// `y[.., indices[i..], ..] += updates[.., i.., ..]` for each `i..` in row-major order.
///
/// Each element of the result takes its updates in that order (the law of scattering), so it
/// is the same bits for any number of threads. An index outside `0..len`, negative ones among
/// them, adds nothing.
///
/// # Shape
/// `base: [before.., len, after..]`, `indices: i32 [picked..]`,
/// `updates: [before.., picked.., after..] -> [before.., len, after..]`, of `f32` or `i32`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScatterAdd {
    /// Along which axis.
    pub axis: usize,
}

impl Operation for ScatterAdd {
    const NAME: &'static str = "scatter_add";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 3)?;
        let (base, indices, updates) = (&inputs[0], &inputs[1], &inputs[2]);
        expect_indices(base, indices, self.axis)?;
        if base.dtype == DType::Bool {
            return Err(Error::new(ErrorKind::DType, format!("adding to {base}"))
                .expected("float32 or int32")
                .hint("convert it with `cast`"));
        }
        let fitting = picked_shape(&base.shape, &indices.shape, self.axis);
        let fitting = Type::new(base.dtype, fitting);
        if *updates != fitting {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("{updates} added to {base} at {indices} along axis {}", self.axis),
            )
            .expected(format!("updates of {fitting}")));
        }
        Ok(base.clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (indices, dy) = (context.inputs[1], context.dy);
        if dy.dtype() != DType::F32 {
            return Ok(vec![None; 3]);
        }
        // What was not added has no influence.
        Ok(vec![Some(dy), None, Some(dy.gather_or_zero(indices, self.axis))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        /// Adds by the law.
        fn add<E: Copy>(
            (outer, len, inner): (usize, usize, usize),
            indices: &[i32],
            mut y: Vec<E>,
            updates: &[E],
            add: impl Fn(E, E) -> E,
        ) -> Vec<E> {
            for before in 0..outer {
                for (i, &index) in indices.iter().enumerate() {
                    let Some(at) = position(index, len) else { continue };
                    let (to, from) = (before * len + at, before * indices.len() + i);
                    for after in 0..inner {
                        let sum = &mut y[to * inner + after];
                        *sum = add(*sum, updates[from * inner + after]);
                    }
                }
            }
            y
        }
        let sizes = (
            ty.shape[..self.axis].iter().product(),
            ty.shape[self.axis],
            ty.shape[self.axis + 1..].iter().product(),
        );
        let indices = inputs[1].as_ints();
        let values = match (&inputs[0].values, &inputs[2].values) {
            (Values::Float(y), Values::Float(updates)) => {
                let sum = |a, b| T::binary(Binary::Add, a, b);
                Values::Float(add(sizes, indices, y.clone(), updates, sum))
            }
            (Values::Int(y), Values::Int(updates)) => {
                Values::Int(add(sizes, indices, y.clone(), updates, i32::wrapping_add))
            }
            _ => unreachable!("the shape rule asked for one dtype"),
        };
        Array { shape: ty.shape.clone(), dtype: ty.dtype, values }
    }

    attributes!(axis);

    fn samples() -> Vec<Sample<Self>> {
        let case = |axis: usize, base: Type, picked: &[usize]| {
            let updates = Type::new(base.dtype, picked_shape(&base.shape, picked, axis));
            Sample {
                op: ScatterAdd { axis },
                inputs: vec![base, Type::new(DType::I32, picked), updates],
                range: (-2.0, 4.0),
            }
        };
        vec![
            case(0, Type::f32([3, 4]), &[5]),
            case(0, Type::f32([3, 4]), &[2, 3]),
            case(1, Type::f32([2, 3, 4]), &[5]),
            case(1, Type::f32([4, 3]), &[]),
            case(0, Type::f32([3]), &[2, 2]),
            case(0, Type::new(DType::I32, [3, 2]), &[4]),
        ]
    }
}

/// Updates added to zeros: the derivative of gathering.
#[track_caller]
pub(super) fn scattered_zeros<'g>(
    shape: &Shape,
    indices: Node<'g>,
    updates: Node<'g>,
    axis: usize,
) -> Node<'g> {
    updates.graph().full(shape, 0.0).scatter_add(indices, updates, axis)
}
