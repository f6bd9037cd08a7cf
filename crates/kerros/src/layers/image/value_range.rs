use kerros_graph::Node;
use serde_json::{Value, json};

use super::Factor;
use crate::object::ConfigReader;

/// The least and the greatest value of a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ValueRange(pub f64, pub f64);

impl ValueRange {
    pub(super) fn clip<'g>(self, images: Node<'g>) -> Node<'g> {
        images.clip(self.0.min(self.1) as f32, self.0.max(self.1) as f32)
    }

    /// With the lesser number first.
    pub(super) fn sorted(self) -> Self {
        ValueRange(self.0.min(self.1), self.0.max(self.1))
    }

    /// The images with this range of values moved to another.
    pub(super) fn rescale<'g>(self, images: Node<'g>, to: ValueRange) -> Node<'g> {
        if self == to {
            return images;
        }
        let share = (images - self.0 as f32) / (self.1 - self.0) as f32;
        share * (to.1 - to.0) as f32 + to.0 as f32
    }

    pub(super) fn value(self) -> Value {
        json!([self.0, self.1])
    }

    pub(super) fn read(reader: &mut ConfigReader<'_>) -> Self {
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

/// The builder method of the range of values; `sorted` where Keras keeps the lesser number
/// first.
macro_rules! value_range_method {
    ($($sorted:ident)?) => {
        /// Sets the least and the greatest value of a pixel. Default: `(0, 255)`.
        pub fn value_range(mut self, least: f64, greatest: f64) -> Self {
            self.value_range = super::ValueRange(least, greatest)$(.$sorted())?;
            self
        }
    };
}
pub(super) use value_range_method;
