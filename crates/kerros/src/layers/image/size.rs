use kerros_core::{Error, ErrorKind, Result};
use kerros_graph::Node;

use super::axes;
use crate::layers::DataFormat;
use crate::layers::reshaping::crop;
use crate::object::ConfigReader;

/// Longer images are taken for a mistake.
const MAX_LENGTH: usize = 1 << 16;

/// The height and the width that images are to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub height: usize,
    pub width: usize,
}

impl Size {
    /// The size of a config; one that is not there is refused.
    pub fn read(reader: &mut ConfigReader<'_>) -> Self {
        let mut length = |name: &str| {
            reader.maybe_usize(name).unwrap_or_else(|| {
                reader.refuse(format!("`{name}` is missing, expected a number of pixels"));
                1
            })
        };
        Size { height: length("height"), width: length("width") }
    }

    /// # Errors
    /// A length that no image has.
    pub fn check(self) -> Result<()> {
        match [self.height, self.width].iter().all(|length| (1..=MAX_LENGTH).contains(length)) {
            true => Ok(()),
            false => {
                let size = format!("images of {} x {} pixels", self.height, self.width);
                let expected = format!("1 to {MAX_LENGTH} each way");
                Err(Error::new(ErrorKind::Argument, size).expected(expected))
            }
        }
    }

    /// The middle of the images, cut to the aspect ratio of this size.
    ///
    /// # Errors
    /// An image without pixels.
    pub fn crop_to_aspect<'g>(self, images: Node<'g>, format: &DataFormat) -> Result<Node<'g>> {
        let shape = images.shape();
        let [height, width] = axes(format).map(|axis| shape[axis]);
        let cut = |len: usize, wanted: usize| {
            let left = len - wanted.min(len).max(1);
            (left / 2, left - left / 2)
        };
        let edges = [
            cut(height, width.saturating_mul(self.height) / self.width),
            cut(width, height.saturating_mul(self.width) / self.height),
        ];
        crop(images, &edges, format.first_spatial())
    }

    /// The images with borders of `fill`, so that they have the aspect ratio of this size: above
    /// and below, or else at the sides.
    pub fn pad_to_aspect<'g>(self, images: Node<'g>, format: &DataFormat, fill: f32) -> Node<'g> {
        let shape = images.shape();
        let axes = axes(format);
        let [height, width] = axes.map(|axis| shape[axis]);
        let border = |len: usize, wanted: usize| wanted.max(len).saturating_sub(len) / 2;
        let borders = [
            border(height, width.saturating_mul(self.height) / self.width),
            border(width, height.saturating_mul(self.width) / self.height),
        ];
        let wanted = axes.into_iter().zip(borders).find(|&(_, border)| border > 0);
        let Some((axis, border)) = wanted else { return images };
        let mut dims = shape.to_vec();
        dims[axis] = border;
        let border = images.graph().full(dims, fill).cast(images.dtype());
        Node::concat(&[border, images, border], axis)
    }
}
