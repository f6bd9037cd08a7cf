//! A U-Net finds shapes: bright discs and squares in noise, pixel by pixel. Images of any size
//! divisible by 4 go through; the way down sees more and more, and hands what it saw to the way
//! up.
//!
//! Ronneberger, Fischer, Brox: "U-Net", arXiv:1505.04597.
//!
//! `cargo run --release -p kerros --example unet`

use kerros::prelude::*;
use kerros_core::{Philox, philox::unit_f32};

const SIZE: usize = 16;

fn main() -> Result<()> {
    let (train, test) = (shapes(400, 1)?, shapes(100, 2)?);
    let input = Input::new([None, None, Some(1)]).name("image").tensor();
    let fine = twice(&input, 8);
    let middle = twice(&MaxPooling2D::new(2).on(&fine), 16);
    let coarse = twice(&MaxPooling2D::new(2).on(&middle), 32);
    let up = twice(&Concatenate::new().on([&larger(&coarse, 16), &middle]), 16);
    let up = twice(&Concatenate::new().on([&larger(&up, 8), &fine]), 8);
    let mask = Conv2D::new(1, 1).activation("sigmoid").name("mask").on(&up);
    let mut model = Model::functional([&input], [&mask])?.name_model("unet");
    model.compile(Adam::new(3e-3), "binary_crossentropy", ["binary_accuracy"])?;
    model.fit((&train.0, &train.1), Fit::epochs(6).batch_size(16))?;

    let found = model.predict(&test.0)?;
    let (found, wanted) = (found.as_slice::<f32>()?, test.1.as_slice::<f32>()?);
    let pairs = || found.iter().zip(wanted).map(|(&f, &w)| (f > 0.5, w > 0.5));
    let both = pairs().filter(|&(f, w)| f && w).count() as f64;
    let either = pairs().filter(|&(f, w)| f || w).count() as f64;
    println!("intersection over union on new images: {:.3}", both / either);
    for row in 0..SIZE {
        let line = |values: &[f32], limit: f32| -> String {
            let row = &values[row * SIZE..][..SIZE];
            row.iter().map(|&v| if v > limit { '#' } else { '.' }).collect()
        };
        let image = test.0.as_slice::<f32>()?;
        println!("{}   {}   {}", line(image, 0.7), line(found, 0.5), line(wanted, 0.5));
    }
    assert!(both / either > 0.8, "most of each shape is found");
    Ok(())
}

/// Two convolutions that keep the size.
fn twice(x: &KerasTensor, filters: usize) -> KerasTensor {
    let conv = || Conv2D::new(filters, 3).padding("same").activation("relu");
    conv().on(&conv().on(x))
}

/// Twice as high and wide.
fn larger(x: &KerasTensor, filters: usize) -> KerasTensor {
    Conv2DTranspose::new(filters, 2).strides(2).on(x)
}

/// Noisy images with a disc or a square each, and where it is.
fn shapes(count: usize, seed: u64) -> Result<(Tensor, Tensor)> {
    let philox = Philox::new(seed);
    let (mut images, mut masks) = (Vec::new(), Vec::new());
    for image in 0..count {
        let draw = |at: usize| unit_f32(philox.word(0, image as u64, at as u64));
        let (x, y, radius) = (4.0 + 8.0 * draw(0), 4.0 + 8.0 * draw(1), 2.0 + 2.0 * draw(2));
        for pixel in 0..SIZE * SIZE {
            let dx = ((pixel % SIZE) as f32 - x).abs();
            let dy = ((pixel / SIZE) as f32 - y).abs();
            let is_disc = draw(3) < 0.5;
            let inside = if is_disc { dx.hypot(dy) <= radius } else { dx.max(dy) <= radius };
            let inside = f32::from(u8::from(inside));
            images.push(0.5 * inside + 0.8 * draw(4 + pixel));
            masks.push(inside);
        }
    }
    let shape = [count, SIZE, SIZE, 1];
    Ok((Tensor::new(shape, images)?, Tensor::new(shape, masks)?))
}
