//! Every kind of damage that a check is to find, one at a time, on an index that is otherwise sound.

mod common;

use common::keyed::{Keyed, key_values, keyed};
use common::*;
use hnsw::check::{self, Problem};
use hnsw::keys::{ANY, KeyValue, NULL, Sketch};
use hnsw::layout::LaneCode;
use hnsw::memory::MemoryStore;
use hnsw::page::{BODY_SIZE, Body, HEADER_SIZE, Meta, PageKind, VECTOR_OFFSET};
use hnsw::record::{NONE, NodeId, Record, RecordMut, Rest, SlotKind};
use hnsw::store::PageStore;
use hnsw::vacuum::vacuum;
use hnsw::{Index, Layout, Metric, Params, Storage, Tid, Vector};
use std::collections::HashMap;
use std::sync::OnceLock;

/// A table beside an index: `None` is a dead row that vacuum has yet to remove.
struct Table {
    params: Params,
    rows: HashMap<Tid, Option<Value>>,
    problems: Vec<Problem>,
}

impl check::Host for Table {
    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn show(&mut self, tid: Tid, f: &mut dyn FnMut(Option<Vector>, &[u8])) -> bool {
        let row = self.rows.get(&tid).and_then(Option::as_ref);
        let keyed = Keyed::new(self.params, tid);
        row.inspect(|value| f(Some(value.vector()), keyed.row().key))
            .is_some()
    }

    fn values(&self, key: &[u8]) -> Vec<KeyValue> {
        match self.params.keys.columns {
            0 => Vec::new(),
            _ => key_values(key),
        }
    }

    fn is_vacant(&self, tid: Tid) -> bool {
        !self.rows.contains_key(&tid)
    }

    fn scan(
        &mut self,
        unknown: &dyn Fn(Tid) -> bool,
        judge: &dyn Fn(Tid, Vector) -> Option<Problem>,
    ) {
        for (tid, value) in &self.rows {
            if let Some(value) = value.as_ref().filter(|_| unknown(*tid)) {
                self.problems.extend(judge(*tid, value.vector()));
            }
        }
    }
}

/// An index with all kinds of pages, slots and levels, and its table.
struct Sample {
    layout: Layout,
    pages: Vec<Body>,
    rows: Vec<(Tid, Option<Vec<f32>>)>,
}

/// Rows of this table page and those behind it are equal.
const TWINS: u32 = 60;

impl Sample {
    fn new(dims: usize, metric: Metric, storage: Storage) -> Self {
        Self::of(params(dims, 4, metric, storage), dims)
    }

    fn of(params: Params, dims: usize) -> Self {
        let store = create(params);
        let mut index = open(&store);
        let mut data = clustered(60, dims, 4);
        data.extend(vec![data[3].clone(); 90]);
        insert_rows(&mut index, &data[..20], 0, 40);
        // Numbers of the rows from here on have codes of their own.
        index.establish_bounds(key_values).expect("bounds");
        insert_rows(&mut index, &data[20..], 20, 40);
        let mut rows: Vec<_> = (0..).map(tid).zip(data.into_iter().map(Some)).collect();
        for (i, level) in [1, 1, 1, 1, 2, 2].into_iter().enumerate() {
            let x = clustered(6, dims, 5).remove(i);
            insert_on(&mut index, &x, tid(9000 + i), level, 40).expect("insert");
            rows.push((tid(9000 + i), Some(x)));
        }
        let removed = |t: Tid| t.block < TWINS && t.block % 7 == 4;
        vacuum(&mut index, 40, removed).expect("vacuum");
        rows.retain(|row| !removed(row.0));
        // One that is cut short leaves a dead node; before it changed any list.
        let dead = |t: Tid| t.block == 5;
        store.fail_after(Some(1));
        vacuum(&mut index, 40, dead).expect_err("refused");
        store.fail_after(None);
        rows.iter_mut()
            .filter(|row| dead(row.0))
            .for_each(|row| row.1 = None);
        let layout = index.layout().clone();
        let pages = (0..store.blocks()).map(|b| store.read(b, |body| *body).expect("page"));
        let pages = pages.collect();
        Self {
            layout,
            pages,
            rows,
        }
    }

    /// What a check finds on these pages.
    fn check(&self, pages: &[Body], table: bool) -> Vec<Problem> {
        let metric = self.layout.params.metric;
        let rows = self.rows.iter();
        let mut host = Table {
            params: self.layout.params,
            rows: rows
                .map(|(tid, x)| (*tid, x.as_ref().map(|x| Value::new(metric, x))))
                .collect(),
            problems: Vec::new(),
        };
        let store = MemoryStore::new();
        store.set_pages(pages.to_vec());
        check::check_with(&store, &mut host, table).expect("check");
        host.problems
    }

