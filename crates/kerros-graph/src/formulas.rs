//! Functions that are short formulas of operations: more methods of [`Node`].
//!
//! Their derivatives and their bits follow from the formula.

use kerros_core::{DType, Shape};

use crate::node::Node;

impl<'g> Node<'g> {
    /// Whether any truth value is true over some axes, which vanish; false of nothing.
    #[track_caller]
    pub fn any(self, axes: &[isize]) -> Node<'g> {
        self.cast(DType::F32).max(axes).greater(0.0)
    }

    /// Whether all truth values are true over some axes, which vanish; true of nothing.
    #[track_caller]
    pub fn all(self, axes: &[isize]) -> Node<'g> {
        self.cast(DType::F32).min(axes).greater(0.0)
    }

    /// The product along an axis, which vanishes; 1 of nothing.
    ///
    /// Halves are multiplied with each other until one entry is left, so the derivative is
    /// right where factors are zero.
    ///
    /// # Example
    /// ```
    /// use kerros_core::Tensor;
    /// use kerros_graph::{Graph, eval::evaluate, grad};
    /// let graph = Graph::new();
    /// let x = graph.literal(Tensor::new([3], [2.0f32, 0.0, 5.0])?);
    /// let dx = grad(x.prod(0), &[x])?[0];
    /// let out = evaluate::<f32>(&graph, &[x.prod(0), dx], &[], &[])?;
    /// assert_eq!(out[0].as_slice::<f32>()?, [0.0]);
    /// assert_eq!(out[1].as_slice::<f32>()?, [0.0, 10.0, 0.0]);
    /// # Ok::<(), kerros_core::Error>(())
    /// ```
    #[track_caller]
    pub fn prod(self, axis: isize) -> Node<'g> {
        let axis = match self.shape().axis(axis) {
            Ok(axis) => axis,
            Err(error) => return self.graph().fail(error, self.ty()),
        };
        let mut rest = self;
        let mut len = rest.shape()[axis];
        while len > 1 {
            let half = len / 2;
            let product = rest.slice(axis, 0, half) * rest.slice(axis, half, 2 * half);
            rest = match len % 2 {
                0 => product,
                _ => Node::concat(&[product, rest.slice(axis, len - 1, len)], axis),
            };
            len = len.div_ceil(2);
        }
        let mut dims = self.shape().to_vec();
        dims.remove(axis);
        match len {
            0 => self.graph().constant(1.0).cast(self.dtype()).broadcast_to(dims),
            _ => rest.reshape(dims),
        }
    }

    /// Running products along an axis: `y[i] = x[0] · .. · x[i]`.
    ///
    /// Each round multiplies by what stands 1, 2, 4, .. places before, so the number of steps
    /// is the logarithm of the length, and the derivative is right where factors are zero.
    #[track_caller]
    pub fn cumprod(self, axis: isize) -> Node<'g> {
        let axis = match self.shape().axis(axis) {
            Ok(axis) => axis,
            Err(error) => return self.graph().fail(error, self.ty()),
        };
        let len = self.shape()[axis];
        let (mut y, mut shift) = (self, 1);
        while shift < len {
            let first = y.slice(axis, 0, shift);
            let later = y.slice(axis, shift, len) * y.slice(axis, 0, len - shift);
            y = Node::concat(&[first, later], axis);
            shift *= 2;
        }
        y
    }

    /// `log(sum(e^x))` over some axes, which vanish: large and small `x` neither overflow nor
    /// vanish. `-inf` of nothing.
    ///
    /// # Example
    /// ```
    /// use kerros_core::Tensor;
    /// use kerros_graph::{Graph, eval::evaluate};
    /// let graph = Graph::new();
    /// let x = graph.literal(Tensor::new([2], [1e4f32, 1e4])?);
    /// let y = evaluate::<f32>(&graph, &[x.logsumexp(&[0])], &[], &[])?;
    /// assert_eq!(y[0].as_slice::<f32>()?, [1e4 + 0.6931472]);
    /// # Ok::<(), kerros_core::Error>(())
    /// ```
    #[track_caller]
    pub fn logsumexp(self, axes: &[isize]) -> Node<'g> {
        let largest = self.max(axes).stop_gradient();
        // An infinite largest stays out of the exponent: `inf - inf` is no number.
        let shift = largest.is_finite().select(largest, 0.0);
        let shape = self.shape();
        let resolved: Vec<usize> = axes.iter().filter_map(|&axis| shape.axis(axis).ok()).collect();
        let kept = |axis: usize| if resolved.contains(&axis) { 1 } else { shape[axis] };
        let kept: Vec<usize> = (0..shape.ndim()).map(kept).collect();
        if shift.shape().num_elements() != kept.iter().product::<usize>() {
            return shift; // The reduction has failed and said why.
        }
        (self - shift.reshape(kept)).exp().sum(axes).log() + shift
    }

    /// `y[.., i, ..] = x[.., indices[.., i, ..], ..]`: entries by index, other ones on each
    /// line along the axis, as after `argsort`. An index outside the axis gives NaN, or 0
    /// among integers.
    ///
    /// # Shape
    /// `x: [before.., len, after..]`, `indices: i32 [before.., n, after..]`
    /// `-> [before.., n, after..]`.
    #[track_caller]
    pub fn take_along_axis(self, indices: Node<'g>, axis: usize) -> Node<'g> {
        let flat = self.reshape([self.shape().num_elements()]);
        flat.gather(self.flat_places(indices, axis), 0)
    }

    /// `y = x`, then `y[.., indices[.., i, ..], ..] += updates[.., i, ..]` for each `i` in
    /// order: [`Node::scatter_add`] with other indices on each line along the axis. An index
    /// outside the axis adds nothing.
    ///
    /// # Shape
    /// `x: [before.., len, after..]`, `indices: i32 [before.., n, after..]`, `updates` of the
    /// shape of `indices` `-> [before.., len, after..]`.
    #[track_caller]
    pub fn scatter_add_along_axis(
        self,
        indices: Node<'g>,
        updates: Node<'g>,
        axis: usize,
    ) -> Node<'g> {
        let flat = self.reshape([self.shape().num_elements()]);
        let places = self.flat_places(indices, axis);
        flat.scatter_add(places, updates, 0).reshape(self.shape())
    }

    /// The places among all elements that indices along an axis stand for; -1 where an index
    /// is outside the axis.
    #[track_caller]
    fn flat_places(self, indices: Node<'g>, axis: usize) -> Node<'g> {
        let (shape, graph) = (self.shape(), self.graph());
        let strides = shape.strides();
        let picked = indices.shape();
        if picked.ndim() != shape.ndim() || axis >= shape.ndim() {
            let error = kerros_core::Error::new(
                kerros_core::ErrorKind::Shape,
                format!("indices of shape {picked} along axis {axis} of shape {shape}"),
            )
            .expected("an axis of the operand, and as many axes");
            return graph.fail(error, indices.ty());
        }
        let inside = indices.greater_equal(0.0).logical_and(indices.less(shape[axis] as f32));
        let mut places = indices * strides[axis] as f32;
        for other in (0..shape.ndim()).filter(|&other| other != axis) {
            let mut line = vec![1; shape.ndim()];
            line[other] = shape[other];
            places = places + (graph.iota(shape[other]) * strides[other] as f32).reshape(line);
        }
        let outside = graph.constant_i32(-1).broadcast_to(places.shape());
        inside.select(places, outside)
    }

    /// `len` entries of an axis from `start` on, a single `i32` known only when it runs. As in
    /// XLA, a start that would leave the axis is moved to the nearest that does not.
    #[track_caller]
    pub fn dynamic_slice(self, axis: usize, start: Node<'g>, len: usize) -> Node<'g> {
        let places = self.dynamic_start(axis, start, len) + self.graph().iota(len);
        self.gather(places, axis)
    }

    /// `x` with the entries of an axis from `start` on replaced by `values`; `start` as in
    /// [`Node::dynamic_slice`].
    #[track_caller]
    pub fn dynamic_update(self, axis: usize, start: Node<'g>, values: Node<'g>) -> Node<'g> {
        let (have, len) = (self.shape(), values.shape().get(axis).copied().unwrap_or(0));
        let axis_len = have.get(axis).copied().unwrap_or(0);
        let places = self.graph().iota(axis_len) - self.dynamic_start(axis, start, len);
        let replaced = places.greater_equal(0.0).logical_and(places.less(len as f32));
        let mut line = vec![1; have.ndim()];
        line.iter_mut().skip(axis).take(1).for_each(|dim| *dim = axis_len);
        let spread = values.gather_or_zero(places, axis);
        replaced.reshape(line).broadcast_to(have).select(spread, self)
    }

    #[track_caller]
    fn dynamic_start(self, axis: usize, start: Node<'g>, len: usize) -> Node<'g> {
        let have = self.shape().get(axis).copied().unwrap_or(0);
        start.reshape(Shape::from([])).minimum(have.saturating_sub(len) as f32).maximum(0.0)
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::Tensor;

    use super::*;
    use crate::eval::evaluate;
    use crate::{Graph, grad};

    fn values(graph: &Graph, nodes: &[Node<'_>]) -> Vec<Vec<f64>> {
        evaluate::<f32>(graph, nodes, &[], &[]).unwrap().iter().map(Tensor::to_vec_f64).collect()
    }

    #[test]
    fn truth_values_over_axes() {
        let graph = Graph::new();
        let truths = [true, false, false, false, true, true];
        let x = graph.literal(Tensor::from_bools([3, 2], &truths).unwrap());
        let none = graph.literal(Tensor::from_bools([0], &[]).unwrap());
        let nodes = [x.any(&[1]), x.all(&[1]), x.any(&[0, 1]), none.any(&[0]), none.all(&[0])];
        let found = values(&graph, &nodes);
        assert_eq!(found[0], [1.0, 0.0, 1.0]);
        assert_eq!(found[1], [0.0, 0.0, 1.0]);
        assert_eq!([&found[2][..], &found[3], &found[4]].concat(), [1.0, 0.0, 1.0]);
        assert!(nodes.iter().all(|node| node.dtype() == DType::Bool));
    }

    #[test]
    fn products_of_any_length() {
        for len in 0..9 {
            let graph = Graph::new();
            let x: Vec<f32> = (0..2 * len).map(|i| 1.0 + i as f32).collect();
            let node = graph.literal(Tensor::new([len, 2], x.clone()).unwrap());
            let found = values(&graph, &[node.prod(0), node.prod(-1), node.cumprod(0)]);
            let column = |c: usize, rows: usize| -> f64 {
                (0..rows).map(|r| f64::from(x[2 * r + c])).product()
            };
            assert_eq!(found[0], [column(0, len), column(1, len)], "{len}");
            let rows = x.chunks(2).map(|row| f64::from(row[0] * row[1]));
            assert_eq!(found[1], rows.collect::<Vec<f64>>(), "{len}");
            let running = (0..2 * len).map(|i| column(i % 2, i / 2 + 1));
            assert_eq!(found[2], running.collect::<Vec<f64>>(), "{len}");
        }
    }

    #[test]
    fn logarithms_of_sums_of_powers() {
        let graph = Graph::new();
        let inf = f32::INFINITY;
        let x = [0.0, 0.0, -inf, -inf, inf, 1.0, -1e4, -1e4];
        let node = graph.literal(Tensor::new([4, 2], x).unwrap());
        let found = values(&graph, &[node.logsumexp(&[1]), node.logsumexp(&[-1, 0])]);
        let log2 = f64::from(2f32.ln());
        assert_eq!(found[0], [log2, f64::NEG_INFINITY, f64::INFINITY, f64::from(-1e4 + 2f32.ln())]);
        assert_eq!(found[1], [f64::INFINITY]);
        let y = graph.literal(Tensor::new([2], [1.0f32, 3.0]).unwrap());
        let dy = grad(y.logsumexp(&[0]), &[y]).unwrap()[0];
        let found = values(&graph, &[dy, y.softmax()]);
        for (a, b) in found[0].iter().zip(&found[1]) {
            assert!((a - b).abs() < 1e-6, "{found:?}"); // Both round a few times.
        }
    }

    #[test]
    fn entries_by_index_on_each_line() {
        let graph = Graph::new();
        let x = graph.literal(Tensor::new([2, 3], [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap());
        let along = graph.literal(Tensor::new([2, 2], [2, 0, 1, 3]).unwrap());
        let down = graph.literal(Tensor::new([1, 3], [1, 0, -1]).unwrap());
        let twice = graph.literal(Tensor::new([2, 2], [10.0f32, 20.0, 30.0, 40.0]).unwrap());
        let found = values(
            &graph,
            &[
                x.take_along_axis(along, 1),
                x.take_along_axis(down, 0),
                x.scatter_add_along_axis(along, twice, 1),
                x.take_along_axis(x.argsort(true), 1),
            ],
        );
        assert_eq!(found[0][..3], [3.0, 1.0, 5.0]);
        assert!(found[0][3].is_nan());
        assert_eq!(found[1][..2], [4.0, 2.0]);
        assert!(found[1][2].is_nan());
        assert_eq!(found[2], [21.0, 2.0, 13.0, 4.0, 35.0, 6.0]);
        assert_eq!(found[3], [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
    }

    #[test]
    fn parts_that_start_anywhere() {
        let graph = Graph::new();
        let x = graph.literal(Tensor::new([4], [1.0f32, 2.0, 3.0, 4.0]).unwrap());
        let two = graph.literal(Tensor::new([2], [8.0f32, 9.0]).unwrap());
        for (start, slice, update) in [
            (0, [1.0, 2.0], [8.0, 9.0, 3.0, 4.0]),
            (1, [2.0, 3.0], [1.0, 8.0, 9.0, 4.0]),
            (7, [3.0, 4.0], [1.0, 2.0, 8.0, 9.0]),
            (-7, [1.0, 2.0], [8.0, 9.0, 3.0, 4.0]),
        ] {
            let start = graph.constant_i32(start);
            let nodes = [x.dynamic_slice(0, start, 2), x.dynamic_update(0, start, two)];
            let found = values(&graph, &nodes);
            assert_eq!(found[0], slice);
            assert_eq!(found[1], update);
        }
    }

    #[test]
    fn mistakes_are_kept() {
        for build in [
            (|x: Node<'_>| x.prod(3).id()) as fn(Node<'_>) -> crate::NodeId,
            |x| x.cumprod(3).id(),
            |x| x.logsumexp(&[3]).id(),
            |x| x.take_along_axis(x.argsort(false), 3).id(),
            |x| x.dynamic_slice(3, x, 1).id(),
            |x| x.dynamic_update(3, x.graph().constant_i32(0), x).id(),
        ] {
            let graph = Graph::new();
            build(graph.input("x", [2, 2], DType::F32));
            assert!(graph.check().is_err());
        }
    }
}
