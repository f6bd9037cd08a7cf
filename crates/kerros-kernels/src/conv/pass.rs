//! Which positions of the source a convolution reads, and which of the result it writes.

use std::ops::Range;

use kerros_core::law::window::{ConvSizes, Window, WindowAxis};

/// One axis of a [`Pass`]: result positions `out_first, out_first + out_step, ..` read the
/// source from `first, first + step, ..` on, one position for each tap, `tap_step` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PassAxis {
    /// Positions of the source.
    pub source: usize,
    /// Result positions that the pass computes.
    pub count: usize,
    /// The source position of the first result position and the first tap.
    pub first: isize,
    /// Source positions from one result position to the next.
    pub step: usize,
    /// Taps.
    pub taps: usize,
    /// Source positions from one tap to the next.
    pub tap_step: usize,
    /// The first result position.
    pub out_first: usize,
    /// Result positions from one to the next.
    pub out_step: usize,
    /// Positions of the result, as it lies in memory.
    pub out_len: usize,
}

impl PassAxis {
    /// Source positions that `count` neighbouring result positions span.
    pub(super) fn span(&self, count: usize) -> usize {
        match count {
            0 => 0,
            _ => (count - 1) * self.step + self.taps.saturating_sub(1) * self.tap_step + 1,
        }
    }

    /// Whether some tap meets a position outside the source.
    fn is_padded(&self) -> bool {
        let end = self.first + self.span(self.count) as isize;
        self.count > 0 && self.taps > 0 && (self.first < 0 || end > self.source as isize)
    }

    /// The axis for a part of the result's positions.
    fn restrict(&self, positions: &Range<usize>) -> Self {
        let index = |position: usize| {
            position.saturating_sub(self.out_first).div_ceil(self.out_step).min(self.count)
        };
        let (from, to) = (index(positions.start), index(positions.end));
        let count = to.saturating_sub(from);
        PassAxis {
            count,
            first: self.first + (from * self.step) as isize,
            // Without positions there is none to be the first.
            out_first: match count {
                0 => 0,
                _ => self.out_first + from * self.out_step - positions.start,
            },
            out_len: positions.len(),
            ..*self
        }
    }

    /// All taps of a convolution, at the stride.
    fn forward(axis: &WindowAxis) -> Self {
        PassAxis {
            source: axis.input,
            count: axis.output,
            first: -axis.low,
            step: axis.stride,
            taps: axis.taps,
            tap_step: axis.dilation,
            out_first: 0,
            out_step: 1,
            out_len: axis.output,
        }
    }

    /// The derivative for the input positions `phase, phase + stride, ..`: those are reached
    /// by the same taps, each from neighbouring output positions.
    fn backward(axis: &WindowAxis, phase: usize) -> Self {
        let taps = taps_of_phase(axis, phase);
        let output_at = |tap: usize| axis.output_at(phase, tap).expect("the tap is of the phase");
        let first = taps.first().map_or(0, |&tap| output_at(tap));
        let second = taps.get(1).map_or(first + 1, |&tap| output_at(tap));
        PassAxis {
            source: axis.output,
            count: axis.input.saturating_sub(phase).div_ceil(axis.stride),
            first,
            step: 1,
            taps: taps.len(),
            tap_step: (second - first) as usize,
            out_first: phase,
            out_step: axis.stride,
            out_len: axis.input,
        }
    }
}

/// The taps that reach the input positions `phase, phase + stride, ..`, by ascending output
/// positions.
fn taps_of_phase(axis: &WindowAxis, phase: usize) -> Vec<usize> {
    (0..axis.taps).rev().filter(|&tap| axis.output_at(phase, tap).is_some()).collect()
}

/// All phases of all axes, the last axis fastest.
fn phases(window: Window) -> impl Iterator<Item = [usize; 3]> {
    let [d, h, w] = window.axes.map(|axis| axis.stride);
    (0..d).flat_map(move |d| (0..h).flat_map(move |h| (0..w).map(move |w| [d, h, w])))
}

