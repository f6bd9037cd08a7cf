//! Every kind on every instruction set against the law, bit for bit.

use kerros_core::Philox;
use kerros_core::law::reduce::{along_row, down_column};
use kerros_core::program::Binary;

use super::*;

/// Numbers in (-4, 4) of very different sizes.
pub(crate) fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let random = Philox::new(seed);
    let number = |i: usize| {
        let word = random.word(0, 0, i as u64);
        let size = [4.0, 1.0, 1e-3, 1e-6][(word & 3) as usize];
        ((word >> 8) as f32 / (1 << 23) as f32 - 1.0) * size
    };
    (0..len).map(number).collect()
}

/// The words, with every NaN the same: IEEE leaves open which NaN an operation gives.
pub(crate) fn words(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

fn by_law(kind: ReduceKind, int: bool, view: AxisView, x: &[f32]) -> Vec<f32> {
    let (identity, binary) = match kind {
        ReduceKind::Sum => (if int { f32::from_bits(0) } else { 0.0 }, Binary::Add),
        ReduceKind::Prod => (if int { f32::from_bits(1) } else { 1.0 }, Binary::Mul),
        ReduceKind::Max if int => (f32::from_bits(i32::MIN as u32), Binary::Max),
        ReduceKind::Min if int => (f32::from_bits(i32::MAX as u32), Binary::Min),
        ReduceKind::Max => (f32::NEG_INFINITY, Binary::Max),
        ReduceKind::Min => (f32::INFINITY, Binary::Min),
    };
    let combine = |a, b| if int { binary.apply_int(a, b) } else { binary.apply(a, b) };
    let AxisView { outer, len, inner } = view;
    let element = |o: usize, i: usize| {
        let at = |position: usize| x[(o * len + position) * inner + i];
        if inner == 1 {
            along_row(len, identity, at, combine)
        } else {
            down_column(len, identity, at, combine)
        }
    };
    (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(|(o, i)| element(o, i)).collect()
}

const KINDS: [ReduceKind; 4] =
    [ReduceKind::Sum, ReduceKind::Prod, ReduceKind::Max, ReduceKind::Min];

/// All kinds on all instruction sets, whole and cut into parts.
fn check(view: AxisView, x: &[f32]) {
    let AxisView { len, inner, .. } = view;
    for int in [false, true] {
        for kind in KINDS {
            let expected = by_law(kind, int, view, x);
            let compare = |what: &str, isa: Isa, y: &[f32]| {
                let same = if int {
                    y.iter().map(|y| y.to_bits()).eq(expected.iter().map(|y| y.to_bits()))
                } else {
                    words(y) == words(&expected)
                };
                assert!(same, "{what} {kind:?} int {int} of {view:?} on {isa:?}");
            };
            for isa in Isa::available() {
                let mut y = vec![9.0; expected.len()];
                reduce(isa, kind, int, view, 0..view.num_parts(), x, &mut y);
                compare("whole", isa, &y);
                let mut y = Vec::new();
                let parts = view.num_parts();
                for (start, end) in [(0, parts / 3), (parts / 3, parts / 2), (parts / 2, parts)] {
                    let (input, outputs) = if view.outer == 1 {
                        (x, end - start)
                    } else {
                        (&x[start * len * inner..end * len * inner], (end - start) * inner)
                    };
                    let mut part = vec![9.0; outputs];
                    reduce(isa, kind, int, view, start..end, input, &mut part);
                    y.extend(part);
                }
                compare("parts", isa, &y);
            }
        }
    }
}

const LENGTHS: [usize; 15] =
    [0, 1, 2, 10, 15, 16, 17, 31, 33, 4095, 4096, 4097, 10_000, 16_384, 40_001];

#[test]
fn rows_of_every_length() {
    for len in LENGTHS {
        for outer in [1, 2, 3, 4, 5, 9] {
            let outer = if len > 5000 { outer.min(2) } else { outer };
            check(AxisView { outer, len, inner: 1 }, &numbers(1, outer * len));
        }
    }
}

#[test]
fn columns_of_every_width() {
    for inner in [2, 3, 7, 8, 9, 15, 16, 17, 31, 63, 64, 130, 300] {
        for (outer, len) in [(1, 0), (1, 1), (1, 5), (2, 255), (1, 256), (3, 257), (1, 1300)] {
            check(AxisView { outer, len, inner }, &numbers(2, outer * len * inner));
        }
    }
}

#[test]
fn nothing_at_all() {
    for (outer, inner) in [(0, 1), (0, 3), (1, 0), (2, 0)] {
        for kind in KINDS {
            let view = AxisView { outer, len: 4, inner };
            reduce(Isa::detect(), kind, false, view, 0..view.num_parts(), &[], &mut []);
        }
    }
}

#[test]
fn infinities_nan_and_zeros_of_both_signs() {
    let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0, f32::MAX, 1e-45];
    for len in [1, 7, 16, 20, 300] {
        for place in [0, len / 2, len - 1] {
            for value in special {
                let mut x = numbers(3, 3 * len);
                x[place] = value;
                x[len + (place + 1) % len] = value;
                x[2 * len..].fill(value);
                check(AxisView { outer: 3, len, inner: 1 }, &x);
                check(AxisView { outer: 1, len, inner: 3 }, &x);
            }
        }
    }
    check(AxisView { outer: 1, len: 40, inner: 1 }, &[-0.0; 40]);
}

#[test]
fn known_answers() {
    let mut y = [0.0; 2];
    let x = [1.0, 2.0, 3.0, -4.0, 5.0, 6.0];
    let run = |kind, view, y: &mut [f32; 2]| {
        let parts = 0..AxisView::num_parts(view);
        reduce(Isa::detect(), kind, false, view, parts, &x, y);
        *y
    };
    let rows = AxisView { outer: 2, len: 3, inner: 1 };
    assert_eq!(run(ReduceKind::Sum, rows, &mut y), [6.0, 7.0]);
    assert_eq!(run(ReduceKind::Prod, rows, &mut y), [6.0, -120.0]);
    let columns = AxisView { outer: 1, len: 3, inner: 2 };
    assert_eq!(run(ReduceKind::Max, columns, &mut y), [5.0, 6.0]);
    assert_eq!(run(ReduceKind::Min, columns, &mut y), [1.0, -4.0]);
    let counts = [3i32, -7, 100, 1 << 30, 1 << 30, 1 << 30].map(|x| f32::from_bits(x as u32));
    reduce(Isa::detect(), ReduceKind::Sum, true, rows, 0..2, &counts, &mut y);
    assert_eq!(y.map(|y| y.to_bits() as i32), [96, -(1 << 30)]);
}

#[test]
#[should_panic(expected = "lengths of input and output")]
fn a_short_output_is_refused() {
    let view = AxisView { outer: 3, len: 2, inner: 1 };
    reduce(Isa::detect(), ReduceKind::Sum, false, view, 0..3, &[0.0; 6], &mut [0.0; 2]);
}
