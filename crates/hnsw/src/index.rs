//! An open index: its layout, transform and entry point, and how a page of it is visited.

use crate::chain::{self, Owner};
use crate::keys::{Bounds, Code, KeyValue, Sketch};
use crate::layout::{LaneCode, Layout};
use crate::page::{
    Body, CENTRE_COORDS, HEADER_SIZE, Meta, PageKind, VECTOR_BYTES, VECTOR_OFFSET, VectorHeader,
};
use crate::query::Query;
use crate::record::{NONE, NodeId, Record, RecordHeader, RecordMut, Rest, SlotKind};
use crate::scorer::Scorer;
use crate::search;
use crate::store::PageStore;
use crate::transform::Transform;
use crate::{Error, Params, Result};
use distance::Kernels;
use std::mem::size_of;
use std::ops::Range;

/// Rows that an index built from fewer has, about, when it gets bounds of key columns.
pub(crate) const ROWS_FOR_BOUNDS: u32 = 1000;

/// An index that was opened for one operation.
pub struct Index<'s, S> {
    pub(crate) store: &'s S,
    pub(crate) layout: Layout,
    pub(crate) transform: Transform,
    pub(crate) kernels: &'static Kernels,
    bounds: Bounds,
    meta: Meta,
}

/// Records larger than that are not fetched as a whole before they are read.
const LARGE_RECORD: usize = 1024;
/// Bytes of the vector of such a one that are; the processor follows.
const FIRST_READ: usize = 512;

/// What a visit to a node copies out of its page; reused from visit to visit.
#[derive(Default)]
pub struct Visit {
    /// The node.
    pub id: NodeId,
    /// Its header.
    pub header: RecordHeader,
    /// Its distance from the query.
    pub own: f32,
    /// The same, before it was rounded to single precision.
    pub precise: f64,
    /// Its neighbours.
    pub neighbours: Vec<NodeId>,
    /// Estimated distances of the neighbours; empty in an index without codes.
    pub estimates: Vec<f32>,
    /// Rows in the record.
    pub rows: Vec<u8>,
    /// The sketch of the node.
    pub sketch: Sketch,
    /// Sketches of the neighbours, when asked for.
    pub sketches: Vec<Code>,
    /// The vectors as stored of all nodes that were visited when asked for; in words, so that they are aligned.
    pub(crate) vectors: Vec<u32>,
    /// Where that of this node begins.
    start: usize,
}

impl Visit {
    /// Where in [`Self::vectors`] the node's own one is.
    pub(crate) fn vector(&self) -> Range<usize> {
        self.start..self.vectors.len()
    }

    /// Forgets the node's own one.
    pub(crate) fn forget_vector(&mut self) {
        self.vectors.truncate(self.start);
    }
}

/// Adds bytes, as many as words have.
fn push_words(words: &mut Vec<u32>, bytes: &[u8]) {
    match bytemuck::try_cast_slice(bytes) {
        Ok(aligned) => words.extend_from_slice(aligned),
        Err(_) => words.extend(bytes.as_chunks().0.iter().copied().map(u32::from_ne_bytes)),
    }
}

/// What a visit copies beside a node's distance, rows and neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    /// Nothing else.
    Nothing,
    /// The vector as stored.
    Vector,
    /// The sketches of the neighbours.
    Sketches,
    /// Not even the neighbours.
    RowsOnly,
}

/// A node as its record and what belongs to it say.
pub(crate) struct Loaded {
    pub header: RecordHeader,
    /// The vector, decoded.
    pub y: Vec<u32>,
    pub sketch: Sketch,
}

impl Visit {
    fn settle(&mut self, own: f64) {
        self.precise = own;
        self.own = own as f32;
    }
}

impl<'s, S: PageStore> Index<'s, S> {
    /// Writes the pages of an empty index into an empty store.
    pub fn create(store: &S, params: Params, seed: u64) -> Result<()> {
        let layout = Layout::new(params);
        store.extend(|i, body| {
            match i {
                0 => empty_meta(&layout, seed).write_page(body),
                _ if Some(i) == layout.bounds_block() => body.init(PageKind::Bounds),
                _ => body.init(PageKind::Centre),
            }
            i + 1 < layout.first_block()
        })?;
        Ok(())
    }

