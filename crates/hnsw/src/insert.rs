//! Adding one row (Algorithm 1 of Malkov and Yashunin, arXiv 1603.09320, on pages).
//!
//! One search gathers candidates on every level of the new node, with their vectors. Then the
//! node's records are written, lowest level first, complete with their own lists; then each
//! neighbour gets a link back, in one change of one page each. A crash or an error in between
//! leaves a node that some neighbours do not know yet; its row belongs to a transaction that will
//! not commit, and vacuum removes it.
//!
//! What a full neighbour gives up for the new node is decided on that neighbour's page alone: its codes
//! yield estimates of the distances from the new node to all its neighbours. Each
//! node has one *anchor*: a lane of some other node that names it and that is never given up, so
//! that no insert can make a node unreachable.

use crate::alloc;
use crate::code::EdgeCode;
use crate::index::{Index, Loaded, With};
use crate::keys::{Row, Sketch};
use crate::prune::{self, LaneDistances};
use crate::query::Query;
use crate::record::{MAX_LEVEL, NONE, NodeId, Record, RecordHeader, RecordMut, SlotKind};
use crate::search::{self, Frontier, Visited};
use crate::store::PageStore;
use crate::transform::Stored;
use crate::vector::Vector;
use crate::{Error, Result, tids};
use std::ops::Range;

/// Nodes of one level that the search on the next level down starts from.
const NEXT_ENTRIES: usize = 4;

/// How often an insert starts anew because a vacuum took away what it had found.
const MAX_TRIES: usize = 100;

/// Neighbours that are asked for a lane at least. Where a node is near to all others, as a bit string
/// of ones is by Jaccard distance and a long vector by inner product, it alone is diverse.
const LEAST_ASKED: usize = 8;

/// A search ends after so many nodes in a row that turned out to be farther than the beam's bound, and
/// one more for every four places of the beam.
const LEAST_PATIENCE: usize = 8;

/// Nodes that are asked for a lane when none of a new node's neighbours has one.
const MAX_ASKED: usize = 1000;

/// Words of candidates' vectors for which room is made beforehand, at most.
const MOST_ROOM: usize = 1 << 20;

/// The live nodes that a search on one level visited, nearest first.
struct Candidates {
    nodes: Vec<Candidate>,
    /// Their vectors as stored, one behind the other. In words, so that they are aligned.
    vectors: Vec<u32>,
    /// Links down from the nearest.
    links: Vec<NodeId>,
}

impl Candidates {
    fn vector(&self, candidate: &Candidate) -> &[u8] {
        bytemuck::cast_slice(&self.vectors[candidate.vector.clone()])
    }
}

/// A node that a new one may link to.
#[derive(Clone)]
struct Candidate {
    id: NodeId,
    distance: f32,
    header: RecordHeader,
    sketch: Sketch,
    /// Where in `Candidates::vectors` its vector is.
    vector: Range<usize>,
}

/// A node that a new one links to.
struct Neighbour {
    id: NodeId,
    distance: f32,
    header: RecordHeader,
    y: Vec<u32>,
    sketch: Sketch,
    /// Whether no nearer neighbour of the new node is nearer to it than the new node is.
    diverse: bool,
}

/// The new node, as it will be stored.
struct NewNode {
    stored: Stored,
    /// The stored vector, decoded: codes of edges are computed from what is stored.
    y: Vec<u32>,
    norm: f32,
    hash: u32,
    /// The row that it stands for, as records hold it.
    row: Vec<u8>,
    sketch: Sketch,
}

/// When a search for neighbours with a beam of `ef` ends ([`Frontier::patience`]).
pub(crate) fn patience(ef: usize) -> usize {
    LEAST_PATIENCE + ef / 4
}

/// The level of a new node for a uniform random number in (0, 1].
pub fn random_level(uniform: f64, factor: f64) -> u8 {
    (-uniform.ln() / factor.ln()).clamp(0.0, f64::from(MAX_LEVEL)) as u8
}

