use std::sync::Arc;

use kerros_core::Result;

use crate::attributes::Attributes;
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// A value handed in at every run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Input {
    /// Its place among the inputs.
    pub index: u32,
    /// What it is called.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
}

impl Operation for Input {
    const NAME: &'static str = "input";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 0)?;
        Ok(self.ty.clone())
    }

    fn backward<'g>(&self, _context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(Vec::new())
    }

    fn attributes(&self) -> Attributes {
        let typed = Attributes::default().with("index", &self.index).with("name", &self.name);
        typed.with("dtype", &self.ty.dtype).with("shape", &self.ty.shape)
    }

    fn from_attributes(attributes: &Attributes) -> Result<Self> {
        Ok(Input {
            index: attributes.read("index")?,
            name: attributes.read("name")?,
            ty: read_type(attributes)?,
        })
    }

    fn samples() -> Vec<Sample<Self>> {
        Vec::new()
    }
}

/// The attributes `dtype` and `shape` as a type.
pub(super) fn read_type(attributes: &Attributes) -> Result<Type> {
    Ok(Type { dtype: attributes.read("dtype")?, shape: attributes.read("shape")? })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::attributes::Attribute;

    #[test]
    fn names_cannot_break_the_text_form() {
        let name: Arc<str> = "a;b]\n".into();
        assert_eq!(name.show(), "a_b__");
    }
}
