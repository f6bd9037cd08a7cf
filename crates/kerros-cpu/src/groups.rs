//! Taking a few rows at a time through several steps, so that what one step wrote is still
//! in the cache when the next reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use kerros_core::law::reduce::COLUMN_PIECE;
use kerros_kernels::l2_bytes;
use kerros_plan::Plan;
use kerros_plan::lives::lives;
use kerros_plan::plan::{Access, BufferId, Home, Kernel, Split};

/// Weights of a larger part of the second-level cache do not stay there beside a block of rows.
const WEIGHT_PART: usize = 8;
/// Weights are packed once for all blocks of rows, by each thread, and read by each block from beyond
/// the second-level cache where they do not fit: up to this many times its size.
const PACKED_WEIGHTS: usize = 4;
/// What the packed weights of all products of a group may take together, likewise.
const ALL_PACKED_WEIGHTS: usize = 32;
/// Matrix products want blocks of multiples of this many of their rows, so that they have whole
/// tiles.
const BLOCK_GRAIN: usize = 48;

/// Neighbouring steps of a region that are divided alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which steps of the plan.
    pub steps: Range<usize>,
    /// How they are divided.
    pub split: Split,
    /// How many rows to take through all of them at a time.
    pub block_rows: usize,
    /// Buffers that only these steps touch, each thread only its own rows of them: once a block
    /// of rows is done, the next may take its place.
    pub passing: Vec<BufferId>,
}

/// A value, and from which group to which it is needed.
type Span = (BufferId, Range<usize>);

/// The groups of each region, with blocks of rows that touch `block_bytes` at most, if they are to
/// be that small.
pub fn groups(plan: &Plan, block_bytes: usize) -> Vec<Vec<Group>> {
    let regions = plan.regions.iter();
    let mut regions: Vec<Vec<Group>> =
        regions.map(|region| cut(plan, region.steps.clone(), block_bytes)).collect();
    let mut groups: Vec<&mut Group> = regions.iter_mut().flatten().collect();
    let group_at = |step: usize| groups.partition_point(|group| group.steps.end <= step);
    // What lives in one region only, by the place it has there: from which group to which.
    let mut places: BTreeMap<(usize, usize), Vec<Span>> = BTreeMap::new();
    for (buffer, life) in lives(plan).into_iter().enumerate() {
        if let (Some(life), Home::Arena(offset)) = (life, plan.buffers[buffer].home)
            && life.gives_way()
        {
            let span = group_at(*life.steps.start())..group_at(*life.steps.end());
            places.entry((*life.regions.start(), offset)).or_default().push((buffer, span));
        }
    }
    for (buffer, group) in places.values().flat_map(|alike| passing(alike)).collect::<Vec<_>>() {
        groups[group].passing.push(buffer);
    }
    regions
}

/// Of values that take each other's place, each from one group to another, those that are in one
/// group, and that group, when no other is in their place then that goes on to the next group: its
/// rows must stay where they are.
fn passing(alike: &[Span]) -> Vec<(BufferId, usize)> {
    let goes_on = |group: usize| {
        let mut longer = alike.iter().filter(|(_, span)| span.start < span.end);
        longer.any(|(_, span)| span.start <= group && group <= span.end)
    };
    let own = alike.iter().filter(|(_, span)| span.start == span.end && !goes_on(span.start));
    own.map(|(buffer, span)| (*buffer, span.start)).collect()
}

fn cut(plan: &Plan, steps: Range<usize>, block_bytes: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for at in steps {
        let split = plan.steps[at].split;
        match groups.last_mut() {
            Some(last) if last.split == split => last.steps.end = at + 1,
            _ => groups.push(Group {
                steps: at..at + 1,
                split,
                block_rows: usize::MAX,
                passing: Vec::new(),
            }),
        }
    }
    groups.into_iter().flat_map(|group| size(plan, group, block_bytes)).collect()
}

