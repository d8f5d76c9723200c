//! The candidates of a search: a beam of the nearest, and what waits behind it.
//!
//! - [`Beam`]: the nearest candidates in order of distance, expanded or not. A node that is offered again while it
//!   waits, by another neighbour, gets the mean of both estimates, whose errors are independent, unless that neighbour
//!   is far nearer than the first estimate, which grows less certain with its own neighbour's distance. An expanded
//!   node stands at its exact distance.
//! - [`Queue`]: a beam, and the candidates that a scan goes on from.
//! - [`Nearest`]: the nearest nodes that a search visited, for a search that ends by them.

use crate::record::{NONE, NodeId};
use crate::search::Visited;

/// Neighbours that are looked at together, with a bit for each.
pub(crate) const LANES: usize = u32::BITS as usize;

/// What distances differ by if one node is far nearer than another.
const FAR: f32 = 4.0;

/// Candidates that are sorted at once, at least, to find the nearest of those that wait.
const LEAST_TAKEN: usize = 1024;

/// From so many candidates that wait on they are looked through whenever they have doubled.
const DOUBLED_FROM: usize = 1 << 16;

/// A node that may be near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Estimated distance, or the exact one of an expanded node.
    pub distance: f32,
    /// The node.
    pub id: NodeId,
    expanded: bool,
}

/// The nearest candidates in order of distance, at most `capacity`; by columns, because most of
/// the work is to look for an id.
pub struct Beam {
    distances: Vec<f32>,
    ids: Vec<NodeId>,
    expanded: Vec<bool>,
    capacity: usize,
    /// All before this are expanded.
    cursor: usize,
}

impl Beam {
    /// An empty beam.
    pub fn new(capacity: usize) -> Self {
        Self {
            distances: Vec::with_capacity(capacity + 1),
            ids: Vec::with_capacity(capacity + 1),
            expanded: Vec::with_capacity(capacity + 1),
            capacity,
            cursor: 0,
        }
    }

    /// Empties the beam.
    pub fn clear(&mut self) {
        self.distances.clear();
        self.ids.clear();
        self.expanded.clear();
        self.cursor = 0;
    }

    /// Adds a node to be expanded before all others.
    pub fn start(&mut self, id: NodeId) {
        self.place(Candidate {
            distance: f32::NEG_INFINITY,
            id,
            expanded: false,
        });
    }

    /// The most candidates that it holds.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The distance that a candidate must undercut to get in.
    #[inline]
    pub fn bound(&self) -> f32 {
        match self.distances.last() {
            Some(&last) if self.distances.len() >= self.capacity => last,
            _ => f32::INFINITY,
        }
    }

    /// Distance of the candidate of this rank, counted from 0, in a full beam; infinite in another.
    pub fn ranked(&self, rank: usize) -> f32 {
        match self.distances.get(rank) {
            Some(&distance) if self.distances.len() >= self.capacity => distance,
            _ => f32::INFINITY,
        }
    }

    /// Adds a candidate nearer than [`Self::bound`]; returns the one that it pushed out.
    #[inline]
    pub fn offer(&mut self, distance: f32, id: NodeId) -> Option<Candidate> {
        let pushed_out = self.make_room();
        self.place(Candidate {
            distance,
            id,
            expanded: false,
        });
        pushed_out
    }

    /// Removes the farthest candidate of a full beam.
    fn make_room(&mut self) -> Option<Candidate> {
        if self.ids.len() < self.capacity {
            return None;
        }
        let candidate = Candidate {
            distance: self.distances.pop()?,
            id: self.ids.pop()?,
            expanded: self.expanded.pop()?,
        };
        self.cursor = self.cursor.min(self.ids.len());
        Some(candidate)
    }

    /// As [`Self::offer`], for an estimate of a node that may stand in the beam already, by a neighbour of it that
    /// is `own` away.
    #[inline]
    fn offer_estimate(&mut self, distance: f32, own: f32, id: NodeId) -> Option<Candidate> {
        let Some(at) = self.find(id) else {
            return self.offer(distance, id);
        };
        let before = self.distances[at];
        if !self.expanded[at] && before > f32::NEG_INFINITY {
            let mean = before / 2.0 + distance / 2.0;
            let far_nearer = FAR * own.abs() < before;
            self.put(at, if far_nearer { distance } else { mean });
        }
        None
    }

