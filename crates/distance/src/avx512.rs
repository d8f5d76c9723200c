//! AVX-512 kernels: one set for F, BW, VL and DQ, one that adds VNNI, VBMI and VPOPCNTDQ (Ice
//! Lake, Zen 4).
#![allow(unsafe_code, reason = "SIMD intrinsics on raw pointers")]

use crate::Kernels;
use crate::avx2::products_i8_wide;
use crate::bits::{self, Bits, ONES};
use crate::fastscan::{BLOCK, HALF, STEP};
use crate::simd::{Simd, check_dot_i8, check_fastscan, check_products_i8, kernel_table};
use std::arch::is_x86_feature_detected as has;
use std::arch::x86_64::*;

const BASE: Kernels = kernel_table!(
    Avx512,
    "avx512",
    target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")
);
static AVX512: Kernels = Kernels {
    products_i8: products_i8_wide,
    ..BASE
};
static AVX512_VNNI: Kernels = Kernels {
    name: "avx512_vnni",
    dot_i8: dot_i8_vnni,
    products_i8: products_i8_vnni,
    fastscan: fastscan_vbmi,
    hamming: hamming_vpopcnt,
    jaccard_parts: jaccard_parts_vpopcnt,
    hamming_lanes: hamming_lanes_vpopcnt,
    jaccard_lanes: jaccard_lanes_vpopcnt,
    ..BASE
};

/// The sets this CPU can run, best last.
pub(crate) fn detect() -> impl Iterator<Item = &'static Kernels> {
    let base = has!("avx512f")
        && has!("avx512bw")
        && has!("avx512vl")
        && has!("avx512dq")
        && has!("avx2")
        && has!("fma")
        && has!("f16c");
    let vnni = base && has!("avx512vnni") && has!("avx512vbmi") && has!("avx512vpopcntdq");
    base.then_some(&AVX512)
        .into_iter()
        .chain(vnni.then_some(&AVX512_VNNI))
}

struct Avx512;

/// The mask of the first `n < 16` lanes.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    (1 << n) - 1
}

