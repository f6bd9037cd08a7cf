//! Layers that draw random numbers while training: their statistics, what they do to the numbers
//! exactly, and that every device and number of threads gives the same bits.

use std::sync::Arc;

use kerros::graph::Node;
use kerros::layers::{
    AlphaDropout, Dropout, GaussianDropout, GaussianNoise, Layer, RandomBrightness, RandomContrast,
    RandomFlip, RandomRotation, RandomTranslation, RandomZoom, SpatialDropout1D, SpatialDropout2D,
    SpatialDropout3D,
};
use kerros::model::IntoLayer;
use kerros::plan::{Device, Reference};
use kerros::{DType, Result, Sequential, Tensor, default_device};
use kerros_cpu::{Cpu, CpuOptions};

/// What a layer makes of `x` while training, in step `step` of seed 5.
fn trained(
    layer: impl IntoLayer,
    x: &Tensor,
    step: i32,
    device: Arc<dyn Device>,
) -> Result<Vec<f32>> {
    let mut model = Sequential::new().device(device).input(&x.shape()[1..]).add(layer);
    model.build(&x.shape()[1..])?;
    let mut pass = model.function(|graph| {
        let inputs: Vec<Node<'_>> = vec![graph.input("x", x.shape(), DType::F32)];
        let key = graph.input("key", [4], DType::I32);
        Ok(model.call(&inputs, true, Some(key))?.0.outputs)
    })?;
    let key = Tensor::new([4], [5, 0, step, 0])?;
    pass.run_on(&mut model, &[x, &key])?;
    Ok(pass.output(0)?.as_slice::<f32>()?.to_vec())
}

fn on_default(layer: impl IntoLayer, x: &Tensor) -> Vec<f32> {
    trained(layer, x, 0, default_device()).unwrap()
}

fn mean_and_variance(values: &[f32]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let square = |&v: &f32| (f64::from(v) - mean).powi(2);
    (mean, values.iter().map(square).sum::<f64>() / count)
}

/// With 20,000 numbers, a mean of variance 1 is off by 0.007 on average (one standard
/// deviation), a variance by 0.01: five of these never happen by chance.
const COUNT: usize = 20_000;
const MEAN_OFF: f64 = 0.035;
const VARIANCE_OFF: f64 = 0.05;

#[test]
fn what_is_kept_is_scaled_exactly() {
    let x = Tensor::full([COUNT / 10, 10], 3.0f32);
    let y = on_default(Dropout::new(0.25), &x);
    let scaled = 3.0f32 * (1.0 / (1.0 - 0.25));
    assert!(y.iter().all(|&v| v == 0.0 || v == scaled));
    let kept = y.iter().filter(|&&v| v != 0.0).count() as f64 / COUNT as f64;
    assert!((kept - 0.75).abs() < MEAN_OFF, "{kept}");
    assert!(on_default(Dropout::new(1.0), &x).iter().all(|&v| v == 0.0));
    assert_eq!(on_default(Dropout::new(0.0), &x), x.as_slice::<f32>().unwrap());
}

/// Whole channels of a row share their fate, and rows differ.
fn check_channels(layer: impl IntoLayer, shape: &[usize], channels_last: bool) {
    let x = Tensor::full(shape, 1.0f32);
    let y = on_default(layer, &x);
    let (rows, per_row) = (shape[0], shape[1..].iter().product::<usize>());
    let channels = if channels_last { *shape.last().unwrap() } else { shape[1] };
    let positions = per_row / channels;
    let mut fates = Vec::new();
    for row in 0..rows {
        for channel in 0..channels {
            let at = |position: usize| match channels_last {
                true => y[row * per_row + position * channels + channel],
                false => y[row * per_row + channel * positions + position],
            };
            let fate = at(0);
            assert!(fate == 0.0 || fate == 2.0);
            assert!((0..positions).all(|position| at(position) == fate));
            fates.push(fate);
        }
    }
    let (mean, _) = mean_and_variance(&fates);
    // 1,200 channels: a standard deviation of 0.03.
    assert!((mean - 1.0).abs() < 0.15, "{mean}");
}

