//! Layers that have a second name in Keras.

use super::{
    AveragePooling1D, AveragePooling2D, AveragePooling3D, Conv1D, Conv1DTranspose, Conv2D,
    Conv2DTranspose, Conv3D, Conv3DTranspose, GlobalAveragePooling1D, GlobalAveragePooling2D,
    GlobalAveragePooling3D, GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D,
    MaxPooling1D, MaxPooling2D, MaxPooling3D, SeparableConv1D, SeparableConv2D,
};

/// Keras's second name for [`AveragePooling1D`].
pub type AvgPool1D = AveragePooling1D;
/// Keras's second name for [`AveragePooling2D`].
pub type AvgPool2D = AveragePooling2D;
/// Keras's second name for [`AveragePooling3D`].
pub type AvgPool3D = AveragePooling3D;
/// Keras's second name for [`Conv1D`].
pub type Convolution1D = Conv1D;
/// Keras's second name for [`Conv1DTranspose`].
pub type Convolution1DTranspose = Conv1DTranspose;
/// Keras's second name for [`Conv2D`].
pub type Convolution2D = Conv2D;
/// Keras's second name for [`Conv2DTranspose`].
pub type Convolution2DTranspose = Conv2DTranspose;
/// Keras's second name for [`Conv3D`].
pub type Convolution3D = Conv3D;
/// Keras's second name for [`Conv3DTranspose`].
pub type Convolution3DTranspose = Conv3DTranspose;
/// Keras's second name for [`GlobalAveragePooling1D`].
pub type GlobalAvgPool1D = GlobalAveragePooling1D;
/// Keras's second name for [`GlobalAveragePooling2D`].
pub type GlobalAvgPool2D = GlobalAveragePooling2D;
/// Keras's second name for [`GlobalAveragePooling3D`].
pub type GlobalAvgPool3D = GlobalAveragePooling3D;
/// Keras's second name for [`GlobalMaxPooling1D`].
pub type GlobalMaxPool1D = GlobalMaxPooling1D;
/// Keras's second name for [`GlobalMaxPooling2D`].
pub type GlobalMaxPool2D = GlobalMaxPooling2D;
/// Keras's second name for [`GlobalMaxPooling3D`].
pub type GlobalMaxPool3D = GlobalMaxPooling3D;
/// Keras's second name for [`MaxPooling1D`].
pub type MaxPool1D = MaxPooling1D;
/// Keras's second name for [`MaxPooling2D`].
pub type MaxPool2D = MaxPooling2D;
/// Keras's second name for [`MaxPooling3D`].
pub type MaxPool3D = MaxPooling3D;
/// Keras's second name for [`SeparableConv1D`].
pub type SeparableConvolution1D = SeparableConv1D;
/// Keras's second name for [`SeparableConv2D`].
pub type SeparableConvolution2D = SeparableConv2D;
