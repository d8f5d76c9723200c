//! Which leaves rows join: those of the leaders that are nearest to them.
//!
//! Rows are compared with leaders many at a time, which takes less than a search among these that waits for memory
//! at each. Where leaders are many, near rows form cells, and a cell is compared with the leaders of the cells
//! around it.

use super::leaves::{FAN, JOIN, Rows, STRIP, at_most_max};
use super::{Arena, Builder};
use crate::Result;
use crate::record::NONE;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

/// Leaders that all rows are compared with, at most.
const FEW: usize = 4096;
/// Cells, with its own, whose leaders a row is compared with.
const CELLS: usize = 256;
/// Leaders that a strip of rows is compared with at a time: as many as stay in the cache.
const PANEL: usize = 1024;
/// Distances that are looked at together.
const AT_ONCE: usize = 32;

/// The leaves that rows join, by the numbers of their leaders, nearest first. Rows that do not lead keep theirs in
/// their lists.
pub(super) struct Joins {
    pub(super) leaders: Vec<u32>,
    /// The number of each leader.
    leaf_of: FxHashMap<u32, u32>,
    /// What leaders join, themselves first.
    of_leaders: Vec<[u32; FAN]>,
}

/// Rows, and the numbers of the leaders that may be nearest to them.
#[derive(Default)]
struct Group {
    rows: Vec<u32>,
    leaders: Vec<u32>,
}

/// What is near.
#[derive(Clone, Copy, PartialEq)]
enum By {
    /// What has a small distance.
    Metric,
    /// The same, but Euclidean distance by inner product.
    Place,
}

/// What a thread needs to compare rows; reused from strip to strip.
#[derive(Default)]
struct Scratch {
    strip: Rows,
    products: Vec<i32>,
    distances: Vec<f32>,
}

/// The nearest that were found so far, by their places, nearest first.
#[derive(Clone, Copy)]
struct Nearest([(f32, u32); FAN]);

impl Nearest {
    const NONE: Self = Self([(f32::INFINITY, NONE); FAN]);

    fn farthest(&self) -> f32 {
        self.0[FAN - 1].0
    }

    /// Takes what has these distances, from place `first` on.
    fn offer(&mut self, distances: &[f32], first: usize) {
        for (i, some) in distances.chunks(AT_ONCE).enumerate() {
            // In a form that the compiler makes vectors of.
            let mut least = [f32::INFINITY; 4];
            let (fours, rest) = some.as_chunks::<4>();
            for four in fours {
                least = std::array::from_fn(|lane| match four[lane] < least[lane] {
                    true => four[lane],
                    false => least[lane],
                });
            }
            if !least.iter().chain(rest).any(|&d| d < self.farthest()) {
                continue;
            }
            for (&distance, place) in some.iter().zip(first + i * AT_ONCE..) {
                if distance < self.farthest() {
                    let at = self.0.partition_point(|near| near.0 <= distance);
                    self.0.copy_within(at..FAN - 1, at + 1);
                    self.0[at] = (distance, place as u32);
                }
            }
        }
    }
}

impl<A: Arena> Builder<A> {
    /// Finds the leaves that each row joins.
    pub(super) fn join(&self, rows: &[u32]) -> Result<Joins> {
        let leads = |row: &u32| self.node(*row).leads;
        let leaders: Vec<u32> = rows.iter().copied().filter(leads).collect();
        let leaf_of: FxHashMap<u32, u32> = leaders.iter().copied().zip(0..).collect();
        let groups = self.groups(rows, &leaders, &leaf_of)?;
        let of_leaders = groups.into_par_iter().map(|group| {
            let near = group.leaders.iter().map(|&leaf| leaders[leaf as usize]);
            let leaf_at = |place: u32| match place {
                NONE => NONE,
                place => group.leaders[place as usize],
            };
            let keep = |row: u32, near: [u32; FAN]| {
                let mut joined = near.map(leaf_at);
                if !leads(&row) {
                    self.list(row, 0).keep(&joined);
                    return None;
                }
                let own = leaf_of[&row];
                let at = joined.iter().position(|&leaf| leaf == own);
                joined[..=at.unwrap_or(FAN - 1)].rotate_right(1);
                joined[0] = own;
                Some((own, joined))
            };
            self.nearest(&group.rows, near, By::Metric, keep)
        });
        let of_leaders = of_leaders.collect::<Result<Vec<_>>>()?;
        let mut joins = Joins {
            of_leaders: vec![[NONE; FAN]; leaders.len()],
            leaders,
            leaf_of,
        };
        for (leaf, joined) in of_leaders.into_iter().flatten() {
            joins.of_leaders[leaf as usize] = joined;
        }
        Ok(joins)
    }

