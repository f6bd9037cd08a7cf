//! Changes among which layers choose at random.

use kerros_core::{DType, Result};
use kerros_graph::Node;

use super::{Factor, ValueRange};
use crate::layers::noise::uniform;
use crate::layers::{
    AutoContrast, DataFormat, Equalization, Interpolation, RandomBrightness,
    RandomColorDegeneration, RandomContrast, RandomPosterization, RandomRotation, RandomSharpness,
    RandomShear, RandomTranslation, Solarization,
};
use crate::object::ConfigReader;

/// The lower bound of a strength.
pub(super) const LEAST: f64 = 0.0;

/// How many changes one after the other, or side by side, a layer may make: each is made in all
/// ways that there are, of which one is taken.
pub(super) const MAX_CHANGES: usize = 64;

/// What changes are drawn, how strong, and of what range of values.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) factor: Factor,
    pub(super) value_range: ValueRange,
    pub(super) interpolation: Interpolation,
    /// Whether there are those that change brightness, colour, contrast and sharpness.
    pub(super) has_all: bool,
}

impl Policy {
    /// All changes, up to this strength.
    pub(super) fn new(factor: f64) -> Self {
        Policy {
            factor: Factor::Around(factor),
            value_range: ValueRange::default(),
            interpolation: Interpolation::Bilinear,
            has_all: true,
        }
    }

    /// Reads all settings but `has_all`; what a config leaves out stays.
    pub(super) fn read(&mut self, reader: &mut ConfigReader<'_>) {
        self.value_range = ValueRange::read(reader);
        if let Some(factor) = Factor::read(reader, "factor") {
            self.factor = factor;
        }
        if let Some(interpolation) = Interpolation::read(reader) {
            self.interpolation = interpolation;
        }
    }

    /// Checks the strength and how places between pixels are read.
    ///
    /// # Errors
    /// A number that is none from 0 to 1; an interpolation that is not there.
    pub(super) fn check(&self) -> Result<()> {
        self.factor.check("factor", LEAST)?;
        self.shear().check_settings()
    }

    fn shear(&self) -> RandomShear {
        let factor = self.factor();
        let layer = RandomShear::new().x_factor(factor).y_factor(factor);
        layer.interpolation(self.interpolation.clone())
    }

    /// The strength with its lower bound.
    fn factor(&self) -> Factor {
        let (lower, upper) = self.factor.bounds(LEAST);
        Factor::Between(lower, upper)
    }

    /// The images in all ways in which they may be changed.
    fn changed<'g>(
        &self,
        images: Node<'g>,
        key: Node<'g>,
        data_format: &DataFormat,
    ) -> Vec<Node<'g>> {
        let (factor, ValueRange(low, high)) = (self.factor(), self.value_range);
        let format = || data_format.clone();
        let (_, upper) = factor.bounds(LEAST);
        let bits = (8.0 * upper).floor().max(1.0);
        let translation = RandomTranslation::new(factor, factor);
        let translation = translation.interpolation(self.interpolation.clone());
        let rotation = RandomRotation::new(factor).interpolation(self.interpolation.clone());
        let posterization = RandomPosterization::new(bits).value_range(low, high);
        let solarization = Solarization::new().addition_factor(factor).threshold_factor(factor);
        let contrast = AutoContrast::new().value_range(low, high);
        let equalization = Equalization::new().value_range(low, high);
        let mut all = vec![
            self.shear().data_format(format()).change(images, key),
            translation.data_format(format()).change(images, key),
            rotation.data_format(format()).change(images, key),
            posterization.data_format(format()).change(images, key),
            solarization.value_range(low, high).data_format(format()).change(images, key),
            contrast.data_format(format()).stretched(images),
            equalization.data_format(format()).equalized(images),
        ];
        if self.has_all {
            let brightness = RandomBrightness::new(factor).value_range(low, high);
            let color = RandomColorDegeneration::new(factor).value_range(low, high);
            let contrast = RandomContrast::new(factor).value_range(low, high);
            let sharpness = RandomSharpness::new(factor).value_range(low, high);
            all.extend([
                brightness.data_format(format()).change(images, key),
                color.data_format(format()).change(images, key),
                contrast.data_format(format()).change(images, key),
                sharpness.data_format(format()).change(images, key),
            ]);
        }
        all
    }

    /// The images, all changed in one way that is drawn for the batch; or not at all, as one way
    /// more, if that may be.
    pub(super) fn one_change<'g>(
        &self,
        images: Node<'g>,
        key: Node<'g>,
        data_format: &DataFormat,
        may_stay: bool,
    ) -> Node<'g> {
        let ways = self.changed(images, key, data_format);
        let count = ways.len() + usize::from(may_stay);
        let drawn = (uniform(key, [1]) * count as f32).cast(DType::I32).reshape([1, 1, 1, 1]);
        ways.into_iter().enumerate().fold(images, |kept, (at, changed)| {
            let is_drawn = drawn.equal(images.graph().constant_i32(at as i32));
            is_drawn.select(changed, kept)
        })
    }
}

/// The builder methods of what a layer keeps in its `policy`.
macro_rules! policy_methods {
    () => {
        /// Sets the least and the greatest value of a pixel. Default: `(0, 255)`.
        pub fn value_range(mut self, least: f64, greatest: f64) -> Self {
            self.policy.value_range = super::ValueRange(least, greatest);
            self
        }

        /// Sets the bounds of how strong changes are.
        pub fn factor(mut self, factor: impl Into<super::Factor>) -> Self {
            self.policy.factor = factor.into();
            self
        }

        /// Sets how places between pixels are read: `bilinear` or `nearest`.
        pub fn interpolation(
            mut self,
            interpolation: impl Into<$crate::layers::Interpolation>,
        ) -> Self {
            self.policy.interpolation = interpolation.into();
            self
        }
    };
}
pub(super) use policy_methods;
