//! An index under random operations beside a plain list of the rows that it should have.
//!
//! Writes can be refused: the operation then fails, as when a disk is full or a process is killed.
//! What it added is dead, what it was to remove may be there or not, and the next vacuum cleans up.

use super::keyed::{Condition, filtered};
use super::*;
use hnsw::Error;
use hnsw::vacuum::vacuum;
use std::collections::HashSet;

/// What happens to the index.
#[derive(Clone, Debug)]
pub enum Op {
    /// New vectors.
    Insert(u8),
    /// The vector of some row again, a few times.
    Repeat(u16, u8),
    /// Rows with numbers that give this remainder are deleted.
    Delete(u8, u8),
    DeleteAll,
    Vacuum,
    Search(u16),
    /// A scan marks the deleted rows that it sees.
    Mark(u16),
    /// Hints of free pages are lost, as in a crash.
    Forget,
    /// After so many more writes one is refused.
    Refuse(u8),
}

pub struct Model<'s> {
    store: &'s MemoryStore,
    pub index: Index<'s, MemoryStore>,
    rng: Rng,
    /// Rows in the table, and those deleted or never completed that no vacuum has removed yet.
    pub live: Vec<(Tid, Vec<f32>)>,
    dead: HashSet<Tid>,
    next: usize,
    /// A write will be refused.
    armed: bool,
    /// An operation failed since the last vacuum that came to its end.
    failed: bool,
    /// That operation was a vacuum: until the next one, nodes may be out of reach.
    out_of_reach: bool,
}

impl<'s> Model<'s> {
    pub fn new(store: &'s MemoryStore) -> Self {
        Self {
            store,
            index: open(store),
            rng: Rng::new(1),
            live: vec![],
            dead: HashSet::new(),
            next: 0,
            armed: false,
            failed: false,
            out_of_reach: false,
        }
    }