#[test]
fn spatial_dropout_drops_whole_channels() {
    check_channels(SpatialDropout1D::new(0.5), &[200, 3, 6], true);
    check_channels(SpatialDropout2D::new(0.5), &[200, 3, 2, 6], true);
    check_channels(SpatialDropout3D::new(0.5), &[200, 2, 2, 2, 6], true);
    let first = "channels_first";
    check_channels(SpatialDropout2D::new(0.5).data_format(first), &[200, 6, 3, 2], false);
    check_channels(SpatialDropout3D::new(0.5).data_format(first), &[200, 6, 2, 1, 2], false);
}

#[test]
fn noise_has_its_mean_and_variance() {
    let x = Tensor::full([COUNT / 10, 10], 2.0f32);
    let (mean, variance) = mean_and_variance(&on_default(GaussianNoise::new(0.5), &x));
    assert!((mean - 2.0).abs() < 0.5 * MEAN_OFF, "{mean}");
    assert!((variance - 0.25).abs() < 0.25 * VARIANCE_OFF, "{variance}");
    // 2 (1 + s z) with s^2 = 0.2 / 0.8.
    let (mean, variance) = mean_and_variance(&on_default(GaussianDropout::new(0.2), &x));
    assert!((mean - 2.0).abs() < MEAN_OFF, "{mean}");
    assert!((variance - 1.0).abs() < VARIANCE_OFF, "{variance}");
}

#[test]
fn noise_is_normal() {
    let x = Tensor::zeros([COUNT / 10, 10], DType::F32);
    let mut z = on_default(GaussianNoise::new(1.0), &x);
    z.sort_by(f32::total_cmp);
    // Quantiles of the normal distribution; their standard deviations are below 0.02.
    for (share, quantile) in [(0.0228, -2.0), (0.1587, -1.0), (0.5, 0.0), (0.8413, 1.0)] {
        let found = f64::from(z[(share * COUNT as f64) as usize]);
        assert!((found - quantile).abs() < 0.1, "{share}: {found}");
    }
}

#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    let zeros = Tensor::zeros([COUNT / 10, 10], DType::F32);
    // Another step: in the same one both layers would draw the same numbers.
    let z = trained(GaussianNoise::new(1.0), &zeros, 1, default_device()).unwrap();
    let x = Tensor::new([COUNT / 10, 10], z).unwrap();
    let y = on_default(AlphaDropout::new(0.2), &x);
    let (mean, variance) = mean_and_variance(&y);
    assert!(mean.abs() < 2.0 * MEAN_OFF, "{mean}");
    assert!((variance - 1.0).abs() < 2.0 * VARIANCE_OFF, "{variance}");
    // Only what is dropped has the same value again and again.
    let (rate, dropped) = (0.2f64, -1.758_099_340_847_376_5f64);
    let a = ((1.0 - rate) * (1.0 + rate * dropped * dropped)).powf(-0.5);
    let value = a * dropped * (1.0 - rate);
    let is_dropped = |v: &&f32| (f64::from(**v) - value).abs() < 1e-6;
    let share = y.iter().filter(is_dropped).count() as f64 / COUNT as f64;
    assert!((share - 0.2).abs() < MEAN_OFF, "{share}");
}

/// Images of one row of two pixels.
fn pairs(count: usize) -> Tensor {
    Tensor::new([count, 1, 2, 1], [1.0f32, 3.0].repeat(count)).unwrap()
}

#[test]
fn half_of_the_images_are_flipped() {
    let y = on_default(RandomFlip::new("horizontal"), &pairs(COUNT));
    assert!(y.chunks(2).all(|pair| pair == [1.0, 3.0] || pair == [3.0, 1.0]));
    let flipped = y.chunks(2).filter(|pair| pair[0] == 3.0).count() as f64 / COUNT as f64;
    assert!((flipped - 0.5).abs() < MEAN_OFF, "{flipped}");
    assert_eq!(on_default(RandomFlip::new("vertical"), &pairs(50)), [1.0f32, 3.0].repeat(50));
}

