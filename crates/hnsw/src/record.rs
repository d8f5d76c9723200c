//! A slot and the record of a node in it.
//!
//! [`Record`] reads a slot and [`RecordMut`] changes one; both know offsets from the [`Layout`]
//! and have checked what the header says of lengths, so that no later access can be out of range.

use crate::code::EdgeCode;
use crate::keys::{Code, Sketch};
use crate::layout::{LaneCode, Layout, MAX_ELEMENTS, SPARSE_HEADER, Storage};
use crate::page::{Body, PageKind};
use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};
use std::mem::size_of;

/// Address of a slot: block number times slots to a page, plus the slot.
pub type NodeId = u32;
/// No node.
pub const NONE: NodeId = u32::MAX;
/// Highest level of a node.
pub const MAX_LEVEL: u8 = 30;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SlotKind {
    /// Nothing.
    Free = 0,
    /// A node.
    Node = 1,
    /// A node all of whose rows are gone: steers searches until vacuum frees it.
    Dead = 2,
    /// Heap TIDs of a node that has more of them than its record holds.
    Tids = 3,
    /// Elements of a sparse vector that has more of them than its record holds.
    Elements = 4,
}

/// Where the rest of a node's own vector is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rest {
    /// The record holds all of it.
    Nothing,
    /// All of it on the pages behind the record's.
    Pages,
    /// So many bytes more in a list of slots.
    Slots(NodeId, usize),
    /// All of it at the record on level 0.
    Base(NodeId),
}

/// Starts the vector of a record of a sparse index.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct SparseHeader {
    /// Elements of the vector.
    pub count: u32,
    /// The first slot of those that the record does not hold, or [`NONE`].
    pub more: NodeId,
}

/// Starts every slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct RecordHeader {
    /// A [`SlotKind`].
    pub kind: u8,
    /// Level of the node's list that this record holds.
    pub level: u8,
    /// Lanes in use.
    pub degree: u8,
    /// Heap TIDs in the record, at level 0.
    pub tids: u8,
    /// Raised each time the slot is freed.
    pub generation: u32,
    /// Level 0: first slot of further heap TIDs, or [`NONE`]. Above: the node's record one level
    /// down.
    pub link: NodeId,
    /// Level 0: a slot of that list from which on there may be room. Above: the node's record at
    /// level 0.
    pub hint: NodeId,
    /// Stored coordinates times this are the vector's.
    pub scale: f32,
    /// Bound of the distance between the stored vector and the true one, in the metric's norm.
    pub err: f32,
    /// Euclidean norm of the vector as it came.
    pub norm: f32,
    /// Hash of the vector as it came.
    pub hash: u32,
}

const _: () = assert!(size_of::<RecordHeader>() == 32);
const _: () = assert!(size_of::<SparseHeader>() == SPARSE_HEADER);

/// Address of a table row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tid {
    /// Block of the table.
    pub block: u32,
    /// Line pointer in the block; its top bit is free for [`Tid::DEAD`].
    pub offset: u16,
}

impl Tid {
    /// Set in the offset of a TID whose row a scan found dead to everyone.
    pub const DEAD: u16 = 0x8000;

    /// Whether a scan found the row dead to everyone.
    pub fn is_dead(self) -> bool {
        self.offset & Self::DEAD != 0
    }

    /// The TID with its mark of death.
    pub fn dead(self) -> Self {
        Tid {
            offset: self.offset | Self::DEAD,
            ..self
        }
    }

    /// The TID without its mark of death.
    pub fn unmarked(self) -> Self {
        Tid {
            offset: self.offset & !Self::DEAD,
            ..self
        }
    }

    /// Whether it can be the address of a row: line pointers are counted from 1.
    pub fn is_valid(self) -> bool {
        self.block != u32::MAX && self.unmarked().offset != 0
    }

