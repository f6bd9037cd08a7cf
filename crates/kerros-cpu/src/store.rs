//! The states of a model in memory: one block each, at an address that stays.

use std::any::Any;

use kerros_core::{DType, Result, Tensor};
use kerros_graph::{StateId, Type};
use kerros_plan::StateStore;
use kerros_plan::reference::{check_value, unknown_state};

use crate::memory::Block;

/// The states of one model.
#[derive(Debug, Default)]
pub struct CpuStore {
    states: Vec<(Type, Block)>,
}

impl CpuStore {
    /// The type and the address of a state.
    pub(crate) fn state(&self, id: StateId) -> Option<(&Type, *mut u8)> {
        self.states.get(id.0 as usize).map(|(ty, block)| (ty, block.start()))
    }
}

impl StateStore for CpuStore {
    fn declare(&mut self, ty: &Type) -> StateId {
        let block = Block::zeroed(4 * ty.shape.num_elements());
        self.states.push((ty.clone(), block));
        StateId(self.states.len() as u32 - 1)
    }

    fn len(&self) -> usize {
        self.states.len()
    }

    fn read(&self, id: StateId) -> Result<Tensor> {
        let (ty, block) = self.states.get(id.0 as usize).ok_or_else(|| unknown_state(id))?;
        Ok(to_tensor(ty, block.bytes(4 * ty.shape.num_elements())))
    }

    fn write(&mut self, id: StateId, value: &Tensor) -> Result<()> {
        let (ty, block) = self.states.get_mut(id.0 as usize).ok_or_else(|| unknown_state(id))?;
        check_value(&ty.shape, ty.dtype, value)?;
        let stored = as_stored(value);
        block.bytes_mut(4 * ty.shape.num_elements()).copy_from_slice(stored.bytes());
        Ok(())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// A tensor as a plan stores it: four bytes per element, truth values as `0.0` and `1.0`.
pub(crate) fn as_stored(value: &Tensor) -> Tensor {
    if value.dtype() == DType::Bool { value.to_f32() } else { value.clone() }
}

/// The host tensor of stored bytes.
pub(crate) fn to_tensor(ty: &Type, bytes: &[u8]) -> Tensor {
    if ty.dtype == DType::Bool {
        let words: &[f32] = bytemuck::cast_slice(bytes);
        let truths: Vec<bool> = words.iter().map(|&word| word != 0.0).collect();
        return Tensor::from_bools(&ty.shape, &truths).expect("as many as the shape has");
    }
    let mut tensor = Tensor::zeros(&ty.shape, ty.dtype);
    tensor.bytes_mut().copy_from_slice(bytes);
    tensor
}