// SAFETY of the blocks below: `Simd` promises a CPU with the features of this set and pointers
// valid for the lanes accessed; masked loads do not touch the lanes that are off.
impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const u16) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(p.cast())) }
    }
    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_u16(p: *const u16) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const u16) -> __m512 {
        // SAFETY: see above.
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        }
    }
    #[inline(always)]
    unsafe fn load_partial(p: *const f32, n: usize) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_maskz_loadu_ps(first(n), p) }
    }
    #[inline(always)]
    unsafe fn load_f16_partial(p: *const u16, n: usize) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p.cast())) }
    }
    #[inline(always)]
    unsafe fn load_i8_partial(p: *const i8, n: usize) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first(n), p))) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m512) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn store_f16(p: *mut u16, v: __m512) {
        // SAFETY: see above.
        unsafe {
            let half = _mm512_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v);
            _mm256_storeu_si256(p.cast(), half)
        }
    }
    #[inline(always)]
    unsafe fn store_i8(p: *mut i8, v: __m512) {
        // SAFETY: see above.
        unsafe { _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v))) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn abs(a: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_abs_ps(a) }
    }
    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sum(a: __m512) -> f32 {
        // SAFETY: see above.
        unsafe { _mm512_reduce_add_ps(a) }
    }
    #[inline(always)]
    unsafe fn max_lane(a: __m512) -> f32 {
        // SAFETY: see above.
        unsafe { _mm512_reduce_max_ps(a) }
    }
    #[inline(always)]
    unsafe fn non_negative(a: __m512) -> u32 {
        // SAFETY: see above.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GE_OQ>(a, _mm512_setzero_ps()).into() }
    }
    #[inline(always)]
    unsafe fn negate(a: __m512, bits: u32) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_mask_xor_ps(a, bits as __mmask16, a, _mm512_set1_ps(-0.0)) }
    }
    #[inline(always)]
    unsafe fn hadamard(mut a: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe {
            // Lane `i` becomes `a_(i^h) + a_i`, or `a_(i^h) - a_i` where bit `h` of `i` is set.
            let one = _mm512_set1_ps(1.0);
            let minus = _mm512_set1_ps(-1.0);
            let signs = _mm512_mask_blend_ps(0xaaaa, one, minus);
            a = _mm512_fmadd_ps(a, signs, _mm512_permute_ps::<0b10_11_00_01>(a));
            let signs = _mm512_mask_blend_ps(0xcccc, one, minus);
            a = _mm512_fmadd_ps(a, signs, _mm512_permute_ps::<0b01_00_11_10>(a));
            let signs = _mm512_mask_blend_ps(0xf0f0, one, minus);
            a = _mm512_fmadd_ps(a, signs, _mm512_shuffle_f32x4::<0b10_11_00_01>(a, a));
            let signs = _mm512_mask_blend_ps(0xff00, one, minus);
            _mm512_fmadd_ps(a, signs, _mm512_shuffle_f32x4::<0b01_00_11_10>(a, a))
        }
    }

    #[inline(always)]
    unsafe fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
        let (n, a, b) = (a.len(), a.as_ptr(), b.as_ptr());
        // SAFETY: see above; offsets plus the bytes read stay below `n`.
        unsafe {
            let wide = |p: *const i8| _mm512_cvtepi8_epi16(_mm256_loadu_si256(p.cast()));
            let mut accs = [_mm512_setzero_si512(); 2];
            let mut i = 0;
            while i + 64 <= n {
                for (k, acc) in accs.iter_mut().enumerate() {
                    let at = i + 32 * k;
                    let products = _mm512_madd_epi16(wide(a.add(at)), wide(b.add(at)));
                    *acc = _mm512_add_epi32(*acc, products);
                }
                i += 64;
            }
            while i < n {
                let mask = (u64::MAX >> (64 - (n - i).min(32))) as __mmask32;
                let tail = |p| _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(mask, p));
                let products = _mm512_madd_epi16(tail(a.add(i)), tail(b.add(i)));
                accs[0] = _mm512_add_epi32(accs[0], products);
                i += 32;
            }
            _mm512_reduce_add_epi32(_mm512_add_epi32(accs[0], accs[1]))
        }
    }

    /// Sixteen lanes at a time, byte k of their words in part k of a register. The even bytes are
    /// summed in 16-bit lanes together with 256 times the odd ones, which are summed alone too and
    /// subtracted at the end.
    #[inline(always)]
    unsafe fn fastscan(codes: &[u8], tables: &[u8], out: &mut [u16]) {
        // SAFETY: see above; steps are 128 bytes, a block of `out` is 32 `u16`s.
        unsafe {
            let nibble = _mm512_set1_epi8(15);
            let columns = _mm512_broadcast_i32x4(_mm_setr_epi8(
                0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
            ));
            let parts = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            let load = |p: *const u8| _mm512_loadu_si512(p.cast());
            for (codes, out) in codes
                .chunks_exact(tables.len())
                .zip(out.chunks_exact_mut(BLOCK))
            {
                let mut all = [_mm512_setzero_si512(); 2];
                let mut odd = [_mm512_setzero_si512(); 2];
                for (words, tables) in codes.chunks_exact(STEP).zip(tables.chunks_exact(STEP)) {
                    let tables = tables.as_ptr();
                    let (low, high) = (load(tables), load(tables.add(HALF)));
                    for half in 0..2 {
                        let words = load(words.as_ptr().add(HALF * half));
                        let words = _mm512_shuffle_epi8(words, columns);
                        let bytes = _mm512_permutexvar_epi32(parts, words);
                        let shifted = _mm512_srli_epi16::<4>(bytes);
                        for (table, index) in [(low, bytes), (high, shifted)] {
                            let index = _mm512_and_si512(index, nibble);
                            let entry = _mm512_shuffle_epi8(table, index);
                            all[half] = _mm512_add_epi16(all[half], entry);
                            let upper = _mm512_srli_epi16::<8>(entry);
                            odd[half] = _mm512_add_epi16(odd[half], upper);
                        }
                    }
                }
                for k in 0..2 {
                    let even = _mm512_sub_epi16(all[k], _mm512_slli_epi16::<8>(odd[k]));
                    let (even, odd) = (sum_parts(even), sum_parts(odd[k]));
                    let p = out.as_mut_ptr().add(16 * k);
                    _mm_storeu_si128(p.cast(), _mm_unpacklo_epi16(even, odd));
                    _mm_storeu_si128(p.add(8).cast(), _mm_unpackhi_epi16(even, odd));
                }
            }
        }
    }
}

