//! The resumable scan: rows in order of distance.
//!
//! Level 0 is searched with a beam of `ef_search`. When the nearest three quarters of its nodes have been
//! returned, the search goes on from the nearest candidates that had not got into the beam, twice as
//! many each time. Distances are bounds
//! ([`Bounds`]): rows come in order of the lower one, and a row whose interval meets no other row's, or is
//! a single value, is said to be exact, so that only the others have to be compared by their true distances.

use crate::beam::{Beam, Nearest};
use crate::chain::Owner;
use crate::filtered::{Filtered, Limits, MOST_SOWN, Start};
use crate::index::{Index, Visit, With};
use crate::keys::Filter;
use crate::layout::Layout;
use crate::query::{Bounds, Query};
use crate::record::{NONE, NodeId, SlotKind, Tid};
use crate::search::{self, Frontier, Visited};
use crate::store::PageStore;
use crate::tids;
use crate::{Error, Result};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Nodes in a row, beside `ef` or four times as many, that may turn out too far before a search ends.
const PATIENCE: usize = 8;
/// Places of the beam for each that it had, where what matches a filter is far from the query; and all of them at most.
const WIDER_IF_FAR: usize = 3;
const LARGEST_FAR_BEAM: usize = 4096;
/// Visits for each place of the first beam that a search with a filter takes, whatever [`Settings::max_visits`] is.
const LEAST_VISITS: usize = 16;
/// Candidates of a search that goes on; a beam's cost grows with its square.
const LARGEST_BATCH: usize = 1024;

/// When and how a scan goes on behind the first `ef` nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Not at all.
    Off,
    /// Rows that turn up nearer than one already returned come late.
    Relaxed,
    /// Such rows are left out.
    Strict,
}

/// Settings of a scan.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Candidates in the beam.
    pub ef: usize,
    /// Whether and how to go on behind them.
    pub resume: Resume,
    /// Nodes to visit at most; the first beam is always finished, but that of a filtered scan which may go on.
    pub max_visits: usize,
    /// Bytes that candidates for going on and the nodes visited may take, or all nodes that may match.
    pub memory: usize,
    /// Whether rows marked as dead are left out.
    pub skip_dead: bool,
}

/// Places of a beam that is to give so many rows at once. Three quarters are returned, and of these some only
/// when it is certain that none is nearer.
fn places_for(rows: usize) -> usize {
    (rows.min(LARGEST_BATCH) * 3).div_ceil(2).min(LARGEST_BATCH)
}

impl Settings {
    /// The same for a scan from which so many rows will be taken, if it may go on behind the first beam:
    /// one that has them all at once finds more of the nearest in fewer visits.
    pub fn for_rows(self, rows: usize) -> Self {
        let least = match self.resume {
            Resume::Off => 0,
            Resume::Relaxed | Resume::Strict => places_for(rows),
        };
        let ef = self.ef.max(least);
        Self { ef, ..self }
    }
}

/// Why a scan has no more rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It visited all nodes that can be reached.
    Exhausted,
    /// It returns what one beam finds ([`Resume::Off`]).
    Beam,
    /// It visited [`Settings::max_visits`] nodes.
    Visits,
    /// Candidates that it would have gone on from did not fit [`Settings::memory`].
    Memory,
}

/// What a scan has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Nodes visited on level 0.
    pub visits: usize,
    /// Searches: the first, and how often it went on.
    pub batches: usize,
    /// Nodes left out because they turned up behind farther ones ([`Resume::Strict`]).
    pub late: usize,
    /// Rows that did not pass the filter.
    pub rejected: usize,
    /// Why it ended, if it has.
    pub end: Option<End>,
}

/// A row that a scan found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Where the row is.
    pub tid: Tid,
    /// The node that stands for it.
    pub node: NodeId,
    /// Generation of the node's slot.
    pub generation: u32,
    /// Lower bound of the operator's value.
    pub lower: f64,
    /// Upper bound of the operator's value.
    pub upper: f64,
    /// Whether the order of this row among all others is certain.
    pub exact: bool,
    /// Whether it stands in the node's record, and not in a list.
    pub in_record: bool,
}

/// What a scan gives next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// A row.
    Row(Row),
    /// All rows that one search is sure of have been given; there may be more. No other row that is
    /// known is nearer than this.
    Batch(f64),
    /// There are no more rows.
    End,
}

