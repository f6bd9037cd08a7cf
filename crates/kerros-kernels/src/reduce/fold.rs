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
/// partner.
pub(crate) struct Tree<T> {
    waiting: [T; LEVELS],
    count: usize,
}

impl<T: Copy> Tree<T> {
    /// An empty tree; `blank` fills the places that hold nothing yet.
    #[inline(always)]
    pub(crate) fn new(blank: T) -> Self {
        Tree { waiting: [blank; LEVELS], count: 0 }
    }

    /// Adds the next result.
    #[inline(always)]
    pub(crate) fn push(&mut self, result: T, combine: impl Fn(T, T) -> T) {
        let (mut carried, mut level) = (result, 0);
        while self.count >> level & 1 == 1 {
            carried = combine(self.waiting[level], carried);
            level += 1;
        }
        self.waiting[level] = carried;
        self.count += 1;
    }

    /// The combination of all. At least one must have been pushed.
    #[inline(always)]
    pub(crate) fn finish(&self, combine: impl Fn(T, T) -> T) -> T {
        let lowest = self.count.trailing_zeros() as usize;
        let mut total = self.waiting[lowest];
        for level in lowest + 1..LEVELS {
            if self.count >> level & 1 == 1 {
                total = combine(self.waiting[level], total);
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kerros_core::law::reduce;

    #[test]
    fn the_tree_that_grows_is_the_tree_of_the_law() {
        for count in 1..200usize {
            let names: Vec<String> = (0..count).map(|i| i.to_string()).collect();
            // A combination that writes down its order; `Copy`, so it is leaked.
            let combine = |a: &'static str, b: &'static str| -> &'static str {
                Box::leak(format!("({a} {b})").into_boxed_str())
            };
            let mut leaves: Vec<&'static str> =
                names.iter().map(|name| &*Box::leak(name.clone().into_boxed_str())).collect();
            let mut tree = Tree::new("");
            leaves.iter().for_each(|leaf| tree.push(leaf, combine));
            reduce::tree(&mut leaves, combine);
            assert_eq!(tree.finish(combine), leaves[0]);
        }
    }
}
