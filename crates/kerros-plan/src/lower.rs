//! From a simplified graph to steps: each unit becomes a kernel over buffers.

use std::collections::HashMap;

use kerros_core::program::{Binary, Instr, Layout, Program, Reg, Unary};
use kerros_core::{DType, Origin, Result, Shape, Tensor};
use kerros_graph::ops::{self, LinearActivation, MatMul};
use kerros_graph::{Graph, NodeData, NodeId, Op, StateId, Type};

use crate::plan::{Access, Buffer, BufferId, Home, Kernel, Operand, Plan, Split, Step};
use crate::units::{Role, Units, group, role, source, viewed};

/// Arithmetic operations that one elementwise instruction is counted as: loads and stores
/// weigh more than the arithmetic.
const COST_PER_INSTR: usize = 4;

/// The number of rows by which a value of this shape is divided over threads: its first axis
/// longer than 1, together with the axes of length 1 before it.
pub fn rows_of_shape(shape: &Shape) -> usize {
    shape.iter().copied().find(|&dim| dim > 1).unwrap_or(1)
}

/// Turns a graph into steps in an order in which they can run; regions and places in the
/// arena are still missing.
///
/// # Errors
/// None for a graph that the verifier accepts.
pub fn lower(
    graph: &Graph,
    outputs: &[NodeId],
    updates: &[(StateId, NodeId)],
    fuse: bool,
) -> Result<Plan> {
    let nodes: &[NodeData] = &graph.nodes();
    let roles: Vec<Role> = nodes.iter().map(|node| role(nodes, node)).collect();
    let mut needed = vec![false; nodes.len()];
    let mut stack: Vec<NodeId> = outputs.to_vec();
    stack.extend(updates.iter().map(|(_, value)| *value));
    let mut asked = vec![false; nodes.len()];
    for &root in &stack {
        asked[viewed(nodes, &roles, root).0.index()] = true;
    }
    while let Some(id) = stack.pop() {
        if !std::mem::replace(&mut needed[id.index()], true) {
            stack.extend(&nodes[id.index()].inputs);
        }
    }
    let units = group(nodes, &roles, &needed, fuse);
    let kept = kept(nodes, &roles, &units, &needed, asked);
    let mut lowering =
        Lowering { nodes, roles, kept, units, plan: Plan::default(), buffers: HashMap::new() };
    lowering.plan.inputs = graph.inputs().into_iter().map(|(_, _, ty)| ty).collect();
    for unit in lowering.order() {
        lowering.unit(unit)?;
    }
    lowering.outputs(outputs);
    lowering.updates(updates);
    Ok(lowering.plan)
}

/// Which computed nodes are used outside their unit, or asked for: those need a buffer.
fn kept(
    nodes: &[NodeData],
    roles: &[Role],
    units: &Units,
    needed: &[bool],
    asked: Vec<bool>,
) -> Vec<bool> {
    let mut kept = asked;
    for (at, node) in nodes.iter().enumerate().filter(|(at, _)| needed[*at]) {
        let Some(unit) = units.of[at] else { continue };
        for &input in &node.inputs {
            let (used, through_view) = viewed(nodes, roles, input);
            kept[used.index()] |= through_view || units.of[used.index()] != Some(unit);
        }
    }
    kept
}

struct Lowering<'a> {
    nodes: &'a [NodeData],
    roles: Vec<Role>,
    units: Units,
    kept: Vec<bool>,
    plan: Plan,
    buffers: HashMap<NodeId, BufferId>,
}

/// One input of a program under construction.
type Load = (BufferId, Layout, usize);

