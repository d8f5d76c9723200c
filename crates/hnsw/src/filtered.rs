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
use crate::keys::Filter;
use crate::map::Estimate;
use crate::query::Query;
use crate::record::NodeId;
use crate::search::{Beam, Frontier, Visited};
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
/// Even where nearly all match a search takes as long as one with so many nodes in its beams for each that is
/// asked for. Gathering is exact, and no row comes too late.
const LEAST_BEAMS: f64 = 4.0;
/// Of how many nodes the memory is fetched while all that match are gathered.
const GATHERED_AHEAD: usize = 4;
/// Bytes that a node takes while all that match are gathered.
const GATHERED: usize = 64;

/// What a scan with a filter has beside others.
pub(crate) struct Filtered {
    pub filter: Filter,
    /// The nodes that steer; `visited` is that of the matching ones.
    pub steering: Frontier,
    /// Nodes that may match, about.
    matching: f64,
    /// The share of those among all.
    share: f64,
    /// Neighbours of nodes that steer, and those of them that may match.
    lanes: (u64, u64),
}

/// How a filtered search begins.
pub(crate) enum Start {
    /// With a search of the graph that begins at these nodes, too.
    Search(Vec<NodeId>),
    /// With a visit to all nodes that may match.
    Gather,
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
            matching: f64::INFINITY,
            share: 0.0,
            lanes: (0, 0),
        }
    }

    /// Decides how to find the nearest `ef` nodes, from a look at the map.
    pub fn start<S: PageStore>(&mut self, index: &Index<S>, ef: usize) -> Result<Start> {
        let Estimate {
            nodes,
            matching,
            some,
        } = index.estimate(&self.filter)?;
        self.matching = matching;
        let share = matching / nodes.max(1.0);
        self.share = share;
        self.steering.beam = Beam::new(self.places(ef));
        if self.should_gather_for(ef) {
            return Ok(Start::Gather);
        }
        let seeds = if share < COMMON { SEEDS } else { 0 };
        let step = some.len().checked_div(seeds).unwrap_or(0).max(1);
        Ok(Start::Search(
            some.into_iter().step_by(step).take(seeds).collect(),
        ))
    }

    /// Whether to visit all nodes that may match is less work than a search with a beam of `ef`.
    pub fn should_gather_for(&self, ef: usize) -> bool {
        gathers(self.matching, self.share, ef as f64)
    }

    /// Nodes that match near the query, for each that would if they were anywhere.
    fn nearness(&self) -> f64 {
        let (all, matching) = self.lanes;
        matching as f64 / (self.share * all as f64)
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
        self.nearness() < far && self.matching <= ef * (most / self.share).min(MOST_FAR)
    }

    /// An empty beam of nodes that steer, for a search that goes on. Those that are nearest lead nowhere
    /// where what matches is far from the query.
    pub fn renew_steering(&mut self, ef: usize) {
        self.steering.discard_waiting();
        let places = self.places(ef).min(STEERING_ON);
        self.steering.beam = Beam::new(match self.is_far() {
            true => places.min(ef),
            false => places,
        });
    }

    /// Nodes that steer in a search with a beam of `ef`.
    fn places(&self, ef: usize) -> usize {
        let places = (ef as f64 * steering(self.share)) as usize;
        places.clamp(1, MOST_STEERING.max(ef))
    }

    /// Fills the beam of nodes that steer with the nearest of those that wait; returns how many there
    /// are in it, and how many wait on.
    pub fn refill_steering(&mut self, visited: impl Fn(NodeId) -> bool) -> (usize, usize) {
        let mut ways = std::mem::take(&mut self.steering.discarded);
        ways.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Several nodes may have named it: the least distance stands first.
        let mut seen = Visited::new(ways.len());
        ways.retain(|way| !visited(way.1) && seen.insert(way.1));
        let rest = ways.split_off(ways.len().min(self.steering.beam.capacity()));
        for &(distance, id) in &ways {
            self.steering.beam.offer(distance, id);
        }
        let waiting = rest.len();
        self.steering.discarded = rest;
        (ways.len(), waiting)
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

    /// Visits all nodes that may match and have not been visited; `false` if they are too many for
    /// `memory`.
    pub fn gather<S: PageStore>(
        &mut self,
        index: &Index<S>,
        query: &Query,
        frontier: &mut Frontier,
        memory: usize,
        mut found: impl FnMut(&Visit, &mut Filter) -> bool,
    ) -> Result<bool> {
        let Some(all) = index.all_matching(&self.filter, memory / GATHERED)? else {
            return Ok(false);
        };
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
        Ok(true)
    }

    /// Expands both beams until what steers is farther than what matches; `found` sees every
    /// visited node and says whether it has rows that match.
    pub fn expand<S: PageStore>(
        &mut self,
        index: &Index<S>,
        query: &Query,
        frontier: &mut Frontier,
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
            index.store.check_interrupts();
            let bound = frontier.beam.bound();
            let waiting = frontier.beam.nearest_waiting();
            let way = self.steering.beam.nearest_waiting();
            let steers = way.is_some_and(|way| way < bound && waiting.is_none_or(|w| way < w));
            let beam = match steers {
                true => &mut self.steering.beam,
                false => &mut frontier.beam,
            };
            let Some(id) = beam.pop() else {
                return Ok(());
            };
            let next = beam.peek();
            if !frontier.enter(id, coded) {
                continue;
            }
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
            for lane in 0..frontier.visit.neighbours.len() {
                let neighbour = frontier.visit.neighbours[lane];
                let sketch = &frontier.visit.sketches[lane * columns..][..columns];
                let may_match = self.filter.may_match(sketch);
                if steers {
                    self.lanes.0 += 1;
                    self.lanes.1 += u64::from(may_match);
                }
                let bound = match may_match {
                    true => frontier.beam.bound(),
                    false => self.steering.beam.bound(),
                };
                let distance = if coded {
                    let estimate = frontier.visit.estimates[lane].min(f32::MAX);
                    if estimate < bound && frontier.visited.contains(neighbour) {
                        continue;
                    }
                    estimate
                } else if !frontier.visited.insert(neighbour) {
                    continue;
                } else {
                    match index.own_distance(query, neighbour, 0)? {
                        Some(distance) => distance,
                        None => continue,
                    }
                };
                match may_match {
                    true => frontier.offer(distance, own, neighbour),
                    false => self.steering.offer(distance, own, neighbour),
                }
            }
        }
    }
}
