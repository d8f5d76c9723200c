//! Building a graph in memory and writing its pages.
//!
//! 1. One thread, the leader, reads rows into batches and gives each batch a [`Block`] of memory
//!    from an [`Arena`]; it decides the levels. Only the leader allocates: its arena may need the database.
//! 2. Worker threads take batches ([`Builder::run`]): rotate and quantise the vectors, then
//!    insert them one by one ([`graph`]), or only the few that lead. Distances are those of int8
//!    copies: 2.7 times less work than float32 for the same graph quality.
//! 3. [`Builder::finish`] gives lists to the others ([`leaves`]), numbers the records and gives
//!    every node an anchor ([`plan`]).
//! 4. Pages are encoded, in any order and by any thread, and written by the leader.
//!
//! Workers compute and touch memory of the arena, nothing else.

mod balance;
pub mod graph;
mod join;
mod leaves;
pub mod plan;

use crate::insert::random_level;
use crate::keys::{self, KeyValue};
use crate::layout::{Layout, Metric, Params, Storage};
use crate::page::Meta;
use crate::record::{NONE, Tid};
use crate::transform::{self, Transform, splitmix64};
use crate::vector::{Vector, floats};
use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};
use distance::Kernels;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};

/// Rows to a batch and to a block.
pub const BATCH: usize = 256;

/// Where a build gets its memory. Called by the leader only.
pub trait Arena {
    /// Bytes, zeroed, aligned to 8.
    type Bytes: DerefMut<Target = [u8]> + Send + Sync;
    /// Words, zeroed, that threads may change at the same time.
    type Words: Deref<Target = [AtomicU32]> + Send + Sync;

    /// Allocates bytes.
    fn bytes(&self, len: usize) -> Result<Self::Bytes>;

    /// Allocates words.
    fn words(&self, len: usize) -> Result<Self::Words>;
}

/// What is left of a row until its block is filled.
struct Row {
    tid: Tid,
    level: u8,
    /// Where its words end in the batch.
    end: usize,
}

/// Rows on their way to a worker.
pub struct Batch {
    /// The vectors, one behind the other.
    words: Vec<u32>,
    rows: Vec<Row>,
    /// Of each row as many bytes as [`Builder::key_size`] says: its [`KeyValue`]s and its key.
    keys: Vec<u8>,
}

/// A batch with the memory that it goes into.
pub struct Job<A: Arena> {
    batch: Batch,
    block: Block<A>,
}

/// Vectors of a block as they will be stored: to be kept until pages are encoded, away from the
/// graph, which does without them. Empty where the build computes with the stored vectors.
#[derive(Debug, PartialEq)]
pub struct Aside {
    /// The number of the block.
    pub block: usize,
    /// The vectors, one behind the other.
    pub vectors: Vec<u8>,
}

/// What was set aside of some blocks.
#[derive(Clone, Default)]
pub struct Vectors(BTreeMap<usize, Arc<Vec<u8>>>);

impl Vectors {
    /// Adds the vectors of a block.
    pub fn insert(&mut self, block: usize, vectors: Vec<u8>) {
        self.0.insert(block, vectors.into());
    }

    /// Whether those of a block are here.
    pub fn contains(&self, block: usize) -> bool {
        self.0.contains_key(&block)
    }

    /// Removes those of all blocks before this one.
    pub fn forget_before(&mut self, block: usize) {
        self.0 = self.0.split_off(&block);
    }
}

/// Up to [`BATCH`] nodes.
pub struct Block<A: Arena> {
    /// Vectors that the build computes with: of metrics that rotate int8, or float32 if they have few
    /// dimensions, each followed by a [`WorkTail`]; else the words of the vector.
    work: A::Bytes,
    /// Where each of them ends, if they differ in size.
    ends: Vec<u32>,
    /// Vectors of nodes with upper levels as they will be stored, where that is not `work`.
    raised: Vec<u8>,
    /// What `Batch::keys` had.
    keys: A::Bytes,
    /// Lists of level 0.
    lists: A::Words,
    /// Lists of the upper levels, a node's next to each other.
    upper: A::Words,
    nodes: Vec<Node>,
}

