//! Short rows, as many at once as a register has lanes: one row per lane, so that what is
//! combined within a row lies in different registers.

use kerros_core::law::Lanes;
use kerros_core::law::reduce::ROW_LANES;

use super::fold::Fold;

/// The longest row that is treated like this: one element per virtual lane of the law.
pub(crate) const LONGEST: usize = ROW_LANES;

/// Up to `WIDTH` rows turned round: register `j` holds element `j` of each row.
#[derive(Clone, Copy)]
pub(crate) struct ShortRows<V> {
    /// The first `len` are in use.
    registers: [V; LONGEST],
    len: usize,
}

impl<V: Lanes> ShortRows<V> {
    /// Whether rows of this length are worth turning round, on registers like these.
    #[inline(always)]
    pub(crate) const fn worth(len: usize) -> bool {
        V::WIDTH > 1 && len > 0 && len <= LONGEST
    }

    /// Turns rows of `len <= LONGEST` elements round. Lanes without a row hold zeros.
    #[inline(always)]
    pub(crate) fn gather(len: usize, rows: &[f32]) -> Self {
        let mut turned = [[0.0f32; ROW_LANES]; LONGEST];
        for (r, row) in rows.chunks_exact(len).take(V::WIDTH).enumerate() {
            for (column, &x) in turned.iter_mut().zip(row) {
                column[r] = x;
            }
        }
        let mut registers = [V::splat(0.0); LONGEST];
        for (register, column) in registers.iter_mut().zip(&turned).take(len) {
            *register = V::load(column);
        }
        ShortRows { registers, len }
    }

    /// The inverse of [`ShortRows::gather`].
    #[inline(always)]
    pub(crate) fn scatter(&self, rows: &mut [f32]) {
        let mut turned = [[0.0f32; ROW_LANES]; LONGEST];
        for (register, column) in self.registers.iter().zip(&mut turned).take(self.len) {
            register.store(column);
        }
        for (r, row) in rows.chunks_exact_mut(self.len).take(V::WIDTH).enumerate() {
            for (column, x) in turned.iter().zip(row) {
                *x = column[r];
            }
        }
    }

    /// The registers in use.
    #[inline(always)]
    pub(crate) fn used(&mut self) -> &mut [V] {
        &mut self.registers[..self.len]
    }

    /// Folds each row by the law; one result per lane.
    #[inline(always)]
    pub(crate) fn fold<F: Fold>(&self) -> V {
        let identity = V::splat_bits(F::IDENTITY);
        let mut lanes = [identity; LONGEST];
        for (lane, &x) in lanes.iter_mut().zip(&self.registers).take(self.len) {
            *lane = F::combine(identity, x);
        }
        let mut half = ROW_LANES / 2;
        while half > 0 {
            // Lanes beyond the row hold the identity, which changes nothing.
            for lane in 0..half.min(self.len.saturating_sub(half)) {
                lanes[lane] = F::combine(lanes[lane], lanes[lane + half]);
            }
            half /= 2;
        }
        lanes[0]
    }
}
