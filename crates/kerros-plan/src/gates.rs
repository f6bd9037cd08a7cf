//! The pass that lets a matrix product apply the derivative of relu to what it computes.
//!
//! On the way back through a layer with relu, `dx = dy · wᵀ` is followed by
//! `select(y <= 0, 0, dx)` with the output `y` of the layer before. The product knows each element
//! of `dx` while it is still in a register: there the gate costs one load, as a step of its own it
//! costs a walk through memory.

use kerros_core::program::{Binary, Instr, Layout, Program, Reg};

use crate::plan::{Access, BufferId, Home, Kernel, Operand, Plan, Split};

/// Joins each such pair of steps to one.
pub fn join_gates(plan: &mut Plan) {
    let mut at = 0;
    while at < plan.steps.len() {
        match find(plan, at) {
            Some(gate) => {
                join(plan, at, gate);
                // The step that took this one's place has not been looked at.
            }
            None => at += 1,
        }
    }
}

/// A product and what its result is gated by.
struct Gate {
    product: usize,
    gate: BufferId,
}

/// The product that the gate in a step belongs to, if the step is nothing but that.
fn find(plan: &Plan, at: usize) -> Option<Gate> {
    let step = &plan.steps[at];
    let Kernel::Map(program) = &step.kernel else { return None };
    let (gate, value) = operands(program)?;
    let (gate, value) = (step.reads[gate].buffer, step.reads[value].buffer);
    let is_temporary =
        |buffer: BufferId| matches!(plan.buffers[buffer].home, Home::Arena(_)) && buffer != gate;
    let writes = |step: usize, buffer: BufferId| {
        plan.steps[step].writes.iter().any(|write| write.buffer == buffer)
    };
    let reads = |step: usize, buffer: BufferId| {
        plan.steps[step].reads.iter().any(|read| read.buffer == buffer)
    };
    let product = (0..at).rev().find(|&earlier| writes(earlier, value))?;
    let handed_out = plan.outputs.iter().any(|(buffer, _)| *buffer == value);
    let read_once = (0..plan.steps.len()).filter(|&step| reads(step, value)).eq([at]);
    let gate_is_there = (product..at).all(|step| !writes(step, gate));
    let fits = is_temporary(value)
        && is_temporary(step.writes[0].buffer)
        && !handed_out
        && read_once
        && gate_is_there
        && takes_gate(&plan.steps[product].kernel, plan.steps[product].split)
        && plan.steps[product].split == step.split;
    fits.then_some(Gate { product, gate })
}

/// Which reads of a program are gate and value, if it is `select(gate <= 0, 0, value)`.
fn operands(program: &Program) -> Option<(usize, usize)> {
    let num_inputs = program.inputs.len();
    let instr = |reg: Reg| program.instrs.get(usize::from(reg).checked_sub(num_inputs)?);
    let input = |reg: Reg| Some(usize::from(reg)).filter(|&reg| reg < num_inputs);
    let is_zero = |reg: Reg| instr(reg) == Some(&Instr::Const(0));
    let all_same = program.inputs.iter().all(|layout| *layout == Layout::Same);
    let ([output], 3, 2, true) = (&program.outputs[..], program.instrs.len(), num_inputs, all_same)
    else {
        return None;
    };
    let Some(&Instr::Select(closed, zero, value)) = instr(*output) else { return None };
    let Some(&Instr::Binary(Binary::Le, false, gate, limit)) = instr(closed) else { return None };
    (is_zero(zero) && is_zero(limit)).then_some((input(gate)?, input(value)?))
}

/// Whether a step is a product whose rows are divided as those of its gate.
fn takes_gate(kernel: &Kernel, split: Split) -> bool {
    let Kernel::Gemm { batch: 1, m, bias: false, relu: false, gate: false, .. } = kernel else {
        return false;
    };
    m.is_multiple_of(split.rows())
}

fn join(plan: &mut Plan, at: usize, Gate { product, gate }: Gate) {
    let gated = plan.steps.remove(at);
    let step = &mut plan.steps[product];
    if let Kernel::Gemm { gate, .. } = &mut step.kernel {
        *gate = true;
    }
    step.reads.push(Operand { buffer: gate, access: Access::Part });
    step.writes = gated.writes;
    step.cost += gated.cost;
}
