//! Runs elementwise programs ([`kerros_core::program`]) over a range of a grid.
//!
//! A [`Map`] is a program prepared once: dead steps dropped, what is the same for every
//! element set apart (computed once per call), the rest either recognised as one of the
//! compiled [`patterns`] or laid out for the interpreter, which works on chunks that stay
//! in the first-level cache. Both give the bits of
//! [`Program::eval_scalar`](kerros_core::program::Program::eval_scalar).
//!
//! Read on in `prepare` (what happens once), `fill` (how inputs of every layout become
//! slices), `interpret` and `fused` (the two ways to run).

mod check;
mod fill;
mod frame;
mod fused;
mod interpret;
pub mod patterns;
mod prepare;
mod random;
mod record;
#[cfg(test)]
mod tests;

use std::ops::Range;

use kerros_core::program::Program;
use kerros_core::{Error, ErrorKind, Result};

pub use frame::MapScratch;

use crate::Isa;
use frame::Frame;
use fused::Fused;
use prepare::Prepared;

/// An elementwise program made ready to run, on any part of its grid.
///
/// ```
/// use kerros_core::program::{Binary, Instr, Layout, Program};
/// use kerros_kernels::Isa;
/// use kerros_kernels::map::{Input, Map, MapScratch};
///
/// // y = max(x + bias, 0) over rows of 2
/// let map = Map::new(&Program {
///     inputs: vec![Layout::Same, Layout::Cycle { period: 2 }],
///     instrs: vec![
///         Instr::Binary(Binary::Add, false, 0, 1),
///         Instr::Const(0),
///         Instr::Binary(Binary::Max, false, 2, 3),
///     ],
///     outputs: vec![4],
/// });
/// assert_eq!(map.kernel_name(), "fused:bias_relu");
///
/// // Elements 1 to 3 of a grid of 4: the slices hold these, the bias is whole.
/// let (x, bias, mut y) = ([2.0, -3.0, 4.0], [0.5, -9.0], [0.0; 3]);
/// let inputs = [Input::Slice(&x), Input::Slice(&bias)];
/// map.run(Isa::detect(), 1..4, &inputs, &mut [&mut y], &mut MapScratch::default())?;
/// assert_eq!(y, [0.0, 0.0, 0.0]);
/// # Ok::<(), kerros_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Map {
    prepared: Result<Prepared, String>,
    fused: Option<Fused>,
    /// The elements that are taken through all steps at a time.
    chunk: usize,
}

/// Where the elements of a program's input lie during one [`Map::run`].
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// In memory that the run only reads.
    Slice(&'a [f32]),
    /// In the memory of this output: each element is read before it is written. Only for
    /// inputs of [`Layout::Same`](kerros_core::program::Layout::Same).
    Output(usize),
}

impl Map {
    /// Prepares a program: with a compiled kernel where there is one.
    ///
    /// A program that makes no sense (a step that uses a later value) is reported by
    /// [`Map::run`].
    pub fn new(program: &Program) -> Map {
        let mut map = Map::interpreted(program);
        if let Ok(prepared) = &map.prepared {
            map.fused = Fused::find(program);
            if map.fused.is_some() {
                map.chunk = prepared.chunk_len(0);
            }
        }
        map
    }

    /// Prepares a program for the interpreter even where there is a compiled kernel: to
    /// compare the two.
    pub fn interpreted(program: &Program) -> Map {
        let prepared = prepare::prepare(program);
        let chunk =
            prepared.as_ref().map_or(0, |prepared| prepared.chunk_len(prepared.num_buffers));
        Map { prepared, fused: None, chunk }
    }

    /// How it runs: `"fused:adam"` for the compiled kernel of that name, `"interpreter"`.
    pub fn kernel_name(&self) -> &str {
        self.fused.as_ref().map_or("interpreter", Fused::name)
    }

    /// Computes the elements `range` of the grid.
    ///
    /// All outputs and the inputs of `Layout::Same` hold exactly the elements of `range`.
    /// Inputs of `Layout::Stretch` begin with the element that `range.start` reads. All others
    /// are whole. `f32` slices carry the bits of integers and truth values too.
    ///
    /// Allocates only while `scratch` grows, so not in the second call of the same kind.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the program makes no sense or a slice does not fit it;
    /// nothing has been written then.
    pub fn run(
        &self,
        isa: Isa,
        range: Range<usize>,
        inputs: &[Input],
        outputs: &mut [&mut [f32]],
        scratch: &mut MapScratch,
    ) -> Result<()> {
        let prepared = self.prepared.as_ref().map_err(|why| {
            Error::new(ErrorKind::Internal, format!("this elementwise program cannot run: {why}"))
        })?;
        check::check(prepared, &range, inputs, outputs)?;
        if range.is_empty() {
            return Ok(());
        }
        scratch.compute_uniforms(prepared, inputs);
        let frame = Frame::new(prepared, range, inputs, outputs, scratch);
        match &self.fused {
            Some(fused) => fused.run(isa, frame, self.chunk),
            None => interpret::run(isa, frame, self.chunk),
        }
        Ok(())
    }
}
