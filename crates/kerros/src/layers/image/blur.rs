//! Images in which each pixel is a weighted sum of those around it.

use kerros_core::{DType, Tensor};
use kerros_graph::Node;
use kerros_graph::ops::{ConvSpec, same_padding};

use crate::layers::DataFormat;

/// Each channel convolved with one kernel `[rows, columns]`; outside the images lies 0.
pub(super) fn filter<'g>(images: Node<'g>, kernel: Node<'g>, format: &DataFormat) -> Node<'g> {
    let images = format.to_last(images);
    let (shape, taps) = (images.shape(), kernel.shape());
    let channels = shape[3];
    let padding = [0, 1].map(|axis| same_padding(shape[axis + 1], taps[axis], 1, 1));
    let kernel = kernel.reshape([taps[0], taps[1], 1, 1]);
    let kernel = kernel.broadcast_to([taps[0], taps[1], channels, 1]);
    format.restore(images.depthwise_conv(kernel, ConvSpec::new(2).padding(padding)))
}

/// `exp(-(i / sigma)² / 2)` for the `taps` whole numbers around 0, divided by their sum; `sigma`
/// is one number, without axes.
///
/// Of more than `2 reach + 1` taps those beyond `reach` are 0.
pub(super) fn gaussian<'g>(taps: usize, sigma: Node<'g>, reach: Option<Node<'g>>) -> Node<'g> {
    let middle = (taps - 1) as f32 / 2.0;
    let place = sigma.graph().iota(taps).cast(DType::F32) - middle;
    let bell = ((place / sigma).square() * -0.5).exp();
    let bell = match reach {
        Some(reach) => place.abs().less_equal(reach).select(bell, 0.0),
        None => bell,
    };
    bell / bell.sum_all()
}

/// The kernel of rows times columns: `[rows, columns]`.
pub(super) fn outer<'g>(rows: Node<'g>, columns: Node<'g>) -> Node<'g> {
    let (height, width) = (rows.shape()[0], columns.shape()[0]);
    rows.reshape([height, 1]) * columns.reshape([1, width])
}

/// The kernel that [`super::random_sharpness`] smooths with: 5/13 in the middle, 1/13 around.
pub(super) fn smoothing<'g>(beside: Node<'g>) -> Node<'g> {
    let (edge, middle) = (1.0f32 / 13.0, 5.0f32 / 13.0);
    let kernel = [edge, edge, edge, edge, middle, edge, edge, edge, edge];
    beside.graph().literal(Tensor::new([3, 3], kernel).expect("nine numbers"))
}
