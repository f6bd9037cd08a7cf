//! Writes logs for real TensorBoard to read: see `fixtures/check_tensorboard.py`.
//!
//! `cargo run -p kerros --example write_for_tensorboard -- FOLDER`

use std::path::PathBuf;

use kerros::callbacks::tensor_board::{TensorBoard, UpdateFreq};
use kerros::prelude::*;
use serde_json::{Map, Value, json};

const EPOCHS: usize = 3;

fn main() -> Result<()> {
    let Some(folder) = std::env::args().nth(1).map(PathBuf::from) else {
        eprintln!("give the folder to write to");
        std::process::exit(2);
    };
    let data = datasets::digits()?;
    let mut model = Sequential::new()
        .input([64])
        .seed(1)
        .add(Dense::new(16).activation(Relu))
        .add(Dense::new(10).activation(Softmax));
    model.compile(Adam::new(1e-3), SparseCategoricalCrossentropy::new(), [Accuracy])?;
    let board = TensorBoard::new(folder.join("logs"))
        .histogram_freq(1)
        .update_freq(UpdateFreq::Batches(2))
        .write_steps_per_second(true);
    let fit = Fit::epochs(EPOCHS)
        .batch_size(100)
        .validation(&data.test)
        .verbose(Verbose::Silent)
        .callback(board);
    let history = model.fit(&data.train, fit)?;
    let weights: Map<String, Value> = model
        .weights()?
        .into_iter()
        .map(|(path, value)| (path, json!(value.to_vec_f64())))
        .collect();
    let numbers: Map<String, Value> =
        history.iter().map(|(name, series)| (name.into(), series.to_json())).collect();
    let expected = json!({
        "epochs": EPOCHS,
        "steps": data.train.num_rows().div_ceil(100),
        "history": numbers,
        "weights": weights,
    });
    let path = folder.join("expected.json");
    kerros::data::atomic::write(path, |file| {
        serde_json::to_writer(file, &expected).map_err(Into::into)
    })
}