/// A visited node with rows.
struct Found {
    bounds: Bounds,
    own: f32,
    owner: Owner,
    /// Its rows in `Scan::rows`.
    first: u32,
    count: u8,
    link: NodeId,
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The nearest is the greatest, for a heap.
impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |f: &Found| f.bounds.lower;
        key(other)
            .total_cmp(&key(self))
            .then(other.owner.id.cmp(&self.owner.id))
    }
}

/// A scan of an index for one query.
pub struct Scan {
    query: Query,
    settings: Settings,
    frontier: Frontier,
    found: BinaryHeap<Found>,
    rows: Vec<Tid>,
    /// Of a scan with a filter.
    filtered: Option<Filtered>,
    /// Rows that did not pass it.
    rejected: usize,
    /// Nodes up to this distance may be returned, and others that may have to come before them.
    horizon: f32,
    /// The farthest distance up to the horizon of a node that was returned, as stored.
    due: f64,
    /// How many of `found` are up to the horizon.
    within: usize,
    /// Candidates of the next search.
    ef: usize,
    started: bool,
    started_from_root: bool,
    /// `Meta::vacuums` when the scan started.
    vacuums: u32,
    /// Nodes visited before a vacuum made the scan begin anew.
    known: Visited,
    in_batch: bool,
    batches: usize,
    late: usize,
    end: Option<End>,
    /// Bounds of what was returned so far.
    last_lower: f64,
    last_upper: f64,
    /// Upper bound of the rows that were said to be exact.
    exact_upper: f64,
    current: Option<Current>,
}

/// The node whose rows are being returned.
struct Current {
    owner: Owner,
    bounds: Bounds,
    exact: bool,
    /// Rows not yet returned, last first.
    rows: Vec<Tid>,
    /// Whether these are those of the record.
    in_record: bool,
    /// The next list of rows.
    next: NodeId,
    lists_left: u64,
}

impl Scan {
    /// A scan that has not started.
    pub fn new(query: Query, settings: Settings) -> Self {
        let mut frontier = Frontier::new(settings.ef);
        frontier.patience = settings.ef + PATIENCE;
        if query.codes_are_parts() {
            frontier.nearest = Some(Nearest::new(settings.ef.max(1)));
            frontier.patience = 4 * settings.ef + PATIENCE;
        }
        if settings.resume != Resume::Off {
            // A candidate takes a place here and one in the visited set.
            frontier.queue.keep_discarded = settings.memory / 24;
        }
        Self {
            query,
            settings,
            frontier,
            found: BinaryHeap::new(),
            rows: Vec::new(),
            filtered: None,
            rejected: 0,
            horizon: f32::NEG_INFINITY,
            due: f64::NEG_INFINITY,
            within: 0,
            ef: settings.ef,
            started: false,
            started_from_root: false,
            vacuums: 0,
            known: Visited::new(0),
            in_batch: false,
            batches: 0,
            late: 0,
            end: None,
            last_lower: f64::NEG_INFINITY,
            last_upper: f64::NEG_INFINITY,
            exact_upper: f64::NEG_INFINITY,
            current: None,
        }
    }

    /// The scan, of those rows only that pass `filter`. The index must have key columns.
    pub fn with_filter(mut self, filter: Filter) -> Self {
        let mut filtered = Filtered::new(filter);
        filtered.steering.keep_discarded = self.frontier.queue.keep_discarded / 2;
        self.frontier.queue.keep_discarded /= 2;
        self.frontier.nearest = None;
        self.frontier.patience = usize::MAX;
        self.filtered = Some(filtered);
        self
    }

    /// The next row, nearest first.
    pub fn next<S: PageStore>(&mut self, index: &mut Index<S>) -> Result<Option<Row>> {
        loop {
            match self.step(index, f64::NEG_INFINITY)? {
                Step::Row(row) => return Ok(Some(row)),
                Step::Batch(_) => {}
                Step::End => return Ok(None),
            }
        }
    }

