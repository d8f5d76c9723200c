//! Rows of nodes that stand for more rows than their record holds.
//!
//! They stand in a list of slots ([`crate::chain`]). Slots are put at the head of the list and leave
//! it only with the whole list, when the node is freed: a reader that walks it without a lock reads
//! either the node's rows or, once the owner does not match any more, none, as all are dead to
//! everyone. Vacuum leaves holes and points the node's `hint` back at the head; an insert follows
//! the list from the hint to the first slot with room.

use crate::alloc;
use crate::chain::{self, ChainHeader, Owner};
use crate::index::Index;
use crate::layout::Layout;
use crate::page::Body;
use crate::record::{self, NONE, NodeId, Record, SlotKind, Tid};
use crate::store::PageStore;
use crate::{Error, Result};

/// Rows that a slot of a layout takes.
pub fn capacity(layout: &Layout) -> usize {
    chain::capacity(layout, SlotKind::Tids)
}

/// Header of the slot and the TIDs of its rows; `None` if it holds none.
pub fn read_slot(
    layout: &Layout,
    body: &Body,
    block: u32,
    slot: usize,
) -> Result<Option<(ChainHeader, Vec<Tid>)>> {
    let found = rows_of(layout, body, block, slot)?;
    Ok(found.map(|(header, rows)| (header, parse(layout, rows).collect())))
}

/// As [`read_slot`], with the keys.
pub fn rows_of<'a>(
    layout: &Layout,
    body: &'a Body,
    block: u32,
    slot: usize,
) -> Result<Option<(ChainHeader, &'a [u8])>> {
    let found = chain::read_slot(layout, body, block, slot)?
        .filter(|(header, _)| header.kind == SlotKind::Tids as u8);
    if let Some((_, rows)) = found {
        valid(layout, rows, block)?;
    }
    Ok(found)
}

fn parse<'a>(layout: &Layout, rows: &'a [u8]) -> impl Iterator<Item = Tid> + use<'a> {
    rows.chunks_exact(layout.row_size).map(Tid::from_bytes)
}

/// The bytes of a row: its TID and its key.
pub fn row(layout: &Layout, tid: Tid, key: &[u8]) -> Vec<u8> {
    let mut row = tid.to_bytes().to_vec();
    row.extend_from_slice(key);
    row.resize(layout.row_size, 0);
    row
}

/// Reads one slot of a list into `tids` and returns the next; [`NONE`] also when the list is gone.
pub fn read<S: PageStore>(
    index: &Index<S>,
    owner: Owner,
    id: NodeId,
    tids: &mut Vec<Tid>,
) -> Result<NodeId> {
    let mut rows = Vec::new();
    let next = read_rows(index, owner, id, &mut rows)?;
    tids.extend(parse(&index.layout, &rows));
    Ok(next)
}

/// As [`read`], with the keys.
pub fn read_rows<S: PageStore>(
    index: &Index<S>,
    owner: Owner,
    id: NodeId,
    rows: &mut Vec<u8>,
) -> Result<NodeId> {
    let known = rows.len();
    let next = chain::read(index, owner, id, |header, entries| {
        if header.kind == SlotKind::Tids as u8 {
            rows.extend_from_slice(entries);
        }
    })?;
    valid(&index.layout, &rows[known..], index.layout.locate(id).0)?;
    Ok(next)
}

/// Fails unless each row of a block has an address.
fn valid(layout: &Layout, rows: &[u8], block: u32) -> Result<()> {
    match parse(layout, rows).all(Tid::is_valid) {
        true => Ok(()),
        false => Err(Error::corrupted(block, "row has no address")),
    }
}

/// Keeps the rows of a slot whose TIDs `keep` says; returns how many went.
pub fn retain(
    layout: &Layout,
    body: &mut Body,
    block: u32,
    slot: usize,
    keep: impl FnMut(Tid) -> bool,
) -> Result<usize> {
    let Some((mut header, rows)) = rows_of(layout, body, block, slot)? else {
        return Ok(0);
    };
    let before = header.count as usize;
    let kept = record::retained(rows, layout.row_size, keep);
    header.count = (kept.len() / layout.row_size) as u32;
    let bytes = &mut body.bytes_mut()[layout.record_range(slot)];
    chain::write(bytes, &header, &kept);
    Ok(before - header.count as usize)
}

