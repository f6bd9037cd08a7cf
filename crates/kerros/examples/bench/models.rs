//! The networks of the workloads, with the rows they learn from: `bench/workloads.py` says what
//! each is, and the peers build the same.

use kerros::layers::Activation;
use kerros::prelude::*;
use kerros_core::Philox;

use super::normal;

/// A compiled model, its rows and its batch size.
pub struct Job {
    pub model: Model,
    pub x: Tensor,
    pub y: Tensor,
    pub batch_size: usize,
}

/// MLP 784-64-64-10.
pub fn w1() -> Result<Model> {
    let mut model = Sequential::new()
        .input([784])
        .add(Dense::new(64).activation("relu"))
        .add(Dense::new(64).activation("relu"))
        .add(Dense::new(10).activation("softmax"));
    model.compile(Adam::new(1e-3), SparseCategoricalCrossentropy::new(), ["accuracy"])?;
    Ok(model.into())
}

/// The job of this name; none if there is no such workload with rows.
pub fn job(workload: &str) -> Result<Option<Job>> {
    Ok(Some(match workload {
        "w1" => {
            let (x, y) = rows_by_largest(60_000, &[784])?;
            Job { model: w1()?, x, y, batch_size: 32 }
        }
        "w3" => {
            let (x, y) = rows_by_largest(2_560, &[28, 28, 1])?;
            Job { model: small_convnet()?, x, y, batch_size: 128 }
        }
        "w4" => {
            let (x, y) = rows_by_largest(640, &[32, 32, 3])?;
            Job { model: resnet20()?, x, y, batch_size: 128 }
        }
        "w5" => {
            let (rows, words) = (640, tokens(640 * 80, 20_000));
            let label = |row: &[i32]| f32::from(u8::from(row[79] < 10_000));
            let y: Vec<f32> = words.chunks(80).map(label).collect();
            let (x, y) = (Tensor::new([rows, 80], words)?, Tensor::new([rows], y)?);
            Job { model: lstm()?, x, y, batch_size: 32 }
        }
        "w6" => {
            let mut words = tokens(64 * 129, 8_000);
            // Each word follows from the one before.
            for at in (0..words.len()).filter(|at| at % 129 > 0) {
                words[at] = (words[at - 1] * 5 + 7) % 8_000;
            }
            let part = |from: usize| {
                let rows = words.chunks(129).flat_map(|row| row[from..from + 128].to_vec());
                Tensor::new([64, 128], rows.collect::<Vec<i32>>())
            };
            Job { model: gpt()?, x: part(0)?, y: part(1)?, batch_size: 16 }
        }
        "w7" => {
            let rows = 1_000_000;
            let (x, noise) = (normal(1, rows * 28), normal(2, rows));
            let label = |(row, noise): (&[f32], &f32)| {
                f32::from(u8::from(row[..4].iter().sum::<f32>() + noise > 0.0))
            };
            let y: Vec<f32> = x.chunks(28).zip(&noise).map(label).collect();
            let (x, y) = (Tensor::new([rows, 28], x)?, Tensor::new([rows], y)?);
            Job { model: tabular()?, x, y, batch_size: 4096 }
        }
        _ => return Ok(None),
    }))
}

/// Standard normal rows; the label is the place of the largest of the first ten numbers.
fn rows_by_largest(rows: usize, row: &[usize]) -> Result<(Tensor, Tensor)> {
    let width: usize = row.iter().product();
    let x = normal(1, rows * width);
    let largest = |row: &[f32]| {
        (0..10).fold(0, |best, at| if row[at] > row[best] { at } else { best }) as i32
    };
    let y: Vec<i32> = x.chunks(width).map(largest).collect();
    let shape: Vec<usize> = std::iter::once(rows).chain(row.iter().copied()).collect();
    Ok((Tensor::new(shape, x)?, Tensor::new([rows], y)?))
}

