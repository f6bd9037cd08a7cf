use std::sync::Arc;

use kerros_core::Result;

use super::input::read_type;
use crate::attributes::Attributes;
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// A variable that lives from run to run; reading it gives the value from before the run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Which variable.
    pub id: u32,
    /// What it is called.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
}

impl Operation for State {
    const NAME: &'static str = "state";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 0)?;
        Ok(self.ty.clone())
    }

    fn backward<'g>(&self, _context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        Ok(Vec::new())
    }

    fn attributes(&self) -> Attributes {
        let typed = Attributes::default().with("id", &self.id).with("name", &self.name);
        typed.with("dtype", &self.ty.dtype).with("shape", &self.ty.shape)
    }

    fn from_attributes(attributes: &Attributes) -> Result<Self> {
        Ok(State {
            id: attributes.read("id")?,
            name: attributes.read("name")?,
            ty: read_type(attributes)?,
        })
    }

    fn samples() -> Vec<Sample<Self>> {
        Vec::new()
    }
}
