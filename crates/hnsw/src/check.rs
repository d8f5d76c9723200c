//! Structural invariants of an index, checked by reading all of it.

use crate::chain::{self, Owner};
use crate::code::EdgeCode;
use crate::index::{Index, Loaded};
use crate::layout::LaneCode;
use crate::page::{Meta, PageKind};
use crate::record::{NONE, NodeId, Record, SlotKind, Tid};
use crate::store::PageStore;
use crate::tids;
use crate::{Result, search};
use std::collections::{HashMap, HashSet, VecDeque};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Violations, each with where it is.
    pub problems: Vec<String>,
    /// Live nodes on level 0.
    pub nodes: usize,
    /// All rows.
    pub rows: Vec<Tid>,
    /// Live nodes but the entry point that no live node names on level 0.
    pub without_in_edge: usize,
    /// Live nodes that cannot be reached from the entry point over level 0.
    pub unreachable: usize,
    /// Free slots.
    pub free: usize,
}

struct Node {
    level: u8,
    kind: SlotKind,
    generation: u32,
    neighbours: Vec<NodeId>,
    link: NodeId,
    base: NodeId,
}

/// Checks everything. The index must not change meanwhile.
pub fn check<S: PageStore>(index: &mut Index<S>) -> Result<Report> {
    let mut report = Report::default();
    index.refresh()?;
    let nodes = read_nodes(index, &mut report)?;
    for (&id, node) in &nodes {
        check_list(index, id, node, &nodes, &mut report)?;
        check_links(index, id, node, &nodes, &mut report)?;
    }
    check_entry(index, &nodes, &mut report)?;
    check_reach(index, &nodes, &mut report)?;
    Ok(report)
}

fn read_nodes<S: PageStore>(
    index: &Index<S>,
    report: &mut Report,
) -> Result<HashMap<NodeId, Node>> {
    let l = &index.layout;
    let mut nodes = HashMap::new();
    for block in l.first_block()..index.store.blocks() {
        index.store.read(block, |body| {
            if body.is_new() || l.is_map(block) {
                return Ok(());
            }
            if l.vector_pages > 0 && body.header().kind == PageKind::Vector as u16 {
                return body.expect(PageKind::Vector, block);
            }
            for slot in 0..l.slots {
                let record = Record::new(l, body, block, slot)?;
                let header = record.header();
                let Some(id) = l.id(block, slot) else {
                    continue;
                };
                match record.kind() {
                    SlotKind::Free => report.free += 1,
                    SlotKind::Elements => {
                        chain::read_slot(l, body, block, slot)?;
                    }
                    SlotKind::Tids => {
                        let list = tids::read_slot(l, body, block, slot)?;
                        report
                            .rows
                            .extend(list.into_iter().flat_map(|(_, tids)| tids));
                    }
                    kind => {
                        report.rows.extend(record.tids());
                        if kind == SlotKind::Node && header.level == 0 {
                            report.nodes += 1;
                        }
                        nodes.insert(
                            id,
                            Node {
                                level: header.level,
                                kind,
                                generation: header.generation,
                                neighbours: record.neighbours().to_vec(),
                                link: header.link,
                                base: header.hint,
                            },
                        );
                    }
                }
            }
            Ok(())
        })??;
    }
    Ok(nodes)
}

