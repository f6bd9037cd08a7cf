//! What all optimizers have in common.

use crate::schedules::LearningRate;

/// The settings that every optimizer takes.
#[derive(Clone, Debug)]
pub struct Options {
    /// The learning rate: a number, or a schedule over steps.
    pub learning_rate: LearningRate,
    /// The share of each variable that is taken away per step, times the learning rate.
    pub weight_decay: Option<f32>,
    /// Upper bound of each gradient's own norm.
    pub clipnorm: Option<f32>,
    /// Upper bound of each gradient element's size.
    pub clipvalue: Option<f32>,
    /// Upper bound of the norm of all gradients together.
    pub global_clipnorm: Option<f32>,
    /// Whether to keep a moving average of the variables.
    pub use_ema: bool,
    /// The share of the old average that is kept per step.
    pub ema_momentum: f32,
    /// Every how many steps the variables are set to their averages.
    pub ema_overwrite_frequency: Option<usize>,
    /// A fixed factor by which the loss is scaled up and gradients down.
    pub loss_scale_factor: Option<f32>,
    /// Over how many steps gradients are averaged before one update.
    pub gradient_accumulation_steps: Option<usize>,
}
