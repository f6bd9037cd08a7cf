//! What is decided once per program: which steps are needed, which of them once per call
//! instead of once per element, and where each value lives.

use std::ops::Range;

use kerros_core::program::{Binary, Instr, Layout, Program, Reg, Unary};

/// Numbers (of 4 bytes) that the chunks of all values together may take: what stays in a
/// first-level cache of 48 KB, or of 32 KB, beside everything else.
const CHUNK_BUDGET: usize = 7168;
/// Chunk lengths are multiples of this, a cache line of every width.
const CHUNK_GRAIN: usize = 64;
/// Shorter chunks spend their time between loops, longer ones gain nothing.
const CHUNK_LIMITS: Range<usize> = 256..2048;

/// A program laid out for the interpreter (and half of that for compiled kernels).
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The layouts of the inputs, axes of strided ones joined where possible.
    pub inputs: Vec<Layout>,
    /// Number of outputs.
    pub num_outputs: usize,
    /// Steps whose result is the same for every element, in order, with their values.
    pub uniform_steps: Vec<(Reg, Instr)>,
    /// Steps done for every element, in order.
    pub steps: Vec<Step>,
    /// Where each value of the program lives.
    pub homes: Vec<Home>,
    /// The last step that reads each input; `None` when none does.
    pub last_reads: Vec<Option<usize>>,
    /// The step that writes each output.
    pub writers: Vec<usize>,
    /// Chunk buffers for values between steps.
    pub num_buffers: usize,
}

impl Prepared {
    /// A chunk length for programs with this many buffers between their steps.
    pub fn chunk_len(&self, num_buffers: usize) -> usize {
        let values = num_buffers + self.inputs.len() + self.num_outputs;
        let len = (CHUNK_BUDGET / values.max(1)).clamp(CHUNK_LIMITS.start, CHUNK_LIMITS.end);
        // With whole periods in a chunk, a cycle is spread once for all chunks.
        let mut grain = CHUNK_GRAIN;
        for layout in &self.inputs {
            if let Layout::Cycle { period } = *layout
                && let Some(both) = (period / common_divisor(period, grain)).checked_mul(grain)
                && both <= len
            {
                grain = both;
            }
        }
        len / grain * grain
    }
}

/// Where a value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The same for every element: computed once per call.
    Uniform,
    /// An input with an element for every element of the grid.
    Input,
    /// The memory of an output.
    Output(usize),
    /// A chunk buffer.
    Buffer(usize),
    /// Nowhere: nobody needs it.
    Unused,
}

/// A step of the interpreter: what to compute, and the home of the result.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The operation.
    pub op: Op,
    /// Where the result goes, [`Home::Output`] or [`Home::Buffer`].
    pub to: Home,
}

/// An operation over a chunk.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// As [`Instr::Unary`]; the flag only where it makes a difference.
    Unary(Unary, bool, Reg),
    /// As [`Instr::Binary`].
    Binary(Binary, bool, Reg, Reg),
    /// As [`Instr::Select`].
    Select(Reg, Reg, Reg),
    /// As [`Instr::Random`].
    Random(u32, Reg),
    /// The value itself, for a second output or for one that is an input.
    Copy(Reg),
}

/// The values that an instruction reads.
pub fn operands(instr: &Instr) -> impl Iterator<Item = Reg> {
    let (count, all) = match *instr {
        Instr::Const(_) => (0, [0; 3]),
        Instr::Random { key, .. } => (1, [key; 3]),
        Instr::Unary(_, _, x) => (1, [x; 3]),
        Instr::Binary(_, _, a, b) => (2, [a, b, b]),
        Instr::Select(c, a, b) => (3, [c, a, b]),
    };
    all.into_iter().take(count)
}

/// For each value of a valid program whether it is the same for every element.
pub fn uniform_values(program: &Program) -> Vec<bool> {
    let mut uniform: Vec<bool> = program
        .inputs
        .iter()
        .map(|layout| matches!(layout, Layout::Scalar | Layout::Key))
        .collect();
    for instr in &program.instrs {
        let same = operands(instr).all(|reg| uniform[usize::from(reg)]);
        uniform.push(same && !matches!(instr, Instr::Random { .. }));
    }
    uniform
}

