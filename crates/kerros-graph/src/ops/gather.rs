use kerros_core::{DType, Error, ErrorKind, Result};

use super::scatter_add::scattered_zeros;
use crate::attributes::{attributes, named_attribute};
use crate::eval::{Array, Real, Values};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// What an index that is not a position of the axis gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outside {
    /// No number: NaN among floats, which a loss shows at once; 0 among integers, false among
    /// truth values.
    Nan,
    /// 0, or false.
    Zero,
}
named_attribute!(Outside { Nan = "nan", Zero = "zero" });

impl Outside {
    /// The float that is given.
    pub const fn value(self) -> f32 {
        match self {
            Outside::Nan => f32::NAN,
            Outside::Zero => 0.0,
        }
    }
}

/// Entries of an axis by index: `y[.., i.., ..] = x[.., indices[i..], ..]`.
///
/// # Shape
/// `x: [before.., len, after..]`, `indices: i32 [picked..]` of any shape
/// `-> [before.., picked.., after..]`. Negative indices are outside like those from `len` on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gather {
    /// Along which axis.
    pub axis: usize,
    /// What an index outside `0..len` gives. No derivative flows from there.
    pub outside: Outside,
}

impl Operation for Gather {
    const NAME: &'static str = "gather";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        let (x, indices) = (&inputs[0], &inputs[1]);
        expect_indices(x, indices, self.axis)?;
        Ok(Type::new(x.dtype, picked_shape(&x.shape, &indices.shape, self.axis)))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, indices, dy) = (context.inputs[0], context.inputs[1], context.dy);
        if x.dtype() != DType::F32 {
            return Ok(vec![None; 2]);
        }
        Ok(vec![Some(scattered_zeros(&x.shape(), indices, dy, self.axis)), None])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let (x, indices) = (inputs[0], inputs[1].as_ints());
        let inner: usize = x.shape[self.axis + 1..].iter().product();
        let len = x.shape[self.axis];
        let from = |i: usize| {
            let (outer, within) = (i / (indices.len() * inner), i % (indices.len() * inner));
            let at = position(indices[within / inner], len)?;
            Some((outer * len + at) * inner + within % inner)
        };
        let count = ty.shape.num_elements();
        let outside = T::from_f32(if ty.dtype == DType::F32 { self.outside.value() } else { 0.0 });
        let values = match &x.values {
            Values::Float(v) => {
                Values::Float((0..count).map(|i| from(i).map_or(outside, |at| v[at])).collect())
            }
            Values::Int(v) => {
                Values::Int((0..count).map(|i| from(i).map_or(0, |at| v[at])).collect())
            }
        };
        Array { shape: ty.shape.clone(), dtype: ty.dtype, values }
    }

    attributes!(axis, outside);

    fn samples() -> Vec<Sample<Self>> {
        let case = |axis: usize, x: Type, picked: &[usize]| Sample {
            op: Gather { axis, outside: Outside::Nan },
            inputs: vec![x, Type::new(DType::I32, picked)],
            range: (-2.0, 3.0),
        };
        vec![
            case(0, Type::f32([3, 4]), &[5]),
            case(0, Type::f32([3, 4]), &[2, 3]),
            case(1, Type::f32([2, 3, 4]), &[5]),
            case(1, Type::f32([4, 3]), &[]),
            case(0, Type::f32([3]), &[2, 2]),
            case(0, Type::new(DType::I32, [3, 2]), &[4]),
            case(0, Type::new(DType::Bool, [3, 2]), &[4]),
        ]
    }
}

/// The position of an axis of length `len` that an index names, if it does.
pub(super) fn position(index: i32, len: usize) -> Option<usize> {
    usize::try_from(index).ok().filter(|&at| at < len)
}

/// Checks the indices into an axis of `x`.
pub(super) fn expect_indices(x: &Type, indices: &Type, axis: usize) -> Result<()> {
    if axis >= x.shape.ndim() {
        return Err(Error::new(ErrorKind::Argument, format!("axis {axis} of {x}"))
            .expected("an axis of the operand"));
    }
    if indices.dtype != DType::I32 {
        return Err(Error::new(ErrorKind::DType, format!("the indices are {indices}"))
            .expected("int32")
            .hint("convert them with `cast`"));
    }
    Ok(())
}

/// The shape with the axis replaced by the axes of the indices.
pub(super) fn picked_shape(x: &[usize], indices: &[usize], axis: usize) -> Vec<usize> {
    [&x[..axis], indices, &x[axis + 1..]].concat()
}

#[cfg(test)]
mod tests {
    use kerros_core::Tensor;

    use crate::eval::evaluate;
    use crate::{Graph, grad};
    use kerros_core::DType;

    #[test]
    fn indices_outside_give_nan_or_zero_and_take_no_derivative() {
        let graph = Graph::new();
        let x = graph.input("x", [2, 2], DType::F32);
        let indices = graph.literal(Tensor::new([4], [1, -1, 2, 1]).unwrap());
        let (nan, zero) = (x.gather(indices, 0), x.gather_or_zero(indices, 0));
        let dx = grad(zero.sum_all(), &[x]).unwrap()[0];
        let values = [Tensor::new([2, 2], [1.0f32, 2.0, 3.0, 4.0]).unwrap()];
        let out = evaluate::<f32>(&graph, &[nan, zero, dx], &values, &[]).unwrap();
        let nan = out[0].as_slice::<f32>().unwrap();
        assert!(nan[2..6].iter().all(|value| value.is_nan()), "{nan:?}");
        assert_eq!([&nan[..2], &nan[6..]].concat(), [3.0, 4.0, 3.0, 4.0]);
        assert_eq!(out[1].as_slice::<f32>().unwrap(), [3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0]);
        assert_eq!(out[2].as_slice::<f32>().unwrap(), [0.0, 0.0, 2.0, 2.0]);
    }
}
