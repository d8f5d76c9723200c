//! Removing rows, repairing lists, freeing slots.
//!
//! 1. *Remove*: over all pages, take out TIDs of dead rows. A node left with none is marked dead; it
//!    steers searches on, but no insert links to it any more. Wait for inserts that may have seen it alive.
//! 2. *Repair*: over all pages, replace lanes that lead to dead nodes. Candidates are the dead node's
//!    own neighbours, ranked by their codes there; few pages are read per list. Nodes that lost
//!    their anchor get another ([`connect`]). An entry point that is dead is replaced first.
//! 3. *Free* the dead nodes' slots and lists.
//!
//! A scan needs no interlock: an id it read earlier may lead to a free slot, which it skips, or to a
//! new node, whose record is as good as any. A crash leaves dead nodes marked; the next
//! vacuum goes on with them. One vacuum at a time runs on an index.

use crate::alloc;
use crate::chain::{self, Owner};
use crate::index::{Index, Loaded, Visit, With};
use crate::insert;
use crate::keys::Sketch;
use crate::layout::Layout;
use crate::page::{Body, PageKind};
use crate::prune;
use crate::query::Query;
use crate::record::{NONE, NodeId, Record, RecordHeader, RecordMut, SlotKind, Tid};
use crate::search::{self, Frontier};
use crate::store::PageStore;
use crate::tids;
use crate::{Error, Result};
use rustc_hash::{FxHashMap, FxHashSet};

mod connect;

/// What a vacuum did and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows that remain.
    pub rows: u64,
    /// Rows removed.
    pub removed: u64,
    /// Slots freed.
    pub freed: u64,
    /// Slots that were free already.
    pub free: u64,
    /// Pages of the index.
    pub pages: u32,
}

/// What the first pass learns.
#[derive(Default)]
struct Survey {
    stats: Stats,
    /// Records of dead nodes, on all levels, with their level.
    dead: FxHashMap<NodeId, u8>,
    /// Upper records and their level-0 record.
    uppers: Vec<(NodeId, u8, NodeId)>,
    /// Nodes without rows in the record, but with lists.
    doubtful: Vec<(NodeId, u32)>,
    /// All slots of lists, with their generation and owner.
    lists: Vec<(NodeId, u32, Owner)>,
    /// Owners of lists that lost rows.
    thinned: FxHashSet<Owner>,
    /// Some live node on level 0.
    some_alive: Option<NodeId>,
}

/// Vacuums the index; `is_dead` says which rows are gone, `ef` is the beam of searches that replace
/// lists which lost most of their lanes.
pub fn vacuum<S: PageStore>(
    index: &mut Index<S>,
    ef: usize,
    mut is_dead: impl FnMut(Tid) -> bool,
) -> Result<Stats> {
    let mut survey = Survey::default();
    let first = index.layout.first_block();
    for block in first..index.store.blocks() {
        index.store.check_interrupts();
        remove_rows(index, block, &mut is_dead, &mut survey)?;
    }
    mark_empty(index, &mut survey)?;
    index.store.wait_for_inserts();
    let revived = settle_doubtful(index, &mut survey)?;
    if mark_uppers(index, &mut survey)? {
        index.store.wait_for_inserts();
    }
    free_stray_lists(index, &mut survey)?;
    index.refresh()?;
    // Odd: the vacuum before this one did not end, perhaps just before it had.
    if !survey.dead.is_empty() || revived || index.meta().vacuums % 2 == 1 {
        replace_entry(index, &survey)?;
        // One that took a dead node for the root may anchor it at its own.
        index.store.wait_for_inserts();
        for block in first..index.store.blocks() {
            index.store.check_interrupts();
            repair_page(index, block, ef, &survey.dead)?;
        }
        connect::connect(index, ef)?;
        free_dead(index, &mut survey)?;
        index.update_meta(|meta| {
            meta.vacuums = meta.vacuums.wrapping_add(1);
            Ok(())
        })?;
    }
    survey.stats.pages = index.store.blocks();
    Ok(survey.stats)
}

