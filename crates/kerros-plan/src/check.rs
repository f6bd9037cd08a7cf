//! The checker: no two threads may touch the same bytes of a region when one writes, and no two
//! values the same bytes while both are needed.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use kerros_core::{Error, ErrorKind, Result};

use crate::lives::lives;
use crate::plan::{Access, Home, Operand, Plan, Split, Step};

/// The thread counts for which plans are checked.
const THREAD_COUNTS: [usize; 4] = [1, 2, 3, 8];

/// Checks a plan: every value is written before it is read, within a region no thread writes
/// what another touches, and values that are needed at the same time lie apart.
///
/// # Errors
/// [`ErrorKind::Internal`] with the two steps or buffers: a bug in a pass.
pub fn check(plan: &Plan) -> Result<()> {
    written_before_read(plan)?;
    for region in &plan.regions {
        threads_apart(plan, region.steps.clone())?;
    }
    values_apart(plan)
}

fn written_before_read(plan: &Plan) -> Result<()> {
    let mut written = vec![false; plan.buffers.len()];
    for (at, step) in plan.steps.iter().enumerate() {
        for read in &step.reads {
            if matches!(plan.buffers[read.buffer].home, Home::Arena(_)) && !written[read.buffer] {
                return Err(broken(plan, at, at, "reads a buffer before it is written"));
            }
        }
        for write in &step.writes {
            written[write.buffer] = true;
        }
    }
    let missing = plan.outputs.iter().find(|(output, _)| !written[*output]);
    missing.map_or(Ok(()), |(output, _)| {
        Err(Error::new(ErrorKind::Internal, format!("output buffer {output} is never written")))
    })
}

/// An operand of a step, and the bytes of its whole buffer.
struct Use<'a> {
    bytes: Range<usize>,
    step: usize,
    operand: &'a Operand,
    writes: bool,
}

/// Checks the threads of a region. Only operands whose buffers share bytes are compared, of
/// which at least one is written; and of those that no thread could tell from each other, one.
fn threads_apart(plan: &Plan, steps: Range<usize>) -> Result<()> {
    let mut uses: BTreeMap<(u8, usize), Vec<Use<'_>>> = BTreeMap::new();
    let mut known = HashSet::new();
    for step in steps {
        let found = &plan.steps[step];
        let reads = found.reads.iter().map(|read| (read, false));
        for (operand, writes) in reads.chain(found.writes.iter().map(|write| (write, true))) {
            let (memory, base) = memory(plan, operand);
            let bytes = base..base + 4 * plan.buffers[operand.buffer].len();
            let kind = match memory {
                Home::Arena(_) => (0, 0),
                Home::State(id) => (1, id.0 as usize),
                Home::Input(index) => (2, index),
                Home::Literal(index) => (3, index),
            };
            if known.insert((kind, bytes.clone(), found.split, operand.access, writes)) {
                uses.entry(kind).or_default().push(Use { bytes, step, operand, writes });
            }
        }
    }
    for uses in uses.values_mut().filter(|uses| uses.iter().any(|found| found.writes)) {
        uses.sort_by_key(|found| (found.bytes.start, found.step));
        // Those that may reach beyond where the next begins.
        let (mut reads, mut writes): (Vec<&Use<'_>>, Vec<&Use<'_>>) = (Vec::new(), Vec::new());
        for next in uses.iter() {
            reads.retain(|earlier| earlier.bytes.end > next.bytes.start);
            writes.retain(|earlier| earlier.bytes.end > next.bytes.start);
            for earlier in writes.iter().chain(reads.iter().filter(|_| next.writes)) {
                apart(plan, earlier, next)?;
            }
            apart(plan, next, next)?;
            if next.writes { &mut writes } else { &mut reads }.push(next);
        }
    }
    Ok(())
}

