//! Threads and instruction sets change the time a run takes, never a bit of its result.

use kerros::load_model;
use kerros_cpu::{Cpu, CpuOptions};

use crate::workshop::Workshop;

/// Layers wide enough that the work is really divided among threads.
const WIDE: &str = r#"
[data]
dataset = "digits"
test_fraction = 0.2

[[layers]]
type = "Dense"
units = 256
activation = "relu"

[[layers]]
type = "Dropout"
rate = 0.3

[[layers]]
type = "Dense"
units = 256
activation = "tanh"

[[layers]]
type = "Dense"
units = 10
activation = "softmax"

[compile]
optimizer = "adam"
loss = "sparse_categorical_crossentropy"
metrics = ["accuracy"]

[fit]
epochs = 1
batch_size = 100
seed = 5
"#;

#[test]
fn any_number_of_threads_and_any_instruction_set() {
    let shop = Workshop::new();
    shop.write("wide.toml", WIDE);
    let result = |options: &[&str]| {
        let line = ["train", "wide.toml", "--no-plot", "--history", "h.json"];
        shop.run(&[&line[..], options].concat()).ok();
        let weights = load_model(shop.path("wide.keras")).unwrap().get_weights().unwrap();
        (weights, std::fs::read(shop.path("h.json")).unwrap())
    };
    let reference = result(&["--threads", "1", "--isa", "scalar"]);
    assert!(reference.0.iter().map(|weight| weight.num_elements()).sum::<usize>() > 80_000);
    for threads in ["1", "2", "3", "8"] {
        assert!(result(&["--threads", threads]) == reference, "{threads} threads");
    }
    for isa in ["scalar", "avx2", "avx512"] {
        let options = CpuOptions { isa: Some(isa.into()), ..CpuOptions::default() };
        if Cpu::with(&options).is_ok() {
            assert!(result(&["--threads", "2", "--isa", isa]) == reference, "{isa}");
        }
    }
}