/// Lanes: ids of nodes of the same level, no double ones, codes that follow from the vectors.
fn check_list<S: PageStore>(
    index: &Index<S>,
    id: NodeId,
    node: &Node,
    nodes: &HashMap<NodeId, Node>,
    report: &mut Report,
) -> Result<()> {
    let mut problem = |text: String| report.problems.push(format!("node {id}: {text}"));
    let Some(Loaded { header, y: own, .. }) = index.load(id, node.level)? else {
        problem("own vector is missing".into());
        return Ok(());
    };
    if !index.layout.is_number(&own) || header.err.is_nan() || header.err < 0.0 {
        problem("own vector or its error bound is not a number".into());
    }
    let mut seen = HashSet::from([id]);
    for (lane, &neighbour) in node.neighbours.iter().enumerate() {
        if !seen.insert(neighbour) {
            problem(format!("lane {lane} names itself or a neighbour twice"));
        }
        // What a dead node names may have been freed by a vacuum that did not come to its end.
        if node.kind == SlotKind::Dead {
            continue;
        }
        match nodes.get(&neighbour) {
            None => problem(format!(
                "lane {lane} leads to {neighbour}, which is no node"
            )),
            Some(n) if n.level != node.level => {
                problem(format!("lane {lane} leads to another level"));
            }
            Some(_) => {
                let Some(other) = index.load(neighbour, node.level)? else {
                    continue;
                };
                let expected = index.edge(&own, &other.y);
                let found = index.with_record(id, |record| record.edge(lane))?;
                if !same_code(&expected, &found, index.layout.lane_code) {
                    problem(format!(
                        "code of lane {lane} does not follow from the vectors"
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Codes are equal up to what another order of summation can change.
fn same_code(a: &EdgeCode, b: &EdgeCode, code: LaneCode) -> bool {
    if code != LaneCode::Edge {
        return a.bits == b.bits;
    }
    let flipped: u32 = a
        .bits
        .iter()
        .zip(&b.bits)
        .map(|(x, y)| (x ^ y).count_ones())
        .sum();
    let (x, y) = (
        distance::bf16_to_f32(a.f_rescale),
        distance::bf16_to_f32(b.f_rescale),
    );
    let near = |x: f32, y: f32, by: f32| (x - y).abs() <= by * (1e-6 + x.abs().max(y.abs()));
    // A coordinate at zero may have either sign.
    flipped <= 2 && near(x, y, 0.02) && (flipped > 0 || near(a.f_add, b.f_add, 0.05))
}

/// Links to the record below and to lists of rows.
fn check_links<S: PageStore>(
    index: &Index<S>,
    id: NodeId,
    node: &Node,
    nodes: &HashMap<NodeId, Node>,
    report: &mut Report,
) -> Result<()> {
    if node.level > 0 {
        let below = nodes.get(&node.link).filter(|n| n.level + 1 == node.level);
        let base = nodes.get(&node.base).filter(|n| n.level == 0);
        if below.is_none() || base.is_none() {
            report
                .problems
                .push(format!("node {id}: record below is missing"));
        }
        return Ok(());
    }
    let owner = Owner {
        id,
        generation: node.generation,
    };
    let mut seen = HashSet::new();
    let mut next = node.link;
    let mut rows = Vec::new();
    while next != NONE {
        if !seen.insert(next) {
            report
                .problems
                .push(format!("node {id}: list of rows is circular"));
            break;
        }
        let before = rows.len();
        let after = tids::read(index, owner, next, &mut rows)?;
        if after == NONE && before == rows.len() {
            let (block, slot) = index.layout.locate(next);
            let list = index.store.read(block, |body| {
                tids::read_slot(&index.layout, body, block, slot)
            })??;
            if !list.is_some_and(|(header, _)| header.owner() == owner) {
                report
                    .problems
                    .push(format!("node {id}: list of rows is not its own"));
            }
        }
        next = after;
    }
    Ok(())
}

fn check_entry<S: PageStore>(
    index: &Index<S>,
    nodes: &HashMap<NodeId, Node>,
    report: &mut Report,
) -> Result<()> {
    let meta: &Meta = index.meta();
    let level = search::level_of(meta.entry_level)?;
    match nodes.get(&meta.entry) {
        // A first insert that failed leaves a node that nothing leads to: it counts as unreachable.
        None if meta.entry == NONE => {}
        Some(node) if node.level == level => {}
        _ => report
            .problems
            .push("entry point is no node of its level".into()),
    }
    Ok(())
}

/// In-edges and reachability on level 0.
fn check_reach<S: PageStore>(
    index: &Index<S>,
    nodes: &HashMap<NodeId, Node>,
    report: &mut Report,
) -> Result<()> {
    let alive = |n: &Node| n.level == 0 && n.kind == SlotKind::Node;
    let entry = index.meta().entry;
    let start = match nodes.get(&entry) {
        Some(node) if node.level > 0 => node.base,
        _ => entry,
    };
    let named: HashSet<NodeId> = nodes
        .values()
        .filter(|n| alive(n))
        .flat_map(|n| n.neighbours.iter().copied())
        .collect();
    let mut reached = HashSet::from([start]);
    let mut queue = VecDeque::from([start]);
    while let Some(id) = queue.pop_front() {
        for &n in nodes.get(&id).map_or(&[][..], |n| &n.neighbours) {
            if reached.insert(n) {
                queue.push_back(n);
            }
        }
    }
    let live = nodes.iter().filter(|(_, n)| alive(n)).map(|(id, _)| id);
    for id in live.filter(|&&id| id != start) {
        report.without_in_edge += usize::from(!named.contains(id));
        report.unreachable += usize::from(!reached.contains(id));
    }
    // An insert that fails may leave a node that is not in the map yet, but nothing leads there.
    let live = nodes.iter().filter(|(_, n)| alive(n)).map(|(id, _)| id);
    for id in live.filter(|&id| *id == start || named.contains(id)) {
        let sketch = index.with_record(*id, |record| record.sketch())?;
        let mapped = index.mapped_codes(*id)?;
        if mapped.merged(sketch) != mapped {
            let problem = format!("node {id}: the map does not have its codes");
            report.problems.push(problem);
        }
    }
    Ok(())
}
