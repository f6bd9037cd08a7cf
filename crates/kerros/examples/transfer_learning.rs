//! Transfer learning: what a network learned of the digits 0 to 4 helps it to tell 5 to 9
//! apart from ten examples of each. Its layers are frozen, and a layer on top learns.
//!
//! `cargo run --release -p kerros --example transfer_learning`

use kerros::prelude::*;

fn main() -> Result<()> {
    let data = datasets::digits()?;
    let mut first = features().add(Dense::new(5).activation("softmax")).seed(1);
    first.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    let (x, y) = of_classes(&data.train, 0, usize::MAX)?;
    first.fit((&x, &y), Fit::epochs(8).batch_size(32))?;

    let mut base = features().name("base");
    let count = base.get_weights()?.len();
    base.set_weights(&first.get_weights()?[..count])?;
    let mut model = Sequential::new()
        .input([64])
        .add(base.into_model().into_submodel().trainable(false))
        .add(Dense::new(5).activation("softmax"))
        .seed(2);
    model.compile(Adam::new(0.01), "sparse_categorical_crossentropy", ["accuracy"])?;
    print!("{}", model.summary());
    let (x, y) = of_classes(&data.train, 5, 10)?;
    model.fit((&x, &y), Fit::epochs(30).batch_size(10).verbose(Verbose::Silent))?;

    let (test_x, test_y) = of_classes(&data.test, 5, usize::MAX)?;
    let accuracy = model.evaluate((&test_x, &test_y))?.get("accuracy").unwrap_or_default();
    println!("{} examples were enough for an accuracy of {accuracy:.3}", y.shape()[0]);
    assert!(accuracy > 0.85, "ten examples of each are enough");
    Ok(())
}

/// What looks at the digits: all but the last layer.
fn features() -> Sequential {
    Sequential::new()
        .input([64])
        .add(Reshape::new([8, 8, 1]))
        .add(Conv2D::new(16, 3).padding("same").activation("relu"))
        .add(BatchNormalization::new())
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(32, 3).padding("same").activation("relu"))
        .add(Flatten::new())
}

/// The rows of five classes from `first` on, no more than `most` of each; labels count from 0.
fn of_classes(data: &Dataset, first: i32, most: usize) -> Result<(Tensor, Tensor)> {
    let (mut rows, mut labels, mut counts) = (Vec::new(), Vec::new(), [0; 5]);
    for (row, label) in data.x.as_slice::<f32>()?.chunks(64).zip(data.y.as_slice::<i32>()?) {
        let class = label - first;
        if (0..5).contains(&class) && counts[class as usize] < most {
            counts[class as usize] += 1;
            rows.extend_from_slice(row);
            labels.push(class);
        }
    }
    Ok((Tensor::new([labels.len(), 64], rows)?, Tensor::new([labels.len()], labels)?))
}