// SAFETY of the blocks below: as above; vectors are 64 bytes.
impl Bits for Avx512 {
    type B = __m512i;
    const BYTES: usize = 64;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_setzero_si512() }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const u8, n: usize) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_maskz_loadu_epi8((1 << n) - 1, p.cast()) }
    }
    #[inline(always)]
    unsafe fn and(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_and_si512(a, b) }
    }
    #[inline(always)]
    unsafe fn xor(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_xor_si512(a, b) }
    }
    #[inline(always)]
    unsafe fn add_ones(sum: __m512i, x: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe {
            let nibble = _mm512_set1_epi8(15);
            let ones = _mm512_broadcast_i32x4(_mm_loadu_si128(ONES.as_ptr().cast()));
            let low = _mm512_shuffle_epi8(ones, _mm512_and_si512(x, nibble));
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(x), nibble);
            let bytes = _mm512_add_epi8(low, _mm512_shuffle_epi8(ones, high));
            _mm512_add_epi64(sum, _mm512_sad_epu8(bytes, _mm512_setzero_si512()))
        }
    }
    #[inline(always)]
    unsafe fn total(sum: __m512i) -> u64 {
        // SAFETY: see above.
        unsafe { _mm512_reduce_add_epi64(sum) as u64 }
    }
}

/// [`Avx512`] with an instruction that counts bits.
struct Vpopcnt;

// SAFETY of the blocks below: as above, with VPOPCNTDQ.
impl Bits for Vpopcnt {
    type B = __m512i;
    const BYTES: usize = <Avx512 as Bits>::BYTES;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: see above.
        unsafe { <Avx512 as Bits>::zero() }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> __m512i {
        // SAFETY: see above.
        unsafe { <Avx512 as Bits>::load(p) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const u8, n: usize) -> __m512i {
        // SAFETY: see above.
        unsafe { <Avx512 as Bits>::load_first(p, n) }
    }
    #[inline(always)]
    unsafe fn and(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { <Avx512 as Bits>::and(a, b) }
    }
    #[inline(always)]
    unsafe fn xor(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { <Avx512 as Bits>::xor(a, b) }
    }
    #[inline(always)]
    unsafe fn add_ones(sum: __m512i, x: __m512i) -> __m512i {
        // SAFETY: see above.
        unsafe { _mm512_add_epi64(sum, _mm512_popcnt_epi64(x)) }
    }
    #[inline(always)]
    unsafe fn total(sum: __m512i) -> u64 {
        // SAFETY: see above.
        unsafe { <Avx512 as Bits>::total(sum) }
    }
}

/// The kernels on bits, with an instruction that counts them.
macro_rules! with_vpopcnt {
    ($($name:ident: $f:ident($($arg:ident: $t:ty),*) -> $ret:ty;)*) => {$(
        fn $name($($arg: $t),*) -> $ret {
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq")]
            fn run($($arg: $t),*) -> $ret {
                // SAFETY: this function has the features enabled.
                unsafe { bits::$f::<Vpopcnt>($($arg),*) }
            }
            // SAFETY: the table is handed out only where the CPU has the features.
            unsafe { run($($arg),*) }
        }
    )*};
}

with_vpopcnt! {
    hamming_vpopcnt: hamming(a: &[u8], b: &[u8]) -> u64;
    jaccard_parts_vpopcnt: jaccard_parts(a: &[u8], b: &[u8]) -> (u64, u64, u64);
    hamming_lanes_vpopcnt: hamming_lanes(codes: &[u8], q: &[u8], out: &mut [u16]) -> ();
    jaccard_lanes_vpopcnt: jaccard_lanes(codes: &[u8], q: &[u8], out: &mut [(u16, u16)]) -> ();
}

/// Sums the four 128-bit parts as 16-bit lanes.
#[inline(always)]
unsafe fn sum_parts(v: __m512i) -> __m128i {
    // SAFETY: called with the features enabled.
    unsafe {
        let v = _mm256_add_epi16(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64::<1>(v));
        _mm_add_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v))
    }
}

