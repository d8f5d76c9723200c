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

/// Does `$step` with the vectors of both slices, the last ones filled up with zeros. A closure
/// would be compiled without the instruction set's features. For use in `unsafe` blocks: chunks
/// hold a vector each, remainders less.
macro_rules! each {
    ($S:ident, $x:ident, $y:ident, |$a:ident, $b:ident| $step:expr) => {{
        assert_eq!($x.len(), $y.len());
        let (xs, ys) = ($x.chunks_exact($S::BYTES), $y.chunks_exact($S::BYTES));
        let (x, y) = (xs.remainder(), ys.remainder());
        for (x, y) in xs.zip(ys) {
            let ($a, $b) = ($S::load(x.as_ptr()), $S::load(y.as_ptr()));
            $step;
        }
        if !x.is_empty() {
            let $a = $S::load_first(x.as_ptr(), x.len());
            let $b = $S::load_first(y.as_ptr(), y.len());
            $step;
        }
    }};
}

#[inline(always)]
pub(crate) unsafe fn hamming<S: Bits>(a: &[u8], b: &[u8]) -> u64 {
    // SAFETY: the module's contract.
    unsafe {
        let mut sum = S::zero();
        each!(S, a, b, |a, b| sum = S::add_ones(sum, S::xor(a, b)));
        S::total(sum)
    }
}

#[inline(always)]
pub(crate) unsafe fn jaccard_parts<S: Bits>(a: &[u8], b: &[u8]) -> (u64, u64, u64) {
    // SAFETY: the module's contract.
    unsafe {
        let mut sums = [S::zero(); 3];
        each!(S, a, b, |a, b| {
            sums[0] = S::add_ones(sums[0], S::and(a, b));
            sums[1] = S::add_ones(sums[1], a);
            sums[2] = S::add_ones(sums[2], b);
        });
        (S::total(sums[0]), S::total(sums[1]), S::total(sums[2]))
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
            each!(S, lane, q, |lane, q| {
                sums[0] = S::add_ones(sums[0], S::and(lane, q));
                sums[1] = S::add_ones(sums[1], lane);
            });
            *out = (S::total(sums[0]) as u16, S::total(sums[1]) as u16);
        }
    }
}
