//! Which leaves rows join: those of the leaders that are nearest to them.
//!
//! Rows are compared with leaders many at a time, which takes less than a search among these that waits for memory
//! at each. Where leaders are many, each row belongs to the cell of the centre nearest to it, and the rows of a cell
//! are compared with the leaders of the cells around it: with as many as there are centres.

use super::leaves::{FAN, JOIN, PLACE, Rows, STRIP, at_most_max};
use super::{Arena, Builder};
use crate::Result;
use crate::record::NONE;
use rayon::prelude::*;

/// Leaders that all rows are compared with, at most.
const FEW: usize = 4096;
/// Cells of average size whose leaders a row is compared with.
const CELLS: usize = 256;
/// Rows of a cell that a thread takes at a time.
const PART: usize = 2048;
/// What a strip of rows is compared with at a time: as many as their products with it stay in the cache.
const PANEL: usize = 1024;
/// Distances that are looked at together.
const AT_ONCE: usize = 32;

/// The leaves that rows join, by the numbers of their leaders, nearest first. Rows that do not lead keep theirs in
/// their lists.
pub(super) struct Joins {
    /// In order; their places are their numbers.
    pub(super) leaders: Vec<u32>,
    /// What leaders join, themselves first.
    of_leaders: Vec<[u32; FAN]>,
}

/// Rows by what is nearest to them.
struct Cells {
    centres: Vec<u32>,
    /// All rows, each behind its cell; in order.
    rows: Vec<(u32, u32)>,
    /// The numbers of the leaders in each cell, but for the longest.
    leaders: Vec<Vec<u32>>,
    /// By inner product the longest leaders, as many as cells: they may be near to any row.
    longest: Vec<u32>,
}

