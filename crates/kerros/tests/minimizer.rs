//! Optimizers for training steps written by hand.

use kerros::prelude::*;

fn model() -> Sequential {
    let hidden = Dense::new(4).activation("tanh").name("hidden");
    Sequential::new().input([3]).add(hidden).add(Dense::new(1).name("last")).seed(5)
}

fn data() -> (Tensor, Tensor) {
    let x = [0.5f32, -1.0, 2.0, 1.5, 0.0, -0.5];
    (Tensor::new([2, 3], x).unwrap(), Tensor::new([2, 1], [1.0f32, -2.0]).unwrap())
}

/// Steps of `optimizer` by hand, on these layers.
fn by_hand(model: &mut Model, optimizer: &str, layers: &[&str], steps: usize) -> Result<()> {
    let optimizer = model.optimizer(optimizer, layers.iter().copied())?;
    let mut step = model.function(|graph| {
        let x = graph.input("x", [2, 3], DType::F32);
        let y = graph.input("y", [2, 1], DType::F32);
        let (forward, _) = model.call(&[x], true, None)?;
        optimizer.minimize((forward.outputs[0] - y).square().mean_all())?;
        Ok(vec![])
    })?;
    let (x, y) = data();
    (0..steps).try_for_each(|_| step.run_on(model, &[&x, &y]))
}

#[test]
fn a_step_by_hand_is_that_of_compile() {
    for optimizer in ["sgd", "adam", "rmsprop"] {
        let (mut own, mut compiled) = (model(), model());
        by_hand(&mut own, optimizer, &["hidden", "last"], 3).unwrap();
        compiled.compile(optimizer, "mse", ()).unwrap();
        for _ in 0..3 {
            compiled.train_on_batch(data()).unwrap();
        }
        assert_eq!(own.get_weights().unwrap(), compiled.get_weights().unwrap(), "{optimizer}");
    }
}

#[test]
fn other_layers_stay() {
    let (mut before, mut after) = (model(), model());
    by_hand(&mut after, "sgd", &["last"], 1).unwrap();
    let (before, after) = (before.get_weights().unwrap(), after.get_weights().unwrap());
    let moved: Vec<bool> = before.iter().zip(&after).map(|(a, b)| a != b).collect();
    assert_eq!(moved, [false, false, true, true]);
}

#[test]
fn a_layer_that_is_not_there() {
    let error = model().optimizer("sgd", ["first"]).unwrap_err().to_string();
    assert!(error.contains("no layer is named `first`"), "{error}");
    assert!(error.contains("hidden, last"), "{error}");
}

#[test]
fn variables_descend() {
    let mut variables = Variables::new();
    let w = variables.declare("w", &Tensor::scalar(0.0f32)).unwrap();
    let optimizer = variables.optimizer(SGD::new(0.25), &[&w]).unwrap();
    let mut descend = variables
        .function(|graph| {
            let loss = (w.node(graph) - 3.0).square();
            optimizer.minimize(loss)?;
            Ok(vec![loss])
        })
        .unwrap();
    for _ in 0..20 {
        descend.run(&mut variables, &[]).unwrap();
    }
    let found = variables.read(&w).unwrap().as_slice::<f32>().unwrap()[0];
    assert!((found - 3.0).abs() < 1e-5, "{found}");
}
