//! The matrix product of one step.

use crate::Isa;
use crate::gemm::{Activation, Gemm, Matrix, Pair, Scratch, gemm};

/// Rows of a kernel that are a multiple of this many numbers apart compete for the same few
/// lines of the caches.
const CONFLICT_STRIDE: usize = 1024;
/// Numbers between such rows in a copy.
const GAP: usize = 16;
/// Rows and columns that are transposed at a stretch.
const TURNED_TOGETHER: usize = 16;

/// A matrix that many products multiply by, its rows contiguous.
#[derive(Clone, Copy)]
pub(super) struct Kernel<'a> {
    numbers: &'a [f32],
    row_stride: usize,
}

impl<'a> Kernel<'a> {
    /// Some columns of a row-major matrix of `[rows, width]`, copied where its rows compete.
    pub(super) fn of(numbers: &'a [f32], width: usize, copy: &'a mut Vec<f32>) -> Kernel<'a> {
        if width == 0 || !width.is_multiple_of(CONFLICT_STRIDE) {
            return Kernel { numbers, row_stride: width };
        }
        let row_stride = width + GAP;
        let copy = super::take(copy, numbers.len() / width * row_stride);
        for (from, to) in numbers.chunks_exact(width).zip(copy.chunks_exact_mut(row_stride)) {
            to[..width].copy_from_slice(from);
        }
        Kernel { numbers: copy, row_stride }
    }

    /// The transpose of a row-major matrix of `[rows, width]`, as a copy.
    pub(super) fn transposed(numbers: &[f32], width: usize, copy: &'a mut Vec<f32>) -> Kernel<'a> {
        let rows = numbers.len().checked_div(width).unwrap_or(0);
        let gap = if rows.is_multiple_of(CONFLICT_STRIDE) { GAP } else { 0 };
        let row_stride = rows + gap;
        let copy = super::take(copy, width * row_stride);
        for first_row in (0..rows).step_by(TURNED_TOGETHER) {
            for first_column in (0..width).step_by(TURNED_TOGETHER) {
                for row in first_row..rows.min(first_row + TURNED_TOGETHER) {
                    for column in first_column..width.min(first_column + TURNED_TOGETHER) {
                        copy[column * row_stride + row] = numbers[row * width + column];
                    }
                }
            }
        }
        Kernel { numbers: copy, row_stride }
    }

    /// From this row and column on.
    pub(super) fn from(self, row: usize, column: usize) -> Kernel<'a> {
        let numbers = self.numbers.get(row * self.row_stride + column..).unwrap_or(&[]);
        Kernel { numbers, row_stride: self.row_stride }
    }
}

/// `c = a · kernel + bias`, or that added to `c`.
pub(super) struct Product<'a> {
    /// Rows of `a` and `c`.
    pub(super) m: usize,
    /// Columns of the kernel and `c`.
    pub(super) n: usize,
    /// Columns of `a`.
    pub(super) k: usize,
    pub(super) a: &'a [f32],
    pub(super) a_row_stride: usize,
    pub(super) kernel: Kernel<'a>,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) accumulate: bool,
}

impl Product<'_> {
    pub(super) fn run(self, isa: Isa, c: &mut [f32], scratch: &mut Scratch) {
        let Product { m, n, k, a_row_stride, .. } = self;
        let shape = Gemm {
            m,
            n,
            k,
            a: Matrix { row_stride: a_row_stride, col_stride: 1 },
            b: Matrix { row_stride: self.kernel.row_stride, col_stride: 1 },
            c_row_stride: n,
            accumulate: self.accumulate,
            has_bias: self.bias.is_some(),
            activation: Activation::Identity,
        };
        let pairs = [Pair::default()];
        let b = self.kernel.numbers;
        gemm(isa, &shape, 0..m, &pairs, self.a, b, self.bias, c, scratch)
            .expect("the lengths of all operands were checked");
    }
}
