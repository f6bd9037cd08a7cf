//! `keras.ops.depth_to_space` and its like: parts of images as channels, and back.

use kerros_core::{DType, Error, ErrorKind, Result};
use kerros_graph::Node;
use serde_json::Value;

use super::kind::{Operands, kinds};
use crate::layers::DataFormat;

/// Images with the channels last, whatever the setting `data_format` says, and the way back.
struct Images<'g> {
    x: Node<'g>,
    is_first: bool,
}

impl<'g> Images<'g> {
    fn new(operands: &Operands<'_, 'g>, parameter: &str) -> Result<Self> {
        let x = operands.node(parameter)?;
        if x.ndim() != 4 {
            return Err(Error::new(ErrorKind::Shape, format!("images of shape {}", x.shape()))
                .expected("four axes: batch, height, width and channels"));
        }
        let is_first = operands.value("data_format").as_str() == Some("channels_first");
        let x = if is_first { x.transpose(&[0, 2, 3, 1]) } else { x };
        Ok(Images { x, is_first })
    }

    /// Batch, height, width and channels.
    fn sizes(&self) -> [usize; 4] {
        let shape = self.x.shape();
        [shape[0], shape[1], shape[2], shape[3]]
    }

    /// A result with the channels where they were.
    fn back(&self, result: Node<'g>) -> Vec<Node<'g>> {
        vec![if self.is_first { result.transpose(&[0, 3, 1, 2]) } else { result }]
    }
}

/// The length of a block's sides, which must divide what it is cut from.
fn block(operands: &Operands<'_, '_>, divides: impl Fn(usize) -> bool) -> Result<usize> {
    let block = usize::try_from(operands.whole("block_size")?).ok();
    let block = block.filter(|&block| block > 0 && divides(block));
    block.ok_or_else(|| operands.wrong("block_size", "a length that divides the image"))
}

/// Channels spread over blocks: `[b, h, w, s s c] -> [b, s h, s w, c]`. With the channels first
/// those of a block lie next to each other.
fn depth_to_space<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let images = Images::new(operands, "x")?;
    let [batch, height, width, channels] = images.sizes();
    let s = block(operands, |s| channels.is_multiple_of(s * s))?;
    let left = channels / (s * s);
    let blocks = match images.is_first {
        true => images.x.reshape([batch, height, width, left, s, s]).transpose(&[0, 1, 4, 2, 5, 3]),
        false => {
            images.x.reshape([batch, height, width, s, s, left]).transpose(&[0, 1, 3, 2, 4, 5])
        }
    };
    Ok(images.back(blocks.reshape([batch, height * s, width * s, left])))
}

/// The way back: `[b, s h, s w, c] -> [b, h, w, s s c]`.
fn space_to_depth<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let images = Images::new(operands, "x")?;
    let [batch, height, width, channels] = images.sizes();
    let s = block(operands, |s| height.is_multiple_of(s) && width.is_multiple_of(s))?;
    let (rows, columns) = (height / s, width / s);
    let blocks = images.x.reshape([batch, rows, s, columns, s, channels]);
    let blocks = match images.is_first {
        true => blocks.transpose(&[0, 1, 3, 5, 2, 4]),
        false => blocks.transpose(&[0, 1, 3, 2, 4, 5]),
    };
    Ok(images.back(blocks.reshape([batch, rows, columns, s * s * channels])))
}

/// A setting of one length for all spatial axes, or one for each.
fn lengths(operands: &Operands<'_, '_>, name: &str, spatial: usize) -> Result<Option<Vec<usize>>> {
    let wrong = || operands.wrong(name, &format!("a length from 1 on, or {spatial}"));
    let Some(lengths) = operands.wholes(name)? else { return Ok(None) };
    let lengths: Vec<usize> = lengths.into_iter().filter_map(|len| len.try_into().ok()).collect();
    let lengths = match lengths[..] {
        [all] => vec![all; spatial],
        _ => lengths,
    };
    match lengths.len() == spatial && lengths.iter().all(|length| (1..1 << 24).contains(length)) {
        true => Ok(Some(lengths)),
        false => Err(wrong()),
    }
}

/// How many places a window may have: each is a step of its own.
const MAX_TAPS: usize = 4096;

