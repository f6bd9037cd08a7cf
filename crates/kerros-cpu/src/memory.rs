//! Raw memory: blocks that threads share, each touching only what the plan gives it.

use std::ptr::NonNull;

use kerros_core::{Buffer, Result};

/// Zeroed memory at a fixed address.
#[derive(Debug)]
pub struct Block {
    start: NonNull<u8>,
    num_bytes: usize,
    /// Whose memory it is; reached through the address alone.
    _buffer: Buffer,
}

// SAFETY: a block is plain bytes with one owner; whoever reads or writes through its pointer
// says at that place why no two threads do so at once.
unsafe impl Send for Block {}
// SAFETY: as above; a shared block only gives out its address.
unsafe impl Sync for Block {}

impl Block {
    /// A block of zeros.
    ///
    /// # Panics
    /// When there is not so much memory.
    pub fn zeroed(num_bytes: usize) -> Self {
        Block::of(Buffer::zeroed(num_bytes))
    }

    /// A block of zeros.
    ///
    /// # Errors
    /// When there is not so much memory.
    pub fn try_zeroed(num_bytes: usize) -> Result<Self> {
        Buffer::try_zeroed(num_bytes).map(Block::of)
    }

    fn of(mut buffer: Buffer) -> Self {
        let num_bytes = buffer.bytes().len();
        let start = NonNull::from(buffer.bytes_mut()).cast();
        Block { start, num_bytes, _buffer: buffer }
    }

    /// The address of the first byte.
    pub fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The bytes, while nobody writes them.
    pub fn bytes(&self, num_bytes: usize) -> &[u8] {
        assert!(num_bytes <= self.num_bytes);
        // SAFETY: within the block, initialised since it was zeroed; threads write only
        // during a run, which borrows the owner of the block exclusively.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), num_bytes) }
    }

    /// The bytes for writing.
    pub fn bytes_mut(&mut self, num_bytes: usize) -> &mut [u8] {
        assert!(num_bytes <= self.num_bytes);
        // SAFETY: within the block, initialised, and borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), num_bytes) }
    }
}
