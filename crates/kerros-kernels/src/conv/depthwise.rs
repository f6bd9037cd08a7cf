//! Convolution of each channel for itself: channels side by side in registers.
//!
//! The result's channels and the kernel's rows are as long as each other: where a channel
//! gives several, the source is copied with each channel repeated; where several give one (the
//! input gradient), the source is copied dealt out, so that the channels that meet one row of
//! the kernel lie side by side.

use kerros_core::law::{Lanes, contraction_chunk};

use super::contract::{Contract, Rows, cut_chunks, out_start, tap_segments};
use super::kernel_gradient::{KernelGradient, Located, Reading};
use super::region::{self, Channels};
use crate::Isa;
use crate::gemm::cuts::Cuts;
use crate::gemm::tile::Segment;
use crate::lanes::{Kernel, dispatch};
use crate::reduce::row::{load, store};

/// Positions that are computed side by side.
const POSITIONS: usize = 4;
/// Registers of channels side by side.
const VECTORS: usize = 2;
/// Taps whose derivatives are computed side by side.
const TAPS: usize = 6;

/// Runs a pass in which each group has one channel on one side.
pub(super) fn contract(isa: Isa, job: Contract<'_>) {
    dispatch(isa, job);
}

impl Kernel for Contract<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Contract { pass, source, kernel, bias, relu, out, scratch } = self;
        let channels = match (pass.width, pass.columns) {
            (1, 1) => Channels::Same,
            (1, times) => Channels::Repeated(times),
            (hands, _) => Channels::Dealt(hands),
        };
        let in_channels = channels.count(pass.groups * pass.width);
        let out_channels = pass.groups * pass.columns;
        let copied = channels != Channels::Same || pass.is_padded();
        let super::ConvScratch { region, segments, .. } = scratch;
        let kernel = &kernel[pass.first_tap * pass.width * out_channels..];
        for block in region::blocks(pass, in_channels) {
            let region = if copied {
                let copy = region.take(region::copy_len(pass, &block, in_channels));
                region::copied(pass, &block, source, channels, copy)
            } else {
                region::in_place(pass, &block, source)
            };
            tap_segments(pass, region.strides, 1, false, segments);
            if pass.width > 1 {
                let taps = std::mem::take(segments);
                let hands = |tap: Segment| {
                    (0..pass.width).map(move |hand| Segment {
                        offset: tap.offset + hand * pass.groups,
                        len: 1,
                    })
                };
                segments.extend(taps.into_iter().flat_map(hands));
            }
            let chunks = cut_chunks(segments);
            let out = &mut out[out_start(pass, &block)..];
            let rows = Rows::new(pass, &block, region.strides, POSITIONS);
            for (at, chunk) in chunks.iter().enumerate() {
                let line = LineJob {
                    taps: &segments[chunk.segments.clone()],
                    kernel: kernel.get(chunk.first_row * out_channels..).unwrap_or(&[]),
                    channels: out_channels,
                    step: rows.rows.source,
                    out_step: rows.rows.out,
                    add_out: at > 0,
                    bias: bias.filter(|_| at + 1 == chunks.len()),
                    relu: relu && at + 1 == chunks.len(),
                };
                for index in 0..rows.num_lines() {
                    let (from, to) = rows.line(index);
                    let source = region.numbers.get(from..).unwrap_or(&[]);
                    line.run::<V>(rows.rows.count, source, &mut out[to..]);
                }
            }
        }
    }
}

/// A line of positions with all that does not change from line to line.
struct LineJob<'a> {
    /// Where each tap lies.
    taps: &'a [Segment],
    /// One row of channels for each tap.
    kernel: &'a [f32],
    channels: usize,
    /// From one position to the next.
    step: usize,
    out_step: usize,
    add_out: bool,
    bias: Option<&'a [f32]>,
    relu: bool,
}

