use kerros_core::{DType, Error, ErrorKind, Philox, Result, Shape};

use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// Random words: element `e` is `Philox(seed).word(stream, step, e)`.
///
/// The input is `[seed_lo, seed_hi, step_lo, step_hi]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RandomBits {
    /// Which of the streams of a step.
    pub stream: u32,
    /// How many words.
    pub shape: Shape,
}

impl Operation for RandomBits {
    const NAME: &'static str = "random_bits";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        if inputs[0] != Type::new(DType::I32, [4]) {
            return Err(Error::new(ErrorKind::Shape, format!("the key is {}", inputs[0]))
                .expected("int32[4]: seed and step, each as two words"));
        }
        Ok(Type::new(DType::I32, &self.shape))
    }

    fn backward<'g>(&self, _context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(vec![None])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let key = inputs[0].as_ints();
        let wide = |low: i32, high: i32| u64::from(low as u32) | u64::from(high as u32) << 32;
        let mut words = vec![0; ty.shape.num_elements()];
        Philox::new(wide(key[0], key[1])).fill(self.stream, wide(key[2], key[3]), &mut words);
        Array::ints(&ty.shape, words.into_iter().map(|word| word as i32).collect())
    }

    attributes!(stream, shape);

    fn samples() -> Vec<Sample<Self>> {
        let op = RandomBits { stream: 3, shape: [5, 7].into() };
        vec![Sample { op, inputs: vec![Type::new(DType::I32, [4])], range: (0.0, 9.0) }]
    }
}
