//! Cutting the steps into regions: a barrier stands only where threads must meet.

use crate::plan::{Access, Home, Plan, Region, Split, Step};

/// Orders the steps by the number of barriers before them, and cuts the list there.
///
/// Steps are in a sequentially valid order; where two touch the same buffer and one writes
/// it, that order must hold. It holds without a barrier when each thread touches the same
/// part in both.
pub fn schedule(plan: &mut Plan) {
    let mut level: Vec<usize> = vec![0; plan.steps.len()];
    for later in 0..plan.steps.len() {
        for earlier in 0..later {
            let (before, after) = (&plan.steps[earlier], &plan.steps[later]);
            if let Some(meets) = conflict(plan, before, after) {
                level[later] = level[later].max(level[earlier] + usize::from(meets));
            }
        }
    }
    let mut order: Vec<usize> = (0..plan.steps.len()).collect();
    order.sort_by_key(|&at| level[at]);
    let num_regions = level.iter().max().map_or(0, |&last| last + 1);
    let mut steps = Vec::with_capacity(order.len());
    plan.regions = Vec::with_capacity(num_regions);
    for region in 0..num_regions {
        let members: Vec<usize> = order.iter().copied().filter(|&at| level[at] == region).collect();
        let start = steps.len();
        steps.extend(gather_rows(plan, &members).into_iter().map(|at| plan.steps[at].clone()));
        let cost = steps[start..].iter().map(|step: &Step| step.cost).sum();
        plan.regions.push(Region { steps: start..steps.len(), cost });
    }
    plan.steps = steps;
}

/// Whether two steps must keep their order; if so, whether threads must meet between them.
fn conflict(plan: &Plan, before: &Step, after: &Step) -> Option<bool> {
    let mut found = None;
    let pairs = |write: &Step, other: &Step| {
        let mut worst: Option<bool> = None;
        for a in &write.writes {
            for b in other.reads.iter().chain(&other.writes).filter(|b| b.buffer == a.buffer) {
                let together = match (write.split, other.split) {
                    (Split::Single, Split::Single) => true,
                    (Split::Rows(x), Split::Rows(y)) => {
                        x == y && a.access == Access::Part && b.access == Access::Part
                    }
                    _ => false,
                };
                // An input is only ever read; everything else counts.
                if !matches!(plan.buffers[a.buffer].home, Home::Input(_)) {
                    worst = Some(worst.unwrap_or(false) | !together);
                }
            }
        }
        worst
    };
    for side in [pairs(before, after), pairs(after, before)].into_iter().flatten() {
        found = Some(found.unwrap_or(false) | side);
    }
    found
}

/// An order of a region's steps in which those of as many rows stand together, so that a
/// thread can take a few rows through all of them at a time.
fn gather_rows(plan: &Plan, members: &[usize]) -> Vec<usize> {
    let mut waiting = members.to_vec();
    let mut order: Vec<usize> = Vec::with_capacity(members.len());
    let mut current: Option<Split> = None;
    while !waiting.is_empty() {
        let ready = |at: usize| {
            let earlier = waiting.iter().take_while(|&&other| other != at);
            earlier
                .into_iter()
                .all(|&other| conflict(plan, &plan.steps[other], &plan.steps[at]).is_none())
        };
        let same =
            waiting.iter().position(|&at| Some(plan.steps[at].split) == current && ready(at));
        // The first one waiting is always ready.
        let chosen = waiting.remove(same.unwrap_or(0));
        current = Some(plan.steps[chosen].split);
        order.push(chosen);
    }
    order
}
