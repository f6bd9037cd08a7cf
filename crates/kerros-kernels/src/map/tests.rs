use kerros_core::philox::unit_f32;
use kerros_core::program::{Binary, Instr, Layout, Program, Reg, Unary};
use kerros_core::{ErrorKind, Philox};

use super::{Input, Map, MapScratch, patterns};
use crate::Isa;

/// Random choices, repeatable.
struct Choices {
    philox: Philox,
    next: u64,
}

impl Choices {
    fn new(seed: u64) -> Self {
        Choices { philox: Philox::new(seed), next: 0 }
    }
    fn below(&mut self, bound: usize) -> usize {
        self.next += 1;
        self.philox.below(0, 0, self.next, bound as u64) as usize
    }
    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
    fn word(&mut self) -> u32 {
        self.next += 1;
        self.philox.word(1, 0, self.next)
    }
}

/// What a value of a generated program holds: programs that come from graphs never look at
/// the bits of a float.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    Float,
    Int,
    Truth,
}

const KINDS: [Kind; 3] = [Kind::Float, Kind::Int, Kind::Truth];

/// The functions of floats that give floats, which are all but those named here: a new one is
/// tested without being named.
fn float_to_float() -> Vec<Unary> {
    let others = [
        Unary::IsNan,
        Unary::IsFinite,
        Unary::Not,
        Unary::UnitFloat,
        Unary::IntToFloat,
        Unary::FloatToInt,
    ];
    Unary::ALL.into_iter().filter(|function| !others.contains(function)).collect()
}

const ARITHMETIC: [Binary; 7] =
    [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Pow, Binary::Max, Binary::Min];
const COMPARISONS: [Binary; 4] = [Binary::Eq, Binary::Ne, Binary::Lt, Binary::Le];

struct Generated {
    program: Program,
    kinds: Vec<Kind>,
}

impl Generated {
    fn any(&self, choices: &mut Choices, kind: Kind) -> Option<Reg> {
        let fit: Vec<Reg> = (0..self.kinds.len())
            .filter(|&at| self.kinds[at] == kind)
            .map(|at| at as Reg)
            .collect();
        // Rather late values than early ones, so that chains grow.
        (!fit.is_empty()).then(|| fit[choices.below(fit.len()).max(choices.below(fit.len()))])
    }

    fn step(&self, choices: &mut Choices) -> Option<(Instr, Kind)> {
        let (float, int, truth) = (Kind::Float, Kind::Int, Kind::Truth);
        let mut any = |kind| self.any(choices, kind);
        let (f, g) = (any(float)?, any(float)?);
        let (i, j) = (any(int)?, any(int)?);
        let (t, u) = (any(truth)?, any(truth)?);
        let key = self.program.inputs.iter().position(|layout| *layout == Layout::Key)? as Reg;
        Some(match choices.below(16) {
            0 => (
                Instr::Const([0, 0x3f80_0000, 0xc020_0000, choices.word()][choices.below(4)]),
                float,
            ),
            1 => (Instr::Const(choices.word()), int),
            2 => (Instr::Random { op: choices.word(), key }, int),
            3..6 => (Instr::Unary(choices.of(&float_to_float()), false, f), float),
            6 => (Instr::Unary(choices.of(&[Unary::Neg, Unary::Abs, Unary::Sign]), true, i), int),
            7 => choices.of(&[
                (Instr::Unary(Unary::IsNan, false, f), truth),
                (Instr::Unary(Unary::IsFinite, false, f), truth),
                (Instr::Unary(Unary::Not, false, t), truth),
                (Instr::Unary(Unary::UnitFloat, true, i), float),
                (Instr::Unary(Unary::IntToFloat, true, i), float),
                (Instr::Unary(Unary::FloatToInt, false, f), int),
            ]),
            8..11 => (Instr::Binary(choices.of(&ARITHMETIC), false, f, g), float),
            11 => (Instr::Binary(choices.of(&COMPARISONS), false, f, g), truth),
            12 => (Instr::Binary(choices.of(&[Binary::And, Binary::Or]), false, t, u), truth),
            13 => match choices.below(2) {
                0 => (Instr::Binary(choices.of(&COMPARISONS), true, i, j), truth),
                _ => (Instr::Binary(choices.of(&ARITHMETIC), true, i, j), int),
            },
            14 => (Instr::Select(t, f, g), float),
            _ => (Instr::Select(t, i, j), int),
        })
    }
}