/// `vpdpbusd` multiplies unsigned by signed bytes: `a` is offset by 128 to be unsigned, and 128
/// times the sum of `b` is subtracted at the end.
fn dot_i8_vnni(a: &[i8], b: &[i8]) -> i32 {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn run(a: &[i8], b: &[i8]) -> i32 {
        let (n, a, b) = (a.len(), a.as_ptr(), b.as_ptr());
        let (offset, ones) = (_mm512_set1_epi8(-128), _mm512_set1_epi8(1));
        let mut dots = [_mm512_setzero_si512(); 2];
        let mut sums = [_mm512_setzero_si512(); 2];
        let mut step = |k: usize, x, y| {
            dots[k] = _mm512_dpbusd_epi32(dots[k], _mm512_xor_si512(x, offset), y);
            sums[k] = _mm512_dpbusd_epi32(sums[k], ones, y);
        };
        let mut i = 0;
        // SAFETY: offsets plus the bytes read stay below `n`, the length of both slices; masked
        // loads do not touch the bytes that are off, and their zeros in `b` add nothing.
        unsafe {
            let load = |p: *const i8| _mm512_loadu_si512(p.cast());
            while i + 128 <= n {
                step(0, load(a.add(i)), load(b.add(i)));
                step(1, load(a.add(i + 64)), load(b.add(i + 64)));
                i += 128;
            }
            if i + 64 <= n {
                step(0, load(a.add(i)), load(b.add(i)));
                i += 64;
            }
            if i < n {
                let mask = (1 << (n - i)) - 1;
                let tail = |p| _mm512_maskz_loadu_epi8(mask, p);
                step(1, tail(a.add(i)), tail(b.add(i)));
            }
        }
        let dot = _mm512_add_epi32(dots[0], dots[1]);
        let sum = _mm512_add_epi32(sums[0], sums[1]);
        _mm512_reduce_add_epi32(_mm512_sub_epi32(dot, _mm512_slli_epi32::<7>(sum)))
    }
    check_dot_i8(a, b);
    // SAFETY: the table is handed out only where the CPU has the features.
    unsafe { run(a, b) }
}

/// Eight codes of `a` by 32 of `b` at a time, whose products fill 16 vectors: `b` is packed so that a vector has four
/// coordinates of each of 16, in panels that stay in the first cache.
fn products_i8_vnni(a: &[i8], b: &[i8], d: usize, out: &mut [i32]) {
    const ROWS: usize = 8;
    const COLUMNS: usize = 32;
    /// Fours of coordinates in a panel.
    const DEPTH: usize = 192;
    /// Four coordinates of all columns.
    type Four = [__m512i; 2];

    /// Packs coordinates of columns from the first of `b` on, `d` apart, 128 added to each; the last one stands for
    /// those that are not there.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    fn pack(b: &[i8], d: usize, panel: &mut [Four]) {
        let count = b.len().div_ceil(d);
        assert!(b.len() >= (count - 1) * d + 4 * panel.len() && panel.len().is_multiple_of(4));
        for half in 0..COLUMNS / 16 {
            for (k, fours) in panel.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let at = |column: usize| (16 * half + column).min(count - 1) * d + 16 * k;
                let mut rows = [_mm512_setzero_si512(); 4];
                for (i, row) in rows.iter_mut().enumerate() {
                    // SAFETY: the assertion above; 16 k + 16 is no more than 4 panel.len().
                    unsafe {
                        let load = |column| {
                            b.as_ptr()
                                .add(at(column))
                                .cast::<__m128i>()
                                .read_unaligned()
                        };
                        *row = _mm512_broadcast_i32x4(load(i));
                        *row = _mm512_mask_broadcast_i32x4(*row, 0x00f0, load(i + 4));
                        *row = _mm512_mask_broadcast_i32x4(*row, 0x0f00, load(i + 8));
                        *row = _mm512_mask_broadcast_i32x4(*row, 0xf000, load(i + 12));
                    }
                    *row = _mm512_xor_si512(*row, _mm512_set1_epi8(-128));
                }
                // Numbers of the four rows side by side, in each quarter.
                let low = [0, 2].map(|i| _mm512_unpacklo_epi32(rows[i], rows[i + 1]));
                let high = [0, 2].map(|i| _mm512_unpackhi_epi32(rows[i], rows[i + 1]));
                fours[0][half] = _mm512_unpacklo_epi64(low[0], low[1]);
                fours[1][half] = _mm512_unpackhi_epi64(low[0], low[1]);
                fours[2][half] = _mm512_unpacklo_epi64(high[0], high[1]);
                fours[3][half] = _mm512_unpackhi_epi64(high[0], high[1]);
            }
        }
    }

    /// Adds products of rows with a panel to `dots`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn tile(rows: [&[i8]; ROWS], panel: &[Four], dots: &mut [[__m512i; 2]; ROWS]) {
        assert!(rows.iter().all(|row| row.len() >= 4 * panel.len()));
        let mut sums = *dots;
        for (k, columns) in panel.iter().enumerate() {
            for (row, sums) in rows.iter().zip(&mut sums) {
                // SAFETY: rows have four coordinates for each of the panel.
                let four = unsafe { row.as_ptr().add(4 * k).cast::<i32>().read_unaligned() };
                let four = _mm512_set1_epi32(four);
                sums[0] = _mm512_dpbusd_epi32(sums[0], columns[0], four);
                sums[1] = _mm512_dpbusd_epi32(sums[1], columns[1], four);
            }
        }
        *dots = sums;
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn run(a: &[i8], b: &[i8], d: usize, out: &mut [i32]) {
        let columns = check_products_i8(a, b, d, out);
        for (row, out) in a.chunks_exact(d).zip(out.chunks_exact_mut(columns)) {
            // What 128 added to each coordinate of a column will add.
            out.fill(-128 * row.iter().map(|&x| i32::from(x)).sum::<i32>());
        }
        let mut panel = [[_mm512_setzero_si512(); 2]; DEPTH];
        for (p, b) in b.chunks(COLUMNS * d).enumerate() {
            let width = b.len() / d;
            let masks = [0, 16]
                .map(|first| ((1u32 << width.saturating_sub(first).min(16)) - 1) as __mmask16);
            for start in (0..d).step_by(4 * DEPTH) {
                let panel = &mut panel[..((d - start) / 4).min(DEPTH)];
                pack(&b[start..], d, panel);
                for (a, out) in a.chunks(ROWS * d).zip(out.chunks_mut(ROWS * columns)) {
                    let count = a.len() / d;
                    // Also here the last one stands for others.
                    let rows = std::array::from_fn(|r| &a[r.min(count - 1) * d + start..]);
                    let mut dots = [[_mm512_setzero_si512(); 2]; ROWS];
                    tile(rows, panel, &mut dots);
                    for (out, dots) in out.chunks_mut(columns).zip(dots) {
                        let out = &mut out[p * COLUMNS..][..width];
                        for ((out, dots), mask) in out.chunks_mut(16).zip(dots).zip(masks) {
                            // SAFETY: the mask has a bit for each of the up to 16 numbers.
                            unsafe {
                                let sum = _mm512_maskz_loadu_epi32(mask, out.as_ptr());
                                let sum = _mm512_add_epi32(sum, dots);
                                _mm512_mask_storeu_epi32(out.as_mut_ptr(), mask, sum);
                            }
                        }
                    }
                }
            }
        }
    }
    // SAFETY: the table is handed out only where the CPU has the features.
    unsafe { run(a, b, d, out) }
}

