//! Random sequences of inserts, deletes, vacuums, scans and refused writes against a plain list of
//! rows.

mod common;

use common::Rng;
use common::keyed::keyed;
use common::model::{Model, Op};
use common::*;
use hnsw::memory::MemoryStore;
use hnsw::scan::Resume;
use hnsw::vacuum::vacuum;
use hnsw::{Index, Metric, Params, Storage, Tid};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1u8..40).prop_map(Op::Insert),
        3 => (any::<u16>(), 1u8..30).prop_map(|(i, n)| Op::Repeat(i, n)),
        3 => (2u8..5, 0u8..5).prop_map(|(by, rest)| Op::Delete(by, rest)),
        1 => Just(Op::DeleteAll),
        4 => Just(Op::Vacuum),
        4 => any::<u16>().prop_map(Op::Search),
        2 => any::<u16>().prop_map(Op::Mark),
        1 => Just(Op::Forget),
        2 => any::<u8>().prop_map(Op::Refuse),
    ]
}

fn interleave(params: Params, ops: &[Op]) {
    Model::new(&create(params)).run(ops);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn l2(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(params(6, 4, Metric::L2, Storage::Int8), &ops);
    }

    #[test]
    fn cosine(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(params(40, 16, Metric::Cosine, Storage::Auto), &ops);
    }

    #[test]
    fn inner_product(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(params(5, 4, Metric::InnerProduct, Storage::Float16), &ops);
    }

    #[test]
    fn l1_with_few_lanes(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(params(4, 3, Metric::L1, Storage::Float32), &ops);
    }

    #[test]
    fn hamming(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(params(3, 3, Metric::Hamming, Storage::Auto), &ops);
    }

    #[test]
    fn jaccard(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(params(20, 8, Metric::Jaccard, Storage::Auto), &ops);
    }

    #[test]
    fn sparse_l2(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(params(20, 4, Metric::SparseL2, Storage::Auto), &ops);
    }

    #[test]
    fn sparse_inner_product(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(params(30, 8, Metric::SparseInnerProduct, Storage::Auto), &ops);
    }

    #[test]
    fn sparse_cosine_in_many_slots(ops in proptest::collection::vec(op(), 1..12)) {
        interleave(params(1700, 4, Metric::SparseCosine, Storage::Auto), &ops);
    }

    #[test]
    fn keyed_l2(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(keyed(params(6, 4, Metric::L2, Storage::Auto)), &ops);
    }

    #[test]
    fn keyed_cosine(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(keyed(params(600, 16, Metric::Cosine, Storage::Auto)), &ops);
    }

    #[test]
    fn keyed_l1(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(keyed(params(4, 8, Metric::L1, Storage::Float32)), &ops);
    }

    #[test]
    fn keyed_hamming(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(keyed(params(20, 8, Metric::Hamming, Storage::Auto)), &ops);
    }

    #[test]
    fn keyed_sparse_l2(ops in proptest::collection::vec(op(), 1..25)) {
        interleave(keyed(params(20, 4, Metric::SparseL2, Storage::Auto)), &ops);
    }

    #[test]
    fn keyed_split_records(ops in proptest::collection::vec(op(), 1..12)) {
        interleave(keyed(params(2200, 4, Metric::L2, Storage::Float32)), &ops);
    }

    #[test]
    fn split_records(ops in proptest::collection::vec(op(), 1..12)) {
        interleave(params(2200, 4, Metric::L2, Storage::Float32), &ops);
    }

    #[test]
    fn split_records_of_bits(ops in proptest::collection::vec(op(), 1..12)) {
        interleave(params(1000, 20, Metric::Hamming, Storage::Auto), &ops);
    }
}

/// Half of the rows go and others come, many times: slots are reused.
#[test]
fn pages_are_reused() {
    for (dims, metric) in [
        (8, Metric::L2),
        (2200, Metric::L1),
        (2200, Metric::SparseL1),
    ] {
        let store = create(params(dims, 8, metric, Storage::Float32));
        let mut model = Model::new(&store);
        let n = if dims == 8 { 300 } else { 60 };
        let mut after_first = 0;
        for round in 0..8 {
            for _ in model.live.len()..n {
                let x = model.vector();
                model.insert(x);
            }
            model.delete(|n| n % 2 == round % 2);
            model.vacuum();
            use hnsw::store::PageStore;
            match round {
                0 => after_first = store.blocks(),
                // Upper levels vary in size.
                _ => assert!(
                    store.blocks() <= after_first + after_first / 6 + 4,
                    "{round}"
                ),
            }
        }
    }
}

