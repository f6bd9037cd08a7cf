//! One formula, two readings: computed on registers, or recorded as program steps and
//! recognised in the programs that come.

use std::cell::RefCell;
use std::ops;

use kerros_core::law::Lanes;
use kerros_core::program::{Binary, Instr, Layout, Program, Reg, Unary};

use super::prepare::uniform_values;

/// What the formulas of the compiled patterns are written over. The operators and
/// functions are those of [`Unary`] and [`Binary`] on floats.
pub trait Value:
    Copy
    + ops::Add<Output = Self>
    + ops::Sub<Output = Self>
    + ops::Mul<Output = Self>
    + ops::Div<Output = Self>
{
    /// A constant that is part of the pattern; made beside another value.
    fn constant(self, value: f32) -> Self;
    /// A function of one value.
    fn unary(self, f: Unary) -> Self;
    /// A function of two values.
    fn binary(self, f: Binary, other: Self) -> Self;
    /// `if self { a } else { b }`.
    fn select(self, a: Self, b: Self) -> Self;

    /// The larger; NaN when either is.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.binary(Binary::Max, other)
    }
    /// Whether it is not above the other.
    #[inline(always)]
    fn less_equal(self, other: Self) -> Self {
        self.binary(Binary::Le, other)
    }
    /// The number, or 0 where it is very small.
    #[inline(always)]
    fn flush(self) -> Self {
        self.unary(Unary::Flush)
    }
    /// Square root.
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.unary(Unary::Sqrt)
    }
}

/// A value in registers.
#[derive(Clone, Copy)]
pub struct Computed<V>(pub V);

/// A value being recorded: its place among the nodes.
#[derive(Clone, Copy)]
pub struct Recorded<'t> {
    nodes: &'t RefCell<Vec<Node>>,
    node: usize,
}

/// What a value in a pattern is. Operands in instructions are places among the nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node {
    /// Matches an input that differs from element to element.
    Element(usize),
    /// Matches any value that is the same for every element.
    Uniform(usize),
    /// Matches this instruction on operands that match.
    Instr(Instr),
}

macro_rules! operators {
    ($($trait:ident $method:ident),*) => {$(
        impl<V: Lanes> ops::$trait for Computed<V> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.binary(Binary::$trait, other)
            }
        }
        impl ops::$trait for Recorded<'_> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                self.binary(Binary::$trait, other)
            }
        }
    )*};
}
operators!(Add add, Sub sub, Mul mul, Div div);

impl<V: Lanes> Value for Computed<V> {
    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        Computed(V::splat(value))
    }
    #[inline(always)]
    fn unary(self, f: Unary) -> Self {
        Computed(f.apply(self.0))
    }
    #[inline(always)]
    fn binary(self, f: Binary, other: Self) -> Self {
        Computed(f.apply(self.0, other.0))
    }
    #[inline(always)]
    fn select(self, a: Self, b: Self) -> Self {
        Computed(V::select(self.0.eq(V::splat(0.0)), b.0, a.0))
    }
}

impl<'t> Recorded<'t> {
    /// Adds a node.
    pub fn new(nodes: &'t RefCell<Vec<Node>>, node: Node) -> Self {
        nodes.borrow_mut().push(node);
        Recorded { nodes, node: nodes.borrow().len() - 1 }
    }

    /// The place among the nodes.
    pub fn node(self) -> usize {
        self.node
    }

    fn step(self, instr: Instr) -> Self {
        Recorded::new(self.nodes, Node::Instr(instr))
    }
}

impl Value for Recorded<'_> {
    fn constant(self, value: f32) -> Self {
        self.step(Instr::Const(value.to_bits()))
    }
    fn unary(self, f: Unary) -> Self {
        self.step(Instr::Unary(f, false, self.node as Reg))
    }
    fn binary(self, f: Binary, other: Self) -> Self {
        self.step(Instr::Binary(f, false, self.node as Reg, other.node as Reg))
    }
    fn select(self, a: Self, b: Self) -> Self {
        self.step(Instr::Select(self.node as Reg, a.node as Reg, b.node as Reg))
    }
}

/// A recorded formula.
#[derive(Debug)]
pub struct Recording {
    pub nodes: Vec<Node>,
    /// The nodes that are the outputs.
    pub outputs: Vec<usize>,
}

