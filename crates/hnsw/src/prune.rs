//! Choice of neighbours: the heuristic of Malkov and Yashunin (Algorithm 4), filled.
//!
//! A candidate is kept unless a kept one is nearer to it than the node is. A slot costs a search the
//! same empty or used, so what the heuristic leaves free is filled up to a share with the nearest
//! candidates that it passed over.

/// Chooses up to `limit` of `candidates`, whose distances from the node ascend; `between` is the
/// distance of two of them. Returns positions: the diverse ones first, then the nearest others
/// until there are `fill` in all.
pub fn select(
    candidates: &[f32],
    limit: usize,
    fill: usize,
    mut between: impl FnMut(usize, usize) -> f32,
) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::with_capacity(limit);
    let mut passed: Vec<usize> = Vec::new();
    for (i, &distance) in candidates.iter().enumerate() {
        if kept.len() == limit {
            break;
        }
        match kept.iter().any(|&k| between(k, i) < distance) {
            true => passed.push(i),
            false => kept.push(i),
        }
    }
    let room = fill.saturating_sub(kept.len());
    kept.extend(passed.into_iter().take(room));
    kept
}