    /// Reads the metapage and what follows from it.
    pub fn open(store: &'s S) -> Result<Self> {
        let meta = store.read(Meta::BLOCK, Meta::read)??;
        let layout = Layout::from_meta(&meta)?;
        if !store.fits(&layout.params) {
            let what = "metapage is of an index on other columns";
            return Err(Error::corrupted(Meta::BLOCK, what));
        }
        let mut centre: Vec<f32> = Vec::new();
        if meta.centred != 0 {
            let mut left = layout.params.dims as usize;
            for block in 1..=layout.centre_pages as u32 {
                let count = left.min(CENTRE_COORDS);
                store.read(block, |body| {
                    body.expect(PageKind::Centre, block)?;
                    let bytes = &body.bytes()[HEADER_SIZE..][..4 * count];
                    centre.extend_from_slice(bytemuck::cast_slice(bytes));
                    Ok(())
                })??;
                left -= count;
            }
            if centre.iter().any(|v| !v.is_finite()) {
                return Err(Error::corrupted(1, "centre is not finite"));
            }
        }
        let transform = Transform::new(&layout, &meta, centre);
        let bounds = read_bounds(store, &layout)?;
        Ok(Self {
            store,
            bounds,
            layout,
            transform,
            kernels: distance::kernels(),
            meta,
        })
    }

    /// How its vectors are scored.
    pub(crate) fn scorer(&self) -> Scorer {
        Scorer::new(&self.layout, self.kernels)
    }

