//! Convolution over one to three spatial axes, channels last, by the law of
//! [`kerros_core::law::window`].
//!
//! [`conv`] and [`conv_input_gradient`] are both a `Pass` or several: evenly
//! spaced positions of a source, met by the taps of a kernel, give evenly spaced positions of
//! a result. `pass` says which positions, `region` finds them in memory (copied with their
//! padding, where there is any, a block at a time), `contract` runs the register tiles of
//! [`gemm`](crate::gemm) over them: the contraction of a tile walks from tap to tap in the
//! source, so that no patches are ever written out. [`conv_kernel_gradient`] contracts over
//! positions instead of taps (`kernel_gradient`). Where each channel is convolved for itself
//! there is no matrix to multiply with, and `depthwise` works on channels side by side.
//!
//! # Sharing out the work
//! The functions compute the part of their result that they are handed:
//! - [`conv`] and [`conv_input_gradient`] some **rows**: items when there are several, else
//!   positions of the result's first spatial axis longer than 1 ([`num_rows`]). The source
//!   holds the items of these rows when there are several items, and the one item otherwise.
//! - [`pack_kernel`] some taps, [`conv_kernel_gradient`] some rows of the kernel, seen as
//!   `[taps * inputs, out]`.

mod contract;
mod depthwise;
mod kernel_gradient;
mod pass;
mod region;
#[cfg(test)]
mod tests;

use std::ops::Range;

use kerros_core::law::window::{ConvSizes, num_rows};
use kerros_core::{Error, ErrorKind, Result};

use crate::Isa;
use crate::gemm::Activation;
use crate::gemm::pack::Packing;
use crate::gemm::scratch::AlignedBuffer;
use crate::gemm::tile::{Segment, TileJob, Tiles, with_tiles};

use self::contract::Contract;
use self::kernel_gradient::KernelGradient;
use self::pass::Pass;

/// Memory that a thread lends to the convolutions it computes: grown as needed and used again
/// by every later call.
#[derive(Debug, Default)]
pub struct ConvScratch {
    /// A part of the source with its padding.
    region: AlignedBuffer,
    /// A panel of the right-hand operand.
    panel: AlignedBuffer,
    /// Where the positions of a contraction lie.
    segments: Vec<Segment>,
}

impl ConvScratch {
    /// No memory yet.
    pub fn new() -> Self {
        ConvScratch::default()
    }
}

/// Whether each channel is convolved for itself.
fn is_depthwise(sizes: &ConvSizes) -> bool {
    sizes.inputs == 1 && sizes.groups > 1
}

/// `y = act(conv(x, kernel) + bias)`.
///
/// # Shape
/// `x: [batch, inputs.., groups * inputs]`, `kernel: [taps.., inputs, groups * outputs]`,
/// `bias: [groups * outputs]`, `y: [batch, outputs.., groups * outputs]`.
///
/// # Parameters
/// `rows`: which of the result's [`num_rows`] to compute; `x` and `y` as the module says.
///
/// # Errors
/// [`ErrorKind::Shape`] when rows or the length of a slice do not fit. Nothing has been
/// written then.
///
/// # Example
/// ```
/// use kerros_core::law::window::{ConvSizes, Window, WindowAxis};
/// use kerros_kernels::Isa;
/// use kerros_kernels::conv::{ConvScratch, conv};
/// use kerros_kernels::gemm::Activation;
///
/// // Two taps over [1, 2, 3, 4] with one zero before.
/// let axis = WindowAxis { input: 4, output: 4, taps: 2, stride: 1, dilation: 1, low: 1 };
/// let axes = [WindowAxis::UNIT, WindowAxis::UNIT, axis];
/// let sizes =
///     ConvSizes { batch: 1, window: Window { axes }, groups: 1, inputs: 1, outputs: 1 };
/// let (x, kernel, mut y) = ([1.0, 2.0, 3.0, 4.0], [10.0, 1.0], [0.0; 4]);
/// let (isa, scratch) = (Isa::detect(), &mut ConvScratch::new());
/// conv(isa, &sizes, 0..4, &x, &kernel, None, Activation::Identity, &mut y, scratch)?;
/// assert_eq!(y, [1.0, 12.0, 23.0, 34.0]);
/// # Ok::<(), kerros_core::Error>(())
/// ```
#[allow(clippy::too_many_arguments)]
pub fn conv(
    isa: Isa,
    sizes: &ConvSizes,
    rows: Range<usize>,
    x: &[f32],
    kernel: &[f32],
    bias: Option<&[f32]>,
    activation: Activation,
    y: &mut [f32],
    scratch: &mut ConvScratch,
) -> Result<()> {
    let window = &sizes.window;
    let lens = window.axes.map(|axis| axis.output);
    let (width, columns) = (sizes.in_channels(), sizes.out_channels());
    check_rows(sizes, lens, &rows)?;
    check_len("x", x.len(), sizes, &rows, window.num_inputs() * width)?;
    check("y", y.len(), rows.len() * per_row(sizes, lens) * columns)?;
    check("the kernel", kernel.len(), window.num_taps() * sizes.inputs * columns)?;
    if let Some(bias) = bias {
        check("the bias", bias.len(), columns)?;
    }
    let pass = Pass::forward(sizes, lens, rows);
    let relu = activation == Activation::Relu;
    let job = Contract { pass: &pass, source: x, kernel, bias, relu, out: y, scratch };
    run_pass(isa, sizes, job);
    Ok(())
}