/// Counts what a vacuum without dead rows reports.
pub fn count<S: PageStore>(index: &mut Index<S>) -> Result<Stats> {
    let mut survey = Survey::default();
    for block in index.layout.first_block()..index.store.blocks() {
        index.store.check_interrupts();
        remove_rows(index, block, &mut |_| false, &mut survey)?;
    }
    survey.stats.pages = index.store.blocks();
    Ok(survey.stats)
}

/// Pass 1 over one page.
fn remove_rows<S: PageStore>(
    index: &Index<S>,
    block: u32,
    is_dead: &mut impl FnMut(Tid) -> bool,
    survey: &mut Survey,
) -> Result<()> {
    let l = &index.layout;
    let rows = match index.store.read(block, |body| rows_of(l, body, block))?? {
        Contents::Rows(rows) => rows,
        Contents::NoSlots => return Ok(()),
        Contents::Nothing => {
            // Left by a crash. Pages that belong together cannot be told from such a one alone.
            if l.vector_pages == 0 {
                survey.stats.free += l.slots as u64;
                index.store.set_free(block, true);
            }
            return Ok(());
        }
    };
    let rows = rows.into_iter().map(Tid::unmarked);
    let dead: FxHashSet<Tid> = rows.filter(|&t| is_dead(t)).collect();
    let thinned = !dead.is_empty();
    let mut note = |body: &Body| note_page(l, body, block, thinned, survey);
    let free = match dead.is_empty() {
        true => index.store.read(block, note)??,
        false => index.store.write(block, |body| {
            for slot in 0..l.slots {
                remove_from_slot(l, body, block, slot, &dead)?;
            }
            note(body)
        })?,
    };
    survey.stats.removed += dead.len() as u64;
    survey.stats.free += free;
    if free > 0 {
        index.store.set_free(block, true);
    }
    Ok(())
}

/// What pass 1 meets on a page.
enum Contents {
    /// Rows, and slots that may be free.
    Rows(Vec<Tid>),
    /// A part of a vector, or of the map.
    NoSlots,
    /// Nothing: the page was never initialised.
    Nothing,
}

fn rows_of(layout: &Layout, body: &Body, block: u32) -> Result<Contents> {
    if layout.is_map(block) {
        return Ok(Contents::NoSlots);
    }
    if body.is_new() {
        return Ok(Contents::Nothing);
    }
    if layout.vector_pages > 0 && body.header().kind == PageKind::Vector as u16 {
        body.expect(PageKind::Vector, block)?;
        return Ok(Contents::NoSlots);
    }
    let mut rows = Vec::new();
    for slot in 0..layout.slots {
        let record = Record::new(layout, body, block, slot)?;
        if record.is_node(0) {
            rows.extend(record.tids());
        } else if let Some((_, list)) = tids::read_slot(layout, body, block, slot)? {
            rows.extend(list);
        }
    }
    Ok(Contents::Rows(rows))
}

fn remove_from_slot(
    layout: &Layout,
    body: &mut Body,
    block: u32,
    slot: usize,
    dead: &FxHashSet<Tid>,
) -> Result<()> {
    let mut record = RecordMut::new(layout, body, block, slot)?;
    if record.view().is_node(0) {
        let removed = record.retain_tids(|t| !dead.contains(&t.unmarked()));
        let header = record.header();
        if removed > 0 && header.tids == 0 && header.link == NONE {
            header.kind = SlotKind::Dead as u8;
        }
        return Ok(());
    }
    tids::retain(layout, body, block, slot, |t| !dead.contains(&t.unmarked())).map(|_| ())
}

