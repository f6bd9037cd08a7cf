//! P1, a digit classifier: 64-64-64-10, Adam, sparse categorical cross-entropy.
//!
//! `cargo run --release -p kerros --example p1_digits`

use kerros::prelude::*;

fn main() -> Result<()> {
    let data = datasets::digits()?;
    let mut model = Sequential::new()
        .input([64])
        .add(Dense::new(64).activation(Relu))
        .add(Dense::new(64).activation(Relu))
        .add(Dense::new(10).activation("softmax"))
        .seed(1);
    model.compile(Adam::new(1e-3), SparseCategoricalCrossentropy::new(), [Accuracy])?;
    print!("{}", model.summary());

    let history = model.fit(&data.train, Fit::epochs(5).batch_size(32))?;
    let accuracy = history.last("accuracy").unwrap_or_default();
    println!("accuracy after 5 epochs, on the training rows: {accuracy:.3}");

    let test = model.evaluate(&data.test)?;
    let accuracy = test.get("accuracy").unwrap_or_default();
    println!("accuracy on rows it has never seen:            {accuracy:.3}");

    // Each row of the prediction holds ten probabilities; the largest is the answer.
    let probabilities = model.predict(&data.test.x)?;
    let labels = data.test.y.as_slice::<i32>()?;
    for (row, label) in probabilities.as_slice::<f32>()?.chunks(10).zip(labels).take(5) {
        let best = (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
        println!("predicted {best} with probability {:.3}, it is {label}", row[best]);
    }
    assert!(accuracy > 0.9, "five epochs are enough for nine of ten digits");
    Ok(())
}
