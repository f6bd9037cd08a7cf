//! `keras.ops.image`: images of `[batch, height, width, channels]`.

use serde_json::json;

use super::{Operand, Sizes, Strides, apply, channels_last, number};
use crate::model::KerasTensor;

macro_rules! of_images {
    ($($(#[$doc:meta])* $function:ident = $Class:literal;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $function(images: &KerasTensor) -> KerasTensor {
            apply("ops.image", $Class, &[], [images.into_operand()])
        }
    )*};
}

of_images! {
    /// How bright each pixel is: 0.2989 red + 0.587 green + 0.114 blue, as one channel.
    rgb_to_grayscale = "RGBToGrayscale";
    /// Hue, saturation and value from 0 to 1 of red, green and blue from 0 to 1.
    rgb_to_hsv = "RGBToHSV";
    /// The inverse of [`rgb_to_hsv`].
    hsv_to_rgb = "HSVToRGB";
    /// How fast each channel changes downwards and to the right, along a last axis of 2.
    sobel_edges = "SobelEdges";
}

/// Images of another height and width, by `interpolation` `"bilinear"`, `"nearest"`, `"bicubic"`,
/// `"lanczos3"` or `"lanczos5"`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([1, 2, 1]).tensor();
/// let mut model = Model::functional([&x], [&ops::image::resize(&x, [1, 4], "nearest")])?;
/// let y = model.predict(Tensor::new([1, 1, 2, 1], [3.0f32, 7.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [3.0, 3.0, 7.0, 7.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn resize(images: &KerasTensor, size: [usize; 2], interpolation: &str) -> KerasTensor {
    let settings = [("size", json!(size)), ("interpolation", json!(interpolation))];
    apply("ops.image", "Resize", &settings, [images.into_operand()])
}

/// So many rows of zeros at the top and the bottom, and columns at the left and the right.
#[track_caller]
pub fn pad_images(
    images: &KerasTensor,
    top_padding: usize,
    left_padding: usize,
    bottom_padding: usize,
    right_padding: usize,
) -> KerasTensor {
    let settings = [
        ("top_padding", json!(top_padding)),
        ("left_padding", json!(left_padding)),
        ("bottom_padding", json!(bottom_padding)),
        ("right_padding", json!(right_padding)),
    ];
    apply("ops.image", "PadImages", &settings, [images.into_operand()])
}

/// Without so many rows at the top and the bottom, and columns at the left and the right.
#[track_caller]
pub fn crop_images(
    images: &KerasTensor,
    top_cropping: usize,
    left_cropping: usize,
    bottom_cropping: usize,
    right_cropping: usize,
) -> KerasTensor {
    let settings = [
        ("top_cropping", json!(top_cropping)),
        ("left_cropping", json!(left_cropping)),
        ("bottom_cropping", json!(bottom_cropping)),
        ("right_cropping", json!(right_cropping)),
    ];
    apply("ops.image", "CropImages", &settings, [images.into_operand()])
}

/// Parts of images as channels: `[batch, rows, columns, height * width * channels]`. With `()` for
/// `strides` they stand side by side; `padding` is `"valid"` or `"same"`.
#[track_caller]
pub fn extract_patches(
    images: &KerasTensor,
    size: impl Into<Sizes>,
    strides: impl Into<Strides>,
    padding: &str,
) -> KerasTensor {
    patches(images, size.into().each(2), strides.into(), padding)
}

/// Patches by a size for each axis, without which Keras takes volumes for images.
#[track_caller]
fn patches(images: &KerasTensor, size: Sizes, strides: Strides, padding: &str) -> KerasTensor {
    let strides = strides.or(&size);
    let settings =
        [("size", size.0), ("strides", strides), ("padding", json!(padding)), channels_last()];
    apply("ops.image", "ExtractPatches", &settings, [images.into_operand()])
}

