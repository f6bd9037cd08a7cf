//! NumPy's element types, and how each becomes one of ours.

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};

/// An element type of a file: what NumPy calls it, and in which order its bytes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileType {
    kind: Kind,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    F16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl FileType {
    /// Reads NumPy's spelling, such as `<f4`.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for types that are no plain numbers, with the remedy.
    pub fn parse(descr: &str) -> Result<Self> {
        let (order, code) = descr.split_at_checked(1).unwrap_or(("", ""));
        let big_endian = match order {
            "<" | "|" => false,
            ">" => true,
            "=" => cfg!(target_endian = "big"),
            _ => return Err(unsupported(descr)),
        };
        let kind = match code {
            "b1" => Kind::Bool,
            "f2" => Kind::F16,
            "f4" => Kind::F32,
            "f8" => Kind::F64,
            "i1" => Kind::I8,
            "i2" => Kind::I16,
            "i4" => Kind::I32,
            "i8" => Kind::I64,
            "u1" => Kind::U8,
            "u2" => Kind::U16,
            "u4" => Kind::U32,
            "u8" => Kind::U64,
            _ => return Err(unsupported(descr)),
        };
        Ok(FileType { kind, big_endian })
    }

    /// Bytes of one element in the file.
    pub fn size_bytes(self) -> usize {
        match self.kind {
            Kind::Bool | Kind::I8 | Kind::U8 => 1,
            Kind::F16 | Kind::I16 | Kind::U16 => 2,
            Kind::F32 | Kind::I32 | Kind::U32 => 4,
            Kind::F64 | Kind::I64 | Kind::U64 => 8,
        }
    }

    /// The type that the elements get: the smallest of ours that holds every value exactly
    /// (`uint64`, which none holds, becomes `int64` when its values fit).
    pub fn dtype(self) -> DType {
        match self.kind {
            Kind::Bool => DType::Bool,
            Kind::F16 | Kind::F32 => DType::F32,
            Kind::F64 => DType::F64,
            Kind::I8 | Kind::I16 | Kind::I32 | Kind::U16 => DType::I32,
            Kind::I64 | Kind::U32 | Kind::U64 => DType::I64,
            Kind::U8 => DType::U8,
        }
    }

    /// Converts `bytes` (whole elements, in file order) into the elements of `tensor` that
    /// begin at `first`.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a `uint64` beyond `int64`, naming the element.
    pub fn convert(self, bytes: &[u8], tensor: &mut Tensor, first: usize) -> Result<()> {
        let big = self.big_endian;
        let last = first + bytes.len() / self.size_bytes();
        match self.kind {
            Kind::Bool => {
                // NumPy reads any byte but 0 as true.
                let to = &mut tensor.bytes_mut()[first..last];
                each(bytes, to, big, |[byte]| u8::from(byte != 0));
            }
            Kind::U8 => tensor.bytes_mut()[first..last].copy_from_slice(bytes),
            Kind::F16 => {
                let to = &mut tensor.as_mut_slice::<f32>()?[first..last];
                each(bytes, to, big, |b| f16_to_f32(u16::from_le_bytes(b)));
            }
            Kind::F32 => {
                each(bytes, &mut tensor.as_mut_slice()?[first..last], big, f32::from_le_bytes);
            }
            Kind::F64 => {
                each(bytes, &mut tensor.as_mut_slice()?[first..last], big, f64::from_le_bytes);
            }
            Kind::I8 => {
                let to = &mut tensor.as_mut_slice::<i32>()?[first..last];
                each(bytes, to, big, |b| i32::from(i8::from_le_bytes(b)));
            }
            Kind::I16 => {
                let to = &mut tensor.as_mut_slice::<i32>()?[first..last];
                each(bytes, to, big, |b| i32::from(i16::from_le_bytes(b)));
            }
            Kind::U16 => {
                let to = &mut tensor.as_mut_slice::<i32>()?[first..last];
                each(bytes, to, big, |b| i32::from(u16::from_le_bytes(b)));
            }
            Kind::I32 => {
                each(bytes, &mut tensor.as_mut_slice()?[first..last], big, i32::from_le_bytes);
            }
            Kind::I64 => {
                each(bytes, &mut tensor.as_mut_slice()?[first..last], big, i64::from_le_bytes);
            }
            Kind::U32 => {
                let to = &mut tensor.as_mut_slice::<i64>()?[first..last];
                each(bytes, to, big, |b| i64::from(u32::from_le_bytes(b)));
            }
            Kind::U64 => {
                let to = &mut tensor.as_mut_slice::<i64>()?[first..last];
                each(bytes, to, big, i64::from_le_bytes);
                if let Some(at) = to.iter().position(|&value| value < 0) {
                    return Err(Error::new(
                        ErrorKind::Data,
                        format!("element {} (in file order) is {}", first + at, to[at] as u64),
                    )
                    .expected("numbers that fit int64")
                    .hint("save the array as float64, or smaller numbers"));
                }
            }
        }
        Ok(())
    }
}

