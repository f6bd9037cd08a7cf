//! Initializers: fans and theory from real Keras (`fixtures/initializers.json`), statistics of
//! large samples, exact limits, orthogonality, and the same bits for the same draw.

use kerros::initializers::{self, *};
use kerros::{Error, ErrorKind, Shape, Tensor};
use kerros_core::Philox;
use serde_json::{Value, json};

fn fixture() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/initializers.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn shape(value: &Value) -> Shape {
    value.as_array().unwrap().iter().map(|length| length.as_u64().unwrap() as usize).collect()
}

fn draw(stream: u32) -> Draw {
    Draw { philox: Philox::new(2024), stream }
}

fn values(tensor: &Tensor) -> &[f32] {
    tensor.as_slice::<f32>().unwrap()
}

struct Moments {
    mean: f64,
    variance: f64,
    /// The fourth central moment.
    fourth: f64,
}

fn moments(elements: &[f32]) -> Moments {
    let count = elements.len() as f64;
    let mean = elements.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let central =
        |power| elements.iter().map(|&x| (f64::from(x) - mean).powi(power)).sum::<f64>() / count;
    Moments { mean, variance: central(2), fourth: central(4) }
}

/// Within this many standard errors; with some 500 comparisons of fixed draws, a right
/// implementation would fail one with a probability of 10^-6 to begin with.
const SIGMAS: f64 = 6.0;

#[test]
fn samples_follow_the_theory() {
    for (at, case) in fixture()["cases"].as_array().unwrap().iter().enumerate() {
        let serialized = json!({"class_name": case["name"], "config": case["config"]});
        let initializer = initializers::REGISTRY.deserialize(&serialized).unwrap();
        for sample in case["samples"].as_array().unwrap() {
            let Some(theory) = sample["expected"].as_object() else { continue };
            let (mean, std) = (theory["mean"].as_f64().unwrap(), theory["std"].as_f64().unwrap());
            let tensor = initializer.initialize(&shape(&sample["shape"]), draw(at as u32)).unwrap();
            let found = moments(values(&tensor));
            let what = format!("{} {} {}", case["name"], case["config"], sample["shape"]);
            // The mean of n numbers has the standard error std / sqrt(n), their variance
            // sqrt((fourth - variance^2) / n). Constants have only the rounding to `f32`.
            let count = tensor.num_elements() as f64;
            let rounding = f64::from(f32::EPSILON) * mean.abs();
            let mean_error = SIGMAS * std / count.sqrt() + rounding;
            assert!((found.mean - mean).abs() <= mean_error, "{what}: mean {}", found.mean);
            let spread = (found.fourth - found.variance.powi(2)).max(0.0);
            let variance_error = SIGMAS * (spread / count).sqrt() + rounding.powi(2);
            assert!(
                (found.variance - std * std).abs() <= variance_error,
                "{what}: variance {} instead of {}",
                found.variance,
                std * std
            );
            for &x in values(&tensor) {
                let x = f64::from(x);
                // The limits themselves are rounded to `f32`.
                let low = theory["min"].as_f64().map(|low| f64::from(low as f32));
                let high = theory["max"].as_f64().map(|high| f64::from(high as f32));
                assert!(low.is_none_or(|low| x >= low), "{what}: {x} is below {low:?}");
                assert!(high.is_none_or(|high| x <= high), "{what}: {x} is above {high:?}");
            }
        }
    }
}

#[test]
fn configs_are_those_of_keras_and_are_read_back() {
    for case in fixture()["cases"].as_array().unwrap() {
        let serialized = json!({"class_name": case["name"], "config": case["config"]});
        let initializer = initializers::REGISTRY.deserialize(&serialized).unwrap();
        let written = initializers::REGISTRY.serialize(&*initializer);
        // Keras forgets the gain of `Identity`; here it is kept.
        let expected = match case["name"] == "Identity" {
            true => &case["config"],
            false => &case["get_config"],
        };
        // As text, because the order counts.
        assert_eq!(written["config"].to_string(), expected.to_string(), "{}", case["name"]);
        let again = initializers::REGISTRY.deserialize(&written).unwrap();
        assert_eq!(again.config(), initializer.config());
    }
}

