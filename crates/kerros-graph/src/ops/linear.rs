use kerros_core::{Error, ErrorKind, Result, Shape};

use crate::attributes::{attributes, named_attribute};
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier, expect_float};

/// What a [`Linear`] applies to its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinearActivation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`.
    Relu,
}
named_attribute!(LinearActivation { Identity = "identity", Relu = "relu" });

/// `y = act(x · kernel + bias)`.
///
/// `x: [.., in]`, `kernel: [in, units]`, `bias: [units]` `-> [.., units]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Linear {
    /// Whether there is a bias.
    pub bias: bool,
    /// What follows.
    pub activation: LinearActivation,
}

impl Operation for Linear {
    const NAME: &'static str = "linear";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        for input in inputs {
            expect_float(input)?;
        }
        let shapes: Vec<&Shape> = inputs.iter().map(|input| &input.shape).collect();
        let units = match (shapes.as_slice(), self.bias) {
            (&[x, kernel], false) if fits(x, kernel) => kernel[1],
            (&[x, kernel, bias], true) if fits(x, kernel) && bias[..] == kernel[1..] => kernel[1],
            _ => {
                return Err(Error::new(ErrorKind::Shape, format!("operands of shapes {shapes:?}"))
                    .expected("[.., in], [in, units] and, with a bias, [units]"));
            }
        };
        let mut dims = inputs[0].shape.to_vec();
        *dims.last_mut().expect("the operand has a last axis") = units;
        Ok(Type::f32(dims))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, kernel, y) = (context.inputs[0], context.inputs[1], context.output);
        let dz = match self.activation {
            LinearActivation::Identity => context.dy,
            LinearActivation::Relu => y.less_equal(0.0).select(0.0, context.dy),
        };
        let rows = x.shape().num_elements() / x.shape().last().max(1);
        let flat_x = x.reshape([rows, x.shape().last()]);
        let flat_dz = dz.reshape([rows, dz.shape().last()]);
        let dx = flat_dz.matmul_with(kernel, false, true).reshape(x.shape());
        let dkernel = flat_x.matmul_with(flat_dz, true, false);
        let mut cotangents = vec![Some(dx), Some(dkernel)];
        if self.bias {
            cotangents.push(Some(flat_dz.sum(&[0])));
        }
        Ok(cotangents)
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let (x, kernel) = (inputs[0], inputs[1]);
        let mut dims = x.shape().to_vec();
        let columns = dims.pop()?;
        let rows = x.shape().num_elements() / columns.max(1);
        dims.push(kernel.shape()[1]);
        let mut y = x.reshape([rows, columns]).matmul(kernel);
        if let Some(&bias) = inputs.get(2) {
            y = y + bias;
        }
        let y = match self.activation {
            LinearActivation::Identity => y,
            LinearActivation::Relu => y.relu(),
        };
        Some(y.reshape(dims))
    }

    attributes!(bias, activation);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        for activation in [LinearActivation::Identity, LinearActivation::Relu] {
            for x in [&[6, 5][..], &[2, 3, 5][..]] {
                let mut inputs = vec![Type::f32(x), Type::f32([5, 4])];
                samples.push(Sample {
                    op: Linear { bias: false, activation },
                    inputs: inputs.clone(),
                    range: (-1.0, 1.0),
                });
                inputs.push(Type::f32([4]));
                samples.push(Sample {
                    op: Linear { bias: true, activation },
                    inputs,
                    range: (-1.0, 1.0),
                });
            }
        }
        samples
    }
}

fn fits(x: &Shape, kernel: &Shape) -> bool {
    kernel.ndim() == 2 && x.ndim() >= 1 && x.last() == kernel[0]
}
