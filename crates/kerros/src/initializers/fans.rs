use kerros_core::{Error, ErrorKind, Result, Shape};

/// How many inputs and outputs a weight of this shape connects: `(fan_in, fan_out)`.
///
/// # Shape
/// `[]`: 1 and 1. `[n]`: n and n. `[in, out]`: in and out. Kernels of convolutions
/// `[.., in, out]`: in and out, each times the product of the axes before. With both
/// `input_axes` and `output_axes`, the products of those axes.
///
/// # Errors
/// [`ErrorKind::Shape`] for an axis that the shape does not have.
///
/// # Example
/// ```
/// use kerros::initializers::compute_fans;
/// assert_eq!(compute_fans(&[3, 3, 8, 16].into(), None, None)?, (72, 144));
/// # Ok::<(), kerros::Error>(())
/// ```
pub fn compute_fans(
    shape: &Shape,
    input_axes: Option<&[i64]>,
    output_axes: Option<&[i64]>,
) -> Result<(usize, usize)> {
    if let (Some(input), Some(output)) = (input_axes, output_axes) {
        return Ok((product_of_axes(shape, input)?, product_of_axes(shape, output)?));
    }
    Ok(match shape.dims() {
        [] => (1, 1),
        [units] => (*units, *units),
        [field @ .., input, output] => {
            let field: usize = field.iter().product();
            (input * field, output * field)
        }
    })
}

fn product_of_axes(shape: &Shape, axes: &[i64]) -> Result<usize> {
    axes.iter().try_fold(1, |product, &axis| {
        let axis = isize::try_from(axis).map_err(|_| {
            Error::new(ErrorKind::Shape, format!("axis {axis} of the shape {shape}"))
        })?;
        Ok(product * shape[shape.axis(axis)?])
    })
}
