//! Seeded test values.

use kerros_core::{DType, Philox, Tensor, philox};
use kerros_graph::Type;

/// A stream of seeded test values.
#[derive(Debug)]
pub struct Draw {
    philox: Philox,
    next: u32,
}

impl Draw {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Draw { philox: Philox::new(seed), next: 0 }
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        self.next += 1;
        self.philox.below(self.next - 1, 0, 0, bound as u64) as usize
    }

    /// One of several.
    pub fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Uniform numbers: floats in `range`, integers in `0..range.1` (at least `0..2`), truth
    /// values evenly.
    pub fn tensor(&mut self, ty: &Type, range: (f64, f64)) -> Tensor {
        let mut words = vec![0; ty.shape.num_elements()];
        self.philox.fill(self.next, 0, &mut words);
        self.next += 1;
        let built = match ty.dtype {
            DType::I32 => {
                let bound = (range.1.ceil() as u32).max(2);
                let ints: Vec<i32> = words.iter().map(|word| (word % bound) as i32).collect();
                Tensor::new(&ty.shape, ints)
            }
            DType::Bool => {
                let truths: Vec<bool> = words.iter().map(|word| word & 1 == 1).collect();
                Tensor::from_bools(&ty.shape, &truths)
            }
            _ => {
                let (low, high) = (range.0 as f32, range.1 as f32);
                let floats: Vec<f32> =
                    words.iter().map(|&word| low + (high - low) * philox::unit_f32(word)).collect();
                Tensor::new(&ty.shape, floats)
            }
        };
        built.expect("as many values as the shape has")
    }
}
