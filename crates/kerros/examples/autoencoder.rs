//! An autoencoder: 64 pixels become 8 numbers, and the 8 numbers the pixels again. What goes
//! through such a bottleneck is what digits have in common.
//!
//! `cargo run --release -p kerros --example autoencoder`

use kerros::prelude::*;

fn main() -> Result<()> {
    let data = datasets::digits()?;
    let encoder = Sequential::new()
        .name("encoder")
        .input([64])
        .add(Reshape::new([8, 8, 1]))
        .add(Conv2D::new(16, 3).strides(2).padding("same").activation("relu"))
        .add(Conv2D::new(32, 3).strides(2).padding("same").activation("relu"))
        .add(Flatten::new())
        .add(Dense::new(8).name("code"));
    let decoder = Sequential::new()
        .name("decoder")
        .input([8])
        .add(Dense::new(128).activation("relu"))
        .add(Reshape::new([2, 2, 32]))
        .add(Conv2DTranspose::new(16, 3).strides(2).padding("same").activation("relu"))
        .add(Conv2DTranspose::new(1, 3).strides(2).padding("same").activation("sigmoid"))
        .add(Flatten::new());
    let mut model =
        Sequential::new().name("autoencoder").input([64]).add(encoder).add(decoder).seed(1);
    model.compile(Adam::new(2e-3), "mse", ())?;
    let history = model.fit((&data.train.x, &data.train.x), Fit::epochs(20).batch_size(32))?;

    let back = model.predict(&data.test.x)?;
    let error = model.evaluate((&data.test.x, &data.test.x))?.get("loss").unwrap_or_default();
    let (before, after) = (data.test.x.as_slice::<f32>()?, back.as_slice::<f32>()?);
    for row in 0..8 {
        let line = |pixels: &[f32], digit: usize| -> String {
            let shades: Vec<char> = " .:-=+*#%@".chars().collect();
            let pixels = &pixels[digit * 64 + row * 8..][..8];
            pixels.iter().map(|&p| shades[((p * 9.0).round() as usize).min(9)]).collect()
        };
        let lines = (0..4).map(|d| format!("{} {}", line(before, d), line(after, d)));
        println!("{}", lines.collect::<Vec<_>>().join("  |  "));
    }
    println!("mean squared error on digits it has never seen: {error:.4}");
    assert!(history.last("loss").is_some_and(|loss| loss < 0.03) && error < 0.03);
    Ok(())
}
