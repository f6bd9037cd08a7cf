//! Elementwise programs: a few dozen arithmetic steps applied to every element of a grid.
//!
//! The plan groups chains of elementwise graph nodes into one [`Program`], so that
//! intermediate results never reach memory. The kernels run it chunk by chunk, or recognise
//! it as one of the patterns they have compiled; [`Program::eval_scalar`] says what it means.
//!
//! Inside a program every value is 32 bits: `f32`, `i32`, or a truth value as `0.0` or `1.0`.

use std::fmt;

use crate::Philox;
use crate::law::{self, Lanes, functions};

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// `-x`.
    Neg,
    /// `|x|`.
    Abs,
    /// -1, 0 or 1 by the sign; NaN stays, and so does the sign of zero.
    Sign,
    /// `e^x`.
    Exp,
    /// `e^x - 1`, accurate near 0.
    Expm1,
    /// Natural logarithm.
    Log,
    /// `log(1 + x)`, accurate near 0.
    Log1p,
    /// Square root, correctly rounded.
    Sqrt,
    /// `1 / sqrt(x)`, two correct roundings.
    Rsqrt,
    /// Sine of radians.
    Sin,
    /// Cosine of radians.
    Cos,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// The error function.
    Erf,
    /// Largest whole number not above.
    Floor,
    /// Smallest whole number not below.
    Ceil,
    /// Nearest whole number, ties to even.
    Round,
    /// Truth value: is NaN.
    IsNan,
    /// Truth value: neither NaN nor infinite.
    IsFinite,
    /// Truth value to truth value: `1 - x`.
    Not,
    /// Random word (`i32`) to `f32` in `[0, 1)`: the upper 24 bits times 2^-24.
    UnitFloat,
    /// `i32` to `f32`, rounded to nearest.
    IntToFloat,
    /// `f32` to `i32`, towards zero.
    FloatToInt,
    /// The number, or 0 where it is below [`law::FLUSH_BELOW`] in size.
    Flush,
}

/// A function of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a * b`.
    Mul,
    /// `a / b`, correctly rounded. Floats only.
    Div,
    /// `a ^ b`. Floats only.
    Pow,
    /// The larger; NaN when either is. Of equal zeros, `b`.
    Max,
    /// The smaller; NaN when either is. Of equal zeros, `b`.
    Min,
    /// Truth value: `a == b`.
    Eq,
    /// Truth value: `a != b`.
    Ne,
    /// Truth value: `a < b`.
    Lt,
    /// Truth value: `a <= b`.
    Le,
    /// Of truth values: both.
    And,
    /// Of truth values: either.
    Or,
}

/// 1 where a mask holds, else 0. A function rather than a closure: only functions can be
/// sure to be inlined where the instruction set is known.
#[inline(always)]
fn truth<V: Lanes>(mask: V::Mask) -> V {
    V::select(mask, V::splat(1.0), V::splat(0.0))
}

impl Unary {
    /// Every unary function: for names, parsing and generic tests.
    pub const ALL: [Unary; 24] = [
        Unary::Neg,
        Unary::Abs,
        Unary::Sign,
        Unary::Exp,
        Unary::Expm1,
        Unary::Log,
        Unary::Log1p,
        Unary::Sqrt,
        Unary::Rsqrt,
        Unary::Sin,
        Unary::Cos,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Erf,
        Unary::Floor,
        Unary::Ceil,
        Unary::Round,
        Unary::IsNan,
        Unary::IsFinite,
        Unary::Not,
        Unary::UnitFloat,
        Unary::IntToFloat,
        Unary::FloatToInt,
        Unary::Flush,
    ];

