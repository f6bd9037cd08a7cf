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
    BackupAndRestore, CSVLogger, Callback, EarlyStopping, LambdaCallback, LearningRateScheduler,
    ModelCheckpoint, ReduceLROnPlateau, StopAtLoss, SwapEMAWeights, TensorBoard, TerminateOnNaN,
};
pub use crate::constraints::{MaxNorm, MinMaxNorm, NonNeg, UnitNorm};
pub use crate::initializers::{
    Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform, Ones,
    Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, Zeros,
};
pub use crate::layers::{
    ActivityRegularization, AdaptiveAveragePooling1D, AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D, AdaptiveMaxPooling1D, AdaptiveMaxPooling2D, AdaptiveMaxPooling3D,
    Add, AdditiveAttention, AlphaDropout, Attention, AugMix, AutoContrast, Average,
    AveragePooling1D, AveragePooling2D, AveragePooling3D, BatchNormalization, Bidirectional,
    CategoryEncoding, CenterCrop, Concatenate, ContrastLimitedAdaptiveHistogramEqualization,
    Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Conv3DTranspose, ConvLSTM1D,
    ConvLSTM2D, ConvLSTM3D, Cropping1D, Cropping2D, Cropping3D, CustomScaleLayer, CutMix, Dense,
    DepthwiseConv1D, DepthwiseConv2D, Discretization, Dot, Dropout, ELU, EinsumDense, Embedding,
    Equalization, Flatten, GRU, GRUCell, GaussianDropout, GaussianNoise, GlobalAveragePooling1D,
    GlobalAveragePooling2D, GlobalAveragePooling3D, GlobalMaxPooling1D, GlobalMaxPooling2D,
    GlobalMaxPooling3D, GroupNormalization, GroupQueryAttention, Identity, InputLayer,
    IntegerLookup, LSTM, LSTMCell, LayerNormalization, LayerScale, LeakyReLU, LocallyConnected1D,
    LocallyConnected2D, Masking, MaxPooling1D, MaxPooling2D, MaxPooling3D, Maximum, MelSpectrogram,
    MergeMode, Minimum, MixUp, MultiHeadAttention, Multiply, Normalization, PReLU, Permute,
    Pipeline, RMSNormalization, RNN, RandAugment, RandomBrightness, RandomColorDegeneration,
    RandomColorJitter, RandomContrast, RandomCrop, RandomElasticTransform, RandomErasing,
    RandomFlip, RandomGaussianBlur, RandomGrayscale, RandomHue, RandomInvert, RandomPerspective,
    RandomPosterization, RandomRotation, RandomSaturation, RandomSharpness, RandomShear,
    RandomTranslation, RandomZoom, ReLU, RepeatVector, Rescaling, Reshape, Resizing,
    ReversibleEmbedding, STFTSpectrogram, SeparableConv1D, SeparableConv2D, SimpleRNN,
    SimpleRNNCell, Solarization, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D,
    SpectralNormalization, StackedRNNCells, Subtract, TimeDistributed, UnitNormalization,
    UpSampling1D, UpSampling2D, UpSampling3D, Wrapper, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D,
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
    Compile, Evaluate, Fit, Function, History, Losses, MetricLists, Metrics, Minimizer, PerOutput,
    Predict, Training, Variables, Verbose,
};
