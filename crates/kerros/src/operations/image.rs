//! `keras.ops.image.pad_images` and its like: images framed, blurred, with other colours.

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};
use kerros_graph::Node;
use kerros_graph::ops::{ConvSpec, same_padding};

use super::kind::{Operands, kinds};

/// Images of three axes, or several of four; where their rows and their channels are.
struct Frames<'g> {
    x: Node<'g>,
    rows: usize,
    channels: usize,
}

impl<'g> Frames<'g> {
    fn new(operands: &Operands<'_, 'g>) -> Result<Self> {
        Frames::named(operands, "images")
    }

    fn named(operands: &Operands<'_, 'g>, name: &str) -> Result<Self> {
        let x = operands.node(name)?;
        if ![3, 4].contains(&x.ndim()) {
            return Err(Error::new(ErrorKind::Shape, format!("images of shape {}", x.shape()))
                .expected("three axes, or four of several images"));
        }
        let (first, is_first) = (x.ndim() - 3, operands.value("data_format") == "channels_first");
        let (rows, channels) = if is_first { (first + 1, first) } else { (first, first + 2) };
        Ok(Frames { x, rows, channels })
    }

    /// Height and width.
    fn sizes(&self) -> [usize; 2] {
        let shape = self.x.shape();
        [shape[self.rows], shape[self.rows + 1]]
    }

    /// The images with the channels last, as four axes.
    fn last(&self) -> Node<'g> {
        let several = if self.x.ndim() == 3 { self.x.expand_dims(0) } else { self.x };
        match self.channels < self.rows {
            true => several.transpose(&[0, 2, 3, 1]),
            false => several,
        }
    }

    /// A result of `[images, height, width, channels]` in the layout of the images.
    fn back(&self, result: Node<'g>) -> Node<'g> {
        let placed = match self.channels < self.rows {
            true => result.transpose(&[0, 3, 1, 2]),
            false => result,
        };
        match self.x.ndim() {
            3 => placed.reshape(&placed.shape()[1..]),
            _ => placed,
        }
    }
}

/// What is before, what is behind and what is left along an axis, two of which are given.
fn frame(
    operands: &Operands<'_, '_>,
    [before, behind, target]: [&str; 3],
    left: impl Fn(isize, isize) -> isize,
) -> Result<(usize, usize)> {
    let given = |name: &str| -> Result<Option<isize>> {
        Ok(operands.wholes(name)?.and_then(|list| list.first().copied()))
    };
    let pair = match (given(before)?, given(behind)?, given(target)?) {
        (Some(before), Some(behind), None) => Some((before, behind)),
        (Some(before), None, Some(target)) => Some((before, left(target, before))),
        (None, Some(behind), Some(target)) => Some((left(target, behind), behind)),
        _ => None,
    };
    let lengths = |(a, b): (isize, isize)| usize::try_from(a).ok().zip(usize::try_from(b).ok());
    pair.and_then(lengths).ok_or_else(|| {
        operands.wrong(before, &format!("two of `{before}`, `{behind}` and `{target}`, from 0 on"))
    })
}

const PADDINGS: [[&str; 3]; 2] = [
    ["top_padding", "bottom_padding", "target_height"],
    ["left_padding", "right_padding", "target_width"],
];
const CROPPINGS: [[&str; 3]; 2] = [
    ["top_cropping", "bottom_cropping", "target_height"],
    ["left_cropping", "right_cropping", "target_width"],
];

/// Zeros around.
fn pad<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let images = Frames::new(operands)?;
    let mut x = images.x;
    for (side, length) in images.sizes().into_iter().enumerate() {
        let left = |target: isize, other: isize| target - other - length as isize;
        let (low, high) = frame(operands, PADDINGS[side], left)?;
        x = x.pad(images.rows + side, low, high, 1);
    }
    Ok(vec![x])
}

/// Without a frame.
fn crop<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let images = Frames::new(operands)?;
    let mut x = images.x;
    for (side, length) in images.sizes().into_iter().enumerate() {
        let left = |target: isize, other: isize| length as isize - target - other;
        let (low, high) = frame(operands, CROPPINGS[side], left)?;
        if low + high > length {
            return Err(operands.wrong(CROPPINGS[side][0], "no more than the images have"));
        }
        x = x.slice(images.rows + side, low, length - high);
    }
    Ok(vec![x])
}

