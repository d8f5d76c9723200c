//! What is counted. Sets are small, as valgrind runs all of it fifty times slower.

use crate::common::{Rng, build, insert_row, open, overlapping, params, rows, settings, tid};
use distance::fastscan;
use hnsw::code::EdgeCode;
use hnsw::prune;
use hnsw::query::Query;
use hnsw::scan::Resume;
use hnsw::vacuum::vacuum;
use hnsw::{Metric, Storage};
use std::hint::black_box as bb;

/// Something whose instructions are counted.
pub struct Workload {
    /// What it is called in the file of counts.
    pub name: &'static str,
    /// What one count is of.
    pub unit: &'static str,
    /// Units in a run.
    pub count: usize,
    /// Prepares, then does that many units in [`counted`].
    pub run: fn(usize),
}

const M: u16 = 16;
const EF_SEARCH: usize = 40;
const EF_CONSTRUCTION: usize = 64;
const LIMIT: usize = 10;
/// Rows of an index that is searched, vacuumed or inserted into.
const ROWS: usize = 2000;

/// All workloads.
pub const WORKLOADS: &[Workload] = &[
    workload("build-128", "row", 2000, |n| graph(n, 128, Metric::L2)),
    workload("search-128", "query", 100, |n| search(n, 128, Metric::L2)),
    workload("search-384", "query", 100, |n| {
        search(n, 384, Metric::Cosine)
    }),
    workload("insert-128", "row", 200, |n| insert(n, 128, Metric::L2)),
    workload("vacuum-128", "removed row", ROWS / 5, |_| {
        vacuum_fifth(128, Metric::L2)
    }),
    workload("query-384", "query", 100, |n| query(n, 384)),
    workload("query-1536", "query", 100, |n| query(n, 1536)),
    workload("select-128", "list", 100, |n| select(n, 128)),
    workload("record-384", "record", 1000, |n| record(n, 384)),
    workload("edge-code-384", "edge", 1000, |n| edge_code(n, 384)),
    workload("edge-code-1536", "edge", 1000, |n| edge_code(n, 1536)),
    workload("l2-384", "pair", 1000, |n| l2(n, 384)),
    workload("l2-1536", "pair", 1000, |n| l2(n, 1536)),
    workload("cosine-384", "pair", 1000, |n| cosine(n, 384)),
    workload("cosine-1536", "pair", 1000, |n| cosine(n, 1536)),
];

const fn workload(
    name: &'static str,
    unit: &'static str,
    count: usize,
    run: fn(usize),
) -> Workload {
    Workload {
        name,
        unit,
        count,
        run,
    }
}

/// Callgrind counts from the call of this function to its return.
#[inline(never)]
pub fn counted(work: &mut dyn FnMut()) {
    work();
}

fn graph(n: usize, dims: usize, metric: Metric) {
    let data = overlapping(n, dims, 1);
    let params = params(dims, M, metric, Storage::Auto);
    counted(&mut || {
        bb(build(params, &data, 1));
    });
}

/// Whole scans as PostgreSQL's default settings have them: preparation, descent, beam, rows.
fn search(n: usize, dims: usize, metric: Metric) {
    let data = overlapping(ROWS + n, dims, 2);
    let (data, queries) = data.split_at(ROWS);
    let store = build(params(dims, M, metric, Storage::Auto), data, 1);
    let mut index = open(&store);
    counted(&mut || {
        for q in queries {
            let found = rows(&mut index, q, settings(EF_SEARCH, Resume::Strict), LIMIT);
            assert_eq!(found.len(), LIMIT);
        }
    });
}

fn insert(n: usize, dims: usize, metric: Metric) {
    let data = overlapping(ROWS + n, dims, 3);
    let (data, new) = data.split_at(ROWS);
    let store = build(params(dims, M, metric, Storage::Auto), data, 1);
    let mut index = open(&store);
    let mut rng = Rng::new(3);
    counted(&mut || {
        for (i, x) in new.iter().enumerate() {
            insert_row(&mut index, x, tid(ROWS + i), &mut rng, EF_CONSTRUCTION).expect("insert");
        }
    });
}

