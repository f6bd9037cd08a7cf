//! The operations: one file each, and the list below.

use kerros_core::Result;

use crate::attributes::Attributes;
use crate::eval::{Array, Real};
use crate::graph::Type;
use crate::node::Node;
use crate::operation::{Backward, Cotangents, Operation, Sample, Tier};

macro_rules! operations {
    ($($(#[$doc:meta])* $module:ident :: $Name:ident),* $(,)?) => {
        /// Any operation.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Op {
            $($(#[$doc])* $Name($Name),)*
        }

        $(impl From<$Name> for Op {
            fn from(op: $Name) -> Op {
                Op::$Name(op)
            }
        })*

        impl Op {
            /// The names of all operations, in the order of the list.
            pub const NAMES: &'static [&'static str] = &[$($Name::NAME),*];

            /// See [`Operation::NAME`].
            pub fn name(&self) -> &'static str {
                match self { $(Op::$Name(_) => $Name::NAME,)* }
            }

            /// See [`Operation::TIER`].
            pub fn tier(&self) -> Tier {
                match self { $(Op::$Name(_) => $Name::TIER,)* }
            }

            /// See [`Operation::infer`].
            ///
            /// # Errors
            /// Types that do not fit.
            pub fn infer(&self, inputs: &[Type]) -> Result<Type> {
                match self { $(Op::$Name(op) => op.infer(inputs),)* }
            }

            /// See [`Operation::backward`].
            ///
            /// # Errors
            /// No derivative.
            pub fn backward<'g>(&self, context: &Backward<'_, 'g>) -> Result<Cotangents<'g>> {
                match self { $(Op::$Name(op) => op.backward(context),)* }
            }

            /// See [`Operation::decompose`].
            #[track_caller]
            pub fn decompose<'g>(&self, inputs: &[Node<'g>]) -> Option<Node<'g>> {
                match self { $(Op::$Name(op) => op.decompose(inputs),)* }
            }

            /// See [`Operation::eval`].
            pub fn eval<T: Real>(&self, inputs: &[&Array<T>], ty: &Type) -> Array<T> {
                match self { $(Op::$Name(op) => op.eval(inputs, ty),)* }
            }

            /// See [`Operation::attributes`].
            pub fn attributes(&self) -> Attributes {
                match self { $(Op::$Name(op) => op.attributes(),)* }
            }

            /// The operation of this name with these attributes; `None` for an unknown name.
            ///
            /// # Errors
            /// A missing or unreadable attribute.
            pub fn from_attributes(name: &str, attributes: &Attributes) -> Result<Option<Op>> {
                $(if name == $Name::NAME {
                    return $Name::from_attributes(attributes).map(|op| Some(op.into()));
                })*
                Ok(None)
            }

            /// The cases for the generic tests, of all operations.
            pub fn samples() -> Vec<Sample<Op>> {
                let mut all = Vec::new();
                $(all.extend($Name::samples().into_iter().map(|sample| Sample {
                    op: sample.op.into(),
                    inputs: sample.inputs,
                    range: sample.range,
                }));)*
                all
            }
        }

        $(pub use $module::$Name;)*
    };
}