/// The derivative of [`conv`] with respect to `x`: also the transposed convolution.
///
/// # Shape
/// `dy` as `y`, `dx` as `x` in [`conv`]; `packed` is the kernel as [`pack_kernel`] leaves it.
///
/// # Parameters
/// `rows`: which of the result's [`num_rows`] to compute; `dy` and `dx` as the module says.
///
/// # Errors
/// As [`conv`].
pub fn conv_input_gradient(
    isa: Isa,
    sizes: &ConvSizes,
    rows: Range<usize>,
    dy: &[f32],
    packed: &[f32],
    dx: &mut [f32],
    scratch: &mut ConvScratch,
) -> Result<()> {
    let window = &sizes.window;
    let lens = window.axes.map(|axis| axis.input);
    let (width, columns) = (sizes.out_channels(), sizes.in_channels());
    check_rows(sizes, lens, &rows)?;
    check_len("dy", dy.len(), sizes, &rows, window.num_outputs() * width)?;
    check("dx", dx.len(), rows.len() * per_row(sizes, lens) * columns)?;
    check("the kernel", packed.len(), window.num_taps() * sizes.outputs * columns)?;
    for pass in Pass::backward(sizes, lens, rows) {
        let job = Contract {
            pass: &pass,
            source: dy,
            kernel: packed,
            bias: None,
            relu: false,
            out: dx,
            scratch,
        };
        run_pass(isa, sizes, job);
    }
    Ok(())
}

fn run_pass(isa: Isa, sizes: &ConvSizes, job: Contract<'_>) {
    if is_depthwise(sizes) {
        depthwise::contract(isa, job);
    } else {
        with_tiles(isa, job);
    }
}

/// Packs a kernel for [`conv_input_gradient`]: the taps in the order in which that takes them,
/// each transposed.
///
/// # Shape
/// `kernel: [taps.., inputs, groups * outputs]`; `packed` holds, for each of `taps`, a range of
/// the taps in their new order, `[outputs, groups * inputs]`.
///
/// # Errors
/// As [`conv`].
pub fn pack_kernel(
    isa: Isa,
    sizes: &ConvSizes,
    taps: Range<usize>,
    kernel: &[f32],
    packed: &mut [f32],
) -> Result<()> {
    let num_taps = sizes.window.num_taps();
    let per_tap = sizes.inputs * sizes.out_channels();
    if taps.start > taps.end || taps.end > num_taps {
        return Err(refuse(format!("taps {taps:?}"), format!("a part of 0..{num_taps}")));
    }
    check("the kernel", kernel.len(), num_taps * per_tap)?;
    check("the packed kernel", packed.len(), taps.len() * per_tap)?;
    if per_tap > 0 {
        with_tiles(isa, PackKernel { sizes, taps, kernel, packed });
    }
    Ok(())
}

