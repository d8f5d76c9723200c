//! The floating-point kernels, written once over a vector of `f32` lanes.
//!
//! Everything here is `inline(always)`: it is compiled as part of an entry point that enables the
//! instruction set's features, which [`kernel_table`] generates. No closure has an intrinsic: it
//! would be compiled without those features, and the intrinsic be called.
//!
//! Contract of all `unsafe fn`s: the CPU has the features of `S`. Pointers given to the methods
//! of [`Simd`] are valid for the lanes they read or write; no alignment is needed.
#![allow(unsafe_code, reason = "SIMD intrinsics on raw pointers")]

pub(crate) use crate::bits::{hamming, hamming_lanes, jaccard_lanes, jaccard_parts};
pub(crate) use crate::fastscan::tables;
pub(crate) use crate::rank::{cull, cull_distances, distances, ranks};
pub(crate) use crate::within::within;
use crate::{EdgeSums, MAX_DOT_I8};

/// Most lanes of any implementation.
const MAX_LANES: usize = 16;

/// A vector of `f32` lanes and the conversions and integer kernels of one instruction set.
pub(crate) trait Simd {
    type V: Copy;
    const LANES: usize;

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    /// IEEE half bits to `f32`.
    unsafe fn load_f16(p: *const u16) -> Self::V;
    unsafe fn load_i8(p: *const i8) -> Self::V;
    /// Unsigned integers to `f32`.
    unsafe fn load_u16(p: *const u16) -> Self::V;
    unsafe fn load_bf16(p: *const u16) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    /// Rounds to IEEE half bits, to nearest even.
    unsafe fn store_f16(p: *mut u16, v: Self::V);
    /// Rounds to nearest even; lanes are within -127..=127.
    unsafe fn store_i8(p: *mut i8, v: Self::V);

    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, fused where the instruction set has it.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`, fused where the instruction set has it.
    unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    unsafe fn abs(a: Self::V) -> Self::V;
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sum(a: Self::V) -> f32;
    unsafe fn max_lane(a: Self::V) -> f32;
    /// Bit `i` is set where lane `i` is `>= 0`.
    unsafe fn non_negative(a: Self::V) -> u32;
    /// Negates the lanes whose bit is set; bits beyond the lanes are ignored.
    unsafe fn negate(a: Self::V, bits: u32) -> Self::V;
    /// Walsh-Hadamard transform of the lanes.
    unsafe fn hadamard(a: Self::V) -> Self::V;

    /// Loads the first `n < LANES` lanes and zeroes the rest.
    #[inline(always)]
    unsafe fn load_partial(p: *const f32, n: usize) -> Self::V {
        // SAFETY: the buffer holds all lanes; the rest is the module's contract.
        unsafe { Self::load(padded(p, n).as_ptr()) }
    }
    #[inline(always)]
    unsafe fn load_f16_partial(p: *const u16, n: usize) -> Self::V {
        // SAFETY: as for `load_partial`.
        unsafe { Self::load_f16(padded(p, n).as_ptr()) }
    }
    #[inline(always)]
    unsafe fn load_i8_partial(p: *const i8, n: usize) -> Self::V {
        // SAFETY: as for `load_partial`.
        unsafe { Self::load_i8(padded(p, n).as_ptr()) }
    }

    unsafe fn dot_i8(a: &[i8], b: &[i8]) -> i32;
    /// Lengths have been checked.
    unsafe fn fastscan(codes: &[u8], tables: &[u8], out: &mut [u16]);
}

/// The first `n` elements at `p`, padded with zeros.
///
/// # Safety
/// `p` is valid for `n <= MAX_LANES` reads.
#[inline(always)]
unsafe fn padded<T: Copy + Default>(p: *const T, n: usize) -> [T; MAX_LANES] {
    let mut buffer = [T::default(); MAX_LANES];
    // SAFETY: `n` elements are readable and fit the buffer.
    unsafe { std::ptr::copy_nonoverlapping(p, buffer.as_mut_ptr(), n) };
    buffer
}

/// A stored element type that loads as `f32` lanes.
pub(crate) trait Element: Copy {
    unsafe fn load<S: Simd>(p: *const Self) -> S::V;
    unsafe fn load_partial<S: Simd>(p: *const Self, n: usize) -> S::V;
}

macro_rules! element {
    ($t:ty, $load:ident, $load_partial:ident) => {
        impl Element for $t {
            #[inline(always)]
            unsafe fn load<S: Simd>(p: *const Self) -> S::V {
                // SAFETY: the module's contract.
                unsafe { S::$load(p) }
            }
            #[inline(always)]
            unsafe fn load_partial<S: Simd>(p: *const Self, n: usize) -> S::V {
                // SAFETY: the module's contract.
                unsafe { S::$load_partial(p, n) }
            }
        }
    };
}
element!(f32, load, load_partial);
element!(u16, load_f16, load_f16_partial);
element!(i8, load_i8, load_i8_partial);

/// Sums `step` over pairs of lanes of `$q` and `$x` with four independent accumulators, which
/// hide the latency of the additions.
macro_rules! fold {
    ($S:ident, $Q:ty, $X:ty, $q:ident, $x:ident, |$acc:ident, $a:ident, $b:ident| $step:expr) => {{
        assert_eq!($q.len(), $x.len());
        let n = $q.len();
        let (q, x) = ($q.as_ptr(), $x.as_ptr());
        // SAFETY: offsets plus the lanes read stay below `n`, the length of both slices.
        unsafe {
            let mut accs = [$S::splat(0.0); 4];
            let mut i = 0;
            while i + 4 * $S::LANES <= n {
                for (k, $acc) in accs.iter_mut().enumerate() {
                    let $a = <$Q>::load::<$S>(q.add(i + k * $S::LANES));
                    let $b = <$X>::load::<$S>(x.add(i + k * $S::LANES));
                    *$acc = $step;
                }
                i += 4 * $S::LANES;
            }
            let [$acc, ..] = &mut accs;
            while i + $S::LANES <= n {
                let $a = <$Q>::load::<$S>(q.add(i));
                let $b = <$X>::load::<$S>(x.add(i));
                *$acc = $step;
                i += $S::LANES;
            }
            if i < n {
                let $a = <$Q>::load_partial::<$S>(q.add(i), n - i);
                let $b = <$X>::load_partial::<$S>(x.add(i), n - i);
                *$acc = $step;
            }
            sum4::<$S>(accs)
        }
    }};
}

#[inline(always)]
pub(crate) unsafe fn l2_squared<S: Simd, X: Element>(a: &[X], b: &[X]) -> f32 {
    fold!(S, X, X, a, b, |acc, x, y| {
        let d = S::sub(x, y);
        S::mul_add(d, d, *acc)
    })
}

#[inline(always)]
pub(crate) unsafe fn inner_product<S: Simd, Q: Element, X: Element>(a: &[Q], b: &[X]) -> f32 {
    fold!(S, Q, X, a, b, |acc, x, y| S::mul_add(x, y, *acc))
}

#[inline(always)]
pub(crate) unsafe fn l1<S: Simd, X: Element>(a: &[X], b: &[X]) -> f32 {
    fold!(S, X, X, a, b, |acc, x, y| S::add(
        *acc,
        S::abs(S::sub(x, y))
    ))
}

#[inline(always)]
pub(crate) unsafe fn l2_squared_scaled<S: Simd, X: Element>(q: &[f32], x: &[X], scale: f32) -> f32 {
    // SAFETY: the module's contract.
    let scale = unsafe { S::splat(scale) };
    fold!(S, f32, X, q, x, |acc, a, b| {
        let d = S::neg_mul_add(scale, b, a);
        S::mul_add(d, d, *acc)
    })
}

#[inline(always)]
pub(crate) unsafe fn l1_scaled<S: Simd, X: Element>(q: &[f32], x: &[X], scale: f32) -> f32 {
    // SAFETY: the module's contract.
    let scale = unsafe { S::splat(scale) };
    fold!(S, f32, X, q, x, |acc, a, b| S::add(
        *acc,
        S::abs(S::neg_mul_add(scale, b, a))
    ))
}

/// Adds products of `x` with `y`, of `x` and of `y` with themselves.
///
/// # Safety
/// The module's contract.
#[inline(always)]
unsafe fn add_parts<S: Simd>(sums: &mut [S::V; 3], x: S::V, y: S::V) {
    // SAFETY: the module's contract.
    unsafe {
        sums[0] = S::mul_add(x, y, sums[0]);
        sums[1] = S::mul_add(x, x, sums[1]);
        sums[2] = S::mul_add(y, y, sums[2]);
    }
}

#[inline(always)]
pub(crate) unsafe fn cosine_parts<S: Simd, X: Element>(a: &[X], b: &[X]) -> (f32, f32, f32) {
    assert_eq!(a.len(), b.len());
    let n = a.len();
    let (a, b) = (a.as_ptr(), b.as_ptr());
    // SAFETY: offsets plus the lanes read stay below `n`, the length of both slices.
    unsafe {
        // Two triples of accumulators: six chains already hide the latency.
        let mut accs = [[S::splat(0.0); 3]; 2];
        let mut i = 0;
        while i + 2 * S::LANES <= n {
            for (k, acc) in accs.iter_mut().enumerate() {
                let at = i + k * S::LANES;
                add_parts::<S>(acc, X::load::<S>(a.add(at)), X::load::<S>(b.add(at)));
            }
            i += 2 * S::LANES;
        }
        while i < n {
            let m = (n - i).min(S::LANES);
            let (x, y) = if m == S::LANES {
                (X::load::<S>(a.add(i)), X::load::<S>(b.add(i)))
            } else {
                let (a, b) = (a.add(i), b.add(i));
                (X::load_partial::<S>(a, m), X::load_partial::<S>(b, m))
            };
            add_parts::<S>(&mut accs[0], x, y);
            i += m;
        }
        let [s, t] = accs;
        (
            S::sum(S::add(s[0], t[0])),
            S::sum(S::add(s[1], t[1])),
            S::sum(S::add(s[2], t[2])),
        )
    }
}

#[inline(always)]
pub(crate) unsafe fn products_i8<S: Simd>(a: &[i8], b: &[i8], d: usize, out: &mut [i32]) {
    let columns = check_products_i8(a, b, d, out);
    for (x, out) in a.chunks_exact(d).zip(out.chunks_exact_mut(columns)) {
        for (y, out) in b.chunks_exact(d).zip(out) {
            // SAFETY: lengths have been checked; the rest is the module's contract.
            *out = unsafe { S::dot_i8(x, y) };
        }
    }
}

/// The lengths fit together; returns how many codes `b` has.
#[inline(always)]
pub(crate) fn check_products_i8(a: &[i8], b: &[i8], d: usize, out: &[i32]) -> usize {
    assert!((1..=MAX_DOT_I8).contains(&d) && d.is_multiple_of(16));
    let (rows, columns) = (a.len() / d, b.len() / d);
    assert!(a.len() == rows * d && b.len() == columns * d && out.len() == rows * columns);
    // No chunk of `out` is empty, also where there are no columns.
    columns.max(1)
}

#[inline(always)]
pub(crate) unsafe fn dot_i8<S: Simd>(a: &[i8], b: &[i8]) -> i32 {
    check_dot_i8(a, b);
    // SAFETY: the module's contract.
    unsafe { S::dot_i8(a, b) }
}

#[inline(always)]
pub(crate) fn check_dot_i8(a: &[i8], b: &[i8]) {
    assert_eq!(a.len(), b.len());
    assert!(a.len() <= MAX_DOT_I8);
}

/// `out_i = f(x_i)` lane-wise; the tail goes through buffers.
macro_rules! map {
    ($S:ident, $n:expr, $out:ident, |$i:ident, $m:ident| $value:expr, $value_partial:expr, $store:ident) => {{
        let n = $n;
        // SAFETY: offsets plus the lanes read and written stay below `n`, the length of all
        // slices; the tail is stored to a buffer of all lanes and `m` of them are copied.
        unsafe {
            let out = $out.as_mut_ptr();
            let mut $i = 0;
            while $i + $S::LANES <= n {
                $S::$store(out.add($i), $value);
                $i += $S::LANES;
            }
            let $m = n - $i;
            if $m > 0 {
                let mut buffer = [Default::default(); MAX_LANES];
                $S::$store(buffer.as_mut_ptr(), $value_partial);
                std::ptr::copy_nonoverlapping(buffer.as_ptr(), out.add($i), $m);
            }
        }
    }};
}

#[inline(always)]
pub(crate) unsafe fn encode_f16<S: Simd>(x: &[f32], inv_scale: f32, out: &mut [u16]) {
    assert_eq!(x.len(), out.len());
    // SAFETY: the module's contract.
    let scale = unsafe { S::splat(inv_scale) };
    let p = x.as_ptr();
    map!(
        S,
        x.len(),
        out,
        |i, m| S::mul(S::load(p.add(i)), scale),
        S::mul(S::load_partial(p.add(i), m), scale),
        store_f16
    );
}

#[inline(always)]
pub(crate) unsafe fn encode_i8<S: Simd>(x: &[f32], inv_scale: f32, out: &mut [i8]) {
    assert_eq!(x.len(), out.len());
    // SAFETY: the module's contract.
    let (scale, low, high) = unsafe { (S::splat(inv_scale), S::splat(-127.0), S::splat(127.0)) };
    let p = x.as_ptr();
    map!(
        S,
        x.len(),
        out,
        |i, m| S::min(S::max(S::mul(S::load(p.add(i)), scale), low), high),
        S::min(
            S::max(S::mul(S::load_partial(p.add(i), m), scale), low),
            high
        ),
        store_i8
    );
}

#[inline(always)]
pub(crate) unsafe fn decode<S: Simd, X: Element>(x: &[X], scale: f32, out: &mut [f32]) {
    assert_eq!(x.len(), out.len());
    // SAFETY: the module's contract.
    let scale = unsafe { S::splat(scale) };
    let p = x.as_ptr();
    map!(
        S,
        x.len(),
        out,
        |i, m| S::mul(X::load::<S>(p.add(i)), scale),
        S::mul(X::load_partial::<S>(p.add(i), m), scale),
        store
    );
}

#[inline(always)]
pub(crate) unsafe fn max_abs<S: Simd>(x: &[f32]) -> f32 {
    let (n, p) = (x.len(), x.as_ptr());
    // SAFETY: offsets plus the lanes read stay below `n`.
    unsafe {
        let mut acc = S::splat(0.0);
        let mut i = 0;
        while i + S::LANES <= n {
            acc = S::max(acc, S::abs(S::load(p.add(i))));
            i += S::LANES;
        }
        if i < n {
            acc = S::max(acc, S::abs(S::load_partial(p.add(i), n - i)));
        }
        S::max_lane(acc)
    }
}

/// Butterflies of four vectors at distances one and two.
///
/// # Safety
/// The module's contract.
#[inline(always)]
unsafe fn butterfly4<S: Simd>([a, b, c, d]: [S::V; 4]) -> [S::V; 4] {
    // SAFETY: the module's contract.
    unsafe {
        let (s, t, u, v) = (S::add(a, b), S::sub(a, b), S::add(c, d), S::sub(c, d));
        [S::add(s, u), S::add(t, v), S::sub(s, u), S::sub(t, v)]
    }
}

#[inline(always)]
pub(crate) unsafe fn hadamard<S: Simd>(x: &mut [f32]) {
    let n = x.len();
    assert!(n.is_power_of_two());
    if n < 4 * S::LANES {
        return hadamard_scalar(x);
    }
    let p = x.as_mut_ptr();
    // Two levels of butterflies a pass, which halves the loads and stores.
    // SAFETY: `n` is a multiple of 4 * LANES; a pass over four (two) vectors at distance `h`
    // starts at block + i, with block a multiple of 4 * h (2 * h) below `n` and i < h.
    unsafe {
        for i in (0..n).step_by(4 * S::LANES) {
            let mut v = [S::splat(0.0); 4];
            for (k, v) in v.iter_mut().enumerate() {
                *v = S::hadamard(S::load(p.add(i + k * S::LANES)));
            }
            for (k, v) in butterfly4::<S>(v).into_iter().enumerate() {
                S::store(p.add(i + k * S::LANES), v);
            }
        }
        let mut h = 4 * S::LANES;
        while 4 * h <= n {
            for block in (0..n).step_by(4 * h) {
                for i in (block..block + h).step_by(S::LANES) {
                    let mut v = [S::splat(0.0); 4];
                    for (k, v) in v.iter_mut().enumerate() {
                        *v = S::load(p.add(i + k * h));
                    }
                    for (k, v) in butterfly4::<S>(v).into_iter().enumerate() {
                        S::store(p.add(i + k * h), v);
                    }
                }
            }
            h *= 4;
        }
        if h < n {
            for i in (0..h).step_by(S::LANES) {
                let (a, b) = (S::load(p.add(i)), S::load(p.add(i + h)));
                S::store(p.add(i), S::add(a, b));
                S::store(p.add(i + h), S::sub(a, b));
            }
        }
    }
}

/// The scalar transform, for lengths below four vectors.
pub(crate) fn hadamard_scalar(x: &mut [f32]) {
    let mut h = 1;
    while h < x.len() {
        for block in x.chunks_exact_mut(2 * h) {
            let (low, high) = block.split_at_mut(h);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        h *= 2;
    }
}

#[inline(always)]
pub(crate) unsafe fn flip_signs<S: Simd>(x: &mut [f32], signs: &[u64]) {
    assert!(x.len() <= signs.len() * 64);
    let (n, p) = (x.len(), x.as_mut_ptr());
    let word = |i: usize| (signs[i / 64] >> (i % 64)) as u32;
    let mut i = 0;
    while i + S::LANES <= n {
        // SAFETY: `i + LANES` is at most the length.
        unsafe { S::store(p.add(i), S::negate(S::load(p.add(i)), word(i))) };
        i += S::LANES;
    }
    for (k, v) in x[i..].iter_mut().enumerate() {
        if word(i + k) & 1 == 1 {
            *v = -*v;
        }
    }
}

#[inline(always)]
pub(crate) unsafe fn fastscan<S: Simd>(codes: &[u8], tables: &[u8], out: &mut [u16]) {
    check_fastscan(codes, tables, out);
    // SAFETY: the module's contract.
    unsafe { S::fastscan(codes, tables, out) }
}

/// The shapes of a FastScan call: `tables` is as long as the codes of one block.
#[inline(always)]
pub(crate) fn check_fastscan(codes: &[u8], tables: &[u8], out: &[u16]) {
    assert!(
        !tables.is_empty() && tables.len() <= 4096,
        "dc is 32 to 1024"
    );
    assert!(
        tables.len().is_multiple_of(crate::fastscan::STEP),
        "dc is a multiple of 32"
    );
    assert!(out.len().is_multiple_of(crate::fastscan::BLOCK));
    assert_eq!(
        codes.len(),
        out.len() / crate::fastscan::BLOCK * tables.len()
    );
}

#[inline(always)]
pub(crate) unsafe fn estimate<S: Simd>(
    acc: &[u16],
    f_add: &[f32],
    f_rescale: &[u16],
    delta: f32,
    bias: f32,
    base: f32,
    out: &mut [f32],
) {
    let n = out.len();
    assert!(acc.len() == n && f_add.len() == n && f_rescale.len() == n);
    // SAFETY: the module's contract.
    let (delta, bias, base) = unsafe { (S::splat(delta), S::splat(bias), S::splat(base)) };
    let (acc, f_add, f_rescale) = (acc.as_ptr(), f_add.as_ptr(), f_rescale.as_ptr());
    map!(
        S,
        n,
        out,
        |i, m| S::mul_add(
            S::load_bf16(f_rescale.add(i)),
            S::mul_add(delta, S::load_u16(acc.add(i)), bias),
            S::add(base, S::load(f_add.add(i)))
        ),
        S::mul_add(
            S::load_bf16(padded(f_rescale.add(i), m).as_ptr()),
            S::mul_add(delta, S::load_u16(padded(acc.add(i), m).as_ptr()), bias),
            S::add(base, S::load_partial(f_add.add(i), m))
        ),
        store
    );
}

/// The sum of the lanes of four vectors.
///
/// # Safety
/// The module's contract.
#[inline(always)]
unsafe fn sum4<S: Simd>([a, b, c, d]: [S::V; 4]) -> f32 {
    // SAFETY: the module's contract.
    unsafe { S::sum(S::add(S::add(a, b), S::add(c, d))) }
}

#[inline(always)]
pub(crate) unsafe fn edge_code<S: Simd>(
    u: &[f32],
    v: &[f32],
    dc: usize,
    bits: &mut [u8],
) -> EdgeSums {
    assert_eq!(u.len(), v.len());
    assert!(dc.is_multiple_of(16) && dc <= u.len());
    assert_eq!(bits.len(), dc / 8);
    let (a, b) = (u.as_ptr(), v.as_ptr());
    // SAFETY: the 16 coordinates of a step lie below `dc`, at most the length of both slices.
    unsafe {
        // One accumulator for each vector of the 16 coordinates that fill two bytes of `bits`.
        let zero = S::splat(0.0);
        let (mut l2, mut abs_sum, mut dot_u) = ([zero; 4], [zero; 4], [zero; 4]);
        for (step, out) in bits.chunks_exact_mut(2).enumerate() {
            let mut mask = 0;
            for k in 0..16 / S::LANES {
                let i = step * 16 + k * S::LANES;
                let x = S::load(a.add(i));
                let r = S::sub(S::load(b.add(i)), x);
                let m = S::non_negative(r);
                mask |= m << (k * S::LANES);
                l2[k] = S::mul_add(r, r, l2[k]);
                abs_sum[k] = S::add(abs_sum[k], S::abs(r));
                dot_u[k] = S::add(dot_u[k], S::negate(x, !m));
            }
            out.copy_from_slice(&(mask as u16).to_le_bytes());
        }
        let rest = if dc < u.len() {
            l2_squared::<S, f32>(&u[dc..], &v[dc..])
        } else {
            0.0
        };
        EdgeSums {
            l2: sum4::<S>(l2) + rest,
            abs_sum: sum4::<S>(abs_sum),
            dot_u: sum4::<S>(dot_u),
        }
    }
}

/// Builds the table of an instruction set: one entry point per kernel, compiled with the given
/// attribute (`target_feature`).
///
/// The table may be handed out only on a CPU that has those features.
macro_rules! kernel_table {
    ($S:ty, $name:literal, $attr:meta) => {
        $crate::simd::kernel_table!(@table $S, $name, $attr,
            l2_squared: l2_squared::<$S, f32>(a: &[f32], b: &[f32]) -> f32,
            inner_product: inner_product::<$S, f32, f32>(a: &[f32], b: &[f32]) -> f32,
            l1: l1::<$S, f32>(a: &[f32], b: &[f32]) -> f32,
            cosine_parts: cosine_parts::<$S, f32>(a: &[f32], b: &[f32]) -> (f32, f32, f32),
            l2_squared_halves: l2_squared::<$S, u16>(a: &[u16], b: &[u16]) -> f32,
            inner_product_halves: inner_product::<$S, u16, u16>(a: &[u16], b: &[u16]) -> f32,
            l1_halves: l1::<$S, u16>(a: &[u16], b: &[u16]) -> f32,
            cosine_parts_halves: cosine_parts::<$S, u16>(
                a: &[u16], b: &[u16]
            ) -> (f32, f32, f32),
            hamming: hamming::<$S>(a: &[u8], b: &[u8]) -> u64,
            jaccard_parts: jaccard_parts::<$S>(a: &[u8], b: &[u8]) -> (u64, u64, u64),
            hamming_lanes: hamming_lanes::<$S>(codes: &[u8], q: &[u8], out: &mut [u16]) -> (),
            jaccard_lanes: jaccard_lanes::<$S>(
                codes: &[u8], q: &[u8], out: &mut [(u16, u16)]
            ) -> (),
            l2_squared_f16: l2_squared_scaled::<$S, u16>(q: &[f32], x: &[u16], s: f32) -> f32,
            inner_product_f16: inner_product::<$S, f32, u16>(q: &[f32], x: &[u16]) -> f32,
            l1_f16: l1_scaled::<$S, u16>(q: &[f32], x: &[u16], s: f32) -> f32,
            l2_squared_i8: l2_squared_scaled::<$S, i8>(q: &[f32], x: &[i8], s: f32) -> f32,
            inner_product_i8: inner_product::<$S, f32, i8>(q: &[f32], x: &[i8]) -> f32,
            l1_i8: l1_scaled::<$S, i8>(q: &[f32], x: &[i8], s: f32) -> f32,
            dot_i8: dot_i8::<$S>(a: &[i8], b: &[i8]) -> i32,
            products_i8: products_i8::<$S>(a: &[i8], b: &[i8], d: usize, out: &mut [i32]) -> (),
            ranks: ranks::<$S>(
                products: &[i32], scales: &[f32], squares: &[f32],
                terms: (f32, f32), ranking: $crate::rank::Ranking, out: &mut [i16]
            ) -> (),
            distances: distances::<$S>(
                products: &[i32], scales: &[f32], squares: &[f32],
                terms: (f32, f32), out: &mut [f32]
            ) -> (),
            cull: cull::<$S>(own: &mut [i16], other: &[i16]) -> usize,
            cull_distances: cull_distances::<$S>(own: &mut [f32], other: &[f32]) -> usize,
            within: within::<$S>(
                numbers: &[u16], range: (u16, u16), also: u16, places: &mut Vec<u16>
            ) -> (),
            encode_f16: encode_f16::<$S>(x: &[f32], s: f32, out: &mut [u16]) -> (),
            decode_f16: decode::<$S, u16>(x: &[u16], s: f32, out: &mut [f32]) -> (),
            encode_i8: encode_i8::<$S>(x: &[f32], s: f32, out: &mut [i8]) -> (),
            decode_i8: decode::<$S, i8>(x: &[i8], s: f32, out: &mut [f32]) -> (),
            max_abs: max_abs::<$S>(x: &[f32]) -> f32,
            hadamard: hadamard::<$S>(x: &mut [f32]) -> (),
            flip_signs: flip_signs::<$S>(x: &mut [f32], signs: &[u64]) -> (),
            tables: tables::<$S>(q: &[f32], tables: &mut [u8]) -> (f32, f32),
            fastscan: fastscan::<$S>(codes: &[u8], tables: &[u8], out: &mut [u16]) -> (),
            estimate: estimate::<$S>(
                acc: &[u16], f_add: &[f32], f_rescale: &[u16],
                delta: f32, bias: f32, base: f32, out: &mut [f32]
            ) -> (),
            edge_code: edge_code::<$S>(
                u: &[f32], v: &[f32], dc: usize, bits: &mut [u8]
            ) -> $crate::EdgeSums,
        )
    };
    (@table $S:ty, $name:literal, $attr:meta, $(
        $field:ident: $f:ident::<$($g:ty),+>($($arg:ident: $t:ty),*) -> $ret:ty,
    )*) => {
        $crate::Kernels {
            name: $name,
            $($field: {
                #[$attr]
                fn run($($arg: $t),*) -> $ret {
                    // SAFETY: this function has the features enabled.
                    unsafe { $crate::simd::$f::<$($g),+>($($arg),*) }
                }
                #[allow(unused_unsafe, reason = "some sets need no feature beyond the target's")]
                fn entry($($arg: $t),*) -> $ret {
                    // SAFETY: the table is handed out only where the CPU has the features.
                    unsafe { run($($arg),*) }
                }
                entry
            },)*
        }
    };
}
pub(crate) use kernel_table;
