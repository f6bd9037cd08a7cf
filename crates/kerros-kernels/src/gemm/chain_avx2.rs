//! The inner loop of the highest AVX2 tiles, in assembly.
//!
//! A virtual processor is often half of a real one: while the other half is busy, a core takes up
//! three instructions per cycle for it instead of six. The loop that the compiler makes has 25 for
//! the 12 multiply-adds of a position, more than three for each of the six cycles that they need;
//! these loops have 22 or 23. The compiler answers a loop with several positions to a turn by
//! moving sums to the stack.

use std::arch::asm;

use super::register::Positions;
use crate::lanes::avx2::Avx2;

/// Positions to a turn of the loops.
const TURN: usize = 2;
/// Bytes of a number.
const BYTES: usize = size_of::<f32>();

/// The products of an element of A, the same in all lanes, with a row of B.
macro_rules! products {
    ($base:literal, $at:literal, $x:literal, $y:literal) => {
        concat!(
            "vbroadcastss {t}, dword ptr [",
            $base,
            " + ",
            $at,
            "]\nvfmadd231ps {",
            $x,
            "}, {t}, {b0}\nvfmadd231ps {",
            $y,
            "}, {t}, {b1}\n"
        )
    };
}

/// Elements of A from rows of their own, `at` bytes from their start. The fourth row has a pointer,
/// so that one stride leads to all.
macro_rules! apart {
    (5, $at:literal) => {
        concat!(
            products!("{a}", $at, "s0", "s1"),
            products!("{a} + {a_step}", $at, "s2", "s3"),
            products!("{a} + 2*{a_step}", $at, "s4", "s5"),
            products!("{a3}", $at, "s6", "s7"),
            products!("{a3} + {a_step}", $at, "s8", "s9"),
        )
    };
    (6, $at:literal) => {
        concat!(apart!(5, $at), products!("{a3} + 2*{a_step}", $at, "s10", "s11"))
    };
}

/// Elements of A that lie side by side.
macro_rules! beside {
    (5) => {
        concat!(
            products!("{a}", "0", "s0", "s1"),
            products!("{a}", "4", "s2", "s3"),
            products!("{a}", "8", "s4", "s5"),
            products!("{a}", "12", "s6", "s7"),
            products!("{a}", "16", "s8", "s9"),
        )
    };
    (6) => {
        concat!(beside!(5), products!("{a}", "20", "s10", "s11"))
    };
}

/// A row of B.
macro_rules! row_of_b {
    () => {
        "vmovups {b0}, ymmword ptr [{b}]\nvmovups {b1}, ymmword ptr [{b} + 32]\n"
    };
    (fetch) => {
        concat!("prefetcht0 byte ptr [{b} + {ahead}]\n", row_of_b!())
    };
}

/// A loop over turns, with the sums that it adds to.
macro_rules! turns {
    ($sums:ident, $turns:expr, [$($s:ident: $i:literal $v:literal,)*], $turn:expr, $($operands:tt)*) => {
        // SAFETY: the loop reads what the caller promises and writes registers.
        unsafe {
            asm!(
                "2:",
                $turn,
                "dec {turns}",
                "jnz 2b",
                turns = inout(reg) $turns => _,
                $($s = inout(ymm_reg) $sums[$i][$v].0,)*
                t = out(ymm_reg) _,
                b0 = out(ymm_reg) _,
                b1 = out(ymm_reg) _,
                $($operands)*
                options(readonly, nostack),
            )
        }
    };
}

/// A function for tiles of so many rows.
macro_rules! chain {
    ($name:ident, $rows:tt, $sums:tt) => {
        /// Adds the products of positions to the sums of a tile, as many turns as there are; gives
        /// how many positions that were.
        ///
        /// # Safety
        /// At each position as many elements of A and two registers of B can be read.
        #[target_feature(enable = "avx2,fma")]
        #[inline]
        pub(super) unsafe fn $name(sums: &mut [[Avx2; 2]; $rows], positions: Positions) -> usize {
            let Positions { len, a, a_row_stride, a_col_stride, b, b_row_stride, ahead } =
                positions;
            let turns = len / TURN;
            if turns == 0 {
                return 0;
            }
            let b_step = b_row_stride * BYTES;
            if a_col_stride == 1 {
                let (a3, a_step) = (a.wrapping_add(3 * a_row_stride), a_row_stride * BYTES);
                if ahead > 0 {
                    turns!(
                        sums, turns, $sums,
                        concat!(
                            row_of_b!(fetch), apart!($rows, "0"), "add {b}, {b_step}\n",
                            row_of_b!(fetch), apart!($rows, "4"), "add {b}, {b_step}\n",
                            "add {a}, 8\nadd {a3}, 8",
                        ),
                        a = inout(reg) a => _, a3 = inout(reg) a3 => _, a_step = in(reg) a_step,
                        b = inout(reg) b => _, b_step = in(reg) b_step,
                        ahead = in(reg) ahead * BYTES,
                    );
                } else {
                    turns!(
                        sums, turns, $sums,
                        concat!(
                            row_of_b!(), apart!($rows, "0"), "add {b}, {b_step}\n",
                            row_of_b!(), apart!($rows, "4"), "add {b}, {b_step}\n",
                            "add {a}, 8\nadd {a3}, 8",
                        ),
                        a = inout(reg) a => _, a3 = inout(reg) a3 => _, a_step = in(reg) a_step,
                        b = inout(reg) b => _, b_step = in(reg) b_step,
                    );
                }
            } else if a_row_stride == 1 {
                let a_step = a_col_stride * BYTES;
                turns!(
                    sums, turns, $sums,
                    concat!(
                        row_of_b!(), beside!($rows), "add {b}, {b_step}\nadd {a}, {a_step}\n",
                        row_of_b!(), beside!($rows), "add {b}, {b_step}\nadd {a}, {a_step}\n",
                    ),
                    a = inout(reg) a => _, a_step = in(reg) a_step,
                    b = inout(reg) b => _, b_step = in(reg) b_step,
                );
            } else {
                return 0;
            }
            turns * TURN
        }
    };
}

chain!(five_rows, 5, [
    s0: 0 0, s1: 0 1, s2: 1 0, s3: 1 1, s4: 2 0, s5: 2 1, s6: 3 0, s7: 3 1, s8: 4 0, s9: 4 1,
]);
chain!(six_rows, 6, [
    s0: 0 0, s1: 0 1, s2: 1 0, s3: 1 1, s4: 2 0, s5: 2 1, s6: 3 0, s7: 3 1, s8: 4 0, s9: 4 1,
    s10: 5 0, s11: 5 1,
]);
