//! Running a plan: every thread walks the list of steps, each over its own rows.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kerros_core::{DType, Error, ErrorKind, Result, Tensor};
use kerros_plan::plan::{BufferId, Home, Plan};
use kerros_plan::{Executable, Feed, StateStore, explain};

use crate::Cpu;
use crate::groups::{Group, groups};
use crate::inputs::{Gathering, address, gather, gathering, staging, truths};
use crate::memory::Block;
use crate::store::{CpuStore, as_stored, to_tensor};
use crate::team::{Member, Team};
use crate::work::{Memory, Prepared, ThreadScratch, Work};

/// A plan made ready for this machine.
pub struct CpuExecutable {
    cpu: Cpu,
    plan: Plan,
    groups: Vec<Vec<Group>>,
    prepared: Vec<Prepared>,
    arena: Block,
    /// Constants as they are stored, kept alive for their addresses.
    _literals: Vec<Tensor>,
    /// Where gathered rows of each input go; made when first needed.
    staging: Vec<Option<Block>>,
    /// How each input is divided when it is gathered.
    gathered: Vec<Gathering>,
    meet_after_gather: bool,
    /// The address of each buffer, for the current run.
    bases: Vec<*mut u8>,
    /// The buffers whose address each run sets anew: states and inputs.
    bound: Vec<BufferId>,
    /// The plan's cost, for deciding how many threads pay.
    cost: usize,
    scratch: Vec<Mutex<ThreadScratch>>,
    /// Nanoseconds that were spent, when measured.
    spent: Option<Spent>,
    runs: u64,
}

/// Nanoseconds that were spent.
struct Spent {
    /// By the first thread in each step.
    steps: Vec<AtomicU64>,
    /// By each thread in each region, without waiting for the others.
    regions: Vec<Vec<AtomicU64>>,
}

impl Spent {
    fn new(plan: &Plan, threads: usize) -> Self {
        let zeros = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
        Spent {
            steps: zeros(plan.steps.len()),
            regions: plan.regions.iter().map(|_| zeros(threads)).collect(),
        }
    }
}

/// Adds the time since then.
fn add_since(total: &AtomicU64, begun: Instant) {
    total.fetch_add(begun.elapsed().as_nanos() as u64, Ordering::Relaxed);
}

// SAFETY: the addresses in `bases` are those of blocks this executable owns, or are set anew
// at the start of each run from what the caller lends for that run.
unsafe impl Send for CpuExecutable {}

impl CpuExecutable {
    /// Prepares a plan.
    ///
    /// # Errors
    /// Memory that is not there.
    pub fn new(cpu: Cpu, plan: Plan, measure: bool) -> Result<Self> {
        let arena = Block::try_zeroed(plan.arena_bytes)?;
        let literals: Vec<Tensor> = plan.literals.iter().map(as_stored).collect();
        let bases = plan
            .buffers
            .iter()
            .map(|buffer| match buffer.home {
                // Offsets stay within the arena: `place` made it as large as needed.
                Home::Arena(offset) => arena.start().wrapping_add(offset),
                Home::Literal(index) => literals[index].bytes().as_ptr().cast_mut(),
                Home::State(_) | Home::Input(_) => std::ptr::null_mut(),
            })
            .collect();
        let elsewhere =
            |id: &BufferId| matches!(plan.buffers[*id].home, Home::State(_) | Home::Input(_));
        let bound = (0..plan.buffers.len()).filter(elsewhere).collect();
        let threads = cpu.team.num_threads();
        let groups = groups(&plan, cpu.block_bytes);
        let (gathered, meet_after_gather) = gathering(&plan);
        let (mut prepared, mut num_packed) = (Vec::with_capacity(plan.steps.len()), 0);
        for group in groups.iter().flatten() {
            let steps = plan.steps[group.steps.clone()].iter();
            prepared.extend(steps.map(|step| Prepared::new(&plan, step, group, &mut num_packed)));
        }
        Ok(CpuExecutable {
            prepared,
            groups,
            arena,
            _literals: literals,
            staging: plan.inputs.iter().map(|_| None).collect(),
            gathered,
            meet_after_gather,
            bases,
            bound,
            cost: plan.cost(),
            scratch: (0..threads).map(|_| Mutex::default()).collect(),
            spent: measure.then(|| Spent::new(&plan, threads)),
            runs: 0,
            cpu,
            plan,
        })
    }

