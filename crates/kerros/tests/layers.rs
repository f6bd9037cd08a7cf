//! Layers: what they compute, their configs, and that devices agree.

use std::sync::Arc;

use kerros::layers::{
    Activation, Dense, Dropout, ELU, Flatten, Identity, InputLayer, Layer, LeakyReLU,
    Normalization, PReLU, REGISTRY, ReLU, Rescaling, Reshape, Softmax,
};
use kerros::model::{Input, IntoLayer};
use kerros::plan::Reference;
use kerros::{Fit, Model, Result, Sequential, Tensor, Verbose};

/// One of every layer, with settings other than the defaults where there are any.
fn all() -> Vec<Arc<dyn Layer>> {
    vec![
        Arc::new(InputLayer::new([3, 2]).name("in")),
        Arc::new(
            Dense::new(4)
                .activation("tanh")
                .use_bias(false)
                .kernel_regularizer("l2")
                .kernel_constraint("max_norm")
                .activity_regularizer("l1")
                .trainable(false)
                .name("d"),
        ),
        Arc::new(Activation::new("softmax").name("a")),
        Arc::new(ReLU::new().max_value(6.0).negative_slope(0.1).threshold(0.5).name("r")),
        Arc::new(LeakyReLU::new().negative_slope(0.2).name("l")),
        Arc::new(ELU::new().alpha(0.7).name("e")),
        Arc::new(PReLU::new().alpha_initializer("ones").shared_axes([1]).name("p")),
        Arc::new(Softmax::new().axis(1).name("s")),
        Arc::new(Dropout::new(0.3).seed(7).noise_shape([None, Some(1)]).name("o")),
        Arc::new(Flatten::new().name("f")),
        Arc::new(Reshape::new([2, -1]).name("h")),
        Arc::new(Rescaling::new(0.5).offset([1.0, 2.0]).name("c")),
        Arc::new(Normalization::new().axes([1, 2]).invert(true).name("n")),
        Arc::new(Identity::new().name("i")),
        Arc::new(
            Sequential::new()
                .name("q")
                .input([2])
                .add(Dense::new(3).name("inside"))
                .into_model()
                .into_submodel()
                .trainable(false),
        ),
        Arc::new(functional().into_submodel()),
    ]
}

/// One layer called on two inputs.
fn functional() -> Model {
    let (a, b) = (Input::new([2]).name("a").tensor(), Input::new([2]).name("b").tensor());
    let shared = Dense::new(3).name("shared").shared();
    let last = Dense::new(1).name("last").on(&shared.on(&a));
    let model = Model::functional([&a, &b], [&last, &shared.on(&b)]).unwrap();
    model.name_model("m")
}

#[test]
fn configs_read_back_as_they_were() {
    let layers = all();
    let classes: Vec<&str> = layers.iter().map(|layer| layer.class_name()).collect();
    let listed: Vec<&str> = REGISTRY.entries.iter().map(|entry| entry.class_name).collect();
    assert_eq!(classes, listed, "every layer of the registry is tested here");
    for layer in layers {
        let again = REGISTRY.deserialize(&REGISTRY.serialize(&*layer)).unwrap();
        assert_eq!(again.config(), layer.config(), "{}", layer.class_name());
        let mut config = layer.config();
        config.insert("mystery".into(), 1.into());
        let strange = serde_json::json!({"class_name": layer.class_name(), "config": config});
        let error = REGISTRY.deserialize(&strange).unwrap_err().to_string();
        assert!(error.contains("unknown argument `mystery`"), "{error}");
    }
}

/// What a layer makes of these rows.
fn applied(layer: impl Layer + 'static, row: &[usize], x: &[f32]) -> (Vec<usize>, Vec<f32>) {
    let dims: Vec<usize> =
        std::iter::once(x.len() / row.iter().product::<usize>()).chain(row.to_vec()).collect();
    let mut model = Sequential::new().input(row).add(layer);
    let y = model.predict(Tensor::new(dims, x).unwrap()).unwrap();
    (y.shape().to_vec(), y.as_slice::<f32>().unwrap().to_vec())
}

