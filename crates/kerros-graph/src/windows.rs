//! Convolution and pooling as methods of [`Node`]: what layers call.

use kerros_core::{Error, ErrorKind, Tensor};

use crate::node::Node;
use crate::ops::{
    Conv, ConvInputGradient, ConvKernelGradient, ConvLinear, ConvSpec, LinearActivation, MaxPool,
    MaxPoolGather, MaxPoolScatter, PoolSpec, SumPool, SumPoolScatter,
};

impl<'g> Node<'g> {
    /// Convolution over one to three spatial axes, channels last.
    ///
    /// # Shape
    /// `x: [batch, spatial.., in]`, `kernel: [taps.., in / groups, out]` (Keras's own layout)
    /// `-> [batch, spatial.., out]`, where each spatial length is
    /// `(length + before + after - ((taps - 1) * dilation + 1)) / stride + 1`, rounded down.
    ///
    /// # Parameters
    /// `spec` as in [`ConvSpec`]; [`same_padding`](crate::ops::same_padding) gives Keras's
    /// `same`, and `causal` is `((taps - 1) * dilation, 0)`.
    ///
    /// # Example
    /// ```
    /// use kerros_core::{DType, Tensor};
    /// use kerros_graph::{Graph, eval::evaluate, ops::ConvSpec};
    /// let graph = Graph::new();
    /// let x = graph.input("x", [1, 4, 1], DType::F32);
    /// let kernel = graph.input("kernel", [2, 1, 1], DType::F32);
    /// let y = x.conv(kernel, ConvSpec::new(1).padding([(1, 0)]));
    /// let values = [
    ///     Tensor::new([1, 4, 1], [1.0f32, 2.0, 3.0, 4.0])?,
    ///     Tensor::new([2, 1, 1], [10.0f32, 1.0])?,
    /// ];
    /// let out = evaluate::<f32>(&graph, &[y], &values, &[])?;
    /// assert_eq!(out[0].as_slice::<f32>()?, [1.0, 12.0, 23.0, 34.0]);
    /// # Ok::<(), kerros_core::Error>(())
    /// ```
    #[track_caller]
    pub fn conv(self, kernel: Node<'g>, spec: ConvSpec) -> Node<'g> {
        self.graph().apply(Conv { spec }, &[self, kernel])
    }

    /// `act(conv(x, kernel) + bias)`: as [`Node::conv`] with `bias: [out]`, in one kernel.
    /// What [`Node::linear`] is to a matrix product.
    #[track_caller]
    pub fn conv_linear(
        self,
        kernel: Node<'g>,
        bias: Node<'g>,
        activation: LinearActivation,
        spec: ConvSpec,
    ) -> Node<'g> {
        self.graph().apply(ConvLinear { spec, activation }, &[self, kernel, bias])
    }

    /// Convolution of each channel for itself.
    ///
    /// # Shape
    /// `x: [batch, spatial.., in]`, `kernel: [taps.., in, multiplier]` (Keras's own layout)
    /// `-> [batch, spatial.., in * multiplier]`; channel `c` gives the output channels
    /// `c * multiplier ..`.
    ///
    /// # Parameters
    /// `spec` as for [`Node::conv`]; its groups are set to `in`. For bias and activation in
    /// the same kernel call [`Node::conv_linear`] on [`Node::depthwise_kernel`] with
    /// `groups(in)`.
    #[track_caller]
    pub fn depthwise_conv(self, kernel: Node<'g>, spec: ConvSpec) -> Node<'g> {
        let groups = self.shape().last();
        self.conv(kernel.depthwise_kernel(), spec.groups(groups))
    }

    /// A depthwise kernel `[taps.., in, multiplier]` as that of a convolution in `in` groups:
    /// `[taps.., 1, in * multiplier]`. Costs nothing: the elements stay where they are.
    #[track_caller]
    pub fn depthwise_kernel(self) -> Node<'g> {
        let shape = self.shape();
        match *shape.dims() {
            [ref taps @ .., inputs, multiplier] => {
                self.reshape([taps, &[1, inputs.saturating_mul(multiplier)]].concat())
            }
            _ => {
                let error =
                    Error::new(ErrorKind::Shape, format!("a depthwise kernel of shape {shape}"))
                        .expected("[taps.., in, multiplier]");
                self.graph().fail(error, self.ty())
            }
        }
    }