struct PackKernel<'a> {
    sizes: &'a ConvSizes,
    taps: Range<usize>,
    kernel: &'a [f32],
    packed: &'a mut [f32],
}

impl TileJob for PackKernel<'_> {
    type Output = ();

    fn run<T: Tiles>(self, tiles: T) {
        let ConvSizes { groups, inputs, outputs, .. } = *self.sizes;
        let (in_channels, out_channels) = (groups * inputs, groups * outputs);
        let per_tap = inputs * out_channels;
        let order = pass::taps_backward(&self.sizes.window);
        let taps = order[self.taps].iter();
        for (&tap, packed) in taps.zip(self.packed.chunks_exact_mut(per_tap)) {
            let kernel = &self.kernel[tap * per_tap..(tap + 1) * per_tap];
            for group in 0..groups {
                let packing = Packing {
                    numbers: &kernel[group * outputs..],
                    position_stride: 1,
                    stride: out_channels,
                    k: outputs,
                    width: inputs,
                    packed_stride: in_channels,
                };
                if groups == 1 {
                    packing.pack(tiles, packed);
                } else {
                    // What lies between the rows of one group belongs to the others.
                    packing.pack_elements(&mut packed[group * inputs..]);
                }
            }
        }
    }
}

/// The derivative of [`conv`] with respect to the kernel.
///
/// # Shape
/// `x` and `dy` as in [`conv`], whole; `dkernel` holds `rows` of the kernel, seen as
/// `[taps * inputs, groups * outputs]`.
///
/// # Errors
/// As [`conv`].
pub fn conv_kernel_gradient(
    isa: Isa,
    sizes: &ConvSizes,
    rows: Range<usize>,
    x: &[f32],
    dy: &[f32],
    dkernel: &mut [f32],
    scratch: &mut ConvScratch,
) -> Result<()> {
    let window = &sizes.window;
    let num_rows = window.num_taps() * sizes.inputs;
    if rows.start > rows.end || rows.end > num_rows {
        return Err(refuse(format!("rows {rows:?}"), format!("a part of 0..{num_rows}")));
    }
    check("x", x.len(), sizes.batch * window.num_inputs() * sizes.in_channels())?;
    check("dy", dy.len(), sizes.batch * window.num_outputs() * sizes.out_channels())?;
    check("the kernel's derivative", dkernel.len(), rows.len() * sizes.out_channels())?;
    let job = KernelGradient { sizes, rows, x, dy, dkernel, scratch };
    if is_depthwise(sizes) {
        depthwise::kernel_gradient(isa, job);
    } else {
        with_tiles(isa, job);
    }
    Ok(())
}

/// Positions of a result in each of its rows.
fn per_row(sizes: &ConvSizes, lens: [usize; 3]) -> usize {
    let positions: usize = lens.into_iter().product();
    match sizes.batch {
        1 => positions / num_rows(1, lens).max(1),
        _ => positions,
    }
}

fn check_rows(sizes: &ConvSizes, lens: [usize; 3], rows: &Range<usize>) -> Result<()> {
    let count = num_rows(sizes.batch, lens);
    let positive = sizes.window.axes.iter().all(|axis| axis.stride > 0 && axis.taps > 0);
    if rows.start > rows.end || rows.end > count || !positive {
        return Err(refuse(format!("rows {rows:?}"), format!("a part of 0..{count}")));
    }
    Ok(())
}

/// Checks the length of a source that holds the items of some rows.
fn check_len(
    name: &str,
    len: usize,
    sizes: &ConvSizes,
    rows: &Range<usize>,
    per_item: usize,
) -> Result<()> {
    let items = if sizes.batch == 1 { 1 } else { rows.len() };
    check(name, len, items * per_item)
}

fn check(name: &str, len: usize, needed: usize) -> Result<()> {
    if len == needed {
        return Ok(());
    }
    Err(refuse(format!("{name} has {len} elements"), needed.to_string()))
}

fn refuse(what: String, expected: String) -> Error {
    Error::new(ErrorKind::Shape, format!("convolution: {what}")).expected(expected)
}
