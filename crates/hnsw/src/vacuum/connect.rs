//! Reachability after a vacuum: the anchors of live nodes are made one tree again, whose root is
//! where searches enter level 0.
//!
//! A node whose anchor died, and all below it in the tree, may be cut off, even where its other
//! neighbours are alive: these may hang on it themselves. So the tree is read as it stands, and
//! the top of each part that is cut off is anchored at a node of the part that is not.

use super::{Replacement, load_replacement, search_replacements};
use crate::Result;
use crate::index::{Index, Loaded};
use crate::insert::{LinkTarget, NewLink};
use crate::keys::Sketch;
use crate::layout::Layout;
use crate::page::PageKind;
use crate::query::Query;
use crate::record::{NONE, NodeId, Record, SlotKind};
use crate::slots::Slots;
use crate::store::PageStore;
use rustc_hash::FxHashSet;
use std::collections::VecDeque;

/// Nodes that are asked for a free lane when none near the orphan has one.
const LAST_RESORTS: usize = 1000;

/// Nodes whose anchors are followed between looks for interrupts.
const NODES_A_TURN: usize = 1 << 16;

/// The tree of anchors, by node id.
struct Tree {
    /// The node whose lane is the anchor; [`NONE`] without one.
    parent: Vec<NodeId>,
    /// The top of the part that a live node is in; [`NONE`] for all others.
    top: Vec<NodeId>,
    live: Vec<NodeId>,
    /// Tops of parts that are connected with the root.
    attached: FxHashSet<NodeId>,
}

impl Tree {
    fn read<S: PageStore>(index: &Index<S>, root: NodeId) -> Result<Self> {
        let l = &index.layout;
        let blocks = index.store.blocks();
        let ids = blocks as usize * l.slots;
        let mut tree = Self {
            parent: vec![NONE; ids],
            top: vec![NONE; ids],
            live: Vec::new(),
            attached: FxHashSet::from_iter([root]),
        };
        for block in l.first_block()..blocks {
            index.store.check_interrupts();
            index.store.read(block, |body| {
                if body.header().kind != PageKind::Nodes as u16 {
                    return Ok(());
                }
                for slot in 0..l.slots {
                    let record = Record::new(l, body, block, slot)?;
                    if record.kind() == SlotKind::Node && record.header().level == 0 {
                        tree.note(l, &record, block, slot);
                    }
                }
                Ok(())
            })??;
        }
        tree.find_tops(root, index.store);
        Ok(tree)
    }

    fn note(&mut self, layout: &Layout, record: &Record, block: u32, slot: usize) {
        let Some(id) = layout.id(block, slot) else {
            return;
        };
        self.live.push(id);
        for (lane, &neighbour) in record.neighbours().iter().enumerate() {
            if record.is_anchor(lane)
                && let Some(parent) = self.parent.get_mut(neighbour as usize)
            {
                *parent = id;
            }
        }
    }

    /// Follows each node's anchors to the root, to a node without one or around in a circle.
    fn find_tops(&mut self, root: NodeId, store: &impl PageStore) {
        let mut alive = Slots::default();
        self.live.iter().for_each(|&id| {
            alive.add(id);
        });
        let mut path = Vec::new();
        for (i, &id) in self.live.iter().enumerate() {
            if i.is_multiple_of(NODES_A_TURN) {
                store.check_interrupts();
            }
            let mut at = id;
            while self.top[at as usize] == NONE {
                // Its own top for now: where the path meets itself it is a circle, whose top is here.
                self.top[at as usize] = at;
                path.push(at);
                let parent = self.parent[at as usize];
                if at == root || !alive.contains(parent) {
                    break;
                }
                at = parent;
            }
            let top = self.top[at as usize];
            path.drain(..)
                .for_each(|node| self.top[node as usize] = top);
        }
    }

    fn is_attached(&self, id: NodeId) -> bool {
        self.top
            .get(id as usize)
            .is_some_and(|top| self.attached.contains(top))
    }
}

/// Anchors every part of the tree that is cut off.
pub(super) fn connect<S: PageStore>(index: &mut Index<S>, ef: usize) -> Result<()> {
    let root = index.root_now()?;
    if root == NONE {
        return Ok(());
    }
    let mut tree = Tree::read(index, root)?;
    let tops: Vec<NodeId> = tree
        .live
        .iter()
        .copied()
        .filter(|&n| n != root && tree.top[n as usize] == n)
        .collect();
    let generation = |&id: &NodeId| {
        index.store.check_interrupts();
        index.with_record(id, |record| record.header().generation)
    };
    let generations = tops.iter().map(generation).collect::<Result<Vec<_>>>()?;
    if !tops.is_empty() {
        // Some may be of inserts that have not come to anchor them.
        index.store.wait_for_inserts();
    }
    for (top, generation) in tops.into_iter().zip(generations) {
        index.store.check_interrupts();
        if attach(index, &tree, root, (top, generation), ef)? {
            tree.attached.insert(top);
        }
    }
    Ok(())
}

/// Anchors a node, if it still has this generation, at one that is connected with the root: one of its neighbours, one
/// that a search finds, or one of some around the root.
fn attach<S: PageStore>(
    index: &mut Index<S>,
    tree: &Tree,
    root: NodeId,
    (id, generation): (NodeId, u32),
    ef: usize,
) -> Result<bool> {
    let loaded = index.load(id, 0)?;
    let Some(Loaded { header, y, sketch }) = loaded.filter(|l| l.header.generation == generation)
    else {
        return Ok(false);
    };
    let orphan = Orphan {
        id,
        query: Query::from_stored(index, y, header.norm, 0.0),
        sketch,
    };
    let mut near = Vec::new();
    for neighbour in index.with_record(id, |r| r.neighbours().to_vec())? {
        if tree.is_attached(neighbour) {
            near.extend(load_replacement(index, neighbour, 0, &orphan.query.y)?);
        }
    }
    near.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    if orphan.anchor_at_one_of(index, &near)? {
        return Ok(true);
    }
    let attached = |id| tree.is_attached(id);
    let found = search_replacements(index, &orphan.query, id, (0, ef), attached)?;
    if orphan.anchor_at_one_of(index, &found)? {
        return Ok(true);
    }
    let mut seen = FxHashSet::from_iter([root, id]);
    let mut queue = VecDeque::from([root]);
    while let Some(at) = queue.pop_front() {
        index.store.check_interrupts();
        let near = load_replacement(index, at, 0, &orphan.query.y)?;
        if orphan.anchor_at_one_of(index, near.as_slice())? {
            return Ok(true);
        }
        for next in index.with_record(at, |r| r.neighbours().to_vec())? {
            if tree.is_attached(next) && seen.len() < LAST_RESORTS && seen.insert(next) {
                queue.push_back(next);
            }
        }
    }
    Ok(false)
}

/// A node that needs an anchor.
struct Orphan {
    id: NodeId,
    query: Query,
    sketch: Sketch,
}

impl Orphan {
    fn anchor_at_one_of<S: PageStore>(
        &self,
        index: &Index<S>,
        near: &[Replacement],
    ) -> Result<bool> {
        for r in near {
            let generation = index.with_record(r.id, |rec| {
                rec.is_node(0).then_some(rec.header().generation)
            })?;
            let Some(generation) = generation else {
                continue;
            };
            let target = LinkTarget {
                id: r.id,
                generation,
                level: 0,
                y: &r.y,
            };
            let edge = index.edge(&r.y, &self.query.y).with(self.sketch);
            let link = NewLink {
                id: self.id,
                distance: r.distance,
                edge,
                anchor: true,
                names: &[],
            };
            if index.link(&target, &link, &self.query)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
