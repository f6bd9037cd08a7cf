//! A small GPT learns proverbs by heart, letter by letter, and then writes some of its own: what
//! it writes are words, though nobody told it that there are any.
//!
//! Radford et al.: "Improving language understanding by generative pre-training", 2018.
//!
//! `cargo run --release -p kerros --example gpt`

use std::collections::BTreeSet;

use kerros::ops;
use kerros::prelude::*;
use kerros_core::{Philox, philox::unit_f32};

const TEXT: &str = "\
a bird in the hand is worth two in the bush. a fool and his money are soon parted. a friend in \
need is a friend indeed. a stitch in time saves nine. a watched pot never boils. all that \
glitters is not gold. all work and no play makes jack a dull boy. an apple a day keeps the \
doctor away. better late than never. birds of a feather flock together. do not count your \
chickens before they are hatched. do not put all your eggs in one basket. early to bed and early \
to rise makes a man healthy, wealthy and wise. every cloud has a silver lining. half a loaf is \
better than no bread. he who laughs last laughs best. it is no use crying over spilt milk. look \
before you leap. make hay while the sun shines. many hands make light work. no man can serve two masters. \
one swallow does not make a summer. rome was not built in a day. still waters run deep. strike \
while the iron is hot. the early bird catches the worm. the proof of the pudding is in the eating. \
there is no smoke without fire. time and tide wait for no man. too many cooks spoil \
the broth. two heads are better than one. when the cat is away the mice will play. where there \
is a will there is a way. you can lead a horse to water, but you can not make him drink. ";
/// How many letters it sees at once.
const LENGTH: usize = 24;
const WIDTH: usize = 48;

fn main() -> Result<()> {
    set_random_seed(1);
    let letters: Vec<char> = TEXT.chars().collect::<BTreeSet<_>>().into_iter().collect();
    let number = |letter: char| letters.iter().position(|&known| known == letter);
    let text: Vec<i32> = TEXT.chars().filter_map(number).map(|number| number as i32).collect();
    let windows = text.len() - LENGTH;
    let rows = |from: usize| -> Result<Tensor> {
        let window = |at: usize| text[at..at + LENGTH].iter().copied();
        let rows: Vec<i32> = (from..from + windows).flat_map(window).collect();
        Tensor::new([windows, LENGTH], rows)
    };

    let input = Input::new([LENGTH]).name("letters").tensor();
    let positions = ops::cumsum(&ops::ones_like(&input), 1) - 1.0;
    let embedded = Add::new().on([
        &Embedding::new(letters.len(), WIDTH).on(&input),
        &Embedding::new(LENGTH, WIDTH).on(&positions),
    ]);
    let x = block(&block(&Dropout::new(0.1).on(&embedded)));
    let x = LayerNormalization::new().on(&x);
    let next = Dense::new(letters.len()).name("next").on(&x);
    let mut model = Model::functional([&input], [&next])?.name_model("gpt");
    let loss = SparseCategoricalCrossentropy::new().from_logits(true);
    model.compile(Adam::new(3e-3), loss, ["accuracy"])?;
    let history = model.fit((rows(0)?, rows(1)?), Fit::epochs(15).batch_size(32))?;

    // It goes on where the text ends.
    let mut written = text[windows..].to_vec();
    for step in 0..400 {
        let seen = &written[written.len() - LENGTH..];
        let logits = model.predict_on_batch(&Tensor::new([1, LENGTH], seen)?)?;
        let last = &logits.as_slice::<f32>()?[(LENGTH - 1) * letters.len()..];
        written.push(sample(last, 0.5, unit_f32(Philox::new(1).word(0, 0, step))));
    }
    let written: String = written[LENGTH..].iter().map(|&at| letters[at as usize]).collect();
    println!("{written}");

    let known: BTreeSet<&str> = words(TEXT).collect();
    let count = words(&written).count();
    let share = words(&written).filter(|word| known.contains(word)).count() as f64 / count as f64;
    println!("{:.0} % of its {count} words are words of the text", 100.0 * share);
    let frequency = |at: i32| text.iter().filter(|&&letter| letter == at).count() as f64;
    let shares = (0..letters.len() as i32).map(|at| frequency(at) / text.len() as f64);
    let chance: f64 = shares.map(|p| -p * p.ln()).sum();
    let loss = history.last("loss").unwrap_or(chance);
    println!("loss {loss:.3}; knowing only how often each letter comes: {chance:.3}");
    assert!(loss < 0.4 * chance, "what came before tells much about what comes next");
    assert!(share > 0.75, "what it writes are mostly words");
    Ok(())
}

/// The words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty())
}

/// A decoder block: each letter looks at those before it, then thinks for itself.
fn block(x: &KerasTensor) -> KerasTensor {
    let normal = LayerNormalization::new().on(x);
    let heads = MultiHeadAttention::new(4, WIDTH / 4);
    let seen = heads.on(arguments([&normal, &normal]).with("use_causal_mask", true));
    let x = Add::new().on([x, &seen]);
    let normal = LayerNormalization::new().on(&x);
    let thought = Dense::new(4 * WIDTH).activation("gelu").on(&normal);
    Add::new().on([&x, &Dense::new(WIDTH).on(&thought)])
}

/// Draws a letter: the lower the temperature, the more certainly the likeliest.
fn sample(logits: &[f32], temperature: f32, chance: f32) -> i32 {
    let weights: Vec<f32> = logits.iter().map(|logit| (logit / temperature).exp()).collect();
    let mut left = chance * weights.iter().sum::<f32>();
    let mut is_here = |weight: &f32| {
        left -= weight;
        left < 0.0
    };
    weights.iter().position(&mut is_here).unwrap_or(weights.len() - 1) as i32
}