impl<S: PageStore> Index<'_, S> {
    /// Adds a row with vector `x`, which must be [`indexable`], on levels up to `level`.
    ///
    /// [`indexable`]: crate::transform::Transform::indexable
    pub fn insert<'a>(
        &mut self,
        x: impl Into<Vector<'a>>,
        row: impl Into<Row<'a>>,
        level: u8,
        ef_construction: usize,
    ) -> Result<()> {
        let row = row.into();
        let words = x.into().words();
        let hash = self.layout.hash(&words);
        let point = self.transform.point(words);
        let stored = self.layout.encode(self.kernels, &point);
        let node = NewNode {
            y: self.decode(&stored.bytes, stored.scale),
            stored,
            norm: point.norm,
            hash,
            row: tids::row(&self.layout, row.tid, row.key),
            sketch: self.bounds().sketch(row.values),
        };
        let query = Query::from_stored(self, point.words, point.norm, point.slack);
        for _ in 0..MAX_TRIES {
            self.refresh()?;
            let meta = *self.meta();
            let done = match meta.entry {
                NONE => self.insert_alone(&node, NONE)?,
                _ => {
                    let top = search::level_of(meta.entry_level)?;
                    self.insert_linked(&node, &query, level.min(top + 1), top, ef_construction)?
                }
            };
            if done {
                return Ok(());
            }
        }
        let block = self.layout.locate(self.meta().entry).0;
        Err(Error::corrupted(block, "entry point leads to no node"))
    }

    /// A node that has no live node to link to becomes the entry point, in place of `old`: it is the
    /// first of the index, or all others are dead. `false` if the entry point is another by now.
    fn insert_alone(&mut self, node: &NewNode, old: NodeId) -> Result<bool> {
        let id = self.write_records(node, &[Vec::new()])?[0];
        let mut done = false;
        self.update_meta(|meta| {
            if meta.entry == old {
                (meta.entry, meta.entry_level) = (id, 0);
            }
            // A vacuum that looks for a live node may have been faster.
            done = meta.entry == id;
            Ok(())
        })?;
        if !done {
            alloc::free(self, id)?;
        }
        Ok(done)
    }

    /// `false` if a vacuum took away what was found; then all is to be done anew.
    fn insert_linked(
        &mut self,
        node: &NewNode,
        query: &Query,
        level: u8,
        top: u8,
        ef: usize,
    ) -> Result<bool> {
        let mut lists: Vec<Vec<Neighbour>> = Vec::new();
        let entry = self.meta().entry;
        let entry_below = search::descend(self, query, level.min(top))?;
        let mut entries: Vec<NodeId> = entry_below.into_iter().collect();
        for lc in (0..=level.min(top)).rev() {
            if entries.is_empty() {
                return Ok(false);
            }
            let mut candidates = self.candidates(query, lc, &entries, ef)?;
            // A search forgets what is behind many dead nodes.
            if lc == 0
                && candidates.nodes.is_empty()
                && let Some(live) = self.some_live()?
            {
                candidates = self.candidates(query, lc, &[live], ef)?;
                if candidates.nodes.is_empty() {
                    return Ok(false);
                }
            }
            if candidates.links.is_empty() {
                return Ok(false);
            }
            if lc == 0
                && let Some(twin) = self.twin(node, &candidates)
                && self.add_to_twin(twin, node)?
            {
                return Ok(true);
            }
            // A build does without those behind these, too.
            lists.push(self.choose(&candidates, 2 * ef));
            entries = candidates.links;
        }
        if lists.last().is_some_and(Vec::is_empty) {
            return self.insert_alone(node, entry);
        }
        lists.reverse();
        lists.resize_with(usize::from(level) + 1, Vec::new);
        let ids = self.write_records(node, &lists)?;
        for (lc, list) in lists.iter().enumerate() {
            let anchored = self.link_back(node, query, ids[lc], lc as u8, list)?;
            if lc == 0 && !anchored {
                // None of the neighbours lives any more: nothing knows the node yet.
                for &id in ids.iter().rev() {
                    alloc::free(self, id)?;
                }
                return Ok(false);
            }
        }
        if level > top {
            self.rise(node, ids[0], ids[usize::from(level)], level.into())?;
        }
        Ok(true)
    }

    /// Makes a node the entry point by its record `highest`, unless another is as high by now.
    fn rise(&mut self, node: &NewNode, base: NodeId, highest: NodeId, level: u32) -> Result<()> {
        loop {
            self.store.check_interrupts();
            let root = self.root_now()?;
            let before = self.meta().entry;
            if self.meta().entry_level >= level {
                return Ok(());
            }
            // A vacuum may have made the node itself the entry point.
            if root != base && root != NONE {
                self.anchor_root(node, base, root)?;
            }
            let mut risen = false;
            self.update_meta(|meta| {
                risen = meta.entry == before;
                if risen {
                    (meta.entry, meta.entry_level) = (highest, level);
                }
                Ok(())
            })?;
            if risen {
                return Ok(());
            }
        }
    }

    /// A live node on level 0, if there is one: anchors lead to all from the root.
    fn some_live(&self) -> Result<Option<NodeId>> {
        let mut seen = Visited::new(0);
        let mut waiting = vec![self.root()?];
        waiting.retain(|&root| root != NONE && seen.insert(root));
        while let Some(id) = waiting.pop() {
            self.store.check_interrupts();
            let (alive, lanes) = self.with_record(id, |record| match record.is_node(0) {
                true => (
                    record.kind() == SlotKind::Node,
                    record.neighbours().to_vec(),
                ),
                false => (false, Vec::new()),
            })?;
            if alive && self.load(id, 0)?.is_some() {
                return Ok(Some(id));
            }
            let new = |&id: &NodeId| id != NONE && seen.insert(id);
            waiting.extend(lanes.into_iter().filter(new));
        }
        Ok(None)
    }

    /// Adds a row to the node that has its vector; `false` if that is not what it was. What says
    /// which rows may be there is changed first.
    fn add_to_twin(&self, twin: &Candidate, node: &NewNode) -> Result<bool> {
        let generation = twin.header.generation;
        if twin.sketch.merged(node.sketch) != twin.sketch {
            self.merge_codes(twin.id, node.sketch)?;
            let merged = self.change_record(twin.id, |mut record| {
                let view = record.view();
                if !view.is_node(0) || view.header().generation != generation {
                    return Ok(None);
                }
                let merged = view.sketch().merged(node.sketch);
                let named = view.neighbours().to_vec();
                record.set_sketch(merged);
                Ok(Some((merged, named)))
            })?;
            let Some((merged, named)) = merged else {
                return Ok(false);
            };
            for at in named {
                self.set_lane_sketch(at, twin.id, merged)?;
            }
        }
        tids::add(self, twin.id, generation, &node.row)
    }

    /// Sets the sketch of the lane that leads from one node to another, if there is one: most
    /// neighbours of a node name it.
    fn set_lane_sketch(&self, from: NodeId, to: NodeId, sketch: Sketch) -> Result<()> {
        let lane = |record: &Record| record.neighbours().iter().position(|&n| n == to);
        if self.with_record(from, |record| lane(&record))?.is_none() {
            return Ok(());
        }
        self.change_record(from, |mut record| {
            if let Some(lane) = lane(&record.view()) {
                // Another insert may have widened it more.
                let known = record.view().edge(lane).sketch;
                record.set_lane_sketch(lane, known.merged(sketch));
            }
            Ok(())
        })
    }

    /// Searches a level.
    fn candidates(
        &self,
        query: &Query,
        level: u8,
        entries: &[NodeId],
        ef: usize,
    ) -> Result<Candidates> {
        let mut frontier = Frontier::new(ef);
        frontier.patience = patience(ef);
        entries.iter().for_each(|&id| frontier.queue.beam.start(id));
        let mut nodes: Vec<Candidate> = Vec::with_capacity(5 * ef);
        let mut links = Vec::with_capacity(5 * ef);
        // Room for what a search finds mostly, within reason: to grow is to copy all.
        let room = 5 * ef * self.layout.vector_size() / size_of::<u32>();
        frontier.visit.vectors.reserve(room.min(MOST_ROOM));
        search::expand(self, query, level, With::Vector, &mut frontier, |visit| {
            links.push((visit.own, visit.header.link));
            if visit.header.kind == SlotKind::Node as u8 {
                nodes.push(Candidate {
                    id: visit.id,
                    distance: visit.own,
                    header: visit.header,
                    sketch: visit.sketch,
                    vector: visit.vector(),
                });
            }
            Ok(())
        })?;
        // Of equally distant ones the first come first.
        let mut order: Vec<(f32, usize)> = nodes.iter().map(|n| n.distance).zip(0..).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let nodes = order.iter().map(|&(_, i)| nodes[i].clone());
        let nodes = nodes.collect();
        if links.len() > NEXT_ENTRIES {
            links.select_nth_unstable_by(NEXT_ENTRIES, |a, b| a.0.total_cmp(&b.0));
            links.truncate(NEXT_ENTRIES);
        }
        links.sort_by(|a: &(f32, NodeId), b| a.0.total_cmp(&b.0));
        let links = links.into_iter().map(|l| l.1).collect();
        Ok(Candidates {
            nodes,
            vectors: frontier.visit.vectors,
            links,
        })
    }

    /// The candidate that has the same vector as the new node, as far as an index can tell and as
    /// far as it matters: all that is stored of both is equal.
    fn twin<'c>(&self, node: &NewNode, candidates: &'c Candidates) -> Option<&'c Candidate> {
        let stored = &node.stored;
        let bits =
            |scale: f32, err: f32, norm: f32| (scale.to_bits(), err.to_bits(), norm.to_bits());
        let own = bits(stored.scale, stored.err, node.norm);
        candidates.nodes.iter().find(|candidate| {
            let h = &candidate.header;
            h.hash == node.hash
                && bits(h.scale, h.err, h.norm) == own
                && candidates.vector(candidate) == stored.bytes
        })
    }

    /// The neighbours of a new node from among its `most` nearest candidates, as [`prune::select`] orders them.
    fn choose(&self, candidates: &Candidates, most: usize) -> Vec<Neighbour> {
        let nodes = &candidates.nodes[..candidates.nodes.len().min(most)];
        let distances: Vec<f32> = nodes.iter().map(|c| c.distance).collect();
        let lanes = self.layout.lanes;
        let scorer = self.scorer();
        // Those of the nodes that others are compared with, which are few.
        let mut decoded: Vec<Option<Vec<u32>>> = vec![None; nodes.len()];
        let decode = |i: usize| self.decode(candidates.vector(&nodes[i]), nodes[i].header.scale);
        let selection = prune::select(&distances, lanes, lanes / 2, |kept, i| {
            let y = decoded[kept].get_or_insert_with(|| decode(kept));
            scorer.distance(y, candidates.vector(&nodes[i]), nodes[i].header.scale) as f32
        });
        let neighbour = |(rank, i): (usize, usize)| Neighbour {
            id: nodes[i].id,
            distance: nodes[i].distance,
            header: nodes[i].header,
            y: decoded[i].take().unwrap_or_else(|| decode(i)),
            sketch: nodes[i].sketch,
            diverse: rank < selection.diverse,
        };
        let chosen = selection.chosen.iter().copied().enumerate();
        chosen.map(neighbour).collect()
    }

    /// Graph distance of two stored vectors.
    pub(crate) fn between(&self, a: &[u32], b: &[u32]) -> f32 {
        self.layout.between(self.kernels, a, b)
    }

    pub(crate) fn edge(&self, from: &[u32], to: &[u32]) -> EdgeCode {
        self.layout.edge(self.kernels, from, to)
    }

    /// Writes the node's records, one a level, lowest first; returns their ids.
    fn write_records(&self, node: &NewNode, lists: &[Vec<Neighbour>]) -> Result<Vec<NodeId>> {
        let mut ids: Vec<NodeId> = Vec::new();
        for (level, list) in lists.iter().enumerate() {
            let mut bytes = vec![0; self.layout.record_size];
            let mut record = RecordMut::over(&self.layout, &mut bytes);
            *record.header() = RecordHeader {
                kind: SlotKind::Node as u8,
                level: level as u8,
                link: ids.last().copied().unwrap_or(NONE),
                hint: ids.first().copied().unwrap_or(NONE),
                scale: node.stored.scale,
                err: node.stored.err,
                norm: node.norm,
                hash: node.hash,
                ..RecordHeader::default()
            };
            record.set_vector(&node.stored.bytes, NONE);
            record.set_sketch(node.sketch);
            for (lane, neighbour) in list.iter().enumerate() {
                let edge = self.edge(&node.y, &neighbour.y).with(neighbour.sketch);
                record.set_lane(lane, neighbour.id, &edge, false);
            }
            if level == 0 {
                record.push_row(&node.row);
            }
            ids.push(alloc::allocate_node(self, &mut bytes, &node.stored.bytes)?);
            if level == 0 {
                // Before anything leads to the node: a later row may change its codes.
                self.set_codes(ids[0], node.sketch)?;
            }
        }
        Ok(ids)
    }

    /// Links the diverse neighbours, and at least [`LEAST_ASKED`], back to the new node; the nearest that
    /// can becomes its anchor, or one of the others. `false` if none can.
    fn link_back(
        &self,
        node: &NewNode,
        query: &Query,
        id: NodeId,
        level: u8,
        list: &[Neighbour],
    ) -> Result<bool> {
        let mut anchored = false;
        let names: Vec<NodeId> = list.iter().map(|n| n.id).collect();
        for (asked, neighbour) in list.iter().enumerate() {
            if anchored && !neighbour.diverse && asked >= LEAST_ASKED {
                break;
            }
            let edge = self.edge(&neighbour.y, &node.y).with(node.sketch);
            let target = LinkTarget {
                id: neighbour.id,
                generation: neighbour.header.generation,
                level,
                y: &neighbour.y,
            };
            let link = NewLink {
                id,
                distance: neighbour.distance,
                edge,
                anchor: !anchored,
                names: &names,
            };
            anchored |= self.link(&target, &link, query)?;
            self.store.check_interrupts();
        }
        if !anchored && level == 0 {
            anchored = self.anchor_farther_off(node, query, id, list)?;
        }
        Ok(anchored)
    }

    /// Where all lanes of all its neighbours are anchors, a node gets one from those behind them.
    fn anchor_farther_off(
        &self,
        node: &NewNode,
        query: &Query,
        id: NodeId,
        list: &[Neighbour],
    ) -> Result<bool> {
        let mut seen: Vec<NodeId> = vec![id];
        seen.extend(list.iter().map(|n| n.id));
        let mut next = 1;
        while next < seen.len() {
            self.store.check_interrupts();
            let behind = self.with_record(seen[next], |r| r.neighbours().to_vec())?;
            next += 1;
            for at in behind {
                if seen.len() > MAX_ASKED {
                    return Ok(false);
                }
                if seen.contains(&at) {
                    continue;
                }
                seen.push(at);
                let Some(Loaded { header, y, .. }) = self.load(at, 0)? else {
                    continue;
                };
                let distance = self.between(&y, &node.y);
                let edge = self.edge(&y, &node.y).with(node.sketch);
                let generation = header.generation;
                let target = LinkTarget {
                    id: at,
                    generation,
                    level: 0,
                    y: &y,
                };
                let link = NewLink {
                    id,
                    distance,
                    edge,
                    anchor: true,
                    names: &[],
                };
                if self.link(&target, &link, query)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The root has no anchor of its own: the node `id` that takes its place becomes it.
    fn anchor_root(&self, node: &NewNode, id: NodeId, root: NodeId) -> Result<()> {
        let Some(Loaded { y, sketch, .. }) = self.load(root, 0)? else {
            return Ok(());
        };
        let generation = self.with_record(id, |record| record.header().generation)?;
        let target = LinkTarget {
            id,
            generation,
            level: 0,
            y: &node.y,
        };
        let distance = self.between(&node.y, &y);
        let edge = self.edge(&node.y, &y).with(sketch);
        let query = Query::from_stored(self, y, 0.0, 0.0);
        self.link(
            &target,
            &NewLink {
                id: root,
                distance,
                edge,
                anchor: true,
                names: &[],
            },
            &query,
        )?;
        Ok(())
    }

    /// Gives the node `target` a lane to `link`; `false` if it has no lane to spare or is not the
    /// node it was. A link that is to be an anchor takes any lane that is none.
    pub(crate) fn link(&self, target: &LinkTarget, link: &NewLink, query: &Query) -> Result<bool> {
        let known = match self.layout.code_dims {
            0 => self.load_lanes(target, &query.y)?,
            _ => Vec::new(),
        };
        self.change_record(target.id, |mut record| {
            let view = record.view();
            if view.kind() != SlotKind::Node
                || view.header().level != target.level
                || view.header().generation != target.generation
            {
                return Ok(false);
            }
            let degree = view.neighbours().len();
            if let Some(lane) = view.neighbours().iter().position(|&n| n == link.id) {
                if link.anchor {
                    record.set_anchor(lane, true);
                }
                return Ok(true);
            }
            let lane = match degree < self.layout.lanes {
                true => Some(degree),
                false => {
                    let distances = match self.layout.code_dims {
                        0 => lane_distances_known(&record, &known),
                        _ => lane_distances_coded(self, &record, target.y, query, link.distance),
                    };
                    victim(&record, &distances, link)
                }
            };
            let Some(lane) = lane else { return Ok(false) };
            record.set_lane(lane, link.id, &link.edge, link.anchor);
            Ok(true)
        })
    }
}

impl<S: PageStore> Index<'_, S> {
    /// Distances of the neighbours of `target` from it and from `new`, by their vectors.
    fn load_lanes(&self, target: &LinkTarget, new: &[u32]) -> Result<Vec<(NodeId, LaneDistances)>> {
        let ids = self.with_record(target.id, |record| record.neighbours().to_vec())?;
        if ids.len() < self.layout.lanes {
            return Ok(Vec::new());
        }
        let mut lanes = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(Loaded { y, .. }) = self.load(id, target.level)? {
                let from_own = self.between(target.y, &y);
                let from_new = self.between(new, &y);
                lanes.push((id, LaneDistances { from_own, from_new }));
            }
        }
        Ok(lanes)
    }
}