#[test]
fn layers_compute_their_formulas() {
    let x = [-2.0, -0.5, 0.0, 0.25, 2.0, 9.0];
    let on = |layer: ReLU| applied(layer, &[6], &x).1;
    assert_eq!(on(ReLU::new()), [0.0, 0.0, 0.0, 0.25, 2.0, 9.0]);
    assert_eq!(on(ReLU::new().max_value(6.0)), [0.0, 0.0, 0.0, 0.25, 2.0, 6.0]);
    assert_eq!(on(ReLU::new().negative_slope(0.5)), [-1.0, -0.25, 0.0, 0.25, 2.0, 9.0]);
    let threshold = ReLU::new().threshold(0.5).negative_slope(0.5);
    assert_eq!(on(threshold), [-1.25, -0.5, -0.25, -0.125, 2.0, 9.0]);
    let leaky = applied(LeakyReLU::new().negative_slope(0.25), &[6], &x).1;
    assert_eq!(leaky, [-0.5, -0.125, 0.0, 0.25, 2.0, 9.0]);
    let elu = applied(ELU::new().alpha(2.0), &[2], &[-1.0, 3.0]).1;
    assert!((elu[0] + 2.0 * (1.0 - (-1.0f32).exp())).abs() < 1e-6 && elu[1] == 3.0);
    let prelu = applied(PReLU::new().alpha_initializer("ones"), &[2], &[-1.5, 3.0]).1;
    assert_eq!(prelu, [-1.5, 3.0]);
    let rescaled = applied(Rescaling::new([2.0, 3.0]).offset(1.0), &[2], &[1.0, 1.0]);
    assert_eq!(rescaled.1, [3.0, 4.0]);
    assert_eq!(applied(Flatten::new(), &[2, 3], &x).0, [1, 6]);
    assert_eq!(applied(Reshape::new([3, -1]), &[6], &x), (vec![1, 3, 2], x.to_vec()));
    assert_eq!(applied(Dropout::new(0.9), &[6], &x).1, x);
    assert_eq!(applied(Identity::new(), &[6], &x).1, x);
}

#[test]
fn softmax_goes_along_any_axes() {
    let x: Vec<f32> = (0..12).map(|at| (at * at % 7) as f32).collect();
    let sums = |softmax: Softmax, groups: &[&[usize]]| {
        let y = applied(softmax, &[2, 3], &x).1;
        for group in groups {
            let sum: f32 = group.iter().map(|&at| y[at]).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{group:?}: {sum}");
        }
        // Larger inputs of one group have larger outputs.
        for group in groups {
            for (&a, &b) in group.iter().zip(&group[1..]) {
                assert_eq!(x[a] < x[b], y[a] < y[b]);
            }
        }
    };
    sums(Softmax::new(), &[&[0, 1, 2], &[3, 4, 5], &[9, 10, 11]]);
    sums(Softmax::new().axis(1), &[&[0, 3], &[1, 4], &[8, 11]]);
    sums(Softmax::new().axes([1, 2]), &[&[0, 1, 2, 3, 4, 5], &[6, 7, 8, 9, 10, 11]]);
}

#[test]
fn normalization_makes_mean_zero_and_variance_one() -> Result<()> {
    let x: Vec<f32> = (0..40).map(|at| (at * at % 13) as f32 + 5.0).collect();
    let x = Tensor::new([20, 2], x)?;
    let mut layer = Normalization::new();
    layer.adapt(&x)?;
    let (mean, variance) = layer.statistics().unwrap();
    let undo = Normalization::new().mean_and_variance(mean.clone(), variance.clone()).invert(true);
    let mut model = Sequential::new().input([2]).add(layer);
    let y = model.predict(&x)?;
    for column in 0..2 {
        let values: Vec<f64> = y.to_vec_f64().into_iter().skip(column).step_by(2).collect();
        let mean = values.iter().sum::<f64>() / 20.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 20.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean} {variance}");
    }
    let paths: Vec<String> = model.weights()?.into_iter().map(|(path, _)| path).collect();
    let of = |name: &str| format!("sequential/normalization/{name}");
    assert_eq!(paths, [of("mean"), of("variance"), of("count")]);
    let back = Sequential::new().input([2]).add(undo).predict(&y)?;
    for (a, b) in back.to_vec_f64().iter().zip(x.to_vec_f64()) {
        assert!((a - b).abs() < 1e-5 * b);
    }
    Ok(())
}

#[test]
fn devices_agree_bit_for_bit() -> Result<()> {
    let rows = 45;
    let x: Vec<f32> = (0..rows * 6).map(|at| ((at * 37 % 101) as f32 - 50.0) * 0.03).collect();
    let x = Tensor::new([rows, 6], x)?;
    let y = Tensor::new([rows], (0..rows).map(|row| (row * 7 % 3) as i32).collect::<Vec<_>>())?;
    let weights = Tensor::new([rows], (0..rows).map(|row| row as f32 * 0.1).collect::<Vec<_>>())?;
    let run = |reference: bool| -> Result<_> {
        let mut model = Sequential::new().input([6]).seed(4);
        if reference {
            model = model.device(Arc::new(Reference));
        }
        let mut model = model
            .add(Rescaling::new(0.5))
            .add(Dense::new(9).activation("relu").kernel_regularizer("l1_l2"))
            .add(Dropout::new(0.25))
            .add(Dense::new(7).activation("gelu").kernel_constraint("unit_norm"))
            .add(PReLU::new())
            .add(Dense::new(3))
            .add(Softmax::new());
        let optimizer = kerros::optimizers::Adam::new(0.01).global_clipnorm(0.5).use_ema(true);
        model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])?;
        let fit = Fit::epochs(3).batch_size(16).verbose(Verbose::Silent).validation((&x, &y));
        let history = model.fit((&x, &y, &weights), fit)?;
        Ok((history, model.get_weights()?, model.optimizer_states()?, model.predict(&x)?))
    };
    assert_eq!(run(true)?, run(false)?);
    Ok(())
}
