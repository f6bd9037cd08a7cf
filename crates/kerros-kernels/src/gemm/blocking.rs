//! Cuts a product into register tiles, in an order that keeps operands in the caches.

use std::ops::Range;

use kerros_core::law::CONTRACTION_CHUNK;

use super::cuts::Cuts;
use super::pack::Packing;
use super::scratch::{AlignedBuffer, Scratch};
use super::tile::{Finish, Grid, Segment, Tile, Tiles};
use super::{Activation, Gemm, Matrix, Pair};

/// A checked product: some rows of one [`Gemm`].
#[derive(Clone, Debug)]
pub(super) struct Product<'a> {
    pub gemm: &'a Gemm,
    pub rows: Range<usize>,
    pub pairs: &'a [Pair],
    pub a: &'a [f32],
    pub b: &'a [f32],
    pub bias: Option<&'a [f32]>,
}

/// One chunk of one pair's contraction: `len` positions of A and B from here on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk<'a> {
    /// From the first of the product's rows and the chunk's first position on.
    pub a: &'a [f32],
    /// From the chunk's first position and the first column on.
    pub b: &'a [f32],
    pub len: usize,
    pub is_first: bool,
    pub is_last: bool,
}

impl<'a> Product<'a> {
    pub(super) fn num_chunks(&self) -> usize {
        (self.pairs.len() * self.gemm.k.div_ceil(CONTRACTION_CHUNK)).max(1)
    }

    /// The chunks of all pairs in the order of the law; at least one, perhaps empty.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> {
        let Product { gemm, rows, pairs, a, b, .. } = self.clone();
        let per_pair = gemm.k.div_ceil(CONTRACTION_CHUNK);
        let num_chunks = self.num_chunks();
        (0..num_chunks).map(move |index| {
            let (is_first, is_last) = (index == 0, index + 1 == num_chunks);
            if pairs.is_empty() || gemm.k == 0 {
                return Chunk { a: &[], b: &[], len: 0, is_first, is_last };
            }
            let pair = pairs[index / per_pair];
            let start = index % per_pair * CONTRACTION_CHUNK;
            let a_start =
                pair.a_offset + rows.start * gemm.a.row_stride + start * gemm.a.col_stride;
            Chunk {
                a: &a[a_start..],
                b: &b[pair.b_offset + start * gemm.b.row_stride..],
                len: (gemm.k - start).min(CONTRACTION_CHUNK),
                is_first,
                is_last,
            }
        })
    }
}

/// How a product is cut.
#[derive(Clone, Copy, Debug)]
struct Blocking {
    /// Rows of C, in strips as high as a tile.
    strips: Cuts,
    /// Columns of C in vectors, in panels as wide as a tile.
    panels: Cuts,
    /// Panels that are worked on together, so that their part of B stays in the L2 cache.
    panels_per_block: usize,
    /// Strips that are worked on together, so that they stay in the L2 cache.
    strips_per_block: usize,
    pack_a: bool,
    pack_b: bool,
}

/// Floats of B that are packed together: half of a 2 MiB L2 cache.
const B_BLOCK_FLOATS: usize = 256 * 1024;
/// Floats of A that are packed together.
const A_BLOCK_FLOATS: usize = 96 * 1024;
/// From this many panels on, the next strip of A is fetched ahead of use.
const MIN_PREFETCH_PARTS: usize = 3;
/// Panels that a strip is multiplied with before the next part of the next strip is fetched.
const PANELS_AT_ONCE: usize = 4;
/// Floats of a cache line.
const LINE_FLOATS: usize = 16;
/// Positions that are packed for all panels of B, or strips of A, before the next ones.
const PACKED_TOGETHER: usize = 16;
/// Rows of B that are a multiple of this many floats apart compete for the same few lines of the
/// caches.
const CONFLICT_STRIDE: usize = 1024;
/// Up to this many cache lines, one for each position, a strip of a transposed A is read in place.
const MAX_LINES_IN_PLACE: usize = 64;
/// Up to this many strips, reading B in place costs less than packing it.
const MAX_STRIPS_IN_PLACE: usize = 24;

