//! Label smoothing: targets moved towards indifference.

use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

/// `y * (1 - s) + s / 2`: for yes and no.
pub(crate) fn smooth_towards_half(y_true: Node<'_>, smoothing: f64) -> Node<'_> {
    if smoothing == 0.0 {
        return y_true;
    }
    y_true * (1.0 - smoothing) as f32 + (0.5 * smoothing) as f32
}

/// `y * (1 - s) + s / n` with `n` the length of the last axis: most often the classes.
pub(crate) fn smooth_towards_even(y_true: Node<'_>, smoothing: f64) -> Node<'_> {
    if smoothing == 0.0 {
        return y_true;
    }
    let classes = y_true.shape().last() as f32;
    y_true * (1.0 - smoothing) as f32 + smoothing as f32 / classes
}

/// # Errors
/// A smoothing outside `0..=1`.
pub(crate) fn check_smoothing(smoothing: f64) -> Result<()> {
    if (0.0..=1.0).contains(&smoothing) {
        return Ok(());
    }
    let message = format!("`label_smoothing` is {smoothing}");
    Err(Error::new(ErrorKind::Argument, message).expected("a number in 0..=1"))
}