/// What is known of a node beside its vector and lists.
#[derive(Clone, Copy)]
struct Node {
    tid: Tid,
    level: u8,
    /// Whether it is a leader ([`leaves`]).
    leads: bool,
    /// Index of its first list in `Block::upper`.
    upper: u32,
    /// Of the vector as it came: as records have it, and another one in every index.
    hashes: [u32; 2],
    norm: f32,
    /// Of the stored vector.
    scale: f32,
    err: f32,
}

/// Stands behind the coordinates of a vector, in reach of the same prefetch.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct WorkTail {
    /// Codes times this are coordinates; 1 without codes.
    scale: f32,
    /// Squared norm of the coordinates.
    square: f32,
}

const WORK_TAIL: usize = std::mem::size_of::<WorkTail>();

/// The graph while it is built.
pub struct Builder<A: Arena> {
    layout: Layout,
    transform: Transform,
    kernels: &'static Kernels,
    ef_construction: usize,
    meta: Meta,
    centre: Vec<f32>,
    blocks: boxcar::Vec<Block<A>>,
    /// The entry point and its level.
    entry: RwLock<Option<(u32, u8)>>,
    /// By node: those that are one with it.
    twins: Mutex<FxHashMap<u32, Vec<u32>>>,
    rows: AtomicU64,
    /// What [`Self::finish`] has done, in steps of which each row takes [`leaves::STEPS`].
    steps: AtomicU64,
    stop: AtomicBool,
}

impl Batch {
    /// An empty batch.
    pub fn new(layout: &Layout) -> Self {
        Self {
            words: Vec::with_capacity(BATCH * layout.words()),
            rows: Vec::with_capacity(BATCH),
            keys: Vec::new(),
        }
    }

    /// Rows in it.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether it takes no more rows.
    pub fn is_full(&self) -> bool {
        self.rows.len() == BATCH
    }
}

impl<A: Arena> Builder<A> {
    /// A builder for an index with these parameters, whose vectors have about the mean `centre`
    /// (in the space of [`Transform::unrotated`]; empty for the origin).
    pub fn new(params: Params, ef_construction: usize, seed: u64, centre: Vec<f32>) -> Self {
        let layout = Layout::new(params);
        let centre = if layout.centre_pages == 0 {
            Vec::new()
        } else {
            centre
        };
        let meta = crate::index::empty_meta(&layout, seed);
        Self {
            transform: Transform::new(&layout, &meta, centre.clone()),
            layout,
            kernels: distance::kernels(),
            ef_construction,
            meta,
            centre,
            blocks: boxcar::Vec::new(),
            entry: RwLock::new(None),
            twins: Mutex::default(),
            rows: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        }
    }

    /// The layout of the index.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The map from vectors to stored ones.
    pub fn transform(&self) -> &Transform {
        &self.transform
    }

