//! Whether an index is as it should be: its pages, links, codes and vectors, and the table's rows.
//!
//! Others may insert and vacuum meanwhile. Each page is copied under its lock, so that what it says
//! of itself is certain. What two pages say of each other is certain once it was seen twice, with
//! nothing in between that could explain it ([`Check::confirmed`]). Rows are compared through one
//! snapshot that is older than the check: a row that it sees was indexed before and is not removed
//! meanwhile. Whatever else may be just being changed is left out.
//!
//! Memory: three bits for each slot of the index; with the table, about 50 bytes for each of its pages.

mod edge;
mod reach;
mod rows;

use crate::chain::{self, Owner};
use crate::code::EdgeCode;
use crate::index::{Index, Loaded};
use crate::keys::{KeyValue, Sketch};
use crate::layout::Layout;
use crate::page::{Body, Meta, PageKind, VectorHeader};
use crate::record::{NONE, NodeId, Record, RecordHeader, SlotKind, Tid};
use crate::slots::Slots;
use crate::store::PageStore;
use crate::vector::Vector;
use crate::{Error, Result, search};
use rows::Rows;

/// How often a problem that may be one of time is looked at again.
const TRIES: usize = 5;

/// Something that no correct writer leaves behind, nor a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Block of the index; `None` if it is of the index as a whole.
    pub block: Option<u32>,
    /// Slot of the page.
    pub slot: Option<usize>,
    /// Level of the record in the slot.
    pub level: Option<u8>,
    /// What is wrong.
    pub text: String,
}

/// What a check tells others, and what it asks the table. Nothing is called under a page's lock but
/// [`Self::is_vacant`].
pub trait Host {
    /// Takes a problem.
    fn problem(&mut self, problem: Problem);

    /// Called again and again; `done` of `all` pages are done in this `phase`.
    fn progress(&mut self, _phase: &'static str, _done: u32, _all: u32) {}

    /// What is wrong with what the store keeps on a page in front of its body.
    fn header(&mut self, _block: u32) -> Option<&'static str> {
        None
    }

    /// Whether the check's snapshot sees a row; its vector, if it has one, and its key are shown to `f`.
    fn show(&mut self, tid: Tid, f: &mut dyn FnMut(Option<Vector>, &[u8])) -> bool;

    /// Whether no row that the snapshot sees can be marked as dead. (A standby's snapshot may be older
    /// than any of its primary.)
    fn sees_what_is_dead(&self) -> bool {
        true
    }

    /// What sketches are made from, of a key that the index has; nothing if that is not known.
    fn values(&self, _key: &[u8]) -> Vec<KeyValue> {
        Vec::new()
    }

    /// Whether the table has nothing at this place, not even what vacuum has yet to remove.
    fn is_vacant(&self, tid: Tid) -> bool;

    /// Shows to `judge` each row with a vector that the snapshot sees, if `unknown` says so, and
    /// takes the problem.
    fn scan(
        &mut self,
        unknown: &dyn Fn(Tid) -> bool,
        judge: &dyn Fn(Tid, Vector) -> Option<Problem>,
    );

    /// Each row that the index has.
    fn indexed(&mut self, _tid: Tid) {}
}

/// What a check counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Live nodes on level 0.
    pub nodes: usize,
    /// Those of them but the entry point that no live node names.
    pub without_in_edge: usize,
    /// Those that cannot be reached from the entry point over level 0, if that could be found out.
    pub unreachable: Option<usize>,
    /// A vacuum was changing lists, or did not end: what can be reached is not known.
    pub vacuuming: bool,
    /// Free slots.
    pub free: usize,
}

/// A check without a table: problems and rows are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Violations.
    pub problems: Vec<Problem>,
    /// All rows.
    pub rows: Vec<Tid>,
    /// Numbers.
    pub counts: Counts,
}

impl Host for Report {
    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn show(&mut self, _: Tid, _: &mut dyn FnMut(Option<Vector>, &[u8])) -> bool {
        false
    }

    fn is_vacant(&self, _: Tid) -> bool {
        false
    }

    fn scan(&mut self, _: &dyn Fn(Tid) -> bool, _: &dyn Fn(Tid, Vector) -> Option<Problem>) {}

