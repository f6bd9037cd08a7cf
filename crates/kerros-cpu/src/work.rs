//! One step on one thread: the match from kernel kind to kernel.

mod sums;
mod windows;

use std::ops::Range;

use kerros_core::law::CONTRACTION_CHUNK;
use kerros_core::law::reduce::COLUMN_PIECE;
use kerros_core::program::Layout;
use kerros_core::{Error, ErrorKind, Result, Tensor};
use kerros_graph::eval::evaluate_primitive;
use kerros_graph::ops::ReduceKind;
use kerros_kernels::Isa;
use kerros_kernels::arg_reduce::{ArgKind, arg_reduce};
use kerros_kernels::attention;
use kerros_kernels::chunks;
use kerros_kernels::conv::ConvScratch;
use kerros_kernels::copy::{self, Strided, join};
use kerros_kernels::cross_entropy::{Targets, softmax_cross_entropy};
use kerros_kernels::gemm::{Activation, Gemm, Matrix, Operands, PackedB, Pair, Scratch, gemm};
use kerros_kernels::index::{gather, scatter_add};
use kerros_kernels::map::{Input, Map, MapScratch};
use kerros_kernels::norm::sum_of_squares;
use kerros_kernels::recurrent;
use kerros_kernels::reduce::{self, AxisView, reduce};
use kerros_kernels::row_norm::{RowNorm, row_norm, row_norm_gradient};
use kerros_kernels::scan::{ScanOptions, cumulative_sum};
use kerros_kernels::softmax::{log_softmax, softmax};
use kerros_kernels::sort::{SortOptions, sort};
use kerros_plan::plan::{Access, BufferId, Kernel, Operand, Order, Piece, Plan, Step};
use smallvec::SmallVec;

use crate::groups::Group;
use crate::store::{as_stored, to_tensor};

/// What a thread needs besides the operands, reused from step to step.
#[derive(Default)]
pub struct ThreadScratch {
    gemm: Scratch,
    /// What products multiply several blocks of rows with, by [`Prepared::packed`].
    packed: Vec<PackedB>,
    conv: ConvScratch,
    map: MapScratch,
    recurrent: recurrent::Scratch,
    attention: attention::Scratch,
}

/// How much of an operand belongs to some rows of a step.
#[derive(Clone, Copy)]
enum Share {
    /// So many elements for each row.
    PerRow(usize),
    /// Likewise, and of no use once its rows are done: those that follow take their place, so
    /// that it stays in the cache.
    Passing(usize),
    /// So many elements for all of so many rows, a few of which touch them all.
    PerPart { len: usize, rows: usize },
    /// All of this many.
    Whole(usize),
}

impl Share {
    fn new(plan: &Plan, step: &Step, operand: &Operand, passing: &[BufferId]) -> Self {
        let len = plan.buffers[operand.buffer].len();
        let per_row = len / step.split.rows().max(1);
        match operand.access {
            Access::Part if passing.contains(&operand.buffer) => Share::Passing(per_row),
            Access::Part => Share::PerRow(per_row),
            Access::Whole => Share::Whole(len),
        }
    }

    /// What a step writes.
    fn of_write(plan: &Plan, step: &Step, operand: &Operand, passing: &[BufferId]) -> Self {
        match step.kernel {
            Kernel::ChunkProducts { m, n, .. } => {
                Share::PerPart { len: m * n, rows: CONTRACTION_CHUNK }
            }
            Kernel::PartProducts { m, n, k, chunks } => {
                Share::PerPart { len: m * n, rows: k / chunks }
            }
            Kernel::PieceSums { rows, inner } if rows == step.split.rows() => {
                Share::PerPart { len: inner, rows: COLUMN_PIECE }
            }
            _ => Share::new(plan, step, operand, passing),
        }
    }

