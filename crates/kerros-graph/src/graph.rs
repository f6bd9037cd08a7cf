//! The graph and its builder.

use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::panic::Location;
use std::sync::Arc;

use kerros_core::{DType, Error, ErrorKind, Origin, Result, Shape, Tensor};

use crate::node::Node;
use crate::ops::{Input, Iota, Literal, Op, RandomBits, State};

/// What a node produces: an element type and a shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// The element type: `f32`, `i32` or `bool`.
    pub dtype: DType,
    /// The length of each axis.
    pub shape: Shape,
}

impl Type {
    /// A type from its parts.
    pub fn new(dtype: DType, shape: impl Into<Shape>) -> Self {
        Type { dtype, shape: shape.into() }
    }

    /// A `float32` type.
    pub fn f32(shape: impl Into<Shape>) -> Self {
        Type::new(DType::F32, shape)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, self.shape)
    }
}

/// The place of a node in its graph; inputs always have smaller places than their users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The place as an index into [`Graph::nodes`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A variable that lives from step to step: weights, optimizer slots, metric totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateId(pub u32);

/// A node as the graph stores it.
#[derive(Clone, Debug)]
pub struct NodeData {
    /// The operation.
    pub op: Op,
    /// What it is applied to.
    pub inputs: Vec<NodeId>,
    /// What it produces.
    pub ty: Type,
    /// Who built it, and where.
    pub origin: Origin,
}

/// Elements of a value, at most. Sizes of bytes, and sums and products with settings of operations,
/// do not overflow below it; no machine has the memory.
const MAX_ELEMENTS: usize = 1 << 40;

/// Refuses values of absurd sizes.
fn check_size(ty: Type) -> Result<Type> {
    match ty.shape.num_elements() <= MAX_ELEMENTS {
        true => Ok(ty),
        false => Err(Error::new(ErrorKind::Shape, format!("a value of shape {}", ty.shape))
            .expected(format!("at most {MAX_ELEMENTS} elements"))),
    }
}

