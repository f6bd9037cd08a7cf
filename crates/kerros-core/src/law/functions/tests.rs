//! Every function against `f64`, in units of the last place, over every exponent.

use super::*;

/// Distance of `got` from `want` in units of the last place of `want` as `f32`; infinite when
/// one is NaN, or an infinity, that the other is not.
fn ulps(got: f32, want: f64) -> f64 {
    let rounded = want as f32;
    if want.is_nan() || rounded.is_infinite() || rounded == 0.0 {
        let same = (want.is_nan() && got.is_nan())
            || got == rounded
            // The reference lies within rounding of the limit.
            || (rounded == 0.0 && f64::from(got.abs()) <= 1.5e-45)
            || (rounded.is_infinite() && got.abs() == f32::MAX && want.abs() < 3.402_824e38);
        return if same { 0.0 } else { f64::INFINITY };
    }
    if !got.is_finite() {
        return if want.abs() > 3.402_823e38 && got.is_infinite() { 1.0 } else { f64::INFINITY };
    }
    let exponent = (((want.to_bits() >> 52) & 0x7ff) as i32 - 1023).max(-126);
    (f64::from(got) - want).abs() / 2f64.powi(exponent - 23)
}

/// Checks `f` at every `stride`-th bit pattern within `limit` and at the edges.
fn check(
    name: &str,
    bound: f64,
    limit: f32,
    more: &[f32],
    f: impl Fn(f32) -> f32,
    reference: impl Fn(f64) -> f64,
) {
    let edges = [0.0, 1.0, 0.5, 2.0, 88.0, 104.0, f32::MIN_POSITIVE, f32::MAX, 1e-45, 4_194_304.0];
    let near_edges = edges.iter().chain(more).flat_map(|x: &f32| {
        (-300i32..300).map(move |step| f32::from_bits(x.to_bits().wrapping_add_signed(step)))
    });
    let everywhere = (0..=0x7f80_0000u32).step_by(1009).map(f32::from_bits);
    let mut worst = (0.0, 0.0);
    for x in near_edges.chain(everywhere).flat_map(|x| [x, -x]).chain([f32::NAN, f32::INFINITY]) {
        if x.abs() > limit && x.is_finite() {
            continue;
        }
        let distance = ulps(f(x), reference(f64::from(x)));
        if distance > worst.0 {
            worst = (distance, x);
        }
    }
    println!("{name}: at most {:.3} ULP, at {:e}", worst.0, worst.1);
    assert!(
        worst.0 <= bound,
        "{name}({:e}) = {:e} is {:.3} ULP from {:e}, more than {bound}",
        worst.1,
        f(worst.1),
        worst.0,
        reference(f64::from(worst.1)),
    );
}

