//! Layers against real Keras: outputs, masks, and weights after a few steps of training.
//!
//! The numbers come from `fixtures/make.py`, which runs Keras on its JAX backend in `float32`.

mod keras;
#[path = "keras_layers/models.rs"]
mod models;