    /// The six bytes that stand for a TID on a page.
    pub fn to_bytes(self) -> [u8; 6] {
        let (b, o) = (self.block.to_ne_bytes(), self.offset.to_ne_bytes());
        [b[0], b[1], b[2], b[3], o[0], o[1]]
    }

    /// The TID that six bytes stand for.
    pub fn from_bytes(b: &[u8]) -> Self {
        Tid {
            block: u32::from_ne_bytes([b[0], b[1], b[2], b[3]]),
            offset: u16::from_ne_bytes([b[4], b[5]]),
        }
    }
}

impl Layout {
    /// The id of a slot; `None` if the block is beyond what ids can address.
    pub fn id(&self, block: u32, slot: usize) -> Option<NodeId> {
        let id = u64::from(block) * self.slots as u64 + slot as u64;
        (id < u64::from(NONE)).then_some(id as u32)
    }

    /// Block and slot of an id.
    #[inline]
    pub fn locate(&self, id: NodeId) -> (u32, usize) {
        match self.slots {
            1 => (id, 0),
            slots => (id / slots as u32, id as usize % slots),
        }
    }
}

/// A slot, to read.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    layout: &'a Layout,
    bytes: &'a [u8],
    header: &'a RecordHeader,
}

impl<'a> Record<'a> {
    /// The slot `slot` of a page that was read from `block`.
    #[inline]
    pub fn new(layout: &'a Layout, body: &'a Body, block: u32, slot: usize) -> Result<Self> {
        body.expect(PageKind::Nodes, block)?;
        let bytes = &body.bytes()[layout.record_range(slot)];
        Self::from_bytes(layout, bytes, block)
    }

    /// A record from its bytes.
    #[inline]
    pub fn from_bytes(layout: &'a Layout, bytes: &'a [u8], block: u32) -> Result<Self> {
        let header: &RecordHeader = bytemuck::from_bytes(&bytes[..size_of::<RecordHeader>()]);
        let limits = match header.kind {
            0 | 3 | 4 => (0, 0),
            1 | 2 => (layout.lanes, layout.inline_rows),
            _ => return Err(Error::corrupted(block, "slot is of an unknown kind")),
        };
        // In a TID list these bytes are padding, and zero.
        if usize::from(header.degree) > limits.0 || usize::from(header.tids) > limits.1 {
            return Err(Error::corrupted(block, "record has more entries than fit"));
        }
        if header.level > MAX_LEVEL {
            return Err(Error::corrupted(block, "level out of range"));
        }
        let record = Self {
            layout,
            bytes,
            header,
        };
        if record
            .sparse()
            .is_some_and(|s| s.count as usize > MAX_ELEMENTS)
        {
            return Err(Error::corrupted(block, "vector has too many elements"));
        }
        if !record.tids().all(Tid::is_valid) {
            return Err(Error::corrupted(block, "row has no address"));
        }
        Ok(record)
    }

    /// What the record of a sparse vector says of it.
    #[inline]
    fn sparse(&self) -> Option<SparseHeader> {
        let is_node = matches!(self.header.kind, 1 | 2);
        (is_node && self.layout.params.storage == Storage::Sparse).then(|| {
            *bytemuck::from_bytes(&self.bytes[self.layout.vector.clone()][..SPARSE_HEADER])
        })
    }

