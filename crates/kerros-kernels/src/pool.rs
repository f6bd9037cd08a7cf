//! Pooling over one to three spatial axes, channels last, by the law of
//! [`kerros_core::law::window`]: channels side by side in registers.
//!
//! To share out the work, hand each thread some **rows** of the result
//! ([`num_rows`] of its spatial lengths): items when there are several,
//! and then every slice holds just these; else positions of the result's first spatial axis
//! longer than 1, and then only the result does. The functions that add to the places of
//! windows take items alone: with a single item the one row is all of it.

use std::marker::PhantomData;
use std::ops::Range;

use kerros_core::law::Lanes;
use kerros_core::law::window::{PoolSizes, WindowAxis, num_rows};

use crate::Isa;
use crate::lanes::{Kernel, dispatch};
use crate::reduce::fold::{Fold, Max, Sum};
use crate::reduce::row::{load, store};

/// Registers of channels that are worked on side by side.
const VECTORS: usize = 4;

/// `y[o] = max over taps t of x[o * stride + t - low]`: the largest of each window, NaN when
/// any is, `-inf` where a window meets nothing.
///
/// # Shape
/// `x: [batch, inputs.., channels] -> y: [batch, outputs.., channels]`; `rows` as the module
/// says.
///
/// # Panics
/// When a slice has not the length that the sizes and rows say; so do the functions below.
pub fn max_pool(isa: Isa, sizes: &PoolSizes, rows: Range<usize>, x: &[f32], y: &mut [f32]) {
    dispatch(
        isa,
        Each { windows: Windows::of_rows(sizes, &rows), x, y, task: Folded::<Max>(PhantomData) },
    );
}

/// `y[o] = sum over taps t of x[o * stride + t - low]`: the sum of each window.
///
/// # Shape
/// As [`max_pool`].
pub fn sum_pool(isa: Isa, sizes: &PoolSizes, rows: Range<usize>, x: &[f32], y: &mut [f32]) {
    dispatch(
        isa,
        Each { windows: Windows::of_rows(sizes, &rows), x, y, task: Folded::<Sum>(PhantomData) },
    );
}

/// The elements of `values` at the places where the windows of `x` have their maxima; 0 where
/// a window meets nothing.
///
/// # Shape
/// `x, values: [batch, inputs.., channels] -> y: [batch, outputs.., channels]`.
pub fn max_pool_gather(
    isa: Isa,
    sizes: &PoolSizes,
    rows: Range<usize>,
    x: &[f32],
    values: &[f32],
    y: &mut [f32],
) {
    assert_eq!(x.len(), values.len(), "values for each element");
    dispatch(isa, Each { windows: Windows::of_rows(sizes, &rows), x, y, task: Picked { values } });
}

/// Adds each element of `dy` to the place of its window's maximum in `x`; `dx` is 0 elsewhere.
///
/// # Shape
/// `x: [items, inputs.., channels]`, `dy: [items, outputs.., channels] -> dx` as `x`, for as
/// many items as there are rows.
pub fn max_pool_scatter(
    isa: Isa,
    sizes: &PoolSizes,
    rows: usize,
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    assert_eq!(x.len(), dx.len(), "a derivative for each element");
    dispatch(isa, Scatter { windows: Windows::of_items(sizes, rows), x: Some(x), dy, dx });
}

/// Adds each element of `dy` to all places of its window; `dx` is 0 where no window is.
///
/// # Shape
/// `dy: [items, outputs.., channels] -> dx: [items, inputs.., channels]`, for as many items as
/// there are rows.
pub fn sum_pool_scatter(isa: Isa, sizes: &PoolSizes, rows: usize, dy: &[f32], dx: &mut [f32]) {
    dispatch(isa, Scatter { windows: Windows::of_items(sizes, rows), x: None, dy, dx });
}

/// Some windows: of some items, or at some positions of the one item.
struct Windows<'a> {
    sizes: &'a PoolSizes,
    items: usize,
    positions: [Range<usize>; 3],
}

impl<'a> Windows<'a> {
    fn of_items(sizes: &'a PoolSizes, items: usize) -> Self {
        Windows { sizes, items, positions: sizes.window.axes.map(|axis| 0..axis.output) }
    }

