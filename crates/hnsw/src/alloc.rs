//! Slots: finding, filling, freeing.
//!
//! A free slot is looked for on the page that this process filled last, on the last page of the
//! index and on one that the free space map names, in this order; else the index is extended. The
//! free space map is a hint that a crash may lose; vacuum tells it again.

use crate::chain::{self, Owner};
use crate::index::Index;
use crate::layout::Layout;
use crate::page::{
    BODY_SIZE, Body, HEADER_SIZE, PageKind, VECTOR_BYTES, VECTOR_OFFSET, VectorHeader,
};
use crate::record::{NONE, NodeId, Record, RecordMut, Rest, SlotKind};
use crate::store::PageStore;
use crate::{Error, Result};
use std::mem::size_of;

/// Fills a free slot with the bytes of a record whose own vector is `stored`, writes what of that
/// stands apart, and returns the slot's id.
pub fn allocate_node<S: PageStore>(
    index: &Index<S>,
    bytes: &mut [u8],
    stored: &[u8],
) -> Result<NodeId> {
    match Record::from_bytes(&index.layout, bytes, 0)?.rest() {
        Rest::Nothing | Rest::Base(_) => Ok(allocate(index, bytes)?.0),
        Rest::Pages => Ok(allocate_pages(index, bytes, stored)?.0),
        Rest::Slots(..) => allocate_slots(index, bytes, stored),
    }
}

/// Fills a free slot with bytes that have nothing apart; returns its id and generation.
pub fn allocate<S: PageStore>(index: &Index<S>, bytes: &[u8]) -> Result<(NodeId, u32)> {
    let l = &index.layout;
    if l.vector_pages > 0 {
        return allocate_pages(index, bytes, &[]);
    }
    let last = index
        .store
        .blocks()
        .checked_sub(1)
        .filter(|&b| b >= l.first_block() && !l.is_map(b));
    for block in [index.store.target(), last].into_iter().flatten() {
        if let Some(found) = fill_slot(index, block, bytes)? {
            index.store.set_target(Some(block));
            return Ok(found);
        }
    }
    while let Some(block) = index.store.free_page() {
        index.store.check_interrupts();
        if block >= l.first_block()
            && block < index.store.blocks()
            && !l.is_map(block)
            && let Some(found) = fill_slot(index, block, bytes)?
        {
            index.store.set_target(Some(block));
            return Ok(found);
        }
        index.store.set_free(block, false);
    }
    loop {
        let block = extend(index)?;
        // Another process may have been faster.
        if let Some(found) = fill_slot(index, block, bytes)? {
            index.store.set_target(Some(block));
            return Ok(found);
        }
    }
}

/// Adds a page of free slots. It is filled with another change: a new page is logged whole, a change
/// without the zeros of what a record does not use.
fn extend<S: PageStore>(index: &Index<S>) -> Result<u32> {
    let l = &index.layout;
    // The page behind the next one, which may be a map page.
    if l.id(index.store.blocks() + 1, l.slots).is_none() {
        return Err(Error::Full);
    }
    let mut added = None;
    index.store.extend(|block, body| {
        if l.is_map(block) {
            body.init(PageKind::Map);
            return true;
        }
        body.init(PageKind::Nodes);
        added = Some(block);
        false
    })?;
    added.ok_or(Error::Full)
}

/// Writes `bytes` into the first free slot of a page, if it has one.
fn fill_slot<S: PageStore>(
    index: &Index<S>,
    block: u32,
    bytes: &[u8],
) -> Result<Option<(NodeId, u32)>> {
    let l = &index.layout;
    loop {
        // A look first: a page without a free slot needs no write.
        let look = |body: &Body| -> Result<_> { Ok((free_slot(l, body, block)?, body.is_new())) };
        let (Some(slot), new) = index.store.read(block, look)?? else {
            return Ok(None);
        };
        let part = match new {
            true => 0..BODY_SIZE,
            false => l.record_range(slot),
        };
        let generation = index.store.write_part(block, part, |body| {
            if body.is_new() {
                body.init(PageKind::Nodes);
            }
            let mut record = RecordMut::new(l, body, block, slot)?;
            let free = record.view().kind() == SlotKind::Free;
            Ok(free.then(|| record.fill(bytes)))
        })?;
        // Another process may have been faster.
        if let Some(generation) = generation {
            return Ok(l.id(block, slot).map(|id| (id, generation)));
        }
    }
}

/// The first free slot of a page; one that was never initialised is all free.
fn free_slot(layout: &Layout, body: &Body, block: u32) -> Result<Option<usize>> {
    if body.is_new() {
        return Ok(Some(0));
    }
    for slot in 0..layout.slots {
        if Record::new(layout, body, block, slot)?.kind() == SlotKind::Free {
            return Ok(Some(slot));
        }
    }
    Ok(None)
}

/// With further elements in slots: the record's slot is claimed, since they name it; then they are
/// written, the last ones first; the record comes last, and leads to the first of them.
fn allocate_slots<S: PageStore>(
    index: &Index<S>,
    bytes: &mut [u8],
    stored: &[u8],
) -> Result<NodeId> {
    let l = &index.layout;
    let (id, generation) = allocate(index, &claimed_bytes(l))?;
    let owner = Owner { id, generation };
    let kind = SlotKind::Elements;
    let mut more = NONE;
    let parts = stored[8 * l.inline_elements()..].chunks(8 * chain::capacity(l, kind));
    for part in parts.rev() {
        more = allocate(index, &chain::slot_bytes(l, kind, owner, more, part))?.0;
        index.store.check_interrupts();
    }
    RecordMut::over(l, bytes).set_vector(stored, more);
    fill(index, id, bytes)?;
    Ok(id)
}

