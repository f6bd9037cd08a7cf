//! Colours: how many channels they take, their grey, and hue and saturation instead of red, green
//! and blue.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;

use crate::layers::DataFormat;

/// How much red, green and blue count in grey (ITU-R BT.601, rounded as in Keras).
const GREY_WEIGHTS: [f32; 3] = [0.2989, 0.587, 0.114];

/// Checks that images have red, green and blue.
///
/// # Errors
/// [`ErrorKind::Shape`] for another number of channels.
pub(super) fn expect_rgb(shape: &Shape, format: &DataFormat) -> Result<()> {
    expect_channels(shape, format, &[3], "3: red, green and blue")
}

/// Checks that images have red, green and blue, or grey alone.
///
/// # Errors
/// As [`expect_rgb`].
pub(super) fn expect_rgb_or_grey(shape: &Shape, format: &DataFormat) -> Result<()> {
    expect_channels(shape, format, &[1, 3], "3: red, green and blue; or 1: grey")
}

fn expect_channels(
    shape: &Shape,
    format: &DataFormat,
    allowed: &[usize],
    expected: &str,
) -> Result<()> {
    let channels = shape[format.channel_axis(shape.ndim())];
    match allowed.contains(&channels) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Shape, format!("images of {channels} channels"))
            .expected(expected)),
    }
}

/// The channels, each as images of one channel.
fn planes<'g>(images: Node<'g>, format: &DataFormat) -> [Node<'g>; 3] {
    let axis = format.channel_axis(4);
    [0, 1, 2].map(|at| images.slice(axis, at, at + 1))
}

/// Grey images of one channel: a weighted sum of red, green and blue.
pub(super) fn grey<'g>(images: Node<'g>, format: &DataFormat) -> Node<'g> {
    if images.shape()[format.channel_axis(4)] == 1 {
        return images;
    }
    let [red, green, blue] = planes(images, format);
    let [of_red, of_green, of_blue] = GREY_WEIGHTS;
    red * of_red + green * of_green + blue * of_blue
}

/// Hue, saturation and value, each as images of one channel: the value is the largest of the
/// three colours, the saturation the share of it by which they differ, the hue (from 0 to 1)
/// where they lie on the circle of colours.
///
/// # Source
/// Smith: "Color Gamut Transform Pairs", SIGGRAPH 1978.
pub(super) fn hue_saturation_value<'g>(images: Node<'g>, format: &DataFormat) -> [Node<'g>; 3] {
    let images = images.abs().less(f32::EPSILON).select(0.0, images);
    let [red, green, blue] = planes(images, format);
    let value = red.maximum(green).maximum(blue);
    let range = value - red.minimum(green).minimum(blue);
    let (has_value, has_range) = (value.greater(0.0), range.greater(0.0));
    let saturation = has_value.select(range / has_value.select(value, 1.0), 0.0);
    let norm = (has_range.select(range, 1.0) * 6.0).reciprocal();
    let from_green = norm * (blue - red) + 2.0 / 6.0;
    let from_blue = norm * (red - green) + 4.0 / 6.0;
    let from_red = norm * (green - blue);
    let hue = value.equal(green).select(from_green, from_blue);
    let hue = value.equal(red).select(from_red, hue);
    let turn = hue.less(0.0).select(1.0, hue * 0.0);
    [has_range.select(hue, 0.0) + turn, saturation, value]
}

/// The images of a hue, a saturation and a value.
pub(super) fn from_hue_saturation_value<'g>(
    [hue, saturation, value]: [Node<'g>; 3],
    format: &DataFormat,
) -> Node<'g> {
    let sixth = (hue - hue.floor()) * 6.0;
    let shares = [(sixth - 3.0).abs() - 1.0, 2.0 - (sixth - 2.0).abs(), 2.0 - (sixth - 4.0).abs()];
    let grey = 1.0 - saturation;
    let planes = shares.map(|share| value * (grey + saturation * share.clip(0.0, 1.0)));
    Node::concat(&planes, format.channel_axis(4))
}
