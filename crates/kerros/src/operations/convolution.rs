//! `keras.ops.conv` and its like: convolutions with kernels that are tensors.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use kerros_graph::ops::ConvSpec;
use serde_json::Value;

use super::kind::{Operands, kinds};
use crate::layers::{DataFormat, Padding, around_spread};

/// How windows slide over the spatial axes of an input.
struct Windows {
    strides: Vec<usize>,
    dilation: Vec<usize>,
    padding: Padding,
    format: DataFormat,
}

impl Windows {
    /// The settings of an operation, for so many spatial axes.
    fn new(operands: &Operands<'_, '_>, spatial: usize) -> Result<Self> {
        let text = |name: &str, default: &str| {
            operands.value(name).as_str().unwrap_or(default).to_string()
        };
        let padding = Padding::from(&*text("padding", "valid"));
        let format = DataFormat::from(&*text("data_format", "channels_last"));
        padding.check(false)?;
        format.check()?;
        let strides = lengths(operands, "strides", spatial)?;
        let dilation = lengths(operands, "dilation_rate", spatial)?;
        Ok(Windows { strides, dilation, padding, format })
    }

    /// For an input whose channels are last, and a kernel of this shape.
    fn spec(&self, input: &Shape, kernel: &Shape) -> ConvSpec {
        let around = |at: usize| {
            self.padding.around(input[at + 1], kernel[at], self.strides[at], self.dilation[at])
        };
        let padding: Vec<(isize, isize)> = (0..self.strides.len()).map(around).collect();
        ConvSpec::new(self.strides.len())
            .strides(self.strides.clone())
            .padding(padding)
            .dilation(self.dilation.clone())
    }
}

/// A setting that is a number for all spatial axes or one for each, from 1 on; 1 when it is null.
fn lengths(operands: &Operands<'_, '_>, name: &str, spatial: usize) -> Result<Vec<usize>> {
    let Some(given) = operands.wholes(name)? else { return Ok(vec![1; spatial]) };
    let given = match operands.value(name) {
        Value::Array(_) => given,
        _ => vec![given[0]; spatial],
    };
    match given.len() == spatial && given.iter().all(|&length| length >= 1) {
        true => Ok(given.into_iter().map(|length| length as usize).collect()),
        false => Err(operands.wrong(name, "a whole number, or one for each axis")),
    }
}

/// The input with the channels last, a kernel with as many on its last axis but one, and how the
/// windows slide.
fn prepared<'g>(
    operands: &Operands<'_, 'g>,
    kernel: &str,
) -> Result<(Node<'g>, Node<'g>, Windows)> {
    let (x, kernel) = (operands.float("inputs")?, operands.float(kernel)?);
    if x.ndim() < 3 || kernel.ndim() != x.ndim() {
        return Err(misfit(x, kernel, "a batch with spatial axes and channels, a window of them"));
    }
    let windows = Windows::new(operands, x.ndim() - 2)?;
    let x = windows.format.to_last(x);
    match kernel.shape()[kernel.ndim() - 2] == x.shape().last() {
        true => Ok((x, kernel, windows)),
        false => Err(misfit(x, kernel, "as many channels")),
    }
}

fn misfit(x: Node<'_>, kernel: Node<'_>, expected: &str) -> Error {
    let shapes = format!("an input of shape {}, a kernel of {}", x.shape(), kernel.shape());
    Error::new(ErrorKind::Shape, shapes).expected(expected)
}

/// Each input spread over a window of results, with kernels of `[taps.., out, in]`.
fn conv_transpose<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, kernel) = (operands.float("inputs")?, operands.float("kernel")?);
    if x.ndim() < 3 || kernel.ndim() != x.ndim() {
        return Err(misfit(x, kernel, "a batch with spatial axes and channels, a window of them"));
    }
    let spatial = x.ndim() - 2;
    let windows = Windows::new(operands, spatial)?;
    let x = windows.format.to_last(x);
    if kernel.shape().last() != x.shape().last() {
        return Err(misfit(x, kernel, "as many channels"));
    }
    let extra = operands.wholes("output_padding")?;
    let around = |at: usize| -> Result<(isize, isize)> {
        let extra = extra.as_ref().map(|list| list.get(at).or(list.first()).copied().unwrap_or(0));
        if extra.is_some_and(|extra| extra < 0 || extra >= windows.strides[at] as isize) {
            return Err(operands.wrong("output_padding", "from 0 on, below the strides"));
        }
        let (taps, stride) = (kernel.shape()[at].max(1), windows.strides[at]);
        let extra = extra.map(|extra| extra as usize);
        Ok(around_spread(taps, stride, windows.dilation[at], &windows.padding, extra))
    };
    let padding = (0..spatial).map(around).collect::<Result<Vec<_>>>()?;
    let spec = ConvSpec::new(spatial)
        .strides(windows.strides.clone())
        .padding(padding)
        .dilation(windows.dilation.clone());
    Ok(vec![windows.format.restore(x.conv_transpose(kernel, spec))])
}

/// With kernels of `[taps.., in, out]`.
fn conv<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (x, kernel, windows) = prepared(operands, "kernel")?;
    let spec = windows.spec(&x.shape(), &kernel.shape());
    Ok(vec![windows.format.restore(x.conv(kernel, spec))])
}

/// Each channel for itself, with kernels of `[taps.., in, multiplier]`.
fn each_channel<'g>(operands: &Operands<'_, 'g>, name: &str) -> Result<(Node<'g>, Windows)> {
    let (x, kernel, windows) = prepared(operands, name)?;
    let spec = windows.spec(&x.shape(), &kernel.shape());
    Ok((x.depthwise_conv(kernel, spec), windows))
}

/// Then all channels of each position.
fn separable<'g>(operands: &Operands<'_, 'g>) -> Result<Vec<Node<'g>>> {
    let (y, windows) = each_channel(operands, "depthwise_kernel")?;
    let pointwise = operands.float("pointwise_kernel")?;
    if pointwise.ndim() != y.ndim() {
        return Err(misfit(y, pointwise, "as many axes"));
    }
    let spec = ConvSpec::new(y.ndim() - 2).dilation(windows.dilation.clone());
    Ok(vec![windows.format.restore(y.conv(pointwise, spec))])
}

kinds! { "ops.nn";
    Conv(inputs, kernel) [
        strides = "1", padding = "\"valid\"", data_format = "null", dilation_rate = "1"
    ] => conv;
    ConvTranspose(inputs, kernel) [
        strides = "1", padding = "\"valid\"", output_padding = "null", data_format = "null",
        dilation_rate = "1"
    ] => conv_transpose;
    DepthwiseConv(inputs, kernel) [
        strides = "1", padding = "\"valid\"", data_format = "null", dilation_rate = "1"
    ] => |o| {
        let (y, windows) = each_channel(o, "kernel")?;
        Ok(vec![windows.format.restore(y)])
    };
    SeparableConv(inputs, depthwise_kernel, pointwise_kernel) [
        strides = "1", padding = "\"valid\"", data_format = "null", dilation_rate = "1"
    ] => separable;
}
