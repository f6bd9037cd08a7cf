//! The order in which the rows of an epoch are visited, a batch at a time.

use std::ops::Range;

use kerros_core::{Error, ErrorKind, Philox, Result};

/// The Philox stream that orders the rows of each epoch.
///
/// Streams of data lie at the upper end of the numbers, far from those of a graph's random ops,
/// which count up from 0.
pub const SHUFFLE_STREAM: u32 = 0xFFFF_FF00;

/// Cuts the rows of each epoch into batches, in order or in a seeded random order.
///
/// The order is `Philox::permutation(stream, epoch, rows)`: a function of seed, stream and epoch
/// alone, so a run that is taken up again at (epoch, batch) visits the same rows. No row is
/// copied; only [`Batches::new`] allocates.
///
/// # Example
/// ```
/// use kerros_data::{Batch, Batches};
/// let mut batches = Batches::new(10, 4)?.shuffle(7);
/// let epoch = batches.epoch(0);
/// assert_eq!(epoch.len(), 3);
/// let mut rows: Vec<u32> = epoch.flat_map(|batch| batch.iter().collect::<Vec<_>>()).collect();
/// rows.sort();
/// assert_eq!(rows, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
///
/// let mut in_order = Batches::new(10, 4)?;
/// assert_eq!(in_order.epoch(0).last(), Some(Batch::Range(8..10)));
/// # Ok::<(), kerros_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batches {
    num_rows: u32,
    batch_size: u32,
    shuffle: Option<(Philox, u32)>,
    order: Vec<u32>,
    ordered_for: Option<u64>,
}

/// The rows of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batch<'a> {
    /// Rows that lie next to each other.
    Range(Range<u32>),
    /// Rows from anywhere, in this order.
    Rows(&'a [u32]),
}

impl Batches {
    /// Batches of `batch_size` rows, in order; the last one of an epoch is shorter when the
    /// rows do not divide evenly.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] when `batch_size` is 0; [`ErrorKind::Data`] when there are no
    /// rows, or more than 2^32 - 1.
    pub fn new(num_rows: usize, batch_size: usize) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::new(ErrorKind::Argument, "the batch size is 0")
                .expected("at least 1 row per batch"));
        }
        let rows = u32::try_from(num_rows).ok().filter(|&rows| rows > 0).ok_or_else(|| {
            Error::new(ErrorKind::Data, format!("{num_rows} rows cannot be cut into batches"))
                .expected("1 to 4,294,967,295 rows")
        })?;
        Ok(Batches {
            num_rows: rows,
            batch_size: u32::try_from(batch_size).unwrap_or(rows).min(rows),
            shuffle: None,
            order: Vec::new(),
            ordered_for: None,
        })
    }

    /// Visits the rows of every epoch in another random order.
    pub fn shuffle(self, seed: u64) -> Self {
        self.shuffle_stream(seed, SHUFFLE_STREAM)
    }

    /// As [`Batches::shuffle`], from another random stream of the same seed.
    fn shuffle_stream(mut self, seed: u64, stream: u32) -> Self {
        self.order = vec![0; self.num_rows as usize];
        self.shuffle = Some((Philox::new(seed), stream));
        self.ordered_for = None;
        self
    }

    /// The number of rows of an epoch.
    pub fn num_rows(&self) -> usize {
        self.num_rows as usize
    }

    /// The number of rows of every batch but perhaps the last.
    pub fn batch_size(&self) -> usize {
        self.batch_size as usize
    }

    /// The number of batches of an epoch.
    pub fn num_batches(&self) -> usize {
        self.num_rows.div_ceil(self.batch_size) as usize
    }

    /// The batches of an epoch, from the first on.
    pub fn epoch(&mut self, epoch: u64) -> Epoch<'_> {
        self.epoch_from(epoch, 0)
    }

    /// The batches of an epoch from batch `first` on: for going on inside an epoch.
    pub fn epoch_from(&mut self, epoch: u64, first: usize) -> Epoch<'_> {
        let order = match self.shuffle {
            None => None,
            Some((philox, stream)) => {
                if self.ordered_for != Some(epoch) {
                    permute(&philox, stream, epoch, &mut self.order);
                    self.ordered_for = Some(epoch);
                }
                Some(self.order.as_slice())
            }
        };
        let first_row = (first as u64).saturating_mul(u64::from(self.batch_size));
        Epoch {
            order,
            num_rows: self.num_rows,
            batch_size: self.batch_size,
            next_row: first_row.min(u64::from(self.num_rows)) as u32,
        }
    }
}

