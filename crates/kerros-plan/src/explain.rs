//! Plans as text: for people, and for golden files in review.

use std::fmt::Write;

use kerros_core::law::window::{ConvSizes, PoolSizes, Window, WindowAxis};

use crate::plan::{Access, Home, Kernel, Operand, Order, Piece, Plan, PoolKind, Split};

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
        Split::Chunks { rows, chunks } => format!("{rows} rows in {chunks} chunks"),
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
fn kernel_text(kernel: &Kernel) -> String {
    let turned = |on: bool| if on { "^T" } else { "" };
    match kernel {
        Kernel::Map(program) => format!("map{{{program}}}"),
        Kernel::Gemm { batch, m, n, k, op, bias, relu, gate } => {
            let batch = if *batch > 1 { format!("{batch} x ") } else { String::new() };
            let (a, b) = (turned(op.transpose_a), turned(op.transpose_b));
            let bias = if *bias { " + bias" } else { "" };
            let relu = if *relu { ", relu" } else { "" };
            let gate = if *gate { ", gate" } else { "" };
            format!("gemm{{{batch}{m} x {k} x {n}, a{a} b{b}{bias}{relu}{gate}}}")
        }
        Kernel::Reduce { kind, int, outer, len, inner } => {
            let int = if *int { ".i32" } else { "" };
            let kind = format!("{kind:?}").to_lowercase();
            format!("{kind}{int}{{{outer}, {len}, {inner}}}")
        }
        Kernel::ChunkProducts { rows, m, n } => format!("chunk_products{{{m} x {rows} x {n}}}"),
        Kernel::PartProducts { m, n, k, chunks } => {
            format!("part_products{{{m} x {k} x {n}, {chunks} chunks}}")
        }
        Kernel::PieceSums { rows, inner } => format!("piece_sums{{{rows}, {inner}}}"),
        Kernel::Combine { parts, len, order, bias, relu } => {
            let order = if *order == Order::Tree { ", tree" } else { "" };
            let bias = if *bias { " + bias" } else { "" };
            let relu = if *relu { ", relu" } else { "" };
            format!("combine{{{parts}, {len}{order}{bias}{relu}}}")
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
        Kernel::RowNorm { columns, centred, .. } => {
            format!("{}_norm{{{columns}}}", if *centred { "layer" } else { "rms" })
        }
        Kernel::RowNormGradient { columns, centred, .. } => {
            format!("{}_norm_gradient{{{columns}}}", if *centred { "layer" } else { "rms" })
        }
        Kernel::Attention(kernel) => kernel.to_string(),
        Kernel::Conv { sizes, bias, relu } => {
            let bias = if *bias { " + bias" } else { "" };
            let relu = if *relu { ", relu" } else { "" };
            format!("conv{{{}{bias}{relu}}}", conv_text(sizes))
        }
        Kernel::PackKernel { sizes } => format!("pack_kernel{{{}}}", conv_text(sizes)),
        Kernel::ConvInputGradient { sizes } => {
            format!("conv_input_gradient{{{}}}", conv_text(sizes))
        }
        Kernel::ConvKernelGradient { sizes } => {
            format!("conv_kernel_gradient{{{}}}", conv_text(sizes))
        }
        Kernel::Pool { kind, sizes } => {
            let name = match kind {
                PoolKind::Max => "max_pool",
                PoolKind::Sum => "sum_pool",
                PoolKind::MaxGather => "max_pool_gather",
                PoolKind::MaxScatter => "max_pool_scatter",
                PoolKind::SumScatter => "sum_pool_scatter",
            };
            let PoolSizes { batch, window, channels } = sizes;
            format!("{name}{{{batch} x {} x {channels}}}", window_text(window))
        }
        Kernel::Recurrent(kernel) => kernel.to_string(),
        Kernel::Fallback { op, .. } => format!("fallback {}", op.name()),
    }
}

/// Batch, positions and channels of a convolution: `128 x 28x28 -> 26x26 by 3x3 x 1 -> 32`.
fn conv_text(sizes: &ConvSizes) -> String {
    let ConvSizes { batch, window, groups, inputs, outputs } = sizes;
    let groups = if *groups > 1 { format!(", {groups} groups") } else { String::new() };
    format!("{batch} x {} x {inputs} -> {outputs}{groups}", window_text(window))
}

fn window_text(window: &Window) -> String {
    // Axes along which there is only one of everything say nothing.
    let axes = window.axes.iter().filter(|axis| **axis != WindowAxis::UNIT);
    let lens = |len: fn(&WindowAxis) -> usize| -> String {
        axes.clone().map(|axis| len(axis).to_string()).collect::<Vec<_>>().join("x")
    };
    let [input, output] = [lens(|axis| axis.input), lens(|axis| axis.output)];
    format!("{input} -> {output} by {}", lens(|axis| axis.taps))
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
