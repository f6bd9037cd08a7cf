//! The checks that make [`gemm`](super::gemm) safe to call with anything.

use std::ops::Range;

use kerros_core::law::CONTRACTION_CHUNK;
use kerros_core::{Error, ErrorKind, Result};

use super::tile::extent;
use super::{Gemm, Matrix, Operands, PackedB, Pair};
use crate::Isa;

/// Refuses rows, strides, offsets and lengths that do not fit each other.
pub(super) fn check(
    isa: Isa,
    gemm: &Gemm,
    rows: &Range<usize>,
    pairs: &[Pair],
    operands: Operands<'_>,
    c_rows: &[f32],
) -> Result<()> {
    let Gemm { m, n, k, .. } = *gemm;
    let Operands { a, b, packed_b, bias, gate } = operands;
    if rows.start > rows.end || rows.end > m {
        return Err(refuse(format!("rows {rows:?} were asked for"), format!("a part of 0..{m}")));
    }
    let num_rows = rows.len();
    if num_rows > 1 && gemm.c_row_stride < n {
        return Err(refuse(
            format!("rows of C are {} elements apart", gemm.c_row_stride),
            format!("at least the {n} columns of C"),
        ));
    }
    let c_len = extent(num_rows, gemm.c_row_stride, n, 1);
    if c_rows.len() < c_len {
        return Err(refuse(
            format!("the rows {rows:?} of C have {} elements", c_rows.len()),
            format!("at least {c_len}"),
        ));
    }
    if gemm.continues && (gemm.accumulate || pairs.len() != 1 || k > CONTRACTION_CHUNK) {
        return Err(refuse(
            format!("chains of {} pairs of {k} positions were to go on", pairs.len()),
            format!("one pair of {CONTRACTION_CHUNK} at most, and no `accumulate`"),
        ));
    }
    match bias {
        Some(bias) if gemm.has_bias && bias.len() != n => {
            return Err(refuse(
                format!("the bias has {} elements", bias.len()),
                format!("the {n} columns of C"),
            ));
        }
        Some(_) if !gemm.has_bias => {
            return Err(refuse("a bias was given".into(), "none, as has_bias is false".into()));
        }
        None if gemm.has_bias => {
            return Err(refuse("no bias was given".into(), format!("{n} elements")));
        }
        _ => {}
    }
    let gates = if gemm.gated { num_rows.saturating_mul(n) } else { 0 };
    if gate.is_some() != gemm.gated || gate.is_some_and(|gate| gate.len() < gates) {
        let got = gate.map_or("no gate was given".into(), |gate| {
            format!("a gate of {} elements was given", gate.len())
        });
        return Err(refuse(got, format!("{gates} for the rows {rows:?}")));
    }
    if num_rows == 0 || n == 0 || k == 0 {
        return Ok(());
    }
    packed_b.map_or(Ok(()), |packed| packed_fits(isa, gemm, pairs, packed))?;
    for pair in pairs {
        operand("A", gemm.a, pair.a_offset, rows.end, k, a.len())?;
        operand("B", gemm.b, pair.b_offset, k, n, b.len())?;
    }
    Ok(())
}

fn packed_fits(isa: Isa, gemm: &Gemm, pairs: &[Pair], packed: &PackedB) -> Result<()> {
    if packed.sizes() != [gemm.k, gemm.n] {
        let [k, n] = packed.sizes();
        return Err(refuse(
            format!("B was packed as {k} x {n}"),
            format!("{} x {}", gemm.k, gemm.n),
        ));
    }
    if !packed.is_for(isa) {
        return Err(refuse("B was packed for other instructions".into(), format!("{isa:?}")));
    }
    match pairs {
        [Pair { b_offset: 0, .. }] => Ok(()),
        _ => Err(refuse(
            format!("B was packed and there are {} pairs", pairs.len()),
            "one whose B begins with the first element".into(),
        )),
    }
}

fn operand(
    name: &str,
    matrix: Matrix,
    offset: usize,
    rows: usize,
    cols: usize,
    len: usize,
) -> Result<()> {
    let Matrix { row_stride, col_stride } = matrix;
    let needed = extent(rows, row_stride, cols, col_stride).saturating_add(offset);
    // `usize::MAX` stands for overflow; no slice of `f32` is that long.
    if needed <= len {
        return Ok(());
    }
    Err(refuse(
        format!("{name} has {len} elements"),
        format!(
            "at least {needed}, for {rows} x {cols} with strides {row_stride} and {col_stride} \
             from element {offset}"
        ),
    ))
}

fn refuse(what: String, expected: String) -> Error {
    Error::new(ErrorKind::Shape, format!("matrix product: {what}")).expected(expected)
}
