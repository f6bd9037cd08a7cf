//! Cuts a product into register tiles, in an order that keeps operands in the caches.

use std::ops::Range;

use kerros_core::law::contraction_chunk;

use super::cuts::Cuts;
use super::pack::Packing;
use super::packed::{PackedB, Panels};
use super::scratch::{AlignedBuffer, Scratch};
use super::tile::{Alike, Extras, Finish, Grid, Segment, Start, Tile, Tiles};
use super::{Activation, Gemm, Matrix, Operands, Pair};
use crate::l2_bytes;

/// A checked product: some rows of one [`Gemm`].
#[derive(Clone, Debug)]
pub(super) struct Product<'a> {
    pub gemm: &'a Gemm,
    pub rows: Range<usize>,
    pub pairs: &'a [Pair],
    pub operands: Operands<'a>,
}

/// A part of one chunk of one pair's contraction: `len` positions of A and B from here on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// From the first of the product's rows and the part's first position on.
    pub a: &'a [f32],
    /// From the part's first position and the first column on.
    pub b: &'a [f32],
    /// The part's first position in its pair's contraction.
    pub start: usize,
    pub len: usize,
    /// Whether its chunk is the first, or the last, of all.
    pub in_first_chunk: bool,
    pub in_last_chunk: bool,
    /// Whether its chunk begins, or ends, with it.
    pub starts_chunk: bool,
    pub ends_chunk: bool,
}

impl<'a> Product<'a> {
    pub(super) fn num_chunks(&self) -> usize {
        (self.pairs.len() * self.gemm.k.div_ceil(contraction_chunk(self.gemm.k))).max(1)
    }

