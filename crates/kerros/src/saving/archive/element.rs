//! Element types: HDF5's, as Keras and h5py use them, against those of a [`Tensor`].

use hdf5_pure::{
    Datatype, DatatypeByteOrder, EnumTypeBuilder, FixedPointLayout, FloatingPointLayout,
    make_f32_type, make_f64_type, make_i8_type, make_i32_type, make_i64_type, make_u8_type,
};
use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};

/// IEEE 754 binary16, which the HDF5 library has no name for.
const BINARY16: FloatingPointLayout = FloatingPointLayout {
    bit_offset: 0,
    bit_precision: 16,
    exponent_location: 10,
    exponent_size: 5,
    mantissa_location: 0,
    mantissa_size: 10,
    exponent_bias: 15,
};

/// The upper half of a binary32.
const BFLOAT16: FloatingPointLayout = FloatingPointLayout {
    bit_offset: 0,
    bit_precision: 16,
    exponent_location: 7,
    exponent_size: 8,
    mantissa_location: 0,
    mantissa_size: 7,
    exponent_bias: 127,
};

/// The element types that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    F16,
    BF16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    Bool,
}

/// How elements lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encoding {
    stored: Stored,
    big_endian: bool,
}

impl Encoding {
    /// What `datatype` is, or a refusal that names it. Two opaque bytes are taken for a
    /// `bfloat16` when `dtype_attribute`, the dataset's attribute `dtype`, says so: h5py has no
    /// type for it and Keras marks it that way.
    pub(super) fn of(datatype: &Datatype, dtype_attribute: Option<&str>) -> Result<Self> {
        let (stored, order) = match datatype {
            Datatype::FixedPoint { size, byte_order, layout } => {
                let FixedPointLayout { signed, bit_offset, bit_precision } = *layout;
                if bit_offset != 0 || u64::from(bit_precision) != 8 * u64::from(*size) {
                    return Err(refused(format!(
                        "integers of {bit_precision} bits in {size} bytes"
                    )));
                }
                let stored = match (signed, size) {
                    (true, 1) => Stored::I8,
                    (true, 2) => Stored::I16,
                    (true, 4) => Stored::I32,
                    (true, 8) => Stored::I64,
                    (false, 1) => Stored::U8,
                    (false, 2) => Stored::U16,
                    (false, 4) => Stored::U32,
                    (true, _) => return Err(refused(format!("signed integers of {size} bytes"))),
                    (false, _) => {
                        return Err(refused(format!("unsigned integers of {size} bytes")));
                    }
                };
                (stored, *byte_order)
            }
            Datatype::FloatingPoint { size, byte_order, layout } => {
                let stored = match (*size, *layout) {
                    (2, BINARY16) => Stored::F16,
                    (2, BFLOAT16) => Stored::BF16,
                    (4, FloatingPointLayout::IEEE754_BINARY32) => Stored::F32,
                    (8, FloatingPointLayout::IEEE754_BINARY64) => Stored::F64,
                    _ => return Err(refused(format!("floating point of {size} bytes"))),
                };
                (stored, *byte_order)
            }
            Datatype::Enumeration { size: 1, members, .. } => {
                let has = |name: &str, value: u8| {
                    members.iter().any(|member| member.name == name && member.value == [value])
                };
                if members.len() != 2 || !has("FALSE", 0) || !has("TRUE", 1) {
                    return Err(refused("an enumeration other than FALSE and TRUE".to_owned()));
                }
                (Stored::Bool, DatatypeByteOrder::LittleEndian)
            }
            Datatype::Opaque { size: 2, .. } if dtype_attribute == Some("bfloat16") => {
                (Stored::BF16, DatatypeByteOrder::LittleEndian)
            }
            other => return Err(refused(name(other).to_owned())),
        };
        let big_endian = match order {
            DatatypeByteOrder::LittleEndian => false,
            DatatypeByteOrder::BigEndian => true,
            DatatypeByteOrder::Vax => return Err(refused("numbers in VAX byte order".to_owned())),
        };
        Ok(Encoding { stored, big_endian })
    }

    /// These elements in little-endian byte order.
    pub(super) fn little_endian(stored: Stored) -> Self {
        Encoding { stored, big_endian: false }
    }

    /// Bytes of one element in the file.
    pub(super) fn size_bytes(self) -> usize {
        match self.stored {
            Stored::I8 | Stored::U8 | Stored::Bool => 1,
            Stored::F16 | Stored::BF16 | Stored::I16 | Stored::U16 => 2,
            Stored::F32 | Stored::I32 | Stored::U32 => 4,
            Stored::F64 | Stored::I64 => 8,
        }
    }