impl Lowering<'_> {
    fn source(&self, id: NodeId) -> NodeId {
        source(self.nodes, &self.roles, id)
    }

    fn ty(&self, id: NodeId) -> &Type {
        &self.nodes[id.index()].ty
    }

    /// The units, inputs before users.
    fn order(&self) -> Vec<usize> {
        fn visit(this: &Lowering<'_>, unit: usize, state: &mut [u8], order: &mut Vec<usize>) {
            if state[unit] != 0 {
                return;
            }
            state[unit] = 1;
            for member in &this.units.members[unit] {
                let mut stack = this.nodes[member.index()].inputs.clone();
                while let Some(id) = stack.pop() {
                    match this.units.of[id.index()] {
                        Some(other) if other != unit => visit(this, other, state, order),
                        Some(_) => {}
                        None => stack.extend(&this.nodes[id.index()].inputs),
                    }
                }
            }
            order.push(unit);
        }
        // Visiting by first member keeps the order of the graph where nothing else decides.
        let mut units: Vec<usize> = (0..self.units.members.len()).collect();
        units.sort_by_key(|&unit| self.units.members[unit][0]);
        let (mut state, mut order) = (vec![0; units.len()], Vec::with_capacity(units.len()));
        for unit in units {
            visit(self, unit, &mut state, &mut order);
        }
        order
    }

    fn new_buffer(&mut self, ty: Type) -> BufferId {
        self.plan.buffers.push(Buffer { home: Home::Arena(0), ty });
        self.plan.buffers.len() - 1
    }

    fn push_step(
        &mut self,
        kernel: Kernel,
        reads: Vec<Operand>,
        write: (BufferId, Split),
        cost: usize,
        origin: &Origin,
    ) {
        let (buffer, split) = write;
        let writes = vec![Operand { buffer, access: Access::Part, offset: 0 }];
        self.plan.steps.push(Step { kernel, reads, writes, split, cost, origin: origin.clone() });
    }

    /// The buffer that holds a node's value, made first if need be.
    fn buffer(&mut self, id: NodeId) -> BufferId {
        let id = self.source(id);
        if let Some(&buffer) = self.buffers.get(&id) {
            return buffer;
        }
        let node = &self.nodes[id.index()];
        let home = match &node.op {
            Op::Input(input) => Home::Input(input.index as usize),
            Op::State(state) => {
                // One buffer per state, so that every order between its uses is seen.
                let buffer = self.state_buffer(StateId(state.id), &node.ty);
                self.buffers.insert(id, buffer);
                return buffer;
            }
            Op::Literal(literal) => self.literal(literal.value.clone()),
            Op::Iota(iota) => {
                let indices: Vec<i32> = (0..iota.len as i32).collect();
                self.literal(Tensor::new([iota.len], indices).expect("as many as the length"))
            }
            _ => {
                // A view that something reads as a whole.
                let buffer = self.materialize(id);
                self.buffers.insert(id, buffer);
                return buffer;
            }
        };
        self.plan.buffers.push(Buffer { home, ty: node.ty.clone() });
        self.buffers.insert(id, self.plan.buffers.len() - 1);
        self.plan.buffers.len() - 1
    }

    fn literal(&mut self, value: Tensor) -> Home {
        // Truth values are stored as numbers inside a plan.
        let value = if value.dtype() == DType::Bool { value.to_f32() } else { value };
        self.plan.literals.push(value);
        Home::Literal(self.plan.literals.len() - 1)
    }

    /// A copy of a view's elements.
    fn materialize(&mut self, view: NodeId) -> BufferId {
        let node = &self.nodes[view.index()];
        let (load, ty, origin) = (self.view(view), node.ty.clone(), node.origin.clone());
        let buffer = self.new_buffer(ty.clone());
        self.copy(load, buffer, &ty, &origin);
        buffer
    }

    /// The step that copies what a load gives.
    fn copy(&mut self, load: Load, to: BufferId, ty: &Type, origin: &Origin) {
        let program = Program { inputs: vec![load.1.clone()], instrs: vec![], outputs: vec![0] };
        let (rows, len) = (rows_of_shape(&ty.shape), ty.shape.num_elements());
        let read = operand(&load, len, rows);
        let split = if rows > 1 { Split::Rows(rows) } else { Split::Single };
        self.push_step(Kernel::Map(program), vec![read], (to, split), COST_PER_INSTR * len, origin);
    }

    /// How to read a broadcast.
    fn view(&mut self, view: NodeId) -> Load {
        let node = &self.nodes[view.index()];
        let Op::Broadcast(broadcast) = &node.op else {
            unreachable!("node %{} ({}) is read before it is made", view.0, node.op.name())
        };
        // The operand's own shape counts, not that of what it is an alias of.
        let from = &self.nodes[node.inputs[0].index()].ty.shape;
        let strides = broadcast.strides(from);
        let layout = layout(&broadcast.shape, &strides);
        (self.buffer(node.inputs[0]), layout, 0)
    }

    fn unit(&mut self, unit: usize) -> Result<()> {
        let members = self.units.members[unit].clone();
        match self.roles[members[0].index()] {
            Role::Elementwise => self.program(unit, &members),
            _ => self.heavy(members[0])?,
        }
        Ok(())
    }

    /// The constant that every element of an operand is.
    fn scalar_literal(&self, id: NodeId) -> Option<u32> {
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
            (self.buffer(id), Layout::Key, 0)
        } else if self.roles[id.index()] == Role::View && !self.buffers.contains_key(&id) {
            self.view(id)
        } else {
            (self.buffer(id), Layout::Same, 0)
        }
    }

    fn program(&mut self, unit: usize, members: &[NodeId]) {
        let mut loads: Vec<Load> = Vec::new();
        let mut regs: HashMap<(NodeId, bool), Reg> = HashMap::new();
        let inner = |this: &Self, id: NodeId| this.units.of[this.source(id).index()] == Some(unit);
        // Inputs take the first registers, so they are collected before any instruction.
        for &member in members {
            let node = self.nodes[member.index()].clone();
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
            writes.push(Operand { buffer, access: Access::Part, offset: 0 });
        }
        let outputs = kept.iter().map(|&member| regs[&(member, false)]).collect();
        let cost = COST_PER_INSTR * len * (loads.len() + builder.instrs.len());
        let program = Program {
            inputs: loads.iter().map(|(_, layout, _)| layout.clone()).collect(),
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

    fn heavy(&mut self, id: NodeId) -> Result<()> {
        let node = self.nodes[id.index()].clone();
        let shapes: Vec<Shape> =
            node.inputs.iter().map(|&input| self.ty(input).shape.clone()).collect();
        let reads: Vec<BufferId> = node.inputs.iter().map(|&input| self.buffer(input)).collect();
        let out_rows = rows_of_shape(&node.ty.shape);
        let part = |buffer| Operand { buffer, access: Access::Part, offset: 0 };
        let whole = |buffer| Operand { buffer, access: Access::Whole, offset: 0 };
        // A kernel of `units` independent parts is divided like the result, if that is even.
        let split_of = |units: usize| match units.is_multiple_of(out_rows) && out_rows > 1 {
            true => Split::Rows(out_rows),
            false => Split::Single,
        };
        let (kernel, operands, split, cost) = match &node.op {
            Op::Linear(linear) => {
                let k = shapes[1][0];
                let (m, n) = (shapes[0].num_elements() / k.max(1), shapes[1][1]);
                let kernel = Kernel::Gemm {
                    batch: 1,
                    m,
                    n,
                    k,
                    op: MatMul { transpose_a: false, transpose_b: false },
                    bias: linear.bias,
                    relu: linear.activation == LinearActivation::Relu,
                };
                let mut operands = vec![part(reads[0]), whole(reads[1])];
                operands.extend(reads.get(2).map(|&bias| whole(bias)));
                (kernel, operands, split_of(m), 2 * m * n * k)
            }
            Op::MatMul(op) => {
                let sizes = op.sizes(&shapes[0], &shapes[1]).expect("the shape rule accepted it");
                let (batch, m, n, k) = (sizes.batch, sizes.m, sizes.n, sizes.k);
                let kernel =
                    Kernel::Gemm { batch, m, n, k, op: op.clone(), bias: false, relu: false };
                let operands = match (batch, op.transpose_a) {
                    (1, false) => vec![part(reads[0]), whole(reads[1])],
                    (1, true) => vec![whole(reads[0]), whole(reads[1])],
                    _ => vec![part(reads[0]), part(reads[1])],
                };
                let split = split_of(if batch == 1 { m } else { batch });
                (kernel, operands, split, 2 * batch * m * n * k)
            }
            Op::Softmax(_) | Op::LogSoftmax(_) => {
                let columns = node.ty.shape.last();
                let rows = node.ty.shape.num_elements() / columns.max(1);
                let log = matches!(node.op, Op::LogSoftmax(_));
                let kernel = Kernel::Softmax { rows, columns, log };
                (kernel, vec![part(reads[0])], split_of(rows), 30 * rows * columns)
            }
            Op::SoftmaxCrossEntropy(_) => {
                let columns = shapes[0].last();
                let rows = node.ty.shape.num_elements();
                let sparse = self.ty(node.inputs[1]).dtype == DType::I32;
                let kernel = Kernel::SoftmaxCrossEntropy { rows, columns, sparse };
                let operands = vec![part(reads[0]), part(reads[1])];
                (kernel, operands, split_of(rows), 30 * rows * columns)
            }
            Op::GlobalNorm(_) => {
                let cost = shapes.iter().map(|shape| 2 * shape.num_elements()).sum();
                let operands = reads.iter().map(|&read| whole(read)).collect();
                (Kernel::GlobalNorm, operands, Split::Single, cost)
            }
            Op::Reduce(reduce) => {
                self.reduce(reduce, id, &shapes[0], reads[0]);
                return Ok(());
            }
            Op::ArgReduce(arg) => {
                let shape = &shapes[0];
                let outer = shape[..arg.axis].iter().product();
                let inner = shape[arg.axis + 1..].iter().product();
                let len = shape[arg.axis];
                let kernel = Kernel::ArgReduce { kind: arg.kind, outer, len, inner };
                let split = split_of(outer);
                let read = if split == Split::Single { whole(reads[0]) } else { part(reads[0]) };
                (kernel, vec![read], split, 2 * shape.num_elements())
            }
            Op::Transpose(transpose) => {
                let strides = shapes[0].strides();
                let strides: Vec<usize> =
                    transpose.axes.iter().map(|&axis| strides[axis]).collect();
                let load = (reads[0], layout(&node.ty.shape, &strides), 0);
                return self.strided_copy(id, &node, load);
            }
            Op::Slice(slice) => {
                let mut strides = shapes[0].strides();
                let offset = slice.start * strides[slice.axis];
                strides[slice.axis] *= slice.step;
                let layout = Layout::Strided { dims: node.ty.shape.to_vec(), strides };
                return self.strided_copy(id, &node, (reads[0], layout, offset));
            }
            op => {
                let cost = 100 * node.ty.shape.num_elements();
                let operands = reads.iter().map(|&read| whole(read)).collect();
                let inputs = node.inputs.iter().map(|&input| self.ty(input).clone()).collect();
                (Kernel::Fallback { op: op.clone(), inputs }, operands, Split::Single, cost)
            }
        };
        let buffer = self.new_buffer(node.ty.clone());
        self.buffers.insert(id, buffer);
        self.push_step(kernel, operands, (buffer, split), cost, &node.origin);
        Ok(())
    }

    fn strided_copy(&mut self, id: NodeId, node: &NodeData, load: Load) -> Result<()> {
        let buffer = self.new_buffer(node.ty.clone());
        self.buffers.insert(id, buffer);
        self.copy(load, buffer, &node.ty, &node.origin);
        Ok(())
    }

    /// One step per group of neighbouring axes.
    fn reduce(&mut self, reduce: &ops::Reduce, id: NodeId, shape: &Shape, mut read: BufferId) {
        let node = self.nodes[id.index()].clone();
        let views = reduce.views(shape);
        for (at, view) in views.iter().enumerate() {
            let last = at + 1 == views.len();
            let ty = match last {
                true => node.ty.clone(),
                false => Type::new(node.ty.dtype, [view.outer, view.inner]),
            };
            let rows = rows_of_shape(&ty.shape);
            let whole_rows = view.outer > 1 && view.outer.is_multiple_of(rows) && rows > 1;
            let columns = view.outer == 1 && view.inner.is_multiple_of(rows) && rows > 1;
            let (access, split) = match (whole_rows, columns) {
                (true, _) => (Access::Part, Split::Rows(rows)),
                (_, true) => (Access::Whole, Split::Rows(rows)),
                _ => (Access::Whole, Split::Single),
            };
            let kernel = Kernel::Reduce {
                kind: reduce.kind,
                int: node.ty.dtype == DType::I32,
                outer: view.outer,
                len: view.len,
                inner: view.inner,
            };
            let buffer = self.new_buffer(ty);
            let cost = COST_PER_INSTR * view.outer * view.len * view.inner;
            let operand = Operand { buffer: read, access, offset: 0 };
            self.push_step(kernel, vec![operand], (buffer, split), cost, &node.origin);
            read = buffer;
        }
        self.buffers.insert(id, read);
    }

    /// Gives every output a buffer of its own in the arena.
    fn outputs(&mut self, outputs: &[NodeId]) {
        for &output in outputs {
            let buffer = self.buffer(output);
            // What lives elsewhere may change before it is handed out.
            let buffer = match self.plan.buffers[buffer].home {
                Home::Arena(_) => buffer,
                _ => self.copy_to_arena(output, buffer),
            };
            let ty = self.ty(output).clone();
            self.plan.outputs.push((buffer, ty));
        }
    }

    fn copy_to_arena(&mut self, id: NodeId, from: BufferId) -> BufferId {
        let node = &self.nodes[id.index()];
        let (ty, origin) = (node.ty.clone(), node.origin.clone());
        let copy = self.new_buffer(ty.clone());
        self.copy((from, Layout::Same, 0), copy, &ty, &origin);
        copy
    }

    /// Carries out the updates: each value is made in its state itself where every reader
    /// of the old value can come before, and is copied there otherwise.
    fn updates(&mut self, updates: &[(StateId, NodeId)]) {
        // A value that lives elsewhere, or is handed out as well, is copied first: its
        // owner may change.
        let mut values = Vec::with_capacity(updates.len());
        for &(state, value) in updates {
            let target = self.state_buffer(state, &self.ty(value).clone());
            let mut from = self.buffer(value);
            if from == target {
                continue;
            }
            let taken = self.plan.outputs.iter().any(|(buffer, _)| *buffer == from)
                || values.iter().any(|&(_, _, other)| other == from);
            if taken || !matches!(self.plan.buffers[from].home, Home::Arena(_)) {
                from = self.copy_to_arena(value, from);
            }
            values.push((value, target, from));
        }
        let mut order = StepOrder::new(&self.plan);
        for (value, target, from) in values {
            if !order.write_in_place(&mut self.plan, from, target) {
                let (ty, origin) = (self.ty(value).clone(), &self.nodes[value.index()].origin);
                self.copy((from, Layout::Same, 0), target, &ty, &origin.clone());
                order.push(&self.plan);
                let last = self.plan.steps.len() - 1;
                order.after_readers(&self.plan, last, target);
            }
        }
        order.apply(&mut self.plan);
    }

    fn state_buffer(&mut self, state: StateId, ty: &Type) -> BufferId {
        let home = Home::State(state);
        if let Some(known) = self.plan.buffers.iter().position(|buffer| buffer.home == home) {
            return known;
        }
        self.plan.states.push((state, ty.clone()));
        self.plan.buffers.push(Buffer { home, ty: ty.clone() });
        self.plan.buffers.len() - 1
    }
}

/// The order in which steps must run: after what they read was written, and before what
/// they read is overwritten.
struct StepOrder {
    /// For each step, the steps that come before it.
    before: Vec<Vec<usize>>,
    producer: HashMap<BufferId, usize>,
}

impl StepOrder {
    fn new(plan: &Plan) -> Self {
        let mut order = StepOrder { before: Vec::new(), producer: HashMap::new() };
        while order.before.len() < plan.steps.len() {
            order.push(plan);
        }
        order
    }

    /// Takes in the next step of the plan.
    fn push(&mut self, plan: &Plan) {
        let at = self.before.len();
        let step = &plan.steps[at];
        let reads = step.reads.iter().filter_map(|read| self.producer.get(&read.buffer));
        self.before.push(reads.copied().collect());
        for write in &step.writes {
            if matches!(plan.buffers[write.buffer].home, Home::Arena(_)) {
                self.producer.insert(write.buffer, at);
            }
        }
    }

    fn depends(&self, step: usize, on: usize) -> bool {
        let (mut stack, mut seen) = (vec![step], vec![false; self.before.len()]);
        while let Some(at) = stack.pop() {
            if at == on {
                return true;
            }
            if !std::mem::replace(&mut seen[at], true) {
                stack.extend(&self.before[at]);
            }
        }
        false
    }

    fn readers(plan: &Plan, buffer: BufferId) -> impl Iterator<Item = usize> + '_ {
        let reads = move |step: &Step| step.reads.iter().any(|read| read.buffer == buffer);
        plan.steps.iter().enumerate().filter(move |(_, step)| reads(step)).map(|(at, _)| at)
    }

    /// Lets a step that writes a state come after all that read the old value.
    fn after_readers(&mut self, plan: &Plan, writer: usize, target: BufferId) {
        let readers = Self::readers(plan, target).filter(|&reader| reader != writer);
        self.before[writer].extend(readers);
    }

    /// Puts `target`, a state, in the place of `from`, if the order allows.
    fn write_in_place(&mut self, plan: &mut Plan, from: BufferId, target: BufferId) -> bool {
        let Some(&writer) = self.producer.get(&from) else { return false };
        let step = &plan.steps[writer];
        let reads_target = |at: usize| step.reads[at].buffer == target;
        let own_reads_fit = (0..step.reads.len()).filter(|&at| reads_target(at)).all(
            |at| matches!(&step.kernel, Kernel::Map(program) if program.inputs[at] == Layout::Same),
        );
        let written_once =
            plan.steps.iter().flat_map(|step| &step.writes).all(|write| write.buffer != target);
        let late = Self::readers(plan, target)
            .any(|reader| reader != writer && self.depends(reader, writer));
        if !own_reads_fit || !written_once || late {
            return false;
        }
        self.after_readers(plan, writer, target);
        for step in &mut plan.steps {
            for operand in step.reads.iter_mut().chain(&mut step.writes) {
                if operand.buffer == from {
                    operand.buffer = target;
                }
            }
        }
        self.producer.remove(&from);
        true
    }

    /// Sorts the plan's steps, keeping their order where nothing else decides.
    fn apply(self, plan: &mut Plan) {
        fn visit(before: &[Vec<usize>], at: usize, done: &mut [bool], order: &mut Vec<usize>) {
            if std::mem::replace(&mut done[at], true) {
                return;
            }
            for &earlier in &before[at] {
                visit(before, earlier, done, order);
            }
            order.push(at);
        }
        let mut done = vec![false; plan.steps.len()];
        let mut order = Vec::with_capacity(plan.steps.len());
        for at in 0..plan.steps.len() {
            visit(&self.before, at, &mut done, &mut order);
        }
        plan.steps = order.into_iter().map(|at| plan.steps[at].clone()).collect();
    }
}

