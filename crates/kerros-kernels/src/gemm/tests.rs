//! Every instruction set against the definition, bit for bit.

use std::ops::Range;

use kerros_core::law::{CONTRACTION_CHUNK, contraction_chunk, dot_chain};
use kerros_core::program::Binary;
use kerros_core::{ErrorKind, Philox, Result, philox};

use super::{Activation, Gemm, Matrix, Operands, PackedB, Pair, Scratch, gemm};
use crate::Isa;

/// How an operand is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Store {
    Plain,
    Transposed,
    /// Plain with gaps between rows.
    Gapped,
    /// No stride is 1.
    Scattered,
}

impl Store {
    const ALL: [Store; 4] = [Store::Plain, Store::Transposed, Store::Gapped, Store::Scattered];

    fn matrix(self, rows: usize, cols: usize) -> Matrix {
        match self {
            Store::Plain => Matrix::row_major(cols),
            Store::Transposed => Matrix::row_major(rows).transposed(),
            Store::Gapped => Matrix { row_stride: cols + 3, col_stride: 1 },
            Store::Scattered => Matrix { row_stride: 2 * cols + 1, col_stride: 2 },
        }
    }
}

/// A product with its operands.
#[derive(Clone, Debug)]
struct Case {
    gemm: Gemm,
    pairs: Vec<Pair>,
    a: Vec<f32>,
    b: Vec<f32>,
    bias: Option<Vec<f32>>,
    gate: Option<Vec<f32>>,
    c: Vec<f32>,
}

/// Numbers in `[-1, 1)`.
fn numbers(stream: u32, len: usize) -> Vec<f32> {
    let mut words = vec![0; len];
    Philox::new(42).fill(stream, 0, &mut words);
    words.into_iter().map(|word| 2.0 * philox::unit_f32(word) - 1.0).collect()
}

fn matrix_len(matrix: Matrix, rows: usize, cols: usize) -> usize {
    if rows == 0 || cols == 0 {
        return 0;
    }
    (rows - 1) * matrix.row_stride + (cols - 1) * matrix.col_stride + 1
}

impl Case {
    fn new(m: usize, n: usize, k: usize) -> Self {
        Case::stored(m, n, k, Store::Plain, Store::Plain)
    }

    fn stored(m: usize, n: usize, k: usize, a: Store, b: Store) -> Self {
        let (a, b) = (a.matrix(m, k), b.matrix(k, n));
        Case {
            gemm: Gemm { a, b, ..Gemm::row_major(m, n, k) },
            pairs: vec![Pair::default()],
            a: numbers(1, matrix_len(a, m, k)),
            b: numbers(2, matrix_len(b, k, n)),
            bias: None,
            gate: None,
            c: numbers(4, m * n),
        }
    }

    fn accumulate(mut self) -> Self {
        self.gemm.accumulate = true;
        self
    }

    fn bias(mut self) -> Self {
        self.gemm.has_bias = true;
        self.bias = Some(numbers(3, self.gemm.n));
        self
    }

    fn relu(mut self) -> Self {
        self.gemm.activation = Activation::Relu;
        self
    }

    /// About half of the gates are closed, some of them by a zero; some are NaN.
    fn gate(mut self) -> Self {
        self.gemm.gated = true;
        let mut gate = numbers(5, self.gemm.m * self.gemm.n);
        let special = [0.0, -0.0, f32::NAN, 1e-45, -1e-45];
        gate.iter_mut().step_by(7).zip(special.iter().cycle()).for_each(|(to, &x)| *to = x);
        self.gate = Some(gate);
        self
    }

    /// Rows of C this far apart.
    fn c_row_stride(mut self, c_row_stride: usize) -> Self {
        self.gemm.c_row_stride = c_row_stride;
        self.c = numbers(4, self.gemm.m * c_row_stride);
        self
    }

    /// Several operands in the same slices, overlapping and out of order.
    fn pairs(mut self, num: usize) -> Self {
        let Gemm { m, n, k, a, b, .. } = self.gemm;
        let offset = |i: usize| (num - i) * 5 % 7;
        self.pairs =
            (0..num).map(|i| Pair { a_offset: offset(i), b_offset: 2 * offset(i) + 1 }).collect();
        self.a = numbers(1, matrix_len(a, m, k) + 7);
        self.b = numbers(2, matrix_len(b, k, n) + 14);
        self
    }

