//! The resumable scan: what it returns when it is drained, and what ends it.

mod common;

use common::*;
use hnsw::memory::MemoryStore;
use hnsw::scan::{End, Resume, Row, Settings};
use hnsw::{Index, Metric, Storage};
use std::collections::HashSet;

const N: usize = 1500;

fn sample(metric: Metric) -> (MemoryStore, Vec<Vec<f32>>) {
    let data = clustered(N, 16, 3);
    let store = build(params(16, 8, metric, Storage::Auto), &data, 1);
    connected(&mut open(&store));
    (store, data)
}

fn drain(index: &mut Index<MemoryStore>, q: &[f32], settings: Settings) -> Vec<Row> {
    let found = rows(index, q, settings, usize::MAX);
    let unique: HashSet<_> = found.iter().map(|r| r.tid).collect();
    assert_eq!(unique.len(), found.len(), "a row came twice");
    found
}

#[test]
fn relaxed_returns_all_rows() {
    for metric in METRICS {
        let (store, data) = sample(metric);
        let mut index = open(&store);
        for ef in [1, 2, 10, 100] {
            for q in [&data[5], &data[700], &vec![0.5; 16]] {
                let found = drain(&mut index, q, settings(ef, Resume::Relaxed));
                assert_eq!(found.len(), N, "{metric:?} ef {ef}");
                assert!(found.iter().all(|r| r.exact));
            }
        }
    }
}

/// Rows that turn up too late are left out; these are few.
#[test]
fn strict_returns_most_rows_in_order() {
    for metric in METRICS {
        let (store, data) = sample(metric);
        let mut index = open(&store);
        for ef in [10, 40, 400] {
            let mut all = 0;
            for i in 0..5 {
                let found = drain(&mut index, &data[i * 100], settings(ef, Resume::Strict));
                assert!(found.is_sorted_by(|a, b| a.lower <= b.lower));
                all += found.len();
            }
            let share = all as f64 / (5 * N) as f64;
            assert!(share >= 0.99, "{metric:?} ef {ef}: {share}");
        }
    }
}

/// As many nodes as the beam holds, and all that are nearer than the last one.
#[test]
fn off_returns_the_beam() {
    for metric in METRICS {
        let (store, data) = sample(metric);
        let mut index = open(&store);
        for ef in [1, 2, 10, 100] {
            let found = drain(&mut index, &data[9], settings(ef, Resume::Off));
            let nodes: HashSet<_> = found.iter().map(|r| r.node).collect();
            assert!(
                nodes.len() <= ef,
                "{metric:?} ef {ef}: {} nodes",
                nodes.len()
            );
            assert!(
                nodes.len() * 2 >= ef,
                "{metric:?} ef {ef}: {} nodes",
                nodes.len()
            );
        }
    }
}

#[test]
fn a_limit_of_visits_ends_a_scan() {
    for metric in METRICS {
        let (store, data) = sample(metric);
        let mut index = open(&store);
        let limited = Settings {
            max_visits: 300,
            ..settings(20, Resume::Relaxed)
        };
        let found = drain(&mut index, &data[1], limited);
        assert!(
            (20..N).contains(&found.len()),
            "{metric:?}: {}",
            found.len()
        );
        let first_only = Settings {
            max_visits: 0,
            ..settings(20, Resume::Relaxed)
        };
        assert!(drain(&mut index, &data[1], first_only).len() >= 10);
    }
}

/// Without memory for candidates to go on from, the first beam is still returned.
#[test]
fn a_limit_of_memory_ends_a_scan() {
    for metric in METRICS {
        let (store, data) = sample(metric);
        let mut index = open(&store);
        let without = Settings {
            memory: 0,
            ..settings(20, Resume::Relaxed)
        };
        let found = drain(&mut index, &data[1], without).len();
        assert!((10..N).contains(&found), "{metric:?}: {found}");
        let little = Settings {
            memory: 24 * 100,
            ..settings(20, Resume::Relaxed)
        };
        let more = drain(&mut index, &data[1], little).len();
        assert!((found..N).contains(&more), "{metric:?}: {found} {more}");
    }
}

/// Nodes that many name wait once each.
#[test]
fn memory_for_each_candidate_is_enough() {
    const ROWS: usize = 8000;
    let params = params(16, 16, Metric::L2, Storage::Auto);
    let data = clustered(ROWS, 16, 21);
    let store = build(params, &data, 2);
    let mut index = open(&store);
    let settings = Settings {
        memory: 24 * 60_000,
        ..settings(40, Resume::Relaxed)
    };
    let mut scan = scan(&index, &data[0], settings);
    let mut rows = 0;
    while scan.next(&mut index).expect("scan").is_some() {
        rows += 1;
    }
    assert_eq!((rows, scan.report().end), (ROWS, Some(End::Exhausted)));
}

#[test]
fn a_scan_says_why_it_ended() {
    let (store, data) = sample(Metric::L2);
    let mut index = open(&store);
    let relaxed = settings(20, Resume::Relaxed);
    let cases = [
        (relaxed, End::Exhausted),
        (settings(20, Resume::Off), End::Beam),
        (
            Settings {
                max_visits: 100,
                ..relaxed
            },
            End::Visits,
        ),
        (
            Settings {
                memory: 24 * 100,
                ..relaxed
            },
            End::Memory,
        ),
    ];
    for (settings, end) in cases {
        let mut scan = scan(&index, &data[0], settings);
        let mut rows = 0;
        assert_eq!((scan.report().batches, scan.report().end), (0, None));
        while scan.next(&mut index).expect("scan").is_some() {
            rows += 1;
        }
        let report = scan.report();
        assert_eq!(report.end, Some(end));
        assert!(report.visits >= rows && report.late == 0, "{report:?}");
        assert_eq!(report.batches > 1, end != End::Beam, "{report:?}");
    }
}

#[test]
fn an_ended_scan_stays_ended() {
    let (store, data) = sample(Metric::L2);
    let mut index = open(&store);
    let mut scan = scan(&index, &data[0], settings(50, Resume::Relaxed));
    while scan.next(&mut index).expect("scan").is_some() {}
    let visits = scan.report().visits;
    assert!(scan.next(&mut index).expect("scan").is_none());
    assert_eq!((scan.report().visits, visits), (N, N));
}

#[test]
fn an_empty_index_has_no_rows() {
    for metric in METRICS {
        let store = create(params(5, 16, metric, Storage::Auto));
        let mut index = open(&store);
        let found = rows(&mut index, &[1.0; 5], settings(10, Resume::Strict), 10);
        assert!(found.is_empty());
    }
}
