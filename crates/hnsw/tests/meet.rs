//! Two operations at once: whatever one is doing, the other runs as a whole between two of its visits to
//! pages; for each visit of each pair that can meet. No row is lost, none comes twice, and the
//! structure is sound.
//!
//! A vacuum waits for inserts that began before, so that it does not run inside of one.

mod common;

use common::keyed::{Condition, filtered, keyed};
use common::*;
use hnsw::memory::MemoryStore;
use hnsw::page::Body;
use hnsw::scan::Resume;
use hnsw::store::PageStore;
use hnsw::vacuum::vacuum;
use hnsw::{Index, Metric, Params, Storage, Tid};
use std::collections::BTreeSet;

/// Rows in the beginning; those behind [`TWINS`] are equal to the first.
const ROWS: usize = 16;
const TWINS: usize = 12;
/// Rows that operations add.
const FIRST: usize = 1000;
const SECOND: usize = 2000;
/// So few visits make no operation.
const LEAST: u64 = 3;

type Opened<'s> = Index<'s, MemoryStore>;

/// An index in its initial state.
struct Scene {
    /// Between visits that are tried.
    step: usize,
    pages: Vec<Body>,
    data: Vec<Vec<f32>>,
}

impl Scene {
    fn new(params: Params) -> Self {
        let store = create(params);
        let mut index = open(&store);
        let mut data = clustered(TWINS, dims(&index), 8);
        data.extend(vec![data[0].clone(); ROWS - TWINS]);
        insert_rows(&mut index, &data, 0, 30);
        Self::of(&store, data)
    }

    /// With a centre, but without a row.
    fn empty(params: Params) -> Self {
        let store = create(params);
        let mut index = open(&store);
        let data = clustered(3, dims(&index), 8);
        if index.needs_centre() {
            index.establish_centre(&data[0]).expect("centre");
        }
        Self::of(&store, data)
    }

    fn of(store: &MemoryStore, data: Vec<Vec<f32>>) -> Self {
        let pages = (0..store.blocks()).map(|b| store.read(b, |body| *body).expect("page"));
        Self {
            // Vectors apart from their records take many visits, and long.
            step: if data[0].len() > 1000 { 5 } else { 1 },
            pages: pages.collect(),
            data,
        }
    }

    /// For each visit of `one`, lets `other` run before it; `judge` gets the index and what `one` gave.
    fn meet<T>(
        &self,
        one: impl Fn(&mut Opened) -> T,
        other: impl Fn(&mut Opened) + Clone + 'static,
        judge: impl Fn(&mut Opened, T),
    ) {
        for visit in (0..).step_by(self.step) {
            let store = MemoryStore::new();
            store.set_pages(self.pages.clone());
            let mut index = open(&store);
            let other = other.clone();
            store.interrupt(visit, move |store| other(&mut open(store)));
            let result = one(&mut index);
            if store.calm() {
                assert!(visit >= LEAST, "{visit} visits");
                return;
            }
            judge(&mut open(&store), result);
        }
    }

    /// A vector near to others, and to those of other calls.
    fn near(&self, by: f32) -> Vec<f32> {
        self.data[1].iter().map(|v| v + by).collect()
    }
}

/// With codes and without, with key columns, with vectors on pages and in slots apart.
fn all_params() -> [Params; 5] {
    let of = |dims, metric| params(dims, 4, metric, Storage::Auto);
    [
        of(8, Metric::L2),
        of(8, Metric::L1),
        keyed(of(8, Metric::L2)),
        params(2100, 4, Metric::L2, Storage::Float32),
        of(1200, Metric::SparseL1),
    ]
}

fn everything(index: &mut Opened, q: &[f32]) -> Vec<Tid> {
    let found = rows(index, q, settings(20, Resume::Relaxed), usize::MAX);
    found.iter().map(|row| row.tid).collect()
}

