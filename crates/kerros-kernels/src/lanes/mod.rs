//! Vector registers as [`Lanes`], and the one door to them: [`dispatch`].
//!
//! A kernel that is not a matrix product is written once over `V: Lanes`, as a [`Kernel`];
//! [`dispatch`] compiles it for one lane, for AVX2 and for AVX-512 and picks by the [`Isa`]
//! token. The register types are private to this crate: generic code can meet them only
//! inside `Kernel::run`, and the tiles of matrix products, both called by functions compiled for
//! their instruction set after a token proved that the machine has it. That is what makes their safe methods sound.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;

use kerros_core::law::Lanes;

use crate::{Isa, Level};

/// A computation written once for every register width.
///
/// Implementations mark `run` (and what it calls per element) `#[inline(always)]`: only then
/// does it become part of the function compiled for the instruction set. Without that the
/// result is the same, slowly.
///
/// ```
/// use kerros_core::law::Lanes;
/// use kerros_kernels::Isa;
/// use kerros_kernels::lanes::{Kernel, dispatch};
///
/// /// `y = 2 y`, for whole registers.
/// struct Double<'a>(&'a mut [f32]);
///
/// impl Kernel for Double<'_> {
///     type Output = ();
///     #[inline(always)]
///     fn run<V: Lanes>(self) {
///         for y in self.0.chunks_exact_mut(V::WIDTH) {
///             let x = V::load(y);
///             x.add(x).store(y);
///         }
///     }
/// }
///
/// let mut y = [1.5f32; 32];
/// dispatch(Isa::detect(), Double(&mut y));
/// assert_eq!(y, [3.0; 32]);
/// ```
pub trait Kernel {
    /// What the computation returns.
    type Output;
    /// Runs the computation on registers `V`.
    fn run<V: Lanes>(self) -> Self::Output;
}

/// Runs a kernel compiled for the instruction set that the token proves.
#[inline]
pub fn dispatch<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    match isa.level() {
        // SAFETY: the token proves AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { with_avx2(kernel) },
        // SAFETY: the token proves AVX-512 F, DQ, BW and VL, AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { with_avx512(kernel) },
        _ => kernel.run::<f32>(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<avx2::Avx2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512bw,avx512vl")]
fn with_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<avx512::Avx512>()
}

#[cfg(test)]
mod tests;