operations! {

    /// A value handed in at every run.
    input::Input,
    /// A variable that lives from run to run.
    state::State,
    /// An array, the same at every run.
    literal::Literal,
    /// `0, 1, ..`.
    iota::Iota,
    /// Random words.
    random_bits::RandomBits,

    /// A function of one value.
    unary::Unary,
    /// A function of two values.
    binary::Binary,
    /// One of two values.
    select::Select,
    /// Another element type.
    cast::Cast,
    // Shape
    /// The same elements under another shape.
    reshape::Reshape,
    /// Axes in another order.
    transpose::Transpose,
    /// Axes of length 1 stretched.
    broadcast::Broadcast,
    /// A part along an axis.
    slice::Slice,
    /// Zeros around and between.
    pad::Pad,
    /// Tensors joined.
    concat::Concat,
    /// An axis backwards.
    reverse::Reverse,
    // By index
    /// Entries picked by index.
    gather::Gather,
    /// Entries added where indices say.
    scatter_add::ScatterAdd,
    // Along axes
    /// Sum, largest or smallest.
    reduce::Reduce,
    /// Index of the largest or smallest.
    arg_reduce::ArgReduce,
    /// Running sums.
    cumsum::CumSum,
    /// Sorted values.
    sort::Sort,
    /// Sorting indices.
    argsort::ArgSort,
    // Contraction
    /// Matrix product.
    matmul::MatMul,
    /// Convolution.
    conv::Conv,
    /// Its derivative with respect to the input: transposed convolution.
    conv_input_gradient::ConvInputGradient,
    /// Its derivative with respect to the kernel.
    conv_kernel_gradient::ConvKernelGradient,
    // Pooling
    /// The largest of each window.
    max_pool::MaxPool,
    /// Values given to the places of the largest.
    max_pool_scatter::MaxPoolScatter,
    /// Values taken from the places of the largest.
    max_pool_gather::MaxPoolGather,
    /// The sum of each window.
    sum_pool::SumPool,
    /// Values given to all places of each window.
    sum_pool_scatter::SumPoolScatter,
    // Derivatives
    /// No derivative.
    stop_gradient::StopGradient,
    /// Another derivative.
    replace_gradient::ReplaceGradient,
    // Composites
    /// A dense layer.
    linear::Linear,
    /// A convolution layer.
    conv_linear::ConvLinear,
    /// Exponentials that sum to 1.
    softmax::Softmax,
    /// Their logarithms.
    log_softmax::LogSoftmax,
    /// Cross-entropy of classes.
    softmax_cross_entropy::SoftmaxCrossEntropy,
    /// Cross-entropy of yes and no.
    sigmoid_cross_entropy::SigmoidCrossEntropy,
    /// Random zeros.
    dropout::Dropout,
    /// Length of all tensors together.
    global_norm::GlobalNorm,
    // Sequences
    /// A long short-term memory.
    lstm::Lstm,
    /// Its derivative.
    lstm_gradient::LstmGradient,
    /// A gated recurrent unit.
    gru::Gru,
    /// Its derivative.
    gru_gradient::GruGradient,
    /// A fully connected recurrent layer.
    simple_rnn::SimpleRnn,
    /// Its derivative.
    simple_rnn_gradient::SimpleRnnGradient,
    /// Scaled dot-product attention.
    attention::Attention,
    /// Its derivative.
    attention_gradient::AttentionGradient,
    // Normalization
    /// Rows brought to one size.
    row_norm::RowNorm,
    /// Its derivative.
    row_norm_gradient::RowNormGradient,
}

pub use attention::{AttentionSizes, ScoreBias, ScoreInput};
pub use attention_gradient::AttentionOperand;
pub use cell_activation::CellActivation;
pub use gather::Outside;
pub use gru::{GruResult, RecurrentOutputs, Reset};
pub use gru_gradient::GruGradientResult;
pub use linear::LinearActivation;
pub use lstm::{LstmOutputs, LstmResult};
pub use lstm_gradient::LstmGradientResult;
pub use recurrence::RecurrentSizes;
pub use reduce::ReduceKind;
pub use simple_rnn_gradient::SimpleRnnGradientResult;
pub use window::{ConvSpec, PoolSpec, same_padding};

mod arg_reduce;
mod argsort;
mod attention;
mod attention_gradient;
mod binary;
mod broadcast;
mod cast;
mod cell_activation;
mod concat;
mod conv;
mod conv_input_gradient;
mod conv_kernel_gradient;
mod conv_linear;
mod cumsum;
mod dropout;
mod gather;
mod global_norm;
mod gru;
mod gru_gradient;
mod input;
mod iota;
mod linear;
mod literal;
mod log_softmax;
mod lstm;
mod lstm_gradient;
mod matmul;
mod max_pool;
mod max_pool_gather;
mod max_pool_scatter;
mod pad;
mod random_bits;
mod recurrence;
mod reduce;
mod replace_gradient;
mod reshape;
mod reverse;
mod row_norm;
mod row_norm_gradient;
mod scatter_add;
mod select;
mod sigmoid_cross_entropy;
mod simple_rnn;
mod simple_rnn_gradient;
mod slice;
mod softmax;
mod softmax_cross_entropy;
mod sort;
mod state;
mod stop_gradient;
mod sum_pool;
mod sum_pool_scatter;
mod transpose;
mod unary;
mod window;
