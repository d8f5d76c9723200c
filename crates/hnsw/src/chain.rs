//! Lists of slots for what a node has beside its records: rows, elements of a sparse vector.
//!
//! Each slot names its owner's id and generation: a reader that walks a list without a lock reads
//! what is the node's or, once the owner does not match any more, nothing.

use crate::index::Index;
use crate::layout::Layout;
use crate::page::Body;
use crate::record::{NONE, NodeId, Record, RecordMut, SlotKind};
use crate::store::PageStore;
use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};
use std::mem::size_of;

/// Starts a slot of a list; the first eight bytes are those of every slot.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct ChainHeader {
    /// A [`SlotKind`]: `Tids` or `Elements`.
    pub kind: u8,
    padding: [u8; 3],
    /// Raised each time the slot is freed.
    pub generation: u32,
    /// The next slot of the list, or [`NONE`].
    pub next: NodeId,
    /// The node, at level 0.
    pub owner: NodeId,
    /// Generation of the node's slot.
    pub owner_generation: u32,
    /// Entries in this slot.
    pub count: u32,
    reserved: u64,
}

const HEADER: usize = size_of::<ChainHeader>();
const _: () = assert!(HEADER == 32);

/// Whose list it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The node, at level 0.
    pub id: NodeId,
    /// Generation of its slot.
    pub generation: u32,
}

impl Owner {
    /// Owns slots that are taken but not used yet.
    pub const NOBODY: Owner = Owner {
        id: NONE,
        generation: 0,
    };
}

impl ChainHeader {
    /// Whose slot it is.
    pub fn owner(&self) -> Owner {
        Owner {
            id: self.owner,
            generation: self.owner_generation,
        }
    }
}

/// Bytes of an entry.
fn entry_size(layout: &Layout, kind: SlotKind) -> usize {
    match kind {
        SlotKind::Elements => 8,
        _ => layout.row_size,
    }
}

/// Entries that a slot takes.
pub fn capacity(layout: &Layout, kind: SlotKind) -> usize {
    (layout.record_size - HEADER) / entry_size(layout, kind)
}

/// Header and entries of a slot; `None` if it is in no list.
pub fn read_slot<'a>(
    layout: &Layout,
    body: &'a Body,
    block: u32,
    slot: usize,
) -> Result<Option<(ChainHeader, &'a [u8])>> {
    let kind = Record::new(layout, body, block, slot)?.kind();
    if !matches!(kind, SlotKind::Tids | SlotKind::Elements) {
        return Ok(None);
    }
    let bytes = &body.bytes()[layout.record_range(slot)];
    let header: ChainHeader = *bytemuck::from_bytes(&bytes[..HEADER]);
    if header.count as usize > capacity(layout, kind) {
        return Err(Error::corrupted(block, "list has more entries than fit"));
    }
    let size = entry_size(layout, kind) * header.count as usize;
    Ok(Some((header, &bytes[HEADER..][..size])))
}

/// Shows one slot of a list of `owner`, and returns the next one; [`NONE`] also when the list is
/// gone.
pub fn read<S: PageStore>(
    index: &Index<S>,
    owner: Owner,
    id: NodeId,
    f: impl FnOnce(&ChainHeader, &[u8]),
) -> Result<NodeId> {
    let (block, slot) = index.layout.locate(id);
    index.store.read(block, |body| {
        let found = read_slot(&index.layout, body, block, slot)?;
        let Some((header, entries)) = found.filter(|(h, _)| h.owner() == owner) else {
            return Ok(NONE);
        };
        f(&header, entries);
        Ok(header.next)
    })?
}

/// Replaces header and entries of a slot.
pub fn write(bytes: &mut [u8], header: &ChainHeader, entries: &[u8]) {
    bytes.fill(0);
    bytes[..HEADER].copy_from_slice(bytemuck::bytes_of(header));
    bytes[HEADER..][..entries.len()].copy_from_slice(entries);
}

/// The bytes of a slot of a list of `owner` that goes on at `next`.
pub fn slot_bytes(
    layout: &Layout,
    kind: SlotKind,
    owner: Owner,
    next: NodeId,
    entries: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![0; layout.record_size];
    let header = ChainHeader {
        kind: kind as u8,
        padding: [0; 3],
        generation: 0,
        next,
        owner: owner.id,
        owner_generation: owner.generation,
        count: (entries.len() / entry_size(layout, kind)) as u32,
        reserved: 0,
    };
    write(&mut bytes, &header, entries);
    bytes
}

/// Frees a slot if it is in a list of `owner` and `still` says so; returns the slot behind it.
pub fn free<S: PageStore>(
    index: &Index<S>,
    owner: Owner,
    id: NodeId,
    still: impl FnOnce(&ChainHeader) -> bool,
) -> Result<Option<NodeId>> {
    let (block, slot) = index.layout.locate(id);
    let part = index.layout.record_range(slot);
    let next = index.store.write_part(block, part, |body| {
        let found = read_slot(&index.layout, body, block, slot)?;
        let header = found.map(|(header, _)| header);
        let Some(header) = header.filter(|h| h.owner() == owner && still(h)) else {
            return Ok(None);
        };
        RecordMut::new(&index.layout, body, block, slot)?.free();
        Ok(Some(header.next))
    })?;
    if next.is_some() {
        index.store.set_free(block, true);
    }
    Ok(next)
}