    /// Sets the addresses of states and inputs.
    fn bind(&mut self, store: &mut dyn StateStore, feeds: &[Feed<'_>]) -> Result<()> {
        if feeds.len() != self.plan.inputs.len() {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("{} feeds were given", feeds.len()),
            )
            .expected(format!("{}", self.plan.inputs.len())));
        }
        let store = store.as_any().downcast_mut::<CpuStore>().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the states are kept by another device")
        })?;
        let mut inputs = smallvec::SmallVec::<[*mut u8; 8]>::new();
        for (at, (ty, feed)) in self.plan.inputs.iter().zip(feeds).enumerate() {
            let start = address(at, ty, feed)?;
            if ty.dtype == DType::Bool {
                // A host tensor holds truth values as bytes, a plan as numbers.
                let numbers = truths(feed, ty)?;
                let place = self.staging[at].get_or_insert_with(|| staging(ty));
                place.bytes_mut(numbers.bytes().len()).copy_from_slice(numbers.bytes());
                inputs.push(place.start());
                continue;
            }
            inputs.push(match start {
                Some(start) => start.cast_mut(),
                None => self.staging[at].get_or_insert_with(|| staging(ty)).start(),
            });
        }
        for &id in &self.bound {
            let buffer = &self.plan.buffers[id];
            match buffer.home {
                Home::Input(index) => self.bases[id] = inputs[index],
                Home::State(state) => {
                    let known = store.state(state).filter(|(ty, _)| **ty == buffer.ty);
                    self.bases[id] = known.map(|(_, start)| start).ok_or_else(|| {
                        Error::new(ErrorKind::Internal, format!("state {} is not stored", state.0))
                            .expected(buffer.ty.to_string())
                    })?;
                }
                Home::Arena(_) | Home::Literal(_) => {}
            }
        }
        Ok(())
    }

    /// What one thread does.
    fn walk(&self, member: &Member<'_>, feeds: &[Feed<'_>]) -> Result<()> {
        let mut scratch = self.scratch[member.index].lock().unwrap_or_else(PoisonError::into_inner);
        let mut outcome = Ok(());
        if self.gather_own_rows(member, feeds) && self.meet_after_gather {
            member.barrier();
        }
        for (number, region) in self.groups.iter().enumerate() {
            if number > 0 {
                member.barrier();
            }
            // After a failure the thread only keeps the others company at the barriers.
            if outcome.is_ok() {
                let begun = self.spent.as_ref().map(|_| Instant::now());
                outcome =
                    region.iter().try_for_each(|group| self.group(group, member, &mut scratch));
                if let (Some(spent), Some(begun)) = (&self.spent, begun) {
                    add_since(&spent.regions[number][member.index], begun);
                }
            }
        }
        outcome
    }

    fn gather_own_rows(&self, member: &Member<'_>, feeds: &[Feed<'_>]) -> bool {
        let mut gathered = false;
        for ((feed, staging), gathering) in feeds.iter().zip(&self.staging).zip(&self.gathered) {
            let rows_of_words = |tensor: &Tensor| tensor.dtype() != DType::Bool;
            if let (Feed::Rows { tensor, rows }, Some(staging)) = (feed, staging)
                && rows_of_words(tensor)
            {
                let thread = (member.index, member.count);
                // SAFETY: the staging place has the input's size, and `bind` has checked
                // that there are as many rows; each part is one thread's own.
                unsafe { gather(tensor, rows, *gathering, thread, staging.start()) };
                gathered = true;
            }
        }
        gathered
    }

    fn group(&self, group: &Group, member: &Member<'_>, scratch: &mut ThreadScratch) -> Result<()> {
        let own = group.split.own(member.index, member.count);
        let memory = Memory { bases: &self.bases };
        let mut start = own.start;
        while start < own.end {
            let rows = start..own.end.min(start.saturating_add(group.block_rows));
            for at in group.steps.clone() {
                let work = Work {
                    isa: self.cpu.isa,
                    step: &self.plan.steps[at],
                    prepared: &self.prepared[at],
                    memory,
                    rows: rows.clone(),
                    first_row: own.start,
                    in_blocks: own.len() > group.block_rows,
                };
                match &self.spent {
                    Some(spent) if member.index == 0 => {
                        let begun = Instant::now();
                        work.run(scratch)?;
                        add_since(&spent.steps[at], begun);
                    }
                    _ => work.run(scratch)?,
                }
            }
            start = rows.end;
        }
        Ok(())
    }

    fn bytes_of(&self, index: usize) -> Result<&[u8]> {
        let (id, _) = self.plan.outputs.get(index).ok_or_else(|| {
            Error::new(ErrorKind::Argument, format!("output {index} was asked for"))
                .expected(format!("an output below {}", self.plan.outputs.len()))
        })?;
        let buffer = &self.plan.buffers[*id];
        let Home::Arena(offset) = buffer.home else {
            return Err(Error::new(ErrorKind::Internal, "an output lies outside the arena"));
        };
        Ok(&self.arena.bytes(self.plan.arena_bytes)[offset..offset + 4 * buffer.len()])
    }
}

