//! Lists of level 0 for most rows at once, from leaves of near rows.
//!
//! After PiPNN (arXiv 2602.21247), for the metrics that rotate:
//!
//! 1. One row in `1.5 ef_construction` leads. Leaders are inserted one by one ([`graph`]) while the table is
//!    read, on all their levels.
//! 2. Each row joins the leaves of the [`FAN`] leaders that are nearest to it ([`super::join`]).
//! 3. In a leaf all distances are computed, by blocks of vectors that stay in the cache, which takes a
//!    fraction of what as many take in a search. The diverse neighbours of each row among all rows of the
//!    leaf are its candidates there, and the nearest others where hardly any are. As a relative neighbourhood
//!    graph they connect the leaf, and leaves overlap.
//! 4. Each row chooses its neighbours from the candidates of all its leaves. A leader keeps its
//!    list, and its candidates ask it for a lane.
//! 5. Each row asks those that it chose for a lane.
//!
//! Until a row has chosen, its list holds its candidates, and before that the leaves that it joins: no memory is
//! needed for them.
//!
//! By inner product a short row is nobody's neighbour: those that are near to it have longer ones that are nearer to them. So
//! in 3 and 4 there is a place for the [`CLOSE`] rows that are nearest by Euclidean distance. Through them
//! short rows are found, and in their order.

use super::graph;
use super::{Arena, Builder, WORK_TAIL};
use crate::layout::Metric;
use crate::prune;
use crate::record::NONE;
use crate::transform::splitmix64;
use crate::{Error, Result};
use distance::rank::{CULLED, Place, Ranking};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of a leaf at most, for each of `ef_construction`.
const LARGEST: usize = 16;
/// The same for all; a leaf takes two bytes for each pair, by inner product four.
const LARGEST_OF_ALL: usize = 4096;
/// Leaves that a row is in.
pub(super) const FAN: usize = 8;
/// Steps that a row takes: to find where it is, to join leaves, to be compared in each of them, to choose its list,
/// to ask for lanes. Up to some millions of rows each takes about the same time.
pub(super) const PLACE: u64 = 1;
pub(super) const JOIN: u64 = 1;
const COMPARE: u64 = 1;
const CHOOSE: u64 = 2;
const LINK: u64 = 1;
/// Steps of all.
pub(super) const STEPS: u64 = PLACE + JOIN + COMPARE * FAN as u64 + CHOOSE + LINK;
/// Diverse neighbours in a leaf that are looked at.
const DIVERSE: usize = 64;
/// Rows nearest by Euclidean distance that have a place, by inner product.
const CLOSE: usize = 2;
/// Distances that are looked at together.
const AT_ONCE: usize = 16;
/// Rows that a thread takes at a time.
const CHUNK: usize = 64;

/// Rows as the build computes with them, one behind the other, without their tails.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) vectors: Vec<u32>,
    pub(super) scales: Vec<f32>,
    pub(super) squares: Vec<f32>,
    /// What of them is added to distances: nothing by inner product.
    pub(super) added: Vec<f32>,
}

/// The rows of all leaves, one leaf behind the other, and where each is.
struct Leaves {
    members: Vec<u32>,
    parts: Vec<Range<usize>>,
}

/// Rows whose products with others are computed at a time: as many as stay in the cache until they are distances. The
/// others are packed for each time.
pub(super) const STRIP: usize = 128;

/// What a thread needs for a leaf; reused from leaf to leaf.
#[derive(Default)]
struct Leaf {
    rows: Rows,
    /// Products of the codes of a few rows with those of all.
    products: Vec<i32>,
    ranks: Places<i16>,
    /// By inner product, instead of ranks.
    distances: Places<f32>,
    /// Of each row those nearest by Euclidean distance, by inner product.
    close: Vec<[Option<usize>; CLOSE]>,
    /// Candidates of a row, by their numbers in the leaf.
    kept: Vec<usize>,
}

/// The order of the distances in a leaf.
#[derive(Default)]
struct Places<P> {
    /// Those of all rows from all.
    all: Vec<P>,
    /// Those from one row that may still become its candidates.
    open: Vec<P>,
}