    /// Transposed convolution: the input is spread out by the strides, padded, and convolved
    /// with the reversed kernel at stride 1.
    ///
    /// # Shape
    /// `x: [batch, spatial.., in]`, `kernel: [taps.., out / groups, in]` (Keras's own layout)
    /// `-> [batch, spatial.., out]`, where each spatial length is
    /// `(length - 1) * stride + 2 + before + after - ((taps - 1) * dilation + 1)`.
    ///
    /// # Parameters
    /// - `spec.strides`: how far the input is spread out.
    /// - `spec.padding`: of the spread-out input, as JAX counts it, so that a layer computes it
    ///   as Keras does. Without padding only whole windows count; with the window's span less 1
    ///   on both sides every input position reaches its whole window.
    /// - `spec.dilation`, `spec.groups`: of the kernel.
    ///
    /// # Example
    /// ```
    /// use kerros_core::{DType, Tensor};
    /// use kerros_graph::{Graph, eval::evaluate, ops::ConvSpec};
    /// let graph = Graph::new();
    /// let x = graph.input("x", [1, 2, 1], DType::F32);
    /// let kernel = graph.input("kernel", [3, 1, 1], DType::F32);
    /// // Keras's `valid` for 3 taps: 2 on both sides.
    /// let y = x.conv_transpose(kernel, ConvSpec::new(1).strides([2]).padding([(2, 2)]));
    /// let values = [
    ///     Tensor::new([1, 2, 1], [1.0f32, 10.0])?,
    ///     Tensor::new([3, 1, 1], [1.0f32, 2.0, 3.0])?,
    /// ];
    /// let out = evaluate::<f32>(&graph, &[y], &values, &[])?;
    /// assert_eq!(out[0].as_slice::<f32>()?, [1.0, 2.0, 13.0, 20.0, 30.0]);
    /// # Ok::<(), kerros_core::Error>(())
    /// ```
    #[track_caller]
    pub fn conv_transpose(self, kernel: Node<'g>, spec: ConvSpec) -> Node<'g> {
        match spec.of_transposed(&self.shape(), &kernel.shape()) {
            Ok((spec, output)) => self.conv_input_gradient(kernel, &output, spec),
            Err(error) => self.graph().fail(error.context("conv_transpose"), self.ty()),
        }
    }

    /// The derivative of [`Node::conv`] with respect to its input, with this node as `dy`;
    /// `input` are the spatial lengths of that input.
    #[track_caller]
    pub fn conv_input_gradient(
        self,
        kernel: Node<'g>,
        input: &[usize],
        spec: ConvSpec,
    ) -> Node<'g> {
        self.graph().apply(ConvInputGradient { spec, input: input.to_vec() }, &[self, kernel])
    }

    /// The derivative of [`Node::conv`] with respect to its kernel, with this node as the
    /// input; `taps` are the spatial lengths of the kernel.
    #[track_caller]
    pub fn conv_kernel_gradient(self, dy: Node<'g>, taps: &[usize], spec: ConvSpec) -> Node<'g> {
        self.graph().apply(ConvKernelGradient { spec, taps: taps.to_vec() }, &[self, dy])
    }

    /// The largest element of each window, channel by channel. Padding is never chosen; NaN is
    /// the largest of all. The derivative goes to the first of equals.
    ///
    /// # Shape
    /// `x: [batch, spatial.., channels] -> [batch, spatial.., channels]`, where each spatial
    /// length is `(length + before + after - size) / stride + 1`, rounded down.
    ///
    /// # Example
    /// ```
    /// use kerros_core::{DType, Tensor};
    /// use kerros_graph::{Graph, eval::evaluate, ops::PoolSpec};
    /// let graph = Graph::new();
    /// let x = graph.input("x", [1, 4, 1], DType::F32);
    /// let pooled = x.max_pool(PoolSpec::new([2]));
    /// let average = x.avg_pool(PoolSpec::new([3]).strides([2]).padding([(0, 1)]));
    /// let values = [Tensor::new([1, 4, 1], [1.0f32, 2.0, 6.0, -1.0])?];
    /// let out = evaluate::<f32>(&graph, &[pooled, average], &values, &[])?;
    /// assert_eq!(out[0].as_slice::<f32>()?, [2.0, 6.0]);
    /// assert_eq!(out[1].as_slice::<f32>()?, [3.0, 2.5]);
    /// # Ok::<(), kerros_core::Error>(())
    /// ```
    #[track_caller]
    pub fn max_pool(self, spec: PoolSpec) -> Node<'g> {
        self.graph().apply(MaxPool { spec }, &[self])
    }

    /// The sum of each window, channel by channel: shapes as for [`Node::max_pool`].
    #[track_caller]
    pub fn sum_pool(self, spec: PoolSpec) -> Node<'g> {
        self.graph().apply(SumPool { spec }, &[self])
    }

    /// The mean of each window, channel by channel, without the padding: shapes as for
    /// [`Node::max_pool`].
    #[track_caller]
    pub fn avg_pool(self, spec: PoolSpec) -> Node<'g> {
        let Ok(sizes) = spec.sizes(&self.shape()) else { return self.sum_pool(spec) };
        let window = sizes.window;
        let counts: Vec<f32> = (0..window.num_outputs())
            .map(|output| {
                let taps = 0..window.num_taps();
                taps.filter(|&tap| window.input_at(output, tap).is_some()).count() as f32
            })
            .collect();
        let sums = self.sum_pool(spec);
        match counts.first() {
            Some(&first) if counts.iter().all(|&count| count == first) => sums / first,
            _ => {
                let mut dims = sums.shape().to_vec();
                let last = dims.len() - 1;
                (dims[0], dims[last]) = (1, 1);
                let counts = Tensor::new(dims, counts).expect("one count per output position");
                sums / self.graph().literal(counts)
            }
        }
    }

    /// The derivative of [`Node::max_pool`] of this node: adds each element of `dy` to the
    /// place of its window's maximum.
    #[track_caller]
    pub fn max_pool_scatter(self, dy: Node<'g>, spec: PoolSpec) -> Node<'g> {
        self.graph().apply(MaxPoolScatter { spec }, &[self, dy])
    }

    /// The elements of `values` at the places of the maxima of this node's windows.
    #[track_caller]
    pub fn max_pool_gather(self, values: Node<'g>, spec: PoolSpec) -> Node<'g> {
        self.graph().apply(MaxPoolGather { spec }, &[self, values])
    }

    /// The derivative of [`Node::sum_pool`], with this node as `dy`: adds each element to all
    /// places of its window. `input` are the spatial lengths of the result.
    #[track_caller]
    pub fn sum_pool_scatter(self, input: &[usize], spec: PoolSpec) -> Node<'g> {
        self.graph().apply(SumPoolScatter { spec, input: input.to_vec() }, &[self])
    }
}