    fn indexed(&mut self, tid: Tid) {
        self.rows.push(tid);
    }
}

/// Checks all that an index says of itself.
pub fn check<S: PageStore>(index: &Index<S>) -> Result<Report> {
    let mut report = Report::default();
    report.counts = check_with(index.store, &mut report, false)?;
    Ok(report)
}

/// Checks an index, and with `table` that it has the table's rows.
pub fn check_with<S: PageStore, H: Host>(store: &S, host: &mut H, table: bool) -> Result<Counts> {
    let index = match Index::open(store) {
        Ok(index) => index,
        Err(Error::Corrupted { block, what }) => {
            host.problem(Problem {
                block: Some(block),
                slot: None,
                level: None,
                text: what.into(),
            });
            return Ok(Counts::default());
        }
        Err(error) => return Err(error),
    };
    let layout = index.layout.clone();
    let mut check = Check {
        blocks: store.blocks(),
        layout: &layout,
        index,
        host,
        alive: Slots::default(),
        named: Slots::default(),
        rows: table.then(Rows::default),
        counts: Counts::default(),
    };
    let blocks = check.blocks;
    for block in 0..blocks {
        store.check_interrupts();
        check.host.progress("pages", block, blocks);
        check.page(block)?;
    }
    check.meta()?;
    check.reach()?;
    check.missing_rows();
    Ok(check.counts)
}

/// A check under way.
struct Check<'a, 's, S, H> {
    layout: &'a Layout,
    index: Index<'s, S>,
    host: &'a mut H,
    /// Blocks that exist for certain.
    blocks: u32,
    /// Live nodes on level 0.
    alive: Slots,
    /// Those that a live node names.
    named: Slots,
    /// Rows that the index has, if they are compared with the table's.
    rows: Option<Rows>,
    counts: Counts,
}

/// A record as it was when its page was copied, with its vector.
struct Node {
    id: NodeId,
    header: RecordHeader,
    words: Vec<u32>,
}

impl Node {
    fn owner(&self) -> Owner {
        Owner {
            id: self.id,
            generation: self.header.generation,
        }
    }
}

/// Something that may be a problem: what was seen of which slot, in which of its uses.
#[derive(PartialEq)]
struct Sighting {
    text: String,
    id: NodeId,
    generation: u32,
}

/// What a check finds where a lane or a link leads to.
enum Target {
    /// A node with a list on that level.
    Node(Loaded),
    /// Something else.
    Other(u32),
    /// What cannot be read; that is a problem of its own page.
    Unreadable,
}

impl<S: PageStore, H: Host> Check<'_, '_, S, H> {
    fn report(&mut self, block: u32, slot: Option<usize>, level: Option<u8>, text: String) {
        self.host.problem(Problem {
            block: Some(block),
            slot,
            level,
            text,
        });
    }

    /// A problem of a record.
    fn report_node(&mut self, node: &Node, text: impl Into<String>) {
        let (block, slot) = self.layout.locate(node.id);
        self.report(block, Some(slot), Some(node.header.level), text.into());
    }

    /// An id as messages show it.
    fn place(&self, id: NodeId) -> String {
        let (block, slot) = self.layout.locate(id);
        format!("slot {slot} of block {block}")
    }

    /// Whether an id can be that of a slot.
    fn exists(&mut self, id: NodeId) -> bool {
        let (block, _) = self.layout.locate(id);
        if block >= self.blocks {
            self.blocks = self.index.store.blocks();
        }
        (self.layout.first_block()..self.blocks).contains(&block)
    }

