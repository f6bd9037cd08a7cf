//! The derivative with respect to the kernel: a contraction over positions.

use std::ops::Range;

use kerros_core::law::contraction_chunk;
use kerros_core::law::window::{ConvSizes, Window};

use super::ConvScratch;
use super::pass::Strides;
use crate::gemm::cuts::Cuts;
use crate::gemm::pack::Packing;
use crate::gemm::tile::{Finish, Segment, Tile, TileJob, Tiles};

/// Some rows of the derivative with the operands.
pub(super) struct KernelGradient<'a> {
    pub sizes: &'a ConvSizes,
    /// Of `taps * inputs`.
    pub rows: Range<usize>,
    pub x: &'a [f32],
    pub dy: &'a [f32],
    pub dkernel: &'a mut [f32],
    pub scratch: &'a mut ConvScratch,
}

/// Neighbouring positions of one line of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    item: usize,
    /// The line's position on the two outer axes.
    line: [usize; 2],
    positions: Range<usize>,
}

/// The chunk's positions, line by line.
fn pieces(window: &Window, chunk: Range<usize>) -> impl Iterator<Item = Piece> {
    let [_, lines, len] = window.axes.map(|axis| axis.output);
    let per_item = window.num_outputs();
    let mut next = chunk.start;
    std::iter::from_fn(move || {
        if next >= chunk.end {
            return None;
        }
        let (item, within) = (next / per_item, next % per_item);
        let (line, start) = (within / len, within % len);
        let end = len.min(start + chunk.end - next);
        next += end - start;
        Some(Piece { item, line: [line / lines, line % lines], positions: start..end })
    })
}

/// Where a chunk's positions lie: one segment for each piece, and how far apart taps are.
pub(super) struct Located<'a> {
    pub numbers: &'a [f32],
    /// Elements from tap to tap along each axis.
    pub tap_steps: [usize; 3],
    /// Elements from one position of a line to the next.
    pub position_step: usize,
}

/// How x is read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    padded: bool,
    /// How often each channel is repeated.
    pub repeat: usize,
}

impl Reading {
    /// With each channel as many times.
    pub(super) fn new(window: &Window, repeat: usize) -> Self {
        let padded = window.axes.iter().any(|axis| {
            let reach = (axis.output.saturating_sub(1) * axis.stride
                + (axis.taps - 1) * axis.dilation) as isize;
            axis.output > 0 && (axis.low > 0 || reach - axis.low >= axis.input as isize)
        });
        Reading { padded, repeat }
    }