    /// The name in texts, lower case with underscores.
    pub const fn name(self) -> &'static str {
        match self {
            Unary::Neg => "neg",
            Unary::Abs => "abs",
            Unary::Sign => "sign",
            Unary::Exp => "exp",
            Unary::Expm1 => "expm1",
            Unary::Log => "log",
            Unary::Log1p => "log1p",
            Unary::Sqrt => "sqrt",
            Unary::Rsqrt => "rsqrt",
            Unary::Sin => "sin",
            Unary::Cos => "cos",
            Unary::Tanh => "tanh",
            Unary::Sigmoid => "sigmoid",
            Unary::Erf => "erf",
            Unary::Floor => "floor",
            Unary::Ceil => "ceil",
            Unary::Round => "round",
            Unary::IsNan => "is_nan",
            Unary::IsFinite => "is_finite",
            Unary::Not => "not",
            Unary::UnitFloat => "unit_float",
            Unary::IntToFloat => "int_to_float",
            Unary::FloatToInt => "float_to_int",
            Unary::Flush => "flush",
        }
    }

    /// Applies the function to float lanes. `Neg`, `Abs` and `Sign` of integers are
    /// [`Unary::apply_int`].
    #[inline(always)]
    pub fn apply<V: Lanes>(self, x: V) -> V {
        match self {
            Unary::Neg => x.xor(V::splat_bits(0x8000_0000)),
            Unary::Abs => x.and(V::splat_bits(0x7fff_ffff)),
            Unary::Sign => {
                let zero = V::splat(0.0);
                let below = V::select(x.lt(zero), V::splat(-1.0), x);
                V::select(zero.lt(x), V::splat(1.0), below)
            }
            Unary::Exp => functions::exp(x),
            Unary::Expm1 => functions::expm1(x),
            Unary::Log => functions::log(x),
            Unary::Log1p => functions::log1p(x),
            Unary::Sqrt => x.sqrt(),
            Unary::Rsqrt => V::splat(1.0).div(x.sqrt()),
            Unary::Sin => functions::sin(x),
            Unary::Cos => functions::cos(x),
            Unary::Tanh => functions::tanh(x),
            Unary::Sigmoid => functions::sigmoid(x),
            Unary::Erf => functions::erf(x),
            Unary::Floor => x.floor(),
            Unary::Ceil => x.ceil(),
            Unary::Round => x.round(),
            Unary::IsNan => truth::<V>(x.is_nan()),
            Unary::IsFinite => {
                truth::<V>(x.and(V::splat_bits(0x7fff_ffff)).lt(V::splat(f32::INFINITY)))
            }
            Unary::Not => V::splat(1.0).sub(x),
            Unary::UnitFloat => x.shr::<8>().int_to_float().mul(V::splat(1.0 / 16_777_216.0)),
            Unary::IntToFloat => x.int_to_float(),
            Unary::FloatToInt => x.float_to_int(),
            Unary::Flush => {
                let size = x.and(V::splat_bits(0x7fff_ffff));
                V::select(size.lt(V::splat(law::FLUSH_BELOW)), V::splat(0.0), x)
            }
        }
    }

    /// Applies `Neg`, `Abs` or `Sign` to integer lanes; the others as [`Unary::apply`].
    #[inline(always)]
    pub fn apply_int<V: Lanes>(self, x: V) -> V {
        let zero = V::splat_bits(0);
        match self {
            Unary::Neg => zero.int_sub(x),
            Unary::Abs => x.int_max(zero.int_sub(x)),
            Unary::Sign => x.int_min(V::splat_bits(1)).int_max(V::splat_bits(u32::MAX)),
            other => other.apply(x),
        }
    }
}

impl Binary {
    /// Every binary function: for names, parsing and generic tests.
    pub const ALL: [Binary; 13] = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Pow,
        Binary::Max,
        Binary::Min,
        Binary::Eq,
        Binary::Ne,
        Binary::Lt,
        Binary::Le,
        Binary::And,
        Binary::Or,
    ];

    /// The name in texts.
    pub const fn name(self) -> &'static str {
        match self {
            Binary::Add => "add",
            Binary::Sub => "sub",
            Binary::Mul => "mul",
            Binary::Div => "div",
            Binary::Pow => "pow",
            Binary::Max => "max",
            Binary::Min => "min",
            Binary::Eq => "eq",
            Binary::Ne => "ne",
            Binary::Lt => "lt",
            Binary::Le => "le",
            Binary::And => "and",
            Binary::Or => "or",
        }
    }

    /// Whether the result is a truth value whatever the operands are.
    pub const fn is_comparison(self) -> bool {
        matches!(self, Binary::Eq | Binary::Ne | Binary::Lt | Binary::Le)
    }

    /// Applies the function to float lanes (and truth values).
    #[inline(always)]
    pub fn apply<V: Lanes>(self, a: V, b: V) -> V {
        match self {
            Binary::Add => a.add(b),
            Binary::Sub => a.sub(b),
            Binary::Mul => a.mul(b),
            Binary::Div => a.div(b),
            Binary::Pow => functions::pow(a, b),
            // `max_or_other` gives `b` when either is NaN: put back a NaN `a`.
            Binary::Max => V::select(a.is_nan(), a, a.max_or_other(b)),
            Binary::Min => V::select(a.is_nan(), a, a.min_or_other(b)),
            Binary::Eq => truth::<V>(a.eq(b)),
            Binary::Ne => V::select(a.eq(b), V::splat(0.0), V::splat(1.0)),
            Binary::Lt => truth::<V>(a.lt(b)),
            Binary::Le => truth::<V>(a.le(b)),
            Binary::And => a.mul(b),
            Binary::Or => a.max_or_other(b),
        }
    }

    /// Applies the function to integer lanes. Comparisons give `0.0` or `1.0`. `Div` and
    /// `Pow` do not exist for integers (the graph refuses them) and give 0.
    #[inline(always)]
    pub fn apply_int<V: Lanes>(self, a: V, b: V) -> V {
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        match self {
            Binary::Add => a.int_add(b),
            Binary::Sub => a.int_sub(b),
            Binary::Mul => a.int_mul(b),
            Binary::Max => a.int_max(b),
            Binary::Min => a.int_min(b),
            Binary::Eq => V::select(a.int_eq(b), one, zero),
            Binary::Ne => V::select(a.int_eq(b), zero, one),
            Binary::Lt => V::select(a.int_lt(b), one, zero),
            Binary::Le => V::select(b.int_lt(a), zero, one),
            Binary::And => a.and(b),
            Binary::Or => a.or(b),
            Binary::Div | Binary::Pow => V::splat_bits(0),
        }
    }
}