impl Blocking {
    fn new<T: Tiles>(product: &Product<'_>) -> Self {
        let Gemm { n, k, b, a, .. } = *product.gemm;
        let num_rows = product.rows.len();
        let chunk_len = k.clamp(1, CONTRACTION_CHUNK);
        let strips = Cuts::new(num_rows, T::ROWS);
        let highest = num_rows.div_ceil(strips.num());

        let in_place = b.col_stride == 1 || n == 1;
        let conflict =
            |stride: usize| n > T::VECTORS * T::LANES && b.row_stride.is_multiple_of(stride);
        let max_strips = match () {
            () if conflict(CONFLICT_STRIDE) => 2,
            () if conflict(CONFLICT_STRIDE / 2) => MAX_STRIPS_IN_PLACE / 2,
            () => MAX_STRIPS_IN_PLACE,
        };
        let pack_b = !in_place || strips.num() > max_strips && n > 2 * T::VECTORS * T::LANES;
        let panel_vectors = if pack_b { T::VECTORS } else { T::max_vectors(highest) };
        let panels = Cuts::new(n.div_ceil(T::LANES), panel_vectors);
        let panel_floats = panel_vectors * T::LANES * chunk_len;

        // A strip is read once per panel: a packed copy pays from the third on, unless the strip
        // lies in lines so few and so spread that the L1 cache holds them.
        let stays = a.row_stride == 1
            && k <= MAX_LINES_IN_PLACE
            && !a.col_stride.is_multiple_of(CONFLICT_STRIDE / 8);
        let pack_a = panels.num() >= 3 && a.col_stride != 1 && !stays;
        Blocking {
            strips,
            panels,
            panels_per_block: (B_BLOCK_FLOATS / panel_floats).max(1),
            strips_per_block: (A_BLOCK_FLOATS / (highest * chunk_len)).max(1),
            pack_a,
            pack_b,
        }
    }
}

/// Computes the product into `c`, whose first element is the first of the product's rows.
pub(super) fn multiply<T: Tiles>(
    tiles: T,
    product: &Product<'_>,
    c: &mut [f32],
    scratch: &mut Scratch,
) {
    let gemm = product.gemm;
    let blocking = Blocking::new::<T>(product);
    // Where C must keep its old numbers until the end, the sums of chunks wait elsewhere.
    let keep_apart = gemm.accumulate && product.num_chunks() > 1;
    let Scratch { a: a_buffer, b: b_buffer, totals } = scratch;

    for first_panel in (0..blocking.panels.num()).step_by(blocking.panels_per_block) {
        let panels =
            first_panel..blocking.panels.num().min(first_panel + blocking.panels_per_block);
        let vectors = blocking.panels.start(panels.start)..blocking.panels.start(panels.end);
        let columns = vectors.start * T::LANES..gemm.n.min(vectors.end * T::LANES);
        let row_stride = vectors.len() * T::LANES;
        let totals = totals.take(if keep_apart { product.rows.len() * row_stride } else { 0 });

        for chunk in product.chunks() {
            let b = chunk.b.get(columns.start * gemm.b.col_stride..).unwrap_or(&[]);
            let block = Block {
                gemm,
                blocking,
                a: chunk.a,
                b,
                k: chunk.len,
                panels: panels.clone(),
                columns: columns.clone(),
            };
            let packed = if blocking.pack_b {
                let packed = b_buffer.take(chunk.len * row_stride);
                block.pack_panels(tiles, packed);
                &*packed
            } else {
                &[]
            };
            if keep_apart && !chunk.is_last {
                let finish = Finish { add_out: !chunk.is_first, ..Finish::default() };
                block.run(tiles, packed, a_buffer, finish, totals, row_stride);
            } else {
                let finish = Finish {
                    total: keep_apart.then_some(Grid { numbers: totals, row_stride }),
                    add_out: gemm.accumulate || !chunk.is_first,
                    bias: product.bias.filter(|_| chunk.is_last).map(|bias| &bias[columns.start..]),
                    relu: chunk.is_last && gemm.activation == Activation::Relu,
                };
                let out = &mut c[columns.start..];
                block.run(tiles, packed, a_buffer, finish, out, gemm.c_row_stride);
            }
        }
    }
}

/// All rows of some panels of columns, over one chunk.
#[derive(Clone, Debug)]
struct Block<'a> {
    gemm: &'a Gemm,
    blocking: Blocking,
    /// From the first row on.
    a: &'a [f32],
    /// From the first of `columns` on.
    b: &'a [f32],
    /// Length of the chunk.
    k: usize,
    panels: Range<usize>,
    columns: Range<usize>,
}

