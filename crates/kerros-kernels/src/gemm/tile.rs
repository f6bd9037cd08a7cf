//! The contract between blocking and the register tiles.

use super::pack::Packing;
#[cfg(target_arch = "x86_64")]
use super::tile_avx2::Avx2Tiles;
#[cfg(target_arch = "x86_64")]
use super::tile_avx512::Avx512Tiles;
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
    /// The first element of a column.
    #[inline(always)]
    pub(super) fn from(self, column: usize) -> *const f32 {
        self.numbers.as_ptr().wrapping_add(column)
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

    /// Computes one tile of at most `ROWS` rows and `max_vectors(rows) * LANES` columns.
    fn tile(self, tile: &Tile<'_>, out: &mut [f32]);

    /// Computes `num` tiles side by side, each on the columns that follow those of the one
    /// before, its B `b_step` after that one's.
    fn tiles(self, tile: &Tile<'_>, num: usize, b_step: usize, out: &mut [f32]) {
        for index in 0..num {
            let column = index * tile.columns;
            let extras = tile.extras.map(|extras| extras.at(0, column));
            let b = &tile.b[index.saturating_mul(b_step)..];
            let finish = tile.finish.at(0, column);
            let tile = Tile { b, finish, extras: extras.as_ref(), ..*tile };
            self.tile(&tile, &mut out[column..]);
        }
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
    /// Panics unless every element that `num` tiles of `rows x vectors * lanes` side by side touch
    /// lies inside its slice: what the loads and stores of the tiles rely on. The B of each is
    /// `b_step` after the last.
    #[inline(always)]
    pub(super) fn check(
        &self,
        [rows, vectors, lanes]: [usize; 3],
        num: usize,
        b_step: usize,
        out: &[f32],
    ) {
        assert!(self.rows == rows && self.columns.div_ceil(lanes) == vectors);
        let mut k = 0;
        for segment in self.segments {
            let reach = extent(rows, self.a_row_stride, segment.len, self.a_col_stride);
            assert!(reach == 0 || reach.saturating_add(segment.offset) <= self.a.len());
            k += segment.len;
        }
        let width = if self.b_padded { vectors * lanes } else { self.columns };
        let b_reach = extent(k, self.b_row_stride, width, 1);
        assert!(b_step.saturating_mul(num - 1).saturating_add(b_reach) <= self.b.len());
        let columns = num * self.columns;
        assert!(extent(rows, self.out_row_stride, columns, 1) <= out.len());
        assert!(self.finish.total.is_none_or(|total| total.holds(rows, columns)));
        assert!(self.finish.bias.is_none_or(|bias| columns <= bias.len()));
        if let Some(extras) = self.extras {
            assert!(extras.gate.is_none_or(|gate| gate.holds(rows, columns)));
            assert!(!matches!(extras.start, Start::Grid(grid) if !grid.holds(rows, columns)));
        }
    }
}