/// Writes `bytes` into a slot that this process has claimed.
fn fill<S: PageStore>(index: &Index<S>, id: NodeId, bytes: &[u8]) -> Result<()> {
    index.change_record(id, |mut record| {
        record.fill(bytes);
        Ok(())
    })
}

/// With the own vector on pages apart: these are written first, the record last, so that a record
/// never stands before its vector does.
fn allocate_pages<S: PageStore>(
    index: &Index<S>,
    bytes: &[u8],
    apart: &[u8],
) -> Result<(NodeId, u32)> {
    let l = &index.layout;
    while let Some(block) = index.store.free_page() {
        index.store.check_interrupts();
        let there = block >= l.first_block() && block < index.store.blocks();
        let generation = match there && l.starts_unit(block) {
            true if is_whole(index, block)? => claim(index, block)?,
            _ => None,
        };
        index.store.set_free(block, false);
        let Some(generation) = generation else {
            continue;
        };
        for (part, bytes) in (0..).zip(apart.chunks(VECTOR_BYTES)) {
            let at = block + 1 + part;
            index.store.write(at, |body| {
                body.expect(PageKind::Vector, at)?;
                write_vector(
                    body,
                    VectorHeader {
                        owner: block,
                        generation,
                    },
                    bytes,
                );
                Ok(())
            })?;
        }
        fill(index, block, bytes)?;
        return Ok((block, generation));
    }
    if l.id(index.store.blocks() + 2 * l.unit_pages(), 0).is_none() {
        return Err(Error::Full);
    }
    // The record is filled in last: until all pages stand, its slot is claimed.
    let mut parts = apart.chunks(VECTOR_BYTES);
    let mut first = None;
    let claimed = claimed_bytes(l);
    index.store.extend(|block, body| match first {
        None if l.is_map(block) => {
            body.init(PageKind::Map);
            true
        }
        // What an extension that failed left of a unit.
        None if !l.starts_unit(block) => {
            body.init(PageKind::Nodes);
            true
        }
        None => {
            first = Some(block);
            body.init(PageKind::Nodes);
            body.bytes_mut()[l.record_range(0)].copy_from_slice(&claimed);
            l.vector_pages > 0
        }
        Some(owner) => {
            let part = parts.next().unwrap_or_default();
            let generation = 0;
            init_vector(body, VectorHeader { owner, generation }, part);
            block + 1 < owner + l.unit_pages()
        }
    })?;
    let first = first.ok_or(Error::Full)?;
    fill(index, first, bytes)?;
    Ok((first, 0))
}

/// A TID list without an owner: a slot that is taken but not filled yet. Vacuum frees it if that
/// never happens.
fn claimed_bytes(layout: &Layout) -> Vec<u8> {
    chain::slot_bytes(layout, SlotKind::Tids, Owner::NOBODY, NONE, &[])
}

/// Whether all pages for a vector apart stand behind a record's page. Where extending the index
/// failed midway some do not, and such a slot stays unused.
fn is_whole<S: PageStore>(index: &Index<S>, block: u32) -> Result<bool> {
    for part in 1..index.layout.unit_pages() {
        if block + part >= index.store.blocks() {
            return Ok(false);
        }
        let owner = index.store.read(block + part, |body| {
            let vector = body.header().kind == PageKind::Vector as u16;
            vector.then(|| VectorHeader::read(body).owner)
        })?;
        if owner != Some(block) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes a free slot whose vector stands apart, so that no other insert does; returns its
/// generation.
fn claim<S: PageStore>(index: &Index<S>, block: u32) -> Result<Option<u32>> {
    let l = &index.layout;
    index.store.write(block, |body| {
        if body.header().kind != PageKind::Nodes as u16 {
            return Ok(None);
        }
        let mut record = RecordMut::new(l, body, block, 0)?;
        if record.view().kind() != SlotKind::Free {
            return Ok(None);
        }
        Ok(Some(record.fill(&claimed_bytes(l))))
    })
}

fn write_vector(body: &mut Body, header: VectorHeader, bytes: &[u8]) {
    body.bytes_mut()[HEADER_SIZE..][..size_of::<VectorHeader>()]
        .copy_from_slice(bytemuck::bytes_of(&header));
    body.bytes_mut()[VECTOR_OFFSET..][..bytes.len()].copy_from_slice(bytes);
}

/// Fills a page with a part of a node's own vector.
pub(crate) fn init_vector(body: &mut Body, header: VectorHeader, bytes: &[u8]) {
    body.init(PageKind::Vector);
    write_vector(body, header, bytes);
}

/// Frees a slot.
pub fn free<S: PageStore>(index: &Index<S>, id: NodeId) -> Result<()> {
    index.change_record(id, |mut record| {
        record.free();
        Ok(())
    })?;
    index.store.set_free(index.layout.locate(id).0, true);
    Ok(())
}