    #[track_caller]
    fn of_rows(sizes: &'a PoolSizes, rows: &Range<usize>) -> Self {
        let lens = sizes.window.axes.map(|axis| axis.output);
        let count = num_rows(sizes.batch, lens);
        assert!(rows.start <= rows.end && rows.end <= count, "{rows:?} of {count} rows");
        if sizes.batch != 1 {
            return Windows::of_items(sizes, rows.len());
        }
        let mut windows = Windows::of_items(sizes, 1);
        let shared = lens.iter().position(|&len| len > 1).unwrap_or(0);
        windows.positions[shared] = rows.start..rows.end.min(lens[shared]);
        windows
    }

    /// Floats of one item's input and of its windows.
    fn item_lengths(&self) -> [usize; 2] {
        let windows: usize = self.positions.iter().map(Range::len).product();
        let channels = self.sizes.channels;
        [self.sizes.window.num_inputs() * channels, windows * channels]
    }

    /// Checks the lengths of the input and of what there is one of per window.
    #[track_caller]
    fn check(&self, input: usize, output: usize) {
        let lengths = self.item_lengths().map(|len| len * self.items);
        assert_eq!([input, output], lengths, "lengths of input and output for {:?}", self.sizes);
    }

    /// What a window meets of an item's input.
    #[inline(always)]
    fn met(&self, output: [usize; 3]) -> Met {
        let axes = &self.sizes.window.axes;
        let [d, h, w] = [0, 1, 2].map(|at| met(&axes[at], output[at]));
        Met { d, h, w, lines: axes[1].input, len: axes[2].input }
    }
}

/// The input positions that an output position meets along an axis.
#[inline(always)]
fn met(axis: &WindowAxis, output: usize) -> Range<usize> {
    let start = (output * axis.stride) as isize - axis.low;
    let end = start + axis.taps as isize;
    let len = axis.input as isize;
    start.clamp(0, len) as usize..end.clamp(0, len) as usize
}

/// The input positions that a window meets along each axis.
#[derive(Clone, Debug)]
struct Met {
    d: Range<usize>,
    h: Range<usize>,
    w: Range<usize>,
    /// Lines of a slice, and positions of a line.
    lines: usize,
    len: usize,
}

/// Some channels of all: `lanes` in each register.
#[derive(Clone, Copy)]
struct Channels {
    /// All channels: the distance between positions.
    stride: usize,
    first: usize,
    lanes: usize,
}

/// Runs a block for the place of each element that a window meets, by ascending taps: a loop,
/// because a closure would be compiled without the instruction set.
macro_rules! for_each_tap {
    ($met:expr, $channels:expr, |$place:ident| $body:block) => {
        for d in $met.d.clone() {
            for h in $met.h.clone() {
                let line = (d * $met.lines + h) * $met.len;
                for w in $met.w.clone() {
                    let $place = (line + w) * $channels.stride + $channels.first;
                    $body
                }
            }
        }
    };
}

/// `B` registers of channels of a window, folded.
#[inline(always)]
fn fold<V: Lanes, F: Fold, const B: usize>(x: &[f32], met: &Met, channels: Channels) -> [V; B] {
    let mut folded = [V::splat_bits(F::IDENTITY); B];
    for_each_tap!(met, channels, |place| {
        let x = &x[place..];
        for (b, folded) in folded.iter_mut().enumerate() {
            *folded = F::combine(*folded, load(&x[b * V::WIDTH..], channels.lanes));
        }
    });
    folded
}

/// Which of the windows still look for their maximum, and which find it in the next element.
struct Search<V, const B: usize> {
    max: [V; B],
    /// 1 before the maximum is found, 0 after.
    open: [V; B],
}

impl<V: Lanes, const B: usize> Search<V, B> {
    #[inline(always)]
    fn new(x: &[f32], met: &Met, channels: Channels) -> Self {
        Search { max: fold::<V, Max, B>(x, met, channels), open: [V::splat(1.0); B] }
    }

