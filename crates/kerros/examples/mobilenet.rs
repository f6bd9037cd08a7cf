//! A network in MobileNet's manner reads handwritten digits: each convolution is one of every
//! channel for itself and one of every pixel for itself, an eighth of the weights.
//!
//! Howard et al.: "MobileNets", arXiv:1704.04861.
//!
//! `cargo run --release -p kerros --example mobilenet`

use kerros::prelude::*;

/// The share of the moving statistics that stays from step to step: a few hundred steps are too
/// few for Keras's 0.99.
const MOMENTUM: f64 = 0.9;

fn main() -> Result<()> {
    let data = datasets::digits()?;
    let mut model = Sequential::new()
        .name("mobilenet")
        .input([64])
        .add(Reshape::new([8, 8, 1]))
        .add(Conv2D::new(16, 3).padding("same").use_bias(false))
        .add(BatchNormalization::new().momentum(MOMENTUM))
        .add(ReLU::new().max_value(6.0))
        .seed(1);
    for (filters, stride) in [(32, 1), (64, 2), (64, 1), (128, 2)] {
        model = block(model, filters, stride);
    }
    let mut model = model
        .add(GlobalAveragePooling2D::new())
        .add(Dropout::new(0.1))
        .add(Dense::new(10).activation("softmax"));
    model.compile(Adam::new(2e-3), "sparse_categorical_crossentropy", ["accuracy"])?;
    model.fit(&data.train, Fit::epochs(10).batch_size(32).validation(&data.test))?;

    let accuracy = model.evaluate(&data.test)?.get("accuracy").unwrap_or_default();
    println!("accuracy on digits it has never seen: {accuracy:.3}");
    assert!(accuracy > 0.93, "ten epochs are enough");
    Ok(())
}

/// A depthwise convolution, then one of each pixel.
fn block(model: Sequential, filters: usize, stride: usize) -> Sequential {
    model
        .add(DepthwiseConv2D::new(3).strides(stride).padding("same").use_bias(false))
        .add(BatchNormalization::new().momentum(MOMENTUM))
        .add(ReLU::new().max_value(6.0))
        .add(Conv2D::new(filters, 1).use_bias(false))
        .add(BatchNormalization::new().momentum(MOMENTUM))
        .add(ReLU::new().max_value(6.0))
}
