//! The map: the sketches of all nodes, by id, on pages of their own.
//!
//! A map page stands before the blocks whose slots it describes and keeps one array a key column:
//! code `i` is that of slot `i` of those blocks, [`NOTHING`] where there never was a node on level 0.
//! A few hundred nodes among millions are found by reading the map, at two bytes a node and column,
//! and a few of its pages say how many rows a condition has.
//!
//! The map is a superset: codes of freed slots stay until the slot is used again. An insert sets
//! a node's codes before it ends, so that no committed row is without. (A search that runs meanwhile
//! need not see the row.)

use crate::Result;
use crate::index::Index;
use crate::keys::{Code, Filter, MAX_COLUMNS, NOTHING, Sketch};
use crate::layout::Layout;
use crate::page::{Body, CONTENT_SIZE, HEADER_SIZE, PageKind};
use crate::record::NodeId;
use crate::store::PageStore;

/// Pages that tell how many nodes may match.
pub const SAMPLED: u32 = 16;

/// What a look at some pages of the map says.
pub struct Estimate {
    /// Pages of the map.
    pub pages: usize,
    /// Nodes of the index, about.
    pub nodes: f64,
    /// Nodes that may match, about.
    pub matching: f64,
    /// Some of those.
    pub some: Vec<NodeId>,
}

impl Layout {
    /// Slots that a map page describes.
    pub(crate) fn mapped_slots(&self) -> usize {
        self.mapped_units() as usize * self.slots
    }

    /// Units of pages that a map page describes.
    pub(crate) fn mapped_units(&self) -> u32 {
        let columns = usize::from(self.params.keys.columns).max(1);
        (CONTENT_SIZE / (2 * columns * self.slots)) as u32
    }

    /// Blocks from one map page to the next; `None` without key columns.
    pub(crate) fn map_period(&self) -> Option<u32> {
        (self.params.keys.columns > 0).then(|| 1 + self.mapped_units() * self.unit_pages())
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

    /// How many nodes a map page has.
    fn nodes_on(&self, body: &Body) -> usize {
        // A page has fewer codes than 16 bits can count.
        let nodes = self.codes(body, 0).iter().map(|&c| u16::from(c != NOTHING));
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
    fn read_map(&self, map: u32, f: impl FnOnce(&Body)) -> Result<()> {
        self.store.read(map, |body| {
            if !body.is_new() {
                body.expect(PageKind::Map, map)?;
                f(body);
            }
            Ok(())
        })?
    }

    fn map_pages(&self) -> impl ExactSizeIterator<Item = u32> + Clone + use<S> {
        let period = self.layout.map_period().unwrap_or(u32::MAX);
        let (first, end) = (self.layout.first_block(), self.store.blocks());
        let count = end.saturating_sub(first).div_ceil(period);
        (0..count).map(move |i| first + i * period)
    }

    /// Estimates how many nodes may match, from pages that are spread over the map; the test that rules out most there
    /// becomes the first.
    pub(crate) fn estimate(&self, filter: &mut Filter) -> Result<Estimate> {
        let pages = self.map_pages();
        let all = pages.len() as u32;
        let step = all.div_ceil(SAMPLED).max(1);
        let sampled = pages.skip(step as usize / 2).step_by(step as usize);
        if filter.tests.len() > 1 {
            let (mut passing, mut places) = (Vec::new(), Vec::new());
            for (column, test) in std::mem::take(&mut filter.tests) {
                let mut count = 0;
                for map in sampled.clone() {
                    places.clear();
                    self.read_map(map, |body| {
                        test.select(self.kernels, self.layout.codes(body, column), &mut places);
                    })?;
                    count += places.len();
                }
                passing.push((count, column, test));
            }
            passing.sort_by_key(|test| test.0);
            filter.tests = passing.into_iter().map(|(_, c, test)| (c, test)).collect();
        }
        let mut estimate = Estimate {
            pages: all as usize,
            nodes: 0.0,
            matching: 0.0,
            some: Vec::new(),
        };
        let mut places = Vec::new();
        let mut looked = 0;
        for map in sampled {
            looked += 1;
            self.read_map(map, |body| {
                estimate.nodes += self.layout.nodes_on(body) as f64;
                self.matching_on(map, body, filter, &mut places, &mut estimate.some);
            })?;
        }
        estimate.matching = estimate.some.len() as f64;
        let factor = f64::from(all) / f64::from(looked.max(1));
        estimate.nodes *= factor;
        estimate.matching *= factor;
        Ok(estimate)
    }

    /// All nodes that may match; `None` if there are more than `limit`.
    pub(crate) fn all_matching(
        &self,
        filter: &Filter,
        limit: usize,
    ) -> Result<Option<Vec<NodeId>>> {
        let (mut places, mut found) = (Vec::new(), Vec::new());
        let period = self.layout.map_period().unwrap_or_default();
        let first = filter.tests.first().map_or(0, |test| test.0);
        let first_codes = self.layout.code_at(first, 0)..self.layout.code_at(first + 1, 0);
        for map in self.map_pages() {
            self.store.check_interrupts();
            self.store.prefetch(map + period, first_codes.clone());
            self.read_map(map, |body| {
                self.matching_on(map, body, filter, &mut places, &mut found);
            })?;
            if found.len() > limit {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    /// Adds the nodes of a map page that may match; `places` is room for their places.
    fn matching_on(
        &self,
        map: u32,
        body: &Body,
        filter: &Filter,
        places: &mut Vec<u16>,
        found: &mut Vec<NodeId>,
    ) {
        let l = &self.layout;
        places.clear();
        let Some(((column, first), rest)) = filter.tests.split_first() else {
            let nodes = l.codes(body, 0).iter().zip(0..);
            let nodes = nodes.filter(|&(&code, _)| code != NOTHING);
            found.extend(nodes.filter_map(|(_, place)| l.mapped_id(map, place)));
            return;
        };
        first.select(self.kernels, l.codes(body, *column), places);
        let columns: [&[Code]; MAX_COLUMNS] = std::array::from_fn(|column| match column {
            c if c < l.key_columns() => l.codes(body, c),
            _ => &[],
        });
        let passes = |place: usize| {
            let mut rest = rest.iter();
            rest.all(|(column, test)| test.admits(columns[*column][place]))
        };
        let places = places.iter().map(|&place| usize::from(place));
        found.extend(
            places
                .filter(|&place| passes(place))
                .filter_map(|place| l.mapped_id(map, place)),
        );
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