    /// The chunks of all pairs in the order of the law, each in parts of at most `longest`
    /// positions; at least one part, perhaps empty.
    pub(super) fn parts(&self, longest: usize) -> impl Iterator<Item = Part<'a>> {
        let Product { gemm, rows, pairs, operands: Operands { a, b, .. } } = self.clone();
        let longest_chunk = contraction_chunk(gemm.k);
        let per_pair = gemm.k.div_ceil(longest_chunk);
        let num_chunks = self.num_chunks();
        (0..num_chunks).flat_map(move |index| {
            let chunk_start = index % per_pair.max(1) * longest_chunk;
            let chunk_len = (gemm.k - chunk_start).min(longest_chunk);
            let pair = pairs.get(index / per_pair.max(1)).copied();
            (0..chunk_len.max(1)).step_by(longest).map(move |from| {
                let start = chunk_start + from;
                let len = longest.min(chunk_len - from);
                let a_offset = rows.start * gemm.a.row_stride + start * gemm.a.col_stride;
                let b_offset = start * gemm.b.row_stride;
                let (a, b) = match pair.filter(|_| len > 0) {
                    Some(pair) => (&a[pair.a_offset + a_offset..], &b[pair.b_offset + b_offset..]),
                    None => (&a[..0], &b[..0]),
                };
                Part {
                    a,
                    b,
                    start,
                    len,
                    in_first_chunk: index == 0,
                    in_last_chunk: index + 1 == num_chunks,
                    starts_chunk: from == 0,
                    ends_chunk: from + len == chunk_len,
                }
            })
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
    /// Strips that are worked on together, so that they stay in the L2 cache: a panel goes past all
    /// of them before the next, and is read from beyond the L1 cache once.
    strips_per_block: usize,
    /// Positions that are worked on together, so that a strip and a panel stay in the L1 cache.
    depth: usize,
    pack_a: bool,
    /// Whether B is packed here; otherwise it is read in place, or has been packed before.
    pack_b: bool,
}

/// Floats of B that are worked on together where they are read in place: half of a 2 MiB L2 cache.
const B_BLOCK_FLOATS: usize = 256 * 1024;
/// What part of the L2 cache packed panels of B may fill.
const PACKED_B_PART: usize = 2;
/// What part of the L2 cache the strips of A may fill that are worked on together: the columns of C
/// and the panels of B pass through it beside them.
const A_PART: usize = 4;
/// Positions that are worked on together where something is packed.
const PACKED_DEPTH: usize = 256;
/// Chains that may wait for their next part: 16 MiB of them.
const MAX_CHAINS: usize = 4 << 20;
/// From this many panels on, the next strips of A are fetched ahead of use.
const MIN_PREFETCH_PARTS: usize = 3;
/// Panels that strips are multiplied with before the next part of the next strips is fetched.
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
/// Likewise where A is packed anyway, and a chunk of B does not stay in the L2 cache from one strip
/// to the next.
const MAX_STRIPS_BEYOND_L2: usize = 2;

impl Blocking {
    fn new<T: Tiles>(product: &Product<'_>) -> Self {
        let Gemm { n, k, b, a, .. } = *product.gemm;
        let num_rows = product.rows.len();
        let chunk_len = k.clamp(1, contraction_chunk(k));
        let strips = Cuts::new(num_rows, T::ROWS);
        let highest = num_rows.div_ceil(strips.num());

        let l2_floats = l2_bytes() / size_of::<f32>();
        let in_place = b.col_stride == 1 || n == 1;
        let conflict =
            |stride: usize| n > T::VECTORS * T::LANES && b.row_stride.is_multiple_of(stride);
        let max_strips = match () {
            () if conflict(CONFLICT_STRIDE) => 2,
            () if a.col_stride != 1 && n * chunk_len > l2_floats / PACKED_B_PART => {
                MAX_STRIPS_BEYOND_L2
            }
            () if conflict(CONFLICT_STRIDE / 2) => MAX_STRIPS_IN_PLACE / 2,
            () => MAX_STRIPS_IN_PLACE,
        };
        let in_panels = !in_place || strips.num() > max_strips && n > 2 * T::VECTORS * T::LANES;
        let is_packed = product.operands.packed_b.is_some();
        let panels = match is_packed || in_panels {
            true => panels::<T>(n),
            false => Cuts::new(n.div_ceil(T::LANES), T::max_vectors(highest)),
        };
        let panel_vectors = panels.range(0).len();

        // A strip is read once per panel: a packed copy pays from the third on, unless the strip
        // lies in lines so few and so spread that the L1 cache holds them.
        let stays = a.row_stride == 1
            && k <= MAX_LINES_IN_PLACE
            && !a.col_stride.is_multiple_of(CONFLICT_STRIDE / 8);
        let pack_a = panels.num() >= 3 && a.col_stride != 1 && !stays;
        // Where a copy of A is made anyway, as much of both as the caches hold is used up at once.
        let packed_columns = (l2_floats / PACKED_B_PART / PACKED_DEPTH).min(n);
        let in_parts =
            pack_a && (is_packed || in_panels) && num_rows * packed_columns <= MAX_CHAINS;
        let depth = if in_parts { chunk_len.min(PACKED_DEPTH) } else { chunk_len };
        let b_floats = if in_parts { l2_floats / PACKED_B_PART } else { B_BLOCK_FLOATS };
        Blocking {
            strips,
            panels,
            panels_per_block: (b_floats / (panel_vectors * T::LANES * depth)).max(1),
            strips_per_block: (l2_floats / A_PART / (highest * depth)).max(1),
            depth,
            pack_a,
            pack_b: in_panels && !is_packed,
        }
    }
}

/// The panels that a B of `n` columns is packed in.
fn panels<T: Tiles>(n: usize) -> Cuts {
    Cuts::new(n.div_ceil(T::LANES), T::VECTORS)
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
    // So do chains that are worked on in several parts.
    let in_parts = gemm.k.min(contraction_chunk(gemm.k)) > blocking.depth;
    let Scratch { a: a_buffer, b: b_buffer, totals, chains } = scratch;

    for first_panel in (0..blocking.panels.num()).step_by(blocking.panels_per_block) {
        let panels =
            first_panel..blocking.panels.num().min(first_panel + blocking.panels_per_block);
        let vectors = blocking.panels.start(panels.start)..blocking.panels.start(panels.end);
        let columns = vectors.start * T::LANES..gemm.n.min(vectors.end * T::LANES);
        let row_stride = vectors.len() * T::LANES;
        let elements = product.rows.len() * row_stride;
        let totals = totals.take(if keep_apart { elements } else { 0 });
        let chains = chains.take(if in_parts { elements } else { 0 });

        for part in product.parts(blocking.depth) {
            let b = part.b.get(columns.start * gemm.b.col_stride..).unwrap_or(&[]);
            let block = Block {
                gemm,
                blocking,
                a: part.a,
                b,
                k: part.len,
                panels: panels.clone(),
                columns: columns.clone(),
            };
            let packed = match product.operands.packed_b {
                Some(packed) => Some(packed.panels(columns.start, part.start)),
                None if blocking.pack_b => {
                    let packed = b_buffer.take(part.len * row_stride);
                    block.pack_panels(tiles, packed);
                    Some(Panels { numbers: packed, rows: part.len, first_row: 0 })
                }
                None => None,
            };
            if !part.ends_chunk {
                let start = match part.starts_chunk {
                    true if gemm.continues => {
                        let (numbers, row_stride) = (&c[columns.start..], gemm.c_row_stride);
                        Some(Start::Grid(Grid { numbers, row_stride }))
                    }
                    true => None,
                    false => Some(Start::Out),
                };
                let extras = start.map(|start| Extras { start, gate: None });
                let ends = Ends { finish: Finish::default(), extras };
                block.run(tiles, packed, a_buffer, ends, chains, row_stride);
                continue;
            }
            let start = match part.starts_chunk {
                true if gemm.continues => Start::Out,
                true => Start::Zero,
                false => Start::Grid(Grid { numbers: chains, row_stride }),
            };
            let gate = product.operands.gate.filter(|_| part.in_last_chunk);
            let gate =
                gate.map(|gate| Grid { numbers: &gate[columns.start..], row_stride: gemm.n });
            let plain = matches!(start, Start::Zero) && gate.is_none();
            let extras = (!plain).then_some(Extras { start, gate });
            if keep_apart && !part.in_last_chunk {
                let finish = Finish { add_out: !part.in_first_chunk, ..Finish::default() };
                block.run(tiles, packed, a_buffer, Ends { finish, extras }, totals, row_stride);
            } else {
                let last = part.in_last_chunk;
                let bias = product.operands.bias.filter(|_| last);
                let finish = Finish {
                    total: keep_apart.then_some(Grid { numbers: totals, row_stride }),
                    add_out: gemm.accumulate || !part.in_first_chunk,
                    bias: bias.map(|bias| &bias[columns.start..]),
                    relu: last && gemm.activation == Activation::Relu,
                };
                let (ends, out) = (Ends { finish, extras }, &mut c[columns.start..]);
                block.run(tiles, packed, a_buffer, ends, out, gemm.c_row_stride);
            }
        }
    }
}

/// Packs the whole B of a product, for products whose B is the same.
pub(super) fn pack<T: Tiles>(tiles: T, gemm: &Gemm, b: &[f32], packed: &mut AlignedBuffer) {
    let Gemm { n, k, .. } = *gemm;
    let product = Product {
        gemm,
        // Panels do not depend on the rows.
        rows: 0..1,
        pairs: &[],
        operands: Operands { packed_b: Some(&PackedB::default()), ..Operands::default() },
    };
    let blocking = Blocking::new::<T>(&product);
    let panels = 0..blocking.panels.num();
    let block = Block { gemm, blocking, a: &[], b, k, panels, columns: 0..n };
    block.pack_panels(tiles, packed.take(k * n.next_multiple_of(T::LANES)));
}

/// How the chains of a block begin and end.
#[derive(Clone, Copy, Debug)]
struct Ends<'a> {
    finish: Finish<'a>,
    extras: Option<Extras<'a>>,
}

/// All rows of some panels of columns, over some positions.
#[derive(Clone, Debug)]
struct Block<'a> {
    gemm: &'a Gemm,
    blocking: Blocking,
    /// From the first row on.
    a: &'a [f32],
    /// From the first of `columns` on.
    b: &'a [f32],
    /// How many positions.
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
    fn panels_alike<T: Tiles>(&self, panel: usize) -> usize {
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
            if col_stride == 1 {
                fetch_rows(self.b, p + together..self.k, row_stride, self.columns.len());
            }
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
            if row_stride == 1 {
                let rows = first_row..strips.start(group.end);
                fetch_rows(&self.a[rows.start..], p + together..self.k, col_stride, rows.len());
            }
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

    /// How many of these strips, from the first on, are as high.
    fn strips_alike(&self, strips: Range<usize>) -> usize {
        let height = |strip: usize| self.blocking.strips.range(strip).len();
        strips.clone().take_while(|&strip| height(strip) == height(strips.start)).count()
    }

    /// Whether the next strips of A are fetched while some are worked on.
    fn fetches_rows(&self) -> bool {
        let in_place = !self.blocking.pack_a && self.gemm.a.col_stride == 1;
        in_place && self.panels.len() >= MIN_PREFETCH_PARTS
    }

    /// Fetches parts of the group of strips that begins with this one into the L2 cache: one part
    /// beside each panel of the group before it, so that memory works while the tiles do.
    fn prefetch_rows(&self, first: usize, parts: Range<usize>) {
        let row_stride = self.gemm.a.row_stride;
        let Blocking { strips, strips_per_block, .. } = self.blocking;
        let first_row = strips.start(first);
        let num_rows = strips.start(strips.num().min(first + strips_per_block)) - first_row;
        let cuts = Cuts::into(num_rows, self.panels.len());
        for row in cuts.start(parts.start)..cuts.start(parts.end) {
            let start = (first_row + row) * row_stride;
            self.a[start..start + self.k].chunks(LINE_FLOATS).for_each(prefetch);
        }
    }

    /// Computes the block. The first element of `out` is the block's first.
    fn run<T: Tiles>(
        &self,
        tiles: T,
        packed_b: Option<Panels<'_>>,
        a_buffer: &mut AlignedBuffer,
        ends: Ends<'_>,
        out: &mut [f32],
        out_row_stride: usize,
    ) {
        let Blocking { strips, strips_per_block, pack_a, .. } = self.blocking;
        for first in (0..strips.num()).step_by(strips_per_block) {
            let group = first..strips.num().min(first + strips_per_block);
            let first_row = strips.start(group.start);
            let num_rows = strips.start(group.end) - first_row;
            let packed_a = a_buffer.take(if pack_a { num_rows * self.k } else { 0 });
            if pack_a {
                self.pack_strips(tiles, group.clone(), packed_a);
            }
            let mut panel = self.panels.start;
            while panel < self.panels.end {
                let (columns, width) = self.panel::<T>(panel);
                let across = self.panels_alike::<T>(panel);
                let (b, b_row_stride, b_step) = match packed_b {
                    Some(panels) => (panels.from(columns.start, width), width, panels.step(width)),
                    None => (self.b.get(columns.start..), self.gemm.b.row_stride, width),
                };
                if self.fetches_rows() {
                    let part = panel - self.panels.start;
                    self.prefetch_rows(group.end, part..part + across);
                }
                let mut strip = group.start;
                while strip < group.end {
                    let rows = strips.range(strip);
                    let down = self.strips_alike(strip..group.end);
                    let (a, a_row_stride, a_col_stride, a_step) = if pack_a {
                        let start = (rows.start - first_row) * self.k;
                        (packed_a.get(start..), 1, rows.len(), rows.len() * self.k)
                    } else {
                        let Matrix { row_stride, col_stride } = self.gemm.a;
                        let a = self.a.get(rows.start * row_stride..);
                        (a, row_stride, col_stride, rows.len() * row_stride)
                    };
                    let extras = ends.extras.map(|extras| extras.at(rows.start, columns.start));
                    let tile = Tile {
                        rows: rows.len(),
                        columns: columns.len(),
                        segments: &[Segment { offset: 0, len: self.k }],
                        a: a.unwrap_or(&[]),
                        a_row_stride,
                        a_col_stride,
                        b: b.unwrap_or(&[]),
                        b_row_stride,
                        b_padded: packed_b.is_some(),
                        out_row_stride,
                        finish: ends.finish.at(rows.start, columns.start),
                        extras: extras.as_ref(),
                    };
                    let out = &mut out[rows.start * out_row_stride + columns.start..];
                    tiles.tiles(&tile, Alike { down, a_step, across, b_step }, out);
                    strip += down;
                }
                panel += across;
            }
        }
    }
}

/// Asks for the next few rows of a matrix: they are soon packed, and too short and too far apart
/// for the processor to foresee.
fn fetch_rows(matrix: &[f32], rows: Range<usize>, row_stride: usize, width: usize) {
    for row in rows.take(PACKED_TOGETHER) {
        matrix[row * row_stride..][..width].chunks(LINE_FLOATS).for_each(prefetch);
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
