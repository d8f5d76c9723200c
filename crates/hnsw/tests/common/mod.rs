//! Shared by the tests: deterministic data, operator values, builds, inserts and scans.
//!
//! Data are rows of numbers whatever the metric. For bit strings each number becomes a run of bits,
//! for sparse vectors only the larger numbers remain ([`Value`]); what is near stays near.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod damage;
pub mod keyed;
pub mod model;

use distance::sparse::Columns;
use hnsw::build::plan::Plan;
use hnsw::build::{Aside, Batch, Builder, HeapArena, Vectors};
use hnsw::check::{Report, check};
use hnsw::memory::MemoryStore;
use hnsw::page::Body;
use hnsw::query::Query;
use hnsw::record::MAX_LEVEL;
use hnsw::scan::{Resume, Row, Scan, Settings};
use hnsw::transform::splitmix64;
use hnsw::{Bits, Index, Metric, Params, Sparse, Storage, Tid, Vector};
use keyed::Keyed;
use std::collections::HashMap;
use std::sync::Mutex;

pub const METRICS: [Metric; 10] = [
    Metric::L2,
    Metric::InnerProduct,
    Metric::Cosine,
    Metric::L1,
    Metric::Hamming,
    Metric::Jaccard,
    Metric::SparseL2,
    Metric::SparseInnerProduct,
    Metric::SparseCosine,
    Metric::SparseL1,
];
/// Those of dense vectors.
pub const DENSE: [Metric; 4] = [Metric::L2, Metric::InnerProduct, Metric::Cosine, Metric::L1];
pub const STORAGES: [Storage; 3] = [Storage::Float32, Storage::Float16, Storage::Int8];
pub const SEED: u64 = 42;

/// A reproducible source of numbers.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x1234_5678_9ABC_DEF1))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        splitmix64(self.0)
    }

    /// In (0, 1].
    pub fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 1.0) / (1u64 << 53) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn normal(&mut self) -> f32 {
        let (u, v) = (self.uniform(), self.uniform());
        ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
    }

    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal()).collect()
    }
}

/// Points around random centres, about 50 to a cluster, with an offset that all share.
pub fn clustered(n: usize, dims: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed);
    let clusters = n.div_ceil(50);
    let centres: Vec<Vec<f32>> = (0..clusters).map(|_| rng.normals(dims)).collect();
    (0..n)
        .map(|_| {
            let centre = &centres[rng.below(clusters)];
            centre
                .iter()
                .map(|c| 0.5 + c + 0.5 * rng.normal())
                .collect()
        })
        .collect()
}

/// Points of overlapping clusters in a subspace of few dimensions, with a little noise in all: a
/// search as wide as a cluster goes on into others, as it does among text embeddings, where those of
/// [`clustered`] all lie equally far apart.
pub fn overlapping(n: usize, dims: usize, seed: u64) -> Vec<Vec<f32>> {
    const RANK: usize = 24;
    let mut rng = Rng::new(seed);
    let axes: Vec<Vec<f32>> = (1..=RANK)
        .map(|i| {
            let length = (i as f32).powf(-0.3);
            rng.normals(dims).iter().map(|v| v * length).collect()
        })
        .collect();
    let clusters = n.div_ceil(100);
    let centres: Vec<Vec<f32>> = (0..clusters).map(|_| rng.normals(RANK)).collect();
    (0..n)
        .map(|_| {
            let mut x: Vec<f32> = (0..dims).map(|_| 0.5 + 0.3 * rng.normal()).collect();
            for (axis, centre) in axes.iter().zip(&centres[rng.below(clusters)]) {
                let along = centre + 0.8 * rng.normal();
                x.iter_mut().zip(axis).for_each(|(x, a)| *x += along * a);
            }
            x
        })
        .collect()
}

/// A row as an index takes it.
pub enum Value {
    Dense(Vec<f32>),
    Bits(usize, Vec<u8>),
    Sparse(usize, Vec<i32>, Vec<f32>),
}

