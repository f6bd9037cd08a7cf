//! Layer and root mean square normalization over the last axis, and their derivative.

use kerros_core::law::Lanes;

use crate::Isa;
use crate::lanes::{Kernel, dispatch};
use crate::reduce::fold::Sum;
use crate::reduce::row::{Elements, Numbers, fold_row, load, store};

/// How rows are brought to size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowNorm {
    /// How long the rows are.
    pub len: usize,
    /// Whether the mean is taken away first.
    pub centred: bool,
    /// Added to the mean of squares.
    pub epsilon: f32,
}

/// For each row `y = d s gamma + beta` with `d = x - mean(x)` when centred, else `x`, and
/// `s = 1 / sqrt(mean(d^2) + epsilon)`; each operator rounded by itself, sums along the row by
/// [`kerros_core::law::reduce`].
///
/// # Shape
/// `x, y: [rows, len]`, `gamma, beta: [len]`.
///
/// # Panics
/// When the slices differ in length or do not hold whole rows.
pub fn row_norm(
    isa: Isa,
    norm: RowNorm,
    x: &[f32],
    gamma: Option<&[f32]>,
    beta: Option<&[f32]>,
    y: &mut [f32],
) {
    assert_eq!(x.len(), y.len(), "lengths of input and output");
    assert!(x.len().checked_rem(norm.len).unwrap_or(x.len()) == 0, "rows of {}", norm.len);
    assert!([gamma, beta].iter().flatten().all(|vector| vector.len() == norm.len), "scale, shift");
    dispatch(isa, Forward { norm, x, gamma, beta, y });
}

/// The derivative of [`row_norm`] with respect to `x`: with `r = d s` and `dr = dy gamma`,
/// `dx = (dr - mean(dr) - r mean(dr r)) s`, without `mean(dr)` when rows are not centred.
///
/// # Shape
/// `x, dy, dx: [rows, len]`, `gamma: [len]`.
///
/// # Panics
/// When the slices differ in length or do not hold whole rows.
pub fn row_norm_gradient(
    isa: Isa,
    norm: RowNorm,
    x: &[f32],
    dy: &[f32],
    gamma: Option<&[f32]>,
    dx: &mut [f32],
) {
    assert!(x.len() == dx.len() && x.len() == dy.len(), "lengths of input and output");
    assert!(x.len().checked_rem(norm.len).unwrap_or(x.len()) == 0, "rows of {}", norm.len);
    assert!(gamma.is_none_or(|gamma| gamma.len() == norm.len), "scale");
    dispatch(isa, Backward { norm, x, dy, gamma, dx });
}

/// `(x - mean)^2`.
struct Squares<'a, V> {
    x: &'a [f32],
    mean: Option<V>,
}

/// `x - mean` when there is one.
#[inline(always)]
fn deviation<V: Lanes>(x: V, mean: Option<V>) -> V {
    match mean {
        Some(mean) => x.sub(mean),
        None => x,
    }
}

impl<V: Lanes> Elements<V> for Squares<'_, V> {
    #[inline(always)]
    fn at(&mut self, i: usize, count: usize) -> V {
        let d = deviation(load::<V>(&self.x[i..], count), self.mean);
        d.mul(d)
    }
}

/// The mean that is taken away, if any, and `1 / sqrt(mean(d^2) + epsilon)`.
#[inline(always)]
fn mean_and_inverse<V: Lanes>(norm: RowNorm, x: &[f32]) -> (Option<V>, V) {
    let count = norm.len as f32;
    let mean = if norm.centred {
        Some(V::splat(fold_row::<V, Sum, 2>(&mut Numbers(x), 0, x.len()) / count))
    } else {
        None
    };
    let squares = fold_row::<V, Sum, 2>(&mut Squares { x, mean }, 0, x.len());
    (mean, V::splat(1.0 / (squares / count + norm.epsilon).sqrt()))
}

struct Forward<'a> {
    norm: RowNorm,
    x: &'a [f32],
    gamma: Option<&'a [f32]>,
    beta: Option<&'a [f32]>,
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let len = self.norm.len;
        if len == 0 {
            return;
        }
        for (x, y) in self.x.chunks_exact(len).zip(self.y.chunks_exact_mut(len)) {
            let (mean, inverse) = mean_and_inverse::<V>(self.norm, x);
            let mut at = 0;
            while at < len {
                let count = V::WIDTH.min(len - at);
                let mut value = deviation(load::<V>(&x[at..], count), mean).mul(inverse);
                if let Some(gamma) = self.gamma {
                    value = value.mul(load(&gamma[at..], count));
                }
                if let Some(beta) = self.beta {
                    value = value.add(load(&beta[at..], count));
                }
                store(value, &mut y[at..], count);
                at += count;
            }
        }
    }
}

/// Derivatives with respect to a row brought to size, `dy gamma`.
#[derive(Clone, Copy)]
struct Scaled<'a> {
    dy: &'a [f32],
    gamma: Option<&'a [f32]>,
}

