//! The table of a model is Keras's, character by character (`model.summary()` of Keras 3.15 on
//! a terminal of 80 columns).

use kerros::layers::{Dense, Dropout};
use kerros::{Fit, Sequential, Tensor, Verbose};

fn model() -> Sequential {
    Sequential::new()
        .input([64])
        .add(Dense::new(64).activation("relu"))
        .add(Dropout::new(0.2))
        .add(Dense::new(10).activation("softmax"))
}

const TABLE: &str = "\
Model: \"sequential\"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ dense (Dense)                   │ (None, 64)             │         4,160 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dropout (Dropout)               │ (None, 64)             │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense_1 (Dense)                 │ (None, 10)             │           650 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
";

#[test]
fn a_built_model() {
    let mut model = model();
    model.build([64]).unwrap();
    let totals = " Total params: 4,810 (18.79 KB)
 Trainable params: 4,810 (18.79 KB)
 Non-trainable params: 0 (0.00 B)
";
    assert_eq!(model.summary(), format!("{TABLE}{totals}"));
    assert_eq!(model.count_params().unwrap(), 4810);
}

#[test]
fn a_trained_model_counts_the_optimizer() {
    let mut model = model();
    model.compile("adam", "mse", ()).unwrap();
    let (x, y) = (Tensor::full([4, 64], 0.0f32), Tensor::full([4, 10], 0.0f32));
    model.fit((&x, &y), Fit::epochs(1).verbose(Verbose::Silent)).unwrap();
    let totals = " Total params: 14,432 (56.38 KB)
 Trainable params: 4,810 (18.79 KB)
 Non-trainable params: 0 (0.00 B)
 Optimizer params: 9,622 (37.59 KB)
";
    assert_eq!(model.summary(), format!("{TABLE}{totals}"));
}