impl Executable for CpuExecutable {
    fn run(&mut self, store: &mut dyn StateStore, feeds: &[Feed<'_>]) -> Result<()> {
        self.bind(store, feeds)?;
        self.runs += 1;
        let this = &*self;
        let team: &Arc<Team> = &this.cpu.team;
        let threads = this.cpu.threads_for(this.cost);
        if threads == 1 {
            return this.walk(&Member::alone(), feeds);
        }
        let failure: Mutex<Option<Error>> = Mutex::new(None);
        let shared = Shared(this);
        team.run(threads, &|member: Member<'_>| {
            if let Err(error) = shared.get().walk(&member, feeds) {
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        });
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn output(&self, index: usize) -> Result<Tensor> {
        let bytes = self.bytes_of(index)?;
        Ok(to_tensor(&self.plan.outputs[index].1, bytes))
    }

    fn explain(&self) -> String {
        let plan = &self.plan;
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "plan {}: {} steps in {} regions, {} bytes of arena, {}",
            plan.label,
            plan.steps.len(),
            plan.regions.len(),
            plan.arena_bytes,
            self.cpu.describe()
        );
        let micros = |total: &AtomicU64| {
            total.load(Ordering::Relaxed) as f64 / 1e3 / self.runs.max(1) as f64
        };
        for (number, region) in plan.regions.iter().enumerate() {
            let _ = write!(text, "region {number}");
            for (thread, total) in
                self.spent.iter().flat_map(|spent| spent.regions[number].iter().enumerate())
            {
                let word = if thread == 0 { ":" } else { "," };
                let _ = write!(text, "{word} {:.2} us", micros(total));
            }
            let _ = writeln!(text);
            for at in region.steps.clone() {
                let step = &plan.steps[at];
                let operands = step.reads.iter().chain(&step.writes);
                let bytes: usize = operands.map(|o| 4 * plan.buffers[o.buffer].len()).sum();
                let time = self.spent.as_ref().map(|spent| micros(&spent.steps[at]));
                let time = time.map_or(String::new(), |micros| format!("{micros:9.2} us "));
                let kernel = self.prepared[at].kernel_name();
                let kernel = kernel.map_or(String::new(), |name| format!(" <{name}>"));
                let line = explain::step_line(plan, at);
                let _ = writeln!(text, "  {time}{bytes:>9} B  {line}{kernel}");
            }
        }
        text
    }
}

/// The executable as its threads see it.
#[derive(Clone, Copy)]
struct Shared<'a>(&'a CpuExecutable);

impl<'a> Shared<'a> {
    fn get(self) -> &'a CpuExecutable {
        self.0
    }
}

// SAFETY: threads only read the executable, apart from its scratch and its counters, which
// are behind locks and atomics, and the memory behind `bases`, which the plan divides.
unsafe impl Sync for Shared<'_> {}