impl<P: Place> Places<P> {
    /// Finds at most `most` candidates of row `i`, which has `width` places as each does: diverse neighbours, and where
    /// they are a quarter of that at most, as on a line, the nearest others.
    fn candidates(
        &mut self,
        cull: fn(&mut [P], &[P]) -> usize,
        i: usize,
        width: usize,
        most: usize,
        kept: &mut Vec<usize>,
    ) {
        let from = |row: usize| &self.all[row * width..][..width];
        let open = &mut self.open;
        open.clear();
        open.extend_from_slice(from(i));
        open[i] = P::BEYOND;
        let mut nearest = cull(open, from(i));
        for _ in 0..DIVERSE {
            if open[nearest] == P::BEYOND {
                break;
            }
            // The farthest one has a place: it may be all that leads out of a group.
            kept.truncate(most - 1);
            kept.push(nearest);
            open[nearest] = P::BEYOND;
            nearest = cull(open, from(nearest));
        }
        if kept.len() > most / 4 {
            return;
        }
        open.copy_from_slice(from(i));
        open[i] = P::BEYOND;
        kept.iter().for_each(|&row| open[row] = P::BEYOND);
        while kept.len() < most {
            // What is compared with itself loses nothing.
            let nearest = cull(open, from(i));
            if open[nearest] == P::BEYOND {
                return;
            }
            kept.push(nearest);
            open[nearest] = P::BEYOND;
        }
    }
}

impl<A: Arena> Builder<A> {
    /// Whether a node is inserted on its own while the table is read.
    pub(super) fn comes_first(&self, node: u32) -> bool {
        !self.layout.params.metric.rotated() || self.node(node).leads
    }

    /// Whether long rows are near to all.
    pub(super) fn by_product(&self) -> bool {
        self.layout.params.metric == Metric::InnerProduct
    }

    /// Whether row `i` of a block leads: the first one does, and all with upper levels.
    pub(super) fn leads(&self, i: usize, hash: u32, level: u8) -> bool {
        let one_in = self.largest_leaf() as u64 * 3 / 32;
        let chance = splitmix64(self.meta.seed ^ u64::from(hash));
        chance.is_multiple_of(one_in) || i == 0 || level > 0
    }

    /// Rows of a leaf at most. The average leaf has about half of that, before those that are
    /// larger are split.
    fn largest_leaf(&self) -> usize {
        (LARGEST * self.ef_construction).min(LARGEST_OF_ALL)
    }

    /// Puts the nodes into the graph that did not come first. Called when all batches are in.
    pub(super) fn link_rest(&self) -> Result<()> {
        if !self.layout.params.metric.rotated() {
            return Ok(());
        }
        let rows = self.merge_equal();
        let (order, leaves) = self.leaves(rows)?;
        leaves
            .parts
            .par_iter()
            .try_for_each_init(Leaf::default, |scratch, part| {
                self.check_stop()?;
                self.compare(&leaves.members[part.clone()], scratch);
                self.took(COMPARE, part.len());
                Ok::<_, Error>(())
            })?;
        drop(leaves);
        let chosen = order.par_chunks(CHUNK).map(|rows| {
            self.check_stop()?;
            self.took(CHOOSE, rows.len());
            Ok(rows.iter().map(|&row| self.choose(row)).collect())
        });
        let chosen = chosen.collect::<Result<Vec<Vec<u8>>>>()?;
        let links = order.par_chunks(CHUNK).zip(chosen);
        links.try_for_each(|(rows, chosen)| {
            self.check_stop()?;
            self.took(LINK, rows.len());
            for (&row, chosen) in rows.iter().zip(chosen) {
                let list = self.list(row, 0);
                for lane in 0..chosen.into() {
                    graph::link_back(self, list.id(lane), row, list.distance(lane), 0);
                }
            }
            Ok(())
        })
    }

    /// Merges rows that do not lead with equal ones; returns all that are left.
    fn merge_equal(&self) -> Vec<u32> {
        let merged: Vec<u32> = {
            let twins = self.twins.lock().unwrap_or_else(|e| e.into_inner());
            twins.values().flatten().copied().collect()
        };
        let mut gone = vec![false; self.total() as usize];
        merged.iter().for_each(|&row| gone[row as usize] = true);
        let mut rows: Vec<([u32; 2], bool, u32)> = (0..self.total())
            .filter(|&row| self.exists(row) && !gone[row as usize])
            .map(|row| (self.node(row).hashes, !self.node(row).leads, row))
            .collect();
        rows.par_sort_unstable();
        for like in rows.chunk_by(|a, b| a.0 == b.0).filter(|l| l.len() > 1) {
            let mut distinct: Vec<u32> = Vec::new();
            for &(_, follows, row) in like {
                let twin = distinct.iter().find(|&&other| self.same(row, other));
                match twin {
                    Some(&twin) if follows => {
                        gone[row as usize] = true;
                        graph::merge(self, row, twin);
                    }
                    Some(_) => {}
                    None => distinct.push(row),
                }
            }
        }
        let mut left: Vec<u32> = rows.into_iter().map(|row| row.2).collect();
        left.retain(|&row| !gone[row as usize]);
        left.par_sort_unstable();
        left
    }