    /// Which elements they are.
    fn of(self, rows: &Range<usize>) -> Range<usize> {
        match self {
            Share::PerRow(count) | Share::Passing(count) => count * rows.start..count * rows.end,
            Share::PerPart { len, rows: per_part } => {
                len * (rows.start / per_part)..len * rows.end.div_ceil(per_part)
            }
            Share::Whole(len) => 0..len,
        }
    }

    /// Where in the buffer they lie, for a thread whose rows begin at `first_row`.
    fn place(self, rows: &Range<usize>, first_row: usize) -> Range<usize> {
        match self {
            Share::Passing(_) => self.of(&(first_row..first_row + rows.len())),
            _ => self.of(rows),
        }
    }
}

/// A step made ready: what can be found out once is.
pub struct Prepared {
    /// The number of rows it is divided by.
    pub rows: usize,
    /// How much of each read and each write some rows are.
    reads: SmallVec<[Share; 8]>,
    writes: SmallVec<[Share; 4]>,
    map: Option<Map>,
    strided: Option<Strided>,
    /// For each read of a program, the output that is the same memory.
    in_place: Vec<Option<usize>>,
    /// Where in a thread's scratch the matrix is kept that all blocks of rows of a product are
    /// multiplied with.
    packed: Option<usize>,
}

impl Prepared {
    /// Prepares a step of a group. `num_packed`: how many products are known whose matrix is kept.
    pub fn new(plan: &Plan, step: &Step, group: &Group, num_packed: &mut usize) -> Self {
        let map = match &step.kernel {
            Kernel::Map(program) => Some(Map::new(program)),
            _ => None,
        };
        let strided = match &step.kernel {
            Kernel::Strided { dims, strides, first } => Some(Strided::new(dims, strides, *first)),
            _ => None,
        };
        let in_place = step
            .reads
            .iter()
            .map(|read| step.writes.iter().position(|write| write.buffer == read.buffer));
        let rows = step.split.rows();
        let passing = &group.passing;
        let read = |operand| Share::new(plan, step, operand, passing);
        let write = |operand| Share::of_write(plan, step, operand, passing);
        let reads: SmallVec<[Share; 8]> = step.reads.iter().map(read).collect();
        let writes = step.writes.iter().map(write).collect();
        let keeps = matches!(step.kernel, Kernel::Gemm { batch: 1, n: 2.., .. })
            && group.block_rows < rows
            && matches!(reads[..], [Share::PerRow(_) | Share::Passing(_), Share::Whole(_), ..]);
        let packed = keeps.then(|| std::mem::replace(num_packed, *num_packed + 1));
        Prepared { rows, reads, writes, map, strided, in_place: in_place.collect(), packed }
    }

    /// The kernel's name in reports.
    pub fn kernel_name(&self) -> Option<&str> {
        self.map.as_ref().map(Map::kernel_name)
    }
}

/// The memory of a run: where each buffer of the plan begins.
#[derive(Clone, Copy)]
pub struct Memory<'a> {
    /// The addresses, by buffer.
    pub bases: &'a [*mut u8],
}

// SAFETY: the addresses are only followed by `Work`, on elements that the plan's checker has
// proved no two threads touch at once while one writes.
unsafe impl Sync for Memory<'_> {}

/// A step on one thread, over some of its rows.
pub struct Work<'a> {
    pub isa: Isa,
    pub step: &'a Step,
    pub prepared: &'a Prepared,
    pub memory: Memory<'a>,
    /// Which rows; all of `0..1` for a step that one thread does.
    pub rows: Range<usize>,
    /// The first row that is this thread's.
    pub first_row: usize,
    /// Whether further rows of the thread follow, or went before.
    pub in_blocks: bool,
}

