//! The interpreter: chunk by chunk, for each step one choice and one loop over registers.

use kerros_core::law::Lanes;
use kerros_core::program::{Binary, Unary};

use super::frame::{Frame, Operand};
use super::prepare::{Op, Step};
use super::random;
use crate::Isa;
use crate::lanes::{Kernel, dispatch};

/// Runs all steps over the whole range.
pub fn run(isa: Isa, mut frame: Frame, chunk: usize) {
    frame.protect_shared_inputs();
    dispatch(isa, Interpreter { frame, chunk });
}

struct Interpreter<'a, 'b> {
    frame: Frame<'a, 'b>,
    chunk: usize,
}

impl Kernel for Interpreter<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Interpreter { mut frame, chunk } = self;
        let prepared = frame.prepared;
        let len = frame.range_len();
        let mut at = 0;
        while at < len {
            frame.enter_chunk(at, chunk.min(len - at));
            for step in &prepared.steps {
                run_step::<V>(&mut frame, step);
            }
            at += chunk;
        }
    }
}

/// Runs `$body` with `$F` a constant in each arm, so that each has a loop of its own.
macro_rules! for_each {
    ($value:expr, $kind:ident { $($variant:ident)* }, $F:ident => $body:expr) => {
        match $value {
            $($kind::$variant => {
                const $F: usize = $kind::$variant as usize;
                $body
            })*
        }
    };
}

#[inline(always)]
fn run_step<V: Lanes>(frame: &mut Frame, step: &Step) {
    let mut target = frame.take(step.to);
    let to = frame.chunk_of(&mut target);
    match step.op {
        Op::Unary(f, int, x) => match frame.operand(x) {
            Operand::Slice(x) if int => unary_int::<V>(f, x, to),
            Operand::Slice(x) => unary::<V>(f, x, to),
            Operand::Splat(_) => unreachable!("steps on uniform values are not run per chunk"),
        },
        Op::Binary(f, false, a, b) => binary::<V>(f, frame.operand(a), frame.operand(b), to),
        Op::Binary(f, true, a, b) => binary_int::<V>(f, frame.operand(a), frame.operand(b), to),
        Op::Select(c, a, b) => {
            select::<V>(frame.operand(c), frame.operand(a), frame.operand(b), to);
        }
        Op::Random(op, key) => {
            let [seed_lo, seed_hi, step_lo, step_hi] = frame.key(key);
            let stream = random::Stream { seed: [seed_lo, seed_hi], step: [step_lo, step_hi], op };
            random::fill(to, stream, frame.first_element());
        }
        Op::Copy(x) => copy(frame.operand(x), to),
    }
    frame.put_back(target);
}

#[inline(always)]
fn unary<V: Lanes>(f: Unary, x: &[f32], to: &mut [f32]) {
    for_each!(f, Unary {
        Neg Abs Sign Exp Expm1 Log Log1p Sqrt Rsqrt Sin Cos Tanh Sigmoid Erf Floor Ceil Round
        IsNan IsFinite Not UnitFloat IntToFloat FloatToInt Flush
    }, F => one::<V, _>(x, to, FloatUnary::<F>));
}

#[inline(always)]
fn unary_int<V: Lanes>(f: Unary, x: &[f32], to: &mut [f32]) {
    match f {
        Unary::Neg => one::<V, _>(x, to, IntUnary::<{ Unary::Neg as usize }>),
        Unary::Abs => one::<V, _>(x, to, IntUnary::<{ Unary::Abs as usize }>),
        Unary::Sign => one::<V, _>(x, to, IntUnary::<{ Unary::Sign as usize }>),
        other => unary::<V>(other, x, to),
    }
}

#[inline(always)]
fn binary<V: Lanes>(f: Binary, a: Operand, b: Operand, to: &mut [f32]) {
    for_each!(f, Binary {
        Add Sub Mul Div Pow Max Min Eq Ne Lt Le And Or
    }, F => two::<V, _>(a, b, to, FloatBinary::<F>));
}