/// What leaders join, behind their numbers.
type OfLeaders = Vec<(u32, [u32; FAN])>;

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
    /// Finds the leaves that each of the rows joins, which come in order.
    pub(super) fn join(&self, rows: &[u32]) -> Result<Joins> {
        let leads = |row: &u32| self.node(*row).leads;
        let leaders: Vec<u32> = rows.iter().copied().filter(leads).collect();
        let joined = match leaders.len() <= FEW {
            true => self.join_any(rows, &leaders)?,
            false => self.join_near(rows, &leaders)?,
        };
        let mut of_leaders = vec![[NONE; FAN]; leaders.len()];
        for (leaf, joined) in joined.into_iter().flatten() {
            of_leaders[leaf as usize] = joined;
        }
        Ok(Joins {
            leaders,
            of_leaders,
        })
    }

    /// The leaves that a row joins, its leader's first.
    pub(super) fn joined(&self, row: u32, joins: &Joins) -> impl Iterator<Item = u32> {
        let joined = match self.node(row).leads {
            true => joins.of_leaders[number(row, &joins.leaders) as usize],
            false => self.list(row, 0).kept(),
        };
        joined.into_iter().filter(|&leaf| leaf != NONE)
    }

    /// Compares all rows with all leaders; returns what leaders join, behind their numbers.
    fn join_any(&self, rows: &[u32], leaders: &[u32]) -> Result<Vec<OfLeaders>> {
        let mut read = Rows::default();
        self.read_rows(leaders.iter().copied(), &mut read);
        let strips = rows.par_chunks(STRIP);
        let joined = strips.map_init(Scratch::default, |scratch, rows| {
            self.check_stop()?;
            self.took(PLACE + JOIN, rows.len());
            let near = self.nearest(rows, &read, By::Metric, scratch);
            let joined = rows.iter().zip(near);
            let joined = joined.filter_map(|(&row, joined)| self.keep(row, joined, leaders));
            Ok(joined.collect())
        });
        joined.collect()
    }

    /// Compares rows with the leaders around them; returns the same.
    fn join_near(&self, rows: &[u32], leaders: &[u32]) -> Result<Vec<OfLeaders>> {
        let cells = self.cells(rows, leaders)?;
        let whole = cells.rows.chunk_by(|a, b| a.0 == b.0);
        let parts: Vec<&[(u32, u32)]> = whole.flat_map(|cell| cell.chunks(PART)).collect();
        let scratch = || (Rows::default(), Scratch::default());
        let joined = parts.par_iter().map_init(scratch, |(read, scratch), part| {
            let around = self.leaders_around(part[0].0 as usize, &cells);
            self.read_rows(around.iter().map(|&leaf| leaders[leaf as usize]), read);
            let leaf_at = |place: u32| around.get(place as usize).copied().unwrap_or(NONE);
            let mut of_leaders = Vec::new();
            for strip in part.chunks(STRIP) {
                self.check_stop()?;
                self.took(JOIN, strip.len());
                let rows: Vec<u32> = strip.iter().map(|placed| placed.1).collect();
                let near = self.nearest(&rows, read, By::Metric, scratch);
                for (row, near) in rows.into_iter().zip(near) {
                    of_leaders.extend(self.keep(row, near.map(leaf_at), leaders));
                }
            }
            Ok(of_leaders)
        });
        joined.collect()
    }

    /// Keeps what a row joins, or returns it behind the row's number if it leads.
    fn keep(&self, row: u32, mut joined: [u32; FAN], leaders: &[u32]) -> Option<(u32, [u32; FAN])> {
        if !self.node(row).leads {
            self.list(row, 0).keep(&joined);
            return None;
        }
        let own = number(row, leaders);
        let at = joined.iter().position(|&leaf| leaf == own);
        joined[..=at.unwrap_or(FAN - 1)].rotate_right(1);
        joined[0] = own;
        Some((own, joined))
    }

    /// Puts rows into cells.
    fn cells(&self, rows: &[u32], leaders: &[u32]) -> Result<Cells> {
        let count = (leaders.len() * CELLS).isqrt();
        let centres = (0..count).map(|cell| leaders[cell * leaders.len() / count]);
        let mut read = Rows::default();
        self.read_rows(centres.clone(), &mut read);
        let strips = rows.par_chunks(STRIP);
        let placed = strips.map_init(Scratch::default, |scratch, rows| {
            self.check_stop()?;
            self.took(PLACE, rows.len());
            let near = self.nearest(rows, &read, By::Place, scratch);
            let placed = near.iter().zip(rows).map(|(near, &row)| (near[0], row));
            Ok(placed.collect())
        });
        let mut placed = placed.collect::<Result<Vec<Vec<_>>>>()?.concat();
        placed.par_sort_unstable();
        let mut longest = Vec::new();
        if self.by_product() {
            let square = |&leaf: &u32| self.tail(leaders[leaf as usize]).square;
            longest.extend(0..leaders.len() as u32);
            longest.sort_unstable_by(|a, b| square(b).total_cmp(&square(a)));
            longest.truncate(count);
        }
        let mut is_long = vec![false; leaders.len()];
        longest
            .iter()
            .for_each(|&leaf| is_long[leaf as usize] = true);
        let mut of_cells = vec![Vec::new(); count];
        for &(cell, row) in placed.iter().filter(|placed| self.node(placed.1).leads) {
            let leaf = number(row, leaders);
            if !is_long[leaf as usize] {
                of_cells[cell as usize].push(leaf);
            }
        }
        Ok(Cells {
            centres: centres.collect(),
            rows: placed,
            leaders: of_cells,
            longest,
        })
    }

    /// The numbers of the leaders of a cell and of those around it, until there are as many as cells, and of the
    /// longest.
    fn leaders_around(&self, cell: usize, cells: &Cells) -> Vec<u32> {
        let Cells {
            centres,
            leaders,
            longest,
            ..
        } = cells;
        // Its own first, also beside centres that are equal.
        let apart = |other| match other == cell {
            true => f32::NEG_INFINITY,
            false => self.apart(centres[cell], centres[other]),
        };
        let mut near: Vec<(f32, usize)> = (0..centres.len()).map(|c| (apart(c), c)).collect();
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut around = Vec::new();
        for (_, cell) in near {
            if around.len() >= centres.len() {
                break;
            }
            around.extend(&leaders[cell]);
        }
        around.extend(longest);
        around
    }

    /// What [`By::Place`] compares: squared Euclidean distance, by inner product from the product and the lengths.
    fn apart(&self, a: u32, b: u32) -> f32 {
        at_most_max(match self.by_product() {
            true => self.tail(a).square + self.tail(b).square + 2.0 * self.distance(a, b),
            false => self.distance(a, b),
        })
    }

    /// The places of those in `others` that are nearest to each row, nearest first.
    fn nearest(
        &self,
        rows: &[u32],
        others: &Rows,
        by: By,
        scratch: &mut Scratch,
    ) -> Vec<[u32; FAN]> {
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
        near.iter().map(|near| near.0.map(|near| near.1)).collect()
    }
}