/// A graph under construction.
///
/// Equal operations on equal inputs are one node (hash-consing), so common subexpressions
/// cost nothing. A mistake does not interrupt the mathematics: the first one is kept, with
/// the place that made it, and reported by [`Graph::check`].
#[derive(Default)]
pub struct Graph {
    nodes: RefCell<Vec<NodeData>>,
    /// The nodes by the hash of their operation and inputs, or by the next number that was
    /// free.
    known: RefCell<HashMap<u64, NodeId, BuildHasherDefault<KeyHasher>>>,
    updates: RefCell<Vec<(NodeId, NodeId)>>,
    /// The place of each updated state among the updates.
    updated: RefCell<HashMap<NodeId, usize>>,
    error: RefCell<Option<Error>>,
    scopes: RefCell<Vec<Origin>>,
    next_input: Cell<u32>,
    next_random: Cell<u32>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Graph::default()
    }

    /// The nodes, inputs before users.
    pub fn nodes(&self) -> Ref<'_, Vec<NodeData>> {
        self.nodes.borrow()
    }

    /// The state updates: each state node with the node of its next value.
    pub fn updates(&self) -> Vec<(NodeId, NodeId)> {
        self.updates.borrow().clone()
    }

    /// The handle of a node of this graph.
    pub fn node(&self, id: NodeId) -> Node<'_> {
        Node::new(self, id)
    }

    /// The first mistake made so far, if any.
    ///
    /// # Errors
    /// That mistake, with the layer and source line it was made in.
    pub fn check(&self) -> Result<()> {
        match self.error.borrow_mut().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Keeps a mistake for [`Graph::check`], unless there is one already, and gives a node
    /// that stands for the result that could not be built.
    #[track_caller]
    pub fn fail(&self, error: Error, ty: Type) -> Node<'_> {
        let origin = self.origin(Location::caller());
        self.error.borrow_mut().get_or_insert_with(|| error.at(&origin));
        self.stand_in(ty, origin)
    }

    /// A node of this type, for a result that could not be built.
    fn stand_in(&self, ty: Type, origin: Origin) -> Node<'_> {
        let number = Op::Literal(Literal::new(Tensor::zeros([], ty.dtype)));
        let number = match self.look_up(&number, &[]) {
            Found::Node(id) => Node::new(self, id),
            Found::Free(key) => {
                let scalar = Type::new(ty.dtype, []);
                self.insert(key, number, Vec::new(), scalar, origin.clone())
            }
        };
        // Spread over the shape without memory for it, however large it is.
        self.scope(origin, || number.broadcast_to(ty.shape))
    }

    /// Builds within a named layer: nodes built by `build` carry the layer's name and the
    /// place where the user made it.
    pub fn scope<T>(&self, origin: Origin, build: impl FnOnce() -> T) -> T {
        self.scopes.borrow_mut().push(origin);
        let built = build();
        self.scopes.borrow_mut().pop();
        built
    }

    fn origin(&self, location: &'static Location<'static>) -> Origin {
        match self.scopes.borrow().last() {
            Some(scope) if scope.location.is_some() => scope.clone(),
            Some(scope) => scope.clone().with_location(location),
            None => Origin::default().with_location(location),
        }
    }

    /// Applies an operation: the one door through which every node is made.
    #[track_caller]
    pub fn apply<'g>(&'g self, op: impl Into<Op>, inputs: &[Node<'g>]) -> Node<'g> {
        let op = op.into();
        let location = Location::caller();
        let ids: Vec<NodeId> = inputs.iter().map(|node| node.id()).collect();
        let key = match self.look_up(&op, &ids) {
            Found::Node(id) => return Node::new(self, id),
            Found::Free(key) => key,
        };
        let types: Vec<Type> = inputs.iter().map(|node| node.ty()).collect();
        let origin = self.origin(location);
        match op.infer(&types).and_then(check_size) {
            Ok(ty) => self.insert(key, op, ids, ty, origin),
            Err(error) => {
                let error = error.context(op.name()).at(&origin);
                self.error.borrow_mut().get_or_insert(error);
                let ty = types.into_iter().next().unwrap_or(Type::f32([]));
                self.stand_in(ty, origin)
            }
        }
    }

    /// The node that is this operation on these inputs, if there is one already.
    pub fn find<'g>(&'g self, op: impl Into<Op>, inputs: &[Node<'g>]) -> Option<Node<'g>> {
        let ids: Vec<NodeId> = inputs.iter().map(|node| node.id()).collect();
        match self.look_up(&op.into(), &ids) {
            Found::Node(id) => Some(Node::new(self, id)),
            Found::Free(_) => None,
        }
    }

    /// The node that is this operation on these inputs, or the key for it.
    fn look_up(&self, op: &Op, inputs: &[NodeId]) -> Found {
        let mut hasher = KeyHasher::default();
        (op, inputs).hash(&mut hasher);
        let mut key = hasher.finish();
        let (known, nodes) = (self.known.borrow(), self.nodes.borrow());
        while let Some(&id) = known.get(&key) {
            let node = &nodes[id.index()];
            if node.op == *op && node.inputs == inputs {
                return Found::Node(id);
            }
            key = key.wrapping_add(1);
        }
        Found::Free(key)
    }

    fn insert(&self, key: u64, op: Op, inputs: Vec<NodeId>, ty: Type, origin: Origin) -> Node<'_> {
        let mut nodes = self.nodes.borrow_mut();
        let id = NodeId(nodes.len() as u32);
        if let Op::Input(input) = &op {
            self.next_input.set(self.next_input.get().max(input.index.saturating_add(1)));
        }
        nodes.push(NodeData { op, inputs, ty, origin });
        self.known.borrow_mut().insert(key, id);
        Node::new(self, id)
    }

    /// Makes room for some more nodes.
    pub(crate) fn reserve(&self, count: usize) {
        self.nodes.borrow_mut().reserve(count);
        self.known.borrow_mut().reserve(count);
    }

    /// A value handed in at every run.
    #[track_caller]
    pub fn input(&self, name: &str, shape: impl Into<Shape>, dtype: DType) -> Node<'_> {
        let index = self.next_input.get();
        self.apply(Input { index, name: name.into(), ty: Type::new(dtype, shape) }, &[])
    }

    /// A variable that lives from run to run. The same `id` gives the same node.
    #[track_caller]
    pub fn state(
        &self,
        id: StateId,
        name: &str,
        shape: impl Into<Shape>,
        dtype: DType,
    ) -> Node<'_> {
        self.apply(State { id: id.0, name: name.into(), ty: Type::new(dtype, shape) }, &[])
    }

    /// Sets the value that a state has after the run. Reading the state node still gives
    /// the value from before. A second update of one state replaces the first.
    #[track_caller]
    pub fn assign<'g>(&'g self, state: Node<'g>, value: Node<'g>) {
        let is_state = matches!(self.nodes()[state.id().index()].op, Op::State(_));
        if !is_state || state.ty() != value.ty() {
            let error = Error::new(
                ErrorKind::Shape,
                format!("a value of type {} was assigned to {}", value.ty(), state.ty()),
            )
            .expected("a state, and a value of the same type");
            self.fail(error, state.ty());
            return;
        }
        let mut updates = self.updates.borrow_mut();
        let place = *self.updated.borrow_mut().entry(state.id()).or_insert(updates.len());
        match updates.get_mut(place) {
            Some(update) => update.1 = value.id(),
            None => updates.push((state.id(), value.id())),
        }
    }

    /// A number, the same at every run.
    #[track_caller]
    pub fn constant(&self, value: f32) -> Node<'_> {
        self.literal(Tensor::scalar(value))
    }

    /// A whole number, the same at every run.
    #[track_caller]
    pub fn constant_i32(&self, value: i32) -> Node<'_> {
        self.literal(Tensor::scalar(value))
    }

    /// An array, the same at every run: `f32`, `i32` or `bool`.
    #[track_caller]
    pub fn literal(&self, value: Tensor) -> Node<'_> {
        self.apply(Literal::new(value), &[])
    }

    /// An `f32` array of one number.
    #[track_caller]
    pub fn full(&self, shape: impl Into<Shape>, value: f32) -> Node<'_> {
        self.constant(value).broadcast_to(shape)
    }

    /// `0, 1, .., len - 1` as `i32`.
    #[track_caller]
    pub fn iota(&self, len: usize) -> Node<'_> {
        self.apply(Iota { len }, &[])
    }

    /// Random words (as `i32`), one stream per call: element `e` is
    /// `Philox(seed).word(stream, step, e)`.
    ///
    /// `key` is an `i32[4]` node: `[seed_lo, seed_hi, step_lo, step_hi]`.
    #[track_caller]
    pub fn random_bits<'g>(&'g self, key: Node<'g>, shape: impl Into<Shape>) -> Node<'g> {
        let stream = self.next_random_stream();
        self.apply(RandomBits { stream, shape: shape.into() }, &[key])
    }

    /// The number of the next random stream: counted in the order of building, so that the
    /// same program draws the same numbers.
    pub fn next_random_stream(&self) -> u32 {
        let stream = self.next_random.get();
        self.next_random.set(stream + 1);
        stream
    }

    /// The inputs in the order of their declaration.
    pub fn inputs(&self) -> Vec<(NodeId, Arc<str>, Type)> {
        let mut inputs: Vec<_> = self
            .nodes()
            .iter()
            .enumerate()
            .filter_map(|(at, node)| match &node.op {
                Op::Input(input) => {
                    Some((input.index, (NodeId(at as u32), input.name.clone(), node.ty.clone())))
                }
                _ => None,
            })
            .collect();
        inputs.sort_by_key(|(index, _)| *index);
        inputs.into_iter().map(|(_, input)| input).collect()
    }

    /// The states that the graph reads or writes, by id.
    pub fn states(&self) -> Vec<(StateId, NodeId, Arc<str>, Type)> {
        let mut states: Vec<_> = self
            .nodes()
            .iter()
            .enumerate()
            .filter_map(|(at, node)| match &node.op {
                Op::State(state) => Some((
                    StateId(state.id),
                    NodeId(at as u32),
                    state.name.clone(),
                    node.ty.clone(),
                )),
                _ => None,
            })
            .collect();
        states.sort_by_key(|(id, ..)| *id);
        states
    }
}

/// What looking for a node gives.
enum Found {
    Node(NodeId),
    /// There is none: the key under which it would be known.
    Free(u64),
}

/// A fast hash of a few words, for keys that nobody chooses to collide: each word is mixed in
/// by a rotation and a multiplication.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // An odd number without a pattern: the golden ratio's digits.
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        // Multiplication leaves the best bits at the top; tables look at both ends.
        self.0 ^ self.0 >> 32
    }
}