    /// The header.
    #[inline]
    pub fn header(&self) -> &'a RecordHeader {
        self.header
    }

    /// What the slot holds.
    #[inline]
    pub fn kind(&self) -> SlotKind {
        match self.header.kind {
            1 => SlotKind::Node,
            2 => SlotKind::Dead,
            3 => SlotKind::Tids,
            4 => SlotKind::Elements,
            _ => SlotKind::Free,
        }
    }

    /// Whether the slot holds a node, dead or alive, with a list on `level`.
    #[inline]
    pub fn is_node(&self, level: u8) -> bool {
        matches!(self.header.kind, 1 | 2) && self.header.level == level
    }

    /// Ids of the neighbours.
    #[inline]
    pub fn neighbours(&self) -> &'a [NodeId] {
        let ids: &[u32] = bytemuck::cast_slice(&self.bytes[self.layout.ids.clone()]);
        &ids[..usize::from(self.header.degree)]
    }

    /// `f_add` of all lanes.
    #[inline]
    pub fn f_add(&self) -> &'a [f32] {
        bytemuck::cast_slice(&self.bytes[self.layout.f_add.clone()])
    }

    /// `f_rescale` of all lanes, as bfloat16.
    #[inline]
    pub fn f_rescale(&self) -> &'a [u16] {
        bytemuck::cast_slice(&self.bytes[self.layout.f_rescale.clone()])
    }

    /// Codes of all lanes: packed for FastScan, or bit strings one behind the other.
    #[inline]
    pub fn codes(&self) -> &'a [u8] {
        &self.bytes[self.layout.codes.clone()]
    }

    /// The part of the own vector that the record holds, as stored.
    #[inline]
    pub fn vector(&self) -> &'a [u8] {
        let bytes = &self.bytes[self.layout.vector.clone()];
        match self.sparse() {
            None => bytes,
            Some(_) if matches!(self.rest(), Rest::Base(_)) => &[],
            Some(sparse) => {
                let elements = &bytes[SPARSE_HEADER..];
                &elements[..elements.len().min(8 * sparse.count as usize)]
            }
        }
    }

    /// Where the rest of the own vector is.
    #[inline]
    pub fn rest(&self) -> Rest {
        let inline = self.layout.inline_elements();
        match self.sparse() {
            None if self.layout.vector_pages > 0 => Rest::Pages,
            None => Rest::Nothing,
            Some(sparse) if sparse.count as usize <= inline => Rest::Nothing,
            Some(_) if self.header.level > 0 => Rest::Base(self.header.hint),
            Some(sparse) => Rest::Slots(sparse.more, 8 * (sparse.count as usize - inline)),
        }
    }

    /// The first slot of elements that the record does not hold, or [`NONE`].
    pub fn more(&self) -> NodeId {
        match self.rest() {
            Rest::Slots(more, _) => more,
            _ => NONE,
        }
    }

    /// Whether a lane is the one that keeps its neighbour reachable.
    pub fn is_anchor(&self, lane: usize) -> bool {
        self.bytes[self.layout.anchors.start + lane / 8] & (1 << (lane % 8)) != 0
    }

    /// The first lane that is marked as an anchor, but not in use.
    pub(crate) fn anchors_beyond(&self) -> Option<usize> {
        let lanes = usize::from(self.header.degree)..8 * self.layout.anchors.len();
        lanes.into_iter().find(|&lane| self.is_anchor(lane))
    }

    /// Heap TIDs in the record.
    #[inline]
    pub fn tids(&self) -> impl ExactSizeIterator<Item = Tid> + use<'a> {
        self.rows()
            .chunks_exact(self.layout.row_size)
            .map(Tid::from_bytes)
    }

    /// Rows in the record, each a heap TID and a key.
    #[inline]
    pub fn rows(&self) -> &'a [u8] {
        let bytes = &self.bytes[self.layout.rows.clone()];
        &bytes[..self.layout.row_size * usize::from(self.header.tids)]
    }

    /// Sketches of all lanes and, behind them, that of the node itself.
    #[inline]
    pub fn sketches(&self) -> &'a [Code] {
        bytemuck::cast_slice(&self.bytes[self.layout.sketches.clone()])
    }

    /// The sketch of the node, or of a lane.
    fn sketch_at(&self, place: usize) -> Sketch {
        let columns = self.layout.key_columns();
        let mut sketch = Sketch::default();
        if columns > 0 {
            let codes = &self.sketches()[place * columns..][..columns];
            sketch.0[..columns].copy_from_slice(codes);
        }
        sketch
    }

    /// The sketch of the node itself.
    pub fn sketch(&self) -> Sketch {
        self.sketch_at(self.layout.lanes)
    }

    /// The code of a lane.
    pub fn edge(&self, lane: usize) -> EdgeCode {
        let l = self.layout;
        let size = l.code_dims / 8;
        let mut edge = EdgeCode::default();
        let bits = &mut edge.bits[..size];
        match l.lane_code {
            LaneCode::None => {}
            LaneCode::Edge => {
                distance::fastscan::get_lane(self.codes(), l.lanes, l.code_dims, lane, bits);
                edge.f_add = self.f_add()[lane];
                edge.f_rescale = self.f_rescale()[lane];
            }
            LaneCode::Bits => bits.copy_from_slice(&self.codes()[lane * size..][..size]),
        }
        edge.sketch = self.sketch_at(lane);
        edge
    }
}