/// Each channel with the same kernel of `[height, width]`, zeros around.
fn filtered<'g>(x: Node<'g>, kernel: &[f32], taps: [usize; 2]) -> Result<Node<'g>> {
    let shape = x.shape();
    let kernel = x.graph().literal(Tensor::new([taps[0], taps[1], 1, 1], kernel)?);
    let kernel = kernel.broadcast_to([taps[0], taps[1], shape[3], 1]);
    let around = |side: usize| same_padding(shape[side + 1], taps[side], 1, 1);
    Ok(x.depthwise_conv(kernel, ConvSpec::new(2).padding([around(0), around(1)])))
}

/// Two numbers of a setting.
fn two(operands: &Operands<'_, '_>, name: &str) -> Result<[f64; 2]> {
    let numbers = operands.value(name).as_array().map(|list| {
        list.iter().map(|value| crate::object::number(value).unwrap_or(0.0)).collect::<Vec<_>>()
    });
    let numbers = numbers.and_then(|numbers| <[f64; 2]>::try_from(numbers).ok());
    let numbers = numbers.filter(|numbers| numbers.iter().all(|&number| number > 0.0));
    numbers.ok_or_else(|| operands.wrong(name, "two numbers above 0"))
}

/// Means with the weights of a normal distribution. As in Keras the first size and width are those
/// along rows, of which there are as many as the kernel is wide.
fn gaussian_blur<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let images = Frames::new(operands)?;
    let (size, sigma) = (two(operands, "kernel_size")?, two(operands, "sigma")?);
    let line = |at: usize| -> Vec<f32> {
        let middle = ((size[at] - 1.0) / 2.0) as f32;
        let places = (0..size[at] as usize).map(|place| (place as f32 - middle) / sigma[at] as f32);
        let weights: Vec<f32> = places.map(|place| (-0.5 * place * place).exp()).collect();
        let sum: f32 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    };
    let (across, down) = (line(0), line(1));
    let kernel: Vec<f32> = down.iter().flat_map(|y| across.iter().map(move |x| y * x)).collect();
    let x = images.last().cast(DType::F32);
    Ok(vec![images.back(filtered(x, &kernel, [down.len(), across.len()])?)])
}

const SOBEL_DOWN: [f32; 9] = [-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0];
const SOBEL_ACROSS: [f32; 9] = [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0];

/// How much images rise downwards and to the right, along an axis of its own.
fn sobel_edges<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let images = Frames::new(operands)?;
    let x = images.last().cast(DType::F32);
    let slopes = [SOBEL_DOWN, SOBEL_ACROSS].map(|kernel| filtered(x, &kernel, [3, 3]));
    let mut parts = Vec::new();
    for slope in slopes {
        let slope = images.back(slope?);
        parts.push(slope.expand_dims(slope.ndim()));
    }
    Ok(vec![Node::concat(&parts, parts[0].ndim() - 1)])
}

/// Three channels, and the axis they are on.
fn colours<'g>(operands: &Operands<'_, 'g>) -> Result<([Node<'g>; 3], usize)> {
    let images = Frames::new(operands)?;
    let x = images.x.cast(DType::F32);
    match x.shape()[images.channels] {
        3 => Ok(([0, 1, 2].map(|at| x.slice(images.channels, at, at + 1)), images.channels)),
        _ => Err(Error::new(ErrorKind::Shape, format!("images of shape {}", x.shape()))
            .expected("three channels")),
    }
}

/// Hue, saturation and value of red, green and blue.
fn rgb_to_hsv<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (colours, axis) = colours(operands)?;
    let [r, g, b] = colours.map(|x| x.abs().less(f32::EPSILON).select(0.0, x));
    let value = r.maximum(g).maximum(b);
    let range = value - r.minimum(g).minimum(b);
    let (is_light, is_colour) = (value.greater(0.0), range.greater(0.0));
    let saturation = is_light.select(range / is_light.select(value, 1.0), 0.0);
    let norm = 1.0 / (is_colour.select(range, 1.0) * 6.0);
    let hue = value.equal(g).select(norm * (b - r) + 2.0 / 6.0, norm * (r - g) + 4.0 / 6.0);
    let hue = value.equal(r).select(norm * (g - b), hue);
    let turn = hue.less(0.0).cast(DType::F32);
    let hue = is_colour.select(hue, 0.0) + turn;
    Ok(vec![Node::concat(&[hue, saturation, value], axis)])
}

