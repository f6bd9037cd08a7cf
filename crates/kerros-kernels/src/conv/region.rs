//! Parts of the source in memory, with their padding.

use std::ops::Range;

use super::pass::{Pass, PassAxis, Strides};

/// Floats of the source that are worked on together: with a panel of the kernel they stay in
/// a second-level cache of 512 KB.
const BLOCK_FLOATS: usize = 48 * 1024;
/// The same for a kernel that does not stay there: it is read anew for each block, so these
/// should be few.
const LARGE_BLOCK_FLOATS: usize = 512 * 1024;
/// Floats of such a kernel.
const LARGE_KERNEL_FLOATS: usize = 64 * 1024;

/// Some items and some positions of each axis of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub items: Range<usize>,
    pub positions: [Range<usize>; 3],
}

impl Block {
    /// The number of items and positions, outermost first.
    pub(super) fn counts(&self) -> [usize; 4] {
        let [d, h, w] = [0, 1, 2].map(|at| self.positions[at].len());
        [self.items.len(), d, h, w]
    }
}

/// Cuts the result of a pass into blocks whose part of the source, of `channels` channels, is
/// small.
pub(super) fn blocks(pass: &Pass, channels: usize) -> Vec<Block> {
    let kernel_floats = pass.num_taps() * pass.width * pass.groups * pass.columns;
    let most_floats = match kernel_floats >= LARGE_KERNEL_FLOATS {
        true => LARGE_BLOCK_FLOATS,
        false => BLOCK_FLOATS,
    };
    let counts = [pass.items, pass.axes[0].count, pass.axes[1].count, pass.axes[2].count];
    let floats = |sizes: [usize; 4]| {
        let [items, d, h, w] = sizes;
        let spans = pass.axes[0].span(d) * pass.axes[1].span(h) * pass.axes[2].span(w);
        items * spans * channels
    };
    // The outermost axes are cut to one position until the rest is small enough; the axis
    // after them is cut as little as possible.
    let mut sizes = counts;
    for axis in 0..4 {
        if floats(sizes) <= most_floats {
            break;
        }
        let whole = sizes[axis];
        sizes[axis] = 1;
        if floats(sizes) < most_floats {
            let fits = |size: usize| {
                let mut tried = sizes;
                tried[axis] = size;
                floats(tried) <= most_floats
            };
            let largest = (1..=whole).rev().find(|&size| fits(size)).unwrap_or(1);
            // As many blocks as that needs, of nearly the same size.
            sizes[axis] = whole.div_ceil(whole.div_ceil(largest));
            break;
        }
    }
    let parts = |axis: usize| -> Vec<Range<usize>> {
        let starts = (0..counts[axis]).step_by(sizes[axis].max(1));
        starts.map(|start| start..counts[axis].min(start + sizes[axis])).collect()
    };
    let [items, d, h, w] = [0, 1, 2, 3].map(parts);
    let mut all = Vec::with_capacity(items.len() * d.len() * h.len() * w.len());
    for items in &items {
        for d in &d {
            for h in &h {
                for w in &w {
                    let positions = [d.clone(), h.clone(), w.clone()];
                    all.push(Block { items: items.clone(), positions });
                }
            }
        }
    }
    all
}

/// How channels are laid out in a copy of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    /// As they are.
    Same,
    /// Each one as many times, one beside the other.
    Repeated(usize),
    /// Every so-manyth channel: first those with remainder 0, then 1, and so on.
    Dealt(usize),
}

impl Channels {
    /// Channels in the copy, of `channels` in the source.
    pub(super) fn count(self, channels: usize) -> usize {
        match self {
            Channels::Same | Channels::Dealt(_) => channels,
            Channels::Repeated(times) => channels * times,
        }
    }

    fn copy(self, from: &[f32], channels: usize, to: &mut [f32]) {
        match self {
            Channels::Same => to.copy_from_slice(from),
            Channels::Repeated(times) => {
                for (to, &x) in to.chunks_exact_mut(times).zip(from) {
                    to.fill(x);
                }
            }
            Channels::Dealt(hands) => {
                let each = channels / hands;
                let positions = from.chunks_exact(channels).zip(to.chunks_exact_mut(channels));
                for (from, to) in positions {
                    for (at, &x) in from.iter().enumerate() {
                        to[at % hands * each + at / hands] = x;
                    }
                }
            }
        }
    }
}