/// How a program with `len` elements in `rows` rows touches what it loads.
fn operand(load: &Load, len: usize, rows: usize) -> Operand {
    let (buffer, ref layout, offset) = *load;
    let per_row = len / rows.max(1);
    let access = match layout {
        Layout::Same if offset == 0 => Access::Part,
        Layout::Stretch { run } if offset == 0 && per_row.is_multiple_of(*run) => Access::Part,
        _ => Access::Whole,
    };
    Operand { buffer, access, offset }
}

/// The simplest layout that reads with these strides over a grid of this shape.
fn layout(shape: &Shape, strides: &[usize]) -> Layout {
    // Axes that continue one another are one axis; axes of length 1 are none.
    let mut dims: Vec<usize> = Vec::new();
    let mut steps: Vec<usize> = Vec::new();
    for (&dim, &stride) in shape.iter().zip(strides).filter(|(dim, _)| **dim != 1) {
        match (dims.last_mut(), steps.last_mut()) {
            (Some(last), Some(step)) if *step == stride * dim => {
                *last *= dim;
                *step = stride;
            }
            _ => {
                dims.push(dim);
                steps.push(stride);
            }
        }
    }
    match (dims.as_slice(), steps.as_slice()) {
        ([], _) => Layout::Same,
        (_, steps) if steps.iter().all(|&step| step == 0) => Layout::Scalar,
        ([_], [1]) => Layout::Same,
        (&[_, period], [0, 1]) => Layout::Cycle { period },
        (&[_, run], [1, 0]) => Layout::Stretch { run },
        _ => Layout::Strided { dims, strides: steps },
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
