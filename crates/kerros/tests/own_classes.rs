//! Classes of the user's own: a layer that files name, and that comes back with its weights once
//! it is registered.

use std::sync::Arc;

use kerros::initializers::Ones;
use kerros::layers::{Call, Layer, Options, Weight};
use kerros::object::{Config, Described, Entry};
use kerros::prelude::*;
use kerros::{layers, load_model};
use serde_json::json;

/// `y = x * scale^power`, with a scale for each feature that is learned.
#[derive(Clone, Debug)]
struct PowerScale {
    options: Options,
    power: i64,
}

impl Described for PowerScale {
    fn class_name(&self) -> &'static str {
        "PowerScale"
    }

    fn config(&self) -> Config {
        let mut config = self.options.config();
        config.insert("power".into(), json!(self.power));
        config
    }
}

impl Layer for PowerScale {
    fn options(&self) -> &Options {
        &self.options
    }

    fn weights(&self, inputs: &[Shape]) -> Result<Vec<Weight>> {
        let features = inputs[0][inputs[0].ndim() - 1];
        Ok(vec![Weight::new("scale", [features], Arc::new(Ones::new()))])
    }

    fn call<'g>(&self, inputs: &[Node<'g>], call: &Call<'_, 'g>) -> Result<Vec<Node<'g>>> {
        let mut y = inputs[0];
        for _ in 0..self.power {
            y = y * call.weights[0];
        }
        Ok(vec![y])
    }
}

fn entry(class_name: &'static str) -> Entry<dyn Layer> {
    Entry {
        class_name,
        names: &[],
        summary: "a power of a learned scale",
        from_config: |reader| {
            let options = Options::read(reader)?;
            let power = reader.maybe_i64("power").unwrap_or(1);
            Ok(Arc::new(PowerScale { options, power }))
        },
    }
}

#[test]
fn a_layer_of_ones_own_is_saved_and_loaded_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.keras");
    let layer = PowerScale { options: Options::here(), power: 3 };
    let mut model = Sequential::new().seed(1).input([2]).add(layer).add(Dense::new(1));
    model.compile(SGD::new(0.05), "mse", ()).unwrap();
    let x = Tensor::new([4, 2], [0.5f32, -1.0, 2.0, 0.25, -0.75, 1.5, 1.0, -0.5]).unwrap();
    let y = Tensor::new([4, 1], [1.0f32, 0.0, -1.0, 2.0]).unwrap();
    model.fit((&x, &y), Fit::epochs(2).verbose(Verbose::Silent)).unwrap();
    model.save(&path).unwrap();

    let error = load_model(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("the custom class `Custom>PowerScale`"), "{error}");
    assert!(error.to_string().contains("REGISTRY.register"), "{error}");

    layers::REGISTRY.register(entry("PowerScale")).unwrap();
    let mut loaded = load_model(&path).unwrap();
    assert_eq!(loaded.get_weights().unwrap(), model.get_weights().unwrap());
    assert_eq!(loaded.predict(&x).unwrap(), model.predict(&x).unwrap());
    let goes_on = Fit::epochs(1).verbose(Verbose::Silent);
    loaded.fit((&x, &y), goes_on).unwrap();
    model.fit((&x, &y), Fit::epochs(1).verbose(Verbose::Silent)).unwrap();
    assert_eq!(loaded.get_weights().unwrap(), model.get_weights().unwrap());

    let taken = layers::REGISTRY.register(entry("PowerScale")).unwrap_err();
    assert!(taken.to_string().contains("`PowerScale` is registered already"), "{taken}");
    assert!(layers::REGISTRY.register(entry("Dense")).is_err());
}