/// A part of the rows goes at random; the others are found as before.
#[test]
fn recall_after_vacuum() {
    for metric in METRICS {
        let data = clustered(2000, 16, 5);
        let store = build(params(16, 12, metric, Storage::Auto), &data, 1);
        let mut index = open(&store);
        let gone = |t: Tid| t.block % 10 < 3;
        let stats = vacuum(&mut index, 64, gone).expect("vacuum");
        assert_eq!((stats.removed, stats.rows), (600, 1400));
        connected(&mut index);
        let mut left: HashMap<usize, Vec<f32>> = data.iter().cloned().enumerate().collect();
        left.retain(|i, _| i % 10 >= 3);
        let mut hits = 0;
        for i in (3..2000).step_by(50) {
            let q: Vec<f32> = data[i].iter().map(|v| v + 0.01).collect();
            let mut values: Vec<f64> = left.values().map(|x| operator(metric, &q, x)).collect();
            values.sort_by(f64::total_cmp);
            let found = rows(&mut index, &q, settings(100, Resume::Off), 100);
            assert!(found.iter().all(|r| !gone(r.tid)));
            let mut found: Vec<f64> = found
                .iter()
                .map(|r| operator(metric, &q, &data[r.tid.block as usize]))
                .collect();
            found.sort_by(f64::total_cmp);
            hits += found.iter().take(10).filter(|v| **v <= values[9]).count();
        }
        assert!(hits >= 392, "{metric:?}: {hits} of 400");
    }
}

/// All rows are deleted, then others come, before and after a vacuum.
#[test]
fn all_rows_go() {
    for metric in METRICS {
        for storage in STORAGES {
            let store = create(params(10, 6, metric, storage));
            let mut model = Model::new(&store);
            for _ in 0..3 {
                for _ in 0..60 {
                    let x = model.vector();
                    model.insert(x);
                }
                model.delete(|_| true);
                model.vacuum();
                assert_eq!(model.index.meta().entry, hnsw::record::NONE);
                let q = model.vector();
                assert!(rows(&mut model.index, &q, settings(9, Resume::Strict), 9).is_empty());
            }
            for _ in 0..30 {
                let x = model.vector();
                model.insert(x);
            }
            model.vacuum();
            model.search(0);
        }
    }
}

/// Many equal rows are one node with lists of TIDs; churn does not let the lists grow.
#[test]
fn equal_rows() {
    use hnsw::store::PageStore;
    for metric in METRICS {
        let n = 20_000;
        let x = vec![0.25f32; 12];
        let params = params(12, 8, metric, Storage::Auto);
        let store = build(params, &vec![x.clone(); n], 1);
        let mut index = open(&store);
        let q = vec![0.5f32; 12];
        let report = connected(&mut index);
        assert_eq!(
            (report.counts.nodes, report.rows.len()),
            (1, n),
            "{metric:?}"
        );
        assert_eq!(
            rows(&mut index, &q, settings(10, Resume::Strict), usize::MAX).len(),
            n
        );
        let pages = store.blocks();

        // Half of them go and come again, several times.
        let mut next = n;
        let mut rng = Rng::new(1);
        let mut live: HashSet<Tid> = (0..n).map(tid).collect();
        for round in 0..3u32 {
            let gone = |t: Tid| t.block % 2 == round % 2;
            let stats = vacuum(&mut index, 40, gone).expect("vacuum");
            live.retain(|&t| !gone(t));
            assert_eq!(stats.rows as usize, live.len());
            let reads = store.reads();
            let missing = n - live.len();
            for _ in 0..missing {
                insert_row(&mut index, &x, tid(next), &mut rng, 40).expect("insert");
                live.insert(tid(next));
                next += 1;
            }
            // An insert does not walk the whole list.
            assert!(
                (store.reads() - reads) / (missing as u64) < 30,
                "{metric:?}"
            );
            let report = connected(&mut index);
            assert_eq!((report.counts.nodes, report.rows.len()), (1, n));
            let found = rows(&mut index, &q, settings(10, Resume::Strict), usize::MAX);
            assert_eq!(found.iter().map(|r| r.tid).collect::<HashSet<_>>(), live);
        }
        assert!(
            store.blocks() <= pages + pages / 10 + 2,
            "{metric:?}: {} {pages}",
            store.blocks()
        );
        vacuum(&mut index, 40, |_| true).expect("vacuum");
        let report = sound(&mut index);
        assert_eq!((report.counts.nodes, report.rows.len()), (0, 0));
        assert!(report.counts.free >= (pages as usize - 3) * index.layout().slots);
    }
}