/// Notes what is on a page, which may have been `thinned`; returns its free slots.
fn note_page(
    layout: &Layout,
    body: &Body,
    block: u32,
    thinned: bool,
    survey: &mut Survey,
) -> Result<u64> {
    let mut free = 0;
    for slot in 0..layout.slots {
        let record = Record::new(layout, body, block, slot)?;
        let Some(id) = layout.id(block, slot) else {
            break;
        };
        let header = record.header();
        match record.kind() {
            SlotKind::Free => free += 1,
            SlotKind::Tids => {
                if let Some((list, rows)) = tids::read_slot(layout, body, block, slot)? {
                    survey.lists.push((id, list.generation, list.owner()));
                    survey.stats.rows += rows.len() as u64;
                    if thinned && rows.len() < tids::capacity(layout) {
                        survey.thinned.insert(list.owner());
                    }
                }
            }
            SlotKind::Elements => {
                if let Some((list, _)) = chain::read_slot(layout, body, block, slot)? {
                    survey.lists.push((id, list.generation, list.owner()));
                }
            }
            SlotKind::Node if header.level > 0 => {
                survey.uppers.push((id, header.level, header.hint));
            }
            // A vacuum before this one did not come to free it.
            SlotKind::Dead if header.level > 0 => {
                survey.dead.insert(id, header.level);
            }
            SlotKind::Dead => {
                survey.dead.insert(id, 0);
                if header.link != NONE {
                    survey.doubtful.push((id, header.generation));
                }
            }
            SlotKind::Node => {
                survey.stats.rows += u64::from(header.tids);
                match header.tids == 0 && header.link != NONE {
                    true => survey.doubtful.push((id, header.generation)),
                    false => survey.some_alive = Some(id),
                }
            }
        }
    }
    Ok(free)
}

/// Whether a node's lists hold any row.
fn lists_have_rows<S: PageStore>(index: &Index<S>, owner: Owner) -> Result<bool> {
    let mut next = index.with_record(owner.id, |r| r.header().link)?;
    let mut rows = Vec::new();
    let mut steps = u64::from(index.store.blocks()) * index.layout.slots as u64;
    while next != NONE && rows.is_empty() {
        next = tids::read(index, owner, next, &mut rows)?;
        let block = index.layout.locate(owner.id).0;
        steps = steps
            .checked_sub(1)
            .ok_or(Error::corrupted(block, "TID list is circular"))?;
        index.store.check_interrupts();
    }
    Ok(!rows.is_empty())
}

/// Marks nodes dead whose lists are all empty, and lets inserts look for room in thinned lists again.
fn mark_empty<S: PageStore>(index: &Index<S>, survey: &mut Survey) -> Result<()> {
    for &(id, generation) in &survey.doubtful {
        if survey.dead.contains_key(&id) || lists_have_rows(index, Owner { id, generation })? {
            continue;
        }
        let marked = change_node(index, id, generation, |header| {
            if header.tids == 0 {
                header.kind = SlotKind::Dead as u8;
            }
            header.tids == 0
        })?;
        if marked {
            survey.dead.insert(id, 0);
        }
    }
    for &Owner { id, generation } in &survey.thinned {
        index.store.check_interrupts();
        if id != NONE {
            change_node(index, id, generation, |header| {
                header.hint = header.link;
                true
            })?;
        }
    }
    Ok(())
}

/// Changes the header of a level-0 node if its slot still has this generation.
fn change_node<S: PageStore>(
    index: &Index<S>,
    id: NodeId,
    generation: u32,
    f: impl FnOnce(&mut RecordHeader) -> bool,
) -> Result<bool> {
    if index.layout.locate(id).0 >= index.store.blocks() {
        return Ok(false);
    }
    index.change_record(id, |mut record| {
        let same = record.view().is_node(0) && record.header().generation == generation;
        Ok(same && f(record.header()))
    })
}

/// An insert may have put a row into a list just before its node was marked dead; such a node lives. Returns whether
/// there are any: an insert meanwhile may have taken all nodes for dead.
fn settle_doubtful<S: PageStore>(index: &Index<S>, survey: &mut Survey) -> Result<bool> {
    let mut revived = false;
    for (id, generation) in std::mem::take(&mut survey.doubtful) {
        if !survey.dead.contains_key(&id) {
            survey.some_alive = Some(id);
        } else if lists_have_rows(index, Owner { id, generation })? {
            change_node(index, id, generation, |header| {
                header.kind = SlotKind::Node as u8;
                true
            })?;
            survey.dead.remove(&id);
            survey.some_alive = Some(id);
            revived = true;
        }
    }
    Ok(revived)
}

