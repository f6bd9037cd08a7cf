//! The contract between blocking and the register tiles.

use super::pack::Packing;
#[cfg(target_arch = "x86_64")]
use super::tile_registers::{Avx2Tiles, Avx512Tiles};
use super::tile_scalar::ScalarTiles;
use crate::{Isa, Level};

/// One register tile of work: `rows x columns` elements of C over the positions of all
/// segments, one after the other in one chain.
///
/// All slices begin at the tile's first element. Row `p` of B begins at `b[p * b_row_stride]`,
/// `p` counted through all segments; element `(i, q)` of A, `q` counted within a segment, is
/// `a[offset + i * a_row_stride + q * a_col_stride]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile<'a> {
    pub rows: usize,
    pub columns: usize,
    pub segments: &'a [Segment],
    pub a: &'a [f32],
    pub a_row_stride: usize,
    pub a_col_stride: usize,
    pub b: &'a [f32],
    pub b_row_stride: usize,
    /// Whether each row of B may be read up to a whole number of vectors.
    pub b_padded: bool,
    pub out_row_stride: usize,
    pub finish: Finish<'a>,
    /// What few tiles need.
    pub extras: Option<&'a Extras<'a>>,
}

/// What few tiles need.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras<'a> {
    pub start: Start<'a>,
    /// Last of all: `x = 0` where the gate is 0 or less.
    pub gate: Option<Grid<'a>>,
}

impl Extras<'_> {
    /// The same for a tile that begins at this row and column.
    pub(crate) fn at(self, row: usize, column: usize) -> Self {
        let start = match self.start {
            Start::Grid(grid) => Start::Grid(grid.at(row, column)),
            start => start,
        };
        Extras { start, gate: self.gate.map(|gate| gate.at(row, column)) }
    }
}

/// Where the chains of a tile begin.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Start<'a> {
    /// At 0.
    #[default]
    Zero,
    /// Where an earlier tile left them, in the output.
    Out,
    /// Where an earlier tile left them, elsewhere.
    Grid(Grid<'a>),
}

/// How many tiles of the same shape to compute with one call: each on the rows, or columns, that
/// follow those of the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alike {
    /// Tiles below each other.
    pub down: usize,
    /// From the A of one to that of the one below.
    pub a_step: usize,
    /// Tiles side by side.
    pub across: usize,
    /// From the B of one to that of the one beside.
    pub b_step: usize,
}

impl Alike {
    /// A single tile.
    pub(crate) const ONE: Alike = Alike { down: 1, a_step: 0, across: 1, b_step: 0 };
}

/// Positions of the contracted axis whose elements of A are evenly spaced: a matrix product
/// has one segment, a convolution one for each tap or row of taps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Where the segment's first element of A lies.
    pub offset: usize,
    /// How many positions.
    pub len: usize,
}

/// What happens to the sums of a tile, in this order, before they are written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Finish<'a> {
    /// `x = total + x`: sums of the chunks before, kept apart from the output.
    pub total: Option<Grid<'a>>,
    /// `x = out + x`: the output holds the sums of the chunks before, or the old C.
    pub add_out: bool,
    /// `x = x + bias`: one number per column.
    pub bias: Option<&'a [f32]>,
    /// `x = max(x, 0)`.
    pub relu: bool,
}

impl Finish<'_> {
    /// The same for a tile that begins at this row and column.
    pub(crate) fn at(self, row: usize, column: usize) -> Self {
        Finish {
            total: self.total.map(|total| total.at(row, column)),
            bias: self.bias.map(|bias| &bias[column..]),
            ..self
        }
    }
}

/// Rows of numbers, `row_stride` apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid<'a> {
    pub numbers: &'a [f32],
    pub row_stride: usize,
}

impl Grid<'_> {
    /// Where an element lies.
    #[inline(always)]
    pub(super) fn from(self, row: usize, column: usize) -> *const f32 {
        self.numbers.as_ptr().wrapping_add(row * self.row_stride + column)
    }

    /// From this row and column on.
    fn at(self, row: usize, column: usize) -> Self {
        Grid { numbers: &self.numbers[row * self.row_stride + column..], ..self }
    }

    /// Whether it has this many rows and columns.
    fn holds(self, rows: usize, columns: usize) -> bool {
        extent(rows, self.row_stride, columns, 1) <= self.numbers.len()
    }
}

/// The tiles of one instruction set.
pub(crate) trait Tiles: Copy {
    /// Lanes of a vector.
    const LANES: usize;
    /// Rows of the tile that large products are cut into.
    const ROWS: usize;
    /// Vectors side by side in that tile.
    const VECTORS: usize;

