//! Every function of `kerros::ops` makes the node that Keras's function makes, and gives what it
//! gives.
//!
//! Node and numbers come from `fixtures/make.py` for the family `ops_configs`, which builds the
//! same models with Keras; inputs are made here by the same formula as there. Tolerances are those
//! of the tests of operations: relative to the largest number of an array, and to 1, 64 units in
//! the last place, for sums and products of up to some 50 numbers in another order.

mod keras;

use std::collections::BTreeSet;

use kerros::model::{Input, KerasTensor};
use kerros::ops::{self, Axes, Index};
use kerros::{DType, Model, Result, Tensor};
use serde_json::Value;

use keras::{EPS, agrees, fill, fixture, numbers, shape as shape_of};

const BOUND: f64 = 64.0 * EPS;
const ROWS: usize = 3;

/// A case: the function, after a slash what is special, and what it makes of tensors.
type Case = (&'static str, fn(&[KerasTensor]) -> Vec<KerasTensor>);

fn case(name: &'static str, formula: fn(&[KerasTensor]) -> Vec<KerasTensor>) -> Case {
    (name, formula)
}

/// Cases of functions with the same arguments: inputs, what is made of them, settings.
macro_rules! each {
    ($inputs:tt $prepared:expr; $settings:tt; $($function:ident)*) => {
        vec![$(each!(@ $function $inputs $prepared; $settings)),*]
    };
    (@ $function:ident ($x:ident) $prepared:expr; ($($setting:expr),*)) => {
        case(stringify!($function), |inputs| {
            let $x = &inputs[0];
            let [x] = $prepared;
            vec![ops::$function(&x, $($setting),*)]
        })
    };
    (@ $function:ident ($x:ident, $y:ident) $prepared:expr; ()) => {
        case(stringify!($function), |inputs| {
            let [$x, $y] = [&inputs[0], &inputs[1]];
            let [a, b] = $prepared;
            vec![ops::$function(a, b)]
        })
    };
}

/// Cases written out, of which the result is one tensor.
macro_rules! cases {
    ($($name:literal ($($x:ident),*) => $made:expr;)*) => {
        vec![$(case($name, |inputs| {
            let [$($x),*] = inputs else { panic!("{}: {} inputs", $name, inputs.len()) };
            vec![$made]
        })),*]
    };
}

/// Cases written out, of which the result is several tensors.
macro_rules! many {
    ($($name:literal ($($x:ident),*) => $made:expr;)*) => {
        vec![$(case($name, |inputs| {
            let [$($x),*] = inputs else { panic!("{}: {} inputs", $name, inputs.len()) };
            Vec::from($made)
        })),*]
    };
}

/// Whole numbers of -7 to 7.
fn whole(x: &KerasTensor) -> KerasTensor {
    ops::cast(&(x * 4.0), DType::I32)
}

/// Whole numbers of 1 to 8.
fn natural(x: &KerasTensor) -> KerasTensor {
    ops::abs(&whole(x)) + 1
}

fn missing(x: &KerasTensor) -> KerasTensor {
    ops::choose(&ops::greater(x, 1.2), f32::NAN, x)
}

/// `size` on the diagonal.
fn diagonal(size: f32) -> Tensor {
    let element = |at: usize| if at.is_multiple_of(5) { size } else { 0.0 };
    Tensor::new([4, 4], (0..16).map(element).collect::<Vec<f32>>()).unwrap()
}

/// Matrices that have an inverse.
fn regular(x: &KerasTensor) -> KerasTensor {
    x + &diagonal(8.0)
}

fn definite(x: &KerasTensor) -> KerasTensor {
    ops::matmul(x, ops::transpose(x, [0, 2, 1])) + &diagonal(1.0)
}

fn positive(x: &KerasTensor) -> KerasTensor {
    ops::greater(x, 0.0)
}

fn of<const N: usize>(values: [f32; N]) -> Tensor {
    Tensor::new([N], values).unwrap()
}

fn whole_of<const N: usize>(values: [i32; N]) -> Tensor {
    Tensor::new([N], values).unwrap()
}

fn pair<T>((a, b): (T, T)) -> [T; 2] {
    [a, b]
}

fn elementwise() -> Vec<Vec<Case>> {
    vec![
        each! { (x) [x]; ();
            negative abs fabs square sqrt rsqrt cbrt reciprocal exp exp2 expm1 log log1p log2 log10
            sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh deg2rad rad2deg
            sinc i0 erf erfc erfinv floor ceil trunc sign angle real imag conjugate copy
            isfinite isinf isnan isneginf isposinf isreal signbit
            relu relu6 sigmoid log_sigmoid hard_sigmoid sparse_sigmoid softplus sparse_plus softsign
            silu hard_silu hard_tanh tanh_shrink selu
            stop_gradient zeros_like ones_like empty_like ravel fliplr flipud
        },
        each! { (x, y) [x, y]; ();
            add subtract multiply divide true_divide divide_no_nan floor_divide modulo fmod arctan2
            hypot logaddexp logaddexp2 maximum minimum fmax fmin heaviside
            equal not_equal greater greater_equal less less_equal isin vdot
        },
        each! { (x, y) [positive(x), positive(y)]; (); logical_and logical_or logical_xor },
        each! { (x) [whole(x)]; (); bitwise_invert bitwise_not },
        each! { (x, y) [whole(x), whole(y)]; (); bitwise_and bitwise_or bitwise_xor },
        each! { (x, y) [whole(x), natural(y)]; ();
            bitwise_left_shift bitwise_right_shift left_shift right_shift gcd lcm
        },
        each! { (x) [x]; (-1); softmax log_softmax sparsemax glu },
        cases! {
            "power" (x, y) => ops::power(ops::abs(x), y);
            "ldexp" (x, y) => ops::ldexp(x, whole(y));
            "round" (x) => ops::round(&(x * 0.77), 1);
            "clip" (x) => ops::clip(x, -0.5, 1.25);
            "clip/above" (x) => ops::clip(x, 0.5, f32::INFINITY);
            "nan_to_num" (x) => ops::nan_to_num(&missing(x), 0.25);
            "logical_not" (x) => ops::logical_not(&positive(x));
            "isclose" (x, y) => ops::isclose(x, y, 0.5, 0.125);
            "allclose" (x, y) => ops::allclose(x, y, 0.5, 8.0);
            "in_top_k" (x, y) => ops::in_top_k(ops::modulo(natural(&x.at(1, 0)), 5), y, 2);
            "choose" (x, y) => ops::choose(&positive(x), x, y);
            "select" (x, y) => ops::select([&ops::greater(x, 1), &positive(y)], [x, y], 0.5);
            "elu" (x) => ops::elu(x, 0.5);
            "celu" (x) => ops::celu(x, 0.5);
            "leaky_relu" (x) => ops::leaky_relu(x, 0.25);
            "hard_shrink" (x) => ops::hard_shrink(x, 0.75);
            "soft_shrink" (x) => ops::soft_shrink(x, 0.75);
            "squareplus" (x) => ops::squareplus(x, 2.0);
            "gelu" (x) => ops::gelu(x, false);
            "threshold" (x) => ops::threshold(x, 0.5, -2.0);
        },
    ]
}

fn reductions() -> Vec<Vec<Case>> {
    vec![
        each! { (x) [x]; (1);
            sum mean max min amax amin ptp prod var std median any all logsumexp argmax argmin
            cumsum cumprod
        },
        each! { (x) [missing(x)]; (-1);
            nansum nanmean nanmax nanmin nanprod nanvar nanstd nanmedian nanargmax nanargmin
        },
        each! { (x) [missing(x)]; (1); nancumsum nancumprod },
        cases! {
            "sum/kept" (x) => ops::sum(x, Axes::from([1, 2]).keep());
            "max/of_all" (x) => ops::max(x, ());
            "count_nonzero" (x) => ops::count_nonzero(&whole(x), 1);
            "average" (x, y) => ops::average(x, 1, y * y);
            "norm" (x) => ops::norm(x, 3.0, 1);
            "norm/of_matrices" (x) => ops::norm(x, None, [1, 2]);
            "norm/largest" (x) => ops::norm(x, f32::INFINITY, [1, 2]);
            "psnr" (x, y) => ops::psnr(x, y, 2.0);
            "quantile" (x) => ops::quantile(x, 0.25, 1);
            "percentile" (x) => ops::percentile(x, 30.0, Axes::from([1, 2]).keep());
            "nanquantile" (x) => ops::nanquantile(&missing(x), 0.25, 1);
            "nanpercentile" (x) => ops::nanpercentile(&missing(x), 30.0, 1);
            "diff" (x) => ops::diff(x, 2, -1);
            "trapezoid" (x) => ops::trapezoid(x, 0.5, 1);
        },
        many! { "moments" (x) => pair(ops::moments(x, [1, 2], true)); },
    ]
}

fn shapes() -> Vec<Vec<Case>> {
    vec![
        cases! {
            "reshape" (x) => ops::reshape(x, [-1, 2, 10]);
            "transpose" (x) => ops::transpose(x, [0, 2, 1]);
            "swapaxes" (x) => ops::swapaxes(x, 1, -1);
            "moveaxis" (x) => ops::moveaxis(x, [1, 2], [3, 1]);
            "expand_dims" (x) => ops::expand_dims(x, 1);
            "squeeze" (x) => ops::squeeze(x, -1);
            "broadcast_to" (x) => ops::broadcast_to(x, [3, 4, 5]);
            "flip" (x) => ops::flip(x, [1, 2]);
            "roll" (x) => ops::roll(x, 2, -1);
            "rot90" (x) => ops::rot90(x, -1, [1, 2]);
            "concatenate" (x, y) => ops::concatenate([x, y], -1);
            "stack" (x, y) => ops::stack([x, y], 1);
            "hstack" (x, y) => ops::hstack([x, y]);
            "vstack" (x, y) => ops::vstack([x, y]);
            "dstack" (x, y) => ops::dstack([x, y]);
            "append" (x, y) => ops::append(x, y, 1);
            "tile" (x) => ops::tile(x, [1, 2, 2]);
            "repeat" (x) => ops::repeat(x, 2, 1);
            "pad" (x) => ops::pad(x, [[0, 0], [1, 0], [2, 3]], "constant");
            "pad/reflect" (x) => ops::pad(x, [[0, 0], [1, 0], [2, 3]], "reflect");
            "tril" (x) => ops::tril(x, 1);
            "triu" (x) => ops::triu(x, -1);
            "diag" (x) => ops::diag(&x.at(0, 0), 1);
            "diagflat" (x) => ops::diagflat(&x.at(0, 0), -1);
            "diagonal" (x) => ops::diagonal(x, 1, [1, 2]);
            "trace" (x) => ops::trace(x, 1, [1, 2]);
        },
        many! {
            "split" (x) => ops::split(x, 2, 1);
            "split/places" (x) => ops::split(x, [1, 4], -1);
            "array_split" (x) => ops::array_split(x, 3, 2);
            "hsplit" (x) => ops::hsplit(x, 2);
            "vsplit" (x) => ops::vsplit(x, [1]);
            "dsplit" (x) => ops::dsplit(x, [1, 3]);
            "unstack" (x) => ops::unstack(x, 4, 1);
            "meshgrid" (x, y) => ops::meshgrid([&x.at(0, 0), &y.at(0, 0)], "xy");
        },
    ]
}

fn places() -> Vec<Vec<Case>> {
    vec![
        each! { (x) [x.at(0, 0)]; (&whole_of([1, 0, 3, 1, 9, 3]), 4);
            segment_sum segment_prod segment_max segment_min
        },
        each! { (x) [x]; (1); sort argsort },
        cases! {
            "get_item" (x) => ops::get_item(x, [Index::ALL, Index::At(0), Index::from(1..)]);
            "get_item/all_sorts" (x) => {
                let back = Index::Range { start: None, stop: None, step: Some(-2) };
                ops::get_item(x, [Index::Rest, Index::NewAxis, back])
            };
            "at" (x) => ops::at(x, 1, 2);
            "slice" (x) => ops::slice(x, &whole_of([0, 1, 2]), [3, 2, 2]);
            "slice_update" (x) => {
                ops::slice_update(x, &whole_of([0, 1, 2]), &fill(&[3, 2, 2], 41))
            };
            "take" (x) => ops::take(x, &whole_of([3, 0]), 1);
            "take_along_axis" (x, y) => {
                ops::take_along_axis(x, ops::modulo(natural(y), 4), 1)
            };
            "one_hot" (x) => ops::one_hot(&natural(x), 9);
            "multi_hot" (x) => ops::multi_hot(&natural(x), 9);
            "argpartition" (x) => ops::argpartition(x, 2, -1);
            "searchsorted" (x) => ops::searchsorted(&of([-1.0, 0.0, 0.0, 0.5]), x, "right");
            "digitize" (x) => ops::digitize(x, &of([-1.0, 0.0, 0.5]));
            "scatter" (x) => {
                ops::scatter(&Tensor::new([3, 1], [0, 2, 0]).unwrap(), x, [4, 5])
            };
            "scatter_update" (x) => {
                let rows = Tensor::new([2, 2], [0, 1, 2, 3]).unwrap();
                ops::scatter_update(x, &rows, &fill(&[2, 5], 42))
            };
        },
        many! {
            "top_k" (x) => pair(ops::top_k(x, 2));
            "unravel_index" (x) => ops::unravel_index(&natural(x), [3, 7]);
        },
    ]
}

fn matrices() -> Vec<Vec<Case>> {
    vec![
        each! { (x) [regular(x)]; (); inv det },
        each! { (x) [definite(x)]; (); logdet cholesky },
        cases! {
            "cholesky_inverse" (x) => ops::cholesky_inverse(&ops::cholesky(&definite(x)).at(0, 0));
            "corrcoef" (x) => ops::corrcoef(x);
            "matmul" (x, y) => ops::matmul(x, y);
            "dot" (x, y) => ops::dot(x, y);
            "inner" (x, y) => ops::inner(x, y);
            "outer" (x, y) => ops::outer(x, y);
            "cross" (x, y) => ops::cross(x, y);
            "kron" (x, y) => ops::kron(x, y);
            "einsum" (x, y) => ops::einsum("bij,bkj->bik", [x, y]);
            "tensordot" (x) => ops::tensordot(x, &fill(&[5, 2], 51), 1);
            "tensordot/lists" (x) => {
                ops::tensordot(x, &fill(&[2, 5, 4], 51), [[1, 2], [2, 1]])
            };
            "cdist" (x, y) => ops::cdist(x, y);
            "correlate" (x, y) => ops::correlate(x.at(0, 0), y.at(0, 0), "same");
            "vander" (x) => ops::vander(&x.at(0, 0), 4, true);
            "solve" (x, y) => ops::solve(regular(x), y);
            "solve_triangular" (x, y) => ops::solve_triangular(regular(x), y, true);
        },
        many! {
            "slogdet" (x) => pair(ops::slogdet(&regular(x)));
            "qr" (x) => pair(ops::qr(&regular(x)));
            "lu_factor" (x) => pair(ops::lu_factor(&regular(x)));
        },
    ]
}

fn neural() -> Vec<Vec<Case>> {
    fn length(x: &KerasTensor, low: i32) -> KerasTensor {
        ops::modulo(natural(&x.at(1, 0)), 3) + low
    }
    vec![
        cases! {
            "layer_normalization" (x) => {
                ops::layer_normalization(x, &fill(&[5], 11), (), -1, 0.001)
            };
            "rms_normalization" (x) => ops::rms_normalization(x, &fill(&[5], 11), -1, 0.25);
            "batch_normalization" (x, y) => {
                let (mean, variance) = (fill(&[5], 11), ops::exp(&y.at(0, 0)));
                let (offset, scale) = (fill(&[5], 12), fill(&[5], 13));
                ops::batch_normalization(x, (&mean, variance), -1, (&offset, &scale), 0.25)
            };
            "binary_crossentropy" (x, y) => ops::binary_crossentropy(ops::sigmoid(x), y, true);
            "categorical_crossentropy" (x, y) => {
                ops::categorical_crossentropy(ops::softmax(x, -1), y, true)
            };
            "sparse_categorical_crossentropy" (x, y) => {
                let labels = ops::modulo(natural(&x.at(2, 0)), 5);
                ops::sparse_categorical_crossentropy(labels, y, true)
            };
            "dot_product_attention" (q, k, v) => {
                ops::dot_product_attention([q, k, v], (), (), true)
            };
            "normalize" (x) => ops::normalize(x, 1, 2);
            "ctc_loss" (x, y) => {
                let labels = ops::modulo(natural(x), 4) + 1;
                ops::ctc_loss(labels, y, length(x, 1), length(x, 5))
            };
        },
        many! { "ctc_decode" (x) => pair(ops::ctc_decode(x, &whole_of([7, 6, 4]))); },
    ]
}

fn windows() -> Vec<Vec<Case>> {
    vec![cases! {
        "conv" (x) => ops::conv(x, &fill(&[3, 2, 3, 2], 21), [2, 1], "same");
        "conv_transpose" (x) => ops::conv_transpose(x, &fill(&[3, 2, 2, 3], 24), 2, "same");
        "depthwise_conv" (x) => ops::depthwise_conv(x, &fill(&[2, 3, 3, 2], 22), 1, "valid");
        "separable_conv" (x) => {
            let (each, all) = (fill(&[2, 3, 3, 2], 22), fill(&[1, 1, 6, 2], 23));
            ops::separable_conv(x, &each, &all, 1, "same")
        };
        "max_pool" (x) => ops::max_pool(x, 2, 1, "same");
        "max_pool/side_by_side" (x) => ops::max_pool(x, 2, (), "valid");
        "average_pool" (x) => ops::average_pool(x, [2, 3], [1, 2], "valid");
        "adaptive_max_pool" (x) => ops::adaptive_max_pool(x, [2, 3]);
        "adaptive_average_pool" (x) => ops::adaptive_average_pool(x, [3, 2]);
        "depth_to_space" (x) => ops::depth_to_space(x, 2);
        "space_to_depth" (x) => ops::space_to_depth(x, 2);
        "unfold" (x) => ops::unfold(x, [2, 3], 2, 1, [2, 1]);
        "fold" (x) => ops::fold(x, [6, 7], [2, 3], 2, 1, [2, 1]);
        "extract_sequences" (x) => ops::extract_sequences(x, 3, 2);
    }]
}

fn waves() -> Vec<Vec<Case>> {
    vec![
        many! {
            "fft" (x, y) => pair(ops::fft([x, y]));
            "fft2" (x, y) => pair(ops::fft2([x, y]));
            "ifft2" (x, y) => pair(ops::ifft2([x, y]));
            "rfft" (x) => pair(ops::rfft(x, 8));
            "stft" (x) => pair(ops::stft(x, 8, 3, 8));
        },
        cases! {
            "irfft" (x, y) => ops::irfft([x, y], None);
            "istft" (x, y) => ops::istft([x, y], 8, 3, 8);
        },
    ]
}

fn values() -> Vec<Vec<Case>> {
    vec![cases! {
        "cast" (x) => ops::cast(x, DType::I32);
        "saturate_cast" (x) => ops::saturate_cast(&(x * 200.0), "uint8");
        "array" (x) => ops::array(x, DType::I32);
        "convert_to_tensor" (x) => ops::convert_to_tensor(x, None);
        "full" (x) => ops::full([3, 4], &ops::get_item(x, [Index::At(0), Index::At(0)]));
        "full_like" (x) => ops::full_like(x, 0.5);
        "linspace" (x, y) => ops::linspace(x, y, 4, 1);
        "geomspace" (x, y) => ops::geomspace(&ops::exp(x), ops::exp(y), 4, -1);
        "logspace" (x) => ops::logspace(x, 2.0, 3, 2.0, 0);
    }]
}

fn images() -> Vec<Vec<Case>> {
    use ops::image;
    vec![cases! {
        "image::rgb_to_grayscale" (x) => image::rgb_to_grayscale(&ops::sigmoid(x));
        "image::rgb_to_hsv" (x) => image::rgb_to_hsv(&ops::sigmoid(x));
        "image::hsv_to_rgb" (x) => image::hsv_to_rgb(&ops::sigmoid(x));
        "image::sobel_edges" (x) => image::sobel_edges(&ops::sigmoid(x));
        "image::resize" (x) => image::resize(x, [3, 7], "nearest");
        "image::pad_images" (x) => image::pad_images(x, 1, 2, 0, 3);
        "image::crop_images" (x) => image::crop_images(x, 1, 0, 2, 1);
        "image::extract_patches" (x) => image::extract_patches(x, 2, (), "same");
        "image::extract_patches_3d" (x) => image::extract_patches_3d(x, 2, 1, "valid");
        "image::gaussian_blur" (x) => image::gaussian_blur(x, [3, 5], [1.0, 0.5]);
        "image::ssim" (x, y) => image::ssim(&ops::sigmoid(x), ops::sigmoid(y), 1.0);
        "image::affine_transform" (x) => {
            let row = [1.0f32, 0.25, 0.5, -0.125, 1.0, 0.25, 0.0, 0.0];
            let transform = Tensor::new([3, 8], row.repeat(3)).unwrap();
            image::affine_transform(x, &transform, "bilinear", "reflect")
        };
        "image::perspective_transform" (x) => {
            let start = [0.0f32, 0.0, 0.0, 4.0, 3.0, 0.0, 3.0, 4.0];
            let end = [0.25f32, 1.0, 1.0, 4.0, 3.0, 0.5, 3.0, 3.0];
            let points = |row: [f32; 8]| Tensor::new([3, 4, 2], row.repeat(3)).unwrap();
            image::perspective_transform(x, &points(start), &points(end), "bilinear")
        };
        "image::map_coordinates" (x, y) => {
            image::map_coordinates(&x.at(0, 0), y.at(0, 0) * 2.0, 1, "nearest")
        };
    }]
}

fn all_cases() -> Vec<Case> {
    let groups = [
        elementwise(),
        reductions(),
        shapes(),
        places(),
        matrices(),
        neural(),
        windows(),
        waves(),
        values(),
        images(),
    ];
    groups.into_iter().flatten().flatten().collect()
}

/// Whether two settings are the same: numbers as `f32`.
fn is_same(ours: &Value, keras: &Value) -> bool {
    match (ours, keras) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().map(|a| a as f32) == b.as_f64().map(|b| b as f32)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::String(a), Value::String(b)) => a == b || (a == "Infinity" && b == "inf"),
        _ => ours == keras,
    }
}

