//! Convolution and pooling as sums over all meetings of an output position, a tap and an
//! input position.

use kerros_graph::ops::{ConvSpec, PoolSpec};

use super::Grid;

/// All places of some axes.
fn places(lens: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for &len in lens {
        let longer = |place: &Vec<usize>| {
            (0..len).map(|next| [&place[..], &[next]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// Output position, tap and input position: one number per axis each.
type Meeting = (Vec<usize>, Vec<usize>, Vec<usize>);

/// All meetings, by output positions and then taps.
fn meetings(spec: &ConvSpec, input: &[usize], taps: &[usize], output: &[usize]) -> Vec<Meeting> {
    let mut all = Vec::new();
    for o in places(output) {
        for t in places(taps) {
            for i in places(input) {
                let meet = (0..i.len()).all(|axis| {
                    let from_low = i[axis] as isize + spec.padding[axis].0;
                    (o[axis] * spec.strides[axis] + t[axis] * spec.dilation[axis]) as isize
                        == from_low
                });
                if meet {
                    all.push((o.clone(), t.clone(), i));
                }
            }
        }
    }
    all
}

fn add(to: &mut Grid, index: &[usize], value: f64) {
    let flat = index.iter().zip(&to.shape).fold(0, |flat, (place, len)| flat * len + place);
    to.values[flat] += value;
}

fn zeros(shape: &[usize]) -> Grid {
    Grid { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] }
}

fn at(item: usize, place: &[usize], channel: usize) -> Vec<usize> {
    [&[item], place, &[channel]].concat()
}

/// Calls with the indices into x, kernel and y of every product of the trilinear form.
fn products(
    spec: &ConvSpec,
    [x, kernel, y]: [&[usize]; 3],
    mut call: impl FnMut(&[usize], &[usize], &[usize]),
) {
    let n = spec.strides.len();
    let (inputs, outputs) = (kernel[n], y[n + 1] / spec.groups);
    for (o, t, i) in meetings(spec, &x[1..=n], &kernel[..n], &y[1..=n]) {
        for item in 0..x[0] {
            for group in 0..spec.groups {
                for from in 0..inputs {
                    for to in group * outputs..(group + 1) * outputs {
                        let tap = [&t[..], &[from, to]].concat();
                        call(&at(item, &i, group * inputs + from), &tap, &at(item, &o, to));
                    }
                }
            }
        }
    }
}

pub fn conv(spec: &ConvSpec, x: &Grid, kernel: &Grid, shape: &[usize]) -> Grid {
    let mut y = zeros(shape);
    products(spec, [&x.shape, &kernel.shape, shape], |i, t, o| {
        add(&mut y, o, x.at(i) * kernel.at(t));
    });
    y
}

pub fn conv_input_gradient(spec: &ConvSpec, dy: &Grid, kernel: &Grid, shape: &[usize]) -> Grid {
    let mut dx = zeros(shape);
    products(spec, [shape, &kernel.shape, &dy.shape], |i, t, o| {
        add(&mut dx, i, dy.at(o) * kernel.at(t));
    });
    dx
}

pub fn conv_kernel_gradient(spec: &ConvSpec, x: &Grid, dy: &Grid, shape: &[usize]) -> Grid {
    let mut dkernel = zeros(shape);
    products(spec, [&x.shape, shape, &dy.shape], |i, t, o| {
        add(&mut dkernel, t, x.at(i) * dy.at(o));
    });
    dkernel
}

/// What the windows of `x` meet: for each element of the result its index and the indices
/// into `x`, by taps.
fn windows(spec: &PoolSpec, x: &[usize], y: &[usize]) -> Vec<(Vec<usize>, Vec<Vec<usize>>)> {
    let n = spec.size.len();
    let slides = ConvSpec::new(n).strides(&spec.strides[..]).padding(&spec.padding[..]);
    let met = meetings(&slides, &x[1..=n], &spec.size, &y[1..=n]);
    let mut all = Vec::new();
    for index in places(y) {
        let (item, channel) = (index[0], index[n + 1]);
        let own = met.iter().filter(|(o, ..)| o[..] == index[1..=n]);
        let elements = own.map(|(_, _, i)| at(item, i, channel)).collect();
        all.push((index, elements));
    }
    all
}

pub fn max_pool(spec: &PoolSpec, x: &Grid, shape: &[usize]) -> Grid {
    let mut windows = windows(spec, &x.shape, shape).into_iter();
    Grid::build(shape, |_| {
        let (_, elements) = windows.next().expect("one window per element");
        elements.iter().map(|i| x.at(i)).fold(f64::NEG_INFINITY, f64::max)
    })
}

pub fn sum_pool(spec: &PoolSpec, x: &Grid, shape: &[usize]) -> Grid {
    let mut windows = windows(spec, &x.shape, shape).into_iter();
    Grid::build(shape, |_| {
        let (_, elements) = windows.next().expect("one window per element");
        elements.iter().map(|i| x.at(i)).sum()
    })
}

/// The index of a window's first largest element.
fn first_largest<'a>(x: &Grid, elements: &'a [Vec<usize>]) -> &'a Vec<usize> {
    let largest = elements.iter().map(|i| x.at(i)).fold(f64::NEG_INFINITY, f64::max);
    elements.iter().find(|i| x.at(i) == largest).expect("the samples' windows meet elements")
}

pub fn max_pool_scatter(spec: &PoolSpec, x: &Grid, dy: &Grid) -> Grid {
    let mut dx = zeros(&x.shape);
    for (o, elements) in windows(spec, &x.shape, &dy.shape) {
        add(&mut dx, first_largest(x, &elements), dy.at(&o));
    }
    dx
}

pub fn max_pool_gather(spec: &PoolSpec, x: &Grid, values: &Grid, shape: &[usize]) -> Grid {
    let mut windows = windows(spec, &x.shape, shape).into_iter();
    Grid::build(shape, |_| {
        let (_, elements) = windows.next().expect("one window per element");
        values.at(first_largest(x, &elements))
    })
}

pub fn sum_pool_scatter(spec: &PoolSpec, dy: &Grid, shape: &[usize]) -> Grid {
    let mut dx = zeros(shape);
    for (o, elements) in windows(spec, shape, &dy.shape) {
        elements.iter().for_each(|i| add(&mut dx, i, dy.at(&o)));
    }
    dx
}
