//! Time of the algorithms over pages in memory, beside the kernels' (`distance/benches/kernels.rs`).

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Rng, build, insert_row, open, overlapping, params, rows, settings, tid};
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use hnsw::code::EdgeCode;
use hnsw::memory::MemoryStore;
use hnsw::prune;
use hnsw::query::Query;
use hnsw::scan::Resume;
use hnsw::store::PageStore;
use hnsw::transform::Stored;
use hnsw::{Metric, Params, Storage};
use std::hint::black_box as bb;
use std::time::Duration;

const M: u16 = 16;
const EF_CONSTRUCTION: usize = 64;
const QUERIES: usize = 100;
/// Rows that are inserted at a time, into a copy of the index.
const INSERTS: usize = 50;

/// A generated set; the last rows are queries and rows to insert.
struct Set {
    name: &'static str,
    params: Params,
    data: Vec<Vec<f32>>,
    others: Vec<Vec<f32>>,
}

impl Set {
    fn new(name: &'static str, rows: usize, dims: usize, metric: Metric) -> Self {
        let mut data = overlapping(rows + QUERIES, dims, 1);
        let others = data.split_off(rows);
        Self {
            name,
            params: params(dims, M, metric, Storage::Auto),
            data,
            others,
        }
    }
}

fn algorithms(c: &mut Criterion) {
    for set in [
        Set::new("5000x128", 5000, 128, Metric::L2),
        Set::new("2000x768", 2000, 768, Metric::Cosine),
    ] {
        let mut group = c.benchmark_group(set.name);
        group.warm_up_time(Duration::from_millis(500));
        group.measurement_time(Duration::from_secs(2));
        group.sample_size(10);
        let store = build(set.params, &set.data, 1);
        search(&mut group, &set, &store);
        insert(&mut group, &set, &store);
        vectors(&mut group, &set, &store);
        select(&mut group, &set);
        graph(&mut group, &set);
        group.finish();
    }
}

/// Whole scans: preparation of the query, descent, beam, rows.
fn search(group: &mut BenchmarkGroup<WallTime>, set: &Set, store: &MemoryStore) {
    let mut index = open(store);
    let mut queries = set.others.iter().cycle();
    for ef in [10, 40, 160] {
        group.bench_function(BenchmarkId::new("search", ef), |b| {
            b.iter(|| {
                let q = queries.next().expect("a cycle");
                bb(rows(&mut index, q, settings(ef, Resume::Strict), 10))
            });
        });
    }
}

fn insert(group: &mut BenchmarkGroup<WallTime>, set: &Set, store: &MemoryStore) {
    group.throughput(Throughput::Elements(INSERTS as u64));
    group.bench_function(BenchmarkId::new("insert", INSERTS), |b| {
        b.iter_batched_ref(
            || copy(store),
            |store| {
                let mut index = open(store);
                let mut rng = Rng::new(2);
                for (i, x) in set.others[..INSERTS].iter().enumerate() {
                    let tid = tid(set.data.len() + i);
                    insert_row(&mut index, x, tid, &mut rng, EF_CONSTRUCTION).expect("insert");
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(1));
}

fn copy(store: &MemoryStore) -> MemoryStore {
    let pages = (0..store.blocks()).map(|block| store.read(block, |body| *body).expect("page"));
    let copy = MemoryStore::new();
    copy.set_pages(pages.collect());
    copy
}

/// What is done to one vector, or to the two ends of an edge.
fn vectors(group: &mut BenchmarkGroup<WallTime>, set: &Set, store: &MemoryStore) {
    let index = open(store);
    let kernels = distance::kernels();
    let transform = index.transform();
    let layout = index.layout();
    let x = &set.others[0];
    group.bench_function("transform", |b| b.iter(|| bb(transform.apply(bb(x)))));
    let (u, v) = (transform.apply(x), transform.apply(&set.others[1]));
    group.bench_function("encode", |b| {
        b.iter(|| bb(Stored::encode(kernels, layout, bb(&u.y), u.slack)));
    });
    group.bench_function("prepare_query", |b| {
        b.iter(|| bb(Query::new(&index, bb(x))));
    });
    group.bench_function("edge_code", |b| {
        let (metric, dims) = (set.params.metric, layout.code_dims);
        b.iter(|| bb(EdgeCode::new(kernels, metric, bb(&u.y), bb(&v.y), dims)));
    });
}

/// The choice of a node's neighbours among as many candidates as an insert has.
fn select(group: &mut BenchmarkGroup<WallTime>, set: &Set) {
    let node = &set.others[0];
    let mut near: Vec<(f32, &[f32])> = set
        .data
        .iter()
        .map(|x| (distance::l2_squared(node, x), &x[..]))
        .collect();
    near.sort_by(|a, b| a.0.total_cmp(&b.0));
    near.truncate(EF_CONSTRUCTION);
    let distances: Vec<f32> = near.iter().map(|c| c.0).collect();
    let limit = usize::from(M);
    group.bench_function(BenchmarkId::new("select", EF_CONSTRUCTION), |b| {
        let between = |a: usize, b: usize| distance::l2_squared(near[a].1, near[b].1);
        b.iter(|| bb(prune::select(bb(&distances), limit, limit, between)));
    });
}

/// A build of one thread up to the encoded pages.
fn graph(group: &mut BenchmarkGroup<WallTime>, set: &Set) {
    let data = &set.data[..1000];
    group.throughput(Throughput::Elements(data.len() as u64));
    group.bench_function(BenchmarkId::new("build", data.len()), |b| {
        b.iter(|| bb(build(set.params, data, 1)));
    });
}

criterion_group!(benches, algorithms);
criterion_main!(benches);
