//! Layout of sign codes for FastScan (André et al., VLDB 2015) and its lookup tables.
//!
//! A code is one sign bit per dimension, `dc` dimensions (a multiple of 32, at most 1024), least
//! significant bit first; a bit is set where the coordinate is not negative. Codes are kept in
//! lanes, in blocks of 32. Word `w` of a code is its 4 bytes for the dimensions `32 w` to
//! `32 w + 31`; the words `w` of the 32 lanes of block `b` are the 128 bytes at
//! `(b * dc / 32 + w) * 128`.
//!
//! A lookup takes four dimensions at once, a *group*: a nibble of a code, less significant first.
//! Words are the smallest unit that every instruction set can look up without moving much, and the
//! largest that keeps the lanes of a group in one register. Smaller ones would tear a lane into
//! more pieces, each of which costs a header in the WAL of a changed lane.
//!
//! The tables of a word are 128 bytes: those of the groups in the low nibbles of its 4 bytes, then
//! those of the high nibbles. Entry `n` of the table of group `g` stands for
//! `sum_k (bit k of n ? +q : -q)[4 * g + k]`, less the group's minimum and in units of `delta`,
//! rounded to `u8`. For a sign vector `s` whose table entries sum to `acc`, `<q, s>` is about
//! `delta * acc + bias`, off by at most half a `delta` per group.

#![allow(unsafe_code, reason = "SIMD intrinsics on raw pointers")]

use crate::simd::Simd;

/// Lanes of a block.
pub const BLOCK: usize = 32;
/// Dimensions of a word.
pub const WORD: usize = 32;
/// Bytes of the words of a block; also those of the tables for a word.
pub(crate) const STEP: usize = BLOCK * WORD / 8;
/// Bytes of the tables for one nibble of each byte of a word.
pub(crate) const HALF: usize = STEP / 2;

/// Bytes of the codes of `lanes` (a multiple of 32) lanes of `dc` dimensions.
pub fn codes_len(lanes: usize, dc: usize) -> usize {
    assert!(lanes.is_multiple_of(BLOCK) && dc.is_multiple_of(WORD));
    lanes * dc / 8
}

/// Where the first word of a lane begins.
fn locate(len: usize, lanes: usize, dc: usize, lane: usize) -> usize {
    assert_eq!(len, codes_len(lanes, dc));
    assert!(lane < lanes);
    lane / BLOCK * codes_len(BLOCK, dc) + lane % BLOCK * 4
}

/// Writes the code of `lane`: `bits` is `dc / 8` bytes.
pub fn set_lane(codes: &mut [u8], lanes: usize, dc: usize, lane: usize, bits: &[u8]) {
    assert_eq!(bits.len(), dc / 8);
    let first = locate(codes.len(), lanes, dc, lane);
    for (step, word) in codes[first..].chunks_mut(STEP).zip(bits.chunks_exact(4)) {
        step[..4].copy_from_slice(word);
    }
}

/// Reads the code of `lane` into `bits`, the inverse of [`set_lane`].
pub fn get_lane(codes: &[u8], lanes: usize, dc: usize, lane: usize, bits: &mut [u8]) {
    assert_eq!(bits.len(), dc / 8);
    let first = locate(codes.len(), lanes, dc, lane);
    for (step, word) in codes[first..].chunks(STEP).zip(bits.chunks_exact_mut(4)) {
        word.copy_from_slice(&step[..4]);
    }
}

/// The bits of each index of a table, as factors.
const BITS: [[f32; 16]; 4] = {
    let mut bits = [[0.0; 16]; 4];
    let mut n = 0;
    while n < 16 {
        let mut k = 0;
        while k < 4 {
            bits[k][n] = (n >> k & 1) as f32;
            k += 1;
        }
        n += 1;
    }
    bits
};

/// [`crate::Kernels::tables`]: an entry for each index at once.
///
/// # Safety
/// The CPU has the features of `S`.
#[inline(always)]
pub(crate) unsafe fn tables<S: Simd>(q: &[f32], tables: &mut [u8]) -> (f32, f32) {
    assert!(q.len().is_multiple_of(WORD) && q.len() <= 1024);
    assert_eq!(tables.len(), q.len() * 4);
    // A group spans twice its sum of magnitudes, and its minimum is minus that sum.
    let (mut widest, mut magnitudes) = ([0f32; WORD / 4], [0f32; WORD / 4]);
    for word in q.as_chunks::<WORD>().0 {
        for (g, group) in word.as_chunks::<4>().0.iter().enumerate() {
            let [a, b, c, d] = group.map(f32::abs);
            let sum = a + b + (c + d);
            widest[g] = if sum > widest[g] { sum } else { widest[g] };
            magnitudes[g] += sum;
        }
    }
    let delta = 2.0 * widest.into_iter().fold(0.0, f32::max) / 255.0;
    let magnitudes: f32 = magnitudes.iter().sum();
    let inv_delta = 1.0 / delta;
    if !inv_delta.is_finite() || !delta.is_finite() || !magnitudes.is_finite() {
        tables.fill(0);
        return (0.0, 0.0);
    }
    let tables = tables.as_chunks_mut::<16>().0;
    for (g, group) in q.as_chunks::<4>().0.iter().enumerate() {
        // Entries start at zero: that of all bits clear is the sum of the negative steps' magnitudes.
        let (mut step, mut start) = ([0f32; 4], 0f32);
        for k in 0..4 {
            step[k] = 2.0 * group[k] * inv_delta;
            start -= if step[k] < 0.0 { step[k] } else { 0.0 };
        }
        let mut entries = [0f32; 16];
        for first in (0..16).step_by(S::LANES) {
            // SAFETY: the caller's promise; the bits and the entries are 16 each, a multiple of the lanes, of which as
            // many are read and written from `first` on.
            unsafe {
                // That leaves the value, rounded to nearest, in the low bits of the mantissa.
                let mut sum = S::splat(start);
                for k in 0..4 {
                    sum = S::mul_add(S::splat(step[k]), S::load(BITS[k].as_ptr().add(first)), sum);
                }
                let rounded = S::add(sum, S::splat(8_388_608.0));
                S::store(entries.as_mut_ptr().add(first), rounded);
            }
        }
        let table = &mut tables[table_of(g)];
        for n in 0..16 {
            table[n] = entries[n].to_bits() as u8;
        }
    }
    (delta, -magnitudes)
}

/// Which table is that of group `g`.
pub fn table_of(g: usize) -> usize {
    g / 8 * 8 + g % 2 * 4 + g % 8 / 2
}
