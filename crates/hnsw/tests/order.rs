//! The order of rows is exact: what an executor makes of a scan is sorted by the operator's own
//! values, and no row's value is below the bound that the scan gave for it.

mod common;

use common::*;
use hnsw::scan::Resume;
use hnsw::{Metric, Storage};

/// Kinds of data that strain rounding in different ways.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Normal values times this.
    Scale(f32),
    /// Small integers: many ties.
    Grid,
    /// Few different vectors, all of them many times.
    Duplicates,
    /// Small differences far from the origin.
    Offset(f32),
    /// Norms over many orders of magnitude.
    MixedNorms,
    /// Few coordinates that are not zero.
    Sparse,
}

const KINDS: [Kind; 18] = [
    Kind::Scale(1.0),
    Kind::Scale(1e-3),
    Kind::Scale(1e-10),
    Kind::Scale(1e-18),
    Kind::Scale(1e-20),
    Kind::Scale(3e-23),
    Kind::Scale(1e-30),
    Kind::Scale(1e-42),
    Kind::Scale(1e10),
    Kind::Scale(1e18),
    Kind::Scale(1e20),
    Kind::Scale(1e30),
    Kind::Grid,
    Kind::Duplicates,
    Kind::Offset(1e3),
    Kind::Offset(1e7),
    Kind::MixedNorms,
    Kind::Sparse,
];

fn vector(kind: Kind, dims: usize, rng: &mut Rng) -> Vec<f32> {
    match kind {
        Kind::Scale(s) => rng.normals(dims).iter().map(|v| v * s).collect(),
        Kind::Grid => (0..dims).map(|_| rng.below(4) as f32 - 1.0).collect(),
        Kind::Duplicates => Rng::new(rng.below(7) as u64).normals(dims),
        Kind::Offset(by) => rng.normals(dims).iter().map(|v| by + v).collect(),
        Kind::MixedNorms => {
            let s = 10f32.powi(rng.below(13) as i32 - 6);
            rng.normals(dims).iter().map(|v| v * s).collect()
        }
        Kind::Sparse => {
            let mut x = vec![0.0; dims];
            x[rng.below(dims)] = 1.0 + rng.below(3) as f32;
            x[rng.below(dims)] = -1.5;
            x
        }
    }
}

/// Scans for rows and for other points, strictly and without resuming.
fn check_order(kind: Kind, dims: usize, n: usize, metric: Metric, storage: Storage, built: bool) {
    let name = format!("{kind:?} {dims} {metric:?} {storage:?} built {built}");
    let mut rng = Rng::new(dims as u64);
    let data: Vec<Vec<f32>> = (0..n).map(|_| vector(kind, dims, &mut rng)).collect();
    let params = params(dims, 8, metric, storage);
    let store = if built {
        build(params, &data, 1)
    } else {
        create(params)
    };
    let mut index = open(&store);
    if !built {
        insert_rows(&mut index, &data, 0, 40);
    }
    for query in 0..6 {
        let q = match query % 2 {
            0 => data[rng.below(n)].clone(),
            _ => vector(kind, dims, &mut rng),
        };
        if !index.transform().indexable(&q) {
            continue;
        }
        for (ef, resume) in [(4, Resume::Strict), (40, Resume::Strict), (40, Resume::Off)] {
            let mut scan = scan(&index, &q, settings(ef, resume));
            let found = reorder(
                || {
                    scan.next(&mut index)
                        .unwrap_or_else(|e| panic!("{name}: {e}"))
                },
                |t| operator(metric, &q, &data[t.block as usize]),
                usize::MAX,
            );
            assert!(!found.is_empty(), "{name}: no rows");
            // NaN, which the cosine of a vanishing norm is, comes last.
            let sorted = found.is_sorted_by(|a, b| a.1 <= b.1 || b.1.is_nan());
            let values: Vec<f64> = found.iter().map(|f| f.1).collect();
            assert!(sorted, "{name} ef {ef} {resume:?}: {values:?}");
        }
    }
}

fn check_metric(metric: Metric) {
    let storages = match metric.only_storage() {
        None => &STORAGES[..],
        Some(_) => &STORAGES[..1],
    };
    for &storage in storages {
        for kind in KINDS {
            check_order(kind, 3, 60, metric, storage, false);
            check_order(kind, 40, 150, metric, storage, false);
            check_order(kind, 128, 150, metric, storage, true);
        }
    }
}

#[test]
fn l2() {
    check_metric(Metric::L2);
}

#[test]
fn inner_product() {
    check_metric(Metric::InnerProduct);
}

#[test]
fn cosine() {
    check_metric(Metric::Cosine);
}

#[test]
fn l1() {
    check_metric(Metric::L1);
}

#[test]
fn hamming() {
    check_metric(Metric::Hamming);
}

#[test]
fn jaccard() {
    check_metric(Metric::Jaccard);
}

#[test]
fn sparse() {
    for metric in METRICS {
        if metric.only_storage() == Some(Storage::Sparse) {
            check_metric(metric);
        }
    }
}

#[test]
fn long_vectors() {
    for metric in METRICS {
        for storage in STORAGES {
            check_order(Kind::Scale(1.0), 3000, 60, metric, storage, true);
            check_order(Kind::Offset(100.0), 3000, 40, metric, storage, false);
        }
    }
}

/// Every row has a value at and above its bound, whatever the order in which rows come.
#[test]
fn bounds_enclose_the_value() {
    for metric in METRICS {
        for storage in STORAGES {
            for kind in KINDS {
                let mut rng = Rng::new(3);
                let data: Vec<Vec<f32>> = (0..80).map(|_| vector(kind, 50, &mut rng)).collect();
                let store = build(params(50, 8, metric, storage), &data, 1);
                let mut index = open(&store);
                let q = vector(kind, 50, &mut rng);
                for row in rows(&mut index, &q, settings(10, Resume::Relaxed), usize::MAX) {
                    let value = operator(metric, &q, &data[row.tid.block as usize]);
                    assert!(
                        value.is_nan() || value >= row.lower,
                        "{metric:?} {storage:?} {kind:?}: {value:e} is below {row:?}"
                    );
                }
            }
        }
    }
}
