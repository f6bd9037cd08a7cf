//! Running register tiles over the positions of a pass.

use kerros_core::law::contraction_chunk;

use super::ConvScratch;
use super::pass::{Pass, Strides};
use super::region::{self, Block, Channels, Region};
use crate::gemm::cuts::Cuts;
use crate::gemm::pack::Packing;
use crate::gemm::tile::{Finish, Segment, Tile, TileJob, Tiles};

/// One pass with its operands.
pub(super) struct Contract<'a> {
    pub pass: &'a Pass,
    pub source: &'a [f32],
    /// `[taps * width, groups * columns]`.
    pub kernel: &'a [f32],
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
    pub out: &'a mut [f32],
    pub scratch: &'a mut ConvScratch,
}

/// From this distance between rows of the kernel on, a panel is copied before it is used many
/// times: rows 256 bytes apart share a quarter of a first-level cache, and the panel would not
/// stay there.
const PACKED_STRIDE: usize = 64;
/// As many strips pay for the copy.
const PACKED_STRIPS: usize = 8;

impl TileJob for Contract<'_> {
    type Output = ();

    fn run<T: Tiles>(self, tiles: T) {
        let Contract { pass, source, kernel, bias, relu, out, scratch } = self;
        if pass.groups * pass.columns == 0 {
            return;
        }
        let padded = pass.is_padded();
        let ConvScratch { region, panel, segments } = scratch;
        for block in region::blocks(pass, pass.groups * pass.width) {
            let channels = pass.groups * pass.width;
            let region = if padded {
                let copy = region.take(region::copy_len(pass, &block, channels));
                region::copied(pass, &block, source, Channels::Same, copy)
            } else {
                region::in_place(pass, &block, source)
            };
            let chunks = chunks(pass, region.strides, segments);
            let out = &mut out[out_start(pass, &block)..];
            let rows = Rows::new(pass, &block, region.strides, T::ROWS);
            let job = BlockJob { pass, kernel, bias, relu, region, rows };
            for (at, chunk) in chunks.iter().enumerate() {
                let (is_first, is_last) = (at == 0, at + 1 == chunks.len());
                let part = &segments[chunk.segments.clone()];
                job.chunk(tiles, part, chunk.first_row, (is_first, is_last), panel, out);
            }
        }
    }
}

/// Where the block's first result lies.
pub(super) fn out_start(pass: &Pass, block: &Block) -> usize {
    let strides = pass.out_strides();
    let mut start = block.items.start * strides.item;
    for (at, axis) in pass.axes.iter().enumerate() {
        let position = axis.out_first + block.positions[at].start * axis.out_step;
        start += position * strides.axes[at];
    }
    start
}

/// A part of the contraction: some segments, and the first row of the kernel (counted from the
/// pass's first) that they meet.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub segments: std::ops::Range<usize>,
    pub first_row: usize,
}

/// Lists the segments of all taps, cut into chunks by the law; at least one, perhaps empty.
fn chunks(pass: &Pass, strides: Strides, segments: &mut Vec<Segment>) -> Vec<Chunk> {
    let joined = pass.groups == 1;
    tap_segments(pass, strides, pass.width, joined, segments);
    cut_chunks(segments)
}

/// The segments of all taps: `width` positions each, and those that follow each other in
/// memory `joined` if allowed.
pub(super) fn tap_segments(
    pass: &Pass,
    strides: Strides,
    width: usize,
    joined: bool,
    segments: &mut Vec<Segment>,
) {
    segments.clear();
    let steps = [0, 1, 2].map(|at| pass.axes[at].tap_step * strides.axes[at]);
    for d in 0..pass.axes[0].taps {
        for h in 0..pass.axes[1].taps {
            for w in 0..pass.axes[2].taps {
                let offset = d * steps[0] + h * steps[1] + w * steps[2];
                match segments.last_mut() {
                    Some(last) if joined && last.offset + last.len == offset => last.len += width,
                    _ => segments.push(Segment { offset, len: width }),
                }
            }
        }
    }
}

/// Cuts segments so that each chunk of the law has whole ones.
pub(super) fn cut_chunks(segments: &mut Vec<Segment>) -> Vec<Chunk> {
    let total: usize = segments.iter().map(|segment| segment.len).sum();
    let chunk_len = contraction_chunk(total);
    if total <= chunk_len {
        return vec![Chunk { segments: 0..segments.len(), first_row: 0 }];
    }
    let whole = std::mem::take(segments);
    let mut chunks = vec![Chunk { segments: 0..0, first_row: 0 }];
    let mut row = 0;
    for Segment { mut offset, mut len } in whole {
        while len > 0 {
            let room = chunk_len - row % chunk_len;
            if room == chunk_len && row > 0 {
                chunks.push(Chunk { segments: segments.len()..segments.len(), first_row: row });
            }
            let taken = len.min(room);
            segments.push(Segment { offset, len: taken });
            chunks.last_mut().expect("there is a first chunk").segments.end = segments.len();
            (offset, len, row) = (offset + taken, len - taken, row + taken);
        }
    }
    chunks
}

/// The positions of a block as rows of a matrix: evenly spaced rows, and loops around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub loops: [Loop; 3],
    pub rows: Loop,
}

/// How often, and how far apart in the source and in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loop {
    pub count: usize,
    pub source: usize,
    pub out: usize,
}