/// [`extract_patches`] of volumes of `[batch, depth, height, width, channels]`.
#[track_caller]
pub fn extract_patches_3d(
    volumes: &KerasTensor,
    size: impl Into<Sizes>,
    strides: impl Into<Strides>,
    padding: &str,
) -> KerasTensor {
    patches(volumes, size.into().each(3), strides.into(), padding)
}

/// Each pixel as the mean of those around, by a bell of this width in pixels.
#[track_caller]
pub fn gaussian_blur(
    images: &KerasTensor,
    kernel_size: [usize; 2],
    sigma: [f32; 2],
) -> KerasTensor {
    let settings = [("kernel_size", json!(kernel_size)), ("sigma", json!(sigma.map(number)))];
    apply("ops.image", "GaussianBlur", &settings, [images.into_operand()])
}

/// How alike two images are, by their structure: 1 for the same (Wang et al., 2004); `max_val` is
/// the width of the range of values. One number for each image, with windows of 11 pixels.
#[track_caller]
pub fn ssim(image1: &KerasTensor, image2: impl Operand, max_val: f32) -> KerasTensor {
    let settings = [("max_val", number(max_val))];
    apply("ops.image", "SSIM", &settings, [image1.into_operand(), image2.into_operand()])
}

/// Each pixel of the result, in column `x` and row `y`, is that of column `a0 x + a1 y + a2` and row
/// `b0 x + b1 y + b2` of the image; the transform is `[a0, a1, a2, b0, b1, b2, 0, 0]` of each image.
///
/// `interpolation` is `"bilinear"` or `"nearest"`; `fill_mode` says what is outside: `"constant"`
/// for 0, `"nearest"`, `"wrap"`, `"mirror"` or `"reflect"`.
///
/// # Example
/// ```
/// use kerros::prelude::*;
/// use kerros::ops;
/// let x = Input::new([1, 3, 1]).tensor();
/// let next = Tensor::new([1, 8], [1.0f32, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0])?;
/// let y = ops::image::affine_transform(&x, &next, "bilinear", "constant");
/// let mut model = Model::functional([&x], [&y])?;
/// let y = model.predict(Tensor::new([1, 1, 3, 1], [1.0f32, 2.0, 3.0])?)?;
/// assert_eq!(y.as_slice::<f32>()?, [2.0, 3.0, 0.0]);
/// # Ok::<(), kerros::Error>(())
/// ```
#[track_caller]
pub fn affine_transform(
    images: &KerasTensor,
    transform: impl Operand,
    interpolation: &str,
    fill_mode: &str,
) -> KerasTensor {
    let settings = [("interpolation", json!(interpolation)), ("fill_mode", json!(fill_mode))];
    let arguments = [images.into_operand(), transform.into_operand()];
    apply("ops.image", "AffineTransform", &settings, arguments)
}

/// Images in which what stands at the four `start_points` comes to stand at the `end_points`,
/// seen from elsewhere: `[batch, 4, 2]` each, as column and row. What is outside is 0.
#[track_caller]
pub fn perspective_transform(
    images: &KerasTensor,
    start_points: impl Operand,
    end_points: impl Operand,
    interpolation: &str,
) -> KerasTensor {
    let settings = [("interpolation", json!(interpolation))];
    let arguments = [images.into_operand(), start_points.into_operand(), end_points.into_operand()];
    apply("ops.image", "PerspectiveTransform", &settings, arguments)
}

/// The values of an array at places between its elements: `coordinates` has one entry for each
/// axis along its first. `order` 0 takes the nearest element, 1 a share of each neighbour;
/// `fill_mode` as in [`affine_transform`].
#[track_caller]
pub fn map_coordinates(
    inputs: &KerasTensor,
    coordinates: impl Operand,
    order: usize,
    fill_mode: &str,
) -> KerasTensor {
    let settings = [("order", json!(order)), ("fill_mode", json!(fill_mode))];
    let arguments = [inputs.into_operand(), coordinates.into_operand()];
    apply("ops.image", "MapCoordinates", &settings, arguments)
}
