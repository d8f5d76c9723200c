//! From the graph in memory to pages.
//!
//! Records are numbered: upper levels first, the highest first, so that descents touch few pages;
//! then level 0 in the order of the rows; then lists of further TIDs and elements. A walk over level 0 from the
//! entry point gives each node as anchor the lane through which it was found; nodes that the walk
//! does not reach get a lane of one that it did.

use super::graph::List;
use super::{Arena, BATCH, Builder, Vectors};
use crate::chain::{self, Owner};
use crate::code::EdgeCode;
use crate::index::{ROWS_FOR_BOUNDS, write_centre};
use crate::keys::{Bounds, KeyValue, Sketch};
use crate::layout::{LaneCode, Storage};
use crate::page::{Body, CENTRE_COORDS, Meta, PageKind, VECTOR_BYTES, VectorHeader};
use crate::record::{NONE, NodeId, RecordHeader, RecordMut, SlotKind};
use crate::vector::floats;
use crate::{Error, Result, alloc, map, tids};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::ops::Range;

/// Rows at most whose values become the bounds of key columns.
const SAMPLE: usize = 10_000;

/// A slot of a list: its node, the slot behind it and what it holds.
struct Part {
    node: u32,
    next: Option<usize>,
    held: Held,
}

enum Held {
    /// Further rows: those that these nodes would have been made of.
    Tids(Vec<u32>),
    /// These bytes of the stored vector.
    Elements(Range<usize>),
}

/// Where everything goes.
pub struct Plan<'b, A: Arena> {
    builder: &'b Builder<A>,
    /// Nodes and levels of the upper records, in order.
    uppers: Vec<(u32, u8)>,
    /// Nodes of the level-0 records, in order.
    bases: Vec<u32>,
    lists: Vec<Part>,
    /// By node: index into `bases`, or `u32::MAX` for merged ones.
    base_of: Vec<u32>,
    /// By node and level: index into `uppers`; a node's begin at `upper_start`.
    upper_of: Vec<u32>,
    upper_start: Vec<u32>,
    /// By node: those that are one with it.
    twins: FxHashMap<u32, Vec<u32>>,
    bounds: Bounds,
    /// By node; empty without key columns.
    sketches: Vec<Sketch>,
    /// By node: first slot of its TIDs.
    list_of: FxHashMap<u32, usize>,
    /// By node: first slot of its elements.
    more_of: FxHashMap<u32, usize>,
    /// By node: its lane that anchors which neighbours.
    anchors: Vec<Vec<u8>>,
    /// No node before this one in `bases` has a lane that could be an anchor.
    spare: usize,
    entry: Option<(u32, u8)>,
}

impl<A: Arena> Builder<A> {
    /// Numbers of nodes are below this.
    pub(super) fn total(&self) -> u32 {
        (self.blocks.count() * super::BATCH) as u32
    }

    pub(super) fn exists(&self, node: u32) -> bool {
        let (block, i) = self.block(node);
        i < block.nodes.len()
    }

    /// The row that made a node, as records hold it.
    fn row(&self, node: u32) -> Vec<u8> {
        tids::row(&self.layout, self.node(node).tid, self.key(node).1)
    }

