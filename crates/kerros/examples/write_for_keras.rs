//! Writes models in the middle of training, each with what comes of training on, for real Keras
//! to check: `cargo run -p kerros --example write_for_keras -- DIR`, then
//! `python fixtures/check_load.py DIR`.
//!
//! Together the models have every layer, activation, initializer, regularizer, constraint,
//! optimizer, schedule, loss and metric of the registries.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kerros::layers::{
    Activation, ActivityRegularization, AdaptiveAveragePooling1D, AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D, AdaptiveMaxPooling1D, AdaptiveMaxPooling2D, AdaptiveMaxPooling3D,
    Add, AlphaDropout, Average, AveragePooling1D, AveragePooling2D, AveragePooling3D,
    BatchNormalization, Concatenate, Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D,
    Conv3DTranspose, Cropping1D, Cropping2D, Cropping3D, Dense, DepthwiseConv1D, DepthwiseConv2D,
    Dot, Dropout, ELU, Flatten, GaussianDropout, GaussianNoise, GlobalAveragePooling1D,
    GlobalAveragePooling2D, GlobalAveragePooling3D, GlobalMaxPooling1D, GlobalMaxPooling2D,
    GlobalMaxPooling3D, GroupNormalization, Identity, LayerNormalization, LeakyReLU, Masking,
    MaxPooling1D, MaxPooling2D, MaxPooling3D, Maximum, Minimum, Multiply, Normalization, PReLU,
    Permute, RMSNormalization, ReLU, RepeatVector, Rescaling, Reshape, SeparableConv1D,
    SeparableConv2D, Softmax, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D,
    SpectralNormalization, Subtract, UnitNormalization, UpSampling1D, UpSampling2D, UpSampling3D,
    ZeroPadding1D, ZeroPadding2D, ZeroPadding3D,
};
use kerros::losses::{Loss, Targets};
use kerros::metrics::{Metric, MetricValue};
use kerros::model::{Input, IntoLayer};
use kerros::optimizers::{
    Adafactor, Adam, AdamW, Ftrl, LossScaleOptimizer, Muon, Nadam, Optimizer, RMSprop, SGD,
};
use kerros::regularizers::{L1, L1L2, L2};
use kerros::schedules::{
    CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay, LearningRate,
    PiecewiseConstantDecay, PolynomialDecay,
};
use kerros::trainer::{Compile, Evaluate, Series};
use kerros::{
    Choice, DType, Fit, Model, Result, Sequential, Tensor, Verbose, activations, constraints,
    initializers, losses, metrics, optimizers,
};
use serde_json::{Map, Value, json};

/// Rows of all data; with batches of [`BATCH`] the last is a ragged one.
const ROWS: usize = 20;
const BATCH: usize = 8;

fn main() -> Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: write_for_keras DIR");
        std::process::exit(2);
    };
    let io = |error| kerros::Error::new(kerros::ErrorKind::Io, "no folder").caused_by(error);
    std::fs::create_dir_all(&folder).map_err(io)?;
    let writer = Writer { folder };
    layers(&writer)?;
    sequence_layers(&writer)?;
    image_layers(&writer)?;
    volume_layers(&writer)?;
    merge_layers(&writer)?;
    random_layers(&writer)?;
    parts(&writer)?;
    all_optimizers(&writer)?;
    all_losses(&writer)?;
    all_metrics(&writer)
}

/// Reproducible numbers in `-1..1`.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn input(row: &[usize], seed: u64) -> Result<Tensor> {
    let dims: Vec<usize> = std::iter::once(ROWS).chain(row.iter().copied()).collect();
    Tensor::new(dims, numbers(ROWS * row.iter().product::<usize>(), seed))
}

/// Labels from 0 to `classes - 1`, every one of them there.
fn labels(classes: usize) -> Result<Tensor> {
    Tensor::new([ROWS], (0..ROWS).map(|row| (row * 7 % classes) as i32).collect::<Vec<_>>())
}

fn one_hot(classes: usize) -> Result<Tensor> {
    let mut data = vec![0.0f32; ROWS * classes];
    (0..ROWS).for_each(|row| data[row * classes + row * 7 % classes] = 1.0);
    Tensor::new([ROWS, classes], data)
}

struct Writer {
    folder: PathBuf,
}

