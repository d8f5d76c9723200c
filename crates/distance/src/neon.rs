//! NEON kernels for aarch64.
#![allow(unsafe_code, reason = "SIMD intrinsics on raw pointers")]

use crate::Kernels;
use crate::bits::Bits;
use crate::fastscan::{BLOCK, HALF, STEP};
use crate::simd::{Simd, kernel_table};
use std::arch::aarch64::*;

static KERNELS: Kernels = kernel_table!(Neon, "neon", target_feature(enable = "neon"));

/// The set, if this CPU can run it.
pub(crate) fn detect() -> Option<&'static Kernels> {
    std::arch::is_aarch64_feature_detected!("neon").then_some(&KERNELS)
}

struct Neon;

// SAFETY of the blocks below: `Simd` promises a CPU with the features of this set and pointers
// valid for the lanes accessed.
impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vld1q_f32(p) }
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const u16) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))) }
    }
    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> float32x4_t {
        // SAFETY: see above; four bytes are read.
        unsafe {
            let bytes = vcreate_s8(p.cast::<u32>().read_unaligned().into());
            vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))))
        }
    }
    #[inline(always)]
    unsafe fn load_u16(p: *const u16) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vcvtq_f32_u32(vmovl_u16(vld1_u16(p))) }
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const u16) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vreinterpretq_f32_u32(vshll_n_u16::<16>(vld1_u16(p))) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: float32x4_t) {
        // SAFETY: see above.
        unsafe { vst1q_f32(p, v) }
    }
    #[inline(always)]
    unsafe fn store_f16(p: *mut u16, v: float32x4_t) {
        // SAFETY: see above.
        unsafe { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v))) }
    }
    #[inline(always)]
    unsafe fn store_i8(p: *mut i8, v: float32x4_t) {
        // SAFETY: see above; four bytes are written.
        unsafe {
            let narrow = vmovn_s32(vcvtnq_s32_f32(v));
            let bytes = vmovn_s16(vcombine_s16(narrow, narrow));
            p.cast::<u32>()
                .write_unaligned(vget_lane_u32::<0>(vreinterpret_u32_s8(bytes)));
        }
    }
    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vfmsq_f32(c, a, b) }
    }
    #[inline(always)]
    unsafe fn abs(a: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vabsq_f32(a) }
    }
    #[inline(always)]
    unsafe fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vminq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vmaxq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn sum(a: float32x4_t) -> f32 {
        // SAFETY: see above.
        unsafe { vaddvq_f32(a) }
    }
    #[inline(always)]
    unsafe fn max_lane(a: float32x4_t) -> f32 {
        // SAFETY: see above.
        unsafe { vmaxvq_f32(a) }
    }
    #[inline(always)]
    unsafe fn non_negative(a: float32x4_t) -> u32 {
        // SAFETY: see above.
        unsafe { vaddvq_u32(vandq_u32(vcgezq_f32(a), lane_bits())) }
    }
    #[inline(always)]
    unsafe fn negate(a: float32x4_t, bits: u32) -> float32x4_t {
        // SAFETY: see above.
        unsafe {
            let signs = vshlq_n_u32::<31>(vtstq_u32(vdupq_n_u32(bits), lane_bits()));
            vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), signs))
        }
    }
    #[inline(always)]
    unsafe fn hadamard(a: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe {
            // Sums and differences of neighbours, once interleaved so that the second round's
            // neighbours are two lanes apart.
            let (even, odd) = (vuzp1q_f32(a, a), vuzp2q_f32(a, a));
            let a = vzip1q_f32(vaddq_f32(even, odd), vsubq_f32(even, odd));
            let (low, high) = (vget_low_f32(a), vget_high_f32(a));
            vcombine_f32(vadd_f32(low, high), vsub_f32(low, high))
        }
    }

    #[inline(always)]
    unsafe fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
        let (a, a_tail) = a.as_chunks::<32>();
        let (b, b_tail) = b.as_chunks::<32>();
        // SAFETY: see above; both halves of a chunk of 32 bytes are 16 bytes.
        unsafe {
            let mut accs = [vdupq_n_s32(0); 4];
            for (a, b) in a.iter().zip(b) {
                for k in 0..2 {
                    let x = vld1q_s8(a.as_ptr().add(16 * k));
                    let y = vld1q_s8(b.as_ptr().add(16 * k));
                    let low = vmull_s8(vget_low_s8(x), vget_low_s8(y));
                    accs[2 * k] = vpadalq_s16(accs[2 * k], low);
                    accs[2 * k + 1] = vpadalq_s16(accs[2 * k + 1], vmull_high_s8(x, y));
                }
            }
            let sum = vaddq_s32(vaddq_s32(accs[0], accs[1]), vaddq_s32(accs[2], accs[3]));
            let tail = a_tail.iter().zip(b_tail);
            vaddvq_s32(sum)
                + tail
                    .map(|(&x, &y)| i32::from(x) * i32::from(y))
                    .sum::<i32>()
        }
    }

    #[inline(always)]
    unsafe fn fastscan(codes: &[u8], tables: &[u8], out: &mut [u16]) {
        // SAFETY: see above; steps are 128 bytes, a block of `out` is 32 `u16`s.
        unsafe {
            for (codes, out) in codes
                .chunks_exact(tables.len())
                .zip(out.chunks_exact_mut(BLOCK))
            {
                let mut accs = [vdupq_n_u16(0); 4];
                for (words, tables) in codes.chunks_exact(STEP).zip(tables.chunks_exact(STEP)) {
                    let tables = tables.as_ptr();
                    for half in 0..2 {
                        // Byte k of the words of 16 lanes each.
                        let columns = vld4q_u8(words.as_ptr().add(HALF * half));
                        let columns = [columns.0, columns.1, columns.2, columns.3];
                        for (k, column) in columns.into_iter().enumerate() {
                            let low = vld1q_u8(tables.add(16 * k));
                            let high = vld1q_u8(tables.add(HALF + 16 * k));
                            let low = vqtbl1q_u8(low, vandq_u8(column, vdupq_n_u8(15)));
                            let high = vqtbl1q_u8(high, vshrq_n_u8::<4>(column));
                            let first = vaddl_u8(vget_low_u8(low), vget_low_u8(high));
                            let acc = &mut accs[2 * half];
                            *acc = vaddq_u16(*acc, first);
                            let acc = &mut accs[2 * half + 1];
                            *acc = vaddq_u16(*acc, vaddl_high_u8(low, high));
                        }
                    }
                }
                for (k, acc) in accs.into_iter().enumerate() {
                    vst1q_u16(out.as_mut_ptr().add(8 * k), acc);
                }
            }
        }
    }
}

