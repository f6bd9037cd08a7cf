//! The element types of tensors.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// The element type of a tensor, spelled as NumPy and Keras spell it.
///
/// The graph computes in [`DType::F32`], [`DType::I32`] and [`DType::Bool`]; the
/// others are types that data arrives in and is converted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE 754 binary32, `"float32"`.
    F32,
    /// IEEE 754 binary64, `"float64"`.
    F64,
    /// Signed 32-bit integer, `"int32"`.
    I32,
    /// Signed 64-bit integer, `"int64"`.
    I64,
    /// Signed byte, `"int8"`: the weights of quantized layers in files.
    I8,
    /// Unsigned byte, `"uint8"`.
    U8,
    /// Truth value. One byte in a [`crate::Tensor`]; `0.0` or `1.0` as `f32` inside a plan.
    Bool,
}

impl DType {
    /// Bytes of one element in a host tensor.
    pub const fn size_bytes(self) -> usize {
        match self {
            DType::F32 | DType::I32 => 4,
            DType::F64 | DType::I64 => 8,
            DType::I8 | DType::U8 | DType::Bool => 1,
        }
    }

    /// The NumPy and Keras spelling, such as `"float32"`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::I8 => "int8",
            DType::U8 => "uint8",
            DType::Bool => "bool",
        }
    }

    /// Whether gradients flow through values of this type.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        const ALL: [DType; 7] =
            [DType::F32, DType::F64, DType::I32, DType::I64, DType::I8, DType::U8, DType::Bool];
        ALL.into_iter().find(|dtype| dtype.name() == name).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, format!("unknown dtype `{name}`"))
                .expected("float32, float64, int32, int64, int8, uint8 or bool")
        })
    }
}

/// A Rust type that a [`crate::Tensor`] can hold.
pub trait Element: bytemuck::Pod + PartialEq + fmt::Debug + Send + Sync {
    /// The dtype whose elements have this type in memory.
    const DTYPE: DType;
}

impl Element for f32 {
    const DTYPE: DType = DType::F32;
}
impl Element for f64 {
    const DTYPE: DType = DType::F64;
}
impl Element for i32 {
    const DTYPE: DType = DType::I32;
}
impl Element for i64 {
    const DTYPE: DType = DType::I64;
}
impl Element for i8 {
    const DTYPE: DType = DType::I8;
}
impl Element for u8 {
    const DTYPE: DType = DType::U8;
}
