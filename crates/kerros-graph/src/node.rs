//! Handles to nodes, and the mathematics one writes with them.

use std::fmt;
use std::ops;

use kerros_core::program::{Binary as BinaryFunction, Unary as UnaryFunction};
use kerros_core::{DType, Error, ErrorKind, Shape};

use crate::graph::{Graph, NodeId, Type};
use crate::ops::*;

/// A value in a graph: copy it freely, combine it with `+ - * /` and the methods below.
///
/// Operands broadcast as in NumPy. A mistake is kept by the graph, with the line that made
/// it, and reported by [`Graph::check`].
#[derive(Clone, Copy)]
pub struct Node<'g> {
    graph: &'g Graph,
    id: NodeId,
}

/// Something that can stand beside a node in a formula: another node, or a number.
pub trait Operand<'g>: Copy {
    /// The operand as a node of the same dtype as `beside`.
    fn node_beside(self, beside: Node<'g>) -> Node<'g>;
}

impl<'g> Operand<'g> for Node<'g> {
    fn node_beside(self, _beside: Node<'g>) -> Node<'g> {
        self
    }
}

impl<'g> Operand<'g> for f32 {
    #[track_caller]
    fn node_beside(self, beside: Node<'g>) -> Node<'g> {
        match beside.dtype() {
            DType::I32 => beside.graph.constant_i32(self as i32),
            _ => beside.graph.constant(self),
        }
    }
}

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $method:ident = $function:ident),* $(,)?) => {
        impl<'g> Node<'g> {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $method(self) -> Node<'g> {
                self.graph.apply(Unary { function: UnaryFunction::$function }, &[self])
            }
        )*}
    };
}

unary_methods! {
    /// `|x|`; the derivative at 0 is 1, as on JAX.
    abs = Abs,
    /// -1, 0 or 1; the derivative is 0.
    sign = Sign,
    /// `e^x`.
    exp = Exp,
    /// `e^x - 1`, accurate near 0.
    expm1 = Expm1,
    /// Natural logarithm.
    log = Log,
    /// `log(1 + x)`, accurate near 0.
    log1p = Log1p,
    /// Square root.
    sqrt = Sqrt,
    /// `1 / sqrt(x)`.
    rsqrt = Rsqrt,
    /// Sine of radians.
    sin = Sin,
    /// Cosine of radians.
    cos = Cos,
    /// Hyperbolic tangent.
    tanh = Tanh,
    /// `1 / (1 + e^-x)`.
    sigmoid = Sigmoid,
    /// The error function.
    erf = Erf,
    /// Largest whole number not above; the derivative is 0.
    floor = Floor,
    /// Smallest whole number not below; the derivative is 0.
    ceil = Ceil,
    /// Nearest whole number, ties to even; the derivative is 0.
    round = Round,
    /// The number, or 0 where it is below `2^-100` in size
    /// ([`FLUSH_BELOW`](kerros_core::law::FLUSH_BELOW)): for what decays for ever.
    flush = Flush,
    /// Whether the element is NaN.
    is_nan = IsNan,
    /// Whether the element is neither NaN nor infinite.
    is_finite = IsFinite,
    /// The other truth value.
    logical_not = Not,
    /// A random word as a number in `[0, 1)`: its upper 24 bits times 2^-24.
    unit_float = UnitFloat,
}

