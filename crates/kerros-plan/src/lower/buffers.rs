//! Which buffer holds a value, and how it is read.

use kerros_core::program::{Layout, Program};
use kerros_core::{DType, Origin, Shape, Tensor};
use kerros_graph::{NodeId, Op, StateId, Type};

use super::{COST_PER_INSTR, Lowering, moves, rows_of_shape};
use crate::plan::{Access, Buffer, BufferId, Home, Kernel, Operand, Split, Step};
use crate::units::Role;

/// One input of a program under construction: a buffer, and how the grid reads it.
pub(super) type Load = (BufferId, Layout);

impl Lowering<'_> {
    /// A buffer in the arena.
    pub(super) fn new_buffer(&mut self, ty: Type) -> BufferId {
        self.plan.buffers.push(Buffer { home: Home::Arena(0), ty });
        self.plan.buffers.len() - 1
    }

    /// A step that writes one buffer.
    pub(super) fn push_step(
        &mut self,
        kernel: Kernel,
        reads: Vec<Operand>,
        write: (BufferId, Split),
        cost: usize,
        origin: &Origin,
    ) {
        let (buffer, split) = write;
        let writes = vec![Operand { buffer, access: Access::Part }];
        self.plan.steps.push(Step { kernel, reads, writes, split, cost, origin: origin.clone() });
    }

    /// The buffer that holds a node's value, made first if need be.
    pub(super) fn buffer(&mut self, id: NodeId) -> BufferId {
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

    /// The one buffer of a state.
    pub(super) fn state_buffer(&mut self, state: StateId, ty: &Type) -> BufferId {
        if let Some(&known) = self.states.get(&state) {
            return known;
        }
        self.plan.states.push((state, ty.clone()));
        self.plan.buffers.push(Buffer { home: Home::State(state), ty: ty.clone() });
        self.states.insert(state, self.plan.buffers.len() - 1);
        self.plan.buffers.len() - 1
    }

    /// A place for a constant.
    pub(super) fn literal(&mut self, value: Tensor) -> Home {
        // Truth values are stored as numbers inside a plan.
        let value = if value.dtype() == DType::Bool { value.to_f32() } else { value };
        self.plan.literals.push(value);
        Home::Literal(self.plan.literals.len() - 1)
    }

    /// A copy of a view's elements.
    pub(super) fn materialize(&mut self, view: NodeId) -> BufferId {
        let node = &self.nodes[view.index()];
        let (load, ty, origin) = (self.view(view), node.ty.clone(), node.origin.clone());
        let buffer = self.new_buffer(ty.clone());
        self.copy(load, buffer, &ty, &origin);
        buffer
    }

    /// The step that copies what a load gives.
    pub(super) fn copy(&mut self, load: Load, to: BufferId, ty: &Type, origin: &Origin) {
        let (rows, len) = (rows_of_shape(&ty.shape), ty.shape.num_elements());
        let split = if rows > 1 { Split::Rows(rows) } else { Split::Single };
        let cost = COST_PER_INSTR * len;
        if let (buffer, Layout::Strided { dims, strides }) = load {
            let strides: Vec<isize> = strides.into_iter().map(|stride| stride as isize).collect();
            // Joined axes are the rows of each other.
            let elements = self.plan.buffers[buffer].len();
            let access = moves::access(&dims.clone().into(), &strides, 0, elements);
            let kernel = Kernel::Strided { dims, strides, first: 0 };
            let read = Operand { buffer, access };
            return self.push_step(kernel, vec![read], (to, split), cost, origin);
        }
        let read = operand(&load, len, rows);
        let program = Program { inputs: vec![load.1], instrs: vec![], outputs: vec![0] };
        self.push_step(Kernel::Map(program), vec![read], (to, split), cost, origin);
    }

    /// A copy of a value that lives elsewhere.
    pub(super) fn copy_to_arena(&mut self, id: NodeId, from: BufferId) -> BufferId {
        let node = &self.nodes[id.index()];
        let (ty, origin) = (node.ty.clone(), node.origin.clone());
        let copy = self.new_buffer(ty.clone());
        self.copy((from, Layout::Same), copy, &ty, &origin);
        copy
    }

    /// The number that a value is spread from, if it is one number everywhere.
    pub(super) fn spread(&self, id: NodeId) -> Option<NodeId> {
        let view = self.source(id);
        let from = (self.roles[view.index()] == Role::View)
            .then(|| self.source(self.nodes[view.index()].inputs[0]))?;
        let single = self.nodes[from.index()].ty.shape.num_elements() == 1;
        (single && self.roles[from.index()] != Role::View).then_some(from)
    }

    /// How to read a broadcast.
    pub(super) fn view(&mut self, view: NodeId) -> Load {
        let node = &self.nodes[view.index()];
        let Op::Broadcast(broadcast) = &node.op else {
            unreachable!("node %{} ({}) is read before it is made", view.0, node.op.name())
        };
        // The operand's own shape counts, not that of what it is an alias of.
        let from = &self.nodes[node.inputs[0].index()].ty.shape;
        let strides = broadcast.strides(from);
        let layout = layout(&broadcast.shape, &strides);
        (self.buffer(node.inputs[0]), layout)
    }
}

/// How a program with `len` elements in `rows` rows touches what it loads.
pub(super) fn operand(load: &Load, len: usize, rows: usize) -> Operand {
    let (buffer, ref layout) = *load;
    let per_row = len / rows.max(1);
    let access = match layout {
        Layout::Same => Access::Part,
        Layout::Stretch { run } if per_row.is_multiple_of(*run) => Access::Part,
        _ => Access::Whole,
    };
    Operand { buffer, access }
}

/// The simplest layout that reads with these strides over a grid of this shape.
pub(super) fn layout(shape: &Shape, strides: &[usize]) -> Layout {
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
