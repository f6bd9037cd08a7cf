//! Layers that prepare images, and those that change them at random while training.

use kerros_core::Result;
use kerros_graph::Node;
use serde_json::{Value, json};

use super::options::out_of_range;
use super::{Call, DataFormat};
use crate::object::ConfigReader;

pub(super) mod affine;
pub(super) mod center_crop;
pub(super) mod random_brightness;
pub(super) mod random_contrast;
pub(super) mod random_flip;
pub(super) mod random_rotation;
pub(super) mod random_translation;
pub(super) mod random_zoom;
pub(super) mod resizing;
mod size;

/// The bounds between which a number is drawn for each image; a single number `f` stands for
/// `-f` to `f`.
///
/// ```
/// use kerros::layers::Factor;
/// assert_ne!(Factor::from(0.5), Factor::from((0.0, 0.5)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Factor {
    /// As far to either side.
    Around(f64),
    /// From the lower to the upper.
    Between(f64, f64),
}

impl From<f64> for Factor {
    fn from(factor: f64) -> Self {
        Factor::Around(factor)
    }
}

impl From<(f64, f64)> for Factor {
    fn from((lower, upper): (f64, f64)) -> Self {
        Factor::Between(lower, upper)
    }
}

impl Factor {
    /// The bounds, none below `least`.
    fn bounds(self, least: f64) -> (f64, f64) {
        match self {
            Factor::Around(factor) => (least.max(-factor.abs()), factor.abs()),
            Factor::Between(lower, upper) => (lower.min(upper), lower.max(upper)),
        }
    }

    /// Checks that the numbers lie between `least` and 1.
    ///
    /// # Errors
    /// A number outside, by the setting's name.
    fn check(self, what: &str, least: f64) -> Result<()> {
        let (lower, upper) = match self {
            Factor::Around(factor) => (factor, factor),
            Factor::Between(lower, upper) => (lower, upper),
        };
        match [lower, upper].iter().find(|bound| !(least..=1.0).contains(*bound)) {
            None => Ok(()),
            Some(&bound) => {
                let expected = format!("a number, or two, from {least} to 1");
                Err(out_of_range(&format!("`{what}`"), bound, &expected))
            }
        }
    }

    /// A number between the bounds for each image.
    fn draw<'g>(self, least: f64, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let (lower, upper) = self.bounds(least);
        let batch = images.shape()[0];
        super::noise::uniform(key, [batch]) * (upper - lower) as f32 + lower as f32
    }

    /// As it was given.
    fn value(self) -> Value {
        match self {
            Factor::Around(factor) => json!(factor),
            Factor::Between(lower, upper) => json!([lower, upper]),
        }
    }

    /// Both bounds.
    fn bounds_value(self, least: f64) -> Value {
        let (lower, upper) = self.bounds(least);
        json!([lower, upper])
    }

    /// Reads a number or two, if given.
    fn read(reader: &mut ConfigReader<'_>, name: &str) -> Option<Self> {
        let value = reader.value(name)?;
        let factor = match value.as_array().map(Vec::as_slice) {
            None => value.as_f64().map(Factor::Around),
            Some([lower, upper]) => {
                lower.as_f64().zip(upper.as_f64()).map(|(low, high)| Factor::Between(low, high))
            }
            Some(_) => None,
        };
        if factor.is_none() {
            reader.refuse(format!("`{name}` is {value}, expected a number or two"));
        }
        factor
    }
}

/// Reads a factor that must be there.
fn required_factor(reader: &mut ConfigReader<'_>, name: &str) -> Factor {
    Factor::read(reader, name).unwrap_or_else(|| {
        reader.refuse(format!("`{name}` is missing, expected a number or two"));
        Factor::Around(0.0)
    })
}

/// The least and the greatest value of a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ValueRange(f64, f64);

impl ValueRange {
    fn clip<'g>(self, images: Node<'g>) -> Node<'g> {
        images.clip(self.0.min(self.1) as f32, self.0.max(self.1) as f32)
    }

    fn value(self) -> Value {
        json!([self.0, self.1])
    }

    fn read(reader: &mut ConfigReader<'_>) -> Self {
        match Factor::read(reader, "value_range") {
            Some(Factor::Between(least, greatest)) => ValueRange(least, greatest),
            Some(Factor::Around(_)) => {
                reader.refuse("`value_range` is one number, expected two");
                ValueRange::default()
            }
            None => ValueRange::default(),
        }
    }
}

impl Default for ValueRange {
    fn default() -> Self {
        ValueRange(0.0, 255.0)
    }
}

/// One number for each image as numbers for all of its pixels.
fn for_pixels(numbers: Node<'_>) -> Node<'_> {
    let batch = numbers.shape()[0];
    numbers.reshape([batch, 1, 1, 1])
}

/// The random key of a training step, or none when images stay as they are.
fn key<'g>(call: &Call<'_, 'g>, seed: Option<u64>) -> Result<Option<Node<'g>>> {
    super::noise::key(call, seed)
}

/// The axes of height and width.
fn axes(data_format: &DataFormat) -> [usize; 2] {
    let first = data_format.first_spatial();
    [first, first + 1]
}

/// What the layers share that change each image at random while training. Each says how in
/// `change`, checks its settings in `check_settings`, and reads them in `read`.
macro_rules! random_layer {
    ($Layer:ident, $summary:literal) => {
        $crate::layers::options::layer_methods!($Layer);

        impl $Layer {
            /// Gives the layer random numbers of its own.
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
                Ok(Vec::new())
            }

            fn call<'g>(
                &self,
                inputs: &[kerros_graph::Node<'g>],
                call: &$crate::layers::Call<'_, 'g>,
            ) -> kerros_core::Result<Vec<kerros_graph::Node<'g>>> {
                Ok(vec![match super::key(call, self.seed)? {
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
