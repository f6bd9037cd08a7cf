use kerros_core::{Error, ErrorKind, Result};

use super::conv::{Conv, conv_cases};
use super::linear::LinearActivation;
use super::window::ConvSpec;
use crate::attributes::attributes;
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{
    Backward, Cotangents, Operation, Sample, Tier, expect_float, expect_inputs,
};

/// `y = act(conv(x, kernel) + bias)`: what [`Linear`](super::Linear) is to a matrix product.
///
/// `x: [batch, spatial.., in]`, `kernel: [taps.., in / groups, out]`, `bias: [out]`
/// `-> [batch, spatial.., out]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvLinear {
    /// How the kernel slides.
    pub spec: ConvSpec,
    /// What follows.
    pub activation: LinearActivation,
}

impl Operation for ConvLinear {
    const NAME: &'static str = "conv_linear";
    const TIER: Tier = Tier::Composite;

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 3)?;
        expect_float(&inputs[2])?;
        let y = Conv { spec: self.spec.clone() }.infer(&inputs[..2])?;
        let bias = &inputs[2].shape;
        if bias[..] != [y.shape.last()] {
            return Err(Error::new(ErrorKind::Shape, format!("a bias of shape {bias}"))
                .expected(format!("[{}], one number per output channel", y.shape.last())));
        }
        Ok(y)
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, kernel, y) = (context.inputs[0], context.inputs[1], context.output);
        let dz = match self.activation {
            LinearActivation::Identity => context.dy,
            LinearActivation::Relu => y.less_equal(0.0).select(0.0, context.dy),
        };
        let spatial = self.spec.strides.len();
        let dx = dz.conv_input_gradient(kernel, &x.shape()[1..=spatial], self.spec.clone());
        let dkernel = x.conv_kernel_gradient(dz, &kernel.shape()[..spatial], self.spec.clone());
        let kept: Vec<isize> = (0..=spatial as isize).collect();
        Ok(vec![Some(dx), Some(dkernel), Some(dz.sum(&kept))])
    }

    fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let y = inputs[0].conv(inputs[1], self.spec.clone()) + inputs[2];
        Some(match self.activation {
            LinearActivation::Identity => y,
            LinearActivation::Relu => y.relu(),
        })
    }

    attributes!(spec, activation);

    fn samples() -> Vec<Sample<Self>> {
        let activations = [LinearActivation::Identity, LinearActivation::Relu];
        // Two dimensions without padding, with padding, in groups, depthwise.
        let chosen = [3, 4, 10, 11];
        let cases: Vec<_> = conv_cases();
        chosen
            .into_iter()
            .flat_map(|at| activations.map(|activation| (cases[at].clone(), activation)))
            .map(|((spec, x, kernel), activation)| {
                let bias = kernel[kernel.len() - 1..].to_vec();
                Sample {
                    op: ConvLinear { spec, activation },
                    inputs: vec![Type::f32(x), Type::f32(kernel), Type::f32(bias)],
                    range: (-1.0, 1.0),
                }
            })
            .collect()
    }
}
