//! Which of many 16-bit numbers are in a range.
#![allow(
    unsafe_code,
    reason = "the table of kernels asks for unsafe functions; nothing here needs it"
)]

use crate::simd::Simd;

/// Numbers that are looked at together: mostly none of them is in the range.
const CHUNK: usize = 64;

/// By arrays that the compiler turns into vectors.
///
/// # Safety
/// None is needed.
#[inline(always)]
pub(crate) unsafe fn within<S: Simd>(
    numbers: &[u16],
    (first, last): (u16, u16),
    also: u16,
    places: &mut Vec<u16>,
) {
    assert!(numbers.len() <= 1 << 16);
    let (first, span) = match last.checked_sub(first) {
        Some(span) => (first, span),
        None => (also, 0),
    };
    let is_one = |n: u16| (n.wrapping_sub(first) <= span) | (n == also);
    let mut done = 0;
    while done < numbers.len() {
        // The last chunk begins in the one before it, so that it is whole.
        let start = done.min(numbers.len().saturating_sub(CHUNK));
        let Some(chunk) = numbers[start..].first_chunk::<CHUNK>() else {
            let ones = (0..).zip(numbers).filter(|&(_, &n)| is_one(n));
            places.extend(ones.map(|(place, _)| place));
            return;
        };
        if chunk.iter().fold(false, |any, &n| any | is_one(n)) {
            let (eights, _) = chunk.as_chunks::<8>();
            for (first, eight) in (start..).step_by(8).zip(eights) {
                // A byte of it is 1 for each number that is one.
                let mut ones = u64::from_le_bytes(eight.map(|n| u8::from(is_one(n))));
                while ones != 0 {
                    let place = first + ones.trailing_zeros() as usize / 8;
                    if place >= done {
                        places.push(place as u16);
                    }
                    ones &= ones - 1;
                }
            }
        }
        done = start + CHUNK;
    }
}
