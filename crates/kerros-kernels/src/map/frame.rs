//! What one call works with: the slices, the chunk at hand, and where each value is.

use std::mem;
use std::ops::Range;

use kerros_core::program::{Instr, Layout, Reg};

use super::prepare::{Home, Prepared};
use super::{Input, fill};

/// Memory that runs need between their steps, kept from call to call. One serves any number
/// of maps, one thread at a time.
#[derive(Debug, Default)]
pub struct MapScratch {
    /// One number per value of the program: valid where that is the same for every element.
    uniforms: Vec<f32>,
    /// Where each value of the program is, for the chunk at hand.
    places: Vec<Place>,
    /// Chunk buffers: first those of the steps, then one per input.
    buffers: Vec<Buffer>,
    /// For each input what its buffer holds: the phase of a cycle.
    phases: Vec<Option<usize>>,
    /// Room for taking an index apart.
    index: Vec<usize>,
}

impl MapScratch {
    /// Computes what is the same for every element.
    pub(super) fn compute_uniforms(&mut self, prepared: &Prepared, inputs: &[Input]) {
        self.uniforms.resize(prepared.homes.len(), 0.0);
        for (value, input) in self.uniforms.iter_mut().zip(inputs) {
            if let Input::Slice(&[first, ..]) = *input {
                *value = first;
            }
        }
        for &(to, instr) in &prepared.uniform_steps {
            let v = |reg: Reg| self.uniforms[usize::from(reg)];
            let value = match instr {
                Instr::Const(bits) => f32::from_bits(bits),
                Instr::Unary(f, false, x) => f.apply(v(x)),
                Instr::Unary(f, true, x) => f.apply_int(v(x)),
                Instr::Binary(f, false, a, b) => f.apply(v(a), v(b)),
                Instr::Binary(f, true, a, b) => f.apply_int(v(a), v(b)),
                Instr::Select(c, a, b) => v(if v(c) != 0.0 { a } else { b }),
                Instr::Random { .. } => unreachable!("random words differ between elements"),
            };
            self.uniforms[usize::from(to)] = value;
        }
    }
}

/// A chunk buffer that begins on a cache line.
#[derive(Debug, Default)]
struct Buffer {
    numbers: Vec<f32>,
    start: usize,
}

impl Buffer {
    /// Makes room for at least `len` numbers.
    fn reserve(&mut self, len: usize) {
        const LINE: usize = 64;
        if self.numbers.len() < len + LINE / 4 {
            self.numbers = vec![0.0; len + LINE / 4];
            self.start = self.numbers.as_ptr().align_offset(LINE).min(LINE / 4);
        }
    }

    fn first(&self, len: usize) -> &[f32] {
        &self.numbers[self.start..self.start + len]
    }

    fn first_mut(&mut self, len: usize) -> &mut [f32] {
        &mut self.numbers[self.start..self.start + len]
    }
}

/// Where a value is, for the chunk at hand.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// The same number everywhere.
    Uniform,
    /// In the slice of this input, from this element on.
    Input(usize, usize),
    /// In the chunk's part of this output.
    Output(usize),
    /// In a chunk buffer.
    Buffer(usize),
}

/// The elements of a value in the chunk at hand.
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    /// All the same.
    Splat(f32),
    /// One each.
    Slice(&'a [f32]),
}

/// The memory of a result, taken out of the frame while it is written.
pub enum Target<'b> {
    Output(usize, &'b mut [f32]),
    Buffer(usize, OwnedBuffer),
}

/// A chunk buffer taken out of the frame.
#[derive(Default)]
pub struct OwnedBuffer(Buffer);

/// One call at work on one chunk.
pub struct Frame<'a, 'b> {
    pub prepared: &'a Prepared,
    range: Range<usize>,
    inputs: &'a [Input<'a>],
    outputs: &'a mut [&'b mut [f32]],
    scratch: &'a mut MapScratch,
    /// Begin of the chunk, counted from the begin of the range.
    at: usize,
    /// Length of the chunk.
    len: usize,
}

