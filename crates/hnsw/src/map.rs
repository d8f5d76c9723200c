//! The map: the sketches of all nodes, by id, on pages of their own.
//!
//! A map page stands before the blocks whose slots it describes and keeps one array a key column:
//! code `i` is that of slot `i` of those blocks, [`NOTHING`] where there never was a node on level 0.
//! A few hundred nodes among millions are found by reading the map, at two bytes a node and column,
//! and a few of its pages say how many rows a condition has.
//!
//! The map is a superset: codes of freed slots stay until a node on level 0 fills the slot. An insert sets
//! a node's codes before it ends, so that no committed row is without. (A search that runs meanwhile
//! need not see the row.)

use crate::Result;
use crate::index::Index;
use crate::keys::{Code, Filter, NOTHING, Sketch};
use crate::layout::Layout;
use crate::page::{Body, HEADER_SIZE, PageKind};
use crate::record::NodeId;
use crate::store::PageStore;
use std::ops::Range;

/// So few nodes that match are fetched into the processor's cache when they are found.
const FETCHED: usize = 32;
/// Strips of a page's codes that tell what the page is like, and how many codes one has.
const STRIPS: usize = 4;
const STRIP: usize = 64;
/// If one in so many of them may match, those of the page are many, and only these are looked at.
const MANY: usize = 8;

/// What a look at some pages of the map says.
#[derive(Default)]
pub(crate) struct Look {
    /// Pages of the map, of which one in `step` was looked at.
    pub pages: u32,
    step: u32,
    /// Nodes of the index, about.
    pub nodes: f64,
    /// Nodes that may match, about.
    pub matching: f64,
    /// Some of those.
    pub some: Vec<NodeId>,
    /// Whether they are all on the pages that were looked at.
    has_all: bool,
}

impl Look {
    /// Whether it was at all pages.
    pub fn was_whole(&self) -> bool {
        self.step == 1
    }

    /// Whether it names all nodes that may match.
    pub fn names_all(&self) -> bool {
        self.was_whole() && self.has_all
    }

    /// Whether what it names are all nodes of this page, counted from 0.
    fn knows(&self, page: u32) -> bool {
        self.has_all && page < self.pages && page % self.step == self.step / 2
    }

    /// What it names; it names nothing then.
    pub fn take(&mut self) -> Vec<NodeId> {
        self.has_all = false;
        std::mem::take(&mut self.some)
    }
}

impl Layout {
    /// Slots that a map page describes.
    pub(crate) fn mapped_slots(&self) -> usize {
        self.mapped_units as usize * self.slots
    }

    /// Blocks from one map page to the next; `None` without key columns.
    pub(crate) fn map_period(&self) -> Option<u32> {
        (self.params.keys.columns > 0).then(|| 1 + self.mapped_units * self.unit_pages())
    }

    /// Whether a block is a map page.
    pub fn is_map(&self, block: u32) -> bool {
        self.map_period()
            .zip(block.checked_sub(self.first_block()))
            .is_some_and(|(period, at)| at.is_multiple_of(period))
    }

    /// Whether the pages of a unit can begin at a block.
    pub(crate) fn starts_unit(&self, block: u32) -> bool {
        let at = block.saturating_sub(self.first_block());
        self.map_period().is_none_or(|period| {
            !at.is_multiple_of(period) && (at % period - 1).is_multiple_of(self.unit_pages())
        })
    }

    /// The map page of a node, and its place there.
    fn map_place(&self, id: NodeId) -> Option<(u32, usize)> {
        let (block, slot) = self.locate(id);
        let at = block.checked_sub(self.first_block())?;
        let period = self.map_period()?;
        let unit = (at % period).checked_sub(1)? / self.unit_pages();
        Some((block - at % period, unit as usize * self.slots + slot))
    }

    /// The node at a place of the map page `map`.
    fn mapped_id(&self, map: u32, place: usize) -> Option<NodeId> {
        let unit = (place / self.slots) as u32;
        self.id(map + 1 + unit * self.unit_pages(), place % self.slots)
    }

    /// Where a column's code is in a map page's body.
    fn code_at(&self, column: usize, place: usize) -> usize {
        HEADER_SIZE + 2 * (column * self.mapped_slots() + place)
    }

    /// Writes a node's codes into the body of its map page.
    pub(crate) fn put_codes(&self, body: &mut Body, place: usize, sketch: Sketch) {
        for (column, code) in sketch.0.iter().enumerate().take(self.key_columns()) {
            let at = self.code_at(column, place);
            body.bytes_mut()[at..at + 2].copy_from_slice(&code.to_ne_bytes());
        }
    }

