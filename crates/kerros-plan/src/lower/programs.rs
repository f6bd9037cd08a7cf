//! Elementwise units: each becomes one program.

use std::collections::HashMap;

use kerros_core::DType;
use kerros_core::program::{Binary, Instr, Layout, Program, Reg, Unary};
use kerros_graph::{NodeId, Op};

use super::buffers::{Load, operand};
use super::{COST_PER_INSTR, Lowering, rows_of_shape};
use crate::plan::{Access, Kernel, Operand, Split, Step};
use crate::units::Role;

impl Lowering<'_> {
    pub(super) fn program(&mut self, unit: usize, members: &[NodeId]) {
        let mut loads: Vec<Load> = Vec::new();
        let mut regs: HashMap<(NodeId, bool), Reg> = HashMap::new();
        let inner = |this: &Self, id: NodeId| this.units.of[this.source(id).index()] == Some(unit);
        // Inputs take the first registers, so they are collected before any instruction.
        for &member in members {
            let nodes = self.nodes;
            let node = &nodes[member.index()];
            let is_key = matches!(node.op, Op::RandomBits(_));
            for &input in &node.inputs {
                let key = (self.source(input), is_key);
                if inner(self, input) || regs.contains_key(&key) {
                    continue;
                }
                if !is_key && self.scalar_literal(input).is_some() {
                    continue;
                }
                let load = self.load_of(input, is_key);
                let known = loads.iter().position(|other| *other == load);
                let reg = known.unwrap_or_else(|| {
                    loads.push(load);
                    loads.len() - 1
                });
                regs.insert(key, reg as Reg);
            }
        }
        let mut builder = ProgramBuilder { num_inputs: loads.len(), instrs: Vec::new() };
        for &member in members {
            let node = &self.nodes[member.index()];
            let mut operands = Vec::with_capacity(node.inputs.len());
            for &input in &node.inputs {
                let is_key = matches!(node.op, Op::RandomBits(_));
                let key = (self.source(input), is_key);
                let reg = match self.scalar_literal(input) {
                    Some(bits) if !is_key && !inner(self, input) => builder.constant(bits),
                    _ => regs[&key],
                };
                operands.push(reg);
            }
            let from = node.inputs.first().map(|&input| self.ty(input).dtype);
            let reg = builder.emit(&node.op, &operands, from);
            regs.insert((member, false), reg);
            // A key is read from memory, never from a register.
            debug_assert!(
                !node
                    .inputs
                    .iter()
                    .any(|&input| { matches!(node.op, Op::RandomBits(_)) && inner(self, input) })
            );
        }
        let last = *members.last().expect("a unit has members");
        let ty = self.ty(last).clone();
        let (rows, len) = (rows_of_shape(&ty.shape), ty.shape.num_elements());
        let kept: Vec<NodeId> =
            members.iter().copied().filter(|member| self.kept[member.index()]).collect();
        let mut writes = Vec::with_capacity(kept.len());
        for &member in &kept {
            let buffer = self.new_buffer(self.ty(member).clone());
            self.buffers.insert(member, buffer);
            writes.push(Operand { buffer, access: Access::Part });
        }
        let outputs = kept.iter().map(|&member| regs[&(member, false)]).collect();
        let cost = COST_PER_INSTR * len * (loads.len() + builder.instrs.len());
        let program = Program {
            inputs: loads.iter().map(|(_, layout)| layout.clone()).collect(),
            instrs: builder.instrs,
            outputs,
        };
        self.plan.steps.push(Step {
            kernel: Kernel::Map(program),
            reads: loads.iter().map(|load| operand(load, len, rows)).collect(),
            writes,
            split: if rows > 1 { Split::Rows(rows) } else { Split::Single },
            cost,
            origin: self.nodes[last.index()].origin.clone(),
        });
    }

    /// The constant that every element of an operand is.
    pub(super) fn scalar_literal(&self, id: NodeId) -> Option<u32> {
        let mut id = self.source(id);
        if self.roles[id.index()] == Role::View {
            id = self.source(self.nodes[id.index()].inputs[0]);
        }
        match &self.nodes[id.index()].op {
            Op::Literal(literal) if literal.value.num_elements() == 1 => {
                let value = &literal.value;
                Some(match value.dtype() {
                    DType::I32 => value.as_slice::<i32>().ok()?[0] as u32,
                    _ => value.to_f32().as_slice::<f32>().ok()?[0].to_bits(),
                })
            }
            _ => None,
        }
    }

    fn load_of(&mut self, id: NodeId, is_key: bool) -> Load {
        let id = self.source(id);
        if is_key {
            (self.buffer(id), Layout::Key)
        } else if self.roles[id.index()] == Role::View && !self.buffers.contains_key(&id) {
            self.view(id)
        } else {
            (self.buffer(id), Layout::Same)
        }
    }
}

/// Writes the instructions of a program; equal instructions are one.
struct ProgramBuilder {
    num_inputs: usize,
    instrs: Vec<Instr>,
}

impl ProgramBuilder {
    fn push(&mut self, instr: Instr) -> Reg {
        let known = self.instrs.iter().position(|other| *other == instr);
        let at = known.unwrap_or_else(|| {
            self.instrs.push(instr);
            self.instrs.len() - 1
        });
        (self.num_inputs + at) as Reg
    }

    fn constant(&mut self, bits: u32) -> Reg {
        self.push(Instr::Const(bits))
    }

    fn emit(&mut self, op: &Op, operands: &[Reg], from: Option<DType>) -> Reg {
        let int = from == Some(DType::I32);
        let instr = match op {
            Op::Unary(unary) => Instr::Unary(unary.function, int, operands[0]),
            Op::Binary(binary) => Instr::Binary(binary.function, int, operands[0], operands[1]),
            Op::Select(_) => Instr::Select(operands[0], operands[1], operands[2]),
            Op::RandomBits(random) => Instr::Random { op: random.stream, key: operands[0] },
            Op::Cast(cast) => match (int, cast.dtype) {
                (true, DType::Bool) | (false, DType::Bool) => {
                    let zero = self.constant(0);
                    Instr::Binary(Binary::Ne, int, operands[0], zero)
                }
                (true, _) => Instr::Unary(Unary::IntToFloat, true, operands[0]),
                (false, _) => Instr::Unary(Unary::FloatToInt, false, operands[0]),
            },
            _ => unreachable!("{} is not elementwise", op.name()),
        };
        self.push(instr)
    }
}
