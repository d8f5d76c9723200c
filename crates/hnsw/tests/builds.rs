//! Builds: by many threads, of any number of rows, stopped midway.

mod common;

use common::*;
use hnsw::build::{Aside, Batch, Builder, HeapArena, Job};
use hnsw::memory::MemoryStore;
use hnsw::scan::Resume;
use hnsw::{Error, Index, Metric, Storage};
use std::collections::{HashMap, HashSet};

#[test]
fn many_threads() {
    for (metric, storage) in [(Metric::L2, Storage::Int8), (Metric::L1, Storage::Float32)] {
        let data = clustered(4000, 16, 6);
        for _ in 0..2 {
            let store = build(params(16, 8, metric, storage), &data, 4);
            let mut index = open(&store);
            let report = connected(&mut index);
            let rows: HashSet<_> = report.rows.iter().copied().collect();
            assert_eq!((report.rows.len(), rows.len()), (4000, 4000));
            let found = recall(&mut index, &data, 100, 10, 40);
            assert!(found >= 0.97, "{metric:?}: recall {found}");
        }
    }
}

/// One thread gives the same pages each time.
#[test]
fn one_thread_is_deterministic() {
    use hnsw::store::PageStore;
    let data = clustered(700, 20, 6);
    let params = params(20, 8, Metric::Cosine, Storage::Auto);
    let (a, b) = (build(params, &data, 1), build(params, &data, 1));
    assert_eq!(a.blocks(), b.blocks());
    for block in 0..a.blocks() {
        let (x, y) = (
            a.read(block, |p| *p).expect("page"),
            b.read(block, |p| *p).expect("page"),
        );
        assert!(x.bytes() == y.bytes(), "block {block}");
    }
}

#[test]
fn any_number_of_rows() {
    for metric in METRICS {
        for n in [0, 1, 2, 3, 255, 256, 257, 513] {
            let data = clustered(n, 5, 7);
            let store = build(params(5, 4, metric, Storage::Auto), &data, 2);
            let mut index = open(&store);
            let report = connected(&mut index);
            assert_eq!(
                (report.rows.len(), report.counts.nodes),
                (n, n),
                "{metric:?}"
            );
            let found = rows(
                &mut index,
                &[0.4; 5],
                settings(10, Resume::Relaxed),
                usize::MAX,
            );
            assert_eq!(found.len(), n, "{metric:?}");
            // And more come.
            insert_rows(&mut index, &clustered(20, 5, 8), n, 40);
            assert_eq!(connected(&mut index).rows.len(), n + 20);
        }
    }
}

/// Batches need not be full, nor the first ones first.
#[test]
fn short_batches() {
    let data = clustered(300, 5, 9);
    let params = params(5, 4, Metric::L2, Storage::Float32);
    let builder: Builder<HeapArena> = Builder::new(params, 40, SEED, Vec::new());
    let mut next = 0;
    let mut aside = HashMap::new();
    for size in [1, 0, 100, 3, 0, 196] {
        let mut batch = Batch::new(builder.layout());
        assert!(batch.is_empty());
        for _ in 0..size {
            builder.push(&mut batch, &data[next], tid(next));
            next += 1;
        }
        assert_eq!((batch.len(), batch.is_full()), (size, false));
        let job = builder.prepare(&HeapArena, batch).expect("memory");
        let Aside { block, vectors } = builder.run(job).expect("not stopped");
        aside.insert(block, vectors);
    }
    let plan = builder.finish().expect("plan");
    assert_eq!(plan.nodes(), 300);
    let store = written(&plan, &aside);
    let mut index = open(&store);
    assert_eq!(connected(&mut index).rows.len(), 300);
    assert!(recall(&mut index, &data, 50, 10, 20) > 0.95);
}

fn job(builder: &Builder<HeapArena>, data: &[Vec<f32>]) -> Job<HeapArena> {
    let mut batch = Batch::new(builder.layout());
    data.iter()
        .enumerate()
        .for_each(|(i, x)| builder.push(&mut batch, x, tid(i)));
    builder.prepare(&HeapArena, batch).expect("memory")
}

