//! Every write of every operation fails once: what is left works, loses no committed row, and is
//! cleaned up by the next vacuum.

mod common;

use common::keyed::keyed;
use common::*;
use hnsw::memory::MemoryStore;
use hnsw::scan::Resume;
use hnsw::store::PageStore;
use hnsw::vacuum::{count, vacuum};
use hnsw::{Error, Index, Metric, Params, Result, Storage, Tid, check};
use std::collections::HashSet;

/// A copy of all pages, with the free space map as a vacuum would leave it.
fn copy(store: &MemoryStore) -> MemoryStore {
    let pages = (0..store.blocks()).map(|b| store.read(b, |body| *body).expect("page"));
    let copy = MemoryStore::new();
    copy.set_pages(pages.collect());
    count(&mut open(&copy)).expect("count");
    copy
}

/// Rows of an index with their vectors; those of the operation under test are not among them.
struct Base {
    store: MemoryStore,
    rows: Vec<(Tid, Vec<f32>)>,
}

fn base(dims: usize, n: usize, metric: Metric, storage: Storage) -> Base {
    base_of(params(dims, 3, metric, storage), n)
}

fn base_of(params: Params, n: usize) -> Base {
    let store = create(params);
    let mut index = open(&store);
    let data = clustered(n, dims(&index), 2);
    insert_rows(&mut index, &data, 0, 40);
    connected(&mut index);
    Base {
        store,
        rows: data
            .into_iter()
            .enumerate()
            .map(|(i, x)| (tid(i), x))
            .collect(),
    }
}

const UNCOMMITTED: u32 = 1_000_000;

/// Refuses the n-th write of `operation`, for every n, and looks at what is left. The operation adds
/// rows from block [`UNCOMMITTED`] on and removes those that are `gone`.
fn refuse_each(
    base: &Base,
    gone: impl Fn(Tid) -> bool,
    operation: impl Fn(&mut Index<MemoryStore>) -> Result<()>,
) {
    let left: HashSet<Tid> = base
        .rows
        .iter()
        .map(|r| r.0)
        .filter(|&t| !gone(t))
        .collect();
    for n in 0.. {
        let store = copy(&base.store);
        store.fail_after(Some(n));
        let result = Index::open(&store).and_then(|mut index| operation(&mut index));
        store.fail_after(None);
        // A later process knows nothing of what this one had in mind.
        store.forget_hints();
        let mut index = open(&store);
        let report = check::check(&index).expect("check");
        assert!(
            report.problems.is_empty(),
            "write {n}: {:?}",
            report.problems
        );
        let all: HashSet<Tid> = report.rows.iter().copied().collect();
        assert!(left.is_subset(&all), "write {n}: rows are lost");
        for (row, x) in base.rows.iter().filter(|r| left.contains(&r.0)).step_by(7) {
            let found = rows(&mut index, x, settings(60, Resume::Relaxed), usize::MAX);
            assert!(
                found.iter().any(|r| r.tid == *row),
                "write {n}: {row:?} is not found"
            );
        }
        let more = clustered(12, dims(&index), 77);
        insert_rows(&mut index, &more[..6], 5000, 40);
        // Rows of a transaction that failed are dead.
        let dead = |t: Tid| t.block >= UNCOMMITTED || t.block < 5000 && gone(t);
        let stats = vacuum(&mut index, 40, dead).expect("vacuum");
        assert_eq!(stats.rows as usize, left.len() + 6, "write {n}");
        let report = connected(&mut index);
        let all: HashSet<Tid> = report.rows.iter().copied().collect();
        assert!(
            left.is_subset(&all) && all.len() == report.rows.len(),
            "write {n}"
        );
        insert_rows(&mut index, &more[6..], 6000, 40);
        connected(&mut index);
        let q = &base.rows[0].1;
        let found = rows(&mut index, q, settings(60, Resume::Relaxed), usize::MAX);
        assert_eq!(found.len(), left.len() + 12, "write {n}");
        match result {
            Ok(()) => {
                assert!(n > 0, "the operation writes nothing");
                return;
            }
            Err(e) => assert_eq!(e, Error::Store("write refused".into())),
        }
    }
}