#[test]
fn names_of_keras_are_known() {
    for name in [
        "zeros",
        "zero",
        "ones",
        "one",
        "constant",
        "identity",
        "IdentityInitializer",
        "uniform",
        "random_uniform",
        "normal",
        "random_normal",
        "truncated_normal",
        "glorot_uniform",
        "glorot_normal",
        "he_uniform",
        "he_normal",
        "lecun_uniform",
        "lecun_normal",
        "variance_scaling",
        "orthogonal",
        "OrthogonalInitializer",
    ] {
        assert!(initializers::REGISTRY.named(name).is_ok(), "{name}");
    }
}

#[test]
fn fans_are_those_of_keras() {
    let fixture = fixture();
    for (dims, fans) in fixture["fans"].as_object().unwrap() {
        let dims: Shape = shape(&serde_json::from_str(dims).unwrap());
        let fans = [0, 1].map(|at| fans[at].as_u64().unwrap() as usize);
        assert_eq!(compute_fans(&dims, None, None).unwrap(), (fans[0], fans[1]));
    }
    let attention = Shape::from([64, 8, 16]);
    assert_eq!(compute_fans(&attention, Some(&[0]), Some(&[1, -1])).unwrap(), (64, 128));
    assert!(compute_fans(&attention, Some(&[3]), Some(&[1])).is_err());
}

#[test]
fn the_distributions_have_their_shape() {
    // Shares of a standard normal below these points, from tables; each share p of n numbers
    // has the standard error sqrt(p (1 - p) / n).
    const NORMAL: [(f64, f64); 7] = [
        (-3.0, 0.001_349_898),
        (-2.0, 0.022_750_132),
        (-1.0, 0.158_655_254),
        (0.0, 0.5),
        (0.5, 0.691_462_461),
        (1.5, 0.933_192_799),
        (2.5, 0.993_790_335),
    ];
    let shape = Shape::from([400_000]);
    let share_below = |tensor: &Tensor, point: f64| {
        let below = values(tensor).iter().filter(|&&x| f64::from(x) < point).count();
        below as f64 / tensor.num_elements() as f64
    };
    let agree = |found: f64, theory: f64, what: &str| {
        let error = SIGMAS * (theory * (1.0 - theory) / 400_000.0).sqrt();
        assert!((found - theory).abs() <= error, "{what}: {found} instead of {theory}");
    };
    let normal = RandomNormal::new().stddev(1.0).initialize(&shape, draw(1)).unwrap();
    let cut = TruncatedNormal::new().stddev(1.0).initialize(&shape, draw(2)).unwrap();
    let below_cut = NORMAL[1].1;
    for (point, share) in NORMAL {
        agree(share_below(&normal, point), share, &format!("normal below {point}"));
        let share = ((share - below_cut) / (1.0 - 2.0 * below_cut)).clamp(0.0, 1.0);
        agree(share_below(&cut, point), share, &format!("truncated below {point}"));
    }
    let uniform = RandomUniform::new().minval(0.0).maxval(1.0).initialize(&shape, draw(3)).unwrap();
    for tenth in 1..10 {
        let point = f64::from(tenth) / 10.0;
        agree(share_below(&uniform, point), point, &format!("uniform below {point}"));
    }
}

#[test]
fn neighbours_are_independent() {
    // The correlation of n pairs of independent numbers has the standard error 1 / sqrt(n).
    let shape = Shape::from([200_000]);
    let samples = [
        RandomNormal::new().initialize(&shape, draw(4)),
        TruncatedNormal::new().initialize(&shape, draw(5)),
        RandomUniform::new().initialize(&shape, draw(6)),
    ];
    for sample in samples.map(Result::unwrap) {
        let (x, found) = (values(&sample), moments(values(&sample)));
        for lag in [1, 2, 4] {
            let products = x.iter().zip(&x[lag..]).map(|(&a, &b)| {
                (f64::from(a) - found.mean) * (f64::from(b) - found.mean) / found.variance
            });
            let correlation = products.sum::<f64>() / 200_000.0;
            assert!(correlation.abs() <= SIGMAS / 200_000f64.sqrt(), "{lag}: {correlation}");
        }
    }
}

