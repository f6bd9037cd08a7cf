//! A variational autoencoder makes up handwritten digits. The encoder gives, for each digit, not
//! a point but a normal distribution, from which the layer `Sampling` draws; its distance from
//! the standard normal distribution is added to the loss. So whatever is drawn from the standard
//! normal distribution, the decoder makes a digit of it.
//!
//! `Sampling` is a layer of our own: a struct with `call`.
//!
//! Kingma, Welling: "Auto-encoding variational Bayes", arXiv:1312.6114.
//!
//! `cargo run --release -p kerros --example variational_autoencoder`

use std::ops::RangeInclusive;

use kerros::initializers::{Draw, Initializer};
use kerros::layers::{Call, Layer, Options};
use kerros::object::{Config, Described};
use kerros::prelude::*;
use kerros_core::Philox;

/// How many numbers describe a digit.
const CODE: usize = 4;

/// `z = mean + exp(log_var / 2) * noise` while training, else `z = mean`; adds the divergence
/// from the standard normal distribution to the loss.
#[derive(Debug)]
struct Sampling(Options);

impl Described for Sampling {
    fn class_name(&self) -> &'static str {
        "Sampling"
    }
    fn config(&self) -> Config {
        self.0.config()
    }
}

impl Layer for Sampling {
    fn options(&self) -> &Options {
        &self.0
    }
    fn num_inputs(&self) -> RangeInclusive<usize> {
        2..=2
    }
    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let (mean, log_var) = (inputs[0], inputs[1]);
        let divergence = (mean.square() + log_var.exp() - log_var - 1.0).sum(&[-1]) * 0.5;
        // Per pixel, as the loss it stands beside.
        call.losses.borrow_mut().push(divergence.mean_all() / 64.0);
        let Some(key) = call.key else { return Ok(vec![mean]) };
        // Box and Muller: two uniform numbers make a normal one.
        let uniform = || key.graph().random_bits(key, mean.shape()).unit_float();
        let noise =
            ((1.0 - uniform()).log() * -2.0).sqrt() * (uniform() * std::f32::consts::TAU).cos();
        Ok(vec![mean + (log_var * 0.5).exp() * noise])
    }
}

fn main() -> Result<()> {
    set_random_seed(1);
    let data = datasets::digits()?;
    let image = Input::new([64]).name("image").tensor();
    let hidden = Dense::new(128).activation("relu").on(&image);
    let mean = Dense::new(CODE).name("mean").on(&hidden);
    let log_var = Dense::new(CODE).name("log_var").on(&hidden);
    let code = Sampling(Options::here()).on([&mean, &log_var]);
    let back = decoder().into_model().into_submodel().on(&code);
    let mut model = Model::functional([&image], [&back])?.name_model("variational_autoencoder");
    model.compile(Adam::new(3e-3), "binary_crossentropy", ())?;
    model.fit((&data.train.x, &data.train.x), Fit::epochs(60).batch_size(32))?;

    // The decoder alone: its weights are the last of the model's.
    let (mut decoder, weights) = (decoder(), model.get_weights()?);
    let count = decoder.get_weights()?.len();
    decoder.set_weights(&weights[weights.len() - count..])?;
    let draw = Draw { philox: Philox::new(1), stream: 0 };
    let noise = RandomNormal::new().stddev(1.0).initialize(&Shape::from([500, CODE]), draw)?;
    let made = decoder.predict(noise)?;
    show(made.as_slice::<f32>()?);

    // Which real digits are nearest to them, and how near?
    let (distance, classes) = nearest(&made, &data.train)?;
    let (usual, _) = nearest(&data.test.x, &data.train)?;
    let counts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
        .map(|class| classes.iter().filter(|&&found| found == class).count());
    println!("of 500 made up digits each looks most like a real one, by class: {counts:?}");
    println!("{distance:.2} away; real digits that it has not seen are {usual:.2} away");
    assert!(distance < 1.2 * usual, "they look like digits");
    assert!(counts.iter().all(|&count| count > 5), "and like all of them");
    Ok(())
}

fn decoder() -> Sequential {
    Sequential::new()
        .name("decoder")
        .input([CODE])
        .add(Dense::new(128).activation("relu"))
        .add(Dense::new(64).activation("sigmoid"))
}

/// The mean distance of images to the nearest real digit, and the classes of those.
fn nearest(images: &Tensor, real: &Dataset) -> Result<(f32, Vec<i32>)> {
    let (real, classes) = (real.x.as_slice::<f32>()?, real.y.as_slice::<i32>()?);
    let nearest = |image: &[f32]| -> (f32, i32) {
        let apart = |other: &[f32]| image.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum();
        let all = real.chunks(64).map(apart).map(f32::sqrt).zip(classes.iter().copied());
        all.min_by(|a, b| a.0.total_cmp(&b.0)).expect("there are real digits")
    };
    let (distances, classes): (Vec<f32>, Vec<i32>) =
        images.as_slice::<f32>()?.chunks(64).map(nearest).unzip();
    Ok((distances.iter().sum::<f32>() / distances.len() as f32, classes))
}

/// Prints the first eight images.
fn show(images: &[f32]) {
    for row in 0..8 {
        let line = |digit: usize| -> String {
            let shade = |&p: &f32| char::from(b" .:-=+*#%@"[((p * 9.0).round() as usize).min(9)]);
            images[digit * 64 + row * 8..][..8].iter().map(shade).collect()
        };
        println!("{}", (0..8).map(line).collect::<Vec<_>>().join("  "));
    }
}