/// A slot, to change.
pub struct RecordMut<'a> {
    layout: &'a Layout,
    bytes: &'a mut [u8],
}

impl<'a> RecordMut<'a> {
    /// The slot `slot` of a page that was read from `block`.
    pub fn new(layout: &'a Layout, body: &'a mut Body, block: u32, slot: usize) -> Result<Self> {
        Record::new(layout, body, block, slot)?;
        let bytes = &mut body.bytes_mut()[layout.record_range(slot)];
        Ok(Self { layout, bytes })
    }

    /// A slot in memory.
    pub fn over(layout: &'a Layout, bytes: &'a mut [u8]) -> Self {
        assert_eq!(bytes.len(), layout.record_size);
        Self { layout, bytes }
    }

    /// The same slot, to read.
    pub fn view(&self) -> Record<'_> {
        Record {
            layout: self.layout,
            header: bytemuck::from_bytes(&self.bytes[..size_of::<RecordHeader>()]),
            bytes: self.bytes,
        }
    }

    /// The header.
    pub fn header(&mut self) -> &mut RecordHeader {
        bytemuck::from_bytes_mut(&mut self.bytes[..size_of::<RecordHeader>()])
    }

    /// Frees the slot and raises its generation, so that nothing takes it for what it was.
    pub fn free(&mut self) {
        let generation = self.header().generation.wrapping_add(1);
        self.bytes.fill(0);
        self.header().generation = generation;
    }

    /// Replaces all of the slot by `bytes`, but keeps the generation, which it returns.
    pub fn fill(&mut self, bytes: &[u8]) -> u32 {
        let generation = self.header().generation;
        self.bytes.copy_from_slice(bytes);
        self.header().generation = generation;
        generation
    }

    /// Sets the own vector, or the part of it that the record holds; `more` is the first slot of
    /// its other elements, if it is sparse.
    pub fn set_vector(&mut self, stored: &[u8], more: NodeId) {
        let l = self.layout;
        let level = self.header().level;
        let bytes = &mut self.bytes[l.vector.clone()];
        if l.params.storage == Storage::Sparse {
            let count = (stored.len() / 8) as u32;
            let (header, elements) = bytes.split_at_mut(SPARSE_HEADER);
            header.copy_from_slice(bytemuck::bytes_of(&SparseHeader { count, more }));
            let held = stored.len().min(elements.len());
            if held == stored.len() || level == 0 {
                elements[..held].copy_from_slice(&stored[..held]);
            }
        } else if l.vector_pages == 0 {
            bytes.copy_from_slice(stored);
        }
    }

    /// Sets a lane to a neighbour; extends the list if `lane` is the first unused one.
    pub fn set_lane(&mut self, lane: usize, id: NodeId, edge: &EdgeCode, anchor: bool) {
        let l = self.layout;
        let degree = usize::from(self.header().degree);
        assert!(lane <= degree && lane < l.lanes);
        if lane == degree {
            self.header().degree += 1;
        }
        self.u32_lane(lane, id);
        self.set_anchor(lane, anchor);
        self.put_sketch(lane, edge.sketch);
        let size = l.code_dims / 8;
        let bits = &edge.bits[..size];
        match l.lane_code {
            LaneCode::None => {}
            LaneCode::Edge => {
                let f_add: &mut [f32] = bytemuck::cast_slice_mut(&mut self.bytes[l.f_add.clone()]);
                f_add[lane] = edge.f_add;
                let f_rescale: &mut [u16] =
                    bytemuck::cast_slice_mut(&mut self.bytes[l.f_rescale.clone()]);
                f_rescale[lane] = edge.f_rescale;
                let codes = &mut self.bytes[l.codes.clone()];
                distance::fastscan::set_lane(codes, l.lanes, l.code_dims, lane, bits);
            }
            LaneCode::Bits => {
                self.bytes[l.codes.clone()][lane * size..][..size].copy_from_slice(bits);
            }
        }
    }

    /// Sets the sketch of the node itself.
    pub fn set_sketch(&mut self, sketch: Sketch) {
        self.put_sketch(self.layout.lanes, sketch);
    }

    /// Sets the sketch of a lane.
    pub fn set_lane_sketch(&mut self, lane: usize, sketch: Sketch) {
        assert!(lane < self.layout.lanes);
        self.put_sketch(lane, sketch);
    }

    fn put_sketch(&mut self, place: usize, sketch: Sketch) {
        let columns = self.layout.key_columns();
        if columns == 0 {
            return;
        }
        let bytes = &mut self.bytes[self.layout.sketches.clone()];
        let codes: &mut [Code] = bytemuck::cast_slice_mut(bytes);
        codes[place * columns..][..columns].copy_from_slice(&sketch.0[..columns]);
    }

    fn u32_lane(&mut self, lane: usize, id: NodeId) {
        let ids: &mut [u32] = bytemuck::cast_slice_mut(&mut self.bytes[self.layout.ids.clone()]);
        ids[lane] = id;
    }

    /// Says whether a lane is the one that keeps its neighbour reachable.
    pub fn set_anchor(&mut self, lane: usize, anchor: bool) {
        let byte = &mut self.bytes[self.layout.anchors.start + lane / 8];
        let bit = 1 << (lane % 8);
        *byte = if anchor { *byte | bit } else { *byte & !bit };
    }

    /// Removes a lane; the last one takes its place.
    pub fn remove_lane(&mut self, lane: usize) {
        let last = usize::from(self.header().degree) - 1;
        if lane != last {
            let edge = self.view().edge(last);
            let (id, anchor) = (self.view().neighbours()[last], self.view().is_anchor(last));
            self.set_lane(lane, id, &edge, anchor);
        }
        self.set_lane(last, 0, &EdgeCode::default(), false);
        self.header().degree -= 1;
    }

    /// Appends a row, a heap TID and a key; `false` if the record is full.
    pub fn push_row(&mut self, row: &[u8]) -> bool {
        let n = usize::from(self.header().tids);
        if n == self.layout.inline_rows {
            return false;
        }
        let start = self.layout.rows.start + self.layout.row_size * n;
        self.bytes[start..][..row.len()].copy_from_slice(row);
        self.header().tids += 1;
        true
    }

    /// Keeps the rows whose heap TIDs `keep` says, and returns how many went.
    pub fn retain_tids(&mut self, keep: impl FnMut(Tid) -> bool) -> usize {
        let size = self.layout.row_size;
        let kept = retained(self.view().rows(), size, keep);
        let gone = usize::from(self.header().tids) - kept.len() / size;
        if gone > 0 {
            self.header().tids = (kept.len() / size) as u8;
            let bytes = &mut self.bytes[self.layout.rows.clone()];
            bytes.fill(0);
            bytes[..kept.len()].copy_from_slice(&kept);
        }
        gone
    }
}

/// Those of `rows`, of `size` bytes each, whose heap TIDs `keep` says.
pub(crate) fn retained(rows: &[u8], size: usize, mut keep: impl FnMut(Tid) -> bool) -> Vec<u8> {
    rows.chunks_exact(size)
        .filter(|row| keep(Tid::from_bytes(row)))
        .flatten()
        .copied()
        .collect()
}
