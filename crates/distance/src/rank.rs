//! Ranks: distances in 16 bits, to compare many of them in half the memory and time.
//!
//! A rank is the distance's logarithm, but linear between powers of two: the bits of the `f32` above the lowest
//! 13. Distances that differ by a thousandth or more have different ranks, down to 2^-32 of the largest; what is
//! less than that has rank 0. Inner products have none: the longest of many rows would have the same.
#![allow(
    unsafe_code,
    reason = "the table of kernels asks for unsafe functions; nothing here needs it"
)]

use crate::simd::Simd;

/// The rank of what is no candidate: beyond that of all distances.
pub const BEYOND: i16 = <i16 as Place>::BEYOND;

/// A number that orders distances.
pub trait Place: Copy + PartialOrd {
    /// That of what is no candidate.
    const BEYOND: Self;
}

impl Place for i16 {
    const BEYOND: Self = i16::MAX;
}

impl Place for f32 {
    const BEYOND: Self = f32::INFINITY;
}

/// How many ranks [`crate::Kernels::cull`] takes at a time.
pub const CULLED: usize = 32;
/// How many at most.
pub const MOST_CULLED: usize = 1 << 16;
/// Bits of a distance that ranks leave out.
const LEFT_OUT: u32 = 13;

/// How distances up to a largest one are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// The bits of the distance of rank 0.
    least: i32,
}

impl Ranking {
    /// For distances up to about `largest`.
    pub fn up_to(largest: f32) -> Self {
        let ranks = i32::from(BEYOND - 1) << LEFT_OUT;
        let least = largest.to_bits() as i32 - ranks;
        Self {
            least: least.max(0),
        }
    }

    /// The rank of a distance, the greatest of those if it is not a number.
    #[inline(always)]
    pub fn of(self, distance: f32) -> i16 {
        let d = match distance < f32::MAX {
            true => distance,
            false => f32::MAX,
        };
        let d = if d > 0.0 { d } else { 0.0 };
        let above = (d.to_bits() as i32 - self.least).max(0) >> LEFT_OUT;
        above.min(i32::from(BEYOND - 1)) as i16
    }
}

/// By arrays that the compiler turns into vectors.
///
/// # Safety
/// None is needed.
#[inline(always)]
pub(crate) unsafe fn ranks<S: Simd>(
    products: &[i32],
    scales: &[f32],
    squares: &[f32],
    (base, factor): (f32, f32),
    ranking: Ranking,
    out: &mut [i16],
) {
    let n = out.len();
    assert!(products.len() == n && scales.len() == n && squares.len() == n);
    let others = products.iter().zip(scales).zip(squares);
    for (out, ((&product, scale), square)) in out.iter_mut().zip(others) {
        *out = ranking.of(base + square + factor * scale * product as f32);
    }
}

/// By arrays that the compiler turns into vectors.
///
/// # Safety
/// None is needed.
#[inline(always)]
pub(crate) unsafe fn distances<S: Simd>(
    products: &[i32],
    scales: &[f32],
    squares: &[f32],
    (base, factor): (f32, f32),
    out: &mut [f32],
) {
    let n = out.len();
    assert!(products.len() == n && scales.len() == n && squares.len() == n);
    let others = products.iter().zip(scales).zip(squares);
    for (out, ((&product, scale), square)) in out.iter_mut().zip(others) {
        let distance = base + square + factor * scale * product as f32;
        *out = match distance < f32::MAX {
            true => distance,
            false => f32::MAX,
        };
    }
}

/// By arrays that the compiler turns into vectors; `$min` is the form of the minimum that it does so with. Of a
/// function generic over the type it makes twice as many instructions.
macro_rules! cull {
    ($name:ident, $P:ty, |$a:ident, $b:ident| $min:expr) => {
        /// # Safety
        /// None is needed.
        #[inline(always)]
        pub(crate) unsafe fn $name<S: Simd>(own: &mut [$P], other: &[$P]) -> usize {
            assert!(own.len() == other.len() && own.len().is_multiple_of(CULLED));
            assert!(own.len() <= MOST_CULLED);
            let mut least = [<$P>::BEYOND; CULLED];
            let mut at = [0u16; CULLED];
            let (own, _) = own.as_chunks_mut::<CULLED>();
            let (other, _) = other.as_chunks::<CULLED>();
            for (i, (own, other)) in own.iter_mut().zip(other).enumerate() {
                for lane in 0..CULLED {
                    let $b = match other[lane] < own[lane] {
                        true => <$P>::BEYOND,
                        false => own[lane],
                    };
                    own[lane] = $b;
                    let $a = least[lane];
                    at[lane] = if $b < $a { i as u16 } else { at[lane] };
                    least[lane] = $min;
                }
            }
            let nearest = least.iter().fold(<$P>::BEYOND, |$a, &$b| $min);
            let mut first = u16::MAX;
            for lane in 0..CULLED {
                let place = at[lane] * CULLED as u16 + lane as u16;
                first = first.min(if least[lane] == nearest {
                    place
                } else {
                    u16::MAX
                });
            }
            first.into()
        }
    };
}
cull!(cull, i16, |a, b| a.min(b));
cull!(cull_distances, f32, |a, b| if b < a { b } else { a });
