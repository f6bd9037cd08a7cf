//! Memory for arrays: zeroed, on cache lines, and in huge pages where it is large.

use memmap2::MmapMut;

use crate::{Error, ErrorKind, Result};

/// One cache line, so that every buffer starts on one.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([u8; LINE_BYTES]);

const LINE_BYTES: usize = 64;
/// From this size on a buffer is memory of its own from the system, in pages of 2 MiB where it has
/// them: with pages of 4 KiB the processor spends much of a large product, and of gathering the
/// rows of a batch, on finding them.
const LARGE_BYTES: usize = 2 << 20;

/// Bytes that begin on a cache line, zero at first.
///
/// ```
/// use kerros_core::Buffer;
/// let mut buffer = Buffer::zeroed(100);
/// buffer.bytes_mut()[99] = 1;
/// assert_eq!(buffer.bytes()[98..], [0, 1]);
/// assert!(buffer.bytes().as_ptr().addr().is_multiple_of(64));
/// ```
#[derive(Debug)]
pub struct Buffer {
    memory: Memory,
    num_bytes: usize,
}

enum Memory {
    Lines(Vec<Line>),
    Pages(MmapMut),
}

impl Buffer {
    /// A buffer of zeros.
    ///
    /// # Panics
    /// When there is not so much memory: where a size may be beyond it, see
    /// [`Buffer::try_zeroed`].
    pub fn zeroed(num_bytes: usize) -> Self {
        Buffer::try_zeroed(num_bytes).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A buffer of zeros.
    ///
    /// # Errors
    /// [`ErrorKind::Memory`] when there is not so much memory.
    pub fn try_zeroed(num_bytes: usize) -> Result<Self> {
        let pages = (num_bytes >= LARGE_BYTES).then(|| MmapMut::map_anon(num_bytes));
        let memory = match pages {
            Some(Ok(pages)) => {
                // Without huge pages everything works as well, only slower.
                #[cfg(target_os = "linux")]
                let _ = pages.advise(memmap2::Advice::HugePage);
                Memory::Pages(pages)
            }
            _ => {
                let lines = bytemuck::try_zeroed_vec(num_bytes.div_ceil(LINE_BYTES));
                Memory::Lines(lines.map_err(|()| {
                    Error::new(ErrorKind::Memory, format!("{num_bytes} bytes of memory are wanted"))
                        .expected("no more than this machine has free")
                })?)
            }
        };
        Ok(Buffer { memory, num_bytes })
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        let bytes = match &self.memory {
            Memory::Lines(lines) => bytemuck::cast_slice(lines),
            Memory::Pages(pages) => pages,
        };
        &bytes[..self.num_bytes]
    }

    /// The bytes, for writing.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes = match &mut self.memory {
            Memory::Lines(lines) => bytemuck::cast_slice_mut(lines),
            Memory::Pages(pages) => pages,
        };
        &mut bytes[..self.num_bytes]
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Buffer::zeroed(self.num_bytes);
        copy.bytes_mut().copy_from_slice(self.bytes());
        copy
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Memory::Lines(_) => "cache lines",
            Memory::Pages(_) => "pages",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_ones_are_zero_and_keep_what_is_written() {
        for num_bytes in [0, 1, 64, 65, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1] {
            let mut buffer = Buffer::zeroed(num_bytes);
            assert_eq!(buffer.bytes().len(), num_bytes);
            assert!(buffer.bytes().as_ptr().addr().is_multiple_of(LINE_BYTES));
            assert!(buffer.bytes().iter().all(|&byte| byte == 0));
            if let Some(last) = buffer.bytes_mut().last_mut() {
                *last = 7;
            }
            let copy = buffer.clone();
            assert!(copy.bytes() == buffer.bytes());
        }
    }
}
