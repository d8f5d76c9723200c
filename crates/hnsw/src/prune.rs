//! Choice of neighbours: the heuristic of Malkov and Yashunin (Algorithm 4), filled.
//!
//! A candidate is kept unless a kept one is nearer to it than the node is. A slot costs a search the
//! same empty or used, so what the heuristic leaves free is filled up to a share with the nearest
//! candidates that it passed over.

/// Distances that [`victim_by`] says it will ask for.
const AHEAD: usize = 4;
/// The lane in a [`place`].
const LANE: u64 = 0xffff;
/// Whether it is named.
const NAMED: u64 = 1 << 63;

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
    let from_own: Vec<f32> = lanes.iter().map(|lane| lane.from_own).collect();
    let from_new = |lane: usize| lanes[lane].from_new;
    victim_by(&from_own, from_new, |_| {}, distance, kept, named)
}

/// [`victim`] that asks for distances from the new neighbour only as far as they matter, and says before of which
/// lanes it will.
pub fn victim_by(
    from_own: &[f32],
    from_new: impl Fn(usize) -> f32,
    soon: impl Fn(usize),
    distance: f32,
    kept: impl Fn(usize) -> bool,
    named: impl Fn(usize) -> bool,
) -> Option<usize> {
    let lanes = (0..from_own.len()).filter(|&lane| !kept(lane));
    let mut places: Vec<u64> = lanes
        .map(|lane| place(lane, from_own[lane], named(lane)))
        .collect();
    places.sort_unstable_by(|a, b| b.cmp(a));
    let lane_of = |place: u64| (place & LANE) as usize;
    let mut known = vec![None; from_own.len()];
    let mut from_new = |lane: usize| *known[lane].get_or_insert_with(|| from_new(lane));
    let ahead = |i| places.get(i).into_iter().for_each(|&p| soon(lane_of(p)));
    (0..AHEAD).for_each(ahead);
    for (i, &place) in places.iter().enumerate() {
        ahead(i + AHEAD);
        let lane = lane_of(place);
        if from_new(lane) < from_own[lane] {
            return Some(lane);
        }
    }
    let farthest = lane_of(places.iter().map(|place| place & !NAMED).max()?);
    let is_shadowed = |lane: usize| from_own[lane] < distance && from_new(lane) < distance;
    let gets_in = from_own[farthest] > distance && !(0..from_own.len()).any(is_shadowed);
    gets_in.then_some(farthest)
}

/// A number by which [`victim_by`] orders lanes: those that are named, then others; the farthest first, of equally
/// far ones the last.
fn place(lane: usize, from_own: f32, named: bool) -> u64 {
    // As `f32::total_cmp` orders them.
    let bits = from_own.to_bits();
    let bits = if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    };
    let named = if named { NAMED } else { 0 };
    named | u64::from(bits) << 16 | lane as u64
}

/// The lane of the farthest neighbour but those that are `kept`.
pub fn farthest(lanes: &[LaneDistances], kept: impl Fn(usize) -> bool) -> Option<usize> {
    (0..lanes.len())
        .filter(|&lane| !kept(lane))
        .max_by(|&a, &b| lanes[a].from_own.total_cmp(&lanes[b].from_own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::splitmix64;

    /// [`victim`] by its definition.
    fn by_definition(
        lanes: &[LaneDistances],
        distance: f32,
        kept: impl Fn(usize) -> bool,
        named: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let shadowed = |lane: usize| lanes[lane].from_new < lanes[lane].from_own;
        let given_up = farthest(lanes, |lane| kept(lane) || !shadowed(lane) || !named(lane))
            .or_else(|| farthest(lanes, |lane| kept(lane) || !shadowed(lane)));
        let mut nearer = lanes.iter().filter(|lane| lane.from_own < distance);
        let new_is_shadowed = nearer.any(|lane| lane.from_new < distance);
        let last = farthest(lanes, kept)
            .filter(|&lane| lanes[lane].from_own > distance && !new_is_shadowed);
        given_up.or(last)
    }

    #[test]
    fn victims() {
        let mut found = [0; 3];
        for seed in 0..20_000 {
            let random = |i: u64| splitmix64((seed << 8) + i);
            // Many are equal, also in their sign only; some lists have no lane that is shadowed.
            let number = |i: u64| [-1.5, -0.0, 0.0, 0.5, 1.0, 2.0, 4.0][random(i) as usize % 7];
            let far = if seed % 2 == 0 { 8.0 } else { 0.0 };
            let lanes: Vec<LaneDistances> = (0..random(0) % 9)
                .map(|lane| LaneDistances {
                    from_own: number(2 * lane + 1),
                    from_new: number(2 * lane + 2) + far,
                })
                .collect();
            let distance = number(20);
            let kept = |lane: usize| random(21) >> lane & random(22) >> lane & 1 == 1;
            let named = |lane: usize| random(23) >> lane & 1 == 1;
            let got = victim(&lanes, distance, kept, named);
            let want = by_definition(&lanes, distance, kept, named);
            assert_eq!(got, want, "{lanes:?} {distance}");
            found[got.map_or(0, |lane| 1 + usize::from(named(lane)))] += 1;
        }
        assert!(found.iter().all(|&n| n > 1000), "{found:?}");
    }
}