/// The bytes of a slot that starts the list of `owner` with `rows`.
pub fn slot_bytes(layout: &Layout, owner: Owner, next: NodeId, rows: &[u8]) -> Vec<u8> {
    chain::slot_bytes(layout, SlotKind::Tids, owner, next, rows)
}

/// Adds a row ([`row`]) to an existing node; `false` if the node is not what it was (`generation`)
/// or dead.
pub fn add<S: PageStore>(
    index: &Index<S>,
    id: NodeId,
    generation: u32,
    row: &[u8],
) -> Result<bool> {
    let l = &index.layout;
    let (block, slot) = l.locate(id);
    let owner = Owner { id, generation };
    loop {
        let alive = |r: &Record| {
            r.is_node(0) && r.kind() == SlotKind::Node && r.header().generation == generation
        };
        // The common case: room in the record.
        let state = index.store.read(block, |body| {
            let record = Record::new(l, body, block, slot)?;
            Ok(alive(&record).then(|| *record.header()))
        })??;
        let Some(header) = state else {
            return Ok(false);
        };
        if usize::from(header.tids) < l.inline_rows {
            let added = index.change_record(owner.id, |mut record| {
                Ok(alive(&record.view()) && record.push_row(row))
            })?;
            if added {
                return Ok(true);
            }
            continue;
        }
        // Then a slot of the list, from the hint on. At most as many steps as there are slots: a
        // list that is longer runs in a circle.
        let mut next = header.hint;
        let mut steps = u64::from(index.store.blocks()) * l.slots as u64;
        while next != NONE {
            let (block, slot) = l.locate(next);
            // A look first: a full slot needs no write.
            let (room, after) = index.store.read(block, |body| {
                let list = rows_of(l, body, block, slot)?.filter(|(h, _)| h.owner() == owner);
                Ok(list.map_or((false, NONE), |(h, _)| {
                    ((h.count as usize) < capacity(l), h.next)
                }))
            })??;
            if room && push(index, owner, next, row)? {
                if next != header.hint {
                    set_hint(index, owner, next)?;
                }
                return Ok(true);
            }
            next = after;
            steps = steps
                .checked_sub(1)
                .ok_or(Error::corrupted(block, "TID list is circular"))?;
            index.store.check_interrupts();
        }
        // None has room: a new slot at the head.
        let bytes = slot_bytes(l, owner, header.link, row);
        let new = alloc::allocate(index, &bytes)?.0;
        let linked = index.change_record(owner.id, |mut record| {
            if !alive(&record.view()) || record.header().link != header.link {
                return Ok(false);
            }
            record.header().link = new;
            record.header().hint = new;
            Ok(true)
        })?;
        if linked {
            return Ok(true);
        }
        alloc::free(index, new)?;
    }
}

/// Adds a row to a slot of a list; `false` if it has no room any more.
fn push<S: PageStore>(index: &Index<S>, owner: Owner, id: NodeId, row: &[u8]) -> Result<bool> {
    let l = &index.layout;
    let (block, slot) = l.locate(id);
    index.store.write_part(block, l.record_range(slot), |body| {
        let list = rows_of(l, body, block, slot)?.filter(|(h, _)| h.owner() == owner);
        let Some((mut header, rows)) = list.filter(|(h, _)| (h.count as usize) < capacity(l))
        else {
            return Ok(false);
        };
        let rows = [rows, row].concat();
        header.count += 1;
        let bytes = &mut body.bytes_mut()[l.record_range(slot)];
        chain::write(bytes, &header, &rows);
        Ok(true)
    })
}

fn set_hint<S: PageStore>(index: &Index<S>, owner: Owner, hint: NodeId) -> Result<()> {
    index.change_record(owner.id, |mut record| {
        if record.view().is_node(0) && record.header().generation == owner.generation {
            record.header().hint = hint;
        }
        Ok(())
    })
}
