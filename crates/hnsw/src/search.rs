//! Search: greedy descent through the upper levels and a beam over one level.
//!
//! - [`Beam`] holds the nearest candidates; a hop takes the nearest unexpanded one, visits its page and
//!   offers all its neighbours at their estimated distances.
//! - [`expand`] runs a beam until all of it is expanded: on level 0 for scans, on every level of a
//!   new node for inserts.
//! - [`descend`] finds where to start on a level: a small beam on each level above.
//!
//! Only expanded nodes count as visited. A node that is offered again while it waits in the beam, by another
//! neighbour, gets the mean of both estimates, whose errors are independent, unless that neighbour is far nearer
//! than the first estimate, which grows less certain with its own neighbour's distance. An expanded
//! node stands at its exact distance.

use crate::index::{Index, Visit, With};
use crate::query::Query;
use crate::record::{NONE, NodeId, SlotKind};
use crate::store::PageStore;
use crate::{Error, Result};

/// Candidates kept on levels that are only passed through.
const DESCENT_BEAM: usize = 1;

/// What distances differ by if one node is far nearer than another.
const FAR: f32 = 4.0;

/// Candidates that are sorted at once, at least, to find the nearest of those that wait.
const LEAST_TAKEN: usize = 1024;

/// From so many candidates that wait on they are looked through whenever they have doubled.
const DOUBLED_FROM: usize = 1 << 16;

/// How often a search descends at most because a vacuum freed what it stood on.
pub(crate) const DESCENTS: usize = 3;

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
    fn add(&mut self, distance: f32) -> bool {
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
    fn bound(&self) -> f32 {
        self.ranked(self.capacity - 1)
    }

    /// The distance of this rank, counted from 0, once there are as many as may be; infinite before.
    fn ranked(&self, rank: usize) -> f32 {
        match self.distances.get(rank) {
            Some(&distance) if self.distances.len() == self.capacity => distance,
            _ => f32::INFINITY,
        }
    }
}

/// The nodes that a search has dealt with: open addressing with linear probing.
pub struct Visited {
    table: Vec<NodeId>,
    count: usize,
}

impl Visited {
    /// An empty set with room for about `expected` ids.
    pub fn new(expected: usize) -> Self {
        Self {
            table: vec![NONE; (2 * expected).next_power_of_two().max(64)],
            count: 0,
        }
    }

    #[inline]
    fn slot(&self, id: NodeId) -> usize {
        let mask = self.table.len() - 1;
        let mut at = (u64::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
        while self.table[at] != NONE && self.table[at] != id {
            at = (at + 1) & mask;
        }
        at
    }

    /// Whether `id` is in the set.
    #[inline]
    pub fn contains(&self, id: NodeId) -> bool {
        self.table[self.slot(id)] == id
    }

    /// Adds `id`; `false` if it was there.
    #[inline]
    pub fn insert(&mut self, id: NodeId) -> bool {
        let at = self.slot(id);
        if self.table[at] == id {
            return false;
        }
        self.table[at] = id;
        self.count += 1;
        if self.count * 2 > self.table.len() {
            self.grow();
        }
        true
    }

    fn grow(&mut self) {
        let doubled = vec![NONE; 2 * self.table.len()];
        for id in std::mem::replace(&mut self.table, doubled) {
            if id != NONE {
                let at = self.slot(id);
                self.table[at] = id;
            }
        }
    }

    /// Ids in the set.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that the set takes.
    pub fn size(&self) -> usize {
        4 * self.table.len()
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        self.table.fill(NONE);
        self.count = 0;
    }
}

/// What a search over one level works with.
pub struct Frontier {
    /// The candidates.
    pub beam: Beam,
    /// Expanded nodes; in an index without codes, all nodes that were scored.
    pub visited: Visited,
    /// In an index without codes: the expanded ones of them.
    pub(crate) expanded: Visited,
    /// The node visited last.
    pub visit: Visit,
    /// Candidates that did not get into the beam or fell out of it; kept if there is room.
    pub discarded: Vec<(f32, NodeId)>,
    /// How many of them to keep.
    pub keep_discarded: usize,
    /// How many there were when they were last looked through.
    compacted: usize,
    /// Whether there were more than that.
    pub forgotten: bool,
    /// Ends the search after so many nodes in a row that turned out to be too far: farther than the
    /// beam's bound, or than all of [`Self::nearest`]. Where distances differ less than estimates
    /// err, nearly all nodes look near.
    pub patience: usize,
    /// The nearest nodes, for a search that ends by them.
    pub(crate) nearest: Option<Nearest>,
}

impl Frontier {
    /// An empty frontier with a beam of `ef` candidates.
    pub fn new(ef: usize) -> Self {
        Self {
            beam: Beam::new(ef),
            visited: Visited::new(5 * ef),
            expanded: Visited::new(0),
            visit: Visit::default(),
            discarded: Vec::new(),
            keep_discarded: 0,
            compacted: 0,
            forgotten: false,
            patience: usize::MAX,
            nearest: None,
        }
    }

