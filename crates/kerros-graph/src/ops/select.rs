use kerros_core::{DType, Error, ErrorKind, Result};

use crate::attributes::attributes;
use crate::eval::{Array, Real, Values};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// `if condition { a } else { b }`, element by element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Select;

impl Operation for Select {
    const NAME: &'static str = "select";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 3)?;
        let (condition, a, b) = (&inputs[0], &inputs[1], &inputs[2]);
        if condition.dtype != DType::Bool || a != b || condition.shape != a.shape {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("the condition is {condition}, the choices are {a} and {b}"),
            )
            .expected("a bool condition and two choices of one type, all of one shape"));
        }
        Ok(a.clone())
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (condition, dy) = (context.inputs[0], context.dy);
        if dy.dtype() != DType::F32 {
            return Ok(vec![None; 3]);
        }
        Ok(vec![None, Some(condition.select(dy, 0.0)), Some(condition.select(0.0, dy))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let chosen = inputs[0].as_floats().iter().map(|c| c.to_f64() != 0.0);
        let values = match (&inputs[1].values, &inputs[2].values) {
            (Values::Float(a), Values::Float(b)) => Values::Float(
                chosen.zip(a.iter().zip(b)).map(|(c, (&a, &b))| if c { a } else { b }).collect(),
            ),
            (Values::Int(a), Values::Int(b)) => Values::Int(
                chosen.zip(a.iter().zip(b)).map(|(c, (&a, &b))| if c { a } else { b }).collect(),
            ),
            _ => unreachable!("the shape rule asked for one dtype"),
        };
        Array { shape: ty.shape.clone(), dtype: ty.dtype, values }
    }

    attributes!();

    fn samples() -> Vec<Sample<Self>> {
        let choice = Type::f32([3, 4]);
        let inputs = vec![Type::new(DType::Bool, [3, 4]), choice.clone(), choice];
        vec![Sample { op: Select, inputs, range: (-2.0, 2.0) }]
    }
}