    /// `found` where element `x` of register `b` is the maximum for the first time, else
    /// `other`. When there is a NaN the maximum is NaN, and each NaN is one.
    #[inline(always)]
    fn pick(&mut self, b: usize, x: V, found: V, other: V) -> V {
        let (one, zero) = (V::splat(1.0), V::splat(0.0));
        let is_max = V::select(x.is_nan(), one, V::select(x.eq(self.max[b]), one, zero));
        let first = is_max.mul(self.open[b]);
        self.open[b] = self.open[b].sub(first);
        V::select(first.eq(one), found, other)
    }
}

/// What is made of each window of `x`.
struct Each<'a, T> {
    windows: Windows<'a>,
    x: &'a [f32],
    y: &'a mut [f32],
    task: T,
}

trait Task {
    /// `B` registers of channels of the result for a window. The slices begin with the item.
    fn result<V: Lanes, const B: usize>(
        &self,
        item: usize,
        x: &[f32],
        met: &Met,
        channels: Channels,
    ) -> [V; B];
}

/// All elements folded.
struct Folded<F>(PhantomData<F>);

impl<F: Fold> Task for Folded<F> {
    #[inline(always)]
    fn result<V: Lanes, const B: usize>(
        &self,
        _item: usize,
        x: &[f32],
        met: &Met,
        channels: Channels,
    ) -> [V; B] {
        fold::<V, F, B>(x, met, channels)
    }
}

/// The values at the places of the maxima.
struct Picked<'a> {
    values: &'a [f32],
}

impl Task for Picked<'_> {
    #[inline(always)]
    fn result<V: Lanes, const B: usize>(
        &self,
        item: usize,
        x: &[f32],
        met: &Met,
        channels: Channels,
    ) -> [V; B] {
        let values = &self.values[item * x.len()..];
        let mut search = Search::<V, B>::new(x, met, channels);
        let mut picked = [V::splat(0.0); B];
        for_each_tap!(met, channels, |place| {
            let (x, values) = (&x[place..], &values[place..]);
            for (b, picked) in picked.iter_mut().enumerate() {
                let value = load(&values[b * V::WIDTH..], channels.lanes);
                *picked = search.pick(b, load(&x[b * V::WIDTH..], channels.lanes), value, *picked);
            }
        });
        picked
    }
}

impl<T: Task> Kernel for Each<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Each { windows, x, y, task } = self;
        windows.check(x.len(), y.len());
        let stride = windows.sizes.channels;
        let [input, output] = windows.item_lengths();
        if output == 0 {
            return;
        }
        for (item, y) in y.chunks_exact_mut(output).enumerate() {
            let x = &x[item * input..(item + 1) * input];
            let mut results = y.chunks_exact_mut(stride);
            let [d, h, w] = windows.positions.clone();
            for d in d {
                for h in h.clone() {
                    for w in w.clone() {
                        let met = windows.met([d, h, w]);
                        let Some(y) = results.next() else { return };
                        let mut first = 0;
                        while first + VECTORS * V::WIDTH <= stride {
                            let channels = Channels { stride, first, lanes: V::WIDTH };
                            let result = task.result::<V, VECTORS>(item, x, &met, channels);
                            for (result, y) in
                                result.into_iter().zip(y[first..].chunks_mut(V::WIDTH))
                            {
                                result.store(y);
                            }
                            first += VECTORS * V::WIDTH;
                        }
                        while first < stride {
                            let lanes = V::WIDTH.min(stride - first);
                            let channels = Channels { stride, first, lanes };
                            let [result] = task.result::<V, 1>(item, x, &met, channels);
                            store(result, &mut y[first..], lanes);
                            first += lanes;
                        }
                    }
                }
            }
        }
    }
}

/// What is added to the places of windows.
struct Scatter<'a> {
    windows: Windows<'a>,
    /// What decides where the maximum is; without it all places take part.
    x: Option<&'a [f32]>,
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Scatter { windows, x, dy, dx } = self;
        windows.check(dx.len(), dy.len());
        dx.fill(0.0);
        let stride = windows.sizes.channels;
        let [input, output] = windows.item_lengths();
        if input == 0 || output == 0 {
            return;
        }
        for (item, (dx, dy)) in dx.chunks_exact_mut(input).zip(dy.chunks_exact(output)).enumerate()
        {
            let x = x.map(|x| &x[item * input..(item + 1) * input]);
            let mut sources = dy.chunks_exact(stride);
            let [d, h, w] = windows.positions.clone();
            for d in d {
                for h in h.clone() {
                    for w in w.clone() {
                        let met = windows.met([d, h, w]);
                        let Some(dy) = sources.next() else { return };
                        let mut first = 0;
                        while first + VECTORS * V::WIDTH <= stride {
                            let channels = Channels { stride, first, lanes: V::WIDTH };
                            scatter::<V, VECTORS>(x, dy, &met, channels, dx);
                            first += VECTORS * V::WIDTH;
                        }
                        while first < stride {
                            let lanes = V::WIDTH.min(stride - first);
                            scatter::<V, 1>(x, dy, &met, Channels { stride, first, lanes }, dx);
                            first += lanes;
                        }
                    }
                }
            }
        }
    }
}

