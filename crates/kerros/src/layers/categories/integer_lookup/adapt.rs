//! Finding a vocabulary in data, before training.

use std::collections::HashMap;

use kerros_core::{Error, ErrorKind, Result, Tensor};

use super::IntegerLookup;

impl IntegerLookup {
    /// Takes the numbers of data as the vocabulary, the most frequent first, of equals the larger.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] when a vocabulary was given.
    pub fn adapt(&mut self, data: &Tensor) -> Result<()> {
        if self.vocabulary.is_some() {
            let found = "an IntegerLookup layer was adapted that has its vocabulary";
            return Err(Error::new(ErrorKind::Argument, found)
                .expected("`without_vocabulary`, or a given vocabulary")
                .at(&self.options.origin));
        }
        let mut counts: HashMap<i32, usize> = HashMap::new();
        data.for_each_f64(|_, number| *counts.entry(number as i32).or_default() += 1);
        for special in [self.mask_token, self.oov_token].into_iter().flatten() {
            counts.remove(&special);
        }
        let mut tokens: Vec<(usize, i32)> =
            counts.into_iter().map(|(token, count)| (count, token)).collect();
        tokens.sort_unstable_by(|a, b| b.cmp(a));
        if let Some(most) = self.max_tokens {
            tokens.truncate(most.saturating_sub(self.first_token()));
        }
        self.vocabulary = Some(tokens.into_iter().map(|(_, token)| token).collect());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_come_first_and_then_the_larger() {
        let x = Tensor::new([9], [1i32, 2, 2, 5, 5, 5, 7, 7, 2]).unwrap();
        let mut layer = IntegerLookup::without_vocabulary().mask_token(7).max_tokens(4);
        layer.adapt(&x).unwrap();
        assert_eq!(layer.vocabulary.as_deref(), Some(&[5, 2][..]));
        assert_eq!(layer.adapt(&x).unwrap_err().kind(), ErrorKind::Argument);
    }
}
