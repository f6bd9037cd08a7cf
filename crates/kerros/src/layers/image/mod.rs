//! Layers that prepare images, and those that change them at random while training.

use kerros_graph::Node;

use self::factor::required_factor;
use self::value_range::{ValueRange, value_range_method};
use super::DataFormat;

pub(super) mod affine;
pub(super) mod aug_mix;
pub(super) mod auto_contrast;
mod blur;
pub(super) mod center_crop;
mod color;
pub(super) mod contrast_limited_equalization;
pub(super) mod cut_mix;
pub(super) mod equalization;
mod factor;
pub(super) mod mix_up;
mod policy;
pub(super) mod rand_augment;
pub(super) mod random_brightness;
pub(super) mod random_color_degeneration;
pub(super) mod random_color_jitter;
pub(super) mod random_contrast;
pub(super) mod random_crop;
pub(super) mod random_elastic_transform;
pub(super) mod random_erasing;
pub(super) mod random_flip;
pub(super) mod random_gaussian_blur;
pub(super) mod random_grayscale;
pub(super) mod random_hue;
pub(super) mod random_invert;
pub(super) mod random_perspective;
pub(super) mod random_posterization;
pub(super) mod random_rotation;
pub(super) mod random_saturation;
pub(super) mod random_sharpness;
pub(super) mod random_shear;
pub(super) mod random_translation;
pub(super) mod random_zoom;
pub(super) mod resizing;
mod size;
pub(super) mod solarization;
mod value_range;

pub use factor::Factor;

/// One number for each image as numbers for all of its pixels.
fn for_pixels(numbers: Node<'_>) -> Node<'_> {
    let batch = numbers.shape()[0];
    numbers.reshape([batch, 1, 1, 1])
}

/// The images of the batch in an order drawn at random.
fn shuffled<'g>(images: Node<'g>, key: Node<'g>) -> Node<'g> {
    let order = super::noise::uniform(key, [images.shape()[0]]).argsort(false);
    images.gather(order, 0)
}

/// The axes of height and width.
fn axes(data_format: &DataFormat) -> [usize; 2] {
    let first = data_format.first_spatial();
    [first, first + 1]
}

/// What the layers share that change each image at random while training. Each says how in
/// `change`, checks its settings in `check_settings`, and reads them in `read`; a function may
/// be named that checks the shape of the images.
macro_rules! random_layer {
    ($Layer:ident, $summary:literal $(, $check_shape:path)?) => {
        $crate::layers::options::layer_methods!($Layer);

        impl $Layer {
            /// Sets the layer's own seed. Default: the model's.
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Some(seed);
                self
            }

            /// Sets where the channels are.
            pub fn data_format(
                mut self,
                data_format: impl Into<$crate::layers::DataFormat>,
            ) -> Self {
                self.data_format = data_format.into();
                self
            }
        }

        impl $crate::layers::Layer for $Layer {
            fn options(&self) -> &$crate::layers::Options {
                &self.options
            }

            fn check(&self) -> kerros_core::Result<()> {
                self.data_format.check()?;
                self.check_settings()
            }

            fn weights(
                &self,
                inputs: &[kerros_core::Shape],
            ) -> kerros_core::Result<Vec<$crate::layers::Weight>> {
                $crate::layers::spatial::expect_spatial::<2>(&inputs[0], &self.data_format)?;
                $($check_shape(&inputs[0], &self.data_format)?;)?
                Ok(Vec::new())
            }

            fn call<'g>(
                &self,
                inputs: &[kerros_graph::Node<'g>],
                call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<kerros_graph::Node<'g>>> {
                Ok(vec![match $crate::layers::noise::key(call, self.seed)? {
                    Some(key) => self.change(inputs[0], key),
                    None => inputs[0],
                }])
            }
        }

        pub(in crate::layers) const ENTRY: $crate::object::Entry<dyn $crate::layers::Layer> =
            $crate::object::Entry {
                class_name: stringify!($Layer),
                names: &[],
                summary: $summary,
                from_config: |reader| {
                    let options = $crate::layers::Options::read(reader)?;
                    let mut layer = $Layer { options, ..$Layer::read(reader) };
                    layer.data_format = $crate::layers::DataFormat::read(reader);
                    layer.seed = $crate::layers::noise::read_seed(reader);
                    $crate::layers::Layer::check(&layer)?;
                    Ok(std::sync::Arc::new(layer))
                },
            };
    };
}
use random_layer;

/// What layers share whose settings are one factor, from `LEAST` on, and the range of values:
/// constructor, builder method, config. `sorted` where Keras keeps the lesser value of the range
/// first.
macro_rules! factor_layer {
    ($Layer:ident, $new:literal $(, $sorted:ident)?) => {
        impl $Layer {
            #[doc = $new]
            #[track_caller]
            pub fn new(factor: impl Into<super::Factor>) -> Self {
                $Layer {
                    options: $crate::layers::Options::here(),
                    factor: factor.into(),
                    value_range: super::ValueRange::default(),
                    seed: None,
                    data_format: $crate::layers::DataFormat::default(),
                }
            }

            super::value_range_method!($($sorted)?);

            fn read(reader: &mut $crate::object::ConfigReader<'_>) -> Self {
                let factor = super::required_factor(reader, "factor");
                let value_range = super::ValueRange::read(reader)$(.$sorted())?;
                $Layer { value_range, ..$Layer::new(factor) }
            }
        }

        impl $crate::object::Described for $Layer {
            fn class_name(&self) -> &'static str {
                stringify!($Layer)
            }

            fn config(&self) -> $crate::object::Config {
                let mut config = self.options.config();
                config.insert("data_format".into(), self.data_format.name().into());
                config.insert("factor".into(), self.factor.bounds_value(LEAST));
                config.insert("value_range".into(), self.value_range.value());
                config.insert("seed".into(), serde_json::json!(self.seed));
                config
            }
        }
    };
}
use factor_layer;
