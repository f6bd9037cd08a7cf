use crate::layers::{DataFormat, Edges, Options};

/// `y[front + i, top + j, left + k] = x[i, j, k]`, 0 elsewhere: a volume with a margin of zeros.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, depth, height, width, channels]`, the spatial axes longer by what is added; with channels
/// first `[batch, channels, depth, height, width]`
///
/// # Parameters
/// - `padding`: how many zeros, the same everywhere, per axis, or for each end of each axis (a
///   pair). Keras's default: 1.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let pad = ZeroPadding3D::new([(0, 1), (0, 0), (1, 0)]);
/// let mut model = Sequential::new().input([1, 1, 1, 1]).add(pad);
/// let x = Tensor::new([1, 1, 1, 1, 1], [5.0f32])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [0.0, 5.0, 0.0, 0.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ZeroPadding3D {
    options: Options,
    padding: Edges<3>,
    data_format: DataFormat,
}

super::edges_layer!(
    ZeroPadding3D,
    3,
    padding,
    super::pad,
    true,
    1,
    "a volume with a margin of zeros"
);

impl ZeroPadding3D {
    /// Adds these numbers of zeros.
    #[track_caller]
    pub fn new(padding: impl Into<Edges<3>>) -> Self {
        ZeroPadding3D {
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
