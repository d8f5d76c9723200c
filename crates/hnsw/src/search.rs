//! Search: greedy descent through the upper levels and a beam over one level.
//!
//! - A hop takes the nearest unexpanded candidate of a [`Beam`], visits its page and offers all its neighbours at their
//!   estimated distances.
//! - [`expand`] runs a beam until all of it is expanded: on level 0 for scans, on every level of a
//!   new node for inserts.
//! - [`descend`] finds where to start on a level: a small beam on each level above.
//!
//! Only expanded nodes count as visited.
//!
//! [`Beam`]: crate::beam::Beam

use crate::beam::{LANES, Nearest, Queue};
use crate::index::{Index, Visit, With};
use crate::query::Query;
use crate::record::{NONE, NodeId, SlotKind};
use crate::store::PageStore;
use crate::{Error, Result};

/// How often a search descends at most because a vacuum freed what it stood on.
pub(crate) const DESCENTS: usize = 3;

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
    pub queue: Queue,
    /// Expanded nodes; in an index without codes, all nodes that were scored.
    pub visited: Visited,
    /// In an index without codes: the expanded ones of them.
    pub(crate) expanded: Visited,
    /// The node visited last.
    pub visit: Visit,
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
            queue: Queue::new(ef),
            visited: Visited::new(5 * ef),
            expanded: Visited::new(0),
            visit: Visit::default(),
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
        self.queue.beam.clear();
        let visited = std::mem::replace(&mut self.visited, Visited::new(0));
        match coded {
            true => visited,
            false => std::mem::replace(&mut self.expanded, Visited::new(0)),
        }
    }

    /// Distance of this rank, counted from 0, among the nodes that were found; infinite if they are
    /// fewer than the beam has places.
    pub(crate) fn ranked(&self, rank: usize) -> f32 {
        match &self.nearest {
            Some(nearest) => nearest.ranked(rank),
            None => self.queue.beam.ranked(rank),
        }
    }

    /// Offers the neighbours of the node visited last at their estimates, but those that are expanded.
    fn offer_lanes(&mut self) {
        let (own, visit) = (self.visit.own, &self.visit);
        let blocks = visit
            .estimates
            .chunks(LANES)
            .zip(visit.neighbours.chunks(LANES));
        for block in blocks {
            self.queue.offer_lanes(own, block, u32::MAX, &self.visited);
        }
    }
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
        frontier.queue.beam.ids().iter().for_each(|&id| {
            frontier.visited.insert(id);
        });
    }
    let mut misses = 0;
    while misses < frontier.patience
        && let Some(id) = frontier.queue.beam.pop()
    {
        index.store.check_interrupts();
        if !frontier.enter(id, coded) {
            continue;
        }
        if let Some(next) = frontier.queue.beam.peek() {
            index.prefetch(next);
        }
        if !index.visit(query, id, level, with, &mut frontier.visit)? {
            frontier.queue.beam.remove();
            continue;
        }
        let own = frontier.visit.own;
        let dead = frontier.visit.header.kind == SlotKind::Dead as u8;
        let near = match &mut frontier.nearest {
            Some(nearest) if dead => own < nearest.bound(),
            Some(nearest) => nearest.add(own),
            None => own < frontier.queue.beam.bound(),
        };
        misses = if near { 0 } else { misses + 1 };
        // A dead node steers, but takes no place from those that are alive.
        match dead {
            true => drop(frontier.queue.beam.remove()),
            false => frontier.queue.beam.settle(own),
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
                frontier.queue.offer(distance, own, neighbour);
            }
        }
    }
    Ok(())
}

/// Finds the node to start from on level `to`: the record of the node that was nearest one level up. `None` in an
/// empty index. A vacuum may have freed the record since its link was read.
pub fn descend<S: PageStore>(
    index: &mut Index<S>,
    query: &Query,
    to: u8,
) -> Result<Option<NodeId>> {
    for _ in 0..DESCENTS {
        index.refresh()?;
        let meta = *index.meta();
        if meta.entry == NONE {
            return Ok(None);
        }
        let mut entry = Some(meta.entry);
        for level in (to + 1..=level_of(meta.entry_level)?).rev() {
            entry = match entry {
                Some(entry) => nearest_link(index, query, level, entry)?,
                None => break,
            };
        }
        if entry.is_some() {
            return Ok(entry);
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

/// Searches `level` greedily; the link down of the nearest node.
fn nearest_link<S: PageStore>(
    index: &Index<S>,
    query: &Query,
    level: u8,
    entry: NodeId,
) -> Result<Option<NodeId>> {
    let mut frontier = Frontier::new(1);
    frontier.queue.beam.start(entry);
    let mut nearest: Option<(f32, NodeId)> = None;
    expand(index, query, level, With::Nothing, &mut frontier, |visit| {
        if nearest.is_none_or(|(own, _)| visit.own.total_cmp(&own).is_lt()) {
            nearest = Some((visit.own, visit.header.link));
        }
        Ok(())
    })?;
    Ok(nearest.map(|(_, link)| link))
}