    /// Notes that `id` is expanded; `false` if it was before.
    #[inline]
    pub(crate) fn enter(&mut self, id: NodeId, coded: bool) -> bool {
        match coded {
            true => self.visited.insert(id),
            false => self.expanded.insert(id),
        }
    }

    /// Forgets which nodes were expanded, and what is in the beam; returns the former.
    pub(crate) fn forget(&mut self, coded: bool) -> Visited {
        self.beam.clear();
        let visited = std::mem::replace(&mut self.visited, Visited::new(0));
        match coded {
            true => visited,
            false => std::mem::replace(&mut self.expanded, Visited::new(0)),
        }
    }

    /// Offers a neighbour of a node that is `own` away.
    #[inline]
    pub(crate) fn offer(&mut self, distance: f32, own: f32, id: NodeId) {
        let distance = at_most_far(distance);
        if distance < self.beam.bound() {
            self.admit(distance, own, id);
        } else {
            self.turn_away(distance, id);
        }
    }

    /// Offers the neighbours of the node visited last at their estimates, but those that are expanded.
    fn offer_lanes(&mut self) {
        const LANES: usize = u32::BITS as usize;
        for first in (0..self.visit.estimates.len()).step_by(LANES) {
            let bound = self.beam.bound();
            let lanes = self.visit.estimates[first..].iter().take(LANES).enumerate();
            let all = u32::MAX >> (LANES - lanes.len());
            // A bit for each lane, without branches: the compiler compares many at once, and most are far.
            let bit = |(lane, &estimate)| u32::from(at_most_far(estimate) < bound) << lane;
            let near = lanes.map(bit).fold(0, |near, bit| near | bit);
            if self.keep_discarded > 0 {
                for lane in ones(all & !near) {
                    let (distance, id) = self.lane(first + lane);
                    self.turn_away(distance, id);
                }
            } else {
                self.forgotten |= near != all;
            }
            for lane in ones(near) {
                let (distance, id) = self.lane(first + lane);
                if distance >= self.beam.bound() {
                    self.turn_away(distance, id);
                } else if !self.visited.contains(id) {
                    self.admit(distance, self.visit.own, id);
                }
            }
        }
    }

    fn lane(&self, lane: usize) -> (f32, NodeId) {
        let visit = &self.visit;
        (at_most_far(visit.estimates[lane]), visit.neighbours[lane])
    }

    #[inline]
    fn turn_away(&mut self, distance: f32, id: NodeId) {
        self.discard(Candidate {
            distance,
            id,
            expanded: false,
        });
    }

    fn admit(&mut self, distance: f32, own: f32, id: NodeId) {
        let pushed_out = self.beam.offer_estimate(distance, own, id);
        if let Some(candidate) = pushed_out.filter(|c| !c.expanded) {
            self.discard(candidate);
        }
    }

