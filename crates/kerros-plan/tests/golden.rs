//! Golden plans: what compiling a small network gives, as text, so that a review shows what
//! a change of a pass does. A change that should not matter leaves them as they are, byte for
//! byte. To write them anew after one that should:
//!
//! ```text
//! UPDATE_GOLDEN=1 cargo test -p kerros-plan --test golden
//! ```

mod mlp;

use std::path::Path;

use kerros_core::DType;
use kerros_graph::{Graph, Node, StateId, grad};
use kerros_plan::{ChunkLimits, CompileOptions, Plan, compile, explain};
use mlp::{Step, has_kernel};

const BATCH: usize = 32;

fn plan(label: &str, build: impl for<'g> FnOnce(&mut Step<'g>) -> Vec<Node<'g>>) -> Plan {
    let graph = Graph::new();
    let outputs = build(&mut Step::new(&graph, BATCH));
    let ids: Vec<_> = outputs.iter().map(|node| node.id()).collect();
    let options = CompileOptions { label: label.into(), ..CompileOptions::default() };
    compile(&graph, &ids, &options, has_kernel).unwrap()
}

fn training() -> Plan {
    plan("train", |step| {
        step.train().unwrap();
        vec![]
    })
}

/// Compares a plan's text with the file of its name in `tests/golden/`.
fn golden(name: &str, plan: &Plan) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = explain::print(plan);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{name} is not the plan of today:\n{text}\nSee the head of this file for how to update."
    );
}

#[test]
fn the_training_step() {
    golden("mlp_train.txt", &training());
}

/// A batch of two chunks for each of two threads: the derivatives of the weights are summed before
/// the barrier.
#[test]
fn the_training_step_of_a_large_batch() {
    let graph = Graph::new();
    Step::new(&graph, 4096).train().unwrap();
    let chunks = Some(ChunkLimits { threads: 2, bytes: 512 * 1024 });
    let options = CompileOptions { label: "train".into(), chunks, ..CompileOptions::default() };
    let plan = compile(&graph, &[], &options, has_kernel).unwrap();
    golden("mlp_train_chunks.txt", &plan);
    // Three threads cannot have as many chunks each.
    let chunks = chunks.map(|limits| ChunkLimits { threads: 3, ..limits });
    let plan = compile(&graph, &[], &CompileOptions { chunks, ..options }, has_kernel).unwrap();
    assert!(!explain::print(&plan).contains("chunk"), "{}", explain::print(&plan));
}

/// Weights of the first layer stay with the thread that updates them.
#[test]
fn the_training_step_of_two_threads() {
    let graph = Graph::new();
    Step::new(&graph, BATCH).train().unwrap();
    let chunks = Some(ChunkLimits { threads: 2, bytes: 512 * 1024 });
    let options = CompileOptions { label: "train".into(), chunks, ..CompileOptions::default() };
    let plan = compile(&graph, &[], &options, has_kernel).unwrap();
    golden("mlp_train_own_weights.txt", &plan);
    // Three threads cannot have as many chunks each; many rows are more than the weights.
    let chunks = chunks.map(|limits| ChunkLimits { threads: 3, ..limits });
    let plan = compile(&graph, &[], &CompileOptions { chunks, ..options.clone() }, has_kernel);
    assert!(!explain::print(&plan.unwrap()).contains("part_products"));
    let graph = Graph::new();
    Step::new(&graph, 256).train().unwrap();
    let plan = compile(&graph, &[], &options, has_kernel).unwrap();
    assert!(!explain::print(&plan).contains("part_products"));
}

/// Where all threads read all weights again on the way back, or nobody updates them, they do not
/// stay.
#[test]
fn weights_that_are_read_again_do_not_stay() {
    let options = CompileOptions {
        chunks: Some(ChunkLimits { threads: 2, bytes: 512 * 1024 }),
        ..CompileOptions::default()
    };
    let text = |build: &dyn Fn(&Graph)| {
        let graph = Graph::new();
        build(&graph);
        explain::print(&compile(&graph, &[], &options, has_kernel).unwrap())
    };
    let layer = |graph: &Graph, learns: bool| {
        let x = graph.input("x", [8, 1024], DType::F32);
        let [v, w] = [0, 1].map(|at| graph.state(StateId(at), "w", [1024, 1024], DType::F32));
        let y = x.matmul(v).matmul(w);
        let loss = (y * y).mean_all();
        let learned = if learns { vec![v, w] } else { vec![w] };
        for (state, gradient) in learned.iter().zip(grad(loss, &learned).unwrap()) {
            graph.assign(*state, *state - gradient);
        }
    };
    let products = |text: &str| text.matches("part_products").count();
    // The first layer's alone: the second's are read again for the derivative of the first.
    assert_eq!(products(&text(&|graph| layer(graph, true))), 1);
    // Nothing is before the second now, and the first learns nothing.
    assert_eq!(products(&text(&|graph| layer(graph, false))), 1);
}

#[test]
fn the_evaluation() {
    let evaluation = plan("evaluate", |step| {
        step.evaluate();
        vec![]
    });
    golden("mlp_evaluate.txt", &evaluation);
}

#[test]
fn the_prediction() {
    golden("mlp_predict.txt", &plan("predict", |step| vec![step.forward()]));
}

/// Threads meet where the rows of the batch become rows of the weights, and where scalars
/// are needed by all: twice in a training step.
#[test]
fn a_training_step_has_at_most_two_barriers() {
    let plan = training();
    assert!(plan.regions.len() <= 3, "{} regions", plan.regions.len());
}

/// Nothing of a training step runs through the slow reference evaluator.
#[test]
fn a_training_step_has_no_fallback() {
    let text = explain::print(&training());
    assert!(!text.contains("fallback"), "{text}");
}

/// The same graph gives the same plan, whatever the addresses of this process.
#[test]
fn compiling_again_gives_the_same_plan() {
    assert_eq!(explain::print(&training()), explain::print(&training()));
}
