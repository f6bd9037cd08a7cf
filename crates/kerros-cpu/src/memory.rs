//! Raw memory: blocks that threads share, each touching only what the plan gives it.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use memmap2::MmapMut;

/// Blocks start on cache lines.
const ALIGN: usize = 64;
/// From this size on a block is memory of its own from the system, in pages of this size where
/// it has them: with small ones the processor spends much of a large product on finding pages.
const HUGE_PAGE: usize = 2 << 20;

/// Zeroed memory at a fixed address.
#[derive(Debug)]
pub struct Block {
    start: NonNull<u8>,
    num_bytes: usize,
    /// Whose memory it is; the allocator's where there is none.
    mapping: Option<MmapMut>,
}

// SAFETY: a block is plain bytes with one owner; whoever reads or writes through its pointer
// says at that place why no two threads do so at once.
unsafe impl Send for Block {}
// SAFETY: as above; a shared block only gives out its address.
unsafe impl Sync for Block {}

impl Block {
    /// A block of zeros.
    pub fn zeroed(num_bytes: usize) -> Self {
        if num_bytes >= HUGE_PAGE
            && let Ok(mut mapping) = MmapMut::map_anon(num_bytes)
            && let Some(start) = NonNull::new(mapping.as_mut_ptr())
        {
            // Without huge pages everything works as well, only slower.
            #[cfg(target_os = "linux")]
            let _ = mapping.advise(memmap2::Advice::HugePage);
            return Block { start, num_bytes, mapping: Some(mapping) };
        }
        let layout = layout(num_bytes);
        // SAFETY: the layout's size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Block { start, num_bytes, mapping: None }
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

impl Drop for Block {
    fn drop(&mut self) {
        if self.mapping.is_none() {
            // SAFETY: the block was allocated with this layout and is freed once.
            unsafe { dealloc(self.start.as_ptr(), layout(self.num_bytes)) };
        }
    }
}

/// How the allocator is asked for a block.
fn layout(num_bytes: usize) -> Layout {
    Layout::from_size_align(num_bytes.max(ALIGN), ALIGN)
        .expect("tensors are smaller than the address space")
}