    /// The next row, or the end of a batch, at which a caller that puts rows in exact order need not
    /// wait for rows that are not known. Where a search ends by the nearest nodes, a batch does not end
    /// while a node is known that may be nearer than `waiting`, the distance of the caller's nearest
    /// row, if this is not beyond the horizon.
    pub fn step<S: PageStore>(&mut self, index: &mut Index<S>, waiting: f64) -> Result<Step> {
        loop {
            index.store.check_interrupts();
            if let Some(row) = self.next_of_current(index)? {
                return Ok(Step::Row(row));
            }
            // Of few coordinates errors are as large as bounds: what waits keeps others from coming late.
            let has_many = self.frontier.nearest.is_some();
            let waiting = match has_many && waiting <= self.due {
                true => waiting,
                false => f64::NEG_INFINITY,
            };
            match self.next_node(index, waiting) {
                Some(current) => {
                    self.current = Some(current);
                    self.in_batch = true;
                }
                None if self.end.is_some() => return Ok(Step::End),
                None if self.in_batch => {
                    self.in_batch = false;
                    let next = self.found.peek();
                    return Ok(Step::Batch(next.map_or(f64::INFINITY, |n| n.bounds.lower)));
                }
                None => {
                    self.search(index)?;
                    self.in_batch = true;
                }
            }
        }
    }

    /// Whether it has conditions on key columns.
    pub fn is_filtered(&self) -> bool {
        self.filtered.is_some()
    }

    /// What it has done so far.
    pub fn report(&self) -> Report {
        Report {
            visits: self.visits(),
            batches: self.batches,
            late: self.late,
            rejected: self.rejected,
            end: self.end,
        }
    }

    fn visits(&self) -> usize {
        self.known.len() + self.frontier.visited.len()
    }

    fn next_of_current<S: PageStore>(&mut self, index: &Index<S>) -> Result<Option<Row>> {
        let Some(current) = &mut self.current else {
            return Ok(None);
        };
        loop {
            while let Some(tid) = current.rows.pop() {
                if self.settings.skip_dead && tid.is_dead() {
                    continue;
                }
                let Owner {
                    id: node,
                    generation,
                } = current.owner;
                let Bounds { lower, upper } = current.bounds;
                let (exact, in_record) = (current.exact, current.in_record);
                return Ok(Some(Row {
                    tid: tid.unmarked(),
                    node,
                    generation,
                    lower,
                    upper,
                    exact,
                    in_record,
                }));
            }
            if current.next == NONE {
                self.current = None;
                return Ok(None);
            }
            index.store.check_interrupts();
            let block = index.layout.locate(current.next).0;
            current.lists_left = current
                .lists_left
                .checked_sub(1)
                .ok_or(Error::corrupted(block, "TID list is circular"))?;
            let mut rows = Vec::new();
            current.next = tids::read_rows(index, current.owner, current.next, &mut rows)?;
            current.in_record = false;
            let filter = self.filtered.as_mut().map(|f| &mut f.filter);
            self.rejected += admit(&index.layout, &rows, filter, &mut current.rows);
        }
    }

    /// Takes the nearest node that may be returned now, or may be nearer than `waiting`.
    fn next_node<S: PageStore>(&mut self, index: &Index<S>, waiting: f64) -> Option<Current> {
        loop {
            if self.within == 0 && self.found.peek()?.bounds.lower >= waiting {
                return None;
            }
            let node = self.found.pop()?;
            let due = node.own <= self.horizon;
            self.within -= usize::from(due);
            let Bounds { lower, upper } = node.bounds;
            // It came too late: for the order of bounds, or for that of values.
            let late = lower < self.last_lower.max(self.exact_upper);
            if self.settings.resume == Resume::Strict && late {
                self.late += 1;
                continue;
            }
            let apart_from_next = || self.found.peek().is_none_or(|n| upper < n.bounds.lower);
            let exact = self.settings.resume == Resume::Relaxed
                || lower == upper
                || self.last_upper < lower && apart_from_next();
            // Others only come so that a row that is due need not wait.
            if due {
                self.last_lower = self.last_lower.max(lower);
                self.due = self.due.max(f64::midpoint(lower, upper));
            }
            self.last_upper = self.last_upper.max(upper);
            if exact {
                self.exact_upper = self.exact_upper.max(upper);
            }
            // To ask for the number of blocks is a call of the system.
            let lists_left = match node.link {
                NONE => 0,
                _ => u64::from(index.store.blocks()) * index.layout.slots as u64,
            };
            let first = node.first as usize;
            let rows = self.rows[first..first + usize::from(node.count)].to_vec();
            return Some(Current {
                owner: node.owner,
                bounds: node.bounds,
                exact,
                rows,
                in_record: true,
                next: node.link,
                lists_left,
            });
        }
    }

