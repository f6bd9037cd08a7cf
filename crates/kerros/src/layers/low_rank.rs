//! LoRA: a kernel that stays as it is, with a product of two small matrices that learn in its
//! place.

use kerros_core::{Error, ErrorKind, Result, Tensor};
use kerros_graph::Node;
use serde_json::{Number, json};

use super::trained::Trained;
use super::{Weight, quantized};
use crate::object::{Choice, Config, ConfigReader};

/// What Keras's `lora_rank` and `lora_alpha` say: `kernel + alpha / rank * A · B`, of which `A`
/// and `B` learn and the kernel does not.
///
/// `A` has the kernel's axes with the last one of length `rank`; `B: [rank, out]`. A layer's
/// weights end with both.
///
/// # Source
/// Hu and others: "LoRA: low-rank adaptation of large language models", arXiv 2106.09685.
#[derive(Clone, Debug, Default)]
pub(crate) struct LowRank {
    /// None where the kernel learns itself.
    pub(crate) rank: Option<usize>,
    /// What the product counts, times the rank. The rank itself where absent.
    pub(crate) alpha: Option<Number>,
}

/// Factors of more numbers than a machine could address are refused before they are multiplied out.
const MAX_NUMBERS: usize = isize::MAX as usize / 8;

/// What a weight is in a product that learns in a kernel's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// The kernel. Files hold it with the product added.
    Kernel,
    /// `A`, which files of Keras 3 do not hold.
    A,
    /// What describes a quantized kernel: files hold that of the sum.
    Range,
    /// `B`, which they do not hold either, and what the product counts.
    B {
        /// `alpha / rank`.
        scale: f32,
    },
}

impl Role {
    /// Whether it is one of the two factors.
    pub(crate) fn is_factor(self) -> bool {
        matches!(self, Role::A | Role::B { .. })
    }
}

impl LowRank {
    /// Reads `lora_rank` and `lora_alpha`.
    pub(crate) fn read(reader: &mut ConfigReader<'_>) -> Self {
        let rank = reader.maybe_usize("lora_rank").filter(|&rank| rank > 0);
        let alpha = match reader.value("lora_alpha") {
            None => None,
            Some(value) => {
                let number = value.as_number().cloned();
                if number.is_none() {
                    reader.refuse(format!("`lora_alpha` is {value}, expected a number"));
                }
                number
            }
        };
        LowRank { rank, alpha }
    }

    /// Reads `lora_rank` for a layer that counts the product once, whatever `lora_alpha` is:
    /// Keras's `Dense` and `Embedding` lose it when they make their weights.
    pub(crate) fn read_rank(reader: &mut ConfigReader<'_>) -> Self {
        LowRank { alpha: None, ..LowRank::read(reader) }
    }

    /// Writes both where there is a product, as Keras does.
    pub(crate) fn write(&self, config: &mut Config) {
        let Some(rank) = self.rank else { return };
        config.insert("lora_rank".into(), json!(rank));
        let alpha = self.alpha.clone().map_or(json!(rank), |alpha| json!(alpha));
        config.insert("lora_alpha".into(), alpha);
    }

    /// Checks that the kernel can be left as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] for a kernel with a constraint.
    pub(crate) fn check<T: ?Sized>(&self, constraint: &Option<Choice<T>>) -> Result<()> {
        match (self.rank, constraint) {
            (Some(rank), Some(_)) => Err(Error::new(
                ErrorKind::Argument,
                format!("`lora_rank` {rank} with a constraint on the kernel"),
            )
            .expected("one of both: the kernel is frozen where `lora_rank` is set")
            .hint("leave the constraint away")),
            _ => Ok(()),
        }
    }

    /// Freezes the kernel and gives the factors that learn in its place, `lora_NAME_a` and
    /// `lora_NAME_b`, with the kernel's penalty.
    ///
    /// # Errors
    /// A kernel without axes.
    pub(crate) fn factors(
        &self,
        kernel: &mut Weight,
        [a, b]: [&'static str; 2],
    ) -> Result<Vec<Weight>> {
        let Some(rank) = self.rank else { return Ok(Vec::new()) };
        let Some((&out, kept)) = kernel.shape.dims().split_last() else {
            return Err(Error::new(ErrorKind::Shape, "a kernel without axes has no rank"));
        };
        let rows: usize = kept.iter().product();
        let fits = |axis: usize| rank.checked_mul(axis).is_some_and(|size| size < MAX_NUMBERS);
        if !fits(rows) || !fits(out) {
            return Err(Error::new(ErrorKind::Argument, format!("`lora_rank` is {rank}"))
                .expected(format!("a rank of at most {}", (MAX_NUMBERS - 1) / rows.max(out))));
        }
        let a = Trained::new("he_uniform").weight(a, [kept, &[rank]].concat())?;
        let b = Trained::new("zeros").weight(b, [rank, out])?;
        // Frozen, not untrained: it keeps its place before the layer's bias.
        kernel.frozen = true;
        kernel.low_rank = Some(Role::Kernel);
        let regularizer = &kernel.regularizer;
        let alpha = self.alpha.as_ref().and_then(Number::as_f64).unwrap_or(rank as f64);
        let scale = (alpha / rank as f64) as f32;
        Ok(vec![
            Weight { regularizer: regularizer.clone(), low_rank: Some(Role::A), ..a },
            Weight { regularizer: regularizer.clone(), low_rank: Some(Role::B { scale }), ..b },
        ])
    }

    /// The kernel that is used: the first of a layer's weights, with the product of the last two.
    pub(crate) fn kernel<'g>(&self, weights: &[Node<'g>]) -> Node<'g> {
        let kernel = weights[0];
        self.product(weights, &kernel.shape()).map_or(kernel, |product| kernel + product)
    }

    /// What counts beside the kernel, in its shape: the product of the last two of a layer's
    /// weights. None where the kernel learns itself.
    pub(crate) fn product<'g>(&self, weights: &[Node<'g>], shape: &[usize]) -> Option<Node<'g>> {
        let (Some(rank), [.., a, b]) = (self.rank, weights) else { return None };
        let rows = a.shape().num_elements() / rank.max(1);
        let alpha = self.alpha.as_ref().and_then(Number::as_f64).unwrap_or(rank as f64);
        let product = a.reshape([rows, rank]).matmul(*b).reshape(shape);
        Some(product * ((alpha / rank as f64) as f32))
    }
}