/// Marks the upper records of dead nodes; whether there are any.
fn mark_uppers<S: PageStore>(index: &Index<S>, survey: &mut Survey) -> Result<bool> {
    let dead_uppers: Vec<(NodeId, u8)> = survey
        .uppers
        .iter()
        .filter(|(_, _, base)| survey.dead.contains_key(base))
        .map(|&(id, level, _)| (id, level))
        .collect();
    for &(id, level) in &dead_uppers {
        index.store.check_interrupts();
        // What belongs to a dead node only this vacuum frees.
        index.change_record(id, |mut record| {
            record.header().kind = SlotKind::Dead as u8;
            Ok(())
        })?;
        survey.dead.insert(id, level);
    }
    Ok(!dead_uppers.is_empty())
}

/// Frees lists that an insert left without linking them.
fn free_stray_lists<S: PageStore>(index: &Index<S>, survey: &mut Survey) -> Result<()> {
    let mut linked: FxHashSet<NodeId> = FxHashSet::default();
    let mut walked: FxHashSet<Owner> = FxHashSet::default();
    for &(_, _, owner) in &survey.lists {
        if !walked.insert(owner) || owner.id == NONE {
            continue;
        }
        index.store.check_interrupts();
        if index.layout.locate(owner.id).0 >= index.store.blocks() {
            continue;
        }
        let starts = index.with_record(owner.id, |r| {
            let owned = r.is_node(0) && r.header().generation == owner.generation;
            if owned { lists_of(&r) } else { [NONE; 2] }
        })?;
        for mut next in starts {
            while next != NONE {
                index.store.check_interrupts();
                let (at, mut own) = (next, false);
                next = chain::read(index, owner, at, |_, _| own = true)?;
                // A damaged link may lead into the list of another node, or back.
                if !own || !linked.insert(at) {
                    break;
                }
            }
        }
    }
    for (id, generation, owner) in std::mem::take(&mut survey.lists) {
        if linked.contains(&id) {
            continue;
        }
        index.store.check_interrupts();
        if chain::free(index, owner, id, |header| header.generation == generation)?.is_some() {
            survey.stats.freed += 1;
        }
    }
    Ok(())
}

/// The first slots of the lists of a node on level 0: of TIDs and of elements.
fn lists_of(record: &Record) -> [NodeId; 2] {
    [record.header().link, record.more()]
}

/// If the entry point is no live record, makes the highest live one the entry point; says that lists are
/// about to change.
fn replace_entry<S: PageStore>(index: &mut Index<S>, survey: &Survey) -> Result<()> {
    let before = *index.meta();
    let stays = match u8::try_from(before.entry_level) {
        _ if before.entry == NONE => true,
        Ok(level) => is_alive(index, before.entry, level)?,
        Err(_) => false,
    };
    let new = if stays {
        None
    } else {
        Some(highest_alive(index, survey)?)
    };
    index.update_meta(|meta| {
        if let Some((entry, level)) = new
            && meta.entry == before.entry
        {
            (meta.entry, meta.entry_level) = (entry, level.into());
        }
        // Odd already if a vacuum before this one did not end.
        meta.vacuums |= 1;
        Ok(())
    })
}

/// Whether there is a live record on this level. An insert that failed may have freed one that pass 1 saw.
fn is_alive<S: PageStore>(index: &Index<S>, id: NodeId, level: u8) -> Result<bool> {
    if index.layout.locate(id).0 >= index.store.blocks() {
        return Ok(false);
    }
    index.with_record(id, |record| {
        record.kind() == SlotKind::Node && record.header().level == level
    })
}

/// The highest live record with its level, or [`NONE`].
fn highest_alive<S: PageStore>(index: &Index<S>, survey: &Survey) -> Result<(NodeId, u8)> {
    let uppers = survey.uppers.iter().map(|&(id, level, _)| (id, level));
    let mut known: Vec<(NodeId, u8)> = uppers
        .filter(|(id, _)| !survey.dead.contains_key(id))
        .collect();
    known.sort_by_key(|&(_, level)| std::cmp::Reverse(level));
    known.extend(survey.some_alive.map(|id| (id, 0)));
    for (id, level) in known {
        if is_alive(index, id, level)? {
            return Ok((id, level));
        }
    }
    // All that pass 1 saw is dead; but inserts may have come behind it. Nothing leads to their nodes before they are
    // done.
    loop {
        let id = find_alive(index)?;
        if id == NONE {
            return Ok((NONE, 0));
        }
        index.store.wait_for_inserts();
        if is_alive(index, id, 0)? {
            return Ok((id, 0));
        }
    }
}

