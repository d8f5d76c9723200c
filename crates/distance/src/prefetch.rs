//! Hints to the memory system.
#![allow(
    unsafe_code,
    reason = "the intrinsic is unsafe; a prefetch has no effect on any value"
)]

/// Says that `bytes` will be read soon: the first kilobyte is fetched into the cache.
#[inline]
pub fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64).take(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address is harmless, and this one is inside `bytes`.
        unsafe { _mm_prefetch(line.as_ptr().cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}
