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
use crate::beam::{Beam, LANES, Queue};
use crate::index::{Index, Visit, With};
use crate::keys::Filter;
use crate::map::Look;
use crate::query::Query;
use crate::record::NodeId;
use crate::search::Frontier;
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
/// Estimates from codes of fewer coordinates do not tell the nearest of what is far: where less than this part of the share of
/// all nodes matches among the neighbours of nodes that steer, all that match are visited, if they are at most so many
/// for each place of the beam, over their share, and for each place.
const LONG_CODE: usize = 256;
const VERY_FAR: f64 = 0.5;
const MOST_FAR: (f64, f64) = (60.0, 1000.0);
/// Nodes nearest to the query whose neighbours tell how many match there.
const NEAREST: usize = 40;
/// Where less than this part of the share of all nodes matches near the query, what matches is far.
const FAR: f64 = 0.7;
/// Pages of the map that tell how many nodes match, and those that tell which where what matches is far.
pub const SAMPLED: u32 = 16;
const SAMPLED_FAR: u32 = 256;
/// Of so many nodes that match one is visited where what matches is far: about as many as its neighbours are.
const SOWN: usize = 24;
/// Nodes for each place of the beam that are visited there, at most.
pub(crate) const MOST_SOWN: usize = 4;
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
    /// The nodes that steer.
    pub steering: Queue,
    /// What the map says.
    look: Look,
    /// Whether it has named all that match, or these are too many.
    counted: bool,
    /// Of the nearest nodes that were visited, in their order.
    near: Vec<Near>,
    /// Neighbours of nodes that steer, and those of them that may match.
    steered: (u64, u64),
}

/// What a visited node says of those around it.
#[derive(Clone, Copy)]
struct Near {
    own: f32,
    /// Neighbours, and those of them that may match.
    lanes: u32,
    matching: u32,
}

