//! What the examples that measure shares of the peak have in common: the peak, and numbers to
//! compute with.

use std::hint::black_box;
use std::time::Instant;

use kerros_kernels::{Isa, Level};

/// Numbers that begin on a cache line, as those of an arena do.
pub struct Numbers(Vec<f32>);

impl Numbers {
    /// `len` numbers, none of them special.
    pub fn new(len: usize) -> Self {
        Numbers((0..len + 16).map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.5).collect())
    }

    pub fn aligned(&mut self) -> &mut [f32] {
        let (start, len) = (self.0.as_ptr().align_offset(64), self.0.len() - 16);
        &mut self.0[start..start + len]
    }
}

/// Floating-point operations per second of independent chains of multiply-adds that stay in
/// registers.
pub fn peak_rate_flops(isa: Isa) -> f64 {
    const STEPS: usize = 2_000;
    let run: fn(usize) -> f64 = match isa.level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the token proves the instruction set.
        Level::Avx512 => |steps| unsafe { chains_avx512(steps) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the token proves the instruction set.
        Level::Avx2 => |steps| unsafe { chains_avx2(steps) },
        _ => chains_scalar,
    };
    let start = Instant::now();
    let flops = run(black_box(STEPS));
    flops / start.elapsed().as_secs_f64()
}

/// Independent chains: enough to hide the latency of two multiply-add units.
const CHAINS: usize = 12;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn chains_avx512(steps: usize) -> f64 {
    use std::arch::x86_64::*;
    let factor = black_box(_mm512_set1_ps(0.999));
    let mut sums = [_mm512_set1_ps(1.0); CHAINS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, factor);
        }
    }
    black_box(sums);
    (2 * 16 * CHAINS * steps) as f64
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn chains_avx2(steps: usize) -> f64 {
    use std::arch::x86_64::*;
    let factor = black_box(_mm256_set1_ps(0.999));
    let mut sums = [_mm256_set1_ps(1.0); CHAINS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, factor);
        }
    }
    black_box(sums);
    (2 * 8 * CHAINS * steps) as f64
}

fn chains_scalar(steps: usize) -> f64 {
    let factor = black_box(0.999f32);
    let mut sums = [1.0f32; CHAINS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = sum.mul_add(factor, factor);
        }
    }
    black_box(sums);
    (2 * CHAINS * steps) as f64
}