#[test]
fn contrast_and_brightness_are_drawn_between_their_bounds() {
    // (x - 2) f + 2 with f in 0.8..1.4, and x + 4 f with f in -0.5..0.5, clipped at 0.
    let contrast = RandomContrast::new((0.2, 0.4)).value_range(0.0, 4.0);
    let factors: Vec<f32> =
        on_default(contrast, &pairs(COUNT)).chunks(2).map(|pair| pair[1] - 2.0).collect();
    let (mean, variance) = mean_and_variance(&factors);
    assert!(factors.iter().all(|f| (0.8..=1.4).contains(f)));
    assert!((mean - 1.1).abs() < 0.6 * MEAN_OFF && (variance - 0.03).abs() < 0.003, "{mean}");
    let brightness = RandomBrightness::new(0.5).value_range(0.0, 4.0);
    let y = on_default(brightness, &pairs(COUNT));
    assert!(y.iter().all(|v| (0.0..=4.0).contains(v)));
    let added: Vec<f32> = y.chunks(2).map(|pair| (pair[1] - 3.0).min(1.0)).collect();
    assert!(added.iter().all(|f| (-2.0..=1.0).contains(f)));
    assert!(y.chunks(2).all(|pair| pair[0] == 0.0 || pair[1] == 4.0 || pair[1] - pair[0] == 2.0));
}

#[test]
fn images_are_moved_each_in_its_own_way() {
    let layers: [Arc<dyn Layer>; 3] = [
        Arc::new(RandomRotation::new(0.5)),
        Arc::new(RandomTranslation::new(0.5, 0.5)),
        Arc::new(RandomZoom::new(0.5)),
    ];
    let image: Vec<f32> = (0..6 * 5).map(|at| (at * at % 11) as f32).collect();
    let x = Tensor::new([20, 6, 5, 1], image.repeat(20)).unwrap();
    for layer in layers {
        let y = on_default(layer.clone(), &x);
        let mut images: Vec<&[f32]> = y.chunks(30).collect();
        images.sort_by(|a, b| a.partial_cmp(b).unwrap());
        images.dedup();
        assert_eq!(images.len(), 20, "{}", layer.class_name());
        // Reflection invents nothing.
        assert!(y.iter().all(|v| (-1e-4..=10.0001).contains(v)));
    }
}

fn all() -> Vec<Arc<dyn Layer>> {
    vec![
        Arc::new(Dropout::new(0.3).noise_shape([None, Some(1), None])),
        Arc::new(SpatialDropout1D::new(0.3)),
        Arc::new(AlphaDropout::new(0.3)),
        Arc::new(GaussianDropout::new(0.3)),
        Arc::new(GaussianNoise::new(0.3)),
    ]
}

#[test]
fn devices_and_steps() -> Result<()> {
    let x: Vec<f32> = (0..45 * 6).map(|at| (at * 37 % 101) as f32 * 0.03 - 1.5).collect();
    let x = Tensor::new([45, 3, 2], x)?;
    let images = x.reshape([9, 5, 6, 1])?;
    let over_images: [Arc<dyn Layer>; 3] = [
        Arc::new(RandomFlip::new("horizontal_and_vertical")),
        Arc::new(RandomRotation::new(0.5).fill_mode("constant")),
        Arc::new(RandomContrast::new(0.5).value_range(-1.5, 1.5)),
    ];
    let all = all().into_iter().map(|layer| (layer, &x));
    for (layer, x) in all.chain(over_images.map(|layer| (layer, &images))) {
        let name = layer.class_name();
        let on = |step, device| trained(layer.clone(), x, step, device);
        let first = on(0, Arc::new(Reference))?;
        for (threads, isa) in [(1, "scalar"), (2, "scalar"), (3, "best"), (8, "best")] {
            let isa = Some(isa.to_string()).filter(|isa| isa != "best");
            let block_bytes = Some(1).filter(|_| threads % 2 == 0);
            let options =
                CpuOptions { threads: Some(threads), isa, always_parallel: true, block_bytes };
            assert_eq!(first, on(0, Arc::new(Cpu::with(&options)?))?, "{name}: {options:?}");
        }
        assert_ne!(first, on(1, default_device())?, "{name}: another step");
    }
    Ok(())
}

#[test]
fn a_seed_of_its_own_wins_over_the_models() -> Result<()> {
    let x = Tensor::full([50, 4], 1.0f32);
    let (a, b) = (on_default(Dropout::new(0.5).seed(1), &x), on_default(Dropout::new(0.5), &x));
    assert_ne!(a, b);
    assert_eq!(a, on_default(Dropout::new(0.5).seed(1), &x));
    assert_ne!(a, on_default(Dropout::new(0.5).seed(2), &x));
    Ok(())
}
