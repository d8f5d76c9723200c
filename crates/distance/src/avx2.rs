//! AVX2 kernels, with FMA and F16C.
#![allow(unsafe_code, reason = "SIMD intrinsics on raw pointers")]

use crate::Kernels;
use crate::bits::{Bits, ONES};
use crate::fastscan::{BLOCK, HALF, STEP};
use crate::simd::{Simd, check_products_i8, kernel_table};
use std::arch::is_x86_feature_detected as has;
use std::arch::x86_64::*;

static KERNELS: Kernels = Kernels {
    products_i8: products_i8_wide,
    ..kernel_table!(Avx2, "avx2", target_feature(enable = "avx2,fma,f16c"))
};

/// The set, if this CPU can run it.
pub(crate) fn detect() -> Option<&'static Kernels> {
    (has!("avx2") && has!("fma") && has!("f16c")).then_some(&KERNELS)
}

struct Avx2;

// SAFETY of the blocks below: `Simd` promises a CPU with the features of this set and pointers
// valid for the lanes accessed.
impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const u16) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(p.cast())) }
    }
    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_u16(p: *const u16) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const u16) -> __m256 {
        // SAFETY: see above.
        unsafe {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m256) {
        // SAFETY: see above.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn store_f16(p: *mut u16, v: __m256) {
        // SAFETY: see above.
        unsafe { _mm_storeu_si128(p.cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v)) }
    }
    #[inline(always)]
    unsafe fn store_i8(p: *mut i8, v: __m256) {
        // SAFETY: see above.
        unsafe {
            let v = _mm256_cvtps_epi32(v);
            let v = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            _mm_storel_epi64(p.cast(), _mm_packs_epi16(v, v))
        }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn abs(a: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), a) }
    }
    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sum(a: __m256) -> f32 {
        // SAFETY: see above.
        unsafe {
            let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)))
        }
    }
    #[inline(always)]
    unsafe fn max_lane(a: __m256) -> f32 {
        // SAFETY: see above.
        unsafe {
            let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
            let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
            _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)))
        }
    }
    #[inline(always)]
    unsafe fn non_negative(a: __m256) -> u32 {
        // SAFETY: see above.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(a, _mm256_setzero_ps())) as u32 }
    }
    #[inline(always)]
    unsafe fn negate(a: __m256, bits: u32) -> __m256 {
        // SAFETY: see above.
        unsafe {
            // Shifts bit `i` to the sign of lane `i`.
            let shifts = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
            let signs = _mm256_sllv_epi32(_mm256_set1_epi32(bits as i32), shifts);
            _mm256_xor_ps(
                a,
                _mm256_and_ps(_mm256_castsi256_ps(signs), _mm256_set1_ps(-0.0)),
            )
        }
    }
    #[inline(always)]
    unsafe fn hadamard(mut a: __m256) -> __m256 {
        // SAFETY: see above.
        unsafe {
            // Lane `i` becomes `a_(i^h) + a_i`, or `a_(i^h) - a_i` where bit `h` of `i` is set.
            let sign1 = _mm256_setr_ps(1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0);
            let sign2 = _mm256_setr_ps(1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0);
            let sign4 = _mm256_setr_ps(1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0);
            a = _mm256_fmadd_ps(a, sign1, _mm256_permute_ps::<0b10_11_00_01>(a));
            a = _mm256_fmadd_ps(a, sign2, _mm256_permute_ps::<0b01_00_11_10>(a));
            _mm256_fmadd_ps(a, sign4, _mm256_permute2f128_ps::<1>(a, a))
        }
    }

    #[inline(always)]
    unsafe fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
        let (a, a_tail) = a.as_chunks::<32>();
        let (b, b_tail) = b.as_chunks::<32>();
        // SAFETY: see above; both halves of a chunk of 32 bytes are 16 bytes.
        unsafe {
            let wide = |p: *const i8| _mm256_cvtepi8_epi16(_mm_loadu_si128(p.cast()));
            let mut accs = [_mm256_setzero_si256(); 2];
            for (a, b) in a.iter().zip(b) {
                for (k, acc) in accs.iter_mut().enumerate() {
                    let (x, y) = (wide(a.as_ptr().add(16 * k)), wide(b.as_ptr().add(16 * k)));
                    *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(x, y));
                }
            }
            let v = _mm256_add_epi32(accs[0], accs[1]);
            let v = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            let v = _mm_add_epi32(v, _mm_shuffle_epi32::<0b01_00_11_10>(v));
            let v = _mm_add_epi32(v, _mm_shuffle_epi32::<0b10_11_00_01>(v));
            let tail = a_tail.iter().zip(b_tail);
            _mm_cvtsi128_si32(v)
                + tail
                    .map(|(&x, &y)| i32::from(x) * i32::from(y))
                    .sum::<i32>()
        }
    }

    /// Sixteen lanes at a time: bytes 0 and 2 of their words in one register, 1 and 3 in another.
    /// The even bytes are summed in 16-bit lanes together with 256 times the odd ones, which are
    /// summed alone too and subtracted at the end.
    #[inline(always)]
    unsafe fn fastscan(codes: &[u8], tables: &[u8], out: &mut [u16]) {
        // SAFETY: see above; steps are 128 bytes, a block of `out` is 32 `u16`s.
        unsafe {
            let nibble = _mm256_set1_epi8(15);
            let columns = _mm256_broadcastsi128_si256(_mm_setr_epi8(
                0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
            ));
            let pairs = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let load = |p: *const u8| _mm256_loadu_si256(p.cast());
            // The first 8 bytes of each half become byte 0 and 2 of 8 lanes, the last 1 and 3.
            let transposed =
                |p| _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(load(p), columns), pairs);
            for (codes, out) in codes
                .chunks_exact(tables.len())
                .zip(out.chunks_exact_mut(BLOCK))
            {
                let mut all = [_mm256_setzero_si256(); 2];
                let mut odd = [_mm256_setzero_si256(); 2];
                for (words, tables) in codes.chunks_exact(STEP).zip(tables.chunks_exact(STEP)) {
                    let (words, tables) = (words.as_ptr(), tables.as_ptr());
                    let [low, high] = [tables, tables.add(HALF)].map(|p| {
                        let (a, b) = (load(p), load(p.add(32)));
                        [
                            _mm256_permute2x128_si256::<0x20>(a, b),
                            _mm256_permute2x128_si256::<0x31>(a, b),
                        ]
                    });
                    for half in 0..2 {
                        let words = words.add(HALF * half);
                        let (a, b) = (transposed(words), transposed(words.add(32)));
                        let bytes = [_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)];
                        for (k, bytes) in bytes.into_iter().enumerate() {
                            let shifted = _mm256_srli_epi16::<4>(bytes);
                            for (table, index) in [(low[k], bytes), (high[k], shifted)] {
                                let index = _mm256_and_si256(index, nibble);
                                let entry = _mm256_shuffle_epi8(table, index);
                                all[half] = _mm256_add_epi16(all[half], entry);
                                let upper = _mm256_srli_epi16::<8>(entry);
                                odd[half] = _mm256_add_epi16(odd[half], upper);
                            }
                        }
                    }
                }
                for k in 0..2 {
                    let even = _mm256_sub_epi16(all[k], _mm256_slli_epi16::<8>(odd[k]));
                    let sum_parts = |v| {
                        let high = _mm256_extracti128_si256::<1>(v);
                        _mm_add_epi16(_mm256_castsi256_si128(v), high)
                    };
                    let (even, odd) = (sum_parts(even), sum_parts(odd[k]));
                    let p = out.as_mut_ptr().add(16 * k);
                    _mm_storeu_si128(p.cast(), _mm_unpacklo_epi16(even, odd));
                    _mm_storeu_si128(p.add(8).cast(), _mm_unpackhi_epi16(even, odd));
                }
            }
        }
    }
}

