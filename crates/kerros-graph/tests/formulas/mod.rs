//! Every operation once more, written straight from its definition on small grids of `f64`,
//! with no code in common with the evaluator.

mod attention;
mod norm;
mod recurrent;
mod windows;

use kerros_core::program::{Binary, Unary};
use kerros_core::{DType, Philox, Tensor};
use kerros_graph::Op;
use kerros_graph::ops::{LinearActivation, ReduceKind};

/// Numbers of any dtype with a shape; truth values are 0 and 1.
#[derive(Clone, Debug)]
pub struct Grid {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Grid {
    pub fn new(tensor: &Tensor) -> Grid {
        Grid { shape: tensor.shape().to_vec(), values: tensor.to_vec_f64() }
    }

    /// The grid whose element at each index is `value(index)`.
    fn build(shape: &[usize], mut value: impl FnMut(&[usize]) -> f64) -> Grid {
        let mut values = Vec::new();
        for mut flat in 0..shape.iter().product() {
            let mut index = vec![0; shape.len()];
            for (place, len) in index.iter_mut().zip(shape).rev() {
                *place = flat % len;
                flat /= len;
            }
            values.push(value(&index));
        }
        Grid { shape: shape.to_vec(), values }
    }

    fn at(&self, index: &[usize]) -> f64 {
        assert_eq!(index.len(), self.shape.len());
        let flat = index.iter().zip(&self.shape).fold(0, |flat, (place, len)| {
            assert!(place < len);
            flat * len + place
        });
        self.values[flat]
    }

    fn map(&self, function: impl Fn(f64) -> f64) -> Grid {
        Grid::build(&self.shape, |index| function(self.at(index)))
    }

    fn zip(&self, other: &Grid, function: impl Fn(f64, f64) -> f64) -> Grid {
        assert_eq!(self.shape, other.shape);
        Grid::build(&self.shape, |index| function(self.at(index), other.at(index)))
    }

    /// Each row along the last axis, replaced.
    fn rows(&self, function: impl FnMut(&[f64]) -> Vec<f64>) -> Grid {
        let len = *self.shape.last().expect("rows need an axis");
        let values = self.values.chunks(len).flat_map(function).collect();
        Grid { shape: self.shape.clone(), values }
    }

