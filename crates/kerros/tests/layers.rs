//! Layers: what they compute, their configs, and that devices agree.

use std::sync::Arc;

use kerros::device::{Device, Reference};
use kerros::layers::{
    Activation, ActivityRegularization, AdaptiveAveragePooling1D, AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D, AdaptiveMaxPooling1D, AdaptiveMaxPooling2D, AdaptiveMaxPooling3D,
    Add, AlphaDropout, Average, AveragePooling1D, AveragePooling2D, AveragePooling3D,
    BatchNormalization, Concatenate, Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D,
    Conv3DTranspose, Cropping1D, Cropping2D, Cropping3D, CustomScaleLayer, Dense, DepthwiseConv1D,
    DepthwiseConv2D, Dot, Dropout, ELU, Flatten, GaussianDropout, GaussianNoise,
    GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D, GlobalMaxPooling1D,
    GlobalMaxPooling2D, GlobalMaxPooling3D, GroupNormalization, Identity, InputLayer, Layer,
    LayerNormalization, LayerScale, LeakyReLU, LocallyConnected1D, LocallyConnected2D, Masking,
    MaxPooling1D, MaxPooling2D, MaxPooling3D, Maximum, Minimum, Multiply, Normalization, PReLU,
    Permute, Pipeline, REGISTRY, RMSNormalization, ReLU, RepeatVector, Rescaling, Reshape,
    SeparableConv1D, SeparableConv2D, Softmax, SpatialDropout1D, SpatialDropout2D,
    SpatialDropout3D, SpectralNormalization, Subtract, UnitNormalization, UpSampling1D,
    UpSampling2D, UpSampling3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D,
};
use kerros::model::{Input, IntoLayer};
use kerros::{Fit, Model, Result, Sequential, Tensor, Verbose};
use kerros_cpu::{Cpu, CpuOptions};

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
        Arc::new(
            Conv1D::new(4, 3)
                .padding("causal")
                .dilation_rate(2)
                .groups(2)
                .activation("relu")
                .kernel_regularizer("l2")
                .bias_constraint("non_neg")
                .name("c1"),
        ),
        Arc::new(
            Conv2D::new(4, [3, 2])
                .strides([2, 1])
                .padding("same")
                .data_format("channels_first")
                .use_bias(false)
                .kernel_initializer("he_normal")
                .activity_regularizer("l1")
                .name("c2"),
        ),
        Arc::new(Conv3D::new(2, [1, 2, 3]).strides(2).bias_initializer("ones").name("c3")),
        Arc::new(Conv1DTranspose::new(4, 3).strides(2).output_padding(1).name("t1")),
        Arc::new(Conv2DTranspose::new(4, 3).padding("same").dilation_rate([2, 1]).name("t2")),
        Arc::new(
            Conv3DTranspose::new(4, 3).data_format("channels_first").activation("elu").name("t3"),
        ),
        Arc::new(DepthwiseConv1D::new(3).depth_multiplier(2).strides(2).name("dw1")),
        Arc::new(DepthwiseConv2D::new(3).depthwise_regularizer("l1").padding("same").name("dw2")),
        Arc::new(SeparableConv1D::new(4, 3).pointwise_initializer("ones").name("s1")),
        Arc::new(
            SeparableConv2D::new(4, 3)
                .depth_multiplier(2)
                .depthwise_constraint("max_norm")
                .pointwise_regularizer("l2")
                .name("s2"),
        ),
        Arc::new(LocallyConnected1D::new(4, 3).strides(2).activation("relu").name("lc1")),
        Arc::new(LocallyConnected2D::new(4, [3, 2]).data_format("channels_first").name("lc2")),
        Arc::new(MaxPooling1D::new(3).strides(1).padding("same").name("m1")),
        Arc::new(MaxPooling2D::new([2, 3]).data_format("channels_first").name("m2")),
        Arc::new(MaxPooling3D::new(3).strides([1, 2, 3]).name("m3")),
        Arc::new(AveragePooling1D::new(3).strides(1).padding("same").name("a1")),
        Arc::new(AveragePooling2D::new([2, 3]).data_format("channels_first").name("a2")),
        Arc::new(AveragePooling3D::new(3).strides([1, 2, 3]).name("a3")),
        Arc::new(GlobalMaxPooling1D::new().keepdims(true).name("gm1")),
        Arc::new(GlobalMaxPooling2D::new().data_format("channels_first").name("gm2")),
        Arc::new(GlobalMaxPooling3D::new().keepdims(true).name("gm3")),
        Arc::new(GlobalAveragePooling1D::new().keepdims(true).name("ga1")),
        Arc::new(GlobalAveragePooling2D::new().data_format("channels_first").name("ga2")),
        Arc::new(GlobalAveragePooling3D::new().keepdims(true).name("ga3")),
        Arc::new(AdaptiveMaxPooling1D::new(3).name("am1")),
        Arc::new(AdaptiveMaxPooling2D::new([2, 3]).data_format("channels_first").name("am2")),
        Arc::new(AdaptiveMaxPooling3D::new(3).name("am3")),
        Arc::new(AdaptiveAveragePooling1D::new(3).name("aa1")),
        Arc::new(AdaptiveAveragePooling2D::new([2, 3]).data_format("channels_first").name("aa2")),
        Arc::new(AdaptiveAveragePooling3D::new(3).name("aa3")),
        Arc::new(Dropout::new(0.3).seed(7).noise_shape([None, Some(1)]).name("o")),
        Arc::new(SpatialDropout1D::new(0.3).seed(7).name("o1")),
        Arc::new(SpatialDropout2D::new(0.3).data_format("channels_first").name("o2")),
        Arc::new(SpatialDropout3D::new(0.3).data_format("channels_first").seed(7).name("o3")),
        Arc::new(AlphaDropout::new(0.3).seed(7).noise_shape([None, Some(1)]).name("ao")),
        Arc::new(GaussianDropout::new(0.3).seed(7).name("go")),
        Arc::new(GaussianNoise::new(0.3).seed(7).name("gn")),
        Arc::new(ActivityRegularization::new().l1(0.1).l2(0.2).name("ar")),
        Arc::new(Flatten::new().data_format("channels_first").name("f")),
        Arc::new(Reshape::new([2, -1]).name("h")),
        Arc::new(Permute::new([2, 1]).name("pe")),
        Arc::new(RepeatVector::new(3).name("rv")),
        Arc::new(Cropping1D::new((1, 2)).name("cr1")),
        Arc::new(Cropping2D::new([(1, 2), (0, 1)]).data_format("channels_first").name("cr2")),
        Arc::new(Cropping3D::new([1, 2, 3]).data_format("channels_first").name("cr3")),
        Arc::new(ZeroPadding1D::new((1, 2)).data_format("channels_first").name("z1")),
        Arc::new(ZeroPadding2D::new([(1, 2), (0, 1)]).name("z2")),
        Arc::new(ZeroPadding3D::new(2).data_format("channels_first").name("z3")),
        Arc::new(UpSampling1D::new(3).name("u1")),
        Arc::new(
            UpSampling2D::new([1, 3])
                .interpolation("bicubic")
                .data_format("channels_first")
                .name("u2"),
        ),
        Arc::new(UpSampling3D::new([1, 2, 3]).data_format("channels_first").name("u3")),
        Arc::new(Add::new().name("add")),
        Arc::new(Subtract::new().name("sub")),
        Arc::new(Multiply::new().name("mul")),
        Arc::new(Average::new().activity_regularizer("l2").name("avg")),
        Arc::new(Maximum::new().name("max")),
        Arc::new(Minimum::new().name("min")),
        Arc::new(Concatenate::new().axis(1).name("cat")),
        Arc::new(Dot::new((1, 2)).normalize(true).name("dot")),
        Arc::new(CustomScaleLayer::new(0.5).name("cs")),
        Arc::new(LayerScale::new(0.5, 4).name("ls")),
        Arc::new(
            BatchNormalization::new()
                .axis(1)
                .momentum(0.9)
                .epsilon(1e-5)
                .center(false)
                .gamma_regularizer("l2")
                .moving_mean_initializer("ones")
                .moving_variance_initializer("zeros")
                .name("bn"),
        ),
        Arc::new(LayerNormalization::new().axis([1, 2]).scale(false).rms_scaling(true).name("ln")),
        Arc::new(RMSNormalization::new().axis([-1, -2]).epsilon(1e-3).name("rn")),
        Arc::new(GroupNormalization::new().groups(-1).axis(1).beta_constraint("non_neg").name("g")),
        Arc::new(UnitNormalization::new().axis([1, 2]).name("un")),
        Arc::new(SpectralNormalization::new(Dense::new(3)).power_iterations(2).name("sn")),
        Arc::new(Masking::new().mask_value(0.5).name("ma")),
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
        Arc::new(Pipeline::new([Dense::new(2).name("first").into_layer()]).name("pipe")),
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

