//! Lists of level 0 for most rows at once, from leaves of near rows.
//!
//! After PiPNN (arXiv 2602.21247), for the metrics that rotate:
//!
//! 1. One row in `1.5 ef_construction` leads. Leaders are inserted one by one ([`graph`]) while the table is
//!    read, on all their levels.
//! 2. Each row joins the leaves of the [`FAN`] leaders that a search finds nearest to it.
//! 3. In a leaf all distances are computed, by blocks of vectors that stay in the cache, which takes a
//!    fraction of what as many take in a search. The diverse neighbours of each row among all rows of the
//!    leaf are its candidates there. As a relative neighbourhood graph they connect the leaf,
//!    and leaves overlap.
//! 4. Each row chooses its neighbours from the candidates of all its leaves. A leader keeps its
//!    list, and its candidates ask it for a lane.
//! 5. Each row asks those that it chose for a lane.
//!
//! Until a row has chosen, its list holds its candidates: no memory is needed for them.
//!
//! By inner product a short row is nobody's neighbour: those that are near to it have longer ones that are nearer to them. So
//! in 3 and 4 there is a place for the [`CLOSE`] rows that are nearest by Euclidean distance. Through them
//! short rows are found, and in their order.

use super::graph::{self, Scratch};
use super::{Arena, Builder, WORK_TAIL, WorkTail};
use crate::layout::Metric;
use crate::prune;
use crate::record::NONE;
use crate::transform::splitmix64;
use crate::{Error, Result};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::sync::atomic::Ordering;

/// Rows of a leaf at most, for each of `ef_construction`.
const LARGEST: usize = 16;
/// The same for all; a leaf takes four bytes for each pair.
const LARGEST_OF_ALL: usize = 4096;
/// Leaves that a row is in.
pub(super) const FAN: usize = 8;
/// Candidates in the beam that looks for leaders.
const EF: usize = 16;
/// Diverse neighbours in a leaf that are looked at.
const DIVERSE: usize = 64;
/// Rows nearest by Euclidean distance that have a place, by inner product.
const CLOSE: usize = 2;
/// Rows that a thread takes at a time.
const CHUNK: usize = 64;

/// What a thread needs for a leaf; reused from leaf to leaf.
#[derive(Default)]
struct Leaf {
    /// As the build computes with them, without their tails.
    vectors: Vec<u32>,
    tails: Vec<WorkTail>,
    /// Distances of all rows from all.
    distances: Vec<f32>,
    /// Those from one row, of rows that may still become its candidates.
    open: Vec<f32>,
    /// Candidates of a row.
    kept: Vec<(f32, u32)>,
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