/// What differs from Keras in a case.
fn check(case: &Value, formula: fn(&[KerasTensor]) -> Vec<KerasTensor>) -> Result<Vec<String>> {
    let rows: Vec<Vec<usize>> = case["rows"].as_array().unwrap().iter().map(shape_of).collect();
    let named = rows.iter().enumerate();
    let inputs: Vec<KerasTensor> =
        named.map(|(at, row)| Input::new(&row[..]).name(format!("x{at}")).tensor()).collect();
    let results = formula(&inputs);
    let mut model = Model::functional(&inputs, &results)?;
    let mut wrong = Vec::new();

    // The node: Python's words for numbers that JSON has not are no JSON.
    let written = model.to_json()?.replace("Infinity", "\"Infinity\"").replace("NaN", "null");
    let written: Value = serde_json::from_str(&written).unwrap();
    let output = match &written["config"]["output_layers"][0] {
        Value::Array(first) => &first[0],
        name => name,
    };
    let layers = written["config"]["layers"].as_array().unwrap();
    let node = layers.iter().find(|layer| &layer["name"] == output).unwrap();
    for name in ["module", "class_name"] {
        if node[name] != case[name] {
            wrong.push(format!("{name} {} instead of {}", node[name], case[name]));
        }
    }
    let keras = case["config"].as_object().unwrap();
    for (name, keras) in keras {
        let ours = node["config"].get(name).unwrap_or(&Value::Null);
        if !is_same(ours, keras) {
            wrong.push(format!("`{name}` is {ours} instead of {keras}"));
        }
    }
    for name in node["config"].as_object().unwrap().keys() {
        if name != "name" && !keras.contains_key(name) {
            wrong.push(format!("Keras writes no `{name}`"));
        }
    }

    // The numbers.
    let with_rows = |row: &[usize]| [&[ROWS], row].concat();
    let data: Vec<Tensor> =
        rows.iter().enumerate().map(|(at, row)| fill(&with_rows(row), at)).collect();
    let mut count = 0;
    let mut pass = model.function(|graph| {
        let named = data.iter().enumerate();
        let inputs: Vec<_> =
            named.map(|(at, x)| keras::input(graph, &format!("x{at}"), x)).collect();
        let outputs = model.call(&inputs, false, None)?.0.outputs;
        count = outputs.len();
        Ok(outputs.iter().map(|y| y.cast(DType::F32)).collect())
    })?;
    pass.run_on(&mut model, &data.iter().collect::<Vec<_>>())?;
    let keras = case["outputs"].as_array().unwrap();
    if count != keras.len() {
        wrong.push(format!("{count} results instead of {}", keras.len()));
    }
    for (at, keras) in keras.iter().enumerate().take(count) {
        let (found, shape) = (pass.output(at)?, shape_of(&keras["shape"]));
        if found.shape().dims() != shape {
            wrong.push(format!("result {at} of shape {} instead of {shape:?}", found.shape()));
            continue;
        }
        let (found, keras) = (found.to_vec_f64(), numbers(keras));
        let finite = keras.iter().filter(|k| k.is_finite());
        let largest = finite.fold(1.0f64, |largest, k| largest.max(k.abs()));
        let off = found.iter().zip(&keras).position(|(&f, &k)| !agrees(f, k, BOUND * largest));
        wrong
            .extend(off.map(|i| format!("result {at}[{i}]: {} instead of {}", found[i], keras[i])));
    }
    Ok(wrong)
}

