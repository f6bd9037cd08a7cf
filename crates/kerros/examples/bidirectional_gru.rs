//! A bidirectional GRU judges sentences: "although the film was not bad , the food was awful" is
//! a complaint. What counts may stand first or last, and a "not" turns it round; so the network
//! reads from both ends. Sentences differ in length: zeros fill them up, and `mask_zero` makes
//! the layers pass over them.
//!
//! `cargo run --release -p kerros --example bidirectional_gru`

use kerros::prelude::*;
use kerros_core::Philox;

/// Place 0 stands for nothing.
const WORDS: [&str; 24] = [
    "", "the", "film", "food", "hotel", "music", "was", "very", "quite", "not", "good", "great",
    "lovely", "bad", "awful", "dull", "but", "although", ",", "we", "thought", "last", "week",
    "that",
];

fn main() -> Result<()> {
    let (train, test) = (sentences(1200, 1), sentences(400, 2));
    let mut model = Sequential::new()
        .input([None])
        .add(Embedding::new(WORDS.len(), 16).mask_zero(true))
        .add(Bidirectional::new(GRU::new(16)))
        .add(Dropout::new(0.2))
        .add(Dense::new(1).activation("sigmoid"))
        .seed(1);
    model.compile(Adam::new(0.01), "binary_crossentropy", ["accuracy"])?;
    print!("{}", model.summary());
    model.fit(padded(&train, 24)?, Fit::epochs(8).batch_size(32))?;

    let accuracy = model.evaluate(padded(&test, 24)?)?.get("accuracy").unwrap_or_default();
    let praise = model.predict(padded(&test, 24)?.0)?;
    for ((words, _), praise) in test.iter().zip(praise.as_slice::<f32>()?).take(5) {
        let verdict = if *praise > 0.5 { "praise" } else { "complaint" };
        println!("{verdict:9} {praise:.3}: {}", words.join(" "));
    }
    println!("accuracy on sentences it has never seen: {accuracy:.3}");

    // More zeros change nothing: they are masked.
    let longer = model.predict(padded(&test, 40)?.0)?;
    let pairs = praise.as_slice::<f32>()?.iter().zip(longer.as_slice::<f32>()?);
    let apart = pairs.map(|(short, long)| (short - long).abs()).fold(0.0, f32::max);
    println!("filled up to 40 words instead of 24, answers differ by at most {apart:.1e}");
    assert!(accuracy > 0.95, "both directions together understand the sentences");
    assert!(apart < 1e-5, "masked steps do not count");
    Ok(())
}

/// Sentences, and whether each is praise.
fn sentences(count: usize, seed: u64) -> Vec<(Vec<&'static str>, bool)> {
    let (philox, mut drawn) = (Philox::new(seed), 0);
    let mut draw = |bound: u64| {
        drawn += 1;
        philox.below(0, 0, drawn, bound) as usize
    };
    let mut sentence = || {
        let ((first, is_first_good), (second, is_second_good)) =
            (clause(&mut draw), clause(&mut draw));
        let opening = vec!["last", "week", "we", "thought", "that"];
        let opening = if draw(2) == 0 { opening } else { Vec::new() };
        let (parts, is_praise) = match draw(4) {
            0 => (vec![opening, first], is_first_good),
            1 => (vec![opening, first, vec!["but"], second], is_second_good),
            2 => (vec![opening, vec!["although"], first, vec![","], second], is_second_good),
            _ => (vec![opening, first, vec!["although"], second], is_first_good),
        };
        (parts.concat(), is_praise)
    };
    (0..count).map(|_| sentence()).collect()
}

/// "the film was not very good", and whether it is praise.
fn clause(draw: &mut impl FnMut(u64) -> usize) -> (Vec<&'static str>, bool) {
    let mut words = vec!["the", WORDS[2 + draw(4)], "was"];
    let is_turned = draw(3) == 0;
    words.extend(is_turned.then_some("not"));
    words.extend(["very", "quite"].get(draw(4)));
    let is_good = draw(2) == 0;
    words.push(WORDS[if is_good { 10 } else { 13 } + draw(3)]);
    (words, is_good != is_turned)
}

/// The places of the words, with zeros up to this length, and 1 for praise.
fn padded(sentences: &[(Vec<&str>, bool)], length: usize) -> Result<(Tensor, Tensor)> {
    let mut places = vec![0; sentences.len() * length];
    for (row, (words, _)) in places.chunks_mut(length).zip(sentences) {
        for (place, word) in row.iter_mut().zip(words) {
            *place = WORDS.iter().position(|known| known == word).unwrap_or_default() as i32;
        }
    }
    let labels: Vec<f32> = sentences.iter().map(|(_, praise)| f32::from(*praise)).collect();
    let rows = sentences.len();
    Ok((Tensor::new([rows, length], places)?, Tensor::new([rows, 1], labels)?))
}