// SAFETY of the blocks below: as above; vectors are 32 bytes.
impl Bits for Avx2 {
    type B = __m256i;
    const BYTES: usize = 32;

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_setzero_si256() }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_loadu_si256(p.cast()) }
    }
    #[inline(always)]
    unsafe fn and(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_and_si256(a, b) }
    }
    #[inline(always)]
    unsafe fn xor(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_xor_si256(a, b) }
    }
    #[inline(always)]
    unsafe fn add_ones(sum: __m256i, x: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe {
            let nibble = _mm256_set1_epi8(15);
            let ones = _mm256_broadcastsi128_si256(_mm_loadu_si128(ONES.as_ptr().cast()));
            let low = _mm256_shuffle_epi8(ones, _mm256_and_si256(x, nibble));
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(x), nibble);
            let bytes = _mm256_add_epi8(low, _mm256_shuffle_epi8(ones, high));
            _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, _mm256_setzero_si256()))
        }
    }
    #[inline(always)]
    unsafe fn total(sum: __m256i) -> u64 {
        // SAFETY: see above.
        unsafe {
            let half = _mm256_extracti128_si256::<1>(sum);
            let sum = _mm_add_epi64(_mm256_castsi256_si128(sum), half);
            (_mm_extract_epi64::<0>(sum) + _mm_extract_epi64::<1>(sum)) as u64
        }
    }
}

