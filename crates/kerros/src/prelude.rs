//! Everything that a program that trains models writes: `use kerros::prelude::*;`.
//!
//! Where a loss and a metric have one name, the loss is here; metrics are taken by their
//! string names or from [`mod@crate::metrics`]. `Softmax` is the activation function here; the
//! layers `Activation` and `Softmax` are in [`crate::layers`].

pub use kerros_core::{DType, Error, ErrorKind, Result, Shape, Tensor};
pub use kerros_data::{Dataset, Samples, Split, datasets};
pub use kerros_graph::{Graph, Node, grad};

pub use crate::activations::{
    Elu, Exponential, Gelu, HardSigmoid, LeakyRelu, Linear, Mish, Relu, Relu6, Selu, Sigmoid, Silu,
    Softmax, Softplus, Softsign, Step, Tanh,
};
pub use crate::callbacks::{
    Callback, EarlyStopping, LambdaCallback, ReduceLROnPlateau, StopAtLoss, TerminateOnNaN,
};
pub use crate::constraints::{MaxNorm, MinMaxNorm, NonNeg, UnitNorm};
pub use crate::initializers::{
    Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform, Ones,
    Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, Zeros,
};
pub use crate::layers::{
    AdditiveAttention, Attention, Bidirectional, Dense, Dropout, ELU, EinsumDense, Embedding, Flatten, GRU, GRUCell, GroupQueryAttention,
    Identity,
    InputLayer, LSTM, LSTMCell, LeakyReLU, MergeMode, MultiHeadAttention, Normalization, PReLU, RNN, ReLU, Rescaling,
    Reshape, ReversibleEmbedding, SimpleRNN, SimpleRNNCell, StackedRNNCells, TimeDistributed,
    Wrapper,
};
pub use crate::losses::{
    BinaryCrossentropy, CategoricalCrossentropy, Hinge, Huber, KLDivergence, LogCosh,
    MeanAbsoluteError, MeanSquaredError, Poisson, SparseCategoricalCrossentropy, SquaredHinge,
};
pub use crate::metrics;
pub use crate::metrics::Accuracy;
pub use crate::model::{
    Input, IntoLayer, KerasTensor, Model, Sequential, Shared, arguments, set_random_seed,
};
pub use crate::optimizers::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Ftrl, Lion, Nadam, RMSprop, SGD,
};
pub use crate::regularizers::{L1, L1L2, L2};
pub use crate::schedules::{
    CosineDecay, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay,
};
pub use crate::trainer::{
    Compile, Evaluate, Fit, Function, History, Losses, MetricLists, Metrics, PerOutput, Training,
    Variables, Verbose,
};
