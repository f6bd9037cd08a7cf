//! The tile of a processor's registers, written once for all widths.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use std::hint::black_box;

use super::pack::Packing;
use super::pack_registers;
use super::register::{Positions, Register};
use super::tile::{Alike, DotRows, Start, Tile, Tiles};
use crate::lanes::avx2::Avx2;
use crate::lanes::avx512::Avx512;
use crate::{Isa, Level};

/// Defines the tiles of an instruction set: the register, the features it needs and the level that
/// proves them, and for each number of rows the numbers of vectors that a tile may be wide.
macro_rules! register_tiles {
    (
        $(#[$doc:meta])*
        $name:ident of $register:ident, compiled for $features:literal where $level:expr;
        largest: $max_rows:literal x $max_vectors:literal;
        $($rows:literal: $($vectors:literal)*;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name(());

        impl $name {
            /// The tiles, when the token proves that this machine has the instructions.
            pub(crate) fn new(isa: Isa) -> Option<Self> {
                (isa.level() == $level).then_some($name(()))
            }
        }

        impl Tiles for $name {
            const LANES: usize = <$register as kerros_core::law::Lanes>::WIDTH;
            const ROWS: usize = $max_rows;
            const VECTORS: usize = $max_vectors;

            fn max_vectors(rows: usize) -> usize {
                match rows {
                    $($rows => [$($vectors),*].len(),)*
                    _ => Self::VECTORS,
                }
            }

            fn tiles(self, tile: &Tile<'_>, alike: Alike, out: &mut [f32]) {
                #[target_feature(enable = $features)]
                #[inline(never)]
                fn compiled<
                    const ROWS: usize,
                    const VECTORS: usize,
                    const MASK_B: bool,
                    const EXTRAS: bool,
                >(
                    tile: &Tile<'_>,
                    alike: Alike,
                    out: &mut [f32],
                ) {
                    all::<$register, ROWS, VECTORS, MASK_B, EXTRAS>(tile, alike, out);
                }

                let mask_b = !tile.b_padded && !tile.columns.is_multiple_of(Self::LANES);
                let vectors = tile.columns.div_ceil(Self::LANES);
                // SAFETY: the tiles exist only where a token proved the instructions.
                unsafe {
                    match (tile.rows, vectors, mask_b, tile.extras.is_some()) {
                        $($(
                            ($rows, $vectors, false, false) => {
                                compiled::<$rows, $vectors, false, false>(tile, alike, out)
                            }
                            ($rows, $vectors, true, false) => {
                                compiled::<$rows, $vectors, true, false>(tile, alike, out)
                            }
                            ($rows, $vectors, false, true) => {
                                compiled::<$rows, $vectors, false, true>(tile, alike, out)
                            }
                            ($rows, $vectors, true, true) => {
                                compiled::<$rows, $vectors, true, true>(tile, alike, out)
                            }
                        )*)*
                        (rows, vectors, ..) => unreachable!("no tile of {rows} x {vectors} vectors"),
                    }
                }
            }

            fn pack_adjacent(self, packing: &Packing<'_>, packed: &mut [f32]) {
                #[target_feature(enable = $features)]
                fn compiled(packing: &Packing<'_>, packed: &mut [f32]) {
                    pack_registers::pack_adjacent::<$register>(packing, packed);
                }
                // SAFETY: the tiles exist only where a token proved the instructions.
                unsafe { compiled(packing, packed) }
            }

            fn pack_transposed(self, packing: &Packing<'_>, packed: &mut [f32]) {
                #[target_feature(enable = $features)]
                fn compiled(packing: &Packing<'_>, packed: &mut [f32]) {
                    pack_registers::pack_transposed::<$register>(packing, packed);
                }
                // SAFETY: the tiles exist only where a token proved the instructions.
                unsafe { compiled(packing, packed) }
            }

            fn dot_rows(self, dot: &DotRows<'_>, out: &mut [f32]) {
                #[target_feature(enable = $features)]
                fn compiled(dot: &DotRows<'_>, out: &mut [f32]) {
                    pack_registers::dot_rows::<$register>(dot, out);
                }
                // SAFETY: the tiles exist only where a token proved the instructions.
                unsafe { compiled(dot, out) }
            }
        }
    };
}

// Twelve sums, two of B and one of A are 15 of 16 registers.
register_tiles! {
    /// Proof of AVX2 and FMA and the tiles of 8-lane registers made of it.
    Avx2Tiles of Avx2, compiled for "avx2,fma" where Level::Avx2;
    largest: 6 x 2;
    1: 1 2 3 4 5 6 7 8;
    2: 1 2 3 4;
    3: 1 2 3;
    4: 1 2;
    5: 1 2;
    6: 1 2;
}

// Twenty-four sums, two of B and one of A are 27 of 32 registers.
register_tiles! {
    /// Proof of AVX-512 and the tiles of 16-lane registers made of it.
    Avx512Tiles of Avx512, compiled for "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl"
    where Level::Avx512;
    largest: 12 x 2;
    1: 1 2 3 4 5 6 7 8;
    2: 1 2 3 4 5 6 7 8;
    3: 1 2 3 4;
    4: 1 2 3 4;
    5: 1 2;
    6: 1 2;
    7: 1 2;
    8: 1 2;
    9: 1 2;
    10: 1 2;
    11: 1 2;
    12: 1 2;
}

/// Repeats a block for the indexes `0..$count`, at most 12, without a loop: as long as every
/// index into the sums is a constant, the compiler keeps them in registers.
macro_rules! unrolled {
    ($count:expr, |$index:ident| $body:block) => {
        unrolled!(@ $count, $index, $body, 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    (@ $count:expr, $index:ident, $body:block, $($number:literal)*) => {$(
        if $number < $count {
            let $index = $number;
            $body
        }
    )*};
}

/// Where chains begin that have no earlier part.
const ZEROS: [f32; 16] = [0.0; 16];

/// Rows of A that share a pointer; the others are a fixed multiple of the stride away. So the rows
/// of a tile are addressed by few pointers and one stride, without running out of registers.
const ROWS_PER_POINTER: usize = 3;
/// Pointers for the highest tile.
const MAX_POINTERS: usize = 4;

/// How many rows of B ahead to fetch into the L1 cache: a panel's rows are often too far apart
/// for the processor to foresee.
const PREFETCH_STEPS: usize = 8;
/// Likewise for long panels: they often come from beyond the L2 cache.
const PREFETCH_STEPS_LONG: usize = 16;
/// Rows of a long panel.
const LONG_PANEL: usize = 128;
/// Tiles of fewer rows are bound by the load ports themselves, and so are those that mask.
const PREFETCH_MIN_ROWS: usize = 5;

/// Tiles of `ROWS` rows and `VECTORS` registers each, alike; `MASK_B` when the last vector of B
/// may only be read in part. Short tiles are quicker without what few of them need: `EXTRAS`.
#[inline(always)]
fn all<
    R: Register,
    const ROWS: usize,
    const VECTORS: usize,
    const MASK_B: bool,
    const EXTRAS: bool,
>(
    tile: &Tile<'_>,
    alike: Alike,
    out: &mut [f32],
) {
    tile.check([ROWS, VECTORS, R::WIDTH], alike, out);
    let positions: usize = tile.segments.iter().map(|segment| segment.len).sum();
    let steps_ahead = if positions < LONG_PANEL { PREFETCH_STEPS } else { PREFETCH_STEPS_LONG };
    let ahead = tile.b_row_stride.wrapping_mul(steps_ahead);
    for across in 0..alike.across {
        let column = across * tile.columns;
        let b = tile.b.as_ptr().wrapping_add(across * alike.b_step);
        let out = out.as_mut_ptr().wrapping_add(column);
        for down in 0..alike.down {
            let row = down * ROWS;
            let a = tile.a.as_ptr().wrapping_add(down * alike.a_step);
            let out = out.wrapping_add(row * tile.out_row_stride);
            let place = Place { row, column, a, b, ahead, out };
            // SAFETY: `Tile::check` proved the elements of each.
            unsafe { one::<R, ROWS, VECTORS, MASK_B, EXTRAS>(tile, place) };
        }
    }
}

/// Where one of several tiles is: its row and column counted from the first, and its elements; and
/// how many elements of B ahead to fetch.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    column: usize,
    a: *const f32,
    b: *const f32,
    ahead: usize,
    out: *mut f32,
}

/// One of several tiles.
///
/// # Safety
/// From the place on lie all elements that [`Tile::check`] names.
#[inline(always)]
unsafe fn one<
    R: Register,
    const ROWS: usize,
    const VECTORS: usize,
    const MASK_B: bool,
    const EXTRAS: bool,
>(
    tile: &Tile<'_>,
    place: Place,
) {
    let Place { row: first_row, column: first_column, a: a_start, b: b_start, ahead, out } = place;
    let last_lanes = tile.columns - (VECTORS - 1) * R::WIDTH;
    let last_is_whole = tile.columns.is_multiple_of(R::WIDTH);
    let is_whole = |v: usize| v + 1 < VECTORS || last_is_whole;

    let mut sums = [[R::splat(0.0); VECTORS]; ROWS];
    if EXTRAS && let Some(extras) = tile.extras {
        let (from, row_stride) = match extras.start {
            Start::Zero => (ZEROS.as_ptr(), 0),
            Start::Out => (out.cast_const(), tile.out_row_stride),
            Start::Grid(grid) => (grid.from(first_row, first_column), grid.row_stride),
        };
        let width = if matches!(extras.start, Start::Zero) { 0 } else { R::WIDTH };
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| {
                let from = from.wrapping_add(i * row_stride + v * width);
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output, and of
                // the grid.
                sums[i][v] = unsafe { load::<R>(from, is_whole(v), last_lanes) };
            });
        });
    }

    // The sums go where nobody may have been for long: the lines are on their way meanwhile.
    fetch_rows(out, ROWS, tile.out_row_stride, tile.columns);
    // The gate comes from such a place.
    if EXTRAS && let Some(gate) = tile.extras.and_then(|extras| extras.gate) {
        fetch_rows(gate.from(first_row, first_column), ROWS, gate.row_stride, tile.columns);
    }

    let (a_row_stride, a_col_stride) = (tile.a_row_stride, tile.a_col_stride);
    let mut a_rows = [a_start; MAX_POINTERS];
    let num_pointers = ROWS.div_ceil(ROWS_PER_POINTER);
    let mut b_row = b_start;
    for segment in tile.segments {
        let mut first = a_start.wrapping_add(segment.offset);
        let mut len = segment.len;
        if !MASK_B {
            let positions = Positions {
                len,
                a: first,
                a_row_stride,
                a_col_stride,
                b: b_row,
                b_row_stride: tile.b_row_stride,
                // What is packed is foreseen by the processor.
                ahead: if tile.b_padded { 0 } else { ahead },
            };
            // SAFETY: `Tile::check` proved `ROWS` elements of A and whole vectors of B, as nothing
            // is masked, at each position.
            let done = unsafe { R::chain(&mut sums, positions) };
            first = first.wrapping_add(done * a_col_stride);
            b_row = b_row.wrapping_add(done * tile.b_row_stride);
            len -= done;
        }
        for (group, pointer) in a_rows[..num_pointers].iter_mut().enumerate() {
            // The compiler must not know how the pointers relate, or it would derive one from
            // the other at each step, with additions that compete with the multiply-adds.
            *pointer = black_box(first.wrapping_add(group * ROWS_PER_POINTER * a_row_stride));
        }
        for _ in 0..len {
            let mut b = [R::splat(0.0); VECTORS];
            unrolled!(VECTORS, |v| {
                let from = b_row.wrapping_add(v * R::WIDTH);
                if ROWS >= PREFETCH_MIN_ROWS && !MASK_B {
                    fetch(from.wrapping_add(ahead));
                }
                b[v] = if MASK_B && v + 1 == VECTORS {
                    // SAFETY: `Tile::check` proved `columns` elements of each row of B.
                    unsafe { R::load_first(from, last_lanes) }
                } else {
                    // SAFETY: `Tile::check` proved `columns` elements of each row of B, or whole
                    // vectors where B is padded.
                    unsafe { R::load_at(from) }
                };
            });
            unrolled!(ROWS, |i| {
                let pointer = a_rows[i / ROWS_PER_POINTER];
                let from = pointer.wrapping_add(i % ROWS_PER_POINTER * a_row_stride);
                // SAFETY: `Tile::check` proved `ROWS` elements of A at each position.
                let a = R::splat(unsafe { *from });
                unrolled!(VECTORS, |v| { sums[i][v] = a.fma(b[v], sums[i][v]) });
            });
            for pointer in &mut a_rows[..num_pointers] {
                *pointer = pointer.wrapping_add(a_col_stride);
            }
            b_row = b_row.wrapping_add(tile.b_row_stride);
        }
    }

    let finish = tile.finish;
    if let Some(total) = finish.total {
        let from = total.from(first_row, first_column);
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| {
                let from = from.wrapping_add(i * total.row_stride + v * R::WIDTH);
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the total.
                let total = unsafe { load::<R>(from, is_whole(v), last_lanes) };
                sums[i][v] = total.add(sums[i][v]);
            });
        });
    }
    if finish.add_out {
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| {
                let from = out.wrapping_add(i * tile.out_row_stride + v * R::WIDTH);
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output.
                let before = unsafe { load::<R>(from, is_whole(v), last_lanes) };
                sums[i][v] = before.add(sums[i][v]);
            });
        });
    }
    if let Some(bias) = finish.bias {
        unrolled!(VECTORS, |v| {
            let from = bias.as_ptr().wrapping_add(first_column + v * R::WIDTH);
            // SAFETY: `Tile::check` proved `columns` elements of the bias.
            let bias = unsafe { load::<R>(from, is_whole(v), last_lanes) };
            unrolled!(ROWS, |i| { sums[i][v] = sums[i][v].add(bias) });
        });
    }
    if finish.relu {
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| { sums[i][v] = sums[i][v].gated(sums[i][v]) });
        });
    }
    if EXTRAS && let Some(gate) = tile.extras.and_then(|extras| extras.gate) {
        let from = gate.from(first_row, first_column);
        unrolled!(ROWS, |i| {
            unrolled!(VECTORS, |v| {
                let from = from.wrapping_add(i * gate.row_stride + v * R::WIDTH);
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the gate.
                let gate = unsafe { load::<R>(from, is_whole(v), last_lanes) };
                sums[i][v] = sums[i][v].gated(gate);
            });
        });
    }
    unrolled!(ROWS, |i| {
        unrolled!(VECTORS, |v| {
            let to = out.wrapping_add(i * tile.out_row_stride + v * R::WIDTH);
            if is_whole(v) {
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output.
                unsafe { sums[i][v].store_at(to) };
            } else {
                // SAFETY: `Tile::check` proved `ROWS x columns` elements of the output.
                unsafe { sums[i][v].store_first(to, last_lanes) };
            }
        });
    });
}

/// A whole vector, or its first lanes and zeros.
///
/// # Safety
/// A whole vector lies at `from`, or `num` elements when it is not whole.
#[inline(always)]
unsafe fn load<R: Register>(from: *const f32, is_whole: bool, num: usize) -> R {
    if is_whole {
        // SAFETY: the caller's promise.
        unsafe { R::load_at(from) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { R::load_first(from, num) }
    }
}

/// Asks for the cache line of a number.
#[inline(always)]
fn fetch(from: *const f32) {
    // SAFETY: a hint never faults, and every x86-64 has it.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) };
}

/// Asks for the cache lines of the rows of a tile.
#[inline(always)]
fn fetch_rows(from: *const f32, rows: usize, row_stride: usize, columns: usize) {
    for i in 0..rows {
        let row = from.wrapping_add(i * row_stride);
        fetch(row);
        fetch(row.wrapping_add(columns - 1));
    }
}
