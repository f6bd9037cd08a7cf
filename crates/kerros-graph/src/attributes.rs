//! The attributes of operations as text.

use std::sync::Arc;

use kerros_core::program::{Binary, Unary};
use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};

/// The attributes of one operation: names with texts, in the order of declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub Vec<(String, String)>);

impl Attributes {
    /// Adds an attribute.
    pub fn with(mut self, name: &str, value: &impl Attribute) -> Self {
        self.0.push((name.into(), value.show()));
        self
    }

    /// Reads an attribute.
    ///
    /// # Errors
    /// [`ErrorKind::Format`] when it is missing or unreadable.
    pub fn read<T: Attribute>(&self, name: &str) -> Result<T> {
        let text = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        text.and_then(T::read).ok_or_else(|| {
            Error::new(ErrorKind::Format, format!("attribute `{name}` is {text:?}"))
                .expected(std::any::type_name::<T>())
        })
    }
}

/// A value that an operation can have as an attribute. Texts hold no `;`, `]` or line break.
pub trait Attribute: Sized {
    /// The text.
    fn show(&self) -> String;
    /// The value of a text.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! by_display {
    ($($ty:ty),*) => {$(
        impl Attribute for $ty {
            fn show(&self) -> String { self.to_string() }
            fn read(text: &str) -> Option<Self> { text.parse().ok() }
        }
    )*};
}
by_display!(bool, u32, usize, DType);

impl Attribute for Arc<str> {
    fn show(&self) -> String {
        self.replace([';', ']', '\n'], "_")
    }
    fn read(text: &str) -> Option<Self> {
        Some(text.into())
    }
}

impl Attribute for Vec<usize> {
    fn show(&self) -> String {
        self.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
    }
    fn read(text: &str) -> Option<Self> {
        text.split_whitespace().map(|word| word.parse().ok()).collect()
    }
}

impl Attribute for Shape {
    fn show(&self) -> String {
        self.dims().to_vec().show()
    }
    fn read(text: &str) -> Option<Self> {
        Vec::<usize>::read(text).map(Shape::from)
    }
}

/// An `f32` that compares by its bits, so that it can be part of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits(u32);

impl Bits {
    /// The bits of a number.
    pub fn new(value: f32) -> Self {
        Bits(value.to_bits())
    }
    /// The number.
    pub fn get(self) -> f32 {
        f32::from_bits(self.0)
    }
}

impl Attribute for Bits {
    fn show(&self) -> String {
        let value = self.get();
        if value.is_nan() { format!("0x{:08x}", self.0) } else { format!("{value:?}") }
    }
    fn read(text: &str) -> Option<Self> {
        match text.strip_prefix("0x") {
            Some(bits) => u32::from_str_radix(bits, 16).ok().map(Bits),
            None => text.parse().ok().map(Bits::new),
        }
    }
}

impl Attribute for Unary {
    fn show(&self) -> String {
        self.name().into()
    }
    fn read(text: &str) -> Option<Self> {
        Unary::ALL.into_iter().find(|function| function.name() == text)
    }
}

impl Attribute for Binary {
    fn show(&self) -> String {
        self.name().into()
    }
    fn read(text: &str) -> Option<Self> {
        Binary::ALL.into_iter().find(|function| function.name() == text)
    }
}

impl Attribute for Tensor {
    /// `dtype dims : words`, the words being numbers, or bits in hexadecimal for NaN.
    fn show(&self) -> String {
        let words: Vec<String> = match self.dtype() {
            DType::F32 => self
                .as_slice::<f32>()
                .expect("the dtype was matched")
                .iter()
                .map(|&value| Bits::new(value).show())
                .collect(),
            _ => self.to_vec_f64().iter().map(|value| format!("{value}")).collect(),
        };
        format!("{} {} : {}", self.dtype(), self.shape().show(), words.join(" "))
    }

    fn read(text: &str) -> Option<Self> {
        let (ty, words) = text.split_once(':')?;
        let (dtype, shape) = ty.trim().split_once(' ').unwrap_or((ty.trim(), ""));
        let shape = Shape::read(shape)?;
        let words = words.split_whitespace();
        match dtype.parse().ok()? {
            DType::F32 => {
                let values: Option<Vec<f32>> =
                    words.map(|word| Bits::read(word).map(Bits::get)).collect();
                Tensor::new(shape, values?).ok()
            }
            DType::I32 => {
                let values: Option<Vec<i32>> = words.map(|word| word.parse().ok()).collect();
                Tensor::new(shape, values?).ok()
            }
            DType::Bool => {
                let values: Vec<bool> = words.map(|word| word != "0").collect();
                Tensor::from_bools(shape, &values).ok()
            }
            _ => None,
        }
    }
}

/// Implements `attributes` and `from_attributes` for a struct's fields, inside its
/// `impl Operation`.
macro_rules! attributes {
    ($($field:ident),* $(,)?) => {
        fn attributes(&self) -> $crate::attributes::Attributes {
            $crate::attributes::Attributes::default()$(.with(stringify!($field), &self.$field))*
        }
        fn from_attributes(
            _attributes: &$crate::attributes::Attributes,
        ) -> kerros_core::Result<Self> {
            Ok(Self { $($field: _attributes.read(stringify!($field))?),* })
        }
    };
}
pub(crate) use attributes;

/// Implements [`Attribute`] for a field-less enum by a table of names.
macro_rules! named_attribute {
    ($ty:ty { $($variant:ident = $name:literal),* $(,)? }) => {
        impl $crate::attributes::Attribute for $ty {
            fn show(&self) -> String {
                match self { $(Self::$variant => $name.to_string()),* }
            }
            fn read(text: &str) -> Option<Self> {
                match text { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use named_attribute;