    /// Adds a row to a batch that is not full.
    pub fn push<'x>(
        &self,
        batch: &mut Batch,
        x: impl Into<Vector<'x>>,
        row: impl Into<keys::Row<'x>>,
    ) {
        let keys::Row { tid, key, values } = row.into();
        let row = self.rows.fetch_add(1, Ordering::Relaxed);
        let uniform = (splitmix64(self.meta.seed ^ row) >> 11) as f64 / (1u64 << 53) as f64;
        let level = random_level(uniform.max(f64::MIN_POSITIVE), self.layout.level_factor());
        x.into().append_to(&mut batch.words);
        let end = batch.words.len();
        batch.rows.push(Row { tid, level, end });
        batch.keys.extend_from_slice(bytemuck::cast_slice(values));
        batch.keys.extend_from_slice(key);
        batch.keys.resize(batch.rows.len() * self.key_size(), 0);
    }

    /// Gives a batch its memory.
    pub fn prepare(&self, arena: &A, batch: Batch) -> Result<Job<A>> {
        let rows = batch.rows.len();
        let l = &self.layout;
        let levels: usize = batch.rows.iter().map(|r| usize::from(r.level)).sum();
        let work = match self.work_size() {
            0 => 4 * batch.words.len(),
            size => rows * size,
        };
        let block = Block {
            work: arena.bytes(work)?,
            ends: Vec::new(),
            raised: Vec::new(),
            keys: arena.bytes(batch.keys.len())?,
            lists: arena.words(rows * graph::stride(l))?,
            upper: arena.words(levels * graph::stride(l))?,
            nodes: Vec::with_capacity(rows),
        };
        Ok(Job { batch, block })
    }

    /// Puts a batch into the graph. Called by workers; stops early after [`Self::stop`].
    pub fn run(&self, job: Job<A>) -> Result<Aside> {
        let Job { batch, mut block } = job;
        let mut vectors = Vec::new();
        if self.sets_aside() {
            vectors.reserve(batch.rows.len() * self.layout.vector_size());
        }
        block.keys.copy_from_slice(&batch.keys);
        let (mut upper, mut start) = (0, 0);
        for (i, row) in batch.rows.iter().enumerate() {
            self.check_stop()?;
            let words = batch.words[start..row.end].to_vec();
            start = row.end;
            let node = self.encode(&mut block, i, words, row, upper, &mut vectors);
            block.nodes.push(node);
            upper += u32::from(row.level);
        }
        drop(batch);
        let rows = block.nodes.len() as u32;
        let block = self.blocks.push(block);
        let first = block * BATCH;
        // Nodes are numbered by block, and below NONE.
        if first + BATCH > NONE as usize {
            return Err(Error::Full);
        }
        let first = first as u32;
        let mut scratch = graph::Scratch::new(self.ef_construction, self.layout.lanes);
        for node in first..first + rows {
            self.check_stop()?;
            if self.comes_first(node) {
                graph::insert(self, node, &mut scratch);
            }
        }
        Ok(Aside { block, vectors })
    }

    /// About what part of [`Self::finish`] is done, from 0 to 1.
    pub fn linked(&self) -> f64 {
        if !self.layout.params.metric.rotated() {
            return 1.0;
        }
        let all = leaves::STEPS * self.rows.load(Ordering::Relaxed);
        let steps = self.steps.load(Ordering::Relaxed);
        (steps as f64 / all.max(1) as f64).min(1.0)
    }

    /// Counts steps that so many rows have taken.
    fn took(&self, steps: u64, rows: usize) {
        self.steps.fetch_add(steps * rows as u64, Ordering::Relaxed);
    }

    /// Makes workers stop at the next row, strip or leaf.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn check_stop(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            Err(Error::Stopped)
        } else {
            Ok(())
        }
    }

    /// Whether stored vectors are others than those that the build computes with.
    fn sets_aside(&self) -> bool {
        match self.layout.params.storage {
            Storage::Float32 => self.layout.builds_from_int8,
            Storage::Float16 => true,
            Storage::Int8 => !self.layout.builds_from_int8,
            _ => false,
        }
    }

    /// Bytes of a vector that the build computes with; 0 if they differ.
    fn work_size(&self) -> usize {
        let l = &self.layout;
        match l.params.metric.rotated() {
            true if l.builds_from_int8 => l.padded + WORK_TAIL,
            true => 4 * l.padded + WORK_TAIL,
            false => l.words() * 4,
        }
    }

    /// [`Node::hashes`] of a vector, from its words.
    fn hashes(&self, words: &[u32]) -> [u32; 2] {
        let starts = [transform::HASH_START, self.meta.seed];
        let [hash, other] = self.layout.hashes(starts, words);
        [(hash >> 16) as u32, other as u32]
    }

    /// Writes row `i` of a block, and its stored vector behind `vectors`.
    fn encode(
        &self,
        block: &mut Block<A>,
        i: usize,
        words: Vec<u32>,
        row: &Row,
        upper: u32,
        vectors: &mut Vec<u8>,
    ) -> Node {
        let hashes = self.hashes(&words);
        let point = self.transform.point(words);
        let stored = self.layout.encode(self.kernels, &point);
        if self.sets_aside() {
            vectors.extend_from_slice(&stored.bytes);
            if row.level > 0 {
                block.raised.extend_from_slice(&stored.bytes);
            }
        }
        if self.work_size() == 0 {
            block.ends.push(4 * row.end as u32);
        }
        let range = self.work_range(block, i);
        let work = &mut block.work[range];
        if self.layout.params.metric.rotated() {
            let (vector, tail) = work.split_at_mut(work.len() - WORK_TAIL);
            let y = floats(&point.words);
            let tail: &mut WorkTail = bytemuck::from_bytes_mut(tail);
            *tail = if self.layout.builds_from_int8 {
                let codes: &mut [i8] = bytemuck::cast_slice_mut(vector);
                let scale = distance::quantize::i8_scale(y);
                distance::quantize::encode_i8(y, scale, codes);
                let square = scale * scale * (self.kernels.dot_i8)(codes, codes) as f32;
                WorkTail { scale, square }
            } else {
                vector.copy_from_slice(bytemuck::cast_slice(y));
                let square = (self.kernels.inner_product)(y, y);
                WorkTail { scale: 1.0, square }
            };
        } else {
            work.copy_from_slice(bytemuck::cast_slice(&point.words));
        }
        Node {
            tid: row.tid,
            level: row.level,
            leads: self.leads(i, hashes[0], row.level),
            upper,
            hashes,
            norm: point.norm,
            scale: stored.scale,
            err: stored.err,
        }
    }

    /// Bytes of a row's values and key, in whole words.
    fn key_size(&self) -> usize {
        let keys = self.layout.params.keys;
        8 * usize::from(keys.columns) + usize::from(keys.width).next_multiple_of(8)
    }

    /// What sketches are made from, and the key, of the row that made a node.
    fn key(&self, node: u32) -> (&[KeyValue], &[u8]) {
        let (block, i) = self.block(node);
        let size = self.key_size();
        let (values, key) = block.keys[i * size..][..size].split_at(8 * self.layout.key_columns());
        (
            bytemuck::cast_slice(values),
            &key[..self.layout.params.keys.width.into()],
        )
    }

    fn block(&self, node: u32) -> (&Block<A>, usize) {
        (&self.blocks[node as usize / BATCH], node as usize % BATCH)
    }

    fn node(&self, node: u32) -> &Node {
        let (block, i) = self.block(node);
        &block.nodes[i]
    }

    fn work(&self, node: u32) -> &[u8] {
        let (block, i) = self.block(node);
        &block.work[self.work_range(block, i)]
    }

    #[inline]
    fn work_range(&self, block: &Block<A>, i: usize) -> Range<usize> {
        match self.work_size() {
            0 => {
                let end = |i: usize| block.ends[i] as usize;
                i.checked_sub(1).map_or(0, end)..end(i)
            }
            size => i * size..(i + 1) * size,
        }
    }

    /// Says that a node's working copy will be read soon.
    fn prefetch(&self, node: u32) {
        let work = self.work(node);
        distance::prefetch(work.as_ptr(), work.len());
    }

    /// A node's vector as it will be stored; `aside` has its block if it has no upper levels.
    fn stored<'a>(&'a self, node: u32, aside: &'a Vectors) -> &'a [u8] {
        let (block, i) = self.block(node);
        let size = self.layout.vector_size();
        if !self.sets_aside() {
            let work = self.work(node);
            return if size == 0 { work } else { &work[..size] };
        }
        let raised = |node: &&Node| node.level > 0;
        let (vectors, at) = match raised(&&block.nodes[i]) {
            true => (
                &block.raised,
                block.nodes[..i].iter().filter(raised).count(),
            ),
            false => (&*aside.0[&(node as usize / BATCH)], i),
        };
        &vectors[at * size..][..size]
    }

    /// The words of a vector from which edges are encoded: its coordinates as far as the build
    /// knows them, or what is stored.
    fn coordinates(&self, node: u32, to: &mut Vec<u32>) {
        let work = self.work(node);
        if !self.layout.builds_from_int8 {
            to.clear();
            return to.extend_from_slice(self.words(work));
        }
        let codes = bytemuck::cast_slice(&work[..self.layout.padded]);
        to.resize(self.layout.padded, 0);
        (self.kernels.decode_i8)(codes, self.tail(node).scale, bytemuck::cast_slice_mut(to));
    }

    /// The words of a vector that the build computes with, if these are no codes.
    fn words<'a>(&self, work: &'a [u8]) -> &'a [u32] {
        let tail = match self.layout.params.metric.rotated() {
            true => WORK_TAIL,
            false => 0,
        };
        bytemuck::cast_slice(&work[..work.len() - tail])
    }

    /// Distance of two nodes in the build.
    fn distance(&self, a: u32, b: u32) -> f32 {
        self.work_distance(self.work(a), self.work(b))
    }

    /// Distance of two vectors that the build computes with.
    #[inline]
    fn work_distance(&self, a: &[u8], b: &[u8]) -> f32 {
        if !self.layout.builds_from_int8 {
            let (a, b) = (self.words(a), self.words(b));
            return self.layout.between(self.kernels, a, b).min(f32::MAX);
        }
        let (a, m) = a.split_at(self.layout.padded);
        let (b, n) = b.split_at(self.layout.padded);
        let (m, n): (&WorkTail, &WorkTail) = (bytemuck::from_bytes(m), bytemuck::from_bytes(n));
        let dot = (self.kernels.dot_i8)(bytemuck::cast_slice(a), bytemuck::cast_slice(b));
        self.dot_distance(m, n, dot)
    }

    /// Distance of two vectors whose codes have this inner product.
    #[inline]
    fn dot_distance(&self, a: &WorkTail, b: &WorkTail, dot: i32) -> f32 {
        let product = a.scale * b.scale * dot as f32;
        let d = match self.layout.params.metric {
            Metric::InnerProduct => -product,
            _ => a.square + b.square - 2.0 * product,
        };
        let d = leaves::at_most_max(d);
        match self.layout.params.metric {
            Metric::InnerProduct => d,
            _ => d.max(0.0),
        }
    }

    /// What stands behind a node's coordinates, under metrics that rotate.
    fn tail(&self, node: u32) -> &WorkTail {
        let work = self.work(node);
        bytemuck::from_bytes(&work[work.len() - WORK_TAIL..])
    }

    /// The first of the nodes `near`, in order of their distances from `node`, that is to be one
    /// with it: all that will be stored of them is equal.
    fn twin(&self, node: u32, near: &[(f32, u32)]) -> Option<u32> {
        // The working copies of twins are equal, and their distance is no more than rounding.
        let farthest = match self.layout.params.metric {
            // A vector is not its own nearest, nor a bit string without a bit; or not at zero.
            Metric::InnerProduct
            | Metric::Jaccard
            | Metric::SparseInnerProduct
            | Metric::SparseCosine => f32::INFINITY,
            Metric::L1 | Metric::Hamming | Metric::SparseL2 | Metric::SparseL1 => 0.0,
            Metric::L2 | Metric::Cosine => 1e-3 * self.tail(node).square,
        };
        near.iter()
            .take_while(|&&(distance, _)| distance <= farthest)
            .map(|&(_, other)| other)
            .find(|&other| self.same(node, other))
    }

    /// Whether all that will be stored of two nodes is equal: all that is in memory, which is not
    /// more than the working copies and 64 bits of hashes, half of which differ from index to index.
    fn same(&self, a: u32, b: u32) -> bool {
        let bits = |n: &Node| {
            (
                n.hashes,
                n.norm.to_bits(),
                n.scale.to_bits(),
                n.err.to_bits(),
            )
        };
        bits(self.node(a)) == bits(self.node(b)) && self.work(a) == self.work(b)
    }
}

/// Memory of the process, for tests.
#[derive(Default)]
pub struct HeapArena;

/// Zeroed bytes aligned to 8.
pub struct HeapBytes {
    words: Vec<u64>,
    len: usize,
}

impl HeapBytes {
    /// Allocates.
    pub fn new(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(8)],
            len,
        }
    }
}

impl Deref for HeapBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

impl DerefMut for HeapBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.len]
    }
}

impl Arena for HeapArena {
    type Bytes = HeapBytes;
    type Words = Vec<AtomicU32>;

    fn bytes(&self, len: usize) -> Result<HeapBytes> {
        Ok(HeapBytes::new(len))
    }

    fn words(&self, len: usize) -> Result<Vec<AtomicU32>> {
        Ok(std::iter::repeat_with(AtomicU32::default)
            .take(len)
            .collect())
    }
}