/// Red, green and blue of hue, saturation and value.
fn hsv_to_rgb<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let ([hue, saturation, value], axis) = colours(operands)?;
    let angle = (hue - hue.floor()) * 6.0;
    // A number at a bound takes half of the derivative, as in JAX.
    let within = |x: Node<'g>| x.maximum(0.0).minimum(1.0);
    let shares = [
        within((angle - 3.0).abs() - 1.0),
        within(2.0 - (angle - 2.0).abs()),
        within(2.0 - (angle - 4.0).abs()),
    ];
    let colours = shares.map(|share| value * (1.0 - saturation + saturation * share));
    Ok(vec![Node::concat(&colours, axis)])
}

/// How alike two images are in their means, their spread and what they have in common, in windows
/// that are weighted as by a normal distribution.
fn likeness<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let images = ["image1", "image2"].map(|name| Frames::named(operands, name));
    let [one, other] = images;
    let (one, other) = (one?, other?);
    let [x, y] = [one.last().cast(DType::F32), other.last().cast(DType::F32)];
    let size = usize::try_from(operands.whole("filter_size")?).unwrap_or(0);
    let sides = [x.shape()[1], x.shape()[2]];
    if x.shape() != y.shape() || !(1..=sides[0].min(sides[1])).contains(&size) {
        let shapes = format!("images of shapes {} and {}", one.x.shape(), other.x.shape());
        return Err(Error::new(ErrorKind::Shape, shapes)
            .expected("one shape, no smaller than a window")
            .hint("choose a smaller `filter_size`"));
    }
    let sigma = operands.number("filter_sigma")? as f32;
    let middle = (size as f32 - 1.0) / 2.0;
    let line: Vec<f32> =
        (0..size).map(|at| (-(at as f32 - middle).powi(2) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f32 = line.iter().sum();
    let line: Vec<f32> = line.into_iter().map(|weight| weight / sum).collect();
    let kernel: Vec<f32> = line.iter().flat_map(|y| line.iter().map(move |x| y * x)).collect();
    let (batch, channels) = (x.shape()[0], x.shape()[3]);
    // Each channel is an image of its own.
    let apart =
        |x: Node<'g>| x.transpose(&[0, 3, 1, 2]).reshape([batch * channels, sides[0], sides[1], 1]);
    let kernel = x.graph().literal(Tensor::new([size, size, 1, 1], kernel)?);
    let mean = |x: Node<'g>| x.conv(kernel, ConvSpec::new(2));
    let (x, y) = (apart(x), apart(y));
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (square_x, square_y, both) = (mean_x * mean_x, mean_y * mean_y, mean_x * mean_y);
    let (spread_x, spread_y) = (mean(x * x) - square_x, mean(y * y) - square_y);
    let common = mean(x * y) - both;
    let largest = operands.number("max_val")?;
    let constant =
        |name: &str| -> Result<f32> { Ok((operands.number(name)? * largest).powi(2) as f32) };
    let (c1, c2) = (constant("k1")?, constant("k2")?);
    let map = (both * 2.0 + c1) * (common * 2.0 + c2)
        / ((square_x + square_y + c1) * (spread_x + spread_y + c2));
    let each = map.mean(&[1, 2, 3]).reshape([batch, channels]).mean(&[1]);
    Ok(vec![if one.x.ndim() == 3 { each.reshape(Vec::<usize>::new()) } else { each }])
}

kinds! { "ops.image";
    SSIM(image1, image2) [
        max_val = "1.0", filter_size = "11", filter_sigma = "1.5", k1 = "0.01", k2 = "0.03",
        data_format = "null"
    ] => likeness;
    PadImages(images) [
        top_padding = "null", left_padding = "null", bottom_padding = "null",
        right_padding = "null", target_height = "null", target_width = "null",
        data_format = "null"
    ] => pad;
    CropImages(images) [
        top_cropping = "null", left_cropping = "null", bottom_cropping = "null",
        right_cropping = "null", target_height = "null", target_width = "null",
        data_format = "null"
    ] => crop;
    GaussianBlur(images) [kernel_size = "[3, 3]", sigma = "[1.0, 1.0]", data_format = "null"]
        => gaussian_blur;
    SobelEdges(images) [data_format = "null"] => sobel_edges;
    RGBToHSV(images) [data_format = "null"] => rgb_to_hsv;
    HSVToRGB(images) [data_format = "null"] => hsv_to_rgb;
}
