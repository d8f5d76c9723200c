//! Search for nodes whose rows pass a filter.
//!
//! Two beams go over level 0: one of nodes that may match, as their sketches say, whose size is
//! that of any search, and one of nodes that do not. The second only *steers*: its nodes are visited
//! for their neighbours, nearest first, as long as they are nearer than what the first beam
//! has to offer. Sketches stand in the lanes, so that a node that cannot match is visited for the
//! way through it alone, and never only to find that it does not match.
//!
//! What is near and matches stands among about `1 / s` times as many near nodes, if a share `s` of
//! all nodes matches. So the rarer the matches, the more nodes steer; where they are so few
//! that to visit all of them is less work, that is done: the map ([`crate::map`]) names them.

use crate::Result;
use crate::index::{Index, Visit, With};
use crate::keys::{Filter, LANES};
use crate::map::{Estimate, SAMPLED};
use crate::query::Query;
use crate::record::NodeId;
use crate::search::{Beam, Frontier};
use crate::store::PageStore;

/// If this share of nodes matches, as many steer as the beam has.
const COMMON: f64 = 0.1;
/// Steering nodes for each in the beam, at least and at most.
const STEERING: (f64, f64) = (0.5, 64.0);
/// Steering nodes at most, unless the beam has more places: its cost grows with their square.
const MOST_STEERING: usize = 4096;
/// Matching nodes that are visited in the time that a search takes for one node of its beams: it
/// visits three nodes for each of them, and scores their neighbours.
const GATHERED_PER_NODE: f64 = 9.0;
/// Matching nodes that are visited in the time of one visit of a search.
const GATHERED_PER_VISIT: f64 = 3.0;
/// Matching nodes that the search starts from, beside the one that the descent ends at. Where none is near
/// the query, they are far from it together.
const SEEDS: usize = 8;
/// Where less than this part of the share of all nodes matches near the query, what matches is far.
const FAR: f64 = 0.7;
/// Where less than this part of it does, it is so far that searches with larger and larger beams take as long as
/// a visit to all nodes that match, if these are at most so many for each place of the beam, over their share.
const VERY_FAR: (f64, f64) = (0.5, 60.0);
/// The most for each place: only as many nodes steer in larger beams as have a place in the first.
const MOST_FAR: f64 = 1000.0;
/// Nodes that steer, at most, in a search that goes on.
const STEERING_ON: usize = 1024;
/// Places of the beam for each node that steers in a search that goes on, where what matches is far.
const PLACES_PER_FAR: usize = 8;
/// Even where nearly all match a search takes as long as one with so many nodes in its beams for each that is
/// asked for. Gathering is exact, and no row comes too late.
const LEAST_BEAMS: f64 = 4.0;
/// Visits for each page of the map before a search counts there what it took for so many from a sample.
const VISITS_PER_PAGE: usize = 8;
/// Of how many nodes the memory is fetched while all that match are gathered.
const GATHERED_AHEAD: usize = 4;
/// Bytes that a node takes while all that match are gathered.
pub const GATHERED: usize = 64;

/// What a scan with a filter has beside others.
pub(crate) struct Filtered {
    pub filter: Filter,
    /// The nodes that steer; `visited` is that of the matching ones.
    pub steering: Frontier,
    /// Nodes of the index, about.
    nodes: f64,
    /// Nodes that may match, about.
    matching: f64,
    /// Whether they were counted, as far as memory allowed.
    counted: bool,
    /// Pages of the map.
    map_pages: usize,
    /// Neighbours of nodes that steer, and those of them that may match.
    lanes: (u64, u64),
}

/// How a filtered search begins.
pub(crate) enum Start {
    /// With a search of the graph that begins at these nodes, too.
    Search(Vec<NodeId>),
    /// With a visit to these, all nodes that may match.
    Gather(Vec<NodeId>),
}

/// What ends a search before its beams are expanded.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Visits at most.
    pub visits: usize,
    /// Bytes for a visit to all nodes that may match, which takes the search's place once it is less work; `None` if it
    /// may not.
    pub memory: Option<usize>,
}

/// Whether to visit all of `matching` nodes, a share of all, is less work than a search with a beam of `ef`.
pub fn gathers(matching: f64, share: f64, ef: f64) -> bool {
    let beams = (1.0 + COMMON / share).max(LEAST_BEAMS);
    matching <= GATHERED_PER_NODE * beams * ef
}

/// Steering nodes for each in the beam, where a share of all nodes matches.
pub fn steering(share: f64) -> f64 {
    let (least, most) = STEERING;
    (COMMON / share).clamp(least, most)
}

impl Filtered {
    pub fn new(filter: Filter) -> Self {
        Self {
            filter,
            steering: Frontier::new(0),
            nodes: 0.0,
            matching: f64::INFINITY,
            counted: false,
            map_pages: 0,
            lanes: (0, 0),
        }
    }