/// The values of weights with each product added to its kernel, as files of Keras 3 hold them.
/// The factors stay in their places.
///
/// # Errors
/// Values of other shapes than the weights'.
pub(crate) fn merged<'a>(
    weights: impl Iterator<Item = &'a Weight>,
    mut values: Vec<Tensor>,
) -> Result<Vec<Tensor>> {
    let (mut kernel, mut a) = (None, None);
    let mut quantized_factors: Option<Vec<f32>> = None;
    for (at, weight) in weights.enumerate() {
        match (weight.low_rank, &weight.quantized) {
            // One that does not learn at all stands behind its factors.
            (Some(Role::Kernel), Some(quantized::Role::Table(held))) => {
                if let Some(product) = quantized_factors.take() {
                    quantized::merge(held, &product, &mut values[at..])?;
                }
            }
            (Some(Role::Kernel), _) => kernel = Some(at),
            (Some(Role::A), _) => a = Some(at),
            (Some(Role::B { scale }), _) => {
                let Some(a) = a.take() else { continue };
                let product = product(&values[a], &values[at], scale)?;
                match kernel.take() {
                    Some(kernel) => values[kernel] = sum(&values[kernel], &product)?,
                    None => quantized_factors = Some(product),
                }
            }
            (Some(Role::Range) | None, _) => {}
        }
    }
    Ok(values)
}

/// `scale * a · b`.
fn product(a: &Tensor, b: &Tensor, scale: f32) -> Result<Vec<f32>> {
    let (rank, out) = (b.shape()[0], b.shape()[1]);
    let (a, b) = (a.as_slice::<f32>()?, b.as_slice::<f32>()?);
    let mut product = vec![0.0f32; a.len() / rank.max(1) * out];
    if product.is_empty() {
        return Ok(product);
    }
    for (product, a) in product.chunks_exact_mut(out).zip(a.chunks_exact(rank)) {
        for (&a, b) in a.iter().zip(b.chunks_exact(out)) {
            product.iter_mut().zip(b).for_each(|(product, &b)| *product = a.mul_add(b, *product));
        }
    }
    product.iter_mut().for_each(|product| *product *= scale);
    Ok(product)
}

/// A kernel with a product added.
fn sum(kernel: &Tensor, product: &[f32]) -> Result<Tensor> {
    let sums = kernel.as_slice::<f32>()?.iter().zip(product);
    Tensor::new(
        kernel.shape().clone(),
        sums.map(|(sum, product)| sum + product).collect::<Vec<_>>(),
    )
}

/// The builder methods of LoRA; `$place` is where the layer keeps its [`LowRank`]. Layers that
/// end with `alpha` say how much the product counts.
macro_rules! low_rank_methods {
    ($Layer:ident, $($place:ident).+) => {
        impl $Layer {
            /// Freezes the kernel and lets a product of two matrices learn in its place, `A` of so
            /// many columns and `B` of so many rows: `kernel + A · B`. 0 lets the kernel learn.
            pub fn lora_rank(mut self, rank: usize) -> Self {
                self.$($place).+.rank = Some(rank).filter(|&rank| rank > 0);
                self
            }
        }
    };
    ($Layer:ident, $($place:ident).+, alpha) => {
        $crate::layers::low_rank::low_rank_methods!($Layer, $($place).+);

        impl $Layer {
            /// Sets how much that product counts: `alpha / rank`. Default: as much as the rank.
            pub fn lora_alpha(mut self, alpha: u32) -> Self {
                self.$($place).+.alpha = Some(alpha.into());
                self
            }
        }
    };
}
pub(crate) use low_rank_methods;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_added_to_its_kernel() {
        let kernel = Tensor::new([2, 2], [1.0f32, 2.0, 3.0, 4.0]).unwrap();
        let a = Tensor::new([2, 1], [1.0f32, 2.0]).unwrap();
        let b = Tensor::new([1, 2], [10.0f32, 20.0]).unwrap();
        let sum = sum(&kernel, &product(&a, &b, 0.5).unwrap()).unwrap();
        assert_eq!(sum.as_slice::<f32>().unwrap(), [6.0, 12.0, 13.0, 24.0]);
    }
}