impl Value {
    pub fn new(metric: Metric, x: &[f32]) -> Self {
        match metric.only_storage() {
            None => Value::Dense(x.to_vec()),
            Some(Storage::Bits) => Self::bits(x),
            Some(_) => {
                let elements = larger(x).into_iter().enumerate().filter(|e| e.1 != 0.0);
                let (indices, values) = elements.map(|(i, v)| ((i * SPREAD) as i32, v)).unzip();
                Value::Sparse(x.len() * SPREAD, indices, values)
            }
        }
    }

    /// A number is a run of bits of which as many are set as it is large.
    fn bits(x: &[f32]) -> Self {
        let run = run(x.len());
        let mut bytes = vec![0u8; (run * x.len()).div_ceil(8)];
        for (i, v) in x.iter().enumerate() {
            let set = ((v - 0.5) * 10.0 + run as f32 / 2.0).clamp(0.0, run as f32);
            for bit in i * run..i * run + set as usize {
                bytes[bit / 8] |= 128 >> (bit % 8);
            }
        }
        Value::Bits(run * x.len(), bytes)
    }

    /// A row of as many dimensions as the index says it has, which may be damaged.
    pub fn of(index: &Index<MemoryStore>, x: &[f32]) -> Self {
        let params = index.layout().params;
        let length = params.dims as usize;
        match Value::new(params.metric, x) {
            Value::Bits(_, mut bytes) => {
                bytes.resize(length.div_ceil(8), 0);
                if let Some(last) = bytes.last_mut() {
                    *last &= u8::MAX << (8 * length.div_ceil(8) - length);
                }
                Value::Bits(length, bytes)
            }
            Value::Sparse(_, indices, values) => Value::Sparse(length, indices, values),
            value => value,
        }
    }

    pub fn vector(&self) -> Vector<'_> {
        match self {
            Value::Dense(x) => Vector::Dense(x),
            &Value::Bits(length, ref bytes) => Vector::Bits(Bits { length, bytes }),
            &Value::Sparse(dims, ref indices, ref values) => Vector::Sparse(Sparse {
                dims,
                elements: Columns { indices, values },
            }),
        }
    }

    /// What equal rows have in common.
    pub fn key(&self) -> Vec<u32> {
        match self {
            Value::Dense(x) => x.iter().map(|v| v.to_bits()).collect(),
            Value::Bits(_, bytes) => bytes.iter().map(|&b| b.into()).collect(),
            Value::Sparse(_, indices, values) => {
                let elements = indices.iter().zip(values);
                elements
                    .flat_map(|(&i, v)| [i as u32, v.to_bits()])
                    .collect()
            }
        }
    }
}

/// Dimensions of a sparse vector for each number of a row.
const SPREAD: usize = 1000;

/// A row with zeros for the numbers below their mean.
fn larger(x: &[f32]) -> Vec<f32> {
    let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / x.len() as f64;
    let keep = |&v: &f32| if f64::from(v) >= mean { v } else { 0.0 };
    x.iter().map(keep).collect()
}

/// Bits that stand for one of `dims` numbers: no round number, and no more than an index takes.
fn run(dims: usize) -> usize {
    (Metric::Hamming.max_dims() as usize / dims).min(61)
}

/// How many numbers the rows of an index are made of; any number if [`params`] did not make it.
pub fn dims(index: &Index<MemoryStore>) -> usize {
    let params = index.layout().params;
    let dims = params.dims as usize;
    match params.metric.only_storage() {
        None => dims,
        Some(Storage::Bits) => (1..dims).find(|n| n * run(*n) == dims).unwrap_or(3),
        Some(_) => dims / SPREAD,
    }
}