    /// Everything that one page says.
    fn page(&mut self, block: u32) -> Result<()> {
        if let Some(what) = self.host.header(block) {
            self.report(block, None, None, what.into());
        }
        let body = self.index.store.read(block, |body| *body)?;
        let first = self.layout.first_block();
        let vectors = self.layout.vector_pages > 0;
        let kind = match block {
            Meta::BLOCK => PageKind::Meta,
            _ if Some(block) == self.layout.bounds_block() => PageKind::Bounds,
            _ if block < first => PageKind::Centre,
            // Left by a crash.
            _ if body.bytes() == Body::ZERO.bytes() => {
                self.counts.free += self.layout.slots;
                return Ok(());
            }
            _ if self.layout.is_map(block) => PageKind::Map,
            _ if vectors && body.header().kind == PageKind::Vector as u16 => PageKind::Vector,
            _ => PageKind::Nodes,
        };
        match body.expect(kind, block) {
            Ok(()) => {}
            Err(Error::Corrupted { what, .. }) => {
                self.report(block, None, None, what.into());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        match kind {
            PageKind::Meta | PageKind::Centre | PageKind::Bounds | PageKind::Map => {}
            PageKind::Vector => self.vector_page(block, &body),
            PageKind::Nodes => {
                for slot in 0..self.layout.slots {
                    self.slot(&body, block, slot)?;
                }
            }
        }
        Ok(())
    }

    /// A part of a vector stands behind the page of its record; whose it is says the record.
    fn vector_page(&mut self, block: u32, body: &Body) {
        let owner = VectorHeader::read(body).owner;
        let behind = block.wrapping_sub(owner);
        if !(1..=self.layout.vector_pages as u32).contains(&behind) {
            let text = format!("vector belongs to block {owner}, which is not before it");
            self.report(block, None, None, text);
        }
    }

    fn slot(&mut self, body: &Body, block: u32, slot: usize) -> Result<()> {
        let layout = self.layout;
        let node = node_in(layout, body, block, slot);
        match node {
            Err(Error::Corrupted { what, .. }) => {
                self.report(block, Some(slot), None, what.into());
            }
            Err(error) => return Err(error),
            Ok(Some(record)) => {
                if let Some(id) = layout.id(block, slot) {
                    self.record(id, record)?;
                }
            }
            Ok(None) => {
                let free = Record::new(layout, body, block, slot)?.kind() == SlotKind::Free;
                self.counts.free += usize::from(free);
            }
        }
        Ok(())
    }

    fn record(&mut self, id: NodeId, record: Record) -> Result<()> {
        let header = *record.header();
        let base = header.level == 0;
        let dead = record.kind() == SlotKind::Dead;
        if base && !dead {
            self.counts.nodes += 1;
            self.alive.add(id);
        }
        let mut node = Node {
            id,
            header,
            words: Vec::new(),
        };
        for text in own_problems(&record, id) {
            self.report_node(&node, text);
        }
        match self.target(id, header.level)? {
            Target::Node(now) if now.header.generation == header.generation => node.words = now.y,
            // The slot was freed since.
            Target::Node(_) => return Ok(()),
            Target::Other(_) | Target::Unreadable => {
                if self.still(&node)? {
                    self.report_node(&node, "own vector is missing");
                }
                return Ok(());
            }
        }
        if !self.layout.is_sound(&node.words, header.err) {
            self.report_node(&node, "own vector is not one of its type");
            return Ok(());
        }
        // What a dead node names may have been freed by a vacuum that did not come to its end.
        if !dead {
            self.lanes(&node, &record)?;
        }
        match base {
            true => self.rows_of(&node, &record),
            false if dead => Ok(()),
            false => self.links(&node),
        }
    }

    /// What stands at an id.
    fn target(&self, id: NodeId, level: u8) -> Result<Target> {
        let other = |record: Record| match record.is_node(level) {
            true => Target::Unreadable,
            false => Target::Other(record.header().generation),
        };
        let found = match self.index.load(id, level) {
            Ok(Some(node)) => Ok(Target::Node(node)),
            Ok(None) => self.index.with_record(id, other),
            Err(error) => Err(error),
        };
        Ok(self.readable(found)?.unwrap_or(Target::Unreadable))
    }

    /// The value, or nothing where a page is damaged: that is a problem of that page.
    fn readable<T>(&self, found: Result<T>) -> Result<Option<T>> {
        match found {
            Ok(value) => Ok(Some(value)),
            Err(Error::Corrupted { .. } | Error::Version(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a slot still holds the node that it did.
    fn still(&self, node: &Node) -> Result<bool> {
        self.record_now(node, |_| ()).map(|now| now.is_some())
    }

    /// Shows a record as it is now, if it is still that of the same node.
    fn record_now<R>(&self, node: &Node, f: impl FnOnce(Record) -> R) -> Result<Option<R>> {
        let found = self.index.with_record(node.id, |record| {
            let same = record.is_node(node.header.level)
                && record.header().generation == node.header.generation;
            same.then(|| f(record))
        });
        Ok(self.readable(found)?.flatten())
    }

    /// Whether something is seen twice in a row, in the same use of the slot that it was seen at. `look`
    /// reads first who names a slot, then the slot. A use ends with a new generation; so between two
    /// such looks the slot was what it was, while somebody named it.
    fn confirmed(
        &self,
        mut look: impl FnMut(&Self) -> Result<Option<Sighting>>,
    ) -> Result<Option<String>> {
        let mut before = None;
        for _ in 0..TRIES {
            let Some(seen) = look(self)? else {
                return Ok(None);
            };
            if before.as_ref() == Some(&seen) {
                return Ok(Some(seen.text));
            }
            before = Some(seen);
        }
        Ok(None)
    }

    /// Lanes lead to nodes with a list on the same level; their codes follow from the vectors.
    fn lanes(&mut self, node: &Node, record: &Record) -> Result<()> {
        for (lane, &id) in record.neighbours().iter().enumerate() {
            if !self.exists(id) {
                let text = format!("lane {lane} leads to {}, which is none", self.place(id));
                self.report_node(node, text);
                continue;
            }
            if node.header.level == 0 {
                self.named.add(id);
            }
            let edge = record.edge(lane);
            if self.lane(node, lane, id, &edge)?.is_none() {
                continue;
            }
            let look = |check: &Self| {
                let named = |r: Record| r.neighbours().get(lane).map(|&id| (id, r.edge(lane)));
                match check.record_now(node, named)?.flatten() {
                    Some((id, edge)) => check.lane(node, lane, id, &edge),
                    None => Ok(None),
                }
            };
            if let Some(text) = self.confirmed(look)? {
                self.report_node(node, text);
            }
        }
        Ok(())
    }

    /// What is wrong with a lane.
    fn lane(
        &self,
        node: &Node,
        lane: usize,
        id: NodeId,
        edge: &EdgeCode,
    ) -> Result<Option<Sighting>> {
        let (text, generation) = match self.target(id, node.header.level)? {
            Target::Unreadable => return Ok(None),
            Target::Other(generation) => {
                let place = self.place(id);
                let text =
                    format!("lane {lane} leads to {place}, which holds no node of this level");
                (text, generation)
            }
            Target::Node(other) => {
                let text = match edge::problem(self.layout, &node.words, &other.y, edge) {
                    Some(what) => format!("{what} of lane {lane} does not follow from the vectors"),
                    None if node.header.level == 0 && !was(edge.sketch, other.sketch) => {
                        format!("sketch of lane {lane} is not that of its node")
                    }
                    None => return Ok(None),
                };
                (text, other.header.generation)
            }
        };
        Ok(Some(Sighting {
            text,
            id,
            generation,
        }))
    }

    /// An upper record leads to the one below and to that on level 0, which is of the same vector.
    fn links(&mut self, node: &Node) -> Result<()> {
        let base = (node.header.hint, 0, "record on level 0");
        let below = (node.header.link, node.header.level - 1, "record below");
        for (id, level, what) in [base, below] {
            if !self.exists(id) {
                let text = format!("{what} is {}, which is none", self.place(id));
                self.report_node(node, text);
                continue;
            }
            let look = |check: &Self| {
                if check.record_now(node, |r| r.kind())? != Some(SlotKind::Node) {
                    return Ok(None);
                }
                check.link(node, id, level, what)
            };
            if let Some(text) = self.confirmed(look)? {
                self.report_node(node, text);
            }
        }
        Ok(())
    }

    /// What is wrong with a record that an upper one leads to.
    fn link(&self, node: &Node, id: NodeId, level: u8, what: &str) -> Result<Option<Sighting>> {
        let vector =
            |h: &RecordHeader| [h.scale.to_bits(), h.err.to_bits(), h.norm.to_bits(), h.hash];
        let (text, generation) = match self.target(id, level)? {
            Target::Unreadable => return Ok(None),
            Target::Other(generation) => (
                format!("{what} is {}, which holds none", self.place(id)),
                generation,
            ),
            Target::Node(other)
                if vector(&other.header) == vector(&node.header)
                    && other.y == node.words
                    && (level == 0 || other.header.hint == node.header.hint) =>
            {
                return Ok(None);
            }
            Target::Node(other) => (
                format!("{what}, {}, is of another node", self.place(id)),
                other.header.generation,
            ),
        };
        Ok(Some(Sighting {
            text,
            id,
            generation,
        }))
    }

    /// What the metapage says beside what is checked when an index is opened.
    fn meta(&mut self) -> Result<()> {
        let look = |check: &Self| {
            let meta = check.index.store.read(Meta::BLOCK, Meta::read)??;
            let seen = |text: &str, generation| {
                Some(Sighting {
                    text: text.into(),
                    id: meta.entry,
                    generation,
                })
            };
            if meta.centred > 1 {
                return Ok(seen("metapage has values out of range", 0));
            }
            if meta.entry != NONE && check.layout.centre_pages > 0 && meta.centred == 0 {
                return Ok(seen("index has nodes, but no centre", 0));
            }
            if meta.entry == NONE {
                return Ok(None);
            }
            let none = "entry point is no node of its level";
            let Ok(level) = search::level_of(meta.entry_level) else {
                return Ok(seen("level of the entry point is out of range", 0));
            };
            let (block, _) = check.layout.locate(meta.entry);
            if !(check.layout.first_block()..check.index.store.blocks()).contains(&block) {
                return Ok(seen(none, 0));
            }
            Ok(match check.target(meta.entry, level)? {
                Target::Other(generation) => seen(none, generation),
                Target::Node(_) | Target::Unreadable => None,
            })
        };
        if let Some(text) = self.confirmed(look)? {
            self.report(Meta::BLOCK, None, None, text);
        }
        Ok(())
    }
}

/// Whether a node that has the codes `now` may have had the codes `before`: they only ever become
/// those that stand for any.
fn was(before: Sketch, now: Sketch) -> bool {
    before.merged(now) == now
}

/// The record in a slot; `None` if the slot is free or in a list, and sound.
fn node_in<'a>(
    layout: &'a Layout,
    body: &'a Body,
    block: u32,
    slot: usize,
) -> Result<Option<Record<'a>>> {
    let record = Record::new(layout, body, block, slot)?;
    match record.kind() {
        SlotKind::Node | SlotKind::Dead => return Ok(Some(record)),
        SlotKind::Tids | SlotKind::Elements => {
            chain::read_slot(layout, body, block, slot)?;
        }
        SlotKind::Free => {
            let bytes = &body.bytes()[layout.record_range(slot)];
            // All but the generation.
            if bytes[..4].iter().chain(&bytes[8..]).any(|&b| b != 0) {
                return Err(Error::corrupted(block, "free slot is not empty"));
            }
        }
    }
    Ok(None)
}

/// What a record says of itself that cannot be.
fn own_problems(record: &Record, id: NodeId) -> Vec<String> {
    let header = record.header();
    let mut problems = Vec::new();
    let rows = header.tids > 0;
    match (record.kind(), header.level) {
        (SlotKind::Node, 0) if !rows && header.link == NONE => {
            problems.push("live node has no rows".into());
        }
        (SlotKind::Dead, 0) if rows => problems.push("dead node has rows".into()),
        (_, 1..) if rows => problems.push("record above level 0 has rows".into()),
        _ => {}
    }
    if header.err.is_nan() || header.err < 0.0 {
        problems.push("error bound is no length".into());
    }
    let ids = record.neighbours();
    for (lane, n) in ids.iter().enumerate() {
        if *n == id {
            problems.push(format!("lane {lane} leads to the node itself"));
        } else if ids[..lane].contains(n) {
            problems.push(format!("lane {lane} leads where another one does"));
        }
    }
    if let Some(lane) = record.anchors_beyond() {
        problems.push(format!("lane {lane} is an anchor, but not in use"));
    }
    problems
}
