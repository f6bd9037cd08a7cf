//! Frames of sounds, and their Fourier transform as a convolution.

use std::f64::consts::TAU;

use kerros_core::{Result, Tensor};

/// The kernels that take the windowed transform of a frame, cosines and then sines: `[steps, 1, 2 *
/// bands]` with `fft_length / 2 + 1` bands, for a window of so many steps.
pub(super) fn kernels(window: &[f64], fft_length: usize) -> Result<Tensor> {
    let bands = fft_length / 2 + 1;
    let mut elements = Vec::with_capacity(window.len() * 2 * bands);
    for (step, count) in window.iter().enumerate() {
        // Whole turns are left out first: exact, whatever the step.
        let angle = |band: usize| TAU * (step * band % fft_length) as f64 / fft_length as f64;
        elements.extend((0..bands).map(|band| (count * angle(band).cos()) as f32));
        elements.extend((0..bands).map(|band| (-count * angle(band).sin()) as f32));
    }
    Tensor::new([window.len(), 1, 2 * bands], elements)
}

/// The steps of a sound that is mirrored at its ends, for so many steps more on either side.
pub(super) fn mirrored(steps: usize, beyond: usize) -> Result<Tensor> {
    let period = 2 * steps.saturating_sub(1).max(1);
    let step = |at: usize| {
        let along = (at + beyond * (period - 1)) % period;
        along.min(period - along).min(steps - 1) as i32
    };
    let all: Vec<i32> = (0..steps + 2 * beyond).map(step).collect();
    Tensor::new([all.len()], all)
}