/// The words of 16 lanes at a time: `vpermb` looks up one nibble of each byte in the 64 entries of
/// its tables, and `vpdpbusd` sums the four of a lane.
fn fastscan_vbmi(codes: &[u8], tables: &[u8], out: &mut [u16]) {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi")]
    fn run(codes: &[u8], tables: &[u8], out: &mut [u16]) {
        // SAFETY: steps are 128 bytes, a block of `out` is 32 `u16`s.
        unsafe {
            let load = |p: *const u8| _mm512_loadu_si512(p.cast());
            let table_of_byte = _mm512_set1_epi32(0x30_20_10_00);
            let nibble = _mm512_set1_epi8(15);
            let ones = _mm512_set1_epi8(1);
            // index & nibble | table_of_byte
            let index = |words| _mm512_ternarylogic_epi32::<0xea>(words, nibble, table_of_byte);
            for (codes, out) in codes
                .chunks_exact(tables.len())
                .zip(out.chunks_exact_mut(BLOCK))
            {
                let mut low = [_mm512_setzero_si512(); 2];
                let mut high = [_mm512_setzero_si512(); 2];
                for (words, tables) in codes.chunks_exact(STEP).zip(tables.chunks_exact(STEP)) {
                    let tables = tables.as_ptr();
                    let (low_table, high_table) = (load(tables), load(tables.add(HALF)));
                    for half in 0..2 {
                        let words = load(words.as_ptr().add(HALF * half));
                        let entry = _mm512_permutexvar_epi8(index(words), low_table);
                        low[half] = _mm512_dpbusd_epi32(low[half], entry, ones);
                        let shifted = _mm512_srli_epi16::<4>(words);
                        let entry = _mm512_permutexvar_epi8(index(shifted), high_table);
                        high[half] = _mm512_dpbusd_epi32(high[half], entry, ones);
                    }
                }
                for half in 0..2 {
                    let p = out.as_mut_ptr().add(16 * half);
                    let sum = _mm512_add_epi32(low[half], high[half]);
                    _mm256_storeu_si256(p.cast(), _mm512_cvtepi32_epi16(sum));
                }
            }
        }
    }
    check_fastscan(codes, tables, out);
    // SAFETY: the table is handed out only where the CPU has the features.
    unsafe { run(codes, tables, out) }
}
