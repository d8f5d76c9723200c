//! Builds by leaves: what `ef_construction` does, what inner product takes, and that they can be stopped.

mod common;

use common::*;
use hnsw::build::{Arena, BATCH, Batch, Builder, HeapArena, HeapBytes};
use hnsw::memory::MemoryStore;
use hnsw::record::{Record, SlotKind};
use hnsw::scan::Resume;
use hnsw::store::PageStore;
use hnsw::{Error, Metric, NodeId, Result, Storage, Tid};
use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// The rows that the list of each row names on level 0, by their numbers.
fn named(store: &MemoryStore) -> HashMap<usize, HashSet<usize>> {
    let index = open(store);
    let layout = index.layout();
    let mut lists: HashMap<NodeId, (usize, Vec<NodeId>)> = HashMap::new();
    for block in layout.first_block()..store.blocks() {
        let body = store.read(block, |body| *body).expect("page");
        for slot in 0..layout.slots {
            let Ok(record) = Record::new(layout, &body, block, slot) else {
                continue;
            };
            if record.kind() == SlotKind::Node && record.header().level == 0 {
                let row = record.tids().next().expect("a row").block as usize;
                let id = layout.id(block, slot).expect("id");
                lists.insert(id, (row, record.neighbours().to_vec()));
            }
        }
    }
    let rows = |ids: &[NodeId]| ids.iter().map(|id| lists[id].0).collect();
    lists.values().map(|(row, ids)| (*row, rows(ids))).collect()
}

/// A larger `ef_construction` has larger leaves and fewer leaders: lists name more of the nearest rows. One
/// thread, so that they are the same each time.
#[test]
fn leaves_grow_with_ef_construction() {
    const NEAR: usize = 8;
    let mut rng = Rng::new(5);
    let data: Vec<Vec<f32>> = (0..4000).map(|_| rng.normals(32)).collect();
    let asked: Vec<usize> = (0..data.len()).step_by(5).collect();
    let nearest = |&row: &usize| exact(Metric::L2, &data, &data[row], NEAR + 1).0;
    // The first one is the row itself.
    let near: Vec<_> = asked.iter().map(|row| nearest(row).split_off(1)).collect();
    let share = |ef| {
        let params = params(32, 16, Metric::L2, Storage::Auto);
        let lists = named(&build_with(params, &data, 1, ef));
        let hits = asked.iter().zip(&near).map(|(row, near)| {
            let is_named = |tid: &&hnsw::Tid| lists[row].contains(&(tid.block as usize));
            near.iter().filter(is_named).count()
        });
        hits.sum::<usize>() as f64 / (NEAR * asked.len()) as f64
    };
    let shares = [16, 32, 64, 128].map(share);
    let more = [0, 1, 2].map(|i| shares[i + 1] - shares[i]);
    assert!(shares[2] >= 0.75, "{shares:?}");
    assert!(
        more[0] >= 0.04 && more[1] >= 0.03 && more[2] >= 0.009,
        "{shares:?}"
    );
}

/// By inner product the longest row of a direction is found, in whatever order rows come: on one line, and where long rows of
/// thirty directions are far from each other.
#[test]
fn the_longest_of_a_direction_is_found() {
    const ORDERS: usize = 6;
    let params = params(16, 16, Metric::InnerProduct, Storage::Auto);
    let mut rng = Rng::new(8);
    for (directions, lengths) in [(1, 1000), (30, 100)] {
        let directions: Vec<Vec<f32>> = (0..directions).map(|_| rng.normals(16)).collect();
        let row = |direction: &[f32], length| direction.iter().map(|v| v * length).collect();
        let mut data: Vec<Vec<f32>> = (1..=lengths)
            .flat_map(|length| directions.iter().map(move |d| row(d, length as f32)))
            .collect();
        let mut missed = 0;
        for order in 0..ORDERS {
            match order {
                0 => {}
                1 => data.reverse(),
                _ => (1..data.len()).for_each(|i| data.swap(i, rng.below(i + 1))),
            }
            let store = build(params, &data, 1);
            let mut index = open(&store);
            for q in &directions {
                let mut scan = scan(&index, q, settings(200, Resume::Strict));
                let product = |row: Tid| operator(params.metric, q, &data[row.block as usize]);
                let found = reorder(|| scan.next(&mut index).expect("scan"), product, 1);
                missed += usize::from(found[0].0 != exact(params.metric, &data, q, 1).0[0]);
            }
        }
        let most = ORDERS * directions.len() / 60;
        assert!(missed <= most, "{missed} missed, {lengths} lengths");
    }
}

