//! Random numbers of a distribution, as fixed sequences of IEEE operations.

use std::f32::consts::TAU;

use kerros_core::law::functions::{cos, log, sin};
use kerros_core::philox::unit_f32;
use kerros_core::{Philox, Result, Shape, Tensor};

use super::Draw;

/// Numbers from `low` up to but not including `high`: `low + (high - low) * u` with 24 random
/// bits in `u`, element `e` from word `e` of the stream.
pub(super) fn uniform(shape: &Shape, draw: Draw, low: f32, high: f32) -> Result<Tensor> {
    let mut words = vec![0; shape.num_elements()];
    draw.philox.fill(draw.stream, 0, &mut words);
    // The largest `u` can round up to `high`.
    let (span, last) = (high - low, if low < high { high.next_down() } else { low });
    let scaled = |&word: &u32| (low + span * unit_f32(word)).clamp(low, last);
    let elements: Vec<f32> = words.iter().map(scaled).collect();
    Tensor::new(shape, elements)
}

/// Numbers around `mean` with standard deviation `stddev`.
pub(super) fn normal(shape: &Shape, draw: Draw, mean: f32, stddev: f32) -> Result<Tensor> {
    let elements: Vec<f32> = standard_normals(shape.num_elements(), draw)
        .into_iter()
        .map(|z| z * stddev + mean)
        .collect();
    Tensor::new(shape, elements)
}

/// As [`normal`], but no farther than two `stddev` from `mean`: what falls outside is drawn
/// again. So the numbers' own standard deviation is 0.8796 of `stddev`.
pub(super) fn truncated_normal(
    shape: &Shape,
    draw: Draw,
    mean: f32,
    stddev: f32,
) -> Result<Tensor> {
    let mut elements = standard_normals(shape.num_elements(), draw);
    for (element, z) in elements.iter_mut().enumerate() {
        // Attempts are told apart by the step of the counter, which starts use for nothing
        // else. The chance to need more than 30 is 10^-40.
        let mut attempt = 0;
        while z.abs() > 2.0 {
            attempt += 1;
            *z = normal_pair(draw, attempt, element as u64 / 2)[element % 2];
        }
        *z = *z * stddev + mean;
    }
    Tensor::new(shape, elements)
}

/// Standard normal numbers: elements `2 i` and `2 i + 1` from words `2 i` and `2 i + 1`.
pub(super) fn standard_normals(len: usize, draw: Draw) -> Vec<f32> {
    let mut words = vec![0; len.next_multiple_of(2)];
    draw.philox.fill(draw.stream, 0, &mut words);
    let mut elements: Vec<f32> =
        words.chunks_exact(2).flat_map(|pair| box_muller([pair[0], pair[1]])).collect();
    elements.truncate(len);
    elements
}

fn normal_pair(Draw { philox, stream }: Draw, step: u64, pair: u64) -> [f32; 2] {
    let word = |element: u64| Philox::word(&philox, stream, step, element);
    box_muller([word(2 * pair), word(2 * pair + 1)])
}

/// Two independent standard normal numbers from two random words: a point on a circle whose
/// radius is `sqrt(-2 log u)`. The farthest possible is 6.76 from 0.
///
/// # Source
/// Box, Muller: "A note on the generation of random normal deviates", 1958.
fn box_muller(words: [u32; 2]) -> [f32; 2] {
    // In (0, 1], all 32 bits: half a step away from 0, whose logarithm is infinite.
    let u = (words[0] as f32 + 0.5) * (1.0 / 4_294_967_296.0);
    let radius = (-2.0 * log(u)).sqrt();
    let angle = TAU * unit_f32(words[1]);
    [radius * cos(angle), radius * sin(angle)]
}
