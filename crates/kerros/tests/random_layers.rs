//! Layers that draw random numbers while training: their statistics, what they do to the numbers
//! exactly, and that every device and number of threads gives the same bits.

use std::sync::Arc;

use kerros::device::{Device, Reference};
use kerros::graph::Node;
use kerros::layers::{
    AlphaDropout, AugMix, CutMix, Dropout, Equalization, GaussianDropout, GaussianNoise, Layer,
    MixUp, RandAugment, RandomBrightness, RandomColorDegeneration, RandomColorJitter,
    RandomContrast, RandomCrop, RandomElasticTransform, RandomErasing, RandomFlip,
    RandomGaussianBlur, RandomGrayscale, RandomInvert, RandomPerspective, RandomPosterization,
    RandomRotation, RandomSharpness, RandomShear, RandomTranslation, RandomZoom, Solarization,
    SpatialDropout1D, SpatialDropout2D, SpatialDropout3D,
};
use kerros::model::IntoLayer;
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
    let layers: [Arc<dyn Layer>; 6] = [
        Arc::new(RandomRotation::new(0.5)),
        Arc::new(RandomTranslation::new(0.5, 0.5)),
        Arc::new(RandomZoom::new(0.5)),
        Arc::new(RandomShear::new().x_factor(0.5).y_factor(0.5)),
        Arc::new(RandomPerspective::new().factor((1.0, 1.0))),
        Arc::new(RandomElasticTransform::new().factor((1.0, 1.0)).scale((1.0, 1.0))),
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

#[test]
fn a_share_of_the_images_is_inverted() {
    let invert = RandomInvert::new().factor((0.25, 0.25)).value_range(0.0, 4.0);
    let y = on_default(invert, &pairs(COUNT));
    assert!(y.chunks(2).all(|pair| pair == [1.0, 3.0] || pair == [3.0, 1.0]));
    let inverted = y.chunks(2).filter(|pair| pair[0] == 3.0).count() as f64 / COUNT as f64;
    assert!((inverted - 0.25).abs() < MEAN_OFF, "{inverted}");
}

#[test]
fn a_batch_is_cropped_at_one_place_and_the_next_at_another() {
    let (height, width, kept) = (6, 5, [3, 2]);
    let image: Vec<f32> = (0..height * width).map(|at| at as f32).collect();
    let x = Tensor::new([4, height, width, 1], image.repeat(4)).unwrap();
    let crop = RandomCrop::new(kept[0], kept[1]);
    let mut places = Vec::new();
    for step in 0..40 {
        let y = trained(crop.clone(), &x, step, default_device()).unwrap();
        let first = y[0] as usize;
        let (top, left) = (first / width, first % width);
        let part = (0..kept[0]).flat_map(|row| {
            (0..kept[1]).map(move |column| ((top + row) * width + left + column) as f32)
        });
        assert_eq!(y, part.collect::<Vec<f32>>().repeat(4));
        places.push((top, left));
    }
    // 4 x 4 places, each of which 40 steps miss with a probability of 8 %.
    places.sort_unstable();
    places.dedup();
    assert!((10..=16).contains(&places.len()), "{places:?}");
}

#[test]
fn rectangles_are_erased() {
    let x = Tensor::full([300, 6, 4, 2], 1.0f32);
    let always = RandomErasing::new().factor((1.0, 1.0)).scale((0.25, 0.25));
    // Half of the rows times half of the columns, wherever they begin.
    let y =
        on_default(always.clone().fill_value([9.0, 8.0, 7.0]), &Tensor::full([5, 6, 4, 3], 1.0f32));
    for image in y.chunks(6 * 4 * 3) {
        let erased: Vec<&[f32]> = image.chunks(3).filter(|pixel| pixel[0] != 1.0).collect();
        assert_eq!(erased, vec![&[9.0f32, 8.0, 7.0][..]; 6]);
    }
    // Noise, clipped to the range of values: half of it lies below.
    let y = on_default(always.value_range(0.0, 4.0), &x);
    let noise: Vec<f32> = y.into_iter().filter(|&v| v != 1.0).collect();
    assert_eq!(noise.len(), 300 * 6 * 2);
    assert!(noise.iter().all(|v| (0.0..=4.0).contains(v)));
    let share =
        |f: fn(&f32) -> bool| noise.iter().filter(|v| f(v)).count() as f64 / noise.len() as f64;
    // 3,600 numbers: standard deviations of 0.008 and 0.006.
    assert!((share(|&v| v == 0.0) - 0.5).abs() < 0.05);
    assert!((share(|&v| v == 4.0) - 0.1587).abs() < 0.04);
}

#[test]
fn elastic_images_are_displaced_by_blurred_noise() {
    let (rows, len) = (40usize, 32usize);
    let at = |index: usize| match index % 2 {
        0 => (index / 2 % len) as f32,
        _ => (index / 2 / len % len) as f32,
    };
    let x: Vec<f32> = (0..rows * len * len * 2).map(at).collect();
    let x = Tensor::new([rows, len, len, 2], x).unwrap();
    let layer = RandomElasticTransform::new().factor((1.0, 1.0)).scale((0.5, 0.5));
    let y = on_default(layer, &x);
    let mut displaced = Vec::new();
    for (index, pixel) in y.chunks(2).enumerate() {
        let (column, row) = (index % len, index / len % len);
        if (8..24).contains(&column) && (8..24).contains(&row) {
            let (dx, dy) = (pixel[0] - column as f32, pixel[1] - row as f32);
            assert!((dx - dy).abs() < 1e-5, "{dx} {dy}");
            displaced.push(dx);
        }
    }
    let (alpha, sigma) = (0.1 * 0.5 * len as f64, 0.05 * 0.5 * len as f64);
    let bell: Vec<f64> =
        (-2i32..=2).map(|i| (-0.5 * (f64::from(i) / sigma).powi(2)).exp()).collect();
    let sum: f64 = bell.iter().sum();
    let squares: f64 = bell.iter().map(|b| (b / sum).powi(2)).sum();
    let (mean, variance) = mean_and_variance(&displaced);
    let deviation = alpha * sigma * squares;
    // 10,240 numbers, of which some ten are about as one: 3 % of the deviation, 5 % of the
    // variance.
    assert!(mean.abs() < 0.15 * deviation, "{mean}");
    assert!((variance / deviation.powi(2) - 1.0).abs() < 0.25, "{variance} {deviation}");
}

#[test]
fn bits_are_drawn_below_the_upper_bound() {
    let x = Tensor::full([COUNT, 1, 1, 1], 255.0f32);
    let y = on_default(RandomPosterization::new((2.0, 5.0)), &x);
    for kept in [192.0, 224.0, 240.0] {
        let share = y.iter().filter(|&&v| v == kept).count() as f64 / COUNT as f64;
        assert!((share - 1.0 / 3.0).abs() < MEAN_OFF, "{kept}: {share}");
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
    let colors = x.reshape([9, 5, 2, 3])?;
    let over_colors: [Arc<dyn Layer>; 8] = [
        Arc::new(MixUp::new()),
        Arc::new(CutMix::new()),
        Arc::new(RandAugment::new().value_range(-1.5, 1.5).num_ops(3)),
        Arc::new(AugMix::new().value_range(-1.5, 1.5).num_chains(2).chain_depth(2)),
        Arc::new(RandomGrayscale::new()),
        Arc::new(RandomColorDegeneration::new(1.0).value_range(-1.5, 1.5)),
        Arc::new(
            RandomColorJitter::new()
                .value_range(-1.5, 1.5)
                .brightness_factor(0.2)
                .contrast_factor(0.5)
                .saturation_factor(0.5)
                .hue_factor(0.5),
        ),
        Arc::new(Solarization::new().threshold_factor(1.0).value_range(-1.5, 1.5)),
    ];
    let over_images: [Arc<dyn Layer>; 12] = [
        Arc::new(RandomCrop::new(3, 2)),
        Arc::new(RandomElasticTransform::new().value_range(-1.5, 1.5)),
        Arc::new(RandomErasing::new()),
        Arc::new(RandomGaussianBlur::new().value_range(-1.5, 1.5)),
        Arc::new(RandomInvert::new().factor(0.5)),
        Arc::new(RandomPerspective::new()),
        Arc::new(RandomPosterization::new(8.0).value_range(-1.5, 1.5)),
        Arc::new(RandomSharpness::new(1.0).value_range(-1.5, 1.5)),
        Arc::new(RandomShear::new().x_factor(0.5)),
        Arc::new(RandomFlip::new("horizontal_and_vertical")),
        Arc::new(RandomRotation::new(0.5).fill_mode("constant")),
        Arc::new(RandomContrast::new(0.5).value_range(-1.5, 1.5)),
    ];
    let all = all().into_iter().map(|layer| (layer, &x));
    let over_images = over_images.map(|layer| (layer, &images));
    let over_colors = over_colors.map(|layer| (layer, &colors));
    for (layer, x) in all.chain(over_images).chain(over_colors) {
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

/// The weight of each image that was mixed with another, from pixels that are `v` and `v^2`: the
/// sum of both images' values is the ratio of how far the pixels moved.
#[test]
fn mixed_images_have_weights_of_the_beta_distribution() -> Result<()> {
    const COUNT: usize = 4000;
    let value = |at: usize| 1.0 + at as f32 / COUNT as f32;
    let x: Vec<f32> = (0..COUNT).flat_map(|at| [value(at), value(at).powi(2)]).collect();
    let x = Tensor::new([COUNT, 1, 2, 1], x)?;
    for alpha in [0.2, 1.0, 4.0] {
        let y = on_default(MixUp::new().alpha(alpha), &x);
        let moved = |at: usize| {
            let by = [y[2 * at] - value(at), y[2 * at + 1] - value(at).powi(2)];
            let other = by[1] / by[0] - value(at);
            (by[0].abs() > 1e-2).then(|| f64::from(1.0 - by[0] / (other - value(at))))
        };
        // Images that hardly moved have weights near 1, so that only half of the others, with
        // weights up to 1/2, are counted: the distribution is the same on both sides.
        let low: Vec<f64> = (0..COUNT).filter_map(moved).filter(|weight| *weight < 0.5).collect();
        let share = low.len() as f64 / COUNT as f64;
        assert!((share - 0.5).abs() < 0.04, "{alpha}: {share}");
        let square = low.iter().map(|weight| (weight - 0.5).powi(2)).sum::<f64>();
        let variance = square / low.len() as f64;
        let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
        assert!((variance / expected - 1.0).abs() < 0.06, "{alpha}: {variance}, not {expected}");
    }
    Ok(())
}

/// A rectangle of one other image, as large as the beta distribution says.
#[test]
fn cut_images_hold_rectangles_of_others() -> Result<()> {
    const COUNT: usize = 1000;
    const SIDE: usize = 8;
    let x: Vec<f32> = (0..COUNT * SIDE * SIDE).map(|at| (at / (SIDE * SIDE)) as f32).collect();
    let x = Tensor::new([COUNT, SIDE, SIDE, 1], x)?;
    let y = on_default(CutMix::new().factor((1.0, 1.0)), &x);
    let mut sum = 0;
    for (at, image) in y.chunks(SIDE * SIDE).enumerate() {
        let is_own = |value: &f32| *value == at as f32;
        let places: Vec<usize> = (0..image.len()).filter(|&at| !is_own(&image[at])).collect();
        let Some(&first) = places.first() else { continue };
        assert!(places.iter().all(|&place| image[place] == image[first]));
        let (rows, columns): (Vec<usize>, Vec<usize>) =
            places.iter().map(|place| (place / SIDE, place % SIDE)).unzip();
        let extent = |places: &[usize]| {
            places.iter().max().unwrap_or(&0) - places.iter().min().unwrap_or(&0) + 1
        };
        assert_eq!(places.len(), extent(&rows) * extent(&columns));
        sum += places.len();
    }
    let share = sum as f64 / (COUNT * SIDE * SIDE) as f64;
    assert!((share - 0.5).abs() < 0.04, "{share}");
    Ok(())
}

/// Counting the shades of a batch is the same on every device.
#[test]
fn equalization_has_one_result() -> Result<()> {
    let x: Vec<f32> = (0..9 * 60).map(|at| (at * at * 37 % 255) as f32).collect();
    let x = Tensor::new([9, 5, 4, 3], x)?;
    let first = trained(Equalization::new(), &x, 0, Arc::new(Reference))?;
    for threads in [1, 3, 8] {
        let threads = Some(threads);
        let options = CpuOptions { threads, always_parallel: true, ..CpuOptions::default() };
        let cpu = Arc::new(Cpu::with(&options)?);
        assert_eq!(first, trained(Equalization::new(), &x, 0, cpu)?);
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