/// The index has exactly these rows, each once; all can be reached and found.
fn has(index: &mut Opened, q: &[f32], rows: impl IntoIterator<Item = usize>) {
    let wanted: BTreeSet<Tid> = rows.into_iter().map(tid).collect();
    let report = sound(index);
    assert_eq!(report.counts.unreachable, Some(0));
    let there: BTreeSet<Tid> = report.rows.iter().copied().collect();
    assert_eq!(there.len(), report.rows.len(), "a row stands twice");
    assert_eq!(there, wanted);
    let found = everything(index, q);
    assert_eq!(found.len(), wanted.len(), "a row is not found, or twice");
    assert_eq!(found.into_iter().collect::<BTreeSet<Tid>>(), wanted);
}

fn insert(x: &[f32], row: usize, level: u8) -> impl Fn(&mut Opened) + Clone + use<> {
    let x = x.to_vec();
    move |index: &mut Opened| insert_on(index, &x, tid(row), level, 30).expect("insert")
}

/// Of rows in the beginning: one in three, and most of those that are equal.
fn is_dead(row: Tid) -> bool {
    (0..ROWS).any(|i| tid(i) == row && (i % 3 == 1 || i > TWINS))
}

fn remove(index: &mut Opened) {
    vacuum(index, 30, is_dead).expect("vacuum");
}

fn survivors() -> impl Iterator<Item = usize> {
    (0..ROWS).filter(|&i| !is_dead(tid(i)))
}

#[test]
fn inserts_near_each_other() {
    for params in all_params() {
        let s = Scene::new(params);
        // The other node on the level of the first, above it, above all others.
        for level in [0, 1, 4] {
            let (x, y) = (s.near(0.25), s.near(0.5));
            s.meet(
                insert(&x, FIRST, 1),
                insert(&y, SECOND, level),
                |index, ()| {
                    has(index, &x, (0..ROWS).chain([FIRST, SECOND]));
                },
            );
        }
    }
}

#[test]
fn first_rows() {
    for params in all_params() {
        let s = Scene::empty(params);
        for y in [s.near(0.25), s.near(0.5)] {
            let x = s.near(0.25);
            s.meet(insert(&x, FIRST, 1), insert(&y, SECOND, 2), |index, ()| {
                has(index, &x, [FIRST, SECOND]);
            });
        }
    }
}

/// Equal rows, as the record of their node fills up, and as the first slot of its list does.
#[test]
fn equal_rows() {
    for params in all_params() {
        let mut s = Scene::new(params);
        let x = s.data[0].clone();
        let layout = hnsw::Layout::new(params);
        let inline = layout.inline_rows;
        let listed = inline + hnsw::tids::capacity(&layout);
        for row in 0.. {
            let there = 1 + ROWS - TWINS + 2 * row;
            if there > listed + 1 {
                break;
            }
            if [inline, listed]
                .iter()
                .any(|full| full.abs_diff(there + 1) < 2)
            {
                let judge = |index: &mut Opened, ()| {
                    let added = [FIRST, SECOND].map(|first| first..first + row + 1);
                    has(index, &x, (0..ROWS).chain(added.into_iter().flatten()));
                };
                s.meet(
                    insert(&x, FIRST + row, 0),
                    insert(&x, SECOND + row, 0),
                    judge,
                );
            }
            let store = MemoryStore::new();
            store.set_pages(std::mem::take(&mut s.pages));
            insert(&x, FIRST + row, 0)(&mut open(&store));
            insert(&x, SECOND + row, 0)(&mut open(&store));
            s = Scene::of(&store, s.data);
        }
    }
}

#[test]
fn insert_during_a_vacuum() {
    for params in all_params() {
        let s = Scene::new(params);
        // Beside nodes that die, equal to one that dies, on top of all.
        let near = s.near(0.1);
        for (x, level) in [(&near, 0), (&s.data[1], 0), (&s.data[0], 0), (&near, 4)] {
            s.meet(remove, insert(x, SECOND, level), |index, ()| {
                has(index, x, survivors().chain([SECOND]));
            });
        }
    }
}

