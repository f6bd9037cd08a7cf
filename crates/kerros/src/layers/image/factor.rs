use kerros_core::Result;
use kerros_graph::Node;
use serde_json::{Value, json};

use super::for_pixels;
use crate::layers::noise::uniform;
use crate::layers::options::out_of_range;
use crate::object::ConfigReader;

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
    pub(super) fn bounds(self, least: f64) -> (f64, f64) {
        match self {
            Factor::Around(factor) => (least.max(-factor.abs()), factor.abs()),
            Factor::Between(lower, upper) => (lower.min(upper), lower.max(upper)),
        }
    }

    /// Checks that the numbers lie between `least` and 1.
    ///
    /// # Errors
    /// A number outside, by the setting's name.
    pub(super) fn check(self, what: &str, least: f64) -> Result<()> {
        self.check_within(what, least, 1.0)
    }

    /// Checks that the numbers lie between `least` and `most`.
    ///
    /// # Errors
    /// As [`Factor::check`].
    pub(super) fn check_within(self, what: &str, least: f64, most: f64) -> Result<()> {
        let (lower, upper) = match self {
            Factor::Around(factor) => (factor, factor),
            Factor::Between(lower, upper) => (lower, upper),
        };
        match [lower, upper].iter().find(|bound| !(least..=most).contains(*bound)) {
            None => Ok(()),
            Some(&bound) => {
                let expected = format!("a number, or two, from {least} to {most}");
                Err(out_of_range(&format!("`{what}`"), bound, &expected))
            }
        }
    }

    /// A number between the bounds for each image.
    pub(super) fn draw<'g>(self, least: f64, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let (lower, upper) = self.bounds(least);
        let batch = images.shape()[0];
        uniform(key, [batch]) * (upper - lower) as f32 + lower as f32
    }

    /// Whether something happens to an image, for each image: with a probability drawn between
    /// the bounds.
    pub(super) fn happens<'g>(self, images: Node<'g>, key: Node<'g>) -> Node<'g> {
        let probability = self.draw(0.0, images, key);
        for_pixels(uniform(key, probability.shape()).less(probability))
    }

    /// As it was given.
    pub(super) fn value(self) -> Value {
        match self {
            Factor::Around(factor) => json!(factor),
            Factor::Between(lower, upper) => json!([lower, upper]),
        }
    }

    /// Both bounds.
    pub(super) fn bounds_value(self, least: f64) -> Value {
        let (lower, upper) = self.bounds(least);
        json!([lower, upper])
    }

    /// Reads a number or two, if given.
    pub(super) fn read(reader: &mut ConfigReader<'_>, name: &str) -> Option<Self> {
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
pub(super) fn required_factor(reader: &mut ConfigReader<'_>, name: &str) -> Factor {
    Factor::read(reader, name).unwrap_or_else(|| {
        reader.refuse(format!("`{name}` is missing, expected a number or two"));
        Factor::Around(0.0)
    })
}