    #[inline]
    fn find(&self, id: NodeId) -> Option<usize> {
        // Whole chunks at a time, which the compiler turns into vector comparisons.
        const CHUNK: usize = 32;
        let holds = |chunk: &[NodeId]| chunk.iter().fold(false, |found, &c| found | (c == id));
        let chunk = self.ids.chunks(CHUNK).position(holds)?;
        let first = chunk * CHUNK;
        Some(first + self.ids[first..].iter().position(|&c| c == id)?)
    }

    fn place(&mut self, candidate: Candidate) {
        let at = self.distances.partition_point(|&d| d < candidate.distance);
        self.distances.insert(at, candidate.distance);
        self.ids.insert(at, candidate.id);
        self.expanded.insert(at, candidate.expanded);
        if !candidate.expanded {
            self.cursor = self.cursor.min(at);
        } else if at < self.cursor {
            self.cursor += 1;
        }
    }

    fn take(&mut self, at: usize) -> Candidate {
        if at < self.cursor {
            self.cursor -= 1;
        }
        Candidate {
            distance: self.distances.remove(at),
            id: self.ids.remove(at),
            expanded: self.expanded.remove(at),
        }
    }

    fn next_waiting(&self) -> Option<usize> {
        Some(self.cursor + self.expanded[self.cursor..].iter().position(|&e| !e)?)
    }

    /// The nearest unexpanded candidate, marked as expanded.
    pub fn pop(&mut self) -> Option<NodeId> {
        let at = self.next_waiting()?;
        self.expanded[at] = true;
        self.cursor = at + 1;
        Some(self.ids[at])
    }

    /// What [`Self::pop`] gives next, if nothing nearer is offered before.
    #[inline]
    pub fn peek(&self) -> Option<NodeId> {
        Some(self.ids[self.next_waiting()?])
    }

    /// The distance of what [`Self::pop`] gives next.
    #[inline]
    pub fn nearest_waiting(&self) -> Option<f32> {
        Some(self.distances[self.next_waiting()?])
    }

    /// Ids of all candidates, nearest first.
    pub fn ids(&self) -> &[NodeId] {
        &self.ids
    }

    /// Removes the candidates that are not expanded.
    pub fn take_waiting(&mut self) -> Vec<Candidate> {
        let mut waiting = Vec::new();
        while let Some(at) = self.next_waiting() {
            waiting.push(self.take(at));
        }
        waiting
    }

    /// Removes the candidate that [`Self::pop`] gave last.
    pub(crate) fn remove(&mut self) -> Candidate {
        self.take(self.cursor - 1)
    }

    /// Moves the candidate that [`Self::pop`] gave last to its exact distance.
    pub(crate) fn settle(&mut self, distance: f32) {
        self.put(self.cursor - 1, distance);
    }

    /// Gives a candidate another distance, and the place that goes with it.
    fn put(&mut self, at: usize, distance: f32) {
        let before = self.distances.partition_point(|&d| d < distance);
        let to = if before > at { before - 1 } else { before };
        self.distances[at] = distance;
        shift(&mut self.distances, at, to);
        shift(&mut self.ids, at, to);
        shift(&mut self.expanded, at, to);
        if at < self.cursor {
            self.cursor -= 1;
        }
        if !self.expanded[to] {
            self.cursor = self.cursor.min(to);
        } else if to < self.cursor {
            self.cursor += 1;
        }
    }
}

/// Moves an element to another place; those between close the gap.
fn shift<T: Copy>(column: &mut [T], from: usize, to: usize) {
    let moved = column[from];
    if from < to {
        column.copy_within(from + 1..=to, from);
    } else {
        column.copy_within(to..from, to + 1);
    }
    column[to] = moved;
}

/// The nearest of the nodes that a search visited. A beam does not tell them: what only looks near
/// takes places in it.
pub(crate) struct Nearest {
    distances: Vec<f32>,
    capacity: usize,
}

impl Nearest {
    /// None yet, and at most so many, at least one.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            distances: Vec::with_capacity(capacity),
            capacity,
        }
    }

    /// Adds a node; whether it is one of the nearest.
    #[inline]
    pub(crate) fn add(&mut self, distance: f32) -> bool {
        let near = distance < self.bound();
        if near {
            let at = self.distances.partition_point(|&d| d <= distance);
            self.distances.truncate(self.capacity - 1);
            self.distances.insert(at, distance);
        }
        near
    }

    /// The distance that a node must undercut to be one of them.
    #[inline]
    pub(crate) fn bound(&self) -> f32 {
        self.ranked(self.capacity - 1)
    }

    /// The distance of this rank, counted from 0, once there are as many as may be; infinite before.
    pub(crate) fn ranked(&self, rank: usize) -> f32 {
        match self.distances.get(rank) {
            Some(&distance) if self.distances.len() == self.capacity => distance,
            _ => f32::INFINITY,
        }
    }
}

