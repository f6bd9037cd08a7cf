//! How much the caches of this machine hold.

use std::sync::OnceLock;

/// Where the processor does not tell.
const DEFAULT_L2_BYTES: usize = 1 << 20;

/// The size of a core's second-level cache, in bytes.
///
/// It decides how much is worked on at a time, never what comes out.
///
/// # Example
/// ```
/// assert!(kerros_kernels::l2_bytes() >= 128 * 1024);
/// ```
pub fn l2_bytes() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| detect().unwrap_or(DEFAULT_L2_BYTES).clamp(128 << 10, 4 << 20))
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Option<usize> {
    use std::arch::x86_64::__cpuid;
    /// The leaf whose `ecx` has the size of the second-level cache in its upper half, in KiB.
    const CACHES: u32 = 0x8000_0006;
    let has_leaf = __cpuid(0x8000_0000).eax >= CACHES;
    let kibibytes = if has_leaf { __cpuid(CACHES).ecx >> 16 } else { 0 };
    (kibibytes > 0).then(|| kibibytes as usize * 1024)
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Option<usize> {
    None
}