    /// Completes the graph and numbers the records. Called when all batches are in, by a thread of the pool that
    /// is to work.
    pub fn finish(&self) -> Result<Plan<'_, A>> {
        self.link_rest()?;
        let total = self.total();
        let mut base_of = vec![u32::MAX; total as usize];
        let mut upper_start = vec![0; total as usize];
        let twins = std::mem::take(&mut *self.twins.lock().unwrap_or_else(|e| e.into_inner()));
        let mut gone = vec![false; total as usize];
        twins
            .values()
            .flatten()
            .for_each(|&node| gone[node as usize] = true);
        let mut uppers = Vec::new();
        let mut bases = Vec::new();
        let mut upper_count = 0;
        for node in (0..total).filter(|&n| self.exists(n) && !gone[n as usize]) {
            self.check_stop()?;
            base_of[node as usize] = bases.len() as u32;
            bases.push(node);
            upper_start[node as usize] = upper_count;
            let level = self.node(node).level;
            upper_count += u32::from(level);
            uppers.extend((1..=level).map(|l| (node, l)));
        }
        uppers.sort_by_key(|&(node, level)| (std::cmp::Reverse(level), node));
        let mut upper_of = vec![0; uppers.len()];
        for (i, &(node, level)) in uppers.iter().enumerate() {
            upper_of[(upper_start[node as usize] + u32::from(level) - 1) as usize] = i as u32;
        }
        let mut plan = Plan {
            builder: self,
            uppers,
            bases,
            lists: Vec::new(),
            base_of,
            upper_of,
            upper_start,
            twins,
            bounds: Bounds::default(),
            sketches: Vec::new(),
            list_of: FxHashMap::default(),
            more_of: FxHashMap::default(),
            anchors: vec![Vec::new(); total as usize],
            spare: 0,
            entry: *self.entry.read().unwrap_or_else(|e| e.into_inner()),
        };
        plan.make_sketches();
        plan.make_lists();
        plan.make_element_lists();
        super::balance::balance(self, &plan.bases)?;
        plan.anchor()?;
        let records = plan.uppers.len() + plan.bases.len() + plan.lists.len();
        let id = plan.id(records);
        if id >= u64::from(NONE) || plan.blocks() >= u64::from(u32::MAX) {
            return Err(Error::Full);
        }
        Ok(plan)
    }
}