    /// The rows, near ones together, and the leaves that they are in.
    fn leaves(&self, rows: Vec<u32>) -> Result<(Vec<u32>, Leaves)> {
        let joins = &self.join(&rows)?;
        // The leaders that one knows are in its leaf too, so that of its rows the nearest to each of them leads there.
        let known = |leaf: u32| {
            let known = self.list(joins.leaders[leaf as usize], 0).ids();
            known.filter(move |&leader| !self.joined(leader, joins).any(|joined| joined == leaf))
        };
        let leaves = 0..joins.leaders.len() as u32;
        let joining = || {
            let rows = rows.iter();
            rows.flat_map(|&row| self.joined(row, joins).map(move |leaf| (leaf, row)))
        };
        let naming = || {
            let leaves = leaves.clone();
            leaves.flat_map(|leaf| known(leaf).map(move |leader| (leaf, leader)))
        };
        let (mut members, ends) = grouped(leaves.len(), || joining().chain(naming()));
        let first = |&row: &u32| Some((self.joined(row, joins).next()?, row));
        let (order, _) = grouped(leaves.len(), || rows.iter().filter_map(first));
        debug_assert_eq!(order.len(), rows.len(), "each row joins a leaf");
        let (mut leaves, mut rest, mut start) = (Vec::new(), &mut members[..], 0);
        for end in ends {
            let (leaf, behind) = rest.split_at_mut(end - start);
            leaves.push((leaf, start));
            (rest, start) = (behind, end);
        }
        let parts = leaves.into_par_iter().map(|(leaf, start)| {
            self.check_stop()?;
            leaf.sort_unstable();
            let mut parts = Vec::new();
            self.split(leaf, start, &mut parts);
            Ok(parts)
        });
        let parts = parts.collect::<Result<Vec<_>>>()?.concat();
        Ok((order, Leaves { members, parts }))
    }

    /// Splits a leaf, which begins at `start`, until no part is larger than they may be.
    fn split(&self, leaf: &mut [u32], start: usize, parts: &mut Vec<Range<usize>>) {
        if leaf.len() <= self.largest_leaf() {
            return parts.push(start..start + leaf.len());
        }
        let mut middle = leaf.len() / 2;
        let (a, b) = (leaf[0], leaf[middle]);
        let (near_a, near_b): (Vec<u32>, Vec<u32>) = leaf
            .iter()
            .partition(|&&row| self.distance(row, a) < self.distance(row, b));
        if near_a.len().min(near_b.len()) >= leaf.len() / 8 {
            middle = near_a.len();
            leaf.copy_from_slice(&[near_a, near_b].concat());
        }
        let (a, b) = leaf.split_at_mut(middle);
        self.split(a, start, parts);
        self.split(b, start + middle, parts);
    }

    /// Words of a vector without its tail.
    pub(super) fn vector_words(&self) -> usize {
        (self.work_size() - WORK_TAIL) / 4
    }

    /// What a row's products are made distances with, for the kernels.
    pub(super) fn terms(&self, rows: &Rows, row: usize) -> (f32, f32) {
        let factor = match self.by_product() {
            true => -1.0,
            false => -2.0,
        };
        (rows.added[row], factor * rows.scales[row])
    }

    /// Reads rows, in place of what was read before.
    pub(super) fn read_rows(
        &self,
        rows: impl ExactSizeIterator<Item = u32> + Clone,
        to: &mut Rows,
    ) {
        to.vectors.clear();
        to.scales.clear();
        to.squares.clear();
        to.added.clear();
        to.vectors.reserve(rows.len() * self.vector_words());
        let mut ahead = rows.clone().skip(4);
        for row in rows {
            ahead.next().into_iter().for_each(|row| self.prefetch(row));
            let words = bytemuck::cast_slice(self.work(row));
            to.vectors.extend_from_slice(&words[..self.vector_words()]);
            let tail = self.tail(row);
            to.scales.push(tail.scale);
            to.squares.push(tail.square);
            to.added.push(match self.by_product() {
                true => 0.0,
                false => tail.square,
            });
        }
    }