/// A beam, and what waits behind it: candidates that did not get into it or fell out of it.
pub struct Queue {
    /// The candidates to be expanded next.
    pub beam: Beam,
    /// Those for later, kept if there is room.
    pub(crate) discarded: Vec<(f32, NodeId)>,
    /// How many of them to keep.
    pub(crate) keep_discarded: usize,
    /// How many there were when they were last looked through.
    compacted: usize,
    /// Whether some were not kept.
    pub(crate) forgotten: bool,
}

impl Queue {
    /// An empty one with a beam of `ef` candidates, which keeps no others.
    pub fn new(ef: usize) -> Self {
        Self {
            beam: Beam::new(ef),
            discarded: Vec::new(),
            keep_discarded: 0,
            compacted: 0,
            forgotten: false,
        }
    }

    /// Offers a neighbour of a node that is `own` away.
    #[inline]
    pub(crate) fn offer(&mut self, distance: f32, own: f32, id: NodeId) {
        let distance = at_most_far(distance);
        if distance < self.beam.bound() {
            self.admit(distance, own, id);
        } else {
            self.discard(distance, id);
        }
    }

    /// Offers those of at most [`LANES`] neighbours of a node that is `own` away which have a bit in `wanted`, at their
    /// estimated distances, but those that are expanded.
    #[inline]
    pub(crate) fn offer_lanes(
        &mut self,
        own: f32,
        (estimates, ids): (&[f32], &[NodeId]),
        wanted: u32,
        expanded: &Visited,
    ) {
        let wanted = wanted & first_lanes(estimates.len());
        let bound = self.beam.bound();
        // A bit for each lane, without branches: the compiler compares many at once, and most are far.
        let bit = |(lane, &estimate)| u32::from(at_most_far(estimate) < bound) << lane;
        let near = estimates
            .iter()
            .enumerate()
            .map(bit)
            .fold(0, |near, bit| near | bit)
            & wanted;
        let far = wanted & !near;
        let lane = |lane: usize| (at_most_far(estimates[lane]), ids[lane]);
        if self.discarded.len() + LANES <= self.keep_discarded {
            // Without branches as well: each is written where the next far one belongs.
            let (mut kept, mut count) = ([(0.0, NONE); LANES], 0);
            for i in 0..estimates.len() {
                kept[count % LANES] = lane(i);
                count += (far >> i & 1) as usize;
            }
            self.discarded.extend_from_slice(&kept[..count]);
        } else if self.keep_discarded > 0 {
            for (distance, id) in ones(far).map(lane) {
                self.discard(distance, id);
            }
        } else {
            self.forgotten |= far != 0;
        }
        for (distance, id) in ones(near).map(lane) {
            if distance >= self.beam.bound() {
                self.discard(distance, id);
            } else if !expanded.contains(id) {
                self.admit(distance, own, id);
            }
        }
    }

    fn admit(&mut self, distance: f32, own: f32, id: NodeId) {
        let pushed_out = self.beam.offer_estimate(distance, own, id);
        if let Some(c) = pushed_out.filter(|c| !c.expanded) {
            self.discard(c.distance, c.id);
        }
    }

    /// Adds a node that was expanded, if it is nearer than the beam's bound.
    pub(crate) fn place_expanded(&mut self, distance: f32, id: NodeId) {
        let beam = &mut self.beam;
        if distance >= beam.bound() {
            return;
        }
        let pushed_out = beam.make_room();
        beam.place(Candidate {
            distance,
            id,
            expanded: true,
        });
        if let Some(c) = pushed_out.filter(|c| !c.expanded) {
            self.discard(c.distance, c.id);
        }
    }