/// Windows of images as channels: `[b, h, w, c] -> [b, rows, columns, taps c]`; of volumes with
/// one axis more. A window of three lengths is one of volumes; one length alone is for images.
fn extract_patches<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let spatial = match operands.value("size") {
        Value::Array(sizes) => sizes.len(),
        _ => 2,
    };
    if ![2, 3].contains(&spatial) {
        return Err(operands.wrong("size", "a length from 1 on, or two or three"));
    }
    let images = operands.node("images")?;
    let is_single = images.ndim() == spatial + 1;
    let images = if is_single { images.expand_dims(0) } else { images };
    if images.ndim() != spatial + 2 {
        return Err(Error::new(ErrorKind::Shape, format!("images of shape {}", images.shape()))
            .expected(format!("batch, {spatial} spatial axes and channels")));
    }
    let format =
        DataFormat::from(operands.value("data_format").as_str().unwrap_or("channels_last"));
    format.check()?;
    let missing = || operands.wrong("size", "a length from 1 on, or two or three");
    let size = lengths(operands, "size", spatial)?.ok_or_else(missing)?;
    let strides = lengths(operands, "strides", spatial)?.unwrap_or(size.clone());
    let dilation = lengths(operands, "dilation_rate", spatial)?.unwrap_or(vec![1; spatial]);
    if size.iter().try_fold(1usize, |all, &one| all.checked_mul(one)).is_none_or(|n| n > MAX_TAPS) {
        return Err(operands.wrong("size", &format!("at most {MAX_TAPS} places")));
    }
    let is_same = match operands.value("padding").as_str() {
        Some("same") => true,
        Some("valid") => false,
        _ => return Err(operands.wrong("padding", "\"valid\" or \"same\"")),
    };
    let (mut x, mut counts) = (format.to_last(images), vec![0; spatial]);
    for side in 0..spatial {
        let (axis, reach) = (side + 1, (size[side] - 1) * dilation[side] + 1);
        let len = x.shape()[axis];
        if is_same {
            counts[side] = len.div_ceil(strides[side]);
            let needed = (counts[side].max(1) - 1) * strides[side] + reach;
            let missing = needed.saturating_sub(len);
            x = x.pad(axis, missing / 2, missing - missing / 2, 1);
        } else {
            counts[side] = (len + strides[side]).saturating_sub(reach) / strides[side];
        }
        if counts[side] == 0 {
            return Err(operands.wrong("size", "no more than the images have"));
        }
    }
    // Each axis in turn gives as many tensors as a window has places along it.
    let mut parts = vec![x];
    for side in 0..spatial {
        let taken = |x: Node<'g>, tap: usize| {
            let (start, stride) = (tap * dilation[side], strides[side]);
            x.slice_step(side + 1, start, start + (counts[side] - 1) * stride + 1, stride)
        };
        parts = parts
            .into_iter()
            .flat_map(|x| (0..size[side]).map(move |tap| (x, tap)))
            .map(|(x, tap)| taken(x, tap))
            .collect();
    }
    let made = format.restore(Node::concat(&parts, spatial + 1));
    Ok(vec![if is_single { made.reshape(&made.shape()[1..]) } else { made }])
}

/// Parts of a sequence that begin at equal distances, as an axis before the last.
fn sequences<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("x")?;
    let (axis, total) = (x.ndim().saturating_sub(1), x.shape().last());
    let setting = |name: &str| -> Result<usize> {
        let length = usize::try_from(operands.whole(name)?).ok().filter(|&length| length > 0);
        length.ok_or_else(|| operands.wrong(name, "a whole number from 1 on"))
    };
    let (length, stride) = (setting("sequence_length")?, setting("sequence_stride")?);
    if x.ndim() == 0 || length > total {
        return Err(operands.wrong("sequence_length", "no more than there is"));
    }
    let last = (total - length) / stride * stride;
    let tap = |tap: usize| x.slice_step(axis, tap, tap + last + 1, stride).expand_dims(axis + 1);
    Ok(vec![Node::concat(&(0..length).map(tap).collect::<Vec<_>>(), axis + 1)])
}

/// How much each colour counts for the grey of an image.
const GREYS: [f32; 3] = [0.2989, 0.5870, 0.1140];

/// Whole numbers stay whole numbers: what is behind the point is cut off.
fn rgb_to_grayscale<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let x = operands.node("images")?;
    let is_first = operands.value("data_format") == &Value::from("channels_first");
    let axis = x.ndim().checked_sub(if is_first { 3 } else { 1 });
    match axis.map(|axis| (axis, x.shape()[axis])) {
        Some((_, 1)) => Ok(vec![x]),
        Some((axis, 3)) => {
            let colours = GREYS.iter().enumerate();
            let float = x.cast(DType::F32);
            let parts = colours.map(|(at, &grey)| float.slice(axis, at, at + 1) * grey);
            let sum = parts.reduce(|sum, part| sum + part);
            Ok(sum.into_iter().map(|sum| sum.cast(x.dtype())).collect())
        }
        _ => Err(Error::new(ErrorKind::Shape, format!("images of shape {}", x.shape()))
            .expected("1 or 3 channels")),
    }
}

kinds! { "ops.nn";
    DepthToSpace(x) [block_size = "!", data_format = "\"channels_last\""] => depth_to_space;
    SpaceToDepth(x) [block_size = "!", data_format = "\"channels_last\""] => space_to_depth;
}

/// Those of images.
pub(super) mod image {
    use super::{extract_patches, kinds, rgb_to_grayscale};

    kinds! { "ops.image";
        ExtractPatches(images) [
            size = "!", strides = "null", dilation_rate = "1", padding = "\"valid\"",
            data_format = "null"
        ] => extract_patches;
        RGBToGrayscale(images) [data_format = "null"] => rgb_to_grayscale;
    }
}

/// Those of mathematics.
pub(super) mod math {
    use super::{kinds, sequences};

    kinds! { "ops.math";
        ExtractSequences(x) [sequence_length = "!", sequence_stride = "!"] => sequences;
    }
}