    /// The tensor whose elements lie in `raw` as this says.
    pub(super) fn decode(self, shape: Shape, mut raw: Vec<u8>) -> Result<Tensor> {
        if Some(raw.len())
            != shape.checked_num_elements().and_then(|n| n.checked_mul(self.size_bytes()))
        {
            return Err(Error::new(
                ErrorKind::Format,
                format!("{} bytes are stored for the shape {shape}", raw.len()),
            ));
        }
        if self.big_endian != cfg!(target_endian = "big") {
            raw.chunks_exact_mut(self.size_bytes()).for_each(<[u8]>::reverse);
        }
        let same = |dtype| {
            let mut tensor = Tensor::zeros(shape.clone(), dtype);
            tensor.bytes_mut().copy_from_slice(&raw);
            Ok(tensor)
        };
        let pairs = || raw.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
        match self.stored {
            Stored::F32 => same(DType::F32),
            Stored::F64 => same(DType::F64),
            Stored::I32 => same(DType::I32),
            Stored::I64 => same(DType::I64),
            Stored::I8 => same(DType::I8),
            Stored::U8 => same(DType::U8),
            Stored::Bool => match raw.iter().find(|&&byte| byte > 1) {
                None => same(DType::Bool),
                Some(byte) => {
                    Err(Error::new(ErrorKind::Format, format!("a truth value is {byte}"))
                        .expected("0 or 1"))
                }
            },
            Stored::F16 => widen(shape, pairs().map(|pair| f16_to_f32(u16::from_ne_bytes(pair)))),
            Stored::BF16 => widen(
                shape,
                pairs().map(|pair| f32::from_bits(u32::from(u16::from_ne_bytes(pair)) << 16)),
            ),
            Stored::I16 => widen(shape, pairs().map(|pair| i32::from(i16::from_ne_bytes(pair)))),
            Stored::U16 => widen(shape, pairs().map(|pair| i32::from(u16::from_ne_bytes(pair)))),
            Stored::U32 => widen(
                shape,
                raw.chunks_exact(4).map(|four| {
                    i64::from(u32::from_ne_bytes([four[0], four[1], four[2], four[3]]))
                }),
            ),
        }
    }
}

/// The HDF5 type of a tensor's elements, and the elements in its (little-endian) byte order.
pub(super) fn encode(tensor: &Tensor) -> Result<(Datatype, Vec<u8>)> {
    let datatype = match tensor.dtype() {
        DType::F32 => make_f32_type(),
        DType::F64 => make_f64_type(),
        DType::I32 => make_i32_type(),
        DType::I64 => make_i64_type(),
        DType::I8 => make_i8_type(),
        DType::U8 => make_u8_type(),
        // What h5py takes for NumPy's `bool`.
        DType::Bool => EnumTypeBuilder::with_base(make_i8_type())
            .value("FALSE", 0)
            .value("TRUE", 1)
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "the type of truth values is refused")
                    .caused_by(error)
            })?,
    };
    let mut bytes = tensor.bytes().to_vec();
    if cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(tensor.dtype().size_bytes()).for_each(<[u8]>::reverse);
    }
    Ok((datatype, bytes))
}

fn widen<T: kerros_core::Element>(
    shape: Shape,
    elements: impl Iterator<Item = T>,
) -> Result<Tensor> {
    Tensor::new(shape, elements.collect::<Vec<T>>())
}

/// Exact: every binary16 is a binary32. NaN keeps its payload.
fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, mantissa) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        // Subnormal: a whole number of 2^-24, which f32 arithmetic represents exactly.
        0 => (mantissa as f32 / 16_777_216.0).to_bits(),
        0x1f => 0x7f80_0000 | mantissa << 13,
        _ => (exponent + 127 - 15) << 23 | mantissa << 13,
    };
    f32::from_bits(sign | magnitude)
}

fn name(datatype: &Datatype) -> &'static str {
    match datatype {
        Datatype::FixedPoint { .. } => "integers",
        Datatype::FloatingPoint { .. } => "floating point",
        Datatype::Time { .. } => "times",
        Datatype::String { .. } => "text",
        Datatype::BitField { .. } => "bit fields",
        Datatype::Opaque { .. } => "opaque bytes",
        Datatype::Compound { .. } => "compounds (such as complex numbers)",
        Datatype::Reference { .. } => "references",
        Datatype::Enumeration { .. } => "an enumeration",
        Datatype::VariableLength { .. } => "variable-length sequences",
        Datatype::Array { .. } => "arrays",
        _ => "of a type unknown to Kerros",
    }
}

fn refused(what: String) -> Error {
    Error::new(ErrorKind::Unsupported, format!("the elements are {what}"))
        .expected("float16, bfloat16, float32, float64, bool, uint8 to uint32 or int8 to int64")
        .hint("cast the variable in Keras and save it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binary16_value_is_what_its_bits_say() {
        assert_eq!(f16_to_f32(0x3c00), 1.0);
        assert_eq!(f16_to_f32(0xc000), -2.0);
        assert_eq!(f16_to_f32(0x7bff), 65504.0);
        assert_eq!(f16_to_f32(0x0400), 2f32.powi(-14));
        assert_eq!(f16_to_f32(0x0001), 2f32.powi(-24));
        assert_eq!(f16_to_f32(0x83ff), -1023.0 * 2f32.powi(-24));
        assert_eq!(f16_to_f32(0x8000).to_bits(), (-0.0f32).to_bits());
        assert_eq!(f16_to_f32(0xfc00), f32::NEG_INFINITY);
        assert!(f16_to_f32(0x7e00).is_nan());
        // All finite values against the definition, computed in f64.
        for bits in (0..=u16::MAX).filter(|bits| bits >> 10 & 0x1f != 0x1f) {
            let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
            let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
            let value = match exponent {
                0 => sign * mantissa * 2f64.powi(-24),
                _ => sign * (1024.0 + mantissa) * 2f64.powi(exponent - 25),
            };
            assert_eq!(f64::from(f16_to_f32(bits)), value, "{bits:#06x}");
        }
    }
}