    /// Reads the rows of a leaf and ranks all their distances; returns how many ranks there are from each row, of
    /// which those beyond the rows are of no candidates.
    fn measure(&self, rows: &[u32], leaf: &mut Leaf) -> usize {
        let size = self.vector_words();
        let width = rows.len().next_multiple_of(CULLED);
        self.read_rows(rows.iter().copied(), &mut leaf.rows);
        let Rows {
            vectors,
            scales,
            squares,
            added,
        } = &leaf.rows;
        let largest = squares.iter().copied().fold(0.0, f32::max);
        // No distance is more than that.
        let ranking = Ranking::up_to(4.0 * largest);
        let (ranks, distances) = (&mut leaf.ranks.all, &mut leaf.distances.all);
        match self.by_product() {
            true => distances.resize(rows.len() * width, 0.0),
            false => ranks.resize(rows.len() * width, 0),
        }
        let int8 = self.layout.builds_from_int8;
        // Distances are the same both ways, bit for bit: those of a strip to rows before it are there.
        for first in (0..rows.len()).step_by(STRIP) {
            let (strip, others) = (
                first..rows.len().min(first + STRIP),
                &vectors[first * size..],
            );
            let (scales, added, count) = (&scales[first..], &added[first..], rows.len() - first);
            if int8 {
                leaf.products.resize(strip.len() * count, 0);
                let all = bytemuck::cast_slice(others);
                let strip = &all[..strip.len() * 4 * size];
                (self.kernels.products_i8)(strip, all, 4 * size, &mut leaf.products);
            }
            for i in strip {
                let places = i * width + first..i * width + rows.len();
                let products = || &leaf.products[(i - first) * count..][..count];
                let from = &vectors[i * size..][..size];
                let between = others
                    .chunks_exact(size)
                    .map(|to| self.layout.between(self.kernels, from, to));
                let terms = self.terms(&leaf.rows, i);
                match (self.by_product(), int8) {
                    (true, true) => {
                        let out = &mut distances[places];
                        (self.kernels.distances)(products(), scales, added, terms, out);
                    }
                    (true, false) => {
                        let out = distances[places].iter_mut().zip(between);
                        out.for_each(|(out, distance)| *out = at_most_max(distance));
                    }
                    (false, true) => {
                        let out = &mut ranks[places];
                        (self.kernels.ranks)(products(), scales, added, terms, ranking, out);
                    }
                    (false, false) => {
                        let out = ranks[places].iter_mut().zip(between);
                        out.for_each(|(out, distance)| *out = ranking.of(distance));
                    }
                }
            }
        }
        leaf.close.clear();
        if self.by_product() {
            complete(distances, width);
            for (i, distances) in distances.chunks_exact(width).enumerate() {
                leaf.close.push(self.close(distances, squares, Some(i)));
            }
        } else {
            complete(ranks, width);
        }
        width
    }

    /// Finds candidates for each row of a leaf.
    fn compare(&self, rows: &[u32], leaf: &mut Leaf) {
        let width = self.measure(rows, leaf);
        let most = 2 * self.layout.lanes / FAN;
        for (i, &row) in rows.iter().enumerate() {
            leaf.kept.clear();
            let kept = &mut leaf.kept;
            match self.by_product() {
                true => {
                    leaf.distances
                        .candidates(self.kernels.cull_distances, i, width, most, kept)
                }
                false => leaf
                    .ranks
                    .candidates(self.kernels.cull, i, width, most, kept),
            }
            let close = leaf.close.get(i).into_iter().flatten().flatten();
            for &other in close {
                if !leaf.kept.contains(&other) {
                    add_first(&mut leaf.kept, other, most);
                }
            }
            let ids = leaf.kept.iter().map(|&other| rows[other]);
            if self.node(row).leads {
                for id in ids {
                    graph::link_back(self, row, id, self.distance(row, id), 0);
                }
            } else {
                self.list(row, 0).note(&ids.collect::<Vec<_>>());
            }
        }
    }

    /// Turns a row's candidates into its list; returns the number of its neighbours.
    fn choose(&self, row: u32) -> u8 {
        let list = self.list(row, 0);
        if self.node(row).leads {
            return list.degree() as u8;
        }
        let mut ids: Vec<u32> = list.ids().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.iter().take(4).for_each(|&id| self.prefetch(id));
        let mut near: Vec<(f32, u32)> = Vec::with_capacity(ids.len());
        for (i, &id) in ids.iter().enumerate() {
            if let Some(&ahead) = ids.get(i + 4) {
                self.prefetch(ahead);
            }
            near.push((self.distance(row, id), id));
        }
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let distances: Vec<f32> = near.iter().map(|n| n.0).collect();
        let lanes = self.layout.lanes;
        let selection = prune::select(&distances, lanes, lanes / 2, |i, j| {
            self.distance(near[i].1, near[j].1)
        });
        let mut chosen = selection.chosen;
        let most = lanes * 5 / 8;
        if chosen.len() > most {
            // As in a leaf.
            chosen.swap_remove(most - 1);
            chosen.truncate(most);
        }
        let mut squares = Vec::new();
        if self.by_product() {
            squares.extend(near.iter().map(|&(_, id)| self.tail(id).square));
        }
        for i in self.close(&distances, &squares, None).into_iter().flatten() {
            if !chosen.contains(&i) {
                add_first(&mut chosen, i, most);
            }
        }
        for (lane, &i) in chosen.iter().enumerate() {
            list.set(lane, near[i].1, near[i].0);
        }
        list.set_degree(chosen.len());
        chosen.len() as u8
    }

