//! Choice of neighbours: the heuristic of Malkov and Yashunin (Algorithm 4), filled.
//!
//! A candidate is kept unless a kept one is nearer to it than the node is. A slot costs a search the
//! same empty or used, so what the heuristic leaves free is filled up to a share with the nearest
//! candidates that it passed over.

/// Neighbours for a node, as positions among the candidates.
pub struct Selection {
    /// The diverse ones, then others; each nearest first.
    pub chosen: Vec<usize>,
    /// How many are diverse.
    pub diverse: usize,
}

/// Chooses up to `limit` of `candidates`, whose distances from the node ascend; `between` is the
/// distance of two of them. First all that are diverse, then the nearest others until there are
/// `fill` in all.
pub fn select(
    candidates: &[f32],
    limit: usize,
    fill: usize,
    mut between: impl FnMut(usize, usize) -> f32,
) -> Selection {
    let mut chosen: Vec<usize> = Vec::with_capacity(limit);
    let mut passed: Vec<usize> = Vec::new();
    for (i, &distance) in candidates.iter().enumerate() {
        if chosen.len() == limit {
            break;
        }
        match chosen.iter().any(|&k| between(k, i) < distance) {
            true => passed.push(i),
            false => chosen.push(i),
        }
    }
    let diverse = chosen.len();
    let room = fill.saturating_sub(diverse);
    chosen.extend(passed.into_iter().take(room));
    Selection { chosen, diverse }
}

/// Distances of a lane's neighbour from the lane's node and from a new one.
#[derive(Clone, Copy, Debug)]
pub struct LaneDistances {
    /// From the node whose list it is.
    pub from_own: f32,
    /// From the node that wants to get in.
    pub from_new: f32,
}

/// The lane of a full list that a new neighbour at `distance` replaces: of those that it shadows,
/// the farthest that it names itself, so that as many name that one as before, else the farthest;
/// else the farthest of all, if that is farther than the new one and none shadows the new one.
/// Lanes that are `kept` stay.
pub fn victim(
    lanes: &[LaneDistances],
    distance: f32,
    kept: impl Fn(usize) -> bool,
    named: impl Fn(usize) -> bool,
) -> Option<usize> {
    let shadowed = |lane: usize| lanes[lane].from_new < lanes[lane].from_own;
    let given_up = farthest(lanes, |lane| kept(lane) || !shadowed(lane) || !named(lane))
        .or_else(|| farthest(lanes, |lane| kept(lane) || !shadowed(lane)));
    if given_up.is_some() {
        return given_up;
    }
    let new_is_shadowed = lanes
        .iter()
        .any(|l| l.from_own < distance && l.from_new < distance);
    farthest(lanes, kept).filter(|&lane| lanes[lane].from_own > distance && !new_is_shadowed)
}

/// The lane of the farthest neighbour but those that are `kept`.
pub fn farthest(lanes: &[LaneDistances], kept: impl Fn(usize) -> bool) -> Option<usize> {
    (0..lanes.len())
        .filter(|&lane| !kept(lane))
        .max_by(|&a, &b| lanes[a].from_own.total_cmp(&lanes[b].from_own))
}