/// Four codes of `a` by eight of `b` at a time, as 16-bit numbers: `b` is packed so that a vector has two
/// coordinates of each of the eight.
pub(crate) fn products_i8_wide(a: &[i8], b: &[i8], d: usize, out: &mut [i32]) {
    const ROWS: usize = 4;
    const COLUMNS: usize = 8;
    /// Products of `R` codes with a packed panel.
    #[target_feature(enable = "avx2")]
    fn tile<const R: usize>(a: &[i16], panel: &[[i16; 2 * COLUMNS]]) -> [[i32; COLUMNS]; R] {
        let d = 2 * panel.len();
        assert!(a.len() >= R * d);
        let mut dots = [_mm256_setzero_si256(); R];
        for (k, two) in panel.iter().enumerate() {
            // SAFETY: an array of 32 bytes; row `r < R` of `a` has `d` numbers, so two from 2 k on.
            unsafe {
                let columns = _mm256_loadu_si256(two.as_ptr().cast());
                for (r, dots) in dots.iter_mut().enumerate() {
                    let row = a.as_ptr().add(r * d + 2 * k).cast::<i32>().read_unaligned();
                    let products = _mm256_madd_epi16(columns, _mm256_set1_epi32(row));
                    *dots = _mm256_add_epi32(*dots, products);
                }
            }
        }
        let mut out = [[0; COLUMNS]; R];
        for (out, dots) in out.iter_mut().zip(dots) {
            // SAFETY: an array of eight numbers.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), dots) };
        }
        out
    }
    let columns = check_products_i8(a, b, d, out);
    let a: Vec<i16> = a.iter().map(|&x| x.into()).collect();
    let mut panel = vec![[0; 2 * COLUMNS]; d / 2];
    for (p, b) in b.chunks(COLUMNS * d).enumerate() {
        for (column, x) in b.chunks_exact(d).enumerate() {
            for (two, x) in panel.iter_mut().zip(x.chunks_exact(2)) {
                two[2 * column] = x[0].into();
                two[2 * column + 1] = x[1].into();
            }
        }
        let width = b.len() / d;
        for (a, out) in a.chunks(ROWS * d).zip(out.chunks_mut(ROWS * columns)) {
            let mut products = [[0; COLUMNS]; ROWS];
            // SAFETY: the table is handed out only where the CPU has the features.
            unsafe {
                match a.len() / d {
                    ROWS => products = tile(a, &panel),
                    _ => {
                        for (products, a) in products.iter_mut().zip(a.chunks_exact(d)) {
                            [*products] = tile(a, &panel);
                        }
                    }
                }
            }
            for (out, products) in out.chunks_mut(columns).zip(&products) {
                out[p * COLUMNS..][..width].copy_from_slice(&products[..width]);
            }
        }
    }
}