    /// Rows of a leaf at most. The average leaf has three quarters of that, before those that are
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
        let (order, leaves) = self.leaves(&rows)?;
        leaves
            .par_iter()
            .try_for_each_init(Leaf::default, |scratch, leaf| {
                self.check_stop()?;
                self.compare(leaf, scratch);
                self.joins.fetch_add(leaf.len() as u64, Ordering::Relaxed);
                Ok::<_, Error>(())
            })?;
        drop(leaves);
        let chosen = order.par_chunks(CHUNK).map(|rows| {
            self.check_stop()?;
            Ok(rows.iter().map(|&row| self.choose(row)).collect())
        });
        let chosen = chosen.collect::<Result<Vec<Vec<u8>>>>()?;
        let links = order.par_chunks(CHUNK).zip(chosen);
        links.try_for_each(|(rows, chosen)| {
            self.check_stop()?;
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
    fn leaves(&self, rows: &[u32]) -> Result<(Vec<u32>, Vec<Vec<u32>>)> {
        let leaders: Vec<u32> = rows
            .iter()
            .copied()
            .filter(|&row| self.node(row).leads)
            .collect();
        let leaf_of: FxHashMap<u32, u32> = leaders.iter().copied().zip(0..).collect();
        let joined = |row: u32, scratch: &mut Scratch| {
            let own = leaf_of.get(&row).map(|_| row);
            let near = graph::nearest(self, row, scratch);
            let near = own
                .into_iter()
                .chain(near.into_iter().map(|(_, leader)| leader));
            let mut joined = [NONE; FAN];
            for (joined, leader) in joined.iter_mut().zip(near) {
                *joined = leaf_of[&leader];
            }
            joined
        };
        let joined: Vec<Vec<[u32; FAN]>> = rows
            .par_chunks(CHUNK)
            .map_init(
                || Scratch::new(EF, self.layout.lanes),
                |scratch, rows| {
                    self.check_stop()?;
                    let joins = (FAN * rows.len()) as u64;
                    self.joins.fetch_add(joins, Ordering::Relaxed);
                    Ok(rows.iter().map(|&row| joined(row, scratch)).collect())
                },
            )
            .collect::<Result<_>>()?;
        let mut own: Vec<Vec<u32>> = vec![Vec::new(); leaders.len()];
        let mut leaves = own.clone();
        for (&row, joined) in rows.iter().zip(joined.iter().flatten()) {
            own[joined[0] as usize].push(row);
            let joined = joined.iter().filter(|&&leaf| leaf != NONE);
            joined.for_each(|&leaf| leaves[leaf as usize].push(row));
        }
        let mut small = Vec::with_capacity(leaves.len());
        for (mut leaf, &leader) in leaves.into_iter().zip(&leaders) {
            // The leaders that this one knows, so that of its rows the nearest to each of them leads there.
            leaf.extend(self.list(leader, 0).ids());
            leaf.sort_unstable();
            leaf.dedup();
            self.split(leaf, &mut small);
        }
        Ok((own.concat(), small))
    }

    /// Splits a leaf until no part is larger than they may be.
    fn split(&self, leaf: Vec<u32>, parts: &mut Vec<Vec<u32>>) {
        if leaf.len() <= self.largest_leaf() {
            return parts.push(leaf);
        }
        let middle = leaf.len() / 2;
        let (a, b) = (leaf[0], leaf[middle]);
        let (near_a, near_b): (Vec<u32>, Vec<u32>) = leaf
            .iter()
            .partition(|&&row| self.distance(row, a) < self.distance(row, b));
        if near_a.len().min(near_b.len()) < leaf.len() / 8 {
            let (a, b) = leaf.split_at(middle);
            self.split(a.to_vec(), parts);
            return self.split(b.to_vec(), parts);
        }
        self.split(near_a, parts);
        self.split(near_b, parts);
    }

    /// Computes the distances of all rows of a leaf; returns how many there are from each, those beyond its
    /// rows infinite.
    fn measure(&self, rows: &[u32], leaf: &mut Leaf) -> usize {
        let size = (self.work_size() - WORK_TAIL) / 4;
        let width = rows.len().next_multiple_of(distance::CULLED);
        leaf.vectors.clear();
        leaf.tails.clear();
        for (i, &row) in rows.iter().enumerate() {
            if let Some(&ahead) = rows.get(i + 4) {
                self.prefetch(ahead);
            }
            let words = bytemuck::cast_slice(self.work(row));
            leaf.vectors.extend_from_slice(&words[..size]);
            leaf.tails.push(*self.tail(row));
        }
        leaf.vectors.resize(width * size, 0);
        leaf.distances.resize(rows.len() * width, 0.0);
        let own = &leaf.vectors[..rows.len() * size];
        if self.layout.builds_from_int8 {
            let (own, all) = (
                bytemuck::cast_slice(own),
                bytemuck::cast_slice(&leaf.vectors),
            );
            let products = bytemuck::cast_slice_mut(&mut leaf.distances);
            (self.kernels.products_i8)(own, all, 4 * size, products);
        }
        for (i, out) in leaf.distances.chunks_exact_mut(width).enumerate() {
            let (out, beyond) = out.split_at_mut(rows.len());
            if self.layout.builds_from_int8 {
                for (other, out) in leaf.tails.iter().zip(out) {
                    *out = self.dot_distance(&leaf.tails[i], other, out.to_bits() as i32);
                }
            } else {
                let from = &own[i * size..][..size];
                for (to, out) in own.chunks_exact(size).zip(out) {
                    *out = self.layout.between(self.kernels, from, to).min(f32::MAX);
                }
            }
            beyond.fill(f32::INFINITY);
        }
        width
    }

    /// Finds candidates for each row of a leaf.
    fn compare(&self, rows: &[u32], leaf: &mut Leaf) {
        let width = self.measure(rows, leaf);
        let most = 2 * self.layout.lanes / FAN;
        let from = |row: usize| &leaf.distances[row * width..][..width];
        for (i, &row) in rows.iter().enumerate() {
            leaf.open.clear();
            leaf.open.extend_from_slice(from(i));
            leaf.open[i] = f32::INFINITY;
            leaf.kept.clear();
            let mut nearest = (self.kernels.cull)(&mut leaf.open, from(i));
            for _ in 0..DIVERSE {
                if leaf.open[nearest] == f32::INFINITY {
                    break;
                }
                // The farthest one has a place: it may be all that leads out of a group.
                leaf.kept.truncate(most - 1);
                leaf.kept.push((leaf.open[nearest], rows[nearest]));
                leaf.open[nearest] = f32::INFINITY;
                nearest = (self.kernels.cull)(&mut leaf.open, from(nearest));
            }
            let distances = from(i).iter().copied().zip(&leaf.tails);
            for other in self.close(distances, Some(i)) {
                let other = (from(i)[other], rows[other]);
                if !leaf.kept.contains(&other) {
                    add_first(&mut leaf.kept, other, most);
                }
            }
            if self.node(row).leads {
                for &(distance, id) in &leaf.kept {
                    graph::link_back(self, row, id, distance, 0);
                }
            } else {
                let ids: Vec<u32> = leaf.kept.iter().map(|k| k.1).collect();
                self.list(row, 0).note(&ids);
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
        let distances = near.iter().map(|&(distance, id)| (distance, self.tail(id)));
        for i in self.close(distances, None) {
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
    /// are given; nearest first.
    fn close<'t>(
        &self,
        distances: impl Iterator<Item = (f32, &'t WorkTail)>,
        own: Option<usize>,
    ) -> impl Iterator<Item = usize> {
        let mut close = [(f32::INFINITY, 0); CLOSE];
        if self.by_product() {
            for (i, (distance, tail)) in distances.enumerate() {
                let square = tail.square + 2.0 * distance;
                if square < close[CLOSE - 1].0 && Some(i) != own {
                    close[CLOSE - 1] = (square, i);
                    close.sort_by(|a, b| a.0.total_cmp(&b.0));
                }
            }
        }
        let found = close.into_iter().filter(|c| c.0 < f32::INFINITY);
        found.map(|c| c.1)
    }
}

/// Adds an item to a list of at most `most`, in the place of the last but one if need be: the last keeps its own.
fn add_first<T>(list: &mut Vec<T>, item: T, most: usize) {
    if list.len() == most {
        list.remove(most - 2);
    }
    list.insert(0, item);
}