impl Writer {
    /// Trains for an epoch, saves, tells what the model gives, trains on, tells again.
    fn write(&self, name: &str, model: Sequential, x: &Tensor, y: &Tensor) -> Result<()> {
        self.write_model(name, model.into_model(), x, y)
    }

    fn write_model(&self, name: &str, mut model: Model, x: &Tensor, y: &Tensor) -> Result<()> {
        let heard = name.to_string();
        model.on_warning(move |warning| eprintln!("{heard}: {warning}"));
        let fit =
            |epochs| Fit::epochs(epochs).batch_size(BATCH).shuffle(false).verbose(Verbose::Silent);
        model.fit((x, y), fit(1))?;
        let file = format!("{name}.keras");
        model.save(self.folder.join(&file))?;
        // Every optimizer's state, and every layer's weights, in the old format as well.
        let old_file =
            (name == "layers" || name.starts_with("optimizer_")).then(|| format!("{name}.h5"));
        if let Some(old_file) = &old_file {
            model.save(self.folder.join(old_file))?;
        }
        let mut side = json!({
            "file": file,
            "x": array(x),
            "y": array(y),
            "weights": variables(model.weights()?),
            "optimizer_variables": variables(model.optimizer_states()?),
            "predictions": array(&model.predict(x)?),
        });
        let found = model.evaluate_with((x, y), Evaluate::new().batch_size(BATCH))?;
        side["evaluate"] = found
            .iter()
            .map(|(name, value)| (name.to_string(), reported(value)))
            .collect::<Map<_, _>>()
            .into();
        let is_random = model.layers().iter().any(|entry| {
            let class = entry.layer.class_name();
            class.contains("Dropout") || class == "GaussianNoise"
        });
        if !is_random {
            side["fit"] = json!({"epochs": 2, "batch_size": BATCH});
            let history = model.fit((x, y), fit(2))?;
            let values = |series: &Series| -> Vec<Value> {
                match series {
                    Series::Numbers(numbers) => {
                        numbers.iter().map(|&number| reported(&number.into())).collect()
                    }
                    Series::Lists(lists) => {
                        lists.iter().map(|list| reported(&list.clone().into())).collect()
                    }
                }
            };
            let values =
                history.iter().map(|(name, series)| (name.to_string(), json!(values(series))));
            side["history_after"] = values.collect::<Map<_, _>>().into();
            side["weights_after"] = variables(model.weights()?);
            side["optimizer_variables_after"] = variables(model.optimizer_states()?);
            side["predictions_after"] = array(&model.predict(x)?);
        }
        write_text(&self.folder.join(format!("{name}.json")), &side.to_string())?;
        if let Some(old_file) = old_file {
            side["file"] = json!(old_file);
            write_text(&self.folder.join(format!("{name}_h5.json")), &side.to_string())?;
        }
        Ok(())
    }
}

fn write_text(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| {
        kerros::Error::new(kerros::ErrorKind::Io, "a side file was not written").caused_by(error)
    })
}

/// What a metric reported, as an array of the fixtures.
fn reported(value: &MetricValue) -> Value {
    let shape: Vec<usize> = match value {
        MetricValue::Number(_) => vec![],
        MetricValue::List(list) => vec![list.len()],
    };
    let data: Vec<Value> = value.as_slice().iter().map(|&value| number(value)).collect();
    json!({"shape": shape, "data": data})
}

/// An array in the form of the fixtures.
fn array(tensor: &Tensor) -> Value {
    let data: Vec<Value> = tensor.to_vec_f64().into_iter().map(number).collect();
    let mut array = json!({"shape": tensor.shape().dims(), "data": data});
    if tensor.dtype() == DType::I32 {
        let whole: Vec<i64> = tensor.to_vec_f64().iter().map(|&value| value as i64).collect();
        array["data"] = json!(whole);
        array["dtype"] = json!("int32");
    }
    array
}

fn number(value: f64) -> Value {
    match value {
        value if value.is_finite() => json!(value),
        f64::INFINITY => json!("inf"),
        f64::NEG_INFINITY => json!("-inf"),
        _ => json!("nan"),
    }
}

fn variables(values: Vec<(String, Tensor)>) -> Value {
    values.iter().map(|(path, value)| json!({"path": path, "value": array(value)})).collect()
}