/// Any live node on level 0, or [`NONE`].
fn find_alive<S: PageStore>(index: &Index<S>) -> Result<NodeId> {
    let l = &index.layout;
    for block in l.first_block()..index.store.blocks() {
        index.store.check_interrupts();
        let alive = index.store.read(block, |body| {
            if body.header().kind != PageKind::Nodes as u16 {
                return Ok(None);
            }
            for slot in 0..l.slots {
                let record = Record::new(l, body, block, slot)?;
                if record.kind() == SlotKind::Node && record.header().level == 0 {
                    return Ok(l.id(block, slot));
                }
            }
            Ok(None)
        })??;
        if let Some(id) = alive {
            return Ok(id);
        }
    }
    Ok(NONE)
}

/// Pass 2 over one page.
fn repair_page<S: PageStore>(
    index: &mut Index<S>,
    block: u32,
    ef: usize,
    dead: &FxHashMap<NodeId, u8>,
) -> Result<()> {
    let l = &index.layout;
    let broken = index.store.read(block, |body| {
        let mut broken = Vec::new();
        if body.header().kind != PageKind::Nodes as u16 {
            return Ok(broken);
        }
        for slot in 0..l.slots {
            let record = Record::new(l, body, block, slot)?;
            if record.kind() == SlotKind::Node
                && record.neighbours().iter().any(|n| dead.contains_key(n))
            {
                broken.extend(l.id(block, slot).map(|id| (id, record.header().level)));
            }
        }
        Ok(broken)
    })??;
    for (id, level) in broken {
        repair_list(index, id, level, ef, dead)?;
    }
    Ok(())
}

/// A neighbour that a list may get.
struct Replacement {
    id: NodeId,
    distance: f32,
    y: Vec<u32>,
    sketch: Sketch,
}

/// Replaces the lanes of one list that lead to dead nodes.
fn repair_list<S: PageStore>(
    index: &mut Index<S>,
    id: NodeId,
    level: u8,
    ef: usize,
    dead: &FxHashMap<NodeId, u8>,
) -> Result<()> {
    let Some(Loaded { header, y, .. }) = index.load(id, level)? else {
        return Ok(());
    };
    let neighbours = index.with_record(id, |r| r.neighbours().to_vec())?;
    let query = Query::from_stored(index, y.clone(), header.norm, 0.0);
    let lost: Vec<NodeId> = neighbours
        .iter()
        .copied()
        .filter(|n| dead.contains_key(n))
        .collect();
    let mut excluded: FxHashSet<NodeId> = neighbours.iter().copied().collect();
    excluded.insert(id);

    let mut candidates: Vec<(f32, NodeId)> = Vec::new();
    let mut visit = Visit::default();
    for &gone in &lost {
        if index.visit(&query, gone, level, With::Nothing, &mut visit)? {
            let estimates = visit
                .estimates
                .iter()
                .copied()
                .chain(std::iter::repeat(visit.own));
            let near = visit.neighbours.iter().copied().zip(estimates);
            candidates.extend(
                near.filter(|(n, _)| !dead.contains_key(n) && excluded.insert(*n))
                    .map(|(n, estimate)| (estimate, n)),
            );
        }
    }
    candidates.sort_by(|a, b| a.0.total_cmp(&b.0));
    candidates.truncate(2 * lost.len());
    let mut replacements = Vec::new();
    for (_, candidate) in candidates {
        replacements.extend(load_replacement(index, candidate, level, &y)?);
    }
    let alive = neighbours.len() - lost.len();
    if 2 * (alive + replacements.len().min(lost.len())) < neighbours.len() {
        let more = search_replacements(index, &query, id, (level, ef), |_| true)?;
        replacements.extend(more.into_iter().filter(|r| excluded.insert(r.id)));
    }
    replacements.sort_by(|a, b| a.distance.total_cmp(&b.distance));

    index.store.check_interrupts();
    index.change_record(id, |mut record| {
        if record.view().kind() != SlotKind::Node || record.header().generation != header.generation
        {
            return Ok(());
        }
        let mut replacements = replacements.into_iter();
        for lane in (0..record.view().neighbours().len()).rev() {
            if !dead.contains_key(&record.view().neighbours()[lane]) {
                continue;
            }
            let present = |id: &NodeId| record.view().neighbours().contains(id);
            match replacements.find(|r| !present(&r.id)) {
                Some(r) => {
                    let edge = index.edge(&y, &r.y).with(r.sketch);
                    record.set_lane(lane, r.id, &edge, false);
                }
                None => record.remove_lane(lane),
            }
        }
        Ok(())
    })
}

