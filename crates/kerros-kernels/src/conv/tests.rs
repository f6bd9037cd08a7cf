//! Every instruction set and every way of sharing out against the law, bit for bit.

use kerros_core::law::dot_chain;
use kerros_core::law::window::{ConvSizes, Window, WindowAxis};
use kerros_core::program::Binary;
use kerros_core::{ErrorKind, Philox, philox};

use super::*;

/// Seeded numbers below bounds.
struct Draw(u32);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 += 1;
        Philox::new(7).below(self.0, 0, 0, bound as u64) as usize
    }

    /// Numbers in `[-1, 1)`.
    fn numbers(&mut self, len: usize) -> Vec<f32> {
        self.0 += 1;
        let mut words = vec![0; len];
        Philox::new(8).fill(self.0, 0, &mut words);
        words.into_iter().map(|word| 2.0 * philox::unit_f32(word) - 1.0).collect()
    }

    fn axis(&mut self, longest: usize) -> WindowAxis {
        let (stride, dilation) = (1 + self.below(3), 1 + self.below(2));
        let (input, taps) = (1 + self.below(longest), 1 + self.below(4));
        let reach = (taps - 1) * dilation;
        let low = self.below(reach + 2) as isize - self.below(2) as isize;
        let high = self.below(reach + 2) as isize - self.below(2) as isize;
        let room = input as isize + low + high - reach as isize - 1;
        let output = if room < 0 { 1 } else { room as usize / stride + 1 };
        WindowAxis { input, output, taps, stride, dilation, low }
    }

    fn sizes(&mut self) -> ConvSizes {
        let mut axes = [WindowAxis::UNIT; 3];
        let count = 1 + self.below(3);
        for axis in &mut axes[3 - count..] {
            *axis = self.axis([20, 9, 5][count - 1]);
        }
        let groups = if self.below(2) == 0 { 1 } else { 1 + self.below(9) };
        let (inputs, outputs) = match self.below(3) {
            0 => (1, 1 + self.below(3)),
            _ => (1 + self.below(9), 1 + self.below(40 / groups)),
        };
        ConvSizes { batch: 1 + self.below(4), window: Window { axes }, groups, inputs, outputs }
    }
}

/// A convolution with numbers for all its sides.
struct Case {
    sizes: ConvSizes,
    x: Vec<f32>,
    kernel: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

impl Case {
    fn new(sizes: ConvSizes, draw: &mut Draw) -> Self {
        let ConvSizes { batch, window, inputs, .. } = sizes;
        let (from, to) = (sizes.in_channels(), sizes.out_channels());
        Case {
            sizes,
            x: draw.numbers(batch * window.num_inputs() * from),
            kernel: draw.numbers(window.num_taps() * inputs * to),
            bias: draw.numbers(to),
            dy: draw.numbers(batch * window.num_outputs() * to),
        }
    }

    fn conv(&self) -> Vec<f32> {
        let ConvSizes { batch, window, inputs, outputs, .. } = self.sizes;
        let (from, to) = (self.sizes.in_channels(), self.sizes.out_channels());
        let mut y = Vec::new();
        for item in 0..batch {
            let x = &self.x[item * window.num_inputs() * from..];
            for output in 0..window.num_outputs() {
                let met: Vec<_> =
                    (0..window.num_taps()).map(|tap| window.input_at(output, tap)).collect();
                for channel in 0..to {
                    let first = channel / outputs * inputs;
                    let x = |p: usize| {
                        met[p / inputs].map_or(0.0, |at| x[at * from + first + p % inputs])
                    };
                    y.push(dot_chain(met.len() * inputs, x, |p| self.kernel[p * to + channel]));
                }
            }
        }
        y
    }

    fn input_gradient(&self) -> Vec<f32> {
        let ConvSizes { batch, window, inputs, outputs, .. } = self.sizes;
        let (from, to) = (self.sizes.in_channels(), self.sizes.out_channels());
        let mut dx = Vec::new();
        for item in 0..batch {
            let dy = &self.dy[item * window.num_outputs() * to..];
            for input in 0..window.num_inputs() {
                let reaching = window.reaching(input);
                for channel in 0..from {
                    let first = channel / inputs * outputs;
                    dx.push(dot_chain(
                        reaching.len() * outputs,
                        |p| {
                            let at = reaching[p / outputs].1;
                            at.map_or(0.0, |at| dy[at * to + first + p % outputs])
                        },
                        |p| {
                            let row = reaching[p / outputs].0 * inputs + channel % inputs;
                            self.kernel[row * to + first + p % outputs]
                        },
                    ));
                }
            }
        }
        dx
    }

