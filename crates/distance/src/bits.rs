//! Kernels that count bits, written once over a vector of bits.
//!
//! Contract of all `unsafe fn`s: the CPU has the features of `S`. Pointers given to
//! [`Bits::load`] are valid for [`Bits::BYTES`] bytes; no alignment is needed.
#![allow(unsafe_code, reason = "SIMD intrinsics on raw pointers")]

/// Most bytes of a vector of any implementation.
const MAX_BYTES: usize = 64;

/// The number of bits set in each value of a nibble, for byte shuffles.
#[cfg(target_arch = "x86_64")]
pub(crate) const ONES: [u8; 16] = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];

/// A vector of bits of one instruction set.
pub(crate) trait Bits {
    type B: Copy;
    const BYTES: usize;

    unsafe fn zero() -> Self::B;
    unsafe fn load(p: *const u8) -> Self::B;
    /// The first `n` bytes, fewer than a vector has; the others are zero. Reads no others.
    #[inline(always)]
    unsafe fn load_first(p: *const u8, n: usize) -> Self::B {
        let mut buffer = [0; MAX_BYTES];
        // SAFETY: `n` bytes can be read, the buffer holds a vector.
        unsafe {
            p.copy_to_nonoverlapping(buffer.as_mut_ptr(), n);
            Self::load(buffer.as_ptr())
        }
    }
    unsafe fn and(a: Self::B, b: Self::B) -> Self::B;
    unsafe fn xor(a: Self::B, b: Self::B) -> Self::B;
    /// Adds the number of bits set in each 64-bit lane of `x` to that lane of `sum`.
    unsafe fn add_ones(sum: Self::B, x: Self::B) -> Self::B;
    /// The sum of the 64-bit lanes.
    unsafe fn total(sum: Self::B) -> u64;
}

/// Calls `step` with the vectors of both slices, the last ones filled up with zeros.
///
/// # Safety
/// The module's contract.
#[inline(always)]
unsafe fn each<S: Bits>(a: &[u8], b: &[u8], mut step: impl FnMut(S::B, S::B)) {
    assert_eq!(a.len(), b.len());
    let (a, b) = (a.chunks_exact(S::BYTES), b.chunks_exact(S::BYTES));
    let tails = [a.remainder(), b.remainder()];
    // SAFETY: chunks hold a vector each, tails less.
    unsafe {
        for (a, b) in a.zip(b) {
            step(S::load(a.as_ptr()), S::load(b.as_ptr()));
        }
        if !tails[0].is_empty() {
            let [a, b] = tails.map(|tail| S::load_first(tail.as_ptr(), tail.len()));
            step(a, b);
        }
    }
}

#[inline(always)]
pub(crate) unsafe fn hamming<S: Bits>(a: &[u8], b: &[u8]) -> u64 {
    // SAFETY: the module's contract.
    unsafe {
        let mut sum = S::zero();
        each::<S>(a, b, |a, b| sum = S::add_ones(sum, S::xor(a, b)));
        S::total(sum)
    }
}

#[inline(always)]
pub(crate) unsafe fn jaccard_parts<S: Bits>(a: &[u8], b: &[u8]) -> (u64, u64, u64) {
    // SAFETY: the module's contract.
    unsafe {
        let mut sums = [S::zero(); 3];
        each::<S>(a, b, |a, b| {
            sums[0] = S::add_ones(sums[0], S::and(a, b));
            sums[1] = S::add_ones(sums[1], a);
            sums[2] = S::add_ones(sums[2], b);
        });
        let [common, a, b] = sums.map(|sum| S::total(sum));
        (common, a, b)
    }
}

#[inline(always)]
pub(crate) unsafe fn hamming_lanes<S: Bits>(codes: &[u8], q: &[u8], out: &mut [u16]) {
    assert_eq!(codes.len(), q.len() * out.len());
    for (lane, out) in codes.chunks_exact(q.len().max(1)).zip(out) {
        // SAFETY: the module's contract.
        *out = unsafe { hamming::<S>(lane, q) } as u16;
    }
}

#[inline(always)]
pub(crate) unsafe fn jaccard_lanes<S: Bits>(codes: &[u8], q: &[u8], out: &mut [(u16, u16)]) {
    assert_eq!(codes.len(), q.len() * out.len());
    for (lane, out) in codes.chunks_exact(q.len().max(1)).zip(out) {
        // SAFETY: the module's contract.
        unsafe {
            let mut sums = [S::zero(); 2];
            each::<S>(lane, q, |lane, q| {
                sums[0] = S::add_ones(sums[0], S::and(lane, q));
                sums[1] = S::add_ones(sums[1], lane);
            });
            *out = (S::total(sums[0]) as u16, S::total(sums[1]) as u16);
        }
    }
}