// SAFETY of the blocks below: as above; vectors are 16 bytes.
impl Bits for Neon {
    type B = uint64x2_t;
    const BYTES: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> uint64x2_t {
        // SAFETY: see above.
        unsafe { vdupq_n_u64(0) }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> uint64x2_t {
        // SAFETY: see above.
        unsafe { vreinterpretq_u64_u8(vld1q_u8(p)) }
    }
    #[inline(always)]
    unsafe fn and(a: uint64x2_t, b: uint64x2_t) -> uint64x2_t {
        // SAFETY: see above.
        unsafe { vandq_u64(a, b) }
    }
    #[inline(always)]
    unsafe fn xor(a: uint64x2_t, b: uint64x2_t) -> uint64x2_t {
        // SAFETY: see above.
        unsafe { veorq_u64(a, b) }
    }
    #[inline(always)]
    unsafe fn add_ones(sum: uint64x2_t, x: uint64x2_t) -> uint64x2_t {
        // SAFETY: see above.
        unsafe {
            let bytes = vcntq_u8(vreinterpretq_u8_u64(x));
            vpadalq_u32(sum, vpaddlq_u16(vpaddlq_u8(bytes)))
        }
    }
    #[inline(always)]
    unsafe fn total(sum: uint64x2_t) -> u64 {
        // SAFETY: see above.
        unsafe { vaddvq_u64(sum) }
    }
}

/// Bit `i` in lane `i`.
///
/// # Safety
/// The CPU has NEON.
#[inline(always)]
unsafe fn lane_bits() -> uint32x4_t {
    // SAFETY: see above; the array holds four lanes.
    unsafe { vld1q_u32([1, 2, 4, 8].as_ptr()) }
}
