//! Functions of whole numbers: their bits and divisors.

use super::{Operand, apply};
use crate::model::KerasTensor;

of_one! {
    /// The other bit in place of each: `-1 - x`; of truth values the other.
    bitwise_invert = "ops.numpy" "BitwiseInvert";
    /// [`bitwise_invert`] under its other name.
    bitwise_not = "ops.numpy" "BitwiseNot";
}

of_two! {
    /// The bits of whole numbers that both have; of truth values whether both hold.
    ///
    /// # Example
    /// ```
    /// use kerros::prelude::*;
    /// use kerros::ops;
    /// let x = Input::new([3]).dtype(DType::I32).tensor();
    /// let y = ops::left_shift(&ops::bitwise_and(&x, 6), 1);
    /// let mut model = Model::functional([&x], [&y])?;
    /// let y = model.predict(Tensor::new([1, 3], [3, 5, 8])?)?;
    /// assert_eq!(y.as_slice::<i32>()?, [4, 8, 0]);
    /// # Ok::<(), kerros::Error>(())
    /// ```
    bitwise_and = "BitwiseAnd";
    /// The bits that either has.
    bitwise_or = "BitwiseOr";
    /// The bits that one of them has.
    bitwise_xor = "BitwiseXor";
    /// The bits of `a` moved up by `b` places: `a * 2^b`.
    bitwise_left_shift = "BitwiseLeftShift";
    /// The bits of `a` moved down by `b` places: `a / 2^b`, rounded down.
    bitwise_right_shift = "BitwiseRightShift";
    /// [`bitwise_left_shift`] under its other name.
    left_shift = "LeftShift";
    /// [`bitwise_right_shift`] under its other name.
    right_shift = "RightShift";
    /// The largest whole number that divides both.
    gcd = "Gcd";
    /// The smallest whole number that both divide.
    lcm = "Lcm";
}
