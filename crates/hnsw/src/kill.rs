//! Marking rows that a scan found dead to everyone, so that later scans pass over them.

use crate::index::Index;
use crate::record::{NodeId, Record, Tid};
use crate::store::PageStore;
use crate::{Result, layout::Layout, page::Body};

impl<S: PageStore> Index<'_, S> {
    /// Marks those of `rows`, in ascending order, that stand in the record of the node `id`, if that is still of this
    /// generation. Rows in its lists stay unmarked: the mark only saves time.
    ///
    /// The table may have reused a row's address since the scan saw it. `still_dead` is therefore
    /// asked under the page's lock, where an address that the index knows can be that of a new row only
    /// if the table has that row already.
    pub fn mark_dead(
        &self,
        id: NodeId,
        generation: u32,
        rows: &[Tid],
        mut still_dead: impl FnMut(Tid) -> bool,
    ) -> Result<()> {
        let l = &self.layout;
        let (block, slot) = l.locate(id);
        let unmarked = |body: &Body| {
            let record = Record::new(l, body, block, slot)?;
            let same = record.is_node(0) && record.header().generation == generation;
            Ok(same && record.tids().any(|tid| rows.binary_search(&tid).is_ok()))
        };
        if !self.store.read(block, unmarked)?? {
            return Ok(());
        }
        self.store.write_part(block, l.record_range(slot), |body| {
            if unmarked(body)? {
                for row in rows_of(l, body, slot).chunks_exact_mut(l.row_size) {
                    let tid = Tid::from_bytes(row);
                    if rows.binary_search(&tid).is_ok() && still_dead(tid) {
                        row[..6].copy_from_slice(&tid.dead().to_bytes());
                    }
                }
            }
            Ok(())
        })
    }
}

/// Room for rows in a record; what is not in use is zero, and so no row's address.
fn rows_of<'a>(layout: &Layout, body: &'a mut Body, slot: usize) -> &'a mut [u8] {
    &mut body.bytes_mut()[layout.record_range(slot)][layout.rows.clone()]
}
