//! P3, linear regression: one Dense(1) on one input, SGD, mean squared error, 1000 epochs.
//!
//! `cargo run --release -p kerros --example p3_linear_regression`

use std::time::Instant;

use kerros::prelude::*;

fn main() -> Result<()> {
    // 100 points of y = 2 x + 1 with a little noise.
    let noise = |at: usize| 0.1 * ((at * 7919 % 100) as f32 / 50.0 - 1.0);
    let x: Vec<f32> = (0..100).map(|at| at as f32 / 50.0 - 1.0).collect();
    let y: Vec<f32> = x.iter().enumerate().map(|(at, x)| 2.0 * x + 1.0 + noise(at)).collect();
    let (x, y) = (Tensor::new([100, 1], x)?, Tensor::new([100, 1], y)?);

    let mut model = Sequential::new().input([1]).add(Dense::new(1)).seed(1);
    model.compile("sgd", MeanSquaredError::new(), ())?;
    let begun = Instant::now();
    let history = model.fit((&x, &y), Fit::epochs(1000).verbose(Verbose::Silent))?;
    let millis = begun.elapsed().as_secs_f64() * 1e3;

    let weights = model.get_weights()?;
    let (slope, intercept) = (weights[0].to_vec_f64()[0], weights[1].to_vec_f64()[0]);
    println!("y = {slope:.3} x + {intercept:.3}, found in 4000 steps and {millis:.0} ms");
    println!("loss of the last epoch: {:.5}", history.last("loss").unwrap_or_default());
    let predicted = model.predict(&Tensor::new([2, 1], [0.0f32, 3.0])?)?;
    println!("predictions for x = 0 and x = 3: {:?}", predicted.as_slice::<f32>()?);

    assert!((slope - 2.0).abs() < 0.05 && (intercept - 1.0).abs() < 0.05);
    Ok(())
}