/// How a filtered search begins.
pub(crate) enum Start {
    /// With a search of the graph that begins at these nodes, too.
    Search(Vec<NodeId>),
    /// With a visit to all nodes that may match, which are known.
    Gather,
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
            steering: Queue::new(0),
            look: Look::default(),
            counted: false,
            near: Vec::new(),
            steered: (0, 0),
        }
    }

    /// The share of nodes that may match.
    fn share(&self) -> f64 {
        self.look.matching / self.look.nodes.max(1.0)
    }

    /// Decides how to find the nearest `ef` nodes, from a look at the map. What matches may stand together
    /// there, so that few pages say little: what seems few is counted.
    pub fn start<S: PageStore>(
        &mut self,
        index: &Index<S>,
        ef: usize,
        memory: usize,
    ) -> Result<Start> {
        self.look_at(index, SAMPLED, memory)?;
        if self.gathers_for(index, ef, memory)? {
            return Ok(Start::Gather);
        }
        self.steering.beam = Beam::new(self.places(ef));
        let seeds = if self.share() < COMMON { SEEDS } else { 0 };
        let some = &self.look.some;
        let step = some.len().checked_div(seeds).unwrap_or(0).max(1);
        let seeds = some.iter().copied().step_by(step).take(seeds);
        Ok(Start::Search(seeds.collect()))
    }

    /// Looks at so many pages of the map at most.
    fn look_at<S: PageStore>(&mut self, index: &Index<S>, pages: u32, memory: usize) -> Result<()> {
        self.look = index.look(&mut self.filter, pages, memory / GATHERED)?;
        self.counted = self.look.names_all();
        Ok(())
    }

    /// Whether all nodes that may match are to be visited instead of a search with a beam of `ef`; they are known then.
    pub fn gathers_for<S: PageStore>(
        &mut self,
        index: &Index<S>,
        ef: usize,
        memory: usize,
    ) -> Result<bool> {
        Ok(self.should_gather_for(ef)
            && self.can_gather(memory)
            && self.find_all(index, memory)?
            && self.should_gather_for(ef))
    }

    /// Whether to visit all nodes that may match is less work than a search with a beam of `ef`.
    fn should_gather_for(&self, ef: usize) -> bool {
        gathers(self.look.matching, self.share(), ef as f64)
    }

    /// Nodes that match near the query, for each that would if they were anywhere.
    fn nearness(&self) -> f64 {
        let lanes: u32 = self.near.iter().map(|near| near.lanes).sum();
        let matching: u32 = self.near.iter().map(|near| near.matching).sum();
        f64::from(matching) / (self.share() * f64::from(lanes))
    }

    /// Whether fewer nodes match near the query than elsewhere: the nearest that do are far, and so
    /// about as far as many others, which a search tells apart with a larger beam only.
    pub fn is_far(&self) -> bool {
        self.nearness() < FAR
    }

    /// Whether all nodes that may match are to be visited since what matches is too far for codes of so many coordinates.
    pub fn gathers_far(&self, code_dims: usize, ef: usize) -> bool {
        let (lanes, matching) = self.steered;
        let around = matching as f64 / (self.share() * lanes as f64);
        let (over_share, most) = MOST_FAR;
        let most = ef as f64 * (over_share / self.share()).min(most);
        code_dims < LONG_CODE && around < VERY_FAR && self.look.matching <= most
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
        self.look.matching <= GATHERED_PER_VISIT * visits as f64 && self.can_gather(memory)
    }

    /// Whether all nodes that may match fit into `memory`.
    fn can_gather(&self, memory: usize) -> bool {
        self.look.matching <= (memory / GATHERED) as f64
    }

    /// Whether they may fit.
    pub fn may_gather(&self, memory: usize) -> bool {
        !self.counted || self.can_gather(memory)
    }

    /// Finds all nodes that may match; `false` if they are too many for `memory`.
    pub fn find_all<S: PageStore>(&mut self, index: &Index<S>, memory: usize) -> Result<bool> {
        self.counted = true;
        index.complete(&mut self.look, &self.filter, memory / GATHERED)
    }

    /// Visits those of all nodes that may match, which are known, that have not been visited.
    pub fn gather<S: PageStore>(
        &mut self,
        index: &Index<S>,
        query: &Query,
        frontier: &mut Frontier,
        mut found: impl FnMut(&Visit, &mut Filter) -> bool,
    ) -> Result<()> {
        let all = self.look.take();
        all.iter()
            .take(GATHERED_AHEAD)
            .for_each(|&id| index.prefetch_rows(id));
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

    /// Visits some of all nodes that may match, spread over the map, and offers their neighbours. Where what matches is far, no
    /// way leads from one that is near to the nearest: all lie in about the same direction.
    pub fn sow<S: PageStore>(
        &mut self,
        index: &Index<S>,
        query: &Query,
        frontier: &mut Frontier,
        (most, memory): (usize, usize),
        mut found: impl FnMut(&Visit, &mut Filter) -> bool,
    ) -> Result<()> {
        if !self.look.was_whole() {
            self.look_at(index, SAMPLED_FAR, memory)?;
        }
        let coded = index.layout.code_dims > 0;
        let count = (self.look.matching as usize / SOWN).min(most).max(1);
        let step = self.look.some.len().div_ceil(count).max(1);
        let sown: Vec<NodeId> = self.look.some.iter().copied().step_by(step).collect();
        for (i, &id) in sown.iter().enumerate() {
            index.store.check_interrupts();
            if let Some(&next) = sown.get(i + 1) {
                index.prefetch(next);
            }
            if !coded {
                frontier.visited.insert(id);
            }
            let new = frontier.enter(id, coded);
            if new && index.visit(query, id, 0, With::Sketches, &mut frontier.visit)? {
                if found(&frontier.visit, &mut self.filter) {
                    frontier.queue.place_expanded(frontier.visit.own, id);
                }
                self.offer_lanes(index, query, frontier)?;
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
        let many = visits >= VISITS_PER_PAGE * self.look.pages as usize;
        if many && !self.look.was_whole() && !self.counted {
            self.look_at(index, u32::MAX, memory)?;
        }
        if !self.counted && self.should_gather(visits, memory) {
            self.find_all(index, memory)?;
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
        if !coded {
            let beams = [&frontier.queue.beam, &self.steering.beam];
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
                false => &mut frontier.queue.beam,
            };
            let Some(id) = beam.pop() else {
                return Ok(());
            };
            if !frontier.enter(id, coded) {
                // It was sown since it was offered.
                match steers {
                    true => self.steering.beam.remove(),
                    false => frontier.queue.beam.remove(),
                };
                continue;
            }
            let next = match self.steers(frontier) {
                true => self.steering.beam.peek(),
                false => frontier.queue.beam.peek(),
            };
            if let Some(next) = next {
                index.prefetch(next);
            }
            let there = index.visit(query, id, 0, With::Sketches, &mut frontier.visit)?;
            let beam = match steers {
                true => &mut self.steering.beam,
                false => &mut frontier.queue.beam,
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
                    true => frontier.queue.place_expanded(own, id),
                    false => self.steering.place_expanded(own, id),
                }
            }
            let near = self.offer_lanes(index, query, frontier)?;
            if steers {
                self.steered.0 += u64::from(near.lanes);
                self.steered.1 += u64::from(near.matching);
            }
        }
    }

    /// Offers the neighbours of the node visited last; says how many there are and may match.
    fn offer_lanes<S: PageStore>(
        &mut self,
        index: &Index<S>,
        query: &Query,
        frontier: &mut Frontier,
    ) -> Result<Near> {
        let mut near = Near {
            own: frontier.visit.own,
            lanes: frontier.visit.neighbours.len() as u32,
            matching: 0,
        };
        let columns = index.layout.key_columns();
        for first in (0..frontier.visit.neighbours.len()).step_by(LANES) {
            let visit = &frontier.visit;
            let lanes = first..visit.neighbours.len().min(first + LANES);
            let sketches = &visit.sketches[lanes.start * columns..lanes.end * columns];
            let matching = self.filter.may_match_of(sketches, columns);
            near.matching += matching.count_ones();
            if index.layout.code_dims > 0 {
                let block = (&visit.estimates[lanes.clone()], &visit.neighbours[lanes]);
                let visited = &frontier.visited;
                frontier
                    .queue
                    .offer_lanes(visit.own, block, matching, visited);
                self.steering
                    .offer_lanes(visit.own, block, !matching, visited);
                continue;
            }
            for lane in lanes {
                let (own, id) = (frontier.visit.own, frontier.visit.neighbours[lane]);
                if frontier.visited.insert(id)
                    && let Some(distance) = index.own_distance(query, id, 0)?
                {
                    match matching >> (lane - first) & 1 == 1 {
                        true => frontier.queue.offer(distance, own, id),
                        false => self.steering.offer(distance, own, id),
                    }
                }
            }
        }
        let at = self.near.partition_point(|other| other.own <= near.own);
        if at < NEAREST {
            self.near.truncate(NEAREST - 1);
            self.near.insert(at, near);
        }
        Ok(near)
    }

    /// Whether the next node is one that steers.
    fn steers(&self, frontier: &Frontier) -> bool {
        let waiting = frontier.queue.beam.nearest_waiting();
        let way = self.steering.beam.nearest_waiting();
        way.is_some_and(|way| way < frontier.queue.beam.bound() && waiting.is_none_or(|w| way < w))
    }
}
