//! Layout of sign codes for FastScan (André et al., VLDB 2015) and its lookup tables.
//!
//! A code is one sign bit per dimension, `dc` dimensions (a multiple of 16, at most 1024). Codes
//! are kept in lanes, in blocks of 32; dimensions are grouped by four. Group `g` of block `b` is
//! the 16 bytes at `(b * dc / 4 + g) * 16`: the low nibble of byte `j` belongs to lane
//! `32 * b + j`, the high nibble to lane `32 * b + 16 + j`, and bit `k` of a nibble is the sign of
//! dimension `4 * g + k` (set: positive). So one byte shuffle looks up 16 lanes of a group at once.

/// Lanes of a block.
pub const BLOCK: usize = 32;

/// Bytes of the codes of `lanes` (a multiple of 32) lanes of `dc` dimensions.
pub fn codes_len(lanes: usize, dc: usize) -> usize {
    assert!(lanes.is_multiple_of(BLOCK) && dc.is_multiple_of(16));
    lanes * dc / 8
}

/// Where the nibbles of a lane lie: the index of its first byte and the shift of its nibble.
fn locate(len: usize, lanes: usize, dc: usize, lane: usize) -> (usize, u32) {
    assert_eq!(len, codes_len(lanes, dc));
    assert!(lane < lanes);
    let within = lane % BLOCK;
    (
        lane / BLOCK * dc * 4 + within % 16,
        (within / 16 * 4) as u32,
    )
}

/// Writes the code of `lane`: `bits` is `dc / 8` bytes, least significant bit first.
pub fn set_lane(codes: &mut [u8], lanes: usize, dc: usize, lane: usize, bits: &[u8]) {
    assert_eq!(bits.len(), dc / 8);
    let (first, shift) = locate(codes.len(), lanes, dc, lane);
    let keep = 0xf0 >> shift;
    for (pair, &byte) in codes[first..].chunks_mut(32).zip(bits) {
        pair[0] = pair[0] & keep | (byte & 15) << shift;
        pair[16] = pair[16] & keep | (byte >> 4) << shift;
    }
}

/// Reads the code of `lane` into `bits`, the inverse of [`set_lane`].
pub fn get_lane(codes: &[u8], lanes: usize, dc: usize, lane: usize, bits: &mut [u8]) {
    assert_eq!(bits.len(), dc / 8);
    let (first, shift) = locate(codes.len(), lanes, dc, lane);
    for (pair, byte) in codes[first..].chunks(32).zip(bits) {
        *byte = (pair[0] >> shift) & 15 | ((pair[16] >> shift) & 15) << 4;
    }
}

/// Sets all bits of `lane` to zero.
pub fn clear_lane(codes: &mut [u8], lanes: usize, dc: usize, lane: usize) {
    let (first, shift) = locate(codes.len(), lanes, dc, lane);
    for byte in codes[first..].iter_mut().step_by(16).take(dc / 4) {
        *byte &= 0xf0 >> shift;
    }
}

/// Builds the lookup tables for the first `dc` coordinates of the rotated query `q`.
///
/// Entry `n` of group `g` stands for `sum_k (bit k of n ? +q : -q)[4 * g + k]`, less the group's
/// minimum and in units of `delta`, rounded to `u8`. Returns `(delta, bias)`: for a sign vector
/// `s` whose table entries sum to `acc`, `<q, s>` is about `delta * acc + bias`, off by at most
/// half a `delta` per group. `tables` is `dc / 4 * 16` bytes. A query of zeros, or one that is
/// not finite, gives all-zero tables and `delta` 0.
pub fn build_tables(q: &[f32], dc: usize, tables: &mut [u8]) -> (f32, f32) {
    assert!(dc.is_multiple_of(16) && dc <= 1024);
    assert_eq!(tables.len(), dc * 4);
    let q = &q[..dc];
    // A group spans twice its sum of magnitudes, and its minimum is minus that sum.
    let (mut widest, mut magnitudes) = (0f32, 0f32);
    for group in q.as_chunks::<4>().0 {
        let sum: f32 = group.iter().map(|x| x.abs()).sum();
        widest = widest.max(sum);
        magnitudes += sum;
    }
    let delta = 2.0 * widest / 255.0;
    let inv_delta = 1.0 / delta;
    if !inv_delta.is_finite() || !delta.is_finite() || !magnitudes.is_finite() {
        tables.fill(0);
        return (0.0, 0.0);
    }
    for (group, table) in q
        .as_chunks::<4>()
        .0
        .iter()
        .zip(tables.as_chunks_mut::<16>().0)
    {
        // Bit k of the index adds `step[k]` to the entry of all bits clear, so each step doubles
        // the entries. That one is the sum of the negative steps' magnitudes, as entries start
        // at zero.
        let step = group.map(|x| 2.0 * x * inv_delta);
        let mut entries = [-step.iter().map(|s| s.min(0.0)).sum::<f32>(); 16];
        for (k, s) in step.into_iter().enumerate() {
            let (low, high) = entries.split_at_mut(1 << k);
            high.iter_mut().zip(low).for_each(|(h, l)| *h = *l + s);
        }
        // Adding 2^23 leaves the value, rounded to nearest, in the low bits of the mantissa.
        *table = entries.map(|e| (e + 8_388_608.0).to_bits() as u8);
    }
    (delta, -magnitudes)
}