/// Sets how many rows of a group to take at a time. Where few rows fill the cache, as with
/// images, they are too few for kernels that would read large weights anew for each block:
/// these are left out, and take all rows at once.
fn size(plan: &Plan, group: Group, block_bytes: usize) -> Vec<Group> {
    if group.split == Split::Single || group.steps.len() == 1 {
        return vec![group];
    }
    let rows = group.split.rows();
    let fitting = block_bytes / row_bytes(plan, group.steps.clone(), rows).max(1);
    let blocks = match group.split {
        // Sums of so many rows are not cut further.
        Split::Chunks { .. } => largest_power(fitting + fitting / 4).min(COLUMN_PIECE),
        _ if fitting >= BLOCK_GRAIN => fitting / BLOCK_GRAIN * BLOCK_GRAIN,
        _ => fitting,
    };
    let mut parts: Vec<(bool, Group)> = Vec::new();
    let mut packed = 0;
    for at in group.steps {
        let kernel = &plan.steps[at].kernel;
        let weights = match kernel {
            Kernel::Gemm { batch: 1, n, k, .. } => 4 * n * k,
            _ => 0,
        };
        let too_much = weights > 0 && packed + weights > l2_bytes() * ALL_PACKED_WEIGHTS;
        let alone = too_much || wants_more_rows(kernel, rows, blocks);
        packed += if alone { 0 } else { weights };
        match parts.last_mut() {
            Some((same, last)) if *same == alone => last.steps.end = at + 1,
            _ => {
                let block_rows = if alone { usize::MAX } else { blocks.max(1) };
                parts.push((
                    alone,
                    Group {
                        steps: at..at + 1,
                        split: group.split,
                        block_rows,
                        passing: Vec::new(),
                    },
                ));
            }
        }
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

/// The largest power of two up to this number.
fn largest_power(most: usize) -> usize {
    most.checked_ilog2().map_or(1, |power| 1 << power)
}

/// Bytes that a row of some steps touches.
fn row_bytes(plan: &Plan, steps: Range<usize>, rows: usize) -> usize {
    let mut touched = BTreeSet::new();
    for step in &plan.steps[steps] {
        let operands = step.reads.iter().chain(&step.writes);
        touched.extend(
            operands.filter(|operand| operand.access == Access::Part).map(|operand| operand.buffer),
        );
    }
    touched.into_iter().map(|buffer| 4 * plan.buffers[buffer].len() / rows).sum()
}

/// Whether a kernel has too few rows to work with in a block: few rows of a matrix in each row of
/// its step, or weights too large for each thread to pack.
fn wants_more_rows(kernel: &Kernel, rows: usize, block_rows: usize) -> bool {
    let is_large = |weights: usize| 4 * weights > l2_bytes() / WEIGHT_PART;
    match kernel {
        Kernel::Gemm { batch: 1, m, n, k, .. } => {
            block_rows < BLOCK_GRAIN && (m / rows < BLOCK_GRAIN || is_large(n * k))
                || 4 * n * k > l2_bytes() * PACKED_WEIGHTS
        }
        // A row is a whole sequence: it takes several to fill a tile at each step.
        Kernel::Recurrent(_) => true,
        Kernel::Conv { sizes, .. } | Kernel::ConvInputGradient { sizes } => {
            let taps = sizes.window.num_taps();
            block_rows < BLOCK_GRAIN && is_large(taps * sizes.inputs * sizes.out_channels())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::DType;
    use kerros_graph::{Graph, Node, StateId, grad};
    use kerros_plan::{CompileOptions, compile};

    use super::*;
    use crate::has_kernel;

    fn plan(graph: &Graph, outputs: &[Node<'_>]) -> Plan {
        let ids: Vec<_> = outputs.iter().map(|node| node.id()).collect();
        compile(graph, &ids, &CompileOptions::default(), has_kernel).unwrap()
    }

    /// The group that a kernel is in.
    fn group_of(plan: &Plan, is_kernel: impl Fn(&Kernel) -> bool) -> Group {
        let at = plan.steps.iter().position(|step| is_kernel(&step.kernel)).unwrap();
        let groups = groups(plan, l2_bytes() / 2);
        groups.iter().flatten().find(|group| group.steps.contains(&at)).unwrap().clone()
    }

    #[test]
    fn a_gradient_passes_where_only_its_update_reads_it() {
        let graph = Graph::new();
        let x = graph.input("x", [32, 5000], DType::F32);
        let w = graph.state(StateId(0), "w", [5000, 64], DType::F32);
        let y = x.matmul(w);
        let gradient = grad((y * y).sum_all(), &[w]).unwrap()[0];
        graph.assign(w, w - gradient * 0.1);
        let is_gradient = |kernel: &Kernel| matches!(kernel, Kernel::Gemm { m: 5000, .. });

        let alone = plan(&graph, &[]);
        let group = group_of(&alone, is_gradient);
        assert_eq!((group.steps.len(), group.passing.len()), (2, 1));
        assert!(group.block_rows < 5000, "{group:?}");
        // Here it is also handed out.
        let handed_out = plan(&graph, &[gradient]);
        assert!(group_of(&handed_out, is_gradient).passing.is_empty());
    }

    #[test]
    fn packed_weights_of_many_layers_have_a_bound() {
        let graph = Graph::new();
        let mut x = graph.input("x", [4096, 64], DType::F32);
        // Each is just not too large.
        let width = l2_bytes() * PACKED_WEIGHTS / 4 / 64;
        for layer in 0..20 {
            let state =
                |id: u32, shape: [usize; 2]| graph.state(StateId(id), "w", shape, DType::F32);
            x = x.matmul(state(2 * layer, [64, width])).matmul(state(2 * layer + 1, [width, 64]));
        }
        // Rows of a block touch much: blocks of any size are allowed here.
        let plan = plan(&graph, &[x]);
        let groups = groups(&plan, usize::MAX / 2);
        let in_blocks = groups.iter().flatten().filter(|group| group.block_rows < usize::MAX);
        let packed = in_blocks.map(|group| group.steps.len()).sum::<usize>();
        assert_eq!(packed * PACKED_WEIGHTS, ALL_PACKED_WEIGHTS);
    }

    #[test]
    fn products_with_large_weights_take_all_rows() {
        let graph = Graph::new();
        let x = graph.input("x", [4096, 2000], DType::F32);
        let w = graph.state(StateId(0), "w", [2000, 2000], DType::F32);
        let plan = plan(&graph, &[(x + 1.0).tanh().matmul(w).tanh()]);
        let product = group_of(&plan, |kernel| matches!(kernel, Kernel::Gemm { .. }));
        assert_eq!((product.steps.len(), product.block_rows), (1, usize::MAX));
    }
}
