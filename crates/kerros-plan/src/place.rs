//! Giving each buffer a place in the arena.

use crate::plan::{Home, Plan};

/// Buffers start on cache lines, so that threads never share one by accident.
const ALIGN: usize = 64;

/// Places the buffers: two share memory only when no region needs both.
///
/// The largest are placed first, each at the lowest offset where it fits.
pub fn place(plan: &mut Plan) {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; plan.buffers.len()];
    for (at, region) in plan.regions.iter().enumerate() {
        for step in &plan.steps[region.steps.clone()] {
            for operand in step.reads.iter().chain(&step.writes) {
                let life = lives[operand.buffer].get_or_insert((at, at));
                life.1 = at;
            }
        }
    }
    for &(output, _) in &plan.outputs {
        if let Some(life) = &mut lives[output] {
            life.1 = usize::MAX;
        }
    }
    let mut waiting: Vec<usize> = (0..plan.buffers.len())
        .filter(|&id| lives[id].is_some() && matches!(plan.buffers[id].home, Home::Arena(_)))
        .collect();
    let bytes = |plan: &Plan, id: usize| (4 * plan.buffers[id].len()).next_multiple_of(ALIGN);
    waiting.sort_by_key(|&id| (std::cmp::Reverse(bytes(plan, id)), id));
    let mut placed: Vec<(usize, usize, (usize, usize))> = Vec::with_capacity(waiting.len());
    for id in waiting {
        let (size, life) = (bytes(plan, id), lives[id].expect("only live buffers wait"));
        let mut offset = 0;
        // `placed` is sorted by offset: slide past every neighbour in time that is in the way.
        for &(start, end, other) in &placed {
            let together = life.0 <= other.1 && other.0 <= life.1;
            if together && start < offset + size && offset < end {
                offset = end;
            }
        }
        plan.buffers[id].home = Home::Arena(offset);
        let at = placed.partition_point(|&(start, ..)| start <= offset);
        placed.insert(at, (offset, offset + size, life));
        plan.arena_bytes = plan.arena_bytes.max(offset + size);
    }
}
