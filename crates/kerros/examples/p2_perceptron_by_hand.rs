//! P2, the perceptron by hand: logistic regression by full-batch gradient descent, without a
//! model, as textbooks show it.
//!
//! Forward:  p = sigmoid(x · w)
//! Loss:     L = mean(-(y log p + (1 - y) log(1 - p)))
//! Backward: dL/dw = x^T · (p - y) / n
//! Descent:  w <- w - rate * dL/dw        (a plus here would climb the loss)
//!
//! `grad` finds the derivative from the loss; the textbook's formula stands beside it.
//!
//! `cargo run --release -p kerros --example p2_perceptron_by_hand`

use kerros::prelude::*;

const ROWS: usize = 100;
const RATE: f32 = 0.1;

fn main() -> Result<()> {
    let (x, y) = random_data()?;
    let mut variables = Variables::new();
    let weights = variables.declare("w", &Tensor::zeros([2, 1], DType::F32))?;

    let mut descend = variables.function(|graph| {
        let x = graph.input("x", [ROWS, 2], DType::F32);
        let y = graph.input("y", [ROWS, 1], DType::F32);
        let w = weights.node(graph);
        let p = x.matmul(w).sigmoid();
        let loss = -(y * p.log() + (1.0 - y) * (1.0 - p).log()).mean_all();
        let gradient = grad(loss, &[w])?[0];
        let by_the_book = x.matmul_with(p - y, true, false) / ROWS as f32;
        graph.assign(w, w - gradient * RATE);
        Ok(vec![loss, (gradient - by_the_book).abs().max_all()])
    })?;

    let mut losses = Vec::new();
    for epoch in 0..1000 {
        descend.run(&mut variables, &[&x, &y])?;
        losses.push(descend.output(0)?.as_slice::<f32>()?[0]);
        if epoch % 200 == 0 {
            println!("epoch {epoch:4}: loss {:.6}", losses[epoch]);
        }
    }
    let apart = descend.output(1)?.as_slice::<f32>()?[0];
    println!("epoch  999: loss {:.6}", losses[999]);
    println!("w = {:?}", variables.read(&weights)?.as_slice::<f32>()?);
    println!("the derivative found and the textbook's differ by at most {apart:.1e}");

    let mut predict = variables.function(|graph| {
        let x = graph.input("x", [2, 2], DType::F32);
        Ok(vec![x.matmul(weights.node(graph)).sigmoid()])
    })?;
    let points = Tensor::new([2, 2], [0.2f32, 0.9, 0.8, 0.1])?;
    predict.run(&mut variables, &[&points])?;
    println!("probabilities of two new points: {:?}", predict.output(0)?.as_slice::<f32>()?);

    assert!(losses[999] < losses[0], "gradient descent goes down");
    assert!(apart < 1e-6, "the derivative is the textbook's");
    Ok(())
}

/// Points in the unit square with random labels.
fn random_data() -> Result<(Tensor, Tensor)> {
    let draw = |stream: u32, count: usize| -> Vec<f32> {
        let philox = kerros_core::Philox::new(7);
        let word = |element| kerros_core::philox::unit_f32(philox.word(stream, 0, element as u64));
        (0..count).map(word).collect()
    };
    let labels: Vec<f32> = draw(1, ROWS).into_iter().map(f32::round).collect();
    Ok((Tensor::new([ROWS, 2], draw(0, 2 * ROWS))?, Tensor::new([ROWS, 1], labels)?))
}