    /// Starts the search, or goes on with it.
    fn search<S: PageStore>(&mut self, index: &mut Index<S>) -> Result<()> {
        if self.found.is_empty() {
            self.rows.clear();
        }
        if !self.started {
            self.started = true;
            if self.begin_filtered(index)? {
                return Ok(());
            }
            self.enter(index)?;
            if self.widen(index)? {
                return Ok(());
            }
        } else {
            if self.rather_gathers(true) && self.gather(index)? {
                return Ok(());
            }
            // Ever larger batches: the fewer there are, the fewer rows come late.
            let left = self.settings.max_visits.saturating_sub(self.visits());
            self.ef = (2 * self.ef).min(LARGEST_BATCH.max(self.settings.ef));
            self.ef = self.ef.min(left.max(1));
            self.renew_beams();
            if !self.refill(index) && !self.start_from_root(index)? {
                self.end(self.limit());
                return Ok(());
            }
            self.expand(index)?;
        }
        self.batches += 1;
        // A beam with room left has met all that its candidates lead to. What others lead to
        // belongs to the same batch: it may be nearer.
        while self.frontier.queue.beam.bound() == f32::INFINITY && !self.rather_gathers(false) {
            if let Some(filtered) = &mut self.filtered {
                filtered.renew_steering(self.ef);
            }
            if !self.refill(index) && !self.start_from_root(index)? {
                break;
            }
            self.expand(index)?;
        }
        // Nothing comes too late once all are known.
        let beam = &self.frontier.queue.beam;
        let is_cut_off = beam.bound() == f32::INFINITY || beam.peek().is_some();
        if self.rather_gathers(is_cut_off) && self.gather(index)? {
            return Ok(());
        }
        let frontier = &mut self.frontier;
        // Near the edge of a beam nodes are missing that the next one finds: they would come late.
        let horizon = frontier.ranked(3 * self.ef / 4);
        self.horizon = self.horizon.max(horizon);
        frontier.queue.discard_waiting();
        if let Some(Filtered { steering, .. }) = &mut self.filtered {
            steering.discard_waiting();
        }
        self.within = self.found.iter().filter(|f| f.own <= self.horizon).count();
        if self.settings.resume == Resume::Off {
            let mut nearest = std::mem::take(&mut self.found).into_vec();
            nearest.sort_by(|a, b| a.own.total_cmp(&b.own));
            nearest.truncate(self.settings.ef);
            self.found = nearest.into();
            self.end(End::Beam);
        }
        Ok(())
    }

    /// Empty beams for a search that goes on.
    fn renew_beams(&mut self) {
        self.frontier.queue.beam = Beam::new(self.ef);
        // What a search that goes on leaves out comes late. The beam's bound ends it later.
        self.frontier.nearest = None;
        match &mut self.filtered {
            None => self.frontier.patience = self.ef + PATIENCE,
            Some(filtered) => filtered.renew_steering(self.ef),
        }
    }

    /// Where what matches a filter is far from the query, and so about as far as much else that does, searches on with
    /// a larger beam that begins all over what matches; `true` if it has found all rows instead.
    fn widen<S: PageStore>(&mut self, index: &Index<S>) -> Result<bool> {
        let enough = self.visits() >= self.settings.max_visits || self.rather_gathers(false);
        let Settings { memory, .. } = self.settings;
        let Some(filtered) = self.filtered.as_mut().filter(|f| f.is_far() && !enough) else {
            return Ok(false);
        };
        let far = filtered.gathers_far(index.layout.code_dims, self.ef);
        if far && filtered.find_all(index, memory)? {
            self.visit_all(index)?;
            return Ok(true);
        }
        if self.ef >= LARGEST_FAR_BEAM {
            return Ok(false);
        }
        self.ef = (WIDER_IF_FAR * self.ef).min(LARGEST_FAR_BEAM);
        if filtered.gathers_for(index, self.ef, memory)? {
            self.visit_all(index)?;
            return Ok(true);
        }
        self.renew_beams();
        if self.refill(index) {
            self.sow(index)?;
            self.expand(index)?;
        }
        Ok(false)
    }

    /// The first search, from where the descent ends. A vacuum may free that node on the way; then
    /// from where another descent ends.
    fn enter<S: PageStore>(&mut self, index: &mut Index<S>) -> Result<()> {
        for _ in 0..search::DESCENTS {
            let beam = match &mut self.filtered {
                Some(filtered) => &mut filtered.steering.beam,
                None => &mut self.frontier.queue.beam,
            };
            if let Some(id) = search::descend(index, &self.query, 0)? {
                beam.start(id);
            }
            self.vacuums = index.meta().vacuums;
            if index.meta().entry == NONE || self.expand(index)? > 0 {
                return Ok(());
            }
        }
        Err(search::no_entry())
    }

