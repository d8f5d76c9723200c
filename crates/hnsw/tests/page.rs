//! Bodies of pages.

use hnsw::page::{BODY_SIZE, Body};
use hnsw::transform::splitmix64;

/// A body whose bytes are zero or not at random, in stretches.
fn random(state: &mut u64) -> Body {
    let mut body = Body::ZERO;
    let mut next = || {
        *state = splitmix64(*state);
        *state as usize
    };
    for _ in 0..next() % 40 {
        let start = next() % BODY_SIZE;
        let end = (start + next() % 200).min(BODY_SIZE);
        body.bytes_mut()[start..end].fill_with(|| next() as u8 & 3);
    }
    body
}

/// What differs turns one body into the other, and is no more than it has to be.
#[test]
fn differences() {
    let mut state = 1;
    for round in 0..1000 {
        let mut old = random(&mut state);
        let new = random(&mut state);
        let part = 8 * (round % 90)..BODY_SIZE - 8 * (round % 100);
        let ranges = new.differences(&old, part.clone());
        assert!(ranges.is_sorted_by(|a, b| a.end < b.start));
        for range in ranges {
            for at in [range.start, range.end - 1] {
                assert_ne!(old.bytes()[at], new.bytes()[at]);
            }
            old.bytes_mut()[range.clone()].copy_from_slice(&new.bytes()[range]);
        }
        assert_eq!(old.bytes()[part.clone()], new.bytes()[part.clone()]);
        assert!(old.differences(&new, part).is_empty());
    }
}