/// All that is near a new row has just died, and is more than a search remembers.
#[test]
fn insert_among_many_dead_rows() {
    const MANY: usize = 6000;
    let dies = |i: usize| i.is_multiple_of(2);
    let mut rng = Rng::new(3);
    let mut row = |i: usize| -> Vec<f32> {
        let place = if dies(i) { 0.0 } else { 50.0 };
        rng.normals(16).iter().map(|x| x + place).collect()
    };
    let data: Vec<Vec<f32>> = (0..MANY).map(&mut row).collect();
    for metric in [Metric::L2, Metric::L1] {
        let store = build(params(16, 16, metric, Storage::Auto), &data, 2);
        let first = open(&store).layout().first_block();
        let mut index = open(&store);
        let x = data[0].iter().map(|x| x + 0.1).collect::<Vec<f32>>();
        let near = x.clone();
        // The first pass visits each page twice.
        let marked = 2 * u64::from(store.blocks() - first);
        store.interrupt(marked, move |store| {
            let mut index = open(store);
            insert(&near, MANY, 0)(&mut index);
            assert_eq!(everything(&mut index, &near).len(), MANY / 2 + 1);
        });
        let dead = |row: Tid| (0..MANY).any(|i| dies(i) && tid(i) == row);
        vacuum(&mut index, 64, dead).expect("vacuum");
        assert!(!store.calm(), "the insert came too late");
        has(
            &mut index,
            &x,
            (0..=MANY).filter(|&i| i == MANY || !dies(i)),
        );
    }
}

/// What a scan must return: rows that were there all the time. What it may: any that ever were.
fn returned(found: &[Tid], must: impl Iterator<Item = usize>) {
    let set: BTreeSet<Tid> = found.iter().copied().collect();
    assert_eq!(set.len(), found.len(), "a row came twice: {found:?}");
    for row in must {
        assert!(set.contains(&tid(row)), "row {row} is lost: {found:?}");
    }
    let known = |row: &Tid| {
        (0..ROWS)
            .chain([SECOND, SECOND + 1])
            .any(|i| tid(i) == *row)
    };
    assert!(set.iter().all(known), "{set:?}");
}

#[test]
fn insert_during_a_scan() {
    for params in all_params() {
        let s = Scene::new(params);
        let q = s.near(0.3);
        for (x, level) in [(&q, 0), (&q, 4), (&s.data[0], 0)] {
            let all = |index: &mut Opened| everything(index, &q);
            s.meet(all, insert(x, SECOND, level), |_, found| {
                returned(&found, 0..ROWS);
            });
        }
    }
}

/// Slots of removed nodes have other nodes when the scan comes to them.
#[test]
fn vacuum_and_reuse_during_a_scan() {
    for params in all_params() {
        let s = Scene::new(params);
        let q = s.near(0.3);
        let (x, y) = (s.near(-0.7), s.near(3.0));
        let all = |index: &mut Opened| everything(index, &q);
        let other = move |index: &mut Opened| {
            remove(index);
            insert(&x, SECOND, 0)(index);
            insert(&y, SECOND + 1, 1)(index);
        };
        s.meet(all, other, |_, found| returned(&found, survivors()));
    }
}

/// A row with other values joins a node, or a vacuum changes the lists, while a filtered scan looks for it.
#[test]
fn changes_during_a_filtered_scan() {
    let s = Scene::new(keyed(params(8, 4, Metric::L2, Storage::Auto)));
    let q = s.near(0.3);
    for condition in [Condition::Between(20, 70), Condition::Meets(5)] {
        let matching = |index: &mut Opened| {
            let settings = settings(3, Resume::Relaxed);
            let found = filtered(index, &q, settings, condition, usize::MAX).expect("scan");
            found.iter().map(|row| row.tid).collect::<Vec<Tid>>()
        };
        let judge = |_: &mut Opened, found: Vec<Tid>| {
            assert!(found.iter().all(|&row| condition.matches(row)));
            returned(&found, survivors().filter(|&i| condition.matches(tid(i))));
        };
        s.meet(matching, insert(&s.data[2], SECOND, 0), judge);
        let x = s.near(-0.7);
        let other = move |index: &mut Opened| {
            remove(index);
            insert(&x, SECOND, 0)(index);
        };
        s.meet(matching, other, judge);
    }
}
