//! Matrix products: `C = act(C + sum_i op(A_i) * op(B_i) + bias)`.
//!
//! The one kernel family under dense layers, their gradients, convolutions and attention.
//! [`gemm`] checks every length; then `blocking` cuts the product into register tiles (or
//! `column`, when C has a single column), `pack` copies operands into the order in which
//! the tiles read them (`packed`: once for several products), and `tile_registers` and
//! `tile_scalar` compute.
//!
//! # The law
//! For every element of C, whatever the instruction set and however the rows are shared
//! out: each pair's contraction is cut into chunks of
//! [`contraction_chunk`](kerros_core::law::contraction_chunk) positions; the sum of a chunk
//! is one chain of fused multiply-adds from 0, `k` ascending
//! ([`dot_chain`](kerros_core::law::dot_chain)); the sums of all chunks of all pairs are
//! added in order, one after the other; then the old C is added if asked for; then the bias;
//! then the activation is applied; then a closed gate makes it 0. Where a result is NaN, its
//! payload is left open.

mod blocking;
#[cfg(target_arch = "x86_64")]
mod chain_avx2;
mod check;
mod column;
pub(crate) mod cuts;
pub(crate) mod pack;
#[cfg(target_arch = "x86_64")]
mod pack_registers;
mod packed;
#[cfg(target_arch = "x86_64")]
mod register;
#[cfg(target_arch = "x86_64")]
mod register_avx2;
#[cfg(target_arch = "x86_64")]
mod register_avx512;
pub(crate) mod scratch;
pub(crate) mod tile;
#[cfg(target_arch = "x86_64")]
mod tile_registers;
pub(crate) mod tile_scalar;

#[cfg(test)]
mod tests;

use std::ops::Range;

use kerros_core::Result;

pub use packed::PackedB;
pub use scratch::Scratch;

use crate::Isa;
use blocking::Product;
use tile::{TileJob, Tiles, with_tiles};

/// Where the elements of a matrix lie: element `(i, j)` is `row_stride * i + col_stride * j`
/// after the first.
///
/// A row-major matrix has `col_stride` 1; its transpose is the same numbers with the strides
/// exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matrix {
    /// Elements from one row to the next.
    pub row_stride: usize,
    /// Elements from one column to the next.
    pub col_stride: usize,
}

impl Matrix {
    /// Rows of `num_cols` adjacent elements, one after the other.
    pub const fn row_major(num_cols: usize) -> Self {
        Matrix { row_stride: num_cols, col_stride: 1 }
    }

    /// The same numbers with rows and columns exchanged.
    pub const fn transposed(self) -> Self {
        Matrix { row_stride: self.col_stride, col_stride: self.row_stride }
    }
}

/// What is applied to each element of C at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// `max(x, 0)` as [`Binary::Max`](kerros_core::program::Binary::Max) has it: NaN stays
    /// NaN, `-0` becomes `+0`.
    Relu,
}

/// A matrix product `C = act(C + sum_i A_i * B_i + bias)` with row-major C.
///
/// # Shape
/// `A_i: [m, k]`, `B_i: [k, n]`, `bias: [n]`, `C: [m, n]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gemm {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A and rows of B: the contracted axis.
    pub k: usize,
    /// How each A lies in its slice. Plain and transposed matrices are fast; both strides
    /// other than 1 is allowed and slow.
    pub a: Matrix,
    /// How each B lies in its slice, likewise.
    pub b: Matrix,
    /// Elements from one row of C to the next, at least `n`.
    pub c_row_stride: usize,
    /// Whether the product is added to what C holds; otherwise C is overwritten unread.
    pub accumulate: bool,
    /// Whether the chains of a contraction of one chunk at most go on from what C holds, as if
    /// earlier positions had led there; of a single pair, and instead of `accumulate`.
    pub continues: bool,
    /// Whether a row vector is added to every row.
    pub has_bias: bool,
    /// What is applied then.
    pub activation: Activation,
    /// Whether elements whose gate is not above 0 become 0 in the end: the derivative of `relu`
    /// on the way back through a layer.
    pub gated: bool,
}