    /// The share of nodes that may match.
    fn share(&self) -> f64 {
        self.matching / self.nodes.max(1.0)
    }

    /// Decides how to find the nearest `ef` nodes, from a look at the map. What matches may stand together
    /// there, so that few pages say little: what seems few is counted.
    pub fn start<S: PageStore>(
        &mut self,
        index: &Index<S>,
        ef: usize,
        memory: usize,
    ) -> Result<Start> {
        let Estimate {
            pages,
            nodes,
            matching,
            mut some,
        } = index.estimate(&mut self.filter)?;
        (self.map_pages, self.nodes, self.matching) = (pages, nodes, matching);
        self.counted = pages <= SAMPLED as usize;
        if self.should_gather_for(ef) && self.can_gather(memory) {
            if !self.counted
                && let Some(all) = self.all(index, memory)?
            {
                some = all;
            }
            if self.should_gather_for(ef) && self.can_gather(memory) {
                return Ok(Start::Gather(some));
            }
        }
        self.steering.beam = Beam::new(self.places(ef));
        let seeds = if self.share() < COMMON { SEEDS } else { 0 };
        let step = some.len().checked_div(seeds).unwrap_or(0).max(1);
        Ok(Start::Search(
            some.into_iter().step_by(step).take(seeds).collect(),
        ))
    }

    /// Whether to visit all nodes that may match is less work than a search with a beam of `ef`.
    pub fn should_gather_for(&self, ef: usize) -> bool {
        gathers(self.matching, self.share(), ef as f64)
    }

    /// Nodes that match near the query, for each that would if they were anywhere.
    fn nearness(&self) -> f64 {
        let (all, matching) = self.lanes;
        matching as f64 / (self.share() * all as f64)
    }

    /// Whether fewer nodes match near the query than elsewhere: the nearest that do are far, and so
    /// about as far as many others, which a search tells apart with a larger beam only.
    pub fn is_far(&self) -> bool {
        self.nearness() < FAR
    }

    /// Whether what matches is so far that to visit all of it is less work than to search with a beam of `ef` and
    /// then larger ones.
    pub fn should_gather_far(&self, ef: usize) -> bool {
        let (far, most) = VERY_FAR;
        let ef = ef as f64;
        self.nearness() < far && self.matching <= ef * (most / self.share()).min(MOST_FAR)
    }

    /// An empty beam of nodes that steer, for a search that goes on. Those that are nearest lead nowhere
    /// where what matches is far from the query.
    pub fn renew_steering(&mut self, ef: usize) {
        self.steering.discard_waiting();
        let places = self.places(ef).min(STEERING_ON);
        self.steering.beam = Beam::new(match self.is_far() {
            true => (ef / PLACES_PER_FAR).clamp(1, places),
            false => places,
        });
    }

    /// Nodes that steer in a search with a beam of `ef`.
    fn places(&self, ef: usize) -> usize {
        let places = (ef as f64 * steering(self.share())) as usize;
        places.clamp(1, MOST_STEERING.max(ef))
    }

    /// Whether to visit all nodes that may match is less work than `visits` of a search, and they fit
    /// into `memory`.
    pub fn should_gather(&self, visits: usize, memory: usize) -> bool {
        self.matching <= GATHERED_PER_VISIT * visits as f64 && self.can_gather(memory)
    }

    /// Whether all nodes that may match fit into `memory`.
    pub fn can_gather(&self, memory: usize) -> bool {
        self.matching <= (memory / GATHERED) as f64
    }

    /// Whether they may fit.
    pub fn may_gather(&self, memory: usize) -> bool {
        !self.counted || self.can_gather(memory)
    }

    /// All nodes that may match; `None` if they are too many for `memory`.
    pub fn all<S: PageStore>(
        &mut self,
        index: &Index<S>,
        memory: usize,
    ) -> Result<Option<Vec<NodeId>>> {
        let most = memory / GATHERED;
        let all = index.all_matching(&self.filter, most)?;
        self.counted = true;
        self.matching = match &all {
            Some(all) => all.len() as f64,
            None => self.matching.max((most + 1) as f64),
        };
        Ok(all)
    }

    /// Visits those of all nodes that may match which have not been visited.
    pub fn gather<S: PageStore>(
        &mut self,
        index: &Index<S>,
        query: &Query,
        frontier: &mut Frontier,
        all: &[NodeId],
        mut found: impl FnMut(&Visit, &mut Filter) -> bool,
    ) -> Result<()> {
        for (i, &id) in all.iter().enumerate() {
            index.store.check_interrupts();
            if let Some(&next) = all.get(i + GATHERED_AHEAD) {
                index.prefetch_rows(next);
            }
            let new = frontier.enter(id, index.layout.code_dims > 0);
            if new && index.visit(query, id, 0, With::RowsOnly, &mut frontier.visit)? {
                found(&frontier.visit, &mut self.filter);
            }
        }
        Ok(())
    }

