//! From a simplified graph to steps: each unit becomes a kernel over buffers.

mod attention;
mod buffers;
mod contractions;
mod heavy;
mod indexed;
mod moves;
mod programs;
mod recurrent;
mod reductions;
mod rows;
mod siblings;
mod step_order;
mod updates;
mod windows;

use std::collections::HashMap;

use kerros_core::Shape;
use kerros_graph::{Graph, NodeData, NodeId, StateId, Type};

use crate::plan::{BufferId, Plan};
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
/// arena are still missing. The graph is one that the verifier accepts.
pub fn lower(graph: &Graph, outputs: &[NodeId], updates: &[(StateId, NodeId)], fuse: bool) -> Plan {
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
    let (plan, buffers, states) = (Plan::default(), HashMap::new(), HashMap::new());
    let mut lowering = Lowering { nodes, roles, kept, units, plan, buffers, states };
    lowering.plan.inputs = graph.inputs().into_iter().map(|(_, _, ty)| ty).collect();
    for unit in lowering.order() {
        lowering.unit(unit);
    }
    lowering.outputs(outputs);
    lowering.updates(updates);
    lowering.plan
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
    states: HashMap<StateId, BufferId>,
}

impl Lowering<'_> {
    fn source(&self, id: NodeId) -> NodeId {
        source(self.nodes, &self.roles, id)
    }

    fn ty(&self, id: NodeId) -> &Type {
        &self.nodes[id.index()].ty
    }

    /// The units, inputs before users.
    fn order(&self) -> Vec<usize> {
        // Visiting by first member keeps the order of the graph where nothing else decides.
        let mut units: Vec<usize> = (0..self.units.members.len()).collect();
        units.sort_by_key(|&unit| self.units.members[unit][0]);
        let (mut started, mut done) = (vec![false; units.len()], vec![false; units.len()]);
        let mut order = Vec::with_capacity(units.len());
        for unit in units {
            let mut stack = vec![unit];
            while let Some(&unit) = stack.last() {
                if done[unit] {
                    stack.pop();
                } else if std::mem::replace(&mut started[unit], true) {
                    done[unit] = true;
                    order.push(unit);
                    stack.pop();
                } else {
                    // The first of the inputs ends up on top.
                    let mut inputs = self.inputs_of(unit);
                    inputs.retain(|&input| !started[input]);
                    stack.extend(inputs.into_iter().rev());
                }
            }
        }
        order
    }

    /// The units that a unit uses, in the order in which its members name them.
    fn inputs_of(&self, unit: usize) -> Vec<usize> {
        let mut inputs = Vec::new();
        for member in &self.units.members[unit] {
            let mut stack = self.nodes[member.index()].inputs.clone();
            while let Some(id) = stack.pop() {
                match self.units.of[id.index()] {
                    Some(other) if other != unit => inputs.push(other),
                    Some(_) => {}
                    None => stack.extend(&self.nodes[id.index()].inputs),
                }
            }
        }
        inputs
    }

    fn unit(&mut self, unit: usize) {
        let members = self.units.members[unit].clone();
        match self.roles[members[0].index()] {
            Role::Elementwise => self.program(unit, &members),
            _ => self.heavy(members[0]),
        }
    }
}