#[inline(always)]
fn binary_int<V: Lanes>(f: Binary, a: Operand, b: Operand, to: &mut [f32]) {
    for_each!(f, Binary {
        Add Sub Mul Div Pow Max Min Eq Ne Lt Le And Or
    }, F => two::<V, _>(a, b, to, IntBinary::<F>));
}

// Functions as types: the compiler knows which it is before it inlines anything. Closures
// are not certain to be inlined, and constants in fields are found too late, after all the
// functions have been inlined in place of the one.

/// A function of one register.
trait One<V> {
    fn call(&self, x: V) -> V;
}

/// A function of two registers.
trait Two<V> {
    fn call(&self, a: V, b: V) -> V;
}

/// `Unary::ALL[F]` on floats.
struct FloatUnary<const F: usize>;

/// `Unary::ALL[F]` on integers.
struct IntUnary<const F: usize>;

/// `Binary::ALL[F]` on floats.
struct FloatBinary<const F: usize>;

/// `Binary::ALL[F]` on integers.
struct IntBinary<const F: usize>;

const _: () = {
    let (mut unary, mut binary) = (0, 0);
    while unary < Unary::ALL.len() {
        assert!(Unary::ALL[unary] as usize == unary, "the list is in the order of the enum");
        unary += 1;
    }
    while binary < Binary::ALL.len() {
        assert!(Binary::ALL[binary] as usize == binary, "the list is in the order of the enum");
        binary += 1;
    }
};

/// A function of two with the first given.
struct First<F, V>(F, V);

/// A function of two with the second given.
struct Second<F, V>(F, V);

/// Of a condition and a number: the one or the other given number.
struct Choose<V>(V, V);

/// Of a condition and a number: the number if true, else the given one.
struct OrElse<V>(V);

/// Of a condition and a number: the given one if true, else the number.
struct OrIf<V>(V);

impl<V: Lanes, const F: usize> One<V> for FloatUnary<F> {
    #[inline(always)]
    fn call(&self, x: V) -> V {
        const { Unary::ALL[F] }.apply(x)
    }
}

impl<V: Lanes, const F: usize> One<V> for IntUnary<F> {
    #[inline(always)]
    fn call(&self, x: V) -> V {
        const { Unary::ALL[F] }.apply_int(x)
    }
}

impl<V: Lanes, const F: usize> Two<V> for FloatBinary<F> {
    #[inline(always)]
    fn call(&self, a: V, b: V) -> V {
        const { Binary::ALL[F] }.apply(a, b)
    }
}

impl<V: Lanes, const F: usize> Two<V> for IntBinary<F> {
    #[inline(always)]
    fn call(&self, a: V, b: V) -> V {
        const { Binary::ALL[F] }.apply_int(a, b)
    }
}

impl<V: Lanes, F: Two<V>> One<V> for First<F, V> {
    #[inline(always)]
    fn call(&self, x: V) -> V {
        self.0.call(self.1, x)
    }
}

impl<V: Lanes, F: Two<V>> One<V> for Second<F, V> {
    #[inline(always)]
    fn call(&self, x: V) -> V {
        self.0.call(x, self.1)
    }
}

/// `if condition { a } else { b }`: anything but 0 is true, NaN too.
#[inline(always)]
fn choose<V: Lanes>(condition: V, a: V, b: V) -> V {
    V::select(condition.eq(V::splat(0.0)), b, a)
}

impl<V: Lanes> One<V> for Choose<V> {
    #[inline(always)]
    fn call(&self, condition: V) -> V {
        choose(condition, self.0, self.1)
    }
}

impl<V: Lanes> Two<V> for OrElse<V> {
    #[inline(always)]
    fn call(&self, condition: V, x: V) -> V {
        choose(condition, x, self.0)
    }
}

impl<V: Lanes> Two<V> for OrIf<V> {
    #[inline(always)]
    fn call(&self, condition: V, x: V) -> V {
        choose(condition, self.0, x)
    }
}

