//! A transformer answers questions: "anna kitchen ben garden .. ? ben" is the garden. To answer,
//! a word has to find, anywhere in the story, the same name and the place that stands after it:
//! attention does that, and nothing that looks at one word, or at its neighbours, could.
//!
//! Vaswani et al.: "Attention is all you need", arXiv:1706.03762.
//!
//! `cargo run --release -p kerros --example transformer`

use kerros::ops;
use kerros::prelude::*;
use kerros_core::Philox;

const NAMES: [&str; 4] = ["anna", "ben", "carl", "dora"];
const PLACES: [&str; 4] = ["kitchen", "garden", "cellar", "attic"];
/// Names come first, then places, then the question mark.
const WORDS: usize = NAMES.len() + PLACES.len() + 1;
/// Every name with its place, the question mark and a name.
const LENGTH: usize = 2 * NAMES.len() + 2;
const WIDTH: usize = 32;

fn main() -> Result<()> {
    set_random_seed(3);
    let (train, test) = (stories(10000, 1)?, stories(500, 2)?);
    let words = Input::new([LENGTH]).name("words").tensor();
    let positions = ops::cumsum(&ops::ones_like(&words), 1) - 1.0;
    let embedded = Add::new().on([
        &Embedding::new(WORDS, WIDTH).name("words_embedding").on(&words),
        &Embedding::new(LENGTH, WIDTH).name("positions_embedding").on(&positions),
    ]);
    let x = LayerNormalization::new().on(&block(&block(&embedded)));
    let x = GlobalAveragePooling1D::new().on(&x);
    let place = Dense::new(PLACES.len()).activation("softmax").name("place").on(&x);
    let mut model = Model::functional([&words], [&place])?.name_model("transformer");
    model.compile(Adam::new(3e-3), "sparse_categorical_crossentropy", ["accuracy"])?;
    print!("{}", model.summary());
    // For a while it only guesses among the places of the story; then it understands.
    let fit = Fit::epochs(25).batch_size(64).callback(StopAtLoss::new(0.02));
    model.fit(train, fit)?;

    let accuracy = model.evaluate(test)?.get("accuracy").unwrap_or_default();
    println!("accuracy on stories it has never seen: {accuracy:.3}");
    assert!(accuracy > 0.98, "the place is found wherever it stands");
    Ok(())
}

/// An encoder block: each word looks at all others, then thinks for itself.
fn block(x: &KerasTensor) -> KerasTensor {
    let normal = LayerNormalization::new().on(x);
    let seen = MultiHeadAttention::new(4, WIDTH / 4).on(arguments([&normal, &normal]));
    let x = Add::new().on([x, &seen]);
    let normal = LayerNormalization::new().on(&x);
    let thought = Dense::new(2 * WIDTH).activation("gelu").on(&normal);
    Add::new().on([&x, &Dense::new(WIDTH).on(&thought)])
}

/// Stories that tell where everybody is, in any order, and ask for one of them.
fn stories(count: usize, seed: u64) -> Result<(Tensor, Tensor)> {
    let philox = Philox::new(seed);
    let (mut words, mut answers) = (Vec::new(), Vec::new());
    for story in 0..count as u64 {
        let order = philox.permutation(0, story, NAMES.len());
        let place = |name: u32| philox.below(1, story, u64::from(name), PLACES.len() as u64) as u32;
        for &name in &order {
            words.extend([name, NAMES.len() as u32 + place(name)]);
        }
        let asked = philox.below(2, story, 0, NAMES.len() as u64) as u32;
        words.extend([WORDS as u32 - 1, asked]);
        answers.push(place(asked) as i32);
    }
    let words: Vec<i32> = words.into_iter().map(|word| word as i32).collect();
    Ok((Tensor::new([count, LENGTH], words)?, Tensor::new([count], answers)?))
}