/// Which element of an input belongs to element `i` of the grid.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Element `i`.
    Same,
    /// The only element.
    Scalar,
    /// Element `i % period`: a row vector under every row.
    Cycle {
        /// Length of the vector.
        period: usize,
    },
    /// Element `i / run`: one number per row.
    Stretch {
        /// Grid elements that share one input element.
        run: usize,
    },
    /// `i` taken apart over `dims`, each index times its stride (0 where broadcast).
    Strided {
        /// Lengths of the grid's axes.
        dims: Vec<usize>,
        /// Elements of the input to skip per step along each axis.
        strides: Vec<usize>,
    },
    /// Four words, `[seed_lo, seed_hi, step_lo, step_hi]`: only for [`Instr::Random`].
    Key,
}

impl Layout {
    /// The element of the input that grid element `i` reads.
    pub fn index(&self, i: usize) -> usize {
        match self {
            Layout::Same => i,
            Layout::Scalar | Layout::Key => 0,
            Layout::Cycle { period } => i % period,
            Layout::Stretch { run } => i / run,
            Layout::Strided { dims, strides } => {
                let (mut rest, mut index) = (i, 0);
                for (dim, stride) in dims.iter().zip(strides).rev() {
                    index += rest % dim * stride;
                    rest /= dim;
                }
                index
            }
        }
    }
}

/// The place of a value in a [`Program`]: inputs come first, then one per instruction.
pub type Reg = u16;

/// One step of a [`Program`]; its result is the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instr {
    /// The same bits for every element.
    Const(u32),
    /// Random word of element `i` of stream `op`: `Philox(seed).word(op, step, i)`, with seed
    /// and step from the input `key`, whose layout is [`Layout::Key`].
    Random {
        /// The stream.
        op: u32,
        /// The input that holds seed and step.
        key: Reg,
    },
    /// A function of one value; the flag says that the operand is `i32`.
    Unary(Unary, bool, Reg),
    /// A function of two values; the flag says that the operands are `i32`.
    Binary(Binary, bool, Reg, Reg),
    /// `if condition { a } else { b }`.
    Select(Reg, Reg, Reg),
}

/// A straight line of elementwise steps over a grid of elements.
///
/// ```
/// use kerros_core::program::*;
/// // relu(x + bias) over rows of 2
/// let program = Program {
///     inputs: vec![Layout::Same, Layout::Cycle { period: 2 }],
///     instrs: vec![
///         Instr::Binary(Binary::Add, false, 0, 1),
///         Instr::Const(0),
///         Instr::Binary(Binary::Max, false, 2, 3),
///     ],
///     outputs: vec![4],
/// };
/// let x = [1.0f32, 2.0, -3.0, -4.0].map(f32::to_bits);
/// let bias = [0.5f32, -9.0].map(f32::to_bits);
/// let mut y = [0u32; 4];
/// program.eval_scalar(4, &[&x, &bias], &mut [&mut y]);
/// assert_eq!(y.map(f32::from_bits), [1.5, 0.0, 0.0, 0.0]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Program {
    /// How each input is read.
    pub inputs: Vec<Layout>,
    /// The steps.
    pub instrs: Vec<Instr>,
    /// The values that are written, each to an output of the grid's shape.
    pub outputs: Vec<Reg>,
}

