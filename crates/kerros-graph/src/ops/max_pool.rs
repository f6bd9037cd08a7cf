use kerros_core::Result;
use kerros_core::law::window::{PoolSizes, beats};
use kerros_core::program::Binary;

use super::window::{MAX_SPATIAL, PoolSpec};
use crate::attributes::attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_float, expect_inputs};

/// `y[o] = max over taps t of x[o * stride + t - low]`, channel by channel: the largest
/// element of each window. NaN when any is; `-inf` where a window meets nothing but padding.
///
/// `x: [batch, spatial.., channels] -> [batch, spatial.., channels]`
///
/// The derivative goes to the first NaN or else to the first of the largest elements, in the
/// order of the taps ([`MaxPoolScatter`](super::MaxPoolScatter)).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MaxPool {
    /// How the window slides.
    pub spec: PoolSpec,
}

impl Operation for MaxPool {
    const NAME: &'static str = "max_pool";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        pooled(&self.spec, &inputs[0])
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, dy) = (context.inputs[0], context.dy);
        Ok(vec![Some(x.max_pool_scatter(dy, self.spec.clone()))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        let x = inputs[0].as_floats();
        let sizes = accepted(&self.spec, inputs[0]);
        let mut y = Vec::with_capacity(ty.shape.num_elements());
        for_each_window(&sizes, |item, output, channel| {
            let elements = met(&sizes, item, output, channel).map(|at| x[at]);
            y.push(
                elements
                    .fold(T::from_f32(f32::NEG_INFINITY), |max, x| T::binary(Binary::Max, max, x)),
            );
        });
        Array::floats(&ty.shape, y)
    }

    attributes!(spec);

    fn samples() -> Vec<Sample<Self>> {
        pool_cases()
            .into_iter()
            .map(|(spec, x)| Sample {
                op: MaxPool { spec },
                inputs: vec![Type::f32(x)],
                range: (-2.0, 2.0),
            })
            .collect()
    }
}

/// The type of pooling an operand.
pub(super) fn pooled(spec: &PoolSpec, x: &Type) -> Result<Type> {
    expect_float(x)?;
    let PoolSizes { batch, window, channels } = spec.sizes(&x.shape)?;
    let output = window.axes.map(|axis| axis.output);
    Ok(Type::f32([&[batch], &output[MAX_SPATIAL - spec.size.len()..], &[channels]].concat()))
}

/// The sizes for an operand that the shape rule has accepted.
pub(super) fn accepted<T>(spec: &PoolSpec, x: &Array<T>) -> PoolSizes {
    spec.sizes(&x.shape).expect("the shape rule accepted the operand")
}

/// Calls for each item, output position and channel, in the order of the output.
pub(super) fn for_each_window(sizes: &PoolSizes, mut call: impl FnMut(usize, usize, usize)) {
    for item in 0..sizes.batch {
        for output in 0..sizes.window.num_outputs() {
            (0..sizes.channels).for_each(|channel| call(item, output, channel));
        }
    }
}

/// The flat places in the operand that a window meets, by ascending taps.
pub(super) fn met(
    sizes: &PoolSizes,
    item: usize,
    output: usize,
    channel: usize,
) -> impl Iterator<Item = usize> {
    let PoolSizes { window, channels, .. } = *sizes;
    let first = item * window.num_inputs();
    (0..window.num_taps())
        .filter_map(move |tap| window.input_at(output, tap))
        .map(move |at| (first + at) * channels + channel)
}

/// The flat place of the element that a window's maximum is attributed to; `None` where the
/// window meets nothing but padding.
pub(super) fn place_of_max<T: Real>(
    x: &[T],
    mut places: impl Iterator<Item = usize>,
) -> Option<usize> {
    let first = places.next()?;
    Some(places.fold(first, |best, at| if beats(x[at], x[best]) { at } else { best }))
}

/// Settings with the shape of an operand: every form that a layer uses, once.
pub(super) fn pool_cases() -> Vec<(PoolSpec, Vec<usize>)> {
    vec![
        (PoolSpec::new([2]), vec![2, 5, 3]),
        (PoolSpec::new([3]).strides([1]).padding([(1, 1)]), vec![1, 4, 2]),
        (PoolSpec::new([2, 2]), vec![2, 4, 5, 3]),
        (PoolSpec::new([3, 3]).strides([2, 2]).padding([(0, 1), (1, 1)]), vec![1, 4, 5, 2]),
        (PoolSpec::new([1, 2]).strides([2, 3]), vec![1, 3, 5, 1]),
        (PoolSpec::new([3]).strides([1]).padding([(-1, 0)]), vec![1, 5, 1]),
        (PoolSpec::new([2, 1, 2]).strides([1, 1, 2]), vec![1, 3, 2, 4, 2]),
    ]
}