/// What the SQL operator gives for two vectors.
pub fn operator(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    match metric {
        Metric::L2 => f64::from(distance::l2_squared(a, b)).sqrt(),
        Metric::InnerProduct => -f64::from(distance::inner_product(a, b)),
        Metric::L1 => f64::from(distance::l1(a, b)),
        Metric::Cosine => {
            let (dot, aa, bb) = distance::cosine_parts(a, b);
            let similarity = f64::from(dot) / (f64::from(aa) * f64::from(bb)).sqrt();
            1.0 - similarity.clamp(-1.0, 1.0)
        }
        Metric::SparseL2 | Metric::SparseInnerProduct | Metric::SparseCosine | Metric::SparseL1 => {
            // Zeros add nothing to a sum, and change none of its roundings.
            let (a, b) = (larger(a), larger(b));
            let sum = |a: &[f32], b: &[f32], f: fn(f32, f32) -> f32| {
                let terms = a.iter().zip(b).map(|(&x, &y)| f(x, y));
                f64::from(terms.fold(0.0, |sum, term| sum + term))
            };
            let product = |x, y| x * y;
            match metric {
                Metric::SparseL2 => sum(&a, &b, |x, y| (x - y) * (x - y)).sqrt(),
                Metric::SparseInnerProduct => -sum(&a, &b, product),
                Metric::SparseL1 => sum(&a, &b, |x, y| (x - y).abs()),
                _ => {
                    let squares = sum(&a, &a, product) * sum(&b, &b, product);
                    1.0 - (sum(&a, &b, product) / squares.sqrt()).clamp(-1.0, 1.0)
                }
            }
        }
        Metric::Hamming | Metric::Jaccard => {
            let (a, b) = (Value::new(metric, a).key(), Value::new(metric, b).key());
            let count = |f: fn(u32, u32) -> u32| -> u32 {
                let both = a.iter().zip(&b);
                both.map(|(&x, &y)| f(x, y).count_ones()).sum()
            };
            match metric {
                Metric::Hamming => f64::from(count(|x, y| x ^ y)),
                _ => match count(|x, y| x & y) {
                    0 => 1.0,
                    common => 1.0 - f64::from(common) / f64::from(count(|x, y| x | y)),
                },
            }
        }
    }
}

/// For rows of `dims` numbers. Only dense vectors have a choice of storage.
pub fn params(dims: usize, m: u16, metric: Metric, storage: Storage) -> Params {
    let (dims, storage) = match metric.only_storage() {
        None => (dims, storage),
        Some(Storage::Bits) => (dims * run(dims), Storage::Auto),
        Some(_) => (dims * SPREAD, Storage::Auto),
    };
    // By product a few nodes are near to all, and others get lost without many lanes. Dense vectors
    // have 32 whatever m is.
    let m = match metric {
        Metric::SparseInnerProduct => m.max(16),
        _ => m,
    };
    Params {
        dims: dims as u32,
        m,
        metric,
        storage,
        keys: Default::default(),
    }
}

/// The TID of the i-th row.
pub fn tid(i: usize) -> Tid {
    Tid {
        block: i as u32,
        offset: 1,
    }
}

/// The mean of the rows as a build takes it.
fn centre(params: Params, rows: &[Vec<f32>]) -> Vec<f32> {
    if !params.metric.centred() {
        return Vec::new();
    }
    let builder: Builder<HeapArena> = Builder::new(params, 64, SEED, Vec::new());
    let mut sum = vec![0.0f64; params.dims as usize];
    let sample = &rows[..rows.len().min(1000)];
    for x in sample {
        let y = builder.transform().unrotated(x);
        sum.iter_mut().zip(y).for_each(|(s, y)| *s += f64::from(y));
    }
    sum.into_iter()
        .map(|s| (s / sample.len().max(1) as f64) as f32)
        .collect()
}

/// Builds an index over the rows, with TIDs [`tid`].
pub fn build(params: Params, rows: &[Vec<f32>], threads: usize) -> MemoryStore {
    build_with(params, rows, threads, 64.max(2 * usize::from(params.m)))
}