/// Adds `B` registers of channels of `dy` to the places of one window.
#[inline(always)]
fn scatter<V: Lanes, const B: usize>(
    x: Option<&[f32]>,
    dy: &[f32],
    met: &Met,
    channels: Channels,
    dx: &mut [f32],
) {
    let lanes = channels.lanes;
    let mut from = [V::splat(0.0); B];
    for (b, from) in from.iter_mut().enumerate() {
        *from = load(&dy[channels.first + b * V::WIDTH..], lanes);
    }
    let Some(x) = x else {
        for_each_tap!(met, channels, |place| {
            for (b, &from) in from.iter().enumerate() {
                let to = &mut dx[place + b * V::WIDTH..];
                store(load::<V>(to, lanes).add(from), to, lanes);
            }
        });
        return;
    };
    let mut search = Search::<V, B>::new(x, met, channels);
    for_each_tap!(met, channels, |place| {
        for (b, &from) in from.iter().enumerate() {
            let at = place + b * V::WIDTH;
            let share = search.pick(b, load(&x[at..], lanes), from, V::splat(0.0));
            let to = &mut dx[at..];
            store(load::<V>(to, lanes).add(share), to, lanes);
        }
    });
}

#[cfg(test)]
mod tests {
    use kerros_core::law::window::{Window, beats};
    use kerros_core::program::Binary;
    use kerros_core::{Philox, philox};

    use super::*;

    fn below(seed: &mut u32, bound: usize) -> usize {
        *seed += 1;
        Philox::new(5).below(*seed, 0, 0, bound as u64) as usize
    }

    /// Few different numbers, so that maxima have equals; zeros of both signs, and NaN.
    fn numbers(seed: &mut u32, len: usize) -> Vec<f32> {
        let odd = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        (0..len)
            .map(|_| match below(seed, 40) {
                at if at < odd.len() => odd[at],
                at => (at % 7) as f32 - 3.0 + if at == 39 { 0.1 } else { 0.0 },
            })
            .collect()
    }

    fn sizes(seed: &mut u32) -> PoolSizes {
        let mut axes = [WindowAxis::UNIT; 3];
        let count = 1 + below(seed, 3);
        for axis in &mut axes[3 - count..] {
            let (input, taps, stride) =
                (1 + below(seed, 9), 1 + below(seed, 3), 1 + below(seed, 3));
            let (low, high) = (below(seed, 4) as isize - 1, below(seed, 3) as isize);
            let room = input as isize + low + high - taps as isize;
            let output = if room < 0 { 1 } else { room as usize / stride + 1 };
            *axis = WindowAxis { input, output, taps, stride, dilation: 1, low };
        }
        let channels = [1, 3, 8, 17, 33, 64, 70][below(seed, 7)];
        PoolSizes { batch: 1 + below(seed, 3), window: Window { axes }, channels }
    }

    /// The places that each window meets, window by window and channel by channel.
    fn places(sizes: &PoolSizes) -> Vec<Vec<usize>> {
        let PoolSizes { batch, window, channels } = *sizes;
        let mut all = Vec::new();
        for item in 0..batch {
            for output in 0..window.num_outputs() {
                let met: Vec<usize> = (0..window.num_taps())
                    .filter_map(|tap| window.input_at(output, tap))
                    .map(|at| (item * window.num_inputs() + at) * channels)
                    .collect();
                all.extend((0..channels).map(|c| met.iter().map(|at| at + c).collect()));
            }
        }
        all
    }

