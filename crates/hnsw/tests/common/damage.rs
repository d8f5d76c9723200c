//! Indexes whose pages hold anything at all, and every operation on them.

use super::*;
use hnsw::store::PageStore;
use hnsw::vacuum::{count, vacuum};
use hnsw::{Error, Result};

/// Far more visits than any operation on the small indexes here needs.
const MOST_READS: u64 = 1_000_000;

fn pages(store: &MemoryStore) -> Vec<Body> {
    (0..store.blocks())
        .map(|b| store.read(b, |body| *body).expect("page"))
        .collect()
}

/// An index with all kinds of pages, levels and lists, some dead nodes and some free slots.
pub fn sample(dims: usize, metric: Metric, storage: Storage) -> Vec<Body> {
    sample_of(params(dims, 3, metric, storage))
}

pub fn sample_of(params: Params) -> Vec<Body> {
    let store = create(params);
    let mut index = open(&store);
    let dims = super::dims(&index);
    let mut data = clustered(24, dims, 4);
    data.extend(vec![data[3].clone(); if dims > 1000 { 1400 } else { 90 }]);
    insert_rows(&mut index, &data, 0, 40);
    vacuum(&mut index, 40, |t| t.block < 24 && t.block % 5 == 4).expect("vacuum");
    insert_on(&mut index, &data[20], tid(9000), 2, 40).expect("insert");
    // A vacuum that is cut short leaves dead nodes.
    store.fail_after(Some(8));
    vacuum(&mut index, 40, |t| t.block < 24 && t.block % 5 == 2).expect_err("refused");
    store.fail_after(None);
    sound(&mut index);
    pages(&store)
}

/// Says what was being tried if a test panics.
struct Trying(String);

impl Drop for Trying {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("while trying {}", self.0);
        }
    }
}

fn drain(index: &mut Index<MemoryStore>, q: &[f32], settings: Settings) -> Result<()> {
    let mut scan: Scan = scan(index, q, settings);
    while let Some(row) = scan.next(index)? {
        assert!(row.tid.is_valid(), "{row:?}");
    }
    Ok(())
}

type Operation = fn(&mut Index<MemoryStore>, &[f32]) -> Result<()>;

/// Every operation on an index of these pages; how many found that it is corrupted.
pub fn survive(pages: &[Body], what: impl Into<String>) -> usize {
    let mut refused = 0;
    let _trying = Trying(what.into());
    let operations: [Operation; 8] = [
        |index, q| drain(index, q, settings(10, Resume::Strict)),
        |index, q| drain(index, q, settings(3, Resume::Relaxed)),
        |index, q| {
            if index.layout().params.keys.columns == 0 {
                return Ok(());
            }
            let condition = keyed::Condition::Between(20, 60);
            keyed::filtered(index, q, settings(3, Resume::Strict), condition, usize::MAX)?;
            let condition = keyed::Condition::Meets(1);
            keyed::filtered(index, q, settings(3, Resume::Strict), condition, 5).map(|_| ())
        },
        |index, q| insert_row(index, q, tid(7000), &mut Rng::new(1), 20),
        |index, q| insert_on(index, q, tid(7001), 1, 20),
        |index, _| check(index).map(|_| ()),
        |index, _| vacuum(index, 20, |t| t.block.is_multiple_of(3)).map(|_| ()),
        |index, _| count(index).map(|_| ()),
    ];
    let store = MemoryStore::new();
    for (i, operation) in operations.iter().enumerate() {
        // Vacuum is tried on the pages as inserts left them.
        if i < 6 {
            store.set_pages(pages.to_vec());
        }
        store.limit_reads(Some(store.reads() + MOST_READS));
        let result = Index::open(&store).and_then(|mut index| {
            let dims = dims(&index);
            let q: Vec<f32> = (0..dims).map(|i| 0.3 + i as f32 * 0.01).collect();
            operation(&mut index, &q)
        });
        match result {
            Ok(()) => {}
            Err(Error::Corrupted { .. } | Error::Version(_) | Error::Full) => refused += 1,
            Err(e) => panic!("operation {i}: {e}"),
        }
    }
    refused
}