    /// All slots for which `is` holds.
    fn slots(&self, is: impl Fn(Record) -> bool) -> Vec<NodeId> {
        let l = &self.layout;
        let blocks = l.first_block()..self.pages.len() as u32;
        let slots = blocks.flat_map(|block| (0..l.slots).map(move |slot| (block, slot)));
        let found = slots.filter(|&(block, slot)| {
            Record::new(l, &self.pages[block as usize], block, slot).is_ok_and(&is)
        });
        found
            .filter_map(|(block, slot)| l.id(block, slot))
            .collect()
    }

    fn slot(&self, is: impl Fn(Record) -> bool) -> NodeId {
        self.slots(is)[0]
    }

    /// A live node on a level; below level 2 it has a few lanes.
    fn node(&self, level: u8) -> NodeId {
        self.slot(|r| {
            let live = r.kind() == SlotKind::Node && r.header().level == level;
            live && (level > 1 || r.neighbours().len() > 1)
        })
    }

    fn record<R>(&self, id: NodeId, f: impl FnOnce(Record) -> R) -> R {
        let (block, slot) = self.layout.locate(id);
        let body = &self.pages[block as usize];
        f(Record::new(&self.layout, body, block, slot).expect("record"))
    }
}

/// Adds a row to a record; its key is of zeros.
fn add(record: &mut RecordMut, tid: Tid) -> bool {
    record.push_row(&tid.to_bytes())
}

/// Leaves a record this row alone.
fn replace(record: &mut RecordMut, tid: Tid) {
    record.retain_tids(|_| false);
    assert!(add(record, tid));
}

/// Pages that are being damaged.
struct Damage<'a> {
    sample: &'a Sample,
    pages: Vec<Body>,
}

impl Damage<'_> {
    fn edit(&mut self, id: NodeId, f: impl FnOnce(&mut RecordMut)) {
        let layout = &self.sample.layout;
        let (block, slot) = layout.locate(id);
        let body = &mut self.pages[block as usize];
        f(&mut RecordMut::new(layout, body, block, slot).expect("record"));
    }

    /// Flips bits of a byte of a slot.
    fn flip(&mut self, id: NodeId, at: usize, bits: u8) {
        let (block, slot) = self.sample.layout.locate(id);
        let start = self.sample.layout.record_range(slot).start;
        self.pages[block as usize].bytes_mut()[start + at] ^= bits;
    }

    fn set(&mut self, block: u32, at: usize, bytes: &[u8]) {
        self.pages[block as usize].bytes_mut()[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn meta(&mut self, f: impl FnOnce(&mut Meta)) {
        let mut meta = Meta::read(&self.pages[0]).expect("metapage");
        f(&mut meta);
        meta.write(&mut self.pages[0]);
    }
}

/// Damages a sample in one way; what must be among the problems is `wanted`. Damage that only the
/// table shows must not be found without it.
fn finds(sample: &Sample, wanted: &str, only_with_table: bool, f: impl FnOnce(&mut Damage)) {
    let mut damage = Damage {
        sample,
        pages: sample.pages.clone(),
    };
    f(&mut damage);
    let found = |table: bool| {
        let problems = sample.check(&damage.pages, table);
        let found = problems.iter().any(|p| p.text.contains(wanted));
        (found, problems)
    };
    let metric = sample.layout.params.metric;
    let (with, problems) = found(true);
    assert!(with, "{metric:?}, {wanted}: {problems:?}");
    let (without, problems) = found(false);
    assert_eq!(
        without, !only_with_table,
        "{metric:?}, {wanted}: {problems:?}"
    );
}

/// Indexes of each metric, some with vectors apart from their records.
fn samples() -> &'static [Sample] {
    static SAMPLES: OnceLock<Vec<Sample>> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let apart = [
            (2100, Metric::L2, Storage::Float32),
            (2100, Metric::SparseL1, Storage::Auto),
            (1200, Metric::Hamming, Storage::Auto),
        ];
        let usual = METRICS.map(|metric| (12, metric, Storage::Int8));
        let all = usual.into_iter().chain(apart);
        let keyed = keyed(params(12, 4, Metric::L2, Storage::Int8));
        all.map(|(dims, metric, storage)| Sample::new(dims, metric, storage))
            .chain([Sample::of(keyed, 12)])
            .collect()
    })
}

