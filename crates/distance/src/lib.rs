//! SIMD kernels for vector distances, chosen at run time. Knows nothing of PostgreSQL.
//!
//! [`kernels`] returns one table of function pointers for the best instruction set of the running
//! CPU; [`all_kernels`] returns every table the CPU can run. All functions are safe: slices whose
//! lengths do not fit together are a programmer error and panic. NaN and infinity never panic.
//!
//! | set | `f32` lanes | half precision | `i8` dot product | FastScan step | set bits |
//! |---|---|---|---|---|---|
//! | `portable` | 8 (arrays, vectorised by the compiler) | software | scalar widening | scalar | 64 |
//! | `avx2` (+FMA, F16C) | 8 | F16C | `vpmaddwd` on widened codes | 2 groups of 16 lanes, `vpshufb` | 256, `vpshufb` |
//! | `avx512` (F, BW, VL, DQ) | 16, masked tails | `vcvtph2ps` | `vpmaddwd` on widened codes | 4 groups of 16 lanes, `vpshufb` | 512, `vpshufb` |
//! | `avx512_vnni` (+VNNI, VBMI, VPOPCNTDQ) | as `avx512` | as `avx512` | `vpdpbusd` | 4 groups of 16 lanes, `vpermb` + `vpdpbusd` | 512, `vpopcntq` |
//! | `neon` | 4 | `fcvtl` | `smull` + `sadalp` | 1 group of 16 lanes, `ld4` + `tbl` | 128, `cnt` |
//!
//! No alignment is needed, but a load that crosses a cache line costs two: with AVX-512, slices
//! aligned to 64 bytes are about a quarter faster.
//!
//! The floating-point kernels are written once, generic over a small vector trait (`simd.rs`);
//! each instruction set implements that trait. Sets differ in summation order and in fused
//! multiply-adds, so their floating-point results agree only to rounding. The integer kernels
//! (`dot_i8`, `tables`, `fastscan`, those on bits) and the sign bits of `edge_code` are identical in all sets.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bits;
pub mod fastscan;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod prefetch;
pub mod quantize;
pub mod rank;
mod simd;
pub mod sparse;
mod within;

pub use prefetch::prefetch;

