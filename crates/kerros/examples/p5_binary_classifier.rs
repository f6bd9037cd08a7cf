//! P5, a small binary classifier: 8 inputs, 10 and 8 hidden units, one sigmoid; Adam, binary
//! cross-entropy, one row at a time, 100 epochs.
//!
//! `cargo run --release -p kerros --example p5_binary_classifier`

use kerros::prelude::*;

fn main() -> Result<()> {
    let (x, y) = patients(200)?;
    let mut model = Sequential::new()
        .input([8])
        .add(Dense::new(10).activation(Relu))
        .add(Dense::new(8).activation(Relu))
        .add(Dense::new(1).activation(Sigmoid))
        .seed(3);
    model.compile(Adam::default(), BinaryCrossentropy::new(), [Accuracy])?;

    // 20,000 steps: stop early when the loss is small enough.
    let fit = Fit::epochs(100).batch_size(1).verbose(Verbose::Silent);
    let history = model.fit((&x, &y), fit.callback(StopAtLoss::new(0.02)))?;
    println!("{} epochs, loss {:.4}", history.epochs().len(), history.last("loss").unwrap_or(1.0));

    let (new, truth) = patients(400)?;
    let (new, truth) = (new.slice_rows(200..400)?, truth.slice_rows(200..400)?);
    let probabilities = model.predict(&new)?;
    for at in 0..3 {
        let probability = probabilities.as_slice::<f32>()?[at];
        println!("probability {probability:.3}, the truth is {}", truth.as_slice::<f32>()?[at]);
    }
    let accuracy = model.evaluate((&new, &truth))?.get("accuracy");
    println!("accuracy on 200 new rows: {:.3}", accuracy.unwrap_or_default());
    assert!(accuracy.unwrap_or_default() > 0.85);
    Ok(())
}

/// Rows of eight measurements, and whether a weighted sum of them is above a threshold.
fn patients(count: usize) -> Result<(Tensor, Tensor)> {
    let philox = kerros_core::Philox::new(11);
    let unit = |element: usize| kerros_core::philox::unit_f32(philox.word(0, 0, element as u64));
    let x: Vec<f32> = (0..8 * count).map(|element| 2.0 * unit(element) - 1.0).collect();
    let weights = [1.0, -2.0, 0.5, 1.5, 0.0, -1.0, 2.0, 0.3];
    let label = |row: &[f32]| {
        let sum: f32 = row.iter().zip(weights).map(|(x, w)| x * w).sum();
        f32::from(u8::from(sum > 0.2))
    };
    let y: Vec<f32> = x.chunks(8).map(label).collect();
    Ok((Tensor::new([count, 8], x)?, Tensor::new([count, 1], y)?))
}
