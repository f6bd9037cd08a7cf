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

/// The lower bound of a strength.
pub(super) const LEAST: f64 = 0.0;

/// How many changes one after the other, or side by side, a layer may make: each is made in all
/// ways that there are, of which one is taken.
pub(super) const MAX_CHANGES: usize = 64;

/// How strong changes are, and of what images.
pub(super) struct Policy<'a> {
    pub(super) factor: Factor,
    pub(super) value_range: ValueRange,
    pub(super) interpolation: &'a Interpolation,
    pub(super) data_format: &'a DataFormat,
    /// Whether there are those that change brightness, colour, contrast and sharpness.
    pub(super) has_all: bool,
}

impl Policy<'_> {
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
        layer.interpolation(self.interpolation.clone()).data_format(self.data_format.clone())
    }

    /// The strength with its lower bound.
    fn factor(&self) -> Factor {
        let (lower, upper) = self.factor.bounds(LEAST);
        Factor::Between(lower, upper)
    }

    /// The images in all ways in which they may be changed.
    fn changed<'g>(&self, images: Node<'g>, key: Node<'g>) -> Vec<Node<'g>> {
        let (factor, ValueRange(low, high)) = (self.factor(), self.value_range);
        let format = || self.data_format.clone();
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
            self.shear().change(images, key),
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
        may_stay: bool,
    ) -> Node<'g> {
        let ways = self.changed(images, key);
        let count = ways.len() + usize::from(may_stay);
        let drawn = (uniform(key, [1]) * count as f32).cast(DType::I32).reshape([1, 1, 1, 1]);
        ways.into_iter().enumerate().fold(images, |kept, (at, changed)| {
            let is_drawn = drawn.equal(images.graph().constant_i32(at as i32));
            is_drawn.select(changed, kept)
        })
    }
}