impl<'a, 'b> Frame<'a, 'b> {
    /// Starts a call whose slices have been checked and uniforms computed.
    pub fn new(
        prepared: &'a Prepared,
        range: Range<usize>,
        inputs: &'a [Input<'a>],
        outputs: &'a mut [&'b mut [f32]],
        scratch: &'a mut MapScratch,
    ) -> Self {
        let num_buffers = prepared.num_buffers + inputs.len();
        if scratch.buffers.len() < num_buffers {
            scratch.buffers.resize_with(num_buffers, Buffer::default);
        }
        scratch.places.clear();
        scratch.places.extend(prepared.homes.iter().enumerate().map(|(value, home)| match *home {
            Home::Uniform | Home::Unused => Place::Uniform,
            Home::Output(output) => Place::Output(output),
            Home::Buffer(buffer) => Place::Buffer(buffer),
            Home::Input => match inputs[value] {
                Input::Slice(_) => Place::Input(value, 0),
                Input::Output(output) => Place::Output(output),
            },
        }));
        scratch.phases.clear();
        scratch.phases.resize(inputs.len(), None);
        Frame { prepared, range, inputs, outputs, scratch, at: 0, len: 0 }
    }

    /// The number of elements in the range.
    pub fn range_len(&self) -> usize {
        self.range.len()
    }

    /// Whether some input must be spread over a buffer chunk by chunk.
    pub fn spreads_inputs(&self) -> bool {
        let layouts = self.prepared.inputs.iter().zip(&self.prepared.homes);
        layouts.into_iter().any(|(layout, home)| *home == Home::Input && *layout != Layout::Same)
    }

    /// Where inputs share memory with an output that is written before (or while) they are
    /// read for the last time, they are copied first.
    pub fn protect_shared_inputs(&mut self) {
        for (at, input) in self.inputs.iter().enumerate() {
            if let Input::Output(output) = *input
                && self.prepared.last_reads[at] >= Some(self.prepared.writers[output])
            {
                self.scratch.places[at] = Place::Buffer(self.prepared.num_buffers + at);
            }
        }
    }

    /// Moves on to the chunk of `len` elements from `at`, counted from the begin of the range.
    pub fn enter_chunk(&mut self, at: usize, len: usize) {
        (self.at, self.len) = (at, len);
        for input in 0..self.inputs.len() {
            if self.prepared.homes[input] == Home::Input {
                self.place_input(input);
            }
        }
    }

    fn place_input(&mut self, number: usize) {
        let (at, len) = (self.at, self.len);
        let element = self.range.start + at;
        let own_buffer = self.prepared.num_buffers + number;
        let MapScratch { places, buffers, phases, index, .. } = &mut *self.scratch;
        let place = &mut places[number];
        let from = match self.inputs[number] {
            Input::Slice(slice) => slice,
            Input::Output(output) => {
                // Where it is a buffer the input is protected.
                if let Place::Buffer(buffer) = *place {
                    buffers[buffer].reserve(len);
                    let chunk = &self.outputs[output][at..at + len];
                    buffers[buffer].first_mut(len).copy_from_slice(chunk);
                }
                return;
            }
        };
        match &self.prepared.inputs[number] {
            Layout::Same | Layout::Stretch { run: 1 } => *place = Place::Input(number, at),
            Layout::Scalar | Layout::Key => *place = Place::Uniform,
            Layout::Cycle { period } => {
                let phase = element % period;
                if phase + len <= *period {
                    *place = Place::Input(number, phase);
                    return;
                }
                *place = Place::Buffer(own_buffer);
                if phases[number] != Some(phase) {
                    phases[number] = Some(phase);
                    buffers[own_buffer].reserve(len);
                    fill::cycle(buffers[own_buffer].first_mut(len), &from[..*period], phase);
                }
            }
            Layout::Stretch { run } => {
                *place = Place::Buffer(own_buffer);
                buffers[own_buffer].reserve(len);
                let first = element / run - self.range.start / run;
                let to = buffers[own_buffer].first_mut(len);
                fill::stretch(to, &from[first..], *run, element % run);
            }
            Layout::Strided { dims, strides } => {
                *place = Place::Buffer(own_buffer);
                buffers[own_buffer].reserve(len);
                let to = buffers[own_buffer].first_mut(len);
                fill::strided(to, from, dims, strides, element, index);
            }
        }
    }

    /// The index in the grid of the chunk's first element.
    pub fn first_element(&self) -> usize {
        self.range.start + self.at
    }

    /// The number that is a uniform value of the program.
    pub fn uniform(&self, reg: Reg) -> f32 {
        self.scratch.uniforms[usize::from(reg)]
    }

    /// The words of a key.
    pub fn key(&self, reg: Reg) -> [u32; 4] {
        match self.inputs[usize::from(reg)] {
            Input::Slice(&[a, b, c, d, ..]) => [a, b, c, d].map(f32::to_bits),
            _ => unreachable!("checked: keys are slices of four words"),
        }
    }

    /// The place of a value.
    pub fn place(&self, reg: Reg) -> Place {
        self.scratch.places[usize::from(reg)]
    }

    /// The elements of a value in the chunk.
    #[inline(always)]
    pub fn operand(&self, reg: Reg) -> Operand<'_> {
        match self.place(reg) {
            Place::Uniform => Operand::Splat(self.uniform(reg)),
            place => Operand::Slice(self.slice(place)),
        }
    }

    /// The chunk's elements at a place that is not uniform.
    #[inline(always)]
    pub fn slice(&self, place: Place) -> &[f32] {
        match place {
            Place::Uniform => &[],
            Place::Output(output) => &self.outputs[output][self.at..self.at + self.len],
            Place::Buffer(buffer) => self.scratch.buffers[buffer].first(self.len),
            Place::Input(input, at) => match self.inputs[input] {
                Input::Slice(slice) => &slice[at..at + self.len],
                Input::Output(_) => unreachable!("shared inputs are placed at their output"),
            },
        }
    }

    /// The chunk's part of an output.
    pub fn output_mut(&mut self, output: usize) -> &mut [f32] {
        &mut self.outputs[output][self.at..self.at + self.len]
    }

    /// Takes the memory of a result out, so that it can be written while operands are read.
    #[inline(always)]
    pub fn take(&mut self, home: Home) -> Target<'b> {
        match home {
            Home::Output(output) => Target::Output(output, mem::take(&mut self.outputs[output])),
            Home::Buffer(buffer) => {
                let mut owned = mem::take(&mut self.scratch.buffers[buffer]);
                owned.reserve(self.len);
                Target::Buffer(buffer, OwnedBuffer(owned))
            }
            _ => unreachable!("results live in outputs and buffers"),
        }
    }

    /// The chunk's part of memory that was taken out.
    #[inline(always)]
    pub fn chunk_of<'t>(&self, target: &'t mut Target<'b>) -> &'t mut [f32] {
        match target {
            Target::Output(_, slice) => &mut slice[self.at..self.at + self.len],
            Target::Buffer(_, buffer) => buffer.0.first_mut(self.len),
        }
    }

    /// Puts back what was taken out.
    #[inline(always)]
    pub fn put_back(&mut self, target: Target<'b>) {
        match target {
            Target::Output(output, slice) => self.outputs[output] = slice,
            Target::Buffer(buffer, owned) => self.scratch.buffers[buffer] = owned.0,
        }
    }
}