    fn kernel_gradient(&self) -> Vec<f32> {
        let ConvSizes { batch, window, inputs, outputs, .. } = self.sizes;
        let (from, to) = (self.sizes.in_channels(), self.sizes.out_channels());
        let (num_inputs, num_outputs) = (window.num_inputs(), window.num_outputs());
        let mut dkernel = Vec::new();
        for tap in 0..window.num_taps() {
            let met: Vec<_> = (0..num_outputs).map(|o| window.input_at(o, tap)).collect();
            for within in 0..inputs {
                for channel in 0..to {
                    let place = channel / outputs * inputs + within;
                    let x = |p: usize| {
                        let item = p / num_outputs * num_inputs;
                        met[p % num_outputs].map_or(0.0, |at| self.x[(item + at) * from + place])
                    };
                    dkernel.push(dot_chain(batch * num_outputs, x, |p| self.dy[p * to + channel]));
                }
            }
        }
        dkernel
    }

    /// Checks all functions in this many shares.
    fn check(&self, isa: Isa, shares: usize, scratch: &mut ConvScratch) {
        let sizes = &self.sizes;
        let what = format!("{:?} in {shares} shares, {sizes:?}", isa.level());
        let share = |len: usize, at: usize| len * at / shares..len * (at + 1) / shares;
        // The items of some rows, and where the rows lie in the result.
        let own = |rows: &Range<usize>, source: usize, result: usize, count: usize| {
            let items = if sizes.batch == 1 {
                0..source
            } else {
                let each = source / sizes.batch;
                rows.start * each..rows.end * each
            };
            let each = result / count.max(1);
            (items, rows.start * each..rows.end * each)
        };
        let window = &sizes.window;

        let sums = self.conv();
        for (bias, relu) in [(false, false), (true, false), (true, true)] {
            let finish = |(at, &sum): (usize, &f32)| {
                let y = if bias { sum + self.bias[at % self.bias.len()] } else { sum };
                if relu { Binary::Max.apply(y, 0.0) } else { y }
            };
            let want: Vec<f32> = sums.iter().enumerate().map(finish).collect();
            let mut y = vec![f32::NAN; want.len()];
            let count = num_rows(sizes.batch, window.axes.map(|axis| axis.output));
            for at in 0..shares {
                let rows = share(count, at);
                let (from, to) = own(&rows, self.x.len(), y.len(), count);
                let bias = bias.then_some(&self.bias[..]);
                let activation = if relu { Activation::Relu } else { Activation::Identity };
                let (x, y) = (&self.x[from], &mut y[to]);
                conv(isa, sizes, rows, x, &self.kernel, bias, activation, y, scratch).unwrap();
            }
            same(&format!("conv on {what}"), &y, &want);
        }

        let want = self.input_gradient();
        let per_tap = sizes.inputs * sizes.out_channels();
        let mut packed = vec![f32::NAN; self.kernel.len()];
        for at in 0..shares {
            let taps = share(window.num_taps(), at);
            let packed = &mut packed[taps.start * per_tap..taps.end * per_tap];
            pack_kernel(isa, sizes, taps, &self.kernel, packed).unwrap();
        }
        let mut dx = vec![f32::NAN; want.len()];
        let count = num_rows(sizes.batch, window.axes.map(|axis| axis.input));
        for at in 0..shares {
            let rows = share(count, at);
            let (from, to) = own(&rows, self.dy.len(), dx.len(), count);
            let (dy, dx) = (&self.dy[from], &mut dx[to]);
            conv_input_gradient(isa, sizes, rows, dy, &packed, dx, scratch).unwrap();
        }
        same(&format!("input gradient on {what}"), &dx, &want);

        let want = self.kernel_gradient();
        let mut dkernel = vec![f32::NAN; want.len()];
        let count = window.num_taps() * sizes.inputs;
        for at in 0..shares {
            let rows = share(count, at);
            let to = sizes.out_channels();
            let part = &mut dkernel[rows.start * to..rows.end * to];
            conv_kernel_gradient(isa, sizes, rows, &self.x, &self.dy, part, scratch).unwrap();
        }
        same(&format!("kernel gradient on {what}"), &dkernel, &want);
    }
}

fn same(what: &str, got: &[f32], want: &[f32]) {
    let differs = |(got, want): (&f32, &f32)| got.to_bits() != want.to_bits();
    if let Some(at) = got.iter().zip(want).position(differs) {
        panic!("{what}: element {at} is {}, not {}", got[at], want[at]);
    }
}

#[test]
fn any_geometry() {
    let mut draw = Draw(0);
    let mut scratch = ConvScratch::new();
    for _ in 0..250 {
        let sizes = draw.sizes();
        let case = Case::new(sizes, &mut draw);
        let shares = 1 + draw.below(3);
        for isa in Isa::available() {
            case.check(isa, shares, &mut scratch);
        }
    }
}

/// One axis with `same` padding for an odd number of taps.
fn same_axis(input: usize, taps: usize, stride: usize) -> WindowAxis {
    let output = input.div_ceil(stride);
    let low = ((output - 1) * stride + taps).saturating_sub(input) as isize / 2;
    WindowAxis { input, output, taps, stride, dilation: 1, low }
}

fn image(batch: usize, axis: WindowAxis, channels: [usize; 3]) -> ConvSizes {
    let [groups, inputs, outputs] = channels;
    let window = Window { axes: [WindowAxis::UNIT, axis, axis] };
    ConvSizes { batch, window, groups, inputs, outputs }
}

/// Contractions of several chunks, blocks that do not hold an item, packed panels.
#[test]
fn large_sizes() {
    let mut draw = Draw(1000);
    let mut scratch = ConvScratch::new();
    let long = WindowAxis { input: 3000, output: 2998, taps: 3, stride: 1, dilation: 1, low: 0 };
    let padded = WindowAxis { output: 3000, low: 1, ..long };
    let unit = WindowAxis::UNIT;
    let line = |axis, inputs, outputs| ConvSizes {
        batch: 1,
        window: Window { axes: [unit, unit, axis] },
        groups: 1,
        inputs,
        outputs,
    };
    let many_taps = WindowAxis { input: 40, output: 4, taps: 37, stride: 1, dilation: 1, low: 0 };
    for sizes in [
        image(2, same_axis(6, 3, 1), [1, 150, 20]),
        image(3, same_axis(7, 3, 2), [1, 260, 261]),
        image(1, same_axis(60, 3, 1), [1, 20, 17]),
        image(1, same_axis(33, 5, 2), [24, 1, 1]),
        image(40, same_axis(7, 3, 1), [9, 1, 2]),
        image(1, many_taps, [3, 1, 1]),
        line(long, 3, 5),
        line(padded, 40, 9),
    ] {
        let case = Case::new(sizes, &mut draw);
        for isa in Isa::available() {
            case.check(isa, 2, &mut scratch);
        }
    }
}

#[test]
fn slices_that_do_not_fit_are_refused() {
    let sizes = image(2, same_axis(4, 3, 1), [1, 2, 3]);
    let (x, kernel, dy) = ([0.0; 64], [0.0; 54], [0.0; 96]);
    let isa = Isa::detect();
    let scratch = &mut ConvScratch::new();
    let forward = |rows: Range<usize>, x: &[f32], kernel: &[f32], y: &mut [f32]| {
        let scratch = &mut ConvScratch::new();
        conv(isa, &sizes, rows, x, kernel, None, Activation::Identity, y, scratch)
    };
    forward(0..2, &x, &kernel, &mut [0.0; 96]).unwrap();
    let refused = [
        forward(0..3, &x, &kernel, &mut [0.0; 96]),
        forward(0..2, &x[1..], &kernel, &mut [0.0; 96]),
        forward(0..2, &x, &kernel[1..], &mut [0.0; 96]),
        forward(0..2, &x, &kernel, &mut [0.0; 95]),
        pack_kernel(isa, &sizes, 0..10, &kernel, &mut [0.0; 60]),
        pack_kernel(isa, &sizes, 0..9, &kernel, &mut [0.0; 53]),
        conv_input_gradient(isa, &sizes, 0..2, &dy, &kernel[1..], &mut [0.0; 64], scratch),
        conv_kernel_gradient(isa, &sizes, 0..19, &x, &dy, &mut [0.0; 57], scratch),
        conv_kernel_gradient(isa, &sizes, 0..18, &x, &dy[1..], &mut [0.0; 54], scratch),
    ];
    for refusal in refused {
        assert_eq!(refusal.unwrap_err().kind(), ErrorKind::Shape);
    }
}