impl<'a> Work<'a> {
    pub(crate) fn read(&self, at: usize) -> &'a [f32] {
        let operand = &self.step.reads[at];
        let range = self.prepared.reads[at].place(&self.rows, self.first_row);
        let base = self.memory.bases[operand.buffer].cast::<f32>();
        // SAFETY: a share stays within the buffer, whose memory lives through the run and is
        // aligned to 4 bytes; the plan's checker has proved that no other thread writes these
        // elements before the next barrier, and this thread's own writes go to other
        // buffers, or are `Input::Output`s, which are not read through here.
        unsafe { std::slice::from_raw_parts(base.add(range.start), range.len()) }
    }

    pub(crate) fn write(&self, at: usize) -> &'a mut [f32] {
        let operand = &self.step.writes[at];
        let range = self.prepared.writes[at].place(&self.rows, self.first_row);
        let base = self.memory.bases[operand.buffer].cast::<f32>();
        // SAFETY: as for `read`; the checker has proved that no other thread touches these
        // elements before the next barrier, and a step writes each buffer once.
        unsafe { std::slice::from_raw_parts_mut(base.add(range.start), range.len()) }
    }

    /// The part of `units` equal pieces of work that these rows are.
    pub(crate) fn units(&self, units: usize) -> Range<usize> {
        let per_row = units / self.prepared.rows.max(1);
        per_row * self.rows.start..per_row * self.rows.end
    }

    /// The elements of the result that these rows are, counted from where the first read
    /// begins: an operand that is divided begins with this thread's rows.
    fn elements(&self) -> Range<usize> {
        let range = self.prepared.writes[0].of(&self.rows);
        match self.step.reads[0].access {
            Access::Part => 0..range.len(),
            Access::Whole => range,
        }
    }

    /// Does the work.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when a kernel refuses its operands: a bug of the plan.
    pub fn run(&self, scratch: &mut ThreadScratch) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        match &self.step.kernel {
            Kernel::Map(_) => return self.map(&mut scratch.map),
            Kernel::Gemm { .. } => return self.gemm(scratch),
            &Kernel::ChunkProducts { m, n, .. } => {
                return self.chunk_products([m, n], &mut scratch.gemm);
            }
            &Kernel::PartProducts { m, n, k, chunks } => {
                return self.part_products([m, n, k], k / chunks, &mut scratch.gemm);
            }
            &Kernel::PieceSums { rows, inner } => self.piece_sums(rows / self.prepared.rows, inner),
            &Kernel::Combine { len, order, bias, relu, .. } => {
                let first = self.elements().start;
                let finish = chunks::Finish { bias: bias.then(|| self.read(1)), relu };
                let order = match order {
                    Order::InTurn => chunks::Order::InTurn,
                    Order::Tree => chunks::Order::Tree,
                };
                let (parts, y) = (self.read(0), self.write(0));
                chunks::combine(self.isa, (order, finish), len, first, parts, y);
            }
            Kernel::Conv { .. }
            | Kernel::PackKernel { .. }
            | Kernel::ConvInputGradient { .. }
            | Kernel::ConvKernelGradient { .. } => return self.conv(&mut scratch.conv),
            &Kernel::Pool { kind, ref sizes } => self.pool(kind, sizes),
            &Kernel::Reduce { kind, int, outer, len, inner } => {
                let kind = match kind {
                    ReduceKind::Sum => reduce::ReduceKind::Sum,
                    ReduceKind::Max => reduce::ReduceKind::Max,
                    ReduceKind::Min => reduce::ReduceKind::Min,
                };
                let view = AxisView { outer, len, inner };
                let part = self.units(if outer > 1 { outer } else { inner });
                reduce(self.isa, kind, int, view, part, self.read(0), self.write(0));
            }
            &Kernel::ArgReduce { kind, outer, len, inner } => {
                let kind = match kind {
                    ReduceKind::Min => ArgKind::Min,
                    _ => ArgKind::Max,
                };
                let view = AxisView { outer, len, inner };
                let part = self.units(if outer > 1 { outer } else { inner });
                arg_reduce(self.isa, kind, false, view, part, self.read(0), self.write(0));
            }
            &Kernel::Softmax { columns, log, .. } => match log {
                true => log_softmax(self.isa, columns, self.read(0), self.write(0)),
                false => softmax(self.isa, columns, self.read(0), self.write(0)),
            },
            &Kernel::SoftmaxCrossEntropy { columns, sparse, .. } => {
                let targets = match sparse {
                    true => Targets::Labels(self.read(1)),
                    false => Targets::Distributions(self.read(1)),
                };
                softmax_cross_entropy(self.isa, columns, self.read(0), targets, self.write(0));
            }
            &Kernel::Scan { outer, len, inner, reverse } => {
                let view = AxisView { outer: self.units(outer).len(), len, inner };
                let options = ScanOptions { reverse, ..ScanOptions::default() };
                cumulative_sum(self.isa, view, options, self.read(0), self.write(0));
            }
            &Kernel::Sort { len, descending, indices } => {
                let options = SortOptions { descending, int: false };
                let (to, input) = (self.write(0), self.read(0));
                match indices {
                    true => sort(len, options, input, None, Some(to)),
                    false => sort(len, options, input, Some(to), None),
                }
            }
            Kernel::Strided { .. } => {
                let strided = self.prepared.strided.as_ref().expect("a copy was prepared");
                strided.run(self.elements(), self.read(0), self.write(0));
            }
            Kernel::Join { pieces } => {
                let pieces: SmallVec<[copy::Piece<'_>; 8]> = pieces
                    .iter()
                    .map(|piece| match *piece {
                        Piece::Zeros(len) => copy::Piece::Zeros(len),
                        Piece::Rows { read, row, run } => {
                            copy::Piece::Rows { from: self.read(read), row, run }
                        }
                    })
                    .collect();
                join(&pieces, self.elements(), self.write(0));
            }
            &Kernel::Gather { outer, len, inner, outside } => {
                let outer = if outer == 1 { 1 } else { self.units(outer).len() };
                let view = AxisView { outer, len, inner };
                let (outside, indices) = (f32::from_bits(outside), self.read(1));
                gather(view, outside, indices, self.read(0), self.write(0));
            }
            &Kernel::ScatterAdd { outer, len, inner, int, spread } => {
                let to = self.write(0);
                match spread {
                    true => to.fill(self.read(0)[0]),
                    false => to.copy_from_slice(self.read(0)),
                }
                let (outer, rows) = match outer {
                    1 => (1, self.units(len)),
                    _ => (self.units(outer).len(), 0..len),
                };
                let view = AxisView { outer, len, inner };
                scatter_add(self.isa, int, view, rows, self.read(1), self.read(2), to);
            }
            Kernel::GlobalNorm => {
                let squares =
                    (0..self.step.reads.len()).map(|at| sum_of_squares(self.isa, self.read(at)));
                let total = squares.reduce(|sum, next| sum + next).unwrap_or(0.0);
                self.write(0)[0] = total.sqrt();
            }
            &Kernel::RowNorm { columns, centred, epsilon, scaled, shifted } => {
                let norm = RowNorm { len: columns, centred, epsilon };
                let gamma = scaled.then(|| self.read(1));
                let beta = shifted.then(|| self.read(1 + usize::from(scaled)));
                row_norm(self.isa, norm, self.read(0), gamma, beta, self.write(0));
            }
            &Kernel::RowNormGradient { columns, centred, epsilon, scaled } => {
                let norm = RowNorm { len: columns, centred, epsilon };
                let gamma = scaled.then(|| self.read(2));
                let (x, dy) = (self.read(0), self.read(1));
                row_norm_gradient(self.isa, norm, x, dy, gamma, self.write(0));
            }
            Kernel::Attention(kernel) => {
                crate::attention::run(self, kernel, &mut scratch.attention);
            }
            Kernel::Recurrent(kernel) => {
                crate::recurrent::run(self, kernel, &mut scratch.recurrent);
            }
            Kernel::Fallback { op, inputs } => {
                let inputs: Vec<Tensor> = inputs
                    .iter()
                    .enumerate()
                    .map(|(at, ty)| to_tensor(ty, bytemuck::cast_slice(self.read(at))))
                    .collect();
                let value = as_stored(&evaluate_primitive(op, &inputs)?);
                let to: &mut [u8] = bytemuck::cast_slice_mut(self.write(0));
                to.copy_from_slice(value.bytes());
            }
        }
        Ok(())
    }

    /// An input of a program as [`Map::run`] wants it: a stretched one begins with the element
    /// that the first of the range reads, also where the whole buffer is at hand.
    fn map_input(&self, at: usize, first: usize) -> &'a [f32] {
        let (operand, slice) = (&self.step.reads[at], self.read(at));
        match &self.step.kernel {
            Kernel::Map(program) if operand.access == Access::Whole => match program.inputs[at] {
                Layout::Stretch { run } => &slice[first / run..],
                _ => slice,
            },
            _ => slice,
        }
    }

    fn map(&self, scratch: &mut MapScratch) -> Result<()> {
        let map = self.prepared.map.as_ref().expect("a program was prepared");
        let range = self.prepared.writes[0].of(&self.rows);
        let mut outputs: SmallVec<[&mut [f32]; 8]> =
            (0..self.step.writes.len()).map(|at| self.write(at)).collect();
        let inputs: SmallVec<[Input<'_>; 16]> = self
            .prepared
            .in_place
            .iter()
            .enumerate()
            .map(|(at, output)| match output {
                Some(output) => Input::Output(*output),
                None => Input::Slice(self.map_input(at, range.start)),
            })
            .collect();
        map.run(self.isa, range, &inputs, &mut outputs, scratch)
    }

    fn gemm(&self, scratch: &mut ThreadScratch) -> Result<()> {
        let ThreadScratch { gemm: scratch, packed, .. } = scratch;
        let &Kernel::Gemm { batch, m, n, k, ref op, bias, relu, gate } = &self.step.kernel else {
            return Err(Error::new(ErrorKind::Internal, "not a matrix product"));
        };
        let (a, b, c) = (self.read(0), self.read(1), self.write(0));
        let product = Gemm {
            m,
            n,
            k,
            a: if op.transpose_a {
                Matrix { row_stride: 1, col_stride: m }
            } else {
                Matrix { row_stride: k, col_stride: 1 }
            },
            b: if op.transpose_b {
                Matrix { row_stride: 1, col_stride: k }
            } else {
                Matrix { row_stride: n, col_stride: 1 }
            },
            c_row_stride: n,
            accumulate: false,
            continues: false,
            has_bias: bias,
            activation: if relu { Activation::Relu } else { Activation::Identity },
            gated: gate,
        };
        let pairs = [Pair::default()];
        if batch > 1 {
            for (at, c) in c.chunks_mut((m * n).max(1)).enumerate() {
                let (a, b) = (&a[at * m * k..(at + 1) * m * k], &b[at * k * n..(at + 1) * k * n]);
                let operands = Operands { a, b, ..Operands::default() };
                gemm(self.isa, &product, 0..m, &pairs, operands, c, scratch)?;
            }
            return Ok(());
        }
        let packed_b = self.prepared.packed.filter(|_| self.in_blocks).map(|at| {
            if packed.len() <= at {
                packed.resize_with(at + 1, PackedB::new);
            }
            // The matrix may be another at each run, and is the same for all of its blocks.
            if self.rows.start == self.first_row {
                packed[at].pack(self.isa, &product, b);
            }
            &packed[at]
        });
        let operands = Operands {
            a,
            b,
            packed_b,
            bias: bias.then(|| self.read(2)),
            gate: gate.then(|| self.read(self.step.reads.len() - 1)),
        };
        // An operand that is divided begins with this thread's rows.
        let rows = self.units(m);
        let (product, rows) = match self.step.reads[0].access {
            Access::Part => (Gemm { m: rows.len(), ..product }, 0..rows.len()),
            Access::Whole => (product, rows),
        };
        gemm(self.isa, &product, rows, &pairs, operands, c, scratch)
    }
}