    /// By inner product the rows, but `own`, that are nearest to a row by Euclidean distance, of which the distances
    /// and squared norms are given; nearest first.
    fn close(
        &self,
        distances: &[f32],
        squares: &[f32],
        own: Option<usize>,
    ) -> [Option<usize>; CLOSE] {
        let mut close = [(f32::INFINITY, None); CLOSE];
        let some = distances.chunks(AT_ONCE).zip(squares.chunks(AT_ONCE));
        for (first, (distances, squares)) in (0..).step_by(AT_ONCE).zip(some) {
            let others = distances.iter().zip(squares);
            let apart = others.map(|(distance, square)| square + 2.0 * distance);
            // In a form that the compiler makes vectors of.
            let farthest = close[CLOSE - 1].0;
            if !apart.clone().fold(false, |any, d| any | (d < farthest)) {
                continue;
            }
            for (i, square) in (first..).zip(apart) {
                if square < close[CLOSE - 1].0 && Some(i) != own {
                    close[CLOSE - 1] = (square, Some(i));
                    close.sort_by(|a, b| a.0.total_cmp(&b.0));
                }
            }
        }
        close.map(|c| c.1)
    }
}

/// Completes places of which each strip has those from its first row on: copies the others, and what is beyond the
/// rows is of no candidates.
fn complete<P: Place>(all: &mut [P], width: usize) {
    const TILE: usize = 32;
    let rows = all.len() / width;
    for from in (0..rows).step_by(TILE) {
        for to in (0..from - from % STRIP).step_by(TILE) {
            let tile: [[P; TILE]; TILE] = std::array::from_fn(|row| {
                let row = &all[(to + row) * width + from..][..TILE];
                std::array::from_fn(|i| row[i])
            });
            for i in 0..TILE.min(rows - from) {
                let row = &mut all[(from + i) * width + to..][..TILE];
                for (place, other) in row.iter_mut().zip(&tile) {
                    *place = other[i];
                }
            }
        }
    }
    for row in all.chunks_exact_mut(width) {
        row[rows..].fill(P::BEYOND);
    }
}

/// The rows of groups, one group behind the other, and where each ends; `items` are the groups' numbers with a row each.
fn grouped<I: Iterator<Item = (u32, u32)>>(
    groups: usize,
    items: impl Fn() -> I,
) -> (Vec<u32>, Vec<usize>) {
    // First the sizes, then where each begins, and in the end where it ends.
    let mut ends = vec![0; groups];
    items().for_each(|(group, _)| ends[group as usize] += 1);
    let mut all = 0;
    for end in &mut ends {
        (*end, all) = (all, all + *end);
    }
    let mut rows = vec![NONE; all];
    for (group, row) in items() {
        let end = &mut ends[group as usize];
        rows[*end] = row;
        *end += 1;
    }
    (rows, ends)
}

/// What overflows is far, but no less a candidate; also if it is not a number.
pub(super) fn at_most_max(distance: f32) -> f32 {
    if distance < f32::MAX {
        distance
    } else {
        f32::MAX
    }
}

/// Adds an item to a list of at most `most`, in the place of the last but one if need be: the last keeps its own.
fn add_first<T>(list: &mut Vec<T>, item: T, most: usize) {
    if list.len() == most {
        list.remove(most - 2);
    }
    list.insert(0, item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_strips_leave_out() {
        for rows in [1usize, 31, 33, 127, 128, 129, 300] {
            let width = rows.next_multiple_of(CULLED);
            let number = |a: usize, b: usize| (a.min(b) * 101 + a.max(b)) as i16;
            let mut all = vec![-1; rows * width];
            for i in 0..rows {
                for j in i - i % STRIP..rows {
                    all[i * width + j] = number(i, j);
                }
            }
            complete(&mut all, width);
            for (i, row) in all.chunks(width).enumerate() {
                assert!(
                    (0..rows).all(|j| row[j] == number(i, j)),
                    "row {i} of {rows}"
                );
                assert!(row[rows..].iter().all(|&place| place == i16::BEYOND));
            }
        }
    }
}