    /// The leaves that a row joins, its leader's first.
    pub(super) fn joined(&self, row: u32, joins: &Joins) -> impl Iterator<Item = u32> {
        let joined = match self.node(row).leads {
            true => joins.of_leaders[joins.leaf_of[&row] as usize],
            false => self.list(row, 0).kept(),
        };
        joined.into_iter().filter(|&leaf| leaf != NONE)
    }

    /// Says which rows are compared with which leaders.
    fn groups(
        &self,
        rows: &[u32],
        leaders: &[u32],
        leaf_of: &FxHashMap<u32, u32>,
    ) -> Result<Vec<Group>> {
        if leaders.len() <= FEW {
            let (rows, leaders) = (rows.to_vec(), (0..leaders.len() as u32).collect());
            return Ok(vec![Group { rows, leaders }]);
        }
        // As many as a cell is then compared with leaders.
        let count = (leaders.len() * CELLS).isqrt();
        let centre = |cell: usize| leaders[cell * leaders.len() / count];
        let cell_of = |row: u32, near: [u32; FAN]| Some((near[0], row));
        let mut placed = self.nearest(rows, (0..count).map(centre), By::Place, cell_of)?;
        placed.par_sort_unstable();
        let mut cells: Vec<Group> = (0..count).map(|_| Group::default()).collect();
        for (cell, row) in placed {
            let cell = &mut cells[cell as usize];
            cell.rows.push(row);
            cell.leaders
                .extend(leaf_of.get(&row).filter(|_| self.node(row).leads));
        }
        let leaders = (0..count).into_par_iter().map(|cell| {
            self.check_stop()?;
            // Its own first, also beside centres that are equal.
            let apart = |other| match other == cell {
                true => (f32::NEG_INFINITY, other),
                false => (self.apart(centre(cell), centre(other)), other),
            };
            let mut near: Vec<(f32, usize)> = (0..count).map(apart).collect();
            near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let near = near.iter().take(CELLS);
            let leaders = near.flat_map(|near| &cells[near.1].leaders);
            Ok(leaders.copied().collect())
        });
        let leaders: Vec<Vec<u32>> = leaders.collect::<Result<_>>()?;
        for (cell, leaders) in cells.iter_mut().zip(leaders) {
            cell.leaders = leaders;
        }
        Ok(cells)
    }

    /// Squared Euclidean distance of two rows, as far as the metric has one.
    fn apart(&self, a: u32, b: u32) -> f32 {
        match self.by_product() {
            true => self.tail(a).square + self.tail(b).square + 2.0 * self.distance(a, b),
            false => self.distance(a, b),
        }
    }

    /// Finds the nearest of `others` to each row; returns what `keep` makes of their places, nearest first.
    fn nearest<T: Send>(
        &self,
        rows: &[u32],
        others: impl ExactSizeIterator<Item = u32> + Clone,
        by: By,
        keep: impl Fn(u32, [u32; FAN]) -> Option<T> + Sync,
    ) -> Result<Vec<T>> {
        let mut read = Rows::default();
        self.read_rows(others, &mut read);
        let strips = rows
            .par_chunks(STRIP)
            .map_init(Scratch::default, |scratch, rows| {
                self.check_stop()?;
                let near = self.nearest_to_strip(rows, &read, by, scratch);
                if by == By::Metric {
                    self.took(JOIN, rows.len());
                }
                let near = near.into_iter().map(|near| near.0.map(|near| near.1));
                let kept = rows
                    .iter()
                    .zip(near)
                    .filter_map(|(&row, near)| keep(row, near));
                Ok(kept.collect())
            });
        let strips: Vec<Vec<T>> = strips.collect::<Result<_>>()?;
        Ok(strips.into_iter().flatten().collect())
    }