impl Gemm {
    /// `C = A * B`, all three row-major without gaps, nothing added.
    pub const fn row_major(m: usize, n: usize, k: usize) -> Self {
        Gemm {
            m,
            n,
            k,
            a: Matrix::row_major(k),
            b: Matrix::row_major(n),
            c_row_stride: n,
            accumulate: false,
            continues: false,
            has_bias: false,
            activation: Activation::Identity,
            gated: false,
        }
    }
}

/// What a product reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Operands<'a> {
    /// The whole of every A.
    pub a: &'a [f32],
    /// The whole of every B.
    pub b: &'a [f32],
    /// The same B, packed for this product: with a single pair that begins with the first element.
    pub packed_b: Option<&'a PackedB>,
    /// `n` numbers, exactly when [`Gemm::has_bias`].
    pub bias: Option<&'a [f32]>,
    /// For the computed rows of C and nothing before them, `n` numbers each without gaps, exactly
    /// when [`Gemm::gated`]: an element of C becomes 0 where its gate is 0 or less.
    pub gate: Option<&'a [f32]>,
}

/// Where one A and one B of a batch-reduce product begin, in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pair {
    /// First element of A in the slice `a`.
    pub a_offset: usize,
    /// First element of B in the slice `b`.
    pub b_offset: usize,
}

/// Computes the rows `rows` of `C = act(C + sum_i A_i * B_i + bias)`.
///
/// To use several threads, share out the rows of C: each thread calls with its own rows of
/// C and its own scratch. The bits do not depend on how.
///
/// # Parameters
/// - `rows`: which rows of C to compute, a part of `0..gemm.m`.
/// - `pairs`: where each A and B begins; usually one `Pair::default()`. Without pairs, or
///   with `k = 0`, the sum is 0.
/// - `operands`: the whole of A and B, not only the part for `rows`; see [`Operands`].
/// - `c_rows`: the rows `rows` of C and nothing before them. Gaps between rows are left alone.
///
/// # Errors
/// [`ErrorKind::Shape`](kerros_core::ErrorKind::Shape) when rows, strides, offsets or the
/// length of a slice do not fit each other. Nothing has been written then.
///
/// # Example
/// ```
/// use kerros_kernels::Isa;
/// use kerros_kernels::gemm::{Activation, Gemm, Operands, Pair, Scratch, gemm};
///
/// // [[1, 2], [3, 4]] * [[1, -1], [1, -1]] + [0.5, 0.5], then max(x, 0).
/// let dense = Gemm { has_bias: true, activation: Activation::Relu, ..Gemm::row_major(2, 2, 2) };
/// let (a, b, bias) = ([1.0, 2.0, 3.0, 4.0], [1.0, -1.0, 1.0, -1.0], [0.5, 0.5]);
/// let mut c = [f32::NAN; 4];
/// let mut scratch = Scratch::new();
/// let operands = Operands { a: &a, b: &b, bias: Some(&bias), ..Operands::default() };
/// gemm(Isa::detect(), &dense, 0..2, &[Pair::default()], operands, &mut c, &mut scratch)?;
/// assert_eq!(c, [3.5, 0.0, 7.5, 0.0]);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn gemm(
    isa: Isa,
    gemm: &Gemm,
    rows: Range<usize>,
    pairs: &[Pair],
    operands: Operands<'_>,
    c_rows: &mut [f32],
    scratch: &mut Scratch,
) -> Result<()> {
    check::check(isa, gemm, &rows, pairs, operands, c_rows)?;
    if rows.is_empty() || gemm.n == 0 {
        return Ok(());
    }
    // Strides that reach nothing were not checked: they must not enter the arithmetic.
    let nothing = Matrix { row_stride: 0, col_stride: 0 };
    let gemm = match gemm.k == 0 || pairs.is_empty() {
        true => &Gemm { k: 0, a: nothing, b: nothing, ..*gemm },
        false => gemm,
    };
    let product = Product { gemm, rows, pairs, operands };
    with_tiles(isa, Multiply { product, c: c_rows, scratch });
    Ok(())
}

struct Multiply<'a> {
    product: Product<'a>,
    c: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl TileJob for Multiply<'_> {
    type Output = ();

    fn run<T: Tiles>(self, tiles: T) {
        let Multiply { product, c, scratch } = self;
        if column::suits::<T>(&product) {
            column::multiply(tiles, &product, c, scratch);
        } else {
            blocking::multiply(tiles, &product, c, scratch);
        }
    }
}