    /// Where its pages are.
    pub fn store(&self) -> &'s S {
        self.store
    }

    /// The layout of the records.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The bounds of key columns.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The bounds of key columns as they are now.
    pub(crate) fn bounds_now(&self) -> Result<Bounds> {
        read_bounds(self.store, &self.layout)
    }

    /// The map from vectors to stored ones.
    pub fn transform(&self) -> &Transform {
        &self.transform
    }

    /// The metapage as it was when the index was opened or [`Self::refresh`]ed.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Whether the first insert has yet to choose the centre.
    pub fn needs_centre(&self) -> bool {
        self.layout.centre_pages > 0 && self.meta.centred == 0
    }

    /// Makes `x` the centre of an empty index. No other insert may run.
    pub fn establish_centre(&mut self, x: &[f32]) -> Result<()> {
        let centre = self.transform.unrotated(x);
        for (block, part) in (1..).zip(centre.chunks(CENTRE_COORDS)) {
            self.store.write(block, |body| {
                body.expect(PageKind::Centre, block)?;
                write_centre(body, part);
                Ok(())
            })?;
        }
        self.store.write(Meta::BLOCK, |body| {
            let meta = Meta {
                centred: 1,
                ..Meta::read(body)?
            };
            meta.write(body);
            Ok(())
        })?;
        *self = Self::open(self.store)?;
        Ok(())
    }

    /// Whether an insert is to choose the bounds of key columns: the index was created with too few
    /// rows, and has enough now.
    pub fn needs_bounds(&self) -> bool {
        let l = &self.layout;
        let enough = ROWS_FOR_BOUNDS / l.slots as u32 * l.unit_pages();
        l.key_columns() > 0
            && !self.bounds.are_known()
            && self.store.blocks() > l.first_block() + enough
    }

    /// Makes the keys of the first rows the bounds of key columns; `values` says what sketches are
    /// made from. No other insert may run. Rows that are there already keep sketches that match
    /// everything.
    pub fn establish_bounds(&mut self, values: impl Fn(&[u8]) -> Vec<KeyValue>) -> Result<()> {
        let l = &self.layout;
        let Some(bounds_block) = l.bounds_block() else {
            return Ok(());
        };
        let mut rows = Vec::new();
        for block in l.first_block()..self.store.blocks() {
            self.store.check_interrupts();
            self.store.read(block, |body| {
                if body.header().kind != PageKind::Nodes as u16 {
                    return Ok(());
                }
                for slot in 0..l.slots {
                    let record = Record::new(l, body, block, slot)?;
                    if record.is_node(0) {
                        rows.extend_from_slice(record.rows());
                    }
                }
                Ok(())
            })??;
        }
        let keys = rows.chunks_exact(l.row_size).map(|row| &row[6..]);
        let values: Vec<KeyValue> = keys.flat_map(values).collect();
        let bounds = Bounds::new(l.key_columns(), &values);
        self.store.write(bounds_block, |body| {
            body.expect(PageKind::Bounds, bounds_block)?;
            bounds.write(body);
            Ok(())
        })?;
        self.bounds = bounds;
        Ok(())
    }

    /// Reads the entry point anew.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        self.meta = self.store.read(Meta::BLOCK, Meta::read)??;
        Ok(())
    }

    /// The record of the entry point on level 0, from where anchors lead to every node. [`NONE`] if there is none,
    /// or a vacuum has freed it since the metapage was read.
    pub(crate) fn root(&self) -> Result<NodeId> {
        let Meta {
            entry, entry_level, ..
        } = self.meta;
        if entry == NONE {
            return Ok(NONE);
        }
        let level = search::level_of(entry_level)?;
        self.with_record(entry, |record| match record.is_node(level) {
            true if level == 0 => entry,
            true => record.header().hint,
            false => NONE,
        })
    }

    /// Reads the entry point anew; the record of it on level 0, [`NONE`] in an index without nodes.
    pub(crate) fn root_now(&mut self) -> Result<NodeId> {
        for _ in 0..search::DESCENTS {
            self.refresh()?;
            let root = self.root()?;
            if root != NONE || self.meta.entry == NONE {
                return Ok(root);
            }
        }
        Err(search::no_entry())
    }

    /// Changes the metapage.
    pub(crate) fn update_meta(&mut self, f: impl FnOnce(&mut Meta) -> Result<()>) -> Result<()> {
        self.meta = self.store.write(Meta::BLOCK, |body| {
            let mut meta = Meta::read(body)?;
            f(&mut meta)?;
            meta.write(body);
            Ok(meta)
        })?;
        Ok(())
    }

    /// Decodes a stored vector.
    pub(crate) fn decode(&self, bytes: &[u8], scale: f32) -> Vec<u32> {
        let mut words = Vec::new();
        self.layout.decode(self.kernels, bytes, scale, &mut words);
        words
    }

    /// Calls `f` with the record at `id`, under a shared lock of its page.
    pub(crate) fn with_record<R>(&self, id: NodeId, f: impl FnOnce(Record) -> R) -> Result<R> {
        let (block, slot) = self.layout.locate(id);
        self.store.read(block, |body| {
            Record::new(&self.layout, body, block, slot).map(f)
        })?
    }

    /// Changes the record at `id`, and nothing else on its page, under an exclusive lock; an error from `f` leaves it
    /// as it was.
    pub(crate) fn change_record<R>(
        &self,
        id: NodeId,
        f: impl FnOnce(RecordMut) -> Result<R>,
    ) -> Result<R> {
        let (block, slot) = self.layout.locate(id);
        let part = self.layout.record_range(slot);
        self.store.write_part(block, part, |body| {
            f(RecordMut::new(&self.layout, body, block, slot)?)
        })
    }

    /// Says that the node `id` will probably be visited soon.
    #[inline]
    pub(crate) fn prefetch(&self, id: NodeId) {
        let l = &self.layout;
        let (block, slot) = l.locate(id);
        let record = l.record_range(slot);
        let start = record.start;
        let is_large = record.len() > LARGE_RECORD;
        self.store.prefetch(block, record);
        if is_large {
            // Its row and its vector are read before what stands in between.
            let (apart, vector) = match l.vector_pages {
                0 => (0, start + l.vector.start),
                _ => (1, 0),
            };
            self.store
                .prefetch(block, start + l.rows.start..start + l.rows.start + 1);
            self.store
                .prefetch(block + apart, vector..vector + FIRST_READ);
        }
    }

    /// The same of a visit [`With::RowsOnly`]: what lies between header and vector is not read.
    #[inline]
    pub(crate) fn prefetch_rows(&self, id: NodeId) {
        let l = &self.layout;
        let (block, slot) = l.locate(id);
        let start = l.record_range(slot).start;
        self.store
            .prefetch(block, start..start + size_of::<RecordHeader>());
        self.store
            .prefetch(block, start + l.vector.start..start + l.rows.end);
    }

    /// Visits the node `id`: its distance from the query and those of its neighbours, in one page
    /// visit unless the own vector stands apart. `false` if the slot holds no node with a list on
    /// `level` any more, which happens to a reader whose id is older than a vacuum.
    pub(crate) fn visit(
        &self,
        query: &Query,
        id: NodeId,
        level: u8,
        with: With,
        visit: &mut Visit,
    ) -> Result<bool> {
        let with_vector = with == With::Vector;
        let rest = self.with_record(id, |record| {
            if !record.is_node(level) {
                return None;
            }
            visit.id = id;
            visit.header = *record.header();
            visit.neighbours.clear();
            if with != With::RowsOnly {
                visit.neighbours.extend_from_slice(record.neighbours());
            }
            visit.rows.clear();
            if level == 0 {
                visit.rows.extend_from_slice(record.rows());
            }
            visit.sketch = record.sketch();
            visit.sketches.clear();
            if with == With::Sketches {
                visit.sketches.extend_from_slice(record.sketches());
            }
            visit.estimates.clear();
            let rest = record.rest();
            if rest == Rest::Nothing {
                visit.settle(query.own(record.vector(), record.header().scale));
                if with != With::RowsOnly {
                    query.estimate(&record, visit.own, &mut visit.estimates);
                }
            }
            if !with_vector {
                visit.vectors.clear();
            }
            visit.start = visit.vectors.len();
            if with_vector || rest != Rest::Nothing {
                push_words(&mut visit.vectors, record.vector());
            }
            Some(rest)
        })?;
        let rest = match rest {
            Some(Rest::Nothing) => return Ok(true),
            Some(rest) => rest,
            None => return Ok(false),
        };
        let header = visit.header;
        let (vectors, start) = (&mut visit.vectors, visit.start);
        let own = self.own_apart(query, id, (&header, rest), vectors, start, with_vector)?;
        let Some(own) = own else {
            return Ok(false);
        };
        visit.settle(own);
        if self.layout.lane_code == LaneCode::None || with == With::RowsOnly {
            return Ok(true);
        }
        // The lanes may have changed since; their factors and codes are read together again.
        self.with_record(id, |record| {
            if !record.is_node(level) || record.header().generation != header.generation {
                return false;
            }
            visit.neighbours.clear();
            visit.neighbours.extend_from_slice(record.neighbours());
            query.estimate(&record, visit.own, &mut visit.estimates);
            if with == With::Sketches {
                visit.sketches.clear();
                visit.sketches.extend_from_slice(record.sketches());
            }
            true
        })
    }

    /// The distance of one node; `None` if `id` holds no node with a list on `level`.
    pub(crate) fn own_distance(&self, query: &Query, id: NodeId, level: u8) -> Result<Option<f32>> {
        let mut vector = Vec::new();
        let found = self.with_record(id, |record| {
            record.is_node(level).then(|| match record.rest() {
                Rest::Nothing => Ok(query.own(record.vector(), record.header().scale)),
                rest => {
                    push_words(&mut vector, record.vector());
                    Err((*record.header(), rest))
                }
            })
        })?;
        let own = match found {
            None => None,
            Some(Ok(own)) => Some(own),
            Some(Err((header, rest))) => {
                self.own_apart(query, id, (&header, rest), &mut vector, 0, false)?
            }
        };
        Ok(own.map(|own| own as f32))
    }

    /// The distance of a node of whose vector `vector` is what the record holds, and to which the
    /// rest is added if it is to be kept; `None` if that is gone.
    fn own_apart(
        &self,
        query: &Query,
        id: NodeId,
        (header, rest): (&RecordHeader, Rest),
        vectors: &mut Vec<u32>,
        start: usize,
        keep: bool,
    ) -> Result<Option<f64>> {
        let whole = query.needs_whole();
        let mut sum = 0.0;
        let there = self.vector_parts(id, header.generation, rest, |start, bytes| {
            if !whole {
                sum += query.own_part(bytes, start, header.scale);
            }
            if whole || keep {
                push_words(vectors, bytes);
            }
        })?;
        Ok(there.then(|| match whole {
            true => query.own(bytemuck::cast_slice(&vectors[start..]), header.scale),
            false => query.own_from_sum(sum, header.scale),
        }))
    }

    /// A node's header, vector and sketch; `None` if `id` holds no node with a list on `level`.
    pub(crate) fn load(&self, id: NodeId, level: u8) -> Result<Option<Loaded>> {
        let found = self.with_record(id, |record| {
            let all = || {
                let (header, sketch) = (*record.header(), record.sketch());
                (header, sketch, record.vector().to_vec(), record.rest())
            };
            record.is_node(level).then(all)
        })?;
        let Some((header, sketch, mut bytes, rest)) = found else {
            return Ok(None);
        };
        let add = |_, part: &[u8]| bytes.extend_from_slice(part);
        if !self.vector_parts(id, header.generation, rest, add)? {
            return Ok(None);
        }
        let y = self.decode(&bytes, header.scale);
        Ok(Some(Loaded { header, y, sketch }))
    }

    /// Shows the rest of the own vector of a node, part by part, each with its first coordinate;
    /// `false` if it is not there, or belongs to another generation of the slot.
    fn vector_parts(
        &self,
        id: NodeId,
        generation: u32,
        rest: Rest,
        mut f: impl FnMut(usize, &[u8]),
    ) -> Result<bool> {
        match rest {
            Rest::Nothing => Ok(true),
            Rest::Pages => self.vector_pages(id, generation, f),
            Rest::Slots(first, size) => self.element_slots(id, generation, first, size, f),
            Rest::Base(base) => {
                let found = self.with_record(base, |record| {
                    record.is_node(0).then(|| {
                        f(0, record.vector());
                        (record.header().generation, record.rest())
                    })
                })?;
                match found {
                    Some((generation, Rest::Slots(first, size))) => {
                        self.element_slots(base, generation, first, size, f)
                    }
                    Some((_, Rest::Nothing)) => Ok(true),
                    _ => Ok(false),
                }
            }
        }
    }

    /// The parts of a vector on the pages behind its record's.
    fn vector_pages(
        &self,
        id: NodeId,
        generation: u32,
        mut f: impl FnMut(usize, &[u8]),
    ) -> Result<bool> {
        let l = &self.layout;
        let owner = VectorHeader {
            owner: id,
            generation,
        };
        let width = l.params.storage.width();
        for part in 0..l.vector_pages {
            let block = id + 1 + part as u32;
            let start = part * VECTOR_BYTES;
            let size = VECTOR_BYTES.min(l.vector_size() - start);
            let same = self.store.read(block, |body| {
                body.expect(PageKind::Vector, block)?;
                let same = VectorHeader::read(body) == owner;
                if same {
                    f(8 * start / width, &body.bytes()[VECTOR_OFFSET..][..size]);
                }
                Ok(same)
            })??;
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The `size` bytes of elements in the list that begins at `first`.
    fn element_slots(
        &self,
        id: NodeId,
        generation: u32,
        first: NodeId,
        size: usize,
        mut f: impl FnMut(usize, &[u8]),
    ) -> Result<bool> {
        let owner = Owner { id, generation };
        let (mut next, mut left) = (first, size);
        while left > 0 && next != NONE {
            let mut shown = 0;
            next = chain::read(self, owner, next, |header, entries| {
                if header.kind == SlotKind::Elements as u8 && entries.len() <= left {
                    shown = entries.len();
                    f(0, entries);
                }
            })?;
            // Without progress it is no list of elements.
            if shown == 0 {
                return Ok(false);
            }
            left -= shown;
        }
        Ok(left == 0)
    }
}

fn read_bounds<S: PageStore>(store: &S, layout: &Layout) -> Result<Bounds> {
    match layout.bounds_block() {
        Some(block) => {
            let columns = layout.key_columns();
            store.read(block, |body| Bounds::read(body, block, columns))?
        }
        None => Ok(Bounds::default()),
    }
}

impl Meta {
    /// Initialises the metapage with this.
    pub fn write_page(&self, body: &mut Body) {
        body.init(PageKind::Meta);
        self.write(body);
    }
}

/// The metapage of an index without nodes.
pub fn empty_meta(layout: &Layout, seed: u64) -> Meta {
    Meta {
        seed,
        dims: layout.params.dims,
        m: layout.params.m,
        metric: layout.params.metric as u8,
        storage: layout.params.storage as u8,
        record_size: layout.record_size as u16,
        slots: layout.slots as u16,
        centred: 0,
        entry: NONE,
        entry_level: 0,
        vacuums: 0,
        key_columns: layout.params.keys.columns.into(),
        key_width: layout.params.keys.width,
    }
}

/// Writes one page's part of the centre.
pub(crate) fn write_centre(body: &mut Body, part: &[f32]) {
    let bytes = bytemuck::cast_slice(part);
    body.bytes_mut()[HEADER_SIZE..][..bytes.len()].copy_from_slice(bytes);
}
