//! Choice of neighbours: the heuristic of Malkov and Yashunin (Algorithm 4), relaxed and filled.
//!
//! A candidate is kept unless a kept one is nearer to it, by the factor [`ALPHA`], than the node
//! is. A slot costs a search the same empty or used, so what the heuristic leaves free is filled with the
//! nearest candidates that it passed over.

/// How much nearer a kept neighbour must be to shadow a candidate, in distances.
pub const ALPHA: f32 = 1.1;

/// Chooses up to `limit` of `candidates`, whose distances from the node ascend; `between` is the
/// distance of two of them. Distances are squared if `squared`. Returns positions: the diverse
/// ones first, then up to `fill` in all of the nearest others.
pub fn select(
    candidates: &[f32],
    limit: usize,
    fill: usize,
    squared: bool,
    mut between: impl FnMut(usize, usize) -> f32,
) -> Vec<usize> {
    let alpha = alpha(squared);
    let mut kept: Vec<usize> = Vec::with_capacity(limit);
    let mut passed: Vec<usize> = Vec::new();
    for (i, &distance) in candidates.iter().enumerate() {
        if kept.len() == limit {
            break;
        }
        match kept.iter().any(|&k| alpha * between(k, i) < distance) {
            true => passed.push(i),
            false => kept.push(i),
        }
    }
    let room = fill.saturating_sub(kept.len());
    kept.extend(passed.into_iter().take(room));
    kept
}

/// [`ALPHA`] as a factor of distances as they are given.
pub fn alpha(squared: bool) -> f32 {
    let al = env("AL",110) as f32/100.0;
    if squared { al * al } else { al }
}

pub fn env(k:&str, d:usize)->usize{ static C: std::sync::Mutex<Option<std::collections::HashMap<String,usize>>> = std::sync::Mutex::new(None);
 let mut g=C.lock().unwrap(); *g.get_or_insert_with(Default::default).entry(k.into()).or_insert_with(||std::env::var(k).ok().and_then(|s|s.parse().ok()).unwrap_or(d)) }
