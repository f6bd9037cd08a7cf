use crate::layers::{DataFormat, Edges, Options};

/// `y[i] = x[low + i]`: a sequence without its first and last steps.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, steps, channels] -> [batch, steps - low - high, channels]`
///
/// # Parameters
/// - `cropping`: how many steps of each end, or a pair of numbers. Keras's default: 1.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([4, 1]).add(Cropping1D::new((1, 2)));
/// let x = Tensor::new([1, 4, 1], [1.0f32, 2.0, 3.0, 4.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [2.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cropping1D {
    options: Options,
    cropping: Edges<1>,
    data_format: DataFormat,
}

super::edges_layer!(
    Cropping1D,
    1,
    cropping,
    super::crop,
    false,
    1,
    "a sequence without its first and last steps"
);

impl Cropping1D {
    /// Takes these numbers of entries away.
    #[track_caller]
    pub fn new(cropping: impl Into<Edges<1>>) -> Self {
        Cropping1D {
            options: Options::here(),
            cropping: cropping.into(),
            data_format: DataFormat::default(),
        }
    }
}