/// Every layer.
fn layers(writer: &Writer) -> Result<()> {
    let x = input(&[4, 3, 2], 1)?;
    let mut normalization = Normalization::new();
    normalization.adapt(&x)?;
    let mut model = Sequential::new()
        .seed(11)
        .input([4, 3, 2])
        .add(Rescaling::new(2.0).offset(0.5))
        .add(normalization)
        .add(Identity::new())
        .add(Reshape::new([6, -1]))
        .add(Dense::new(5).name("on_the_last_axis"))
        .add(PReLU::new().shared_axes([1]))
        .add(Flatten::new())
        .add(Dense::new(8).use_bias(false).kernel_initializer("he_normal"))
        .add(LeakyReLU::new().negative_slope(0.1))
        .add(Dense::new(8).trainable(false))
        .add(ELU::new().alpha(0.7))
        .add(Dense::new(8))
        .add(ReLU::new().max_value(2.0).negative_slope(0.1))
        .add(Dense::new(6))
        .add(Activation::new("tanh"))
        .add(Dense::new(3))
        .add(Softmax::new());
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    writer.write("layers", model, &x, &labels(3)?)?;

    let x = input(&[6], 2)?;
    let mut model = Sequential::new()
        .seed(12)
        .name("with_dropout")
        .input([6])
        .add(Dense::new(8).activation("relu"))
        .add(Dropout::new(0.3).seed(7))
        .add(Dense::new(3).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    writer.write("layers_dropout", model, &x, &labels(3)?)
}

/// Layers over sequences.
fn sequence_layers(writer: &Writer) -> Result<()> {
    let mut model = Sequential::new()
        .seed(21)
        .input([8, 3])
        .add(Masking::new())
        .add(ZeroPadding1D::new((2, 1)))
        .add(Conv1D::new(4, 3).padding("causal").dilation_rate(2).activation("tanh"))
        .add(MaxPooling1D::new(2).strides(1))
        .add(SeparableConv1D::new(4, 2).depth_multiplier(2))
        .add(LayerNormalization::new())
        .add(AveragePooling1D::new(2))
        .add(DepthwiseConv1D::new(2).depth_multiplier(2).padding("same"))
        .add(RMSNormalization::new())
        .add(UpSampling1D::new(3))
        .add(Cropping1D::new((1, 2)))
        .add(Conv1DTranspose::new(3, 3).strides(2).output_padding(1))
        .add(UnitNormalization::new())
        .add(Permute::new([2, 1]))
        .add(AdaptiveMaxPooling1D::new(5).data_format("channels_first"))
        .add(AdaptiveAveragePooling1D::new(2))
        .add(ActivityRegularization::new().l1(0.01).l2(0.02))
        .add(GlobalMaxPooling1D::new())
        .add(RepeatVector::new(3))
        .add(GlobalAveragePooling1D::new())
        .add(SpectralNormalization::new(Dense::new(3).name("inner")))
        .add(Softmax::new());
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    writer.write("layers_sequences", model, &input(&[8, 3], 21)?, &labels(3)?)
}

/// Layers over images.
fn image_layers(writer: &Writer) -> Result<()> {
    let chain = || {
        Sequential::new()
            .seed(22)
            .input([6, 6, 2])
            .add(ZeroPadding2D::new([(1, 0), (0, 1)]))
            .add(Conv2D::new(4, [3, 2]).groups(2).activation("relu").kernel_regularizer("l2"))
            .add(BatchNormalization::new().momentum(0.8))
            .add(MaxPooling2D::new(2).strides(1).padding("same"))
            .add(DepthwiseConv2D::new(2).depth_multiplier(2).use_bias(false))
            .add(GroupNormalization::new().groups(2))
            .add(AveragePooling2D::new(2).padding("same"))
            .add(SeparableConv2D::new(3, 2).padding("same").activation("elu"))
            .add(UpSampling2D::new([2, 3]).interpolation("bilinear"))
            .add(Cropping2D::new([(0, 1), (1, 1)]))
            .add(Conv2DTranspose::new(4, 3).strides(2).padding("same"))
    };
    let mut model = chain()
        .add(AdaptiveMaxPooling2D::new([4, 3]))
        .add(AdaptiveAveragePooling2D::new(2))
        .add(GlobalAveragePooling2D::new())
        .add(Dense::new(3).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    writer.write("layers_images", model, &input(&[6, 6, 2], 22)?, &labels(3)?)?;

    // Frozen: its moving statistics stay where they are.
    let mut model = Sequential::new()
        .seed(22)
        .input([6, 6, 2])
        .add(chain().name("base").into_model().into_submodel().trainable(false))
        .add(GlobalMaxPooling2D::new())
        .add(Dense::new(3).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    writer.write("layers_images_frozen", model, &input(&[6, 6, 2], 23)?, &labels(3)?)
}

/// Layers over volumes.
fn volume_layers(writer: &Writer) -> Result<()> {
    let mut model = Sequential::new()
        .seed(23)
        .input([4, 3, 4, 2])
        .add(ZeroPadding3D::new([(1, 0), (0, 1), (0, 0)]))
        .add(Conv3D::new(3, 2).activation("tanh"))
        .add(MaxPooling3D::new([2, 1, 1]).strides(1))
        .add(BatchNormalization::new())
        .add(UpSampling3D::new([1, 2, 1]))
        .add(Cropping3D::new([(1, 0), (1, 1), (0, 0)]))
        .add(Conv3DTranspose::new(2, 2).strides([1, 2, 1]))
        .add(AveragePooling3D::new(2).padding("same"))
        .add(AdaptiveMaxPooling3D::new([1, 3, 2]))
        .add(AdaptiveAveragePooling3D::new([1, 2, 2]))
        .add(GlobalMaxPooling3D::new().keepdims(true))
        .add(GlobalAveragePooling3D::new())
        .add(Dense::new(3).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    writer.write("layers_volumes", model, &input(&[4, 3, 4, 2], 24)?, &labels(3)?)
}

/// Layers of several inputs, with a layer that is called twice.
fn merge_layers(writer: &Writer) -> Result<()> {
    let x = Input::new([4]).name("x").tensor();
    let shared = Dense::new(4).activation("tanh").name("shared").shared();
    let norm = BatchNormalization::new().momentum(0.7).shared();
    let (a, b) = (norm.on(&shared.on(&x)), Dense::new(4).on(&x));
    let c = norm.on(&shared.on(&b));
    let merged = [
        Add::new().on([&a, &b, &c]),
        Subtract::new().on([&a, &b]),
        Multiply::new().on([&a, &c]),
        Average::new().on([&a, &b]),
        Maximum::new().on([&b, &c]),
        Minimum::new().on([&a, &b]),
        Dot::new(1).normalize(true).on([&a, &b]),
    ];
    let all = Concatenate::new().on(&merged[..]);
    let y = Dense::new(3).activation("softmax").name("y").on(&all);
    let mut model = Model::functional([&x], [&y])?;
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    writer.write_model("layers_merged", model, &input(&[4], 25)?, &labels(3)?)
}

/// Layers that draw random numbers while training.
fn random_layers(writer: &Writer) -> Result<()> {
    let mut model = Sequential::new()
        .seed(24)
        .input([4, 2])
        .add(SpatialDropout1D::new(0.2).seed(3))
        .add(AlphaDropout::new(0.2).noise_shape([None, Some(1), None]))
        .add(GaussianDropout::new(0.2))
        .add(GaussianNoise::new(0.2))
        .add(Reshape::new([2, 2, 2]))
        .add(SpatialDropout2D::new(0.2))
        .add(Reshape::new([1, 2, 2, 2]))
        .add(SpatialDropout3D::new(0.2).data_format("channels_first"))
        .add(Flatten::new().data_format("channels_first"))
        .add(Dense::new(3).activation("softmax"));
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
    writer.write("layers_random", model, &input(&[4, 2], 26)?, &labels(3)?)
}

/// Every activation, initializer, regularizer and constraint.
fn parts(writer: &Writer) -> Result<()> {
    let (x, y) = (input(&[6], 3)?, input(&[1], 4)?);
    for entry in activations::REGISTRY.entries {
        // Kerros alone has `step` and the `hard_sigmoid` of Keras 2; `threshold` has no defaults, so that Keras cannot name it;
        // in Keras no layer knows that `glu` halves the axis.
        if ["step", "threshold", "glu", "hard_sigmoid_keras_2"].contains(&entry.class_name) {
            continue;
        }
        let mut model = Sequential::new()
            .seed(13)
            .input([6])
            .add(Dense::new(4).activation(entry.class_name))
            .add(Dense::new(1));
        model.compile("sgd", "mse", ())?;
        writer.write(&format!("activation_{}", entry.class_name), model, &x, &y)?;
    }
    let mut model = Sequential::new()
        .seed(14)
        .input([6])
        .add(Dense::new(4).activation(activations::LeakyRelu.negative_slope(0.1)))
        .add(Dense::new(4).activation(activations::Relu.max_value(0.5)))
        .add(Dense::new(4).activation(activations::Elu.alpha(0.3)))
        .add(Dense::new(1));
    model.compile("sgd", "mse", ())?;
    writer.write("activation_with_settings", model, &x, &y)?;

    let mut model = Sequential::new().seed(15).input([6]);
    // The windows of a Fourier transform are no weights of a dense layer.
    for entry in initializers::REGISTRY.entries.iter().filter(|entry| entry.class_name != "STFT") {
        model.push(Dense::new(6).activation("tanh").kernel_initializer(entry.class_name));
    }
    model.push(Dense::new(1));
    model.compile("sgd", "mse", ())?;
    writer.write("initializers", model, &x, &y)?;

    let orthogonal = kerros::regularizers::OrthogonalRegularizer::new(0.02);
    let mut model = Sequential::new()
        .seed(16)
        .input([6])
        .add(
            Dense::new(5)
                .kernel_regularizer(L1::new(0.01))
                .bias_regularizer(L2::new(0.02))
                .activity_regularizer(L1L2::new(0.01, 0.02))
                .activation("tanh"),
        )
        .add(Dense::new(5).kernel_regularizer(orthogonal).bias_regularizer("l1"))
        .add(Dense::new(1).kernel_regularizer("l2"));
    model.compile("sgd", "mse", ())?;
    writer.write("regularizers", model, &x, &y)?;

    let mut model = Sequential::new().seed(17).input([6]);
    for entry in constraints::REGISTRY.entries {
        let constraint = constraints::REGISTRY.named(entry.class_name)?;
        model.push(Dense::new(6).activation("tanh").kernel_constraint(constraint));
    }
    model.push(Dense::new(1).kernel_constraint(constraints::MaxNorm::new(0.4)));
    model.compile(SGD::new(0.3), "mse", ())?;
    writer.write("constraints", model, &x, &y)
}

/// Every optimizer and schedule, and the settings that add states.
fn all_optimizers(writer: &Writer) -> Result<()> {
    let mut cases: Vec<(String, Arc<dyn Optimizer>)> = Vec::new();
    for entry in optimizers::REGISTRY.entries {
        // Those around others come below: a name alone does not say around which.
        let Ok(optimizer) = optimizers::REGISTRY.named(entry.class_name) else { continue };
        cases.push((entry.class_name.to_lowercase(), optimizer));
    }
    let schedules: [(&str, LearningRate); 6] = [
        ("exponential", ExponentialDecay::new(0.1, 3, 0.5).staircase(true).into()),
        ("inverse_time", InverseTimeDecay::new(0.1, 2, 0.5).into()),
        ("piecewise", PiecewiseConstantDecay::new(vec![2, 5], vec![0.1, 0.05, 0.01]).into()),
        ("polynomial", PolynomialDecay::new(0.1, 5).power(2.0).into()),
        ("cosine", CosineDecay::new(0.01, 6).warmup_target(0.1).warmup_steps(2).into()),
        ("cosine_restarts", CosineDecayRestarts::new(0.1, 3).into()),
    ];
    for (name, schedule) in schedules {
        cases.push((format!("schedule_{name}"), Arc::new(SGD::new(schedule))));
    }
    let mut add = |name: &str, optimizer: Arc<dyn Optimizer>| cases.push((name.into(), optimizer));
    add("sgd_nesterov", Arc::new(SGD::new(0.1).momentum(0.9).nesterov(true)));
    add("sgd_decay", Arc::new(SGD::new(0.1).momentum(0.5).decay(0.1)));
    add("rmsprop_centered", Arc::new(RMSprop::new(0.01).momentum(0.5).centered(true)));
    add("adam_amsgrad", Arc::new(Adam::new(0.01).amsgrad(true).global_clipnorm(0.5)));
    add("adam_average", Arc::new(Adam::new(0.01).use_ema(true).ema_momentum(0.8)));
    add(
        "nadam_average_overwrites",
        Arc::new(Nadam::new(0.01).use_ema(true).ema_momentum(0.8).ema_overwrite_frequency(2)),
    );
    add("sgd_accumulates", Arc::new(SGD::new(0.1).momentum(0.9).gradient_accumulation_steps(2)));
    add("adamw_clips", Arc::new(AdamW::new(0.01).weight_decay(0.02).clipnorm(0.5)));
    add("ftrl_penalties", Arc::new(Ftrl::new(0.1).l1_regularization_strength(0.001)));
    add("adafactor_value", Arc::new(Adafactor::new(0.01).clipvalue(0.5)));
    add("loss_scaled", Arc::new(LossScaleOptimizer::new(Adam::new(0.01))));
    add("muon_scaled", Arc::new(Muon::new(0.01).loss_scale_factor(4.0)));
    let (x, y) = (input(&[6], 5)?, input(&[1], 6)?);
    for (name, optimizer) in cases {
        let mut model = Sequential::new()
            .seed(18)
            .input([6])
            .add(Dense::new(5).activation("tanh"))
            .add(Dense::new(4).activation("tanh"))
            .add(Dense::new(1));
        model.compile(optimizer, "mse", ["mae"])?;
        writer.write(&format!("optimizer_{name}"), model, &x, &y)?;
    }
    Ok(())
}

/// Every loss, with its default settings and, where it can, on logits.
fn all_losses(writer: &Writer) -> Result<()> {
    let x = input(&[6], 7)?;
    for entry in losses::REGISTRY.entries {
        // CTC compares sequences.
        if entry.class_name == "CTC" {
            continue;
        }
        let loss = losses::REGISTRY.named(entry.class_name)?;
        let has_logits = loss.config().contains_key("from_logits");
        let y = match loss.targets() {
            Targets::Labels => labels(3)?,
            Targets::Values | Targets::Any => one_hot(3)?,
        };
        for on_logits in [false, true] {
            let mut loss = loss.clone();
            if on_logits {
                if !has_logits {
                    continue;
                }
                let config = json!({"from_logits": true, "name": "on_logits"});
                let serialized = json!({"class_name": entry.class_name, "config": config});
                loss = losses::REGISTRY.deserialize(&serialized)?;
            }
            let last = if on_logits { "linear" } else { "softmax" };
            let mut model = Sequential::new()
                .seed(19)
                .input([6])
                .add(Dense::new(4).activation("tanh"))
                .add(Dense::new(3).activation(last));
            model.compile("sgd", Choice::<dyn Loss>::Object(loss), ())?;
            let suffix = if on_logits { "_on_logits" } else { "" };
            let name = format!("loss_{}{suffix}", entry.class_name.to_lowercase());
            writer.write(&name, model, &x, &y)?;
        }
    }
    Ok(())
}

/// Every metric, by object and as a weighted one.
fn all_metrics(writer: &Writer) -> Result<()> {
    let x = input(&[6], 8)?;
    for (name, targets, y, loss) in [
        ("values", Targets::Values, one_hot(3)?, "categorical_crossentropy"),
        ("labels", Targets::Labels, labels(3)?, "sparse_categorical_crossentropy"),
    ] {
        let mut all: Vec<Choice<dyn Metric>> = Vec::new();
        for entry in metrics::REGISTRY.entries {
            // Some have an argument that must be given.
            let Ok(metric) = metrics::REGISTRY.named(entry.class_name) else { continue };
            if metric.targets() == targets {
                all.push(Choice::Object(metric));
            }
        }
        all.push("accuracy".into());
        let mut model = Sequential::new()
            .seed(20)
            .input([6])
            .add(Dense::new(4).activation("tanh"))
            .add(Dense::new(3).activation("softmax"));
        let weighted = ["acc", "crossentropy"];
        model.compile_with(Compile::new("sgd", loss, all).weighted_metrics(weighted))?;
        writer.write(&format!("metrics_{name}"), model, &x, &y)?;
    }
    Ok(())
}