/// A program over a grid of `dims`, with inputs of every layout and random steps.
fn generate(choices: &mut Choices, dims: [usize; 3]) -> Generated {
    let [a, b, c] = dims;
    let mut layouts = vec![
        Layout::Same,
        Layout::Same,
        Layout::Scalar,
        Layout::Cycle { period: c.max(1) },
        Layout::Cycle { period: (b * c).max(1) },
        Layout::Stretch { run: c.max(1) },
        Layout::Stretch { run: 1 },
        Layout::Strided { dims: dims.to_vec(), strides: vec![1, 0, a] },
        Layout::Strided { dims: dims.to_vec(), strides: vec![0, 3, 0] },
        Layout::Strided { dims: dims.to_vec(), strides: vec![b * c, c, 1] },
    ];
    for _ in 0..choices.below(5) {
        layouts.remove(choices.below(layouts.len()));
    }
    let mut generated = Generated {
        program: Program { inputs: Vec::new(), instrs: Vec::new(), outputs: Vec::new() },
        kinds: Vec::new(),
    };
    // One of each kind at least, and a key.
    let mut kinds = KINDS.to_vec();
    kinds.resize_with(layouts.len().max(3), || choices.of(&KINDS));
    layouts.resize(kinds.len(), Layout::Same);
    for (layout, kind) in layouts.into_iter().zip(kinds) {
        generated.program.inputs.push(layout);
        generated.kinds.push(kind);
    }
    generated.program.inputs.push(Layout::Key);
    generated.kinds.push(Kind::Int);
    for _ in 0..choices.below(25) {
        if let Some((instr, kind)) = generated.step(choices) {
            generated.program.instrs.push(instr);
            generated.kinds.push(kind);
        }
    }
    let num_values = generated.kinds.len();
    for _ in 0..1 + choices.below(4) {
        let late = choices.below(num_values).max(choices.below(num_values));
        generated.program.outputs.push(late as Reg);
    }
    generated
}

fn number(choices: &mut Choices, kind: Kind) -> u32 {
    let word = choices.word();
    match kind {
        Kind::Int => word,
        Kind::Truth => (word as i32 as f32).clamp(0.0, 1.0).to_bits(),
        Kind::Float => match choices.below(8) {
            0 => word,
            1 => choices.of(&[0.0, -0.0, 1.0, f32::INFINITY, f32::NAN, 1e-42, -3.0]).to_bits(),
            2 => (word % 7) << 23,
            _ => (8.0 * unit_f32(word) - 4.0).to_bits(),
        },
    }
}

/// The numbers of an input that is whole.
fn whole_input(choices: &mut Choices, layout: &Layout, kind: Kind, grid: usize) -> Vec<u32> {
    let len = match layout {
        Layout::Same => grid,
        Layout::Scalar => 1,
        Layout::Key => 4,
        Layout::Cycle { period } => *period,
        Layout::Stretch { run } => grid.div_ceil(*run),
        Layout::Strided { .. } => (0..grid).map(|i| layout.index(i) + 1).max().unwrap_or(0),
    };
    (0..len).map(|_| number(choices, kind)).collect()
}

fn floats(bits: &[u32]) -> Vec<f32> {
    bits.iter().copied().map(f32::from_bits).collect()
}