    /// The codes of a column on a map page.
    fn codes<'a>(&self, body: &'a Body, column: usize) -> &'a [Code] {
        let start = self.code_at(column, 0);
        bytemuck::cast_slice(&body.bytes()[start..][..2 * self.mapped_slots()])
    }

    /// How many nodes a part of a map page has.
    fn nodes_in(&self, body: &Body, part: Range<usize>) -> usize {
        // A page has fewer codes than 16 bits can count.
        let nodes = self.codes(body, 0)[part]
            .iter()
            .map(|&c| u16::from(c != NOTHING));
        nodes.sum::<u16>().into()
    }

    /// The sketch at a place of a map page.
    fn sketch_in(&self, body: &Body, place: usize) -> Sketch {
        let mut sketch = Sketch::default();
        for column in 0..self.key_columns() {
            sketch.0[column] = self.codes(body, column)[place];
        }
        sketch
    }

    /// Key columns.
    pub(crate) fn key_columns(&self) -> usize {
        self.params.keys.columns.into()
    }
}

impl<S: PageStore> Index<'_, S> {
    /// Sets the codes of a new node.
    pub(crate) fn set_codes(&self, id: NodeId, sketch: Sketch) -> Result<()> {
        self.change_map(id, |body, place| self.layout.put_codes(body, place, sketch))
    }

    /// Says that a node has rows with these codes, too.
    pub(crate) fn merge_codes(&self, id: NodeId, sketch: Sketch) -> Result<()> {
        let l = &self.layout;
        self.change_map(id, |body, place| {
            let known = l.sketch_in(body, place);
            l.put_codes(body, place, known.merged(sketch));
        })
    }

    /// Changes the map page of a node, if the index has a map.
    fn change_map(&self, id: NodeId, f: impl FnOnce(&mut Body, usize)) -> Result<()> {
        let Some((map, place)) = self.layout.map_place(id) else {
            return Ok(());
        };
        self.store.write(map, |body| {
            // A crash may have kept the page from being written when the index grew.
            if body.is_new() {
                body.init(PageKind::Map);
            }
            body.expect(PageKind::Map, map)?;
            f(body, place);
            Ok(())
        })
    }

    /// The codes that the map has of a node.
    pub fn mapped_codes(&self, id: NodeId) -> Result<Sketch> {
        let mut sketch = Sketch::default();
        if let Some((map, place)) = self.layout.map_place(id) {
            self.read_map(map, |body| sketch = self.layout.sketch_in(body, place))?;
        }
        Ok(sketch)
    }

    /// Shows a map page, unless it was never written.
    fn read_map<R>(&self, map: u32, f: impl FnOnce(&Body) -> R) -> Result<Option<R>> {
        self.store.read(map, |body| {
            if body.is_new() {
                return Ok(None);
            }
            body.expect(PageKind::Map, map)?;
            Ok(Some(f(body)))
        })?
    }

    fn map_pages(&self) -> impl ExactSizeIterator<Item = u32> + Clone + use<S> {
        let period = self.layout.map_period().unwrap_or(u32::MAX);
        let (first, end) = (self.layout.first_block(), self.store.blocks());
        let count = end.saturating_sub(first).div_ceil(period);
        (0..count).map(move |i| first + i * period)
    }

    /// Says how many nodes may match and names some, about `most_named` at most, from at most so many pages, spread evenly
    /// over the map; the test that rules out most there becomes the first.
    pub(crate) fn look(&self, filter: &mut Filter, most: u32, most_named: usize) -> Result<Look> {
        let l = &self.layout;
        let pages = self.map_pages();
        let count = pages.len() as u32;
        let step = count.div_ceil(most).max(1);
        let mut look = Look {
            pages: count,
            step,
            has_all: true,
            ..Look::default()
        };
        let slots = l.mapped_slots();
        let strips: [Range<usize>; STRIPS] = std::array::from_fn(|strip| {
            let middle = slots * (2 * strip + 1) / (2 * STRIPS);
            middle.saturating_sub(STRIP / 2)..slots.min(middle + STRIP / 2)
        });
        let mut passing = vec![0; filter.tests.len()];
        let (mut places, mut ids) = (Vec::new(), Vec::new());
        for map in pages.skip(step as usize / 2).step_by(step as usize) {
            self.store.check_interrupts();
            self.prefetch_codes(map + step * l.map_period().unwrap_or_default(), filter);
            ids.clear();
            let matching = self.read_map(map, |body| {
                let nodes = l.nodes_in(body, 0..slots);
                look.nodes += nodes as f64;
                let mut seen = 0;
                for strip in &strips {
                    seen += l.nodes_in(body, strip.clone());
                    if filter.tests.len() > 1 {
                        for (passing, (column, test)) in passing.iter_mut().zip(&filter.tests) {
                            places.clear();
                            let codes = &l.codes(body, *column)[strip.clone()];
                            test.select(self.kernels, codes, &mut places);
                            *passing += places.len();
                        }
                    }
                    self.matching_places(body, filter, strip.clone(), &mut places);
                    self.add_ids(map, strip.start, &places, &mut ids);
                }
                if ids.len() * MANY > seen {
                    look.has_all = false;
                    return (ids.len() * nodes) as f64 / seen as f64;
                }
                ids.clear();
                self.matching_places(body, filter, 0..slots, &mut places);
                self.add_ids(map, 0, &places, &mut ids);
                ids.len() as f64
            })?;
            look.matching += matching.unwrap_or_default();
            look.some.append(&mut ids);
            if look.some.len() > most_named {
                let mut number = 0usize;
                look.some.retain(|_| {
                    number += 1;
                    number.is_multiple_of(2)
                });
                look.has_all = false;
            }
        }
        let mut by_passing: Vec<_> = passing.into_iter().zip(filter.tests.drain(..)).collect();
        by_passing.sort_by_key(|(passing, _)| *passing);
        filter
            .tests
            .extend(by_passing.into_iter().map(|(_, test)| test));
        let looked = (count + step - 1 - step / 2) / step;
        let factor = f64::from(count) / f64::from(looked.max(1));
        look.nodes *= factor;
        look.matching *= factor;
        Ok(look)
    }

    /// Makes a look name all nodes that may match, in order; `false` if there are more than `limit`. Pages that it knows are
    /// not read again: what a scan may return was there before.
    pub(crate) fn complete(&self, look: &mut Look, filter: &Filter, limit: usize) -> Result<bool> {
        let known = Look {
            some: Vec::new(),
            ..*look
        };
        let mut found = match known.has_all {
            true => look.take(),
            false => Vec::new(),
        };
        let named = found.len();
        let mut places = Vec::new();
        let slots = self.layout.mapped_slots();
        let period = self.layout.map_period().unwrap_or_default();
        for (map, page) in self.map_pages().zip(0..) {
            if found.len() > limit {
                break;
            }
            if known.knows(page) {
                continue;
            }
            self.store.check_interrupts();
            self.prefetch_codes(map + period, filter);
            let before = found.len();
            self.read_map(map, |body| {
                self.matching_places(body, filter, 0..slots, &mut places);
                self.add_ids(map, 0, &places, &mut found);
            })?;
            if found.len() <= FETCHED {
                found[before..]
                    .iter()
                    .for_each(|&id| self.prefetch_rows(id));
            }
        }
        let all = found.len() <= limit;
        look.matching = match all {
            true => found.len() as f64,
            false => look.matching.max(found.len() as f64),
        };
        if all {
            // Two rows of ascending ids, which this merges.
            found.sort();
            (look.step, look.has_all, look.some) = (1, true, found);
        } else if known.has_all {
            // Not those of the first pages only.
            found.truncate(named);
            look.some = found;
        }
        Ok(all)
    }

    /// Fetches what of a map page is looked at first.
    fn prefetch_codes(&self, map: u32, filter: &Filter) {
        let column = filter.tests.first().map_or(0, |test| test.0);
        let codes = self.layout.code_at(column, 0)..self.layout.code_at(column + 1, 0);
        self.store.prefetch(map, codes);
    }

    /// The places of a map page's part that may match, counted from where it begins.
    fn matching_places(
        &self,
        body: &Body,
        filter: &Filter,
        part: Range<usize>,
        places: &mut Vec<u16>,
    ) {
        let codes = |column: usize| &self.layout.codes(body, column)[part.clone()];
        places.clear();
        let Some(((column, first), rest)) = filter.tests.split_first() else {
            let nodes = codes(0)
                .iter()
                .zip(0..)
                .filter(|&(&code, _)| code != NOTHING);
            places.extend(nodes.map(|(_, place)| place));
            return;
        };
        first.select(self.kernels, codes(*column), places);
        for (column, test) in rest {
            let codes = codes(*column);
            places.retain(|&place| test.admits(codes[usize::from(place)]));
        }
    }

    /// Adds the nodes at some places of a map page, counted from `first`.
    fn add_ids(&self, map: u32, first: usize, places: &[u16], to: &mut Vec<NodeId>) {
        let id = |&place: &u16| self.layout.mapped_id(map, first + usize::from(place));
        to.extend(places.iter().filter_map(id));
    }
}

/// The body of a map page of a new index; `sketch` gives that of the node at each place.
pub(crate) fn encode(layout: &Layout, body: &mut Body, sketch: impl Fn(usize) -> Option<Sketch>) {
    body.init(PageKind::Map);
    for place in 0..layout.mapped_slots() {
        if let Some(sketch) = sketch(place) {
            layout.put_codes(body, place, sketch);
        }
    }
}
