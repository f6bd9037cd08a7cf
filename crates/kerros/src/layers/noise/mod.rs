//! Layers that draw random numbers while training.

use kerros_core::{Error, ErrorKind, Result, Shape};
use kerros_graph::Node;
use serde_json::Value;

use super::Call;
use super::options::maybe_f64;
use crate::object::{ConfigReader, length};

pub(super) mod alpha_dropout;
pub(super) mod distributions;
pub(super) mod dropout;
pub(super) mod gaussian_dropout;
pub(super) mod gaussian_noise;
mod spatial_dropout;
pub(super) mod spatial_dropout1d;
pub(super) mod spatial_dropout2d;
pub(super) mod spatial_dropout3d;

/// The random key of a training step, or none when nothing is to be drawn; a layer with a seed
/// of its own has that in place of the model's.
pub(super) fn key<'g>(call: &Call<'_, 'g>, seed: Option<u64>) -> Result<Option<Node<'g>>> {
    if call.training { call.key_with(seed) } else { Ok(None) }
}

/// Uniform numbers in `[0, 1)`.
pub(super) fn uniform<'g>(key: Node<'g>, shape: impl Into<Shape>) -> Node<'g> {
    key.graph().random_bits(key, shape).unit_float()
}

/// Numbers of the standard normal distribution, each from two uniform ones: the first
/// coordinate of a point on a circle whose radius is `sqrt(-2 log u)`.
pub(super) fn normal<'g>(key: Node<'g>, shape: Shape) -> Node<'g> {
    // In (0, 1]: the logarithm of 0 is infinite.
    let u = 1.0 - uniform(key, shape.clone());
    let angle = uniform(key, shape) * std::f32::consts::TAU;
    (u.log() * -2.0).sqrt() * angle.cos()
}

/// Zeroes a share `rate` of the elements and multiplies the others by `1 / (1 - rate)`;
/// elements along axes where `noise` has length 1 share their fate.
fn drop<'g>(x: Node<'g>, key: Node<'g>, rate: f32, noise: Option<Shape>) -> Node<'g> {
    match noise {
        _ if rate == 1.0 => x * 0.0,
        None => x.dropout(key, rate),
        Some(noise) => uniform(key, noise).less(rate).select(0.0, x * (1.0 / (1.0 - rate))),
    }
}

/// The lengths of a noise shape for an input of this shape.
///
/// # Errors
/// A noise shape that does not broadcast to the input's.
fn noise_shape(shape: &Shape, wanted: &[Option<usize>]) -> Result<Shape> {
    let dims = wanted.iter().zip(shape.iter()).map(|(dim, &own)| dim.unwrap_or(own));
    let noise: Shape = dims.collect();
    if wanted.len() == shape.ndim() && noise.broadcast(shape).as_ref() == Some(shape) {
        return Ok(noise);
    }
    Err(Error::new(ErrorKind::Shape, format!("noise_shape {wanted:?} for inputs of shape {shape}"))
        .expected("one entry per axis, batch axis included: None, 1 or the axis' length"))
}

/// Reads a number that must be there.
///
/// # Errors
/// [`ErrorKind::Format`] when it is not.
pub(super) fn required(reader: &mut ConfigReader<'_>, name: &str) -> Result<f64> {
    maybe_f64(reader, name).ok_or_else(|| {
        Error::new(ErrorKind::Format, format!("`{name}` is missing")).expected("a number")
    })
}

/// Reads a seed, if given.
pub(super) fn read_seed(reader: &mut ConfigReader<'_>) -> Option<u64> {
    reader.maybe_seed("seed")
}

/// Reads a noise shape, if given.
fn read_noise_shape(reader: &mut ConfigReader<'_>) -> Option<Vec<Option<usize>>> {
    let dim = |dim: &Value| match dim {
        Value::Null => Some(None),
        dim => length(dim).map(Some),
    };
    let value = reader.value("noise_shape")?;
    let dims = value.as_array().and_then(|dims| dims.iter().map(dim).collect());
    if dims.is_none() {
        reader.refuse(format!("`noise_shape` is {value}, expected a list of lengths"));
    }
    dims
}