/// The kernel's taps in the order in which the input gradient takes them, phase by phase.
pub(super) fn taps_backward(window: &Window) -> Vec<usize> {
    let [_, lines, columns] = window.axes.map(|axis| axis.taps);
    let mut order = Vec::with_capacity(window.num_taps());
    for phase in phases(*window) {
        let [d, h, w] = [0, 1, 2].map(|at| taps_of_phase(&window.axes[at], phase[at]));
        for d in &d {
            for h in &h {
                order.extend(w.iter().map(|w| (d * lines + h) * columns + w));
            }
        }
    }
    order
}

/// A contraction of evenly spaced source positions with consecutive taps of a kernel.
///
/// The kernel is `[taps * width, groups * columns]`, of which the pass uses its taps from
/// `first_tap` on.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    /// Items of the source and the result, as they lie in memory.
    pub items: usize,
    /// The spatial axes.
    pub axes: [PassAxis; 3],
    /// Groups of channels.
    pub groups: usize,
    /// Channels of each group in the source: contracted.
    pub width: usize,
    /// Channels of each group in the result.
    pub columns: usize,
    /// Where the pass begins among the kernel's taps.
    pub first_tap: usize,
}

impl Pass {
    /// The convolution, for some of its rows.
    pub(super) fn forward(sizes: &ConvSizes, lens: [usize; 3], rows: Range<usize>) -> Self {
        let axes = sizes.window.axes.map(|axis| PassAxis::forward(&axis));
        let (items, axes) = share(sizes.batch, axes, lens, &rows);
        let ConvSizes { groups, inputs: width, outputs: columns, .. } = *sizes;
        Pass { items, axes, groups, width, columns, first_tap: 0 }
    }

    /// The passes of the input gradient, one for each phase, for some of its rows.
    pub(super) fn backward(
        sizes: &ConvSizes,
        lens: [usize; 3],
        rows: Range<usize>,
    ) -> impl Iterator<Item = Self> {
        let ConvSizes { batch, window, groups, inputs: columns, outputs: width } = *sizes;
        let mut first_tap = 0;
        phases(window).map(move |phase| {
            let axes = [0, 1, 2].map(|at| PassAxis::backward(&window.axes[at], phase[at]));
            let num_taps: usize = axes.iter().map(|axis| axis.taps).product();
            let (items, axes) = share(batch, axes, lens, &rows);
            let pass = Pass { items, axes, groups, width, columns, first_tap };
            first_tap += num_taps;
            pass
        })
    }

    /// Taps over all axes.
    pub(super) fn num_taps(&self) -> usize {
        self.axes.iter().map(|axis| axis.taps).product()
    }

    /// Whether some tap meets padding.
    pub(super) fn is_padded(&self) -> bool {
        self.num_taps() > 0 && self.axes.iter().any(PassAxis::is_padded)
    }

    /// Elements of the source from one position to the next along each axis, and from one item
    /// to the next.
    pub(super) fn source_strides(&self) -> Strides {
        Strides::new(self.axes.map(|axis| axis.source), self.groups * self.width)
    }

    /// The same for the result.
    pub(super) fn out_strides(&self) -> Strides {
        Strides::new(self.axes.map(|axis| axis.out_len), self.groups * self.columns)
    }
}

/// The items and axes of some rows.
fn share(
    batch: usize,
    axes: [PassAxis; 3],
    lens: [usize; 3],
    rows: &Range<usize>,
) -> (usize, [PassAxis; 3]) {
    if batch != 1 {
        return (rows.len(), axes);
    }
    let shared = lens.iter().position(|&len| len > 1).unwrap_or(0);
    let mut axes = axes;
    axes[shared] = axes[shared].restrict(rows);
    (1, axes)
}

/// Elements from one position to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strides {
    pub item: usize,
    pub axes: [usize; 3],
}

impl Strides {
    /// For an array `[item, axes.., channels]` without gaps.
    pub(super) fn new(lens: [usize; 3], channels: usize) -> Self {
        let [d, h, w] = lens;
        Strides { item: d * h * w * channels, axes: [h * w * channels, w * channels, channels] }
    }
}
