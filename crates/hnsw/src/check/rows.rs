//! The rows of nodes, beside those of the table.

use super::{Check, Host, Node, Problem};
use crate::chain;
use crate::keys::{ANY, Bounds, Sketch};
use crate::layout::{Layout, Metric, Storage};
use crate::record::{NONE, NodeId, Record, SlotKind, Tid};
use crate::store::PageStore;
use crate::transform::Transform;
use crate::vector::{Vector, floats};
use crate::{Result, tids};
use rustc_hash::{FxHashMap, FxHashSet};

/// Rows to a page of a table at most, rounded up to whole words.
const OFFSETS: usize = 320;

/// A set of rows: a bit for each, by pages of the table.
#[derive(Default)]
pub struct Rows(FxHashMap<u32, [u64; OFFSETS / 64]>);

impl Rows {
    /// Adds a row; whether it is new.
    fn add(&mut self, tid: Tid) -> bool {
        let page = self.0.entry(tid.block).or_default();
        let bit = 1 << (tid.offset % 64);
        let Some(word) = page.get_mut(usize::from(tid.offset) / 64) else {
            return true;
        };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn has(&self, tid: Tid) -> bool {
        let word = self
            .0
            .get(&tid.block)
            .and_then(|p| p.get(usize::from(tid.offset) / 64));
        word.is_some_and(|word| word & (1 << (tid.offset % 64)) != 0)
    }
}

/// A row as messages show it.
fn show(tid: Tid) -> String {
    format!("({},{})", tid.block, tid.offset)
}

impl<S: PageStore, H: Host> Check<'_, '_, S, H> {
    /// The rows of a node, in its record and in its list.
    pub(super) fn rows_of(&mut self, node: &Node, record: &Record) -> Result<()> {
        self.rows_in(node, node.id, record.rows(), record.sketch())?;
        let mut walked = FxHashSet::default();
        let mut next = node.header.link;
        while next != NONE {
            self.index.store.check_interrupts();
            if !walked.insert(next) {
                self.report_node(node, "list of rows is circular");
                return Ok(());
            }
            let found = match self.exists(next) {
                true => self.list_slot(next)?,
                false => Some(None),
            };
            match found {
                // A problem of that slot.
                None => return Ok(()),
                Some(Some((owner, after, rows))) if owner == node.owner() => {
                    // A row changes the node's codes before it is added.
                    let Some(sketch) = self.record_now(node, |record| record.sketch())? else {
                        return Ok(());
                    };
                    self.rows_in(node, next, &rows, sketch)?;
                    next = after;
                }
                Some(_) => {
                    if self.still(node)? {
                        let text = format!(
                            "list of rows leads to {}, which is not its own",
                            self.place(next)
                        );
                        self.report_node(node, text);
                    }
                    return Ok(());
                }
            }
        }
        if node.header.hint != NONE && !walked.contains(&node.header.hint) && self.still(node)? {
            self.report_node(node, "hint is no slot of the list of rows");
        }
        Ok(())
    }

    /// Owner, next slot and rows of a slot of a list; `Some(None)` if it is none, `None` if it
    /// cannot be read.
    #[allow(clippy::type_complexity, reason = "used once")]
    fn list_slot(&self, id: NodeId) -> Result<Option<Option<(chain::Owner, NodeId, Vec<u8>)>>> {
        let (block, slot) = self.layout.locate(id);
        let found = self.index.store.read(block, |body| {
            let list = tids::rows_of(self.layout, body, block, slot)?;
            Ok(list.map(|(header, rows)| (header.owner(), header.next, rows.to_vec())))
        });
        self.readable(found.and_then(|found| found))
    }

    /// Rows of a node in the slot `holder`, and the codes that the node had afterwards.
    fn rows_in(&mut self, node: &Node, holder: NodeId, rows: &[u8], sketch: Sketch) -> Result<()> {
        for row in rows.chunks_exact(self.layout.row_size) {
            let (marked, key) = (Tid::from_bytes(row), &row[6..]);
            let tid = marked.unmarked();
            self.host.indexed(tid);
            if !self.key_has_codes(key, sketch)? {
                let text = format!(
                    "key of row {} does not have the codes of its node",
                    show(tid)
                );
                self.report_node(node, text);
            }
            if self.rows.is_none() {
                continue;
            }
            let (mut problem, mut other_key) = (None, false);
            let (layout, transform) = (self.layout, &self.index.transform);
            let visible = self.host.show(tid, &mut |vector, of_table| {
                problem = vector_problem(layout, transform, node, vector);
                other_key = key != of_table;
            });
            let again = visible && !self.rows.as_mut().is_some_and(|rows| rows.add(tid));
            let vacant = !visible && self.host.is_vacant(tid) && self.is_vacant(holder, tid)?;
            let problems = [
                problem,
                other_key.then_some("has another key than in the table"),
                (visible && marked.is_dead() && self.host.sees_what_is_dead())
                    .then_some("is marked as dead, but is not"),
                again.then_some("is in the index more than once"),
                vacant.then_some("is in the index, but not in the table"),
            ];
            for problem in problems.into_iter().flatten() {
                self.report_node(node, format!("row {} {problem}", show(tid)));
            }
        }
        Ok(())
    }

