use kerros_core::{Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real, Values};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample};

/// Tensors joined along an axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Concat {
    /// Along which axis.
    pub axis: usize,
}

impl Operation for Concat {
    const NAME: &'static str = "concat";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        let mut joined = inputs.first().cloned().ok_or_else(|| {
            Error::new(ErrorKind::Argument, "no tensors were given").expected("at least one")
        })?;
        let mut dims = joined.shape.to_vec();
        for other in &inputs[1..] {
            let mut rest = other.shape.to_vec();
            let fits = other.dtype == joined.dtype
                && rest.len() == dims.len()
                && self.axis < dims.len()
                && {
                    rest[self.axis] = dims[self.axis];
                    rest == dims
                };
            if !fits {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("{joined} and {other} along axis {}", self.axis),
                )
                .expected("one dtype, and equal lengths on every other axis"));
            }
            dims[self.axis] += other.shape[self.axis];
            joined.shape = dims.clone().into();
        }
        if self.axis >= dims.len() {
            return Err(Error::new(ErrorKind::Argument, format!("axis {} of {joined}", self.axis)));
        }
        Ok(joined)
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let mut start = 0;
        Ok(context
            .inputs
            .iter()
            .map(|input| {
                let end = start + input.shape()[self.axis];
                let part = context.dy.slice(self.axis, start, end);
                start = end;
                Some(part)
            })
            .collect())
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        fn join<E: Copy>(parts: Vec<(&[E], usize)>, outer: usize) -> Vec<E> {
            let mut joined = Vec::new();
            for row in 0..outer {
                for (part, run) in &parts {
                    joined.extend_from_slice(&part[row * run..(row + 1) * run]);
                }
            }
            joined
        }
        let outer: usize = ty.shape[..self.axis].iter().product();
        let run = |input: &&&Array<T>| input.shape[self.axis..].iter().product::<usize>();
        let values = match &inputs[0].values {
            Values::Float(_) => Values::Float(join(
                inputs.iter().map(|input| (input.as_floats(), run(&input))).collect(),
                outer,
            )),
            Values::Int(_) => Values::Int(join(
                inputs.iter().map(|input| (input.as_ints(), run(&input))).collect(),
                outer,
            )),
        };
        Array { shape: ty.shape.clone(), dtype: ty.dtype, values }
    }

    attributes!(axis);

    fn samples() -> Vec<Sample<Self>> {
        let along = |axis: usize, inputs: Vec<Type>| Sample {
            op: Concat { axis },
            inputs,
            range: (-2.0, 2.0),
        };
        vec![
            along(0, vec![Type::f32([2, 3]), Type::f32([1, 3])]),
            along(1, vec![Type::f32([2, 3]), Type::f32([2, 1]), Type::f32([2, 2])]),
        ]
    }
}