    /// The most vectors side by side in a tile of this many rows that reads B in place. With
    /// few rows the tile must be wide to have enough independent chains.
    fn max_vectors(rows: usize) -> usize;

    /// Computes tiles of at most `ROWS` rows and `max_vectors(rows) * LANES` columns each; `tile`
    /// is the first of them.
    fn tiles(self, tile: &Tile<'_>, alike: Alike, out: &mut [f32]);

    /// Computes one tile.
    fn tile(self, tile: &Tile<'_>, out: &mut [f32]) {
        self.tiles(tile, Alike::ONE, out);
    }

    /// Packs numbers that are side by side in memory (`stride` is 1).
    fn pack_adjacent(self, packing: &Packing<'_>, packed: &mut [f32]);

    /// Packs numbers whose positions are adjacent in memory (`position_stride` is 1).
    fn pack_transposed(self, packing: &Packing<'_>, packed: &mut [f32]);

    /// `out[i] = (add_out ? out[i] : 0) + sum over p of a[i * row_stride + p] * x[p * x_stride]`,
    /// the sum by one chain; as many rows as `out` is long, `k` positions.
    fn dot_rows(self, dot: &DotRows<'_>, out: &mut [f32]);
}

/// A matrix-vector product over contiguous rows; see [`Tiles::dot_rows`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct DotRows<'a> {
    pub k: usize,
    pub a: &'a [f32],
    pub row_stride: usize,
    pub x: &'a [f32],
    pub x_stride: usize,
    pub add_out: bool,
}

/// A computation over the tiles of any instruction set; [`with_tiles`] picks them.
pub(crate) trait TileJob {
    /// What the computation returns.
    type Output;
    /// Runs it on these tiles.
    fn run<T: Tiles>(self, tiles: T) -> Self::Output;
}

/// Runs a computation on the tiles of the instruction set that the token proves.
pub(crate) fn with_tiles<J: TileJob>(isa: Isa, job: J) -> J::Output {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => job.run(Avx512Tiles::new(isa).expect("the token proves AVX-512")),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => job.run(Avx2Tiles::new(isa).expect("the token proves AVX2")),
        _ => job.run(ScalarTiles),
    }
}

/// The length of a slice that holds `rows x cols` elements with these strides. Saturates,
/// so that a comparison with a slice's length also catches overflow.
pub(crate) fn extent(rows: usize, row_stride: usize, cols: usize, col_stride: usize) -> usize {
    if rows == 0 || cols == 0 {
        return 0;
    }
    let last_row = (rows - 1).saturating_mul(row_stride);
    let last_col = (cols - 1).saturating_mul(col_stride);
    last_row.saturating_add(last_col).saturating_add(1)
}

impl Tile<'_> {
    /// Panics unless every element that some tiles of `rows x vectors * lanes` alike touch lies
    /// inside its slice: what the loads and stores of the tiles rely on.
    #[inline(always)]
    pub(super) fn check(&self, [rows, vectors, lanes]: [usize; 3], alike: Alike, out: &[f32]) {
        assert!(self.rows == rows && self.columns.div_ceil(lanes) == vectors);
        let last = |num: usize, step: usize| step.saturating_mul(num.saturating_sub(1));
        let last_a = last(alike.down, alike.a_step);
        let mut k = 0;
        for segment in self.segments {
            let reach = extent(rows, self.a_row_stride, segment.len, self.a_col_stride);
            let start = segment.offset.saturating_add(last_a);
            assert!(reach == 0 || reach.saturating_add(start) <= self.a.len());
            k += segment.len;
        }
        let width = if self.b_padded { vectors * lanes } else { self.columns };
        let b_reach = extent(k, self.b_row_stride, width, 1);
        assert!(last(alike.across, alike.b_step).saturating_add(b_reach) <= self.b.len());
        let (rows, columns) = (alike.down * rows, alike.across * self.columns);
        assert!(extent(rows, self.out_row_stride, columns, 1) <= out.len());
        assert!(self.finish.total.is_none_or(|total| total.holds(rows, columns)));
        assert!(self.finish.bias.is_none_or(|bias| columns <= bias.len()));
        if let Some(extras) = self.extras {
            assert!(extras.gate.is_none_or(|gate| gate.holds(rows, columns)));
            assert!(!matches!(extras.start, Start::Grid(grid) if !grid.holds(rows, columns)));
        }
    }
}
