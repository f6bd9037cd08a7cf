//! How two partial results become one, as types, so that each loop is compiled for its
//! combination.

use kerros_core::law::Lanes;
use kerros_core::program::Binary;

/// A combination of two numbers with its identity.
pub(crate) trait Fold {
    /// The bits of the result of reducing nothing.
    const IDENTITY: u32;
    /// `a` comes from the lower positions.
    fn combine<V: Lanes>(a: V, b: V) -> V;
}

macro_rules! folds {
    ($($(#[$doc:meta])* $name:ident: $identity:expr, $apply:ident $binary:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;
        impl Fold for $name {
            const IDENTITY: u32 = $identity;
            #[inline(always)]
            fn combine<V: Lanes>(a: V, b: V) -> V {
                Binary::$binary.$apply(a, b)
            }
        }
    )*};
}
folds! {
    /// `a + b`.
    Sum: 0.0f32.to_bits(), apply Add;
    /// `a * b`.
    Prod: 1.0f32.to_bits(), apply Mul;
    /// The larger, or NaN.
    Max: f32::NEG_INFINITY.to_bits(), apply Max;
    /// The smaller, or NaN.
    Min: f32::INFINITY.to_bits(), apply Min;
    /// `a + b` of `i32`.
    IntSum: 0, apply_int Add;
    /// `a * b` of `i32`.
    IntProd: 1, apply_int Mul;
    /// The larger `i32`.
    IntMax: i32::MIN as u32, apply_int Max;
    /// The smaller `i32`.
    IntMin: i32::MAX as u32, apply_int Min;
}

/// Levels of a [`Tree`]: enough for as many pieces as memory has room for.
const LEVELS: usize = 40;

/// [`kerros_core::law::reduce::tree`] over results that arrive one by one, without room for
/// all of them: level `l` holds the combination of `2^l` neighbours that waits for its
/// partner. A result is `B` registers side by side.
pub(crate) struct Tree<V, const B: usize> {
    waiting: [[V; B]; LEVELS],
    count: usize,
}

impl<V: Lanes, const B: usize> Tree<V, B> {
    /// An empty tree.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Tree { waiting: [[V::splat_bits(0); B]; LEVELS], count: 0 }
    }

    /// Adds the next result.
    #[inline(always)]
    pub(crate) fn push<F: Fold>(&mut self, mut result: [V; B]) {
        let mut level = 0;
        while self.count >> level & 1 == 1 {
            result = combine_all::<V, F, B>(self.waiting[level], result);
            level += 1;
        }
        self.waiting[level] = result;
        self.count += 1;
    }

    /// The combination of all. At least one must have been pushed.
    #[inline(always)]
    pub(crate) fn finish<F: Fold>(&self) -> [V; B] {
        let lowest = self.count.trailing_zeros() as usize;
        let mut total = self.waiting[lowest];
        for level in lowest + 1..LEVELS {
            if self.count >> level & 1 == 1 {
                total = combine_all::<V, F, B>(self.waiting[level], total);
            }
        }
        total
    }
}

#[inline(always)]
fn combine_all<V: Lanes, F: Fold, const B: usize>(a: [V; B], mut b: [V; B]) -> [V; B] {
    for (a, b) in a.into_iter().zip(&mut b) {
        *b = F::combine(a, *b);
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerros_core::law::reduce;

    /// A combination whose result tells in which order it was made.
    struct Order;
    impl Fold for Order {
        const IDENTITY: u32 = 0;
        fn combine<V: Lanes>(a: V, b: V) -> V {
            let mixed = a.int_mul(V::splat_bits(0x9E37_79B1)).int_add(b);
            mixed.xor(mixed.shr::<15>()).int_mul(V::splat_bits(0x85EB_CA77))
        }
    }

    #[test]
    fn the_tree_that_grows_is_the_tree_of_the_law() {
        for count in 1..300u32 {
            let mut leaves: Vec<f32> = (1..=count).map(f32::from_bits).collect();
            let mut tree = Tree::<f32, 1>::new();
            leaves.iter().for_each(|&leaf| tree.push::<Order>([leaf]));
            reduce::tree(&mut leaves, Order::combine);
            assert_eq!(tree.finish::<Order>()[0].to_bits(), leaves[0].to_bits(), "{count} leaves");
        }
    }
}