#[test]
fn every_function_makes_keras_node_and_numbers() {
    let family = fixture("ops_configs.json");
    let cases = family["cases"].as_array().unwrap();
    let formulas = all_cases();
    let mut wrong = Vec::new();
    for (name, _) in &formulas {
        if !cases.iter().any(|case| case["name"] == *name) {
            wrong.push(format!("{name}: the fixtures have no such case"));
        }
    }
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let found = match formulas.iter().find(|(own, _)| *own == name) {
            Some((_, formula)) => {
                check(case, *formula).unwrap_or_else(|error| vec![error.to_string()])
            }
            None => vec!["there is no such case here".into()],
        };
        wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// The functions that the table of Keras's words names.
#[test]
fn every_function_of_the_table_has_a_case() {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/KERAS.md");
    let table = std::fs::read_to_string(table).unwrap();
    let named: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.rsplit("| `ops::").next().filter(|rest| rest.len() < line.len()))
        .map(|rest| rest.trim_end_matches("` |"))
        .collect();
    assert!(named.len() > 200, "{} functions", named.len());
    let cases: BTreeSet<&str> =
        all_cases().iter().map(|(name, _)| name.split('/').next().unwrap()).collect();
    let without: Vec<&&str> = named.difference(&cases).collect();
    assert!(without.is_empty(), "no case of {without:?}");
}