fn load_replacement<S: PageStore>(
    index: &Index<S>,
    id: NodeId,
    level: u8,
    y: &[u32],
) -> Result<Option<Replacement>> {
    let Some(other) = index.load(id, level)? else {
        return Ok(None);
    };
    let alive = other.header.kind == SlotKind::Node as u8;
    Ok(alive.then(|| Replacement {
        id,
        distance: index.between(y, &other.y),
        y: other.y,
        sketch: other.sketch,
    }))
}

/// Searches for neighbours as an insert does, among nodes that may be.
fn search_replacements<S: PageStore>(
    index: &mut Index<S>,
    query: &Query,
    id: NodeId,
    (level, ef): (u8, usize),
    may_be: impl Fn(NodeId) -> bool,
) -> Result<Vec<Replacement>> {
    let mut frontier = Frontier::new(ef);
    frontier.patience = insert::patience(ef);
    if u32::from(level) > index.meta().entry_level {
        return Ok(Vec::new());
    }
    let Some(start) = search::descend(index, query, level)? else {
        return Ok(Vec::new());
    };
    frontier.queue.beam.start(start);
    let mut found = Vec::new();
    search::expand(index, query, level, With::Vector, &mut frontier, |visit| {
        if visit.header.kind == SlotKind::Node as u8 && visit.id != id && may_be(visit.id) {
            found.push(Replacement {
                id: visit.id,
                distance: visit.own,
                y: index.decode(
                    bytemuck::cast_slice(&visit.vectors[visit.vector()]),
                    visit.header.scale,
                ),
                sketch: visit.sketch,
            });
        }
        visit.forget_vector();
        Ok(())
    })?;
    found.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    found.truncate(2 * ef);
    let distances: Vec<f32> = found.iter().map(|f| f.distance).collect();
    let lanes = index.layout.lanes;
    let selection = prune::select(&distances, lanes, lanes / 2, |i, j| {
        index.between(&found[i].y, &found[j].y)
    });
    let mut found: Vec<Option<Replacement>> = found.into_iter().map(Some).collect();
    let chosen = selection.chosen.into_iter();
    Ok(chosen.filter_map(|i| found[i].take()).collect())
}

/// Pass 3: frees the slots of dead nodes and of their lists.
fn free_dead<S: PageStore>(index: &Index<S>, survey: &mut Survey) -> Result<()> {
    // Highest levels first: an error on the way must not leave a record without the one below it.
    let mut dead: Vec<(NodeId, u8)> = survey
        .dead
        .iter()
        .map(|(&id, &level)| (id, level))
        .collect();
    dead.sort_by_key(|&(id, level)| (std::cmp::Reverse(level), id));
    for (id, _) in dead {
        index.store.check_interrupts();
        let (header, lists) = index.with_record(id, |r| (*r.header(), lists_of(&r)))?;
        let generation = header.generation;
        alloc::free(index, id)?;
        survey.stats.freed += 1;
        if header.level > 0 {
            continue;
        }
        for mut list in lists {
            while list != NONE {
                index.store.check_interrupts();
                let freed = chain::free(index, Owner { id, generation }, list, |_| true)?;
                survey.stats.freed += u64::from(freed.is_some());
                list = freed.unwrap_or(NONE);
            }
        }
    }
    Ok(())
}