impl Loop {
    const ONCE: Self = Loop { count: 1, source: 0, out: 0 };
}

impl Rows {
    /// The rows of a block for tiles of at most `highest` rows.
    pub(super) fn new(pass: &Pass, block: &Block, strides: Strides, highest: usize) -> Self {
        let out = pass.out_strides();
        let [items, ..] = block.counts();
        let mut loops = vec![Loop { count: items, source: strides.item, out: out.item }];
        for (at, axis) in pass.axes.iter().enumerate() {
            loops.push(Loop {
                count: block.positions[at].len(),
                source: axis.step * strides.axes[at],
                out: axis.out_step * out.axes[at],
            });
        }
        // Loops that continue each other are one.
        let mut joined: Vec<Loop> = Vec::with_capacity(4);
        for inner in loops.into_iter().filter(|inner| inner.count != 1) {
            match joined.last_mut() {
                Some(outer)
                    if outer.source == inner.count * inner.source
                        && outer.out == inner.count * inner.out =>
                {
                    *outer = Loop { count: outer.count * inner.count, ..inner };
                }
                _ => joined.push(inner),
            }
        }
        // Rows are the innermost positions, unless those do not fill a tile and others do better.
        let mut best = joined.len().saturating_sub(1);
        for at in (0..joined.len()).rev() {
            if joined[at].count.min(highest) > joined[best].count.min(highest) {
                best = at;
            }
        }
        let rows = if joined.is_empty() { Loop::ONCE } else { joined.remove(best) };
        let mut loops = [Loop::ONCE; 3];
        let first = 3 - joined.len();
        loops[first..].copy_from_slice(&joined);
        Rows { loops, rows }
    }

    /// How many lines of rows there are.
    pub(super) fn num_lines(&self) -> usize {
        self.loops.iter().map(|each| each.count).product()
    }

    /// The place of a line's first row in the source and in the result.
    pub(super) fn line(&self, index: usize) -> (usize, usize) {
        let [a, b, c] = self.loops;
        let [i, j, k] = [index / (b.count * c.count), index / c.count % b.count, index % c.count];
        let source = i * a.source + j * b.source + k * c.source;
        (source, i * a.out + j * b.out + k * c.out)
    }
}

/// A block with all that does not change from tile to tile.
struct BlockJob<'a> {
    pass: &'a Pass,
    kernel: &'a [f32],
    bias: Option<&'a [f32]>,
    relu: bool,
    region: Region<'a>,
    rows: Rows,
}

impl BlockJob<'_> {
    fn chunk<T: Tiles>(
        &self,
        tiles: T,
        segments: &[Segment],
        first_row: usize,
        (is_first, is_last): (bool, bool),
        panel_buffer: &mut crate::gemm::scratch::AlignedBuffer,
        out: &mut [f32],
    ) {
        let Pass { groups, width, columns, first_tap, .. } = *self.pass;
        let stride = groups * columns;
        let first_row = first_tap * width + first_row;
        let len: usize = segments.iter().map(|segment| segment.len).sum();
        let strips = Cuts::new(self.rows.rows.count, T::ROWS);
        let highest = self.rows.rows.count.div_ceil(strips.num().max(1));
        let pack = stride >= PACKED_STRIDE && strips.num() * self.rows.num_lines() >= PACKED_STRIPS;
        let widest = if pack { T::VECTORS } else { T::max_vectors(highest) };
        let panels = Cuts::new(columns.div_ceil(T::LANES), widest);
        for group in 0..groups {
            let source = self.region.numbers.get(group * width..).unwrap_or(&[]);
            for panel in 0..panels.num() {
                let vectors = panels.range(panel);
                let first = vectors.start * T::LANES;
                let panel_columns = (vectors.end * T::LANES).min(columns) - first;
                let column = group * columns + first;
                let kernel = self.kernel.get(first_row * stride + column..).unwrap_or(&[]);
                let (b, b_row_stride) = if pack {
                    let packed_stride = vectors.len() * T::LANES;
                    let packing = Packing {
                        numbers: kernel,
                        position_stride: stride,
                        stride: 1,
                        k: len,
                        width: panel_columns,
                        packed_stride,
                    };
                    let packed = panel_buffer.take(len * packed_stride);
                    packing.pack(tiles, packed);
                    (&*packed, packed_stride)
                } else {
                    (kernel, stride)
                };
                let finish = Finish {
                    add_out: !is_first,
                    bias: self.bias.filter(|_| is_last).map(|bias| &bias[column..]),
                    relu: self.relu && is_last,
                    ..Finish::default()
                };
                for line in 0..self.rows.num_lines() {
                    let (from, to) = self.rows.line(line);
                    for strip in 0..strips.num() {
                        let rows = strips.range(strip);
                        let start = from + rows.start * self.rows.rows.source;
                        let tile = Tile {
                            rows: rows.len(),
                            columns: panel_columns,
                            segments,
                            a: source.get(start..).unwrap_or(&[]),
                            a_row_stride: self.rows.rows.source,
                            a_col_stride: 1,
                            b,
                            b_row_stride,
                            b_padded: pack,
                            out_row_stride: self.rows.rows.out,
                            finish,
                            extras: None,
                        };
                        let at = to + rows.start * self.rows.rows.out + column;
                        tiles.tile(&tile, &mut out[at..]);
                    }
                }
            }
        }
    }
}
