//! Giving each buffer a place in the arena.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::lives::{Life, lives};
use crate::occupancy::Occupancy;
use crate::plan::{BufferId, Home, Plan, Split};

/// Buffers start on cache lines, so that threads never share one by accident.
const ALIGN: usize = 64;

/// Places the buffers: two share memory when no region needs both, or when one takes the place
/// of the other, row by row, within a region.
///
/// The largest are placed first, each at the lowest offset where it fits.
pub fn place(plan: &mut Plan) {
    let lives = lives(plan);
    let size = |plan: &Plan, id: BufferId| (4 * plan.buffers[id].len()).next_multiple_of(ALIGN);
    let leaders = leaders(plan, &lives);
    let mut waiting: Vec<BufferId> =
        (0..plan.buffers.len()).filter(|&id| leaders[id] == Some(id)).collect();
    waiting.sort_by_key(|&id| (Reverse(size(plan, id)), id));
    // What is handed out lives to the end: one region more.
    let after = plan.regions.len();
    let mut occupancy = Occupancy::new(after + 1);
    for id in waiting {
        let Some(life) = &lives[id] else { continue };
        let size = size(plan, id);
        let regions = *life.regions.start()..=after.min(*life.regions.end());
        let offset = occupancy.take_lowest(size, regions);
        plan.buffers[id].home = Home::Arena(offset);
        plan.arena_bytes = plan.arena_bytes.max(offset + size);
    }
    for (id, leader) in leaders.into_iter().enumerate() {
        if let Some(leader) = leader {
            plan.buffers[id].home = plan.buffers[leader].home;
        }
    }
}

/// For each buffer of the arena that is needed, the buffer whose place it takes: itself, or the
/// first of several of one size that give way to each other within a region.
fn leaders(plan: &Plan, lives: &[Option<Life>]) -> Vec<Option<BufferId>> {
    let mut leaders: Vec<Option<BufferId>> = vec![None; plan.buffers.len()];
    let mut temporary: Vec<(BufferId, &Life)> = Vec::new();
    for (id, life) in lives.iter().enumerate() {
        if let (Some(life), Home::Arena(_)) = (life, plan.buffers[id].home) {
            leaders[id] = Some(id);
            if life.gives_way() {
                temporary.push((id, life));
            }
        }
    }
    temporary.sort_by_key(|(_, life)| *life.steps.start());
    // Of each kind the buffers that are needed, by when they will not be, and those that are
    // not any more: what was used last is in the cache, so its place is taken first.
    type Taken = BinaryHeap<Reverse<(usize, BufferId)>>;
    #[allow(clippy::type_complexity)]
    let mut kinds: HashMap<(usize, Option<Split>, usize), (Taken, Vec<BufferId>)> = HashMap::new();
    for (id, life) in temporary {
        let kind = (*life.regions.start(), life.split, plan.buffers[id].len());
        let (taken, free) = kinds.entry(kind).or_default();
        while let Some(&Reverse((end, before))) = taken.peek()
            && end < *life.steps.start()
        {
            taken.pop();
            free.push(before);
        }
        if let Some(before) = free.pop() {
            leaders[id] = leaders[before];
        }
        taken.push(Reverse((*life.steps.end(), id)));
    }
    leaders
}
