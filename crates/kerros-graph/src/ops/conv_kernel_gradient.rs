use kerros_core::Result;
use kerros_core::law::window::ConvSizes;

use super::conv::{Conv, conv_cases};
use super::window::{ConvSpec, parts};
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// The derivative of a [`Conv`] with respect to its kernel: `dkernel[t, i, c] = sum over the
/// batch and output positions o of x[o * stride + t * dilation - low, i] * dy[o, c]`.
///
/// `x: [batch, spatial.., in]`, `dy: [batch, spatial.., out]`
/// `-> [taps.., in / groups, out]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvKernelGradient {
    /// How the kernel slides. The padding at the end does not matter.
    pub spec: ConvSpec,
    /// The taps of each axis.
    pub taps: Vec<usize>,
}

impl ConvKernelGradient {
    /// The sizes of the convolution for operands of these shapes.
    ///
    /// # Errors
    /// Shapes and settings that do not fit each other.
    pub fn sizes(&self, x: &[usize], dy: &[usize]) -> Result<ConvSizes> {
        self.spec.sizes(x, &self.output_shape(x, dy)?, dy)
    }

    fn output_shape(&self, x: &[usize], dy: &[usize]) -> Result<Vec<usize>> {
        let count = self.spec.check()?;
        let (_, _, in_channels) = parts(x, count)?;
        let (_, _, out_channels) = parts(dy, count)?;
        Ok([&self.taps[..], &[in_channels / self.spec.groups, out_channels]].concat())
    }
}

impl Operation for ConvKernelGradient {
    const NAME: &'static str = "conv_kernel_gradient";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        expect_float(&inputs[0])?;
        expect_float(&inputs[1])?;
        let (x, dy) = (&inputs[0].shape, &inputs[1].shape);
        self.sizes(x, dy)?;
        Ok(Type::f32(self.output_shape(x, dy)?))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        // With g the derivative of the loss with respect to dkernel, the form is x * g * dy.
        let (x, dy, g) = (context.inputs[0], context.inputs[1], context.dy);
        let count = self.spec.strides.len();
        let (input, output) = (x.shape(), dy.shape());
        let dx = dy.conv_input_gradient(g, &input[1..=count], self.spec.clone());
        let spec = self.spec.for_output(&input[1..=count], &self.taps, &output[1..=count]);
        Ok(vec![Some(dx), Some(x.conv(g, spec))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let (x, dy) = (inputs[0].as_floats(), inputs[1].as_floats());
        let sizes = self
            .sizes(&inputs[0].shape, &inputs[1].shape)
            .expect("the shape rule accepted the operands");
        let ConvSizes { batch, window, inputs: width, outputs, .. } = sizes;
        let (in_channels, out_channels) = (sizes.in_channels(), sizes.out_channels());
        let (num_inputs, num_outputs) = (window.num_inputs(), window.num_outputs());
        let mut dkernel = Vec::with_capacity(ty.shape.num_elements());
        for tap in 0..window.num_taps() {
            let met: Vec<Option<usize>> =
                (0..num_outputs).map(|output| window.input_at(output, tap)).collect();
            for within in 0..width {
                for channel in 0..out_channels {
                    let from = channel / outputs * width + within;
                    dkernel.push(T::dot(
                        batch * num_outputs,
                        |p| match met[p % num_outputs] {
                            Some(at) => x[(p / num_outputs * num_inputs + at) * in_channels + from],
                            None => T::from_f32(0.0),
                        },
                        |p| dy[p * out_channels + channel],
                    ));
                }
            }
        }
        Array::floats(&ty.shape, dkernel)
    }

    attributes!(spec, taps);

    fn samples() -> Vec<Sample<Self>> {
        conv_cases()
            .into_iter()
            .map(|(spec, x, kernel)| {
                let y = Conv { spec: spec.clone() }.output_shape(&x, &kernel);
                let y = y.expect("the cases fit");
                Sample {
                    op: ConvKernelGradient { spec, taps: kernel[..kernel.len() - 2].to_vec() },
                    inputs: vec![Type::f32(x), Type::f32(y)],
                    range: (-1.0, 1.0),
                }
            })
            .collect()
    }
}