/// Runs the part `range` of a program; some inputs share memory with outputs.
fn run_part(
    map: &Map,
    program: &Program,
    isa: Isa,
    range: std::ops::Range<usize>,
    whole: &[Vec<u32>],
    choices: &mut Choices,
    scratch: &mut MapScratch,
) -> Vec<Vec<u32>> {
    let mut outputs = vec![vec![-7.0; range.len()]; program.outputs.len()];
    let mut free: Vec<usize> = (0..outputs.len()).collect();
    let parts: Vec<Vec<f32>> = program
        .inputs
        .iter()
        .zip(whole)
        .map(|(layout, numbers)| match layout {
            Layout::Same => floats(&numbers[range.clone()]),
            Layout::Stretch { run } if !range.is_empty() => floats(&numbers[range.start / run..]),
            _ => floats(numbers),
        })
        .collect();
    let mut inputs: Vec<Input> = parts.iter().map(|part| Input::Slice(part)).collect();
    for (at, layout) in program.inputs.iter().enumerate() {
        if *layout == Layout::Same && !free.is_empty() && choices.below(3) == 0 {
            let output = free.remove(choices.below(free.len()));
            outputs[output].copy_from_slice(&parts[at]);
            inputs[at] = Input::Output(output);
        }
    }
    let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    map.run(isa, range, &inputs, &mut slices, scratch).unwrap();
    outputs.iter().map(|output| output.iter().map(|x| x.to_bits()).collect()).collect()
}

/// Equal bits; for floats any NaN equals any other.
fn assert_same(got: &[u32], want: &[u32], kind: Kind, what: impl Fn() -> String) {
    assert_eq!(got.len(), want.len());
    for (at, (&got, &want)) in got.iter().zip(want).enumerate() {
        let nan = f32::from_bits(got).is_nan() && f32::from_bits(want).is_nan();
        let same = got == want || (nan && kind != Kind::Int);
        assert!(same, "element {at} is {got:08x}, not {want:08x}: {}", what());
    }
}

/// Compares a map with the scalar meaning of its program, for every instruction set, over the
/// whole grid and over parts of it.
fn check(generated: &Generated, map: &Map, grid: usize, choices: &mut Choices) {
    let Generated { program, kinds } = generated;
    let whole: Vec<Vec<u32>> = program
        .inputs
        .iter()
        .zip(kinds)
        .map(|(layout, &kind)| whole_input(choices, layout, kind, grid))
        .collect();
    let mut want = vec![vec![0; grid]; program.outputs.len()];
    let sources: Vec<&[u32]> = whole.iter().map(Vec::as_slice).collect();
    let mut slices: Vec<&mut [u32]> = want.iter_mut().map(Vec::as_mut_slice).collect();
    program.eval_scalar(grid, &sources, &mut slices);
    let mut scratch = MapScratch::default();
    for isa in Isa::available() {
        let (mut cuts, cut) = (vec![0, grid, grid], choices.below(grid + 1));
        cuts.insert(1, cut);
        cuts.sort_unstable();
        cuts.insert(1, 0);
        // From 0 to 0, 0 to the cut, the cut to the end, and all of it.
        let parts = cuts.windows(2).map(|pair| pair[0]..pair[1]).chain(Some(0..grid));
        for range in parts {
            let got = run_part(map, program, isa, range.clone(), &whole, choices, &mut scratch);
            for ((got, want), &reg) in got.iter().zip(&want).zip(&program.outputs) {
                assert_same(got, &want[range.clone()], kinds[usize::from(reg)], || {
                    format!("{isa:?}, {} over {range:?}: {program}", map.kernel_name())
                });
            }
        }
    }
}

const GRIDS: [[usize; 3]; 11] = [
    [0, 1, 1],
    [1, 1, 1],
    [3, 1, 5],
    [2, 2, 4],
    [1, 1, 17],
    [10, 10, 10],
    [5, 8, 25],
    [25, 40, 5],
    [2, 1, 2500],
    [1, 5000, 1],
    [2, 31, 80],
];

