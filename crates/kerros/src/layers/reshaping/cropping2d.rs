use crate::layers::{DataFormat, Edges, Options};

/// `y[i, j] = x[top + i, left + j]`: an image without its margins.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, height, width, channels]`, the spatial axes shorter by what is cropped; with channels first
/// `[batch, channels, height, width]`
///
/// # Parameters
/// - `cropping`: how many entries, the same everywhere, per axis, or for each end of each axis
///   (a pair). Keras's default: 0.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let mut model = Sequential::new().input([2, 3, 1]).add(Cropping2D::new([(0, 1), (1, 0)]));
/// let x = Tensor::new([1, 2, 3, 1], [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [2.0, 3.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cropping2D {
    options: Options,
    cropping: Edges<2>,
    data_format: DataFormat,
}

super::edges_layer!(Cropping2D, 2, cropping, super::crop, true, 0, "an image without its margins");

impl Cropping2D {
    /// Takes these numbers of entries away.
    #[track_caller]
    pub fn new(cropping: impl Into<Edges<2>>) -> Self {
        Cropping2D {
            options: Options::here(),
            cropping: cropping.into(),
            data_format: DataFormat::default(),
        }
    }

    /// Sets where the channels are.
    pub fn data_format(mut self, data_format: impl Into<DataFormat>) -> Self {
        self.data_format = data_format.into();
        self
    }
}
