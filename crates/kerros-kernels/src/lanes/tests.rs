use kerros_core::Philox;
use kerros_core::law::Lanes;

use super::{Kernel, dispatch};
use crate::Isa;

/// Applies every operation of [`Lanes`] to three operands; the results in one fixed order.
struct EveryOp<'a>([&'a [f32]; 3]);

impl Kernel for EveryOp<'_> {
    type Output = Vec<Vec<u32>>;
    #[inline(always)]
    fn run<V: Lanes>(self) -> Self::Output {
        let [a, b, c] = self.0;
        let mut results = Vec::new();
        let keep = |value: V| {
            let mut out = vec![0.0; V::WIDTH];
            value.store(&mut out);
            out.iter().map(|x| x.to_bits()).collect::<Vec<u32>>()
        };
        let truth = |mask| V::select(mask, V::splat(1.0), V::splat(0.0));
        for at in (0..a.len()).step_by(V::WIDTH) {
            let (x, y, z) = (V::load(&a[at..]), V::load(&b[at..]), V::load(&c[at..]));
            let all = [
                V::splat(a[0]),
                V::splat_bits(77),
                x.add(y),
                x.sub(y),
                x.mul(y),
                x.div(y),
                x.fma(y, z),
                x.sqrt(),
                x.max_or_other(y),
                x.min_or_other(y),
                x.floor(),
                x.ceil(),
                x.round(),
                truth(x.lt(y)),
                truth(x.le(y)),
                truth(x.eq(y)),
                truth(x.is_nan()),
                x.and(y),
                x.or(y),
                x.xor(y),
                x.int_add(y),
                x.int_sub(y),
                x.int_mul(y),
                x.int_max(y),
                x.int_min(y),
                truth(x.int_lt(y)),
                truth(x.int_eq(y)),
                x.shl::<5>(),
                x.shr::<9>(),
                x.int_shr::<9>(),
                x.int_to_float(),
                x.float_to_int(),
            ];
            results.resize(all.len(), Vec::new());
            for (result, value) in results.iter_mut().zip(all) {
                result.extend(keep(value));
            }
        }
        results
    }
}

/// Random bit patterns, with the numbers between which behaviour changes mixed in.
fn operands(seed: u64, len: usize) -> Vec<f32> {
    const EDGES: [f32; 16] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -2.5,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN_POSITIVE,
        1e-45,
        2_147_483_648.0,
        -2_147_483_648.0,
        8_388_607.5,
        1e9,
    ];
    let mut words = vec![0; 2 * len];
    Philox::new(seed).fill(0, 0, &mut words);
    let pick = |pair: &[u32]| match pair[0] % 3 {
        0 => EDGES[(pair[1] % 16) as usize],
        1 => f32::from_bits(pair[1]),
        _ => (pair[1] as i32 >> 8) as f32 / 1024.0,
    };
    words.chunks_exact(2).map(pick).collect()
}

#[test]
fn every_operation_gives_the_bits_of_the_scalar_definition() {
    let [a, b, c] = [1, 2, 3].map(|seed| operands(seed, 4096));
    let kernel = || EveryOp([&a, &b, &c]);
    let want = kernel().run::<f32>();
    for isa in Isa::available() {
        let got = dispatch(isa, kernel());
        for (op, (got, want)) in got.iter().zip(&want).enumerate() {
            for (at, (&got, &want)) in got.iter().zip(want).enumerate() {
                // Which NaN comes out of arithmetic is nobody's promise, that one does is.
                let nan = f32::from_bits(got).is_nan() && f32::from_bits(want).is_nan();
                assert!(
                    got == want || nan,
                    "{isa:?}, op {op}: {got:08x} for {want:08x} of {:e}, {:e}, {:e}",
                    a[at],
                    b[at],
                    c[at]
                );
            }
        }
    }
}

/// Copies a slice shorter than a register through one.
struct CopyPart<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for CopyPart<'_> {
    type Output = ();
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let rest = self.0.len() % V::WIDTH;
        let value = V::load_part(&self.0[..rest]);
        value.store_part(&mut self.1[..rest]);
        let mut whole = vec![1.0; V::WIDTH];
        value.store(&mut whole);
        assert!(V::WIDTH == 1 || whole[rest..].iter().all(|x| x.to_bits() == 0));
    }
}

#[test]
fn parts_of_registers_touch_nothing_else() {
    let from: Vec<f32> = (1..=16).map(|x| x as f32).collect();
    for isa in Isa::available() {
        for len in 0..16 {
            let mut to = vec![-1.0; 16];
            dispatch(isa, CopyPart(&from[..len], &mut to));
            let copied = len % width(isa);
            assert_eq!(to[..copied], from[..copied]);
            assert!(to[copied..].iter().all(|&x| x == -1.0));
        }
    }
}

struct Width;

impl Kernel for Width {
    type Output = usize;
    fn run<V: Lanes>(self) -> usize {
        V::WIDTH
    }
}

fn width(isa: Isa) -> usize {
    dispatch(isa, Width)
}