macro_rules! binary_methods {
    ($($(#[$doc:meta])* $method:ident = $function:ident),* $(,)?) => {
        impl<'g> Node<'g> {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $method(self, other: impl Operand<'g>) -> Node<'g> {
                self.binary(BinaryFunction::$function, other.node_beside(self))
            }
        )*}
    };
}

binary_methods! {
    /// `x ^ y`.
    pow = Pow,
    /// The larger; NaN when either is. A tie gives each half the derivative.
    maximum = Max,
    /// The smaller; NaN when either is. A tie gives each half the derivative.
    minimum = Min,
    /// `x == y`.
    equal = Eq,
    /// `x != y`.
    not_equal = Ne,
    /// `x < y`.
    less = Lt,
    /// `x <= y`.
    less_equal = Le,
    /// Both.
    logical_and = And,
    /// Either.
    logical_or = Or,
}

impl<'g> Node<'g> {
    pub(crate) fn new(graph: &'g Graph, id: NodeId) -> Self {
        Node { graph, id }
    }

    /// The graph it belongs to.
    pub fn graph(self) -> &'g Graph {
        self.graph
    }

    /// Its place in the graph.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// Its type.
    pub fn ty(self) -> Type {
        self.graph.nodes()[self.id.index()].ty.clone()
    }

    /// Its shape.
    pub fn shape(self) -> Shape {
        self.ty().shape
    }

    /// Its element type.
    pub fn dtype(self) -> DType {
        self.graph.nodes()[self.id.index()].ty.dtype
    }

    /// Its number of axes.
    pub fn ndim(self) -> usize {
        self.graph.nodes()[self.id.index()].ty.shape.ndim()
    }

    #[track_caller]
    fn binary(self, function: BinaryFunction, other: Node<'g>) -> Node<'g> {
        let (a, b) = self.broadcast_together(other);
        self.graph.apply(Binary { function }, &[a, b])
    }

    /// Both operands at their common shape (NumPy's rule).
    #[track_caller]
    pub fn broadcast_together(self, other: Node<'g>) -> (Node<'g>, Node<'g>) {
        match self.shape().broadcast(&other.shape()) {
            Some(shape) => (self.broadcast_to(&shape), other.broadcast_to(&shape)),
            None => {
                let error = Error::new(
                    ErrorKind::Shape,
                    format!("the shapes {} and {} do not broadcast", self.shape(), other.shape()),
                )
                .expected("equal lengths, or 1, on each axis counted from the end");
                let stand_in = self.graph.fail(error, self.ty());
                (stand_in, stand_in)
            }
        }
    }

    /// `x > y`.
    #[track_caller]
    pub fn greater(self, other: impl Operand<'g>) -> Node<'g> {
        other.node_beside(self).less(self)
    }

    /// `x >= y`.
    #[track_caller]
    pub fn greater_equal(self, other: impl Operand<'g>) -> Node<'g> {
        other.node_beside(self).less_equal(self)
    }

    /// `x * x`.
    #[track_caller]
    pub fn square(self) -> Node<'g> {
        self * self
    }

    /// `1 / x`.
    #[track_caller]
    pub fn reciprocal(self) -> Node<'g> {
        self.graph.constant(1.0) / self
    }

    /// `if self { if_true } else { if_false }`, element by element.
    #[track_caller]
    pub fn select(self, if_true: impl Operand<'g>, if_false: impl Operand<'g>) -> Node<'g> {
        let graph = self.graph;
        let beside = graph.constant(0.0);
        let (a, b) = (if_true.node_beside(beside), if_false.node_beside(beside));
        let (a, b) = a.broadcast_together(b);
        let (condition, a) = self.broadcast_together(a);
        let b = b.broadcast_to(a.shape());
        graph.apply(Select, &[condition, a, b])
    }

    /// `max(x, lower)` then `min(.., upper)`; outside the range no derivative flows.
    #[track_caller]
    pub fn clip(self, lower: f32, upper: f32) -> Node<'g> {
        let high = self.less(lower).select(lower, self);
        self.greater(upper).select(upper, high)
    }

    /// The same values as another element type: towards zero to `i32`; not-zero to `bool`.
    #[track_caller]
    pub fn cast(self, dtype: DType) -> Node<'g> {
        if self.dtype() == dtype {
            return self;
        }
        self.graph.apply(Cast { dtype }, &[self])
    }

    /// The same elements under another shape.
    #[track_caller]
    pub fn reshape(self, shape: impl Into<Shape>) -> Node<'g> {
        let shape = shape.into();
        if self.shape() == shape {
            return self;
        }
        self.graph.apply(Reshape { shape }, &[self])
    }

    /// Stretches axes of length 1, and adds axes in front, to this shape.
    #[track_caller]
    pub fn broadcast_to(self, shape: impl Into<Shape>) -> Node<'g> {
        let shape = shape.into();
        if self.shape() == shape {
            return self;
        }
        self.graph.apply(Broadcast { shape }, &[self])
    }

    /// Axis `i` of the result is axis `axes[i]` of the operand.
    #[track_caller]
    pub fn transpose(self, axes: &[usize]) -> Node<'g> {
        if axes.iter().copied().eq(0..self.ndim()) {
            return self;
        }
        self.graph.apply(Transpose { axes: axes.to_vec() }, &[self])
    }

    /// Adds an axis of length 1 before `axis`.
    #[track_caller]
    pub fn expand_dims(self, axis: usize) -> Node<'g> {
        let mut dims = self.shape().to_vec();
        let axis = axis.min(dims.len());
        dims.insert(axis, 1);
        self.reshape(dims)
    }

    /// Elements `start..end` along an axis.
    #[track_caller]
    pub fn slice(self, axis: usize, start: usize, end: usize) -> Node<'g> {
        self.graph.apply(Slice { axis, start, end, step: 1 }, &[self])
    }

    /// Every `step`-th of the elements `start..end` along an axis.
    #[track_caller]
    pub fn slice_step(self, axis: usize, start: usize, end: usize, step: usize) -> Node<'g> {
        self.graph.apply(Slice { axis, start, end, step }, &[self])
    }

    /// Adds `low` elements before and `high` after along an axis, with `step - 1` between
    /// neighbours, all zero.
    #[track_caller]
    pub fn pad(self, axis: usize, low: usize, high: usize, step: usize) -> Node<'g> {
        self.graph.apply(Pad { axis, low, high, step }, &[self])
    }

    /// Joins tensors along an axis.
    #[track_caller]
    pub fn concat(parts: &[Node<'g>], axis: usize) -> Node<'g> {
        parts[0].graph.apply(Concat { axis }, parts)
    }

    /// The elements in reverse order along an axis.
    #[track_caller]
    pub fn reverse(self, axis: usize) -> Node<'g> {
        self.graph.apply(Reverse { axis }, &[self])
    }

    /// Entries of an axis by index (`i32`, of any shape, whose axes take the axis's place);
    /// an index outside the axis gives NaN, or 0 among integers. See [`Gather`].
    #[track_caller]
    pub fn gather(self, indices: Node<'g>, axis: usize) -> Node<'g> {
        self.graph.apply(Gather { axis, outside: Outside::Nan }, &[self, indices])
    }

    /// As [`Node::gather`], with 0 for an index outside the axis.
    #[track_caller]
    pub fn gather_or_zero(self, indices: Node<'g>, axis: usize) -> Node<'g> {
        self.graph.apply(Gather { axis, outside: Outside::Zero }, &[self, indices])
    }

    /// Adds entries at indices of an axis, in the order of the indices; an index outside the
    /// axis adds nothing. See [`ScatterAdd`].
    #[track_caller]
    pub fn scatter_add(self, indices: Node<'g>, updates: Node<'g>, axis: usize) -> Node<'g> {
        self.graph.apply(ScatterAdd { axis }, &[self, indices, updates])
    }

    #[track_caller]
    fn reduce(self, kind: ReduceKind, axes: &[isize]) -> Node<'g> {
        let shape = self.shape();
        let mut resolved = Vec::with_capacity(axes.len());
        for &axis in axes {
            match shape.axis(axis) {
                Ok(axis) => resolved.push(axis),
                Err(error) => return self.graph.fail(error, self.ty()),
            }
        }
        resolved.sort_unstable();
        resolved.dedup();
        if resolved.is_empty() {
            return self;
        }
        self.graph.apply(Reduce { kind, axes: resolved }, &[self])
    }

    /// The sum over some axes, which vanish. Negative axes count from the end.
    #[track_caller]
    pub fn sum(self, axes: &[isize]) -> Node<'g> {
        self.reduce(ReduceKind::Sum, axes)
    }

    /// The largest over some axes, which vanish. Ties share the derivative.
    #[track_caller]
    pub fn max(self, axes: &[isize]) -> Node<'g> {
        self.reduce(ReduceKind::Max, axes)
    }

    /// The smallest over some axes, which vanish. Ties share the derivative.
    #[track_caller]
    pub fn min(self, axes: &[isize]) -> Node<'g> {
        self.reduce(ReduceKind::Min, axes)
    }

    /// The sum over some axes divided by their number of elements.
    #[track_caller]
    pub fn mean(self, axes: &[isize]) -> Node<'g> {
        let sum = self.sum(axes);
        let count = self.shape().num_elements() / sum.shape().num_elements().max(1);
        sum / (count as f32)
    }

    /// The sum of all elements.
    #[track_caller]
    pub fn sum_all(self) -> Node<'g> {
        self.sum(&self.all_axes())
    }

    /// The mean of all elements.
    #[track_caller]
    pub fn mean_all(self) -> Node<'g> {
        self.mean(&self.all_axes())
    }

    /// The largest of all elements.
    #[track_caller]
    pub fn max_all(self) -> Node<'g> {
        self.max(&self.all_axes())
    }

    fn all_axes(self) -> Vec<isize> {
        (0..self.ndim() as isize).collect()
    }

    /// A reduction's result with the reduced axis back as length 1, ready to broadcast.
    #[track_caller]
    pub fn keep(self, axis: usize) -> Node<'g> {
        self.expand_dims(axis)
    }

    /// The index of the largest along an axis, the first of equals.
    #[track_caller]
    pub fn argmax(self, axis: isize) -> Node<'g> {
        self.arg_reduce(ReduceKind::Max, axis)
    }

    /// The index of the smallest along an axis, the first of equals.
    #[track_caller]
    pub fn argmin(self, axis: isize) -> Node<'g> {
        self.arg_reduce(ReduceKind::Min, axis)
    }

    #[track_caller]
    fn arg_reduce(self, kind: ReduceKind, axis: isize) -> Node<'g> {
        match self.shape().axis(axis) {
            Ok(axis) => self.graph.apply(ArgReduce { kind, axis }, &[self]),
            Err(error) => self.graph.fail(error, Type::new(DType::I32, [])),
        }
    }

    /// Running sums along an axis.
    #[track_caller]
    pub fn cumsum(self, axis: usize) -> Node<'g> {
        self.graph.apply(CumSum { axis, reverse: false }, &[self])
    }

    /// The elements in order along the last axis; NaN last.
    #[track_caller]
    pub fn sort(self, descending: bool) -> Node<'g> {
        self.graph.apply(Sort { descending }, &[self])
    }

    /// The indices that sort along the last axis, as `i32`; equal elements keep their order.
    #[track_caller]
    pub fn argsort(self, descending: bool) -> Node<'g> {
        self.graph.apply(ArgSort { descending }, &[self])
    }

    /// Matrix product over the last two axes; leading axes broadcast.
    #[track_caller]
    pub fn matmul(self, other: Node<'g>) -> Node<'g> {
        self.matmul_with(other, false, false)
    }

    /// Matrix product in which either operand may be transposed over its last two axes.
    #[track_caller]
    pub fn matmul_with(self, other: Node<'g>, transpose_a: bool, transpose_b: bool) -> Node<'g> {
        let (a, b) = (self.shape(), other.shape());
        let (mut lhs, mut rhs) = (self, other);
        if a.ndim() > 2 || b.ndim() > 2 {
            let batch = |shape: &Shape| Shape::from(&shape[..shape.ndim().saturating_sub(2)]);
            if let Some(common) = batch(&a).broadcast(&batch(&b)) {
                let full = |shape: &Shape| -> Shape {
                    let matrix = &shape[shape.ndim().saturating_sub(2)..];
                    common.iter().chain(matrix).copied().collect()
                };
                (lhs, rhs) = (lhs.broadcast_to(full(&a)), rhs.broadcast_to(full(&b)));
            }
        }
        self.graph.apply(MatMul { transpose_a, transpose_b }, &[lhs, rhs])
    }

    /// `act(x · kernel + bias)` over the last axis.
    #[track_caller]
    pub fn linear(
        self,
        kernel: Node<'g>,
        bias: Option<Node<'g>>,
        activation: LinearActivation,
    ) -> Node<'g> {
        let op = Linear { bias: bias.is_some(), activation };
        let inputs: Vec<Node<'g>> = [self, kernel].into_iter().chain(bias).collect();
        self.graph.apply(op, &inputs)
    }

    /// `max(x, 0)`: 0 where `x <= 0` (there the derivative is 0 too), NaN stays NaN.
    #[track_caller]
    pub fn relu(self) -> Node<'g> {
        self.less_equal(0.0).select(0.0, self)
    }

    /// `e^x / sum(e^x)` over the last axis.
    #[track_caller]
    pub fn softmax(self) -> Node<'g> {
        self.graph.apply(Softmax, &[self])
    }

    /// `x - log(sum(e^x))` over the last axis.
    #[track_caller]
    pub fn log_softmax(self) -> Node<'g> {
        self.graph.apply(LogSoftmax, &[self])
    }

    /// Cross-entropy between logits `[.., classes]` and either labels `i32 [..]` or target
    /// rows `[.., classes]`: `[..]`.
    #[track_caller]
    pub fn softmax_cross_entropy(self, targets: Node<'g>) -> Node<'g> {
        self.graph.apply(SoftmaxCrossEntropy, &[self, targets])
    }

    /// `max(x, 0) - x * targets + log1p(e^-|x|)`, element by element.
    #[track_caller]
    pub fn sigmoid_cross_entropy(self, targets: Node<'g>) -> Node<'g> {
        self.graph.apply(SigmoidCrossEntropy, &[self, targets])
    }

    /// Zeroes a share `rate` of the elements and scales the others by `1 / (1 - rate)`;
    /// `key` as in [`Graph::random_bits`].
    #[track_caller]
    pub fn dropout(self, key: Node<'g>, rate: f32) -> Node<'g> {
        let rate = crate::attributes::Bits::new(rate);
        let stream = self.graph.next_random_stream();
        self.graph.apply(Dropout { rate, stream }, &[self, key])
    }

    /// Labels as rows of 0 and 1: `i32 [..] -> f32 [.., classes]`; a label outside
    /// `0..classes` gives a row of zeros.
    #[track_caller]
    pub fn one_hot(self, classes: usize) -> Node<'g> {
        let labels = self.expand_dims(self.ndim());
        labels.equal(self.graph.iota(classes)).cast(DType::F32)
    }

    /// The same value, through which no derivative flows.
    #[track_caller]
    pub fn stop_gradient(self) -> Node<'g> {
        self.graph.apply(StopGradient, &[self])
    }

    /// The same value, with the derivative of `surrogate` in place of its own: the way to
    /// give a function a derivative of your choice.
    ///
    /// `y = hard.replace_gradient(soft)` is `hard` going forward and `soft` going backward
    /// (the straight-through estimator when `soft` is the operand itself).
    #[track_caller]
    pub fn replace_gradient(self, surrogate: Node<'g>) -> Node<'g> {
        self.graph.apply(ReplaceGradient, &[self, surrogate])
    }

    /// The same value as another node, for those who tell values apart by their nodes.
    #[track_caller]
    pub fn copied(self) -> Node<'g> {
        self.replace_gradient(self)
    }

    /// `sqrt(sum over all elements of all tensors of x^2)`.
    #[track_caller]
    pub fn global_norm(tensors: &[Node<'g>]) -> Node<'g> {
        tensors[0].graph.apply(GlobalNorm, tensors)
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}: {}", self.id.0, self.ty())
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident $function:ident),*) => {$(
        impl<'g, R: Operand<'g>> ops::$Trait<R> for Node<'g> {
            type Output = Node<'g>;
            #[track_caller]
            fn $method(self, other: R) -> Node<'g> {
                self.binary(BinaryFunction::$function, other.node_beside(self))
            }
        }
        impl<'g> ops::$Trait<Node<'g>> for f32 {
            type Output = Node<'g>;
            #[track_caller]
            fn $method(self, other: Node<'g>) -> Node<'g> {
                self.node_beside(other).binary(BinaryFunction::$function, other)
            }
        }
    )*};
}
operators!(Add add Add, Sub sub Sub, Mul mul Mul, Div div Div);

impl<'g> ops::Neg for Node<'g> {
    type Output = Node<'g>;
    #[track_caller]
    fn neg(self) -> Node<'g> {
        self.graph.apply(Unary { function: UnaryFunction::Neg }, &[self])
    }
}