    /// Whether a node with these codes may have a row with this key.
    fn key_has_codes(&self, key: &[u8], sketch: Sketch) -> Result<bool> {
        let values = self.host.values(key);
        let has = |bounds: &Bounds| {
            let codes = values.iter().enumerate().map(|(c, &v)| bounds.code(c, v));
            codes
                .zip(sketch.0)
                .all(|(code, has)| has == code || has == ANY)
        };
        if has(self.index.bounds()) {
            return Ok(true);
        }
        // An insert may have chosen the bounds since the index was opened.
        let now = self.index.bounds_now();
        Ok(self.readable(now)?.is_none_or(|now| has(&now)))
    }

    /// Whether the table has nothing where the slot says that there is a row; asked under the lock of
    /// the slot's page, since vacuum takes rows out of the index before it frees their place.
    fn is_vacant(&self, holder: NodeId, tid: Tid) -> Result<bool> {
        let (block, slot) = self.layout.locate(holder);
        let vacant = self.index.store.read(block, |body| {
            let record = Record::new(self.layout, body, block, slot)?;
            let has = match record.kind() {
                SlotKind::Node | SlotKind::Dead => record.tids().any(|t| t.unmarked() == tid),
                _ => tids::read_slot(self.layout, body, block, slot)?
                    .is_some_and(|(_, rows)| rows.iter().any(|t| t.unmarked() == tid)),
            };
            Ok(has && self.host.is_vacant(tid))
        });
        Ok(self.readable(vacant.and_then(|v| v))?.unwrap_or(false))
    }

    /// Rows of the table that the index lacks.
    pub(super) fn missing_rows(&mut self) {
        let Some(rows) = &self.rows else { return };
        let transform = &self.index.transform;
        let unknown = |tid: Tid| !rows.has(tid);
        let judge = |tid: Tid, vector: Vector| {
            transform.indexable(vector).then(|| Problem {
                block: None,
                slot: None,
                level: None,
                text: format!("row {} of the table is not in the index", show(tid)),
            })
        };
        self.host.scan(&unknown, &judge);
    }
}

/// What is wrong with a node, beside the vector of one of its rows.
fn vector_problem(
    layout: &Layout,
    transform: &Transform,
    node: &Node,
    vector: Option<Vector>,
) -> Option<&'static str> {
    let Some(vector) = vector else {
        return Some("is in the index, but has no vector");
    };
    if vector.dims() != layout.params.dims as usize {
        return Some("has another number of dimensions than the index");
    }
    if !transform.indexable(vector) {
        return Some("is in the index, but cannot be");
    }
    let words = vector.words();
    if layout.hash(&words) != node.header.hash {
        return Some("has another vector than its node");
    }
    let point = transform.point(words);
    let near = |a: f32, b: f32| (a - b).abs() <= 1e-5 * b.abs();
    if point.norm.is_finite() && !near(node.header.norm, point.norm) {
        return Some("has another norm than its node");
    }
    let within = match layout.params.storage {
        Storage::Bits | Storage::Sparse => point.words == node.words,
        _ => {
            let bound = (f64::from(node.header.err) + f64::from(point.slack)) * (1.0 + 1e-5);
            let distance = distance(
                layout.params.metric,
                floats(&point.words),
                floats(&node.words),
            );
            !bound.is_finite() || !distance.is_finite() || distance <= bound
        }
    };
    (!within).then_some("is farther from the stored vector of its node than its error bound")
}

/// Distance in the metric's norm.
fn distance(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let differences = a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b));
    match metric {
        Metric::L1 => differences.map(f64::abs).sum(),
        _ => differences.map(|d| d * d).sum::<f64>().sqrt(),
    }
}