    /// The law, written down once more.
    fn expected(&self) -> Vec<f32> {
        let Gemm { m, n, k, a, b, c_row_stride, .. } = self.gemm;
        let mut c = self.c.clone();
        for i in 0..m {
            for j in 0..n {
                let mut sums = Vec::new();
                for pair in &self.pairs {
                    let chunk = contraction_chunk(k);
                    for start in (0..k).step_by(chunk) {
                        sums.push(dot_chain(
                            chunk.min(k - start),
                            |p| {
                                let p = start + p;
                                self.a[pair.a_offset + i * a.row_stride + p * a.col_stride]
                            },
                            |p| {
                                let p = start + p;
                                self.b[pair.b_offset + p * b.row_stride + j * b.col_stride]
                            },
                        ));
                    }
                }
                let mut x = sums.into_iter().reduce(|total, sum| total + sum).unwrap_or(0.0);
                let c = &mut c[i * c_row_stride + j];
                if self.gemm.accumulate {
                    x += *c;
                }
                if let Some(bias) = &self.bias {
                    x += bias[j];
                }
                if self.gemm.activation == Activation::Relu {
                    x = Binary::Max.apply(x, 0.0);
                }
                if self.gate.as_ref().is_some_and(|gate| gate[i * n + j] <= 0.0) {
                    x = 0.0;
                }
                *c = x;
            }
        }
        c
    }

    /// C after computing the rows between each two of these bounds.
    fn computed(
        &self,
        isa: Isa,
        bounds: &[usize],
        packed_b: Option<&PackedB>,
        scratch: &mut Scratch,
    ) -> Vec<f32> {
        let mut c = self.c.clone();
        for part in bounds.windows(2) {
            let start = (part[0] * self.gemm.c_row_stride).min(c.len());
            let c_rows = &mut c[start..];
            self.run(isa, part[0]..part[1], packed_b, c_rows, scratch).expect("the case is sound");
        }
        c
    }

    fn run(
        &self,
        isa: Isa,
        rows: Range<usize>,
        packed_b: Option<&PackedB>,
        c_rows: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let n = self.gemm.n;
        let operands = Operands {
            a: &self.a,
            b: &self.b,
            packed_b,
            bias: self.bias.as_deref(),
            gate: self.gate.as_deref().map(|gate| &gate[rows.start * n..rows.end * n]),
        };
        gemm(isa, &self.gemm, rows, &self.pairs, operands, c_rows, scratch)
    }

    /// Every instruction set, whole and in uneven parts, also with B packed for all of them, gives
    /// the bits of the law.
    fn check(&self) {
        let m = self.gemm.m;
        let expected = self.expected();
        let (mut scratch, mut packed) = (Scratch::new(), PackedB::new());
        for isa in Isa::available() {
            let can_be_packed = matches!(self.pairs[..], [Pair { b_offset: 0, .. }]);
            let packed = can_be_packed.then(|| {
                packed.pack(isa, &self.gemm, &self.b);
                &packed
            });
            let (whole, parts) = (vec![0, m], vec![0, m / 3, m - m / 4, m]);
            for (bounds, packed) in
                [(&whole, None), (&parts, None), (&whole, packed), (&parts, packed)]
            {
                let computed = self.computed(isa, bounds, packed, &mut scratch);
                for (index, (&got, &want)) in computed.iter().zip(&expected).enumerate() {
                    assert!(
                        got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(),
                        "{}: element {index} is {got:e}, not {want:e}, in rows {bounds:?} of {:?}",
                        isa.level().name(),
                        self.gemm
                    );
                }
            }
        }
    }
}

#[test]
fn sizes_around_lanes_and_tiles() {
    for m in [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 24, 25, 37] {
        for n in [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 130] {
            for k in [1, 5, 16, 17] {
                Case::new(m, n, k).check();
            }
        }
    }
}

#[test]
fn nothing_to_do_writes_nothing_but_the_rest_of_the_formula() {
    for (m, n, k) in [(0, 5, 5), (5, 0, 5), (0, 0, 0), (5, 7, 0), (40, 1, 0), (40, 100, 0)] {
        Case::new(m, n, k).check();
        Case::new(m, n, k).accumulate().bias().relu().check();
    }
    let mut without_pairs = Case::new(20, 1, 30).bias();
    without_pairs.pairs.clear();
    without_pairs.check();
    assert_eq!(without_pairs.expected()[0], without_pairs.bias.as_ref().unwrap()[0]);
}

