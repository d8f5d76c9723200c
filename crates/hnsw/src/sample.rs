//! What a few nodes say of all: how many rows are within a distance.

use crate::Result;
use crate::index::{Index, Visit, With};
use crate::page::PageKind;
use crate::query::Query;
use crate::record::NodeId;
use crate::store::PageStore;

impl<S: PageStore> Index<'_, S> {
    /// The share of nodes that may be within `radius` of the query, in the operator's own measure, among at
    /// most `count` nodes on as many pages all over the index, and one that is not; `None` if no node was found there.
    pub fn share_within(&self, query: &Query, radius: f64, count: u32) -> Result<Option<f64>> {
        let first = self.layout.first_block();
        // A damaged file may end anywhere.
        let step = self
            .store
            .blocks()
            .saturating_sub(first)
            .div_ceil(count)
            .max(1);
        let mut visit = Visit::default();
        let (mut nodes, mut within) = (0, 0);
        for block in (first + step / 2..self.store.blocks()).step_by(step as usize) {
            let Some(id) = self.node_near(block, nodes)? else {
                continue;
            };
            if self.visit(query, id, 0, With::RowsOnly, &mut visit)? {
                nodes += 1;
                let bounds = query.bounds(visit.precise, &visit.header);
                within += usize::from(bounds.lower <= radius);
            }
        }
        Ok((nodes > 0).then(|| within as f64 / (nodes + 1) as f64))
    }

    /// A slot on the first page of slots from a block on; `None` if there is none soon.
    fn node_near(&self, block: u32, slot: usize) -> Result<Option<NodeId>> {
        let end = (block + self.layout.unit_pages()).min(self.store.blocks());
        for block in block..end {
            let kind = self.store.read(block, |body| body.header().kind)?;
            if kind == PageKind::Nodes as u16 {
                return Ok(self.layout.id(block, slot % self.layout.slots));
            }
        }
        Ok(None)
    }
}