pub fn build_with(params: Params, rows: &[Vec<f32>], threads: usize, ef: usize) -> MemoryStore {
    let builder: Builder<HeapArena> = Builder::new(params, ef, SEED, centre(params, rows));
    let mut jobs = Vec::new();
    for (n, part) in rows.chunks(hnsw::build::BATCH).enumerate() {
        let mut batch = Batch::new(builder.layout());
        for (i, x) in part.iter().enumerate() {
            let value = Value::new(params.metric, x);
            let row = Keyed::new(params, tid(n * hnsw::build::BATCH + i));
            builder.push(&mut batch, value.vector(), row.row());
        }
        jobs.push(builder.prepare(&HeapArena, batch).expect("memory"));
    }
    jobs.reverse();
    let jobs = Mutex::new(jobs);
    let aside = Mutex::new(HashMap::new());
    let work = || {
        loop {
            let job = jobs.lock().expect("unpoisoned").pop();
            let Some(job) = job else { break };
            let Aside { block, vectors } = builder.run(job).expect("not stopped");
            aside.lock().expect("unpoisoned").insert(block, vectors);
        }
    };
    // This thread is one of them.
    std::thread::scope(|s| {
        for _ in 1..threads {
            s.spawn(work);
        }
        work();
    });
    let plan = with_threads(threads, || builder.finish()).expect("plan");
    written(&plan, &aside.into_inner().expect("unpoisoned"))
}

/// The pages of a plan, each made from no more of what was set aside than it needs.
pub fn written(plan: &Plan<HeapArena>, aside: &HashMap<usize, Vec<u8>>) -> MemoryStore {
    let pages = (0..plan.blocks() as u32).map(|block| {
        let mut vectors = Vectors::default();
        for needed in plan.needs(block..block + 1) {
            vectors.insert(needed, aside[&needed].clone());
        }
        let mut body = Body::ZERO;
        plan.encode(block, &vectors, &mut body);
        body
    });
    let store = MemoryStore::new();
    store.set_pages(pages.collect());
    store
}

/// Runs `f` in a pool of so many threads, or on this thread alone.
fn with_threads<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    if threads > 1 {
        return pool.build().expect("threads").install(f);
    }
    // A thread stays a pool of its own; an error says that it is one already.
    pool.use_current_thread().build().map(std::mem::forget).ok();
    f()
}

/// An empty index.
pub fn create(params: Params) -> MemoryStore {
    let store = MemoryStore::new();
    Index::create(&store, params, SEED).expect("create");
    store
}

/// Adds rows one by one, with TIDs from `first` on.
pub fn insert_rows(index: &mut Index<MemoryStore>, rows: &[Vec<f32>], first: usize, ef: usize) {
    let mut rng = Rng::new(first as u64 + 7);
    for (i, x) in rows.iter().enumerate() {
        insert_row(index, x, tid(first + i), &mut rng, ef).expect("insert");
    }
}

pub fn insert_row(
    index: &mut Index<MemoryStore>,
    x: &[f32],
    tid: Tid,
    rng: &mut Rng,
    ef: usize,
) -> hnsw::Result<()> {
    if index.needs_centre() {
        index.establish_centre(x)?;
    }
    if index.needs_bounds() {
        index.establish_bounds(keyed::key_values)?;
    }
    let level = hnsw::insert::random_level(rng.uniform(), index.layout().level_factor());
    insert_on(index, x, tid, level.min(MAX_LEVEL), ef)
}

/// Adds a row on levels up to `level`.
pub fn insert_on(
    index: &mut Index<MemoryStore>,
    x: &[f32],
    tid: Tid,
    level: u8,
    ef: usize,
) -> hnsw::Result<()> {
    let value = Value::of(index, x);
    let row = Keyed::new(index.layout().params, tid);
    index.insert(value.vector(), row.row(), level, ef)
}

pub fn open(store: &MemoryStore) -> Index<'_, MemoryStore> {
    Index::open(store).expect("open")
}

pub fn settings(ef: usize, resume: Resume) -> Settings {
    Settings {
        ef,
        resume,
        max_visits: usize::MAX,
        memory: 64 << 20,
        skip_dead: true,
    }
}

pub fn scan(index: &Index<MemoryStore>, q: &[f32], settings: Settings) -> Scan {
    let value = Value::of(index, q);
    Scan::new(Query::new(index, value.vector()), settings)
}

/// The first `limit` rows of a scan.
pub fn rows(
    index: &mut Index<MemoryStore>,
    q: &[f32],
    settings: Settings,
    limit: usize,
) -> Vec<Row> {
    let mut scan = scan(index, q, settings);
    let mut rows = Vec::new();
    while rows.len() < limit
        && let Some(row) = scan.next(index).expect("scan")
    {
        rows.push(row);
    }
    rows
}