impl<A: Arena> Plan<'_, A> {
    /// Pages of the index.
    pub fn blocks(&self) -> u64 {
        let l = &self.builder.layout;
        let records = self.uppers.len() + self.bases.len() + self.lists.len();
        let units = records.div_ceil(l.slots) as u64;
        let maps = match l.map_period() {
            Some(_) => units.div_ceil(l.mapped_units.into()),
            None => 0,
        };
        u64::from(l.first_block()) + maps + units * u64::from(l.unit_pages())
    }

    /// Nodes on level 0.
    pub fn nodes(&self) -> usize {
        self.bases.len()
    }

    /// The blocks of the graph whose vectors, set aside, these pages need; at least one page.
    pub fn needs(&self, pages: Range<u32>) -> Range<usize> {
        if !self.builder.sets_aside() {
            return 0..0;
        }
        // A page before the first unit counts as part of it: it may need less than is said.
        let l = &self.builder.layout;
        let unit = |page: u32| {
            let at = page.saturating_sub(l.first_block());
            let (maps, at) = match l.map_period() {
                Some(period) => (at / period, (at % period).saturating_sub(1)),
                None => (0, at),
            };
            (maps * l.mapped_units + at / l.unit_pages()) as usize
        };
        let base = |unit: usize| (unit * l.slots).saturating_sub(self.uppers.len());
        let (from, to) = (base(unit(pages.start)), base(unit(pages.end - 1) + 1));
        let bases = &self.bases[from.min(self.bases.len())..to.min(self.bases.len())];
        match (bases.first(), bases.last()) {
            (Some(&first), Some(&last)) => first as usize / BATCH..last as usize / BATCH + 1,
            _ => 0..0,
        }
    }

    /// The contents of a page; `aside` has the blocks that it [needs](Self::needs).
    pub fn encode(&self, block: u32, aside: &Vectors, body: &mut Body) {
        let l = &self.builder.layout;
        if block == Meta::BLOCK {
            let mut meta = self.builder.meta;
            if let Some((node, level)) = self.entry {
                meta.entry = self.record_id(node, level);
                meta.entry_level = level.into();
                // Also the origin is a centre: no insert may choose another one.
                meta.centred = u32::from(self.builder.layout.centre_pages > 0);
            }
            return meta.write_page(body);
        }
        if Some(block) == l.bounds_block() {
            body.init(PageKind::Bounds);
            return self.bounds.write(body);
        }
        if block < l.first_block() {
            body.init(PageKind::Centre);
            if let Some(part) = self
                .builder
                .centre
                .chunks(CENTRE_COORDS)
                .nth(block as usize - 1)
            {
                write_centre(body, part);
            }
            return;
        }
        let at = block - l.first_block();
        // Units before those of this map page, and the place among these.
        let (before, at) = match l.map_period() {
            Some(period) => (at / period * l.mapped_units, (at % period).checked_sub(1)),
            None => (0, Some(at)),
        };
        let Some(at) = at else {
            let first = before as usize * l.slots;
            return map::encode(l, body, |place| self.mapped(first + place));
        };
        let unit = before + at / l.unit_pages();
        let part = at % l.unit_pages();
        let first = unit as usize * l.slots;
        if part > 0 {
            let owner = VectorHeader {
                owner: block - part,
                generation: 0,
            };
            let start = (part as usize - 1) * VECTOR_BYTES;
            let vector = self
                .node_at(first)
                .map_or(&[][..], |(node, _)| self.builder.stored(node, aside));
            let end = vector.len().min(start + VECTOR_BYTES);
            return alloc::init_vector(body, owner, vector.get(start..end).unwrap_or_default());
        }
        body.init(PageKind::Nodes);
        for slot in 0..l.slots {
            let bytes = &mut body.bytes_mut()[l.record_range(slot)];
            self.encode_slot(first + slot, aside, bytes);
        }
    }

    /// What the map says of the record at a position.
    fn mapped(&self, position: usize) -> Option<Sketch> {
        match self.node_at(position) {
            Some((node, 0)) => Some(self.sketch(node)),
            _ => None,
        }
    }

    fn sketch(&self, node: u32) -> Sketch {
        self.sketches
            .get(node as usize)
            .copied()
            .unwrap_or_default()
    }

    /// The node and level whose record has a position.
    fn node_at(&self, position: usize) -> Option<(u32, u8)> {
        if let Some(&upper) = self.uppers.get(position) {
            return Some(upper);
        }
        self.bases
            .get(position - self.uppers.len())
            .map(|&node| (node, 0))
    }

    fn encode_slot(&self, position: usize, aside: &Vectors, bytes: &mut [u8]) {
        if let Some((node, level)) = self.node_at(position) {
            return self.encode_record(node, level, aside, bytes);
        }
        let list = position - self.uppers.len() - self.bases.len();
        if let Some(list) = self.lists.get(list) {
            let l = &self.builder.layout;
            let owner = Owner {
                id: self.record_id(list.node, 0),
                generation: 0,
            };
            let next = list.next.map_or(NONE, |i| self.list_id(i));
            bytes.copy_from_slice(&match &list.held {
                Held::Tids(nodes) => {
                    let rows: Vec<u8> = nodes.iter().flat_map(|&n| self.builder.row(n)).collect();
                    tids::slot_bytes(l, owner, next, &rows)
                }
                Held::Elements(range) => {
                    let elements = &self.builder.stored(list.node, aside)[range.clone()];
                    chain::slot_bytes(l, SlotKind::Elements, owner, next, elements)
                }
            });
        }
    }

    fn encode_record(&self, node: u32, level: u8, aside: &Vectors, bytes: &mut [u8]) {
        let b = self.builder;
        let info = b.node(node);
        let mut record = RecordMut::over(&b.layout, bytes);
        let list = self.list_of.get(&node).map_or(NONE, |&i| self.list_id(i));
        let (link, hint) = match level {
            0 => (list, list),
            _ => (self.record_id(node, level - 1), self.record_id(node, 0)),
        };
        *record.header() = RecordHeader {
            kind: SlotKind::Node as u8,
            level,
            link,
            hint,
            scale: info.scale,
            err: info.err,
            norm: info.norm,
            hash: info.hashes[0],
            ..RecordHeader::default()
        };
        let more = self.more_of.get(&node).filter(|_| level == 0);
        let more = more.map_or(NONE, |&i| self.list_id(i));
        record.set_vector(b.stored(node, aside), more);
        record.set_sketch(self.sketch(node));
        let (mut own, mut other) = (Vec::new(), Vec::new());
        b.coordinates(node, &mut own);
        let metric = b.layout.params.metric;
        let square = match b.layout.lane_code {
            LaneCode::Edge => EdgeCode::square(b.kernels, metric, floats(&own)),
            _ => 0.0,
        };
        let ids = b.list(node, level).ids();
        let mut ahead = ids.clone().skip(2);
        for (lane, neighbour) in ids.enumerate() {
            ahead.next().into_iter().for_each(|id| b.prefetch(id));
            let edge = match b.layout.lane_code {
                LaneCode::None => EdgeCode::default(),
                LaneCode::Edge => {
                    b.coordinates(neighbour, &mut other);
                    let (from, to) = ((floats(&own), square), floats(&other));
                    EdgeCode::with_square(b.kernels, metric, from, to, b.layout.code_dims)
                }
                LaneCode::Bits => b.layout.edge(b.kernels, &own, b.words(b.work(neighbour))),
            };
            let anchor = level == 0 && self.anchors[node as usize].contains(&(lane as u8));
            let edge = edge.with(self.sketch(neighbour));
            record.set_lane(lane, self.record_id(neighbour, level), &edge, anchor);
        }
        if level == 0 {
            let more = self.twins.get(&node).into_iter().flatten();
            let rows = std::iter::once(&node).chain(more);
            rows.take(b.layout.inline_rows).for_each(|&n| {
                record.push_row(&b.row(n));
            });
        }
    }

    /// The id of the record at a position.
    fn id(&self, position: usize) -> u64 {
        let l = &self.builder.layout;
        let unit = position as u64 / l.slots as u64;
        let maps = match l.map_period() {
            Some(_) => 1 + unit / u64::from(l.mapped_units),
            None => 0,
        };
        let block = u64::from(l.first_block()) + maps + unit * u64::from(l.unit_pages());
        block * l.slots as u64 + position as u64 % l.slots as u64
    }

    fn record_id(&self, node: u32, level: u8) -> NodeId {
        let position = match level {
            0 => self.uppers.len() + self.base_of[node as usize] as usize,
            _ => {
                let at = self.upper_start[node as usize] + u32::from(level) - 1;
                self.upper_of[at as usize] as usize
            }
        };
        self.id(position) as NodeId
    }

    fn list_id(&self, list: usize) -> NodeId {
        self.id(self.uppers.len() + self.bases.len() + list) as NodeId
    }

    /// Bounds from rows all over the table, and what follows from them of every node.
    fn make_sketches(&mut self) {
        let b = self.builder;
        let columns = b.layout.key_columns();
        if columns == 0 || self.bases.is_empty() {
            return;
        }
        // Too few to tell how values will lie: an insert makes the bounds once there are more.
        let enough = self.bases.len() >= ROWS_FOR_BOUNDS as usize;
        let step = self.bases.len().div_ceil(SAMPLE);
        let sample: Vec<KeyValue> = self
            .bases
            .iter()
            .step_by(step)
            .flat_map(|&node| b.key(node).0)
            .copied()
            .collect();
        if enough {
            self.bounds = Bounds::new(columns, &sample);
        }
        self.sketches = vec![Sketch::default(); self.base_of.len()];
        for &node in &self.bases {
            let own = self.bounds.sketch(b.key(node).0);
            let more = self.twins.get(&node).into_iter().flatten();
            let others = more.map(|&twin| self.bounds.sketch(b.key(twin).0));
            self.sketches[node as usize] = others.fold(own, Sketch::merged);
        }
    }

    /// Lists for the rows of nodes that stand for more than a record holds.
    fn make_lists(&mut self) {
        let layout = &self.builder.layout;
        let mut nodes: Vec<_> = self
            .twins
            .iter()
            .filter(|t| t.1.len() >= layout.inline_rows)
            .collect();
        nodes.sort_by_key(|t| t.0);
        for (&node, rows) in nodes {
            let rest = &rows[layout.inline_rows - 1..];
            for part in rest.chunks(tids::capacity(layout)) {
                let next = self.list_of.insert(node, self.lists.len());
                self.lists.push(Part {
                    node,
                    next,
                    held: Held::Tids(part.to_vec()),
                });
            }
        }
    }

    /// Lists for the elements of sparse vectors that have more than a record holds.
    fn make_element_lists(&mut self) {
        let l = &self.builder.layout;
        if l.params.storage != Storage::Sparse {
            return;
        }
        let size = 8 * chain::capacity(l, SlotKind::Elements);
        for &node in &self.bases {
            let end = self.builder.work(node).len();
            let starts = (8 * l.inline_elements()..end).step_by(size);
            for start in starts.rev() {
                let next = self.more_of.insert(node, self.lists.len());
                let held = Held::Elements(start..end.min(start + size));
                self.lists.push(Part { node, next, held });
            }
        }
    }

    /// Gives every node but the entry an anchor.
    fn anchor(&mut self) -> Result<()> {
        let Some((entry, _)) = self.entry else {
            return Ok(());
        };
        let mut found = vec![false; self.base_of.len()];
        let mut queue = VecDeque::new();
        self.walk(entry, &mut found, &mut queue)?;
        // Nodes that the walk passed over because of the limit, or did not reach.
        for i in 0..self.bases.len() {
            let node = self.bases[i];
            if !found[node as usize] {
                self.attach(node, &found);
                self.walk(node, &mut found, &mut queue)?;
            }
        }
        Ok(())
    }

    /// Finds everything that can be reached from `start`.
    fn walk(&mut self, start: u32, found: &mut [bool], queue: &mut VecDeque<u32>) -> Result<()> {
        found[start as usize] = true;
        queue.push_back(start);
        while let Some(node) = queue.pop_front() {
            self.builder.check_stop()?;
            for (lane, neighbour) in self.builder.list(node, 0).ids().enumerate() {
                let room = self.anchors[node as usize].len() < self.builder.layout.lanes / 2;
                if !found[neighbour as usize] && room {
                    found[neighbour as usize] = true;
                    self.anchors[node as usize].push(lane as u8);
                    queue.push_back(neighbour);
                }
            }
        }
        Ok(())
    }

    /// Gives a node an anchor at the nearest of its neighbours, or theirs, that was found and has a
    /// lane to spare; else at any that was found.
    fn attach(&mut self, node: u32, found: &[bool]) {
        let b = self.builder;
        let mut near: Vec<(f32, u32)> = Vec::new();
        for first in b.list(node, 0).ids() {
            near.push((b.distance(node, first), first));
            near.extend(
                b.list(first, 0)
                    .ids()
                    .map(|second| (b.distance(node, second), second)),
            );
        }
        near.retain(|n| found[n.1 as usize]);
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near.dedup_by_key(|n| n.1);
        for (distance, parent) in near {
            if self.take_lane(b.list(parent, 0), parent, node, distance) {
                return;
            }
        }
        // Any other node that was found: there are fewer anchors than nodes, so one has a lane.
        for i in self.spare..self.bases.len() {
            let parent = self.bases[i];
            if !found[parent as usize] || parent == node {
                continue;
            }
            let distance = b.distance(node, parent);
            if self.take_lane(b.list(parent, 0), parent, node, distance) {
                return;
            }
            if i == self.spare {
                self.spare += 1;
            }
        }
    }

    /// Anchors `child` at `parent`, in a lane that it has, a free one or that of the farthest
    /// neighbour that is anchored elsewhere.
    fn take_lane(&mut self, list: List, parent: u32, child: u32, distance: f32) -> bool {
        let degree = list.degree();
        let anchors = &mut self.anchors[parent as usize];
        let lane = list.ids().position(|id| id == child).or_else(|| {
            if degree < self.builder.layout.lanes {
                list.set_degree(degree + 1);
                return Some(degree);
            }
            (0..degree)
                .filter(|&lane| !anchors.contains(&(lane as u8)))
                .max_by(|&a, &b| list.distance(a).total_cmp(&list.distance(b)))
        });
        let Some(lane) = lane else { return false };
        list.set(lane, child, distance);
        anchors.push(lane as u8);
        true
    }
}
