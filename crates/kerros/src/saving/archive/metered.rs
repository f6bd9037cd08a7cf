//! The bytes of an HDF5 file behind a meter, so that no structure in it can be walked for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hdf5_pure::{FormatError, Source};

use super::limits;

/// Charged for every read besides its bytes: the library's own work per read.
const READ_COST: u64 = 64;

/// A file in memory whose readers run on fuel.
///
/// HDF5 structures point at each other by address, and a hostile file can make them point in
/// circles with a branch at every step: the work then doubles with each level although every
/// single read is in bounds. Whatever the circle is made of, it has to be read, so a bound on
/// the bytes read is a bound on time and on what a walk can collect in memory.
pub(super) struct MeteredBytes {
    bytes: Vec<u8>,
    fuel: Arc<Fuel>,
}

/// What is left to read: in the present call into the library, and in all.
pub(super) struct Fuel {
    per_step: u64,
    step: AtomicU64,
    total: AtomicU64,
}

impl MeteredBytes {
    pub(super) fn new(bytes: Vec<u8>) -> (Self, Arc<Fuel>) {
        let per_step = limits::step_fuel(bytes.len());
        let fuel = Arc::new(Fuel {
            per_step,
            step: AtomicU64::new(per_step),
            total: AtomicU64::new(limits::total_fuel(bytes.len())),
        });
        (MeteredBytes { bytes, fuel: Arc::clone(&fuel) }, fuel)
    }
}

impl Fuel {
    /// Fills the tank of one step again; call before each call into the library.
    pub(super) fn refill(&self) {
        self.step.store(self.per_step, Ordering::Relaxed);
    }

    /// Whether a read was refused for lack of fuel.
    pub(super) fn is_spent(&self) -> bool {
        self.step.load(Ordering::Relaxed) == 0 || self.total.load(Ordering::Relaxed) == 0
    }

    fn burn(&self, num_bytes: usize) -> Result<(), FormatError> {
        let cost = READ_COST + num_bytes as u64;
        for tank in [&self.step, &self.total] {
            // The file is read by one thread; atomics only because the library asks for `Sync`.
            let left = tank.load(Ordering::Relaxed).saturating_sub(cost);
            tank.store(left, Ordering::Relaxed);
        }
        if self.is_spent() {
            return Err(FormatError::Source(
                "its structures point at each other in circles".into(),
            ));
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn total_left(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

impl Source for MeteredBytes {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), FormatError> {
        self.fuel.burn(buf.len())?;
        let end = offset
            .checked_add(buf.len() as u64)
            .ok_or(FormatError::OffsetOverflow { offset, length: buf.len() as u64 })?;
        if end > self.len() {
            return Err(FormatError::UnexpectedEof {
                expected: usize::try_from(end).unwrap_or(usize::MAX),
                available: self.bytes.len(),
            });
        }
        // In bounds of a buffer in memory, so both fit a `usize`.
        buf.copy_from_slice(&self.bytes[offset as usize..end as usize]);
        Ok(())
    }
}