/// So are the next ones, which are shorter by a thousandth each.
#[test]
fn the_longest_come_in_order() {
    let params = params(3, 16, Metric::InnerProduct, Storage::Float16);
    let mut data: Vec<Vec<f32>> = (1..=1000u16)
        .map(|i| [i, i % 7, i % 11].map(f32::from).to_vec())
        .collect();
    let q = [101.0, 3.0, 3.0];
    let mut rng = Rng::new(9);
    for order in 0..6 {
        let store = build(params, &data, 1);
        let mut index = open(&store);
        let mut scan = scan(&index, &q, settings(40, Resume::Strict));
        let product = |row: Tid| operator(params.metric, &q, &data[row.block as usize]);
        let found = reorder(|| scan.next(&mut index).expect("scan"), product, 3);
        let found: Vec<Tid> = found.into_iter().map(|row| row.0).collect();
        let wanted = exact(params.metric, &data, &q, 3).0;
        assert_eq!(found, wanted, "order {order}");
        (1..data.len()).for_each(|i| data.swap(i, rng.below(i + 1)));
    }
}

/// What a build does, counted by how often it comes back to the memory of a block.
#[derive(Default)]
struct Work {
    done: AtomicUsize,
    /// Called when so much is done.
    at: OnceLock<(usize, Box<dyn Fn() + Send + Sync>)>,
}

impl Work {
    fn count(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed);
        if let Some((at, call)) = self.at.get()
            && done == *at
        {
            call();
        }
    }
}

/// Memory that counts what is done with it.
#[derive(Clone)]
struct Counted<T> {
    held: T,
    work: Arc<Work>,
}

impl<T: Deref> Deref for Counted<T> {
    type Target = T::Target;

    fn deref(&self) -> &T::Target {
        self.work.count();
        &self.held
    }
}

impl<T: DerefMut> DerefMut for Counted<T> {
    fn deref_mut(&mut self) -> &mut T::Target {
        self.work.count();
        &mut self.held
    }
}

struct CountedArena(Arc<Work>);

impl Arena for CountedArena {
    type Bytes = Counted<HeapBytes>;
    type Words = Counted<Vec<AtomicU32>>;

    fn bytes(&self, len: usize) -> Result<Self::Bytes> {
        let (held, work) = (HeapArena.bytes(len)?, self.0.clone());
        Ok(Counted { held, work })
    }

    fn words(&self, len: usize) -> Result<Self::Words> {
        let (held, work) = (HeapArena.words(len)?, self.0.clone());
        Ok(Counted { held, work })
    }
}

/// A build stopped when `finish` has done so much of its work; how much it had done in the end, and what part it
/// said that was.
fn finish_stopped_at(data: &[Vec<f32>], threads: usize, at: usize) -> (usize, f64, Result<()>) {
    let params = params(data[0].len(), 16, Metric::L2, Storage::Auto);
    let builder = Arc::new(Builder::new(params, 16, SEED, Vec::new()));
    let work = Arc::new(Work::default());
    let arena = CountedArena(work.clone());
    for (n, rows) in data.chunks(BATCH).enumerate() {
        let mut batch = Batch::new(builder.layout());
        for (i, x) in rows.iter().enumerate() {
            builder.push(&mut batch, x, tid(n * BATCH + i));
        }
        let job = builder.prepare(&arena, batch).expect("memory");
        builder.run(job).expect("not stopped");
    }
    assert_eq!(builder.linked(), 0.0);
    let before = work.done.load(Ordering::Relaxed);
    let stopped = Arc::downgrade(&builder);
    let stop = move || stopped.upgrade().expect("at work").stop();
    assert!(
        work.at
            .set((before.saturating_add(at), Box::new(stop)))
            .is_ok()
    );
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.build().expect("threads");
    let result = pool.install(|| builder.finish().map(drop));
    let done = work.done.load(Ordering::Relaxed) - before;
    (done, builder.linked(), result)
}

/// Wherever `finish` is when the build is stopped, it ends with the leaf or the rows that its threads have at hand:
/// an eightieth of the work for each. What it says to have done grows with what it did.
#[test]
fn finish_stops_in_every_stage() {
    const STOPS: usize = 25;
    let data = clustered(4000, 16, 22);
    for threads in [1, 2] {
        let (all, linked, result) = finish_stopped_at(&data, threads, usize::MAX);
        assert_eq!((linked, result), (1.0, Ok(())));
        let mut parts = Vec::new();
        for stop in 0..STOPS {
            let at = all * stop / STOPS;
            let (done, linked, result) = finish_stopped_at(&data, threads, at);
            parts.push(linked);
            let (more, most) = (done - at, threads * all / 80);
            assert_eq!(result, Err(Error::Stopped), "at {at} of {all}");
            assert!(
                more <= most,
                "{more} after {at} of {all}, {threads} threads"
            );
        }
        let told = [0, STOPS / 2, STOPS - 1].map(|stop| parts[stop]);
        assert!(
            told[0] < 0.1 && (0.3..0.95).contains(&told[1]) && told[2] > 0.95,
            "{parts:?}"
        );
    }
}