/// Checks that two uses of a region, one of them a write, have no thread touch what another
/// touches.
fn apart(plan: &Plan, a: &Use<'_>, b: &Use<'_>) -> Result<()> {
    let (step_a, step_b) = (&plan.steps[a.step], &plan.steps[b.step]);
    let own = |found: &Use<'_>| found.operand.access == Access::Part;
    let same_place = a.bytes == b.bytes;
    // Each thread has the same elements of both, and other threads others.
    let alike = same_place && own(a) && own(b) && step_a.split == step_b.split;
    let alone = step_a.split == Split::Single && step_b.split == Split::Single;
    if alike || alone || !(a.writes || b.writes) {
        return Ok(());
    }
    for count in THREAD_COUNTS {
        for thread_a in 0..count {
            for thread_b in (0..count).filter(|&thread| thread != thread_a) {
                let one = bytes(plan, step_a, a.operand, thread_a, count);
                let other = bytes(plan, step_b, b.operand, thread_b, count);
                if let (Some(one), Some(other)) = (one, other)
                    && one.start < other.end
                    && other.start < one.end
                {
                    return Err(broken(plan, a.step, b.step, "are touched by two threads at once"));
                }
            }
        }
    }
    Ok(())
}

/// Checks that buffers of the arena lie apart while both are needed, unless one gives way to
/// the other in the very same place.
fn values_apart(plan: &Plan) -> Result<()> {
    let lives = lives(plan);
    let mut born: Vec<Vec<usize>> = vec![Vec::new(); plan.regions.len()];
    for (buffer, life) in lives.iter().enumerate() {
        let in_arena = matches!(plan.buffers[buffer].home, Home::Arena(_));
        if let Some(life) = life.as_ref().filter(|_| in_arena && !plan.buffers[buffer].is_empty()) {
            born[*life.regions.start()].push(buffer);
        }
    }
    let steps = |buffer: usize| lives[buffer].as_ref().map(|life| *life.steps.start());
    let gives_way = |a: usize, b: usize| match (&lives[a], &lives[b]) {
        (Some(before), Some(after)) => before.gives_way_to(after),
        _ => false,
    };
    // The living by their first byte, with their end: of those that give way the last.
    let mut living: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    let mut dying: Vec<Vec<usize>> = vec![Vec::new(); plan.regions.len()];
    for region in 0..plan.regions.len() {
        born[region].sort_by_key(|&buffer| steps(buffer));
        for &buffer in &born[region] {
            let Home::Arena(start) = plan.buffers[buffer].home else { continue };
            let end = start + 4 * plan.buffers[buffer].len();
            let before = living.range(..end).next_back().map(|(start, found)| (*start, *found));
            if let Some((other_start, (other_end, other))) = before
                && other_end > start
                && !((other_start, other_end) == (start, end) && gives_way(other, buffer))
            {
                return Err(Error::new(
                    ErrorKind::Internal,
                    format!("buffers {other} and {buffer} share bytes while both are needed"),
                )
                .expected(format!("a place of its own for each in region {region}")));
            }
            living.insert(start, (end, buffer));
            let last = lives[buffer].as_ref().map_or(region, |life| *life.regions.end());
            if let Some(dying) = dying.get_mut(last) {
                dying.push(start);
            }
        }
        for start in &dying[region] {
            living.remove(start);
        }
    }
    Ok(())
}

/// The memory that an operand is in, and where its buffer begins there.
fn memory(plan: &Plan, operand: &Operand) -> (Home, usize) {
    match plan.buffers[operand.buffer].home {
        Home::Arena(offset) => (Home::Arena(0), offset),
        other => (other, 0),
    }
}

/// The bytes of its memory that a thread touches; `None` when it touches none.
fn bytes(
    plan: &Plan,
    step: &Step,
    operand: &Operand,
    thread: usize,
    count: usize,
) -> Option<Range<usize>> {
    let rows = step.split.own(thread, count);
    if rows.is_empty() {
        return None;
    }
    let elements = plan.touched(operand, step.split, &rows);
    let (_, base) = memory(plan, operand);
    Some(base + 4 * elements.start..base + 4 * elements.end)
}

fn broken(plan: &Plan, a: usize, b: usize, what: &str) -> Error {
    let text = |at: usize| crate::explain::step_line(plan, at);
    Error::new(ErrorKind::Internal, format!("{} and {}: buffers {what}", text(a), text(b)))
}
