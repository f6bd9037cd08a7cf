//! P4, a digit classifier with momentum: 64-32-10, SGD with Nesterov momentum and a rate that
//! decays, categorical cross-entropy on one-hot labels.
//!
//! `cargo run --release -p kerros --example p4_digits_with_momentum`

use kerros::data::one_hot;
use kerros::prelude::*;

fn main() -> Result<()> {
    let data = datasets::digits()?;
    // Categorical cross-entropy takes a row of 0 and 1 per label.
    let (train, test) = (one_hot(&data.train.y, 10)?, one_hot(&data.test.y, 10)?);

    let mut model = Sequential::new()
        .input([64])
        .add(Dense::new(32).activation(Relu))
        .add(Dense::new(10).activation("softmax"))
        .seed(1);
    // At step t the rate is 0.01 / (1 + 1e-6 t).
    let optimizer = SGD::new(0.01).momentum(0.9).nesterov(true).decay(1e-6);
    model.compile(optimizer, "categorical_crossentropy", ["accuracy"])?;
    model.fit((&data.train.x, &train), Fit::epochs(10).batch_size(32))?;

    let scores = model.evaluate((&data.test.x, &test))?;
    for (name, value) in scores.iter() {
        println!("test {name}: {value:.4}");
    }
    assert!(scores.get("accuracy").unwrap_or_default() > 0.9);
    Ok(())
}