impl Scaled<'_> {
    #[inline(always)]
    fn load<V: Lanes>(&self, i: usize, count: usize) -> V {
        let dy: V = load(&self.dy[i..], count);
        match self.gamma {
            Some(gamma) => dy.mul(load(&gamma[i..], count)),
            None => dy,
        }
    }
}

impl<V: Lanes> Elements<V> for Scaled<'_> {
    #[inline(always)]
    fn at(&mut self, i: usize, count: usize) -> V {
        self.load(i, count)
    }
}

/// `dr r`.
struct Along<'a, V> {
    scaled: Scaled<'a>,
    x: &'a [f32],
    mean: Option<V>,
    inverse: V,
}

impl<V: Lanes> Elements<V> for Along<'_, V> {
    #[inline(always)]
    fn at(&mut self, i: usize, count: usize) -> V {
        let row = deviation(load::<V>(&self.x[i..], count), self.mean).mul(self.inverse);
        self.scaled.load::<V>(i, count).mul(row)
    }
}

struct Backward<'a> {
    norm: RowNorm,
    x: &'a [f32],
    dy: &'a [f32],
    gamma: Option<&'a [f32]>,
    dx: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let len = self.norm.len;
        if len == 0 {
            return;
        }
        let rows = self.x.chunks_exact(len).zip(self.dy.chunks_exact(len));
        for ((x, dy), dx) in rows.zip(self.dx.chunks_exact_mut(len)) {
            let (mean, inverse) = mean_and_inverse::<V>(self.norm, x);
            let mut scaled = Scaled { dy, gamma: self.gamma };
            let mut products = Along { scaled, x, mean, inverse };
            let along = fold_row::<V, Sum, 2>(&mut products, 0, len) / len as f32;
            let along = V::splat(along);
            let level = if self.norm.centred {
                Some(V::splat(fold_row::<V, Sum, 2>(&mut scaled, 0, len) / len as f32))
            } else {
                None
            };
            let mut at = 0;
            while at < len {
                let count = V::WIDTH.min(len - at);
                let row = deviation(load::<V>(&x[at..], count), mean).mul(inverse);
                let d = deviation(scaled.load::<V>(at, count), level);
                store(d.sub(row.mul(along)).mul(inverse), &mut dx[at..], count);
                at += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::law::reduce::along_row;

    use super::*;
    use crate::reduce::tests::{numbers, words};

    fn mean(len: usize, at: impl Fn(usize) -> f32) -> f32 {
        along_row(len, 0.0f32, at, |a, b| a + b) / len as f32
    }

    /// The row brought to size, and its inverse deviation.
    fn normalized(norm: RowNorm, x: &[f32]) -> (Vec<f32>, f32) {
        let level = mean(x.len(), |i| x[i]);
        let d: Vec<f32> = x.iter().map(|x| if norm.centred { x - level } else { *x }).collect();
        let inverse = 1.0 / (mean(x.len(), |i| d[i] * d[i]) + norm.epsilon).sqrt();
        (d.iter().map(|d| d * inverse).collect(), inverse)
    }

    #[test]
    fn rows_of_every_length() {
        for len in (1..40).chain([100, 256, 4095, 4097, 9000]) {
            for centred in [true, false] {
                let norm = RowNorm { len, centred, epsilon: 1e-3 };
                let [x, dy] = [1, 2].map(|seed| numbers(seed, 3 * len));
                let [gamma, beta] = [3, 4].map(|seed| numbers(seed, len));
                for affine in [true, false] {
                    let (gamma, beta) = (affine.then_some(&gamma[..]), affine.then_some(&beta[..]));
                    let (mut want, mut want_dx) = (Vec::new(), Vec::new());
                    for (x, dy) in x.chunks(len).zip(dy.chunks(len)) {
                        let (r, inverse) = normalized(norm, x);
                        let dr: Vec<f32> = (0..len)
                            .map(|i| gamma.map_or(dy[i], |gamma| dy[i] * gamma[i]))
                            .collect();
                        let (level, along) = (mean(len, |i| dr[i]), mean(len, |i| dr[i] * r[i]));
                        for i in 0..len {
                            let scaled = gamma.map_or(r[i], |gamma| r[i] * gamma[i]);
                            want.push(beta.map_or(scaled, |beta| scaled + beta[i]));
                            let d = if centred { dr[i] - level } else { dr[i] };
                            want_dx.push((d - r[i] * along) * inverse);
                        }
                    }
                    for isa in Isa::available() {
                        let (mut y, mut dx) = (vec![9.0; 3 * len], vec![9.0; 3 * len]);
                        row_norm(isa, norm, &x, gamma, beta, &mut y);
                        row_norm_gradient(isa, norm, &x, &dy, gamma, &mut dx);
                        assert_eq!(words(&y), words(&want), "rows of {len}, {centred}, {isa:?}");
                        assert_eq!(
                            words(&dx),
                            words(&want_dx),
                            "rows of {len}, {centred}, {isa:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "rows of 3")]
    fn broken_rows_are_refused() {
        let norm = RowNorm { len: 3, centred: true, epsilon: 0.0 };
        row_norm(Isa::detect(), norm, &[0.0; 4], None, None, &mut [0.0; 4]);
    }
}
