use kerros_core::law::window::ConvSizes;
use kerros_core::{Error, ErrorKind, Result, Shape};

use super::window::{ConvSpec, output_positions, parts};
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// `y[o, c] = sum over taps t and channels i of x[o * stride + t * dilation - low, i] *
/// kernel[t, i, c]`: convolution over one to three spatial axes, channels last.
///
/// `x: [batch, spatial.., in]`, `kernel: [taps.., in / groups, out]` (Keras's own layout)
/// `-> [batch, spatial.., out]`; in groups, each output channel sees the input channels of
/// its group. The order of the sum is the law of
/// [`kerros_core::law::window`].
///
/// A layer calls it as `x.conv(kernel, ConvSpec::new(2).strides([2, 2]).padding(..))`; a
/// depthwise one as `x.depthwise_conv(..)`, a transposed one as `x.conv_transpose(..)`: see
/// [`Node::conv`](crate::Node::conv).
///
/// `x`, `kernel` and the derivative `dy` are the three sides of one trilinear form
/// `sum x * kernel * dy`. This operation, [`ConvInputGradient`](super::ConvInputGradient) and
/// [`ConvKernelGradient`](super::ConvKernelGradient) are its derivatives with respect to each
/// of the sides, so each one's derivatives are the other two.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// How the kernel slides.
    pub spec: ConvSpec,
}

impl Conv {
    /// The sizes for operands of these shapes.
    ///
    /// # Errors
    /// Shapes and settings that do not fit each other.
    pub fn sizes(&self, x: &[usize], kernel: &[usize]) -> Result<ConvSizes> {
        self.spec.sizes(x, kernel, &self.output_shape(x, kernel)?)
    }

    /// The shape of the result.
    pub(super) fn output_shape(&self, x: &[usize], kernel: &[usize]) -> Result<Vec<usize>> {
        let count = self.spec.check()?;
        let (batch, input, _) = parts(x, count)?;
        if kernel.len() != count + 2 {
            return Err(Error::new(
                ErrorKind::Shape,
                format!("a kernel of shape {}", Shape::from(kernel)),
            )
            .expected(format!("{} axes: {count} of taps, in / groups, out", count + 2)));
        }
        let output = output_positions(&self.spec, input, &kernel[..count])?;
        Ok([&[batch], &output[..], &[kernel[count + 1]]].concat())
    }
}

impl Operation for Conv {
    const NAME: &'static str = "conv";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 2)?;
        expect_float(&inputs[0])?;
        expect_float(&inputs[1])?;
        let (x, kernel) = (&inputs[0].shape, &inputs[1].shape);
        let y = self.output_shape(x, kernel)?;
        self.spec.sizes(x, kernel, &y)?;
        Ok(Type::f32(y))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, kernel, dy) = (context.inputs[0], context.inputs[1], context.dy);
        let spatial = self.spec.strides.len();
        let dx = dy.conv_input_gradient(kernel, &x.shape()[1..=spatial], self.spec.clone());
        let dkernel = x.conv_kernel_gradient(dy, &kernel.shape()[..spatial], self.spec.clone());
        Ok(vec![Some(dx), Some(dkernel)])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let (x, kernel) = (inputs[0].as_floats(), inputs[1].as_floats());
        let sizes = self
            .spec
            .sizes(&inputs[0].shape, &inputs[1].shape, &ty.shape)
            .expect("the shape rule accepted the operands");
        let ConvSizes { batch, window, inputs: width, outputs, .. } = sizes;
        let (in_channels, out_channels) = (sizes.in_channels(), sizes.out_channels());
        let mut y = Vec::with_capacity(ty.shape.num_elements());
        for item in 0..batch {
            let x = &x[item * window.num_inputs() * in_channels..];
            for output in 0..window.num_outputs() {
                let met: Vec<Option<usize>> =
                    (0..window.num_taps()).map(|tap| window.input_at(output, tap)).collect();
                for channel in 0..out_channels {
                    let first = channel / outputs * width;
                    y.push(T::dot(
                        met.len() * width,
                        |p| match met[p / width] {
                            Some(at) => x[at * in_channels + first + p % width],
                            None => T::from_f32(0.0),
                        },
                        |p| kernel[p * out_channels + channel],
                    ));
                }
            }
        }
        Array::floats(&ty.shape, y)
    }

    attributes!(spec);

    fn samples() -> Vec<Sample<Self>> {
        conv_cases()
            .into_iter()
            .map(|(spec, x, kernel)| Sample {
                op: Conv { spec },
                inputs: vec![Type::f32(x), Type::f32(kernel)],
                range: (-1.0, 1.0),
            })
            .collect()
    }
}

/// Settings with the shapes of an input and a kernel: every form that a layer uses, once.
pub(super) fn conv_cases() -> Vec<(ConvSpec, Vec<usize>, Vec<usize>)> {
    let one = || ConvSpec::new(1);
    let two = || ConvSpec::new(2);
    vec![
        (one(), vec![2, 5, 2], vec![3, 2, 3]),
        // Causal, dilated.
        (one().padding([(4, 0)]).dilation([2]), vec![1, 5, 2], vec![3, 2, 1]),
        // A stride longer than the kernel, and one that leaves positions over.
        (one().strides([3]), vec![2, 8, 1], vec![2, 1, 2]),
        (two(), vec![1, 4, 5, 1], vec![3, 2, 1, 3]),
        (two().padding([(1, 1), (1, 1)]), vec![2, 3, 4, 2], vec![3, 3, 2, 2]),
        (two().strides([2, 2]).padding([(0, 1), (1, 1)]), vec![1, 4, 5, 2], vec![3, 3, 2, 2]),
        (two().strides([2, 1]).dilation([1, 2]), vec![1, 5, 5, 1], vec![2, 2, 1, 2]),
        // A stride and a dilation that share a divisor: some inputs meet no tap.
        (one().strides([2]).dilation([2]).padding([(1, 2)]), vec![1, 6, 1], vec![2, 1, 2]),
        // Pointwise; groups; depthwise, once and twice.
        (two(), vec![2, 2, 3, 3], vec![1, 1, 3, 4]),
        (two().strides([2, 2]), vec![1, 3, 3, 2], vec![1, 1, 2, 2]),
        (two().groups(2).padding([(1, 0), (0, 1)]), vec![1, 3, 3, 4], vec![2, 2, 2, 6]),
        (two().groups(3).padding([(1, 1), (1, 1)]), vec![1, 3, 4, 3], vec![3, 3, 1, 3]),
        (two().groups(2).strides([2, 2]), vec![1, 5, 4, 2], vec![2, 2, 1, 4]),
        // Cropping, and padding wider than the kernel.
        (one().padding([(-1, -2)]), vec![1, 7, 1], vec![2, 1, 2]),
        (one().padding([(3, 4)]).strides([2]), vec![1, 3, 1], vec![2, 1, 2]),
        (
            ConvSpec::new(3).padding([(1, 0), (0, 0), (0, 1)]).strides([1, 2, 1]),
            vec![1, 2, 3, 3, 2],
            vec![2, 2, 2, 2, 2],
        ),
    ]
}