impl Program {
    /// The number of values: inputs and instructions.
    pub fn num_values(&self) -> usize {
        self.inputs.len() + self.instrs.len()
    }

    /// Runs the program over `len` elements one by one: its meaning, and the oracle of the
    /// kernels. Inputs and outputs are 32-bit patterns.
    ///
    /// # Panics
    /// When an input or output is too short for its layout.
    pub fn eval_scalar(&self, len: usize, inputs: &[&[u32]], outputs: &mut [&mut [u32]]) {
        let mut values = vec![0.0f32; self.num_values()];
        for i in 0..len {
            for (slot, (layout, input)) in values.iter_mut().zip(self.inputs.iter().zip(inputs)) {
                *slot = f32::from_bits(input[layout.index(i)]);
            }
            for (at, instr) in self.instrs.iter().enumerate() {
                let v = |reg: Reg| values[reg as usize];
                values[self.inputs.len() + at] = match *instr {
                    Instr::Const(bits) => f32::from_bits(bits),
                    Instr::Random { op, key } => {
                        let words = inputs[key as usize];
                        let seed = u64::from(words[0]) | u64::from(words[1]) << 32;
                        let step = u64::from(words[2]) | u64::from(words[3]) << 32;
                        f32::from_bits(Philox::new(seed).word(op, step, i as u64))
                    }
                    Instr::Unary(f, false, x) => f.apply(v(x)),
                    Instr::Unary(f, true, x) => f.apply_int(v(x)),
                    Instr::Binary(f, false, a, b) => f.apply(v(a), v(b)),
                    Instr::Binary(f, true, a, b) => f.apply_int(v(a), v(b)),
                    Instr::Select(c, a, b) => {
                        if v(c) != 0.0 {
                            v(a)
                        } else {
                            v(b)
                        }
                    }
                };
            }
            for (output, &reg) in outputs.iter_mut().zip(&self.outputs) {
                output[i] = values[reg as usize].to_bits();
            }
        }
    }
}

impl fmt::Display for Program {
    /// One line, such as `add(a, b[64]) -> max(c, 0) => d`: for golden plans and `explain`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |reg: Reg| match reg {
            0..26 => char::from(b'a' + reg as u8).to_string(),
            _ => format!("v{reg}"),
        };
        f.write_str("(")?;
        for (at, layout) in self.inputs.iter().enumerate() {
            let reg = name(at as Reg);
            let comma = if at > 0 { ", " } else { "" };
            match layout {
                Layout::Same => write!(f, "{comma}{reg}")?,
                Layout::Scalar => write!(f, "{comma}{reg}[]")?,
                Layout::Cycle { period } => write!(f, "{comma}{reg}[%{period}]")?,
                Layout::Stretch { run } => write!(f, "{comma}{reg}[/{run}]")?,
                Layout::Strided { dims, strides } => write!(f, "{comma}{reg}{dims:?}*{strides:?}")?,
                Layout::Key => write!(f, "{comma}{reg}[key]")?,
            }
        }
        f.write_str(")")?;
        for (at, instr) in self.instrs.iter().enumerate() {
            write!(f, " {} = ", name((self.inputs.len() + at) as Reg))?;
            match *instr {
                Instr::Const(bits) => write!(f, "{}", Literal(bits))?,
                Instr::Random { op, key } => write!(f, "random[{op}] {}", name(key))?,
                Instr::Unary(function, int, x) => {
                    write!(f, "{}{} {}", function.name(), if int { ".i32" } else { "" }, name(x))?
                }
                Instr::Binary(function, int, a, b) => {
                    let int = if int { ".i32" } else { "" };
                    write!(f, "{}{int} {} {}", function.name(), name(a), name(b))?
                }
                Instr::Select(c, a, b) => write!(f, "select {} {} {}", name(c), name(a), name(b))?,
            }
            f.write_str(";")?;
        }
        f.write_str(" =>")?;
        for &reg in &self.outputs {
            write!(f, " {}", name(reg))?;
        }
        Ok(())
    }
}

/// Bits as the shortest text of the `f32`, or in hexadecimal where that is clearly no float.
struct Literal(u32);

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = f32::from_bits(self.0);
        if value == 0.0 || (value.is_normal() && (1e-30..1e30).contains(&value.abs())) {
            write!(f, "{value}")
        } else {
            write!(f, "0x{:08x}", self.0)
        }
    }
}