#[test]
fn limits_are_exact() {
    // A span of which 24 random bits reach every number, and one where sums round up.
    for (low, high) in [(0.0f32, 1.0f32), (-0.05, 0.05), (1.0, 1.000_000_2), (16.0, 17.0)] {
        let uniform = RandomUniform::new().minval(low.into()).maxval(high.into());
        let sample = uniform.initialize(&Shape::from([100_000]), draw(7)).unwrap();
        assert!(values(&sample).iter().all(|&x| low <= x && x < high), "{low} {high}");
    }
    let same = RandomUniform::new().minval(2.0).maxval(2.0);
    let sample = same.initialize(&Shape::from([3]), draw(7)).unwrap();
    assert_eq!(values(&sample), [2.0, 2.0, 2.0]);
    let cut = TruncatedNormal::new().mean(-1.0).stddev(0.5);
    let sample = cut.initialize(&Shape::from([100_000]), draw(8)).unwrap();
    assert!(values(&sample).iter().all(|x| (-2.0..=0.0).contains(x)));
}

#[test]
fn orthogonal_matrices_are_orthogonal() {
    for (dims, gain) in [
        (vec![64, 32], 1.0),
        (vec![32, 64], 1.5),
        (vec![3, 3, 8, 16], 1.0),
        (vec![200, 100], 1.5),
        (vec![128, 128], 1.0),
        (vec![1, 1], 2.0),
        (vec![7, 1], 1.0),
    ] {
        let orthogonal = Orthogonal::new().gain(gain);
        let sample = orthogonal.initialize(&Shape::from(dims.clone()), draw(9)).unwrap();
        let columns = *dims.last().unwrap();
        let rows = sample.num_elements() / columns;
        let x = |row: usize, column: usize| f64::from(values(&sample)[row * columns + column]);
        let (short, long) = (rows.min(columns), rows.max(columns));
        for i in 0..short {
            for j in 0..=i {
                let gram: f64 = (0..long)
                    .map(|k| match rows >= columns {
                        true => x(k, i) * x(k, j),
                        false => x(i, k) * x(j, k),
                    })
                    .sum();
                let expected = if i == j { gain * gain } else { 0.0 };
                assert!((gram - expected).abs() < 1e-5, "{dims:?} ({i}, {j}): {gram}");
            }
        }
    }
}

#[test]
fn orthogonal_matrices_are_spread_evenly() {
    // Of evenly spread 2 x 2 orthogonal matrices half have determinant 1, and the head is
    // cos of an even angle: mean 0, variance 1/2. Without the signs of R it is never positive.
    let count = 2000u32;
    let (mut turns, mut sum, mut squares) = (0u32, 0.0, 0.0);
    for stream in 0..count {
        let matrix = Orthogonal::new().initialize(&Shape::from([2, 2]), draw(stream)).unwrap();
        let &[a, b, c, d] = values(&matrix) else { unreachable!("four elements") };
        turns += u32::from(a * d - b * c > 0.0);
        sum += f64::from(a);
        squares += f64::from(a * a);
    }
    let count = f64::from(count);
    assert!((f64::from(turns) / count - 0.5).abs() < SIGMAS * 0.5 / count.sqrt(), "{turns}");
    assert!((sum / count).abs() < SIGMAS * 0.5f64.sqrt() / count.sqrt(), "{sum}");
    assert!((squares / count - 0.5).abs() < SIGMAS * 0.125f64.sqrt() / count.sqrt(), "{squares}");
}

