//! A convolutional network reads handwritten digits: convolution, pooling, twice, then a dense
//! layer.
//!
//! `cargo run --release -p kerros --example convnet`

use kerros::prelude::*;

fn main() -> Result<()> {
    let data = datasets::digits()?;
    let mut model = Sequential::new()
        .name("convnet")
        .input([64])
        .add(Reshape::new([8, 8, 1]))
        .add(Conv2D::new(16, 3).padding("same").activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(32, 3).padding("same").activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Flatten::new())
        .add(Dropout::new(0.3))
        .add(Dense::new(10).activation("softmax"))
        .seed(1);
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    print!("{}", model.summary());
    model.fit(&data.train, Fit::epochs(12).batch_size(32).validation(&data.test))?;

    let accuracy = model.evaluate(&data.test)?.get("accuracy").unwrap_or_default();
    println!("accuracy on digits it has never seen: {accuracy:.3}");
    assert!(accuracy > 0.95, "a convolutional network reads 19 of 20 digits");
    Ok(())
}