    /// Whether a search that has visited so many nodes is to end.
    fn is_enough<S: PageStore>(
        &mut self,
        index: &Index<S>,
        visits: usize,
        limits: Limits,
    ) -> Result<bool> {
        let Some(memory) = limits.memory else {
            return Ok(visits >= limits.visits);
        };
        let many = visits >= VISITS_PER_PAGE * self.map_pages;
        if !self.counted && (many || self.should_gather(visits, memory)) {
            self.all(index, memory)?;
        }
        Ok(visits >= limits.visits || self.should_gather(visits, memory))
    }

    /// Expands both beams until what steers is farther than what matches, or the limits end it; `found` sees every
    /// visited node and says whether it has rows that match.
    pub fn expand<S: PageStore>(
        &mut self,
        index: &Index<S>,
        query: &Query,
        frontier: &mut Frontier,
        limits: Limits,
        mut found: impl FnMut(&Visit, &mut Filter) -> bool,
    ) -> Result<()> {
        let coded = index.layout.code_dims > 0;
        let columns = index.layout.key_columns();
        if !coded {
            let beams = [&frontier.beam, &self.steering.beam];
            beams.iter().flat_map(|beam| beam.ids()).for_each(|&id| {
                frontier.visited.insert(id);
            });
        }
        loop {
            // In an index without codes others are only scored.
            let visits = match coded {
                true => frontier.visited.len(),
                false => frontier.expanded.len(),
            };
            if self.is_enough(index, visits, limits)? {
                return Ok(());
            }
            index.store.check_interrupts();
            let steers = self.steers(frontier);
            let beam = match steers {
                true => &mut self.steering.beam,
                false => &mut frontier.beam,
            };
            let Some(id) = beam.pop() else {
                return Ok(());
            };
            if !frontier.enter(id, coded) {
                continue;
            }
            let next = match self.steers(frontier) {
                true => self.steering.beam.peek(),
                false => frontier.beam.peek(),
            };
            if let Some(next) = next {
                index.prefetch(next);
            }
            let there = index.visit(query, id, 0, With::Sketches, &mut frontier.visit)?;
            let beam = match steers {
                true => &mut self.steering.beam,
                false => &mut frontier.beam,
            };
            if !there {
                beam.remove();
                continue;
            }
            let own = frontier.visit.own;
            let matches = found(&frontier.visit, &mut self.filter);
            if steers != matches {
                beam.settle(own);
            } else {
                // It is not what its sketch said: another one, or that of several rows.
                beam.remove();
                match matches {
                    true => frontier.place_expanded(own, id),
                    false => self.steering.place_expanded(own, id),
                }
            }
            for first in (0..frontier.visit.neighbours.len()).step_by(LANES) {
                let end = frontier.visit.neighbours.len().min(first + LANES);
                let sketches = &frontier.visit.sketches[first * columns..end * columns];
                let matching = self.filter.may_match_of(sketches, columns);
                if steers {
                    self.lanes.0 += (end - first) as u64;
                    self.lanes.1 += u64::from(matching.count_ones());
                }
                for lane in first..end {
                    let may_match = matching >> (lane - first) & 1 == 1;
                    self.offer(index, query, frontier, lane, may_match)?;
                }
            }
        }
    }

    /// Offers a neighbour of the node visited last to the beam that it belongs to, unless it is expanded.
    #[inline]
    fn offer<S: PageStore>(
        &mut self,
        index: &Index<S>,
        query: &Query,
        frontier: &mut Frontier,
        lane: usize,
        may_match: bool,
    ) -> Result<()> {
        let own = frontier.visit.own;
        let neighbour = frontier.visit.neighbours[lane];
        let bound = match may_match {
            true => frontier.beam.bound(),
            false => self.steering.beam.bound(),
        };
        let distance = if index.layout.code_dims > 0 {
            let estimate = frontier.visit.estimates[lane].min(f32::MAX);
            if estimate < bound && frontier.visited.contains(neighbour) {
                return Ok(());
            }
            estimate
        } else if !frontier.visited.insert(neighbour) {
            return Ok(());
        } else {
            match index.own_distance(query, neighbour, 0)? {
                Some(distance) => distance,
                None => return Ok(()),
            }
        };
        match may_match {
            true => frontier.offer(distance, own, neighbour),
            false => self.steering.offer(distance, own, neighbour),
        }
        Ok(())
    }

    /// Whether the next node is one that steers.
    fn steers(&self, frontier: &Frontier) -> bool {
        let waiting = frontier.beam.nearest_waiting();
        let way = self.steering.beam.nearest_waiting();
        way.is_some_and(|way| way < frontier.beam.bound() && waiting.is_none_or(|w| way < w))
    }
}