    /// Decides how a scan with a filter begins; `true` if it has found all rows at once.
    fn begin_filtered<S: PageStore>(&mut self, index: &Index<S>) -> Result<bool> {
        let Some(filtered) = &mut self.filtered else {
            return Ok(false);
        };
        match filtered.start(index, self.ef, self.settings.memory)? {
            Start::Gather => {
                self.visit_all(index)?;
                Ok(true)
            }
            Start::Search(seeds) => {
                seeds
                    .into_iter()
                    .for_each(|id| self.frontier.queue.beam.start(id));
                Ok(false)
            }
        }
    }

    /// Whether a search with a filter rather visits all nodes that may match: it takes as long, or has done as much as it
    /// may and is to go on.
    fn rather_gathers(&self, is_to_go_on: bool) -> bool {
        let (visits, memory) = (self.visits(), self.settings.memory);
        let enough = is_to_go_on && visits >= self.settings.max_visits;
        let gathers =
            |f: &Filtered| f.should_gather(visits, memory) || enough && f.may_gather(memory);
        self.settings.resume != Resume::Off && self.filtered.as_ref().is_some_and(gathers)
    }

    /// Visits all nodes that may match and have not been visited; `false` if they are too many.
    fn gather<S: PageStore>(&mut self, index: &Index<S>) -> Result<bool> {
        let Some(filtered) = &mut self.filtered else {
            return Ok(false);
        };
        let all = filtered.find_all(index, self.settings.memory)?;
        if all {
            self.visit_all(index)?;
        }
        Ok(all)
    }

    /// Visits some of all nodes that may match.
    fn sow<S: PageStore>(&mut self, index: &Index<S>) -> Result<()> {
        let Self {
            query,
            frontier,
            found,
            rows,
            rejected,
            known,
            ..
        } = self;
        let Some(filtered) = &mut self.filtered else {
            return Ok(());
        };
        let left = self
            .settings
            .max_visits
            .saturating_sub(known.len() + frontier.visited.len());
        let most = (left.min(MOST_SOWN * self.settings.ef), self.settings.memory);
        filtered.sow(index, query, frontier, most, |visit, filter| {
            let known = known.contains(visit.id);
            !known && note(index, query, visit, Some(filter), found, rows, rejected)
        })
    }

    /// Visits those of all nodes that may match, which are known, that have not been visited.
    fn visit_all<S: PageStore>(&mut self, index: &Index<S>) -> Result<()> {
        let Self {
            query,
            frontier,
            found,
            rows,
            rejected,
            known,
            ..
        } = self;
        let Some(filtered) = &mut self.filtered else {
            return Ok(());
        };
        filtered.gather(index, query, frontier, |visit, filter| {
            let known = known.contains(visit.id);
            !known && note(index, query, visit, Some(filter), found, rows, rejected)
        })?;
        self.batches += 1;
        self.end(End::Exhausted);
        Ok(())
    }

    /// Expands the beam; notes the nodes that have rows. Returns how many nodes it visited.
    fn expand<S: PageStore>(&mut self, index: &Index<S>) -> Result<usize> {
        let mut visits = 0;
        let limits = Limits {
            visits: match self.batches {
                _ if self.settings.resume == Resume::Off => usize::MAX,
                0 => self
                    .settings
                    .max_visits
                    .max(LEAST_VISITS * self.settings.ef),
                _ => self.settings.max_visits.saturating_sub(self.known.len()),
            },
            memory: (self.settings.resume != Resume::Off).then_some(self.settings.memory),
        };
        let Self {
            query,
            frontier,
            found,
            rows,
            rejected,
            known,
            ..
        } = self;
        match &mut self.filtered {
            None => search::expand(index, query, 0, With::Nothing, frontier, |visit| {
                visits += 1;
                if !known.contains(visit.id) {
                    note(index, query, visit, None, found, rows, rejected);
                }
                Ok(())
            })?,
            Some(filtered) => {
                filtered.expand(index, query, frontier, limits, |visit, filter| {
                    visits += 1;
                    let known = known.contains(visit.id);
                    !known && note(index, query, visit, Some(filter), found, rows, rejected)
                })?
            }
        }
        Ok(visits)
    }

