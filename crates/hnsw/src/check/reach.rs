//! Whether every node can be reached from the entry point over level 0.
//!
//! Inserts never take the last way to a node (its anchor); a vacuum does, for as long as it changes lists. So
//! nothing is said while one is under way, or if one did not end.

use super::{Check, Host, Problem, TRIES, was};
use crate::Result;
use crate::chain::Owner;
use crate::record::{NONE, NodeId, Record, SlotKind};
use crate::store::PageStore;
use crate::tids;

use crate::slots::Slots;

impl<S: PageStore, H: Host> Check<'_, '_, S, H> {
    /// Counts live nodes that cannot be reached, and reports those that have a row.
    pub(super) fn reach(&mut self) -> Result<()> {
        for _ in 0..TRIES {
            let root = self.index.root_now();
            let root = self.readable(root)?;
            let before = self.index.meta().vacuums;
            if before % 2 == 1 {
                break;
            }
            let root = match root {
                Some(root) if root == NONE || self.exists(root) => root,
                // The entry point is wrong, which was said.
                _ => return Ok(()),
            };
            let (reached, unmapped) = self.reached_from(root)?;
            self.index.refresh()?;
            if self.index.meta().vacuums == before {
                for id in unmapped {
                    let (block, slot) = self.layout.locate(id);
                    let text = "map does not have the codes of the node";
                    self.report(block, Some(slot), Some(0), text.into());
                }
                return self.report_unreachable(root, &reached);
            }
        }
        self.counts.vacuuming = true;
        Ok(())
    }

    /// All that lanes lead to from `root`. Slots are visited in ascending order, again and again, so
    /// that pages are mostly read in order. Also nodes whose codes the map does not have, though it
    /// gets them before anything leads to a node.
    fn reached_from(&mut self, root: NodeId) -> Result<(Slots, Vec<NodeId>)> {
        let (mut reached, mut visited) = (Slots::default(), Slots::default());
        let mut unmapped = Vec::new();
        if root != NONE {
            reached.add(root);
        }
        let mut next = 0;
        let mut last = 0;
        while let Some(id) = match reached.next_not_in(&visited, next) {
            None if next > 0 => reached.next_not_in(&visited, 0),
            found => found,
        } {
            visited.add(id);
            next = id + 1;
            let (block, _) = self.layout.locate(id);
            if block != last {
                last = block;
                self.index.store.check_interrupts();
                self.host.progress("reachability", block, self.blocks);
            }
            let node = self.index.with_record(id, |record| {
                let node = (record.sketch(), record.neighbours().to_vec());
                record.is_node(0).then_some(node)
            });
            let Some((sketch, lanes)) = self.readable(node)?.flatten() else {
                continue;
            };
            let mapped = self.readable(self.index.mapped_codes(id))?;
            if mapped.is_some_and(|mapped| !was(sketch, mapped)) {
                unmapped.push(id);
            }
            for lane in lanes {
                if self.exists(lane) {
                    reached.add(lane);
                }
            }
        }
        Ok((reached, unmapped))
    }

    fn report_unreachable(&mut self, root: NodeId, reached: &Slots) -> Result<()> {
        let (mut unreachable, mut with_rows) = (0, 0);
        let mut next = 0;
        while let Some(id) = self.alive.next_not_in(reached, next) {
            next = id + 1;
            unreachable += 1;
            self.index.store.check_interrupts();
            // The row of an insert that is under way, or failed, is not visible.
            if self.has_visible_row(id)? {
                with_rows += 1;
                let (block, slot) = self.layout.locate(id);
                let text = "node cannot be reached from the entry point";
                self.report(block, Some(slot), Some(0), text.into());
            }
        }
        if with_rows > 0 {
            self.host.problem(Problem {
                block: None,
                slot: None,
                level: None,
                text: format!(
                    "{with_rows} of {} nodes cannot be reached from the entry point",
                    self.counts.nodes
                ),
            });
        }
        self.counts.unreachable = Some(unreachable);
        let mut next = 0;
        while let Some(id) = self.alive.next_not_in(&self.named, next) {
            next = id + 1;
            self.counts.without_in_edge += usize::from(id != root);
        }
        Ok(())
    }

    /// Whether a node has a row that the check's snapshot sees.
    fn has_visible_row(&mut self, id: NodeId) -> Result<bool> {
        let found = self.index.with_record(id, |record: Record| {
            let header = record.header();
            let owner = Owner {
                id,
                generation: header.generation,
            };
            let alive = record.kind() == SlotKind::Node && header.level == 0;
            alive.then(|| (owner, header.link, record.tids().collect::<Vec<_>>()))
        });
        let Some((owner, mut next, mut rows)) = self.readable(found)?.flatten() else {
            return Ok(false);
        };
        let mut walked = Slots::default();
        loop {
            for tid in rows.drain(..) {
                if self.host.show(tid.unmarked(), &mut |_, _| ()) {
                    return Ok(true);
                }
            }
            if next == NONE || !self.exists(next) || !walked.add(next) {
                return Ok(false);
            }
            let after = tids::read(&self.index, owner, next, &mut rows);
            next = self.readable(after)?.unwrap_or(NONE);
        }
    }
}