/// The error function in `f64`: its series of positive terms, and beyond 5 its limit.
fn erf64(x: f64) -> f64 {
    if x.abs() > 5.0 || x.is_nan() {
        return if x.is_nan() { x } else { x.signum() };
    }
    let (mut term, mut sum, mut k) = (x, x, 0.0);
    while term.abs() > sum.abs() * 1e-17 {
        k += 1.0;
        term *= 2.0 * x * x / (2.0 * k + 1.0);
        sum += term;
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp()
}

#[test]
fn exp_is_within_its_bound() {
    check("exp", 1.0, f32::MAX, &[88.722_84, 87.336_55, 103.972_08], exp, f64::exp);
}

#[test]
fn expm1_is_within_its_bound() {
    check("expm1", 1.5, f32::MAX, &[88.722_84, 17.328_68, 0.346_573_6], expm1, f64::exp_m1);
}

#[test]
fn log_is_within_its_bound() {
    check(
        "log",
        1.0,
        f32::MAX,
        &[std::f32::consts::FRAC_1_SQRT_2, std::f32::consts::SQRT_2],
        log,
        f64::ln,
    );
}

#[test]
fn log1p_is_within_its_bound() {
    check("log1p", 1.5, f32::MAX, &[0.414_213_57, 0.292_893_2], log1p, f64::ln_1p);
}

#[test]
fn tanh_is_within_its_bound() {
    check("tanh", 2.0, f32::MAX, &[0.625, 9.02, 10.0], tanh, f64::tanh);
}

#[test]
fn sigmoid_is_within_its_bound() {
    check("sigmoid", 2.0, f32::MAX, &[87.3, 103.97], sigmoid, |x| 1.0 / (1.0 + (-x).exp()));
}

#[test]
fn erf_is_within_its_bound() {
    check("erf", 1.5, f32::MAX, &[0.9277, 3.92], erf, erf64);
}

#[test]
fn sine_and_cosine_are_within_their_bounds() {
    let zeros: Vec<f32> =
        (1..2000u32).map(|k| (f64::from(k * 31) * std::f64::consts::FRAC_PI_2) as f32).collect();
    check("sin", 2.0, 1e5, &zeros, sin, f64::sin);
    check("cos", 2.0, 1e5, &zeros, cos, f64::cos);
}

#[test]
fn angles_too_large_stay_in_range() {
    for x in (1e5f32.to_bits()..f32::INFINITY.to_bits()).step_by(997).map(f32::from_bits) {
        assert!(sin(x).abs() <= 1.0 && cos(x).abs() <= 1.0);
        let error = (f64::from(sin(x)) - f64::from(x).sin()).abs();
        assert!(x > 4_194_304.0 || error < 4e-7, "sin({x}) is off by {error:e}");
    }
    assert_eq!((sin(1e30), cos(-1e30)), (0.0, 1.0));
}

#[test]
fn odd_functions_keep_the_sign_of_zero() {
    for f in [expm1::<f32>, log1p, tanh, erf, sin] {
        assert_eq!((f(0.0).to_bits(), f(-0.0).to_bits()), (0, SIGN));
        assert_eq!(f(-1e-45), -1e-45);
    }
}

#[test]
fn pow_is_within_its_bound() {
    let mut words = vec![0; 2_000_000];
    crate::Philox::new(11).fill(0, 0, &mut words);
    let mut worst = (0.0, 0.0, 0.0);
    for pair in words.chunks_exact(2) {
        // Any base, and exponents of every size that leave a result in range; or any two.
        let (x, any) = (f32::from_bits(pair[0] >> 1), f32::from_bits(pair[1]));
        let small = (pair[1] as i32) as f32 / 2_147_483_648.0;
        let scaled = (small * 160.0 / (x.log2().abs() + 1e-3)).clamp(-1e9, 1e9);
        for y in [scaled, small, scaled.round(), any] {
            let distance = ulps(pow(x, y), f64::from(x).powf(f64::from(y)));
            if distance > worst.0 {
                worst = (distance, x, y);
            }
        }
        let close = 1.0 + (pair[0] as i32 >> 12) as f32 / 16_777_216.0;
        let large = scaled * 100.0;
        let distance = ulps(pow(close, large), f64::from(close).powf(f64::from(large)));
        if distance > worst.0 {
            worst = (distance, close, large);
        }
    }
    println!("pow: at most {:.3} ULP, at {:e}, {:e}", worst.0, worst.1, worst.2);
    assert!(worst.0 <= 1.5, "pow({:e}, {:e}) is off by {} ULP", worst.1, worst.2, worst.0);
}

#[test]
fn pow_has_the_special_cases_of_c() {
    let nan = f32::NAN;
    let (inf, ninf) = (f32::INFINITY, f32::NEG_INFINITY);
    let edges = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        inf,
        ninf,
        nan,
        2.0,
        -2.0,
        3.0,
        -3.0,
        0.5,
        -0.5,
        1e-45,
        -1e-45,
        2.5,
        -2.5,
        16_777_216.0,
        16_777_215.0,
        -16_777_215.0,
        1e30,
        -1e30,
        f32::MAX,
        f32::MIN,
        4.0,
    ];
    for x in edges {
        for y in edges {
            let (got, want) = (pow(x, y), x.powf(y));
            let same = (got.is_nan() && want.is_nan()) || got.to_bits() == want.to_bits();
            assert!(same, "pow({x:e}, {y:e}) = {got:e}, in C {want:e}");
        }
    }
    assert_eq!((pow(nan, 0.0), pow(1.0, nan), pow(-1.0, inf)), (1.0, 1.0, 1.0));
    // Whole powers of whole numbers come out whole.
    assert_eq!((pow(3.0, 5.0), pow(-7.0, 3.0), pow(10.0, 2.0)), (243.0, -343.0, 100.0));
}
