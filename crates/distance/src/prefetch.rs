//! Hints to the memory system.
#![allow(
    unsafe_code,
    reason = "the intrinsic is unsafe; a prefetch has no effect on any value"
)]

/// Most bytes that one call fetches: the processor follows a longer run by itself.
const MOST: usize = 1024;

/// Says that the `len` bytes at `start` will be read soon: the first of them are fetched into the
/// cache. Any address is allowed.
#[inline]
pub fn prefetch(start: *const u8, len: usize) {
    #[cfg(target_arch = "x86_64")]
    for offset in (0..len.min(MOST)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address is harmless.
        unsafe { _mm_prefetch(start.wrapping_add(offset).cast(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, len);
}