#[test]
fn nothing_on_a_sound_index() {
    for sample in samples() {
        for table in [false, true] {
            assert_eq!(sample.check(&sample.pages, table), []);
        }
    }
}

#[test]
fn pages() {
    for s in samples() {
        let nodes = s.layout.first_block();
        let header = "page has no hnsw page header";
        finds(s, header, false, |d| d.set(0, 0, &[1]));
        finds(s, header, false, |d| d.set(nodes, 0, &[1]));
        if s.layout.params.keys.columns > 0 {
            // In front of the nodes stand their map, and before that the bounds.
            for block in [nodes - 1, nodes] {
                let kind = (PageKind::Nodes as u16).to_ne_bytes();
                finds(s, "another kind", false, |d| d.set(block, 6, &kind));
            }
            finds(s, "map does not have the codes of the node", false, |d| {
                let rest = vec![0; BODY_SIZE - HEADER_SIZE];
                d.set(nodes, HEADER_SIZE, &rest);
            });
        }
        if s.layout.centre_pages > 0 {
            finds(s, header, false, |d| d.set(1, 0, &[1]));
            let kind = (PageKind::Nodes as u16).to_ne_bytes();
            finds(s, "another kind", false, |d| d.set(1, 6, &kind));
            finds(s, "centre is not finite", false, |d| {
                d.set(1, HEADER_SIZE, &f32::NAN.to_ne_bytes());
            });
            finds(s, "index has nodes, but no centre", false, |d| {
                d.meta(|meta| meta.centred = 0);
            });
        }
        finds(s, "another kind", false, |d| {
            d.set(nodes, 6, &(PageKind::Meta as u16).to_ne_bytes());
        });
        finds(s, "unknown version", false, |d| d.set(nodes, 4, &[0]));
        if s.layout.vector_pages > 0 {
            let id = s.node(0);
            finds(s, "which is not before it", false, |d| {
                d.set(id + 1, HEADER_SIZE, &(id + 1).to_ne_bytes());
            });
            finds(s, "own vector is missing", false, |d| {
                d.set(id + 1, HEADER_SIZE + 4, &77u32.to_ne_bytes());
            });
        }
    }
}

#[test]
fn metapage() {
    for s in samples() {
        finds(s, "values out of range", false, |d| {
            d.meta(|m| m.centred = 2)
        });
        finds(s, "record size does not follow", false, |d| {
            d.meta(|m| m.record_size += 8);
        });
        let free = s.slot(|r| r.kind() == SlotKind::Free);
        for entry in [free, NONE - 1, s.node(0)] {
            finds(s, "entry point is no node", false, |d| {
                d.meta(|m| m.entry = entry)
            });
        }
        finds(s, "level of the entry point", false, |d| {
            d.meta(|m| m.entry_level = 31);
        });
    }
}

#[test]
fn slots() {
    for s in samples() {
        let node = s.node(0);
        finds(s, "unknown kind", false, |d| {
            d.edit(node, |r| r.header().kind = 9)
        });
        finds(s, "more entries than fit", false, |d| {
            d.edit(node, |r| r.header().degree = 255);
        });
        finds(s, "more entries than fit", false, |d| {
            d.edit(node, |r| r.header().tids = 255);
        });
        finds(s, "level out of range", false, |d| {
            d.edit(node, |r| r.header().level = 31);
        });
        let free = s.slot(|r| r.kind() == SlotKind::Free);
        finds(s, "free slot is not empty", false, |d| d.flip(free, 40, 1));
        let dead = s.slot(|r| r.kind() == SlotKind::Dead);
        finds(s, "dead node has rows", false, |d| {
            d.edit(dead, |r| assert!(add(r, tid(1))));
        });
        finds(s, "live node has no rows", false, |d| {
            d.edit(node, |r| assert!(r.retain_tids(|_| false) > 0));
        });
        finds(s, "above level 0 has rows", false, |d| {
            d.edit(s.node(1), |r| assert!(add(r, tid(1))));
        });
        for err in [f32::NAN, -1.0] {
            finds(s, "error bound is no length", false, |d| {
                d.edit(node, |r| r.header().err = err);
            });
        }
    }
}