    /// Finds the chunk's positions in `x`, or copies them with their padding to `copy`.
    pub(super) fn locate<'a>(
        self,
        sizes: &ConvSizes,
        chunk: Range<usize>,
        x: &'a [f32],
        copy: &'a mut crate::gemm::scratch::AlignedBuffer,
        segments: &mut Vec<Segment>,
    ) -> Located<'a> {
        segments.clear();
        if self.padded || self.repeat > 1 {
            self.copy(sizes, chunk, x, copy, segments)
        } else {
            in_place(sizes, chunk, x, segments)
        }
    }

    fn copy<'a>(
        self,
        sizes: &ConvSizes,
        chunk: Range<usize>,
        x: &[f32],
        copy: &'a mut crate::gemm::scratch::AlignedBuffer,
        segments: &mut Vec<Segment>,
    ) -> Located<'a> {
        let window = &sizes.window;
        let [d, h, w] = window.axes;
        let channels = sizes.in_channels();
        let width = channels * self.repeat;
        let pieces: Vec<Piece> = pieces(window, chunk).collect();
        // A part of a line alone is copied alone, so that long lines are not copied anew for
        // each of their chunks; otherwise lines are copied whole.
        let columns = match pieces.as_slice() {
            [only] => only.positions.clone(),
            _ => 0..w.output,
        };
        let span = |count: usize, axis: &kerros_core::law::window::WindowAxis| {
            (count - 1) * axis.stride + (axis.taps - 1) * axis.dilation + 1
        };
        let line_floats = span(columns.len(), &w) * width;
        // Pieces of one item and outer position share their input lines: a run.
        let same_run = |a: &Piece, b: &Piece| a.item == b.item && a.line[0] == b.line[0];
        let runs: Vec<&[Piece]> = pieces.chunk_by(same_run).collect();
        let most_lines = runs.iter().map(|run| span(run.len(), &h)).max().unwrap_or(0);
        let slice_floats = most_lines * line_floats;
        let to = copy.take(runs.len() * d.taps * slice_floats);
        let strides = Strides::new(window.axes.map(|axis| axis.input), channels);
        for (run, to) in runs.iter().zip(to.chunks_exact_mut((d.taps * slice_floats).max(1))) {
            let item = &x[run[0].item * strides.item..][..strides.item];
            for (tap, to) in to.chunks_exact_mut(slice_floats).enumerate() {
                let slice = d.input_at(run[0].line[0], tap);
                for line in 0..span(run.len(), &h) {
                    let to = &mut to[line * line_floats..][..line_floats];
                    let at = (run[0].line[1] * h.stride + line) as isize - h.low;
                    let line = usize::try_from(at).ok().filter(|&at| at < h.input);
                    let (Some(slice), Some(line)) = (slice, line) else {
                        to.fill(0.0);
                        continue;
                    };
                    let from = &item[slice * strides.axes[0] + line * strides.axes[1]..];
                    let first = (columns.start * w.stride) as isize - w.low;
                    self.copy_line(&from[..strides.axes[1]], channels, first, to);
                }
            }
        }
        let mut start = 0;
        for run in &runs {
            for (at, piece) in run.iter().enumerate() {
                let position = (piece.positions.start - columns.start) * w.stride;
                let offset = start + at * h.stride * line_floats + position * width;
                segments.push(Segment { offset, len: piece.positions.len() });
            }
            start += d.taps * slice_floats;
        }
        Located {
            numbers: to,
            tap_steps: [slice_floats, h.dilation * line_floats, w.dilation * width],
            position_step: w.stride * width,
        }
    }

    /// Copies a line from input position `first` on, zeros where there is none.
    fn copy_line(self, from: &[f32], channels: usize, first: isize, to: &mut [f32]) {
        let (len, span) = (from.len() / channels, to.len() / (channels * self.repeat));
        let width = channels * self.repeat;
        let inside = |at: isize| at.clamp(0, len as isize) as usize;
        let (start, end) = (inside(first), inside(first + span as isize));
        let before = (start as isize - first).clamp(0, span as isize) as usize * width;
        let (zeros, rest) = to.split_at_mut(before);
        let (numbers, more_zeros) = rest.split_at_mut((end - start) * width);
        zeros.fill(0.0);
        more_zeros.fill(0.0);
        let from = &from[start * channels..end * channels];
        match self.repeat {
            1 => numbers.copy_from_slice(from),
            repeat => {
                numbers.chunks_exact_mut(repeat).zip(from).for_each(|(to, &x)| to.fill(x));
            }
        }
    }
}

fn in_place<'a>(
    sizes: &ConvSizes,
    chunk: Range<usize>,
    x: &'a [f32],
    segments: &mut Vec<Segment>,
) -> Located<'a> {
    let [d, h, w] = sizes.window.axes;
    let strides = Strides::new(sizes.window.axes.map(|axis| axis.input), sizes.in_channels());
    let position_step = w.stride * strides.axes[2];
    // Without padding `low` is not positive.
    let start = |output: usize, axis: &kerros_core::law::window::WindowAxis| {
        output * axis.stride + axis.low.unsigned_abs()
    };
    for piece in pieces(&sizes.window, chunk) {
        let offset = piece.item * strides.item
            + start(piece.line[0], &d) * strides.axes[0]
            + start(piece.line[1], &h) * strides.axes[1]
            + start(piece.positions.start, &w) * strides.axes[2];
        match segments.last_mut() {
            Some(last) if last.offset + last.len * position_step == offset => {
                last.len += piece.positions.len();
            }
            _ => segments.push(Segment { offset, len: piece.positions.len() }),
        }
    }
    Located {
        numbers: x,
        tap_steps: [
            d.dilation * strides.axes[0],
            h.dilation * strides.axes[1],
            w.dilation * strides.axes[2],
        ],
        position_step,
    }
}

/// Rows of the kernel that lie side by side in the source: those of one tap, or of a line of
/// taps.
#[derive(Clone, Debug)]
struct RowGroup {
    /// Which of the wanted rows.
    rows: Range<usize>,
    /// Where the first of them reads, after the position of the first tap.
    offset: usize,
}