    /// Of NaN the law leaves the payload open.
    fn same(what: &str, got: &[f32], want: &[f32]) {
        assert_eq!(got.len(), want.len());
        let differs = |(got, want): (&f32, &f32)| {
            got.to_bits() != want.to_bits() && !(got.is_nan() && want.is_nan())
        };
        if let Some(at) = got.iter().zip(want).position(differs) {
            panic!("{what}: element {at} is {}, not {}", got[at], want[at]);
        }
    }

    #[test]
    fn every_function_follows_the_law_in_any_geometry() {
        let seed = &mut 0;
        for _ in 0..200 {
            let sizes = sizes(seed);
            let places = places(&sizes);
            let len = sizes.batch * sizes.window.num_inputs() * sizes.channels;
            let (x, values) = (numbers(seed, len), numbers(seed, len));
            let dy = numbers(seed, places.len());
            let best = |met: &Vec<usize>| {
                met.iter().copied().reduce(|best, at| if beats(x[at], x[best]) { at } else { best })
            };
            let fold = |start: f32, combine: Binary| -> Vec<f32> {
                let folded =
                    |met: &Vec<usize>| met.iter().fold(start, |sum, &at| combine.apply(sum, x[at]));
                places.iter().map(folded).collect()
            };
            let picked: Vec<f32> =
                places.iter().map(|met| best(met).map_or(0.0, |at| values[at])).collect();
            let (mut to_max, mut to_all) = (vec![0.0f32; len], vec![0.0f32; len]);
            for (met, &dy) in places.iter().zip(&dy) {
                best(met).into_iter().for_each(|at| to_max[at] += dy);
                met.iter().for_each(|&at| to_all[at] += dy);
            }

            let count = num_rows(sizes.batch, sizes.window.axes.map(|axis| axis.output));
            let shares = 1 + below(seed, 3);
            for isa in Isa::available() {
                #[allow(clippy::type_complexity)]
                let run = |call: &dyn Fn(Range<usize>, Range<usize>, &mut [f32])| {
                    let mut y = vec![9.0; places.len()];
                    for at in 0..shares {
                        let rows = count * at / shares..count * (at + 1) / shares;
                        let items = if sizes.batch == 1 { 0..1 } else { rows.clone() };
                        let (from, to) = (len / sizes.batch, y.len() / count);
                        let y = &mut y[rows.start * to..rows.end * to];
                        call(rows, items.start * from..items.end * from, y);
                    }
                    y
                };
                let what = format!("{:?}, {sizes:?}", isa.level());
                let found = run(&|rows, own, y| max_pool(isa, &sizes, rows, &x[own], y));
                same(&what, &found, &fold(f32::NEG_INFINITY, Binary::Max));
                let found = run(&|rows, own, y| sum_pool(isa, &sizes, rows, &x[own], y));
                same(&what, &found, &fold(0.0, Binary::Add));
                let found = run(&|rows, own, y| {
                    max_pool_gather(isa, &sizes, rows, &x[own.clone()], &values[own], y);
                });
                same(&what, &found, &picked);
                let mut dx = vec![9.0; len];
                max_pool_scatter(isa, &sizes, sizes.batch, &x, &dy, &mut dx);
                same(&what, &dx, &to_max);
                sum_pool_scatter(isa, &sizes, sizes.batch, &dy, &mut dx);
                same(&what, &dx, &to_all);
            }
        }
    }

    #[test]
    fn random_numbers_have_their_maxima_found() {
        // 3 x 3 windows, 2 apart, over distinct numbers: each derivative arrives somewhere.
        let axis = WindowAxis { input: 9, output: 4, taps: 3, stride: 2, dilation: 1, low: 0 };
        let window = Window { axes: [WindowAxis::UNIT, axis, axis] };
        let sizes = PoolSizes { batch: 1, window, channels: 5 };
        let mut words = vec![0; 9 * 9 * 5];
        Philox::new(6).fill(0, 0, &mut words);
        let x: Vec<f32> = words.into_iter().map(philox::unit_f32).collect();
        let mut dx = vec![0.0; x.len()];
        max_pool_scatter(Isa::detect(), &sizes, 1, &x, &[1.0; 80], &mut dx);
        assert_eq!(dx.iter().sum::<f32>(), 80.0);
    }
}