#[test]
fn lanes() {
    for s in samples() {
        for level in [0, 1] {
            let node = s.node(level);
            let lane = |to: NodeId| {
                move |r: &mut RecordMut| {
                    let edge = r.view().edge(1);
                    r.set_lane(1, to, &edge, false);
                }
            };
            let free = s.slot(|r| r.kind() == SlotKind::Free);
            let list = s.slot(|r| r.kind() == SlotKind::Tids);
            let other = s.node(2);
            for to in [NONE - 1, 0] {
                finds(s, "which is none", false, |d| d.edit(node, lane(to)));
            }
            for to in [free, list, other] {
                finds(s, "holds no node of this level", false, |d| {
                    d.edit(node, lane(to))
                });
            }
            finds(s, "leads to the node itself", false, |d| {
                d.edit(node, lane(node))
            });
            let first = s.record(node, |r| r.neighbours()[0]);
            finds(s, "leads where another one does", false, |d| {
                d.edit(node, lane(first));
            });
            let unused = s.slot(|r| {
                r.is_node(level)
                    && r.neighbours().len() < s.layout.lanes
                    && !r.neighbours().is_empty()
            });
            finds(s, "is an anchor, but not in use", false, |d| {
                let degree = s.record(unused, |r| r.neighbours().len());
                d.edit(unused, |r| r.set_anchor(degree, true));
            });
            codes(s, node);
        }
    }
}

/// Damage to what a lane keeps beside the id.
fn codes(s: &Sample, node: NodeId) {
    if s.layout.lane_code == LaneCode::None {
        return;
    }
    let wanted = "of lane 1 does not follow from the vectors";
    finds(s, &format!("code {wanted}"), false, |d| {
        d.edit(node, |r| {
            let (id, mut edge) = (r.view().neighbours()[1], r.view().edge(1));
            edge.bits[0] ^= 4;
            r.set_lane(1, id, &edge, false);
        });
    });
    if s.layout.lane_code == LaneCode::Edge {
        // Builds make codes from int8 copies.
        let exact = s.layout.params.storage == Storage::Int8;
        let factor = if exact { 1.1 } else { 3.0 };
        finds(s, &format!("f_add {wanted}"), false, |d| {
            d.edit(node, |r| {
                let (id, mut edge) = (r.view().neighbours()[1], r.view().edge(1));
                edge.f_add = edge.f_add * factor + 0.5;
                r.set_lane(1, id, &edge, false);
            });
        });
        finds(s, &format!("f_rescale {wanted}"), false, |d| {
            d.edit(node, |r| {
                let (id, mut edge) = (r.view().neighbours()[1], r.view().edge(1));
                edge.f_rescale ^= 1 << 5;
                r.set_lane(1, id, &edge, false);
            });
        });
    }
}

#[test]
fn links() {
    for s in samples() {
        let upper = s.node(2);
        let free = s.slot(|r| r.kind() == SlotKind::Free);
        let (link, base) = s.record(upper, |r| (r.header().link, r.header().hint));
        let stranger = s.slot(|r| r.is_node(1) && r.header().hint != base);
        for (to, wanted) in [
            (free, "which holds none"),
            (NONE - 1, "which is none"),
            (stranger, "is of another node"),
        ] {
            finds(s, wanted, false, |d| {
                d.edit(upper, |r| r.header().link = to)
            });
            finds(s, "record below", false, |d| {
                d.edit(upper, |r| r.header().link = to)
            });
        }
        // The elements of a long sparse vector are at the record on level 0.
        let apart = s.record(upper, |r| matches!(r.rest(), Rest::Base(_)));
        let no_base = if apart {
            "own vector is missing"
        } else {
            "record on level 0"
        };
        let other_base = s.record(stranger, |r| r.header().hint);
        for (to, wanted) in [
            (free, no_base),
            (NONE - 1, no_base),
            (other_base, "record on level 0"),
        ] {
            finds(s, wanted, false, |d| {
                d.edit(upper, |r| r.header().hint = to)
            });
        }
        finds(s, "is of another node", false, |d| {
            d.edit(link, |r| r.header().hash ^= 1);
        });
    }
}

#[test]
fn lists() {
    for s in samples() {
        let owner = s.slot(|r| r.is_node(0) && r.header().link != NONE);
        let list = s.record(owner, |r| r.header().link);
        let (block, slot) = s.layout.locate(list);
        let at = s.layout.record_range(slot).start;
        let set = |offset: usize, value: u32| {
            move |d: &mut Damage| d.set(block, at + offset, &value.to_ne_bytes())
        };
        finds(s, "list of rows is circular", false, set(8, list));
        finds(s, "which is not its own", false, set(12, s.node(0)));
        finds(s, "which is not its own", false, set(16, 99));
        finds(s, "list has more entries than fit", false, set(20, 9999));
        finds(s, "which is not its own", false, |d| {
            d.edit(owner, |r| r.header().link = NONE - 1);
        });
        finds(s, "hint is no slot", false, |d| {
            d.edit(owner, |r| r.header().hint = s.node(0));
        });
        finds(s, "of the table is not in the index", true, set(20, 0));
    }
}