#[test]
fn strides_that_reach_nothing_may_be_anything() {
    let huge = Matrix { row_stride: usize::MAX, col_stride: usize::MAX - 1 };
    let mut nothing = Case::new(30, 50, 0).bias();
    (nothing.gemm.a, nothing.gemm.b) = (huge, huge);
    nothing.pairs = vec![Pair { a_offset: usize::MAX, b_offset: usize::MAX }];
    nothing.check();
    let mut one_position = Case::new(30, 50, 1);
    one_position.gemm.a.col_stride = usize::MAX;
    one_position.gemm.b.row_stride = usize::MAX;
    one_position.check();
    one_position.gemm.n = 1;
    one_position.gemm.c_row_stride = 2;
    one_position.check();
    let mut one_row = Case::new(1, 50, 20);
    one_row.gemm.a.row_stride = usize::MAX;
    one_row.gemm.c_row_stride = usize::MAX;
    let expected = Case::new(1, 50, 20).expected();
    for isa in Isa::available() {
        let mut c = one_row.c.clone();
        one_row.run(isa, 0..1, None, &mut c, &mut Scratch::new()).unwrap();
        assert_eq!(c, expected);
    }
}

#[test]
fn every_way_of_storing_operands() {
    for a in Store::ALL {
        for b in Store::ALL {
            for (m, n, k) in
                [(1, 1, 1), (1, 50, 33), (13, 17, 19), (50, 10, 33), (37, 130, 130), (70, 1, 40)]
            {
                Case::stored(m, n, k, a, b).check();
                Case::stored(m, n, k, a, b).accumulate().bias().relu().check();
                Case::stored(m, n, k, a, b).gate().check();
            }
        }
    }
}

#[test]
fn one_column_of_many_rows() {
    for a in Store::ALL {
        for m in [7, 8, 9, 15, 16, 17, 31, 33, 129, 200] {
            for k in [1, 15, 16, 17, 40] {
                Case::stored(m, 1, k, a, Store::Plain).check();
                Case::stored(m, 1, k, a, Store::Gapped).accumulate().bias().relu().check();
                Case::stored(m, 1, k, a, Store::Plain).pairs(3).c_row_stride(3).check();
            }
        }
    }
}

#[test]
fn chunks_of_the_contraction() {
    for k in [1023, 1024, 1025, 2048, 2049] {
        for (m, n) in [(1, 1), (3, 20), (13, 33), (40, 1), (26, 70)] {
            Case::new(m, n, k).check();
            Case::stored(m, n, k, Store::Transposed, Store::Transposed).accumulate().check();
            Case::new(m, n, k).accumulate().bias().relu().check();
            Case::stored(m, n, k, Store::Plain, Store::Transposed)
                .gate()
                .c_row_stride(n + 2)
                .check();
        }
    }
}

#[test]
fn several_blocks_of_columns_rows_and_chunks() {
    for case in [
        Case::new(110, 300, 1100),
        Case::stored(110, 300, 1100, Store::Transposed, Store::Plain),
        Case::stored(30, 600, 1030, Store::Plain, Store::Transposed).accumulate(),
        Case::stored(200, 100, 700, Store::Transposed, Store::Plain).accumulate(),
        Case::stored(40, 50, 2300, Store::Transposed, Store::Transposed)
            .pairs(2)
            .accumulate()
            .gate(),
    ] {
        case.bias().check();
    }
}

#[test]
fn lists_of_pairs() {
    for num in [1, 2, 9] {
        for (m, n, k) in [(1, 40, 7), (14, 64, 12), (50, 70, 60), (5, 5, 1030)] {
            Case::new(m, n, k).pairs(num).check();
            Case::stored(m, n, k, Store::Gapped, Store::Transposed)
                .pairs(num)
                .accumulate()
                .bias()
                .relu()
                .check();
        }
    }
}

#[test]
fn gaps_between_rows_of_c_stay() {
    for (m, n) in [(1, 10), (30, 10), (30, 70), (33, 1)] {
        let case = Case::new(m, n, 9).c_row_stride(n + 5).bias();
        case.check();
        // The check compares the gaps too; see that there are some.
        assert_eq!(case.expected()[n..n + 5], case.c[n..n + 5]);
    }
}

#[test]
fn relu_of_nan_infinity_and_zeros() {
    for (m, n) in [(4, 20), (30, 40), (40, 1)] {
        let mut case = Case::new(m, n, 3).bias().relu();
        let special =
            [f32::NAN, -0.0, 0.0, f32::INFINITY, f32::NEG_INFINITY, 1e-45, -1e-45, -f32::NAN];
        // A product of zeros, so that the bias alone decides, and -0 arrives as -0.
        case.a.fill(1e-30);
        case.b.fill(-1e-30);
        let bias = case.bias.as_mut().unwrap();
        for (i, bias) in bias.iter_mut().enumerate() {
            *bias = special[i % special.len()];
        }
        case.check();
        let expected = case.expected();
        assert!(expected[0].is_nan());
        if n > 1 {
            assert_eq!(expected[1].to_bits(), 0.0f32.to_bits());
        }
        // NaN and infinity among the operands.
        for (i, a) in case.a.iter_mut().enumerate() {
            *a = special[i % special.len()];
        }
        case.check();
    }
}