/// What PostgreSQL's executor makes of a scan's rows (IndexNextWithReorder): rows that are not
/// exact wait in a queue, by their true value, until the scan's lower bound has passed it. Gives
/// the rows with their true values; panics where the executor would raise an error.
pub fn reorder(
    mut next: impl FnMut() -> Option<Row>,
    mut value: impl FnMut(Tid) -> f64,
    limit: usize,
) -> Vec<(Tid, f64)> {
    let mut out = Vec::new();
    let mut queue: Vec<(f64, Tid)> = Vec::new();
    let mut last = f64::NEG_INFINITY;
    let mut at_end = false;
    // PostgreSQL sorts NaN behind everything, as total_cmp does with the NaN of a quotient 0/0
    // once its sign is dropped.
    let key = |v: f64| if v.is_nan() { f64::NAN.abs() } else { v };
    while out.len() < limit {
        let top = (0..queue.len()).min_by(|&a, &b| queue[a].0.total_cmp(&queue[b].0));
        if let Some(i) = top
            && (at_end || queue[i].0.total_cmp(&last).is_le())
        {
            let (_, tid) = queue.swap_remove(i);
            out.push((tid, value(tid)));
            continue;
        }
        if at_end {
            break;
        }
        let Some(row) = next() else {
            at_end = true;
            continue;
        };
        last = row.lower;
        let (fetched, exact) = match row.exact {
            true => (row.lower, true),
            false => {
                let v = key(value(row.tid));
                assert!(
                    v.total_cmp(&row.lower).is_ge(),
                    "value {v:e} is below {row:?}"
                );
                (v, v == row.lower)
            }
        };
        let behind = top.is_some_and(|i| fetched > queue[i].0);
        match !exact || behind {
            true => queue.push((fetched, row.tid)),
            false => out.push((row.tid, value(row.tid))),
        }
    }
    out
}

/// TIDs of the `k` nearest rows by the operator, and the value of the last.
pub fn exact(metric: Metric, data: &[Vec<f32>], q: &[f32], k: usize) -> (Vec<Tid>, f64) {
    let mut all: Vec<(f64, usize)> = data
        .iter()
        .enumerate()
        .map(|(i, x)| (operator(metric, q, x), i))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.truncate(k);
    let last = all.last().map_or(f64::INFINITY, |l| l.0);
    (all.into_iter().map(|(_, i)| tid(i)).collect(), last)
}

/// The part of the `k` nearest rows that scans find, over `queries` rows and points beside rows.
pub fn recall(
    index: &mut Index<MemoryStore>,
    data: &[Vec<f32>],
    ef: usize,
    k: usize,
    queries: usize,
) -> f64 {
    let metric = index.layout().params.metric;
    let mut rng = Rng::new(99);
    let (mut hits, mut all) = (0, 0);
    for _ in 0..queries {
        let near = &data[rng.below(data.len())];
        let q: Vec<f32> = near.iter().map(|v| v + 0.3 * rng.normal()).collect();
        let (_, last) = exact(metric, data, &q, k);
        let s = settings(ef, Resume::Strict);
        let mut scan = scan(index, &q, s);
        let found = reorder(
            || scan.next(index).expect("scan"),
            |t| operator(metric, &q, &data[t.block as usize]),
            k,
        );
        // Ties are as good.
        hits += found.iter().filter(|f| f.1 <= last).count();
        all += k.min(data.len());
    }
    hits as f64 / all as f64
}

/// Checks the structure; no problem may be found.
pub fn sound(index: &mut Index<MemoryStore>) -> Report {
    let report = check(index).expect("check");
    assert!(
        report.problems.is_empty(),
        "{:?}",
        &report.problems[..report.problems.len().min(5)]
    );
    report
}

/// As [`sound`], and every live node can be reached.
pub fn connected(index: &mut Index<MemoryStore>) -> Report {
    let report = sound(index);
    let counts = report.counts;
    assert_eq!(
        (counts.without_in_edge, counts.unreachable),
        (0, Some(0)),
        "nodes {}",
        counts.nodes
    );
    report
}