/// The wanted rows, group by group.
fn row_groups(sizes: &ConvSizes, rows: &Range<usize>, steps: [usize; 3]) -> Vec<RowGroup> {
    let [d, h, w] = sizes.window.axes.map(|axis| axis.taps);
    // Neighbouring taps of a line are neighbours in memory, too.
    let joined = sizes.groups == 1 && steps[2] == sizes.inputs;
    let (per_line, len) = if joined { (1, w * sizes.inputs) } else { (w, sizes.inputs) };
    (0..d * h * per_line)
        .filter_map(|group| {
            let own = group * len..(group + 1) * len;
            let (start, end) = (own.start.max(rows.start), own.end.min(rows.end));
            let (line, tap) = (group / per_line, group % per_line);
            let offset = line / h * steps[0] + line % h * steps[1] + tap * steps[2];
            (start < end).then(|| RowGroup {
                rows: start - rows.start..end - rows.start,
                offset: offset + (start - own.start),
            })
        })
        .collect()
}

/// From this distance between positions of dy on, a panel of it is copied before it is used, for
/// the same reason as one of the kernel.
const PACKED_STRIDE: usize = 64;

impl TileJob for KernelGradient<'_> {
    type Output = ();

    fn run<T: Tiles>(self, tiles: T) {
        let KernelGradient { sizes, rows, x, dy, dkernel, scratch } = self;
        let ConvSizes { groups, inputs, outputs, .. } = *sizes;
        let (stride, total) = (groups * outputs, sizes.batch * sizes.window.num_outputs());
        let ConvScratch { region, panel: packed_panel, segments } = scratch;
        if total == 0 || inputs == 0 {
            dkernel.fill(0.0);
            return;
        }
        let reading = Reading::new(&sizes.window, 1);
        let panels = Cuts::new(outputs.div_ceil(T::LANES), T::VECTORS);
        let chunk_len = contraction_chunk(total);
        for start in (0..total).step_by(chunk_len) {
            let chunk = start..total.min(start + chunk_len);
            let len = chunk.len();
            let dy = &dy[start * stride..chunk.end * stride];
            let x = reading.locate(sizes, chunk, x, region, segments);
            let row_groups = row_groups(sizes, &rows, x.tap_steps);
            let finish = Finish { add_out: start > 0, ..Finish::default() };
            for panel in 0..groups * panels.num() {
                let (group, panel) = (panel / panels.num(), panel % panels.num());
                let vectors = panels.range(panel);
                let first = vectors.start * T::LANES;
                let columns = (vectors.end * T::LANES).min(outputs) - first;
                let column = group * outputs + first;
                let pack = stride >= PACKED_STRIDE;
                let (b, b_row_stride) = if pack {
                    let packed_stride = vectors.len() * T::LANES;
                    let packing = Packing {
                        numbers: &dy[column..],
                        position_stride: stride,
                        stride: 1,
                        k: len,
                        width: columns,
                        packed_stride,
                    };
                    let packed = packed_panel.take(len * packed_stride);
                    packing.pack(tiles, packed);
                    (&*packed, packed_stride)
                } else {
                    (&dy[column..], stride)
                };
                for RowGroup { rows, offset } in &row_groups {
                    let strips = Cuts::new(rows.len(), T::ROWS);
                    for strip in 0..strips.num() {
                        let strip = strips.range(strip);
                        let tile = Tile {
                            rows: strip.len(),
                            columns,
                            segments,
                            a: &x.numbers[group * inputs + offset + strip.start..],
                            a_row_stride: 1,
                            a_col_stride: x.position_step,
                            b,
                            b_row_stride,
                            b_padded: pack,
                            out_row_stride: stride,
                            finish,
                            extras: None,
                        };
                        let at = (rows.start + strip.start) * stride + column;
                        tiles.tile(&tile, &mut dkernel[at..]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::law::window::WindowAxis;

    use super::*;

    #[test]
    fn pieces_cover_a_chunk_in_order() {
        let axis = |output| WindowAxis { output, ..WindowAxis::UNIT };
        let window = Window { axes: [axis(2), axis(3), axis(4)] };
        let found: Vec<Piece> = pieces(&window, 10..30).collect();
        let flat = |piece: &Piece, at: usize| {
            ((piece.item * 2 + piece.line[0]) * 3 + piece.line[1]) * 4 + at
        };
        let all: Vec<usize> = found
            .iter()
            .flat_map(|piece| piece.positions.clone().map(move |at| flat(piece, at)))
            .collect();
        assert_eq!(all, (10..30).collect::<Vec<_>>());
        assert_eq!(found.len(), 6);
    }
}
