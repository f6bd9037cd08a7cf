//! The checker catches plans that were broken on purpose.

mod mlp;

use kerros_core::{DType, ErrorKind};
use kerros_graph::Graph;
use kerros_plan::check::check;
use kerros_plan::plan::{Access, Home, Region, Split};
use kerros_plan::{CompileOptions, Plan, compile};
use mlp::{Step, has_kernel};

fn training() -> Plan {
    let graph = Graph::new();
    Step::new(&graph, 32).train().unwrap();
    compile(&graph, &[], &CompileOptions::default(), has_kernel).unwrap()
}

fn complaint(plan: &Plan) -> String {
    let error = check(plan).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
    error.to_string()
}

/// The first step of region 0 that reads what another step of it wrote, and which read.
fn reader_in_region(plan: &Plan) -> (usize, usize) {
    for at in plan.regions[0].steps.clone() {
        for (read, operand) in plan.steps[at].reads.iter().enumerate() {
            let earlier = plan.regions[0].steps.start..at;
            let written = plan.steps[earlier].iter().flat_map(|step| &step.writes);
            let rows = matches!(plan.steps[at].split, Split::Rows(_));
            if rows && written.into_iter().any(|write| write.buffer == operand.buffer) {
                return (at, read);
            }
        }
    }
    panic!("a network's layers read one another");
}

#[test]
fn a_sound_plan_passes() {
    check(&training()).unwrap();
}

#[test]
fn a_missing_barrier_is_caught() {
    let mut plan = training();
    assert!(plan.regions.len() > 1);
    let cost = plan.cost();
    plan.regions = vec![Region { steps: 0..plan.steps.len(), cost }];
    assert!(complaint(&plan).contains("touched by two threads at once"));
}

#[test]
fn reading_what_other_threads_write_is_caught() {
    let mut plan = training();
    let (at, read) = reader_in_region(&plan);
    plan.steps[at].reads[read].access = Access::Whole;
    assert!(complaint(&plan).contains("touched by two threads at once"));
}

#[test]
fn another_cut_of_the_same_rows_is_caught() {
    let mut plan = training();
    let (at, _) = reader_in_region(&plan);
    let Split::Rows(rows) = plan.steps[at].split else { unreachable!("it was looked for") };
    plan.steps[at].split = Split::Rows(rows / 2 + 1);
    assert!(complaint(&plan).contains("touched by two threads at once"));
}

/// Two buffers of one region, of different row lengths, in one place.
#[test]
fn buffers_over_one_another_are_caught() {
    let mut plan = training();
    let (at, read) = reader_in_region(&plan);
    let victim = plan.steps[at].reads[read].buffer;
    let Home::Arena(offset) = plan.buffers[victim].home else { panic!("it is in the arena") };
    let intruder = plan.steps[plan.regions[0].steps.clone()]
        .iter()
        .flat_map(|step| &step.writes)
        .map(|write| write.buffer)
        .find(|&other| {
            let in_arena = matches!(plan.buffers[other].home, Home::Arena(_));
            in_arena && plan.buffers[other].len() != plan.buffers[victim].len()
        })
        .expect("layers have different sizes");
    plan.buffers[intruder].home = Home::Arena(offset);
    assert!(complaint(&plan).contains("touched by two threads at once"));
}

/// The buffers of the arena with the regions of their first and last use.
fn lives(plan: &Plan) -> Vec<(usize, usize, usize)> {
    let mut lives = Vec::new();
    for buffer in 0..plan.buffers.len() {
        let touched = |region: &&Region| {
            plan.steps[region.steps.clone()]
                .iter()
                .any(|step| step.reads.iter().chain(&step.writes).any(|o| o.buffer == buffer))
        };
        let regions: Vec<usize> =
            (0..plan.regions.len()).filter(|&at| touched(&&plan.regions[at])).collect();
        if let (Home::Arena(_), Some(&first), Some(&last)) =
            (plan.buffers[buffer].home, regions.first(), regions.last())
        {
            lives.push((buffer, first, last));
        }
    }
    lives
}

/// Two buffers of one region, divided alike over the threads, in one place: no two threads
/// meet there, but one value is lost.
#[test]
fn a_value_over_another_of_its_region_is_caught() {
    let sound = training();
    let mut caught = 0;
    for step in &sound.steps {
        let (Split::Rows(_), [write]) = (step.split, &step.writes[..]) else { continue };
        let alike = |read: &&kerros_plan::plan::Operand| {
            let buffer = &sound.buffers[read.buffer];
            let in_arena = matches!(buffer.home, Home::Arena(_));
            in_arena
                && read.access == Access::Part
                && buffer.len() == sound.buffers[write.buffer].len()
        };
        let Some(read) = step.reads.iter().find(alike) else { continue };
        let mut plan = sound.clone();
        plan.buffers[write.buffer].home = plan.buffers[read.buffer].home;
        if read.buffer != write.buffer {
            caught += usize::from(complaint(&plan).contains("share bytes while both are needed"));
        }
    }
    assert!(caught > 0, "in each plan two threads meet, too");
}

/// A value that waits through a region for its reader, overwritten there.
#[test]
fn a_value_over_one_that_waits_is_caught() {
    let graph = Graph::new();
    let first = graph.input("x", [8, 8], DType::F32).exp();
    // Threads meet before each transposition.
    let last = (0..5).fold(first, |y, _| y.transpose(&[1, 0]).exp());
    let outputs = [(first + last).id()];
    let sound = compile(&graph, &outputs, &CompileOptions::default(), has_kernel).unwrap();
    let lives = lives(&sound);
    let mut caught = 0;
    for &(waiting, first, last) in &lives {
        for &(other, from, to) in &lives {
            if other != waiting && from <= last && first <= to {
                let mut plan = sound.clone();
                plan.buffers[other].home = plan.buffers[waiting].home;
                assert!(check(&plan).is_err(), "{other} over {waiting}");
                caught += usize::from(from > first && to < last);
            }
        }
    }
    assert!(caught > 0, "no value waits through a region");
}

#[test]
fn a_missing_step_is_caught() {
    let sound = training();
    let mut caught = 0;
    for at in 0..sound.steps.len() {
        let in_arena = |buffer: usize| matches!(sound.buffers[buffer].home, Home::Arena(_));
        if !sound.steps[at].writes.iter().any(|write| in_arena(write.buffer)) {
            continue;
        }
        let mut plan = sound.clone();
        plan.steps[at].writes.retain(|write| !in_arena(write.buffer));
        assert!(complaint(&plan).contains("reads a buffer before it is written"), "step {at}");
        caught += 1;
    }
    assert!(caught > 10, "{caught}");
}

#[test]
fn a_wrong_order_is_caught() {
    let mut plan = training();
    let (at, read) = reader_in_region(&plan);
    let buffer = plan.steps[at].reads[read].buffer;
    let writer = plan
        .steps
        .iter()
        .position(|step| step.writes.iter().any(|write| write.buffer == buffer))
        .expect("it was looked for");
    plan.steps.swap(writer, at);
    assert!(complaint(&plan).contains("before it is written"));
}

#[test]
fn an_output_that_nobody_writes_is_caught() {
    let graph = Graph::new();
    let step = Step::new(&graph, 32);
    let p = step.forward();
    let mut plan = compile(&graph, &[p.id()], &CompileOptions::default(), has_kernel).unwrap();
    plan.steps.pop();
    let last = plan.regions.last_mut().expect("there are regions");
    last.steps.end -= 1;
    assert!(complaint(&plan).contains("never written"));
}
