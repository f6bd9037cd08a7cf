use kerros_core::Result;
use kerros_core::law::window::ConvSizes;

use super::conv::{Conv, conv_cases};
use super::window::{ConvSpec, parts};
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// The derivative of a [`Conv`] with respect to its input: every output position `o` gives
/// `dy[o, c] * kernel[t, i, c]` to the input position `o * stride + t * dilation - low`.
///
/// `dy: [batch, spatial.., out]`, `kernel: [taps.., in / groups, out]`
/// `-> [batch, input.., in]`
///
/// It is also the transposed convolution: see
/// [`Node::conv_transpose`](crate::Node::conv_transpose). What falls outside the result is
/// dropped; positions that nothing reaches are 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConvInputGradient {
    /// How the kernel slides. The padding at the end does not matter.
    pub spec: ConvSpec,
    /// The spatial lengths of the result.
    pub input: Vec<usize>,
}

impl ConvInputGradient {
    /// The sizes of the convolution for operands of these shapes.
    ///
    /// # Errors
    /// Shapes and settings that do not fit each other.
    pub fn sizes(&self, dy: &[usize], kernel: &[usize]) -> Result<ConvSizes> {
        self.spec.sizes(&self.output_shape(dy, kernel)?, kernel, dy)
    }

    fn output_shape(&self, dy: &[usize], kernel: &[usize]) -> Result<Vec<usize>> {
        let count = self.spec.check()?;
        let (batch, ..) = parts(dy, count)?;
        let width = kernel.get(count).copied().unwrap_or(0);
        Ok([&[batch], &self.input[..], &[width.saturating_mul(self.spec.groups)]].concat())
    }
}

impl Operation for ConvInputGradient {
    const NAME: &'static str = "conv_input_gradient";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        expect_float(&inputs[0])?;
        expect_float(&inputs[1])?;
        let (dy, kernel) = (&inputs[0].shape, &inputs[1].shape);
        self.sizes(dy, kernel)?;
        Ok(Type::f32(self.output_shape(dy, kernel)?))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        // With g the derivative of the loss with respect to dx, the form is g * kernel * dy.
        let (dy, kernel, g) = (context.inputs[0], context.inputs[1], context.dy);
        let count = self.spec.strides.len();
        let (taps, output) = (kernel.shape(), dy.shape());
        let spec = self.spec.for_output(&self.input, &taps[..count], &output[1..=count]);
        let ddy = g.conv(kernel, spec);
        let dkernel = g.conv_kernel_gradient(dy, &taps[..count], self.spec.clone());
        Ok(vec![Some(ddy), Some(dkernel)])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let (dy, kernel) = (inputs[0].as_floats(), inputs[1].as_floats());
        let sizes = self
            .sizes(&inputs[0].shape, &inputs[1].shape)
            .expect("the shape rule accepted the operands");
        let ConvSizes { batch, window, inputs: width, outputs, .. } = sizes;
        let out_channels = sizes.out_channels();
        let mut dx = Vec::with_capacity(ty.shape.num_elements());
        for item in 0..batch {
            let dy = &dy[item * window.num_outputs() * out_channels..];
            for input in 0..window.num_inputs() {
                let reaching = window.reaching(input);
                for channel in 0..sizes.in_channels() {
                    let (group, within) = (channel / width, channel % width);
                    let place = |p: usize| group * outputs + p % outputs;
                    dx.push(T::dot(
                        reaching.len() * outputs,
                        |p| match reaching[p / outputs].1 {
                            Some(at) => dy[at * out_channels + place(p)],
                            None => T::from_f32(0.0),
                        },
                        |p| {
                            let row = reaching[p / outputs].0 * width + within;
                            kernel[row * out_channels + place(p)]
                        },
                    ));
                }
            }
        }
        Array::floats(&ty.shape, dx)
    }

    attributes!(spec, input);

    fn samples() -> Vec<Sample<Self>> {
        conv_cases()
            .into_iter()
            .map(|(spec, x, kernel)| {
                let y = Conv { spec: spec.clone() }.output_shape(&x, &kernel);
                let y = y.expect("the cases fit");
                Sample {
                    op: ConvInputGradient { spec, input: x[1..x.len() - 1].to_vec() },
                    inputs: vec![Type::f32(y), Type::f32(kernel)],
                    range: (-1.0, 1.0),
                }
            })
            .collect()
    }
}
