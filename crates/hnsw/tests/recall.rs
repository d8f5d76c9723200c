//! Builds and inserts: recall against exact results, and that every node can be reached.

mod common;

use common::*;
use hnsw::scan::Resume;
use hnsw::{Metric, Storage};

/// One index by a build and one by inserts, with the least recall that each may have.
fn both(n: usize, dims: usize, m: u16, metric: Metric, storage: Storage, ef: usize, least: f64) {
    let data = clustered(n, dims, 1);
    let params = params(dims, m, metric, storage);
    let queries = if dims > 1000 { 10 } else { 30 };
    let name = format!("{n} x {dims}, m {m}, {metric:?}, {storage:?}");

    let store = build(params, &data, 1);
    let mut index = open(&store);
    let report = connected(&mut index);
    assert_eq!(report.rows.len(), n, "build {name}");
    let found = recall(&mut index, &data, ef, 10, queries);
    assert!(found >= least, "build {name}: recall {found}");

    let store = create(params);
    let mut index = open(&store);
    insert_rows(&mut index, &data, 0, 64.max(2 * usize::from(m)));
    let report = connected(&mut index);
    assert_eq!(report.rows.len(), n, "insert {name}");
    let found = recall(&mut index, &data, ef, 10, queries);
    assert!(found >= least, "insert {name}: recall {found}");
}

#[test]
fn every_metric_and_storage() {
    for metric in METRICS {
        for storage in STORAGES {
            both(1000, 24, 16, metric, storage, 100, 0.98);
        }
    }
}

#[test]
fn small_and_odd_dimensions() {
    for metric in METRICS {
        for dims in [1, 2, 3, 17, 100] {
            both(500, dims, 8, metric, Storage::Auto, 100, 0.97);
        }
    }
}

#[test]
fn clusters_of_128_dimensions() {
    both(3000, 128, 16, Metric::L2, Storage::Auto, 100, 0.95);
}

#[test]
fn embeddings_size() {
    both(600, 384, 16, Metric::Cosine, Storage::Auto, 100, 0.97);
    both(200, 1536, 16, Metric::Cosine, Storage::Auto, 60, 0.95);
    both(150, 1536, 16, Metric::InnerProduct, Storage::Int8, 60, 0.95);
}

/// Own vectors on pages apart.
#[test]
fn split_records() {
    both(120, 3072, 16, Metric::L2, Storage::Float32, 60, 0.95);
    both(
        100,
        4096,
        16,
        Metric::InnerProduct,
        Storage::Float16,
        60,
        0.95,
    );
    both(100, 4096, 8, Metric::L1, Storage::Float32, 60, 0.95);
    both(30, 16_000, 16, Metric::L2, Storage::Float32, 40, 0.95);
    both(30, 16_000, 16, Metric::Cosine, Storage::Int8, 40, 0.95);
    both(60, 16_000, 16, Metric::Hamming, Storage::Auto, 40, 0.95);
    both(60, 1000, 100, Metric::Jaccard, Storage::Auto, 40, 0.95);
    both(100, 3000, 16, Metric::SparseCosine, Storage::Auto, 40, 0.95);
    both(30, 16_000, 16, Metric::SparseL2, Storage::Auto, 40, 0.95);
}

#[test]
fn extremes_of_m() {
    for metric in METRICS {
        // L1 has four lanes here; the others are rounded up to a block of 32.
        both(1500, 8, 2, metric, Storage::Auto, 200, 0.9);
        both(400, 8, 100, metric, Storage::Auto, 100, 0.99);
    }
    both(200, 1536, 100, Metric::L2, Storage::Auto, 60, 0.95);
}

/// With four lanes, most are anchors: whole clusters hang on one, and nodes near by have none to
/// spare.
#[test]
fn few_lanes() {
    for seed in 0..9 {
        for dims in [1, 2, 6] {
            let mut data = clustered(700, dims, seed);
            match seed % 3 {
                0 => data.sort_by(|a, b| a[0].total_cmp(&b[0])),
                1 => {
                    for (i, x) in data.iter_mut().enumerate() {
                        x.iter_mut().for_each(|v| *v += (i / 100) as f32 * 50.0);
                    }
                }
                _ => {}
            }
            let params = params(dims, 2, Metric::L1, Storage::Float32);
            let store = build(params, &data, 2);
            connected(&mut open(&store));
            let store = create(params);
            let mut index = open(&store);
            insert_rows(&mut index, &data, 0, 10);
            connected(&mut index);
            hnsw::vacuum::vacuum(&mut index, 10, |t| t.block.is_multiple_of(2)).expect("vacuum");
            connected(&mut index);
        }
    }
}

/// Of the rows in `asked`, the part of their `k` nearest that scans from them find.
fn recall_of_rows(data: &[Vec<f32>], asked: impl Iterator<Item = usize>, k: usize) -> f64 {
    let params = params(3, 16, Metric::L2, Storage::Auto);
    let store = build(params, data, 1);
    let mut index = open(&store);
    let (mut hits, mut all) = (0, 0);
    for row in asked {
        let q = &data[row];
        let mut scan = scan(&index, q, settings(40, Resume::Strict));
        let value = |tid: hnsw::Tid| operator(params.metric, q, &data[tid.block as usize]);
        let found = reorder(|| scan.next(&mut index).expect("scan"), value, k);
        let last = match k {
            1 => 0.0,
            _ => exact(params.metric, data, q, k).1,
        };
        hits += found.iter().filter(|f| f.1 <= last).count();
        all += k;
    }
    hits as f64 / all as f64
}

/// On a line only two rows lead to each, and what is seen of it from afar may be off by a thousand times
/// their distance.
#[test]
fn rows_on_lines() {
    const ROWS: usize = 3000;
    let mut rng = Rng::new(3);
    for line in 0..24 {
        let to = rng.normals(3);
        let at = |i| to.iter().map(|v| v * i as f32).collect();
        let data: Vec<Vec<f32>> = (0..ROWS).map(at).collect();
        assert_eq!(recall_of_rows(&data, 0..ROWS, 1), 1.0, "line {line}");
    }
}

/// Rows of a group differ by less than int8 would tell apart.
#[test]
fn small_groups_in_few_dimensions() {
    let mut rng = Rng::new(4);
    let mut data: Vec<Vec<f32>> = Vec::new();
    for _ in 0..100 {
        let centre = rng.normals(3);
        let near = |_| centre.iter().map(|v| v + 0.002 * rng.normal()).collect();
        data.extend((0..100).map(near));
    }
    let found = recall_of_rows(&data, (0..data.len()).step_by(11), 10);
    assert!(found >= 0.995, "{found}");
}
