//! Tests of the file formats. The fixtures come from `tests/archive/make_fixtures.py`.

mod hostile_hdf5;
mod hostile_zip;
mod reading;
mod writing;

use kerros_core::Tensor;

use super::{Archive, Attribute, WeightTree};

/// A file of the folder `crates/kerros/tests/archive`.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/archive/", $name)).as_slice()
    };
}
use fixture;

const SMALL: &[u8] = fixture!("small.keras");
const TYPES: &[u8] = fixture!("types.weights.h5");

/// An archive with every element type, an empty tensor, a scalar and both kinds of attribute.
fn sample() -> Archive {
    let mut weights = WeightTree::default();
    weights.group_mut("").set_text("written_by", "Kerros");
    let vars = weights.group_mut("layers/dense/vars");
    vars.set_text("name", "näme");
    vars.set_attribute(
        "weight_names",
        Attribute::Texts(vec!["kernel:0".into(), String::new(), "bias:0".into()]),
    );
    vars.push(Tensor::new([2, 3], [0.0f32, -0.0, 1.5, f32::NAN, f32::INFINITY, 1e-45]).unwrap());
    vars.push(Tensor::new([3], [0.1f64, -2.5, f64::MIN_POSITIVE]).unwrap());
    vars.push(Tensor::new([2], [i32::MIN, i32::MAX]).unwrap());
    vars.push(Tensor::new([2], [i64::MIN, i64::MAX]).unwrap());
    vars.push(Tensor::new([3], [0u8, 7, 255]).unwrap());
    vars.push(Tensor::from_bools([2], &[true, false]).unwrap());
    vars.push(Tensor::scalar(4.25f32));
    vars.push(Tensor::new([0, 4], Vec::<f32>::new()).unwrap());
    for number in 0..12 {
        weights.group_mut("optimizer/vars").push(Tensor::scalar(number));
    }
    weights.group_mut("layers/dropout/vars").set_text("name", "dropout");
    Archive {
        config: serde_json::json!({"class_name": "Sequential", "config": {"rate": 0.1, "n": [1]}}),
        metadata: serde_json::json!({"keras_version": "3.15.1"}),
        weights,
        vocabularies: Default::default(),
    }
}
