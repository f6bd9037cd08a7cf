//! Batches from anywhere: what a run is fed with when its data do not lie in memory as arrays.

use std::fmt;

use kerros_core::Result;

use crate::Samples;

/// Something that gives one batch after another.
///
/// Every iterator over batches is one: it goes on from epoch to epoch and ends the run when it
/// is used up, so it is told how many steps an epoch has. A source that can begin again is
/// made by [`restartable`], or by implementing this trait.
///
/// # Example
/// ```
/// use kerros_core::Tensor;
/// use kerros_data::{BatchSource, Samples};
/// let ones = |at| (Tensor::full([4, 2], at as f32), Tensor::full([4, 1], 1.0f32));
/// let mut endless = (0..).map(ones);
/// let batch: Samples = endless.next_batch().unwrap()?;
/// assert_eq!(batch.num_rows(), 4);
/// // An iterator cannot begin again: it goes on.
/// assert!(!endless.restart(0)?);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub trait BatchSource {
    /// The number of batches of a pass, when it is known.
    fn num_batches(&self) -> Option<usize> {
        None
    }

    /// Goes back to the first batch, for pass `pass`; whether it could. A source that cannot
    /// stays where it is.
    ///
    /// The same `pass` must give the same batches, however often it is asked for: a run that is
    /// taken up again relies on it.
    ///
    /// # Errors
    /// What keeps the source from beginning again, such as a file that is gone.
    fn restart(&mut self, pass: u64) -> Result<bool>;

    /// The next batch; `None` after the last.
    fn next_batch(&mut self) -> Option<Result<Samples>>;
}

/// What an iterator over batches may give: anything that converts to [`Samples`].
impl<I> BatchSource for I
where
    I: Iterator,
    I::Item: Into<Samples>,
{
    fn restart(&mut self, _pass: u64) -> Result<bool> {
        Ok(false)
    }

    fn next_batch(&mut self) -> Option<Result<Samples>> {
        self.next().map(|batch| Ok(batch.into()))
    }
}

/// A source that begins again for each pass: made by [`restartable`].
pub struct Restartable<F, I> {
    begin: F,
    batches: Option<I>,
}

/// A source of which `begin` gives the batches of each pass, by the number of the pass: with it
/// as a seed they can come in another order each time, and the same when a pass is repeated.
///
/// # Example
/// ```
/// use kerros_core::Tensor;
/// use kerros_data::{BatchSource, source::restartable};
/// let mut source = restartable(|pass| (0..3).map(move |at| Tensor::scalar(at + pass as i32)));
/// assert!(source.restart(7)?);
/// let first = source.next_batch().unwrap()?;
/// assert_eq!(first.inputs[0].as_slice::<i32>()?, [7]);
/// # Ok::<(), kerros_core::Error>(())
/// ```
pub fn restartable<F, I>(begin: F) -> Restartable<F, I>
where
    F: FnMut(u64) -> I,
    I: Iterator,
    I::Item: Into<Samples>,
{
    Restartable { begin, batches: None }
}

impl<F, I> BatchSource for Restartable<F, I>
where
    F: FnMut(u64) -> I,
    I: Iterator,
    I::Item: Into<Samples>,
{
    fn restart(&mut self, pass: u64) -> Result<bool> {
        self.batches = Some((self.begin)(pass));
        Ok(true)
    }

    fn next_batch(&mut self) -> Option<Result<Samples>> {
        let begin = &mut self.begin;
        let batches = self.batches.get_or_insert_with(|| begin(0));
        batches.next().map(|batch| Ok(batch.into()))
    }
}

impl<F, I> fmt::Debug for Restartable<F, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restartable").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use kerros_core::Tensor;

    use super::*;

    fn numbers(source: &mut impl BatchSource) -> Vec<i32> {
        std::iter::from_fn(|| source.next_batch())
            .map(|batch| batch.unwrap().inputs[0].as_slice::<i32>().unwrap()[0])
            .collect()
    }

    #[test]
    fn an_iterator_goes_on() {
        let mut source = (0..5).map(|at| Tensor::new([1], [at]).unwrap());
        source.next_batch();
        assert!(!source.restart(1).unwrap());
        assert_eq!(numbers(&mut source), [1, 2, 3, 4]);
        assert_eq!(numbers(&mut source), [0; 0]);
    }

    #[test]
    fn a_pass_can_be_had_again() {
        let mut source =
            restartable(|pass| (0..3).map(move |at| Tensor::new([1], [at * pass as i32]).unwrap()));
        assert_eq!(numbers(&mut source), [0, 0, 0]);
        for _ in 0..2 {
            assert!(source.restart(2).unwrap());
            assert_eq!(numbers(&mut source), [0, 2, 4]);
        }
    }
}