impl LineJob<'_> {
    #[inline(always)]
    fn run<V: Lanes>(&self, count: usize, source: &[f32], out: &mut [f32]) {
        let mut channel = 0;
        while channel < self.channels {
            let left = self.channels - channel;
            if left >= VECTORS * V::WIDTH {
                self.positions::<V, VECTORS>(count, channel, V::WIDTH, source, out);
                channel += VECTORS * V::WIDTH;
            } else {
                let lanes = left.min(V::WIDTH);
                self.positions::<V, 1>(count, channel, lanes, source, out);
                channel += lanes;
            }
        }
    }

    /// All positions for `B` registers of channels; `lanes` channels in each.
    #[inline(always)]
    fn positions<V: Lanes, const B: usize>(
        &self,
        count: usize,
        channel: usize,
        lanes: usize,
        source: &[f32],
        out: &mut [f32],
    ) {
        let mut position = 0;
        while position + POSITIONS <= count {
            self.sums::<V, B, POSITIONS>(position, channel, lanes, source, out);
            position += POSITIONS;
        }
        while position < count {
            self.sums::<V, B, 1>(position, channel, lanes, source, out);
            position += 1;
        }
    }

    #[inline(always)]
    fn sums<V: Lanes, const B: usize, const P: usize>(
        &self,
        position: usize,
        channel: usize,
        lanes: usize,
        source: &[f32],
        out: &mut [f32],
    ) {
        let start = position * self.step + channel;
        let mut sums = [[V::splat(0.0); B]; P];
        for (row, tap) in self.taps.iter().enumerate() {
            let kernel = &self.kernel[row * self.channels + channel..];
            let source = &source[start + tap.offset..];
            for b in 0..B {
                let k = load::<V>(&kernel[b * V::WIDTH..], lanes);
                for (p, sums) in sums.iter_mut().enumerate() {
                    let x = load::<V>(&source[p * self.step + b * V::WIDTH..], lanes);
                    sums[b] = x.fma(k, sums[b]);
                }
            }
        }
        for (p, sums) in sums.into_iter().enumerate() {
            let out = &mut out[(position + p) * self.out_step + channel..];
            for (b, sum) in sums.into_iter().enumerate() {
                let out = &mut out[b * V::WIDTH..];
                let mut y = sum;
                if self.add_out {
                    y = load::<V>(out, lanes).add(y);
                }
                if let Some(bias) = self.bias {
                    y = y.add(load::<V>(&bias[channel + b * V::WIDTH..], lanes));
                }
                if self.relu {
                    y = V::select(y.le(V::splat(0.0)), V::splat(0.0), y);
                }
                store(y, out, lanes);
            }
        }
    }
}

/// The derivative with respect to the kernel, for some taps.
pub(super) fn kernel_gradient(isa: Isa, job: KernelGradient<'_>) {
    dispatch(isa, job);
}

impl Kernel for KernelGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let KernelGradient { sizes, rows, x, dy, dkernel, scratch } = self;
        let channels = sizes.out_channels();
        let total = sizes.batch * sizes.window.num_outputs();
        if total == 0 || channels == 0 {
            dkernel.fill(0.0);
            return;
        }
        let super::ConvScratch { region, segments, .. } = scratch;
        let reading = Reading::new(&sizes.window, sizes.outputs);
        let [_, h, w] = sizes.window.axes.map(|axis| axis.taps);
        let chunk_len = contraction_chunk(total);
        for start in (0..total).step_by(chunk_len) {
            let chunk = start..total.min(start + chunk_len);
            let dy = &dy[start * channels..chunk.end * channels];
            let x = reading.locate(sizes, chunk, x, region, segments);
            let places: Vec<usize> = rows
                .clone()
                .map(|tap| {
                    let [slice, line, column] = [tap / (h * w), tap / w % h, tap % w];
                    slice * x.tap_steps[0] + line * x.tap_steps[1] + column * x.tap_steps[2]
                })
                .collect();
            let job = TapsJob { x, segments, dy, channels, add_out: start > 0 };
            let cuts = Cuts::new(rows.len(), TAPS);
            for part in (0..cuts.num()).map(|part| cuts.range(part)) {
                let out = &mut dkernel[part.start * channels..part.end * channels];
                job.run::<V>(&places[part], out);
            }
        }
    }
}

/// Some taps over a chunk of positions.
struct TapsJob<'a> {
    x: Located<'a>,
    segments: &'a [Segment],
    dy: &'a [f32],
    channels: usize,
    add_out: bool,
}

impl TapsJob<'_> {
    #[inline(always)]
    fn run<V: Lanes>(&self, places: &[usize], out: &mut [f32]) {
        for channel in (0..self.channels).step_by(V::WIDTH) {
            let lanes = V::WIDTH.min(self.channels - channel);
            match places.len() {
                1 => self.sums::<V, 1>(channel, lanes, places, out),
                2 => self.sums::<V, 2>(channel, lanes, places, out),
                3 => self.sums::<V, 3>(channel, lanes, places, out),
                4 => self.sums::<V, 4>(channel, lanes, places, out),
                5 => self.sums::<V, 5>(channel, lanes, places, out),
                _ => self.sums::<V, TAPS>(channel, lanes, places, out),
            }
        }
    }

    #[inline(always)]
    fn sums<V: Lanes, const T: usize>(
        &self,
        channel: usize,
        lanes: usize,
        places: &[usize],
        out: &mut [f32],
    ) {
        let step = self.x.position_step;
        let mut sums = [V::splat(0.0); T];
        let mut dy = &self.dy[channel..];
        for segment in self.segments {
            for position in 0..segment.len {
                let from = segment.offset + position * step + channel;
                let d = load::<V>(dy, lanes);
                for (sum, place) in sums.iter_mut().zip(places) {
                    *sum = load::<V>(&self.x.numbers[from + place..], lanes).fma(d, *sum);
                }
                dy = dy.get(self.channels..).unwrap_or(&[]);
            }
        }
        for (t, sum) in sums.into_iter().enumerate() {
            let out = &mut out[t * self.channels + channel..];
            let y = if self.add_out { load::<V>(out, lanes).add(sum) } else { sum };
            store(y, out, lanes);
        }
    }
}