#[test]
fn random_programs_give_the_bits_of_their_meaning() {
    for seed in 0..600 {
        let mut choices = Choices::new(seed);
        let dims = choices.of(&GRIDS);
        let generated = generate(&mut choices, dims);
        let map = Map::new(&generated.program);
        check(&generated, &map, dims.iter().product(), &mut choices);
    }
}

#[test]
fn every_function_gives_the_bits_of_its_meaning() {
    let mut choices = Choices::new(1);
    let (float, int, truth) = (Kind::Float, Kind::Int, Kind::Truth);
    let mut all = Vec::new();
    for f in Unary::ALL {
        let gives_int = matches!(f, Unary::Neg | Unary::Abs | Unary::Sign);
        all.push((Instr::Unary(f, false, 0), float, float));
        all.push((Instr::Unary(f, true, 0), int, if gives_int { int } else { float }));
    }
    for f in Binary::ALL {
        for (a, b) in [(0, 1), (0, 2), (2, 0)] {
            all.push((Instr::Binary(f, false, a, b), float, float));
            all.push((Instr::Binary(f, true, a, b), int, int));
        }
    }
    for (a, b) in [(0, 1), (0, 2), (2, 0), (2, 2)] {
        all.push((Instr::Select(3, a, b), float, float));
    }
    for (instr, kind, result) in all {
        let program = Program {
            inputs: vec![Layout::Same, Layout::Same, Layout::Scalar, Layout::Same],
            instrs: vec![instr],
            outputs: vec![4],
        };
        let generated = Generated { program, kinds: vec![kind, kind, kind, truth, result] };
        check(&generated, &Map::interpreted(&generated.program), 3000, &mut choices);
    }
}

#[test]
fn every_compiled_pattern_is_chosen_and_equals_the_interpreter() {
    let mut choices = Choices::new(2);
    for (name, program) in patterns::programs() {
        let fused = Map::new(&program);
        assert_eq!(fused.kernel_name(), name);
        let values = program.num_values();
        for grid in [0, 1, 15, 16, 17, 1000, 5000] {
            let generated =
                Generated { program: program.clone(), kinds: vec![Kind::Float; values] };
            check(&generated, &fused, grid, &mut choices);
            check(&generated, &Map::interpreted(&program), grid, &mut choices);
        }
        // The same with inputs that must be spread, and with one for all the scalars.
        for layout in [
            Layout::Cycle { period: 7 },
            Layout::Cycle { period: 640 },
            Layout::Stretch { run: 9 },
            Layout::Strided { dims: vec![100, 50], strides: vec![1, 100] },
        ] {
            let mut spread = program.clone();
            spread.inputs[0] = layout;
            let map = Map::new(&spread);
            assert_eq!(map.kernel_name(), name);
            let generated = Generated { program: spread, kinds: vec![Kind::Float; values] };
            check(&generated, &map, 5000, &mut choices);
        }
    }
}