#[test]
fn stops_early() {
    let data = clustered(256, 8, 9);
    let params = params(8, 4, Metric::L2, Storage::Auto);
    let builder: Builder<HeapArena> = Builder::new(params, 40, SEED, Vec::new());
    builder.run(job(&builder, &data)).expect("not stopped yet");
    builder.stop();
    assert_eq!(builder.run(job(&builder, &data)), Err(Error::Stopped));
    assert_eq!(builder.finish().err(), Some(Error::Stopped));
}

/// Threads that are at work when the build is stopped end, long before the work is done.
#[test]
fn stops_threads_at_work() {
    let data = clustered(256, 64, 9);
    let params = params(64, 16, Metric::L2, Storage::Auto);
    let builder: Builder<HeapArena> = Builder::new(params, 400, SEED, Vec::new());
    let done = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                while builder.run(job(&builder, &data)).is_ok() {
                    // It ends by being stopped alone.
                    done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
        while done.load(std::sync::atomic::Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        builder.stop();
    });
    assert_eq!(builder.run(job(&builder, &data)), Err(Error::Stopped));
}

/// The graph that a build leaves takes inserts as well as one made by inserts.
#[test]
fn inserts_after_a_build() {
    for metric in METRICS {
        let data = clustered(1500, 12, 10);
        let store = build(params(12, 8, metric, Storage::Auto), &data[..700], 1);
        let mut index = open(&store);
        insert_rows(&mut index, &data[700..], 700, 64);
        assert_eq!(connected(&mut index).rows.len(), 1500);
        let found = recall(&mut index, &data, 100, 10, 40);
        assert!(found >= 0.97, "{metric:?}: recall {found}");
    }
}

/// Share of the rows that a search for their own vector finds with a beam of `ef`.
fn found_by_themselves(index: &mut Index<MemoryStore>, data: &[Vec<f32>], ef: usize) -> f64 {
    let mut hits = 0;
    for (i, x) in data.iter().enumerate() {
        let found = rows(index, x, settings(ef, Resume::Off), ef);
        hits += usize::from(found.iter().any(|row| row.tid == tid(i)));
    }
    hits as f64 / data.len() as f64
}

/// Groups of rows of which each is nearer to all of its own than to any other.
fn far_groups(groups: usize, rows: usize, spread: f32, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed);
    let centres: Vec<Vec<f32>> = (0..groups).map(|_| rng.normals(16)).collect();
    (0..groups * rows)
        .map(|i| {
            let centre = centres[i % groups].iter();
            centre.map(|c| c + spread * rng.normal()).collect()
        })
        .collect()
}

/// A group may have no leader, or so many that none of its rows is in a leaf of another.
#[test]
fn groups_far_from_each_other() {
    for (groups, rows, spread) in [
        (300, 10, 0.01),
        (60, 50, 0.01),
        (6, 500, 0.01),
        (12, 500, 0.1),
        (1, 3000, 0.01),
    ] {
        for metric in [Metric::L2, Metric::Cosine] {
            let data = far_groups(groups, rows, spread, 11);
            let store = build(params(16, 16, metric, Storage::Auto), &data, 2);
            let mut index = open(&store);
            assert_eq!(connected(&mut index).rows.len(), data.len());
            let found = found_by_themselves(&mut index, &data, 60);
            assert!(found >= 0.99, "{groups} groups, {metric:?}: {found}");
        }
    }
}

/// Equal rows are one node, wherever they come: as leaders, in one batch, in many.
#[test]
fn equal_rows() {
    for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
        let distinct = clustered(600, 12, 13);
        let data: Vec<Vec<f32>> = distinct.iter().cycle().take(2400).cloned().collect();
        let store = build(params(12, 8, metric, Storage::Auto), &data, 2);
        let report = connected(&mut open(&store));
        assert_eq!((report.rows.len(), report.counts.nodes), (2400, 600));
    }
    let data = vec![vec![1.0; 12]; 2000];
    let store = build(params(12, 8, Metric::L2, Storage::Auto), &data, 2);
    let report = connected(&mut open(&store));
    assert_eq!((report.rows.len(), report.counts.nodes), (2000, 1));
}
