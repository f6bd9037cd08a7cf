//! Plans as text: for people, and for golden files in review.

use std::fmt::Write;

use crate::plan::{Access, Home, Kernel, Operand, Piece, Plan, Split};

/// One step as a line.
pub fn step_line(plan: &Plan, at: usize) -> String {
    let step = &plan.steps[at];
    let name = |operand: &Operand| {
        let whole = if operand.access == Access::Whole { "*" } else { "" };
        let buffer = &plan.buffers[operand.buffer];
        let home = match buffer.home {
            Home::Arena(_) => format!("%{}", operand.buffer),
            Home::State(id) => format!("state{}", id.0),
            Home::Input(index) => format!("input{index}"),
            Home::Literal(index) => format!("literal{index}"),
        };
        format!("{home}{whole}")
    };
    let list = |operands: &[Operand]| operands.iter().map(name).collect::<Vec<_>>().join(", ");
    let rows = match step.split {
        Split::Rows(rows) => format!("{rows} rows"),
        Split::Single => "1 thread".into(),
    };
    let layer = match &step.origin.layer {
        Some(layer) => format!(" // {layer}"),
        None => String::new(),
    };
    format!(
        "{} = {}({}) [{rows}]{layer}",
        list(&step.writes),
        kernel_text(&step.kernel),
        list(&step.reads)
    )
}

/// A kernel's name and sizes.
pub fn kernel_text(kernel: &Kernel) -> String {
    let turned = |on: bool| if on { "^T" } else { "" };
    match kernel {
        Kernel::Map(program) => format!("map{{{program}}}"),
        Kernel::Gemm { batch, m, n, k, op, bias, relu } => {
            let batch = if *batch > 1 { format!("{batch} x ") } else { String::new() };
            let (a, b) = (turned(op.transpose_a), turned(op.transpose_b));
            let bias = if *bias { " + bias" } else { "" };
            let relu = if *relu { ", relu" } else { "" };
            format!("gemm{{{batch}{m} x {k} x {n}, a{a} b{b}{bias}{relu}}}")
        }
        Kernel::Reduce { kind, int, outer, len, inner } => {
            let int = if *int { ".i32" } else { "" };
            let kind = format!("{kind:?}").to_lowercase();
            format!("{kind}{int}{{{outer}, {len}, {inner}}}")
        }
        Kernel::ArgReduce { kind, outer, len, inner } => {
            format!("arg{}{{{outer}, {len}, {inner}}}", format!("{kind:?}").to_lowercase())
        }
        Kernel::Softmax { rows, columns, log } => {
            format!("{}softmax{{{rows} x {columns}}}", if *log { "log_" } else { "" })
        }
        Kernel::SoftmaxCrossEntropy { rows, columns, sparse } => {
            let targets = if *sparse { "labels" } else { "rows" };
            format!("softmax_cross_entropy{{{rows} x {columns}, {targets}}}")
        }
        Kernel::GlobalNorm => "global_norm".into(),
        Kernel::Scan { outer, len, inner, reverse } => {
            format!("cumsum{}{{{outer}, {len}, {inner}}}", if *reverse { ".reverse" } else { "" })
        }
        Kernel::Sort { len, descending, indices } => {
            let order = if *descending { ", descending" } else { "" };
            format!("{}sort{{{len}{order}}}", if *indices { "arg" } else { "" })
        }
        Kernel::Strided { dims, strides, first } => {
            let list = |numbers: Vec<String>| numbers.join(" ");
            let dims = list(dims.iter().map(usize::to_string).collect());
            let strides = list(strides.iter().map(isize::to_string).collect());
            format!("copy{{{dims} by {strides} from {first}}}")
        }
        Kernel::Join { pieces } => {
            let piece = |piece: &Piece| match piece {
                Piece::Zeros(len) => format!("{len} zeros"),
                Piece::Rows { row, run, .. } if row == run => format!("{run}"),
                Piece::Rows { row, run, .. } => format!("{run} of {row}"),
            };
            format!("join{{{}}}", pieces.iter().map(piece).collect::<Vec<_>>().join(", "))
        }
        Kernel::Gather { outer, len, inner, .. } => format!("gather{{{outer}, {len}, {inner}}}"),
        Kernel::ScatterAdd { outer, len, inner, int, spread } => {
            let int = if *int { ".i32" } else { "" };
            let spread = if *spread { ", to one number" } else { "" };
            format!("scatter_add{int}{{{outer}, {len}, {inner}{spread}}}")
        }
        Kernel::Recurrent(kernel) => kernel.to_string(),
        Kernel::Fallback { op, .. } => format!("fallback {}", op.name()),
    }
}

/// The whole plan: regions, steps and memory.
pub fn print(plan: &Plan) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        text,
        "plan {}: {} steps, {} regions, {} bytes of arena",
        plan.label,
        plan.steps.len(),
        plan.regions.len(),
        plan.arena_bytes
    );
    for (number, region) in plan.regions.iter().enumerate() {
        let _ = writeln!(text, "region {number}:");
        for at in region.steps.clone() {
            let _ = writeln!(text, "  {}", step_line(plan, at));
        }
    }
    text
}