fn uncommitted(i: u32) -> Tid {
    Tid {
        block: UNCOMMITTED + i,
        offset: 3,
    }
}

/// Nothing is dead but what the failed operation added.
fn nothing(_: Tid) -> bool {
    false
}

fn insert_at(level: u8) -> impl Fn(&mut Index<MemoryStore>) -> Result<()> {
    move |index| {
        let dims = dims(index);
        insert_on(index, &clustered(3, dims, 55)[1], uncommitted(0), level, 40)
    }
}

#[test]
fn insert() {
    for metric in METRICS {
        for storage in [Storage::Float32, Storage::Int8] {
            let base = base(8, 80, metric, storage);
            refuse_each(&base, nothing, insert_at(0));
            refuse_each(&base, nothing, insert_at(1));
            // Becomes the entry point.
            refuse_each(&base, nothing, insert_at(9));
        }
    }
}

#[test]
fn insert_into_an_empty_index() {
    for metric in METRICS {
        let store = create(params(3000, 3, metric, Storage::Float32));
        let x = clustered(1, 3000, 9).remove(0);
        for n in 0.. {
            let store = copy(&store);
            store.fail_after(Some(n));
            let mut rng = Rng::new(1);
            let result = insert_row(&mut open(&store), &x, uncommitted(0), &mut rng, 40);
            store.fail_after(None);
            let mut index = open(&store);
            sound(&mut index);
            let committed = clustered(9, 3000, 1);
            insert_rows(&mut index, &committed, 0, 40);
            vacuum(&mut index, 40, |t| t.block >= UNCOMMITTED).expect("vacuum");
            assert_eq!(connected(&mut index).rows.len(), 9);
            for (i, x) in committed.iter().enumerate() {
                let found = rows(&mut index, x, settings(20, Resume::Relaxed), 9);
                assert!(found.iter().any(|r| r.tid == tid(i)), "write {n}");
            }
            if result.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn create_an_index() {
    let params = params(5000, 3, Metric::L2, Storage::Float32);
    for n in 0.. {
        let store = MemoryStore::new();
        store.fail_after(Some(n));
        if Index::create(&store, params, 1).is_ok() {
            assert_eq!(n, 4, "a metapage and three of the centre");
            break;
        }
        // An index that was not finished is an error, if not an empty index.
        if let Err(e) = Index::open(&store).and_then(|i| check::check(&i)) {
            assert!(matches!(e, Error::Corrupted { .. }), "{e}");
        }
    }
}

/// Many equal rows: the record overflows into lists.
fn with_twins(dims: usize, copies: usize, metric: Metric) -> Base {
    add_twins(base(dims, 40, metric, Storage::Float32), copies)
}

fn add_twins(mut base: Base, copies: usize) -> Base {
    let mut index = open(&base.store);
    let x = base.rows[11].1.clone();
    let mut rng = Rng::new(3);
    for i in 0..copies {
        insert_row(&mut index, &x, tid(200 + i), &mut rng, 40).expect("insert");
        base.rows.push((tid(200 + i), x.clone()));
    }
    base
}

#[test]
fn rows_beyond_a_record() {
    for metric in [Metric::L2, Metric::L1, Metric::Jaccard, Metric::SparseL2] {
        let layout = hnsw::Layout::new(params(8, 3, metric, Storage::Float32));
        let (inline, list) = (layout.inline_rows, hnsw::tids::capacity(&layout));
        // The next row is the first of a list, in the middle of one, the first of a second.
        for copies in [inline - 2, inline - 1, inline + 3, inline - 1 + list] {
            let base = with_twins(8, copies, metric);
            let x = base.rows[11].1.clone();
            refuse_each(&base, nothing, |index| {
                insert_on(index, &x, uncommitted(0), 0, 40)
            });
            refuse_each(&base, nothing, |index| {
                (0..3).try_for_each(|i| insert_on(index, &x, uncommitted(i), 0, 40))
            });
        }
    }
}

fn vacuum_of(gone: impl Fn(Tid) -> bool) -> impl Fn(&mut Index<MemoryStore>) -> Result<()> {
    move |index| vacuum(index, 40, &gone).map(|_| ())
}

#[test]
fn vacuum_with_repair() {
    for metric in METRICS {
        let third = |t: Tid| t.block % 3 == 1;
        let small = base(8, 60, metric, Storage::Int8);
        refuse_each(&small, third, vacuum_of(third));
        let most = |t: Tid| t.block > 4;
        refuse_each(&small, most, vacuum_of(most));
    }
}

#[test]
fn vacuum_of_lists() {
    for metric in [Metric::L2, Metric::L1, Metric::Jaccard, Metric::SparseL2] {
        let base = with_twins(8, 150, metric);
        let half = |t: Tid| t.block.is_multiple_of(2);
        refuse_each(&base, half, vacuum_of(half));
        let twins = |t: Tid| t.block >= 200 || t.block == 11;
        refuse_each(&base, twins, vacuum_of(twins));
    }
}

/// Own vectors on pages apart, in new pages and in those that a vacuum freed.
#[test]
fn split_records() {
    for metric in [Metric::L2, Metric::L1, Metric::Jaccard, Metric::SparseL2] {
        let mut base = base(4500, 14, metric, Storage::Float32);
        refuse_each(&base, nothing, insert_at(0));
        refuse_each(&base, nothing, insert_at(1));
        let some = |t: Tid| t.block % 4 == 1;
        refuse_each(&base, some, vacuum_of(some));
        vacuum(&mut open(&base.store), 40, some).expect("vacuum");
        base.rows.retain(|r| !some(r.0));
        refuse_each(&base, nothing, insert_at(0));
        refuse_each(&base, nothing, insert_at(1));
    }
}

/// Inserts that fail again and again, with vacuums in between, do not eat space without end.
#[test]
fn failed_inserts_leave_no_space_behind() {
    for (dims, metric) in [
        (8, Metric::L2),
        (4500, Metric::L2),
        (1500, Metric::SparseL2),
    ] {
        let base = base(dims, 10, metric, Storage::Float32);
        let mut index = open(&base.store);
        let x = clustered(3, dims, 55).remove(2);
        let blocks = base.store.blocks();
        for round in 0..40 {
            base.store.fail_after(Some(1 + round % 4));
            insert_on(&mut index, &x, uncommitted(0), 1, 40).expect_err("a write is refused");
            base.store.fail_after(None);
            vacuum(&mut index, 40, |t| t.block >= UNCOMMITTED).expect("vacuum");
            connected(&mut index);
        }
        let grown = base.store.blocks() - blocks;
        assert!(grown <= 4 * index.layout().unit_pages(), "{dims}: {grown}");
    }
}

/// Nodes, rows of one node with other keys, and the map.
#[test]
fn key_columns() {
    for (dims, metric) in [(8, Metric::L2), (8, Metric::L1), (4500, Metric::Jaccard)] {
        let params = keyed(params(dims, 3, metric, Storage::Float32));
        let base = add_twins(base_of(params, 40), 6);
        let x = base.rows[11].1.clone();
        refuse_each(&base, nothing, insert_at(0));
        refuse_each(&base, nothing, insert_at(1));
        refuse_each(&base, nothing, |index| {
            (0..9).try_for_each(|i| insert_on(index, &x, uncommitted(i), 0, 40))
        });
        let third = |t: Tid| t.block % 3 == 1;
        refuse_each(&base, third, vacuum_of(third));
    }
}