/// The part of the source that a block reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region<'a> {
    /// From the position of the block's first result and first tap on.
    pub numbers: &'a [f32],
    pub strides: Strides,
}

/// The part in the source itself: for passes without padding.
pub(super) fn in_place<'a>(pass: &Pass, block: &Block, source: &'a [f32]) -> Region<'a> {
    let strides = pass.source_strides();
    let mut start = block.items.start * strides.item;
    for (at, axis) in pass.axes.iter().enumerate() {
        let first = axis.first + (block.positions[at].start * axis.step) as isize;
        start += first.max(0) as usize * strides.axes[at];
    }
    Region { numbers: source.get(start..).unwrap_or(&[]), strides }
}

/// Floats of a copy of the part.
pub(super) fn copy_len(pass: &Pass, block: &Block, channels: usize) -> usize {
    let spans = (0..3).map(|at| pass.axes[at].span(block.positions[at].len()));
    block.items.len() * spans.product::<usize>() * channels
}

/// A copy of the part with its padding, in `to`, which is as long as [`copy_len`] says.
pub(super) fn copied<'a>(
    pass: &Pass,
    block: &Block,
    source: &[f32],
    channels: Channels,
    to: &'a mut [f32],
) -> Region<'a> {
    let width = pass.groups * pass.width;
    let from = pass.source_strides();
    let spans = [0, 1, 2].map(|at| pass.axes[at].span(block.positions[at].len()));
    let strides = Strides::new(spans, channels.count(width));
    let starts = [0, 1, 2].map(|at| {
        let axis = &pass.axes[at];
        axis.first + (block.positions[at].start * axis.step) as isize
    });
    let lines = Lines { pass, starts, spans, width, channels };
    for (at, item) in block.items.clone().enumerate() {
        let source = &source[item * from.item..(item + 1) * from.item];
        lines.copy(source, from, &mut to[at * strides.item..(at + 1) * strides.item], strides);
    }
    Region { numbers: to, strides }
}

/// The lines of one item's part.
struct Lines<'a> {
    pass: &'a Pass,
    starts: [isize; 3],
    spans: [usize; 3],
    width: usize,
    channels: Channels,
}

impl Lines<'_> {
    fn copy(&self, source: &[f32], from: Strides, to: &mut [f32], strides: Strides) {
        let axes = &self.pass.axes;
        for d in 0..self.spans[0] {
            for h in 0..self.spans[1] {
                let start = d * strides.axes[0] + h * strides.axes[1];
                let to = &mut to[start..start + strides.axes[1]];
                let places =
                    (inside(&axes[0], self.starts[0], d), inside(&axes[1], self.starts[1], h));
                match places {
                    (Some(d), Some(h)) => {
                        let start = d * from.axes[0] + h * from.axes[1];
                        self.copy_line(&source[start..start + from.axes[1]], to, strides.axes[2]);
                    }
                    _ => to.fill(0.0),
                }
            }
        }
    }

    fn copy_line(&self, source: &[f32], to: &mut [f32], stride: usize) {
        let (len, start) = (self.pass.axes[2].source as isize, self.starts[2]);
        let end = start + self.spans[2] as isize;
        let (first, last) = (start.clamp(0, len), end.clamp(0, len));
        // Zeros before, numbers, zeros after.
        let before = (first - start).clamp(0, self.spans[2] as isize) as usize * stride;
        let count = (last - first).max(0) as usize;
        let (zeros, rest) = to.split_at_mut(before);
        let (numbers, more_zeros) = rest.split_at_mut(count * stride);
        zeros.fill(0.0);
        more_zeros.fill(0.0);
        if count > 0 {
            let first = first as usize * self.width;
            let from = &source[first..first + count * self.width];
            self.channels.copy(from, self.width, numbers);
        }
    }
}

/// The source position `offset` after `start`, unless it is padding.
fn inside(axis: &PassAxis, start: isize, offset: usize) -> Option<usize> {
    usize::try_from(start + offset as isize).ok().filter(|&at| at < axis.source)
}