#[test]
fn identities() {
    let fixture = fixture();
    let expected = &fixture["identity_3_4_gain_0.5"];
    let matrix = Identity::new().gain(0.5).initialize(&Shape::from([3, 4]), draw(0)).unwrap();
    let expected: Vec<f64> =
        expected["data"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    assert_eq!(matrix.to_vec_f64(), expected);
}

/// FNV-1a of the bytes.
fn hash(tensor: &Tensor) -> u64 {
    let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    tensor.bytes().iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[test]
fn the_same_draw_gives_the_same_bits() {
    let shape = Shape::from([33, 17]);
    let expected: [(&str, u64); 6] = [
        ("glorot_uniform", 0x0664_d240_d1e6_eb4a),
        ("he_normal", 0x0bce_4995_5fd4_531c),
        ("random_normal", 0x4e2e_c3c2_244e_3904),
        ("truncated_normal", 0xfe53_0c79_0538_99bb),
        ("random_uniform", 0x1fb3_f5e0_3ee1_9fde),
        ("orthogonal", 0x309d_6621_139b_ea51),
    ];
    for (name, bits) in expected {
        let initializer = initializers::REGISTRY.named(name).unwrap();
        let first = initializer.initialize(&shape, draw(1)).unwrap();
        assert_eq!(first, initializer.initialize(&shape, draw(1)).unwrap());
        assert_ne!(first, initializer.initialize(&shape, draw(2)).unwrap());
        assert_eq!(hash(&first), bits, "{name}: {:#018x}", hash(&first));
    }
}

#[test]
fn a_seed_of_its_own_wins() {
    let shape = Shape::from([10]);
    let seeded = RandomNormal::new().seed(7);
    let first = seeded.initialize(&shape, draw(1)).unwrap();
    let other = Draw { philox: Philox::new(9), stream: 5 };
    assert_eq!(first, seeded.initialize(&shape, other).unwrap());
    assert_ne!(first, RandomNormal::new().seed(8).initialize(&shape, other).unwrap());
    let generator = json!({"class_name": "SeedGenerator", "config": {"seed": 7}});
    let serialized = json!({"class_name": "RandomNormal", "config": {"seed": generator}});
    let read = initializers::REGISTRY.deserialize(&serialized).unwrap();
    assert_eq!(first, read.initialize(&shape, draw(1)).unwrap());
}

#[test]
fn a_longer_sample_begins_like_a_shorter_one() {
    let [short, long] = [7, 1000]
        .map(|len| TruncatedNormal::new().initialize(&Shape::from([len]), draw(3)).unwrap());
    assert_eq!(values(&short), &values(&long)[..7]);
}

#[test]
fn what_cannot_be_filled_is_refused() {
    let refused = |result: Result<Tensor, Error>, kind: ErrorKind| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), kind);
        error.to_string()
    };
    let vector = Shape::from([4]);
    assert_eq!(
        refused(Orthogonal::new().initialize(&vector, draw(0)), ErrorKind::Shape),
        "an orthogonal matrix was asked for, of shape [4]\n  expected: at least two axes"
    );
    assert_eq!(
        refused(Identity::new().initialize(&vector, draw(0)), ErrorKind::Shape),
        "an identity matrix was asked for, of shape [4]\n  expected: two axes"
    );
    let negative = RandomNormal::new().stddev(-1.0);
    assert_eq!(
        refused(negative.initialize(&vector, draw(0)), ErrorKind::Argument),
        "stddev=-1\n  expected: 0 or more"
    );
    let reversed = RandomUniform::new().minval(1.0).maxval(0.0);
    assert_eq!(
        refused(reversed.initialize(&vector, draw(0)), ErrorKind::Argument),
        "minval=1 and maxval=0\n  expected: finite numbers, `minval` at most `maxval`"
    );
    let nothing = VarianceScaling::new().scale(0.0);
    assert_eq!(
        refused(nothing.initialize(&vector, draw(0)), ErrorKind::Argument),
        "scale=0\n  expected: a number above 0"
    );
    let serialized = json!({"class_name": "VarianceScaling", "config": {"mode": "fan"}});
    let error = initializers::REGISTRY.deserialize(&serialized).unwrap_err();
    let expected = "`mode` is \"fan\", expected \"fan_in\", \"fan_out\" or \"fan_avg\"";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn empty_shapes_are_fine() {
    // A Fourier kernel has three axes, of which none is empty.
    let entries = initializers::REGISTRY.entries.iter();
    for entry in entries.filter(|entry| entry.class_name != "STFT") {
        let initializer = initializers::REGISTRY.named(entry.class_name).unwrap();
        let sample = initializer.initialize(&Shape::from([0, 3]), draw(0)).unwrap();
        assert_eq!(sample.num_elements(), 0, "{}", entry.class_name);
    }
}
