use crate::layers::{DataFormat, Edges, Options};

/// `y[i, j, k] = x[front + i, top + j, left + k]`: a volume without its margins.
///
/// A mask ends here.
///
/// # Shape
/// `x: [batch, depth, height, width, channels]`, the spatial axes shorter by what is cropped; with channels first
/// `[batch, channels, depth, height, width]`
///
/// # Parameters
/// - `cropping`: how many entries, the same everywhere, per axis, or for each end of each axis
///   (a pair). Keras's default: 1.
/// - `data_format`: where the channels are. Default: last.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// let crop = Cropping3D::new([(1, 0), (0, 1), (0, 1)]);
/// let mut model = Sequential::new().input([2, 2, 2, 1]).add(crop);
/// let x = Tensor::new([1, 2, 2, 2, 1], [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])?;
/// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [5.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cropping3D {
    options: Options,
    cropping: Edges<3>,
    data_format: DataFormat,
}

super::edges_layer!(Cropping3D, 3, cropping, super::crop, true, 1, "a volume without its margins");

impl Cropping3D {
    /// Takes these numbers of entries away.
    #[track_caller]
    pub fn new(cropping: impl Into<Edges<3>>) -> Self {
        Cropping3D {
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