#[test]
fn vectors() {
    for s in samples() {
        // Not the first one, which is the centre and has hardly any error.
        let node = s.slots(|r| r.is_node(0) && r.tids().len() > 0 && r.header().link == NONE)[2];
        finds(s, "has another vector than its node", true, |d| {
            d.edit(node, |r| r.header().hash ^= 1);
        });
        let far = "is farther from the stored vector of its node than its error bound";
        let storage = s.layout.params.storage;
        if !matches!(storage, Storage::Bits | Storage::Sparse) {
            finds(s, "has another norm than its node", true, |d| {
                d.edit(node, |r| r.header().norm *= 1.01);
            });
        }
        if storage == Storage::Int8 {
            finds(s, far, true, |d| d.edit(node, |r| r.header().err *= 0.4));
        }
        let (block, slot) = s.layout.locate(node);
        let (block, at) = match s.layout.vector_pages {
            0 => (
                block,
                s.layout.record_range(slot).start + vector_offset(s, node),
            ),
            _ => (block + 1, VECTOR_OFFSET),
        };
        // A step of an integer, an exponent, a bit or an index.
        let at = at + if storage == Storage::Float32 { 3 } else { 0 };
        finds(s, far, true, |d| {
            let byte = d.pages[block as usize].bytes()[at];
            d.set(block, at, &[byte ^ 0x10]);
        });
    }
}

/// Where the own vector begins in its record.
fn vector_offset(s: &Sample, node: NodeId) -> usize {
    s.record(node, |r| {
        let (block, slot) = s.layout.locate(node);
        let start = s.pages[block as usize].bytes()[s.layout.record_range(slot)].as_ptr();
        r.vector().as_ptr() as usize - start as usize
    })
}

#[test]
fn values() {
    let s = &Sample::new(12, Metric::SparseL2, Storage::Auto);
    let node = s.node(0);
    // The index of the second element becomes that of the first.
    finds(s, "own vector is not one of its type", false, |d| {
        let at = vector_offset(s, node);
        let first = s.record(node, |r| r.vector()[..4].to_vec());
        let (block, slot) = s.layout.locate(node);
        d.set(block, s.layout.record_range(slot).start + at + 8, &first);
    });
    let s = &Sample::new(11, Metric::Hamming, Storage::Auto);
    let node = s.node(0);
    finds(s, "own vector is not one of its type", false, |d| {
        let end = vector_offset(s, node) + s.record(node, |r| r.vector().len());
        d.flip(node, end - 1, 1);
    });
    let s = &Sample::new(12, Metric::L2, Storage::Float32);
    let node = s.node(0);
    finds(s, "own vector is not one of its type", false, |d| {
        let (block, slot) = s.layout.locate(node);
        let at = s.layout.record_range(slot).start + vector_offset(s, node);
        d.set(block, at, &f32::NAN.to_ne_bytes());
    });
}

#[test]
fn rows() {
    for s in samples() {
        let node = s.slot(|r| {
            r.kind() == SlotKind::Node
                && r.is_node(0)
                && r.tids().len() > 0
                && r.header().link == NONE
        });
        let own = s.record(node, |r| r.tids().next().expect("row"));
        let vacant = tid(8888);
        finds(s, "is in the index, but not in the table", true, |d| {
            d.edit(node, |r| replace(r, vacant));
        });
        finds(s, "of the table is not in the index", true, |d| {
            d.edit(node, |r| replace(r, vacant));
        });
        finds(s, "is in the index more than once", true, |d| {
            d.edit(node, |r| assert!(add(r, own)));
        });
        finds(s, "is marked as dead, but is not", true, |d| {
            d.edit(node, |r| {
                let mut row = r.view().rows()[..s.layout.row_size].to_vec();
                row[..6].copy_from_slice(&own.dead().to_bytes());
                r.retain_tids(|t| t.unmarked() != own);
                assert!(r.push_row(&row));
            });
        });
        let other = s.slot(|r| r.is_node(0) && r.tids().all(|t| t != own) && r.tids().len() > 0);
        finds(s, "has another vector than its node", true, |d| {
            d.edit(other, |r| replace(r, own));
        });
    }
}