/// The number of a leader.
fn number(leader: u32, leaders: &[u32]) -> u32 {
    leaders.partition_point(|&other| other < leader) as u32
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, HeapArena};
    use super::*;
    use crate::Tid;
    use crate::layout::{Metric, Params, Storage};
    use crate::transform::splitmix64;

    /// Rows so many that all leaders are compared, and too many for that.
    const COUNTS: [u32; 2] = [5_000, 30_000];

    /// From 0 to 1.
    fn uniform(seed: u64) -> f32 {
        (splitmix64(seed) >> 40) as f32 / (1 << 24) as f32
    }

    /// A row of one of 300 groups, of about this length.
    fn row(row: u32, dims: u32, length: f32) -> Vec<f32> {
        let at = |of: u64, i: u32| uniform((of << 12) + u64::from(i)) - 0.5;
        let group = (1 << 32) + splitmix64(row.into()) % 300;
        let value = |i| length * (at(group, i) + 0.7 * at(row.into(), i));
        (0..dims).map(value).collect()
    }

    /// Has so many rows join leaves, each several and none twice, leaders their own first; returns how many of the
    /// leaders that are nearest to a row it joins, in the mean.
    fn share(metric: Metric, dims: u32, count: u32, length: fn(u32) -> f32) -> f64 {
        let params = Params {
            dims,
            m: 2,
            metric,
            storage: Storage::Auto,
            keys: Default::default(),
        };
        let builder = Builder::<HeapArena>::new(params, 4, 7, Vec::new());
        let mut batch = Batch::new(builder.layout());
        for i in 0..count {
            let tid = Tid {
                block: i,
                offset: 1,
            };
            builder.push(&mut batch, &row(i, dims, length(i))[..], tid);
            if batch.is_full() || i + 1 == count {
                let full = std::mem::replace(&mut batch, Batch::new(builder.layout()));
                let job = builder.prepare(&HeapArena, full).unwrap();
                builder.run(job).unwrap();
            }
        }
        let all: Vec<u32> = (0..count).collect();
        let joins = builder.join(&all).unwrap();
        assert_eq!(joins.leaders.len() > FEW, count == COUNTS[1]);
        let (mut hits, mut asked) = (0, 0);
        for row in 0..count {
            let joined: Vec<u32> = builder.joined(row, &joins).collect();
            assert_eq!(joined.len(), FAN, "row {row}");
            assert!((1..FAN).all(|i| !joined[..i].contains(&joined[i])));
            if builder.node(row).leads {
                assert_eq!(joins.leaders[joined[0] as usize], row);
            }
            if row % 97 > 0 {
                continue;
            }
            let distance = |leader| match leader == row {
                true => f32::NEG_INFINITY,
                false => builder.distance(row, leader),
            };
            let mut near: Vec<f32> = joins.leaders.iter().map(|&l| distance(l)).collect();
            near.sort_by(f32::total_cmp);
            let joined = joined.iter().map(|&leaf| joins.leaders[leaf as usize]);
            hits += joined.filter(|&l| distance(l) <= near[FAN - 1]).count();
            asked += FAN;
        }
        hits as f64 / asked as f64
    }

    #[test]
    fn the_nearest_leaders_are_found() {
        let alike = |i: u32| 1.5 + uniform(i.into());
        for (metric, dims) in [
            (Metric::L2, 80),
            (Metric::L2, 10),
            (Metric::InnerProduct, 80),
        ] {
            assert_eq!(share(metric, dims, COUNTS[0], alike), 1.0);
            let found = share(metric, dims, COUNTS[1], alike);
            println!("{metric:?}, {dims}: {found}");
            assert!(found >= 0.95, "{metric:?}, {dims}: {found}");
        }
    }

    /// Centres of short rows are near to all.
    #[test]
    fn lengths_differ() {
        for metric in [Metric::L2, Metric::InnerProduct] {
            let found = share(metric, 80, COUNTS[1], |i| 10f32.powf(uniform(i.into())));
            println!("{metric:?}: {found}");
            assert!(found >= 0.8, "{metric:?}: {found}");
        }
    }

    /// Rows join leaves also where distances are no numbers.
    #[test]
    fn lengths_overflow() {
        for count in COUNTS {
            for metric in [Metric::L2, Metric::InnerProduct] {
                share(metric, 80, count, |i| match i % 4 {
                    0 => 100.0,
                    _ => 1e37,
                });
            }
        }
    }
}