/// A node that is to get a link.
pub(crate) struct LinkTarget<'a> {
    pub id: NodeId,
    pub generation: u32,
    pub level: u8,
    pub y: &'a [u32],
}

/// A link that a node is to get.
pub(crate) struct NewLink<'a> {
    pub id: NodeId,
    /// Distance from the node that gets it.
    pub distance: f32,
    pub edge: EdgeCode,
    /// Whether the link must be made and kept.
    pub anchor: bool,
    /// Neighbours that the new neighbour names itself.
    pub names: &'a [NodeId],
}

/// Estimates from the codes in the record, of a node with the vector `y`.
fn lane_distances_coded<S: PageStore>(
    index: &Index<S>,
    record: &RecordMut,
    y: &[u32],
    new: &Query,
    distance: f32,
) -> Vec<LaneDistances> {
    let view = record.view();
    let (mut from_own, mut from_new) = (Vec::new(), Vec::new());
    let own = Query::from_stored(index, y.to_vec(), 0.0, 0.0);
    own.estimate(&view, index.between(y, y), &mut from_own);
    new.estimate(&view, distance, &mut from_new);
    let both = from_own.into_iter().zip(from_new);
    both.map(|(from_own, from_new)| LaneDistances { from_own, from_new })
        .collect()
}

/// Distances that were loaded before; a neighbour that came since counts as near, and so stays.
fn lane_distances_known(
    record: &RecordMut,
    known: &[(NodeId, LaneDistances)],
) -> Vec<LaneDistances> {
    let of = |id: &NodeId| known.iter().find(|k| k.0 == *id).map(|k| &k.1);
    let distances = record.view().neighbours().iter().map(|id| {
        let nearest = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        let (from_own, from_new) = of(id).map_or(nearest, |d| (d.from_own, d.from_new));
        LaneDistances { from_own, from_new }
    });
    distances.collect()
}

/// The lane of a full list that a new link replaces. A link that is to be an anchor takes one in any case.
fn victim(record: &RecordMut, distances: &[LaneDistances], link: &NewLink) -> Option<usize> {
    let view = record.view();
    let anchored = |lane: usize| view.is_anchor(lane);
    let named = |lane: usize| link.names.contains(&view.neighbours()[lane]);
    prune::victim(distances, link.distance, anchored, named).or_else(|| {
        link.anchor
            .then(|| prune::farthest(distances, anchored))
            .flatten()
    })
}
