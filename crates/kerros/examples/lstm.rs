//! Two LSTM layers read handwritten digits row by row, from the top down, as one reads a
//! sequence: at every step they see 8 pixels, and what they have seen before is in their memory.
//!
//! Hochreiter, Schmidhuber: "Long short-term memory", Neural Computation 9, 1997.
//!
//! `cargo run --release -p kerros --example lstm`

use kerros::prelude::*;

fn main() -> Result<()> {
    let data = datasets::digits()?;
    let mut model = Sequential::new()
        .name("lstm")
        .input([64])
        .add(Reshape::new([8, 8]).name("rows"))
        .add(LSTM::new(32).return_sequences(true))
        .add(LSTM::new(32))
        .add(Dropout::new(0.2))
        .add(Dense::new(10).activation("softmax"))
        .seed(1);
    model.compile(Adam::new(5e-3), "sparse_categorical_crossentropy", ["accuracy"])?;
    print!("{}", model.summary());
    model.fit(&data.train, Fit::epochs(20).batch_size(32).validation(&data.test))?;
    let accuracy = model.evaluate(&data.test)?.get("accuracy").unwrap_or_default();
    println!("accuracy on digits it has never seen: {accuracy:.3}");

    // Rows are a sequence: read from the bottom up, the same digits mean little to it.
    let mut upside_down = data.test.x.clone();
    for digit in upside_down.as_mut_slice::<f32>()?.chunks_mut(64) {
        let rows: Vec<f32> = digit.rchunks(8).flatten().copied().collect();
        digit.copy_from_slice(&rows);
    }
    let reversed = model.evaluate((&upside_down, &data.test.y))?.get("accuracy");
    println!("read from the bottom up: {:.3}", reversed.unwrap_or_default());
    assert!(accuracy > 0.92, "nearly all digits are read");
    assert!(reversed.unwrap_or_default() < 0.6, "the order of the rows matters");
    Ok(())
}