impl Block<'_> {
    /// Columns of a panel, counted from the block's first; and the panel's width in whole
    /// vectors.
    fn panel<T: Tiles>(&self, panel: usize) -> (Range<usize>, usize) {
        let vectors = self.blocking.panels.range(panel);
        let start = vectors.start * T::LANES - self.columns.start;
        let width = vectors.len() * T::LANES;
        (start..(start + width).min(self.columns.len()), width)
    }

    /// How many panels from this one on are as wide, whole, and worked on at once.
    fn alike<T: Tiles>(&self, panel: usize) -> usize {
        let (columns, width) = self.panel::<T>(panel);
        let whole_and_as_wide = |panel: &usize| {
            let (other, _) = self.panel::<T>(*panel);
            columns.len() == width && other.len() == width
        };
        let others = panel + 1..self.panels.end.min(panel + PANELS_AT_ONCE);
        1 + others.take_while(whole_and_as_wide).count()
    }

    /// Packs the panels one after the other.
    fn pack_panels<T: Tiles>(&self, tiles: T, packed: &mut [f32]) {
        let Matrix { row_stride, col_stride } = self.gemm.b;
        // Where rows of B are contiguous a few are read from end to end, for all panels.
        let together = if col_stride == 1 { PACKED_TOGETHER } else { self.k.max(1) };
        for p in (0..self.k).step_by(together) {
            for panel in self.panels.clone() {
                let (columns, width) = self.panel::<T>(panel);
                let packing = Packing {
                    numbers: &self.b[p * row_stride + columns.start * col_stride..],
                    position_stride: row_stride,
                    stride: col_stride,
                    k: together.min(self.k - p),
                    width: columns.len(),
                    packed_stride: width,
                };
                packing.pack(tiles, &mut packed[columns.start * self.k + p * width..]);
            }
        }
    }

    /// Packs strips one after the other.
    fn pack_strips<T: Tiles>(&self, tiles: T, group: Range<usize>, packed: &mut [f32]) {
        let strips = self.blocking.strips;
        let Matrix { row_stride, col_stride } = self.gemm.a;
        let first_row = strips.start(group.start);
        // Likewise where the columns of A are.
        let together = if row_stride == 1 { PACKED_TOGETHER } else { self.k.max(1) };
        for p in (0..self.k).step_by(together) {
            for strip in group.clone() {
                let rows = strips.range(strip);
                let width = rows.len();
                let packing = Packing {
                    numbers: &self.a[rows.start * row_stride + p * col_stride..],
                    position_stride: col_stride,
                    stride: row_stride,
                    k: together.min(self.k - p),
                    width,
                    packed_stride: width,
                };
                packing.pack(tiles, &mut packed[(rows.start - first_row) * self.k + p * width..]);
            }
        }
    }

    /// Fetches parts of a strip of A into the L2 cache: one part beside each panel of the
    /// strip before it, so that memory works while the tiles do.
    fn prefetch_strip(&self, strip: usize, parts: Range<usize>) {
        let Matrix { row_stride, col_stride } = self.gemm.a;
        let strips = self.blocking.strips;
        if strip == strips.num() || col_stride != 1 || self.panels.len() < MIN_PREFETCH_PARTS {
            return;
        }
        let rows = strips.range(strip);
        let cuts = Cuts::into(rows.len(), self.panels.len());
        for row in cuts.start(parts.start)..cuts.start(parts.end) {
            let start = (rows.start + row) * row_stride;
            for line in self.a[start..start + self.k].chunks(LINE_FLOATS) {
                prefetch(line);
            }
        }
    }

    /// Computes the block. The first element of `out` is the block's first.
    fn run<T: Tiles>(
        &self,
        tiles: T,
        packed_b: &[f32],
        a_buffer: &mut AlignedBuffer,
        finish: Finish<'_>,
        out: &mut [f32],
        out_row_stride: usize,
    ) {
        let Blocking { strips, strips_per_block, pack_a, pack_b, .. } = self.blocking;
        for first in (0..strips.num()).step_by(strips_per_block) {
            let group = first..strips.num().min(first + strips_per_block);
            let first_row = strips.start(group.start);
            let num_rows = strips.start(group.end) - first_row;
            let packed_a = a_buffer.take(if pack_a { num_rows * self.k } else { 0 });
            if pack_a {
                self.pack_strips(tiles, group.clone(), packed_a);
            }
            for strip in group {
                let rows = strips.range(strip);
                let (a, a_row_stride, a_col_stride) = if pack_a {
                    (packed_a.get((rows.start - first_row) * self.k..), 1, rows.len())
                } else {
                    let Matrix { row_stride, col_stride } = self.gemm.a;
                    (self.a.get(rows.start * row_stride..), row_stride, col_stride)
                };
                let mut panel = self.panels.start;
                while panel < self.panels.end {
                    let (columns, width) = self.panel::<T>(panel);
                    let num = self.alike::<T>(panel);
                    let (b, b_row_stride, b_step) = if pack_b {
                        (packed_b.get(columns.start * self.k..), width, width * self.k)
                    } else {
                        (self.b.get(columns.start..), self.gemm.b.row_stride, width)
                    };
                    let tile = Tile {
                        rows: rows.len(),
                        columns: columns.len(),
                        segments: &[Segment { offset: 0, len: self.k }],
                        a: a.unwrap_or(&[]),
                        a_row_stride,
                        a_col_stride,
                        b: b.unwrap_or(&[]),
                        b_row_stride,
                        b_padded: pack_b,
                        out_row_stride,
                        finish: finish.at(rows.start, columns.start),
                    };
                    if !pack_a {
                        let part = panel - self.panels.start;
                        self.prefetch_strip(strip + 1, part..part + num);
                    }
                    let out = &mut out[rows.start * out_row_stride + columns.start..];
                    tiles.tiles(&tile, num, b_step, out);
                    panel += num;
                }
            }
        }
    }
}

/// Asks for the cache line of the first of these numbers.
fn prefetch(line: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint never faults, and every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