fn vacuum_fifth(dims: usize, metric: Metric) {
    let data = overlapping(ROWS, dims, 4);
    let store = build(params(dims, M, metric, Storage::Auto), &data, 1);
    let mut index = open(&store);
    counted(&mut || {
        let stats = vacuum(&mut index, EF_CONSTRUCTION, |t| t.block % 5 == 0).expect("vacuum");
        assert_eq!(stats.removed, ROWS as u64 / 5);
    });
}

/// Normalises, centres and rotates a vector and builds the tables of its lookups.
fn query(n: usize, dims: usize) {
    let data = overlapping(n, dims, 5);
    let params = params(dims, M, Metric::Cosine, Storage::Auto);
    let store = build(params, &data, 1);
    let index = open(&store);
    counted(&mut || {
        for x in &data {
            bb(Query::new(&index, bb(x)));
        }
    });
}

/// Chooses a node's neighbours among as many candidates as an insert has.
fn select(n: usize, dims: usize) {
    let data = overlapping(n + EF_CONSTRUCTION, dims, 6);
    let lists: Vec<Vec<(f32, &[f32])>> = (0..n)
        .map(|i| {
            let others = data[i + 1..][..EF_CONSTRUCTION].iter();
            let mut near: Vec<(f32, &[f32])> = others
                .map(|x| (distance::l2_squared(&data[i], x), &x[..]))
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            near
        })
        .collect();
    let distances: Vec<Vec<f32>> = lists
        .iter()
        .map(|near| near.iter().map(|c| c.0).collect())
        .collect();
    let limit = usize::from(M);
    counted(&mut || {
        for (near, distances) in lists.iter().zip(&distances) {
            let between = |a: usize, b: usize| distance::l2_squared(near[a].1, near[b].1);
            bb(prune::select(bb(distances), limit, limit, between));
        }
    });
}

/// Lookups and estimates of a block of lanes.
fn record(n: usize, dims: usize) {
    let kernels = distance::kernels();
    let mut rng = Rng::new(7);
    let mut tables = vec![0; dims * 4];
    let (delta, bias) = (kernels.tables)(&rng.normals(dims), &mut tables);
    let codes: Vec<u8> = (0..fastscan::codes_len(fastscan::BLOCK, dims))
        .map(|_| rng.next() as u8)
        .collect();
    let f_add = rng.normals(fastscan::BLOCK);
    let f_rescale = vec![distance::bf16_round(-1.5); fastscan::BLOCK];
    let (mut sums, mut out) = ([0; fastscan::BLOCK], [0.0; fastscan::BLOCK]);
    counted(&mut || {
        for _ in 0..n {
            (kernels.fastscan)(bb(&codes), bb(&tables), &mut sums);
            (kernels.estimate)(&sums, &f_add, &f_rescale, delta, bias, 2.0, bb(&mut out));
        }
    });
}

fn edge_code(n: usize, dims: usize) {
    let (u, v) = pair(dims);
    let code_dims = dims.min(1024);
    counted(&mut || {
        for _ in 0..n {
            let kernels = distance::kernels();
            bb(EdgeCode::new(
                kernels,
                Metric::L2,
                bb(&u),
                bb(&v),
                code_dims,
            ));
        }
    });
}

fn l2(n: usize, dims: usize) {
    let (a, b) = pair(dims);
    counted(&mut || {
        for _ in 0..n {
            bb(distance::l2_squared(bb(&a), bb(&b)));
        }
    });
}

fn cosine(n: usize, dims: usize) {
    let (a, b) = pair(dims);
    counted(&mut || {
        for _ in 0..n {
            bb(distance::cosine_parts(bb(&a), bb(&b)));
        }
    });
}

fn pair(dims: usize) -> (Vec<f32>, Vec<f32>) {
    let mut rng = Rng::new(8);
    (rng.normals(dims), rng.normals(dims))
}