    /// The result of an operation; nothing if a write was refused, which must be expected and must
    /// leave an index without problems.
    fn completed<T>(&mut self, result: hnsw::Result<T>) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let refusal = Error::Store("write refused".into());
        assert!(self.armed && error == refusal, "{error}");
        self.refuse_after(None);
        self.failed = true;
        self.index = open(self.store);
        sound(&mut self.index);
        None
    }

    fn refuse_after(&mut self, writes: Option<u8>) {
        self.store.fail_after(writes.map(u64::from));
        self.armed = writes.is_some();
    }

    pub fn insert(&mut self, x: Vec<f32>) {
        // Table rows get new places: their own TIDs are reused by PostgreSQL only after a vacuum.
        let row = Tid {
            block: self.next as u32 / 7,
            offset: (self.next % 7 + 1) as u16,
        };
        self.next += 1;
        let inserted = insert_row(&mut self.index, &x, row, &mut self.rng, 40);
        match self.completed(inserted) {
            Some(()) => self.live.push((row, x)),
            None => _ = self.dead.insert(row),
        }
    }

    pub fn vector(&mut self) -> Vec<f32> {
        let dims = dims(&self.index);
        let cluster = self.rng.below(3) as f32;
        self.rng
            .normals(dims)
            .iter()
            .map(|v| v + 4.0 * cluster + 0.1)
            .collect()
    }

    pub fn delete(&mut self, gone: impl Fn(usize) -> bool) {
        let mut n = 0;
        let dead = &mut self.dead;
        self.live.retain(|(tid, _)| {
            n += 1;
            if gone(n) {
                dead.insert(*tid);
            }
            !gone(n)
        });
    }

    pub fn vacuum(&mut self) {
        let vacuumed = vacuum(&mut self.index, 40, |t| self.dead.contains(&t));
        let Some(stats) = self.completed(vacuumed) else {
            self.out_of_reach = true;
            return;
        };
        let dead = std::mem::take(&mut self.dead);
        let fewer = std::mem::take(&mut self.failed);
        self.out_of_reach = false;
        let removed = stats.removed as usize;
        assert!(removed == dead.len() || fewer && removed < dead.len());
        assert_eq!(stats.rows as usize, self.live.len());
        let report = connected(&mut self.index);
        let rows: HashSet<Tid> = report.rows.iter().copied().collect();
        assert_eq!(report.rows.len(), rows.len(), "a row stands twice");
        assert_eq!(rows, self.live.iter().map(|r| r.0).collect());
        let metric = self.index.layout().params.metric;
        let nodes: HashSet<Vec<u32>> = self
            .live
            .iter()
            .map(|r| Value::new(metric, &r.1).key())
            .collect();
        // A twin is merged if the insert's search meets it. With six lanes one in many thousand does
        // not; by inner product a vector is not even its own nearest.
        let missed = match metric {
            Metric::InnerProduct | Metric::SparseInnerProduct => usize::MAX,
            Metric::L1 | Metric::Jaccard => 1,
            _ => 0,
        };
        assert!(
            (nodes.len()..=nodes.len().saturating_add(missed)).contains(&report.counts.nodes),
            "equal vectors share a node"
        );
    }

    /// Every row is in a scan for its own vector, no row that was vacuumed away is.
    pub fn search(&mut self, at: usize) {
        if self.live.is_empty() {
            return;
        }
        let (row, q) = self.live[at % self.live.len()].clone();
        let found = rows(
            &mut self.index,
            &q,
            settings(200, Resume::Relaxed),
            usize::MAX,
        );
        let known: HashSet<Tid> = self
            .live
            .iter()
            .map(|r| r.0)
            .chain(self.dead.iter().copied())
            .collect();
        assert!(
            found.iter().all(|r| known.contains(&r.tid)),
            "a removed row is returned"
        );
        if self.out_of_reach {
            return;
        }
        assert!(
            found.iter().any(|r| r.tid == row),
            "row {row:?} is not found"
        );
        assert!(
            found.len() >= self.live.len(),
            "{} of {}",
            found.len(),
            self.live.len()
        );
        if self.index.layout().params.keys.columns > 0 {
            self.search_filtered(&q, &known);
        }
    }

    /// Every row that meets a condition is returned, and no other.
    fn search_filtered(&mut self, q: &[f32], known: &HashSet<Tid>) {
        for ef in [3, 100] {
            let condition = Condition::any(&mut self.rng);
            let settings = settings(ef, Resume::Relaxed);
            let found = filtered(&mut self.index, q, settings, condition, usize::MAX);
            let rows = found.expect("scan");
            let found: HashSet<Tid> = rows.iter().map(|r| r.tid).collect();
            assert_eq!(found.len(), rows.len(), "a row is returned twice");
            assert!(
                found
                    .iter()
                    .all(|t| known.contains(t) && condition.matches(*t)),
                "a row is returned that does not meet {condition:?}"
            );
            let matching = self.live.iter().filter(|r| condition.matches(r.0));
            for (tid, _) in matching {
                assert!(
                    found.contains(tid),
                    "{tid:?} meets {condition:?}, but is not found"
                );
            }
        }
    }

    fn mark(&mut self, at: usize) {
        if self.live.is_empty() {
            return;
        }
        let q = self.live[at % self.live.len()].1.clone();
        for row in rows(&mut self.index, &q, settings(20, Resume::Off), usize::MAX) {
            let dead = |t: Tid| self.dead.contains(&t);
            let marked = self
                .index
                .mark_dead(row.node, row.generation, &[row.tid], dead);
            self.completed(marked);
        }
    }

    /// Does all this, then vacuums and searches.
    pub fn run(&mut self, ops: &[Op]) {
        for op in ops {
            match *op {
                Op::Insert(n) => (0..n).for_each(|_| {
                    let x = self.vector();
                    self.insert(x);
                }),
                Op::Repeat(at, n) if !self.live.is_empty() => {
                    let x = self.live[usize::from(at) % self.live.len()].1.clone();
                    (0..n).for_each(|_| self.insert(x.clone()));
                }
                Op::Repeat(..) => {}
                Op::Delete(by, rest) => {
                    self.delete(|n| n % usize::from(by) == usize::from(rest % by));
                }
                Op::DeleteAll => self.delete(|_| true),
                Op::Vacuum => self.vacuum(),
                Op::Search(at) => self.search(at.into()),
                Op::Mark(at) => self.mark(at.into()),
                Op::Forget => self.store.forget_hints(),
                Op::Refuse(after) => self.refuse_after(Some(after)),
            }
        }
        self.refuse_after(None);
        self.vacuum();
        (0..self.live.len().min(20)).for_each(|at| self.search(at * 3));
    }
}
