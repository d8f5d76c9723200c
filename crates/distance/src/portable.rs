//! Kernels in plain Rust: arrays of eight lanes that the compiler vectorises for its target.
#![allow(
    unsafe_code,
    reason = "implements the vector trait, which takes raw pointers"
)]

use crate::Kernels;
use crate::bits::Bits;
use crate::fastscan::{BLOCK, HALF, STEP};
use crate::simd::{Simd, hadamard_scalar, kernel_table};
use half::f16;
use std::array::from_fn;

const LANES: usize = 8;
type V = [f32; LANES];

pub(crate) static KERNELS: Kernels = kernel_table!(Portable, "portable", inline);

pub(crate) struct Portable;

/// Reads eight elements at `p` and converts them.
///
/// # Safety
/// `p` is valid for eight reads.
#[inline(always)]
unsafe fn read<T: Copy>(p: *const T, f: impl Fn(T) -> f32) -> V {
    // SAFETY: the caller's contract; the read is unaligned.
    let x = unsafe { p.cast::<[T; LANES]>().read_unaligned() };
    from_fn(|i| f(x[i]))
}

// SAFETY of the blocks below: `Simd` promises pointers valid for eight elements.
impl Simd for Portable {
    type V = V;
    const LANES: usize = LANES;

    #[inline(always)]
    unsafe fn splat(x: f32) -> V {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> V {
        // SAFETY: see above.
        unsafe { read(p, |x| x) }
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const u16) -> V {
        // SAFETY: see above.
        unsafe { read(p, |x| f16::from_bits(x).to_f32()) }
    }
    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> V {
        // SAFETY: see above.
        unsafe { read(p, f32::from) }
    }
    #[inline(always)]
    unsafe fn load_u16(p: *const u16) -> V {
        // SAFETY: see above.
        unsafe { read(p, f32::from) }
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const u16) -> V {
        // SAFETY: see above.
        unsafe { read(p, crate::bf16_to_f32) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: V) {
        // SAFETY: see above.
        unsafe { p.cast::<V>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn store_f16(p: *mut u16, v: V) {
        // SAFETY: see above.
        unsafe {
            p.cast::<[u16; LANES]>()
                .write_unaligned(v.map(|x| f16::from_f32(x).to_bits()))
        }
    }
    #[inline(always)]
    unsafe fn store_i8(p: *mut i8, v: V) {
        // SAFETY: see above.
        unsafe {
            p.cast::<[i8; LANES]>()
                .write_unaligned(v.map(|x| x.round_ties_even() as i8))
        }
    }
    #[inline(always)]
    unsafe fn add(a: V, b: V) -> V {
        from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: V, b: V) -> V {
        from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: V, b: V) -> V {
        from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn mul_add(a: V, b: V, c: V) -> V {
        from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: V, b: V, c: V) -> V {
        from_fn(|i| c[i] - a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn abs(a: V) -> V {
        a.map(f32::abs)
    }
    #[inline(always)]
    unsafe fn min(a: V, b: V) -> V {
        from_fn(|i| a[i].min(b[i]))
    }
    #[inline(always)]
    unsafe fn max(a: V, b: V) -> V {
        from_fn(|i| a[i].max(b[i]))
    }
    #[inline(always)]
    unsafe fn sum(a: V) -> f32 {
        ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]))
    }
    #[inline(always)]
    unsafe fn max_lane(a: V) -> f32 {
        a.into_iter().fold(a[0], f32::max)
    }
    #[inline(always)]
    unsafe fn non_negative(a: V) -> u32 {
        (0..LANES).map(|i| u32::from(a[i] >= 0.0) << i).sum()
    }
    #[inline(always)]
    unsafe fn negate(a: V, bits: u32) -> V {
        from_fn(|i| f32::from_bits(a[i].to_bits() ^ ((bits >> i) & 1) << 31))
    }
    #[inline(always)]
    unsafe fn hadamard(mut a: V) -> V {
        hadamard_scalar(&mut a);
        a
    }
    #[inline(always)]
    unsafe fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| i32::from(x) * i32::from(y))
            .sum()
    }
    #[inline(always)]
    unsafe fn fastscan(codes: &[u8], tables: &[u8], out: &mut [u16]) {
        for (codes, out) in codes
            .chunks_exact(tables.len())
            .zip(out.chunks_exact_mut(BLOCK))
        {
            out.fill(0);
            for (words, tables) in codes.chunks_exact(STEP).zip(tables.chunks_exact(STEP)) {
                let (low, high) = tables.split_at(HALF);
                for (word, out) in words.chunks_exact(4).zip(&mut *out) {
                    for (k, &byte) in word.iter().enumerate() {
                        *out += u16::from(low[16 * k + usize::from(byte & 15)]);
                        *out += u16::from(high[16 * k + usize::from(byte >> 4)]);
                    }
                }
            }
        }
    }
}

impl Bits for Portable {
    type B = u64;
    const BYTES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> u64 {
        0
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> u64 {
        // SAFETY: the trait promises eight bytes; the read is unaligned.
        unsafe { p.cast::<u64>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn and(a: u64, b: u64) -> u64 {
        a & b
    }
    #[inline(always)]
    unsafe fn xor(a: u64, b: u64) -> u64 {
        a ^ b
    }
    #[inline(always)]
    unsafe fn add_ones(sum: u64, x: u64) -> u64 {
        sum + u64::from(x.count_ones())
    }
    #[inline(always)]
    unsafe fn total(sum: u64) -> u64 {
        sum
    }
}
