//! Inserting nodes into the graph in memory, from many threads at once.
//!
//! A list is `1 + 2 L` words: a lock bit and the degree, then ids, then distances. Lists are read
//! without their lock, and written under it.

use super::{Arena, Builder};
use crate::beam::Beam;
use crate::layout::Layout;
use crate::prune;
use crate::search::Visited;
use std::sync::atomic::{AtomicU32, Ordering};

const LOCK: u32 = 1 << 31;
/// Candidates for a list, in beams: the search scores many more than its beam holds.
const CANDIDATES: usize = 2;

/// Words of a list.
pub fn stride(layout: &Layout) -> usize {
    1 + 2 * layout.lanes
}

/// A node's neighbours on one level.
#[derive(Clone, Copy)]
pub struct List<'a> {
    words: &'a [AtomicU32],
}

impl<'a> List<'a> {
    fn lanes(self) -> usize {
        self.words.len() / 2
    }

    /// Neighbours.
    pub fn degree(self) -> usize {
        (self.words[0].load(Ordering::Acquire) & !LOCK) as usize
    }

    /// The neighbour in a lane.
    pub fn id(self, lane: usize) -> u32 {
        self.words[1 + lane].load(Ordering::Acquire)
    }

    /// Its distance.
    pub fn distance(self, lane: usize) -> f32 {
        f32::from_bits(self.words[1 + self.lanes() + lane].load(Ordering::Relaxed))
    }

    /// Ids of all neighbours.
    pub fn ids(self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        self.words[1..1 + self.degree()]
            .iter()
            .map(|w| w.load(Ordering::Acquire))
    }

    /// Sets a lane. Who reads its id without the lock finds the node that it names.
    pub fn set(self, lane: usize, id: u32, distance: f32) {
        self.words[1 + self.lanes() + lane].store(distance.to_bits(), Ordering::Relaxed);
        self.words[1 + lane].store(id, Ordering::Release);
    }

    /// Sets the number of neighbours.
    pub fn set_degree(self, degree: usize) {
        let lock = self.words[0].load(Ordering::Relaxed) & LOCK;
        self.words[0].store(lock | degree as u32, Ordering::Release);
    }

    /// Keeps numbers for a node that is not in the graph, in the places of ids.
    pub fn keep(self, numbers: &[u32]) {
        for (word, &number) in self.words[1..].iter().zip(numbers) {
            word.store(number, Ordering::Relaxed);
        }
    }

    /// The first of the numbers that [`Self::keep`] was given.
    pub fn kept<const N: usize>(self) -> [u32; N] {
        std::array::from_fn(|lane| self.id(lane))
    }

    /// Adds candidates for the list of a node that is not in the graph: ids without distances.
    pub fn note(self, ids: &[u32]) {
        let count = self.words[0].fetch_add(ids.len() as u32, Ordering::Relaxed) as usize;
        for (word, &id) in self.words[1 + count..].iter().zip(ids) {
            word.store(id, Ordering::Relaxed);
        }
    }

    fn lock(self) -> Locked<'a> {
        while self.words[0].fetch_or(LOCK, Ordering::Acquire) & LOCK != 0 {
            std::thread::yield_now();
        }
        Locked(self)
    }
}

/// A list that no other thread changes.
struct Locked<'a>(List<'a>);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.words[0].fetch_and(!LOCK, Ordering::Release);
    }
}

/// What a worker's searches need; reused from node to node.
pub struct Scratch {
    beam: Beam,
    visited: Visited,
    ids: Vec<u32>,
    /// All nodes that the search scored.
    scored: Vec<(f32, u32)>,
}

impl Scratch {
    /// For searches with a beam of `ef`.
    pub fn new(ef: usize, lanes: usize) -> Self {
        Self {
            beam: Beam::new(ef),
            visited: Visited::new(ef * lanes / 2),
            ids: Vec::new(),
            scored: Vec::new(),
        }
    }
}

impl<A: Arena> Builder<A> {
    /// Says that a node's list will be read soon: its degree and ids.
    fn prefetch_list(&self, node: u32, level: u8) {
        let words = self.list(node, level).words;
        distance::prefetch(words.as_ptr().cast(), 4 * (1 + self.layout.lanes));
    }

    /// The list of a node on a level that it has.
    pub(super) fn list(&self, node: u32, level: u8) -> List<'_> {
        let (block, i) = self.block(node);
        let stride = stride(&self.layout);
        let words = match level {
            0 => &block.lists[i * stride..][..stride],
            _ => {
                let at = block.nodes[i].upper as usize + usize::from(level) - 1;
                &block.upper[at * stride..][..stride]
            }
        };
        List { words }
    }
}