/// Lays a program out, or says why it makes no sense.
pub fn prepare(program: &Program) -> Result<Prepared, String> {
    validate(program)?;
    let num_inputs = program.inputs.len();
    let uniform = uniform_values(program);
    let needed = needed_values(program);

    let mut homes: Vec<Home> = (0..program.num_values())
        .map(|value| match (needed[value], uniform[value]) {
            (false, _) => Home::Unused,
            (true, true) => Home::Uniform,
            (true, false) => Home::Input,
        })
        .collect();
    let uniform_steps = (num_inputs..program.num_values())
        .filter(|&value| homes[value] == Home::Uniform)
        .map(|value| (value as Reg, program.instrs[value - num_inputs]))
        .collect();
    let mut layout = StepLayout { homes: &mut homes, steps: Vec::new(), readers: Vec::new() };
    layout.instructions(program);
    layout.copies(program);
    let steps = layout.steps;
    let num_buffers = assign_buffers(&steps, &layout.readers, &mut homes);
    let steps: Vec<Step> = steps
        .into_iter()
        .map(|(op, to)| Step {
            op,
            to: match to {
                Target::Output(output) => Home::Output(output),
                Target::Value(value) => homes[value],
            },
        })
        .collect();

    let mut last_reads = vec![None; num_inputs];
    let mut writers = vec![0; program.outputs.len()];
    for (at, step) in steps.iter().enumerate() {
        for reg in op_operands(&step.op).filter(|&reg| usize::from(reg) < num_inputs) {
            last_reads[usize::from(reg)] = Some(at);
        }
        if let Home::Output(output) = step.to {
            writers[output] = at;
        }
    }
    Ok(Prepared {
        inputs: program.inputs.iter().map(join_axes).collect(),
        num_outputs: program.outputs.len(),
        uniform_steps,
        steps,
        homes,
        last_reads,
        writers,
        num_buffers,
    })
}

fn validate(program: &Program) -> Result<(), String> {
    let num_inputs = program.inputs.len();
    for (at, layout) in program.inputs.iter().enumerate() {
        let sound = match layout {
            Layout::Cycle { period } => *period > 0,
            Layout::Stretch { run } => *run > 0,
            Layout::Strided { dims, strides } => dims.len() == strides.len(),
            Layout::Same | Layout::Scalar | Layout::Key => true,
        };
        if !sound {
            return Err(format!("input {at} has the impossible layout {layout:?}"));
        }
    }
    for (at, instr) in program.instrs.iter().enumerate() {
        if operands(instr).any(|reg| usize::from(reg) >= num_inputs + at) {
            return Err(format!("step {at}, {instr:?}, uses a value that is not computed yet"));
        }
        if let Instr::Random { key, .. } = instr
            && program.inputs.get(usize::from(*key)) != Some(&Layout::Key)
        {
            return Err(format!("step {at} draws random words, but value {key} is no key"));
        }
    }
    match program.outputs.iter().find(|&&reg| usize::from(reg) >= program.num_values()) {
        Some(reg) => Err(format!("output value {reg} does not exist")),
        None => Ok(()),
    }
}

fn needed_values(program: &Program) -> Vec<bool> {
    let mut needed = vec![false; program.num_values()];
    for &reg in &program.outputs {
        needed[usize::from(reg)] = true;
    }
    for (at, instr) in program.instrs.iter().enumerate().rev() {
        if needed[program.inputs.len() + at] {
            for reg in operands(instr) {
                needed[usize::from(reg)] = true;
            }
        }
    }
    needed
}

/// Where a step's result goes before buffers are assigned.
enum Target {
    Output(usize),
    Value(usize),
}

struct StepLayout<'a> {
    homes: &'a mut [Home],
    steps: Vec<(Op, Target)>,
    /// Pairs of a value and a step that reads it.
    readers: Vec<(usize, usize)>,
}

