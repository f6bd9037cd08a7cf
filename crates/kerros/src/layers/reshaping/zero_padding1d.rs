use crate::layers::{DataFormat, Edges, Options};

/// `y[low + i] = x[i]`, 0 elsewhere: a sequence with zeros at its ends.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, steps, channels]`, the spatial axes longer by what is added; with channels
/// first `[batch, channels, steps]`
///
/// # Parameters
/// - `padding`: how many zeros at each end, or a pair of numbers. Keras's default: 1.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2, 1]).add(ZeroPadding1D::new((1, 2)));
/// let x = Tensor::new([1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.0, 1.0, 2.0, 0.0, 0.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ZeroPadding1D {
    options: Options,
    padding: Edges<1>,
    data_format: DataFormat,
}

super::edges_layer!(
    ZeroPadding1D,
    1,
    padding,
    super::pad,
    true,
    1,
    "a sequence with zeros at its ends"
);

impl ZeroPadding1D {
    /// Adds these numbers of zeros.
    #[track_caller]
    pub fn new(padding: impl Into<Edges<1>>) -> Self {
        ZeroPadding1D {
            options: Options::here(),
            padding: padding.into(),
            data_format: DataFormat::default(),
        }
    }

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }
}