/// Inserts a node on all its levels, or merges it with its twin.
pub(super) fn insert<A: Arena>(b: &Builder<A>, node: u32, scratch: &mut Scratch) {
    let level = b.node(node).level;
    let current = *b.entry.read().unwrap_or_else(|e| e.into_inner());
    let Some((mut entry, mut top)) = current else {
        let mut guard = b.entry.write().unwrap_or_else(|e| e.into_inner());
        if guard.is_none() {
            *guard = Some((node, level));
            return;
        }
        drop(guard);
        return insert(b, node, scratch);
    };
    // Only one thread at a time raises the top level.
    let raise = (level > top).then(|| b.entry.write().unwrap_or_else(|e| e.into_inner()));
    if let Some(guard) = &raise
        && let Some(current) = **guard
    {
        (entry, top) = current;
    }
    let mut starts = vec![descend(b, node, entry, top, level)];
    let mut chosen: Vec<(u8, Vec<(f32, u32)>)> = Vec::new();
    for lc in (0..=level.min(top)).rev() {
        let near = search(b, node, lc, &starts, scratch);
        if lc == 0
            && let Some(twin) = b.twin(node, near)
        {
            return merge(b, node, twin);
        }
        let distances: Vec<f32> = near.iter().map(|n| n.0).collect();
        let lanes = b.layout.lanes;
        let selection = prune::select(&distances, lanes, lanes / 2, |i, j| {
            b.distance(near[i].1, near[j].1)
        });
        let neighbours = selection.chosen.into_iter().map(|i| near[i]).collect();
        chosen.push((lc, neighbours));
        starts = near[..near.len().min(8)].to_vec();
    }
    for (lc, neighbours) in &chosen {
        let list = b.list(node, *lc);
        let _locked = list.lock();
        // Another thread may have linked to this node already, through a lower level's list.
        let have: Vec<u32> = list.ids().collect();
        let mut degree = have.len();
        for &(distance, id) in neighbours {
            if degree < b.layout.lanes && !have.contains(&id) {
                list.set(degree, id, distance);
                degree += 1;
            }
        }
        list.set_degree(degree);
    }
    for (lc, neighbours) in chosen {
        for (distance, id) in neighbours {
            link_back(b, id, node, distance, lc);
        }
    }
    if let Some(mut guard) = raise
        && level > top
    {
        *guard = Some((node, level));
    }
}

/// Where to start on a level: the node that greedy searches of the levels above it lead to.
fn descend<A: Arena>(b: &Builder<A>, node: u32, entry: u32, top: u8, level: u8) -> (f32, u32) {
    let mut start = (b.distance(node, entry), entry);
    for lc in (level + 1..=top).rev() {
        start = greedy(b, node, lc, start);
    }
    start
}

/// Makes `node` a further row of `twin`.
pub(super) fn merge<A: Arena>(b: &Builder<A>, node: u32, twin: u32) {
    let mut twins = b.twins.lock().unwrap_or_else(|e| e.into_inner());
    twins.entry(twin).or_default().push(node);
}

/// Moves to a nearer neighbour as long as there is one.
fn greedy<A: Arena>(
    b: &Builder<A>,
    node: u32,
    level: u8,
    (mut distance, mut best): (f32, u32),
) -> (f32, u32) {
    loop {
        let from = best;
        for id in b.list(from, level).ids() {
            let d = b.distance(node, id);
            if d < distance {
                (best, distance) = (id, d);
            }
        }
        if best == from {
            return (distance, best);
        }
    }
}

/// Algorithm 2; returns the nearest of all nodes that it scored, nearest first.
fn search<'s, A: Arena>(
    b: &Builder<A>,
    node: u32,
    level: u8,
    starts: &[(f32, u32)],
    scratch: &'s mut Scratch,
) -> &'s [(f32, u32)] {
    let Scratch {
        beam,
        visited,
        ids,
        scored,
    } = scratch;
    scored.clear();
    beam.clear();
    visited.clear();
    visited.insert(node);
    for &(distance, id) in starts {
        if visited.insert(id) {
            beam.offer(distance, id);
            scored.push((distance, id));
        }
    }
    let own = b.work(node);
    while let Some(next) = beam.pop() {
        ids.clear();
        if let Some(after) = beam.peek() {
            b.prefetch_list(after, level);
        }
        ids.extend(b.list(next, level).ids().filter(|&id| visited.insert(id)));
        for &id in ids.iter().take(4) {
            b.prefetch(id);
        }
        for (i, &id) in ids.iter().enumerate() {
            if let Some(&ahead) = ids.get(i + 4) {
                b.prefetch(ahead);
            }
            let d = b.work_distance(own, b.work(id));
            scored.push((d, id));
            if d < beam.bound() {
                beam.offer(d, id);
            }
        }
    }
    let count = CANDIDATES * beam.capacity();
    if count < scored.len() {
        scored.select_nth_unstable_by(count, |a, b| a.0.total_cmp(&b.0));
        scored.truncate(count);
    }
    scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    scored
}

/// Adds `new` to the list of `node`, in place of another if the list is full.
pub(super) fn link_back<A: Arena>(b: &Builder<A>, node: u32, new: u32, distance: f32, level: u8) {
    let list = b.list(node, level);
    let _locked = list.lock();
    let degree = list.degree();
    if list.ids().any(|id| id == new) {
        return;
    }
    if degree < b.layout.lanes {
        list.set(degree, new, distance);
        return list.set_degree(degree + 1);
    }
    // Most rows ask the long ones, which have nearer neighbours.
    if b.by_product() && (0..degree).all(|lane| list.distance(lane) <= distance) {
        return;
    }
    let from_own: Vec<f32> = (0..degree).map(|lane| list.distance(lane)).collect();
    let from_new = |lane| b.distance(new, list.id(lane));
    let soon = |lane| b.prefetch(list.id(lane));
    let names: Vec<u32> = b.list(new, level).ids().collect();
    // All are counted, by vectors, instead of a loop that ends early.
    let named = |lane| {
        let id = list.id(lane);
        names.iter().filter(|&&name| name == id).count() > 0
    };
    let victim = prune::victim_by(&from_own, from_new, soon, distance, |_| false, named);
    if let Some(lane) = victim {
        list.set(lane, new, distance);
    }
}