    fn with(index: &[usize], axis: usize, place: usize) -> Vec<usize> {
        let mut index = index.to_vec();
        index[axis] = place;
        index
    }
}

/// The result of an operation of type `shape`, or `None` where there is no formula to have:
/// inputs and states.
pub fn formula(op: &Op, x: &[Grid], shape: &[usize]) -> Option<Grid> {
    Some(match op {
        Op::Input(_) | Op::State(_) => return None,
        Op::Literal(literal) => Grid::new(&literal.value),
        Op::Iota(iota) => Grid::build(&[iota.len], |index| index[0] as f64),
        Op::RandomBits(random) => {
            let philox = Philox::new(wide(x[0].values[0], x[0].values[1]));
            let step = wide(x[0].values[2], x[0].values[3]);
            let mut element = 0;
            Grid::build(shape, |_| {
                element += 1;
                f64::from(philox.word(random.stream, step, element - 1) as i32)
            })
        }
        Op::Unary(unary) => x[0].map(|value| unary_of(unary.function, value)),
        Op::Binary(binary) => x[0].zip(&x[1], |a, b| binary_of(binary.function, a, b)),
        Op::Select(_) => {
            Grid::build(shape, |index| x[if x[0].at(index) != 0.0 { 1 } else { 2 }].at(index))
        }
        Op::Cast(cast) => x[0].map(|value| match cast.dtype {
            DType::I32 => value.trunc(),
            DType::Bool => truth(value != 0.0),
            _ => value,
        }),
        Op::Reshape(_) => Grid { shape: shape.to_vec(), values: x[0].values.clone() },
        Op::Transpose(transpose) => Grid::build(shape, |index| {
            let mut from = vec![0; index.len()];
            for (to, &axis) in transpose.axes.iter().enumerate() {
                from[axis] = index[to];
            }
            x[0].at(&from)
        }),
        Op::Broadcast(_) => Grid::build(shape, |index| {
            let first = index.len() - x[0].shape.len();
            let from: Vec<usize> = index[first..]
                .iter()
                .zip(&x[0].shape)
                .map(|(&place, &len)| if len == 1 { 0 } else { place })
                .collect();
            x[0].at(&from)
        }),
        Op::Slice(slice) => Grid::build(shape, |index| {
            let place = slice.start + index[slice.axis] * slice.step;
            x[0].at(&Grid::with(index, slice.axis, place))
        }),
        Op::Pad(pad) => Grid::build(shape, |index| {
            let found = (0..x[0].shape[pad.axis])
                .find(|place| pad.low + place * pad.step == index[pad.axis]);
            found.map_or(0.0, |place| x[0].at(&Grid::with(index, pad.axis, place)))
        }),
        Op::Concat(concat) => Grid::build(shape, |index| {
            let mut place = index[concat.axis];
            for part in x {
                if place < part.shape[concat.axis] {
                    return part.at(&Grid::with(index, concat.axis, place));
                }
                place -= part.shape[concat.axis];
            }
            unreachable!("the parts fill the axis")
        }),
        Op::Reverse(reverse) => Grid::build(shape, |index| {
            let place = shape[reverse.axis] - 1 - index[reverse.axis];
            x[0].at(&Grid::with(index, reverse.axis, place))
        }),
        Op::Gather(gather) => Grid::build(shape, |index| {
            let picked = &index[gather.axis..gather.axis + x[1].shape.len()];
            let place = x[1].at(picked) as usize;
            let after = &index[gather.axis + x[1].shape.len()..];
            x[0].at(&[&index[..gather.axis], &[place], after].concat())
        }),
        Op::ScatterAdd(scatter) => Grid::build(shape, |index| {
            let mut sum = x[0].at(index);
            Grid::build(&x[1].shape, |picked| {
                if x[1].at(picked) == index[scatter.axis] as f64 {
                    let (before, after) = (&index[..scatter.axis], &index[scatter.axis + 1..]);
                    sum += x[2].at(&[before, picked, after].concat());
                }
                0.0
            });
            sum
        }),
        Op::Reduce(reduce) => {
            let (start, combine): (f64, fn(f64, f64) -> f64) = match reduce.kind {
                ReduceKind::Sum => (0.0, |a, b| a + b),
                ReduceKind::Max => (f64::NEG_INFINITY, f64::max),
                ReduceKind::Min => (f64::INFINITY, f64::min),
            };
            let mut reduced = Grid::build(shape, |_| start);
            Grid::build(&x[0].shape, |index| {
                let kept = (0..index.len()).filter(|axis| !reduce.axes.contains(axis));
                let flat = kept.fold(0, |flat, axis| flat * x[0].shape[axis] + index[axis]);
                reduced.values[flat] = combine(reduced.values[flat], x[0].at(index));
                0.0
            });
            reduced
        }
        Op::ArgReduce(arg) => Grid::build(shape, |index| {
            let value = |place: usize| {
                let mut from = index.to_vec();
                from.insert(arg.axis, place);
                x[0].at(&from)
            };
            let mut best = 0;
            for place in 1..x[0].shape[arg.axis] {
                let ahead = match arg.kind {
                    ReduceKind::Max => value(place) > value(best),
                    _ => value(place) < value(best),
                };
                best = if ahead { place } else { best };
            }
            best as f64
        }),
        Op::CumSum(cumsum) => Grid::build(shape, |index| {
            let at = index[cumsum.axis];
            let places = if cumsum.reverse { at..shape[cumsum.axis] } else { 0..at + 1 };
            places.map(|place| x[0].at(&Grid::with(index, cumsum.axis, place))).sum()
        }),
        Op::Sort(sort) => x[0]
            .rows(|row| order(row, sort.descending).into_iter().map(|place| row[place]).collect()),
        Op::ArgSort(sort) => x[0].rows(|row| {
            order(row, sort.descending).into_iter().map(|place| place as f64).collect()
        }),
        Op::MatMul(matmul) => {
            let turned = |index: &[usize], row: usize, column: usize, turn: bool| {
                let matrix = if turn { [column, row] } else { [row, column] };
                [&index[..index.len() - 2], &matrix].concat()
            };
            let axes = x[0].shape.len();
            let inner = x[0].shape[if matmul.transpose_a { axes - 2 } else { axes - 1 }];
            Grid::build(shape, |index| {
                let (row, column) = (index[axes - 2], index[axes - 1]);
                let term = |k: usize| {
                    x[0].at(&turned(index, row, k, matmul.transpose_a))
                        * x[1].at(&turned(index, k, column, matmul.transpose_b))
                };
                (0..inner).map(term).sum()
            })
        }
        Op::Conv(conv) => windows::conv(&conv.spec, &x[0], &x[1], shape),
        Op::ConvInputGradient(conv) => {
            windows::conv_input_gradient(&conv.spec, &x[0], &x[1], shape)
        }
        Op::ConvKernelGradient(conv) => {
            windows::conv_kernel_gradient(&conv.spec, &x[0], &x[1], shape)
        }
        Op::MaxPool(pool) => windows::max_pool(&pool.spec, &x[0], shape),
        Op::MaxPoolScatter(pool) => windows::max_pool_scatter(&pool.spec, &x[0], &x[1]),
        Op::MaxPoolGather(pool) => windows::max_pool_gather(&pool.spec, &x[0], &x[1], shape),
        Op::SumPool(pool) => windows::sum_pool(&pool.spec, &x[0], shape),
        Op::SumPoolScatter(pool) => windows::sum_pool_scatter(&pool.spec, &x[0], shape),
        Op::StopGradient(_) | Op::ReplaceGradient(_) => x[0].clone(),
        Op::Linear(linear) => Grid::build(shape, |index| {
            let (unit, last) = (index[index.len() - 1], index.len() - 1);
            let term = |k: usize| x[0].at(&Grid::with(index, last, k)) * x[1].at(&[k, unit]);
            let sum: f64 = (0..x[1].shape[0]).map(term).sum();
            let y = sum + if linear.bias { x[2].at(&[unit]) } else { 0.0 };
            match linear.activation {
                LinearActivation::Identity => y,
                LinearActivation::Relu => y.max(0.0),
            }
        }),
        Op::ConvLinear(conv) => {
            let sums = windows::conv(&conv.spec, &x[0], &x[1], shape);
            Grid::build(shape, |index| {
                let y = sums.at(index) + x[2].at(&index[index.len() - 1..]);
                match conv.activation {
                    LinearActivation::Identity => y,
                    LinearActivation::Relu => y.max(0.0),
                }
            })
        }
        Op::Softmax(_) => x[0].rows(|row| {
            let total: f64 = row.iter().map(|value| value.exp()).sum();
            row.iter().map(|value| value.exp() / total).collect()
        }),
        Op::LogSoftmax(_) => x[0].rows(|row| {
            let total: f64 = row.iter().map(|value| value.exp()).sum();
            row.iter().map(|value| value - total.ln()).collect()
        }),
        Op::SoftmaxCrossEntropy(_) => {
            let classes = *x[0].shape.last().expect("logits have classes");
            let sparse = x[1].shape.len() < x[0].shape.len();
            let mut row = 0;
            Grid::build(shape, |_| {
                let logits = &x[0].values[row * classes..(row + 1) * classes];
                let total: f64 = logits.iter().map(|value| value.exp()).sum();
                let surprise = |class: usize| total.ln() - logits[class];
                row += 1;
                if sparse {
                    return surprise(x[1].values[row - 1] as usize);
                }
                let target = |class: usize| x[1].values[(row - 1) * classes + class];
                (0..classes).map(|class| target(class) * surprise(class)).sum()
            })
        }
        Op::SigmoidCrossEntropy(_) => x[0].zip(&x[1], |logit, target| {
            let p = 1.0 / (1.0 + (-logit).exp());
            -(target * p.ln() + (1.0 - target) * (1.0 - p).ln())
        }),
        Op::Dropout(dropout) => {
            let philox = Philox::new(wide(x[1].values[0], x[1].values[1]));
            let step = wide(x[1].values[2], x[1].values[3]);
            let rate = f64::from(dropout.rate.get());
            let scale = f64::from(1.0 / (1.0 - dropout.rate.get()));
            let mut element = 0;
            Grid::build(shape, |index| {
                let word = philox.word(dropout.stream, step, element);
                element += 1;
                if f64::from(word >> 8) / f64::from(1 << 24) < rate {
                    0.0
                } else {
                    x[0].at(index) * scale
                }
            })
        }
        Op::GlobalNorm(_) => {
            let squares: f64 = x.iter().flat_map(|part| &part.values).map(|v| v * v).sum();
            Grid { shape: vec![], values: vec![squares.sqrt()] }
        }
        Op::Lstm(lstm) => recurrent::lstm(lstm, x, shape),
        Op::LstmGradient(lstm) => recurrent::lstm_gradient(lstm, x, shape),
        Op::Gru(gru) => recurrent::gru(gru, x, shape),
        Op::GruGradient(gru) => recurrent::gru_gradient(gru, x, shape),
        Op::SimpleRnn(rnn) => recurrent::simple_rnn(rnn, x, shape),
        Op::Attention(attention) => attention::attention(attention, x, shape),
        Op::AttentionGradient(attention) => attention::gradient(attention, x, shape),
        Op::RowNorm(norm) => norm::row_norm(norm, x),
        Op::RowNormGradient(norm) => norm::gradient(norm, x),
        Op::SimpleRnnGradient(rnn) => recurrent::simple_rnn_gradient(rnn, x, shape),
    })
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn wide(low: f64, high: f64) -> u64 {
    u64::from(low as i32 as u32) | u64::from(high as i32 as u32) << 32
}

/// Places in ascending or descending order of their values; equals stay in order.
fn order(row: &[f64], descending: bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..row.len()).collect();
    places.sort_by(|&a, &b| {
        let ascending = row[a].total_cmp(&row[b]);
        if descending { ascending.reverse() } else { ascending }
    });
    places
}

fn unary_of(function: Unary, x: f64) -> f64 {
    match function {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sign => {
            if x == 0.0 {
                x
            } else {
                x.signum()
            }
        }
        Unary::Exp => x.exp(),
        Unary::Expm1 => x.exp_m1(),
        Unary::Log => x.ln(),
        Unary::Log1p => x.ln_1p(),
        Unary::Sqrt => x.sqrt(),
        Unary::Rsqrt => 1.0 / x.sqrt(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Erf => erf(x),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Round => x.round_ties_even(),
        Unary::IsNan => truth(x.is_nan()),
        Unary::IsFinite => truth(x.is_finite()),
        Unary::Not => truth(x == 0.0),
        Unary::UnitFloat => f64::from(x as i32 as u32 >> 8) / f64::from(1 << 24),
        Unary::IntToFloat => x,
        Unary::FloatToInt => x.trunc(),
        Unary::Flush => {
            if x.abs() < 2f64.powi(-100) {
                0.0
            } else {
                x
            }
        }
    }
}

/// The series `2 / sqrt(pi) * sum of (-1)^n x^(2n + 1) / (n! (2n + 1))`: fine for `|x| <= 2`.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, 0.0);
    for n in 0..60 {
        sum += term / f64::from(2 * n + 1);
        term *= -x * x / f64::from(n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

fn binary_of(function: Binary, a: f64, b: f64) -> f64 {
    match function {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => a.powf(b),
        Binary::Max => a.max(b),
        Binary::Min => a.min(b),
        Binary::Eq => truth(a == b),
        Binary::Ne => truth(a != b),
        Binary::Lt => truth(a < b),
        Binary::Le => truth(a <= b),
        Binary::And => truth(a != 0.0 && b != 0.0),
        Binary::Or => truth(a != 0.0 || b != 0.0),
    }
}
