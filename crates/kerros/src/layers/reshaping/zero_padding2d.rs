use crate::layers::{DataFormat, Edges, Options};

/// `y[top + i, left + j] = x[i, j]`, 0 elsewhere: an image with a margin of zeros.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, height, width, channels]`, the spatial axes longer by what is added; with channels
/// first `[batch, channels, height, width]`
///
/// # Parameters
/// - `padding`: how many zeros, the same everywhere, per axis, or for each end of each axis (a
///   pair). Keras's default: 1.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let pad = ZeroPadding2D::new([(0, 1), (1, 0)]);
/// let mut model = Sequential::new().input([1, 2, 1]).add(pad);
/// let x = Tensor::new([1, 1, 2, 1], [1.0f32, 2.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.0, 1.0, 2.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ZeroPadding2D {
    options: Options,
    padding: Edges<2>,
    data_format: DataFormat,
}

super::edges_layer!(
    ZeroPadding2D,
    2,
    padding,
    super::pad,
    true,
    1,
    "an image with a margin of zeros"
);

impl ZeroPadding2D {
    /// Adds these numbers of zeros.
    #[track_caller]
    pub fn new(padding: impl Into<Edges<2>>) -> Self {
        ZeroPadding2D {
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
