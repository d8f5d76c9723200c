//! Heap TIDs of nodes that stand for more rows than their record holds.
//!
//! They stand in a list of slots of kind `Tids`, each with its owner's id and generation. Slots
//! are put at the head of the list and leave it only with the whole list, when the node is freed: a
//! reader that walks it without a lock reads either the node's rows or, once the owner does not
//! match any more, rows that are dead to everyone. Vacuum leaves holes and points the node's `hint`
//! back at the head; an insert follows the list from the hint to the first slot with room.

use crate::alloc;
use crate::index::Index;
use crate::layout::Layout;
use crate::page::Body;
use crate::record::{NONE, NodeId, Record, RecordMut, SlotKind, Tid};
use crate::store::PageStore;
use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};
use std::mem::size_of;

/// Starts a slot of kind `Tids`; the first eight bytes are those of every slot.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct TidsHeader {
    /// [`SlotKind::Tids`].
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
    /// TIDs in this slot.
    pub count: u32,
    reserved: u64,
}

const HEADER: usize = size_of::<TidsHeader>();
const _: () = assert!(HEADER == 32);

/// TIDs that a slot of a layout takes.
pub fn capacity(layout: &Layout) -> usize {
    (layout.record_size - HEADER) / 6
}

/// The list that a walk is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Owner {
    /// The node, at level 0.
    pub id: NodeId,
    /// Generation of its slot.
    pub generation: u32,
}

/// Header and TIDs of one slot's bytes.
fn parse<'a>(layout: &Layout, bytes: &'a [u8], block: u32) -> Result<(TidsHeader, &'a [u8])> {
    let header: TidsHeader = *bytemuck::from_bytes(&bytes[..HEADER]);
    if header.count as usize > capacity(layout) {
        return Err(Error::corrupted(
            block,
            "TID list has more entries than fit",
        ));
    }
    Ok((header, &bytes[HEADER..][..6 * header.count as usize]))
}

/// Header of the slot and its TIDs; `None` if it belongs to no list.
pub fn read_slot(
    layout: &Layout,
    body: &Body,
    block: u32,
    slot: usize,
) -> Result<Option<(TidsHeader, Vec<Tid>)>> {
    if Record::new(layout, body, block, slot)?.kind() != SlotKind::Tids {
        return Ok(None);
    }
    let (header, tids) = parse(layout, &body.bytes()[layout.record_range(slot)], block)?;
    Ok(Some((
        header,
        tids.chunks_exact(6).map(Tid::from_bytes).collect(),
    )))
}

/// Reads one slot of a list into `tids` and returns the next; [`NONE`] also when the list is gone.
pub fn read<S: PageStore>(
    index: &Index<S>,
    owner: Owner,
    id: NodeId,
    tids: &mut Vec<Tid>,
) -> Result<NodeId> {
    let (block, slot) = index.layout.locate(id);
    index.store.read(block, |body| {
        let found = read_slot(&index.layout, body, block, slot)?;
        let Some((header, list)) = found.filter(|(h, _)| belongs(h, owner)) else {
            return Ok(NONE);
        };
        tids.extend(list);
        Ok(header.next)
    })?
}

/// Whether a slot is in the list of `owner`.
pub fn belongs(header: &TidsHeader, owner: Owner) -> bool {
    (header.owner, header.owner_generation) == (owner.id, owner.generation)
}

/// Keeps the TIDs of a slot that `keep` says; returns how many went.
pub fn retain(
    layout: &Layout,
    body: &mut Body,
    block: u32,
    slot: usize,
    mut keep: impl FnMut(Tid) -> bool,
) -> Result<usize> {
    let Some((mut header, tids)) = read_slot(layout, body, block, slot)? else {
        return Ok(0);
    };
    let kept: Vec<Tid> = tids.iter().copied().filter(|&t| keep(t)).collect();
    header.count = kept.len() as u32;
    write(
        &mut body.bytes_mut()[layout.record_range(slot)],
        &header,
        &kept,
    );
    Ok(tids.len() - kept.len())
}

fn write(bytes: &mut [u8], header: &TidsHeader, tids: &[Tid]) {
    bytes.fill(0);
    bytes[..HEADER].copy_from_slice(bytemuck::bytes_of(header));
    for (to, tid) in bytes[HEADER..].chunks_exact_mut(6).zip(tids) {
        to.copy_from_slice(&tid.to_bytes());
    }
}

/// The bytes of a slot that starts the list of `owner` with `tids`.
pub fn slot_bytes(layout: &Layout, owner: Owner, next: NodeId, tids: &[Tid]) -> Vec<u8> {
    let mut bytes = vec![0; layout.record_size];
    let header = TidsHeader {
        kind: SlotKind::Tids as u8,
        padding: [0; 3],
        generation: 0,
        next,
        owner: owner.id,
        owner_generation: owner.generation,
        count: tids.len() as u32,
        reserved: 0,
    };
    write(&mut bytes, &header, tids);
    bytes
}

/// Adds a row to an existing node; `false` if the node is not what it was (`generation`) or dead.
pub fn add<S: PageStore>(index: &Index<S>, id: NodeId, generation: u32, tid: Tid) -> Result<bool> {
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
        if usize::from(header.tids) < l.inline_tids {
            let added = index.store.write(block, |body| {
                let mut record = RecordMut::new(l, body, block, slot)?;
                Ok(alive(&record.view()) && record.push_tid(tid))
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
                let list = read_slot(l, body, block, slot)?.filter(|(h, _)| belongs(h, owner));
                Ok(list.map_or((false, NONE), |(h, tids)| {
                    (tids.len() < capacity(l), h.next)
                }))
            })??;
            if room && push(index, owner, next, tid)? {
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
        let bytes = slot_bytes(l, owner, header.link, &[tid]);
        let new = alloc::allocate(index, &bytes)?.0;
        let linked = index.store.write(block, |body| {
            let mut record = RecordMut::new(l, body, block, slot)?;
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
fn push<S: PageStore>(index: &Index<S>, owner: Owner, id: NodeId, tid: Tid) -> Result<bool> {
    let l = &index.layout;
    let (block, slot) = l.locate(id);
    index.store.write(block, |body| {
        let list = read_slot(l, body, block, slot)?.filter(|(h, _)| belongs(h, owner));
        let Some((mut header, mut tids)) = list.filter(|(_, tids)| tids.len() < capacity(l)) else {
            return Ok(false);
        };
        tids.push(tid);
        header.count += 1;
        write(&mut body.bytes_mut()[l.record_range(slot)], &header, &tids);
        Ok(true)
    })
}

fn set_hint<S: PageStore>(index: &Index<S>, owner: Owner, hint: NodeId) -> Result<()> {
    let (block, slot) = index.layout.locate(owner.id);
    index.store.write(block, |body| {
        let mut record = RecordMut::new(&index.layout, body, block, slot)?;
        if record.view().is_node(0) && record.header().generation == owner.generation {
            record.header().hint = hint;
        }
        Ok(())
    })
}
