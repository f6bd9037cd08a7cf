//! Grouping: which elementwise nodes run as one program.
//!
//! Nodes are visited from the results back to the leaves. An elementwise node joins the
//! program of its users when that keeps the order of computation possible; then its result
//! need not reach memory. Everything else is a unit of its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

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

/// The units of a graph.
pub struct Units {
    /// The unit of each node that is computed; `None` for leaves, aliases and views.
    pub of: Vec<Option<usize>>,
    /// The nodes of each unit, ascending. Unit numbers ascend from results to leaves.
    pub members: Vec<Vec<NodeId>>,
}

/// Most nodes of one unit: beyond, nothing is gained by keeping values out of memory.
const MOST_MEMBERS: usize = 512;

/// Groups the nodes; with `fuse` off every node is a unit of its own.
pub fn group(nodes: &[NodeData], roles: &[Role], needed: &[bool], fuse: bool) -> Units {
    let mut of: Vec<Option<usize>> = vec![None; nodes.len()];
    // Descending while they grow.
    let mut members: Vec<Vec<NodeId>> = Vec::new();
    let mut flow = Flow::default();
    let users = users(nodes, roles, needed);
    for at in (0..nodes.len()).rev().filter(|&at| needed[at]) {
        if !matches!(roles[at], Role::Elementwise | Role::Heavy) {
            continue;
        }
        let len = nodes[at].ty.shape.num_elements();
        let downstream = downstream(&users[at], &of);
        // A unit can take the node in if it uses it element by element, and if nothing else
        // that uses the node comes before that unit. A small value that is also spread over
        // larger ones (a learning rate) is made on its own: nobody should wait for it.
        let spread_elsewhere = downstream.len() > 1 && users[at].iter().any(|user| user.viewed);
        let takes = |flow: &mut Flow, unit: usize| {
            let head = members[unit][0];
            members[unit].len() < MOST_MEMBERS
                && roles[head.index()] == Role::Elementwise
                && nodes[head.index()].ty.shape.num_elements() == len
                && downstream
                    .iter()
                    .all(|&(other, _)| other == unit || !flow.may_reach(other, unit))
        };
        let joins = fuse && roles[at] == Role::Elementwise && !spread_elsewhere;
        let home = joins
            .then(|| {
                let mut direct = downstream.iter().filter(|(_, direct)| *direct);
                direct.find(|(unit, _)| takes(&mut flow, *unit)).map(|(unit, _)| *unit)
            })
            .flatten();
        let unit = home.unwrap_or_else(|| {
            members.push(Vec::new());
            flow.add()
        });
        of[at] = Some(unit);
        members[unit].push(NodeId(at as u32));
        for (other, _) in downstream.into_iter().filter(|&(other, _)| other != unit) {
            flow.connect(unit, other);
        }
    }
    members.iter_mut().for_each(|members| members.reverse());
    Units { of, members }
}

/// Into which units values flow.
#[derive(Default)]
struct Flow {
    /// The units that each unit's results are used by, and the other way round.
    downstream: Vec<Vec<usize>>,
    upstream: Vec<Vec<usize>>,
    /// Units on the longest way from each unit to the end: less than that of whatever comes
    /// before it.
    level: Vec<usize>,
    /// The last search that came by each unit.
    seen: Vec<usize>,
    searches: usize,
}

impl Flow {
    /// Units looked at before a search gives up.
    const MOST_STEPS: usize = 1000;

    /// Another unit, into and out of which nothing flows.
    fn add(&mut self) -> usize {
        self.downstream.push(Vec::new());
        self.upstream.push(Vec::new());
        self.level.push(0);
        self.seen.push(0);
        self.level.len() - 1
    }

    /// Lets values of one unit flow into another.
    fn connect(&mut self, from: usize, to: usize) {
        if self.downstream[from].contains(&to) {
            return;
        }
        self.downstream[from].push(to);
        self.upstream[to].push(from);
        // Those further from the end wait until all behind them have their level.
        let mut waiting = BinaryHeap::from([Reverse((self.level[from], from))]);
        while let Some(Reverse((_, unit))) = waiting.pop() {
            let behind = self.downstream[unit].iter().map(|&after| self.level[after] + 1).max();
            let level = behind.unwrap_or(0);
            if self.level[unit] < level {
                self.level[unit] = level;
                let before = self.upstream[unit].iter();
                waiting.extend(before.map(|&before| Reverse((self.level[before], before))));
            }
        }
    }

    /// Whether values flow from one unit into another, directly or not; also true where that
    /// would take long to find out.
    fn may_reach(&mut self, from: usize, to: usize) -> bool {
        self.searches += 1;
        let (mut stack, mut steps) = (vec![from], 0);
        while let Some(unit) = stack.pop() {
            if unit == to || steps == Self::MOST_STEPS {
                return true;
            }
            let new = std::mem::replace(&mut self.seen[unit], self.searches) != self.searches;
            if new && self.level[unit] > self.level[to] {
                steps += 1;
                stack.extend(&self.downstream[unit]);
            }
        }
        false
    }
}

/// The units that use a node, ascending, and whether each does so element by element only.
fn downstream(users: &[User], of: &[Option<usize>]) -> Vec<(usize, bool)> {
    let mut units: Vec<(usize, bool)> = users
        .iter()
        .filter_map(|user| Some((of[user.node.index()]?, user.elementwise && !user.viewed)))
        .collect();
    // Of equal units the one with a use of another kind comes first, and stays.
    units.sort_unstable();
    units.dedup_by_key(|(unit, _)| *unit);
    units
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