#[test]
fn the_sum_is_a_chain_of_fused_multiply_adds() {
    // (1 + e) (1 - e) - 1 = -e^2 only where the product is not rounded on the way.
    let e = f32::EPSILON;
    let mut case = Case::new(1, 1, 2);
    case.a = vec![1.0, 1.0 + e];
    case.b = vec![-1.0, 1.0 - e];
    for isa in Isa::available() {
        assert_eq!(case.computed(isa, &[0, 1], None, &mut Scratch::new()), [-e * e]);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let sound = Case::new(20, 30, 10).bias();
    let refused = |case: &Case, rows: Range<usize>, c_len: usize| {
        let mut c = vec![7.0; c_len];
        let mut scratch = Scratch::new();
        for isa in Isa::available() {
            let error = case.run(isa, rows.clone(), None, &mut c, &mut scratch).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Shape);
        }
        assert!(c.iter().all(|&c| c == 7.0));
    };
    let changed = |change: &dyn Fn(&mut Case)| {
        let mut case = sound.clone();
        change(&mut case);
        refused(&case, 0..20, 600);
    };
    changed(&|case| case.a.truncate(199));
    changed(&|case| case.b.truncate(299));
    changed(&|case| case.bias = None);
    changed(&|case| case.gemm.has_bias = false);
    changed(&|case| case.bias = Some(vec![0.0; 29]));
    changed(&|case| case.gemm.gated = true);
    changed(&|case| case.gate = Some(vec![1.0; 600]));
    changed(&|case| case.gemm.c_row_stride = 29);
    changed(&|case| case.gemm.c_row_stride = usize::MAX / 2);
    changed(&|case| case.gemm.a.row_stride = usize::MAX);
    changed(&|case| case.gemm.b = Matrix { row_stride: usize::MAX / 4, col_stride: usize::MAX });
    changed(&|case| case.pairs.push(Pair { a_offset: 1, b_offset: 0 }));
    changed(&|case| case.pairs.push(Pair { a_offset: 0, b_offset: usize::MAX }));
    refused(&sound, 0..20, 599);
    refused(&sound, 0..21, 1000);
    refused(&sound, 5..19, 14 * 30 - 1);
    #[allow(clippy::reversed_empty_ranges)]
    refused(&sound, 3..2, 600);
    // Rows that are not computed need not exist in A.
    let mut short = sound.clone();
    short.a.truncate(100);
    short.run(Isa::detect(), 0..10, None, &mut vec![0.0; 300], &mut Scratch::new()).unwrap();
    refused(&short, 0..11, 600);
}

#[test]
fn a_packed_matrix_that_is_not_the_one_is_refused() {
    let case = Case::new(7, 20, 30);
    let packed = |gemm: &Gemm, b: &[f32]| {
        let mut packed = PackedB::new();
        packed.pack(Isa::detect(), gemm, b);
        packed
    };
    let refused = |case: &Case, isa: Isa, packed: &PackedB| {
        let mut c = case.c.clone();
        let run = case.run(isa, 0..7, Some(packed), &mut c, &mut Scratch::new());
        assert_eq!(run.unwrap_err().kind(), ErrorKind::Shape);
        assert_eq!(c, case.c);
    };
    let own = packed(&case.gemm, &case.b);
    refused(&case, Isa::detect(), &PackedB::new());
    refused(&case, Isa::detect(), &packed(&Gemm::row_major(7, 30, 20), &case.b));
    refused(&case.clone().pairs(1), Isa::detect(), &own);
    refused(&case.clone().pairs(2), Isa::detect(), &own);
    for isa in Isa::available().into_iter().filter(|isa| *isa != Isa::detect()) {
        refused(&case, isa, &own);
    }
}

#[test]
fn chains_go_on_within_one_chunk_only() {
    let refused = |case: Case| {
        let continued = Case { gemm: Gemm { continues: true, ..case.gemm }, ..case };
        let mut c = continued.c.clone();
        let run = continued.run(Isa::detect(), 0..3, None, &mut c, &mut Scratch::new());
        assert_eq!(run.unwrap_err().kind(), ErrorKind::Shape);
    };
    refused(Case::new(3, 4, 5).accumulate());
    refused(Case::new(3, 4, 5).pairs(2));
    refused(Case::new(3, 4, CONTRACTION_CHUNK + 1));
}

#[test]
fn messages_name_what_was_received_and_expected() {
    let mut case = Case::new(2, 3, 4);
    case.b.pop();
    let error =
        case.run(Isa::detect(), 0..2, None, &mut [0.0; 6], &mut Scratch::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "matrix product: B has 11 elements\n  expected: at least 12, for 4 x 3 with strides 3 \
         and 1 from element 0"
    );
}