/// Converts each group of `N` bytes, put into little-endian order first.
fn each<const N: usize, T>(
    bytes: &[u8],
    to: &mut [T],
    big_endian: bool,
    convert: impl Fn([u8; N]) -> T,
) {
    let (groups, _) = bytes.as_chunks::<N>();
    for (to, &group) in to.iter_mut().zip(groups) {
        let mut group = group;
        if big_endian {
            group.reverse();
        }
        *to = convert(group);
    }
}

/// The value of an IEEE 754 binary16, exactly.
pub(super) fn f16_to_f32(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let exponent = u32::from(half >> 10) & 0x1F;
    let fraction = u32::from(half) & 0x3FF;
    match exponent {
        // Zero and the subnormals: fraction * 2^-24, exact in f32.
        0 => f32::from_bits((fraction as f32 * 2f32.powi(-24)).to_bits() | sign),
        0x1F => f32::from_bits(sign | 0x7F80_0000 | (fraction << 13)),
        // The exponent's bias grows from 15 to 127.
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
    }
}

fn unsupported(descr: &str) -> Error {
    let error = |what: &str| {
        Error::new(ErrorKind::Unsupported, format!("the elements are {what} (`{descr}`)"))
            .expected("bool, float16/32/64, int8 to int64 or uint8 to uint64")
    };
    match descr.trim_start_matches(['<', '>', '|', '=']).bytes().next() {
        Some(b'O') => error("Python objects, stored as a pickle that could run code")
            .hint("save a plain array: `numpy.save(path, numpy.array(values, dtype=\"float32\"))`"),
        Some(b'S' | b'U' | b'a') => {
            error("text").hint("save class numbers instead, or read the text from a .csv file")
        }
        Some(b'c') => error("complex numbers").hint("save the real and imaginary parts"),
        Some(b'M' | b'm') => error("dates or durations").hint("save them as numbers"),
        Some(b'V') => error("raw bytes, which is also how NumPy writes bfloat16")
            .hint("save the array as float32"),
        _ => error("of a type unknown here").hint("save the array as float32"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        for (bits, value) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x0400, 2f32.powi(-14)),
            (0x03FF, 1023.0 * 2f32.powi(-24)),
            (0x0001, 2f32.powi(-24)),
            (0x8001, -(2f32.powi(-24))),
            (0x7C00, f32::INFINITY),
            (0xFC00, f32::NEG_INFINITY),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(f16_to_f32(bits), value, "{bits:#06x}");
        }
        assert!(f16_to_f32(0x7E00).is_nan());
        assert!(f16_to_f32(0x8000).is_sign_negative());
    }

    #[test]
    fn what_is_no_number_is_refused_with_a_remedy() {
        for (descr, part) in [
            ("|O", "pickle"),
            ("<U5", "text"),
            ("|S3", "text"),
            ("<c8", "complex"),
            ("<M8[ns]", "dates"),
            ("|V2", "bfloat16"),
            ("<f16", "unknown"),
            ("", "unknown"),
            ("é4", "unknown"),
        ] {
            let error = FileType::parse(descr).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains(part), "{descr}: {error}");
        }
    }

    #[test]
    fn unsigned_numbers_beyond_int64_are_refused() {
        let mut tensor = Tensor::zeros([2], DType::I64);
        let bytes = [5u64.to_le_bytes(), u64::MAX.to_le_bytes()].concat();
        let error = FileType::parse("<u8").unwrap().convert(&bytes, &mut tensor, 0).unwrap_err();
        assert_eq!(error.message(), "element 1 (in file order) is 18446744073709551615");
    }
}