#[inline(always)]
fn one<V: Lanes, F: One<V>>(x: &[f32], to: &mut [f32], f: F) {
    let (to, to_rest) = whole_registers_mut::<V>(to);
    let (x, x_rest) = whole_registers::<V>(x);
    for (to, x) in to.chunks_exact_mut(V::WIDTH).zip(x.chunks_exact(V::WIDTH)) {
        f.call(V::load(x)).store(to);
    }
    if !to_rest.is_empty() {
        f.call(V::load_part(x_rest)).store_part(to_rest);
    }
}

#[inline(always)]
fn two<V: Lanes, F: Two<V>>(a: Operand, b: Operand, to: &mut [f32], f: F) {
    match (a, b) {
        (Operand::Slice(a), Operand::Slice(b)) => {
            let (to, to_rest) = whole_registers_mut::<V>(to);
            let (a, a_rest) = whole_registers::<V>(a);
            let (b, b_rest) = whole_registers::<V>(b);
            let sources = a.chunks_exact(V::WIDTH).zip(b.chunks_exact(V::WIDTH));
            for (to, (a, b)) in to.chunks_exact_mut(V::WIDTH).zip(sources) {
                f.call(V::load(a), V::load(b)).store(to);
            }
            if !to_rest.is_empty() {
                f.call(V::load_part(a_rest), V::load_part(b_rest)).store_part(to_rest);
            }
        }
        (Operand::Slice(a), Operand::Splat(b)) => one(a, to, Second(f, V::splat(b))),
        (Operand::Splat(a), Operand::Slice(b)) => one(b, to, First(f, V::splat(a))),
        (Operand::Splat(_), Operand::Splat(_)) => {
            unreachable!("steps on uniform values are not run per chunk")
        }
    }
}

#[inline(always)]
fn select<V: Lanes>(c: Operand, a: Operand, b: Operand, to: &mut [f32]) {
    let condition = match c {
        Operand::Slice(condition) => condition,
        Operand::Splat(condition) => return copy(if condition != 0.0 { a } else { b }, to),
    };
    match (a, b) {
        (Operand::Slice(a), Operand::Slice(b)) => {
            let (to, to_rest) = whole_registers_mut::<V>(to);
            let (c, c_rest) = whole_registers::<V>(condition);
            let (a, a_rest) = whole_registers::<V>(a);
            let (b, b_rest) = whole_registers::<V>(b);
            let sources = a.chunks_exact(V::WIDTH).zip(b.chunks_exact(V::WIDTH));
            let sources = c.chunks_exact(V::WIDTH).zip(sources);
            for (to, (c, (a, b))) in to.chunks_exact_mut(V::WIDTH).zip(sources) {
                choose(V::load(c), V::load(a), V::load(b)).store(to);
            }
            if !to_rest.is_empty() {
                let (a, b) = (V::load_part(a_rest), V::load_part(b_rest));
                choose(V::load_part(c_rest), a, b).store_part(to_rest);
            }
        }
        (Operand::Slice(_), Operand::Splat(b)) => two(c, a, to, OrElse(V::splat(b))),
        (Operand::Splat(a), Operand::Slice(_)) => two(c, b, to, OrIf(V::splat(a))),
        (Operand::Splat(a), Operand::Splat(b)) => {
            one(condition, to, Choose(V::splat(a), V::splat(b)));
        }
    }
}

fn copy(x: Operand, to: &mut [f32]) {
    match x {
        Operand::Slice(x) => to.copy_from_slice(x),
        Operand::Splat(x) => to.fill(x),
    }
}

#[inline(always)]
fn whole_registers<V: Lanes>(slice: &[f32]) -> (&[f32], &[f32]) {
    slice.split_at(slice.len() / V::WIDTH * V::WIDTH)
}

#[inline(always)]
fn whole_registers_mut<V: Lanes>(slice: &mut [f32]) -> (&mut [f32], &mut [f32]) {
    slice.split_at_mut(slice.len() / V::WIDTH * V::WIDTH)
}