/// [`Philox::permutation`] into memory that is already there.
fn permute(philox: &Philox, stream: u32, epoch: u64, order: &mut [u32]) {
    for (at, row) in order.iter_mut().enumerate() {
        *row = at as u32;
    }
    for last in (1..order.len()).rev() {
        let other = philox.below(stream, epoch, last as u64, last as u64 + 1) as usize;
        order.swap(last, other);
    }
}

/// The batches of one epoch; made by [`Batches::epoch`].
#[derive(Clone, Debug)]
pub struct Epoch<'a> {
    order: Option<&'a [u32]>,
    num_rows: u32,
    batch_size: u32,
    next_row: u32,
}

impl<'a> Iterator for Epoch<'a> {
    type Item = Batch<'a>;

    fn next(&mut self) -> Option<Batch<'a>> {
        if self.next_row == self.num_rows {
            return None;
        }
        let start = self.next_row;
        let end = start + self.batch_size.min(self.num_rows - start);
        self.next_row = end;
        Some(match self.order {
            None => Batch::Range(start..end),
            Some(order) => Batch::Rows(&order[start as usize..end as usize]),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.num_rows - self.next_row).div_ceil(self.batch_size) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Epoch<'_> {}

impl Batch<'_> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Batch::Range(rows) => rows.len(),
            Batch::Rows(rows) => rows.len(),
        }
    }

    /// Whether there are no rows; an [`Epoch`] never yields such a batch.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indices of the rows, in the batch's order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let (range, rows) = match self {
            Batch::Range(range) => (range.clone(), &[][..]),
            Batch::Rows(rows) => (0..0, *rows),
        };
        range.chain(rows.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_of(epoch: Epoch<'_>) -> Vec<u32> {
        epoch.flat_map(|batch| batch.iter().collect::<Vec<_>>()).collect()
    }

    #[test]
    fn every_row_comes_once_and_the_last_batch_is_ragged() {
        for (num_rows, batch_size) in [(1, 1), (1, 32), (10, 3), (10, 5), (64, 32), (65, 32)] {
            for shuffled in [false, true] {
                let mut batches = Batches::new(num_rows, batch_size).unwrap();
                if shuffled {
                    batches = batches.shuffle(1);
                }
                let lens: Vec<usize> = batches.epoch(3).map(|batch| batch.len()).collect();
                assert_eq!(lens.len(), batches.num_batches());
                assert_eq!(lens.len(), batches.epoch(3).len());
                assert!(lens[..lens.len() - 1].iter().all(|&len| len == batch_size));
                let mut rows = rows_of(batches.epoch(3));
                rows.sort_unstable();
                assert!(rows.iter().copied().eq(0..num_rows as u32));
            }
        }
    }

    #[test]
    fn the_order_is_philox_permutation_of_seed_stream_and_epoch() {
        let mut batches = Batches::new(100, 32).unwrap().shuffle(9);
        for epoch in [0, 1, 0, 1 << 40] {
            let expected = Philox::new(9).permutation(SHUFFLE_STREAM, epoch, 100);
            assert_eq!(rows_of(batches.epoch(epoch)), expected);
        }
        let first = rows_of(batches.epoch(0));
        assert_ne!(first, rows_of(batches.epoch(1)));
        let mut others = [
            Batches::new(100, 32).unwrap().shuffle(10),
            Batches::new(100, 32).unwrap().shuffle_stream(9, 5),
        ];
        assert!(others.iter_mut().all(|other| rows_of(other.epoch(0)) != first));
    }

    #[test]
    fn epochs_use_the_memory_of_the_first() {
        let mut batches = Batches::new(1000, 32).unwrap().shuffle(4);
        let first_row = |epoch: Epoch<'_>| epoch.order.expect("it is shuffled").as_ptr();
        let memory = first_row(batches.epoch(0));
        assert!((1..20).all(|epoch| first_row(batches.epoch(epoch)) == memory));
    }

    #[test]
    fn an_epoch_is_taken_up_at_any_batch() {
        let mut batches = Batches::new(10, 4).unwrap().shuffle(2);
        let whole = rows_of(batches.epoch(5));
        assert_eq!(rows_of(batches.epoch_from(5, 1)), whole[4..]);
        assert_eq!(batches.epoch_from(5, 3).len(), 0);
        assert_eq!(batches.epoch_from(5, usize::MAX).next(), None);
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        assert_eq!(Batches::new(10, 0).unwrap_err().message(), "the batch size is 0");
        assert_eq!(Batches::new(0, 4).unwrap_err().kind(), ErrorKind::Data);
        assert_eq!(Batches::new(1 << 33, 4).unwrap_err().kind(), ErrorKind::Data);
        assert_eq!(Batches::new(3, usize::MAX).unwrap().epoch(0).len(), 1);
    }
}
