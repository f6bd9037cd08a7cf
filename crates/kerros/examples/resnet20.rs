//! ResNet-20 on handwritten digits: 19 convolutions and a dense layer, with a way around every
//! two of them, so that depth does not stop learning.
//!
//! He et al.: "Deep residual learning for image recognition", arXiv:1512.03385; here with 8, 16
//! and 32 channels in place of 16, 32 and 64, for images of 8 x 8.
//!
//! `cargo run --release -p kerros --example resnet20`

use kerros::prelude::*;

fn main() -> Result<()> {
    set_random_seed(1);
    let data = datasets::digits()?;
    let input = Input::new([64]).name("pixels").tensor();
    let image = Reshape::new([8, 8, 1]).on(&input);
    let mut x = ReLU::new().on(&convolved(&image, 8, 1));
    for (filters, first_stride) in [(8, 1), (16, 2), (32, 2)] {
        for block in 0..3 {
            x = residual(&x, filters, if block == 0 { first_stride } else { 1 });
        }
    }
    let pooled = GlobalAveragePooling2D::new().on(&x);
    let classes = Dense::new(10).activation("softmax").name("classes").on(&pooled);
    let mut model = Model::functional([&input], [&classes])?.name_model("resnet20");
    model.compile(Adam::new(2e-3), "sparse_categorical_crossentropy", ["accuracy"])?;
    let convolutions = model.layers().iter().filter(|e| e.layer.class_name() == "Conv2D").count();
    println!("{convolutions} convolutions, {} weights", model.weights()?.len());

    model.fit(&data.train, Fit::epochs(8).batch_size(32).validation(&data.test))?;
    let accuracy = model.evaluate(&data.test)?.get("accuracy").unwrap_or_default();
    println!("accuracy on digits it has never seen: {accuracy:.3}");
    assert!(accuracy > 0.93, "eight epochs are enough");
    Ok(())
}

/// A convolution whose results have mean 0 and variance 1.
fn convolved(x: &KerasTensor, filters: usize, stride: usize) -> KerasTensor {
    let conv = Conv2D::new(filters, 3)
        .strides(stride)
        .padding("same")
        .use_bias(false)
        .kernel_initializer("he_normal");
    BatchNormalization::new().on(&conv.on(x))
}

/// `relu(x + f(x))`; where `f` halves the image, `x` goes through a convolution of one pixel.
fn residual(x: &KerasTensor, filters: usize, stride: usize) -> KerasTensor {
    let inner = ReLU::new().on(&convolved(x, filters, stride));
    let inner = convolved(&inner, filters, 1);
    let around = match stride {
        1 => x.clone(),
        _ => Conv2D::new(filters, 1).strides(stride).use_bias(false).on(x),
    };
    ReLU::new().on(&Add::new().on([&inner, &around]))
}