/// Keys of rows, and the codes of a node that follow from them: in its record, in the map and in lanes.
#[test]
fn keys() {
    let s = samples().last().expect("with key columns");
    assert!(s.layout.params.keys.columns > 0);
    let node = s.slot(|r| {
        let one = r.tids().len() == 1 && r.header().link == NONE;
        let values = r.sketch().0[..2].iter().all(|&c| c > NULL && c < ANY);
        one && values && r.is_node(0) && r.kind() == SlotKind::Node
    });
    let namer =
        s.slot(|r| r.is_node(0) && r.kind() == SlotKind::Node && r.neighbours().contains(&node));
    let with = |sketch: Sketch, column: usize, code| {
        let mut sketch = sketch;
        sketch.0[column] = code;
        sketch
    };
    // The last byte of a row is of its key.
    finds(s, "has another key than in the table", true, |d| {
        d.edit(node, |r| {
            let mut row = r.view().rows().to_vec();
            row[6] ^= 1;
            r.retain_tids(|_| false);
            assert!(r.push_row(&row));
        });
    });
    let owner = s.slot(|r| r.is_node(0) && r.header().link != NONE);
    let list = s.record(owner, |r| r.header().link);
    let (block, slot) = s.layout.locate(list);
    let at = s.layout.record_range(slot).start + 32 + 6;
    finds(s, "has another key than in the table", true, |d| {
        let byte = d.pages[block as usize].bytes()[at];
        d.set(block, at, &[byte ^ 1]);
    });
    for column in 0..2 {
        finds(s, "does not have the codes of its node", false, |d| {
            d.edit(node, |r| {
                let own = r.view().sketch();
                r.set_sketch(with(own, column, NULL));
            });
        });
        finds(s, "does not have the codes of its node", false, |d| {
            d.edit(owner, |r| {
                let own = r.view().sketch();
                r.set_sketch(with(own, column, NULL));
            });
        });
        for code in [NULL, ANY] {
            finds(s, "is not that of its node", false, |d| {
                d.edit(namer, |r| {
                    let lane = r.view().neighbours().iter().position(|&n| n == node);
                    let lane = lane.expect("lane");
                    let was = r.view().edge(lane).sketch;
                    r.set_lane_sketch(lane, with(was, column, code));
                });
            });
        }
    }
    // A lane may be behind: of a node whose rows have different codes by now.
    let mut damage = Damage {
        sample: s,
        pages: s.pages.clone(),
    };
    let namer = s.slot(|r| r.is_node(0) && r.neighbours().contains(&owner));
    damage.edit(namer, |r| {
        let lane = r.view().neighbours().iter().position(|&n| n == owner);
        r.set_lane_sketch(lane.expect("lane"), Sketch([7; 8]));
    });
    assert_eq!(s.check(&damage.pages, true), []);
}

#[test]
fn reachability() {
    for s in samples() {
        let root = {
            let store = MemoryStore::new();
            store.set_pages(s.pages.clone());
            let meta = *Index::open(&store).expect("open").meta();
            s.record(meta.entry, |r| r.header().hint)
        };
        let lost = s.slot(|r| r.kind() == SlotKind::Node && r.is_node(0) && r.tids().len() > 0);
        let lost = if lost == root {
            s.slots(|r| r.is_node(0))[1]
        } else {
            lost
        };
        let remove = |d: &mut Damage| {
            for id in s.slots(|r| r.is_node(0) && r.neighbours().contains(&lost)) {
                d.edit(id, |r| {
                    let lane = r.view().neighbours().iter().position(|&n| n == lost);
                    r.remove_lane(lane.expect("lane"));
                });
            }
        };
        finds(
            s,
            "node cannot be reached from the entry point",
            false,
            remove,
        );
        let mut damage = Damage {
            sample: s,
            pages: s.pages.clone(),
        };
        remove(&mut damage);
        let problems = s.check(&damage.pages, false);
        let nodes = s
            .slots(|r| r.is_node(0) && r.kind() == SlotKind::Node)
            .len();
        let texts: Vec<&str> = problems.iter().map(|p| p.text.as_str()).collect();
        let count = format!("1 of {nodes} nodes cannot be reached from the entry point");
        assert_eq!(
            texts,
            ["node cannot be reached from the entry point", &count]
        );
        // While a vacuum changes lists, that is nothing to speak of.
        damage.meta(|meta| meta.vacuums |= 1);
        assert_eq!(s.check(&damage.pages, false), []);
    }
}