/// Whole numbers below `vocabulary`.
fn tokens(count: usize, vocabulary: u32) -> Vec<i32> {
    let mut words = vec![0; count];
    Philox::new(1).fill(3, 0, &mut words);
    words.into_iter().map(|word| (word % vocabulary) as i32).collect()
}

fn tabular() -> Result<Model> {
    let mut model = Sequential::new()
        .input([28])
        .add(Dense::new(256).activation("relu"))
        .add(Dense::new(256).activation("relu"))
        .add(Dense::new(1).activation("sigmoid"));
    model.compile(Adam::new(1e-3), BinaryCrossentropy::new(), ["accuracy"])?;
    Ok(model.into())
}

fn small_convnet() -> Result<Model> {
    let mut model = Sequential::new()
        .input([28, 28, 1])
        .add(Conv2D::new(32, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(64, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Flatten::new())
        .add(Dropout::new(0.5))
        .add(Dense::new(10).activation("softmax"));
    model.compile(Adam::new(1e-3), SparseCategoricalCrossentropy::new(), ["accuracy"])?;
    Ok(model.into())
}

fn resnet20() -> Result<Model> {
    let conv = |filters: usize, size: usize, stride: usize| {
        Conv2D::new(filters, size).strides(stride).padding("same").use_bias(false)
    };
    let input = Input::new([32, 32, 3]).tensor();
    let mut x = BatchNormalization::new().on(&conv(16, 3, 1).on(&input));
    x = Activation::new("relu").on(&x);
    for (stage, filters) in [16, 32, 64].into_iter().enumerate() {
        for block in 0..3 {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let y = BatchNormalization::new().on(&conv(filters, 3, stride).on(&x));
            let y = conv(filters, 3, 1).on(&Activation::new("relu").on(&y));
            let y = BatchNormalization::new().on(&y);
            let shortcut = if stride == 2 { conv(filters, 1, 2).on(&x) } else { x };
            x = Activation::new("relu").on(&Add::new().on([&y, &shortcut]));
        }
    }
    let y = GlobalAveragePooling2D::new().on(&x);
    let y = Dense::new(10).activation("softmax").on(&y);
    let mut model = Model::functional([&input], [&y])?;
    model.compile(
        SGD::new(0.01).momentum(0.9),
        SparseCategoricalCrossentropy::new(),
        ["accuracy"],
    )?;
    Ok(model)
}

fn lstm() -> Result<Model> {
    let words = Input::new([80]).dtype(DType::I32).tensor();
    let x = Embedding::new(20_000, 128).on(&words);
    let y = Dense::new(1).activation("sigmoid").on(&LSTM::new(128).on(&x));
    let mut model = Model::functional([&words], [&y])?;
    model.compile(Adam::new(1e-3), BinaryCrossentropy::new(), ["accuracy"])?;
    Ok(model)
}

/// Four blocks of a transformer that predicts the next word.
fn gpt() -> Result<Model> {
    let words = Input::new([128]).dtype(DType::I32).tensor();
    let places = kerros::ops::cumsum(&kerros::ops::ones_like(&words), 1) - 1;
    let mut x = Embedding::new(8_000, 256).on(&words) + Embedding::new(128, 256).on(&places);
    for _ in 0..4 {
        let y = LayerNormalization::new().on(&x);
        let causal = arguments([&y, &y]).with("use_causal_mask", true);
        x = x + MultiHeadAttention::new(4, 64).on(causal);
        let y = LayerNormalization::new().on(&x);
        let y = Dense::new(1024).activation("gelu").on(&y);
        x = x + Dense::new(256).on(&y);
    }
    let logits = Dense::new(8_000).on(&LayerNormalization::new().on(&x));
    let mut model = Model::functional([&words], [&logits])?;
    let loss = SparseCategoricalCrossentropy::new().from_logits(true);
    model.compile(AdamW::new(1e-3), loss, ["accuracy"])?;
    Ok(model)
}