    /// As [`Self::nearest`], for as many rows as are read together.
    fn nearest_to_strip(
        &self,
        rows: &[u32],
        others: &Rows,
        by: By,
        scratch: &mut Scratch,
    ) -> Vec<Nearest> {
        let Scratch {
            strip,
            products,
            distances,
        } = scratch;
        self.read_rows(rows.iter().copied(), strip);
        let size = self.vector_words();
        let int8 = self.layout.builds_from_int8;
        let mut near = vec![Nearest::NONE; rows.len()];
        for (panel, vectors) in others.vectors.chunks(PANEL * size).enumerate() {
            let first = panel * PANEL;
            let width = vectors.len() / size;
            if int8 {
                products.resize(rows.len() * width, 0);
                let strip = bytemuck::cast_slice(&strip.vectors);
                (self.kernels.products_i8)(
                    strip,
                    bytemuck::cast_slice(vectors),
                    4 * size,
                    products,
                );
            }
            distances.resize(width, 0.0);
            for (i, near) in near.iter_mut().enumerate() {
                if int8 {
                    let products = &products[i * width..][..width];
                    let scales = &others.scales[first..][..width];
                    let added = &others.added[first..][..width];
                    (self.kernels.distances)(
                        products,
                        scales,
                        added,
                        self.terms(strip, i),
                        distances,
                    );
                } else {
                    let from = &strip.vectors[i * size..][..size];
                    for (out, to) in distances.iter_mut().zip(vectors.chunks_exact(size)) {
                        *out = at_most_max(self.layout.between(self.kernels, from, to));
                    }
                }
                if by == By::Place && self.by_product() {
                    let squares = &others.squares[first..][..width];
                    for (distance, square) in distances.iter_mut().zip(squares) {
                        *distance = at_most_max(square + 2.0 * *distance);
                    }
                }
                near.offer(distances, first);
            }
        }
        near
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, HeapArena};
    use super::*;
    use crate::Tid;
    use crate::layout::{Metric, Params, Storage};
    use crate::transform::splitmix64;

    /// `count` rows in which near ones are many, of different lengths.
    fn rows(count: u32, dims: u32) -> impl Iterator<Item = Vec<f32>> {
        let uniform = |i: u64| (splitmix64(i) >> 40) as f32 / (1 << 24) as f32 - 0.5;
        let at = move |group: u64, i: u32| uniform(group * 4096 + u64::from(i));
        (0..count).map(move |row| {
            let group = 1_000_000 + splitmix64(row.into()) % 300;
            let length = 2.0 + at(row.into(), dims);
            let value = |i| length * (at(group, i) + 0.7 * at(row.into(), i));
            (0..dims).map(value).collect()
        })
    }

    /// Rows join the leaves of nearly the nearest leaders, each once, and leaders their own first.
    fn check(metric: Metric, dims: u32, count: u32, share: f64) {
        let params = Params {
            dims,
            m: 2,
            metric,
            storage: Storage::Auto,
            keys: Default::default(),
        };
        let builder = Builder::<HeapArena>::new(params, 4, 7, Vec::new());
        let mut batch = Batch::new(builder.layout());
        for (i, x) in (0..).zip(rows(count, dims)) {
            let tid = Tid {
                block: i,
                offset: 1,
            };
            builder.push(&mut batch, &x[..], tid);
            if batch.is_full() || i + 1 == count {
                let full = std::mem::replace(&mut batch, Batch::new(builder.layout()));
                builder
                    .run(builder.prepare(&HeapArena, full).unwrap())
                    .unwrap();
            }
        }
        let all: Vec<u32> = (0..count).collect();
        let joins = builder.join(&all).unwrap();
        let (mut hits, mut asked) = (0, 0);
        for row in (0..count).step_by(97) {
            let joined: Vec<u32> = builder.joined(row, &joins).collect();
            assert_eq!(joined.len(), FAN);
            assert!((1..FAN).all(|i| !joined[..i].contains(&joined[i])));
            if builder.node(row).leads {
                assert_eq!(joins.leaders[joined[0] as usize], row);
            }
            let distance = |leader| match leader == row {
                true => f32::NEG_INFINITY,
                false => builder.distance(row, leader),
            };
            let mut near: Vec<f32> = joins.leaders.iter().map(|&l| distance(l)).collect();
            near.sort_by(f32::total_cmp);
            let joined = joined
                .iter()
                .map(|&leaf| distance(joins.leaders[leaf as usize]));
            hits += joined.filter(|&d| d <= near[FAN - 1]).count();
            asked += FAN;
        }
        let found = hits as f64 / asked as f64;
        println!(
            "{metric:?} {count}: {} leaders, {found}",
            joins.leaders.len()
        );
        assert!(found >= share, "{metric:?}: {found}");
    }

    #[test]
    fn all_leaders_compared() {
        for (metric, dims) in [
            (Metric::L2, 80),
            (Metric::InnerProduct, 80),
            (Metric::L2, 10),
        ] {
            check(metric, dims, 5_000, 1.0);
        }
    }

    #[test]
    fn leaders_of_near_cells_compared() {
        for (metric, dims) in [
            (Metric::L2, 80),
            (Metric::InnerProduct, 80),
            (Metric::L2, 10),
        ] {
            check(metric, dims, 30_000, 0.95);
        }
    }
}
