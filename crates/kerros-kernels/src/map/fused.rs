//! Compiled kernels: one loop over registers per formula.

use std::cell::RefCell;
use std::fmt;
use std::slice;
use std::sync::LazyLock;

use kerros_core::law::Lanes;
use kerros_core::program::{Program, Reg};

use super::frame::{Frame, Place};
use super::patterns;
use super::record::{Computed, Node, Recorded, Recording, Value};
use crate::Isa;
use crate::lanes::{Kernel, dispatch};

/// Most inputs, uniforms or outputs of a formula.
const MOST: usize = 8;

/// A formula with `E` inputs that differ from element to element, `U` that do not, and `O`
/// outputs.
pub trait Formula<const E: usize, const U: usize, const O: usize> {
    /// Name of the kernel, `"fused:"` before it.
    const NAME: &'static str;
    /// The outputs for one element (or register).
    fn compute<T: Value>(elements: [T; E], uniforms: [T; U]) -> [T; O];
}

/// Runs `len` elements. See [`run_formula`] for what the pointers must be.
type RunFormula = unsafe fn(
    isa: Isa,
    len: usize,
    elements: &[*const f32],
    uniforms: &[f32],
    outputs: &[*mut f32],
);

/// A compiled pattern.
pub struct Entry {
    name: &'static str,
    recording: Recording,
    run: RunFormula,
}

impl Entry {
    /// Records and compiles a formula.
    pub fn new<F: Formula<E, U, O>, const E: usize, const U: usize, const O: usize>() -> Self {
        const { assert!(E <= MOST && U <= MOST && O <= MOST) };
        let nodes = RefCell::new(Vec::new());
        let elements = std::array::from_fn(|at| Recorded::new(&nodes, Node::Element(at)));
        let uniforms = std::array::from_fn(|at| Recorded::new(&nodes, Node::Uniform(at)));
        let outputs = F::compute::<Recorded>(elements, uniforms).map(Recorded::node).to_vec();
        Entry {
            name: F::NAME,
            recording: Recording { nodes: nodes.into_inner(), outputs },
            run: run_formula::<F, E, U, O>,
        }
    }
}

/// Every compiled pattern, recorded when first asked for.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(patterns::entries);

/// Every compiled pattern as a program, with the kernel's name: for plans and tests.
pub fn programs() -> impl Iterator<Item = (&'static str, Program)> {
    ENTRIES.iter().map(|entry| (entry.name, entry.recording.program()))
}

/// A compiled kernel and the values of a program that it works on.
#[derive(Clone)]
pub struct Fused {
    entry: &'static Entry,
    elements: Vec<Reg>,
    uniforms: Vec<Reg>,
    outputs: Vec<usize>,
}

impl fmt::Debug for Fused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry.name)
    }
}

impl Fused {
    /// The first compiled pattern that is this (valid) program.
    pub fn find(program: &Program) -> Option<Self> {
        ENTRIES.iter().find_map(|entry| {
            let found = entry.recording.find_in(program)?;
            Some(Fused {
                entry,
                elements: found.elements.into_iter().collect::<Option<_>>()?,
                uniforms: found.uniforms.into_iter().collect::<Option<_>>()?,
                outputs: found.outputs,
            })
        })
    }

    /// The kernel's name.
    pub fn name(&self) -> &str {
        self.entry.name
    }

    /// Runs the kernel over the whole range.
    pub fn run(&self, isa: Isa, mut frame: Frame, chunk: usize) {
        let mut uniforms = [0.0; MOST];
        for (number, &reg) in uniforms.iter_mut().zip(&self.uniforms) {
            *number = frame.uniform(reg);
        }
        let len = frame.range_len();
        let chunk = if frame.spreads_inputs() { chunk } else { len };
        let mut at = 0;
        while at < len {
            let part = chunk.min(len - at);
            frame.enter_chunk(at, part);
            self.run_chunk(isa, &mut frame, part, &uniforms);
            at += chunk;
        }
    }

