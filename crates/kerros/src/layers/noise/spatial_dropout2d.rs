use super::spatial_dropout::spatial_dropout;

spatial_dropout! {
    /// While training, sets a share `rate` of the channels of each row to 0 and multiplies the others by
    /// `1 / (1 - rate)`; else the identity.
    ///
    /// Neighbours in images are alike, so that dropping single elements takes little away: use it in
    /// place of `Dropout` there.
    ///
    /// # Shape
    /// `x: [batch, height, width, channels]`; with channels first
    /// `[batch, channels, height, width]`
    ///
    /// # Parameters
    /// - `rate`: the share of the channels that is dropped, `0 <= rate <= 1`.
    /// - `seed`: random numbers of this layer's own; default: those of the model.
    /// - `data_format`: where the channels are. Default: last.
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// let mut model = Sequential::new().input([2, 2, 1]).add(SpatialDropout2D::new(0.5));
    /// let x = Tensor::full([1, 2, 2, 1], 3.0f32);
    /// assert_eq!(model.predict(&x)?.as_slice::<f32>()?, [3.0; 4]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    ///
    /// # Source
    /// Tompson et al.: "Efficient object localization using convolutional networks", arXiv:1411.4280.
    SpatialDropout2D, 2, "drops random channels of images while training"
}