/// The kernels of one instruction set.
///
/// Slices of one call have equal lengths unless said otherwise; sums are accumulated in `f32`.
#[allow(
    clippy::type_complexity,
    reason = "a signature is clearest where its field is"
)]
pub struct Kernels {
    /// Name of the instruction set: `portable`, `avx2`, `avx512`, `avx512_vnni` or `neon`.
    pub name: &'static str,
    /// Squared Euclidean distance, `sum (a_i - b_i)^2`.
    pub l2_squared: fn(a: &[f32], b: &[f32]) -> f32,
    /// Inner product, `sum a_i * b_i`.
    pub inner_product: fn(a: &[f32], b: &[f32]) -> f32,
    /// Manhattan distance, `sum |a_i - b_i|`.
    pub l1: fn(a: &[f32], b: &[f32]) -> f32,
    /// `(dot(a, b), dot(a, a), dot(b, b))` in one pass.
    pub cosine_parts: fn(a: &[f32], b: &[f32]) -> (f32, f32, f32),
    /// [`Self::l2_squared`] of IEEE half bits.
    pub l2_squared_halves: fn(a: &[u16], b: &[u16]) -> f32,
    /// [`Self::inner_product`] of IEEE half bits.
    pub inner_product_halves: fn(a: &[u16], b: &[u16]) -> f32,
    /// [`Self::l1`] of IEEE half bits.
    pub l1_halves: fn(a: &[u16], b: &[u16]) -> f32,
    /// [`Self::cosine_parts`] of IEEE half bits.
    pub cosine_parts_halves: fn(a: &[u16], b: &[u16]) -> (f32, f32, f32),
    /// The number of bits in which `a` and `b` differ.
    pub hamming: fn(a: &[u8], b: &[u8]) -> u64,
    /// The numbers of bits set in `a` and `b`, in `a`, in `b`.
    pub jaccard_parts: fn(a: &[u8], b: &[u8]) -> (u64, u64, u64),
    /// [`Self::hamming`] of `q` and each of the codes, which are as long as `q`, at most 8,191
    /// bytes, and stand one behind the other.
    pub hamming_lanes: fn(codes: &[u8], q: &[u8], out: &mut [u16]),
    /// The numbers of bits set in both `q` and a code, and in the code, for each of the codes as in
    /// [`Self::hamming_lanes`].
    pub jaccard_lanes: fn(codes: &[u8], q: &[u8], out: &mut [(u16, u16)]),
    /// `sum (q_i - scale * x_i)^2`, `x` as IEEE half bits.
    pub l2_squared_f16: fn(q: &[f32], x: &[u16], scale: f32) -> f32,
    /// `sum q_i * x_i`, `x` as IEEE half bits; unscaled.
    pub inner_product_f16: fn(q: &[f32], x: &[u16]) -> f32,
    /// `sum |q_i - scale * x_i|`, `x` as IEEE half bits.
    pub l1_f16: fn(q: &[f32], x: &[u16], scale: f32) -> f32,
    /// `sum (q_i - scale * x_i)^2`, `x` as int8 codes.
    pub l2_squared_i8: fn(q: &[f32], x: &[i8], scale: f32) -> f32,
    /// `sum q_i * x_i`, `x` as int8 codes; unscaled.
    pub inner_product_i8: fn(q: &[f32], x: &[i8]) -> f32,
    /// `sum |q_i - scale * x_i|`, `x` as int8 codes.
    pub l1_i8: fn(q: &[f32], x: &[i8], scale: f32) -> f32,
    /// Exact inner product of two int8 codes; at most [`MAX_DOT_I8`] long.
    pub dot_i8: fn(a: &[i8], b: &[i8]) -> i32,
    /// [`Self::dot_i8`] of each code in `a` with each in `b`, which stand one behind the other, `d`
    /// long each, a multiple of 16: those of the first in `a` first.
    pub products_i8: fn(a: &[i8], b: &[i8], d: usize, out: &mut [i32]),
    /// Ranks of the distances `base + squares_i + factor * scales_i * products_i`, where `terms` are `base` and
    /// `factor`; see [`mod@rank`].
    pub ranks: fn(
        products: &[i32],
        scales: &[f32],
        squares: &[f32],
        terms: (f32, f32),
        ranking: rank::Ranking,
        out: &mut [i16],
    ),
    /// The distances of which [`Self::ranks`] are; `f32::MAX` for what is more, or not a number.
    pub distances:
        fn(products: &[i32], scales: &[f32], squares: &[f32], terms: (f32, f32), out: &mut [f32]),
    /// Puts each rank of `own` that is above the one at the same place of `other` to [`rank::BEYOND`];
    /// returns where the least of the others is first, 0 if there is none. Both have a multiple of
    /// [`rank::CULLED`] ranks, at most [`rank::MOST_CULLED`].
    pub cull: fn(own: &mut [i16], other: &[i16]) -> usize,
    /// [`Self::cull`] of distances, none of them NaN, to infinity.
    pub cull_distances: fn(own: &mut [f32], other: &[f32]) -> usize,
    /// Adds the places of those numbers to `places` that are in a range, from its first to its last, or are
    /// `also`; there are 65,536 at most.
    pub within: fn(numbers: &[u16], range: (u16, u16), also: u16, places: &mut Vec<u16>),
    /// `out_i = f16(x_i * inv_scale)` as IEEE half bits, rounded to nearest even.
    pub encode_f16: fn(x: &[f32], inv_scale: f32, out: &mut [u16]),
    /// `out_i = scale * x_i`, `x` as IEEE half bits.
    pub decode_f16: fn(x: &[u16], scale: f32, out: &mut [f32]),
    /// `out_i = x_i * inv_scale` rounded to nearest even and clamped to -127..=127; some code in
    /// that range for NaN.
    pub encode_i8: fn(x: &[f32], inv_scale: f32, out: &mut [i8]),
    /// `out_i = scale * x_i`, `x` as int8 codes.
    pub decode_i8: fn(x: &[i8], scale: f32, out: &mut [f32]),
    /// `max |x_i|`, 0 for an empty slice; unspecified if some `x_i` is NaN.
    pub max_abs: fn(x: &[f32]) -> f32,
    /// In-place Walsh-Hadamard transform without normalisation (applying it twice multiplies by
    /// the length); the length is a power of two.
    pub hadamard: fn(x: &mut [f32]),
    /// Negates `x_i` where bit `i` (least significant first) of `signs` is set; `signs` holds at
    /// least `x.len()` bits.
    pub flip_signs: fn(x: &mut [f32], signs: &[u64]),
    /// Makes the tables for [`Self::fastscan`] from the first coordinates of a rotated query, a multiple of
    /// 32, at most 1,024; `tables` has four bytes for each. Returns `(delta, bias)`; see [`mod@fastscan`].
    /// A query of zeros, or one that is not finite, gives all-zero tables and a `delta` of 0.
    pub tables: fn(q: &[f32], tables: &mut [u8]) -> (f32, f32),
    /// Sums one table entry per group of four dimensions, for every lane; see [`mod@fastscan`].
    ///
    /// `tables` is `dc / 4 * 16` bytes, `out` one `u16` per lane (a multiple of 32), `codes`
    /// [`fastscan::codes_len`] bytes.
    pub fastscan: fn(codes: &[u8], tables: &[u8], out: &mut [u16]),
    /// RaBitQ estimate (arXiv 2405.12497) from FastScan sums:
    /// `out_i = base + f_add_i + bf16(f_rescale_i) * (delta * acc_i + bias)`.
    pub estimate: fn(
        acc: &[u16],
        f_add: &[f32],
        f_rescale: &[u16],
        delta: f32,
        bias: f32,
        base: f32,
        out: &mut [f32],
    ),
    /// Sign code of the residual `r = v - u`, with the sums RaBitQ needs for its factors.
    ///
    /// For the first `dc` coordinates (a multiple of 16), bit `i` of `bits` (least significant
    /// first, `dc / 8` bytes) is `r_i >= 0`.
    pub edge_code: fn(u: &[f32], v: &[f32], dc: usize, bits: &mut [u8]) -> EdgeSums,
}