    /// What keeps a scan from going on that cannot.
    fn limit(&self) -> End {
        let forgotten = |f: &Filtered| f.steering.forgotten;
        if self.visits() >= self.settings.max_visits {
            End::Visits
        } else if self.frontier.queue.forgotten || self.filtered.as_ref().is_some_and(forgotten) {
            End::Memory
        } else {
            End::Exhausted
        }
    }

    /// All that was found may be returned: nothing more will be.
    fn end(&mut self, reason: End) {
        self.end = Some(reason);
        self.horizon = f32::INFINITY;
        self.within = self.found.len();
    }

    /// Once no candidates are left, makes one of the node from which anchors lead to all others;
    /// `false` if that was searched from or the scan has done as much as it may.
    ///
    /// If a vacuum changed lists that the scan had read, it reads them again: what they lead to now
    /// may be new to it.
    fn start_from_root<S: PageStore>(&mut self, index: &mut Index<S>) -> Result<bool> {
        let enough = self.visits() >= self.settings.max_visits;
        if self.started_from_root || enough || self.settings.resume == Resume::Off {
            return Ok(false);
        }
        self.started_from_root = true;
        let root = index.root_now()?;
        let vacuums = index.meta().vacuums;
        if vacuums != self.vacuums || vacuums % 2 == 1 {
            self.known = self.frontier.forget(index.layout.code_dims > 0);
            if let Some(filtered) = &mut self.filtered {
                filtered.steering.beam.clear();
            }
        }
        if root == NONE || self.frontier.visited.contains(root) {
            return Ok(false);
        }
        match &mut self.filtered {
            Some(filtered) => filtered.steering.beam.start(root),
            None => self.frontier.queue.beam.start(root),
        }
        Ok(true)
    }

    /// Fills the beam with the nearest candidates that were left out; `false` if there are none or
    /// the scan has done as much as it may.
    fn refill<S: PageStore>(&mut self, index: &Index<S>) -> bool {
        if self.settings.resume == Resume::Off || self.visits() >= self.settings.max_visits {
            return false;
        }
        let frontier = &mut self.frontier;
        // In an index without codes the others are those that were offered.
        let coded = index.layout.code_dims > 0;
        let visited = std::mem::replace(&mut frontier.visited, Visited::new(0));
        let is_visited = |id| coded && visited.contains(id);
        let mut most = self.settings.memory / 24;
        let mut count = 0;
        if let Some(Filtered { steering, .. }) = &mut self.filtered {
            count += steering.refill(is_visited);
            steering.compact(most / 2, most / 2, is_visited);
            steering.keep_discarded = most / 2;
            most = most.saturating_sub(steering.discarded.len());
        }
        count += frontier.queue.refill(is_visited);
        frontier.queue.keep_discarded = most.saturating_sub(visited.len());
        frontier
            .queue
            .compact(most, frontier.queue.keep_discarded, is_visited);
        frontier.visited = visited;
        count > 0
    }
}

/// Notes a node that was visited, if it has rows that pass the filter; whether it has.
fn note<S: PageStore>(
    index: &Index<S>,
    query: &Query,
    visit: &Visit,
    filter: Option<&mut Filter>,
    found: &mut BinaryHeap<Found>,
    rows: &mut Vec<Tid>,
    rejected: &mut usize,
) -> bool {
    let header = &visit.header;
    // Dead nodes can have rows in a list: vacuum may still find it was too early.
    let alive = header.kind == SlotKind::Node as u8 || header.link != NONE;
    let first = rows.len();
    if alive {
        *rejected += admit(&index.layout, &visit.rows, filter, rows);
    }
    let has_rows = rows.len() > first || header.link != NONE;
    if has_rows && alive {
        found.push(Found {
            bounds: query.bounds(visit.precise, header),
            own: visit.own,
            owner: Owner {
                id: visit.id,
                generation: header.generation,
            },
            first: first as u32,
            count: (rows.len() - first) as u8,
            link: header.link,
        });
    }
    has_rows && alive
}

/// Adds those of a node's rows that pass the filter; returns how many did not.
fn admit(
    layout: &Layout,
    bytes: &[u8],
    mut filter: Option<&mut Filter>,
    rows: &mut Vec<Tid>,
) -> usize {
    let mut rejected = 0;
    for row in bytes.chunks_exact(layout.row_size) {
        let passes = filter.as_mut().is_none_or(|f| (f.rows)(&row[6..]));
        match passes {
            true => rows.push(Tid::from_bytes(row)),
            false => rejected += 1,
        }
    }
    rejected
}