    /// Distance of this rank, counted from 0, among the nodes that were found; infinite if they are
    /// fewer than the beam has places.
    pub(crate) fn ranked(&self, rank: usize) -> f32 {
        match &self.nearest {
            Some(nearest) => nearest.ranked(rank),
            None => self.beam.ranked(rank),
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
        if let Some(candidate) = pushed_out.filter(|c| !c.expanded) {
            self.discard(candidate);
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
        for candidate in self.beam.take_waiting() {
            self.discard(candidate);
        }
    }

    /// Keeps a candidate for later, if there is room.
    #[inline]
    pub(crate) fn discard(&mut self, candidate: Candidate) {
        if self.discarded.len() < self.keep_discarded {
            self.discarded.push((candidate.distance, candidate.id));
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

/// The places of the bits that are set.
#[inline]
pub(crate) fn ones(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        place
    })
}

/// Expands the beam on `level` until all of it is expanded; `found` sees every visited node.
pub fn expand<S: PageStore>(
    index: &Index<S>,
    query: &Query,
    level: u8,
    with: With,
    frontier: &mut Frontier,
    mut found: impl FnMut(&mut Visit) -> Result<()>,
) -> Result<()> {
    let coded = index.layout.code_dims > 0;
    if !coded {
        frontier.beam.ids().iter().for_each(|&id| {
            frontier.visited.insert(id);
        });
    }
    let mut misses = 0;
    while misses < frontier.patience
        && let Some(id) = frontier.beam.pop()
    {
        index.store.check_interrupts();
        if !frontier.enter(id, coded) {
            continue;
        }
        if let Some(next) = frontier.beam.peek() {
            index.prefetch(next);
        }
        if !index.visit(query, id, level, with, &mut frontier.visit)? {
            frontier.beam.remove();
            continue;
        }
        let own = frontier.visit.own;
        let dead = frontier.visit.header.kind == SlotKind::Dead as u8;
        let near = match &mut frontier.nearest {
            Some(nearest) if dead => own < nearest.bound(),
            Some(nearest) => nearest.add(own),
            None => own < frontier.beam.bound(),
        };
        misses = if near { 0 } else { misses + 1 };
        // A dead node steers, but takes no place from those that are alive.
        match dead {
            true => drop(frontier.beam.remove()),
            false => frontier.beam.settle(own),
        }
        found(&mut frontier.visit)?;
        if dead {
            frontier.visit.forget_vector();
        }
        if coded {
            frontier.offer_lanes();
            continue;
        }
        for lane in 0..frontier.visit.neighbours.len() {
            let neighbour = frontier.visit.neighbours[lane];
            if frontier.visited.insert(neighbour)
                && let Some(distance) = index.own_distance(query, neighbour, level)?
            {
                frontier.offer(distance, own, neighbour);
            }
        }
    }
    Ok(())
}

/// Finds nodes to start from on level `to`: the record of the node that was nearest one level up.
/// Empty if the index is. A vacuum may have freed the record since its link was read.
pub fn descend<S: PageStore>(index: &mut Index<S>, query: &Query, to: u8) -> Result<Vec<NodeId>> {
    for _ in 0..DESCENTS {
        index.refresh()?;
        let meta = *index.meta();
        if meta.entry == NONE {
            return Ok(Vec::new());
        }
        let mut entries = vec![meta.entry];
        let mut level = level_of(meta.entry_level)?;
        while level > to && !entries.is_empty() {
            entries = best_links(index, query, level, &entries)?;
            level -= 1;
        }
        if !entries.is_empty() {
            return Ok(entries);
        }
    }
    Err(no_entry())
}

/// The error of an index whose entry point leads to no node, however often one looks.
pub(crate) fn no_entry() -> Error {
    Error::corrupted(crate::page::Meta::BLOCK, "entry point leads to no node")
}

/// A level from a metapage.
pub(crate) fn level_of(level: u32) -> Result<u8> {
    u8::try_from(level)
        .ok()
        .filter(|&l| l <= crate::record::MAX_LEVEL)
        .ok_or(Error::corrupted(
            crate::page::Meta::BLOCK,
            "level of the entry point out of range",
        ))
}

/// Searches `level` with a small beam; the links down of the nearest nodes.
fn best_links<S: PageStore>(
    index: &Index<S>,
    query: &Query,
    level: u8,
    entries: &[NodeId],
) -> Result<Vec<NodeId>> {
    let mut frontier = Frontier::new(DESCENT_BEAM);
    entries.iter().for_each(|&id| frontier.beam.start(id));
    let mut best: Vec<(f32, NodeId)> = Vec::new();
    expand(index, query, level, With::Nothing, &mut frontier, |visit| {
        best.push((visit.own, visit.header.link));
        Ok(())
    })?;
    best.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(best
        .into_iter()
        .take(DESCENT_BEAM)
        .map(|(_, link)| link)
        .collect())
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