/// Which values of a program stand for the wildcards of a pattern.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// For each element wildcard an input of the program.
    pub elements: Vec<Option<Reg>>,
    /// For each uniform wildcard a uniform value of the program.
    pub uniforms: Vec<Option<Reg>>,
    /// For each output of the pattern an output of the program.
    pub outputs: Vec<usize>,
}

impl Recording {
    /// The formula as a program: element wildcards become inputs of `Layout::Same`, uniform
    /// ones inputs of `Layout::Scalar` after them.
    pub fn program(&self) -> Program {
        let (mut elements, mut uniforms) = (0, 0);
        for node in &self.nodes {
            match node {
                Node::Element(_) => elements += 1,
                Node::Uniform(_) => uniforms += 1,
                Node::Instr(_) => {}
            }
        }
        let mut inputs = vec![Layout::Same; elements];
        inputs.resize(elements + uniforms, Layout::Scalar);
        // The wildcards are recorded first, in the same order: nodes are registers.
        let instrs = self.nodes.iter().filter_map(|node| match node {
            Node::Instr(instr) => Some(*instr),
            _ => None,
        });
        Program {
            inputs,
            instrs: instrs.collect(),
            outputs: self.outputs.iter().map(|&node| node as Reg).collect(),
        }
    }

    /// Recognises the formula in a valid program, whatever the order of its inputs, outputs
    /// and of the operands of sums and products (which changes no bit of a result).
    pub fn find_in(&self, program: &Program) -> Option<Match> {
        if program.outputs.len() != self.outputs.len() {
            return None;
        }
        let matcher = Matcher { pattern: self, program, uniform: uniform_values(program) };
        let mut found = Match::default();
        matcher.outputs(&mut found).then_some(found)
    }
}

struct Matcher<'a> {
    pattern: &'a Recording,
    program: &'a Program,
    uniform: Vec<bool>,
}

impl Matcher<'_> {
    /// Matches the pattern's outputs from the `found.outputs.len()`th on with outputs of the
    /// program that are not taken.
    fn outputs(&self, found: &mut Match) -> bool {
        let next = found.outputs.len();
        let Some(&node) = self.pattern.outputs.get(next) else { return true };
        for (output, &value) in self.program.outputs.iter().enumerate() {
            if found.outputs.contains(&output) {
                continue;
            }
            let mut attempt = found.clone();
            if self.value(node, value, &mut attempt) {
                attempt.outputs.push(output);
                if self.outputs(&mut attempt) {
                    *found = attempt;
                    return true;
                }
            }
        }
        false
    }

    /// Matches a node with a value; `found` is good for nothing when that fails.
    fn value(&self, node: usize, value: Reg, found: &mut Match) -> bool {
        let at = usize::from(value);
        let num_inputs = self.program.inputs.len();
        match self.pattern.nodes[node] {
            Node::Element(number) => {
                !self.uniform[at] && at < num_inputs && bind(&mut found.elements, number, value)
            }
            Node::Uniform(number) => self.uniform[at] && bind(&mut found.uniforms, number, value),
            Node::Instr(want) => {
                at >= num_inputs && self.instr(want, self.program.instrs[at - num_inputs], found)
            }
        }
    }

    fn instr(&self, want: Instr, got: Instr, found: &mut Match) -> bool {
        match (want, got) {
            (Instr::Const(want), Instr::Const(got)) => want == got,
            (Instr::Unary(want, false, x), Instr::Unary(got, false, y)) => {
                want == got && self.value(x.into(), y, found)
            }
            (Instr::Binary(want, false, a, b), Instr::Binary(got, false, c, d)) if want == got => {
                let before = found.clone();
                if self.value(a.into(), c, found) && self.value(b.into(), d, found) {
                    return true;
                }
                *found = before;
                matches!(want, Binary::Add | Binary::Mul)
                    && self.value(a.into(), d, found)
                    && self.value(b.into(), c, found)
            }
            (Instr::Select(a, b, c), Instr::Select(d, e, f)) => {
                self.value(a.into(), d, found)
                    && self.value(b.into(), e, found)
                    && self.value(c.into(), f, found)
            }
            _ => false,
        }
    }
}

/// Lets a wildcard stand for a value, unless it stands for another.
fn bind(bindings: &mut Vec<Option<Reg>>, number: usize, value: Reg) -> bool {
    if bindings.len() <= number {
        bindings.resize(number + 1, None);
    }
    *bindings[number].get_or_insert(value) == value
}
