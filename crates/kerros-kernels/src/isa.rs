//! Which instruction set to use: detected once, and proved by a token.

use kerros_core::{Error, ErrorKind, Result};

/// The instruction sets that kernels are written for, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// One lane at a time, on any machine.
    Scalar,
    /// 8 lanes: AVX2 and FMA.
    Avx2,
    /// 16 lanes: AVX-512 F, DQ, BW and VL (with AVX2 and FMA).
    Avx512,
}

impl Level {
    /// The name that selects it, lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }
}

/// Proof that this machine has an instruction set. Every kernel takes one, and there is no
/// way to make one but to ask the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Isa(Level);

impl Isa {
    /// The best instruction set of this machine.
    pub fn detect() -> Self {
        *Isa::available().last().expect("scalar is always available")
    }

    /// Every instruction set of this machine, weakest first. The first is scalar.
    pub fn available() -> Vec<Isa> {
        #[allow(unused_mut)]
        let mut found = vec![Isa(Level::Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 {
                found.push(Isa(Level::Avx2));
            }
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
            {
                found.push(Isa(Level::Avx512));
            }
        }
        found
    }

    /// The instruction set with this name.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownName`] for another name, [`ErrorKind::Unsupported`] when this
    /// machine lacks it.
    pub fn named(name: &str) -> Result<Self> {
        let level = [Level::Scalar, Level::Avx2, Level::Avx512]
            .into_iter()
            .find(|level| level.name() == name)
            .ok_or_else(|| {
                Error::new(ErrorKind::UnknownName, format!("unknown instruction set `{name}`"))
                    .expected("scalar, avx2 or avx512")
            })?;
        Isa::available().into_iter().find(|isa| isa.0 == level).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, format!("this machine has no {}", level.name()))
                .hint(format!("the best it has is {}", Isa::detect().level().name()))
        })
    }

    /// Which instruction set it proves.
    pub const fn level(self) -> Level {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalar_is_always_there_and_nonsense_never() {
        assert_eq!(Isa::available()[0].level(), Level::Scalar);
        assert_eq!(Isa::named("sse9").unwrap_err().kind(), ErrorKind::UnknownName);
    }
}