    /// Fills the beam with the nearest of the candidates that were kept for later; returns how many.
    pub(crate) fn refill(&mut self, visited: impl Fn(NodeId) -> bool) -> usize {
        let beam = &mut self.beam;
        // Several nodes may have named one: the least distance stands first.
        let mut seen = Visited::new(beam.capacity());
        beam.ids().iter().for_each(|&id| {
            seen.insert(id);
        });
        let before = beam.ids().len();
        let count = (4 * beam.capacity()).max(LEAST_TAKEN);
        while beam.ids().len() < beam.capacity() && !self.discarded.is_empty() {
            let mut nearest = take_nearest(&mut self.discarded, count).into_iter();
            while beam.ids().len() < beam.capacity()
                && let Some((distance, id)) = nearest.next()
            {
                if !visited(id) && seen.insert(id) {
                    beam.offer(distance, id);
                }
            }
            self.discarded.extend(nearest);
        }
        beam.ids().len() - before
    }

    /// Where candidates kept for later have doubled, or take half of the `room` that is left of `most` places, keeps of each
    /// node the nearest one, if it was not visited; and the nearest half where that is not enough.
    pub(crate) fn compact(&mut self, most: usize, room: usize, visited: impl Fn(NodeId) -> bool) {
        let discarded = &mut self.discarded;
        self.compacted = self.compacted.min(discarded.len());
        let doubled = discarded.len() >= (2 * self.compacted).max(DOUBLED_FROM);
        let filled = discarded.len() >= (room / 2).max(self.compacted + room / 8 + 1);
        if !doubled && !filled {
            return;
        }
        discarded.retain(|candidate| !visited(candidate.1));
        discarded.sort_unstable_by(|a, b| a.1.cmp(&b.1).then(a.0.total_cmp(&b.0)));
        discarded.dedup_by_key(|candidate| candidate.1);
        if discarded.len() > most * 3 / 4 {
            *discarded = take_nearest(discarded, most / 2);
            self.forgotten = true;
        }
        self.compacted = discarded.len();
    }

    /// Keeps all candidates that are not expanded for later.
    pub(crate) fn discard_waiting(&mut self) {
        for c in self.beam.take_waiting() {
            self.discard(c.distance, c.id);
        }
    }

    /// Keeps a candidate for later, if there is room.
    #[inline]
    pub(crate) fn discard(&mut self, distance: f32, id: NodeId) {
        if self.discarded.len() < self.keep_discarded {
            self.discarded.push((distance, id));
        } else {
            self.forgotten = true;
        }
    }
}

/// Removes the nearest `count` of some candidates, or all; nearest first.
fn take_nearest(candidates: &mut Vec<(f32, NodeId)>, count: usize) -> Vec<(f32, NodeId)> {
    let rest = candidates.len().saturating_sub(count);
    if 0 < rest && rest < candidates.len() {
        // The farthest first.
        candidates.select_nth_unstable_by(rest, |a, b| b.0.total_cmp(&a.0));
    }
    let mut nearest = candidates.split_off(rest);
    nearest.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    nearest
}

/// What overflows is far, but no less a candidate.
#[inline]
fn at_most_far(distance: f32) -> f32 {
    distance.min(f32::MAX)
}

/// The bits of the first `count` of [`LANES`] lanes.
#[inline]
pub(crate) fn first_lanes(count: usize) -> u32 {
    u32::MAX.checked_shr((LANES - count) as u32).unwrap_or(0)
}

/// The places of the bits that are set.
#[inline]
fn ones(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        place
    })
}

#[cfg(test)]
mod tests {
    use super::{Beam, Nearest};

    #[test]
    fn a_second_estimate() {
        let offered = |estimates: [(f32, f32); 2]| {
            let mut beam = Beam::new(4);
            for (distance, own) in estimates {
                beam.offer_estimate(distance, own, 7);
            }
            beam.distances[0]
        };
        assert_eq!(offered([(20.0, 18.0), (10.0, 9.0)]), 15.0);
        assert_eq!(offered([(20.0, 18.0), (10.0, 4.0)]), 10.0);
        assert_eq!(offered([(-2.0, -1.5), (-3.0, -2.5)]), -2.5);
        assert_eq!(offered([(-2.0, -1.5), (-3.0, 0.0)]), -2.5);
    }

    #[test]
    fn nearest() {
        let mut nearest = Nearest::new(2);
        assert!(nearest.add(3.0) && nearest.bound() == f32::INFINITY);
        assert!(nearest.add(1.0) && nearest.ranked(0) == 1.0);
        assert!(!nearest.add(3.0) && !nearest.add(f32::INFINITY));
        assert!(nearest.add(2.0) && nearest.add(0.0));
        assert_eq!((nearest.ranked(0), nearest.bound()), (0.0, 1.0));
    }
}