/// Layers whose configs are held against Keras's own in `keras_layers.rs`.
const BY_KERAS: [&str; 56] = [
    "Resizing",
    "CenterCrop",
    "RandomFlip",
    "RandomTranslation",
    "RandomRotation",
    "RandomZoom",
    "RandomContrast",
    "RandomBrightness",
    "CategoryEncoding",
    "Discretization",
    "IntegerLookup",
    "STFTSpectrogram",
    "MelSpectrogram",
    "AutoContrast",
    "Equalization",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "MixUp",
    "CutMix",
    "RandAugment",
    "AugMix",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "Solarization",
    "Embedding",
    "ReversibleEmbedding",
    "EinsumDense",
    "SimpleRNN",
    "GRU",
    "LSTM",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "SimpleRNNCell",
    "GRUCell",
    "LSTMCell",
    "StackedRNNCells",
    "RNN",
    "Bidirectional",
    "TimeDistributed",
    "Wrapper",
    "MultiHeadAttention",
    "GroupQueryAttention",
    "Attention",
    "AdditiveAttention",
];

#[test]
fn configs_read_back_as_they_were() {
    let layers = all();
    let classes: Vec<&str> = layers.iter().map(|layer| layer.class_name()).collect();
    let listed = REGISTRY.entries.iter().map(|entry| entry.class_name);
    let listed: Vec<&str> = listed.filter(|class| !BY_KERAS.contains(class)).collect();
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

/// Convolution, pooling and normalization: the reference and every way to use the host train to
/// the same bits.
#[test]
fn devices_agree_on_image_models_bit_for_bit() -> Result<()> {
    let x: Vec<f32> = (0..9 * 72).map(|at| ((at * 37 % 101) as f32 - 50.0) * 0.03).collect();
    let x = Tensor::new([9, 6, 6, 2], x)?;
    let y = Tensor::new([9], (0..9).map(|row| row * 7 % 3).collect::<Vec<i32>>())?;
    let run = |device: Arc<dyn Device>| -> Result<_> {
        let mut model = Sequential::new()
            .input([6, 6, 2])
            .seed(4)
            .device(device)
            .add(Conv2D::new(4, 3).padding("same").activation("relu"))
            .add(BatchNormalization::new())
            .add(MaxPooling2D::new(2).strides(1).padding("same"))
            .add(SpatialDropout2D::new(0.2))
            .add(DepthwiseConv2D::new(3).depth_multiplier(2).strides(2).padding("same"))
            .add(GroupNormalization::new().groups(4))
            .add(AveragePooling2D::new(2).padding("same"))
            .add(SeparableConv2D::new(5, 2))
            .add(LayerNormalization::new())
            .add(Conv2DTranspose::new(3, 3).strides(2).padding("same"))
            .add(UpSampling2D::new(2).interpolation("bicubic"))
            .add(AdaptiveMaxPooling2D::new(3))
            .add(GaussianNoise::new(0.1))
            .add(GlobalAveragePooling2D::new())
            .add(Dense::new(3).activation("softmax"));
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])?;
        let fit = Fit::epochs(2).batch_size(4).verbose(Verbose::Silent).validation((&x, &y));
        let history = model.fit((&x, &y), fit)?;
        Ok((history, model.get_weights()?, model.predict(&x)?))
    };
    let expected = run(Arc::new(Reference))?;
    for (threads, isa) in [(1, Some("scalar")), (2, Some("scalar")), (3, None)] {
        let isa = isa.map(String::from);
        let block_bytes = Some(1).filter(|_| threads % 2 == 0);
        let options =
            CpuOptions { threads: Some(threads), isa, always_parallel: true, block_bytes };
        assert!(run(Arc::new(Cpu::with(&options)?))? == expected, "{options:?}");
    }
    Ok(())
}