#[test]
fn patterns_are_found_in_any_order_and_with_constants() {
    // adam with outputs and inputs turned round, constants for scalars, and swapped operands.
    let binary = |f, a, b| Instr::Binary(f, false, a, b);
    let program = Program {
        // v, m, alpha, g, w
        inputs: vec![Layout::Same, Layout::Same, Layout::Scalar, Layout::Same, Layout::Same],
        instrs: vec![
            Instr::Const(0.1f32.to_bits()),        // 5
            Instr::Const(1e-3f32.to_bits()),       // 6
            binary(Binary::Mul, 3, 3),             // 7
            binary(Binary::Sub, 7, 0),             // 8
            binary(Binary::Mul, 6, 8),             // 9
            binary(Binary::Add, 9, 0),             // 10
            Instr::Unary(Unary::Flush, false, 10), // 11: v
            binary(Binary::Sub, 3, 1),             // 12
            binary(Binary::Mul, 12, 5),            // 13
            binary(Binary::Add, 13, 1),            // 14
            Instr::Unary(Unary::Flush, false, 14), // 15: m
            Instr::Unary(Unary::Sqrt, false, 11),  // 16
            binary(Binary::Add, 6, 16),            // 17
            binary(Binary::Mul, 2, 6),             // 18: a scalar made of scalars
            binary(Binary::Mul, 18, 15),           // 19
            binary(Binary::Div, 19, 17),           // 20
            binary(Binary::Sub, 4, 20),            // 21: w
        ],
        outputs: vec![11, 15, 21],
    };
    let map = Map::new(&program);
    assert_eq!(map.kernel_name(), "fused:adam");
    let kinds = vec![Kind::Float; program.num_values()];
    check(&Generated { program: program.clone(), kinds }, &map, 100, &mut Choices::new(3));

    // Not quite adam: the difference the other way round.
    let mut other = program.clone();
    other.instrs[7] = binary(Binary::Sub, 1, 3);
    assert_eq!(Map::new(&other).kernel_name(), "interpreter");
    // The same wildcard cannot stand for two values.
    let mut other = program;
    other.instrs[2] = binary(Binary::Mul, 3, 4);
    assert_eq!(Map::new(&other).kernel_name(), "interpreter");
}

#[test]
fn what_does_not_fit_is_an_error_and_nothing_is_written() {
    let program = Program {
        inputs: vec![
            Layout::Same,
            Layout::Cycle { period: 3 },
            Layout::Stretch { run: 4 },
            Layout::Strided { dims: vec![2, 5], strides: vec![1, 7] },
            Layout::Key,
        ],
        instrs: vec![
            Instr::Random { op: 0, key: 4 },
            Instr::Binary(Binary::Add, false, 0, 1),
            Instr::Binary(Binary::Add, false, 2, 3),
            Instr::Binary(Binary::Add, false, 6, 7),
        ],
        outputs: vec![8, 5],
    };
    let map = Map::new(&program);
    let numbers = [1.0; 64];
    let (fits, mut scratch) = ([10, 3, 3, 30, 4], MapScratch::default());
    let mut run = |lens: [usize; 5], outputs: [usize; 2], range: std::ops::Range<usize>| {
        let inputs = lens.map(|len| Input::Slice(&numbers[..len]));
        let (mut a, mut b) = ([0.0; 64], [0.0; 64]);
        let mut slices = [&mut a[..outputs[0]], &mut b[..outputs[1]]];
        let result = map.run(Isa::detect(), range, &inputs, &mut slices, &mut scratch);
        result.inspect_err(|_| assert_eq!((a, b), ([0.0; 64], [0.0; 64])))
    };
    run(fits, [10, 10], 0..10).unwrap();
    for at in 0..5 {
        let mut short = fits;
        short[at] -= 1;
        let error = run(short, [10, 10], 0..10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(error.message().contains(&format!("input {at}")), "{error}");
    }
    assert!(run([11, 3, 3, 30, 4], [10, 10], 0..10).is_err());
    assert!(run(fits, [10, 9], 0..10).is_err());
    assert!(run(fits, [10, 10], std::ops::Range { start: 10, end: 0 }).is_err());
    assert!(run([9, 3, 3, 30, 4], [9, 9], 1..10).is_ok());

    let mut output = [0.0; 3];
    let inputs = [Input::Output(0)];
    let cycle =
        Program { inputs: vec![Layout::Cycle { period: 3 }], instrs: vec![], outputs: vec![0] };
    let map = Map::new(&cycle);
    assert!(map.run(Isa::detect(), 0..3, &inputs, &mut [&mut output], &mut scratch).is_err());
    let later = Program {
        inputs: vec![],
        instrs: vec![Instr::Unary(Unary::Neg, false, 1)],
        outputs: vec![0],
    };
    let map = Map::new(&later);
    assert!(map.run(Isa::detect(), 0..3, &[], &mut [&mut output], &mut scratch).is_err());
}
