//! Grouping: which elementwise nodes run as one program.
//!
//! Nodes are visited from the results back to the leaves. An elementwise node joins the
//! program of its users when that keeps the order of computation possible; then its result
//! need not reach memory. Everything else is a unit of its own.

use kerros_graph::{NodeData, NodeId, Op};

/// What a node is to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Input, state or constant: it has a buffer already.
    Leaf,
    /// The same elements as its first input.
    Alias,
    /// Read with strides by whoever uses it.
    View,
    /// Part of an elementwise program.
    Elementwise,
    /// A kernel of its own.
    Heavy,
}

/// The role of a node.
pub fn role(nodes: &[NodeData], node: &NodeData) -> Role {
    use kerros_core::DType;
    match &node.op {
        Op::Input(_) | Op::State(_) | Op::Literal(_) | Op::Iota(_) => Role::Leaf,
        Op::Reshape(_) | Op::StopGradient(_) | Op::ReplaceGradient(_) => Role::Alias,
        Op::Cast(cast) => {
            // A truth value is stored as 0.0 or 1.0, which is the number already.
            let from = nodes[node.inputs[0].index()].ty.dtype;
            let same = from == cast.dtype || (from == DType::Bool && cast.dtype == DType::F32);
            if same { Role::Alias } else { Role::Elementwise }
        }
        Op::Broadcast(_) => {
            let from = &nodes[node.inputs[0].index()].ty.shape;
            if from.num_elements() == node.ty.shape.num_elements() {
                Role::Alias
            } else {
                Role::View
            }
        }
        Op::Unary(_) | Op::Binary(_) | Op::Select(_) | Op::RandomBits(_) => Role::Elementwise,
        _ => Role::Heavy,
    }
}

/// A node, seen through aliases.
pub fn source(nodes: &[NodeData], roles: &[Role], mut id: NodeId) -> NodeId {
    while roles[id.index()] == Role::Alias {
        id = nodes[id.index()].inputs[0];
    }
    id
}

/// A node, seen through aliases and views, and whether there was a view.
pub fn viewed(nodes: &[NodeData], roles: &[Role], id: NodeId) -> (NodeId, bool) {
    let mut base = source(nodes, roles, id);
    let mut through_view = false;
    while roles[base.index()] == Role::View {
        through_view = true;
        base = source(nodes, roles, nodes[base.index()].inputs[0]);
    }
    (base, through_view)
}

/// A set of small numbers.
#[derive(Clone, Default)]
struct Set(Vec<u64>);

impl Set {
    fn insert(&mut self, member: usize) {
        if self.0.len() <= member / 64 {
            self.0.resize(member / 64 + 1, 0);
        }
        self.0[member / 64] |= 1 << (member % 64);
    }
    fn contains(&self, member: usize) -> bool {
        self.0.get(member / 64).is_some_and(|word| word >> (member % 64) & 1 == 1)
    }
    fn extend(&mut self, other: &Set) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}

/// The units of a graph.
pub struct Units {
    /// The unit of each node that is computed; `None` for leaves, aliases and views.
    pub of: Vec<Option<usize>>,
    /// The nodes of each unit, ascending. Unit numbers ascend from results to leaves.
    pub members: Vec<Vec<NodeId>>,
}

/// Groups the nodes. `is_root` marks nodes (seen through aliases) whose value is asked for;
/// with `fuse` off every node is a unit of its own.
pub fn group(nodes: &[NodeData], roles: &[Role], needed: &[bool], fuse: bool) -> Units {
    let mut of: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut members: Vec<Vec<NodeId>> = Vec::new();
    // The units that each unit's results flow into, directly or not.
    let mut reach: Vec<Set> = Vec::new();
    let users = users(nodes, roles, needed);
    for at in (0..nodes.len()).rev().filter(|&at| needed[at]) {
        if !matches!(roles[at], Role::Elementwise | Role::Heavy) {
            continue;
        }
        let len = nodes[at].ty.shape.num_elements();
        let mut downstream: Vec<usize> =
            users[at].iter().filter_map(|user| of[user.node.index()]).collect();
        downstream.sort_unstable();
        downstream.dedup();
        // A unit can take the node in if it uses it element by element, and if nothing else
        // that uses the node comes before that unit. A small value that is also spread over
        // larger ones (a learning rate) is made on its own: nobody should wait for it.
        let takes = |unit: usize| {
            let direct = users[at].iter().any(|user| {
                user.elementwise && !user.viewed && of[user.node.index()] == Some(unit)
            });
            let only_direct = users[at].iter().all(|user| {
                of[user.node.index()] != Some(unit) || (user.elementwise && !user.viewed)
            });
            let spread_elsewhere = downstream.len() > 1 && users[at].iter().any(|user| user.viewed);
            let head = members[unit][0];
            direct
                && !spread_elsewhere
                && only_direct
                && roles[head.index()] == Role::Elementwise
                && nodes[head.index()].ty.shape.num_elements() == len
                && downstream.iter().all(|&other| other == unit || !reach[other].contains(unit))
        };
        let home = (fuse && roles[at] == Role::Elementwise)
            .then(|| downstream.iter().copied().find(|&unit| takes(unit)))
            .flatten();
        let unit = home.unwrap_or_else(|| {
            members.push(Vec::new());
            reach.push(Set::default());
            members.len() - 1
        });
        of[at] = Some(unit);
        members[unit].insert(0, NodeId(at as u32));
        let mut beyond = Set::default();
        for &other in downstream.iter().filter(|&&other| other != unit) {
            beyond.insert(other);
            beyond.extend(&reach[other].clone());
        }
        reach[unit].extend(&beyond);
        let reached = reach[unit].clone();
        for set in reach.iter_mut().filter(|set| set.contains(unit)) {
            set.extend(&reached);
        }
    }
    Units { of, members }
}

/// A use of a node's value by a computed node.
#[derive(Clone, Copy, Debug)]
struct User {
    node: NodeId,
    elementwise: bool,
    /// Whether the value is broadcast on the way.
    viewed: bool,
}

fn users(nodes: &[NodeData], roles: &[Role], needed: &[bool]) -> Vec<Vec<User>> {
    let mut users: Vec<Vec<User>> = vec![Vec::new(); nodes.len()];
    for (at, node) in nodes.iter().enumerate().filter(|(at, _)| needed[*at]) {
        if !matches!(roles[at], Role::Elementwise | Role::Heavy) {
            continue;
        }
        // The key of random numbers is read as a whole, whatever its length.
        let elementwise = roles[at] == Role::Elementwise && !matches!(node.op, Op::RandomBits(_));
        for &input in &node.inputs {
            let (id, viewed) = viewed(nodes, roles, input);
            users[id.index()].push(User { node: NodeId(at as u32), elementwise, viewed });
        }
    }
    users
}
