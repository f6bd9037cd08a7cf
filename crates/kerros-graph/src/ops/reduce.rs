use kerros_core::law::reduce::{along_row, down_column};
use kerros_core::program::Binary;
use kerros_core::{DType, Error, ErrorKind, Result, Shape};

use crate::attributes::{attributes, named_attribute};
use crate::eval::{Array, Real, Values};
use crate::graph::Type;
use crate::operation::{Backward, Cotangents, Operation, Sample, expect_inputs};

/// How many numbers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    /// Their sum.
    Sum,
    /// The largest; NaN when any is.
    Max,
    /// The smallest; NaN when any is.
    Min,
}
named_attribute!(ReduceKind { Sum = "sum", Max = "max", Min = "min" });

impl ReduceKind {
    /// What combines two partial results.
    pub const fn combine(self) -> Binary {
        match self {
            ReduceKind::Sum => Binary::Add,
            ReduceKind::Max => Binary::Max,
            ReduceKind::Min => Binary::Min,
        }
    }

    /// The result of reducing nothing, in `f32`.
    pub const fn identity(self) -> f32 {
        match self {
            ReduceKind::Sum => 0.0,
            ReduceKind::Max => f32::NEG_INFINITY,
            ReduceKind::Min => f32::INFINITY,
        }
    }
}

/// Sum, largest or smallest over some axes, which vanish.
///
/// Neighbouring axes are reduced together; groups that are not neighbours one after the
/// other, the innermost group first, each by the law of reductions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// Which reduction.
    pub kind: ReduceKind,
    /// The axes, ascending.
    pub axes: Vec<usize>,
}

/// One group of neighbouring axes: the operand seen as `[outer, len, inner]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReduceView {
    /// Positions before the group.
    pub outer: usize,
    /// Positions that are reduced.
    pub len: usize,
    /// Positions after the group.
    pub inner: usize,
}

impl Reduce {
    /// The groups in the order in which they are reduced.
    pub fn views(&self, shape: &Shape) -> Vec<ReduceView> {
        let mut dims = shape.to_vec();
        let mut axes = self.axes.clone();
        let mut views = Vec::new();
        while let Some(&last) = axes.last() {
            let mut first = last;
            while axes.contains(&first.wrapping_sub(1)) {
                first -= 1;
            }
            views.push(ReduceView {
                outer: dims[..first].iter().product(),
                len: dims[first..=last].iter().product(),
                inner: dims[last + 1..].iter().product(),
            });
            dims.drain(first..=last);
            axes.retain(|&axis| axis < first);
        }
        views
    }
}

impl Operation for Reduce {
    const NAME: &'static str = "reduce";

    fn infer(&self, inputs: &[Type]) -> Result<Type> {
        expect_inputs(inputs, 1)?;
        let shape = &inputs[0].shape;
        let ascending = self.axes.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || self.axes.last().is_none_or(|&axis| axis >= shape.ndim()) {
            return Err(Error::new(
                ErrorKind::Argument,
                format!("reducing the axes {:?} of {}", self.axes, inputs[0]),
            )
            .expected("axes of the operand, ascending"));
        }
        if inputs[0].dtype == DType::Bool {
            return Err(Error::new(ErrorKind::DType, format!("reducing {}", inputs[0]))
                .expected("float32 or int32")
                .hint("convert it with `cast`"));
        }
        let kept = (0..shape.ndim()).filter(|axis| !self.axes.contains(axis));
        Ok(Type::new(inputs[0].dtype, kept.map(|axis| shape[axis]).collect::<Vec<_>>()))
    }

    fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
        let (x, y, dy) = (context.inputs[0], context.output, context.dy);
        let shape = x.shape();
        let mut kept = shape.to_vec();
        for &axis in &self.axes {
            kept[axis] = 1;
        }
        let spread = dy.reshape(&kept[..]).broadcast_to(&shape);
        if self.kind == ReduceKind::Sum {
            return Ok(vec![Some(spread)]);
        }
        let hit = x.equal(y.reshape(&kept[..]).broadcast_to(&shape)).cast(DType::F32);
        let axes: Vec<isize> = self.axes.iter().map(|&axis| axis as isize).collect();
        let ties = hit.sum(&axes).reshape(&kept[..]).broadcast_to(&shape);
        Ok(vec![Some(spread * (hit / ties))])
    }

    fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
        fn by_law<E: Copy>(
            views: &[ReduceView],
            mut from: Vec<E>,
            identity: E,
            combine: impl Fn(E, E) -> E,
        ) -> Vec<E> {
            for view in views {
                let mut to = Vec::with_capacity(view.outer * view.inner);
                for outer in 0..view.outer {
                    for inner in 0..view.inner {
                        let at = |i: usize| from[(outer * view.len + i) * view.inner + inner];
                        to.push(if view.inner == 1 {
                            along_row(view.len, identity, at, &combine)
                        } else {
                            down_column(view.len, identity, at, &combine)
                        });
                    }
                }
                from = to;
            }
            from
        }
        let views = self.views(&inputs[0].shape);
        let values = match &inputs[0].values {
            Values::Float(x) => Values::Float(by_law(
                &views,
                x.clone(),
                T::from_f32(self.kind.identity()),
                |a, b| T::binary(self.kind.combine(), a, b),
            )),
            Values::Int(x) => {
                let (identity, combine): (i32, fn(i32, i32) -> i32) = match self.kind {
                    ReduceKind::Sum => (0, i32::wrapping_add),
                    ReduceKind::Max => (i32::MIN, Ord::max),
                    ReduceKind::Min => (i32::MAX, Ord::min),
                };
                Values::Int(by_law(&views, x.clone(), identity, combine))
            }
        };
        Array { shape: ty.shape.clone(), dtype: ty.dtype, values }
    }

    attributes!(kind, axes);

    fn samples() -> Vec<Sample<Self>> {
        let mut samples = Vec::new();
        for kind in [ReduceKind::Sum, ReduceKind::Max, ReduceKind::Min] {
            for axes in [vec![0], vec![2], vec![0, 1], vec![0, 2], vec![0, 1, 2]] {
                samples.push(Sample {
                    op: Reduce { kind, axes },
                    inputs: vec![Type::f32([3, 4, 5])],
                    range: (-2.0, 2.0),
                });
            }
        }
        samples.push(Sample {
            op: Reduce { kind: ReduceKind::Sum, axes: vec![1] },
            inputs: vec![Type::new(DType::I32, [3, 4])],
            range: (0.0, 9.0),
        });
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_axes_are_one_group() {
        let reduce = Reduce { kind: ReduceKind::Sum, axes: vec![0, 2, 3] };
        let views = reduce.views(&[2, 3, 4, 5].into());
        assert_eq!(
            views,
            [ReduceView { outer: 6, len: 20, inner: 1 }, ReduceView { outer: 1, len: 2, inner: 3 }]
        );
    }
}
