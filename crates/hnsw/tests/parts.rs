//! Searches where codes are of less than half of the coordinates, so that many nodes look nearer than they are.

mod common;

use common::*;
use hnsw::memory::MemoryStore;
use hnsw::scan::{Resume, Scan, Step};
use hnsw::{Index, Metric, Storage, Tid};
use std::collections::HashSet;

/// More than two times the coordinates of a code.
const DIMS: usize = 2112;
const N: usize = 1000;
const EF: usize = 15;
const QUERIES: usize = 40;

/// Groups of about 50 that are hardly apart: distances differ less than estimates from codes err.
fn faint_groups() -> Vec<Vec<f32>> {
    let mut rng = Rng::new(3);
    let centres: Vec<Vec<f32>> = (0..N / 50).map(|_| rng.normals(DIMS)).collect();
    let row = |_| {
        let centre = &centres[rng.below(centres.len())];
        centre.iter().map(|c| 0.3 * c + rng.normal()).collect()
    };
    (0..N).map(row).collect()
}

/// The first `limit` rows as the access method puts them in order: those that are not exact wait at their true
/// value until no row to come can be nearer; what comes behind that is left out.
fn in_order(
    index: &mut Index<MemoryStore>,
    scan: &mut Scan,
    value: impl Fn(Tid) -> f64,
    limit: usize,
) -> Vec<(Tid, f64)> {
    let mut out: Vec<(Tid, f64)> = Vec::new();
    // The nearest is the last.
    let mut queue: Vec<(Tid, f64)> = Vec::new();
    let (mut reached, mut passed) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    while out.len() < limit {
        if let Some(nearest) = queue.pop_if(|nearest| nearest.1 <= reached) {
            passed = nearest.1;
            out.push(nearest);
            continue;
        }
        let waiting = queue.last().map_or(f64::NEG_INFINITY, |nearest| nearest.1);
        let row = match scan.step(index, waiting).expect("scan") {
            Step::Row(row) => row,
            Step::Batch(next) => {
                reached = next;
                continue;
            }
            Step::End if queue.is_empty() => break,
            Step::End => {
                reached = f64::INFINITY;
                continue;
            }
        };
        reached = row.lower;
        let distance = value(row.tid);
        assert!(distance >= row.lower && distance <= row.upper, "{row:?}");
        if row.exact && queue.is_empty() {
            passed = passed.max(row.lower);
            out.push((row.tid, distance));
        } else if distance >= passed {
            queue.push((row.tid, distance));
            queue.sort_by(|a, b| b.1.total_cmp(&a.1));
        }
    }
    out
}

/// The first search ends soon after it has found the nearest, rows that wait when it has ended do not make the scan
/// go on, and a scan to the end leaves out few as too late.
#[test]
fn searches_end_early() {
    let data = faint_groups();
    for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
        let store = build(params(DIMS, 16, metric, Storage::Auto), &data, 1);
        let mut index = open(&store);
        let mut rng = Rng::new(8);
        let (mut visits, mut batches, mut hits) = (0, 0, 0);
        let (mut to_the_end, mut returned) = (0, 0);
        for i in 0..QUERIES {
            let near = &data[i * N / QUERIES];
            let q: Vec<f32> = near.iter().map(|v| v + 0.3 * rng.normal()).collect();
            let value = |t: Tid| operator(metric, &q, &data[t.block as usize]);
            let mut first = scan(&index, &q, settings(EF, Resume::Strict));
            let found = in_order(&mut index, &mut first, value, 10);
            let last = exact(metric, &data, &q, 10).1;
            hits += found.iter().filter(|f| f.1 <= last).count();
            visits += first.report().visits;
            batches += first.report().batches;
            if i % 4 == 0 {
                let mut whole = scan(&index, &q, settings(EF, Resume::Strict));
                let all = in_order(&mut index, &mut whole, value, usize::MAX);
                assert!(all.is_sorted_by(|a, b| a.1 <= b.1), "{metric:?}");
                let tids: HashSet<_> = all.iter().map(|row| row.0).collect();
                assert_eq!(tids.len(), all.len(), "a row came twice");
                assert_eq!(all[..10], found);
                to_the_end += 1;
                returned += all.len();
            }
        }
        let recall = hits as f64 / (10 * QUERIES) as f64;
        assert!(recall >= 0.95, "{metric:?}: {recall}");
        let mean = visits / QUERIES;
        assert!(mean <= 200, "{metric:?}: {mean} visits");
        assert!(batches <= QUERIES + 2, "{metric:?}: {batches} batches");
        let share = returned as f64 / (to_the_end * N) as f64;
        assert!(share >= 0.97, "{metric:?}: {share} of all rows");
    }
}