/// Few different vectors, each very often, from a build by several threads and by inserts.
#[test]
fn few_different_rows() {
    for metric in METRICS {
        let n = 3000;
        let data: Vec<Vec<f32>> = (0..n).map(|i| Rng::new(i % 20).normals(7)).collect();
        let store = build(params(7, 5, metric, Storage::Auto), &data, 2);
        let mut index = open(&store);
        insert_rows(&mut index, &data, n as usize, 40);
        let report = connected(&mut index);
        assert_eq!(report.rows.len(), 2 * n as usize);
        // Threads may race with the first of each.
        assert!(
            report.counts.nodes <= 40
                || matches!(metric, Metric::InnerProduct | Metric::SparseInnerProduct),
            "{}",
            report.counts.nodes
        );
        let found = rows(
            &mut index,
            &data[0],
            settings(40, Resume::Relaxed),
            usize::MAX,
        );
        assert_eq!(found.len(), 2 * n as usize);
    }
}

/// A marked row is passed over by scans that ask for it, until vacuum takes it away.
#[test]
fn marked_rows() {
    for metric in METRICS {
        let data = clustered(50, 6, 1);
        let store = build(params(6, 4, metric, Storage::Auto), &data, 1);
        let mut index = open(&store);
        let all = settings(60, Resume::Relaxed);
        let row = rows(&mut index, &data[7], all, usize::MAX)[3];
        let tids = |index: &mut Index<MemoryStore>, skip_dead| -> HashSet<Tid> {
            let settings = hnsw::scan::Settings { skip_dead, ..all };
            let found = rows(index, &data[7], settings, usize::MAX);
            found.iter().map(|r| r.tid).collect()
        };
        // Not if the table says that the row lives, nor in a node of another generation.
        index
            .mark_dead(row.node, row.generation, &[row.tid], |_| false)
            .expect("mark");
        index
            .mark_dead(row.node, row.generation + 1, &[row.tid], |_| true)
            .expect("mark");
        index
            .mark_dead(row.node, row.generation, &[tid(999)], |_| true)
            .expect("mark");
        assert_eq!(tids(&mut index, true).len(), 50);
        index
            .mark_dead(row.node, row.generation, &[row.tid], |_| true)
            .expect("mark");
        let left = tids(&mut index, true);
        assert!(left.len() == 49 && !left.contains(&row.tid), "{metric:?}");
        assert_eq!(tids(&mut index, false).len(), 50);
        sound(&mut index);
        let stats = vacuum(&mut index, 20, |t| t == row.tid).expect("vacuum");
        assert_eq!((stats.removed, stats.rows), (1, 49));
        assert_eq!(tids(&mut index, false), left);
    }
}

/// Under the inner product a vector is not its own nearest, and equal ones may be nodes of their own:
/// all of them are found.
#[test]
fn equal_rows_of_small_norm() {
    let mut rng = Rng::new(3);
    let mut data = clustered(300, 8, 3);
    for x in &mut data {
        let size = 1.0 + 3.0 * rng.uniform() as f32;
        x.iter_mut().for_each(|v| *v *= size);
    }
    let small: Vec<f32> = rng.normals(8).iter().map(|v| v * 0.2).collect();
    data.extend(vec![small; 300]);
    let params = params(8, 8, Metric::InnerProduct, Storage::Float32);
    let inserted = create(params);
    insert_rows(&mut open(&inserted), &data, 0, 64);
    for store in [build(params, &data, 1), inserted] {
        let mut index = open(&store);
        connected(&mut index);
        let found = rows(
            &mut index,
            &data[0],
            settings(20, Resume::Relaxed),
            usize::MAX,
        );
        assert_eq!(found.len(), 600);
    }
}
