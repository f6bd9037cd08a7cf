//! Two networks play against each other: the generator makes points out of noise, the
//! discriminator tells them from real ones, which lie on a ring. In the end the points lie on
//! the ring, though the generator has never seen it.
//!
//! The training step is written by hand: one model holds both networks, and each of the two
//! optimizers moves one of them.
//!
//! Goodfellow et al.: "Generative adversarial networks", arXiv:1406.2661.
//!
//! `cargo run --release -p kerros --example gan`

use kerros::initializers::{Draw, Initializer};
use kerros::prelude::*;
use kerros_core::{Philox, philox::unit_f32};

const BATCH: usize = 64;
const NOISE: usize = 4;
const STEPS: u64 = 6000;

fn main() -> Result<()> {
    set_random_seed(1);
    let noise = Input::new([NOISE]).name("noise").tensor();
    let real = Input::new([2]).name("real").tensor();
    let generator = network("generator", NOISE, 2);
    let discriminator = network("discriminator", 2, 1);
    let made = generator.on(&noise);
    let outputs = [&made, &discriminator.on(&made), &discriminator.on(&real)];
    let mut model = Model::functional([&noise, &real], outputs)?.name_model("gan");
    let generator = model.optimizer(Adam::new(1e-3).beta_1(0.5), ["generator"])?;
    let discriminator = model.optimizer(Adam::new(1e-3).beta_1(0.5), ["discriminator"])?;

    let mut step = model.function(|graph| {
        let noise = graph.input("noise", [BATCH, NOISE], DType::F32);
        let real = graph.input("real", [BATCH, 2], DType::F32);
        let (forward, _) = model.call(&[noise, real], true, None)?;
        let (of_made, of_real) = (forward.outputs[1], forward.outputs[2]);
        let mistakes = wrong(of_made, 0.0) + wrong(of_real, 1.0);
        discriminator.minimize(mistakes)?;
        let caught = wrong(of_made, 1.0);
        generator.minimize(caught)?;
        Ok(vec![mistakes, caught])
    })?;
    for at in 0..STEPS {
        step.run_on(&mut model, &[&normal(at, BATCH)?, &ring(at)?])?;
        if at % 1000 == 999 {
            let loss = |output| Ok::<f32, Error>(step.output(output)?.as_slice::<f32>()?[0]);
            println!("step {}: discriminator {:.3}, generator {:.3}", at + 1, loss(0)?, loss(1)?);
        }
    }

    let (noise, unused) = (normal(STEPS, 1000)?, Tensor::zeros([1000, 2], DType::F32));
    let made = model.predict_all(vec![noise, unused])?.swap_remove(0);
    let points: Vec<&[f32]> = made.as_slice::<f32>()?.chunks(2).collect();
    draw(&points);
    let radii: Vec<f32> = points.iter().map(|point| point[0].hypot(point[1])).collect();
    let radius = radii.iter().sum::<f32>() / 1000.0;
    let spread = (radii.iter().map(|r| (r - radius).powi(2)).sum::<f32>() / 1000.0).sqrt();
    let mut quarters = [0; 4];
    for point in &points {
        quarters[usize::from(point[0] > 0.0) + 2 * usize::from(point[1] > 0.0)] += 1;
    }
    println!(
        "radius {radius:.3} ± {spread:.3}, where the ring's is 1; points by quarter: {quarters:?}"
    );
    assert!((radius - 1.0).abs() < 0.1 && spread < 0.15, "points lie on the ring");
    assert!(quarters.iter().all(|&count| count > 150), "and all around it");
    Ok(())
}

/// Two hidden layers.
fn network(name: &str, inputs: usize, outputs: usize) -> Shared {
    let hidden = || Dense::new(32).activation("leaky_relu");
    let model = Sequential::new().name(name).input([inputs]).add(hidden()).add(hidden());
    model.add(Dense::new(outputs)).into_model().into_submodel().shared()
}

/// How wrong these answers are, where all points are real (1) or made up (0).
fn wrong(logits: Node<'_>, is_real: f32) -> Node<'_> {
    logits.sigmoid_cross_entropy(logits.graph().full(logits.shape(), is_real)).mean_all()
}

/// Noise: numbers of the standard normal distribution.
fn normal(step: u64, rows: usize) -> Result<Tensor> {
    let draw = Draw { philox: Philox::new(step), stream: 0 };
    RandomNormal::new().stddev(1.0).initialize(&Shape::from([rows, NOISE]), draw)
}

/// Real points: anywhere on the ring of radius 1.
fn ring(step: u64) -> Result<Tensor> {
    let turn = |at| unit_f32(Philox::new(2).word(1, step, at as u64)) * std::f32::consts::TAU;
    let points: Vec<f32> = (0..BATCH).flat_map(|at| [turn(at).cos(), turn(at).sin()]).collect();
    Tensor::new([BATCH, 2], points)
}

/// Prints where points are, between -1.5 and 1.5.
fn draw(points: &[&[f32]]) {
    let mut picture = [[' '; 40]; 20];
    for point in points {
        let place = |at: usize, size: usize| ((point[at] + 1.5) / 3.0 * size as f32) as usize;
        if let Some(dot) = picture.get_mut(place(1, 20)).and_then(|row| row.get_mut(place(0, 40))) {
            *dot = '*';
        }
    }
    picture.iter().for_each(|row| println!("{}", row.iter().collect::<String>()));
}