/// The sums over a residual `r = v - u` returned by [`Kernels::edge_code`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeSums {
    /// `sum r_i^2` over all coordinates.
    pub l2: f32,
    /// `sum |r_i|` over the first `dc` coordinates.
    pub abs_sum: f32,
    /// `sum u_i * (r_i >= 0 ? 1 : -1)` over the first `dc` coordinates.
    pub dot_u: f32,
}

/// Greatest length [`Kernels::dot_i8`] takes; its intermediate sums then fit an `i32`.
pub const MAX_DOT_I8: usize = 16_384;

/// The best kernels for this CPU, detected once.
#[inline]
pub fn kernels() -> &'static Kernels {
    static BEST: OnceLock<&'static Kernels> = OnceLock::new();
    BEST.get_or_init(|| {
        all_kernels()
            .last()
            .expect("the portable set is always there")
    })
}

/// Every set of kernels this CPU can run, from portable to best.
pub fn all_kernels() -> Vec<&'static Kernels> {
    let mut sets = vec![&portable::KERNELS];
    #[cfg(target_arch = "x86_64")]
    {
        sets.extend(avx2::detect());
        sets.extend(avx512::detect());
    }
    #[cfg(target_arch = "aarch64")]
    sets.extend(neon::detect());
    sets
}

/// [`Kernels::l2_squared`] of the best set.
#[inline]
pub fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    (kernels().l2_squared)(a, b)
}

/// [`Kernels::inner_product`] of the best set.
#[inline]
pub fn inner_product(a: &[f32], b: &[f32]) -> f32 {
    (kernels().inner_product)(a, b)
}

/// [`Kernels::l1`] of the best set.
#[inline]
pub fn l1(a: &[f32], b: &[f32]) -> f32 {
    (kernels().l1)(a, b)
}

/// [`Kernels::cosine_parts`] of the best set.
#[inline]
pub fn cosine_parts(a: &[f32], b: &[f32]) -> (f32, f32, f32) {
    (kernels().cosine_parts)(a, b)
}

/// Jaccard distance from the numbers of [`Kernels::jaccard_parts`]; 1 if no bit is common.
#[inline]
pub fn jaccard((common, in_a, in_b): (u64, u64, u64)) -> f64 {
    match common {
        0 => 1.0,
        _ => 1.0 - common as f64 / (in_a + in_b - common) as f64,
    }
}

/// Cosine distance from the numbers of [`Kernels::cosine_parts`]; not a number if one is zero.
#[inline]
pub fn cosine((dot, aa, bb): (f32, f32, f32)) -> f64 {
    let similarity = f64::from(dot) / (f64::from(aa) * f64::from(bb)).sqrt();
    1.0 - similarity.clamp(-1.0, 1.0)
}

/// `x` as bfloat16 (the upper 16 bits of an `f32`), rounded to nearest even.
#[inline]
pub fn bf16_round(x: f32) -> u16 {
    half::bf16::from_f32(x).to_bits()
}

/// The value of bfloat16 bits.
#[inline]
pub fn bf16_to_f32(b: u16) -> f32 {
    f32::from_bits(u32::from(b) << 16)
}