    fn run_chunk(&self, isa: Isa, frame: &mut Frame, len: usize, uniforms: &[f32; MOST]) {
        // The pointers to outputs are made once: inputs that share memory use the same.
        let mut by_output = [std::ptr::null_mut(); MOST];
        for (output, pointer) in by_output.iter_mut().take(self.outputs.len()).enumerate() {
            *pointer = frame.output_mut(output).as_mut_ptr();
        }
        let mut elements = [std::ptr::null(); MOST];
        for (pointer, &reg) in elements.iter_mut().zip(&self.elements) {
            *pointer = match frame.place(reg) {
                Place::Output(output) => by_output[output].cast_const(),
                place => frame.slice(place).as_ptr(),
            };
        }
        let mut outputs = [std::ptr::null_mut(); MOST];
        for (pointer, &output) in outputs.iter_mut().zip(&self.outputs) {
            *pointer = by_output[output];
        }
        // SAFETY: the frame's places hold `len` numbers each: `check` has seen to that. The
        // outputs are distinct slices, and inputs elsewhere are none of them.
        unsafe {
            (self.entry.run)(
                isa,
                len,
                &elements[..self.elements.len()],
                &uniforms[..self.uniforms.len()],
                &outputs[..self.outputs.len()],
            );
        }
    }
}

/// Computes `len` elements of a formula.
///
/// # Safety
/// Each element pointer is good for reading `len` numbers and each output pointer for
/// writing them. Output memory overlaps nothing, except that an element pointer may equal an
/// output pointer.
unsafe fn run_formula<F: Formula<E, U, O>, const E: usize, const U: usize, const O: usize>(
    isa: Isa,
    len: usize,
    elements: &[*const f32],
    uniforms: &[f32],
    outputs: &[*mut f32],
) {
    let kernel = Loop::<F, E, U, O> {
        formula: std::marker::PhantomData,
        len,
        elements: elements.try_into().expect("as many as the formula has"),
        uniforms: uniforms.try_into().expect("as many as the formula has"),
        outputs: outputs.try_into().expect("as many as the formula has"),
    };
    dispatch(isa, kernel);
}

/// The loop of a formula; made by [`run_formula`] only, whose conditions its pointers meet.
struct Loop<F, const E: usize, const U: usize, const O: usize> {
    formula: std::marker::PhantomData<F>,
    len: usize,
    elements: [*const f32; E],
    uniforms: [f32; U],
    outputs: [*mut f32; O],
}

impl<F: Formula<E, U, O>, const E: usize, const U: usize, const O: usize> Kernel
    for Loop<F, E, U, O>
{
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        // Plain loops over the arrays: closures are not certain to be inlined.
        let mut uniforms = [Computed(V::splat(0.0)); U];
        for (register, number) in uniforms.iter_mut().zip(self.uniforms) {
            *register = Computed(V::splat(number));
        }
        let mut at = 0;
        while at + V::WIDTH <= self.len {
            self.compute(at, V::WIDTH, uniforms);
            at += V::WIDTH;
        }
        if at < self.len {
            self.compute(at, self.len - at, uniforms);
        }
    }
}

impl<F: Formula<E, U, O>, const E: usize, const U: usize, const O: usize> Loop<F, E, U, O> {
    /// Computes `width` elements from `at` on, a register full or less.
    #[inline(always)]
    fn compute<V: Lanes>(&self, at: usize, width: usize, uniforms: [Computed<V>; U]) {
        debug_assert!(width <= V::WIDTH && at + width <= self.len);
        let mut elements = [Computed(V::splat(0.0)); E];
        for (register, pointer) in elements.iter_mut().zip(self.elements) {
            // SAFETY: the pointer is good for `len` numbers; nothing writes meanwhile.
            let from = unsafe { slice::from_raw_parts(pointer.add(at), width) };
            let whole = width == V::WIDTH;
            *register = Computed(if whole { V::load(from) } else { V::load_part(from) });
        }
        let results = F::compute(elements, uniforms);
        for (result, pointer) in results.into_iter().zip(self.outputs) {
            // SAFETY: the pointer is good for `len` numbers; nothing else uses them
            // meanwhile: the inputs are in registers.
            let to = unsafe { slice::from_raw_parts_mut(pointer.add(at), width) };
            if width == V::WIDTH { result.0.store(to) } else { result.0.store_part(to) }
        }
    }
}
