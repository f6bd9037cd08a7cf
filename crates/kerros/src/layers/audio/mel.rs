//! The mel scale, on which equal steps sound equally far apart.

use kerros_core::{Result, Tensor};

/// `mel = 1127 log(1 + hertz / 700)`
fn mel(hertz: f64) -> f64 {
    1127.0 * (hertz / 700.0).ln_1p()
}

/// How much each frequency counts in each band of hearing: `[bands, mel bins]`.
///
/// A bin is a triangle on the mel scale, from the middle of the bin below to that of the bin
/// above, 1 in its own middle. The frequency 0 counts nowhere.
pub(super) fn matrix(
    bands: usize,
    mel_bins: usize,
    sampling_rate: f64,
    (lowest, highest): (f64, f64),
) -> Result<Tensor> {
    let (first, last) = (mel(lowest), mel(highest));
    let edge = |at: usize| first + (last - first) * at as f64 / (mel_bins + 1) as f64;
    let hertz = |band: usize| sampling_rate / 2.0 * band as f64 / (bands - 1) as f64;
    let mut elements = vec![0.0f32; mel_bins];
    for band in 1..bands {
        let place = mel(hertz(band));
        elements.extend((0..mel_bins).map(|bin| {
            let (low, middle, high) = (edge(bin), edge(bin + 1), edge(bin + 2));
            let rise = (place - low) / (middle - low);
            let fall = (high - place) / (high - middle);
            rise.min(fall).max(0.0) as f32
        }));
    }
    Tensor::new([bands, mel_bins], elements)
}