impl StepLayout<'_> {
    fn push(&mut self, op: Op, to: Target) {
        let at = self.steps.len();
        self.readers.extend(op_operands(&op).map(|reg| (usize::from(reg), at)));
        self.steps.push((op, to));
    }

    /// The needed instructions that differ from element to element.
    fn instructions(&mut self, program: &Program) {
        for (at, instr) in program.instrs.iter().enumerate() {
            let value = program.inputs.len() + at;
            if self.homes[value] != Home::Input {
                continue;
            }
            let op = match *instr {
                Instr::Const(_) => unreachable!("constants are uniform"),
                Instr::Random { op, key } => Op::Random(op, key),
                Instr::Unary(f, int, x) => {
                    let differs = matches!(f, Unary::Neg | Unary::Abs | Unary::Sign);
                    Op::Unary(f, int && differs, x)
                }
                Instr::Binary(f, int, a, b) => Op::Binary(f, int, a, b),
                Instr::Select(c, a, b) => Op::Select(c, a, b),
            };
            // Straight to the output, where later steps find it too.
            let output = program.outputs.iter().position(|&reg| usize::from(reg) == value);
            let to = match output {
                Some(output) => {
                    self.homes[value] = Home::Output(output);
                    Target::Output(output)
                }
                None => Target::Value(value),
            };
            self.push(op, to);
        }
    }

    /// The outputs that no instruction writes.
    fn copies(&mut self, program: &Program) {
        for (output, &reg) in program.outputs.iter().enumerate() {
            if self.homes[usize::from(reg)] != Home::Output(output) {
                self.push(Op::Copy(reg), Target::Output(output));
            }
        }
    }
}

/// The values that an operation reads.
fn op_operands(op: &Op) -> impl Iterator<Item = Reg> {
    let (count, all) = match *op {
        Op::Unary(_, _, x) | Op::Random(_, x) | Op::Copy(x) => (1, [x; 3]),
        Op::Binary(_, _, a, b) => (2, [a, b, b]),
        Op::Select(c, a, b) => (3, [c, a, b]),
    };
    all.into_iter().take(count)
}

/// Gives every value that stays between steps a buffer, reused after its last reader. A
/// step's result never shares a buffer with what the step reads.
fn assign_buffers(steps: &[(Op, Target)], readers: &[(usize, usize)], homes: &mut [Home]) -> usize {
    let mut last_reader = vec![None; homes.len()];
    for &(value, step) in readers {
        last_reader[value] = Some(step);
    }
    let (mut free, mut num_buffers) = (Vec::new(), 0);
    for (at, (op, to)) in steps.iter().enumerate() {
        if let Target::Value(value) = *to {
            homes[value] = Home::Buffer(free.pop().unwrap_or_else(|| {
                num_buffers += 1;
                num_buffers - 1
            }));
        }
        let mut seen: Vec<usize> = Vec::new();
        for value in op_operands(op).map(usize::from) {
            if let Home::Buffer(buffer) = homes[value]
                && last_reader[value] == Some(at)
                && !seen.contains(&buffer)
            {
                seen.push(buffer);
                free.push(buffer);
            }
        }
    }
    num_buffers
}

/// The same layout with as few axes as possible.
fn join_axes(layout: &Layout) -> Layout {
    let Layout::Strided { dims, strides } = layout else { return layout.clone() };
    let mut joined: Vec<(usize, usize)> = Vec::new();
    for (&dim, &stride) in dims.iter().zip(strides).filter(|&(&dim, _)| dim != 1) {
        match joined.last_mut() {
            // One step along the axis before is the whole of this axis.
            Some((outer, outer_stride)) if Some(*outer_stride) == dim.checked_mul(stride) => {
                (*outer, *outer_stride) = (outer.saturating_mul(dim), stride);
            }
            _ => joined.push((dim, stride)),
        }
    }
    let (dims, strides) = joined.into_iter().unzip();
    Layout::Strided { dims, strides }
}

fn common_divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
