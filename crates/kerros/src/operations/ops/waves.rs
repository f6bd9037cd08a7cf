//! Fourier's transforms. Complex numbers are two tensors, the real parts and the imaginary ones.

use serde_json::{Value, json};

use super::{Operand, apply};
use crate::model::{Argument, KerasTensor};

/// Real and imaginary parts as one argument.
fn complex([real, imaginary]: [&KerasTensor; 2]) -> Argument<KerasTensor> {
    super::listed([real, imaginary])
}

macro_rules! of_complex {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(x: [&KerasTensor; 2]) -> (KerasTensor, KerasTensor) {
            let made = apply("ops.math", $Class, &[], [complex(x)]);
            (made.output(0), made.output(1))
        }
    )*};
}

of_complex! {
    /// How much of each frequency is in the last axis: `sum(x_t e^(-2 pi i k t / n))` for each `k`,
    /// as real and imaginary parts.
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// use kerros::ops;
    /// let [re, im] = [(); 2].map(|()| Input::new([2]).tensor());
    /// let (sums, _) = ops::fft([&re, &im]);
    /// let mut model = Model::functional([&re, &im], [&sums])?;
    /// let re = Tensor::new([1, 2], [5.0f32, 3.0])?;
    /// let y = model.predict(vec![re, Tensor::full([1, 2], 0.0f32)])?;
    /// assert_eq!(y.as_slice::<f32>()?, [8.0, 2.0]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    fft = "FFT";
    /// [`fft`] along the last axis and the one before it.
    fft2 = "FFT2";
    /// The inverse of [`fft2`].
    ifft2 = "IFFT2";
}

fn length(fft_length: Option<usize>) -> [(&'static str, Value); 1] {
    [("fft_length", json!(fft_length))]
}

/// [`fft`] of real numbers, of which the first `fft_length / 2 + 1` frequencies are enough; the
/// last axis is cut or continued by zeros to `fft_length`, `None` for as long as it is.
#[track_caller]
pub fn rfft(x: &KerasTensor, fft_length: impl Into<Option<usize>>) -> (KerasTensor, KerasTensor) {
    let made = apply("ops.math", "RFFT", &length(fft_length.into()), [x.into_operand()]);
    (made.output(0), made.output(1))
}

/// The inverse of [`rfft`], of length `fft_length`; `None` for twice the frequencies less 2.
#[track_caller]
pub fn irfft(x: [&KerasTensor; 2], fft_length: impl Into<Option<usize>>) -> KerasTensor {
    apply("ops.math", "IRFFT", &length(fft_length.into()), [complex(x)])
}

fn windows(
    sequence_length: usize,
    sequence_stride: usize,
    fft_length: usize,
) -> [(&'static str, Value); 3] {
    [
        ("sequence_length", json!(sequence_length)),
        ("sequence_stride", json!(sequence_stride)),
        ("fft_length", json!(fft_length)),
    ]
}

/// [`rfft`] of parts of the last axis of length `sequence_length`, each `sequence_stride` after the
/// one before and faded at its ends (by Hann's window); centred at their beginnings.
///
/// # Shape
/// `[.., samples] -> [.., parts, fft_length / 2 + 1]`, real and imaginary.
#[track_caller]
pub fn stft(
    x: &KerasTensor,
    sequence_length: usize,
    sequence_stride: usize,
    fft_length: usize,
) -> (KerasTensor, KerasTensor) {
    let settings = windows(sequence_length, sequence_stride, fft_length);
    let made = apply("ops.math", "STFT", &settings, [x.into_operand()]);
    (made.output(0), made.output(1))
}

/// The inverse of [`stft`].
#[track_caller]
pub fn istft(
    x: [&KerasTensor; 2],
    sequence_length: usize,
    sequence_stride: usize,
    fft_length: usize,
) -> KerasTensor {
    let settings = windows(sequence_length, sequence_stride, fft_length);
    apply("ops.math", "ISTFT", &settings, [complex(x)])
}
