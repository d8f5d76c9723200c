//! The exact nearest neighbours, by brute force.

use rayon::prelude::*;

use crate::{Metric, Vectors};

/// How many more candidates than asked for the first, single-precision pass keeps, so that its
/// rounding cannot lose a true neighbour.
const MARGIN: usize = 64;
/// Independent sums let the compiler use vector instructions.
const LANES: usize = 16;

/// The `k` nearest rows of every query, nearest first; of equal distances the smaller row.
pub fn nearest(base: &Vectors, queries: &Vectors, metric: Metric, k: usize) -> Vec<Vec<i32>> {
    let norms: Vec<f32> = base.rows().map(|row| dot(row, row)).collect();
    let queries: Vec<&[f32]> = queries.rows().collect();
    queries
        .par_iter()
        .map(|query| nearest_to(base, &norms, query, metric, k))
        .collect()
}

fn nearest_to(base: &Vectors, norms: &[f32], query: &[f32], metric: Metric, k: usize) -> Vec<i32> {
    // Orders rows as the distance does, from one inner product a row.
    let mut rough: Vec<(f32, usize)> = base
        .rows()
        .zip(norms)
        .map(|(row, &norm)| match metric {
            Metric::L2 => 2.0f32.mul_add(-dot(row, query), norm),
            Metric::InnerProduct => -dot(row, query),
            Metric::Cosine => -dot(row, query) / norm.sqrt().max(f32::MIN_POSITIVE),
        })
        .zip(0..)
        .collect();
    let keep = (k + MARGIN).min(rough.len());
    if keep < rough.len() {
        rough.select_nth_unstable_by(keep, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        rough.truncate(keep);
    }
    let mut sure: Vec<(f64, usize)> = rough
        .iter()
        .map(|&(_, row)| (metric.distance(base.row(row), query), row))
        .collect();
    sure.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    sure.iter()
        .take(k)
        .map(|&(_, row)| i32::try_from(row).expect("row numbers fit"))
        .collect()
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (left, right) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest: f32 = left
        .remainder()
        .iter()
        .zip(right.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in left.zip(right) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The share of the `k` true neighbours that were found, over all queries.
pub fn mean_recall(found: &[Vec<i32>], truth: &[Vec<i32>], k: usize) -> f64 {
    assert_eq!(found.len(), truth.len());
    let hits: usize = found
        .iter()
        .zip(truth)
        .map(|(found, truth)| truth[..k].iter().filter(|row| found.contains(row)).count())
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "counts of a test are small")]
    let share = hits as f64 / (k * truth.len()) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::{mean_recall, nearest};
    use crate::{Metric, Vectors};

    #[test]
    fn by_every_metric() {
        let base = Vectors::new(2, vec![0.0, 1.0, 3.0, 0.0, 10.0, 10.0, 1.0, 0.1]);
        let query = Vectors::new(2, vec![1.0, 0.0]);
        assert_eq!(nearest(&base, &query, Metric::L2, 2), [[3, 0]]);
        assert_eq!(nearest(&base, &query, Metric::InnerProduct, 2), [[2, 1]]);
        assert_eq!(nearest(&base, &query, Metric::Cosine, 4), [[1, 3, 2, 0]]);
    }

    #[test]
    fn equal_distances_in_order_of_rows() {
        let base = Vectors::new(1, vec![1.0; 300]);
        let found = nearest(&base, &Vectors::new(1, vec![0.0]), Metric::L2, 3);
        assert_eq!(found, [[0, 1, 2]]);
    }

    #[test]
    fn recall_counts_hits() {
        assert_eq!(
            mean_recall(&[vec![1, 2], vec![9, 8]], &[vec![1, 3], vec![8, 9]], 2),
            0.75
        );
    }
}
