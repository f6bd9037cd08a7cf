//! Memory that a thread lends to the products it computes.

/// Floats of a cache line.
const LINE_FLOATS: usize = 16;

/// Packing buffers, one per thread: grown as needed and used again by every later call, so
/// that a training step allocates nothing after the first.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Strips of A.
    pub(crate) a: AlignedBuffer,
    /// Panels of B.
    pub(crate) b: AlignedBuffer,
    /// Sums of chunks that may not be kept in C.
    pub(crate) totals: AlignedBuffer,
    /// Chains of which only a part has been worked on.
    pub(crate) chains: AlignedBuffer,
}

impl Scratch {
    /// No memory yet.
    pub fn new() -> Self {
        Scratch::default()
    }
}

/// Numbers whose first one lies on a cache line.
#[derive(Debug, Default)]
pub(crate) struct AlignedBuffer(Vec<f32>);

impl AlignedBuffer {
    /// `len` numbers of any value, the first at a multiple of 64 bytes.
    pub(crate) fn take(&mut self, len: usize) -> &mut [f32] {
        if self.0.len() < len + LINE_FLOATS {
            self.0.resize(len + LINE_FLOATS, 0.0);
        }
        let start = self.start();
        &mut self.0[start..start + len]
    }

    /// What was last taken, and perhaps more.
    pub(crate) fn taken(&self) -> &[f32] {
        &self.0[self.start().min(self.0.len())..]
    }

    fn start(&self) -> usize {
        // An interpreter may answer `usize::MAX`; alignment is for speed alone.
        self.0.as_ptr().align_offset(64).min(LINE_FLOATS)
    }
}
